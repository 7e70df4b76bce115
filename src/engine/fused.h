// Doing fused work (ppn_engine_fused_t) in our own kernels: as the last stage of a product or
// convolution.
#ifndef PPN_ENGINE_FUSED_H_
#define PPN_ENGINE_FUSED_H_

#include "engine/kernel.h"
#include "kernels/gemm.h"

// Sets the epilogue of a product to the node's fused work. Its result is read as [batch, rows,
// columns]: `row_stride` and `batch_stride` are those of the node's result in elements.
typedef struct ppn_engine_fused_context {
  const ppn_engine_node_t* node;
  int64_t batch_stride, row_stride;
} ppn_engine_fused_context_t;

void ppn_engine_fused_set(ppn_engine_fused_context_t* context, ppn_epilogue_t* epilogue);

// Does the node's fused work from number `first` on. `values` are elements [offset, offset + count)
// of the result as they lie in memory; what is added lies the same way.
void ppn_engine_fused_apply(const ppn_engine_node_t* node, uint32_t first, float* values,
                            int64_t offset, int64_t count);

#endif  // PPN_ENGINE_FUSED_H_
