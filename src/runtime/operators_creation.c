// Operators that make tensors from numbers.
#include <math.h>

#include "kernels/copy.h"
#include "kernels/creation.h"
#include "runtime/operator_support.h"
#include "runtime/operators.h"

// ---- Equal elements ----

// A result of these sizes, of any dtype, filled with the Scalar at `value` (or a fixed number).
static ppn_status_t fill(ppn_operator_call_t* call, uint32_t out_index, int rank,
                         const int64_t* sizes, int value, double number) {
  ppn_tensor_t* out = ppn_call_out(call, out_index, PPN_DTYPE_INVALID, rank, sizes);
  if (!out) return ppn_call_finish(call);
  ppn_element_t element = {{0}};
  if (value >= 0) {
    element = ppn_call_element(call, (uint32_t)value, out->dtype, 0);
  } else {
    ppn_element_set_double(out->dtype, &element, 0, number);
  }
  if (!call->status) ppn_kernel_fill(out, &element, call->pool);
  return ppn_call_finish(call);
}

static ppn_status_t fill_sizes(ppn_operator_call_t* call, uint32_t out_index, int value,
                               double number) {
  int64_t sizes[PPN_MAX_RANK];
  int rank = (int)ppn_call_ints(call, 0, sizes, PPN_MAX_RANK);
  return fill(call, out_index, rank, sizes, value, number);
}

static ppn_status_t fill_like(ppn_operator_call_t* call, uint32_t out_index, int value,
                              double number) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  ppn_tensor_t model = *self;
  return fill(call, out_index, model.rank, model.sizes, value, number);
}

// (size, fill_value, out)
static ppn_status_t run_full(ppn_operator_call_t* call) {
  return fill_sizes(call, 2, 1, 0);
}
// (size, out)
static ppn_status_t run_zeros(ppn_operator_call_t* call) {
  return fill_sizes(call, 1, -1, 0);
}
static ppn_status_t run_ones(ppn_operator_call_t* call) {
  return fill_sizes(call, 1, -1, 1);
}
// (size, memory_format, out): zeros, so that programs repeat
static ppn_status_t run_empty(ppn_operator_call_t* call) {
  return fill_sizes(call, 2, -1, 0);
}
// (self, fill_value, memory_format, out)
static ppn_status_t run_full_like(ppn_operator_call_t* call) {
  return fill_like(call, 3, 1, 0);
}
// (self, memory_format, out)
static ppn_status_t run_zeros_like(ppn_operator_call_t* call) {
  return fill_like(call, 2, -1, 0);
}
static ppn_status_t run_ones_like(ppn_operator_call_t* call) {
  return fill_like(call, 2, -1, 1);
}
// (self, value, out)
static ppn_status_t run_fill_scalar(ppn_operator_call_t* call) {
  return fill_like(call, 2, 1, 0);
}
// (value, out)
static ppn_status_t run_scalar_tensor(ppn_operator_call_t* call) {
  return fill(call, 1, 0, NULL, 0, 0);
}

// (self, value, out), value of rank 0
static ppn_status_t run_fill_tensor(ppn_operator_call_t* call) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *value = ppn_call_tensor(call, 1);
  if (!self || !value ||
      !ppn_call_check(call, ppn_tensor_numel(value) == 1, PPN_STATUS_INVALID_ARGUMENT,
                      "a value of %lld elements", (long long)ppn_tensor_numel(value))) {
    return ppn_call_finish(call);
  }
  ppn_tensor_t* out = ppn_call_out(call, 2, self->dtype, self->rank, self->sizes);
  if (!out) return ppn_call_finish(call);
  ppn_element_t element = {{0}};
  ppn_tensor_t from = ppn_tensor_make(value->data, value->dtype, 0, NULL),
               to = ppn_tensor_make(&element, out->dtype, 0, NULL);
  ppn_tensor_copy(&from, &to);
  ppn_kernel_fill(out, &element, call->pool);
  return ppn_call_finish(call);
}

// ---- Ranges ----

static ppn_status_t range(ppn_operator_call_t* call, int start, uint32_t end, int step,
                          uint32_t out_index) {
  double first = start < 0 ? 0 : ppn_call_double(call, (uint32_t)start, 0),
         last = ppn_call_double(call, end, 0),
         by = step < 0 ? 1 : ppn_call_double(call, (uint32_t)step, 1);
  double length = ceil((last - first) / by);
  if (!ppn_call_check(call, by != 0 && length >= 0 && length < 0x1p40, PPN_STATUS_INVALID_ARGUMENT,
                      "from %g to %g in steps of %g", first, last, by)) {
    return ppn_call_finish(call);
  }
  const int64_t size = (int64_t)length;
  ppn_tensor_t* out = ppn_call_out(call, out_index, PPN_DTYPE_INVALID, 1, &size);
  if (!out) return ppn_call_finish(call);
  bool integers =
      !ppn_dtype_is_float(out->dtype) && ppn_call_scalar_dtype(call, end) != PPN_DTYPE_FLOAT64 &&
      (start < 0 || ppn_call_scalar_dtype(call, (uint32_t)start) != PPN_DTYPE_FLOAT64) &&
      (step < 0 || ppn_call_scalar_dtype(call, (uint32_t)step) != PPN_DTYPE_FLOAT64);
  if (integers) {
    ppn_kernel_range_integers(start < 0 ? 0 : ppn_call_int(call, (uint32_t)start, 0),
                              step < 0 ? 1 : ppn_call_int(call, (uint32_t)step, 1), out);
  } else {
    ppn_kernel_range(first, by, out);
  }
  return ppn_call_finish(call);
}

// (end, out)
static ppn_status_t run_arange(ppn_operator_call_t* call) {
  return range(call, -1, 0, -1, 1);
}
// (start, end, step, out)
static ppn_status_t run_arange_start(ppn_operator_call_t* call) {
  return range(call, 0, 1, 2, 3);
}

// ---- Triangles ----

// (self, diagonal, out)
static ppn_status_t triangle(ppn_operator_call_t* call, bool lower) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self || !ppn_call_check(call, self->rank >= 2, PPN_STATUS_INVALID_ARGUMENT,
                               "rank %d, not 2 or more", self->rank)) {
    return ppn_call_finish(call);
  }
  int64_t diagonal = ppn_call_int(call, 1, 0);
  ppn_tensor_t* out = ppn_call_out(call, 2, self->dtype, self->rank, self->sizes);
  if (!out) return ppn_call_finish(call);
  ppn_tensor_t source = ppn_call_dense(call, self),
               target = ppn_call_dense_out(call, out, out->dtype);
  if (call->status) return ppn_call_finish(call);
  ppn_kernel_band(&source, lower ? INT64_MIN : diagonal, lower ? diagonal : INT64_MAX, &target);
  ppn_call_store(call, target.data, target.dtype, out);
  return ppn_call_finish(call);
}

static ppn_status_t run_tril(ppn_operator_call_t* call) {
  return triangle(call, true);
}

static ppn_status_t run_triu(ppn_operator_call_t* call) {
  return triangle(call, false);
}

static const ppn_operator_row_t rows[] = {
    {"aten::arange.out", run_arange},
    {"aten::arange.start_out", run_arange_start},
    {"aten::empty.out", run_empty},
    {"aten::empty_like.out", run_zeros_like},
    {"aten::fill.Scalar_out", run_fill_scalar},
    {"aten::fill.Tensor_out", run_fill_tensor},
    {"aten::full.out", run_full},
    {"aten::full_like.out", run_full_like},
    {"aten::ones.out", run_ones},
    {"aten::ones_like.out", run_ones_like},
    {"aten::scalar_tensor.out", run_scalar_tensor},
    {"aten::tril.out", run_tril},
    {"aten::triu.out", run_triu},
    {"aten::zeros.out", run_zeros},
    {"aten::zeros_like.out", run_zeros_like},
};

const ppn_operator_family_t ppn_operators_creation = {rows, PPN_COUNT_OF(rows)};
