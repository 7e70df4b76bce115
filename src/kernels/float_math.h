// Transcendental functions in single precision, written so that a compiler turns a loop over them
// into vector instructions: no branches, no tables, no calls.
//
// Included by the float kernels, which are compiled once per instruction set. Polynomials are
// minimax fits of our own; "ulp" below is one unit in the last place of the result, measured over
// all floats of the range, with and without fused multiply-add. Infinities and NaN are as in the C
// library unless a function says otherwise; results that are subnormal may be flushed to 0 where
// noted.
#ifndef PPN_KERNELS_FLOAT_MATH_H_
#define PPN_KERNELS_FLOAT_MATH_H_

#include <math.h>

#include "base/half.h"

// a b + c, fused where that is one instruction.
static inline float ppn_float_multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

// ln 2 in two parts: the product of the first with an integer below 2^15 is exact.
#define PPN_FLOAT_LN2_HIGH 0.693359375f
#define PPN_FLOAT_LN2_LOW -2.12194440e-4f

// x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) - 1 is *out_fraction. n comes as the bits of a float
// to which it was added, so that no conversion is needed.
static inline float ppn_float_exp_parts(float x, float* out_fraction) {
  float shifted = ppn_float_multiply_add(x, 1.44269504f, 12582912.0f);  // 1.5 * 2^23
  float n = shifted - 12582912.0f;
  float r = ppn_float_multiply_add(n, -PPN_FLOAT_LN2_HIGH, x);
  r = ppn_float_multiply_add(n, -PPN_FLOAT_LN2_LOW, r);
  float p = 0x1.6a4508p-10f;
  p = ppn_float_multiply_add(p, r, 0x1.1239aap-7f);
  p = ppn_float_multiply_add(p, r, 0x1.5558b8p-5f);
  p = ppn_float_multiply_add(p, r, 0x1.555492p-3f);
  p = ppn_float_multiply_add(p, r, 0x1.fffffcp-2f);
  *out_fraction = ppn_float_multiply_add(r * r, p, r);
  return shifted;
}

// 2^n for -126 <= n <= 127, n as ppn_float_exp_parts gives it.
static inline float ppn_float_power_of_two(float shifted) {
  return ppn_bits_to_float((ppn_float_to_bits(shifted) - 0x4b400000u + 127u) << 23);
}

// At most 1 ulp, subnormal results included.
static inline float ppn_float_exp(float x) {
  float bounded = x < -104.0f ? -104.0f : x;
  bounded = bounded > 89.0f ? 89.0f : bounded;  // NaN passes
  float fraction;
  float shifted = ppn_float_exp_parts(bounded, &fraction);
  // n reaches from -150 to 128, beyond what one factor 2^n can be: two halves.
  int32_t n = (int32_t)(ppn_float_to_bits(shifted) - 0x4b400000u), half = n >> 1;
  float first = ppn_bits_to_float((uint32_t)(half + 127) << 23);
  float second = ppn_bits_to_float((uint32_t)(n - half + 127) << 23);
  return (fraction + 1.0f) * first * second;
}

// exp(x) for x <= 0: at most 1 ulp, 0 where the result is subnormal.
static inline float ppn_float_exp_negative(float x) {
  float bounded = x < -87.3f ? -87.3f : x;
  float fraction;
  float shifted = ppn_float_exp_parts(bounded, &fraction);
  float result = (fraction + 1.0f) * ppn_float_power_of_two(shifted);
  return x < -87.3f ? 0.0f : result;
}

// exp(x) - 1, at most 2 ulp.
static inline float ppn_float_expm1(float x) {
  float bounded = x < -87.0f ? -87.0f : x;
  bounded = bounded > 87.0f ? 87.0f : bounded;
  float fraction;
  float shifted = ppn_float_exp_parts(bounded, &fraction);
  float scale = ppn_float_power_of_two(shifted);
  float near = ppn_float_multiply_add(scale, fraction, scale - 1.0f);
  near = x == 0.0f ? x : near;  // keeps -0
  return x > 60.0f ? ppn_float_exp(x) : near;
}

// At most 1 ulp.
static inline float ppn_float_log(float x) {
  float scaled = x < 0x1p-126f ? x * 0x1p23f : x;
  // The exponent for which the mantissa is in [sqrt(1/2), sqrt 2).
  uint32_t offset = ppn_float_to_bits(scaled) - 0x3f3504f3u;
  float exponent = (float)((int32_t)offset >> 23) - (x < 0x1p-126f ? 23.0f : 0.0f);
  float f = ppn_bits_to_float((offset & 0x7fffffu) + 0x3f3504f3u) - 1.0f;
  float p = -0x1.38b30ep-4f;
  p = ppn_float_multiply_add(p, f, 0x1.0559fap-3f);
  p = ppn_float_multiply_add(p, f, -0x1.0d83dap-3f);
  p = ppn_float_multiply_add(p, f, 0x1.22d9dep-3f);
  p = ppn_float_multiply_add(p, f, -0x1.54727cp-3f);
  p = ppn_float_multiply_add(p, f, 0x1.99a016p-3f);
  p = ppn_float_multiply_add(p, f, -0x1.000226p-2f);
  p = ppn_float_multiply_add(p, f, 0x1.555554p-2f);
  float square = f * f;
  float low = ppn_float_multiply_add(square, f * p, exponent * PPN_FLOAT_LN2_LOW);
  low = ppn_float_multiply_add(square, -0.5f, low);
  float result = ppn_float_multiply_add(exponent, PPN_FLOAT_LN2_HIGH, f + low);
  result = x == INFINITY ? x : result;
  result = x == 0.0f ? -INFINITY : result;
  return x < 0.0f || x != x ? NAN : result;
}

// log(1 + x) for x >= 0, at most 2 ulp: the rounding of 1 + x is made good.
static inline float ppn_float_log1p_positive(float x) {
  float sum = 1.0f + x;
  float lost = x - (sum - 1.0f);
  float result = ppn_float_log(sum) + lost / sum;
  return sum == INFINITY ? sum : result;
}

// At most 2 ulp.
static inline float ppn_float_tanh(float x) {
  float magnitude = fabsf(x), square = x * x;
  float p = -0x1.828776p-8f;
  p = ppn_float_multiply_add(p, square, 0x1.54c3c2p-6f);
  p = ppn_float_multiply_add(p, square, -0x1.b89abap-5f);
  p = ppn_float_multiply_add(p, square, 0x1.1109bep-3f);
  p = ppn_float_multiply_add(p, square, -0x1.55553ep-2f);
  float small = ppn_float_multiply_add(x * square, p, x);
  float bounded = magnitude > 10.0f ? 10.0f : magnitude;  // 1 from there on
  float fraction;
  float shifted = ppn_float_exp_parts(bounded + bounded, &fraction);
  float power = (fraction + 1.0f) * ppn_float_power_of_two(shifted);
  float large = 1.0f - 2.0f / (power + 1.0f);
  return copysignf(magnitude < 0.6f ? small : large, x);  // of -0 too
}

// At most 2 ulp; 0 below -88.7.
static inline float ppn_float_sigmoid(float x) {
  return 1.0f / (1.0f + ppn_float_exp(-x));
}

// x sigmoid(x), at most 2 ulp; of -infinity NaN, as in torch.
static inline float ppn_float_silu(float x) {
  return x / (1.0f + ppn_float_exp(-x));
}

// exp(x^2) erfc(x) for x >= 0, to 1 ulp.
static inline float ppn_float_scaled_erfc(float x) {
  float t = 1.0f / ppn_float_multiply_add(0.4f, x, 1.0f);
  float p = -0x1.eeaa98p-6f;
  p = ppn_float_multiply_add(p, t, 0x1.9c3342p-3f);
  p = ppn_float_multiply_add(p, t, -0x1.03537cp-1f);
  p = ppn_float_multiply_add(p, t, 0x1.1d8e24p-1f);
  p = ppn_float_multiply_add(p, t, -0x1.2bfea8p-2f);
  p = ppn_float_multiply_add(p, t, 0x1.1b586ep-2f);
  p = ppn_float_multiply_add(p, t, 0x1.0647eap-3f);
  p = ppn_float_multiply_add(p, t, 0x1.b8dde0p-3f);
  p = ppn_float_multiply_add(p, t, 0x1.cc9d8ap-3f);
  p = ppn_float_multiply_add(p, t, 0x1.ce4092p-3f);
  return p * t;
}

// erf(x) for |x| < 0.92, at most 1 ulp.
static inline float ppn_float_erf_small(float x) {
  float square = x * x;
  float p = 0x1.4f6760p-14f;
  p = ppn_float_multiply_add(p, square, -0x1.a60a2ep-11f);
  p = ppn_float_multiply_add(p, square, 0x1.544a1ap-8f);
  p = ppn_float_multiply_add(p, square, -0x1.b8011ap-6f);
  p = ppn_float_multiply_add(p, square, 0x1.ce2d64p-4f);
  p = ppn_float_multiply_add(p, square, -0x1.812740p-2f);
  p = ppn_float_multiply_add(p, square, 0x1.06eba8p-3f);
  return ppn_float_multiply_add(x, p, x);
}

// At most 2 ulp.
static inline float ppn_float_erf(float x) {
  float magnitude = fabsf(x);
  float bounded = magnitude > 4.0f ? 4.0f : magnitude;  // 1 from there on
  float rest = ppn_float_scaled_erfc(bounded) * ppn_float_exp_negative(-bounded * bounded);
  return magnitude < 0.92f ? ppn_float_erf_small(x) : copysignf(1.0f - rest, x);
}

// x/2 (1 + erf(x / sqrt 2)): at most 2 ulp for x >= -0.7. Below, where 1 + erf would cancel, it
// comes from erfc, and is off by at most 6 + x^2 / 2 ulp.
static inline float ppn_float_gelu(float x) {
  float magnitude = fabsf(x), scaled = x * 0.70710678f;
  float small = 0.5f * x;
  small = ppn_float_multiply_add(small, ppn_float_erf_small(scaled), small);
  float bounded = magnitude > 13.5f ? 13.5f : magnitude;  // exp is 0 from there on
  float half_erfc = 0.5f * ppn_float_scaled_erfc(bounded * 0.70710678f) *
                    ppn_float_exp_negative(-0.5f * (bounded * bounded));
  // Where half_erfc is 0 it is not multiplied with infinity, unless x is -infinity: NaN, as in
  // torch.
  float product = x * half_erfc;
  float large = x > 0.0f ? x - (half_erfc > 0.0f ? product : 0.0f) : product;
  return magnitude < 0.7f ? small : large;
}

#endif  // PPN_KERNELS_FLOAT_MATH_H_
