// Reductions and scans against plain loops in double precision, over all sets of dimensions and
// several layouts, and on the values that are easy to get wrong.
#include "kernels/reduce.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/portability.h"

enum { MAX_ELEMENTS = 1 << 16 };

static double values[MAX_ELEMENTS];

static void fill(int64_t count) {
  uint32_t seed = 12345;
  for (int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    values[i] = (double)((int)(seed >> 16) % 19 - 9) / 4;
  }
}

// A tensor holding `values`, element i (row-major) being values[i], with the layout that `order`
// says: order[i] is the dimension with the i-th largest stride.
static ppn_tensor_t make(ppn_dtype_t dtype, int rank, const int64_t* sizes, const int* order) {
  ppn_tensor_t tensor = ppn_tensor_make(NULL, dtype, rank, sizes);
  int64_t numel = ppn_tensor_numel(&tensor), stride = 1;
  tensor.data = malloc((size_t)(numel ? numel : 1) * 8);
  assert_non_null(tensor.data);
  for (int64_t i = 0; i < numel; ++i) ppn_element_set_double(dtype, tensor.data, i, values[i]);
  if (!order) return tensor;
  ppn_tensor_t target = tensor;
  target.data = malloc((size_t)(numel ? numel : 1) * 8);
  assert_non_null(target.data);
  for (int i = rank - 1; i >= 0; --i) {
    target.strides[order[i]] = stride;
    stride *= sizes[order[i]];
  }
  ppn_tensor_copy(&tensor, &target);
  free(tensor.data);
  return target;
}

static double reference(ppn_reduction_t reduction, double correction, const double* x,
                        int64_t count) {
  double sum = 0, product = 1, largest = -INFINITY, smallest = INFINITY, absolute = 0, squares = 0;
  double exponentials = 0, deviations = 0;
  bool any = false, all = true;
  for (int64_t i = 0; i < count; ++i) {
    sum += x[i];
    product *= x[i];
    largest = fmax(largest, x[i]);
    smallest = fmin(smallest, x[i]);
    absolute += fabs(x[i]);
    squares += x[i] * x[i];
    exponentials += exp(x[i]);
    any = any || x[i] != 0;
    all = all && x[i] != 0;
  }
  double mean = sum / (double)count;
  for (int64_t i = 0; i < count; ++i) deviations += (x[i] - mean) * (x[i] - mean);
  switch (reduction) {
    case PPN_REDUCTION_SUM:
      return sum;
    case PPN_REDUCTION_MEAN:
      return mean;
    case PPN_REDUCTION_PRODUCT:
      return product;
    case PPN_REDUCTION_MAXIMUM:
      return largest;
    case PPN_REDUCTION_MINIMUM:
      return smallest;
    case PPN_REDUCTION_ABSOLUTE_SUM:
      return absolute;
    case PPN_REDUCTION_SQUARE_SUM:
      return squares;
    case PPN_REDUCTION_NORM:
      return sqrt(squares);
    case PPN_REDUCTION_LOG_SUM:
      return log(sum);
    case PPN_REDUCTION_LOG_SUM_EXP:
      return log(exponentials);
    case PPN_REDUCTION_VARIANCE:
      return deviations / ((double)count - correction);
    case PPN_REDUCTION_ANY:
      return any;
    default:
      return all;
  }
}

// The elements of `values` that fall on result `index` (row-major over the kept dimensions).
static int64_t gather(int rank, const int64_t* sizes, ppn_axes_t axes, int64_t index, double* out) {
  int64_t reduced_sizes[PPN_MAX_RANK], reduced_strides[PPN_MAX_RANK], stride = 1, base = 0;
  int64_t count = 1;
  int reduced = 0;
  for (int i = rank - 1; i >= 0; --i) {
    if (axes >> i & 1) {
      reduced_sizes[reduced] = sizes[i];
      reduced_strides[reduced++] = stride;
      count *= sizes[i];
    } else {
      base += index % sizes[i] * stride;
      index /= sizes[i];
    }
    stride *= sizes[i];
  }
  for (int64_t i = 0; i < count; ++i) {
    int64_t offset = base, rest = i;
    for (int j = 0; j < reduced; ++j) {
      offset += rest % reduced_sizes[j] * reduced_strides[j];
      rest /= reduced_sizes[j];
    }
    out[i] = values[offset];
  }
  return count;
}

static int kept_sizes(int rank, const int64_t* sizes, ppn_axes_t axes, bool keep, int64_t* out) {
  int out_rank = 0;
  for (int i = 0; i < rank; ++i) {
    if (!(axes >> i & 1)) {
      out[out_rank++] = sizes[i];
    } else if (keep) {
      out[out_rank++] = 1;
    }
  }
  return out_rank;
}

static void check(ppn_reduction_t reduction, ppn_dtype_t dtype, ppn_dtype_t out_dtype, int rank,
                  const int64_t* sizes, const int* order, ppn_axes_t axes, bool keep) {
  static double group[MAX_ELEMENTS], results[MAX_ELEMENTS];
  ppn_tensor_t x = make(dtype, rank, sizes, order);
  int64_t out_sizes[PPN_MAX_RANK];
  int out_rank = kept_sizes(rank, sizes, axes, keep, out_sizes);
  ppn_tensor_t out = ppn_tensor_make(results, out_dtype, out_rank, out_sizes);
  ppn_kernel_reduce(reduction, &x, axes, 1, &out, NULL);
  int64_t count = ppn_tensor_numel(&out);
  for (int64_t i = 0; i < count; ++i) {
    int64_t members = gather(rank, sizes, axes, i, group);
    double expected = reference(reduction, 1, group, members);
    if (!ppn_dtype_is_float(out_dtype)) expected = trunc(expected);
    double found = ppn_element_as_double(out_dtype, results, i);
    bool same = found == expected || (isnan(found) && isnan(expected)) ||
                fabs(found - expected) <= 1e-6 * fmax(fabs(expected), 1);
    if (!same) {
      fail_msg("reduction %d, axes %x, result %d: %.9g instead of %.9g", (int)reduction, axes,
               (int)i, found, expected);
    }
  }
  free(x.data);
}

static void all_sets_of_dimensions(void** state) {
  (void)state;
  static const int64_t sizes[] = {3, 4, 5, 7};
  static const int channels_last[] = {0, 2, 3, 1}, backwards[] = {3, 2, 1, 0};
  const int* orders[] = {NULL, channels_last, backwards};
  fill(3 * 4 * 5 * 7);
  for (int reduction = 0; reduction <= PPN_REDUCTION_ALL; ++reduction) {
    ppn_dtype_t out = reduction >= PPN_REDUCTION_ANY ? PPN_DTYPE_BOOL : PPN_DTYPE_FLOAT32;
    for (ppn_axes_t axes = 0; axes < 16; ++axes) {
      if (reduction == PPN_REDUCTION_VARIANCE && axes == 0) continue;  // 0 / 0
      for (size_t i = 0; i < PPN_COUNT_OF(orders); ++i) {
        check((ppn_reduction_t)reduction, PPN_DTYPE_FLOAT32, out, 4, sizes, orders[i], axes,
              axes & 1);
      }
    }
  }
}

static void long_rows_and_columns(void** state) {
  (void)state;
  fill(5 * 5000);
  static const int64_t wide[] = {5, 5000}, tall[] = {5000, 5}, middle[] = {5, 2500, 2};
  for (int reduction = 0; reduction <= PPN_REDUCTION_VARIANCE; ++reduction) {
    if (reduction == PPN_REDUCTION_PRODUCT) continue;
    ppn_reduction_t r = (ppn_reduction_t)reduction;
    for (ppn_axes_t axes = 1; axes < 4; ++axes) {
      check(r, PPN_DTYPE_FLOAT32, PPN_DTYPE_FLOAT32, 2, wide, NULL, axes, false);
      check(r, PPN_DTYPE_FLOAT64, PPN_DTYPE_FLOAT64, 2, tall, NULL, axes, false);
      check(r, PPN_DTYPE_FLOAT16, PPN_DTYPE_FLOAT32, 2, wide, NULL, axes, true);
    }
    check(r, PPN_DTYPE_FLOAT32, PPN_DTYPE_FLOAT32, 3, middle, NULL, 2, false);
  }
}

static void integers(void** state) {
  (void)state;
  static const int64_t sizes[] = {4, 6};
  for (int i = 0; i < 24; ++i) values[i] = i % 7 - 2;
  for (int reduction = 0; reduction <= PPN_REDUCTION_ALL; ++reduction) {
    if (reduction == PPN_REDUCTION_LOG_SUM || reduction == PPN_REDUCTION_VARIANCE) continue;
    for (ppn_axes_t axes = 0; axes < 4; ++axes) {
      check((ppn_reduction_t)reduction, PPN_DTYPE_INT32, PPN_DTYPE_INT32, 2, sizes, NULL, axes,
            true);
      check((ppn_reduction_t)reduction, PPN_DTYPE_INT64, PPN_DTYPE_FLOAT32, 2, sizes, NULL, axes,
            false);
    }
  }
  int32_t large[] = {INT32_MAX, 1}, sum;
  ppn_tensor_t x = ppn_tensor_make(large, PPN_DTYPE_INT32, 1, (int64_t[]){2});
  ppn_tensor_t out = ppn_tensor_make(&sum, PPN_DTYPE_INT32, 0, NULL);
  ppn_kernel_reduce(PPN_REDUCTION_SUM, &x, 1, 0, &out, NULL);
  assert_int_equal(sum, INT32_MIN);
}

static float reduce_floats(ppn_reduction_t reduction, double correction, int64_t count,
                           const float* x) {
  float result = 77;
  // Only read.
  ppn_tensor_t in = ppn_tensor_make((void*)(uintptr_t)x, PPN_DTYPE_FLOAT32, 1, &count);
  ppn_tensor_t out = ppn_tensor_make(&result, PPN_DTYPE_FLOAT32, 0, NULL);
  ppn_kernel_reduce(reduction, &in, 1, correction, &out, NULL);
  return result;
}

static void special_values(void** state) {
  (void)state;
  const float nan[] = {1, NAN, 3}, none[] = {0}, infinite[] = {-INFINITY, -INFINITY};
  const float up[] = {1, INFINITY}, large[] = {1000, 1000};
  assert_true(isnan(reduce_floats(PPN_REDUCTION_MAXIMUM, 0, 3, nan)));
  assert_true(isnan(reduce_floats(PPN_REDUCTION_MINIMUM, 0, 3, nan)));
  assert_true(reduce_floats(PPN_REDUCTION_ANY, 0, 3, nan) == 1);
  assert_true(reduce_floats(PPN_REDUCTION_SUM, 0, 0, none) == 0);
  assert_true(reduce_floats(PPN_REDUCTION_PRODUCT, 0, 0, none) == 1);
  assert_true(isnan(reduce_floats(PPN_REDUCTION_MEAN, 0, 0, none)));
  assert_true(isnan(reduce_floats(PPN_REDUCTION_VARIANCE, 1, 0, none)));
  assert_true(isnan(reduce_floats(PPN_REDUCTION_VARIANCE, 1, 1, none)));
  assert_true(reduce_floats(PPN_REDUCTION_VARIANCE, 0, 1, none) == 0);
  assert_true(reduce_floats(PPN_REDUCTION_ALL, 0, 0, none) == 1);
  assert_true(reduce_floats(PPN_REDUCTION_ANY, 0, 0, none) == 0);
  assert_true(reduce_floats(PPN_REDUCTION_LOG_SUM_EXP, 0, 2, infinite) == -INFINITY);
  assert_true(reduce_floats(PPN_REDUCTION_LOG_SUM_EXP, 0, 2, up) == INFINITY);
  assert_true(fabsf(reduce_floats(PPN_REDUCTION_LOG_SUM_EXP, 0, 2, large) - 1000.6931f) < 1e-4f);
}

static void sums_do_not_lose_small_numbers(void** state) {
  (void)state;
  enum { COUNT = 1 << 20 };
  float* x = malloc(COUNT * sizeof(float));
  assert_non_null(x);
  for (int i = 0; i < COUNT; ++i) x[i] = 0.1f;
  assert_true(reduce_floats(PPN_REDUCTION_SUM, 0, COUNT, x) == (float)(COUNT * (double)0.1f));
  for (int i = 0; i < COUNT; ++i) x[i] = 1e4f + (i % 2 ? 1.0f : -1.0f);
  assert_true(reduce_floats(PPN_REDUCTION_VARIANCE, 0, COUNT, x) == 1);
  free(x);
}

// ---- Extrema ----

static void extrema(void** state) {
  (void)state;
  static const int64_t sizes[] = {4, 300, 5};
  static const int backwards[] = {2, 1, 0};
  const int* orders[] = {NULL, backwards};
  const ppn_dtype_t dtypes[] = {PPN_DTYPE_FLOAT32, PPN_DTYPE_FLOAT64, PPN_DTYPE_INT32,
                                PPN_DTYPE_FLOAT16};
  static double group[MAX_ELEMENTS];
  static float found_values[4 * 300 * 5];
  static int64_t found_indices[4 * 300 * 5];
  fill(4 * 300 * 5);
  for (int i = 0; i < 4 * 300 * 5; ++i) values[i] = trunc(values[i] * 4);
  for (int axis = 0; axis < 3; ++axis) {
    for (size_t i = 0; i < PPN_COUNT_OF(dtypes) * PPN_COUNT_OF(orders); ++i) {
      ppn_tensor_t x = make(dtypes[i / 2], 3, sizes, orders[i % 2]);
      int64_t out_sizes[3];
      int rank = kept_sizes(3, sizes, (ppn_axes_t)1 << axis, false, out_sizes);
      ppn_tensor_t best = ppn_tensor_make(found_values, PPN_DTYPE_FLOAT32, rank, out_sizes);
      ppn_tensor_t where = ppn_tensor_make(found_indices, PPN_DTYPE_INT64, rank, out_sizes);
      for (int largest = 0; largest < 2; ++largest) {
        ppn_kernel_extremum(largest, &x, axis, &best, &where, NULL);
        for (int64_t j = 0; j < ppn_tensor_numel(&best); ++j) {
          int64_t count = gather(3, sizes, (ppn_axes_t)1 << axis, j, group), expected = 0;
          for (int64_t k = 1; k < count; ++k) {
            if (largest ? group[k] > group[expected] : group[k] < group[expected]) expected = k;
          }
          assert_int_equal(found_indices[j], expected);
          assert_true((double)found_values[j] == group[expected]);
        }
      }
      free(x.data);
    }
  }
}

static void extrema_with_nan(void** state) {
  (void)state;
  float x[] = {1, NAN, 9, NAN, -INFINITY, -INFINITY, -INFINITY, -INFINITY}, best[4];
  int32_t where[4];
  ppn_tensor_t rows = ppn_tensor_make(x, PPN_DTYPE_FLOAT32, 2, (int64_t[]){2, 4});
  ppn_tensor_t values_out = ppn_tensor_make(best, PPN_DTYPE_FLOAT32, 1, (int64_t[]){2});
  ppn_tensor_t indices_out = ppn_tensor_make(where, PPN_DTYPE_INT32, 1, (int64_t[]){2});
  ppn_kernel_extremum(true, &rows, 1, &values_out, &indices_out, NULL);
  assert_true(isnan(best[0]) && where[0] == 1 && best[1] == -INFINITY && where[1] == 0);
  ppn_kernel_extremum(false, &rows, 1, &values_out, &indices_out, NULL);
  assert_true(isnan(best[0]) && where[0] == 1 && best[1] == -INFINITY && where[1] == 0);
  values_out.sizes[0] = indices_out.sizes[0] = 4;
  ppn_kernel_extremum(true, &rows, 0, &values_out, &indices_out, NULL);
  assert_true(best[0] == 1 && where[0] == 0 && isnan(best[1]) && where[1] == 0 && best[2] == 9);
  ppn_tensor_t scalar = ppn_tensor_make(x, PPN_DTYPE_FLOAT32, 0, NULL);
  values_out.rank = indices_out.rank = 0;
  ppn_kernel_extremum(true, &scalar, 0, &values_out, &indices_out, NULL);
  assert_true(best[0] == 1 && where[0] == 0);
}

// ---- Running sums ----

static void cumulative_sums(void** state) {
  (void)state;
  static const int64_t sizes[] = {3, 1500, 4};
  static const int backwards[] = {2, 1, 0};
  const int* orders[] = {NULL, backwards};
  const ppn_dtype_t dtypes[] = {PPN_DTYPE_FLOAT32, PPN_DTYPE_INT32};
  static double group[MAX_ELEMENTS], result[MAX_ELEMENTS];
  fill(3 * 1500 * 4);
  for (int i = 0; i < 3 * 1500 * 4; ++i) values[i] = trunc(values[i]);
  for (int variant = 0; variant < 48; ++variant) {
    int axis = variant % 3;
    ppn_dtype_t dtype = dtypes[variant / 3 % 2];
    ppn_cumulate_options_t options = {variant / 6 % 2, variant / 12 % 2};
    ppn_tensor_t x = make(dtype, 3, sizes, orders[variant / 24]);
    ppn_tensor_t out = ppn_tensor_make(result, dtype, 3, sizes);
    ppn_kernel_cumulative_sum(&x, axis, options, &out, NULL);
    int64_t inner = 1, outer = 1, length = sizes[axis];
    for (int i = axis + 1; i < 3; ++i) inner *= sizes[i];
    for (int i = 0; i < axis; ++i) outer *= sizes[i];
    for (int64_t line = 0; line < inner * outer; ++line) {
      gather(3, sizes, (ppn_axes_t)1 << axis, line, group);
      double sum = 0;
      for (int64_t i = 0; i < length; ++i) {
        int64_t place = options.reverse ? length - 1 - i : i;
        double expected = options.exclusive ? sum : sum + group[place];
        sum += group[place];
        int64_t flat = line / inner * length * inner + place * inner + line % inner;
        assert_true(ppn_element_as_double(dtype, result, flat) == expected);
      }
    }
    free(x.data);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_sets_of_dimensions),
      cmocka_unit_test(long_rows_and_columns),
      cmocka_unit_test(integers),
      cmocka_unit_test(special_values),
      cmocka_unit_test(sums_do_not_lose_small_numbers),
      cmocka_unit_test(extrema),
      cmocka_unit_test(extrema_with_nan),
      cmocka_unit_test(cumulative_sums),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
