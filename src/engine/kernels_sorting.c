// Sorting and selecting.
#include "engine/families.h"
#include "engine/view_copy.h"
#include "kernels/creation.h"
#include "kernels/indices.h"
#include "kernels/sort.h"

typedef struct sorting {
  const ppn_tensor_t* x;
  int axis;
  int64_t k;
  bool descending;
} sorting_t;

static ppn_status_t prepare_sort(ppn_engine_node_t* node, ppn_arena_t* arena) {
  sorting_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "x");
  int rank = state->x->rank == 0 ? 1 : state->x->rank;
  state->axis = (int)ppn_index_wrap(ppn_mil_input_int(node->operation, "axis", -1), rank);
  int64_t size = state->x->rank == 0 ? 1 : state->x->sizes[state->axis];
  bool all = ppn_mil_parameter_index(node->operation->op, ppn_sv("k")) < 0;
  int64_t k = all ? size : ppn_mil_input_int(node->operation, "k", 1);
  state->k = k == -1 ? size : k;
  state->descending = !ppn_mil_input_bool(node->operation, "ascending", false);
  if (state->k < 0 || state->k > size) {
    return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE, "k is %lld, the axis has %lld elements",
                         (long long)k, (long long)size);
  }
  node->scratch_size =
      ppn_kernel_sort_scratch(state->x, state->axis, state->k, node->environment->pool);
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t run_topk(ppn_engine_node_t* node) {
  const sorting_t* state = node->state;
  const ppn_tensor_t* indices = node->output_count > 1 ? &node->outputs[1] : NULL;
  ppn_kernel_sort(state->x, state->axis, state->k, state->descending, &node->outputs[0], indices,
                  node->scratch, node->environment->pool);
  return ppn_status_ok();
}

static ppn_status_t run_argsort(ppn_engine_node_t* node) {
  const sorting_t* state = node->state;
  ppn_kernel_sort(state->x, state->axis, state->k, state->descending, NULL, &node->outputs[0],
                  node->scratch, node->environment->pool);
  return ppn_status_ok();
}

static ppn_status_t prepare_nonzero(ppn_engine_node_t* node, ppn_arena_t* arena) {
  (void)arena;
  const ppn_tensor_t* x = ppn_node_input(node, "x");
  const int64_t sizes[] = {ppn_tensor_numel(x), x->rank};
  node->outputs[0] = ppn_tensor_make(NULL, node->outputs[0].dtype, 2, sizes);
  node->state = (void*)(uintptr_t)x;
  return ppn_status_ok();
}

static ppn_status_t run_nonzero(ppn_engine_node_t* node) {
  const ppn_tensor_t* x = node->state;
  node->outputs[0].sizes[0] = ppn_kernel_count_nonzero(x);
  ppn_kernel_nonzero(x, &node->outputs[0]);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"topk", PPN_ENGINE_EXACT, prepare_sort, run_topk, NULL},
    {"argsort", PPN_ENGINE_EXACT, prepare_sort, run_argsort, NULL},
    {"non_zero", PPN_ENGINE_EXACT | PPN_ENGINE_DATA_DEPENDENT, prepare_nonzero, run_nonzero, NULL},
};

const ppn_engine_family_t ppn_engine_sorting = {kernels, PPN_COUNT_OF(kernels)};
