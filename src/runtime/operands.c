#include "runtime/operands.h"

#include <stdarg.h>
#include <stdio.h>

void ppn_call_refuse(ppn_operator_call_t* call, const char* format, ...) {
  char text[256];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "%s", text));
}

ppn_dtype_t ppn_call_compute_dtype(ppn_operator_call_t* call, ppn_dtype_t dtype) {
  switch (dtype) {
    case PPN_DTYPE_FLOAT16:
    case PPN_DTYPE_BFLOAT16:
    case PPN_DTYPE_FLOAT32:
      return PPN_DTYPE_FLOAT32;
    case PPN_DTYPE_FLOAT64:
      return PPN_DTYPE_FLOAT64;
    case PPN_DTYPE_BOOL:
      return PPN_DTYPE_INT64;
    default:
      break;
  }
  if (ppn_dtype_is_integer(dtype)) return PPN_DTYPE_INT64;
  ppn_call_refuse(call, "tensors of %s are not supported", ppn_dtype_name(dtype));
  return PPN_DTYPE_FLOAT32;
}

static bool fits(const ppn_tensor_t* tensor, ppn_dtype_t dtype) {
  return tensor->dtype == dtype && ppn_tensor_is_contiguous(tensor);
}

// Room for the elements of `tensor` as `dtype`.
static void* new_elements(ppn_operator_call_t* call, const ppn_tensor_t* tensor,
                          ppn_dtype_t dtype) {
  ppn_tensor_t copy = ppn_tensor_make(NULL, dtype, tensor->rank, tensor->sizes);
  return ppn_call_aligned_scratch(call, ppn_tensor_size(&copy));
}

const void* ppn_call_elements(ppn_operator_call_t* call, const ppn_tensor_t* tensor,
                              ppn_dtype_t dtype) {
  if (!tensor || call->status) return NULL;
  if (fits(tensor, dtype)) return tensor->data;
  void* elements = new_elements(call, tensor, dtype);
  if (!elements) return NULL;
  ppn_tensor_t copy = ppn_tensor_make(elements, dtype, tensor->rank, tensor->sizes);
  ppn_tensor_copy(tensor, &copy);
  return elements;
}

void* ppn_call_result(ppn_operator_call_t* call, const ppn_tensor_t* out, ppn_dtype_t dtype) {
  if (!out || call->status) return NULL;
  return fits(out, dtype) ? out->data : new_elements(call, out, dtype);
}

void ppn_call_store(ppn_operator_call_t* call, void* result, ppn_dtype_t dtype, ppn_tensor_t* out) {
  if (!out || !result || call->status || result == out->data) return;
  ppn_tensor_t source = ppn_tensor_make(result, dtype, out->rank, out->sizes);
  ppn_tensor_copy(&source, out);
}

void* ppn_call_aligned_scratch(ppn_operator_call_t* call, size_t size) {
  uint8_t* bytes = ppn_call_scratch(call, size + 64);
  return bytes ? bytes + (64 - (uintptr_t)bytes % 64) % 64 : NULL;
}

void ppn_call_sizes(ppn_operator_call_t* call, uint32_t index, const char* what, int rank,
                    const int64_t* fallback, int64_t minimum, int64_t* out) {
  int64_t values[3] = {0};
  uint32_t count = ppn_call_ints(call, index, values, PPN_COUNT_OF(values));
  if ((count == 0 && !fallback) || (count > 1 && (int)count != rank))
    ppn_call_refuse(call, "%s has %u entries for %d dimensions", what, count, rank);
  for (int i = 0; i < rank && !call->status; ++i) {
    out[i] = count == 0 ? fallback[i] : values[count == 1 ? 0 : i];
    if (out[i] < minimum || out[i] > INT32_MAX) {
      ppn_call_refuse(call, "%s %lld: expected %lld or more", what, (long long)out[i],
                      (long long)minimum);
    }
  }
}
