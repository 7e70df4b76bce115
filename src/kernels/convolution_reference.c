// The plain convolutions: what the fast ones are compared with.
#include "kernels/convolution_internal.h"
#include "kernels/gemm_internal.h"

// One element of y: channel `o` of group `g` at the flat position `position`.
static float element(const ppn_convolution_t* convolution, const float* x, int64_t g, int64_t o,
                     int64_t position) {
  int rank = convolution->rank;
  int64_t in_channels = convolution->in_channels / convolution->groups,
          out_channels = convolution->out_channels / convolution->groups;
  int64_t in_size = ppn_convolution_product(rank, convolution->in_sizes),
          kernel_size = ppn_convolution_product(rank, convolution->kernel);
  int64_t p[PPN_CONVOLUTION_MAX_RANK], k[PPN_CONVOLUTION_MAX_RANK];
  ppn_convolution_unflatten(rank, convolution->out_sizes, position, p);
  double sum = 0;
  for (int64_t tap = 0; tap < kernel_size; ++tap) {
    ppn_convolution_unflatten(rank, convolution->kernel, tap, k);
    int64_t in_position = 0;
    bool inside = true;
    for (int d = 0; d < rank && inside; ++d) {
      int64_t at;
      inside = ppn_convolution_input_position(convolution, d, p[d], k[d], &at);
      if (inside) in_position = in_position * convolution->in_sizes[d] + at;
    }
    if (!inside) continue;
    for (int64_t c = 0; c < in_channels; ++c) {
      int64_t weight = convolution->is_transposed ? (g * in_channels + c) * out_channels + o
                                                  : (g * out_channels + o) * in_channels + c;
      sum += (double)convolution->weight[weight * kernel_size + tap] *
             x[(g * in_channels + c) * in_size + in_position];
    }
  }
  return (float)sum;
}

void ppn_convolution_reference(const ppn_convolution_t* convolution) {
  int rank = convolution->rank;
  int64_t in_size = ppn_convolution_product(rank, convolution->in_sizes),
          out_size = ppn_convolution_product(rank, convolution->out_sizes);
  int64_t out_channels = convolution->out_channels / convolution->groups;
  for (int64_t n = 0; n < convolution->batch; ++n) {
    const float* x = convolution->x + n * convolution->in_channels * in_size;
    for (int64_t channel = 0; channel < convolution->out_channels; ++channel) {
      float* y = convolution->y + (n * convolution->out_channels + channel) * out_size;
      int64_t g = channel / out_channels, o = channel % out_channels;
      for (int64_t i = 0; i < out_size; ++i) y[i] = element(convolution, x, g, o, i);
      ppn_epilogue_apply(&convolution->epilogue, y, n, channel, 0, out_size);
    }
  }
}
