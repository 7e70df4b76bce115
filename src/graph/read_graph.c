// Graphs of an exported program's JSON: inputs, nodes, outputs.
#include "graph/read_program.h"

// ---- Operators ----

static bool take_prefix(const char** text, const char* prefix) {
  size_t size = strlen(prefix);
  if (strncmp(*text, prefix, size) != 0) return false;
  *text += size;
  return true;
}

static char* normalise(ppn_arena_t* arena, const char* text) {
  const char* rest = text;
  bool is_operator =
      take_prefix(&rest, "torch.ops.") || take_prefix(&rest, "executorch.exir.dialects.edge._ops.");
  const char* dot = strchr(rest, '.');
  if (!is_operator) {
    // Python functions: the last dot separates module and name.
    dot = strrchr(text, '.');
    rest = text;
  }
  if (!dot) return ppn_arena_strdup(arena, ppn_sv(text));
  char* target = ppn_arena_printf(arena, "%.*s::%s", (int)(dot - rest), rest, dot + 1);
  static const char suffix[] = ".default";
  size_t size = target ? strlen(target) : 0;
  if (is_operator && size >= sizeof(suffix) &&
      strcmp(target + size - sizeof(suffix) + 1, suffix) == 0) {
    target[size - sizeof(suffix) + 1] = 0;
  }
  return target;
}

ppn_status_t ppn_read_target(ppn_program_reader_t* reader, const char* text,
                             const char** out_target) {
  *out_target = ppn_string_map_get(&reader->targets, ppn_sv(text));
  if (*out_target) return ppn_status_ok();
  char* target = normalise(&reader->program->arena, text);
  if (!target) return ppn_out_of_memory();
  *out_target = target;
  return ppn_string_map_set(&reader->targets, ppn_sv(text), target);
}

// ---- Nodes ----

static const char* copy_text(ppn_graph_t* graph, const json_t* json) {
  const char* text = json_string_value(json);
  return text ? ppn_arena_strdup(graph->arena, ppn_sv(text)) : NULL;
}

static ppn_status_t add_output(ppn_reader_scope_t* scope, const char* name, ppn_buffer_t* outputs) {
  ppn_value_t* value = NULL;
  if (name) PPN_RETURN_IF_ERROR(ppn_read_value(scope, name, &value));
  ppn_buffer_append(outputs, &value, sizeof(value));
  return ppn_status_ok();
}

static ppn_status_t read_output(ppn_reader_scope_t* scope, const json_t* json,
                                ppn_buffer_t* outputs, bool* out_is_list) {
  const char* tag = "";
  const json_t* payload = NULL;
  PPN_RETURN_IF_ERROR(ppn_read_union(scope, json, &tag, &payload));
  if (strcmp(tag, "as_none") == 0) return add_output(scope, NULL, outputs);
  if (strcmp(tag, "as_tensors") == 0 || strcmp(tag, "as_optional_tensors") == 0) {
    *out_is_list = true;
    for (size_t i = 0; i < json_array_size(payload); ++i) {
      const json_t *item = json_array_get(payload, i), *tensor = json_object_get(item, "as_tensor");
      const char* name = json_string_value(json_object_get(tensor ? tensor : item, "name"));
      PPN_RETURN_IF_ERROR(add_output(scope, name, outputs));
    }
    return ppn_status_ok();
  }
  const char* name = json_string_value(json_object_get(payload, "name"));
  if (!name) name = json_string_value(json_object_get(payload, "as_name"));
  if (!name) return ppn_read_error(scope, "a result of the unknown kind", tag);
  return add_output(scope, name, outputs);
}

static ppn_status_t read_inputs(ppn_reader_scope_t* scope, const json_t* list, int depth,
                                ppn_argument_t* out) {
  for (size_t i = 0; i < json_array_size(list); ++i) {
    const json_t* input = json_array_get(list, i);
    PPN_RETURN_IF_ERROR(ppn_read_argument(scope, json_object_get(input, "arg"), depth, &out[i]));
    out[i].name = copy_text(scope->graph, json_object_get(input, "name"));
    if (!out[i].name) out[i].name = "";
  }
  return ppn_status_ok();
}

static ppn_status_t read_node(ppn_reader_scope_t* scope, const json_t* json, int depth,
                              ppn_buffer_t* outputs) {
  const char *text = json_string_value(json_object_get(json, "target")), *target;
  const json_t *input_list = json_object_get(json, "inputs"),
               *output_list = json_object_get(json, "outputs");
  if (!text) return ppn_read_error(scope, "a node has no", "target");
  const char* name = json_string_value(json_object_get(json, "name"));
  scope->where = name ? name : text;
  PPN_RETURN_IF_ERROR(ppn_read_target(scope->reader, text, &target));
  ppn_argument_t* arguments;
  PPN_ARENA_NEW(scope->graph->arena, json_array_size(input_list), &arguments);
  PPN_RETURN_IF_ERROR(read_inputs(scope, input_list, depth, arguments));
  bool is_list = false;
  outputs->size = 0;
  for (size_t i = 0; i < json_array_size(output_list); ++i) {
    PPN_RETURN_IF_ERROR(read_output(scope, json_array_get(output_list, i), outputs, &is_list));
  }
  PPN_RETURN_IF_ERROR(ppn_buffer_status(outputs));
  ppn_node_t* node;
  PPN_RETURN_IF_ERROR(
      ppn_graph_new_node(scope->graph, NULL, target, name, arguments,
                         (uint32_t)json_array_size(input_list), (ppn_value_t**)(void*)outputs->data,
                         (uint32_t)(outputs->size / sizeof(ppn_value_t*)), NULL, &node));
  node->target = target;
  node->returns_list = is_list && json_array_size(output_list) == 1;
  const json_t* metadata = json_object_get(json, "metadata");
  node->location.stack_trace = copy_text(scope->graph, json_object_get(metadata, "stack_trace"));
  node->location.module_stack =
      copy_text(scope->graph, json_object_get(metadata, "nn_module_stack"));
  scope->where = NULL;
  return ppn_status_ok();
}

// ---- Graphs ----

static ppn_status_t read_input(ppn_reader_scope_t* scope, const json_t* json) {
  const char* tag = "";
  const json_t* payload = NULL;
  ppn_value_t* value = NULL;
  PPN_RETURN_IF_ERROR(ppn_read_union(scope, json, &tag, &payload));
  const char* name = json_string_value(json_object_get(payload, "name"));
  if (!name) name = json_string_value(json_object_get(payload, "as_name"));
  if (name) PPN_RETURN_IF_ERROR(ppn_read_value(scope, name, &value));
  return ppn_graph_add_input(scope->graph, value);
}

static ppn_status_t read_body(ppn_reader_scope_t* scope, const json_t* json, int depth,
                              ppn_buffer_t* scratch) {
  const json_t *inputs = json_object_get(json, "inputs"), *nodes = json_object_get(json, "nodes"),
               *outputs = json_object_get(json, "outputs");
  if (!json_is_array(inputs) || !json_is_array(nodes) || !json_is_array(outputs)) {
    return ppn_read_error(scope, "a graph lacks", "inputs, nodes or outputs");
  }
  for (size_t i = 0; i < json_array_size(inputs); ++i) {
    PPN_RETURN_IF_ERROR(read_input(scope, json_array_get(inputs, i)));
  }
  for (size_t i = 0; i < json_array_size(nodes); ++i) {
    PPN_RETURN_IF_ERROR(read_node(scope, json_array_get(nodes, i), depth, scratch));
  }
  scope->where = "the graph's outputs";
  ppn_argument_t* results;
  uint32_t count = (uint32_t)json_array_size(outputs);
  PPN_ARENA_NEW(scope->graph->arena, count, &results);
  for (uint32_t i = 0; i < count; ++i) {
    results[i].name = "";
    PPN_RETURN_IF_ERROR(ppn_read_argument(scope, json_array_get(outputs, i), depth, &results[i]));
  }
  return ppn_graph_set_outputs(scope->graph, results, count);
}

ppn_status_t ppn_read_graph(ppn_program_reader_t* reader, const json_t* json, ppn_graph_t* graph,
                            int depth) {
  ppn_reader_scope_t scope = {.reader = reader,
                              .graph = graph,
                              .tensors = json_object_get(json, "tensor_values"),
                              .sym_ints = json_object_get(json, "sym_int_values"),
                              .sym_floats = json_object_get(json, "sym_float_values"),
                              .sym_bools = json_object_get(json, "sym_bool_values"),
                              .custom_objects = json_object_get(json, "custom_obj_values")};
  ppn_buffer_t scratch = {0};
  ppn_status_t status = read_body(&scope, json, depth, &scratch);
  ppn_buffer_release(&scratch);
  ppn_string_map_release(&scope.values);
  return status;
}
