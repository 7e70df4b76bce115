// Making tensors, and finding what is in them.
#ifndef PPN_KERNELS_CREATION_H_
#define PPN_KERNELS_CREATION_H_

#include "tensor/tensor.h"

// Elements start, start + step, … in out's dtype (rank 1, contiguous). Integers count in int64,
// floats are computed in double and rounded once.
void ppn_kernel_range(double start, double step, const ppn_tensor_t* out);
void ppn_kernel_range_integers(int64_t start, int64_t step, const ppn_tensor_t* out);

// Element (m, n) of each matrix (the last two axes) is kept where low <= n - m <= high and 0
// elsewhere. Any whole-byte dtype; contiguous; `x` and `out` may be the same.
void ppn_kernel_band(const ppn_tensor_t* x, int64_t low, int64_t high, const ppn_tensor_t* out);

// How many elements are not 0; any strides, any dtype whose zero is all bits 0 or a float.
int64_t ppn_kernel_count_nonzero(const ppn_tensor_t* x);
// Their coordinates in row-major order, a row of x->rank integers each, to `out` (contiguous, any
// integer dtype).
void ppn_kernel_nonzero(const ppn_tensor_t* x, const ppn_tensor_t* out);

// out[i, indices[i, k], k] = on, where `axis` is the one that the indices do not have; the rest
// stays. Indices outside of the axis set nothing. Contiguous.
void ppn_kernel_one_hot(const ppn_tensor_t* indices, int axis, const void* on,
                        const ppn_tensor_t* out);

#endif  // PPN_KERNELS_CREATION_H_
