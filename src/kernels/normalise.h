// Softmax and normalisation.
//
// Tensors may have any strides and any floating point dtype; 16-bit floats are computed in single
// precision and rounded when they are stored. Means and variances are summed in double. `out` may
// be `x`. Nothing is allocated; `pool` may be NULL.
#ifndef PPN_KERNELS_NORMALISE_H_
#define PPN_KERNELS_NORMALISE_H_

#include "base/thread_pool.h"
#include "kernels/reduce.h"
#include "tensor/tensor.h"

// Along one dimension: exp(x) / sum(exp(x)), or the logarithm of that.
void ppn_kernel_softmax(bool logarithmic, const ppn_tensor_t* x, int axis, const ppn_tensor_t* out,
                        ppn_thread_pool_t* pool);

typedef struct ppn_normalisation {
  const ppn_tensor_t *x, *out;
  ppn_axes_t axes;  // mean and (biased) variance are over these
  // Broadcast to x's sizes; NULL: 1 and 0.
  const ppn_tensor_t *gamma, *beta;
  double epsilon;
  // NULL, or where mean and 1 / sqrt(variance + epsilon) go: x's sizes, with 1 for the dimensions
  // in `axes`; equal strides.
  const ppn_tensor_t *out_mean, *out_factor;
} ppn_normalisation_t;

// (x - mean) / sqrt(variance + epsilon) * gamma + beta
void ppn_kernel_normalise(const ppn_normalisation_t* normalisation, ppn_thread_pool_t* pool);

// x / sqrt(sum of x^2 over `axes` + epsilon)
void ppn_kernel_l2_normalise(const ppn_tensor_t* x, ppn_axes_t axes, double epsilon,
                             const ppn_tensor_t* out, ppn_thread_pool_t* pool);

// x / (k + alpha / size * sum of x^2 over `size` channels around it)^beta; channels are
// dimension 1.
typedef struct ppn_local_response {
  int64_t size;
  double alpha, beta, k;
} ppn_local_response_t;
void ppn_kernel_local_response(const ppn_tensor_t* x, const ppn_local_response_t* response,
                               const ppn_tensor_t* out, ppn_thread_pool_t* pool);

#endif  // PPN_KERNELS_NORMALISE_H_
