// Edge programs as JSON: what the Python package shows as exported_program().graph.
//
//   document  {"methods": [method]}
//   method    program + {"name", "modules": [program + {"name"}]}     delegates, in graph order
//   program   {"graph": graph, "inputs": [{"kind", "name", "target"}], "outputs": [{"kind",
//              "target"}], "symbols": {"s0": [minimum, maximum or null]}}
//   graph     {"inputs": [value or null], "nodes": [node], "outputs": [argument]}
//   node      {"name", "target": "aten::add.Tensor", "arguments": [{"name", "value": argument,
//              "keyword_only", "is_default"}], "outputs": [value or null], "returns_list",
//              "file", "line"}
//   value     {"name", "kind": "tensor" | "int" | "float" | "bool" | "token" | "custom",
//              "dtype", "shape": [size or "2*s0"]}          the last two of tensors
//   argument  null, number, true, false, text, [argument], or an object with one of the keys
//              "value": name, "float": "inf" | "-inf" | "nan", "complex": [real, imaginary],
//              "dtype", "memory_format", "layout", "device", "operator": text, "graph": graph
#include <jansson.h>
#include <math.h>

#include "api/lowering_session.h"

static json_t* describe_graph(const ppn_graph_t* graph);

static json_t* describe_dim(const ppn_symbol_table_t* symbols, ppn_dim_t dim) {
  if (ppn_dim_is_static(dim)) return json_integer(dim.value);
  ppn_buffer_t text = {0};
  ppn_dim_print(symbols, dim, &text);
  json_t* result = json_string(ppn_buffer_text(&text));
  ppn_buffer_release(&text);
  return result;
}

static json_t* describe_value(const ppn_symbol_table_t* symbols, const ppn_value_t* value) {
  static const char* const kinds[] = {
      [PPN_VALUE_TENSOR] = "tensor", [PPN_VALUE_SYM_INT] = "int", [PPN_VALUE_SYM_FLOAT] = "float",
      [PPN_VALUE_SYM_BOOL] = "bool", [PPN_VALUE_TOKEN] = "token", [PPN_VALUE_CUSTOM] = "custom"};
  if (!value) return json_null();
  json_t* result = json_pack("{s:s, s:s}", "name", value->name, "kind", kinds[value->kind]);
  if (value->kind != PPN_VALUE_TENSOR) return result;
  json_t* shape = json_array();
  for (int i = 0; i < value->tensor.rank; ++i) {
    json_array_append_new(shape, describe_dim(symbols, value->tensor.sizes[i]));
  }
  json_object_set_new(result, "dtype", json_string(ppn_dtype_name(value->tensor.dtype)));
  json_object_set_new(result, "shape", shape);
  return result;
}

// ---- Arguments ----

static json_t* describe_number(double number) {
  if (isfinite(number)) return json_real(number);
  return json_pack("{s:s}", "float", isnan(number) ? "nan" : number > 0 ? "inf" : "-inf");
}

static json_t* describe_reference(const ppn_value_t* value) {
  return value ? json_pack("{s:s}", "value", value->name) : json_null();
}

static json_t* describe_item(const ppn_argument_t* list, uint32_t index) {
  switch (list->kind) {
    case PPN_ARGUMENT_VALUES:
      return describe_reference(list->u.values[index]);
    case PPN_ARGUMENT_INTS:
      return list->u.ints[index].value ? describe_reference(list->u.ints[index].value)
                                       : json_integer(list->u.ints[index].literal);
    case PPN_ARGUMENT_FLOATS:
      return describe_number(list->u.numbers[index]);
    case PPN_ARGUMENT_BOOLS:
      return json_boolean(list->u.booleans[index]);
    default:
      return json_string(list->u.strings[index]);
  }
}

static json_t* describe_argument(const ppn_argument_t* argument) {
  switch (argument->kind) {
    case PPN_ARGUMENT_NONE:
      return json_null();
    case PPN_ARGUMENT_VALUE:
      return describe_reference(argument->u.value);
    case PPN_ARGUMENT_INT:
      return json_integer(argument->u.integer);
    case PPN_ARGUMENT_FLOAT:
      return describe_number(argument->u.number);
    case PPN_ARGUMENT_BOOL:
      return json_boolean(argument->u.boolean);
    case PPN_ARGUMENT_STRING:
      return json_string(argument->u.string);
    case PPN_ARGUMENT_COMPLEX:
      return json_pack("{s:[o, o]}", "complex", describe_number(argument->u.complex.real),
                       describe_number(argument->u.complex.imaginary));
    case PPN_ARGUMENT_DTYPE:
      return json_pack("{s:s}", "dtype", ppn_dtype_name(argument->u.dtype));
    case PPN_ARGUMENT_MEMORY_FORMAT:
      return json_pack("{s:I}", "memory_format", (json_int_t)argument->u.integer);
    case PPN_ARGUMENT_LAYOUT:
      return json_pack("{s:I}", "layout", (json_int_t)argument->u.integer);
    case PPN_ARGUMENT_DEVICE:
      return json_pack("{s:s}", "device", argument->u.string);
    case PPN_ARGUMENT_OPERATOR:
      return json_pack("{s:s}", "operator", argument->u.string);
    case PPN_ARGUMENT_GRAPH:
      return json_pack("{s:o}", "graph", describe_graph(argument->u.graph));
    case PPN_ARGUMENT_VALUES:
    case PPN_ARGUMENT_INTS:
    case PPN_ARGUMENT_FLOATS:
    case PPN_ARGUMENT_BOOLS:
    case PPN_ARGUMENT_STRINGS:
      break;
  }
  json_t* list = json_array();
  for (uint32_t i = 0; i < argument->count; ++i) {
    json_array_append_new(list, describe_item(argument, i));
  }
  return list;
}

// ---- Nodes ----

static json_t* describe_arguments(const ppn_node_t* node) {
  json_t* arguments = json_array();
  for (uint32_t i = 0; i < node->argument_count; ++i) {
    const ppn_argument_t* argument = &node->arguments[i];
    const ppn_aten_parameter_t* parameter =
        node->op && i < node->op->parameter_count ? &node->op->parameters[i] : NULL;
    json_t* value = describe_argument(argument);
    bool is_default = false;
    if (parameter && parameter->has_default) {
      json_t* standard = describe_argument(&parameter->default_value);
      is_default = json_equal(value, standard);
      json_decref(standard);
    }
    json_array_append_new(
        arguments, json_pack("{s:s, s:o, s:b, s:b}", "name", argument->name ? argument->name : "",
                             "value", value, "keyword_only", parameter && parameter->keyword_only,
                             "is_default", is_default));
  }
  return arguments;
}

static json_t* describe_node(const ppn_symbol_table_t* symbols, const ppn_node_t* node) {
  json_t* outputs = json_array();
  for (uint32_t i = 0; i < node->output_count; ++i) {
    json_array_append_new(outputs, describe_value(symbols, node->outputs[i]));
  }
  ppn_source_line_t line = ppn_node_source_line(node);
  return json_pack("{s:s, s:s, s:o, s:o, s:b, s:s%, s:i}", "name", node->name, "target",
                   node->target, "arguments", describe_arguments(node), "outputs", outputs,
                   "returns_list", node->returns_list, "file", line.file.size ? line.file.data : "",
                   line.file.size, "line", line.line);
}

static json_t* describe_graph(const ppn_graph_t* graph) {
  json_t *inputs = json_array(), *nodes = json_array(), *outputs = json_array();
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    json_array_append_new(inputs, describe_value(graph->symbols, graph->inputs[i]));
  }
  for (const ppn_node_t* node = graph->first; node; node = node->next) {
    json_array_append_new(nodes, describe_node(graph->symbols, node));
  }
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    json_array_append_new(outputs, describe_argument(&graph->outputs[i]));
  }
  return json_pack("{s:o, s:o, s:o}", "inputs", inputs, "nodes", nodes, "outputs", outputs);
}

// ---- Programs ----

static json_t* describe_symbols(ppn_symbol_table_t* symbols) {
  json_t* ranges = json_object();
  for (uint32_t i = 0; i < ppn_symbol_table_count(symbols); ++i) {
    const ppn_symbol_t* symbol = ppn_symbol_table_symbol(symbols, i);
    json_t* maximum =
        symbol->maximum == PPN_DIM_UNBOUNDED ? json_null() : json_integer(symbol->maximum);
    json_object_setn_new(ranges, symbol->name.data, symbol->name.size,
                         json_pack("[I, o]", (json_int_t)symbol->minimum, maximum));
  }
  return ranges;
}

static json_t* describe_program(const ppn_exported_program_t* program, const char* name) {
  static const char* const input_kinds[] = {
      [PPN_INPUT_PARAMETER] = "parameter",
      [PPN_INPUT_BUFFER] = "buffer",
      [PPN_INPUT_TENSOR_CONSTANT] = "tensor_constant",
      [PPN_INPUT_USER] = "user",
      [PPN_INPUT_USER_CONSTANT] = "user_constant",
      [PPN_INPUT_CUSTOM_OBJECT] = "custom_object",
      [PPN_INPUT_TOKEN] = "token",
  };
  static const char* const output_kinds[] = {
      [PPN_OUTPUT_USER] = "user",
      [PPN_OUTPUT_BUFFER_MUTATION] = "buffer_mutation",
      [PPN_OUTPUT_PARAMETER_MUTATION] = "parameter_mutation",
      [PPN_OUTPUT_USER_INPUT_MUTATION] = "user_input_mutation",
      [PPN_OUTPUT_TOKEN] = "token",
  };
  json_t *inputs = json_array(), *outputs = json_array();
  for (uint32_t i = 0; i < program->input_count; ++i) {
    const ppn_input_spec_t* spec = &program->inputs[i];
    json_array_append_new(inputs, json_pack("{s:s, s:s?, s:s?}", "kind", input_kinds[spec->kind],
                                            "name", spec->name, "target", spec->target));
  }
  for (uint32_t i = 0; i < program->output_count; ++i) {
    const ppn_output_spec_t* spec = &program->outputs[i];
    json_array_append_new(outputs, json_pack("{s:s, s:s?}", "kind", output_kinds[spec->kind],
                                             "target", spec->target));
  }
  return json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", name, "graph",
                   describe_graph(program->graph), "inputs", inputs, "outputs", outputs, "symbols",
                   describe_symbols(program->symbols));
}

ppn_status_t ppn_lowering_graph_json(const ppn_edge_program_t* program, char** out_text) {
  json_t* methods = json_array();
  for (uint32_t i = 0; i < program->method_count; ++i) {
    const ppn_lowered_method_t* method = &program->methods[i];
    json_t* description = describe_program(method->program, method->name);
    json_t* modules = json_array();
    for (uint32_t j = 0; j < method->partitions.partition_count; ++j) {
      const ppn_partition_t* partition = &method->partitions.partitions[j];
      json_array_append_new(modules, describe_program(partition->submodule, partition->call->name));
    }
    json_object_set_new(description, "modules", modules);
    json_array_append_new(methods, description);
  }
  json_t* document = json_pack("{s:o}", "methods", methods);
  *out_text = document ? json_dumps(document, JSON_COMPACT) : NULL;
  json_decref(document);
  return *out_text ? ppn_status_ok() : ppn_out_of_memory();
}
