// Half-precision floats: IEEE binary16 and bfloat16, converted with round to nearest even.
#ifndef PPN_BASE_HALF_H_
#define PPN_BASE_HALF_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline float ppn_bits_to_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

static inline uint32_t ppn_float_to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// Elements of arrays that lie in a mapped file, where nothing need be aligned.
static inline float ppn_float_at(const void* array, size_t index) {
  float value;
  memcpy(&value, (const char*)array + index * sizeof(value), sizeof(value));
  return value;
}
static inline uint16_t ppn_half_at(const void* array, size_t index) {
  uint16_t value;
  memcpy(&value, (const char*)array + index * sizeof(value), sizeof(value));
  return value;
}

static inline float ppn_half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = (half >> 10) & 31,
           mantissa = half & 0x3ff;
  if (exponent == 31) return ppn_bits_to_float(sign | 0x7f800000 | mantissa << 13);
  if (exponent == 0) {
    float magnitude = (float)mantissa * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  return ppn_bits_to_float(sign | (exponent + 112) << 23 | mantissa << 13);
}

static inline uint16_t ppn_float_to_half(float value) {
  uint32_t bits = ppn_float_to_bits(value), sign = bits >> 16 & 0x8000,
           magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000)
    return (uint16_t)(sign | 0x7c00 |
                      (magnitude > 0x7f800000 ? 0x200 | (magnitude >> 13 & 0x3ff) : 0));
  if (magnitude >= 0x477ff000)
    return (uint16_t)(sign | 0x7c00);  // rounds to infinity from 65520 on
  if (magnitude < 0x38800000) {        // subnormal half: exact scaling, hardware rounding
    float scaled = ppn_bits_to_float(magnitude) + 0.5f;  // 2^-24 is the ulp of [0.5, 1)
    return (uint16_t)(sign | (ppn_float_to_bits(scaled) - 0x3f000000));
  }
  uint32_t rounded = magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1);
  return (uint16_t)(sign | rounded >> 13);
}

static inline float ppn_bfloat16_to_float(uint16_t value) {
  return ppn_bits_to_float((uint32_t)value << 16);
}

static inline uint16_t ppn_float_to_bfloat16(float value) {
  uint32_t bits = ppn_float_to_bits(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Arrays, by the fastest instructions of this CPU (F16C, AVX-512, NEON), equal to the scalar
// functions bit by bit except for NaN payloads. `in` and `out` may not overlap; `in` need not be
// aligned.
void ppn_half_to_float_array(const uint16_t* in, float* out, size_t count);
void ppn_float_to_half_array(const float* in, uint16_t* out, size_t count);
// Rounds floats to the nearest values that binary16 has, in place (what overflows becomes
// infinity).
void ppn_round_to_half_array(float* values, size_t count);

#define PPN_HALF_LARGEST 65504.0f  // the largest finite half

// The largest magnitude in an array; 0 of none, and NaN when there is one.
float ppn_float_array_largest(const float* in, size_t count);

#endif  // PPN_BASE_HALF_H_
