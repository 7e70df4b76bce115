// Fusing: a convolution or product does the work of the operations that follow it on its result.
//
// In fp32, and in `fast` numerics: one addition of a tensor of the result's sizes, then
// activations. Programs in fp16 round the result of each operation in `device` numerics, which a
// fused kernel does once, at the end. There only what commutes with rounding is fused, so that
// results stay the same bit by bit: clamps (relu, relu6, clip), whose bounds lie on the fp16 grid.
#ifndef PPN_ENGINE_FUSE_H_
#define PPN_ENGINE_FUSE_H_

#include "engine/node.h"

// Works on a specialised function: fused operations are removed, the one that does their work takes
// the place of the last of them and gives its result. Also counts uses of all values.
ppn_status_t ppn_engine_fuse(ppn_mil_function_t* function,
                             const ppn_engine_environment_t* environment) PPN_MUST_USE;

#endif  // PPN_ENGINE_FUSE_H_
