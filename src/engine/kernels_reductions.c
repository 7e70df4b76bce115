// Reductions over dimensions and running sums.
#include <string.h>

#include "engine/families.h"
#include "kernels/reduce.h"

// An axis, which may count from the end.
static int positive_axis(int64_t axis, int rank) {
  return (int)(axis < 0 ? axis + rank : axis);
}

// ---- Over any set of dimensions ----

static const struct {
  const char* type;
  ppn_reduction_t reduction;
} reductions[] = {
    {"reduce_l1_norm", PPN_REDUCTION_ABSOLUTE_SUM},
    {"reduce_l2_norm", PPN_REDUCTION_NORM},
    {"reduce_log_sum", PPN_REDUCTION_LOG_SUM},
    {"reduce_log_sum_exp", PPN_REDUCTION_LOG_SUM_EXP},
    {"reduce_max", PPN_REDUCTION_MAXIMUM},
    {"reduce_mean", PPN_REDUCTION_MEAN},
    {"reduce_min", PPN_REDUCTION_MINIMUM},
    {"reduce_prod", PPN_REDUCTION_PRODUCT},
    {"reduce_sum", PPN_REDUCTION_SUM},
    {"reduce_sum_square", PPN_REDUCTION_SQUARE_SUM},
};

typedef struct reduce_state {
  const ppn_tensor_t* x;
  ppn_reduction_t reduction;
  ppn_axes_t axes;
} reduce_state_t;

static ppn_status_t prepare_reduce(ppn_engine_node_t* node, ppn_arena_t* arena) {
  reduce_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  node->state = state;
  state->x = ppn_node_input(node, "x");
  size_t row = 0;
  while (strcmp(reductions[row].type, node->kernel->type) != 0) ++row;
  state->reduction = reductions[row].reduction;
  int64_t axes[PPN_MAX_RANK];
  uint32_t count;
  if (!ppn_mil_input_ints(node->operation, "axes", axes, PPN_MAX_RANK, &count)) {
    state->axes = ppn_axes_all(state->x->rank);
    return ppn_status_ok();
  }
  for (uint32_t i = 0; i < count && i < PPN_MAX_RANK; ++i) {
    state->axes |= (ppn_axes_t)1 << positive_axis(axes[i], state->x->rank);
  }
  return ppn_status_ok();
}

static ppn_status_t run_reduce(ppn_engine_node_t* node) {
  const reduce_state_t* state = node->state;
  ppn_kernel_reduce(state->reduction, state->x, state->axes, 0, &node->outputs[0],
                    node->environment->pool);
  return ppn_status_ok();
}

// ---- Along one ----

typedef struct axis_state {
  const ppn_tensor_t* x;
  int axis;
  bool largest;
  ppn_cumulate_options_t cumulate;
} axis_state_t;

static ppn_status_t new_axis_state(ppn_engine_node_t* node, ppn_arena_t* arena,
                                   int64_t default_axis, axis_state_t** out_state) {
  PPN_ARENA_NEW(arena, 1, out_state);
  axis_state_t* state = *out_state;
  node->state = state;
  state->x = ppn_node_input(node, "x");
  state->axis =
      positive_axis(ppn_mil_input_int(node->operation, "axis", default_axis), state->x->rank);
  return ppn_status_ok();
}

static ppn_status_t prepare_extremum(ppn_engine_node_t* node, ppn_arena_t* arena) {
  axis_state_t* state;
  PPN_RETURN_IF_ERROR(new_axis_state(node, arena, -1, &state));
  state->largest = strcmp(node->kernel->type, "reduce_argmax") == 0;
  return ppn_status_ok();
}

static ppn_status_t run_extremum(ppn_engine_node_t* node) {
  const axis_state_t* state = node->state;
  ppn_kernel_extremum(state->largest, state->x, state->axis, NULL, &node->outputs[0],
                      node->environment->pool);
  return ppn_status_ok();
}

static ppn_status_t prepare_cumsum(ppn_engine_node_t* node, ppn_arena_t* arena) {
  axis_state_t* state;
  PPN_RETURN_IF_ERROR(new_axis_state(node, arena, 0, &state));
  state->cumulate.exclusive = ppn_mil_input_bool(node->operation, "exclusive", false);
  state->cumulate.reverse = ppn_mil_input_bool(node->operation, "reverse", false);
  return ppn_status_ok();
}

static ppn_status_t run_cumsum(ppn_engine_node_t* node) {
  const axis_state_t* state = node->state;
  ppn_kernel_cumulative_sum(state->x, state->axis, state->cumulate, &node->outputs[0],
                            node->environment->pool);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"reduce_l1_norm", 0, prepare_reduce, run_reduce, NULL},
    {"reduce_l2_norm", 0, prepare_reduce, run_reduce, NULL},
    {"reduce_log_sum", 0, prepare_reduce, run_reduce, NULL},
    {"reduce_log_sum_exp", 0, prepare_reduce, run_reduce, NULL},
    {"reduce_max", PPN_ENGINE_EXACT, prepare_reduce, run_reduce, NULL},
    {"reduce_mean", 0, prepare_reduce, run_reduce, NULL},
    {"reduce_min", PPN_ENGINE_EXACT, prepare_reduce, run_reduce, NULL},
    {"reduce_prod", 0, prepare_reduce, run_reduce, NULL},
    {"reduce_sum", 0, prepare_reduce, run_reduce, NULL},
    {"reduce_sum_square", 0, prepare_reduce, run_reduce, NULL},
    {"reduce_argmax", PPN_ENGINE_EXACT, prepare_extremum, run_extremum, NULL},
    {"reduce_argmin", PPN_ENGINE_EXACT, prepare_extremum, run_extremum, NULL},
    {"cumsum", 0, prepare_cumsum, run_cumsum, NULL},
};

const ppn_engine_family_t ppn_engine_reductions = {kernels, PPN_COUNT_OF(kernels)};
