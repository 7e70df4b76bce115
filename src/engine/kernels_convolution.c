// Transposed and quantised convolutions.
#include <string.h>

#include "engine/convolutions.h"
#include "engine/families.h"

typedef struct convolution_state {
  ppn_convolution_t convolution;
  const ppn_tensor_t *x, *weight, *bias;
  const float *own_weight, *own_bias;  // made in `prepare`; NULL: the operands' data
} convolution_state_t;

static ppn_status_t new_state(ppn_engine_node_t* node, ppn_arena_t* arena, bool is_transposed,
                              convolution_state_t** out_state) {
  PPN_ARENA_NEW(arena, 1, out_state);
  convolution_state_t* state = *out_state;
  state->x = ppn_node_input(node, "x");
  state->weight = ppn_node_input(node, "weight");
  state->bias = ppn_node_input(node, "bias");
  ppn_engine_convolution_read(node, state->x, state->weight, is_transposed, &state->convolution);
  node->state = state;
  node->scratch_size = ppn_convolution_scratch_size(&state->convolution,
                                                    ppn_thread_pool_size(node->environment->pool));
  return ppn_status_ok();
}

static ppn_status_t prepare_transposed(ppn_engine_node_t* node, ppn_arena_t* arena) {
  convolution_state_t* state;
  return new_state(node, arena, true, &state);
}

// ---- Quantised weights ----

// One number for all of a weight, or one per output channel.
static float per_channel(const ppn_tensor_t* tensor, int64_t channel) {
  bool is_single = ppn_tensor_numel(tensor) == 1;
  return (float)ppn_element_as_double(tensor->dtype, tensor->data, is_single ? 0 : channel);
}

static ppn_status_t dequantise(const ppn_engine_node_t* node, const ppn_tensor_t* quantised,
                               ppn_arena_t* arena, const float** out) {
  const ppn_tensor_t *scale = ppn_node_input(node, "quant_scale"),
                     *shift = ppn_node_input(node, "quant_bias");
  int64_t count = ppn_tensor_numel(quantised), channels = quantised->sizes[0];
  float* values;
  PPN_ARENA_NEW(arena, count, &values);
  for (int64_t i = 0; i < count; ++i) {
    int64_t channel = i / (count / channels);
    double element = ppn_element_as_double(quantised->dtype, quantised->data, i);
    values[i] = (float)element * per_channel(scale, channel) + per_channel(shift, channel);
  }
  *out = values;
  return ppn_status_ok();
}

static bool fits_channels(const ppn_tensor_t* tensor, int64_t channels) {
  int64_t count = tensor && tensor->data ? ppn_tensor_numel(tensor) : 0;
  return count == 1 || count == channels;
}

static ppn_status_t prepare_quantised(ppn_engine_node_t* node, ppn_arena_t* arena) {
  const char* type = ppn_mil_input_string(node->operation, "quantization_type", "linear");
  if (strcmp(type, "linear") != 0) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED,
                         "quantization_type '%s'; only 'linear' is supported", type);
  }
  convolution_state_t* state;
  PPN_RETURN_IF_ERROR(new_state(node, arena, false, &state));
  int64_t channels = state->weight->sizes[0];
  if (!state->weight->data || !fits_channels(ppn_node_input(node, "quant_scale"), channels) ||
      !fits_channels(ppn_node_input(node, "quant_bias"), channels)) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED,
                         "expected a constant weight, and one quant_scale and quant_bias in all or "
                         "for each of %lld channels",
                         (long long)channels);
  }
  PPN_RETURN_IF_ERROR(dequantise(node, state->weight, arena, &state->own_weight));
  if (!state->bias) return ppn_status_ok();
  return dequantise(node, state->bias, arena, &state->own_bias);
}

static ppn_status_t run(ppn_engine_node_t* node) {
  convolution_state_t* state = node->state;
  ppn_convolution_t* convolution = &state->convolution;
  convolution->x = state->x->data;
  convolution->weight = state->own_weight ? state->own_weight : state->weight->data;
  convolution->y = node->outputs[0].data;
  convolution->epilogue.row_bias = state->own_bias ? state->own_bias
                                   : state->bias   ? state->bias->data
                                                   : NULL;
  ppn_convolution_run(convolution, node->scratch, node->environment->pool);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"conv_transpose", 0, prepare_transposed, run, NULL},
    {"conv_quantized", 0, prepare_quantised, run, NULL},
};

const ppn_engine_family_t ppn_engine_convolution = {kernels, PPN_COUNT_OF(kernels)};
