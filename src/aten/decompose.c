#include <string.h>

#include "aten/op.h"

// Nodes that a decomposition emitted are visited too: they lie between the node before it and the
// node itself.
static ppn_status_t decompose_node(ppn_aten_emitter_t* emitter, ppn_node_t* node,
                                   ppn_aten_keep_t keep, void* context, ppn_node_t** out_next) {
  *out_next = node->next;
  bool is_decomposed = node->op && node->op->row && node->op->row->decompose;
  if (!is_decomposed || (keep && keep(context, node))) return ppn_status_ok();
  ppn_node_t* previous = node->previous;
  emitter->before = node;
  emitter->origin = node;
  PPN_RETURN_IF_ERROR_ANNOTATED(node->op->row->decompose(emitter, node), "%s",
                                ppn_node_describe(node));
  bool is_replaced = node->output_count > 0;
  for (uint32_t i = 0; i < node->output_count; ++i) {
    is_replaced &= !node->outputs[i] || node->outputs[i]->replacement;
  }
  if (!is_replaced) return ppn_status_ok();
  ppn_node_t* first = previous ? previous->next : emitter->graph->first;
  *out_next = first == node ? node->next : first;
  ppn_graph_remove_node(emitter->graph, node);
  return ppn_status_ok();
}

static void resolve_slot(void* context, ppn_value_t** slot) {
  (void)context;
  *slot = ppn_value_resolve(*slot);
}

ppn_status_t ppn_aten_decompose(ppn_exported_program_t* program, ppn_aten_keep_t keep,
                                void* context) {
  ppn_aten_emitter_t emitter = {.program = program, .graph = program->graph};
  for (ppn_node_t *node = program->graph->first, *next; node; node = next) {
    ppn_node_visit_values(node, resolve_slot, NULL);
    PPN_RETURN_IF_ERROR(decompose_node(&emitter, node, keep, context, &next));
  }
  for (uint32_t i = 0; i < program->graph->output_count; ++i) {
    ppn_argument_visit_values(&program->graph->outputs[i], resolve_slot, NULL);
  }
  return ppn_status_ok();
}
