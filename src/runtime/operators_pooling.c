// Pooling.
#include "kernels/pooling.h"

#include "runtime/operands.h"
#include "runtime/operators.h"

// The input: planes in front, of which the batch may be missing. NULL after an error.
static const ppn_tensor_t* read_input(ppn_operator_call_t* call, int rank, ppn_pooling_t* pooling) {
  const ppn_tensor_t* input = ppn_call_tensor(call, 0);
  if (call->status) return NULL;
  if (!input || (input->rank != rank + 1 && input->rank != rank + 2)) {
    ppn_call_refuse(call, "expected an input of %d or %d dimensions, found %d", rank + 1, rank + 2,
                    input ? input->rank : 0);
    return NULL;
  }
  pooling->rank = rank;
  pooling->dtype = input->dtype;
  pooling->planes = 1;
  for (int i = 0; i < input->rank - rank; ++i) pooling->planes *= input->sizes[i];
  for (int i = 0; i < rank; ++i) pooling->in_sizes[i] = input->sizes[input->rank - rank + i];
  (void)ppn_call_compute_dtype(call, input->dtype);  // refuses complex numbers and the like
  return call->status ? NULL : input;
}

// Runs with the sizes that `pooling` has; results at `index`, and at the next one places of maxima.
static ppn_status_t finish(ppn_operator_call_t* call, ppn_pooling_t* pooling,
                           const ppn_tensor_t* input, uint32_t index, bool has_indices) {
  int64_t sizes[PPN_MAX_RANK];
  for (int i = 0; i < input->rank; ++i) {
    int d = i - (input->rank - pooling->rank);
    sizes[i] = d < 0 ? input->sizes[i] : pooling->out_sizes[d];
    if (d >= 0 && (sizes[i] < 1 || pooling->in_sizes[d] < 1)) {
      ppn_call_refuse(call, "dimension %d: the window does not fit an input of %lld", i,
                      (long long)pooling->in_sizes[d]);
    }
  }
  if (call->status) return ppn_call_finish(call);
  ppn_tensor_t *out = ppn_call_out(call, index, input->dtype, input->rank, sizes), *places = NULL;
  if (has_indices) places = ppn_call_out(call, index + 1, PPN_DTYPE_INT64, input->rank, sizes);
  pooling->x = ppn_call_elements(call, input, input->dtype);
  pooling->y = ppn_call_result(call, out, input->dtype);
  if (has_indices) pooling->indices = ppn_call_result(call, places, PPN_DTYPE_INT64);
  size_t size = ppn_pooling_scratch_size(pooling, ppn_thread_pool_size(call->pool));
  void* scratch = ppn_call_aligned_scratch(call, size);
  if (call->status || ppn_tensor_numel(out) == 0) return ppn_call_finish(call);
  ppn_pooling_run(pooling, scratch, call->pool);
  ppn_call_store(call, pooling->y, input->dtype, out);
  if (has_indices) ppn_call_store(call, pooling->indices, PPN_DTYPE_INT64, places);
  return ppn_call_finish(call);
}

static const int64_t zeros[PPN_POOLING_MAX_RANK] = {0, 0, 0};
static const int64_t ones[PPN_POOLING_MAX_RANK] = {1, 1, 1};

// kernel_size, stride and padding are arguments 1, 2 and 3.
static void read_windows(ppn_operator_call_t* call, int rank, ppn_pooling_t* pooling) {
  ppn_call_sizes(call, 1, "kernel_size", rank, NULL, 1, pooling->kernel);
  ppn_call_sizes(call, 2, "stride", rank, pooling->kernel, 1, pooling->strides);
  ppn_call_sizes(call, 3, "padding", rank, zeros, 0, pooling->pads_before);
  for (int i = 0; i < rank && !call->status; ++i) {
    pooling->dilations[i] = 1;
    pooling->pads_after[i] = pooling->pads_before[i];
    if (pooling->pads_before[i] > pooling->kernel[i] / 2) {
      ppn_call_refuse(call, "padding %lld is more than half of kernel_size %lld",
                      (long long)pooling->pads_before[i], (long long)pooling->kernel[i]);
    }
  }
}

static void find_out_sizes(ppn_pooling_t* pooling, bool ceil_mode) {
  for (int i = 0; i < pooling->rank; ++i) {
    pooling->out_sizes[i] = ppn_pooling_out_size(
        pooling->in_sizes[i], pooling->kernel[i], pooling->strides[i], pooling->dilations[i],
        pooling->pads_before[i], pooling->pads_after[i], ceil_mode);
  }
}

// self, kernel_size, stride, padding, dilation, ceil_mode.
static ppn_status_t run_maximum(ppn_operator_call_t* call, int rank) {
  ppn_pooling_t pooling = {.kind = PPN_POOLING_MAX};
  const ppn_tensor_t* input = read_input(call, rank, &pooling);
  if (!input) return ppn_call_finish(call);
  read_windows(call, rank, &pooling);
  ppn_call_sizes(call, 4, "dilation", rank, ones, 1, pooling.dilations);
  bool ceil_mode = ppn_call_bool(call, 5, false);
  if (call->status) return ppn_call_finish(call);
  find_out_sizes(&pooling, ceil_mode);
  return finish(call, &pooling, input, 6, true);
}

// self, kernel_size, stride, padding, ceil_mode, count_include_pad and, beyond one dimension,
// divisor_override.
static ppn_status_t run_average(ppn_operator_call_t* call, int rank) {
  ppn_pooling_t pooling = {.kind = PPN_POOLING_AVERAGE};
  const ppn_tensor_t* input = read_input(call, rank, &pooling);
  if (!input) return ppn_call_finish(call);
  read_windows(call, rank, &pooling);
  bool ceil_mode = ppn_call_bool(call, 4, false);
  pooling.counts_padding = ppn_call_bool(call, 5, true);
  if (rank > 1 && !ppn_call_is_none(call, 6)) {
    pooling.divisor = ppn_call_int(call, 6, 0);
    if (pooling.divisor == 0) ppn_call_refuse(call, "divisor_override is 0");
  }
  if (call->status) return ppn_call_finish(call);
  find_out_sizes(&pooling, ceil_mode);
  return finish(call, &pooling, input, rank > 1 ? 7 : 6, false);
}

// self, output_size.
static ppn_status_t run_adaptive(ppn_operator_call_t* call, ppn_pooling_kind_t kind, int rank) {
  ppn_pooling_t pooling = {.kind = kind, .is_adaptive = true};
  const ppn_tensor_t* input = read_input(call, rank, &pooling);
  if (!input) return ppn_call_finish(call);
  ppn_call_sizes(call, 1, "output_size", rank, NULL, 1, pooling.out_sizes);
  if (call->status) return ppn_call_finish(call);
  return finish(call, &pooling, input, 2, kind == PPN_POOLING_MAX);
}

static ppn_status_t run_max_2d(ppn_operator_call_t* call) {
  return run_maximum(call, 2);
}
static ppn_status_t run_max_3d(ppn_operator_call_t* call) {
  return run_maximum(call, 3);
}
static ppn_status_t run_average_1d(ppn_operator_call_t* call) {
  return run_average(call, 1);
}
static ppn_status_t run_average_2d(ppn_operator_call_t* call) {
  return run_average(call, 2);
}
static ppn_status_t run_average_3d(ppn_operator_call_t* call) {
  return run_average(call, 3);
}
static ppn_status_t run_adaptive_average_1d(ppn_operator_call_t* call) {
  return run_adaptive(call, PPN_POOLING_AVERAGE, 1);
}
static ppn_status_t run_adaptive_average_2d(ppn_operator_call_t* call) {
  return run_adaptive(call, PPN_POOLING_AVERAGE, 2);
}
static ppn_status_t run_adaptive_average_3d(ppn_operator_call_t* call) {
  return run_adaptive(call, PPN_POOLING_AVERAGE, 3);
}
static ppn_status_t run_adaptive_max_2d(ppn_operator_call_t* call) {
  return run_adaptive(call, PPN_POOLING_MAX, 2);
}
static ppn_status_t run_adaptive_max_3d(ppn_operator_call_t* call) {
  return run_adaptive(call, PPN_POOLING_MAX, 3);
}

static const ppn_operator_row_t rows[] = {
    {"aten::max_pool2d_with_indices.out", run_max_2d},
    {"aten::max_pool3d_with_indices.out", run_max_3d},
    {"aten::avg_pool1d.out", run_average_1d},
    {"aten::avg_pool2d.out", run_average_2d},
    {"aten::avg_pool3d.out", run_average_3d},
    {"aten::adaptive_avg_pool1d.out", run_adaptive_average_1d},
    {"aten::_adaptive_avg_pool2d.out", run_adaptive_average_2d},
    {"aten::adaptive_avg_pool2d.out", run_adaptive_average_2d},
    {"aten::_adaptive_avg_pool3d.out", run_adaptive_average_3d},
    {"aten::adaptive_avg_pool3d.out", run_adaptive_average_3d},
    {"aten::adaptive_max_pool2d.out", run_adaptive_max_2d},
    {"aten::adaptive_max_pool3d.out", run_adaptive_max_3d},
};

const ppn_operator_family_t ppn_operators_pooling = {rows, PPN_COUNT_OF(rows)};
