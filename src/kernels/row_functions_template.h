// kernels/row_functions.h, written over vectors. ROW_FUNCTIONS_TABLE is the name of the table.
#include <math.h>

#include "kernels/float_math.h"
#include "kernels/row_functions.h"
#include "kernels/simd.h"

enum { BLOCK = 4096 };  // elements summed in floats before they are added to a double

static float row_maximum(const float* x, int64_t count) {
  simd_t first = simd_set1(-INFINITY), second = first;
  int64_t i = 0;
  for (; i + 2 * SIMD_LANES <= count; i += 2 * SIMD_LANES) {
    first = simd_max(first, simd_load(x + i));
    second = simd_max(second, simd_load(x + i + SIMD_LANES));
  }
  float largest = simd_maximum(simd_max(first, second));
  for (; i < count; ++i) largest = x[i] > largest ? x[i] : largest;
  return largest;
}

// The sum of exp(x - shift), which is also stored in `out` unless that is NULL.
static float exponentials(const float* x, float* out, int64_t count, float shift) {
  simd_t sum = simd_set1(0), shifts = simd_set1(shift);
  int64_t i = 0;
  for (; i + SIMD_LANES <= count; i += SIMD_LANES) {
    simd_t value = simd_exp(simd_subtract(simd_load(x + i), shifts));
    if (out) simd_store(out + i, value);
    sum = simd_add(sum, value);
  }
  float total = simd_sum(sum);
  for (; i < count; ++i) {
    float value = ppn_float_exp(x[i] - shift);
    if (out) out[i] = value;
    total += value;
  }
  return total;
}

static void softmax_row(const float* x, float* out, int64_t count) {
  float sum = exponentials(x, out, count, row_maximum(x, count)), factor = 1 / sum;
  simd_t factors = simd_set1(factor);
  int64_t i = 0;
  for (; i + SIMD_LANES <= count; i += SIMD_LANES) {
    simd_store(out + i, simd_mul(simd_load(out + i), factors));
  }
  for (; i < count; ++i) out[i] *= factor;
}

static void log_softmax_row(const float* x, float* out, int64_t count) {
  float largest = row_maximum(x, count);
  float log_sum = logf(exponentials(x, NULL, count, largest));
  // Two steps: the maximum may be large and the logarithm small.
  simd_t first = simd_set1(largest), second = simd_set1(log_sum);
  int64_t i = 0;
  for (; i + SIMD_LANES <= count; i += SIMD_LANES) {
    simd_store(out + i, simd_subtract(simd_subtract(simd_load(x + i), first), second));
  }
  for (; i < count; ++i) out[i] = x[i] - largest - log_sum;
}

static double sum_row(const float* x, int64_t count) {
  double total = 0;
  for (int64_t done = 0; done < count; done += BLOCK) {
    int64_t end = count - done < BLOCK ? count : done + BLOCK, i = done;
    simd_t first = simd_set1(0), second = first;
    for (; i + 2 * SIMD_LANES <= end; i += 2 * SIMD_LANES) {
      first = simd_add(first, simd_load(x + i));
      second = simd_add(second, simd_load(x + i + SIMD_LANES));
    }
    total += (double)simd_sum(simd_add(first, second));
    for (; i < end; ++i) total += (double)x[i];
  }
  return total;
}

static double deviations_row(const float* x, int64_t count, float mean) {
  double total = 0;
  simd_t means = simd_set1(mean);
  for (int64_t done = 0; done < count; done += BLOCK) {
    int64_t end = count - done < BLOCK ? count : done + BLOCK, i = done;
    simd_t first = simd_set1(0), second = first;
    for (; i + 2 * SIMD_LANES <= end; i += 2 * SIMD_LANES) {
      simd_t a = simd_subtract(simd_load(x + i), means);
      simd_t b = simd_subtract(simd_load(x + i + SIMD_LANES), means);
      first = simd_fma(a, a, first);
      second = simd_fma(b, b, second);
    }
    total += (double)simd_sum(simd_add(first, second));
    for (; i < end; ++i) {
      double difference = (double)x[i] - (double)mean;
      total += difference * difference;
    }
  }
  return total;
}

static void normalise_row(const float* x, float* out, int64_t count, float mean, float factor,
                          const float* gamma, const float* beta) {
  simd_t means = simd_set1(mean), factors = simd_set1(factor);
  int64_t i = 0;
  for (; i + SIMD_LANES <= count; i += SIMD_LANES) {
    simd_t value = simd_mul(simd_subtract(simd_load(x + i), means), factors);
    if (gamma && beta) {
      value = simd_fma(value, simd_load(gamma + i), simd_load(beta + i));
    } else if (gamma) {
      value = simd_mul(value, simd_load(gamma + i));
    } else if (beta) {
      value = simd_add(value, simd_load(beta + i));
    }
    simd_store(out + i, value);
  }
  for (; i < count; ++i) {
    float value = (x[i] - mean) * factor;
    if (gamma) value *= gamma[i];
    out[i] = beta ? value + beta[i] : value;
  }
}

const ppn_row_functions_t ROW_FUNCTIONS_TABLE = {
    .softmax = softmax_row,
    .log_softmax = log_softmax_row,
    .sum = sum_row,
    .deviations = deviations_row,
    .normalise = normalise_row,
};
