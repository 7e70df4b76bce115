// Partitioning of small graphs made by hand: nodes "s…" are supported, all others are not.
#include "partition/partition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "partition/groups.h"

#define MAXIMUM_NODES 400

typedef struct fixture {
  ppn_exported_program_t program;
  ppn_value_t* inputs[4];
  ppn_value_t* results[MAXIMUM_NODES];
  uint32_t count;
} fixture_t;

static void check(ppn_status_t status) {
  if (status) fail_msg("%s", ppn_status_message(status));
}

static const ppn_tensor_meta_t* tensor_meta(void) {
  static ppn_dim_t sizes[] = {{4, 0}};
  static ppn_tensor_meta_t meta = {PPN_DTYPE_FLOAT32, 1, sizes, NULL};
  return &meta;
}

// Four inputs: a parameter, a buffer, two user inputs.
static void start(fixture_t* fixture) {
  static const float data[4] = {1, 2, 3, 4};
  static int64_t sizes[] = {4}, strides[] = {1};
  static ppn_constant_t constant = {
      .name = "w", .dtype = PPN_DTYPE_FLOAT32, .rank = 1, .sizes = sizes, .strides = strides};
  static const ppn_input_kind_t kinds[] = {PPN_INPUT_PARAMETER, PPN_INPUT_BUFFER, PPN_INPUT_USER,
                                           PPN_INPUT_USER};
  static const char* const names[] = {"w", "b", "x", "y"};
  *fixture = (fixture_t){0};
  constant.storage = ppn_span_make(data, sizeof(data));
  ppn_exported_program_t* program = &fixture->program;
  check(ppn_graph_create(&program->arena, NULL, "forward", &program->graph));
  program->inputs = ppn_arena_alloc_array(&program->arena, 4, sizeof(ppn_input_spec_t));
  program->input_count = 4;
  for (int i = 0; i < 4; ++i) {
    check(ppn_graph_new_tensor(program->graph, names[i], tensor_meta(), &fixture->inputs[i]));
    check(ppn_graph_add_input(program->graph, fixture->inputs[i]));
    program->inputs[i].kind = kinds[i];
    program->inputs[i].name = program->inputs[i].target = names[i];
    program->inputs[i].constant = kinds[i] == PPN_INPUT_USER ? NULL : &constant;
  }
}

static void stop(fixture_t* fixture) {
  ppn_graph_dispose(fixture->program.graph);
  ppn_arena_release(&fixture->program.arena);
}

// Appends a node that reads the given values (NULL: none).
static ppn_value_t* add(fixture_t* fixture, const char* target, ppn_value_t* a, ppn_value_t* b) {
  ppn_graph_t* graph = fixture->program.graph;
  ppn_value_t* result;
  check(ppn_graph_new_tensor(graph, "n", tensor_meta(), &result));
  ppn_argument_t arguments[] = {ppn_argument_value("a", a), ppn_argument_value("b", b)};
  check(ppn_graph_new_node(graph, NULL, target, NULL, arguments, a ? b ? 2 : 1 : 0, &result, 1,
                           NULL, NULL));
  return fixture->results[fixture->count++] = result;
}

static void set_outputs(fixture_t* fixture, ppn_value_t* const* values, uint32_t count,
                        uint32_t mutations) {
  ppn_exported_program_t* program = &fixture->program;
  ppn_argument_t outputs[4];
  program->outputs = ppn_arena_alloc_array(&program->arena, count, sizeof(ppn_output_spec_t));
  for (uint32_t i = 0; i < count; ++i) {
    outputs[i] = ppn_argument_value("", values[i]);
    if (i < mutations) program->outputs[i] = (ppn_output_spec_t){PPN_OUTPUT_BUFFER_MUTATION, "b"};
  }
  check(ppn_graph_set_outputs(program->graph, outputs, count));
  program->output_count = count;
}

static bool is_supported(void* context, const ppn_node_t* node, ppn_buffer_t* reason) {
  (void)context;
  if (node->target[0] == 's') return true;
  ppn_buffer_printf(reason, "no %s here", node->target);
  return false;
}

static ppn_partition_options_t options(void) {
  ppn_partition_options_t result = {.is_supported = is_supported,
                                    .take_over_constant_data = true,
                                    .take_over_mutable_buffer = true};
  return result;
}

static void everything_in_one_partition(void** state) {
  (void)state;
  fixture_t f;
  start(&f);
  ppn_value_t* a = add(&f, "s::a", f.inputs[0], f.inputs[2]);
  ppn_value_t* b = add(&f, "s::b", a, f.inputs[3]);
  set_outputs(&f, (ppn_value_t*[]){b, a}, 2, 0);
  ppn_partition_options_t o = options();
  ppn_partition_result_t result;
  check(ppn_partition_program(&f.program, &o, &result));
  assert_int_equal(result.partition_count, 1);
  assert_int_equal(result.delegated_node_count, 2);
  assert_int_equal(result.undelegated_count, 0);
  assert_int_equal(f.program.graph->node_count, 1);
  assert_int_equal(result.partitions[0].call->argument_count, 2);
  const ppn_exported_program_t* submodule = result.partitions[0].submodule;
  assert_int_equal(submodule->input_count, 3);
  assert_int_equal(submodule->inputs[0].kind, PPN_INPUT_PARAMETER);
  assert_int_equal(submodule->output_count, 2);
  // The parameter and the unused buffer have left the parent.
  assert_int_equal(f.program.input_count, 2);
  check(ppn_graph_verify(f.program.graph));
  check(ppn_graph_verify(submodule->graph));
  ppn_partition_result_release(&result);
  stop(&f);
}

static void a_way_out_and_back_splits(void** state) {
  (void)state;
  fixture_t f;
  start(&f);
  ppn_value_t* a = add(&f, "s::a", f.inputs[2], NULL);
  ppn_value_t* u = add(&f, "u::u", a, NULL);
  ppn_value_t* w = add(&f, "u::w", f.inputs[3], NULL);
  ppn_value_t* b = add(&f, "s::b", a, u);
  ppn_value_t* c = add(&f, "s::c", b, w);
  set_outputs(&f, &c, 1, 0);
  ppn_partition_options_t o = options();
  ppn_partition_result_t result;
  check(ppn_partition_program(&f.program, &o, &result));
  assert_int_equal(result.partition_count, 2);
  assert_int_equal(result.partitions[0].node_count, 1);
  assert_int_equal(result.partitions[1].node_count, 2);
  assert_int_equal(result.undelegated_count, 2);
  assert_string_equal(result.undelegated[0].reason, "no u::u here");
  assert_string_equal(result.partitions[0].call->name, "lowered_module_0");
  check(ppn_graph_verify(f.program.graph));
  check(ppn_graph_verify(result.partitions[0].submodule->graph));
  check(ppn_graph_verify(result.partitions[1].submodule->graph));
  ppn_partition_result_release(&result);
  stop(&f);
}

static void independent_regions_share_a_partition(void** state) {
  (void)state;
  fixture_t f;
  start(&f);
  // a feeds u, which nobody supports; b comes later and does not depend on u.
  ppn_value_t* a = add(&f, "s::a", f.inputs[2], NULL);
  ppn_value_t* u = add(&f, "u::u", a, NULL);
  ppn_value_t* w = add(&f, "u::w", f.inputs[3], NULL);
  ppn_value_t* b = add(&f, "s::b", w, NULL);
  set_outputs(&f, (ppn_value_t*[]){u, b}, 2, 0);
  ppn_partition_options_t o = options();
  ppn_partition_result_t result;
  check(ppn_partition_program(&f.program, &o, &result));
  assert_int_equal(result.partition_count, 1);
  // w before the call, u behind it.
  ppn_node_t* node = f.program.graph->first;
  assert_string_equal(node->target, "u::w");
  assert_ptr_equal(node->next, result.partitions[0].call);
  assert_string_equal(node->next->next->target, "u::u");
  check(ppn_graph_verify(f.program.graph));
  ppn_partition_result_release(&result);
  stop(&f);
}

static void buffers_go_along_with_their_mutation(void** state) {
  (void)state;
  fixture_t f;
  start(&f);
  ppn_value_t* next = add(&f, "s::next", f.inputs[1], f.inputs[2]);
  ppn_value_t* y = add(&f, "s::y", next, NULL);
  set_outputs(&f, (ppn_value_t*[]){next, y}, 2, 1);
  ppn_partition_options_t o = options();
  ppn_partition_result_t result;
  check(ppn_partition_program(&f.program, &o, &result));
  const ppn_exported_program_t* submodule = result.partitions[0].submodule;
  assert_int_equal(submodule->output_count, 2);
  assert_int_equal(submodule->outputs[0].kind, PPN_OUTPUT_BUFFER_MUTATION);
  assert_int_equal(result.partitions[0].call->argument_count, 1);
  assert_int_equal(result.partitions[0].call->output_count, 1);
  assert_int_equal(f.program.output_count, 1);
  ppn_partition_result_release(&result);
  stop(&f);
}

static void buffers_stay_when_told(void** state) {
  (void)state;
  fixture_t f;
  start(&f);
  ppn_value_t* next = add(&f, "s::next", f.inputs[1], f.inputs[0]);
  set_outputs(&f, &next, 1, 1);
  ppn_partition_options_t o = options();
  o.take_over_mutable_buffer = o.take_over_constant_data = false;
  ppn_partition_result_t result;
  check(ppn_partition_program(&f.program, &o, &result));
  assert_int_equal(result.partitions[0].call->argument_count, 2);
  assert_int_equal(result.partitions[0].submodule->outputs[0].kind, PPN_OUTPUT_USER);
  assert_int_equal(f.program.output_count, 1);
  assert_int_equal(f.program.outputs[0].kind, PPN_OUTPUT_BUFFER_MUTATION);
  assert_ptr_equal(f.program.graph->outputs[0].u.value, result.partitions[0].call->outputs[0]);
  ppn_partition_result_release(&result);
  stop(&f);
}

static void skip_list_ignores_case(void** state) {
  (void)state;
  fixture_t f;
  start(&f);
  ppn_value_t* a = add(&f, "s::mm.Tensor", f.inputs[2], NULL);
  ppn_value_t* b = add(&f, "s::relu", a, NULL);
  set_outputs(&f, &b, 1, 0);
  ppn_partition_options_t o = options();
  o.skip_ops = (const char* const[]){"S.mm.tensor", "s.relu.default"};
  o.skip_op_count = 2;
  ppn_partition_result_t result;
  check(ppn_partition_program(&f.program, &o, &result));
  assert_int_equal(result.partition_count, 0);
  assert_int_equal(result.undelegated_count, 2);
  ppn_partition_result_release(&result);
  stop(&f);
}

static void full_graph_lists_everything(void** state) {
  (void)state;
  fixture_t f;
  start(&f);
  ppn_value_t* a = add(&f, "u::first", f.inputs[2], NULL);
  ppn_value_t* b = add(&f, "u::second", a, NULL);
  set_outputs(&f, &b, 1, 0);
  ppn_partition_options_t o = options();
  o.lower_full_graph = true;
  ppn_partition_result_t result;
  ppn_status_t status = ppn_partition_program(&f.program, &o, &result);
  assert_int_equal(ppn_status_code(status), PPN_STATUS_UNSUPPORTED);
  assert_non_null(strstr(ppn_status_message(status), "no u::first here"));
  assert_non_null(strstr(ppn_status_message(status), "no u::second here"));
  ppn_status_free(status);
  stop(&f);
}

// Random graphs: the result is a valid order, and no two partitions could be one.
static void random_graphs_stay_acyclic(void** state) {
  (void)state;
  uint32_t seed = 7;
  for (int round = 0; round < 30; ++round) {
    fixture_t f;
    start(&f);
    uint32_t count = 20 + (uint32_t)round * 12;
    for (uint32_t i = 0; i < count; ++i) {
      ppn_value_t* operands[2];
      for (int j = 0; j < 2; ++j) {
        seed = seed * 1664525 + 1013904223;
        uint32_t back = (seed >> 10) % 12;
        operands[j] = back < i ? f.results[i - 1 - back] : f.inputs[2 + j];
      }
      seed = seed * 1664525 + 1013904223;
      add(&f, (seed >> 16) % 4 ? "s::s" : "u::u", operands[0], operands[1]);
    }
    set_outputs(&f, &f.results[count - 1], 1, 0);
    ppn_partition_options_t o = options();
    ppn_partition_result_t result;
    check(ppn_partition_program(&f.program, &o, &result));
    check(ppn_graph_verify(f.program.graph));
    uint32_t delegated = 0;
    for (uint32_t i = 0; i < result.partition_count; ++i) {
      check(ppn_graph_verify(result.partitions[i].submodule->graph));
      delegated += result.partitions[i].node_count;
    }
    assert_int_equal(delegated + result.undelegated_count, count);
    ppn_partition_result_release(&result);
    stop(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_in_one_partition),
      cmocka_unit_test(a_way_out_and_back_splits),
      cmocka_unit_test(independent_regions_share_a_partition),
      cmocka_unit_test(buffers_go_along_with_their_mutation),
      cmocka_unit_test(buffers_stay_when_told),
      cmocka_unit_test(skip_list_ignores_case),
      cmocka_unit_test(full_graph_lists_everything),
      cmocka_unit_test(random_graphs_stay_acyclic),
  };
  return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}
