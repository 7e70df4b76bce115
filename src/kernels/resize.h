// Resizing the last axes of a tensor, by interpolation or to the nearest element.
#ifndef PPN_KERNELS_RESIZE_H_
#define PPN_KERNELS_RESIZE_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

// Where the elements of a result lie along one axis of the source: element i between elements
// low[i] and high[i], `weight[i]` of the way. Nearest reads element low[i]. The arrays have `out`
// entries.
typedef struct ppn_resize_axis {
  int64_t in, out;
  int32_t *low, *high;
  float* weight;
} ppn_resize_axis_t;

// Bytes of the three arrays, and their places in that memory (aligned to 8).
size_t ppn_resize_axis_size(int64_t out);
ppn_resize_axis_t ppn_resize_axis_make(int64_t in, int64_t out, void* memory);
// Element i lies at this position of the source, which is moved to [0, in - 1]; `in` is not 0.
void ppn_resize_axis_set(ppn_resize_axis_t* axis, int64_t i, double position);

enum { PPN_RESIZE_MAX_AXES = 6 };

// `axes[k]` belongs to dimension rank - axis_count + k; the sizes before are equal. Contiguous.
// Interpolation is computed in fp32 for all real dtypes, and rounded for integers.
size_t ppn_kernel_resize_scratch(const ppn_resize_axis_t* axes, int axis_count,
                                 const ppn_thread_pool_t* pool);
void ppn_kernel_resize_linear(const ppn_tensor_t* x, const ppn_resize_axis_t* axes, int axis_count,
                              const ppn_tensor_t* out, void* scratch, ppn_thread_pool_t* pool);
// Any whole-byte dtype.
void ppn_kernel_resize_nearest(const ppn_tensor_t* x, const ppn_resize_axis_t* axes, int axis_count,
                               const ppn_tensor_t* out, ppn_thread_pool_t* pool);

#endif  // PPN_KERNELS_RESIZE_H_
