// What the kernels for einsum share.
#ifndef PPN_ENGINE_EINSUM_H_
#define PPN_ENGINE_EINSUM_H_

#include "engine/kernel.h"

// Is the equation one that Core ML has for this rank? UNSUPPORTED otherwise.
ppn_status_t ppn_engine_check_equation(const ppn_engine_node_t* node) PPN_MUST_USE;

#endif  // PPN_ENGINE_EINSUM_H_
