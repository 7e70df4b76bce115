// Exported programs from JSON written by hand: what is read, and what is said about mistakes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "base/buffer.h"
#include "graph/exported_program.h"

#define META(sizes, strides)                                \
  "{'dtype': 7, 'sizes': [" sizes "], 'strides': [" strides \
  "], 'storage_offset': {'as_int': 0}, "                    \
  "'requires_grad': false, 'device': {'type': 'cpu'}, 'layout': 7}"
#define DYNAMIC "{'as_expr': {'expr_str': 's0', 'hint': {'as_int': 4}}}"
#define TRACE                                                                        \
  "File \\\"/home/u/model.py\\\", line 17, in forward\\n    y = self.l(x)\\n  File " \
  "\\\"/opt/torch/nn/modules/linear.py\\\", line 134, in forward\\n    return F.linear()"

// forward(x: f32[s0, 3]) = relu(x + w), with parts to be replaced.
static ppn_buffer_t make_json(const char* first_node, const char* outputs, const char* version) {
  ppn_buffer_t text = {0};
  ppn_buffer_printf(
      &text,
      "{'graph_module': {'graph': {'inputs': [{'as_tensor': {'name': 'p_w'}}, {'as_tensor': {'name': "
      "'x'}}], 'outputs': [%s], 'nodes': [%s, {'target': 'torch.ops.aten.relu.default', 'inputs': "
      "[{'name': 'self', 'arg': {'as_tensor': {'name': 'add'}}}], 'outputs': [{'as_tensor': {'name': "
      "'relu'}}], 'metadata': {'stack_trace': '" TRACE "'}}], 'tensor_values': {'p_w': " META(
          "{'as_int': 3}", "{'as_int': 1}") ", 'x': %s, 'add': %s, 'relu': %s}, 'sym_int_values': {}, "
      "'sym_bool_values': {}}, 'signature': {'input_specs': [{'parameter': {'arg': {'name': 'p_w'}, "
      "'parameter_name': 'w'}}, {'user_input': {'arg': {'as_tensor': {'name': 'x'}}}}], "
      "'output_specs': [{'user_output': {'arg': {'as_tensor': {'name': 'relu'}}}}]}, "
      "'module_call_graph': []}, 'opset_version': {'aten': 10}, 'range_constraints': {'s0': "
      "{'min_val': 2, 'max_val': 9}}, 'schema_version': %s, 'verifiers': ['TRAINING']}",
      outputs, first_node, META(DYNAMIC ", {'as_int': 3}", "{'as_int': 3}, {'as_int': 1}"),
      META(DYNAMIC ", {'as_int': 3}", "{'as_int': 3}, {'as_int': 1}"),
      META(DYNAMIC ", {'as_int': 3}", "{'as_int': 3}, {'as_int': 1}"), version);
  // Written with single quotes; the expression's own double quotes become single ones.
  for (size_t i = 0; i < text.size; ++i) {
    if (text.data[i] == '\'') text.data[i] = '"';
  }
  return text;
}

#define ADD                                                                                   \
  "{'target': 'torch.ops.aten.add.Tensor', 'inputs': [{'name': 'self', 'arg': {'as_tensor': " \
  "{'name': 'x'}}}, {'name': 'other', 'arg': {'as_tensor': {'name': 'p_w'}}}], 'outputs': "   \
  "[{'as_tensor': {'name': 'add'}}], 'metadata': {}, 'name': 'add'}"
#define RELU "{'as_tensor': {'name': 'relu'}}"
#define VERSION "{'major': 8, 'minor': 20}"

static ppn_status_t find_weight(void* context, ppn_exported_program_t* program, const char* fqn,
                                ppn_constant_t* out) {
  static const float data[3] = {1, 2, 3};
  (void)context;
  assert_string_equal(fqn, "w");
  *out = (ppn_constant_t){
      .dtype = PPN_DTYPE_FLOAT32, .rank = 1, .storage = ppn_span_make(data, sizeof(data))};
  PPN_ARENA_NEW(&program->arena, 1, &out->sizes);
  PPN_ARENA_NEW(&program->arena, 1, &out->strides);
  out->sizes[0] = 3;
  out->strides[0] = 1;
  return ppn_status_ok();
}

static ppn_status_t read_json(const char* node, const char* outputs, const char* version,
                              ppn_exported_program_t** out) {
  ppn_buffer_t text = make_json(node, outputs, version);
  ppn_status_t status = ppn_exported_program_read_json(ppn_span_make(text.data, text.size), "m.pt2",
                                                       find_weight, NULL, out);
  ppn_buffer_release(&text);
  return status;
}

static void reads_a_program(void** state) {
  (void)state;
  ppn_exported_program_t* program;
  ppn_status_t status = read_json(ADD, RELU, VERSION, &program);
  if (status) fail_msg("%s", ppn_status_message(status));
  assert_int_equal(program->dialect, PPN_DIALECT_TRAINING);
  assert_int_equal(program->input_count, 2);
  assert_int_equal(program->inputs[0].kind, PPN_INPUT_PARAMETER);
  assert_int_equal(program->inputs[0].constant->storage.size, 12);
  assert_int_equal(program->inputs[1].kind, PPN_INPUT_USER);
  const ppn_node_t* add = program->graph->first;
  assert_string_equal(add->target, "aten::add.Tensor");
  assert_string_equal(add->next->target, "aten::relu");
  const ppn_value_t* sum = add->outputs[0];
  assert_int_equal(sum->tensor.rank, 2);
  assert_false(ppn_dim_is_static(sum->tensor.sizes[0]));
  assert_true(ppn_dim_equal(sum->tensor.sizes[0], program->graph->inputs[1]->tensor.sizes[0]));
  assert_true(ppn_dim_is(sum->tensor.sizes[1], 3));
  const ppn_symbol_t* symbol = ppn_symbol_table_symbol(program->symbols, 0);
  assert_int_equal(symbol->minimum, 2);
  assert_int_equal(symbol->maximum, 9);
  assert_int_equal(symbol->hint, 4);
  ppn_source_line_t line = ppn_node_source_line(add->next);
  assert_int_equal(line.line, 17);
  assert_true(ppn_sv_equals(line.file, "/home/u/model.py"));
  assert_true(ppn_sv_equals(line.text, "y = self.l(x)"));
  ppn_exported_program_free(program);
}

static void refuse(const char* node, const char* outputs, const char* version,
                   const char* message) {
  ppn_exported_program_t* program;
  ppn_status_t status = read_json(node, outputs, version, &program);
  assert_non_null(status);
  assert_null(program);
  assert_string_equal(ppn_status_message(status), message);
  ppn_status_free(status);
}

#define NODE(inputs, outputs)                                                 \
  "{'target': 'torch.ops.aten.add.Tensor', 'name': 'add', 'inputs': [" inputs \
  "], 'outputs': [" outputs "]}"
#define SUM "{'as_tensor': {'name': 'add'}}"

static void names_the_node_in_errors(void** state) {
  (void)state;
  refuse(NODE("{'name': 'self', 'arg': {'as_tensor': {'name': 'relu'}}}", SUM), RELU, VERSION,
         "m.pt2: add: use before definition of 'relu'");
  refuse(NODE("{'name': 'self', 'arg': {'as_int': 'x'}}", SUM), RELU, VERSION,
         "m.pt2: add: expected 'an integer'");
  refuse(NODE("{'name': 'self', 'arg': {}}", SUM), RELU, VERSION,
         "m.pt2: add: expected an object with exactly one member, found 'several or none'");
  refuse(NODE("", "{'as_tensor': {'name': 'x'}}"), RELU, VERSION, "m.pt2: add: defined twice: 'x'");
  refuse(NODE("", "{'as_tensor': {'name': 'lost'}}"), RELU, VERSION,
         "m.pt2: add: nothing is known of the value 'lost'");
  refuse(NODE("{'name': 'dim', 'arg': {'as_layout': 1}}", SUM), RELU, VERSION,
         "m.pt2: add: unsupported layout: 'sparse'");
  refuse(
      ADD, RELU ", " RELU, VERSION,
      "m.pt2: the program has no valid signature: it lists other inputs or outputs than the graph");
  refuse(ADD, RELU, "{'major': 7, 'minor': 3}",
         "m.pt2: written in schema version 7.3 by torch <=2.4; Pippin reads version 8. Export it "
         "again "
         "with torch 2.5 or later");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_a_program),
      cmocka_unit_test(names_the_node_in_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
