// kernels/simd.h for AVX2 with FMA and F16C.
#ifndef PPN_KERNELS_SIMD_AVX2_H_
#define PPN_KERNELS_SIMD_AVX2_H_

#include <immintrin.h>

typedef __m256 simd_t;
#define PPN_SIMD_BYTES 32

static inline simd_t simd_set1(float value) {
  return _mm256_set1_ps(value);
}
static inline simd_t simd_load(const float* source) {
  return _mm256_loadu_ps(source);
}
static inline void simd_store(float* target, simd_t value) {
  _mm256_storeu_ps(target, value);
}
static inline simd_t simd_add(simd_t a, simd_t b) {
  return _mm256_add_ps(a, b);
}
static inline simd_t simd_subtract(simd_t a, simd_t b) {
  return _mm256_sub_ps(a, b);
}
static inline simd_t simd_mul(simd_t a, simd_t b) {
  return _mm256_mul_ps(a, b);
}
static inline simd_t simd_fma(simd_t a, simd_t b, simd_t c) {
  return _mm256_fmadd_ps(a, b, c);
}
static inline simd_t simd_max(simd_t a, simd_t b) {
  return _mm256_max_ps(a, b);
}
static inline simd_t simd_min(simd_t a, simd_t b) {
  return _mm256_min_ps(a, b);
}
static inline simd_t simd_round(simd_t a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline __m256i simd_mask(int64_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lanes);
}
// The first `count` lanes; the others are 0 and their memory is not touched.
static inline simd_t simd_load_part(const float* source, int64_t count) {
  return _mm256_maskload_ps(source, simd_mask(count));
}
static inline void simd_store_part(float* target, simd_t value, int64_t count) {
  _mm256_maskstore_ps(target, simd_mask(count), value);
}

static inline simd_t simd_load_half(const uint16_t* source) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)source));
}
static inline simd_t simd_load_bfloat16(const uint16_t* source) {
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)source));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
static inline simd_t simd_load_int8(const int8_t* source) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)source)));
}
static inline simd_t simd_load_uint8(const uint8_t* source) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)source)));
}
// Elements `index`, … of 4 bits each, least significant first; index is a multiple of the lanes.
static inline simd_t simd_load_uint4(const uint8_t* source, int64_t index) {
  int32_t packed;
  memcpy(&packed, source + index / 2, sizeof(packed));
  const __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
  __m256i nibbles = _mm256_srlv_epi32(_mm256_set1_epi32(packed), shifts);
  return _mm256_cvtepi32_ps(_mm256_and_si256(nibbles, _mm256_set1_epi32(15)));
}

static inline float simd_sum(simd_t a) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}
// out[i] = the sum of vector i's lanes.
static inline void simd_sum4(simd_t a, simd_t b, simd_t c, simd_t d, float* out) {
  __m256 ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
  __m256 cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
  __m256 all = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
}
static inline float simd_maximum(simd_t a) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_shuffle_ps(half, half, 1)));
}
// a * 2^n for integral n in [-252, 254].
static inline simd_t simd_scale_by_power(simd_t a, simd_t n) {
  __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
  __m256i rest = _mm256_sub_epi32(whole, half), bias = _mm256_set1_epi32(127);
  __m256 first = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
  __m256 second = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
  return _mm256_mul_ps(_mm256_mul_ps(a, first), second);
}

#endif  // PPN_KERNELS_SIMD_AVX2_H_
