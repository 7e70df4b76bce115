// Checks a graph's invariants. A violation is a bug of the pass that ran before, not of a file.
#include <stdlib.h>

#include "graph/graph.h"

typedef struct verifier {
  ppn_graph_t* graph;
  ppn_node_t** nodes;  // by id
  ppn_node_t* node;    // being checked; NULL for the graph's outputs
  ppn_status_t status;
} verifier_t;

static const char* where(const verifier_t* verifier) {
  return verifier->node ? verifier->node->name : "the graph's outputs";
}

static void fail(verifier_t* verifier, const ppn_value_t* value, const char* problem) {
  if (verifier->status) return;
  verifier->status =
      ppn_status_make(PPN_STATUS_INTERNAL, "graph '%s': '%s' used by %s %s", verifier->graph->name,
                      value->name ? value->name : "?", where(verifier), problem);
}

static void check_use(void* context, ppn_value_t** slot) {
  verifier_t* verifier = context;
  const ppn_graph_t* graph = verifier->graph;
  const ppn_value_t* value = *slot;
  const ppn_node_t* producer = value->producer;
  if (value->replacement) {
    fail(verifier, value, "has a replacement that was not applied");
  } else if (!producer) {
    if (value->output_index >= graph->input_count || graph->inputs[value->output_index] != value) {
      fail(verifier, value, "is neither produced by a node nor an input of this graph");
    }
  } else if (producer->graph != graph || producer->id >= graph->node_count ||
             verifier->nodes[producer->id] != producer) {
    fail(verifier, value, "is produced by a node that is not in this graph");
  } else if (verifier->node && producer->id >= verifier->node->id) {
    fail(verifier, value, "is produced after its use");
  } else if (value->output_index >= producer->output_count ||
             producer->outputs[value->output_index] != value) {
    fail(verifier, value, "is not among its producer's outputs");
  }
}

static ppn_status_t check_name(verifier_t* verifier, ppn_string_map_t* names, const char* name,
                               const char* kind) {
  if (!name) {
    return ppn_status_make(PPN_STATUS_INTERNAL, "graph '%s': a %s has no name",
                           verifier->graph->name, kind);
  }
  if (ppn_string_map_find(names, ppn_sv(name))) {
    return ppn_status_make(PPN_STATUS_INTERNAL, "graph '%s': two %ss are called '%s'",
                           verifier->graph->name, kind, name);
  }
  return ppn_string_map_set(names, ppn_sv(name), verifier->graph);
}

static ppn_status_t check_names(verifier_t* verifier, ppn_string_map_t* values,
                                ppn_string_map_t* nodes) {
  ppn_graph_t* graph = verifier->graph;
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    if (!graph->inputs[i]) continue;
    PPN_RETURN_IF_ERROR(check_name(verifier, values, graph->inputs[i]->name, "value"));
  }
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    PPN_RETURN_IF_ERROR(check_name(verifier, nodes, node->name, "node"));
    for (uint32_t i = 0; i < node->output_count; ++i) {
      if (!node->outputs[i]) continue;
      PPN_RETURN_IF_ERROR(check_name(verifier, values, node->outputs[i]->name, "value"));
    }
  }
  return ppn_status_ok();
}

static ppn_status_t check_links(verifier_t* verifier) {
  ppn_graph_t* graph = verifier->graph;
  uint32_t count = 0;
  ppn_node_t* previous = NULL;
  for (ppn_node_t* node = graph->first; node; previous = node, node = node->next) {
    if (count == graph->node_count || node->previous != previous || node->graph != graph) {
      return ppn_status_make(PPN_STATUS_INTERNAL, "graph '%s': the node list is broken at %s",
                             graph->name, node->name ? node->name : "?");
    }
    verifier->nodes[count++] = node;
  }
  if (count != graph->node_count || graph->last != previous) {
    return ppn_status_make(PPN_STATUS_INTERNAL,
                           "graph '%s': the node list has %u nodes, %u are counted", graph->name,
                           count, graph->node_count);
  }
  return ppn_status_ok();
}

static ppn_status_t check_uses(verifier_t* verifier) {
  ppn_graph_t* graph = verifier->graph;
  ppn_graph_number(graph);
  for (ppn_node_t* node = graph->first; node && !verifier->status; node = node->next) {
    verifier->node = node;
    ppn_node_visit_values(node, check_use, verifier);
    for (uint32_t i = 0; i < node->argument_count && !verifier->status; ++i) {
      if (node->arguments[i].kind == PPN_ARGUMENT_GRAPH) {
        verifier->status = ppn_graph_verify(node->arguments[i].u.graph);
      }
    }
  }
  verifier->node = NULL;
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    ppn_argument_visit_values(&graph->outputs[i], check_use, verifier);
  }
  return verifier->status;
}

ppn_status_t ppn_graph_verify(ppn_graph_t* graph) {
  verifier_t verifier = {.graph = graph};
  verifier.nodes = calloc((size_t)graph->node_count + 1, sizeof(ppn_node_t*));
  if (!verifier.nodes) return ppn_out_of_memory();
  ppn_string_map_t values = {0}, nodes = {0};
  ppn_status_t status = check_links(&verifier);
  if (!status) status = check_names(&verifier, &values, &nodes);
  if (!status) status = check_uses(&verifier);
  ppn_string_map_release(&values);
  ppn_string_map_release(&nodes);
  free(verifier.nodes);
  return status;
}
