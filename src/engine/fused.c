#include "engine/fused.h"

#include "kernels/elementwise.h"

// `values` are elements of the result from `offset` on.
static void apply(const ppn_engine_fused_t* fused, float* values, int64_t offset, int64_t count) {
  static const ppn_unary_t functions[] = {
      [PPN_ENGINE_FUSED_CLAMP] = PPN_UNARY_CLIP,
      [PPN_ENGINE_FUSED_LEAKY] = PPN_UNARY_LEAKY_RELU,
      [PPN_ENGINE_FUSED_ELU] = PPN_UNARY_ELU,
      [PPN_ENGINE_FUSED_SIGMOID] = PPN_UNARY_SIGMOID,
      [PPN_ENGINE_FUSED_TANH] = PPN_UNARY_TANH,
      [PPN_ENGINE_FUSED_SWISH] = PPN_UNARY_SILU,
      [PPN_ENGINE_FUSED_GELU_ERF] = PPN_UNARY_GELU,
      [PPN_ENGINE_FUSED_GELU_TANH] = PPN_UNARY_GELU_TANH,
  };
  if (fused->kind == PPN_ENGINE_FUSED_ADD) {
    const float* other = (const float*)fused->tensor.data + offset;
    for (int64_t i = 0; i < count; ++i) values[i] += other[i];
    return;
  }
  ppn_tensor_t piece = ppn_tensor_make(values, PPN_DTYPE_FLOAT32, 1, &count);
  ppn_elementwise_parameters_t parameters = {fused->alpha, fused->beta, 1};
  ppn_unary_t function = functions[fused->kind];
  if (fused->kind == PPN_ENGINE_FUSED_ELU) parameters.beta = 1;
  if (fused->kind == PPN_ENGINE_FUSED_SWISH && fused->alpha > 1) function = PPN_UNARY_GELU_SIGMOID;
  ppn_kernel_unary(function, &parameters, &piece, &piece, NULL);
}

void ppn_engine_fused_apply(const ppn_engine_node_t* node, uint32_t first, float* values,
                            int64_t offset, int64_t count) {
  for (uint32_t i = first; i < node->fused_count; ++i) {
    apply(&node->fused[i], values, offset, count);
  }
}

static void finish(void* context, float* values, int64_t batch, int64_t row, int64_t column,
                   int64_t count) {
  const ppn_engine_fused_context_t* fused = context;
  int64_t offset = batch * fused->batch_stride + row * fused->row_stride + column;
  ppn_engine_fused_apply(fused->node, 0, values, offset, count);
}

void ppn_engine_fused_set(ppn_engine_fused_context_t* context, ppn_epilogue_t* epilogue) {
  const ppn_engine_node_t* node = context->node;
  if (node->fused_count == 0) return;
  if (node->fused_count == 1 && node->fused[0].kind == PPN_ENGINE_FUSED_CLAMP) {
    epilogue->is_clamped = true;
    epilogue->minimum = node->fused[0].alpha;
    epilogue->maximum = node->fused[0].beta;
    return;
  }
  epilogue->finish = finish;
  epilogue->context = context;
}
