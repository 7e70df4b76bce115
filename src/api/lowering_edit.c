// Changes that a caller makes to a lowered graph before it is written.
#include <string.h>

#include "api/lowering_session.h"

static ppn_status_t find_method(const ppn_edge_program_t* program, const char* name,
                                ppn_graph_t** out_graph) {
  for (uint32_t i = 0; i < program->method_count; ++i) {
    if (strcmp(program->methods[i].name, name) != 0) continue;
    *out_graph = program->methods[i].program->graph;
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "no method is called '%s'", name);
}

static ppn_status_t find_value(const ppn_graph_t* graph, const char* name,
                               ppn_value_t** out_value) {
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    *out_value = graph->inputs[i];
    if (*out_value && strcmp((*out_value)->name, name) == 0) return ppn_status_ok();
  }
  for (const ppn_node_t* node = graph->first; node; node = node->next) {
    for (uint32_t i = 0; i < node->output_count; ++i) {
      *out_value = node->outputs[i];
      if (*out_value && strcmp((*out_value)->name, name) == 0) return ppn_status_ok();
    }
  }
  *out_value = NULL;
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "the graph has no value '%s'", name);
}

static bool is_same_type(const ppn_value_t* a, const ppn_value_t* b) {
  if (a->kind != b->kind) return false;
  if (a->kind != PPN_VALUE_TENSOR) return true;
  if (a->tensor.dtype != b->tensor.dtype || a->tensor.rank != b->tensor.rank) return false;
  for (int i = 0; i < a->tensor.rank; ++i) {
    if (!ppn_dim_equal(a->tensor.sizes[i], b->tensor.sizes[i])) return false;
  }
  return true;
}

ppn_status_t ppn_edge_program_replace_value(ppn_edge_program_t* program, const char* method,
                                            const char* value, const char* replacement) {
  ppn_graph_t* graph = NULL;
  ppn_value_t *from = NULL, *to = NULL;
  PPN_RETURN_IF_ERROR(find_method(program, method, &graph));
  PPN_RETURN_IF_ERROR(find_value(graph, value, &from));
  PPN_RETURN_IF_ERROR(find_value(graph, replacement, &to));
  if (from == to) return ppn_status_ok();
  if (!is_same_type(from, to)) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "'%s' cannot replace '%s': their types or shapes differ", replacement,
                           value);
  }
  ppn_graph_number(graph);
  if (to->producer && (!from->producer || from->producer->id < to->producer->id)) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "'%s' cannot replace '%s': it is computed after it", replacement, value);
  }
  from->replacement = to;
  ppn_graph_apply_replacements(graph);
  return ppn_status_ok();
}

// An operator that we know nothing of counts as pure, as it does for torch.fx: whoever asks for
// this has seen that nobody uses its results.
static bool has_known_effects(const ppn_node_t* node) {
  return node->op && ppn_aten_has_side_effects(node);
}

ppn_status_t ppn_edge_program_eliminate_dead_code(ppn_edge_program_t* program, const char* method) {
  ppn_graph_t* graph = NULL;
  PPN_RETURN_IF_ERROR(find_method(program, method, &graph));
  return ppn_graph_eliminate_dead_code(graph, has_known_effects);
}
