// Softmax and normalisation against their definitions in double precision, along every axis of
// several layouts and dtypes, for each instruction set's rows, and at the limits.
#include "kernels/normalise.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/portability.h"
#include "kernels/row_functions.h"

enum { MAX_ELEMENTS = 1 << 15 };

static double values[MAX_ELEMENTS], expected[MAX_ELEMENTS];

static void fill(int64_t count, double offset) {
  uint32_t seed = 7;
  for (int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    values[i] = offset + (double)((int)(seed >> 16) % 97 - 48) / 16;  // exact in half precision
  }
}

typedef struct layout {
  ppn_dtype_t dtype;
  const int* order;  // order[i] has the i-th largest stride; NULL: row-major
} layout_t;

static ppn_tensor_t make(layout_t layout, int rank, const int64_t* sizes) {
  ppn_tensor_t tensor = ppn_tensor_make(NULL, layout.dtype, rank, sizes);
  int64_t stride = 1, numel = ppn_tensor_numel(&tensor);
  for (int i = rank - 1; i >= 0; --i) {
    int dimension = layout.order ? layout.order[i] : i;
    tensor.strides[dimension] = stride;
    stride *= sizes[dimension];
  }
  tensor.data = malloc((size_t)numel * 8);
  assert_non_null(tensor.data);
  ppn_tensor_t source = ppn_tensor_make(values, PPN_DTYPE_FLOAT64, rank, sizes);
  ppn_tensor_copy(&source, &tensor);
  return tensor;
}

// Relative to the element, or to `scale` for elements below it.
static void compare(const ppn_tensor_t* found, double tolerance, double scale) {
  static double results[MAX_ELEMENTS];
  ppn_tensor_t target = ppn_tensor_make(results, PPN_DTYPE_FLOAT64, found->rank, found->sizes);
  ppn_tensor_copy(found, &target);
  int64_t numel = ppn_tensor_numel(found);
  for (int64_t i = 0; i < numel; ++i) {
    double limit = tolerance * fmax(fabs(expected[i]), scale);
    if (!(fabs(results[i] - expected[i]) <= limit)) {
      fail_msg("element %d: %.9g instead of %.9g", (int)i, results[i], expected[i]);
    }
  }
}

static double tolerance_of(ppn_dtype_t dtype) {
  if (dtype == PPN_DTYPE_FLOAT64) return 1e-14;
  return dtype == PPN_DTYPE_FLOAT32 ? 1e-6 : 1e-3;
}

// For each line along `axis` (`length` elements, `inner` apart): first element.
static int64_t line_start(int64_t line, int64_t length, int64_t inner) {
  return line / inner * length * inner + line % inner;
}

// ---- Softmax ----

static void expect_softmax(bool logarithmic, int64_t outer, int64_t length, int64_t inner) {
  for (int64_t line = 0; line < outer * inner; ++line) {
    int64_t start = line_start(line, length, inner);
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < length; ++i) largest = fmax(largest, values[start + i * inner]);
    for (int64_t i = 0; i < length; ++i) sum += exp(values[start + i * inner] - largest);
    for (int64_t i = 0; i < length; ++i) {
      double shifted = values[start + i * inner] - largest;
      expected[start + i * inner] = logarithmic ? shifted - log(sum) : exp(shifted) / sum;
    }
  }
}

static const int backwards[] = {2, 1, 0}, middle_last[] = {0, 2, 1};

static void softmax_along_every_axis(void** state) {
  (void)state;
  static const int64_t shapes[][3] = {{3, 5, 7}, {2, 3, 2500}, {2, 1500, 3}, {4, 1, 64}, {1, 1, 1}};
  const layout_t layouts[] = {{PPN_DTYPE_FLOAT32, NULL},        {PPN_DTYPE_FLOAT32, backwards},
                              {PPN_DTYPE_FLOAT32, middle_last}, {PPN_DTYPE_FLOAT64, NULL},
                              {PPN_DTYPE_FLOAT16, NULL},        {PPN_DTYPE_FLOAT64, backwards}};
  for (size_t s = 0; s < PPN_COUNT_OF(shapes); ++s) {
    const int64_t* sizes = shapes[s];
    fill(sizes[0] * sizes[1] * sizes[2], 0);
    for (int variant = 0; variant < 6; ++variant) {
      int axis = variant % 3;
      bool logarithmic = variant / 3;
      int64_t inner = 1, outer = 1;
      for (int i = axis + 1; i < 3; ++i) inner *= sizes[i];
      for (int i = 0; i < axis; ++i) outer *= sizes[i];
      expect_softmax(logarithmic, outer, sizes[axis], inner);
      for (size_t i = 0; i < PPN_COUNT_OF(layouts); ++i) {
        ppn_tensor_t x = make(layouts[i], 3, sizes), out = make(layouts[i], 3, sizes);
        ppn_kernel_softmax(logarithmic, &x, axis, &out, NULL);
        compare(&out, tolerance_of(layouts[i].dtype), logarithmic ? 1 : 1e-3);
        ppn_kernel_softmax(logarithmic, &x, axis, &x, NULL);  // in place
        compare(&x, tolerance_of(layouts[i].dtype), logarithmic ? 1 : 1e-3);
        free(x.data);
        free(out.data);
      }
    }
  }
}

static const ppn_row_functions_t* const row_tables[] = {
    &ppn_row_functions_generic,
#ifdef PPN_CPU_X86_64
    &ppn_row_functions_avx2,
    &ppn_row_functions_avx512,
#endif
};

static bool can_run(size_t table) {
  if (table == 0) return true;
  return ppn_cpu_has(table == 1 ? PPN_CPU_AVX2 : PPN_CPU_AVX512);
}

static void softmax_limits(void** state) {
  (void)state;
  for (size_t i = 0; i < PPN_COUNT_OF(row_tables); ++i) {
    if (!can_run(i)) continue;
    for (int64_t count = 1; count < 70; ++count) {
      float x[70], out[70];
      for (int64_t j = 0; j < count; ++j) x[j] = j == count / 2 ? 10000.0f : -INFINITY;
      row_tables[i]->softmax(x, out, count);
      for (int64_t j = 0; j < count; ++j) assert_true(out[j] == (j == count / 2));
      row_tables[i]->log_softmax(x, out, count);
      for (int64_t j = 0; j < count; ++j) assert_true(out[j] == (j == count / 2 ? 0 : -INFINITY));
      x[0] = NAN;
      row_tables[i]->softmax(x, out, count);
      for (int64_t j = 0; j < count; ++j) assert_true(isnan(out[j]));
      for (int64_t j = 0; j < count; ++j) x[j] = -INFINITY;
      row_tables[i]->softmax(x, out, count);
      assert_true(isnan(out[0]));
    }
  }
}

static void rows_of_every_length(void** state) {
  (void)state;
  for (size_t table = 0; table < PPN_COUNT_OF(row_tables); ++table) {
    if (!can_run(table)) continue;
    for (int64_t count = 1; count < 6000; count += count < 80 ? 1 : 997) {
      static float x[6000], out[6000], gamma[6000];
      fill(count, 100);
      double sum = 0, deviations = 0;
      for (int64_t i = 0; i < count; ++i) {
        x[i] = (float)values[i];
        gamma[i] = (float)(i % 5) - 2;
        sum += values[i];
        deviations += (values[i] - 101) * (values[i] - 101);
      }
      assert_true(fabs(row_tables[table]->sum(x, count) - sum) <= 1e-6 * sum);
      double found = row_tables[table]->deviations(x, count, 101);
      assert_true(fabs(found - deviations) <= 1e-6 * deviations);
      for (int which = 0; which < 4; ++which) {
        row_tables[table]->normalise(x, out, count, 101, 0.5f, which & 1 ? gamma : NULL,
                                     which & 2 ? gamma : NULL);
        for (int64_t i = 0; i < count; ++i) {
          double value = (values[i] - 101) * 0.5;
          if (which & 1) value *= (double)gamma[i];
          if (which & 2) value += (double)gamma[i];
          assert_true((double)out[i] == value);  // all exact
        }
      }
    }
  }
}

// ---- Means and variances ----

// Groups: all elements with equal coordinates outside of `axes`.
static void expect_normalised(const int64_t* sizes, ppn_axes_t axes, const double* gamma,
                              const double* beta, double epsilon, double* means, double* factors) {
  int64_t numel = sizes[0] * sizes[1] * sizes[2];
  static double sums[MAX_ELEMENTS], squares[MAX_ELEMENTS], counts[MAX_ELEMENTS];
  for (int64_t i = 0; i < numel; ++i) sums[i] = squares[i] = counts[i] = 0;
  for (int pass = 0; pass < 3; ++pass) {
    for (int64_t i = 0; i < numel; ++i) {
      int64_t place[] = {i / (sizes[1] * sizes[2]), i / sizes[2] % sizes[1], i % sizes[2]},
              group = 0;
      for (int j = 0; j < 3; ++j) group = axes >> j & 1 ? group : group * sizes[j] + place[j];
      if (pass == 0) {
        sums[group] += values[i];
        counts[group] += 1;
      } else if (pass == 1) {
        double difference = values[i] - sums[group] / counts[group];
        squares[group] += difference * difference;
      } else {
        means[group] = sums[group] / counts[group];
        factors[group] = 1 / sqrt(squares[group] / counts[group] + epsilon);
        expected[i] = (values[i] - means[group]) * factors[group] * gamma[i] + beta[i];
      }
    }
  }
}

static void normalisation_over_any_axes(void** state) {
  (void)state;
  static const int64_t shapes[][3] = {{3, 5, 7}, {2, 3, 2500}, {2, 1300, 6}, {3, 1, 40}};
  const layout_t layouts[] = {{PPN_DTYPE_FLOAT32, NULL},        {PPN_DTYPE_FLOAT32, backwards},
                              {PPN_DTYPE_FLOAT32, middle_last}, {PPN_DTYPE_FLOAT64, NULL},
                              {PPN_DTYPE_FLOAT16, NULL},        {PPN_DTYPE_FLOAT64, backwards}};
  static double gamma_of[MAX_ELEMENTS], beta_of[MAX_ELEMENTS], means[MAX_ELEMENTS],
      factors[MAX_ELEMENTS];
  for (size_t s = 0; s < PPN_COUNT_OF(shapes); ++s) {
    const int64_t* sizes = shapes[s];
    int64_t numel = sizes[0] * sizes[1] * sizes[2];
    for (ppn_axes_t axes = 1; axes < 8; ++axes) {
      for (int which = 0; which < 4; ++which) {
        // Gamma along the last dimension, or along the middle one.
        fill(numel, 0);
        int64_t count = which & 1 ? sizes[1] : sizes[2], vector_sizes[] = {count, 1};
        ppn_tensor_t gamma =
            make((layout_t){PPN_DTYPE_FLOAT32, NULL}, which & 1 ? 2 : 1, vector_sizes);
        for (int64_t i = 0; i < numel; ++i) {
          double element = values[which & 1 ? i / sizes[2] % sizes[1] : i % sizes[2]];
          gamma_of[i] = which & 2 ? 1 : element;
          beta_of[i] = element;
        }
        fill(numel, 3);
        expect_normalised(sizes, axes, gamma_of, beta_of, 1e-3, means, factors);
        for (size_t i = 0; i < PPN_COUNT_OF(layouts); ++i) {
          ppn_tensor_t x = make(layouts[i], 3, sizes), out = make(layouts[i], 3, sizes);
          int64_t kept[3];
          for (int j = 0; j < 3; ++j) kept[j] = axes >> j & 1 ? 1 : sizes[j];
          ppn_tensor_t mean = make((layout_t){PPN_DTYPE_FLOAT32, NULL}, 3, kept);
          ppn_tensor_t factor = make((layout_t){PPN_DTYPE_FLOAT32, NULL}, 3, kept);
          ppn_normalisation_t job = {.x = &x,
                                     .out = &out,
                                     .axes = axes,
                                     .gamma = which & 2 ? NULL : &gamma,
                                     .beta = &gamma,
                                     .epsilon = 1e-3,
                                     .out_mean = &mean,
                                     .out_factor = &factor};
          ppn_kernel_normalise(&job, NULL);
          // Where the variance is small, the rounding of the mean is multiplied.
          compare(&out, tolerance_of(layouts[i].dtype), 10);
          for (int64_t j = 0; j < ppn_tensor_numel(&mean); ++j) {
            assert_true(fabs((double)((float*)mean.data)[j] - means[j]) < 1e-6);
            assert_true(fabs((double)((float*)factor.data)[j] / factors[j] - 1) < 1e-6);
          }
          free(x.data);
          free(out.data);
          free(mean.data);
          free(factor.data);
        }
        free(gamma.data);
      }
    }
  }
}

static void large_means_do_not_hide_variances(void** state) {
  (void)state;
  static float x[3000], out[3000];
  for (int i = 0; i < 3000; ++i) x[i] = 4096.0f + (i % 2 ? 0.25f : -0.25f);
  ppn_tensor_t in = ppn_tensor_make(x, PPN_DTYPE_FLOAT32, 1, (int64_t[]){3000});
  ppn_tensor_t result = ppn_tensor_make(out, PPN_DTYPE_FLOAT32, 1, (int64_t[]){3000});
  ppn_normalisation_t job = {.x = &in, .out = &result, .axes = 1};
  ppn_kernel_normalise(&job, NULL);
  for (int i = 0; i < 3000; ++i) assert_true(out[i] == (i % 2 ? 1.0f : -1.0f));
}

// ---- Lengths ----

static void vectors_of_length_one(void** state) {
  (void)state;
  static const int64_t sizes[] = {4, 6, 70};
  fill(4 * 6 * 70, 0);
  for (int64_t i = 0; i < 4; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < 420; ++j) sum += values[i * 420 + j] * values[i * 420 + j];
    for (int64_t j = 0; j < 420; ++j) {
      expected[i * 420 + j] = values[i * 420 + j] / sqrt(sum + 0.5);
    }
  }
  const layout_t layouts[] = {{PPN_DTYPE_FLOAT32, NULL}, {PPN_DTYPE_FLOAT64, backwards}};
  for (size_t i = 0; i < PPN_COUNT_OF(layouts); ++i) {
    ppn_tensor_t x = make(layouts[i], 3, sizes), out = make(layouts[i], 3, sizes);
    ppn_kernel_l2_normalise(&x, 6, 0.5, &out, NULL);
    compare(&out, 1e-6, 1e-3);
    free(x.data);
    free(out.data);
  }
}

static void neighbouring_channels(void** state) {
  (void)state;
  static const int64_t sizes[] = {2, 7, 30};
  fill(2 * 7 * 30, 0);
  for (int64_t size = 1; size < 6; ++size) {
    ppn_local_response_t response = {.size = size, .alpha = 0.5, .beta = 0.75, .k = 2};
    for (int64_t i = 0; i < 2 * 7 * 30; ++i) {
      int64_t channel = i / 30 % 7;
      double sum = 0;
      for (int64_t j = channel - size / 2; j <= channel + (size - 1) / 2; ++j) {
        if (j < 0 || j >= 7) continue;
        double other = values[i + (j - channel) * 30];
        sum += other * other;
      }
      expected[i] = values[i] / pow(2 + 0.5 / (double)size * sum, 0.75);
    }
    const layout_t layouts[] = {{PPN_DTYPE_FLOAT32, NULL}, {PPN_DTYPE_FLOAT32, middle_last}};
    for (size_t i = 0; i < PPN_COUNT_OF(layouts); ++i) {
      ppn_tensor_t x = make(layouts[i], 3, sizes), out = make(layouts[i], 3, sizes);
      ppn_kernel_local_response(&x, &response, &out, NULL);
      compare(&out, 1e-6, 1e-3);
      free(x.data);
      free(out.data);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(softmax_along_every_axis),
      cmocka_unit_test(softmax_limits),
      cmocka_unit_test(rows_of_every_length),
      cmocka_unit_test(normalisation_over_any_axes),
      cmocka_unit_test(large_means_do_not_hide_variances),
      cmocka_unit_test(vectors_of_length_one),
      cmocka_unit_test(neighbouring_channels),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
