// Sorting and selection: by hand, and against each other.
#include "kernels/sort.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel_testing.h"

static void sort(const ppn_tensor_t* x, int axis, int64_t k, bool descending,
                 const ppn_tensor_t* values, const ppn_tensor_t* indices, ppn_thread_pool_t* pool) {
  void* scratch = malloc(ppn_kernel_sort_scratch(x, axis, k, pool) + 1);
  assert_non_null(scratch);
  ppn_kernel_sort(x, axis, k, descending, values, indices, scratch, pool);
  free(scratch);
}

static void equal_elements_keep_their_order(void** state) {
  (void)state;
  float data[5] = {2, 1, 2, -0.0f, 0}, values[5];
  int32_t indices[5];
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 5), v = PPN_TENSOR(FLOAT32, values, 5),
               i = PPN_TENSOR(INT32, indices, 5);
  sort(&x, 0, 5, true, &v, &i, NULL);
  assert_elements(&v, 2, 2, 1, 0, 0);
  assert_elements(&i, 0, 2, 1, 3, 4);
  sort(&x, 0, 5, false, &v, &i, NULL);
  assert_elements(&i, 3, 4, 1, 0, 2);
  assert_true(signbit(values[0]) && !signbit(values[1]));
}

static void nan_is_the_largest(void** state) {
  (void)state;
  float data[4] = {INFINITY, NAN, -INFINITY, 1};
  int64_t indices[4];
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 4), i = PPN_TENSOR(INT64, indices, 4);
  sort(&x, 0, 4, true, NULL, &i, NULL);
  assert_elements(&i, 1, 0, 3, 2);
  sort(&x, 0, 4, false, NULL, &i, NULL);
  assert_elements(&i, 2, 3, 0, 1);
}

static void rows_along_any_axis(void** state) {
  (void)state;
  int16_t data[6] = {3, -1, 2, 1, 5, 2}, values[4];
  uint16_t indices[4];
  ppn_tensor_t x = PPN_TENSOR(INT16, data, 3, 2), v = PPN_TENSOR(INT16, values, 2, 2),
               i = PPN_TENSOR(UINT16, indices, 2, 2);
  sort(&x, 0, 2, true, &v, &i, NULL);
  assert_elements(&v, 5, 2, 3, 1);
  assert_elements(&i, 2, 2, 0, 1);
  int64_t large[2] = {INT64_MAX, INT64_MIN};
  x = PPN_TENSOR(INT64, large, 2);
  i = PPN_TENSOR(UINT16, indices, 2);
  sort(&x, 0, 2, false, NULL, &i, NULL);
  assert_elements(&i, 1, 0);
}

static void nothing_and_scalars(void** state) {
  (void)state;
  float data[1] = {4}, values[1] = {0};
  int32_t index[1] = {9};
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 0, 3), v = PPN_TENSOR(FLOAT32, values, 0, 3),
               i = PPN_TENSOR(INT32, index, 0, 3);
  sort(&x, 1, 3, true, &v, &i, NULL);
  sort(&x, 0, 0, true, &v, &i, NULL);
  x = ppn_tensor_make(data, PPN_DTYPE_FLOAT32, 0, NULL);
  v = ppn_tensor_make(values, PPN_DTYPE_FLOAT32, 0, NULL);
  i = ppn_tensor_make(index, PPN_DTYPE_INT32, 0, NULL);
  sort(&x, 0, 1, true, &v, &i, NULL);
  assert_elements(&v, 4);
  assert_elements(&i, 0);
}

static void selection_is_a_part_of_sorting(void** state) {
  (void)state;
  enum { ROWS = 7, SIZE = 1000 };
  static float data[ROWS * SIZE];
  static int32_t all[ROWS * SIZE], some[ROWS * SIZE];
  uint32_t seed = 3;
  for (int i = 0; i < ROWS * SIZE; ++i) {
    seed = seed * 1664525 + 1013904223;
    data[i] = (float)(seed >> 22);  // with many equal ones
  }
  ppn_thread_pool_t* pool;
  assert_ok(ppn_thread_pool_create(2, &pool));
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, ROWS, SIZE), i = PPN_TENSOR(INT32, all, ROWS, SIZE);
  sort(&x, 1, SIZE, true, NULL, &i, pool);
  for (int row = 0; row < ROWS; ++row) {
    const int32_t* order = all + row * SIZE;
    for (int j = 1; j < SIZE; ++j) {
      float before = data[row * SIZE + order[j - 1]], after = data[row * SIZE + order[j]];
      assert_true(before > after || (before == after && order[j - 1] < order[j]));
    }
  }
  static const int64_t counts[] = {1, 2, 50, 249, 250, 251, 999};
  for (size_t n = 0; n < PPN_COUNT_OF(counts); ++n) {
    ppn_tensor_t part = PPN_TENSOR(INT32, some, ROWS, counts[n]);
    sort(&x, 1, counts[n], true, NULL, &part, pool);
    for (int row = 0; row < ROWS; ++row) {
      assert_memory_equal(some + row * counts[n], all + row * SIZE, (size_t)counts[n] * 4);
    }
  }
  ppn_thread_pool_free(pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_elements_keep_their_order),
      cmocka_unit_test(nan_is_the_largest),
      cmocka_unit_test(rows_along_any_axis),
      cmocka_unit_test(nothing_and_scalars),
      cmocka_unit_test(selection_is_a_part_of_sorting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
