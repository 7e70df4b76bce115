// Copying and filling views, on several threads when there is enough to move.
#ifndef PPN_KERNELS_COPY_H_
#define PPN_KERNELS_COPY_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

// As ppn_tensor_copy: same sizes, any strides, dtypes converted. The two may not overlap. `pool`
// may be NULL.
void ppn_kernel_copy(const ppn_tensor_t* source, const ppn_tensor_t* target,
                     ppn_thread_pool_t* pool);
// Every element of `target` becomes the one at `element`, which has the target's dtype.
void ppn_kernel_fill(const ppn_tensor_t* target, const void* element, ppn_thread_pool_t* pool);

#endif  // PPN_KERNELS_COPY_H_
