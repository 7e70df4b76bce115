// Sorting and selecting the largest or smallest.
//
// Equal elements keep their order. NaN counts as larger than every number, and -0 equals 0.
#ifndef PPN_KERNELS_SORT_H_
#define PPN_KERNELS_SORT_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

// Bytes of scratch memory that ppn_kernel_sort needs for tensors of x's sizes.
size_t ppn_kernel_sort_scratch(const ppn_tensor_t* x, int axis, int64_t k,
                               const ppn_thread_pool_t* pool);

// The first `k` elements of x along `axis` in ascending or descending order, k <= the axis' size.
// `values` (x's dtype) and `indices` (any integer dtype) may be NULL; their size along the axis is
// k. Any strides, any real dtype.
void ppn_kernel_sort(const ppn_tensor_t* x, int axis, int64_t k, bool descending,
                     const ppn_tensor_t* values, const ppn_tensor_t* indices, void* scratch,
                     ppn_thread_pool_t* pool);

#endif  // PPN_KERNELS_SORT_H_
