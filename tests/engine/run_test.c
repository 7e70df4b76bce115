// Running functions: shapes, folding, precision, states, control flow, lists.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After those it needs.
#include <cmocka.h>

#include "base/half.h"
#include "engine/program_support.h"

#define SIZES(...) ((const int64_t[]){__VA_ARGS__})
#define INTS(...) ((const int32_t[]){__VA_ARGS__})

static const float six[] = {1, 2, 3, 4, 5, 6};

static void a_transpose_and_a_view(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)),
                  *perm = ints(fixture, 2, INTS(1, 0)), *shape = ints(fixture, 1, INTS(-1));
  ppn_mil_value_t* y = EMIT(fixture, "transpose", PPN_MIL_IN("x", x), PPN_MIL_IN("perm", perm));
  y = EMIT(fixture, "reshape", PPN_MIL_IN("x", y), PPN_MIL_IN("shape", shape));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  ppn_tensor_t input = tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)), output = {0};
  expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
  expect_floats(&output, 6, (const float[]){1, 4, 2, 5, 3, 6});
  assert_int_equal(output.rank, 1);
  // Into the caller's memory, from a strided input.
  float result[6];
  output.data = result;
  input.strides[0] = 1, input.strides[1] = 2;
  expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
  assert_ptr_equal(output.data, result);
  expect_floats(&output, 6, (const float[]){1, 2, 3, 4, 5, 6});
}

// x reshaped by its own sizes: folded for each shape.
static void sizes_are_folded(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(-1, -2)),
                  *zero = ints(fixture, 1, INTS(0)), *one = ints(fixture, 1, INTS(1)),
                  *rest = ints(fixture, 1, INTS(-1)), *axis = integer(fixture, 0),
                  *no = boolean(fixture, false);
  ppn_mil_value_t* shape = EMIT(fixture, "shape", PPN_MIL_IN("x", x));
  ppn_mil_value_t* rows = EMIT(fixture, "slice_by_index", PPN_MIL_IN("x", shape),
                               PPN_MIL_IN("begin", zero), PPN_MIL_IN("end", one));
  ppn_mil_value_t* pair[] = {rest, rows};
  ppn_mil_value_t* sizes = EMIT(fixture, "concat", PPN_MIL_INS("values", pair, 2),
                                PPN_MIL_IN("axis", axis), PPN_MIL_IN("interleave", no));
  ppn_mil_value_t* y = EMIT(fixture, "reshape", PPN_MIL_IN("x", x), PPN_MIL_IN("shape", sizes));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  ppn_tensor_t input = tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)), type, output = {0};
  expect_ok(ppn_engine_prepare(fixture->context, &input, 1));
  expect_ok(ppn_engine_output_type(fixture->context, 0, &type));
  assert_int_equal(type.sizes[0], 3);
  assert_int_equal(type.sizes[1], 2);
  input = tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(6, 1));
  expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
  assert_int_equal(output.sizes[0], 1);
  assert_int_equal(output.sizes[1], 6);
  expect_floats(&output, 6, six);
}

static void wrong_shapes_are_refused(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(2, -1)),
                  *shape = ints(fixture, 1, INTS(-1));
  ppn_mil_value_t* y = EMIT(fixture, "reshape", PPN_MIL_IN("x", x), PPN_MIL_IN("shape", shape));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  ppn_tensor_t input = tensor(NULL, PPN_DTYPE_FLOAT32, 2, SIZES(3, 3));
  expect_error(ppn_engine_prepare(fixture->context, &input, 1), PPN_STATUS_OUT_OF_RANGE,
               "input 'x', dimension 0: expected 2, found 3");
  input = tensor(NULL, PPN_DTYPE_FLOAT32, 2, SIZES(2, 65));
  expect_error(ppn_engine_prepare(fixture->context, &input, 1), PPN_STATUS_OUT_OF_RANGE,
               "input 'x', dimension 1");
  input = tensor(NULL, PPN_DTYPE_INT32, 2, SIZES(2, 3));
  expect_error(ppn_engine_prepare(fixture->context, &input, 1), PPN_STATUS_INVALID_ARGUMENT,
               "float32");
  expect_error(ppn_engine_prepare(fixture->context, &input, 0), PPN_STATUS_INVALID_ARGUMENT,
               "1 inputs");
}

// A state of fp16 accumulates rows that are written into it.
static void states_live_from_run_to_run(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_type_t type = make_type(fixture, PPN_DTYPE_FLOAT16, 2, SIZES(3, 2));
  type.kind = PPN_MIL_STATE;
  ppn_mil_value_t *cache = NULL,
                  *row = add_input(fixture, "row", PPN_DTYPE_FLOAT16, 2, SIZES(1, 2)), *rest = NULL,
                  *axis = integer(fixture, 0), *no = boolean(fixture, false),
                  *begin = ints(fixture, 2, INTS(1, 0)), *end = ints(fixture, 2, INTS(3, 2));
  expect_ok(ppn_mil_function_add_input(fixture->function, "cache", &type, &cache));
  rest = EMIT(fixture, "read_state", PPN_MIL_IN("input", cache));
  rest = EMIT(fixture, "slice_by_index", PPN_MIL_IN("x", rest), PPN_MIL_IN("begin", begin),
              PPN_MIL_IN("end", end));
  ppn_mil_value_t* parts[] = {rest, row};
  ppn_mil_value_t* joined = EMIT(fixture, "concat", PPN_MIL_INS("values", parts, 2),
                                 PPN_MIL_IN("axis", axis), PPN_MIL_IN("interleave", no));
  ppn_mil_input_t write[] = {PPN_MIL_IN("input", cache), PPN_MIL_IN("data", joined)};
  expect_ok(ppn_mil_emit(&fixture->builder, "write_state", write, 2, NULL, 0, NULL, 0));
  set_outputs(fixture, &joined, 1);
  load(fixture, NULL);
  for (int run = 1; run <= 2; run++) {
    uint16_t data[] = {ppn_float_to_half((float)run), ppn_float_to_half((float)run + 0.5f)};
    ppn_tensor_t input = tensor(data, PPN_DTYPE_FLOAT16, 2, SIZES(1, 2)), output = {0};
    expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
    assert_int_equal(output.dtype, PPN_DTYPE_FLOAT16);
  }
  ppn_tensor_t view;
  expect_ok(ppn_engine_state(fixture->context, "cache", &view));
  const float expected[] = {0, 0, 1, 1.5f, 2, 2.5f};
  for (int i = 0; i < 6; i++) {
    assert_float_equal(ppn_half_to_float(((uint16_t*)view.data)[i]), expected[i], 0);
  }
  expect_error(ppn_engine_state(fixture->context, "row", &view), PPN_STATUS_NOT_FOUND, "'row'");
}

// A list of an unknown number of rows, written by a loop and gathered.
static void loops_and_lists(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *go = add_input(fixture, "go", PPN_DTYPE_BOOL, 0, NULL),
                  *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(2, 3));
  ppn_mil_block_t *condition, *body;
  expect_ok(ppn_mil_block_create(fixture->function, &condition));
  expect_ok(ppn_mil_block_create(fixture->function, &body));
  ppn_mil_value_t* one = integer(fixture, 1);
  ppn_mil_value_t *three = integer(fixture, 3), *index = integer(fixture, 0);
  ppn_mil_value_t* size[] = {three};
  ppn_mil_value_t* list = EMIT(fixture, "make_list", PPN_MIL_IN("init_length", one),
                               PPN_MIL_INS("elem_shape", size, 1));
  // Variables: a flag that is true once, and the list.
  ppn_mil_value_t* variables[2] = {go, list};
  ppn_mil_value_t inputs[2][2];
  for (int i = 0; i < 2; i++) {
    ppn_mil_block_t* block = i ? body : condition;
    block->inputs = calloc(2, sizeof *block->inputs);
    block->input_count = 2;
    for (int j = 0; j < 2; j++) {
      inputs[i][j] = (ppn_mil_value_t){.name = "v", .type = variables[j]->type};
      block->inputs[j] = &inputs[i][j];
    }
  }
  expect_ok(ppn_mil_block_set_outputs(condition, &condition->inputs[0], 1));
  fixture->builder.block = body;
  ppn_mil_value_t *axis = ints(fixture, 1, INTS(0)), *row = NULL, *written = body->inputs[1];
  for (int i = 0; i < 2; i++) {
    ppn_mil_value_t *begin = ints(fixture, 2, INTS(i, 0)), *end = ints(fixture, 2, INTS(i + 1, 3));
    row = EMIT(fixture, "slice_by_index", PPN_MIL_IN("x", x), PPN_MIL_IN("begin", begin),
               PPN_MIL_IN("end", end));
    row = EMIT(fixture, "squeeze", PPN_MIL_IN("x", row), PPN_MIL_IN("axes", axis));
    index = integer(fixture, i);
    written = EMIT(fixture, "list_write", PPN_MIL_IN("ls", written), PPN_MIL_IN("index", index),
                   PPN_MIL_IN("value", row));
  }
  ppn_mil_value_t* no = boolean(fixture, false);
  ppn_mil_value_t* results[] = {no, written};
  expect_ok(ppn_mil_block_set_outputs(body, results, 2));
  fixture->builder.block = fixture->function->block;
  ppn_mil_block_t* blocks[] = {condition, body};
  ppn_mil_input_t arguments[] = {PPN_MIL_INS("loop_vars", variables, 2)};
  ppn_mil_value_t* after[2];
  expect_ok(ppn_mil_emit(&fixture->builder, "while_loop", arguments, 1, blocks, 2, after, 2));
  ppn_mil_value_t* order = ints(fixture, 2, INTS(1, 0));
  ppn_mil_value_t* gathered =
      EMIT(fixture, "list_gather", PPN_MIL_IN("ls", after[1]), PPN_MIL_IN("indices", order));
  ppn_mil_value_t* perm = ints(fixture, 2, INTS(1, 0));
  ppn_mil_value_t* outputs[2];
  outputs[0] = EMIT(fixture, "transpose", PPN_MIL_IN("x", gathered), PPN_MIL_IN("perm", perm));
  outputs[1] = EMIT(fixture, "list_length", PPN_MIL_IN("ls", after[1]));
  set_outputs(fixture, outputs, 2);
  load(fixture, NULL);
  uint8_t truth = 1;
  ppn_tensor_t given[] = {tensor(&truth, PPN_DTYPE_BOOL, 0, NULL),
                          tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3))};
  for (int run = 0; run < 2; run++) {
    ppn_tensor_t got[2] = {{0}, {0}};
    expect_ok(ppn_engine_run(fixture->context, given, 2, got, 2));
    expect_floats(&got[0], 6, (const float[]){4, 1, 5, 2, 6, 3});
    assert_int_equal(*(const int32_t*)got[1].data, 2);
  }
  truth = 0;
  ppn_tensor_t got[2] = {{0}, {0}};
  expect_error(ppn_engine_run(fixture->context, given, 2, got, 2), PPN_STATUS_OUT_OF_RANGE,
               "list_gather");
  free(condition->inputs);
  free(body->inputs);
}

static void branches(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *choice = add_input(fixture, "choice", PPN_DTYPE_BOOL, 0, NULL),
                  *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(-1, 3));
  ppn_mil_block_t* blocks[2];
  for (int i = 0; i < 2; i++) {
    expect_ok(ppn_mil_block_create(fixture->function, &blocks[i]));
    fixture->builder.block = blocks[i];
    ppn_mil_value_t* perm = ints(fixture, 2, i ? INTS(0, 1) : INTS(1, 0));
    ppn_mil_value_t* y = EMIT(fixture, "transpose", PPN_MIL_IN("x", x), PPN_MIL_IN("perm", perm));
    expect_ok(ppn_mil_block_set_outputs(blocks[i], &y, 1));
  }
  fixture->builder.block = fixture->function->block;
  ppn_mil_input_t arguments[] = {PPN_MIL_IN("pred", choice)};
  ppn_mil_value_t* result = NULL;
  expect_ok(ppn_mil_emit(&fixture->builder, "cond", arguments, 1, blocks, 2, &result, 1));
  set_outputs(fixture, &result, 1);
  load(fixture, NULL);
  for (uint8_t truth = 0; truth < 2; truth++) {
    ppn_tensor_t given[] = {tensor(&truth, PPN_DTYPE_BOOL, 0, NULL),
                            tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3))};
    ppn_tensor_t output = {0};
    expect_ok(ppn_engine_prepare(fixture->context, given, 2));
    expect_ok(ppn_engine_run(fixture->context, given, 2, &output, 1));
    const float transposed[] = {1, 4, 2, 5, 3, 6};
    expect_floats(&output, 6, truth ? transposed : six);
    assert_int_equal(output.sizes[0], truth ? 3 : 2);
  }
}

// What is sliced depends on an input's elements.
static void sizes_from_elements(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t *begin = add_input(fixture, "begin", PPN_DTYPE_INT32, 1, SIZES(2)),
                  *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)),
                  *end = ints(fixture, 2, INTS(2, 3)), *shape = ints(fixture, 1, INTS(-1));
  ppn_mil_value_t* y = EMIT(fixture, "slice_by_index", PPN_MIL_IN("x", x),
                            PPN_MIL_IN("begin", begin), PPN_MIL_IN("end", end));
  y = EMIT(fixture, "reshape", PPN_MIL_IN("x", y), PPN_MIL_IN("shape", shape));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  int32_t from[] = {0, 1};
  ppn_tensor_t given[] = {tensor(from, PPN_DTYPE_INT32, 1, SIZES(2)),
                          tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3))};
  ppn_tensor_t output = {0}, type;
  expect_ok(ppn_engine_prepare(fixture->context, given, 2));
  expect_error(ppn_engine_output_type(fixture->context, 0, &type), PPN_STATUS_FAILED_PRECONDITION,
               "after a run");
  expect_ok(ppn_engine_run(fixture->context, given, 2, &output, 1));
  expect_floats(&output, 4, (const float[]){2, 3, 5, 6});
  from[0] = 1, from[1] = 2, output.data = NULL;
  expect_ok(ppn_engine_run(fixture->context, given, 2, &output, 1));
  expect_floats(&output, 1, (const float[]){6});
  expect_ok(ppn_engine_output_type(fixture->context, 0, &type));
  assert_int_equal(type.sizes[0], 1);
}

static void count_values(void* context, const ppn_mil_value_t* value, const ppn_tensor_t* seen) {
  assert_non_null(seen->data);
  assert_non_null(value->name);
  ++*(int*)context;
}

static void count_steps(void* context, const ppn_mil_operation_t* operation, uint64_t time) {
  (void)time;
  assert_string_equal(operation->op->type, "transpose");
  ++*(int*)context;
}

static void observer_and_trace(void** state) {
  fixture_t* fixture = *state;
  int values = 0, steps = 0;
  ppn_mil_value_t *x = add_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)),
                  *perm = ints(fixture, 2, INTS(1, 0)), *shape = ints(fixture, 1, INTS(-1));
  ppn_mil_value_t* y = EMIT(fixture, "transpose", PPN_MIL_IN("x", x), PPN_MIL_IN("perm", perm));
  y = EMIT(fixture, "reshape", PPN_MIL_IN("x", y), PPN_MIL_IN("shape", shape));
  set_outputs(fixture, &y, 1);
  load(fixture, NULL);
  expect_ok(ppn_engine_set_observer(fixture->context, count_values, &values));
  ppn_engine_set_trace(fixture->context, count_steps, &steps);
  ppn_tensor_t input = tensor((void*)six, PPN_DTYPE_FLOAT32, 2, SIZES(2, 3)), output = {0};
  expect_ok(ppn_engine_run(fixture->context, &input, 1, &output, 1));
  assert_int_equal(values, 2);
  assert_int_equal(steps, 1);
}

static void outputs_that_need_no_work(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* outputs[] = {add_input(fixture, "x", PPN_DTYPE_FLOAT32, 1, SIZES(6)),
                                floats(fixture, 1, SIZES(6), six)};
  set_outputs(fixture, outputs, 2);
  load(fixture, NULL);
  ppn_tensor_t input = tensor((void*)six, PPN_DTYPE_FLOAT32, 1, SIZES(6)), got[2] = {{0}, {0}};
  expect_ok(ppn_engine_run(fixture->context, &input, 1, got, 2));
  expect_floats(&got[0], 6, six);
  expect_floats(&got[1], 6, six);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_transpose_and_a_view, set_up, tear_down),
      cmocka_unit_test_setup_teardown(sizes_are_folded, set_up, tear_down),
      cmocka_unit_test_setup_teardown(wrong_shapes_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(states_live_from_run_to_run, set_up, tear_down),
      cmocka_unit_test_setup_teardown(loops_and_lists, set_up, tear_down),
      cmocka_unit_test_setup_teardown(branches, set_up, tear_down),
      cmocka_unit_test_setup_teardown(sizes_from_elements, set_up, tear_down),
      cmocka_unit_test_setup_teardown(observer_and_trace, set_up, tear_down),
      cmocka_unit_test_setup_teardown(outputs_that_need_no_work, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
