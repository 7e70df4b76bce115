// Walking over a graph's values: replacements, numbering, users, dead code.
#include <stdlib.h>

#include "graph/graph.h"

const ppn_argument_t* ppn_node_argument(const ppn_node_t* node, const char* name) {
  for (uint32_t i = 0; i < node->argument_count; ++i) {
    if (strcmp(node->arguments[i].name, name) == 0) return &node->arguments[i];
  }
  return NULL;
}

void ppn_argument_visit_values(ppn_argument_t* argument, ppn_value_visitor_t visit, void* context) {
  switch (argument->kind) {
    case PPN_ARGUMENT_VALUE:
      if (argument->u.value) visit(context, &argument->u.value);
      break;
    case PPN_ARGUMENT_VALUES:
      for (uint32_t i = 0; i < argument->count; ++i) {
        if (argument->u.values[i]) visit(context, &argument->u.values[i]);
      }
      break;
    case PPN_ARGUMENT_INTS:
      for (uint32_t i = 0; i < argument->count; ++i) {
        if (argument->u.ints[i].value) visit(context, &argument->u.ints[i].value);
      }
      break;
    default:
      break;
  }
}

void ppn_node_visit_values(ppn_node_t* node, ppn_value_visitor_t visit, void* context) {
  for (uint32_t i = 0; i < node->argument_count; ++i) {
    ppn_argument_visit_values(&node->arguments[i], visit, context);
  }
}

// ---- Replacements ----

ppn_value_t* ppn_value_resolve(ppn_value_t* value) {
  ppn_value_t* end = value;
  while (end->replacement) end = end->replacement;
  while (value->replacement && value->replacement != end) {
    ppn_value_t* next = value->replacement;
    value->replacement = end;
    value = next;
  }
  return end;
}

static void replace_slot(void* context, ppn_value_t** slot) {
  (void)context;
  if ((*slot)->replacement) *slot = ppn_value_resolve(*slot);
}

void ppn_graph_apply_replacements(ppn_graph_t* graph) {
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    ppn_node_visit_values(node, replace_slot, NULL);
  }
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    ppn_argument_visit_values(&graph->outputs[i], replace_slot, NULL);
  }
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    if (graph->inputs[i]) graph->inputs[i]->replacement = NULL;
  }
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    for (uint32_t i = 0; i < node->output_count; ++i) {
      if (node->outputs[i]) node->outputs[i]->replacement = NULL;
    }
  }
}

// ---- Numbering and users ----

uint32_t ppn_graph_number(ppn_graph_t* graph) {
  uint32_t values = 0, nodes = 0;
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    if (graph->inputs[i]) graph->inputs[i]->id = values++;
  }
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    node->id = nodes++;
    for (uint32_t i = 0; i < node->output_count; ++i) {
      if (node->outputs[i]) node->outputs[i]->id = values++;
    }
  }
  return values;
}

typedef struct users_builder {
  ppn_users_t* users;
  ppn_node_t** last_user;  // value id to the node that was counted last: each node counts once
  ppn_node_t* node;
  uint32_t* cursor;  // NULL while counting
} users_builder_t;

static void count_or_place_user(void* context, ppn_value_t** slot) {
  users_builder_t* builder = context;
  uint32_t id = (*slot)->id;
  if (id >= builder->users->value_count || builder->last_user[id] == builder->node) return;
  builder->last_user[id] = builder->node;
  if (builder->cursor) {
    builder->users->nodes[builder->cursor[id]++] = builder->node;
  } else {
    ++builder->users->offsets[id + 1];
  }
}

static void mark_output(void* context, ppn_value_t** slot) {
  ppn_users_t* users = context;
  if ((*slot)->id < users->value_count) users->is_output[(*slot)->id] = true;
}

static void visit_all(ppn_graph_t* graph, users_builder_t* builder) {
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    builder->node = node;
    ppn_node_visit_values(node, count_or_place_user, builder);
  }
}

ppn_status_t ppn_users_build(ppn_graph_t* graph, ppn_users_t* out_users) {
  memset(out_users, 0, sizeof(*out_users));
  uint32_t count = out_users->value_count = ppn_graph_number(graph);
  users_builder_t builder = {.users = out_users};
  ppn_status_t status = ppn_status_ok();
  out_users->offsets = calloc((size_t)count + 1, sizeof(*out_users->offsets));
  out_users->is_output = calloc((size_t)count + 1, sizeof(*out_users->is_output));
  builder.last_user = calloc((size_t)count + 1, sizeof(*builder.last_user));
  uint32_t* cursor = malloc(((size_t)count + 1) * sizeof(*cursor));
  if (!out_users->offsets || !out_users->is_output || !builder.last_user || !cursor) {
    status = ppn_out_of_memory();
    goto done;
  }
  visit_all(graph, &builder);
  for (uint32_t i = 0; i < count; ++i) out_users->offsets[i + 1] += out_users->offsets[i];
  out_users->nodes = malloc(((size_t)out_users->offsets[count] + 1) * sizeof(*out_users->nodes));
  if (!out_users->nodes) {
    status = ppn_out_of_memory();
    goto done;
  }
  memcpy(cursor, out_users->offsets, ((size_t)count + 1) * sizeof(*cursor));
  memset(builder.last_user, 0, ((size_t)count + 1) * sizeof(*builder.last_user));
  builder.cursor = cursor;
  visit_all(graph, &builder);
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    ppn_argument_visit_values(&graph->outputs[i], mark_output, out_users);
  }
done:
  free(builder.last_user);
  free(cursor);
  if (status) ppn_users_release(out_users);
  return status;
}

typedef struct use_search {
  const ppn_value_t* value;
  bool is_found;
} use_search_t;

static void compare_value(void* context, ppn_value_t** slot) {
  use_search_t* search = context;
  search->is_found |= *slot == search->value;
}

bool ppn_value_is_used(const ppn_graph_t* graph, const ppn_value_t* value) {
  use_search_t search = {value, false};
  ppn_node_t* node = value->producer ? value->producer->next : graph->first;
  for (; node && !search.is_found; node = node->next) {
    ppn_node_visit_values(node, compare_value, &search);
  }
  for (uint32_t i = 0; i < graph->output_count && !search.is_found; ++i) {
    ppn_argument_visit_values(&graph->outputs[i], compare_value, &search);
  }
  return search.is_found;
}

void ppn_users_release(ppn_users_t* users) {
  free(users->offsets);
  free(users->nodes);
  free(users->is_output);
  memset(users, 0, sizeof(*users));
}

// ---- Dead code ----

static void mark_used(void* context, ppn_value_t** slot) {
  ((bool*)context)[(*slot)->id] = true;
}

ppn_status_t ppn_graph_eliminate_dead_code(ppn_graph_t* graph,
                                           ppn_side_effects_t has_side_effects) {
  bool* used = calloc((size_t)ppn_graph_number(graph) + 1, sizeof(*used));
  if (!used) return ppn_out_of_memory();
  ppn_status_t status = ppn_status_ok();
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    ppn_argument_visit_values(&graph->outputs[i], mark_used, used);
  }
  for (ppn_node_t *node = graph->last, *previous; node && !status; node = previous) {
    previous = node->previous;
    bool keep = has_side_effects && has_side_effects(node);
    for (uint32_t i = 0; i < node->output_count && !keep; ++i) {
      keep = node->outputs[i] && used[node->outputs[i]->id];
    }
    if (!keep) {
      ppn_graph_remove_node(graph, node);
      continue;
    }
    ppn_node_visit_values(node, mark_used, used);
    for (uint32_t i = 0; i < node->argument_count && !status; ++i) {
      if (node->arguments[i].kind != PPN_ARGUMENT_GRAPH) continue;
      status = ppn_graph_eliminate_dead_code(node->arguments[i].u.graph, has_side_effects);
    }
  }
  free(used);
  return status;
}
