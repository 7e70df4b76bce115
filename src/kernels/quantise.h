// Quantised tensors, and the compressed forms of constants.
//
// Tensors are contiguous; sub-byte elements are widened to bytes. `pool` may be NULL.
#ifndef PPN_KERNELS_QUANTISE_H_
#define PPN_KERNELS_QUANTISE_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

// out = scale * (data - offset). All have the same rank; each size of `scale` divides that of
// `data`, and its elements are those of equal blocks. `offset` is like it (its blocks along the
// last axis may be larger or smaller by a whole factor), or NULL. `out` is FLOAT32, the others are
// of any real dtype.
void ppn_kernel_shift_scale(const ppn_tensor_t* data, const ppn_tensor_t* scale,
                            const ppn_tensor_t* offset, const ppn_tensor_t* out,
                            ppn_thread_pool_t* pool);
// out = clip(round(x / scale) + offset), halves to even, to the range of out's dtype (INT8, UINT8).
// x is FLOAT32; `scale` and `offset` as above.
void ppn_kernel_quantise(const ppn_tensor_t* x, const ppn_tensor_t* scale,
                         const ppn_tensor_t* offset, const ppn_tensor_t* out,
                         ppn_thread_pool_t* pool);

// Looks indices (UINT8, rank k) up in tables of `lut`, [groups of each dimension …, entries,
// vector]: elements of a block of the indices share a table. Vectors longer than 1 lie along
// `vector_axis` of the result. OUT_OF_RANGE for an index without an entry.
ppn_status_t ppn_kernel_look_up(const ppn_tensor_t* indices, const ppn_tensor_t* lut,
                                int vector_axis, const ppn_tensor_t* out,
                                ppn_thread_pool_t* pool) PPN_MUST_USE;

// Spreads `values` over the elements whose mask (UINT8) is not 0, the rest is 0, and the reverse.
// OUT_OF_RANGE when their numbers differ.
ppn_status_t ppn_kernel_expand_sparse(const ppn_tensor_t* values, const ppn_tensor_t* mask,
                                      const ppn_tensor_t* out) PPN_MUST_USE;
ppn_status_t ppn_kernel_pick_sparse(const ppn_tensor_t* dense, const ppn_tensor_t* mask,
                                    const ppn_tensor_t* out) PPN_MUST_USE;

#endif  // PPN_KERNELS_QUANTISE_H_
