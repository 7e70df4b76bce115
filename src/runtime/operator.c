// How operator rows read their arguments and get their results (runtime/operator.h).
#include "runtime/operator.h"

#include "runtime/values.h"
#include "tensor/element.h"

void ppn_call_fail(ppn_operator_call_t* call, ppn_status_t status) {
  if (!status) return;
  if (call->status) {
    ppn_status_free(status);
  } else {
    call->status = status;
  }
}

ppn_status_t ppn_call_finish(ppn_operator_call_t* call) {
  ppn_status_t status = call->status;
  call->status = NULL;
  return ppn_status_annotate(status, "%s", call->name);
}

// The value of an argument; NULL after an error.
static const ppn_runtime_value_t* argument(ppn_operator_call_t* call, uint32_t index) {
  if (call->status) return NULL;
  if (index < call->argument_count) return call->arguments[index];
  ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_DATA,
                                      "argument %u is missing: the program passes %u", index,
                                      call->argument_count));
  return NULL;
}

static void fail_kind(ppn_operator_call_t* call, uint32_t index, const char* expected,
                      const ppn_runtime_value_t* found) {
  ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_DATA, "argument %u: expected %s, found %s",
                                      index, expected, ppn_runtime_value_kind_name(found->kind)));
}

bool ppn_call_is_none(const ppn_operator_call_t* call, uint32_t index) {
  return call->status || index >= call->argument_count ||
         call->arguments[index]->kind == PPN_RUNTIME_NONE;
}

// Tensors that the program does not plan have none before something is written to them.
static bool has_memory(ppn_operator_call_t* call, uint32_t index,
                       const ppn_runtime_tensor_t* tensor) {
  if (tensor->view.data || ppn_tensor_numel(&tensor->view) == 0) return true;
  ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_DATA,
                                      "argument %u: the tensor has no memory", index));
  return false;
}

const ppn_runtime_tensor_t* ppn_call_runtime_tensor(ppn_operator_call_t* call, uint32_t index) {
  const ppn_runtime_value_t* value = argument(call, index);
  if (!value || value->kind == PPN_RUNTIME_NONE) return NULL;
  if (value->kind != PPN_RUNTIME_TENSOR) {
    fail_kind(call, index, "a tensor", value);
    return NULL;
  }
  return has_memory(call, index, value->u.tensor) ? value->u.tensor : NULL;
}

const ppn_tensor_t* ppn_call_tensor(ppn_operator_call_t* call, uint32_t index) {
  const ppn_runtime_tensor_t* tensor = ppn_call_runtime_tensor(call, index);
  return tensor ? &tensor->view : NULL;
}

static bool is_number(const ppn_runtime_value_t* value) {
  return value->kind == PPN_RUNTIME_INT || value->kind == PPN_RUNTIME_BOOL ||
         value->kind == PPN_RUNTIME_DOUBLE;
}

// A number; NULL for None and after an error.
static const ppn_runtime_value_t* number(ppn_operator_call_t* call, uint32_t index) {
  const ppn_runtime_value_t* value = argument(call, index);
  if (!value || value->kind == PPN_RUNTIME_NONE) return NULL;
  if (is_number(value)) return value;
  fail_kind(call, index, "a number", value);
  return NULL;
}

static int64_t number_as_int(const ppn_runtime_value_t* value) {
  if (value->kind == PPN_RUNTIME_DOUBLE) return ppn_double_to_int64(value->u.number);
  return value->kind == PPN_RUNTIME_BOOL ? value->u.boolean : value->u.integer;
}

int64_t ppn_call_int(ppn_operator_call_t* call, uint32_t index, int64_t fallback) {
  const ppn_runtime_value_t* value = number(call, index);
  if (value) return number_as_int(value);
  return call->status ? 0 : fallback;
}

double ppn_call_double(ppn_operator_call_t* call, uint32_t index, double fallback) {
  const ppn_runtime_value_t* value = number(call, index);
  if (!value) return call->status ? 0 : fallback;
  return value->kind == PPN_RUNTIME_DOUBLE ? value->u.number : (double)number_as_int(value);
}

bool ppn_call_bool(ppn_operator_call_t* call, uint32_t index, bool fallback) {
  const ppn_runtime_value_t* value = number(call, index);
  if (!value) return call->status ? false : fallback;
  return value->kind == PPN_RUNTIME_DOUBLE ? value->u.number != 0 : number_as_int(value) != 0;
}

ppn_dtype_t ppn_call_scalar_dtype(ppn_operator_call_t* call, uint32_t index) {
  const ppn_runtime_value_t* value = number(call, index);
  if (!value) return PPN_DTYPE_INT64;
  if (value->kind == PPN_RUNTIME_BOOL) return PPN_DTYPE_BOOL;
  return value->kind == PPN_RUNTIME_DOUBLE ? PPN_DTYPE_FLOAT64 : PPN_DTYPE_INT64;
}

ppn_string_view_t ppn_call_string(ppn_operator_call_t* call, uint32_t index) {
  const ppn_runtime_value_t* value = argument(call, index);
  if (!value || value->kind == PPN_RUNTIME_NONE) return ppn_sv_make("", 0);
  if (value->kind == PPN_RUNTIME_STRING) return ppn_sv_make(value->u.string, value->count);
  fail_kind(call, index, "a string", value);
  return ppn_sv_make("", 0);
}

uint32_t ppn_call_ints(ppn_operator_call_t* call, uint32_t index, int64_t* out, uint32_t capacity) {
  const ppn_runtime_value_t* value = argument(call, index);
  if (!value || value->kind == PPN_RUNTIME_NONE) return 0;
  bool is_lone = value->kind == PPN_RUNTIME_INT;
  if (!is_lone && value->kind != PPN_RUNTIME_INT_LIST) {
    fail_kind(call, index, "integers", value);
    return 0;
  }
  uint32_t count = is_lone ? 1 : value->count;
  if (count > capacity) {
    ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_DATA,
                                        "argument %u has %u integers; at most %u are expected",
                                        index, count, capacity));
    return 0;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const ppn_runtime_value_t* item = is_lone ? value : value->u.items[i];
    if (!is_number(item)) {
      fail_kind(call, index, "integers", item);
      return 0;
    }
    out[i] = number_as_int(item);
  }
  return count;
}

const ppn_tensor_t** ppn_call_tensors(ppn_operator_call_t* call, uint32_t index,
                                      uint32_t* out_count) {
  *out_count = 0;
  const ppn_runtime_value_t* value = argument(call, index);
  if (!value || value->kind == PPN_RUNTIME_NONE) return NULL;
  if (value->kind != PPN_RUNTIME_TENSOR_LIST) {
    fail_kind(call, index, "a tensor list", value);
    return NULL;
  }
  const ppn_tensor_t** tensors = ppn_call_scratch(call, value->count * sizeof(*tensors));
  if (!tensors) return NULL;
  for (uint32_t i = 0; i < value->count; ++i) {
    const ppn_runtime_value_t* item = value->u.items[i];
    if (item->kind == PPN_RUNTIME_TENSOR) {
      if (!has_memory(call, index, item->u.tensor)) return NULL;
      tensors[i] = &item->u.tensor->view;
    } else if (item->kind != PPN_RUNTIME_NONE) {
      fail_kind(call, index, "a list of tensors", item);
      return NULL;
    }
  }
  *out_count = value->count;
  return tensors;
}

int ppn_call_dim(ppn_operator_call_t* call, int64_t dim, int rank) {
  if (call->status) return 0;
  int64_t count = rank ? rank : 1;
  if (dim >= -count && dim < count) return (int)(dim < 0 ? dim + count : dim);
  ppn_call_fail(call,
                ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                                "dimension %lld: a tensor of rank %d allows %lld to %lld",
                                (long long)dim, rank, (long long)-count, (long long)count - 1));
  return 0;
}

ppn_tensor_t* ppn_call_out(ppn_operator_call_t* call, uint32_t index, ppn_dtype_t dtype, int rank,
                           const int64_t* sizes) {
  const ppn_runtime_value_t* value = argument(call, index);
  if (!value) return NULL;
  if (value->kind != PPN_RUNTIME_TENSOR) {
    fail_kind(call, index, "a tensor for the result", value);
    return NULL;
  }
  ppn_call_fail(call,
                ppn_status_annotate(ppn_runtime_tensor_prepare(value->u.tensor, dtype, rank, sizes),
                                    "result (argument %u)", index));
  return call->status ? NULL : &value->u.tensor->view;
}

ppn_tensor_t* ppn_call_out_item(ppn_operator_call_t* call, uint32_t index, uint32_t item,
                                ppn_dtype_t dtype, int rank, const int64_t* sizes) {
  const ppn_runtime_value_t* value = argument(call, index);
  if (!value) return NULL;
  if (value->kind != PPN_RUNTIME_TENSOR_LIST || item >= value->count ||
      value->u.items[item]->kind != PPN_RUNTIME_TENSOR) {
    ppn_call_fail(
        call, ppn_status_make(PPN_STATUS_INVALID_DATA,
                              "argument %u: expected a tensor list with a tensor for "
                              "result %u, found %s of %u",
                              index, item, ppn_runtime_value_kind_name(value->kind), value->count));
    return NULL;
  }
  ppn_runtime_tensor_t* tensor = value->u.items[item]->u.tensor;
  ppn_call_fail(call, ppn_status_annotate(ppn_runtime_tensor_prepare(tensor, dtype, rank, sizes),
                                          "result %u (argument %u)", item, index));
  return call->status ? NULL : &tensor->view;
}

void* ppn_call_scratch(ppn_operator_call_t* call, size_t size) {
  if (call->status) return NULL;
  void* bytes = ppn_arena_alloc(call->scratch, size);
  if (!bytes) ppn_call_fail(call, ppn_out_of_memory());
  return bytes;
}
