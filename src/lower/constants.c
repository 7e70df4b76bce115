// Constants of rows: small ones made on the spot, and other views of those that exist.
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/half.h"
#include "lower/row.h"
#include "mil/op.h"
#include "tensor/tensor.h"

static int32_t clamp_to_int32(int64_t value) {
  return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int32_t)value;
}

ppn_mil_value_t* ppn_row_int(ppn_lower_context_t* context, int64_t value) {
  ppn_mil_value_t* out = NULL;
  ppn_row_check(context,
                ppn_mil_constant_int32(&context->builder, NULL, clamp_to_int32(value), &out));
  return out;
}

ppn_mil_value_t* ppn_row_ints(ppn_lower_context_t* context, const int64_t* values, uint32_t count) {
  int32_t narrow[2 * PPN_MAX_RANK];
  ppn_mil_value_t* out = NULL;
  if (count > PPN_COUNT_OF(narrow)) {
    ppn_row_fail(context, ppn_status_make(PPN_STATUS_INTERNAL, "%u integers in one list", count));
    return NULL;
  }
  for (uint32_t i = 0; i < count; i++) narrow[i] = clamp_to_int32(values[i]);
  ppn_row_check(context, ppn_mil_constant_int32s(&context->builder, NULL, narrow, count, &out));
  return out;
}

ppn_mil_value_t* ppn_row_bool(ppn_lower_context_t* context, bool value) {
  ppn_mil_value_t* out = NULL;
  ppn_row_check(context, ppn_mil_constant_bool(&context->builder, NULL, value, &out));
  return out;
}

ppn_mil_value_t* ppn_row_bools(ppn_lower_context_t* context, const bool* values, uint32_t count) {
  uint8_t bytes[PPN_MAX_RANK];
  int64_t size = count;
  for (uint32_t i = 0; i < count && i < PPN_MAX_RANK; i++) bytes[i] = values[i];
  return ppn_row_data(context, PPN_DTYPE_BOOL, 1, &size, bytes);
}

ppn_mil_value_t* ppn_row_text(ppn_lower_context_t* context, const char* value) {
  ppn_mil_value_t* out = NULL;
  ppn_row_check(context, ppn_mil_constant_string(&context->builder, NULL, value, &out));
  return out;
}

ppn_mil_value_t* ppn_row_number(ppn_lower_context_t* context, ppn_dtype_t dtype, double value) {
  ppn_mil_value_t* out = NULL;
  if (context->status) return NULL;
  switch (dtype) {
    case PPN_DTYPE_BOOL:
      return ppn_row_bool(context, value != 0);
    case PPN_DTYPE_INT32:
      return ppn_row_int(context, value >= 0x1p62    ? INT64_MAX
                                  : value <= -0x1p62 ? INT64_MIN
                                  : isnan(value)     ? 0
                                                     : (int64_t)value);
    default:
      ppn_row_check(context, ppn_mil_constant_float(&context->builder, NULL, dtype, value, &out));
      return out;
  }
}

ppn_mil_value_t* ppn_row_data(ppn_lower_context_t* context, ppn_dtype_t dtype, int rank,
                              const int64_t* sizes, const void* data) {
  ppn_mil_value_t* out = NULL;
  ppn_row_check(context,
                ppn_mil_constant_tensor(&context->builder, NULL, dtype, rank, sizes, data, &out));
  return out;
}

ppn_mil_value_t* ppn_row_filled(ppn_lower_context_t* context, ppn_dtype_t dtype, int64_t count,
                                double value) {
  ppn_mil_value_t* one = ppn_row_number(context, dtype, value);
  int64_t stride = 0;
  return one ? ppn_row_restride(context, one, 1, &count, &stride, 0) : NULL;
}

bool ppn_row_is_known(const ppn_mil_value_t* value) {
  return value && (value->constant ||
                   (value->producer && strncmp(value->producer->op->type, "constexpr_", 10) == 0));
}

bool ppn_row_is_viewable(const ppn_mil_value_t* value) {
  return value && value->constant && !value->constant->scale && !value->constant->text &&
         !value->constant->texts && ppn_dtype_size(value->constant->view.dtype) > 0;
}

static ppn_mil_constant_t* copy_recipe(ppn_lower_context_t* context, const ppn_mil_value_t* value) {
  ppn_mil_constant_t* recipe =
      ppn_arena_memdup(&context->builder.function->program->arena, value->constant, sizeof *recipe);
  if (!recipe) {
    ppn_row_fail(context, ppn_out_of_memory());
  } else {
    recipe->blob_offset = UINT64_MAX;
  }
  return recipe;
}

ppn_mil_value_t* ppn_row_restride(ppn_lower_context_t* context, const ppn_mil_value_t* value,
                                  int rank, const int64_t* sizes, const int64_t* strides,
                                  int64_t offset) {
  if (context->status || !value) return NULL;
  ppn_mil_constant_t* recipe = copy_recipe(context, value);
  if (!recipe) return NULL;
  size_t skip = (size_t)offset * ppn_dtype_size(recipe->view.dtype);
  recipe->view.data = (uint8_t*)recipe->view.data + skip;
  recipe->view_size -= skip;
  recipe->view.rank = rank;
  for (int i = 0; i < rank; i++) {
    recipe->view.sizes[i] = sizes[i];
    recipe->view.strides[i] = strides[i];
  }
  ppn_mil_value_t* out = NULL;
  ppn_row_check(context, ppn_mil_constant_value(&context->builder, value->name, recipe, &out));
  return out;
}

bool ppn_row_constant_number(const ppn_mil_value_t* value, double* out) {
  if (!value || !value->constant || value->constant->text || value->constant->texts ||
      ppn_mil_constant_numel(value->constant) != 1) {
    return false;
  }
  *out = ppn_mil_constant_element(value->constant, 0);
  return true;
}

// True when reading `view` elements as `through` loses nothing, so that a further conversion may
// start from the view.
static bool preserves_values(ppn_dtype_t view, ppn_dtype_t through) {
  if (view == through) return true;
  if (view == PPN_DTYPE_BOOL || ppn_dtype_is_integer(view)) {
    return through == PPN_DTYPE_INT32 || through == PPN_DTYPE_FLOAT32;
  }
  return through == PPN_DTYPE_FLOAT32;
}

static const char* cast_name(ppn_dtype_t dtype) {
  switch (dtype) {
    case PPN_DTYPE_BOOL:
      return "bool";
    case PPN_DTYPE_FLOAT16:
      return "fp16";
    case PPN_DTYPE_FLOAT32:
      return "fp32";
    case PPN_DTYPE_INT8:
      return "int8";
    case PPN_DTYPE_UINT8:
      return "uint8";
    case PPN_DTYPE_INT16:
      return "int16";
    case PPN_DTYPE_UINT16:
      return "uint16";
    default:
      return "int32";
  }
}

ppn_mil_value_t* ppn_row_cast(ppn_lower_context_t* context, ppn_mil_value_t* value,
                              ppn_dtype_t dtype) {
  if (context->status || !value) return NULL;
  if (dtype == PPN_DTYPE_INVALID) {
    ppn_row_fail(context,
                 ppn_status_make(PPN_STATUS_INTERNAL, "cast of '%s' to no type", value->name));
    return NULL;
  }
  if (value->type.dtype == dtype) return value;
  if (ppn_row_is_viewable(value) &&
      preserves_values(value->constant->view.dtype, value->constant->dtype)) {
    ppn_mil_constant_t* recipe = copy_recipe(context, value);
    if (!recipe) return NULL;
    recipe->dtype = dtype;
    ppn_mil_value_t* out = NULL;
    ppn_row_check(context, ppn_mil_constant_value(&context->builder, value->name, recipe, &out));
    return out;
  }
  return ppn_row_emit(context, "cast", {"x", value},
                      {"dtype", ppn_row_text(context, cast_name(dtype))});
}
