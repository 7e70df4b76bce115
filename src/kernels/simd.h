// Vectors of floats for kernels that are written once and compiled for several instruction sets:
// as wide as the including file is compiled for (AVX-512, AVX2 with FMA and F16C, or SSE2), plain
// floats elsewhere. Only for files that are such a variant and for templates that they include
// (`*_template.h`); everything is static, so that no two variants meet in the linker.
//
// Maximum and minimum return the second operand when either is NaN: simd_max(limit, x) keeps NaNs.
#ifndef PPN_KERNELS_SIMD_H_
#define PPN_KERNELS_SIMD_H_

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/half.h"
#include "base/portability.h"

#if defined(__AVX512F__)
#include "kernels/simd_avx512.h"
#elif defined(__AVX2__)
#include "kernels/simd_avx2.h"
#elif defined(__SSE2__)
#include "kernels/simd_sse2.h"
#else
#include "kernels/simd_scalar.h"
#endif

enum { SIMD_LANES = PPN_SIMD_BYTES / 4 };

// exp(x) within 2 ulp; 0 below -104, infinity above 88.72, NaN for NaN.
static inline simd_t simd_exp(simd_t x) {
  // x = n log 2 + r, |r| <= log(2) / 2; exp(r) by its series to the 6th power, then times 2^n in
  // two steps, as n may be 128.
  simd_t clipped = simd_min(simd_set1(88.8f), simd_max(simd_set1(-104.0f), x));
  simd_t n = simd_round(simd_mul(clipped, simd_set1(1.44269504088896f)));
  simd_t r = simd_fma(n, simd_set1(-0.693359375f), clipped);
  r = simd_fma(n, simd_set1(2.12194440e-4f), r);
  simd_t p = simd_set1(1.3981999507e-3f);
  p = simd_fma(p, r, simd_set1(8.3334519073e-3f));
  p = simd_fma(p, r, simd_set1(4.1665795894e-2f));
  p = simd_fma(p, r, simd_set1(1.6666665459e-1f));
  p = simd_fma(p, r, simd_set1(5.0000001201e-1f));
  p = simd_fma(p, simd_mul(r, r), simd_add(r, simd_set1(1)));
  return simd_scale_by_power(p, n);
}

#endif  // PPN_KERNELS_SIMD_H_
