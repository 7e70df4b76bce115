// The plain convolution: what the fast ones are compared with.
#include "kernels/convolution_internal.h"
#include "kernels/gemm_internal.h"
#include "kernels/plain_products.h"

void ppn_convolution_reference(const ppn_convolution_t* convolution) {
  ppn_plain_convolution_float(convolution, convolution->x, convolution->weight, NULL,
                              convolution->y);
  int64_t out_size = ppn_convolution_product(convolution->rank, convolution->out_sizes);
  for (int64_t n = 0; n < convolution->batch; ++n) {
    for (int64_t channel = 0; channel < convolution->out_channels; ++channel) {
      float* y = convolution->y + (n * convolution->out_channels + channel) * out_size;
      ppn_epilogue_apply(&convolution->epilogue, y, n, channel, 0, out_size);
    }
  }
}
