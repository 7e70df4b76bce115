#include "lower/high_rank.h"

#include <string.h>

#include "tensor/tensor.h"

// Dimensions `sizes` over the source's elements, then permuted: dimension i is sizes[order[i]].
typedef struct chain {
  ppn_mil_value_t* source;
  int rank;
  ppn_dim_t sizes[PPN_MAX_RANK];
  int64_t order[PPN_MAX_RANK];
} chain_t;

typedef enum step { STEP_OTHER, STEP_VIEW, STEP_PERMUTE, STEP_SAME } step_t;

static step_t step_of(const ppn_node_t* node) {
  static const struct {
    const char* target;
    step_t step;
  } steps[] = {{"aten::view", STEP_VIEW},
               {"aten::view_copy", STEP_VIEW},
               {"aten::reshape", STEP_VIEW},
               {"aten::_unsafe_view", STEP_VIEW},
               {"aten::permute", STEP_PERMUTE},
               {"aten::permute_copy", STEP_PERMUTE},
               {"aten::transpose.int", STEP_PERMUTE},
               {"aten::transpose_copy.int", STEP_PERMUTE},
               {"aten::clone", STEP_SAME},
               {"aten::contiguous", STEP_SAME},
               {"dim_order_ops::_clone_dim_order", STEP_SAME}};
  for (size_t i = 0; i < PPN_COUNT_OF(steps); i++) {
    if (strcmp(node->target, steps[i].target) == 0) return steps[i].step;
  }
  return STEP_OTHER;
}

static const ppn_value_t* operand_of(const ppn_node_t* node) {
  const ppn_argument_t* argument = ppn_node_argument(node, "self");
  return argument && argument->kind == PPN_ARGUMENT_VALUE ? argument->u.value : NULL;
}

static bool is_high(const ppn_value_t* value) {
  return value && value->kind == PPN_VALUE_TENSOR && value->tensor.rank > PPN_LOWER_MAX_RANK;
}

bool ppn_high_rank_involved(const ppn_node_t* node) {
  return is_high(operand_of(node)) || (node->output_count == 1 && is_high(node->outputs[0]));
}

// ---- Building a chain ----

static void begin(chain_t* chain, const ppn_tensor_meta_t* meta) {
  chain->rank = meta->rank;
  for (int i = 0; i < meta->rank; i++) {
    chain->sizes[i] = meta->sizes[i];
    chain->order[i] = i;
  }
}

static bool permute(chain_t* chain, const ppn_node_t* node) {
  int64_t dims[PPN_MAX_RANK], before[PPN_MAX_RANK];
  uint32_t count = 0;
  for (int i = 0; i < chain->rank; i++) dims[i] = i;
  if (ppn_node_argument(node, "dims")) {
    if (!ppn_row_literal_ints(node, "dims", dims, &count) || (int)count != chain->rank)
      return false;
  } else {
    int64_t a = ppn_row_axis(node, "dim0", 0, chain->rank);
    int64_t b = ppn_row_axis(node, "dim1", 0, chain->rank);
    dims[a] = b;
    dims[b] = a;
  }
  memcpy(before, chain->order, sizeof before);
  for (int i = 0; i < chain->rank; i++) {
    int64_t from = dims[i] < 0 ? dims[i] + chain->rank : dims[i];
    if (from < 0 || from >= chain->rank) return false;
    chain->order[i] = before[from];
  }
  return true;
}

// Groups of dimensions that stay neighbours. group[d] for each dimension d in source order, or -1
// for dimensions of size 1; the number of groups.
static int merge(const chain_t* chain, int* group) {
  int follower[PPN_MAX_RANK], last = -1, count = 0;
  for (int i = 0; i < PPN_MAX_RANK; i++) follower[i] = group[i] = -1;
  for (int i = 0; i < chain->rank; i++) {
    int here = (int)chain->order[i];
    if (ppn_dim_is(chain->sizes[here], 1)) continue;
    if (last >= 0) follower[last] = here;
    last = here;
  }
  last = -1;
  for (int i = 0; i < chain->rank; i++) {
    if (ppn_dim_is(chain->sizes[i], 1)) continue;
    group[i] = last >= 0 && follower[last] == i ? count - 1 : count++;
    last = i;
  }
  return count;
}

// ---- Predicate ----

typedef struct search {
  const ppn_value_t* value;
  uint32_t uses;
} search_t;

static void count_use(void* context, ppn_value_t** slot) {
  search_t* search = context;
  search->uses += *slot == search->value;
}

// The only node that uses the value; NULL when there are none or several, or when it is a result.
static const ppn_node_t* only_user(const ppn_value_t* value) {
  ppn_graph_t* graph = value->producer->graph;
  const ppn_node_t* user = NULL;
  for (uint32_t i = 0; i < graph->output_count; i++) {
    search_t search = {value, 0};
    ppn_argument_visit_values(&graph->outputs[i], count_use, &search);
    if (search.uses) return NULL;
  }
  for (ppn_node_t* node = value->producer->next; node; node = node->next) {
    search_t search = {value, 0};
    ppn_node_visit_values(node, count_use, &search);
    if (search.uses == 0) continue;
    if (user) return NULL;
    user = node;
  }
  return user;
}

bool ppn_high_rank_supported(const ppn_node_t* node, ppn_buffer_t* reason) {
  chain_t chain = {0};
  int group[PPN_MAX_RANK];
  const ppn_node_t* first = node;
  while (is_high(operand_of(first)) && operand_of(first)->producer) {
    first = operand_of(first)->producer;
  }
  if (step_of(first) != STEP_VIEW || is_high(operand_of(first)) ||
      first->outputs[0]->tensor.rank > PPN_MAX_RANK) {
    return ppn_row_refuse(reason, "more than %d dimensions", PPN_LOWER_MAX_RANK);
  }
  begin(&chain, &first->outputs[0]->tensor);
  for (const ppn_node_t* at = first; is_high(at->outputs[0]);) {
    at = only_user(at->outputs[0]);
    step_t step = at ? step_of(at) : STEP_OTHER;
    bool fine = step == STEP_PERMUTE ? permute(&chain, at)
                : step == STEP_VIEW  ? !is_high(at->outputs[0])
                                     : step == STEP_SAME;
    if (!fine) return ppn_row_refuse(reason, "more than %d dimensions", PPN_LOWER_MAX_RANK);
  }
  if (merge(&chain, group) > PPN_LOWER_MAX_RANK) {
    return ppn_row_refuse(reason, "a permutation of more than %d dimensions", PPN_LOWER_MAX_RANK);
  }
  return true;
}

// ---- Lowering ----

// A stand-in for a value that is not made; its scratch holds the chain.
static ppn_status_t bind_stand_in(ppn_lower_context_t* context, const ppn_node_t* node,
                                  const chain_t* chain) {
  ppn_arena_t* arena = &context->builder.function->program->arena;
  ppn_mil_value_t* value = ppn_arena_alloc(arena, sizeof *value);
  if (!value) return ppn_out_of_memory();
  value->scratch = ppn_arena_memdup(arena, chain, sizeof *chain);
  if (!value->scratch) return ppn_out_of_memory();
  value->name = node->outputs[0]->name;
  value->type = chain->source->type;
  node->outputs[0]->scratch = value;
  return ppn_status_ok();
}

static ppn_status_t merged_sizes(ppn_lower_context_t* context, const chain_t* chain,
                                 const int* group, ppn_dim_t* out) {
  for (int i = 0; i < PPN_LOWER_MAX_RANK; i++) out[i] = ppn_dim_static(1);
  for (int i = 0; i < chain->rank; i++) {
    if (group[i] < 0) continue;
    PPN_RETURN_IF_ERROR(ppn_dim_multiply(context->builder.function->program->symbols, out[group[i]],
                                         chain->sizes[i], &out[group[i]]));
  }
  return ppn_status_ok();
}

static ppn_status_t finish_chain(ppn_lower_context_t* context, const ppn_node_t* node,
                                 const chain_t* chain) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  ppn_dim_t sizes[PPN_LOWER_MAX_RANK];
  int64_t permutation[PPN_LOWER_MAX_RANK];
  int group[PPN_MAX_RANK], count = merge(chain, group), at = 0, last = -1;
  PPN_RETURN_IF_ERROR(merged_sizes(context, chain, group, sizes));
  for (int i = 0; i < chain->rank; i++) {
    int here = group[chain->order[i]];
    if (here >= 0 && here != last) permutation[at++] = here;
    if (here >= 0) last = here;
  }
  ppn_mil_value_t* x = chain->source;
  if (count > 1) {
    x = ppn_row_reshape(context, x, sizes, count);
    x = ppn_row_transpose(context, x, permutation);
  }
  return ppn_row_result(context, node, ppn_row_reshape(context, x, meta->sizes, meta->rank));
}

ppn_status_t ppn_high_rank_lower(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_value_t* operand = operand_of(node);
  ppn_mil_value_t* x = ppn_row_value(context, operand);
  if (context->status) return ppn_row_finish(context);
  chain_t chain = {0};
  if (!is_high(operand)) {
    chain.source = x;
    begin(&chain, &node->outputs[0]->tensor);
    return bind_stand_in(context, node, &chain);
  }
  chain = *(const chain_t*)x->scratch;
  if (step_of(node) == STEP_VIEW) return finish_chain(context, node, &chain);
  if (step_of(node) == STEP_PERMUTE && !permute(&chain, node)) {
    return ppn_status_make(PPN_STATUS_INTERNAL, "%s is not a permutation", node->target);
  }
  return bind_stand_in(context, node, &chain);
}
