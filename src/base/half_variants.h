// The instruction-set variants of base/half.h's array functions.
#ifndef PPN_BASE_HALF_VARIANTS_H_
#define PPN_BASE_HALF_VARIANTS_H_

#include <stddef.h>
#include <stdint.h>

void ppn_half_to_float_array_avx2(const uint16_t* in, float* out, size_t count);
void ppn_float_to_half_array_avx2(const float* in, uint16_t* out, size_t count);
void ppn_round_to_half_array_avx2(float* values, size_t count);
float ppn_float_array_largest_avx2(const float* in, size_t count);

#endif  // PPN_BASE_HALF_VARIANTS_H_
