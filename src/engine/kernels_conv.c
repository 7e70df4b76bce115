// Convolution on our own kernels.
#include "engine/convolutions.h"
#include "engine/families.h"
#include "engine/fused.h"

typedef struct conv_state {
  ppn_convolution_t convolution;
  ppn_engine_fused_context_t fused;
  const ppn_tensor_t *x, *weight, *bias;
} conv_state_t;

static ppn_status_t prepare_conv(ppn_engine_node_t* node, ppn_arena_t* arena) {
  conv_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "x");
  state->weight = ppn_node_input(node, "weight");
  state->bias = ppn_node_input(node, "bias");
  const ppn_tensor_t *x = state->x, *y = &node->outputs[0];
  ppn_convolution_t* convolution = &state->convolution;
  ppn_engine_convolution_read(node, x, state->weight, false, convolution);
  int64_t area = 1;
  for (int i = 0; i < convolution->rank; ++i) area *= y->sizes[2 + i];
  state->fused = (ppn_engine_fused_context_t){
      .node = node,
      .batch_stride = y->sizes[1] * area,
      .row_stride = area,
  };
  ppn_engine_fused_set(&state->fused, &convolution->epilogue);
  node->state = state;
  node->scratch_size =
      ppn_convolution_scratch_size(convolution, ppn_thread_pool_size(node->environment->pool));
  return ppn_status_ok();
}

static ppn_status_t run_conv(ppn_engine_node_t* node) {
  conv_state_t* state = node->state;
  state->convolution.x = state->x->data;
  state->convolution.weight = state->weight->data;
  state->convolution.y = node->outputs[0].data;
  state->convolution.epilogue.row_bias = state->bias ? state->bias->data : NULL;
  ppn_convolution_run(&state->convolution, node->scratch, node->environment->pool);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"conv", PPN_ENGINE_FUSES, prepare_conv, run_conv, NULL},
};

const ppn_engine_family_t ppn_engine_conv = {kernels, PPN_COUNT_OF(kernels)};
