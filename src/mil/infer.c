#include "mil/infer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tensor/tensor.h"

const ppn_mil_type_t* ppn_infer_type(const ppn_mil_operation_t* operation, const char* parameter) {
  const ppn_mil_value_t* value = ppn_mil_operation_input(operation, parameter);
  return value ? &value->type : NULL;
}

ppn_status_t ppn_infer_make(ppn_mil_function_t* function, ppn_dtype_t dtype, int rank,
                            ppn_mil_type_t* out) {
  *out = (ppn_mil_type_t){.kind = PPN_MIL_TENSOR, .dtype = dtype, .rank = rank};
  if (rank < 0 || rank > PPN_MAX_RANK) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "a result of rank %d", rank);
  }
  PPN_ARENA_NEW(&function->program->arena, rank, &out->sizes);
  return ppn_status_ok();
}

ppn_mil_type_t ppn_infer_with_dtype(const ppn_mil_type_t* type, ppn_dtype_t dtype) {
  ppn_mil_type_t result = *type;
  result.dtype = dtype;
  return result;
}

ppn_status_t ppn_infer_unknown(ppn_mil_function_t* function, ppn_dim_t* out) {
  ppn_symbol_table_t* symbols = function->program->symbols;
  char name[32];
  uint32_t index = 0;
  snprintf(name, sizeof name, "m%u", ppn_symbol_table_count(symbols));
  PPN_RETURN_IF_ERROR(ppn_symbol_table_add(symbols, ppn_sv(name), &index));
  return ppn_dim_from_symbol(symbols, index, out);
}

ppn_status_t ppn_infer_fail(const ppn_mil_operation_t* operation, const char* format, ...) {
  char text[256];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "%s: %s", operation->op->type, text);
}

static ppn_status_t normalise(const ppn_mil_operation_t* operation, const char* parameter,
                              int64_t axis, int rank, int* out_axis) {
  if (axis < -rank || axis >= rank) {
    return ppn_infer_fail(operation, "%s %lld is not within rank %d", parameter, (long long)axis,
                          rank);
  }
  *out_axis = (int)(axis < 0 ? axis + rank : axis);
  return ppn_status_ok();
}

ppn_status_t ppn_infer_axis(const ppn_mil_operation_t* operation, const char* parameter, int rank,
                            int64_t fallback, int* out_axis) {
  return normalise(operation, parameter, ppn_mil_input_int(operation, parameter, fallback), rank,
                   out_axis);
}

ppn_status_t ppn_infer_axes(const ppn_mil_operation_t* operation, const char* parameter, int rank,
                            bool* out_flags) {
  int64_t axes[2 * PPN_MAX_RANK];
  uint32_t count = 0;
  bool given = ppn_mil_operation_input(operation, parameter) != NULL;
  for (int i = 0; i < rank; i++) out_flags[i] = !given;
  if (!given) return ppn_status_ok();
  if (!ppn_infer_ints(operation, parameter, axes, &count)) {
    return ppn_infer_fail(operation, "%s must be a short list of constants", parameter);
  }
  for (uint32_t i = 0; i < count; i++) {
    int axis = 0;
    PPN_RETURN_IF_ERROR(normalise(operation, parameter, axes[i], rank, &axis));
    out_flags[axis] = true;
  }
  return ppn_status_ok();
}

bool ppn_infer_ints(const ppn_mil_operation_t* operation, const char* parameter, int64_t* out,
                    uint32_t* out_count) {
  return ppn_mil_input_ints(operation, parameter, out, 2 * PPN_MAX_RANK, out_count) &&
         *out_count <= 2 * PPN_MAX_RANK;
}

bool ppn_infer_entry(const ppn_mil_argument_t* argument, uint32_t index, int64_t* out) {
  const ppn_mil_constant_t* constant = argument->values[index]->constant;
  if (!constant || constant->text || constant->texts || ppn_mil_constant_numel(constant) < 1 ||
      ppn_dtype_is_float(constant->dtype)) {
    return false;
  }
  *out = (int64_t)ppn_mil_constant_element(constant, 0);
  return true;
}

ppn_status_t ppn_infer_broadcast(ppn_mil_function_t* function, const ppn_mil_operation_t* operation,
                                 const ppn_mil_type_t* x, const ppn_mil_type_t* y,
                                 ppn_mil_type_t* out) {
  int rank = x->rank > y->rank ? x->rank : y->rank;
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, rank, out));
  for (int i = 0; i < rank; i++) {
    int xi = i - (rank - x->rank), yi = i - (rank - y->rank);
    ppn_dim_t a = xi < 0 ? ppn_dim_static(1) : x->sizes[xi];
    ppn_dim_t b = yi < 0 ? ppn_dim_static(1) : y->sizes[yi];
    if (ppn_dim_equal(a, b) || ppn_dim_is(b, 1)) {
      out->sizes[i] = a;
    } else if (ppn_dim_is(a, 1)) {
      out->sizes[i] = b;
    } else if (ppn_dim_is_static(a) && ppn_dim_is_static(b)) {
      return ppn_infer_fail(operation, "sizes %lld and %lld of dimension %d do not broadcast",
                            (long long)a.value, (long long)b.value, i);
    } else if (ppn_dim_is_static(a) || ppn_dim_is_static(b)) {
      out->sizes[i] = ppn_dim_is_static(a) ? a : b;
    } else {
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, &out->sizes[i]));
    }
  }
  return ppn_status_ok();
}

ppn_dtype_t ppn_infer_dtype_named(const char* name) {
  static const struct {
    const char* name;
    ppn_dtype_t dtype;
  } names[] = {
      {"fp16", PPN_DTYPE_FLOAT16}, {"fp32", PPN_DTYPE_FLOAT32},  {"int32", PPN_DTYPE_INT32},
      {"bool", PPN_DTYPE_BOOL},    {"int8", PPN_DTYPE_INT8},     {"uint8", PPN_DTYPE_UINT8},
      {"int16", PPN_DTYPE_INT16},  {"uint16", PPN_DTYPE_UINT16}, {"float", PPN_DTYPE_FLOAT32},
      {"half", PPN_DTYPE_FLOAT16}, {"int", PPN_DTYPE_INT32},     {"int64", PPN_DTYPE_INT32}};
  for (size_t i = 0; name && i < PPN_COUNT_OF(names); i++) {
    if (strcmp(name, names[i].name) == 0) return names[i].dtype;
  }
  return PPN_DTYPE_INVALID;
}

ppn_status_t ppn_infer_affine_size(ppn_mil_function_t* function, ppn_dim_t size, int64_t factor,
                                   int64_t offset, int64_t divisor, ppn_dim_t* out) {
  ppn_symbol_table_t* symbols = function->program->symbols;
  ppn_dim_t result = size;
  if (factor != 1) {
    PPN_RETURN_IF_ERROR(ppn_dim_multiply(symbols, result, ppn_dim_static(factor), &result));
  }
  if (offset != 0) {
    PPN_RETURN_IF_ERROR(ppn_dim_add(symbols, result, ppn_dim_static(offset), &result));
  }
  if (divisor != 1) {
    PPN_RETURN_IF_ERROR(ppn_dim_floor_divide(symbols, result, ppn_dim_static(divisor), &result));
  }
  *out = result;
  return ppn_status_ok();
}
