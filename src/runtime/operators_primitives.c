// executorch_prim::* and the sym_* operators: arithmetic on the program's own numbers, and views.
//
// A result overwrites the whole value, its kind included.
#include <math.h>

#include "runtime/operators.h"
#include "runtime/values.h"
#include "tensor/element.h"

// ---- Results ----

static ppn_runtime_value_t* result(ppn_operator_call_t* call, uint32_t index) {
  if (call->status) return NULL;
  if (index < call->argument_count) return call->arguments[index];
  ppn_call_fail(call,
                ppn_status_make(PPN_STATUS_INVALID_DATA, "%u arguments; the result is argument %u",
                                call->argument_count, index));
  return NULL;
}

static ppn_status_t return_int(ppn_operator_call_t* call, uint32_t index, int64_t number) {
  ppn_runtime_value_t* value = result(call, index);
  if (value) *value = (ppn_runtime_value_t){.kind = PPN_RUNTIME_INT, .u.integer = number};
  return ppn_call_finish(call);
}

static ppn_status_t return_double(ppn_operator_call_t* call, uint32_t index, double number) {
  ppn_runtime_value_t* value = result(call, index);
  if (value) *value = (ppn_runtime_value_t){.kind = PPN_RUNTIME_DOUBLE, .u.number = number};
  return ppn_call_finish(call);
}

static ppn_status_t return_bool(ppn_operator_call_t* call, uint32_t index, bool truth) {
  ppn_runtime_value_t* value = result(call, index);
  if (value) *value = (ppn_runtime_value_t){.kind = PPN_RUNTIME_BOOL, .u.boolean = truth};
  return ppn_call_finish(call);
}

static bool is_double(ppn_operator_call_t* call, uint32_t index) {
  return ppn_call_scalar_dtype(call, index) == PPN_DTYPE_FLOAT64;
}

// Out of range is an error, as in Python's int().
static ppn_status_t return_rounded(ppn_operator_call_t* call, uint32_t index, double number) {
  if (!call->status && !(number >= -0x1p63 && number < 0x1p63)) {
    ppn_call_fail(call, ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "%g is no integer", number));
  }
  return return_int(call, index, call->status ? 0 : (int64_t)number);
}

// ---- Sizes and elements of tensors ----

static ppn_status_t run_sym_size(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  return return_int(call, 2, self->rank ? self->sizes[dim] : 1);
}

static ppn_status_t run_sym_stride(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  return return_int(call, 2, self->rank ? self->strides[dim] : 1);
}

static ppn_status_t run_sym_numel(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  return return_int(call, 1, self ? ppn_tensor_numel(self) : 0);
}

static ppn_status_t run_local_scalar_dense(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  if (ppn_tensor_numel(self) < 1) {
    ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "the tensor has no element"));
    return ppn_call_finish(call);
  }
  if (self->dtype == PPN_DTYPE_BOOL) return return_bool(call, 1, *(const uint8_t*)self->data != 0);
  if (ppn_dtype_is_integer(self->dtype)) {
    return return_int(call, 1, ppn_element_as_int64(self->dtype, self->data, 0));
  }
  return return_double(call, 1, ppn_element_as_double(self->dtype, self->data, 0));
}

// ---- Arithmetic ----

// Integers wrap around, as the machine's do.
static int64_t wrap(uint64_t bits) {
  int64_t number;
  memcpy(&number, &bits, sizeof(number));
  return number;
}

static ppn_status_t run_add(ppn_operator_call_t* call) {
  if (is_double(call, 0) || is_double(call, 1)) {
    return return_double(call, 2, ppn_call_double(call, 0, 0) + ppn_call_double(call, 1, 0));
  }
  uint64_t a = (uint64_t)ppn_call_int(call, 0, 0), b = (uint64_t)ppn_call_int(call, 1, 0);
  return return_int(call, 2, wrap(a + b));
}

static ppn_status_t run_sub(ppn_operator_call_t* call) {
  if (is_double(call, 0) || is_double(call, 1)) {
    return return_double(call, 2, ppn_call_double(call, 0, 0) - ppn_call_double(call, 1, 0));
  }
  uint64_t a = (uint64_t)ppn_call_int(call, 0, 0), b = (uint64_t)ppn_call_int(call, 1, 0);
  return return_int(call, 2, wrap(a - b));
}

static ppn_status_t run_mul(ppn_operator_call_t* call) {
  if (is_double(call, 0) || is_double(call, 1)) {
    return return_double(call, 2, ppn_call_double(call, 0, 0) * ppn_call_double(call, 1, 0));
  }
  uint64_t a = (uint64_t)ppn_call_int(call, 0, 0), b = (uint64_t)ppn_call_int(call, 1, 0);
  return return_int(call, 2, wrap(a * b));
}

// Two integers to divide; false after an error.
static bool read_division(ppn_operator_call_t* call, int64_t* a, int64_t* b) {
  *a = ppn_call_int(call, 0, 0);
  *b = ppn_call_int(call, 1, 0);
  if (!call->status && *b == 0) {
    ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "division by zero"));
  }
  return !call->status;
}

static int64_t divide(int64_t a, int64_t b) {
  return b == -1 ? wrap(-(uint64_t)a) : a / b;
}
static int64_t remain(int64_t a, int64_t b) {
  return b == -1 ? 0 : a % b;
}

// Python's `//` of floats, with ExecuTorch's answer for a divisor of 0.
static double floor_divide(double a, double b) {
  if (b == 0) return copysign(INFINITY, a);
  double rest = fmod(a, b), quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  return quotient == 0 ? copysign(0, a / b) : round(quotient);
}

static ppn_status_t run_floordiv_scalar(ppn_operator_call_t* call) {
  if (is_double(call, 0) || is_double(call, 1)) {
    return return_double(call, 2,
                         floor_divide(ppn_call_double(call, 0, 0), ppn_call_double(call, 1, 0)));
  }
  int64_t a, b;
  if (!read_division(call, &a, &b)) return ppn_call_finish(call);
  bool is_inexact = remain(a, b) != 0 && (a < 0) != (b < 0);
  return return_int(call, 2, divide(a, b) - is_inexact);
}

static ppn_status_t run_floordiv_int(ppn_operator_call_t* call) {
  int64_t a, b;
  if (!read_division(call, &a, &b)) return ppn_call_finish(call);
  return return_int(call, 2, divide(a, b));
}

static ppn_status_t run_truediv(ppn_operator_call_t* call) {
  return return_double(call, 2, ppn_call_double(call, 0, 0) / ppn_call_double(call, 1, 0));
}

static ppn_status_t run_mod(ppn_operator_call_t* call) {
  int64_t a, b;
  if (!read_division(call, &a, &b)) return ppn_call_finish(call);
  return return_int(call, 2, remain(a, b));
}

static ppn_status_t run_sym_max(ppn_operator_call_t* call) {
  int64_t a = ppn_call_int(call, 0, 0), b = ppn_call_int(call, 1, 0);
  return return_int(call, 2, a > b ? a : b);
}

static ppn_status_t run_sym_min(ppn_operator_call_t* call) {
  int64_t a = ppn_call_int(call, 0, 0), b = ppn_call_int(call, 1, 0);
  return return_int(call, 2, a < b ? a : b);
}

static ppn_status_t run_neg(ppn_operator_call_t* call) {
  if (is_double(call, 0)) return return_double(call, 1, -ppn_call_double(call, 0, 0));
  return return_int(call, 1, wrap(-(uint64_t)ppn_call_int(call, 0, 0)));
}

static ppn_status_t run_ceil(ppn_operator_call_t* call) {
  return return_rounded(call, 1, ceil(ppn_call_double(call, 0, 0)));
}

static ppn_status_t run_trunc(ppn_operator_call_t* call) {
  return return_rounded(call, 1, trunc(ppn_call_double(call, 0, 0)));
}

static ppn_status_t run_round(ppn_operator_call_t* call) {
  return return_rounded(call, 1, nearbyint(ppn_call_double(call, 0, 0)));  // halves to even
}

static ppn_status_t run_sym_float(ppn_operator_call_t* call) {
  return return_double(call, 1, ppn_call_double(call, 0, 0));
}

static ppn_status_t run_sym_int(ppn_operator_call_t* call) {
  if (is_double(call, 0)) return run_trunc(call);
  return return_int(call, 1, ppn_call_int(call, 0, 0));
}

// ---- Comparisons and choices ----

// -1, 0, 1; 2 when one is NaN.
static int compare(ppn_operator_call_t* call) {
  if (is_double(call, 0) || is_double(call, 1)) {
    double a = ppn_call_double(call, 0, 0), b = ppn_call_double(call, 1, 0);
    return isnan(a) || isnan(b) ? 2 : (a > b) - (a < b);
  }
  int64_t a = ppn_call_int(call, 0, 0), b = ppn_call_int(call, 1, 0);
  return (a > b) - (a < b);
}

static ppn_status_t run_eq(ppn_operator_call_t* call) {
  return return_bool(call, 2, compare(call) == 0);
}
static ppn_status_t run_ne(ppn_operator_call_t* call) {
  return return_bool(call, 2, compare(call) != 0);
}
static ppn_status_t run_gt(ppn_operator_call_t* call) {
  return return_bool(call, 2, compare(call) == 1);
}
static ppn_status_t run_lt(ppn_operator_call_t* call) {
  return return_bool(call, 2, compare(call) == -1);
}
static ppn_status_t run_ge(ppn_operator_call_t* call) {
  int order = compare(call);
  return return_bool(call, 2, order == 0 || order == 1);
}
static ppn_status_t run_le(ppn_operator_call_t* call) {
  return return_bool(call, 2, compare(call) <= 0);
}

static ppn_status_t run_sym_not(ppn_operator_call_t* call) {
  return return_bool(call, 1, !ppn_call_bool(call, 0, false));
}

static ppn_status_t run_sym_ite(ppn_operator_call_t* call) {
  uint32_t chosen = ppn_call_bool(call, 0, false) ? 1 : 2;
  switch (ppn_call_scalar_dtype(call, chosen)) {
    case PPN_DTYPE_FLOAT64:
      return return_double(call, 3, ppn_call_double(call, chosen, 0));
    case PPN_DTYPE_BOOL:
      return return_bool(call, 3, ppn_call_bool(call, chosen, false));
    default:
      return return_int(call, 3, ppn_call_int(call, chosen, 0));
  }
}

// ---- Views and loops ----

// The result becomes a view of the tensor's memory.
static ppn_status_t run_view(ppn_operator_call_t* call) {
  const ppn_runtime_tensor_t* self = ppn_call_runtime_tensor(call, 0);
  ppn_runtime_value_t* out = result(call, 2);
  int64_t sizes[PPN_MAX_RANK];
  int rank = (int)ppn_call_ints(call, 1, sizes, PPN_MAX_RANK);
  if (!self || !out || call->status) return ppn_call_finish(call);
  if (out->kind != PPN_RUNTIME_TENSOR || out->u.tensor->view.dtype != self->view.dtype) {
    ppn_call_fail(call,
                  ppn_status_make(PPN_STATUS_INVALID_DATA, "the result is no tensor of dtype %s",
                                  ppn_dtype_name(self->view.dtype)));
    return ppn_call_finish(call);
  }
  ppn_runtime_tensor_t* view = out->u.tensor;
  ppn_call_fail(call, ppn_infer_view_sizes(ppn_tensor_numel(&self->view), rank, sizes));
  if (!call->status) ppn_call_fail(call, ppn_runtime_tensor_resize(view, rank, sizes));
  if (!call->status) {
    view->view.data = self->view.data;
    view->capacity = self->capacity;
    view->is_constant = self->is_constant;
  }
  return ppn_call_finish(call);
}

// Appends a slice to the result of a loop: result[index] = slice.
static ppn_status_t run_copy_index(ppn_operator_call_t* call) {
  const ppn_tensor_t* slice = ppn_call_tensor(call, 1);
  int64_t index = ppn_call_int(call, 2, 0), sizes[PPN_MAX_RANK + 1];
  if (!slice) return ppn_call_finish(call);
  if (index < 0 || index > INT32_MAX) {
    ppn_call_fail(call, ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "index %lld", (long long)index));
  }
  sizes[0] = index + 1;
  for (int i = 0; i < slice->rank; ++i) sizes[i + 1] = slice->sizes[i];
  ppn_tensor_t* all = ppn_call_out(call, 0, slice->dtype, slice->rank + 1, sizes);
  if (all) {
    ppn_tensor_t target = {.dtype = all->dtype, .rank = slice->rank};
    for (int i = 0; i < slice->rank; ++i) {
      target.sizes[i] = all->sizes[i + 1];
      target.strides[i] = all->strides[i + 1];
    }
    target.data = (char*)all->data + index * all->strides[0] * (int64_t)ppn_dtype_size(all->dtype);
    ppn_tensor_copy(slice, &target);
  }
  return ppn_call_finish(call);
}

static const ppn_operator_row_t rows[] = {
    {"aten::sym_size.int", run_sym_size},
    {"aten::sym_stride.int", run_sym_stride},
    {"aten::sym_numel", run_sym_numel},
    {"aten::_local_scalar_dense", run_local_scalar_dense},
    {"executorch_prim::add.Scalar", run_add},
    {"executorch_prim::sub.Scalar", run_sub},
    {"executorch_prim::mul.Scalar", run_mul},
    {"executorch_prim::floordiv.Scalar", run_floordiv_scalar},
    {"executorch_prim::floordiv.int", run_floordiv_int},
    {"executorch_prim::truediv.Scalar", run_truediv},
    {"executorch_prim::mod.Scalar", run_mod},
    {"executorch_prim::mod.int", run_mod},
    {"executorch_prim::sym_max.Scalar", run_sym_max},
    {"executorch_prim::sym_min.Scalar", run_sym_min},
    {"executorch_prim::neg.Scalar", run_neg},
    {"executorch_prim::ceil.Scalar", run_ceil},
    {"executorch_prim::trunc.Scalar", run_trunc},
    {"executorch_prim::round.Scalar", run_round},
    {"executorch_prim::sym_float.Scalar", run_sym_float},
    {"executorch_prim::sym_int.Scalar", run_sym_int},
    {"executorch_prim::eq.Scalar", run_eq},
    {"executorch_prim::ne.Scalar", run_ne},
    {"executorch_prim::gt.Scalar", run_gt},
    {"executorch_prim::lt.Scalar", run_lt},
    {"executorch_prim::ge.Scalar", run_ge},
    {"executorch_prim::le.Scalar", run_le},
    {"executorch_prim::sym_not.Scalar", run_sym_not},
    {"executorch_prim::sym_ite.Scalar", run_sym_ite},
    {"executorch_prim::et_view.default", run_view},
    {"executorch_prim::et_copy_index.tensor", run_copy_index},
};

const ppn_operator_family_t ppn_operators_primitives = {rows, PPN_COUNT_OF(rows)};
