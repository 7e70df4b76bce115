#include <string.h>

#include "aten/op.h"

static bool returns_list(const ppn_aten_op_t* op) {
  return op->return_count == 1 && op->returns[0].is_list;
}

// A node with its results named after the operator, as torch.fx names them.
static ppn_status_t insert(ppn_aten_emitter_t* emitter, const ppn_aten_op_t* op,
                           const ppn_argument_t* arguments, uint32_t argument_count,
                           ppn_node_t** out_node) {
  ppn_node_t* node;
  const char* separator = strstr(op->base_name, "::");
  const char* name = separator ? separator + 2 : op->base_name;
  PPN_RETURN_IF_ERROR(ppn_graph_new_node(emitter->graph, emitter->before, op->name, name, arguments,
                                         argument_count, NULL, 0, emitter->origin, &node));
  node->target = op->name;
  ppn_status_t status = ppn_aten_bind(node);
  if (status) {
    ppn_graph_remove_node(emitter->graph, node);
    return status;
  }
  node->returns_list = returns_list(op);
  *out_node = node;
  return ppn_status_ok();
}

static ppn_status_t add_results(ppn_aten_emitter_t* emitter, ppn_node_t* node,
                                const ppn_tensor_meta_t* metas, ppn_value_t** out_values,
                                uint32_t count) {
  PPN_ARENA_NEW(emitter->graph->arena, count, &node->outputs);
  node->output_count = count;
  for (uint32_t i = 0; i < count; ++i) {
    ppn_value_t* value;
    PPN_RETURN_IF_ERROR(ppn_graph_new_tensor(emitter->graph, node->name, &metas[i], &value));
    value->producer = node;
    value->output_index = i;
    value->id = UINT32_MAX;  // passes that number values know nothing of it
    node->outputs[i] = value;
    if (out_values) out_values[i] = value;
  }
  return ppn_status_ok();
}

static ppn_status_t find(const char* name, const ppn_aten_op_t** out_op) {
  *out_op = ppn_aten_op_find(ppn_sv(name));
  if (*out_op) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INTERNAL, "no operator is called '%s'", name);
}

ppn_status_t ppn_aten_emit_typed(ppn_aten_emitter_t* emitter, const char* op_name,
                                 const ppn_argument_t* arguments, uint32_t argument_count,
                                 const ppn_tensor_meta_t* metas, ppn_value_t** out_values,
                                 uint32_t output_count) {
  const ppn_aten_op_t* op = NULL;
  ppn_node_t* node = NULL;
  PPN_RETURN_IF_ERROR(find(op_name, &op));
  PPN_RETURN_IF_ERROR(insert(emitter, op, arguments, argument_count, &node));
  return add_results(emitter, node, metas, out_values, output_count);
}

#define MAXIMUM_RESULTS 256

ppn_status_t ppn_aten_emit(ppn_aten_emitter_t* emitter, const char* op_name,
                           const ppn_argument_t* arguments, uint32_t argument_count,
                           ppn_value_t** out_values, uint32_t output_count) {
  const ppn_aten_op_t* op = NULL;
  ppn_node_t* node = NULL;
  ppn_tensor_meta_t metas[MAXIMUM_RESULTS];
  PPN_RETURN_IF_ERROR(find(op_name, &op));
  if (!op->row || !op->row->shape || output_count > MAXIMUM_RESULTS) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "the operator %s has no shape rule", op_name);
  }
  PPN_RETURN_IF_ERROR(insert(emitter, op, arguments, argument_count, &node));
  ppn_status_t status = op->row->shape(emitter, node, metas);
  if (status) {
    ppn_graph_remove_node(emitter->graph, node);
    return status;
  }
  return add_results(emitter, node, metas, out_values, output_count);
}
