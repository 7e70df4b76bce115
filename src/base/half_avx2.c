// Compiled with F16C; called only where the CPU has it.
#include <immintrin.h>

#include "base/half.h"
#include "base/half_variants.h"

void ppn_half_to_float_array_avx2(const uint16_t* in, float* out, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(in + i))));
  for (; i < count; ++i) out[i] = ppn_half_to_float(ppn_half_at(in, i));
}

void ppn_float_to_half_array_avx2(const float* in, uint16_t* out, size_t count) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    __m128i halves =
        _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128((__m128i*)(out + i), halves);
  }
  for (; i < count; ++i) out[i] = ppn_float_to_half(ppn_float_at(in, i));
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

float ppn_float_array_largest_avx2(const float* in, size_t count) {
  const __m256i mask = _mm256_set1_epi32(0x7fffffff);
  __m256i a = _mm256_setzero_si256(), b = a;
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    __m256i x = _mm256_loadu_si256((const __m256i*)(in + i));
    __m256i y = _mm256_loadu_si256((const __m256i*)(in + i + 8));
    a = _mm256_max_epu32(a, _mm256_and_si256(x, mask));
    b = _mm256_max_epu32(b, _mm256_and_si256(y, mask));
  }
  uint32_t lanes[8], largest = 0;
  _mm256_storeu_si256((__m256i*)lanes, _mm256_max_epu32(a, b));
  for (size_t lane = 0; lane < 8; ++lane) largest = lanes[lane] > largest ? lanes[lane] : largest;
  for (; i < count; ++i) {
    uint32_t magnitude = ppn_float_to_bits(ppn_float_at(in, i)) & 0x7fffffff;
    largest = magnitude > largest ? magnitude : largest;
  }
  return ppn_bits_to_float(largest);
}
