// What the files of the convolutions share.
#ifndef PPN_KERNELS_CONVOLUTION_INTERNAL_H_
#define PPN_KERNELS_CONVOLUTION_INTERNAL_H_

#include "kernels/convolution.h"

static inline int64_t ppn_convolution_product(int rank, const int64_t* sizes) {
  int64_t result = 1;
  for (int i = 0; i < rank; ++i) result *= sizes[i];
  return result;
}

static inline void ppn_convolution_unflatten(int rank, const int64_t* sizes, int64_t flat,
                                             int64_t* out_index) {
  for (int i = rank; i-- > 0; flat /= sizes[i]) out_index[i] = flat % sizes[i];
}

// Where output `position` meets tap `tap` in dimension `d`; false when that is outside of x.
static inline bool ppn_convolution_input_position(const ppn_convolution_t* convolution, int d,
                                                  int64_t position, int64_t tap,
                                                  int64_t* out_position) {
  int64_t at;
  if (convolution->is_transposed) {
    at = position + convolution->pads[d] - tap * convolution->dilations[d];
    if (at % convolution->strides[d] != 0) return false;
    at /= convolution->strides[d];
  } else {
    at =
        position * convolution->strides[d] - convolution->pads[d] + tap * convolution->dilations[d];
  }
  *out_position = at;
  return at >= 0 && at < convolution->in_sizes[d];
}

// Convolutions with one input channel per group (depthwise.c).
bool ppn_depthwise_applies(const ppn_convolution_t* convolution);
size_t ppn_depthwise_scratch_size(const ppn_convolution_t* convolution, int thread_count);
void ppn_depthwise_run(const ppn_convolution_t* convolution, void* scratch,
                       ppn_thread_pool_t* pool);

// A row of results: y[i] = bias + sum over t of weights[t] * x[offsets[t] + i].
typedef struct ppn_depthwise_kernels {
  void (*row)(const float* x, const int64_t* offsets, const float* weights, int taps, float bias,
              float* y, int64_t count);
} ppn_depthwise_kernels_t;
extern const ppn_depthwise_kernels_t ppn_depthwise_kernels_generic, ppn_depthwise_kernels_avx2,
    ppn_depthwise_kernels_avx512;

#endif  // PPN_KERNELS_CONVOLUTION_INTERNAL_H_
