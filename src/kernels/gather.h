// Reading elements by index.
//
// Indices have any integer dtype, are contiguous, and count from the end when negative; one outside
// of its axis gives OUT_OF_RANGE with the index and the size, and nothing is written. Elements have
// any whole-byte dtype, the same in `x` and `out`. `pool` may be NULL.
#ifndef PPN_KERNELS_GATHER_H_
#define PPN_KERNELS_GATHER_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

// OUT_OF_RANGE unless all indices lie in [-size, size).
ppn_status_t ppn_kernel_check_indices(const ppn_tensor_t* indices, int64_t size) PPN_MUST_USE;

// NumPy's take along `axis`, for each of the first `batch_dims` dimensions, which both share:
// out [x[:axis], indices[batch_dims:], x[axis+1:]]. All are contiguous.
ppn_status_t ppn_kernel_gather(const ppn_tensor_t* x, const ppn_tensor_t* indices, int axis,
                               int batch_dims, const ppn_tensor_t* out,
                               ppn_thread_pool_t* pool) PPN_MUST_USE;

// out[i, j, k] = x[i, indices[i, j, k], k] with j on `axis`. `out` has the indices' shape and is
// contiguous; x has the same rank, may be larger on other axes, and may have any strides.
ppn_status_t ppn_kernel_gather_along_axis(const ppn_tensor_t* x, const ppn_tensor_t* indices,
                                          int axis, const ppn_tensor_t* out,
                                          ppn_thread_pool_t* pool) PPN_MUST_USE;

// The last axis of `indices` holds coordinates into the dimensions of x from `batch_dims` on; the
// dimensions before them are shared. All are contiguous.
ppn_status_t ppn_kernel_gather_nd(const ppn_tensor_t* x, const ppn_tensor_t* indices,
                                  int batch_dims, const ppn_tensor_t* out,
                                  ppn_thread_pool_t* pool) PPN_MUST_USE;

#endif  // PPN_KERNELS_GATHER_H_
