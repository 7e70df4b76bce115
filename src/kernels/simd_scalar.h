// kernels/simd.h where nothing better is known: vectors of one float.
#ifndef PPN_KERNELS_SIMD_SCALAR_H_
#define PPN_KERNELS_SIMD_SCALAR_H_

typedef float simd_t;
#define PPN_SIMD_BYTES 4

static inline simd_t simd_set1(float value) {
  return value;
}
static inline simd_t simd_load(const float* source) {
  return *source;
}
static inline void simd_store(float* target, simd_t value) {
  *target = value;
}
static inline simd_t simd_add(simd_t a, simd_t b) {
  return a + b;
}
static inline simd_t simd_subtract(simd_t a, simd_t b) {
  return a - b;
}
static inline simd_t simd_mul(simd_t a, simd_t b) {
  return a * b;
}
static inline simd_t simd_fma(simd_t a, simd_t b, simd_t c) {
  return a * b + c;
}
static inline simd_t simd_max(simd_t a, simd_t b) {
  return a > b ? a : b;
}
static inline simd_t simd_min(simd_t a, simd_t b) {
  return a < b ? a : b;
}
static inline simd_t simd_round(simd_t a) {
  return rintf(a);
}
static inline simd_t simd_load_part(const float* source, int64_t count) {
  return count > 0 ? *source : 0;
}
static inline void simd_store_part(float* target, simd_t value, int64_t count) {
  if (count > 0) *target = value;
}
static inline simd_t simd_load_half(const uint16_t* source) {
  return ppn_half_to_float(*source);
}
static inline simd_t simd_load_bfloat16(const uint16_t* source) {
  return ppn_bfloat16_to_float(*source);
}
static inline simd_t simd_load_int8(const int8_t* source) {
  return *source;
}
static inline simd_t simd_load_uint8(const uint8_t* source) {
  return *source;
}
static inline simd_t simd_load_uint4(const uint8_t* source, int64_t index) {
  return (float)(source[index / 2] >> (index % 2 * 4) & 15);
}
static inline float simd_sum(simd_t a) {
  return a;
}
// out[i] = the sum of vector i's lanes.
static inline void simd_sum4(simd_t a, simd_t b, simd_t c, simd_t d, float* out) {
  out[0] = simd_sum(a), out[1] = simd_sum(b), out[2] = simd_sum(c), out[3] = simd_sum(d);
}
static inline float simd_maximum(simd_t a) {
  return a;
}
static inline simd_t simd_scale_by_power(simd_t a, simd_t n) {
  return ldexpf(a, (int)n);
}

#endif  // PPN_KERNELS_SIMD_SCALAR_H_
