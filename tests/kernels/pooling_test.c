// Pooling, compared with its definition over ranks, windows and dtypes, and with numbers worked out
// by hand.
#include "kernels/pooling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "kernels/support.h"
#include "tensor/element.h"

static ppn_thread_pool_t* pool;

static void run(const ppn_pooling_t* pooling) {
  void* scratch = aligned_bytes(ppn_pooling_scratch_size(pooling, ppn_thread_pool_size(pool)));
  ppn_pooling_run(pooling, scratch, pool);
  free(scratch);
}

static int64_t product(int rank, const int64_t* sizes) {
  int64_t result = 1;
  for (int i = 0; i < rank; ++i) result *= sizes[i];
  return result;
}

static void check(ppn_pooling_t pooling) {
  int64_t x_count = pooling.planes * product(pooling.rank, pooling.in_sizes);
  int64_t y_count = pooling.planes * product(pooling.rank, pooling.out_sizes);
  size_t size = ppn_dtype_size(pooling.dtype);
  void *x = malloc((size_t)x_count * size), *expected = malloc((size_t)y_count * size),
       *actual = malloc((size_t)y_count * size);
  for (int64_t i = 0; i < x_count; ++i) {
    double value = random_int(0, 40) == 0 && pooling.kind == PPN_POOLING_MAX &&
                           ppn_dtype_is_float(pooling.dtype)
                       ? NAN
                       : (double)random_int(-100, 100) / 4;
    ppn_elements_store_double(pooling.dtype, x, i, 1, 1, &value);
  }
  pooling.x = x, pooling.y = expected;
  ppn_pooling_reference(&pooling);
  pooling.y = actual;
  run(&pooling);
  for (int64_t i = 0; i < y_count; ++i) {
    double a, b;
    ppn_elements_load_double(pooling.dtype, actual, i, 1, 1, &a);
    ppn_elements_load_double(pooling.dtype, expected, i, 1, 1, &b);
    bool equal = isnan(b) ? isnan(a)
                          : a == b || fabs(a - b) <=
                                          1e-2 * (1 + fabs(b)) * (size == 2) + 1e-5 * (1 + fabs(b));
    if (!equal) {
      fail_msg("kind %d rank %d %s: element %lld is %g, expected %g", (int)pooling.kind,
               pooling.rank, ppn_dtype_name(pooling.dtype), (long long)i, a, b);
    }
  }
  free(x);
  free(expected);
  free(actual);
}

static void any_window(void** state) {
  (void)state;
  static const ppn_dtype_t dtypes[] = {PPN_DTYPE_FLOAT32, PPN_DTYPE_FLOAT32, PPN_DTYPE_FLOAT16,
                                       PPN_DTYPE_BFLOAT16, PPN_DTYPE_INT64};
  for (int round = 0; round < 600; ++round) {
    ppn_pooling_t pooling = {.kind = (ppn_pooling_kind_t)random_int(0, 2)};
    pooling.dtype = dtypes[random_int(0, 4)];
    if (pooling.kind == PPN_POOLING_L2 && pooling.dtype == PPN_DTYPE_INT64) continue;
    pooling.rank = (int)random_int(1, 3), pooling.planes = random_int(1, 5);
    pooling.is_adaptive = random_int(0, 3) == 0;
    pooling.counts_padding = random_int(0, 1);
    bool ceil_mode = random_int(0, 1), fits = true;
    if (random_int(0, 3) == 0) pooling.divisor = 3;
    for (int d = 0; d < pooling.rank; ++d) {
      pooling.in_sizes[d] = random_int(1, pooling.rank == 3 ? 9 : 40);
      pooling.kernel[d] = random_int(1, 5), pooling.strides[d] = random_int(1, 4);
      pooling.dilations[d] = pooling.kind == PPN_POOLING_MAX ? random_int(1, 2) : 1;
      pooling.pads_before[d] = pooling.pads_after[d] = random_int(0, pooling.kernel[d] / 2);
      pooling.out_sizes[d] =
          pooling.is_adaptive
              ? random_int(1, 7)
              : ppn_pooling_out_size(pooling.in_sizes[d], pooling.kernel[d], pooling.strides[d],
                                     pooling.dilations[d], pooling.pads_before[d],
                                     pooling.pads_after[d], ceil_mode);
      fits = fits && pooling.out_sizes[d] > 0;
    }
    if (fits) check(pooling);
  }
}

static void maxima_have_places(void** state) {
  (void)state;
  float x[16] = {1, 9, 2, 3, 4, 5, 9, 6, 7, 8, 0, NAN, 9, 1, 1, 1}, y[4];
  int64_t indices[4];
  ppn_pooling_t pooling = {.kind = PPN_POOLING_MAX,
                           .rank = 2,
                           .dtype = PPN_DTYPE_FLOAT32,
                           .planes = 1,
                           .in_sizes = {4, 4},
                           .out_sizes = {2, 2},
                           .kernel = {2, 2},
                           .strides = {2, 2},
                           .dilations = {1, 1},
                           .x = x,
                           .y = y,
                           .indices = indices};
  run(&pooling);
  assert_true(y[0] == 9 && y[1] == 9 && y[2] == 9 && isnan(y[3]));
  const int64_t expected[4] = {1, 6, 12, 11};
  assert_memory_equal(indices, expected, sizeof(indices));
}

static void averages_count_what_they_should(void** state) {
  (void)state;
  // torch.nn.functional.avg_pool1d(x, 3, 2, 1, ceil_mode=True, count_include_pad=…)
  float x[6] = {1, 2, 3, 4, 5, 6}, y[4];
  ppn_pooling_t pooling = {.kind = PPN_POOLING_AVERAGE,
                           .rank = 1,
                           .dtype = PPN_DTYPE_FLOAT32,
                           .planes = 1,
                           .in_sizes = {6},
                           .kernel = {3},
                           .strides = {2},
                           .dilations = {1},
                           .pads_before = {1},
                           .pads_after = {1},
                           .x = x,
                           .y = y};
  pooling.out_sizes[0] = ppn_pooling_out_size(6, 3, 2, 1, 1, 1, true);
  assert_int_equal(pooling.out_sizes[0], 4);
  pooling.counts_padding = true;
  run(&pooling);
  const float with[4] = {1, 3, 5, 3};  // the last window has one element and one of padding
  assert_int_equal(first_difference(y, with, 4, 1e-6f), -1);
  pooling.counts_padding = false;
  run(&pooling);
  const float without[4] = {1.5f, 3, 5, 6};
  assert_int_equal(first_difference(y, without, 4, 1e-6f), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_window),
      cmocka_unit_test(maxima_have_places),
      cmocka_unit_test(averages_count_what_they_should),
  };
  ppn_status_free(ppn_thread_pool_create(3, &pool));
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  ppn_thread_pool_free(pool);
  return failures;
}
