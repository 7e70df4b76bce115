// Lowering of small programs built by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After those it needs.
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lower/lower.h"
#include "mil/op.h"

typedef struct fixture {
  ppn_exported_program_t program;
  ppn_mil_program_t* mil;
} fixture_t;

static void expect_ok(ppn_status_t status) {
  if (status) fail_msg("%s", ppn_status_message(status));
}

static int set_up(void** state) {
  fixture_t* fixture = calloc(1, sizeof *fixture);
  ppn_exported_program_t* program = &fixture->program;
  expect_ok(ppn_symbol_table_create(&program->symbols));
  expect_ok(ppn_graph_create(&program->arena, program->symbols, "forward", &program->graph));
  program->path = "";
  program->dialect = PPN_DIALECT_ATEN;
  *state = fixture;
  return 0;
}

static int tear_down(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_program_free(fixture->mil);
  ppn_graph_dispose(fixture->program.graph);
  ppn_symbol_table_free(fixture->program.symbols);
  free(fixture->program.inputs);
  free(fixture->program.outputs);
  ppn_arena_release(&fixture->program.arena);
  free(fixture);
  return 0;
}

static ppn_tensor_meta_t meta(fixture_t* fixture, ppn_dtype_t dtype, int rank,
                              const int64_t* sizes) {
  ppn_tensor_meta_t result = {.dtype = dtype, .rank = rank};
  result.sizes =
      ppn_arena_alloc_array(&fixture->program.arena, (size_t)rank + 1, sizeof(ppn_dim_t));
  for (int i = 0; i < rank; i++) result.sizes[i] = ppn_dim_static(sizes[i]);
  return result;
}

static ppn_input_spec_t* add_spec(fixture_t* fixture, ppn_value_t* value) {
  ppn_exported_program_t* program = &fixture->program;
  program->inputs = realloc(program->inputs, (program->input_count + 1) * sizeof *program->inputs);
  ppn_input_spec_t* spec = &program->inputs[program->input_count++];
  memset(spec, 0, sizeof *spec);
  spec->name = value->name;
  expect_ok(ppn_graph_add_input(program->graph, value));
  return spec;
}

static ppn_value_t* user_input(fixture_t* fixture, const char* name, ppn_dtype_t dtype, int rank,
                               const int64_t* sizes) {
  ppn_tensor_meta_t type = meta(fixture, dtype, rank, sizes);
  ppn_value_t* value = NULL;
  expect_ok(ppn_graph_new_tensor(fixture->program.graph, name, &type, &value));
  add_spec(fixture, value)->kind = PPN_INPUT_USER;
  return value;
}

static ppn_value_t* parameter(fixture_t* fixture, const char* name, int rank, const int64_t* sizes,
                              const float* data, size_t count) {
  ppn_arena_t* arena = &fixture->program.arena;
  ppn_tensor_meta_t type = meta(fixture, PPN_DTYPE_FLOAT32, rank, sizes);
  ppn_value_t* value = NULL;
  expect_ok(ppn_graph_new_tensor(fixture->program.graph, name, &type, &value));
  ppn_constant_t* constant = ppn_arena_alloc(arena, sizeof *constant);
  constant->name = name;
  constant->dtype = PPN_DTYPE_FLOAT32;
  constant->rank = rank;
  constant->sizes = ppn_arena_memdup(arena, sizes, (size_t)rank * sizeof *sizes);
  constant->strides = ppn_arena_alloc_array(arena, (size_t)rank + 1, sizeof(int64_t));
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; i--) {
    constant->strides[i] = stride;
    stride *= sizes[i];
  }
  constant->storage = ppn_span_make(data, count * sizeof(float));
  ppn_input_spec_t* spec = add_spec(fixture, value);
  spec->kind = PPN_INPUT_PARAMETER;
  spec->target = name;
  spec->constant = constant;
  return value;
}

static ppn_node_t* add_node(fixture_t* fixture, const char* target, const ppn_argument_t* arguments,
                            uint32_t count, ppn_dtype_t dtype, int rank, const int64_t* sizes) {
  ppn_tensor_meta_t type = meta(fixture, dtype, rank, sizes);
  ppn_value_t* value = NULL;
  ppn_node_t* node = NULL;
  expect_ok(ppn_graph_new_tensor(fixture->program.graph, "result", &type, &value));
  expect_ok(ppn_graph_new_node(fixture->program.graph, NULL, target, value->name, arguments, count,
                               &value, 1, NULL, &node));
  expect_ok(ppn_aten_bind(node));
  return node;
}

static void set_output(fixture_t* fixture, ppn_value_t* value) {
  ppn_exported_program_t* program = &fixture->program;
  program->outputs = calloc(1, sizeof *program->outputs);
  program->output_count = program->graph->output_count = 1;
  program->graph->outputs = ppn_arena_alloc(&program->arena, sizeof(ppn_argument_t));
  program->graph->outputs[0] = ppn_argument_value("", value);
}

static void lower(fixture_t* fixture, const ppn_lower_options_t* options) {
  expect_ok(ppn_lower_program(&fixture->program, options, &fixture->mil));
  expect_ok(ppn_mil_program_verify(fixture->mil));
}

static const ppn_lower_options_t single = {.minimum_opset = 0, .float16 = false};

static void a_linear_layer_becomes_linear(void** state) {
  fixture_t* fixture = *state;
  static const float weight[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, bias[3] = {1, 2, 3};
  ppn_value_t* w = parameter(fixture, "weight", 2, (const int64_t[]){3, 4}, weight, 12);
  ppn_value_t* b = parameter(fixture, "bias", 1, (const int64_t[]){3}, bias, 3);
  ppn_value_t* x = user_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, (const int64_t[]){2, 4});
  ppn_argument_t arguments[] = {ppn_argument_value("input", x), ppn_argument_value("weight", w),
                                ppn_argument_value("bias", b)};
  ppn_node_t* node = add_node(fixture, "aten::linear", arguments, 3, PPN_DTYPE_FLOAT32, 2,
                              (const int64_t[]){2, 3});
  assert_true(ppn_lower_is_supported(node, &single, NULL));
  set_output(fixture, node->outputs[0]);
  lower(fixture, &single);
  const ppn_mil_function_t* function = fixture->mil->functions[0];
  assert_int_equal(function->opset, PPN_MIL_OPSET_IOS15);
  assert_int_equal(function->input_count, 1);
  const ppn_mil_operation_t* operation = function->block->first;
  assert_string_equal(operation->op->type, "linear");
  assert_null(operation->next);
  assert_ptr_equal(function->block->outputs[0], operation->outputs[0]);
  assert_string_equal(operation->outputs[0]->name, "result");
  // The weight is seen in place, not copied.
  const ppn_mil_value_t* bound = ppn_mil_operation_input(operation, "weight");
  assert_ptr_equal(bound->constant->view.data, weight);
}

static void a_transposed_weight_costs_no_copy(void** state) {
  fixture_t* fixture = *state;
  static const float weight[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  ppn_value_t* w = parameter(fixture, "weight", 2, (const int64_t[]){4, 3}, weight, 12);
  ppn_value_t* x = user_input(fixture, "x", PPN_DTYPE_FLOAT32, 2, (const int64_t[]){2, 4});
  ppn_argument_t arguments[] = {ppn_argument_value("self", x), ppn_argument_value("mat2", w)};
  ppn_node_t* node =
      add_node(fixture, "aten::mm", arguments, 2, PPN_DTYPE_FLOAT32, 2, (const int64_t[]){2, 3});
  set_output(fixture, node->outputs[0]);
  lower(fixture, &single);
  const ppn_mil_operation_t* operation = fixture->mil->functions[0]->block->first;
  const ppn_mil_constant_t* constant = ppn_mil_operation_input(operation, "weight")->constant;
  assert_ptr_equal(constant->view.data, weight);
  assert_int_equal(constant->view.sizes[0], 3);
  assert_true(ppn_mil_constant_element(constant, 1) == 4);  // [0, 1] is the second row's first
}

static void half_precision_casts_at_the_border(void** state) {
  fixture_t* fixture = *state;
  ppn_value_t* x = user_input(fixture, "x", PPN_DTYPE_FLOAT32, 1, (const int64_t[]){4});
  ppn_argument_t arguments[] = {ppn_argument_value("self", x)};
  ppn_node_t* node =
      add_node(fixture, "aten::relu", arguments, 1, PPN_DTYPE_FLOAT32, 1, (const int64_t[]){4});
  set_output(fixture, node->outputs[0]);
  lower(fixture, &(ppn_lower_options_t){.float16 = true});
  const ppn_mil_operation_t* operation = fixture->mil->functions[0]->block->first;
  assert_int_equal(operation->outputs[0]->type.dtype, PPN_DTYPE_FLOAT16);
  assert_int_equal(operation->next->outputs[0]->type.dtype, PPN_DTYPE_FLOAT16);
  assert_int_equal(fixture->mil->functions[0]->block->outputs[0]->type.dtype, PPN_DTYPE_FLOAT32);
  assert_string_equal(fixture->mil->functions[0]->block->outputs[0]->name, "result");
}

static void expect_refusal(const ppn_node_t* node, const ppn_lower_options_t* options,
                           const char* text) {
  ppn_buffer_t reason = {0};
  assert_false(ppn_lower_is_supported(node, options, &reason));
  if (!strstr(ppn_buffer_text(&reason), text)) fail_msg("reason is '%s'", ppn_buffer_text(&reason));
  ppn_buffer_release(&reason);
}

static void refusals_say_why(void** state) {
  fixture_t* fixture = *state;
  const int64_t six[] = {1, 1, 1, 1, 1, 2}, image[] = {1, 4, 4, 4}, vector[] = {3};
  ppn_value_t* high = user_input(fixture, "high", PPN_DTYPE_FLOAT32, 6, six);
  ppn_argument_t relu[] = {ppn_argument_value("self", high)};
  expect_refusal(add_node(fixture, "aten::relu", relu, 1, PPN_DTYPE_FLOAT32, 6, six), &single,
                 "rank 6");
  ppn_value_t* x = user_input(fixture, "image", PPN_DTYPE_FLOAT32, 4, image);
  ppn_argument_t unshuffle[] = {ppn_argument_value("self", x),
                                ppn_argument_int("downscale_factor", 2)};
  ppn_node_t* node = add_node(fixture, "aten::pixel_unshuffle", unshuffle, 2, PPN_DTYPE_FLOAT32, 4,
                              (const int64_t[]){1, 16, 2, 2});
  expect_refusal(node, &(ppn_lower_options_t){.minimum_opset = PPN_MIL_OPSET_IOS15},
                 "needs iOS 16");
  assert_true(ppn_lower_is_supported(node, &single, NULL));
  ppn_value_t* i = user_input(fixture, "i", PPN_DTYPE_INT64, 1, vector);
  ppn_argument_t both[] = {ppn_argument_value("self", i), ppn_argument_value("other", i)};
  expect_refusal(add_node(fixture, "aten::bitwise_and.Tensor", both, 2, PPN_DTYPE_INT64, 1, vector),
                 &single, "bitwise");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_linear_layer_becomes_linear, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_transposed_weight_costs_no_copy, set_up, tear_down),
      cmocka_unit_test_setup_teardown(half_precision_casts_at_the_border, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refusals_say_why, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
