// Softmax and normalisation.
#include <math.h>

#include "engine/families.h"
#include "kernels/elementwise.h"
#include "kernels/normalise.h"

// ---- softmax ----

typedef struct softmax_state {
  const ppn_tensor_t* x;
  int axis;
} softmax_state_t;

static ppn_status_t prepare_softmax(ppn_engine_node_t* node, ppn_arena_t* arena) {
  softmax_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  node->state = state;
  state->x = ppn_node_input(node, "x");
  int64_t axis = ppn_mil_input_int(node->operation, "axis", -1);
  state->axis = (int)(axis < 0 ? axis + state->x->rank : axis);
  return ppn_status_ok();
}

static ppn_status_t run_softmax(ppn_engine_node_t* node) {
  const softmax_state_t* state = node->state;
  ppn_kernel_softmax(false, state->x, state->axis, &node->outputs[0], node->environment->pool);
  return ppn_status_ok();
}

// ---- batch_norm: a factor and a summand per channel ----

typedef struct batch_norm_state {
  const ppn_tensor_t *x, *mean, *variance, *gamma, *beta;
  double epsilon;
  float *factors, *summands;
} batch_norm_state_t;

static ppn_status_t prepare_batch_norm(ppn_engine_node_t* node, ppn_arena_t* arena) {
  batch_norm_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  node->state = state;
  state->x = ppn_node_input(node, "x");
  state->mean = ppn_node_input(node, "mean");
  state->variance = ppn_node_input(node, "variance");
  state->gamma = ppn_node_input(node, "gamma");
  state->beta = ppn_node_input(node, "beta");
  state->epsilon = ppn_mil_input_float(node->operation, "epsilon", 1e-5);
  PPN_ARENA_NEW(arena, ppn_tensor_numel(state->mean), &state->factors);
  PPN_ARENA_NEW(arena, ppn_tensor_numel(state->mean), &state->summands);
  return ppn_status_ok();
}

static float element(const ppn_tensor_t* tensor, int64_t index, float fallback) {
  return tensor ? ((const float*)tensor->data)[index] : fallback;
}

static ppn_status_t run_batch_norm(ppn_engine_node_t* node) {
  const batch_norm_state_t* state = node->state;
  int64_t channels = ppn_tensor_numel(state->mean);
  for (int64_t i = 0; i < channels; ++i) {
    double factor = (double)element(state->gamma, i, 1) /
                    sqrt((double)element(state->variance, i, 0) + state->epsilon);
    state->factors[i] = (float)factor;
    state->summands[i] =
        (float)((double)element(state->beta, i, 0) - (double)element(state->mean, i, 0) * factor);
  }
  ppn_tensor_t factors = ppn_tensor_make(state->factors, PPN_DTYPE_FLOAT32, 1, &channels);
  ppn_tensor_t summands = ppn_tensor_make(state->summands, PPN_DTYPE_FLOAT32, 1, &channels);
  factors = ppn_channel_view(&factors, state->x->rank);
  summands = ppn_channel_view(&summands, state->x->rank);
  ppn_kernel_ternary(PPN_TERNARY_AFFINE, PPN_DTYPE_FLOAT32, state->x, &factors, &summands,
                     &node->outputs[0], node->environment->pool);
  return ppn_status_ok();
}

// ---- layer_norm, instance_norm ----

typedef struct norm_state {
  const ppn_tensor_t *x, *gamma, *beta;
  ppn_tensor_t gamma_view, beta_view;  // shaped to be broadcast; data is set while running
  ppn_axes_t axes;
  double epsilon;
} norm_state_t;

static ppn_status_t new_norm_state(ppn_engine_node_t* node, ppn_arena_t* arena,
                                   double default_epsilon, norm_state_t** out_state) {
  PPN_ARENA_NEW(arena, 1, out_state);
  norm_state_t* state = *out_state;
  node->state = state;
  state->x = ppn_node_input(node, "x");
  state->gamma = ppn_node_input(node, "gamma");
  state->beta = ppn_node_input(node, "beta");
  state->epsilon = ppn_mil_input_float(node->operation, "epsilon", default_epsilon);
  return ppn_status_ok();
}

// A tensor over the reduced dimensions with 1 in place of all others.
static ppn_tensor_t spread(const ppn_tensor_t* tensor, const ppn_tensor_t* x, ppn_axes_t axes) {
  ppn_tensor_t view = *tensor;
  view.rank = x->rank;
  for (int i = 0, j = 0; i < x->rank; ++i) {
    bool is_reduced = axes >> i & 1 && j < tensor->rank;
    view.sizes[i] = is_reduced ? tensor->sizes[j] : 1;
    view.strides[i] = is_reduced ? tensor->strides[j] : 0;
    j += is_reduced;
  }
  return view;
}

static ppn_status_t prepare_layer_norm(ppn_engine_node_t* node, ppn_arena_t* arena) {
  norm_state_t* state;
  PPN_RETURN_IF_ERROR(new_norm_state(node, arena, 1e-5, &state));
  int64_t axes[PPN_MAX_RANK];
  uint32_t count;
  if (ppn_mil_input_ints(node->operation, "axes", axes, PPN_MAX_RANK, &count)) {
    for (uint32_t i = 0; i < count && i < PPN_MAX_RANK; ++i) {
      int64_t axis = axes[i] < 0 ? axes[i] + state->x->rank : axes[i];
      state->axes |= (ppn_axes_t)1 << axis;
    }
  } else {
    state->axes = ppn_axes_all(state->x->rank);
  }
  if (state->gamma) state->gamma_view = spread(state->gamma, state->x, state->axes);
  if (state->beta) state->beta_view = spread(state->beta, state->x, state->axes);
  return ppn_status_ok();
}

static ppn_status_t prepare_instance_norm(ppn_engine_node_t* node, ppn_arena_t* arena) {
  norm_state_t* state;
  PPN_RETURN_IF_ERROR(new_norm_state(node, arena, 1e-5, &state));
  state->axes = ppn_axes_all(state->x->rank) & ~(ppn_axes_t)3;
  if (state->gamma) state->gamma_view = ppn_channel_view(state->gamma, state->x->rank);
  if (state->beta) state->beta_view = ppn_channel_view(state->beta, state->x->rank);
  return ppn_status_ok();
}

static ppn_status_t run_norm(ppn_engine_node_t* node) {
  norm_state_t* state = node->state;
  ppn_normalisation_t normalisation = {
      .x = state->x, .out = &node->outputs[0], .axes = state->axes, .epsilon = state->epsilon};
  if (state->gamma) {
    state->gamma_view.data = state->gamma->data;
    normalisation.gamma = &state->gamma_view;
  }
  if (state->beta) {
    state->beta_view.data = state->beta->data;
    normalisation.beta = &state->beta_view;
  }
  ppn_kernel_normalise(&normalisation, node->environment->pool);
  return ppn_status_ok();
}

// ---- l2_norm, local_response_norm ----

static ppn_status_t prepare_l2_norm(ppn_engine_node_t* node, ppn_arena_t* arena) {
  norm_state_t* state;
  PPN_RETURN_IF_ERROR(new_norm_state(node, arena, 1e-6, &state));
  for (int i = state->x->rank - 3; i < state->x->rank; ++i) {
    if (i >= 0) state->axes |= (ppn_axes_t)1 << i;
  }
  return ppn_status_ok();
}

static ppn_status_t run_l2_norm(ppn_engine_node_t* node) {
  const norm_state_t* state = node->state;
  ppn_kernel_l2_normalise(state->x, state->axes, state->epsilon, &node->outputs[0],
                          node->environment->pool);
  return ppn_status_ok();
}

typedef struct response_state {
  const ppn_tensor_t* x;
  ppn_local_response_t response;
} response_state_t;

static ppn_status_t prepare_local_response_norm(ppn_engine_node_t* node, ppn_arena_t* arena) {
  response_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  node->state = state;
  state->x = ppn_node_input(node, "x");
  state->response =
      (ppn_local_response_t){.size = ppn_mil_input_int(node->operation, "size", 1),
                             .alpha = ppn_mil_input_float(node->operation, "alpha", 1e-4),
                             .beta = ppn_mil_input_float(node->operation, "beta", 0.75),
                             .k = ppn_mil_input_float(node->operation, "k", 1.0)};
  if (state->response.size < 1) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "size is %lld, but must be at least 1",
                         (long long)state->response.size);
  }
  return ppn_status_ok();
}

static ppn_status_t run_local_response_norm(ppn_engine_node_t* node) {
  const response_state_t* state = node->state;
  ppn_kernel_local_response(state->x, &state->response, &node->outputs[0], node->environment->pool);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"softmax", 0, prepare_softmax, run_softmax, NULL},
    {"batch_norm", PPN_ENGINE_IN_PLACE, prepare_batch_norm, run_batch_norm, NULL},
    {"layer_norm", 0, prepare_layer_norm, run_norm, NULL},
    {"instance_norm", 0, prepare_instance_norm, run_norm, NULL},
    {"l2_norm", 0, prepare_l2_norm, run_l2_norm, NULL},
    {"local_response_norm", 0, prepare_local_response_norm, run_local_response_norm, NULL},
};

const ppn_engine_family_t ppn_engine_normalisation = {kernels, PPN_COUNT_OF(kernels)};
