// Operators that reduce dimensions, and running sums.
#include "kernels/elementwise.h"
#include "kernels/reduce.h"
#include "runtime/operator_support.h"
#include "runtime/operators.h"

// ---- Over any dimensions ----

// The dimensions listed at `index`; all when there are none.
static ppn_axes_t axes_of(ppn_operator_call_t* call, uint32_t index, int rank) {
  int64_t dims[PPN_MAX_RANK];
  uint32_t count = ppn_call_ints(call, index, dims, PPN_MAX_RANK);
  if (count == 0) return ppn_axes_all(rank);
  ppn_axes_t axes = 0;
  for (uint32_t i = 0; i < count; ++i) {
    int dim = ppn_call_dim(call, dims[i], rank);
    if (rank > 0) axes |= (ppn_axes_t)1 << dim;
  }
  return axes;
}

// The out tensor of a reduction, of any dtype; NULL after an error.
static ppn_tensor_t* out_of(ppn_operator_call_t* call, uint32_t index, const ppn_tensor_t* self,
                            ppn_axes_t axes, bool keeps) {
  int64_t sizes[PPN_MAX_RANK];
  int rank = 0;
  for (int i = 0; i < self->rank; ++i) {
    if (!(axes >> i & 1)) {
      sizes[rank++] = self->sizes[i];
    } else if (keeps) {
      sizes[rank++] = 1;
    }
  }
  return ppn_call_out(call, index, PPN_DTYPE_INVALID, rank, sizes);
}

// Reads (self, dim, …) with `keepdim` and `out` at these indices; negative: not there, and all
// dimensions are reduced.
static ppn_status_t reduce(ppn_operator_call_t* call, ppn_reduction_t reduction, int dim_index,
                           int keep_index, uint32_t out_index) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  ppn_axes_t axes =
      dim_index < 0 ? ppn_axes_all(self->rank) : axes_of(call, (uint32_t)dim_index, self->rank);
  bool keeps = keep_index >= 0 && ppn_call_bool(call, (uint32_t)keep_index, false);
  ppn_tensor_t* out = out_of(call, out_index, self, axes, keeps);
  if (out) ppn_kernel_reduce(reduction, self, axes, 0, out, call->pool);
  return ppn_call_finish(call);
}

// (self, dim, keepdim, dtype, out)
static ppn_status_t run_sum(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_SUM, 1, 2, 4);
}
static ppn_status_t run_mean(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_MEAN, 1, 2, 4);
}
static ppn_status_t run_prod_dim(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_PRODUCT, 1, 2, 4);
}
// (self, dtype, out)
static ppn_status_t run_mean_all(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_MEAN, -1, -1, 2);
}
static ppn_status_t run_prod(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_PRODUCT, -1, -1, 2);
}
// (self, dim, keepdim, out)
static ppn_status_t run_amax(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_MAXIMUM, 1, 2, 3);
}
static ppn_status_t run_amin(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_MINIMUM, 1, 2, 3);
}
static ppn_status_t run_any_dim(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_ANY, 1, 2, 3);
}
static ppn_status_t run_all_dim(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_ALL, 1, 2, 3);
}
// (self, out)
static ppn_status_t run_any(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_ANY, -1, -1, 1);
}
static ppn_status_t run_all(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_ALL, -1, -1, 1);
}
static ppn_status_t run_max(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_MAXIMUM, -1, -1, 1);
}
static ppn_status_t run_min(ppn_operator_call_t* call) {
  return reduce(call, PPN_REDUCTION_MINIMUM, -1, -1, 1);
}

// ---- Variance ----

// (self, dim, …, keepdim, out), with the mean as a second result when `mean_index` is not negative.
static ppn_status_t variance(ppn_operator_call_t* call, double correction, uint32_t keep_index,
                             uint32_t out_index, int mean_index, bool takes_root) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  ppn_axes_t axes = axes_of(call, 1, self->rank);
  bool keeps = ppn_call_bool(call, keep_index, false);
  ppn_tensor_t* out = out_of(call, out_index, self, axes, keeps);
  ppn_tensor_t* mean =
      mean_index < 0 ? NULL : out_of(call, (uint32_t)mean_index, self, axes, keeps);
  if (call->status) return ppn_call_finish(call);
  ppn_kernel_reduce(PPN_REDUCTION_VARIANCE, self, axes, correction, out, call->pool);
  if (takes_root) ppn_kernel_unary(PPN_UNARY_SQRT, NULL, out, out, call->pool);
  if (mean) ppn_kernel_reduce(PPN_REDUCTION_MEAN, self, axes, 0, mean, call->pool);
  return ppn_call_finish(call);
}

// (self, dim, correction, keepdim, out)
static ppn_status_t run_var_correction(ppn_operator_call_t* call) {
  return variance(call, ppn_call_double(call, 2, 1), 3, 4, -1, false);
}
static ppn_status_t run_std_correction(ppn_operator_call_t* call) {
  return variance(call, ppn_call_double(call, 2, 1), 3, 4, -1, true);
}
// (self, dim, unbiased, keepdim, out)
static ppn_status_t run_var(ppn_operator_call_t* call) {
  return variance(call, ppn_call_bool(call, 2, true) ? 1 : 0, 3, 4, -1, false);
}
static ppn_status_t run_std(ppn_operator_call_t* call) {
  return variance(call, ppn_call_bool(call, 2, true) ? 1 : 0, 3, 4, -1, true);
}
// (self, dim, correction, keepdim, out0, out1)
static ppn_status_t run_var_mean(ppn_operator_call_t* call) {
  return variance(call, ppn_call_double(call, 2, 1), 3, 4, 5, false);
}

// ---- Extrema with their places ----

static bool has_elements(ppn_operator_call_t* call, const ppn_tensor_t* self, int dim) {
  bool is_empty = self->rank > 0 && self->sizes[dim] == 0;
  return ppn_call_check(call, !is_empty, PPN_STATUS_INVALID_ARGUMENT,
                        "dimension %d has no elements to choose from", dim);
}

// (self, dim, keepdim, out): the place alone, in the flattened tensor when dim is None
static ppn_status_t place_of(ppn_operator_call_t* call, bool largest) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  bool keeps = ppn_call_bool(call, 2, false), is_flat = ppn_call_is_none(call, 1);
  int dim = is_flat ? 0 : ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  ppn_axes_t axes = is_flat || self->rank == 0 ? ppn_axes_all(self->rank) : (ppn_axes_t)1 << dim;
  ppn_tensor_t* out = out_of(call, 3, self, axes, keeps);
  if (!out) return ppn_call_finish(call);
  if (!is_flat) {
    if (has_elements(call, self, dim)) {
      ppn_kernel_extremum(largest, self, dim, NULL, out, call->pool);
    }
    return ppn_call_finish(call);
  }
  ppn_tensor_t flat = ppn_call_dense(call, self), place = *out;
  int64_t numel = ppn_tensor_numel(self);
  flat = ppn_tensor_make(flat.data, flat.dtype, 1, &numel);
  place.rank = 0;
  if (!call->status && has_elements(call, &flat, 0)) {
    ppn_kernel_extremum(largest, &flat, 0, NULL, &place, call->pool);
  }
  return ppn_call_finish(call);
}

static ppn_status_t run_argmax(ppn_operator_call_t* call) {
  return place_of(call, true);
}
static ppn_status_t run_argmin(ppn_operator_call_t* call) {
  return place_of(call, false);
}

// (self, dim, keepdim, values, indices)
static ppn_status_t extremum(ppn_operator_call_t* call, bool largest) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  bool keeps = ppn_call_bool(call, 2, false);
  ppn_axes_t axes = self->rank == 0 ? 0 : (ppn_axes_t)1 << dim;
  ppn_tensor_t* values = out_of(call, 3, self, axes, keeps);
  ppn_tensor_t* indices = out_of(call, 4, self, axes, keeps);
  if (!values || !indices || !has_elements(call, self, dim)) return ppn_call_finish(call);
  ppn_kernel_extremum(largest, self, dim, values, NULL, call->pool);
  ppn_kernel_extremum(largest, self, dim, NULL, indices, call->pool);
  return ppn_call_finish(call);
}

static ppn_status_t run_max_dim(ppn_operator_call_t* call) {
  return extremum(call, true);
}
static ppn_status_t run_min_dim(ppn_operator_call_t* call) {
  return extremum(call, false);
}

// ---- Running sums ----

// (self, dim, dtype, out)
static ppn_status_t run_cumsum(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  ppn_tensor_t* out = ppn_call_out(call, 3, PPN_DTYPE_INVALID, self->rank, self->sizes);
  ppn_cumulate_options_t options = {0};
  if (out) ppn_kernel_cumulative_sum(self, dim, options, out, call->pool);
  return ppn_call_finish(call);
}

static const ppn_operator_row_t rows[] = {
    {"aten::all.all_out", run_all},
    {"aten::all.dims_out", run_all_dim},
    {"aten::all.out", run_all_dim},
    {"aten::amax.out", run_amax},
    {"aten::amin.out", run_amin},
    {"aten::any.all_out", run_any},
    {"aten::any.dims_out", run_any_dim},
    {"aten::any.out", run_any_dim},
    {"aten::argmax.out", run_argmax},
    {"aten::argmin.out", run_argmin},
    {"aten::cumsum.out", run_cumsum},
    {"aten::max.dim_max", run_max_dim},
    {"aten::max.unary_out", run_max},
    {"aten::mean.dtype_out", run_mean_all},
    {"aten::mean.out", run_mean},
    {"aten::min.dim_min", run_min_dim},
    {"aten::min.unary_out", run_min},
    {"aten::prod.int_out", run_prod_dim},
    {"aten::prod.out", run_prod},
    {"aten::std.correction_out", run_std_correction},
    {"aten::std.out", run_std},
    {"aten::sum.IntList_out", run_sum},
    {"aten::var.correction_out", run_var_correction},
    {"aten::var.out", run_var},
    {"aten::var_mean.correction_out", run_var_mean},
};

const ppn_operator_family_t ppn_operators_reductions = {rows, PPN_COUNT_OF(rows)};
