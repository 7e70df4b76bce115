// Ranges, bands, one-hot vectors and what is not zero.
#include "kernels/creation.h"

#include <math.h>
#include <string.h>

#include "kernels/kernel_testing.h"

static void ranges(void** state) {
  (void)state;
  float floats[4];
  int64_t integers[3];
  ppn_tensor_t out = PPN_TENSOR(FLOAT32, floats, 4);
  ppn_kernel_range(1, -0.25, &out);
  assert_elements(&out, 1, 0.75, 0.5, 0.25);
  out = PPN_TENSOR(INT64, integers, 3);
  ppn_kernel_range_integers(INT64_MAX - 4, 2, &out);
  assert_true(integers[0] == INT64_MAX - 4 && integers[2] == INT64_MAX);
}

static void bands_select(void** state) {
  (void)state;
  float data[12] = {1, 2, 3, 4, 5, NAN, 7, 8, 9, 10, 11, 12}, result[12];
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 3, 4), out = PPN_TENSOR(FLOAT32, result, 3, 4);
  ppn_kernel_band(&x, INT64_MIN, -1, &out);  // NaN on the diagonal goes
  assert_elements(&out, 0, 0, 0, 0, 5, 0, 0, 0, 9, 10, 0, 0);
  ppn_kernel_band(&x, 1, INT64_MAX, &out);
  assert_elements(&out, 0, 2, 3, 4, 0, 0, 7, 8, 0, 0, 0, 12);
  ppn_kernel_band(&x, 3, 3, &out);
  assert_elements(&out, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0);
  ppn_kernel_band(&x, 9, 99, &out);
  assert_elements(&out, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  // In place, over several matrices.
  ppn_tensor_t y = PPN_TENSOR(FLOAT32, data, 2, 3, 2);
  ppn_kernel_band(&y, 0, 0, &y);
  assert_elements(&y, 1, 0, 0, 4, 0, 0, 7, 0, 0, 10, 0, 0);
}

static void coordinates_of_nonzero_elements(void** state) {
  (void)state;
  float data[6] = {0, 1, NAN, -0.0f, 0, 5};
  int64_t result[6];
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 2, 3), out = PPN_TENSOR(INT64, result, 3, 2);
  assert_int_equal(ppn_kernel_count_nonzero(&x), 3);
  ppn_kernel_nonzero(&x, &out);
  assert_elements(&out, 0, 1, 0, 2, 1, 2);
  // In the view's own order.
  x.sizes[0] = 3;
  x.sizes[1] = 2;
  x.strides[0] = 1;
  x.strides[1] = 3;
  ppn_kernel_nonzero(&x, &out);
  assert_elements(&out, 1, 0, 2, 0, 2, 1);
  // A scalar has a coordinate without components; an empty tensor has none.
  x = ppn_tensor_make(data + 1, PPN_DTYPE_FLOAT32, 0, NULL);
  assert_int_equal(ppn_kernel_count_nonzero(&x), 1);
  x = PPN_TENSOR(FLOAT32, data, 0, 3);
  assert_int_equal(ppn_kernel_count_nonzero(&x), 0);
  static uint8_t many[3 * 1000];
  memset(many, 1, sizeof(many));
  x = PPN_TENSOR(BOOL, many, 3, 1000);
  assert_int_equal(ppn_kernel_count_nonzero(&x), 3000);
}

static void one_hot_vectors(void** state) {
  (void)state;
  int32_t indices[4] = {0, 2, 3, -1}, on = 7, result[12] = {0};
  ppn_tensor_t i = PPN_TENSOR(INT32, indices, 2, 2), out = PPN_TENSOR(INT32, result, 2, 2, 3);
  ppn_kernel_one_hot(&i, 2, &on, &out);
  assert_elements(&out, 7, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0);
  memset(result, 0, sizeof(result));
  out = PPN_TENSOR(INT32, result, 2, 3, 2);
  ppn_kernel_one_hot(&i, 1, &on, &out);
  assert_elements(&out, 7, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges),
      cmocka_unit_test(bands_select),
      cmocka_unit_test(coordinates_of_nonzero_elements),
      cmocka_unit_test(one_hot_vectors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
