// Types of element-wise operations.
#include "mil/infer.h"

PPN_INFER(same) {
  (void)function;
  *out = operation->inputs[ppn_mil_parameter_index(operation->op, ppn_sv("x"))].values[0]->type;
  return ppn_status_ok();
}

PPN_INFER(cast) {
  (void)function;
  const char* name = ppn_mil_input_string(operation, "dtype", "");
  ppn_dtype_t dtype = ppn_infer_dtype_named(name);
  if (dtype == PPN_DTYPE_INVALID) return ppn_infer_fail(operation, "unknown dtype '%s'", name);
  if (function->opset < PPN_MIL_OPSET_IOS17 &&
      (dtype == PPN_DTYPE_INT8 || dtype == PPN_DTYPE_UINT8 || dtype == PPN_DTYPE_INT16 ||
       dtype == PPN_DTYPE_UINT16)) {
    return ppn_infer_fail(operation, "dtype '%s' needs iOS 17", name);
  }
  *out = ppn_infer_with_dtype(ppn_infer_type(operation, "x"), dtype);
  return ppn_status_ok();
}

PPN_INFER(binary) {
  return ppn_infer_broadcast(function, operation, ppn_infer_type(operation, "x"),
                             ppn_infer_type(operation, "y"), out);
}

PPN_INFER(compare) {
  PPN_RETURN_IF_ERROR(ppn_infer_broadcast(function, operation, ppn_infer_type(operation, "x"),
                                          ppn_infer_type(operation, "y"), out));
  out->dtype = PPN_DTYPE_BOOL;
  return ppn_status_ok();
}

// From a and b alone, as the official tools infer it; the condition broadcasts to them.
PPN_INFER(select) {
  return ppn_infer_broadcast(function, operation, ppn_infer_type(operation, "a"),
                             ppn_infer_type(operation, "b"), out);
}

PPN_INFER(argsort) {
  (void)function;
  int axis = 0;
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "axis", x->rank, -1, &axis));
  *out = ppn_infer_with_dtype(x, PPN_DTYPE_INT32);
  return ppn_status_ok();
}
