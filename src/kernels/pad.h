// Padding.
#ifndef PPN_KERNELS_PAD_H_
#define PPN_KERNELS_PAD_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

typedef enum ppn_pad_mode {
  PPN_PAD_CONSTANT,
  PPN_PAD_REFLECT,    // mirrored at the edge, which is not repeated
  PPN_PAD_REPLICATE,  // the edge, repeated
} ppn_pad_mode_t;

// Element p of `out` along axis i is element p - before[i] of `x`, or padding where there is none.
// CONSTANT takes padding from `value` (an element of x's dtype), and `before` may be negative,
// which crops. REFLECT needs less padding on each side than x has elements, REPLICATE at least one
// element. Any strides, any whole-byte dtype.
void ppn_kernel_pad(const ppn_tensor_t* x, const int64_t* before, ppn_pad_mode_t mode,
                    const void* value, const ppn_tensor_t* out, ppn_thread_pool_t* pool);

#endif  // PPN_KERNELS_PAD_H_
