// Convolutions in fp32, one to three spatial dimensions, NCHW: [batch, channels, sizes…].
//
// y[n, o, p…] = bias[o] + sum over c, k… of w[o, c, k…] * x[n, g * C + c, p * stride + k * dilation
// - pad…] with C = in_channels / groups, g = o / (out_channels / groups); x outside its bounds
// counts as 0.
//
// Computed as matrix products whose right operand is gathered from x tile by tile, so that no
// unfolded copy of x exists. Nothing here allocates; thread-safe.
#ifndef PPN_KERNELS_CONVOLUTION_H_
#define PPN_KERNELS_CONVOLUTION_H_

#include "kernels/gemm.h"

enum { PPN_CONVOLUTION_MAX_RANK = 3 };

// A convolution, or a transposed one: then x and y swap roles in the sum above (every element of x
// is spread over y), the weight is [in_channels, out_channels / groups, kernel…].
typedef struct ppn_convolution {
  int rank;  // of the space: 1 … 3
  bool is_transposed;
  int64_t batch, groups, in_channels, out_channels;
  int64_t in_sizes[PPN_CONVOLUTION_MAX_RANK], out_sizes[PPN_CONVOLUTION_MAX_RANK];
  int64_t kernel[PPN_CONVOLUTION_MAX_RANK], strides[PPN_CONVOLUTION_MAX_RANK],
      dilations[PPN_CONVOLUTION_MAX_RANK];
  int64_t pads[PPN_CONVOLUTION_MAX_RANK];  // before; what is after follows from the sizes
  const float* x;
  const float* weight;  // [out_channels, in_channels / groups, kernel…], contiguous
  float* y;
  // `row_bias` is the bias per output channel; `finish` gets pieces of y: batch item n, row: the
  // channel, column: the flat position within the channel.
  ppn_epilogue_t epilogue;
} ppn_convolution_t;

// The output size that belongs to these numbers; less than 1 when the kernel does not fit.
static inline int64_t ppn_convolution_out_size(int64_t in_size, int64_t kernel, int64_t stride,
                                               int64_t dilation, int64_t pad_before,
                                               int64_t pad_after) {
  int64_t room = in_size + pad_before + pad_after - (dilation * (kernel - 1) + 1);
  return room < 0 ? 0 : room / stride + 1;
}

// Bytes of scratch for up to `thread_count` threads; pointers may still be NULL.
size_t ppn_convolution_scratch_size(const ppn_convolution_t* convolution, int thread_count);
// `scratch` is aligned to 64 bytes.
void ppn_convolution_run(const ppn_convolution_t* convolution, void* scratch,
                         ppn_thread_pool_t* pool);

// Plain C, for comparison: the same results up to rounding.
void ppn_convolution_reference(const ppn_convolution_t* convolution);

#endif  // PPN_KERNELS_CONVOLUTION_H_
