// Writing elements by index.
//
// `out` holds what is updated already. Indices have any integer dtype, are contiguous, and count
// from the end when negative; one outside of its axis gives OUT_OF_RANGE and nothing is written.
// Updates with equal indices are applied one after the other, in order. Runs on the caller's
// thread.
#ifndef PPN_KERNELS_SCATTER_H_
#define PPN_KERNELS_SCATTER_H_

#include "tensor/tensor.h"

// What becomes of an element and its update.
typedef enum ppn_scatter_mode {
  PPN_SCATTER_UPDATE,  // any whole-byte dtype; the others: real dtypes
  PPN_SCATTER_ADD,
  PPN_SCATTER_SUB,
  PPN_SCATTER_MUL,
  PPN_SCATTER_DIV,
  PPN_SCATTER_MAX,
  PPN_SCATTER_MIN,
} ppn_scatter_mode_t;

// to[i] = to[i] combined with from[i], for contiguous rows.
void ppn_kernel_combine(ppn_dtype_t dtype, ppn_scatter_mode_t mode, void* to, const void* from,
                        int64_t count);

// Slice indices[i] of `out` along `axis` with slice i of `updates`, whose other sizes are those of
// `out`. All are contiguous.
ppn_status_t ppn_kernel_scatter(const ppn_tensor_t* out, const ppn_tensor_t* indices,
                                const ppn_tensor_t* updates, int axis,
                                ppn_scatter_mode_t mode) PPN_MUST_USE;

// out[i, indices[i, j, k], k] with updates[i, j, k], j on `axis`. All have the same rank; `updates`
// and `out` have any strides and may be larger than `indices`.
ppn_status_t ppn_kernel_scatter_along_axis(const ppn_tensor_t* out, const ppn_tensor_t* indices,
                                           const ppn_tensor_t* updates, int axis,
                                           ppn_scatter_mode_t mode) PPN_MUST_USE;

// The last axis of `indices` holds coordinates into the first dimensions of `out`; `updates` holds
// the slices. All are contiguous.
ppn_status_t ppn_kernel_scatter_nd(const ppn_tensor_t* out, const ppn_tensor_t* indices,
                                   const ppn_tensor_t* updates,
                                   ppn_scatter_mode_t mode) PPN_MUST_USE;

#endif  // PPN_KERNELS_SCATTER_H_
