#include "runtime/operator_numbers.h"

ppn_dtype_t ppn_call_promote(ppn_operator_call_t* call, ppn_dtype_t a, ppn_dtype_t b) {
  ppn_dtype_t dtype = ppn_dtype_promote(a, b);
  if (dtype != PPN_DTYPE_INVALID && !ppn_dtype_is_complex(dtype)) return dtype;
  ppn_call_fail(call,
                ppn_status_make(PPN_STATUS_UNSUPPORTED, "tensors of %s and %s cannot be combined",
                                ppn_dtype_name(a), ppn_dtype_name(b)));
  return PPN_DTYPE_FLOAT32;
}

ppn_dtype_t ppn_promote_scalar(ppn_dtype_t tensor, ppn_dtype_t scalar) {
  if (ppn_dtype_is_float(tensor) || scalar == PPN_DTYPE_BOOL) return tensor;
  if (ppn_dtype_is_float(scalar)) return PPN_DTYPE_FLOAT32;
  return tensor == PPN_DTYPE_BOOL ? PPN_DTYPE_INT64 : tensor;
}

void ppn_call_broadcast(ppn_operator_call_t* call, const ppn_tensor_t* tensor,
                        ppn_call_shape_t* shape) {
  if (!tensor) return;
  // New leading dimensions first.
  int missing = tensor->rank - shape->rank;
  if (missing > 0) {
    for (int i = tensor->rank - 1; i >= 0; --i) {
      shape->sizes[i] = i >= missing ? shape->sizes[i - missing] : 1;
    }
    shape->rank = tensor->rank;
  }
  for (int i = 0; i < tensor->rank; ++i) {
    int64_t size = tensor->sizes[i];
    int64_t* common = &shape->sizes[shape->rank - tensor->rank + i];
    if (size == 1 || size == *common) continue;
    if (*common == 1) {
      *common = size;
      continue;
    }
    ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                                        "sizes %lld and %lld of dimension %d cannot be broadcast",
                                        (long long)*common, (long long)size, i - tensor->rank));
    return;
  }
}

ppn_tensor_t* ppn_call_out_shaped(ppn_operator_call_t* call, uint32_t index,
                                  const ppn_call_shape_t* shape) {
  return ppn_call_out(call, index, PPN_DTYPE_INVALID, shape->rank, shape->sizes);
}

void ppn_call_scalar(ppn_operator_call_t* call, uint32_t index, ppn_scalar_tensor_t* out) {
  ppn_dtype_t dtype = ppn_call_scalar_dtype(call, index);
  if (dtype == PPN_DTYPE_FLOAT64) {
    ppn_scalar_from_double(ppn_call_double(call, index, 0), out);
    return;
  }
  ppn_scalar_from_int(ppn_call_int(call, index, 0), out);
  if (dtype == PPN_DTYPE_BOOL) {
    out->u.boolean = out->u.integer != 0;
    out->tensor.dtype = PPN_DTYPE_BOOL;
  }
}

void ppn_scalar_from_double(double value, ppn_scalar_tensor_t* out) {
  out->u.number = value;
  out->tensor = ppn_tensor_make(&out->u, PPN_DTYPE_FLOAT64, 0, NULL);
}

void ppn_scalar_from_int(int64_t value, ppn_scalar_tensor_t* out) {
  out->u.integer = value;
  out->tensor = ppn_tensor_make(&out->u, PPN_DTYPE_INT64, 0, NULL);
}
