// Softmax and normalisation.
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/normalise.h"
#include "runtime/operator_support.h"
#include "runtime/operators.h"

// (self, dim, half_to_float, out)
static ppn_status_t softmax(ppn_operator_call_t* call, bool logarithmic) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  ppn_tensor_t* out = ppn_call_out(call, 3, PPN_DTYPE_INVALID, self->rank, self->sizes);
  if (out) ppn_kernel_softmax(logarithmic, self, dim, out, call->pool);
  return ppn_call_finish(call);
}

static ppn_status_t run_softmax(ppn_operator_call_t* call) {
  return softmax(call, false);
}
static ppn_status_t run_log_softmax(ppn_operator_call_t* call) {
  return softmax(call, true);
}

// A result with a dimension of size 1 after those it has, until it has `rank`.
static ppn_tensor_t pad_rank(const ppn_tensor_t* tensor, int rank) {
  ppn_tensor_t view = *tensor;
  for (; view.rank < rank; ++view.rank) {
    view.sizes[view.rank] = 1;
    view.strides[view.rank] = 0;
  }
  return view;
}

// (input, normalized_shape, weight, bias, eps, out0, out1, out2)
static ppn_status_t run_layer_norm(ppn_operator_call_t* call) {
  const ppn_tensor_t *input = ppn_call_tensor(call, 0), *weight = ppn_call_tensor(call, 2),
                     *bias = ppn_call_tensor(call, 3);
  if (!input) return ppn_call_finish(call);
  int64_t shape[PPN_MAX_RANK], statistics[PPN_MAX_RANK];
  int count = (int)ppn_call_ints(call, 1, shape, PPN_MAX_RANK);
  ppn_axes_t axes = 0;
  bool fits = count <= input->rank;
  for (int i = 0; i < input->rank; ++i) {
    int normalised = i - (input->rank - count);
    statistics[i] = normalised >= 0 ? 1 : input->sizes[i];
    if (normalised < 0) continue;
    axes |= (ppn_axes_t)1 << i;
    fits = fits && shape[normalised] == input->sizes[i];
  }
  ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT,
                 "normalized_shape differs from the last dimensions of the input");
  ppn_tensor_t* out = ppn_call_out(call, 5, PPN_DTYPE_INVALID, input->rank, input->sizes);
  ppn_tensor_t* mean = ppn_call_out(call, 6, PPN_DTYPE_INVALID, input->rank, statistics);
  ppn_tensor_t* factor = ppn_call_out(call, 7, PPN_DTYPE_INVALID, input->rank, statistics);
  ppn_normalisation_t job = {.x = input,
                             .out = out,
                             .axes = axes,
                             .gamma = weight,
                             .beta = bias,
                             .epsilon = ppn_call_double(call, 4, 1e-5),
                             .out_mean = mean,
                             .out_factor = factor};
  if (!call->status) ppn_kernel_normalise(&job, call->pool);
  return ppn_call_finish(call);
}

// Dimension 1 taken apart into groups and the channels of each.
static ppn_tensor_t split_channels(const ppn_tensor_t* tensor, int64_t groups) {
  ppn_tensor_t view = *tensor;
  int64_t per_group = tensor->sizes[1] / groups;
  view.rank = tensor->rank + 1;
  for (int i = view.rank - 1; i > 2; --i) {
    view.sizes[i] = tensor->sizes[i - 1];
    view.strides[i] = tensor->strides[i - 1];
  }
  view.sizes[1] = groups;
  view.strides[1] = tensor->strides[1] * per_group;
  view.sizes[2] = per_group;
  view.strides[2] = tensor->strides[1];
  return view;
}

// A vector over channels as [groups, channels of each, 1, …].
static ppn_tensor_t split_vector(const ppn_tensor_t* vector, int64_t groups, int rank) {
  ppn_tensor_t view = *vector;
  int64_t per_group = vector->sizes[0] / groups;
  view.rank = rank - 1;
  for (int i = 2; i < view.rank; ++i) {
    view.sizes[i] = 1;
    view.strides[i] = 0;
  }
  view.sizes[0] = groups;
  view.strides[0] = vector->strides[0] * per_group;
  view.sizes[1] = per_group;
  view.strides[1] = vector->strides[0];
  return view;
}

static bool is_channel_vector(const ppn_tensor_t* vector, int64_t channels) {
  return !vector || (vector->rank == 1 && vector->sizes[0] == channels);
}

// (input, weight, bias, N, C, HxW, group, eps, out0, out1, out2)
static ppn_status_t run_group_norm(ppn_operator_call_t* call) {
  const ppn_tensor_t *input = ppn_call_tensor(call, 0), *weight = ppn_call_tensor(call, 1),
                     *bias = ppn_call_tensor(call, 2);
  if (!input) return ppn_call_finish(call);
  int64_t groups = ppn_call_int(call, 6, 1), channels = input->rank >= 2 ? input->sizes[1] : 0;
  bool fits = channels > 0 && groups > 0 && channels % groups == 0 && input->rank < PPN_MAX_RANK &&
              is_channel_vector(weight, channels) && is_channel_vector(bias, channels);
  if (!ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT,
                      "%lld groups of %lld channels, or weights of another size", (long long)groups,
                      (long long)channels)) {
    return ppn_call_finish(call);
  }
  int64_t statistics[] = {input->sizes[0], groups};
  ppn_tensor_t* out = ppn_call_out(call, 8, PPN_DTYPE_INVALID, input->rank, input->sizes);
  ppn_tensor_t* mean = ppn_call_out(call, 9, PPN_DTYPE_INVALID, 2, statistics);
  ppn_tensor_t* factor = ppn_call_out(call, 10, PPN_DTYPE_INVALID, 2, statistics);
  if (call->status) return ppn_call_finish(call);
  ppn_tensor_t x = split_channels(input, groups), result = split_channels(out, groups);
  ppn_tensor_t gamma, beta, means = pad_rank(mean, x.rank), factors = pad_rank(factor, x.rank);
  if (weight) gamma = split_vector(weight, groups, x.rank);
  if (bias) beta = split_vector(bias, groups, x.rank);
  ppn_normalisation_t job = {.x = &x,
                             .out = &result,
                             .axes = ppn_axes_all(x.rank) & ~(ppn_axes_t)3,
                             .gamma = weight ? &gamma : NULL,
                             .beta = bias ? &beta : NULL,
                             .epsilon = ppn_call_double(call, 7, 1e-5),
                             .out_mean = &means,
                             .out_factor = &factors};
  if (!call->status) ppn_kernel_normalise(&job, call->pool);
  return ppn_call_finish(call);
}

// ---- Batch normalisation ----

// Element i of a vector, or `fallback`.
static double element(const ppn_tensor_t* vector, int64_t i, double fallback) {
  if (!vector) return fallback;
  return ppn_element_as_double(vector->dtype, vector->data, i * vector->strides[0]);
}

// With statistics from training: a factor and a summand per channel. (input, weight, bias,
// running_mean, running_var, …, eps, out, and two results that stay empty)
static ppn_status_t batch_norm(ppn_operator_call_t* call, uint32_t epsilon_index) {
  const ppn_tensor_t *input = ppn_call_tensor(call, 0), *weight = ppn_call_tensor(call, 1),
                     *bias = ppn_call_tensor(call, 2), *mean = ppn_call_tensor(call, 3),
                     *variance = ppn_call_tensor(call, 4);
  if (!input || !mean || !variance) return ppn_call_finish(call);
  int64_t channels = input->rank >= 2 ? input->sizes[1] : 0, none = 0;
  bool fits = input->rank >= 2 && is_channel_vector(weight, channels) &&
              is_channel_vector(bias, channels) && is_channel_vector(mean, channels) &&
              is_channel_vector(variance, channels);
  ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT,
                 "statistics and weights are not vectors over %lld channels", (long long)channels);
  double epsilon = ppn_call_double(call, epsilon_index, 1e-5);
  ppn_tensor_t* out =
      ppn_call_out(call, epsilon_index + 1, PPN_DTYPE_INVALID, input->rank, input->sizes);
  ppn_call_out(call, epsilon_index + 2, PPN_DTYPE_INVALID, 1, &none);
  ppn_call_out(call, epsilon_index + 3, PPN_DTYPE_INVALID, 1, &none);
  double* factors = ppn_call_scratch(call, (size_t)channels * 2 * sizeof(double));
  if (call->status || !factors) return ppn_call_finish(call);
  double* summands = factors + channels;
  for (int64_t i = 0; i < channels; ++i) {
    factors[i] = element(weight, i, 1) / sqrt(element(variance, i, 1) + epsilon);
    summands[i] = element(bias, i, 0) - element(mean, i, 0) * factors[i];
  }
  ppn_tensor_t scale = ppn_tensor_make(factors, PPN_DTYPE_FLOAT64, 1, &channels);
  ppn_tensor_t shift = ppn_tensor_make(summands, PPN_DTYPE_FLOAT64, 1, &channels);
  scale = ppn_channel_view(&scale, input->rank);
  shift = ppn_channel_view(&shift, input->rank);
  ppn_kernel_ternary(PPN_TERNARY_AFFINE, ppn_compute_type(input->dtype), input, &scale, &shift, out,
                     call->pool);
  return ppn_call_finish(call);
}

// (input, weight, bias, running_mean, running_var, momentum, eps, out0, out1, out2)
static ppn_status_t run_batch_norm_no_training(ppn_operator_call_t* call) {
  return batch_norm(call, 6);
}

// (input, weight, bias, running_mean, running_var, training, momentum, eps, out, save_mean,
// save_invstd)
static ppn_status_t run_batch_norm(ppn_operator_call_t* call) {
  ppn_call_check(call, !ppn_call_bool(call, 5, false), PPN_STATUS_UNSUPPORTED,
                 "training, which would change running statistics, is not supported");
  return batch_norm(call, 7);
}

// With statistics of the batch. (input, weight, bias, training, momentum, eps, out, save_mean,
// save_invstd)
static ppn_status_t run_batch_norm_no_stats(ppn_operator_call_t* call) {
  const ppn_tensor_t *input = ppn_call_tensor(call, 0), *weight = ppn_call_tensor(call, 1),
                     *bias = ppn_call_tensor(call, 2);
  if (!input) return ppn_call_finish(call);
  int64_t channels = input->rank >= 2 ? input->sizes[1] : 0;
  bool fits =
      input->rank >= 2 && is_channel_vector(weight, channels) && is_channel_vector(bias, channels);
  if (!ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT,
                      "weights are not vectors over %lld channels", (long long)channels)) {
    return ppn_call_finish(call);
  }
  ppn_tensor_t* out = ppn_call_out(call, 6, PPN_DTYPE_INVALID, input->rank, input->sizes);
  ppn_tensor_t* mean = ppn_call_out(call, 7, PPN_DTYPE_INVALID, 1, &channels);
  ppn_tensor_t* factor = ppn_call_out(call, 8, PPN_DTYPE_INVALID, 1, &channels);
  if (call->status) return ppn_call_finish(call);
  ppn_tensor_t means = ppn_channel_view(mean, input->rank);
  ppn_tensor_t factors = ppn_channel_view(factor, input->rank), gamma, beta;
  if (weight) gamma = ppn_channel_view(weight, input->rank);
  if (bias) beta = ppn_channel_view(bias, input->rank);
  ppn_normalisation_t job = {.x = input,
                             .out = out,
                             .axes = ppn_axes_all(input->rank) & ~(ppn_axes_t)2,
                             .gamma = weight ? &gamma : NULL,
                             .beta = bias ? &beta : NULL,
                             .epsilon = ppn_call_double(call, 5, 1e-5),
                             .out_mean = &means,
                             .out_factor = &factors};
  if (!call->status) ppn_kernel_normalise(&job, call->pool);
  return ppn_call_finish(call);
}

static const ppn_operator_row_t rows[] = {
    {"aten::_log_softmax.out", run_log_softmax},
    {"aten::_softmax.out", run_softmax},
    {"aten::_native_batch_norm_legit.no_stats_out", run_batch_norm_no_stats},
    {"aten::_native_batch_norm_legit.out", run_batch_norm},
    {"aten::_native_batch_norm_legit_no_training.out", run_batch_norm_no_training},
    {"aten::native_group_norm.out", run_group_norm},
    {"aten::native_layer_norm.out", run_layer_norm},
};

const ppn_operator_family_t ppn_operators_normalisation = {rows, PPN_COUNT_OF(rows)};
