// Writing by index.
#include "kernels/scatter.h"

#include <math.h>
#include <string.h>

#include "kernels/kernel_testing.h"

static void slices_are_combined(void** state) {
  (void)state;
  float data[6] = {1, 2, 3, 4, 5, 6}, updates[6] = {5, 6, 7, 8, 9, 10};
  int32_t indices[2] = {1, 0};
  ppn_tensor_t out = PPN_TENSOR(FLOAT32, data, 2, 3), i = PPN_TENSOR(INT32, indices, 2),
               u = PPN_TENSOR(FLOAT32, updates, 2, 3);
  assert_ok(ppn_kernel_scatter(&out, &i, &u, 0, PPN_SCATTER_ADD));
  assert_elements(&out, 9, 11, 13, 9, 11, 13);
  // Along the last axis, with a repeated index: both updates count, the last one wins.
  int32_t again[2] = {-1, 2};
  float columns[4] = {1, 2, 3, 4};
  i = PPN_TENSOR(INT32, again, 2);
  u = PPN_TENSOR(FLOAT32, columns, 2, 2);
  assert_ok(ppn_kernel_scatter(&out, &i, &u, 1, PPN_SCATTER_SUB));
  assert_elements(&out, 9, 11, 10, 9, 11, 6);
  assert_ok(ppn_kernel_scatter(&out, &i, &u, 1, PPN_SCATTER_UPDATE));
  assert_elements(&out, 9, 11, 2, 9, 11, 4);
}

static void every_mode(void** state) {
  (void)state;
  static const struct {
    ppn_scatter_mode_t mode;
    double expected[2];
  } cases[] = {
      {PPN_SCATTER_UPDATE, {2, 9}}, {PPN_SCATTER_ADD, {9, 13}}, {PPN_SCATTER_SUB, {5, -5}},
      {PPN_SCATTER_MUL, {14, 36}},  {PPN_SCATTER_MAX, {7, 9}},  {PPN_SCATTER_MIN, {2, 4}},
  };
  for (size_t i = 0; i < PPN_COUNT_OF(cases); ++i) {
    float singles[2] = {7, 4}, single_updates[2] = {2, 9};
    int8_t bytes[2] = {7, 4}, byte_updates[2] = {2, 9};
    double doubles[2] = {7, 4}, double_updates[2] = {2, 9};
    ppn_kernel_combine(PPN_DTYPE_FLOAT32, cases[i].mode, singles, single_updates, 2);
    ppn_kernel_combine(PPN_DTYPE_INT8, cases[i].mode, bytes, byte_updates, 2);
    ppn_kernel_combine(PPN_DTYPE_FLOAT64, cases[i].mode, doubles, double_updates, 2);
    for (int j = 0; j < 2; ++j) {
      assert_true(singles[j] == cases[i].expected[j]);
      assert_true(bytes[j] == cases[i].expected[j]);
      assert_true(doubles[j] == cases[i].expected[j]);
    }
  }
  float quotient[2] = {7, 1}, divisors[2] = {2, 0};
  ppn_kernel_combine(PPN_DTYPE_FLOAT32, PPN_SCATTER_DIV, quotient, divisors, 2);
  assert_true(quotient[0] == 3.5f && isinf(quotient[1]));
  int32_t integers[3] = {-7, 1, INT32_MIN}, by[3] = {2, 0, -1};
  ppn_kernel_combine(PPN_DTYPE_INT32, PPN_SCATTER_DIV, integers, by, 3);
  assert_int_equal(integers[0], -3);
  assert_int_equal(integers[1], 0);
  float with_nan[2] = {NAN, 1}, other[2] = {1, NAN};
  ppn_kernel_combine(PPN_DTYPE_FLOAT32, PPN_SCATTER_MAX, with_nan, other, 2);
  assert_true(isnan(with_nan[0]) && isnan(with_nan[1]));
}

static void elements_are_combined(void** state) {
  (void)state;
  float data[6] = {0}, updates[6] = {1, 2, 3, 4, 5, 6};
  int64_t indices[4] = {2, 0, 1, -2};
  ppn_tensor_t out = PPN_TENSOR(FLOAT32, data, 2, 3), i = PPN_TENSOR(INT64, indices, 2, 2),
               u = PPN_TENSOR(FLOAT32, updates, 2, 3);
  // Fewer indices than updates: the first columns count.
  assert_ok(ppn_kernel_scatter_along_axis(&out, &i, &u, 1, PPN_SCATTER_ADD));
  assert_elements(&out, 2, 0, 1, 0, 9, 0);
  indices[0] = 3;
  assert_fails(OUT_OF_RANGE, "index 3",
               ppn_kernel_scatter_along_axis(&out, &i, &u, 1, PPN_SCATTER_ADD));
  assert_elements(&out, 2, 0, 1, 0, 9, 0);
}

static void coordinates_are_combined(void** state) {
  (void)state;
  int32_t data[6] = {0}, updates[4] = {1, 2, 3, 4}, indices[4] = {1, 0, 0, -1};
  ppn_tensor_t out = PPN_TENSOR(INT32, data, 2, 3), i = PPN_TENSOR(INT32, indices, 2, 2),
               u = PPN_TENSOR(INT32, updates, 2);
  assert_ok(ppn_kernel_scatter_nd(&out, &i, &u, PPN_SCATTER_ADD));
  assert_elements(&out, 0, 0, 2, 1, 0, 0);
  // Coordinates of length 1 address rows.
  int32_t rows[2] = {1, 1}, slices[6] = {1, 2, 3, 10, 20, 30};
  i = PPN_TENSOR(INT32, rows, 2, 1);
  u = PPN_TENSOR(INT32, slices, 2, 3);
  assert_ok(ppn_kernel_scatter_nd(&out, &i, &u, PPN_SCATTER_ADD));
  assert_elements(&out, 0, 0, 2, 12, 22, 33);
  rows[1] = 2;
  assert_fails(OUT_OF_RANGE, "index 2", ppn_kernel_scatter_nd(&out, &i, &u, PPN_SCATTER_ADD));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slices_are_combined),
      cmocka_unit_test(every_mode),
      cmocka_unit_test(elements_are_combined),
      cmocka_unit_test(coordinates_are_combined),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
