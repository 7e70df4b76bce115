// Element-wise kernels: broadcasting, strides and dtypes against loops over indices, and the values
// that are easy to get wrong, by hand.
#include "kernels/elementwise.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/portability.h"

typedef struct array {
  ppn_tensor_t tensor;
  void* memory;
} array_t;

// A tensor with small integral values. `order[i]` is the dimension that has the i-th largest
// stride; NULL: row-major.
static array_t make(ppn_dtype_t dtype, int rank, const int64_t* sizes, const int* order) {
  array_t array = {ppn_tensor_make(NULL, dtype, rank, sizes), NULL};
  int64_t stride = 1, numel = ppn_tensor_numel(&array.tensor);
  for (int i = rank - 1; i >= 0; --i) {
    int dimension = order ? order[i] : i;
    array.tensor.strides[dimension] = stride;
    stride *= sizes[dimension];
  }
  array.memory = malloc(numel ? (size_t)numel * 8 : 1);
  assert_non_null(array.memory);
  array.tensor.data = array.memory;
  for (int64_t i = 0; i < numel; ++i) {
    double value = (double)((i * 7 + rank) % 23) - (dtype == PPN_DTYPE_UINT8 ? 0 : 11);
    ppn_element_set_double(dtype, array.memory, i, dtype == PPN_DTYPE_BOOL ? value > 0 : value);
  }
  return array;
}

static double at(const ppn_tensor_t* tensor, int out_rank, const int64_t* index) {
  int64_t offset = 0;
  for (int i = 0; i < tensor->rank; ++i) {
    int64_t place = index[out_rank - tensor->rank + i];
    offset += tensor->sizes[i] == 1 ? 0 : place * tensor->strides[i];
  }
  return ppn_element_as_double(tensor->dtype, tensor->data, offset);
}

static bool next(const ppn_tensor_t* tensor, int64_t* index) {
  for (int i = tensor->rank - 1; i >= 0; --i) {
    if (++index[i] < tensor->sizes[i]) return true;
    index[i] = 0;
  }
  return false;
}

// x - 2 y of x, y with the sizes of `a` and `b`, in every order of dimensions given.
static void check_subtract(ppn_dtype_t x_dtype, ppn_dtype_t y_dtype, ppn_dtype_t out_dtype,
                           int a_rank, const int64_t* a, int b_rank, const int64_t* b, int out_rank,
                           const int64_t* out_sizes, const int* a_order, const int* out_order) {
  array_t x = make(x_dtype, a_rank, a, a_order), y = make(y_dtype, b_rank, b, NULL);
  array_t out = make(out_dtype, out_rank, out_sizes, out_order);
  ppn_dtype_t type = ppn_compute_type(ppn_dtype_promote(x_dtype, y_dtype));
  static const ppn_elementwise_parameters_t twice = {2, 0, 0};
  ppn_kernel_binary(PPN_BINARY_SUBTRACT, &twice, type, &x.tensor, &y.tensor, &out.tensor, NULL);
  int64_t index[PPN_MAX_RANK] = {0};
  if (ppn_tensor_numel(&out.tensor) > 0) {
    do {
      double expected = at(&x.tensor, out_rank, index) - 2 * at(&y.tensor, out_rank, index);
      double found = at(&out.tensor, out_rank, index);
      if (found != expected) fail_msg("%g instead of %g", found, expected);
    } while (next(&out.tensor, index));
  }
  free(x.memory);
  free(y.memory);
  free(out.memory);
}

#define SIZES(...)                                                 \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (const int64_t[]) { \
    __VA_ARGS__                                                    \
  }

static void broadcasting_and_strides(void** state) {
  (void)state;
  const ppn_dtype_t f32 = PPN_DTYPE_FLOAT32, f16 = PPN_DTYPE_FLOAT16, i32 = PPN_DTYPE_INT32;
  static const int channels_last[] = {0, 2, 3, 1}, reversed[] = {3, 2, 1, 0}, columns[] = {1, 0};
  check_subtract(f32, f32, f32, SIZES(7), SIZES(7), SIZES(7), NULL, NULL);
  check_subtract(f32, f32, f32, 0, NULL, 0, NULL, 0, NULL, NULL, NULL);
  check_subtract(f32, f32, f32, SIZES(3, 0), SIZES(1), SIZES(3, 0), NULL, NULL);
  check_subtract(f32, f32, f32, SIZES(5000), 0, NULL, SIZES(5000), NULL, NULL);
  check_subtract(f32, f32, f32, SIZES(20, 300), SIZES(300), SIZES(20, 300), NULL, NULL);
  check_subtract(f32, f32, f32, SIZES(20, 2000), SIZES(20, 1), SIZES(20, 2000), NULL, NULL);
  check_subtract(f32, f32, f32, SIZES(500, 3), SIZES(3), SIZES(500, 3), NULL, NULL);
  check_subtract(f32, f32, f32, SIZES(3), SIZES(500, 1), SIZES(500, 3), NULL, NULL);
  check_subtract(f32, f32, f32, SIZES(2, 5, 6, 7), SIZES(5, 1, 1), SIZES(2, 5, 6, 7), NULL, NULL);
  check_subtract(f32, f32, f32, SIZES(2, 5, 6, 7), SIZES(1, 1, 6, 1), SIZES(2, 5, 6, 7),
                 channels_last, channels_last);
  check_subtract(f32, f32, f32, SIZES(2, 5, 6, 70), SIZES(70), SIZES(2, 5, 6, 70), reversed, NULL);
  check_subtract(f32, f32, f32, SIZES(60, 70), SIZES(60, 70), SIZES(60, 70), NULL, columns);
  check_subtract(f32, f32, f32, SIZES(60, 70), SIZES(60, 70), SIZES(60, 70), columns, columns);
  check_subtract(f16, f16, f16, SIZES(40, 70), SIZES(1, 70), SIZES(40, 70), columns, NULL);
  check_subtract(i32, f32, f32, SIZES(40, 70), SIZES(1, 70), SIZES(40, 70), columns, NULL);
  check_subtract(i32, i32, i32, SIZES(4, 1, 70), SIZES(5, 1), SIZES(4, 5, 70), NULL, NULL);
  check_subtract(PPN_DTYPE_UINT8, PPN_DTYPE_INT64, PPN_DTYPE_INT64, SIZES(300, 9), SIZES(300, 9),
                 SIZES(300, 9), columns, NULL);
  check_subtract(PPN_DTYPE_FLOAT64, f32, PPN_DTYPE_FLOAT64, SIZES(9, 30), SIZES(30), SIZES(9, 30),
                 NULL, NULL);
  check_subtract(PPN_DTYPE_BFLOAT16, PPN_DTYPE_BOOL, f32, SIZES(9, 30), SIZES(30), SIZES(9, 30),
                 NULL, NULL);
  check_subtract(PPN_DTYPE_INT16, PPN_DTYPE_INT8, PPN_DTYPE_INT16, SIZES(9, 30), SIZES(9, 1),
                 SIZES(9, 30), NULL, columns);
}

static void several_threads_give_the_same(void** state) {
  (void)state;
  ppn_thread_pool_t* pool;
  assert_null(ppn_thread_pool_create(4, &pool));
  array_t x = make(PPN_DTYPE_FLOAT32, SIZES(37, 11, 501), NULL);
  array_t y = make(PPN_DTYPE_FLOAT32, SIZES(11, 1), NULL);
  array_t one = make(PPN_DTYPE_FLOAT32, SIZES(37, 11, 501), NULL);
  array_t many = make(PPN_DTYPE_FLOAT32, SIZES(37, 11, 501), NULL);
  ppn_kernel_binary(PPN_BINARY_DIVIDE, NULL, PPN_DTYPE_FLOAT32, &x.tensor, &y.tensor, &one.tensor,
                    NULL);
  ppn_kernel_binary(PPN_BINARY_DIVIDE, NULL, PPN_DTYPE_FLOAT32, &x.tensor, &y.tensor, &many.tensor,
                    pool);
  assert_memory_equal(one.memory, many.memory, 37 * 11 * 501 * sizeof(float));
  ppn_kernel_binary(PPN_BINARY_DIVIDE, NULL, PPN_DTYPE_FLOAT32, &x.tensor, &y.tensor, &x.tensor,
                    pool);
  assert_memory_equal(one.memory, x.memory, 37 * 11 * 501 * sizeof(float));
  ppn_thread_pool_free(pool);
  array_t* arrays[] = {&x, &y, &one, &many};
  for (size_t i = 0; i < PPN_COUNT_OF(arrays); ++i) free(arrays[i]->memory);
}

// ---- Values ----

static double unary(ppn_unary_t op, ppn_dtype_t dtype, double x, double alpha, double beta,
                    double gamma) {
  uint8_t in[8], out[8];
  ppn_dtype_t out_dtype = ppn_unary_is_predicate(op) ? PPN_DTYPE_BOOL : dtype;
  ppn_element_set_double(dtype, in, 0, x);
  ppn_tensor_t x_tensor = ppn_tensor_make(in, dtype, 0, NULL);
  ppn_tensor_t out_tensor = ppn_tensor_make(out, out_dtype, 0, NULL);
  ppn_elementwise_parameters_t parameters = {alpha, beta, gamma};
  ppn_kernel_unary(op, &parameters, &x_tensor, &out_tensor, NULL);
  return ppn_element_as_double(out_dtype, out, 0);
}

static double binary(ppn_binary_t op, ppn_dtype_t dtype, double x, double y) {
  uint8_t a[8], b[8], out[8];
  ppn_dtype_t out_dtype = ppn_binary_is_predicate(op) ? PPN_DTYPE_BOOL : dtype;
  ppn_element_set_double(dtype, a, 0, x);
  ppn_element_set_double(dtype, b, 0, y);
  ppn_tensor_t x_tensor = ppn_tensor_make(a, dtype, 0, NULL);
  ppn_tensor_t y_tensor = ppn_tensor_make(b, dtype, 0, NULL);
  ppn_tensor_t out_tensor = ppn_tensor_make(out, out_dtype, 0, NULL);
  ppn_kernel_binary(op, NULL, ppn_compute_type(dtype), &x_tensor, &y_tensor, &out_tensor, NULL);
  return ppn_element_as_double(out_dtype, out, 0);
}

static void assert_same(double found, double expected) {
  bool same =
      isnan(expected) ? isnan(found) : found == expected && !signbit(found) == !signbit(expected);
  if (!same) fail_msg("%g instead of %g", found, expected);
}

static void special_values(void** state) {
  (void)state;
  const ppn_dtype_t floats[] = {PPN_DTYPE_FLOAT32, PPN_DTYPE_FLOAT64, PPN_DTYPE_FLOAT16};
  for (size_t i = 0; i < PPN_COUNT_OF(floats); ++i) {
    ppn_dtype_t d = floats[i];
    assert_same(unary(PPN_UNARY_RELU, d, NAN, 0, 0, 0), NAN);
    assert_same(unary(PPN_UNARY_RELU, d, -INFINITY, 0, 0, 0), 0);
    assert_same(unary(PPN_UNARY_CLIP, d, NAN, -1, 1, 0), NAN);
    assert_same(unary(PPN_UNARY_CLIP, d, 5, -1, INFINITY, 0), 5);
    assert_same(unary(PPN_UNARY_CLIP, d, 5, 3, 2, 0), 2);
    assert_same(unary(PPN_UNARY_SIGN, d, NAN, 0, 0, 0), 0);
    assert_same(unary(PPN_UNARY_SIGN, d, -3, 0, 0, 0), -1);
    assert_same(unary(PPN_UNARY_ROUND, d, 2.5, 0, 0, 0), 2);
    assert_same(unary(PPN_UNARY_ROUND, d, -0.5, 0, 0, 0), -0.0);
    assert_same(unary(PPN_UNARY_ROUND, d, 1.5, 0, 0, 0), 2);
    assert_same(unary(PPN_UNARY_TRUNCATE, d, -1.75, 0, 0, 0), -1);
    assert_same(unary(PPN_UNARY_LOG, d, 0, 0, 0, 0), -INFINITY);
    assert_same(unary(PPN_UNARY_LOG, d, -1, 0, 0, 0), NAN);
    assert_same(unary(PPN_UNARY_EXP, d, -INFINITY, 0, 0, 0), 0);
    assert_same(unary(PPN_UNARY_EXP, d, INFINITY, 0, 0, 0), INFINITY);
    assert_same(unary(PPN_UNARY_EXP, d, NAN, 0, 0, 0), NAN);
    assert_same(unary(PPN_UNARY_TANH, d, -INFINITY, 0, 0, 0), -1);
    assert_same(unary(PPN_UNARY_TANH, d, -0.0, 0, 0, 0), -0.0);
    assert_same(unary(PPN_UNARY_ERF, d, INFINITY, 0, 0, 0), 1);
    assert_same(unary(PPN_UNARY_GELU, d, INFINITY, 0, 0, 0), INFINITY);
    assert_same(unary(PPN_UNARY_GELU, d, -100, 0, 0, 0), -0.0);
    assert_same(unary(PPN_UNARY_GELU_TANH, d, 100, 0, 0, 0), 100);
    assert_same(unary(PPN_UNARY_SIGMOID, d, -INFINITY, 0, 0, 0), 0);
    assert_same(unary(PPN_UNARY_SILU, d, INFINITY, 0, 0, 0), INFINITY);
    assert_same(unary(PPN_UNARY_SOFTPLUS, d, 1000, 0, 0, 0), 1000);
    assert_same(unary(PPN_UNARY_SOFTPLUS, d, -1000, 0, 0, 0), 0);
    assert_same(unary(PPN_UNARY_RECIPROCAL, d, -0.0, -0.0, 0, 0), -INFINITY);
    assert_same(unary(PPN_UNARY_IS_NAN, d, NAN, 0, 0, 0), 1);
    assert_same(unary(PPN_UNARY_IS_INFINITE, d, -INFINITY, 0, 0, 0), 1);
    assert_same(unary(PPN_UNARY_IS_INFINITE, d, NAN, 0, 0, 0), 0);
    assert_same(unary(PPN_UNARY_LOGICAL_NOT, d, -0.0, 0, 0, 0), 1);
    assert_same(unary(PPN_UNARY_LOGICAL_NOT, d, NAN, 0, 0, 0), 0);
    assert_same(unary(PPN_UNARY_LEAKY_RELU, d, -4, 0.25, 0, 0), -1);
    assert_same(unary(PPN_UNARY_THRESHOLDED_RELU, d, 1, 1, 0, 0), 1);
    assert_same(unary(PPN_UNARY_THRESHOLDED_RELU, d, 0.5, 1, 0, 0), 0);
    assert_same(unary(PPN_UNARY_CLAMPED_RELU, d, -4, 0.5, -3, 0), -3);
    assert_same(unary(PPN_UNARY_HARD_SIGMOID, d, 1, 0.25, 0.5, 0), 0.75);
    assert_same(unary(PPN_UNARY_ELU, d, 2, 5, 3, 1), 6);
    assert_same(unary(PPN_UNARY_ELU, d, -1000, 5, 1, 1), -5);
    assert_same(unary(PPN_UNARY_LOGIT, d, 2, 0.5, 0, 0), 0);
    assert_same(binary(PPN_BINARY_MAXIMUM, d, NAN, 1), NAN);
    assert_same(binary(PPN_BINARY_MAXIMUM, d, 1, NAN), NAN);
    assert_same(binary(PPN_BINARY_MINIMUM, d, 1, NAN), NAN);
    assert_same(binary(PPN_BINARY_MINIMUM, d, -2, 1), -2);
    assert_same(binary(PPN_BINARY_EQUAL, d, NAN, NAN), 0);
    assert_same(binary(PPN_BINARY_NOT_EQUAL, d, NAN, NAN), 1);
    assert_same(binary(PPN_BINARY_EQUAL, d, 0, -0.0), 1);
    assert_same(binary(PPN_BINARY_DIVIDE_FLOOR, d, -7, 3), -3);
    assert_same(binary(PPN_BINARY_DIVIDE_FLOOR, d, 1, 0), INFINITY);
    assert_same(binary(PPN_BINARY_DIVIDE_FLOOR, d, 7, -INFINITY), -1);
    assert_same(binary(PPN_BINARY_DIVIDE_TRUNCATE, d, -7, 2), -3);
    assert_same(binary(PPN_BINARY_REMAINDER, d, -7, 3), 2);
    assert_same(binary(PPN_BINARY_REMAINDER, d, 7, -3), -2);
    assert_same(binary(PPN_BINARY_FMOD, d, -7, 3), -1);
    assert_same(binary(PPN_BINARY_POWER, d, -8, 1.0 / 3), NAN);
    assert_same(binary(PPN_BINARY_PRELU, d, -8, 0.25), -2);
  }
  // 1 / 0.1f rounds to 10, but ten times 0.1f is more than 1.
  assert_same(binary(PPN_BINARY_DIVIDE_FLOOR, PPN_DTYPE_FLOAT32, 1, 0.1), 9);
}

static void integers(void** state) {
  (void)state;
  const ppn_dtype_t i32 = PPN_DTYPE_INT32, u8 = PPN_DTYPE_UINT8, i64 = PPN_DTYPE_INT64;
  assert_same(binary(PPN_BINARY_ADD, i32, INT32_MAX, 1), INT32_MIN);
  assert_same(binary(PPN_BINARY_MULTIPLY, i32, 65536, 65536), 0);
  assert_same(binary(PPN_BINARY_ADD, u8, 250, 10), 4);
  assert_same(binary(PPN_BINARY_DIVIDE, i32, -7, 2), -3);
  assert_same(binary(PPN_BINARY_DIVIDE, i32, INT32_MIN, -1), INT32_MIN);
  assert_same(binary(PPN_BINARY_DIVIDE, i64, -0x1p63, -1), -0x1p63);
  assert_same(binary(PPN_BINARY_DIVIDE_FLOOR, i32, -7, 3), -3);
  assert_same(binary(PPN_BINARY_DIVIDE_FLOOR, i32, 7, -3), -3);
  assert_same(binary(PPN_BINARY_DIVIDE_FLOOR, i32, -6, 3), -2);
  assert_same(binary(PPN_BINARY_DIVIDE_FLOOR, i32, 7, 0), 0);
  assert_same(binary(PPN_BINARY_REMAINDER, i32, -7, 3), 2);
  assert_same(binary(PPN_BINARY_REMAINDER, i32, 7, -3), -2);
  assert_same(binary(PPN_BINARY_REMAINDER, i32, -7, -3), -1);
  assert_same(binary(PPN_BINARY_FMOD, i32, -7, 3), -1);
  assert_same(binary(PPN_BINARY_POWER, i32, 3, 5), 243);
  assert_same(binary(PPN_BINARY_POWER, i32, 2, 40), 0);
  assert_same(binary(PPN_BINARY_POWER, i32, 2, -1), 0);
  assert_same(binary(PPN_BINARY_POWER, i32, -1, -3), -1);
  assert_same(binary(PPN_BINARY_SHIFT_LEFT, i64, 3, 4), 48);
  assert_same(binary(PPN_BINARY_SHIFT_RIGHT, i32, -16, 2), -4);
  assert_same(binary(PPN_BINARY_BITWISE_XOR, u8, 0xf0, 0x3c), 0xcc);
  assert_same(binary(PPN_BINARY_LOGICAL_XOR, i32, 5, 7), 0);
  assert_same(binary(PPN_BINARY_LESS, i64, -1, 0), 1);
  assert_same(unary(PPN_UNARY_ABS, i32, INT32_MIN, 0, 0, 0), INT32_MIN);
  assert_same(unary(PPN_UNARY_NEGATE, u8, 1, 0, 0, 0), 255);
  assert_same(unary(PPN_UNARY_SIGN, i64, -9, 0, 0, 0), -1);
  assert_same(unary(PPN_UNARY_CLIP, i32, -9, -3, INFINITY, 0), -3);
  assert_same(unary(PPN_UNARY_CLIP, i32, 9, -INFINITY, 4, 0), 4);
  assert_same(unary(PPN_UNARY_BITWISE_NOT, PPN_DTYPE_INT8, 5, 0, 0, 0), -6);
  assert_same(unary(PPN_UNARY_LOGICAL_NOT, PPN_DTYPE_BOOL, 1, 0, 0, 0), 0);
  assert_same(unary(PPN_UNARY_CEIL, i32, 3, 0, 0, 0), 3);
}

static void integers_to_float_functions(void** state) {
  (void)state;
  int64_t in[] = {0, 4, 9};
  float out[3];
  ppn_tensor_t x = ppn_tensor_make(in, PPN_DTYPE_INT64, SIZES(3));
  ppn_tensor_t y = ppn_tensor_make(out, PPN_DTYPE_FLOAT32, SIZES(3));
  ppn_kernel_unary(PPN_UNARY_SQRT, NULL, &x, &y, NULL);
  assert_true(out[0] == 0 && out[1] == 2 && out[2] == 3);
}

static void selection(void** state) {
  (void)state;
  uint8_t condition[] = {1, 0, 1};
  float a[] = {1, 2, 3}, b[] = {NAN, INFINITY, -0.0f}, out[9];
  ppn_tensor_t x = ppn_tensor_make(condition, PPN_DTYPE_BOOL, SIZES(3, 1));
  ppn_tensor_t y = ppn_tensor_make(a, PPN_DTYPE_FLOAT32, SIZES(3));
  ppn_tensor_t z = ppn_tensor_make(b, PPN_DTYPE_FLOAT32, SIZES(3));
  ppn_tensor_t result = ppn_tensor_make(out, PPN_DTYPE_FLOAT32, SIZES(3, 3));
  ppn_kernel_ternary(PPN_TERNARY_SELECT, PPN_DTYPE_FLOAT32, &x, &y, &z, &result, NULL);
  const float expected[] = {1, 2, 3, NAN, INFINITY, -0.0f, 1, 2, 3};
  for (int i = 0; i < 9; ++i) assert_same(out[i], expected[i]);
  float low[] = {0, NAN, 5};
  ppn_tensor_t limits = ppn_tensor_make(low, PPN_DTYPE_FLOAT32, SIZES(3));
  ppn_tensor_t row = ppn_tensor_make(out, PPN_DTYPE_FLOAT32, SIZES(3));
  ppn_kernel_ternary(PPN_TERNARY_CLAMP, PPN_DTYPE_FLOAT32, &y, &limits, &y, &row, NULL);
  assert_same(out[0], 1);
  assert_same(out[1], NAN);
  assert_same(out[2], 3);
  ppn_kernel_ternary(PPN_TERNARY_AFFINE, PPN_DTYPE_FLOAT32, &y, &y, &y, &row, NULL);
  assert_true(out[0] == 2 && out[1] == 6 && out[2] == 12);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(broadcasting_and_strides),
      cmocka_unit_test(several_threads_give_the_same),
      cmocka_unit_test(special_values),
      cmocka_unit_test(integers),
      cmocka_unit_test(integers_to_float_functions),
      cmocka_unit_test(selection),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
