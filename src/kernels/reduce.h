// Reductions over any set of dimensions, and scans along one.
//
// Inputs may have any strides and any real dtype of whole bytes; what is computed in between is
// double for floats and int64 for integers, which wraps when it is stored: sums of floats are
// correctly rounded for all but the largest tensors. `pool` may be NULL. Nothing is allocated.
#ifndef PPN_KERNELS_REDUCE_H_
#define PPN_KERNELS_REDUCE_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

typedef enum ppn_reduction {
  PPN_REDUCTION_SUM,
  PPN_REDUCTION_MEAN,
  PPN_REDUCTION_PRODUCT,
  PPN_REDUCTION_MAXIMUM,  // NaN if any is
  PPN_REDUCTION_MINIMUM,
  PPN_REDUCTION_ABSOLUTE_SUM,
  PPN_REDUCTION_SQUARE_SUM,
  PPN_REDUCTION_NORM,  // the root of the sum of squares
  PPN_REDUCTION_LOG_SUM,
  PPN_REDUCTION_LOG_SUM_EXP,
  PPN_REDUCTION_VARIANCE,
  PPN_REDUCTION_ANY,  // whether any is not zero: 0 or 1
  PPN_REDUCTION_ALL,
} ppn_reduction_t;

// Bit i: dimension i is reduced.
typedef uint32_t ppn_axes_t;
static inline ppn_axes_t ppn_axes_all(int rank) {
  return (ppn_axes_t)((UINT64_C(1) << rank) - 1);
}

// `out` has x's sizes without the reduced dimensions, or with 1 in their place. Of no elements: 0,
// 1 for products and ALL, NaN for means and variances, -infinity or the smallest integer for
// maxima. Results that are no integers are truncated when `out` is of integers. `correction` is for
// VARIANCE: squares of differences to the mean are divided by their number less the correction.
void ppn_kernel_reduce(ppn_reduction_t reduction, const ppn_tensor_t* x, ppn_axes_t axes,
                       double correction, const ppn_tensor_t* out, ppn_thread_pool_t* pool);

// The largest (or smallest) element along `axis` and where it is: the first of equal ones; NaN is
// larger and smaller than anything. The results have x's sizes without `axis`, or with 1 there, and
// equal strides; either may be NULL. x has at least one element along the axis.
void ppn_kernel_extremum(bool largest, const ppn_tensor_t* x, int axis,
                         const ppn_tensor_t* out_values, const ppn_tensor_t* out_indices,
                         ppn_thread_pool_t* pool);

typedef struct ppn_cumulate_options {
  bool exclusive;  // without the element itself
  bool reverse;    // from the end
} ppn_cumulate_options_t;

// Running sums along `axis`; `out` has x's sizes.
void ppn_kernel_cumulative_sum(const ppn_tensor_t* x, int axis, ppn_cumulate_options_t options,
                               const ppn_tensor_t* out, ppn_thread_pool_t* pool);

#endif  // PPN_KERNELS_REDUCE_H_
