// Reading and writing by index.
#include "engine/families.h"
#include "engine/view_copy.h"
#include "kernels/gather.h"
#include "kernels/indices.h"

typedef struct indexing {
  const ppn_tensor_t *x, *indices;
  int axis, batch_dims;
} indexing_t;

static ppn_status_t prepare_gather(ppn_engine_node_t* node, ppn_arena_t* arena) {
  indexing_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "x");
  state->indices = ppn_node_input(node, "indices");
  state->axis = (int)ppn_index_wrap(ppn_mil_input_int(node->operation, "axis", 0), state->x->rank);
  state->batch_dims = (int)ppn_mil_input_int(node->operation, "batch_dims", 0);
  for (int i = 0; i < state->batch_dims; ++i) {
    if (state->x->sizes[i] != state->indices->sizes[i]) {
      return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT,
                           "batches of %lld and of %lld indices in dimension %d",
                           (long long)state->x->sizes[i], (long long)state->indices->sizes[i], i);
    }
  }
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t run_gather(ppn_engine_node_t* node) {
  const indexing_t* state = node->state;
  return ppn_node_annotate(
      node, ppn_kernel_gather(state->x, state->indices, state->axis, state->batch_dims,
                              &node->outputs[0], node->environment->pool));
}

static ppn_status_t run_gather_along_axis(ppn_engine_node_t* node) {
  const indexing_t* state = node->state;
  return ppn_node_annotate(
      node, ppn_kernel_gather_along_axis(state->x, state->indices, state->axis, &node->outputs[0],
                                         node->environment->pool));
}

static ppn_status_t run_gather_nd(ppn_engine_node_t* node) {
  const indexing_t* state = node->state;
  return ppn_node_annotate(node, ppn_kernel_gather_nd(state->x, state->indices, state->batch_dims,
                                                      &node->outputs[0], node->environment->pool));
}

static const ppn_engine_kernel_t kernels[] = {
    {"gather", PPN_ENGINE_EXACT, prepare_gather, run_gather, NULL},
    {"gather_along_axis", PPN_ENGINE_EXACT, prepare_gather, run_gather_along_axis, NULL},
    {"gather_nd", PPN_ENGINE_EXACT, prepare_gather, run_gather_nd, NULL},
};

const ppn_engine_family_t ppn_engine_indexing = {kernels, PPN_COUNT_OF(kernels)};
