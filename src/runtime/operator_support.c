#include "runtime/operator_support.h"

#include <stdarg.h>
#include <stdio.h>

#include "kernels/copy.h"

ppn_status_t ppn_call_return_view(ppn_operator_call_t* call, uint32_t index,
                                  const ppn_tensor_t* view) {
  ppn_tensor_t* out = ppn_call_out(call, index, view->dtype, view->rank, view->sizes);
  if (out) ppn_kernel_copy(view, out, call->pool);
  return ppn_call_finish(call);
}

ppn_tensor_t ppn_call_dense_as(ppn_operator_call_t* call, const ppn_tensor_t* tensor,
                               ppn_dtype_t dtype) {
  void* elements = (void*)(uintptr_t)ppn_call_elements(call, tensor, dtype);
  return ppn_tensor_make(elements, dtype, tensor->rank, tensor->sizes);
}

ppn_tensor_t ppn_call_dense(ppn_operator_call_t* call, const ppn_tensor_t* tensor) {
  return ppn_call_dense_as(call, tensor, tensor->dtype);
}

ppn_tensor_t ppn_call_dense_out(ppn_operator_call_t* call, const ppn_tensor_t* out,
                                ppn_dtype_t dtype) {
  return ppn_tensor_make(ppn_call_result(call, out, dtype), dtype, out->rank, out->sizes);
}

ppn_element_t ppn_call_element(ppn_operator_call_t* call, uint32_t index, ppn_dtype_t dtype,
                               double fallback) {
  ppn_element_t element = {{0}};
  bool is_double =
      ppn_call_is_none(call, index) || ppn_call_scalar_dtype(call, index) == PPN_DTYPE_FLOAT64;
  if (is_double) {
    ppn_element_set_double(dtype, &element, 0, ppn_call_double(call, index, fallback));
  } else {
    ppn_element_set_int64(dtype, &element, 0, ppn_call_int(call, index, 0));
  }
  return element;
}

bool ppn_call_check(ppn_operator_call_t* call, bool condition, ppn_status_code_t code,
                    const char* format, ...) {
  if (call->status) return false;
  if (condition) return true;
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  ppn_call_fail(call, ppn_status_make(code, "%s", text));
  return false;
}
