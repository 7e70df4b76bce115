// Products of integers, and of operands of different types.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After those it needs.
#include <cmocka.h>

#include "engine/program_support.h"

#define SIZES(...) ((const int64_t[]){__VA_ARGS__})

static ppn_mil_value_t* int_tensor(fixture_t* fixture, int rank, const int64_t* sizes,
                                   const int32_t* data) {
  ppn_mil_value_t* value = NULL;
  expect_ok(
      ppn_mil_constant_tensor(&fixture->builder, NULL, PPN_DTYPE_INT32, rank, sizes, data, &value));
  return value;
}

static void expect_ints(const ppn_tensor_t* actual, int64_t count, const int32_t* expected) {
  assert_int_equal(actual->dtype, PPN_DTYPE_INT32);
  assert_int_equal(ppn_tensor_numel(actual), count);
  assert_memory_equal(actual->data, expected, (size_t)count * sizeof *expected);
}

// The weight is of integers; a relu follows, which products of floats would do themselves.
static void a_linear_of_floats_and_integers(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)),
                  *weight =
                      int_tensor(fixture, 2, SIZES(2, 3), (const int32_t[]){1, 2, 3, -1, 0, 1}),
                  *bias = int_tensor(fixture, 1, SIZES(2), (const int32_t[]){10, -1});
  ppn_mil_value_t* y = EMIT(fixture, "linear", PPN_MIL_IN("x", x), PPN_MIL_IN("weight", weight),
                            PPN_MIL_IN("bias", bias));
  y = EMIT(fixture, "relu", PPN_MIL_IN("x", y));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  float data[] = {0.5f, 1, 2, 3, 0, -2};
  ppn_tensor_t input = tensor(data, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)), output = {0};
  expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
  expect_floats(&output, 4, (const float[]){18.5f, 0.5f, 7, 0});
}

// x [2, 1, 2, 3] transposed to [2, 1, 3, 2] times y [2, 2, 1]: batches [2, 2].
static void a_matmul_of_integers(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_INT32, 4, SIZES(2, 1, 2, 3)),
                  *y = int_tensor(fixture, 3, SIZES(2, 2, 1), (const int32_t[]){1, 10, 0, 1}),
                  *yes = boolean(fixture, true), *no = boolean(fixture, false);
  ppn_mil_value_t* z = EMIT(fixture, "matmul", PPN_MIL_IN("x", x), PPN_MIL_IN("y", y),
                            PPN_MIL_IN("transpose_x", yes), PPN_MIL_IN("transpose_y", no));
  set_outputs(fixture, &z, 1);
  load(fixture, NULL);
  int32_t data[] = {1, 2, 3, 4, 5, 6, 0, 0, 1, 70000, 1, 2};
  ppn_tensor_t input = tensor(data, PPN_DTYPE_INT32, 4, SIZES(2, 1, 2, 3)), output = {0};
  expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
  assert_int_equal(output.rank, 4);
  expect_ints(&output, 12, (const int32_t[]){41, 52, 63, 4, 5, 6, 700000, 10, 21, 70000, 1, 2});
}

static void vectors_of_integers(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_INT32, 1, SIZES(3)),
                  *y = int_tensor(fixture, 2, SIZES(3, 2), (const int32_t[]){1, 2, 3, 4, 5, 6}),
                  *no = boolean(fixture, false);
  ppn_mil_value_t* z = EMIT(fixture, "matmul", PPN_MIL_IN("x", x), PPN_MIL_IN("y", y),
                            PPN_MIL_IN("transpose_x", no), PPN_MIL_IN("transpose_y", no));
  set_outputs(fixture, &z, 1);
  load(fixture, NULL);
  int32_t data[] = {1, 10, 100};
  ppn_tensor_t input = tensor(data, PPN_DTYPE_INT32, 1, SIZES(3)), output = {0};
  expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
  assert_int_equal(output.rank, 1);
  expect_ints(&output, 2, (const int32_t[]){531, 642});
}

// a [2, 1, 2] and b [2, 1, 3] by 'chw,whr->chr'.
static void an_einsum_of_integers(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *a = add_input(fixture, "a", PPN_DTYPE_INT32, 3, SIZES(2, 1, 2)),
                  *b = int_tensor(fixture, 3, SIZES(2, 1, 3), (const int32_t[]){1, 2, 3, 4, 5, 6}),
                  *equation = NULL;
  expect_ok(ppn_mil_constant_string(&fixture->builder, NULL, "chw,whr->chr", &equation));
  ppn_mil_value_t* pair[] = {a, b};
  ppn_mil_value_t* y =
      EMIT(fixture, "einsum", PPN_MIL_INS("values", pair, 2), PPN_MIL_IN("equation", equation));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  int32_t data[] = {1, 10, 0, 2};
  ppn_tensor_t input = tensor(data, PPN_DTYPE_INT32, 3, SIZES(2, 1, 2)), output = {0};
  expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
  expect_ints(&output, 6, (const int32_t[]){41, 52, 63, 8, 10, 12});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_linear_of_floats_and_integers, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_matmul_of_integers, set_up, tear_down),
      cmocka_unit_test_setup_teardown(vectors_of_integers, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_einsum_of_integers, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
