// Compiled with F16C; called only where the CPU has it.
#include <immintrin.h>

#include "base/half.h"
#include "base/half_variants.h"

void ppn_half_to_float_array_avx2(const uint16_t* in, float* out, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(in + i))));
  for (; i < count; ++i) out[i] = ppn_half_to_float(in[i]);
}

void ppn_float_to_half_array_avx2(const float* in, uint16_t* out, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    __m128i halves =
        _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128((__m128i*)(out + i), halves);
  }
  for (; i < count; ++i) out[i] = ppn_float_to_half(in[i]);
}

void ppn_round_to_half_array_avx2(float* values, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    __m128i halves =
        _mm256_cvtps_ph(_mm256_loadu_ps(values + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_storeu_ps(values + i, _mm256_cvtph_ps(halves));
  }
  for (; i < count; ++i) values[i] = ppn_half_to_float(ppn_float_to_half(values[i]));
}
