#include "base/half.h"

#include "base/cpu.h"
#include "base/half_variants.h"

void ppn_half_to_float_array(const uint16_t* in, float* out, size_t count) {
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX2)) {
    ppn_half_to_float_array_avx2(in, out, count);
    return;
  }
#endif
  for (size_t i = 0; i < count; ++i) out[i] = ppn_half_to_float(ppn_half_at(in, i));
}

// Magnitudes of floats are ordered as their bits are, NaNs last.
float ppn_float_array_largest(const float* in, size_t count) {
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX2)) return ppn_float_array_largest_avx2(in, count);
#endif
  uint32_t largest = 0;
  for (size_t i = 0; i < count; ++i) {
    uint32_t magnitude = ppn_float_to_bits(ppn_float_at(in, i)) & 0x7fffffff;
    largest = magnitude > largest ? magnitude : largest;
  }
  return ppn_bits_to_float(largest);
}

void ppn_float_to_half_array(const float* in, uint16_t* out, size_t count) {
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX2)) {
    ppn_float_to_half_array_avx2(in, out, count);
    return;
  }
#endif
  for (size_t i = 0; i < count; ++i) out[i] = ppn_float_to_half(ppn_float_at(in, i));
}

void ppn_round_to_half_array(float* values, size_t count) {
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX2)) {
    ppn_round_to_half_array_avx2(values, count);
    return;
  }
#endif
  for (size_t i = 0; i < count; ++i) values[i] = ppn_half_to_float(ppn_float_to_half(values[i]));
}
