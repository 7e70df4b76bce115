// Views of views: other shapes and strides over the same elements. Nothing is copied.
//
// Axes are valid and non-negative, and sizes fit; callers check. Addresses are computed as
// integers, so `data` may also be an offset in bytes from memory that is not known yet.
#ifndef PPN_TENSOR_VIEW_H_
#define PPN_TENSOR_VIEW_H_

#include "tensor/tensor.h"

// Elements start, start + step, … (`size` of them) along an axis. `step` may be negative.
ppn_tensor_t ppn_view_slice(const ppn_tensor_t* tensor, int axis, int64_t start, int64_t size,
                            int64_t step);
// The element `index` along an axis, which goes away.
ppn_tensor_t ppn_view_select(const ppn_tensor_t* tensor, int axis, int64_t index);
// A new axis of `size` equal copies before axis `axis`.
ppn_tensor_t ppn_view_repeat(const ppn_tensor_t* tensor, int axis, int64_t size);
// Axis i of the result is axis order[i].
ppn_tensor_t ppn_view_permute(const ppn_tensor_t* tensor, const int* order);
// Axis `from` at place `to` of the result; the others keep their order.
ppn_tensor_t ppn_view_move_axis(const ppn_tensor_t* tensor, int from, int to);
// Axis `axis` becomes two: [size / inner, inner].
ppn_tensor_t ppn_view_split_axis(const ppn_tensor_t* tensor, int axis, int64_t inner);
// Axis `axis` becomes `count` windows of `size` elements that start `step` apart: two axes.
ppn_tensor_t ppn_view_windows(const ppn_tensor_t* tensor, int axis, int64_t count, int64_t size,
                              int64_t step);
// Other sizes over the elements of a contiguous tensor.
ppn_tensor_t ppn_view_reshape(const ppn_tensor_t* tensor, int rank, const int64_t* sizes);
// Sizes broadcast as by NumPy: aligned at the last axis, 1 repeated. False when they do not fit.
bool ppn_view_broadcast(const ppn_tensor_t* tensor, int rank, const int64_t* sizes,
                        ppn_tensor_t* out_view);

#endif  // PPN_TENSOR_VIEW_H_
