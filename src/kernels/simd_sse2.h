// kernels/simd.h for what every x86-64 has.
#ifndef PPN_KERNELS_SIMD_SSE2_H_
#define PPN_KERNELS_SIMD_SSE2_H_

#include <emmintrin.h>

typedef __m128 simd_t;
#define PPN_SIMD_BYTES 16

static inline simd_t simd_set1(float value) {
  return _mm_set1_ps(value);
}
static inline simd_t simd_load(const float* source) {
  return _mm_loadu_ps(source);
}
static inline void simd_store(float* target, simd_t value) {
  _mm_storeu_ps(target, value);
}
static inline simd_t simd_add(simd_t a, simd_t b) {
  return _mm_add_ps(a, b);
}
static inline simd_t simd_subtract(simd_t a, simd_t b) {
  return _mm_sub_ps(a, b);
}
static inline simd_t simd_mul(simd_t a, simd_t b) {
  return _mm_mul_ps(a, b);
}
static inline simd_t simd_fma(simd_t a, simd_t b, simd_t c) {
  return _mm_add_ps(_mm_mul_ps(a, b), c);
}
static inline simd_t simd_max(simd_t a, simd_t b) {
  return _mm_max_ps(a, b);
}
static inline simd_t simd_min(simd_t a, simd_t b) {
  return _mm_min_ps(a, b);
}
static inline simd_t simd_round(simd_t a) {  // magnitudes below 2^31
  return _mm_cvtepi32_ps(_mm_cvtps_epi32(a));
}

// The first `count` lanes; the others are 0 and their memory is not touched.
static inline simd_t simd_load_part(const float* source, int64_t count) {
  float lanes[4] = {0};
  memcpy(lanes, source, (size_t)count * sizeof(float));
  return _mm_loadu_ps(lanes);
}
static inline void simd_store_part(float* target, simd_t value, int64_t count) {
  float lanes[4];
  _mm_storeu_ps(lanes, value);
  memcpy(target, lanes, (size_t)count * sizeof(float));
}

static inline simd_t simd_load_half(const uint16_t* source) {
  return _mm_setr_ps(ppn_half_to_float(source[0]), ppn_half_to_float(source[1]),
                     ppn_half_to_float(source[2]), ppn_half_to_float(source[3]));
}
static inline simd_t simd_load_bfloat16(const uint16_t* source) {
  __m128i packed = _mm_loadl_epi64((const __m128i*)source);
  return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), packed));
}
static inline simd_t simd_load_int8(const int8_t* source) {
  return _mm_setr_ps(source[0], source[1], source[2], source[3]);
}
static inline simd_t simd_load_uint8(const uint8_t* source) {
  return _mm_setr_ps(source[0], source[1], source[2], source[3]);
}
// Elements `index`, … of 4 bits each, least significant first; index is a multiple of the lanes.
static inline simd_t simd_load_uint4(const uint8_t* source, int64_t index) {
  source += index / 2;
  return _mm_setr_ps((float)(source[0] & 15), (float)(source[0] >> 4), (float)(source[1] & 15),
                     (float)(source[1] >> 4));
}

static inline float simd_sum(simd_t a) {
  a = _mm_add_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_add_ss(a, _mm_shuffle_ps(a, a, 1)));
}
// out[i] = the sum of vector i's lanes.
static inline void simd_sum4(simd_t a, simd_t b, simd_t c, simd_t d, float* out) {
  out[0] = simd_sum(a), out[1] = simd_sum(b), out[2] = simd_sum(c), out[3] = simd_sum(d);
}
static inline float simd_maximum(simd_t a) {
  a = _mm_max_ps(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(_mm_max_ss(a, _mm_shuffle_ps(a, a, 1)));
}
// a * 2^n for integral n in [-252, 254].
static inline simd_t simd_scale_by_power(simd_t a, simd_t n) {
  __m128i whole = _mm_cvtps_epi32(n), half = _mm_srai_epi32(whole, 1);
  __m128i rest = _mm_sub_epi32(whole, half), bias = _mm_set1_epi32(127);
  __m128 first = _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(half, bias), 23));
  __m128 second = _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(rest, bias), 23));
  return _mm_mul_ps(_mm_mul_ps(a, first), second);
}

#endif  // PPN_KERNELS_SIMD_SSE2_H_
