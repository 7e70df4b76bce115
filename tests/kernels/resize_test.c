// Resizing.
#include "kernels/resize.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/kernel_testing.h"

enum { MAX = 64 };

// Positions i * step + offset.
static ppn_resize_axis_t make_axis(int64_t in, int64_t out, double step, double offset,
                                   void* memory) {
  ppn_resize_axis_t axis = ppn_resize_axis_make(in, out, memory);
  for (int64_t i = 0; i < out; ++i) ppn_resize_axis_set(&axis, i, (double)i * step + offset);
  return axis;
}

static void positions_are_clamped(void** state) {
  (void)state;
  int64_t memory[MAX];
  assert_true(ppn_resize_axis_size(5) <= sizeof(memory));
  ppn_resize_axis_t axis = make_axis(2, 5, 0.4, -0.3, memory);  // half-pixel centres, 2 to 5
  for (int i = 0; i < 5; ++i) {
    static const double expected[] = {0, 0.1, 0.5, 0.9, 1};
    double found = axis.low[i] + axis.weight[i];
    assert_true(found > expected[i] - 1e-6 && found < expected[i] + 1e-6);
    assert_true(axis.high[i] <= 1);
  }
}

static void images_are_interpolated(void** state) {
  (void)state;
  float data[4] = {1, 2, 3, 4}, result[9];
  int64_t memory[2][MAX];
  ppn_resize_axis_t axes[2] = {make_axis(2, 3, 0.5, 0, memory[0]),
                               make_axis(2, 3, 0.5, 0, memory[1])};
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 1, 2, 2), out = PPN_TENSOR(FLOAT32, result, 1, 3, 3);
  float scratch[MAX];
  assert_true(ppn_kernel_resize_scratch(axes, 2, NULL) <= sizeof(scratch));
  ppn_kernel_resize_linear(&x, axes, 2, &out, scratch, NULL);
  assert_elements(&out, 1, 1.5, 2, 2, 2.5, 3, 3, 3.5, 4);
  // In integers: rounded, halves to even.
  int32_t integers[4] = {1, 2, 3, 4}, integer_result[9];
  x = PPN_TENSOR(INT32, integers, 2, 2);
  out = PPN_TENSOR(INT32, integer_result, 3, 3);
  ppn_kernel_resize_linear(&x, axes, 2, &out, scratch, NULL);
  assert_elements(&out, 1, 2, 2, 2, 2, 3, 3, 4, 4);
}

static void volumes_are_interpolated(void** state) {
  (void)state;
  float data[8] = {0, 1, 2, 3, 4, 5, 6, 7}, result[27];
  int64_t memory[3][MAX];
  ppn_resize_axis_t axes[3];
  for (int i = 0; i < 3; ++i) axes[i] = make_axis(2, 3, 0.5, 0, memory[i]);
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 2, 2, 2), out = PPN_TENSOR(FLOAT32, result, 3, 3, 3);
  ppn_thread_pool_t* pool;
  assert_ok(ppn_thread_pool_create(2, &pool));
  float* scratch = malloc(ppn_kernel_resize_scratch(axes, 3, pool));
  assert_non_null(scratch);
  ppn_kernel_resize_linear(&x, axes, 3, &out, scratch, pool);
  for (int i = 0; i < 27; ++i) {  // linear in every coordinate
    double expected = 4 * (i / 9) * 0.5 + 2 * (i / 3 % 3) * 0.5 + (i % 3) * 0.5;
    assert_true(result[i] > expected - 1e-6 && result[i] < expected + 1e-6);
  }
  free(scratch);
  ppn_thread_pool_free(pool);
}

static void nearest_elements(void** state) {
  (void)state;
  int8_t data[6] = {1, 2, 3, 4, 5, 6}, result[24];
  int64_t memory[2][MAX];
  ppn_resize_axis_t axes[2] = {make_axis(2, 4, 0.5, 0, memory[0]),
                               make_axis(3, 6, 0.5, 0, memory[1])};
  ppn_tensor_t x = PPN_TENSOR(INT8, data, 2, 3), out = PPN_TENSOR(INT8, result, 4, 6);
  ppn_kernel_resize_nearest(&x, axes, 2, &out, NULL);
  assert_elements(&out, 1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 4, 4, 5, 5, 6, 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(positions_are_clamped),
      cmocka_unit_test(images_are_interpolated),
      cmocka_unit_test(volumes_are_interpolated),
      cmocka_unit_test(nearest_elements),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
