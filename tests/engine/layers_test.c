// Layers whose results are easily worked out by hand, and that no lowering writes: pad types,
// norms, quantised weights.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After those it needs.
#include <cmocka.h>

#include "engine/program_support.h"

#define SIZES(...) ((const int64_t[]){__VA_ARGS__})
#define INTS(...) ((const int32_t[]){__VA_ARGS__})
#define FLOATS(...) ((const float[]){__VA_ARGS__})

static ppn_mil_value_t* text(fixture_t* fixture, const char* string) {
  ppn_mil_value_t* value = NULL;
  expect_ok(ppn_mil_constant_string(&fixture->builder, NULL, string, &value));
  return value;
}

static ppn_mil_value_t* bytes(fixture_t* fixture, int rank, const int64_t* sizes,
                              const uint8_t* data) {
  ppn_mil_value_t* value = NULL;
  expect_ok(
      ppn_mil_constant_tensor(&fixture->builder, NULL, PPN_DTYPE_UINT8, rank, sizes, data, &value));
  return value;
}

// A function of one input [1, 1, count] of floats; the result is compared.
static void check(fixture_t* fixture, ppn_mil_value_t* y, int64_t count, const float* x,
                  int64_t result_count, const float* expected) {
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  ppn_tensor_t input = tensor((void*)(uintptr_t)x, PPN_DTYPE_FLOAT32, 3, SIZES(1, 1, count)),
               output = {0};
  expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
  expect_floats(&output, result_count, expected);
}

static void norms_of_windows(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 3, SIZES(1, 1, 4)),
                  *two = ints(fixture, 1, INTS(2)), *valid = text(fixture, "valid");
  ppn_mil_value_t* y = EMIT(fixture, "l2_pool", PPN_MIL_IN("x", x), PPN_MIL_IN("kernel_sizes", two),
                            PPN_MIL_IN("strides", two), PPN_MIL_IN("pad_type", valid));
  check(fixture, y, 4, FLOATS(3, 4, 0, 5), 2, FLOATS(5, 5));
}

static void averages_over(fixture_t* fixture, bool excludes, const float* expected) {
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 3, SIZES(1, 1, 3)),
                  *three = ints(fixture, 1, INTS(3)), *same = text(fixture, "same"),
                  *exclude = boolean(fixture, excludes);
  ppn_mil_value_t* y =
      EMIT(fixture, "avg_pool", PPN_MIL_IN("x", x), PPN_MIL_IN("kernel_sizes", three),
           PPN_MIL_IN("pad_type", same), PPN_MIL_IN("exclude_padding_from_average", exclude));
  check(fixture, y, 3, FLOATS(1, 2, 3), 3, expected);
}

static void averages_with_padding(void** state) {
  averages_over(*state, false, FLOATS(1, 2, 5.f / 3));
}

static void averages_without_padding(void** state) {
  averages_over(*state, true, FLOATS(1.5f, 2, 2.5f));
}

// 1, 10, 100 and, two places further, 2, 20, 200; of the overlap only the end is cut off.
static void transposed_convolution_keeps_the_size(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 3, SIZES(1, 1, 2)),
                  *weight = floats(fixture, 3, SIZES(1, 1, 3), FLOATS(1, 10, 100)),
                  *two = ints(fixture, 1, INTS(2)), *same = text(fixture, "same");
  ppn_mil_value_t* y =
      EMIT(fixture, "conv_transpose", PPN_MIL_IN("x", x), PPN_MIL_IN("weight", weight),
           PPN_MIL_IN("strides", two), PPN_MIL_IN("pad_type", same));
  check(fixture, y, 2, FLOATS(1, 2), 4, FLOATS(1, 10, 102, 20));
}

// Weights 1 and 2 stand for 0.25 and 0.75.
static ppn_mil_value_t* emit_quantised(fixture_t* fixture, const char* type) {
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 3, SIZES(1, 1, 3)),
                  *weight = bytes(fixture, 3, SIZES(1, 1, 2), (const uint8_t[]){1, 2}),
                  *scale = floats(fixture, 1, SIZES(1), FLOATS(0.5f)),
                  *shift = floats(fixture, 1, SIZES(1), FLOATS(-0.25f)),
                  *kind = text(fixture, type);
  return EMIT(fixture, "conv_quantized", PPN_MIL_IN("x", x), PPN_MIL_IN("weight", weight),
              PPN_MIL_IN("quantization_type", kind), PPN_MIL_IN("quant_scale", scale),
              PPN_MIL_IN("quant_bias", shift));
}

static void quantised_convolution(void** state) {
  check(*state, emit_quantised(*state, "linear"), 3, FLOATS(1, 2, 3), 2, FLOATS(1.75f, 2.75f));
}

static void other_quantisations_are_refused(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* y = emit_quantised(fixture, "lut");
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  ppn_tensor_t input = tensor(NULL, PPN_DTYPE_FLOAT32, 3, SIZES(1, 1, 3));
  expect_error(ppn_engine_prepare(fixture->context, &input, 1), PPN_STATUS_UNSUPPORTED,
               "quantization_type 'lut'; only 'linear' is supported");
}

static void unknown_equations_are_refused(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 3, SIZES(2, 2, 2));
  ppn_mil_value_t *pair[] = {x, x}, *equation = text(fixture, "abc,abc->abc");
  ppn_mil_value_t* y =
      EMIT(fixture, "einsum", PPN_MIL_INS("values", pair, 2), PPN_MIL_IN("equation", equation));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  ppn_tensor_t input = tensor(NULL, PPN_DTYPE_FLOAT32, 3, SIZES(2, 2, 2));
  expect_error(ppn_engine_prepare(fixture->context, &input, 1), PPN_STATUS_UNSUPPORTED,
               "equation 'abc,abc->abc'");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(norms_of_windows, set_up, tear_down),
      cmocka_unit_test_setup_teardown(averages_with_padding, set_up, tear_down),
      cmocka_unit_test_setup_teardown(averages_without_padding, set_up, tear_down),
      cmocka_unit_test_setup_teardown(transposed_convolution_keeps_the_size, set_up, tear_down),
      cmocka_unit_test_setup_teardown(quantised_convolution, set_up, tear_down),
      cmocka_unit_test_setup_teardown(other_quantisations_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(unknown_equations_are_refused, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
