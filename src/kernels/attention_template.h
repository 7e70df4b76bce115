// The kernels of attention beside the matrix products, for the vectors of kernels/simd.h. Included
// by attention_generic.c, attention_avx2.c and attention_avx512.c.
#include "kernels/attention_internal.h"
#include "kernels/simd.h"

static float maximum(const float* scores, int64_t count) {
  simd_t largest = simd_set1(-INFINITY);
  int64_t i = 0;
  for (; i + SIMD_LANES <= count; i += SIMD_LANES)
    largest = simd_max(largest, simd_load(scores + i));
  float result = simd_maximum(largest);
  for (; i < count; ++i) result = scores[i] > result ? scores[i] : result;
  return result;
}

static float exponentials(float* scores, int64_t count, float shift) {
  simd_t sum = simd_set1(0), minus = simd_set1(shift);
  int64_t i = 0;
  for (; i + SIMD_LANES <= count; i += SIMD_LANES) {
    simd_t power = simd_exp(simd_subtract(simd_load(scores + i), minus));
    simd_store(scores + i, power);
    sum = simd_add(sum, power);
  }
  float total = simd_sum(sum);
  if (i < count) {
    simd_t power = simd_exp(simd_subtract(simd_load_part(scores + i, count - i), minus));
    simd_store_part(scores + i, power, count - i);
    for (; i < count; ++i) total += scores[i];
  }
  return total;
}

static void scale(float* values, int64_t count, float factor) {
  simd_t factors = simd_set1(factor);
  int64_t i = 0;
  for (; i + SIMD_LANES <= count; i += SIMD_LANES)
    simd_store(values + i, simd_mul(simd_load(values + i), factors));
  for (; i < count; ++i) values[i] *= factor;
}
