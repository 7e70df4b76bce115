// kernels/simd.h for AVX-512 (F, BW, VL, DQ).
#ifndef PPN_KERNELS_SIMD_AVX512_H_
#define PPN_KERNELS_SIMD_AVX512_H_

#include <immintrin.h>

typedef __m512 simd_t;
#define PPN_SIMD_BYTES 64

static inline simd_t simd_set1(float value) {
  return _mm512_set1_ps(value);
}
static inline simd_t simd_load(const float* source) {
  return _mm512_loadu_ps(source);
}
static inline void simd_store(float* target, simd_t value) {
  _mm512_storeu_ps(target, value);
}
static inline simd_t simd_add(simd_t a, simd_t b) {
  return _mm512_add_ps(a, b);
}
static inline simd_t simd_subtract(simd_t a, simd_t b) {
  return _mm512_sub_ps(a, b);
}
static inline simd_t simd_mul(simd_t a, simd_t b) {
  return _mm512_mul_ps(a, b);
}
static inline simd_t simd_fma(simd_t a, simd_t b, simd_t c) {
  return _mm512_fmadd_ps(a, b, c);
}
static inline simd_t simd_max(simd_t a, simd_t b) {
  return _mm512_max_ps(a, b);
}
static inline simd_t simd_min(simd_t a, simd_t b) {
  return _mm512_min_ps(a, b);
}
static inline simd_t simd_round(simd_t a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline __mmask16 simd_mask(int64_t count) {
  return (__mmask16)(((uint32_t)1 << count) - 1);
}
// The first `count` lanes; the others are 0 and their memory is not touched.
static inline simd_t simd_load_part(const float* source, int64_t count) {
  return _mm512_maskz_loadu_ps(simd_mask(count), source);
}
static inline void simd_store_part(float* target, simd_t value, int64_t count) {
  _mm512_mask_storeu_ps(target, simd_mask(count), value);
}

static inline simd_t simd_load_half(const uint16_t* source) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)source));
}
static inline simd_t simd_load_bfloat16(const uint16_t* source) {
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)source));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}
static inline simd_t simd_load_int8(const int8_t* source) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)source)));
}
static inline simd_t simd_load_uint8(const uint8_t* source) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)source)));
}
// Elements `index`, … of 4 bits each, least significant first; index is a multiple of the lanes.
static inline simd_t simd_load_uint4(const uint8_t* source, int64_t index) {
  int64_t packed;
  memcpy(&packed, source + index / 2, sizeof(packed));
  const __m512i shifts =
      _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
  __m512i words =
      _mm512_mask_set1_epi32(_mm512_set1_epi32((int)packed), 0xff00, (int)(packed >> 32));
  __m512i nibbles = _mm512_and_si512(_mm512_srlv_epi32(words, shifts), _mm512_set1_epi32(15));
  return _mm512_cvtepi32_ps(nibbles);
}

static inline float simd_sum(simd_t a) {
  return _mm512_reduce_add_ps(a);
}
// out[i] = the sum of vector i's lanes.
static inline void simd_sum4(simd_t a, simd_t b, simd_t c, simd_t d, float* out) {
  __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
  __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
  __m512 all = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
  __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
}
static inline float simd_maximum(simd_t a) {
  return _mm512_reduce_max_ps(a);
}
// a * 2^n for integral n.
static inline simd_t simd_scale_by_power(simd_t a, simd_t n) {
  return _mm512_scalef_ps(a, n);
}

#endif  // PPN_KERNELS_SIMD_AVX512_H_
