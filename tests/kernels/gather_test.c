// Reading by index.
#include "kernels/gather.h"

#include <string.h>

#include "kernels/kernel_testing.h"

static void slices_along_an_axis(void** state) {
  (void)state;
  float data[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, result[8];
  int32_t indices[4] = {2, 0, -1, 1};
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 2, 3, 2), i = PPN_TENSOR(INT32, indices, 2),
               out = PPN_TENSOR(FLOAT32, result, 2, 2, 2);
  assert_ok(ppn_kernel_gather(&x, &i, 1, 0, &out, NULL));
  assert_elements(&out, 4, 5, 0, 1, 10, 11, 6, 7);
  // Other indices for each batch.
  i = PPN_TENSOR(INT32, indices, 2, 2);
  assert_ok(ppn_kernel_gather(&x, &i, 1, 1, &out, NULL));
  assert_elements(&out, 4, 5, 0, 1, 10, 11, 8, 9);
  // A scalar index takes the axis away.
  i = ppn_tensor_make(indices, PPN_DTYPE_INT32, 0, NULL);
  out = PPN_TENSOR(FLOAT32, result, 2, 2);
  assert_ok(ppn_kernel_gather(&x, &i, 1, 0, &out, NULL));
  assert_elements(&out, 4, 5, 10, 11);
}

static void all_index_types(void** state) {
  (void)state;
  uint8_t data[3] = {7, 8, 9}, result[2], bytes[2] = {2, 1};
  int64_t longs[2] = {-1, -2};
  ppn_tensor_t x = PPN_TENSOR(UINT8, data, 3), out = PPN_TENSOR(UINT8, result, 2),
               i = PPN_TENSOR(UINT8, bytes, 2);
  assert_ok(ppn_kernel_gather(&x, &i, 0, 0, &out, NULL));
  assert_elements(&out, 9, 8);
  i = PPN_TENSOR(INT64, longs, 2);
  assert_ok(ppn_kernel_gather(&x, &i, 0, 0, &out, NULL));
  assert_elements(&out, 9, 8);
}

static void wrong_indices_are_named(void** state) {
  (void)state;
  float data[6] = {0}, result[6];
  int32_t indices[3] = {1, 5, -4};
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 3, 2), i = PPN_TENSOR(INT32, indices, 3),
               out = PPN_TENSOR(FLOAT32, result, 3, 2);
  assert_fails(OUT_OF_RANGE, "index 5 (element 1) is out of range for size 3",
               ppn_kernel_gather(&x, &i, 0, 0, &out, NULL));
  indices[1] = 0;
  assert_fails(OUT_OF_RANGE, "index -4", ppn_kernel_gather(&x, &i, 0, 0, &out, NULL));
  // No index is fine for an empty axis, any index is not.
  x = PPN_TENSOR(FLOAT32, data, 0, 2);
  assert_fails(OUT_OF_RANGE, "size 0", ppn_kernel_gather(&x, &i, 0, 0, &out, NULL));
  i = PPN_TENSOR(INT32, indices, 0);
  out = PPN_TENSOR(FLOAT32, result, 0, 2);
  assert_ok(ppn_kernel_gather(&x, &i, 0, 0, &out, NULL));
}

static void elements_along_an_axis(void** state) {
  (void)state;
  float data[6] = {0, 1, 2, 3, 4, 5}, result[6];
  int32_t indices[6] = {2, -3, 1, 0, 0, 2};
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 2, 3), i = PPN_TENSOR(INT32, indices, 2, 3),
               out = PPN_TENSOR(FLOAT32, result, 2, 3);
  assert_ok(ppn_kernel_gather_along_axis(&x, &i, 1, &out, NULL));
  assert_elements(&out, 2, 0, 1, 3, 3, 5);
  int32_t rows[3] = {1, 0, 1};
  i = PPN_TENSOR(INT32, rows, 1, 3);
  out = PPN_TENSOR(FLOAT32, result, 1, 3);
  assert_ok(ppn_kernel_gather_along_axis(&x, &i, 0, &out, NULL));
  assert_elements(&out, 3, 1, 5);
  // Fewer indices than x has on the other axis (torch.gather).
  i = PPN_TENSOR(INT32, rows, 1, 2);
  out = PPN_TENSOR(FLOAT32, result, 1, 2);
  assert_ok(ppn_kernel_gather_along_axis(&x, &i, 0, &out, NULL));
  assert_elements(&out, 3, 1);
  assert_fails(OUT_OF_RANGE, "index 2",
               ppn_kernel_gather_along_axis(&x,
                                            &(ppn_tensor_t){.data = indices,
                                                            .dtype = PPN_DTYPE_INT32,
                                                            .rank = 2,
                                                            .sizes = {1, 1},
                                                            .strides = {1, 1}},
                                            0, &out, NULL));
  // Rank 0.
  int32_t zero = 0;
  x = ppn_tensor_make(data + 4, PPN_DTYPE_FLOAT32, 0, NULL);
  i = ppn_tensor_make(&zero, PPN_DTYPE_INT32, 0, NULL);
  out = ppn_tensor_make(result, PPN_DTYPE_FLOAT32, 0, NULL);
  assert_ok(ppn_kernel_gather_along_axis(&x, &i, 0, &out, NULL));
  assert_elements(&out, 4);
}

static void slices_by_coordinates(void** state) {
  (void)state;
  float data[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, result[4];
  int32_t indices[4] = {1, 0, 0, -1};
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 2, 3, 2), i = PPN_TENSOR(INT32, indices, 2, 2),
               out = PPN_TENSOR(FLOAT32, result, 2, 2);
  assert_ok(ppn_kernel_gather_nd(&x, &i, 0, &out, NULL));
  assert_elements(&out, 6, 7, 4, 5);
  // With a batch dimension, coordinates address dimensions 1 and 2.
  out = PPN_TENSOR(FLOAT32, result, 2);
  assert_ok(ppn_kernel_gather_nd(&x, &i, 1, &out, NULL));
  assert_elements(&out, 2, 7);
  indices[2] = 3;
  assert_fails(OUT_OF_RANGE, "index 3 (component 0 of coordinate 1) is out of range for size 2",
               ppn_kernel_gather_nd(&x, &i, 0, &out, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slices_along_an_axis),    cmocka_unit_test(all_index_types),
      cmocka_unit_test(wrong_indices_are_named), cmocka_unit_test(elements_along_an_axis),
      cmocka_unit_test(slices_by_coordinates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
