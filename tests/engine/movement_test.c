// Operations that move elements, on the engine: computed bounds, updates in place, wrong indices.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After those it needs.
#include <cmocka.h>

#include "engine/program_support.h"

#define SIZES(...) ((const int64_t[]){__VA_ARGS__})
#define INTS(...) ((const int32_t[]){__VA_ARGS__})

static float six[] = {1, 2, 3, 4, 5, 6};

// x[i] for a computed i, as decoders read positions.
static void bounds_may_be_computed(void** state) {
  fixture_t* fixture = *state;
  bool masks[] = {true, false};
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)),
                  *begin = add_input(fixture, "begin", PPN_DTYPE_INT32, 1, SIZES(2)),
                  *end = ints(fixture, 2, INTS(0, 0)), *mask = NULL, *squeeze = NULL;
  const int64_t two = 2;
  expect_ok(
      ppn_mil_constant_tensor(&fixture->builder, NULL, PPN_DTYPE_BOOL, 1, &two, masks, &mask));
  masks[0] = false, masks[1] = true;
  expect_ok(
      ppn_mil_constant_tensor(&fixture->builder, NULL, PPN_DTYPE_BOOL, 1, &two, masks, &squeeze));
  ppn_mil_value_t* y =
      EMIT(fixture, "slice_by_index", PPN_MIL_IN("x", x), PPN_MIL_IN("begin", begin),
           PPN_MIL_IN("end", end), PPN_MIL_IN("begin_mask", mask), PPN_MIL_IN("end_mask", mask),
           PPN_MIL_IN("squeeze_mask", squeeze));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  int32_t positions[] = {0, -1};
  ppn_tensor_t inputs[] = {tensor(six, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)),
                           tensor(positions, PPN_DTYPE_INT32, 1, SIZES(2))},
               output = {0};
  expect_ok(ppn_engine_run(fixture->context, inputs, 2, &output, 1));
  expect_floats(&output, 2, (const float[]){3, 6});
  positions[1] = 0;
  output.data = NULL;
  expect_ok(ppn_engine_run(fixture->context, inputs, 2, &output, 1));
  expect_floats(&output, 2, (const float[]){1, 4});
  positions[1] = 3;
  expect_error(ppn_engine_run(fixture->context, inputs, 2, &output, 1), PPN_STATUS_OUT_OF_RANGE,
               "from index 3 on are out of range for size 3 of dimension 1");
}

// An update of an intermediate value, which is dead afterwards and so may be written over, and of
// an input, which may not.
static void updates_leave_inputs_alone(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)),
                  *row = add_input(fixture, "row", PPN_DTYPE_FLOAT32, 2, SIZES(1, 3)),
                  *begin = ints(fixture, 2, INTS(1, 0)), *end = ints(fixture, 2, INTS(2, 3)),
                  *axes = ints(fixture, 1, INTS(1)), *values[2];
  ppn_mil_value_t* turned = EMIT(fixture, "reverse", PPN_MIL_IN("x", x), PPN_MIL_IN("axes", axes));
  values[0] = EMIT(fixture, "slice_update", PPN_MIL_IN("x", turned), PPN_MIL_IN("update", row),
                   PPN_MIL_IN("begin", begin), PPN_MIL_IN("end", end));
  values[1] = EMIT(fixture, "slice_update", PPN_MIL_IN("x", x), PPN_MIL_IN("update", row),
                   PPN_MIL_IN("begin", begin), PPN_MIL_IN("end", end));
  set_outputs(fixture, values, 2);
  load(fixture, NULL);
  float data[] = {1, 2, 3, 4, 5, 6}, update[] = {7, 8, 9};
  ppn_tensor_t inputs[] = {tensor(data, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)),
                           tensor(update, PPN_DTYPE_FLOAT32, 2, SIZES(1, 3))},
               outputs[2] = {{0}};
  for (int run = 0; run < 2; ++run) {
    outputs[0].data = outputs[1].data = NULL;
    expect_ok(ppn_engine_run(fixture->context, inputs, 2, outputs, 2));
    expect_floats(&outputs[0], 6, (const float[]){3, 2, 1, 7, 8, 9});
    expect_floats(&outputs[1], 6, (const float[]){1, 2, 3, 7, 8, 9});
    assert_memory_equal(data, six, sizeof(data));
  }
}

static void wrong_indices_name_the_operation(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(3, 2)),
                  *indices = add_input(fixture, "indices", PPN_DTYPE_INT32, 1, SIZES(2)),
                  *axis = integer(fixture, 0);
  fixture->builder.name = "pick";
  ppn_mil_value_t* y = EMIT(fixture, "gather", PPN_MIL_IN("x", x), PPN_MIL_IN("indices", indices),
                            PPN_MIL_IN("axis", axis));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  int32_t numbers[] = {-1, 0};
  ppn_tensor_t inputs[] = {tensor(six, PPN_DTYPE_FLOAT32, 2, SIZES(3, 2)),
                           tensor(numbers, PPN_DTYPE_INT32, 1, SIZES(2))},
               output = {0};
  expect_ok(ppn_engine_run(fixture->context, inputs, 2, &output, 1));
  expect_floats(&output, 4, (const float[]){5, 6, 1, 2});
  numbers[1] = 3;
  expect_error(ppn_engine_run(fixture->context, inputs, 2, &output, 1), PPN_STATUS_OUT_OF_RANGE,
               "gather 'pick': index 3 (element 1) is out of range for size 3");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(bounds_may_be_computed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(updates_leave_inputs_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(wrong_indices_name_the_operation, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
