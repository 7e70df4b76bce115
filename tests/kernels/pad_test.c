// Padding.
#include "kernels/pad.h"

#include <string.h>

#include "base/thread_pool.h"
#include "kernels/copy.h"
#include "kernels/kernel_testing.h"

static void constant_padding(void** state) {
  (void)state;
  float data[4] = {1, 2, 3, 4}, result[20], value = 9;
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 2, 2), out = PPN_TENSOR(FLOAT32, result, 3, 4);
  ppn_kernel_pad(&x, (const int64_t[]){1, 0}, PPN_PAD_CONSTANT, &value, &out, NULL);
  assert_elements(&out, 9, 9, 9, 9, 1, 2, 9, 9, 3, 4, 9, 9);
  // Negative amounts crop: one column goes, one row comes at the end.
  out = PPN_TENSOR(FLOAT32, result, 3, 1);
  ppn_kernel_pad(&x, (const int64_t[]){0, -1}, PPN_PAD_CONSTANT, &value, &out, NULL);
  assert_elements(&out, 2, 4, 9);
  // Nothing of x is left.
  out = PPN_TENSOR(FLOAT32, result, 2, 2);
  ppn_kernel_pad(&x, (const int64_t[]){0, -3}, PPN_PAD_CONSTANT, &value, &out, NULL);
  assert_elements(&out, 9, 9, 9, 9);
  ppn_kernel_pad(&x, (const int64_t[]){0, 5}, PPN_PAD_CONSTANT, &value, &out, NULL);
  assert_elements(&out, 9, 9, 9, 9);
  x = PPN_TENSOR(FLOAT32, data, 0, 2);
  ppn_kernel_pad(&x, (const int64_t[]){1, 0}, PPN_PAD_CONSTANT, &value, &out, NULL);
  assert_elements(&out, 9, 9, 9, 9);
}

static void mirrored_and_repeated_edges(void** state) {
  (void)state;
  int16_t data[6] = {1, 2, 3, 4, 5, 6}, result[30];
  ppn_tensor_t x = PPN_TENSOR(INT16, data, 2, 3), out = PPN_TENSOR(INT16, result, 3, 6);
  ppn_kernel_pad(&x, (const int64_t[]){1, 2}, PPN_PAD_REFLECT, NULL, &out, NULL);
  assert_elements(&out, 6, 5, 4, 5, 6, 5, 3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5);
  ppn_kernel_pad(&x, (const int64_t[]){0, 1}, PPN_PAD_REPLICATE, NULL, &out, NULL);
  assert_elements(&out, 1, 1, 2, 3, 3, 3, 4, 4, 5, 6, 6, 6, 4, 4, 5, 6, 6, 6);
}

static void large_copies_on_several_threads(void** state) {
  (void)state;
  enum { ROWS = 700, COLUMNS = 513 };
  static int32_t data[ROWS * COLUMNS], result[ROWS * COLUMNS];
  ppn_thread_pool_t* pool;
  assert_ok(ppn_thread_pool_create(3, &pool));
  for (int i = 0; i < ROWS * COLUMNS; ++i) data[i] = i;
  ppn_tensor_t x = PPN_TENSOR(INT32, data, ROWS, COLUMNS),
               out = PPN_TENSOR(INT32, result, COLUMNS, ROWS), view = out;
  view.sizes[0] = ROWS;
  view.sizes[1] = COLUMNS;
  view.strides[0] = 1;
  view.strides[1] = ROWS;
  ppn_kernel_copy(&x, &view, pool);
  for (int i = 0; i < ROWS * COLUMNS; ++i) {
    assert_int_equal(result[i % COLUMNS * ROWS + i / COLUMNS], i);
  }
  int32_t value = 5;
  ppn_kernel_fill(&out, &value, pool);
  for (int i = 0; i < ROWS * COLUMNS; ++i) assert_int_equal(result[i], 5);
  ppn_thread_pool_free(pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(constant_padding),
      cmocka_unit_test(mirrored_and_repeated_edges),
      cmocka_unit_test(large_copies_on_several_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
