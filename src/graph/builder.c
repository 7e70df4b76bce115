#include <stdlib.h>

#include "graph/graph.h"

ppn_status_t ppn_graph_create(ppn_arena_t* arena, ppn_symbol_table_t* symbols, const char* name,
                              ppn_graph_t** out_graph) {
  *out_graph = NULL;
  ppn_graph_t* graph;
  PPN_ARENA_NEW(arena, 1, &graph);
  graph->arena = arena;
  graph->symbols = symbols;
  graph->name = ppn_arena_strdup(arena, ppn_sv(name));
  if (!graph->name) return ppn_out_of_memory();
  *out_graph = graph;
  return ppn_status_ok();
}

ppn_status_t ppn_graph_create_subgraph(ppn_graph_t* parent, const char* name,
                                       ppn_graph_t** out_graph) {
  PPN_RETURN_IF_ERROR(ppn_graph_create(parent->arena, parent->symbols, name, out_graph));
  (*out_graph)->next_subgraph = parent->subgraphs;
  parent->subgraphs = *out_graph;
  return ppn_status_ok();
}

void ppn_graph_dispose(ppn_graph_t* graph) {
  if (!graph) return;
  for (ppn_graph_t* child = graph->subgraphs; child; child = child->next_subgraph) {
    ppn_graph_dispose(child);
  }
  graph->subgraphs = NULL;
  ppn_string_map_release(&graph->names);
}

// The name table maps a name to the suffix to try next, so that many wishes for one name stay
// linear.
ppn_status_t ppn_graph_unique_name(ppn_graph_t* graph, const char* wish, const char** out_name) {
  ppn_string_view_t name = ppn_sv(wish);
  char* copy = NULL;
  ppn_string_map_entry_t* entry = ppn_string_map_find(&graph->names, name);
  if (entry) {
    uintptr_t suffix = (uintptr_t)entry->value;
    for (;; ++suffix) {
      copy = ppn_arena_printf(graph->arena, "%s_%zu", wish, (size_t)suffix);
      if (!copy) return ppn_out_of_memory();
      if (!ppn_string_map_find(&graph->names, ppn_sv(copy))) break;
    }
    entry->value = (void*)(suffix + 1);
  } else {
    copy = ppn_arena_strdup(graph->arena, name);
    if (!copy) return ppn_out_of_memory();
  }
  *out_name = copy;
  return ppn_string_map_set(&graph->names, ppn_sv(copy), (void*)(uintptr_t)1);
}

// ---- Values ----

ppn_status_t ppn_graph_new_value(ppn_graph_t* graph, const char* name, ppn_value_kind_t kind,
                                 ppn_value_t** out_value) {
  ppn_value_t* value;
  PPN_ARENA_NEW(graph->arena, 1, &value);
  PPN_RETURN_IF_ERROR(ppn_graph_unique_name(graph, name, &value->name));
  value->kind = kind;
  *out_value = value;
  return ppn_status_ok();
}

ppn_status_t ppn_graph_new_tensor(ppn_graph_t* graph, const char* name,
                                  const ppn_tensor_meta_t* meta, ppn_value_t** out_value) {
  PPN_RETURN_IF_ERROR(ppn_graph_new_value(graph, name, PPN_VALUE_TENSOR, out_value));
  ppn_tensor_meta_t copy = *meta;
  size_t bytes = (size_t)meta->rank * sizeof(ppn_dim_t);
  copy.sizes = ppn_arena_memdup(graph->arena, meta->sizes, bytes);
  if (meta->strides) copy.strides = ppn_arena_memdup(graph->arena, meta->strides, bytes);
  if (!copy.sizes || (meta->strides && !copy.strides)) return ppn_out_of_memory();
  (*out_value)->tensor = copy;
  return ppn_status_ok();
}

ppn_status_t ppn_graph_new_sym_int(ppn_graph_t* graph, const char* name, ppn_dim_t dim,
                                   ppn_value_t** out_value) {
  PPN_RETURN_IF_ERROR(ppn_graph_new_value(graph, name, PPN_VALUE_SYM_INT, out_value));
  (*out_value)->dim = dim;
  return ppn_status_ok();
}

ppn_status_t ppn_graph_insert_input(ppn_graph_t* graph, uint32_t position, ppn_value_t* value) {
  uint32_t count = graph->input_count;
  // Capacities are powers of two: an array that is exactly full is copied to one twice as large.
  if ((count & (count - 1)) == 0) {
    ppn_value_t** inputs;
    PPN_ARENA_NEW(graph->arena, count ? (size_t)count * 2 : 1, &inputs);
    if (count) memcpy(inputs, graph->inputs, count * sizeof(*inputs));
    graph->inputs = inputs;
  }
  for (uint32_t i = count; i > position; --i) {
    graph->inputs[i] = graph->inputs[i - 1];
    if (graph->inputs[i]) graph->inputs[i]->output_index = i;
  }
  graph->inputs[position] = value;
  if (value) {
    value->producer = NULL;
    value->output_index = position;
  }
  graph->input_count = count + 1;
  return ppn_status_ok();
}

ppn_status_t ppn_graph_add_input(ppn_graph_t* graph, ppn_value_t* value) {
  return ppn_graph_insert_input(graph, graph->input_count, value);
}

ppn_status_t ppn_graph_set_outputs(ppn_graph_t* graph, const ppn_argument_t* outputs,
                                   uint32_t count) {
  graph->outputs = ppn_arena_memdup(graph->arena, outputs, count * sizeof(*outputs));
  if (!graph->outputs) return ppn_out_of_memory();
  graph->output_count = count;
  return ppn_status_ok();
}

// ---- Nodes ----

static void link_node(ppn_graph_t* graph, ppn_node_t* node, ppn_node_t* before) {
  node->next = before;
  node->previous = before ? before->previous : graph->last;
  if (node->previous) {
    node->previous->next = node;
  } else {
    graph->first = node;
  }
  if (before) {
    before->previous = node;
  } else {
    graph->last = node;
  }
}

static void unlink_node(ppn_graph_t* graph, ppn_node_t* node) {
  if (node->previous) {
    node->previous->next = node->next;
  } else {
    graph->first = node->next;
  }
  if (node->next) {
    node->next->previous = node->previous;
  } else {
    graph->last = node->previous;
  }
  node->previous = node->next = NULL;
}

ppn_status_t ppn_graph_new_node(ppn_graph_t* graph, ppn_node_t* before, const char* target,
                                const char* name, const ppn_argument_t* arguments,
                                uint32_t argument_count, ppn_value_t* const* outputs,
                                uint32_t output_count, const ppn_node_t* location_of,
                                ppn_node_t** out_node) {
  for (uint32_t i = 0; i < argument_count; ++i) {
    // What the ppn_argument_… functions return when they could not allocate.
    if (arguments[i].kind == PPN_ARGUMENT_NONE && arguments[i].count == UINT32_MAX) {
      return ppn_out_of_memory();
    }
  }
  ppn_node_t* node;
  PPN_ARENA_NEW(graph->arena, 1, &node);
  node->graph = graph;
  node->target = ppn_arena_strdup(graph->arena, ppn_sv(target));
  node->arguments =
      ppn_arena_memdup(graph->arena, arguments, argument_count * sizeof(*node->arguments));
  node->outputs = ppn_arena_memdup(graph->arena, outputs, output_count * sizeof(*node->outputs));
  if (!node->target || !node->arguments || !node->outputs) return ppn_out_of_memory();
  node->argument_count = argument_count;
  node->output_count = output_count;
  const char* first = output_count && outputs[0] ? outputs[0]->name : NULL;
  if (first && (!name || strcmp(name, first) == 0)) {
    node->name = first;
  } else {
    PPN_RETURN_IF_ERROR(ppn_graph_unique_name(graph, name ? name : target, &node->name));
  }
  for (uint32_t i = 0; i < output_count; ++i) {
    if (!outputs[i]) continue;
    outputs[i]->producer = node;
    outputs[i]->output_index = i;
  }
  if (location_of) node->location = location_of->location;
  link_node(graph, node, before);
  ++graph->node_count;
  if (out_node) *out_node = node;
  return ppn_status_ok();
}

void ppn_graph_remove_node(ppn_graph_t* graph, ppn_node_t* node) {
  unlink_node(graph, node);
  --graph->node_count;
}

void ppn_graph_move_node(ppn_graph_t* graph, ppn_node_t* node, ppn_node_t* before) {
  if (node == before) return;
  unlink_node(graph, node);
  link_node(graph, node, before);
}

// ---- Argument literals ----

ppn_argument_t ppn_argument_none(const char* name) {
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_NONE};
  return argument;
}

ppn_argument_t ppn_argument_value(const char* name, ppn_value_t* value) {
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_VALUE, .u.value = value};
  return argument;
}

ppn_argument_t ppn_argument_int(const char* name, int64_t value) {
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_INT, .u.integer = value};
  return argument;
}

ppn_argument_t ppn_argument_float(const char* name, double value) {
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_FLOAT, .u.number = value};
  return argument;
}

ppn_argument_t ppn_argument_bool(const char* name, bool value) {
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_BOOL, .u.boolean = value};
  return argument;
}

ppn_argument_t ppn_argument_dtype(const char* name, ppn_dtype_t value) {
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_DTYPE, .u.dtype = value};
  return argument;
}

static ppn_argument_t failed_argument(const char* name) {
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_NONE, .count = UINT32_MAX};
  return argument;
}

ppn_argument_t ppn_argument_int_items(ppn_arena_t* arena, const char* name,
                                      const ppn_int_item_t* items, uint32_t count) {
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_INTS, .count = count};
  argument.u.ints = ppn_arena_memdup(arena, items, count * sizeof(*items));
  return argument.u.ints ? argument : failed_argument(name);
}

ppn_argument_t ppn_argument_ints(ppn_arena_t* arena, const char* name, const int64_t* values,
                                 uint32_t count) {
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_INTS, .count = count};
  argument.u.ints = ppn_arena_alloc_array(arena, count, sizeof(*argument.u.ints));
  if (!argument.u.ints) return failed_argument(name);
  for (uint32_t i = 0; i < count; ++i) argument.u.ints[i].literal = values[i];
  return argument;
}

ppn_argument_t ppn_argument_values(ppn_arena_t* arena, const char* name, ppn_value_t* const* values,
                                   uint32_t count) {
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_VALUES, .count = count};
  argument.u.values = ppn_arena_memdup(arena, values, count * sizeof(ppn_value_t*));
  return argument.u.values ? argument : failed_argument(name);
}
