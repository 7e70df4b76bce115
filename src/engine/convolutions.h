// Convolutions as nodes state them.
#ifndef PPN_ENGINE_CONVOLUTIONS_H_
#define PPN_ENGINE_CONVOLUTIONS_H_

#include "engine/kernel.h"
#include "kernels/convolution.h"

// Sizes and windows of a convolution, or of a transposed one, from a node's operands and
// parameters; pointers are left NULL.
void ppn_engine_convolution_read(const ppn_engine_node_t* node, const ppn_tensor_t* x,
                                 const ppn_tensor_t* weight, bool is_transposed,
                                 ppn_convolution_t* out);

#endif  // PPN_ENGINE_CONVOLUTIONS_H_
