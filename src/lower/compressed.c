#include "lower/compressed.h"

#include <string.h>

#include "mil/op.h"
#include "tensor/tensor.h"

// ---- Blocks ----

bool ppn_row_blocks_whole(const ppn_tensor_meta_t* meta, ppn_row_blocks_t* out) {
  if (!meta || meta->rank > PPN_MAX_RANK || !ppn_row_sizes_static(meta->sizes, meta->rank)) {
    return false;
  }
  out->rank = meta->rank;
  for (int i = 0; i < meta->rank; i++) {
    out->sizes[i] = meta->sizes[i].value;
    out->counts[i] = 1;
  }
  return true;
}

int64_t ppn_row_blocks_count(const ppn_row_blocks_t* blocks) {
  int64_t count = 1;
  for (int i = 0; i < blocks->rank; i++) count *= blocks->counts[i];
  return count;
}

// The only dimension that is divided; 0 when none is, -1 when several are, or one into blocks.
static int channel_axis(const ppn_row_blocks_t* blocks) {
  int axis = 0, divided = 0;
  for (int i = 0; i < blocks->rank; i++) {
    if (blocks->counts[i] == 1) continue;
    if (blocks->counts[i] != blocks->sizes[i]) return -1;
    axis = i;
    divided++;
  }
  return divided > 1 ? -1 : axis;
}

ppn_mil_opset_t ppn_row_blocks_opset(const ppn_row_blocks_t* blocks) {
  return channel_axis(blocks) < 0 ? PPN_MIL_OPSET_IOS18 : PPN_MIL_OPSET_IOS16;
}

// ---- Constants ----

static ppn_mil_constant_t* copy_of(ppn_lower_context_t* context, const ppn_mil_value_t* value,
                                   ppn_dtype_t dtype) {
  ppn_mil_constant_t* recipe =
      ppn_arena_memdup(&context->builder.function->program->arena, value->constant, sizeof *recipe);
  if (!recipe) {
    ppn_row_fail(context, ppn_out_of_memory());
    return NULL;
  }
  recipe->dtype = dtype;
  recipe->blob_offset = UINT64_MAX;
  return recipe;
}

// The same elements, written as `dtype`.
static ppn_mil_value_t* written_as(ppn_lower_context_t* context, const ppn_mil_value_t* value,
                                   ppn_dtype_t dtype) {
  if (context->status || !value) return NULL;
  ppn_mil_constant_t* recipe = copy_of(context, value, dtype);
  ppn_mil_value_t* out = NULL;
  if (recipe) {
    ppn_row_check(context, ppn_mil_constant_value(&context->builder, value->name, recipe, &out));
  }
  return out;
}

ppn_mil_value_t* ppn_row_reshape_constant(ppn_lower_context_t* context,
                                          const ppn_mil_value_t* value, ppn_dtype_t dtype, int rank,
                                          const int64_t* sizes) {
  if (context->status || !value) return NULL;
  ppn_mil_constant_t* recipe = copy_of(context, value, dtype);
  if (!recipe) return NULL;
  if (!ppn_tensor_is_contiguous(&recipe->view)) {
    const void* elements = NULL;
    recipe->dtype = recipe->view.dtype;
    ppn_row_check(context, ppn_mil_constant_materialise(
                               recipe, &context->builder.function->program->arena, &elements));
    recipe->dtype = dtype;
    recipe->view.data = (void*)(uintptr_t)elements;
    recipe->view_size =
        (size_t)ppn_tensor_numel(&recipe->view) * ppn_dtype_size(recipe->view.dtype);
  }
  recipe->view.rank = rank;
  memcpy(recipe->view.sizes, sizes, (size_t)rank * sizeof *sizes);
  ppn_strides_contiguous(rank, sizes, recipe->view.strides);
  ppn_mil_value_t* out = NULL;
  ppn_row_check(context, ppn_mil_constant_value(&context->builder, value->name, recipe, &out));
  return out;
}

// ---- Types of data ----

typedef struct range {
  int64_t minimum, maximum;
} range_t;

static range_t range_of(const ppn_mil_value_t* value, int64_t low, int64_t high) {
  range_t range;
  ppn_mil_constant_range(value->constant, low, high, &range.minimum, &range.maximum);
  return range;
}

static bool holds(ppn_dtype_t dtype, range_t range) {
  unsigned bits = ppn_dtype_bits(dtype);
  int64_t low = ppn_dtype_is_signed(dtype) ? -((int64_t)1 << (bits - 1)) : 0;
  int64_t high = low + ((int64_t)1 << bits) - 1;
  return range.minimum >= low && range.maximum <= high;
}

static bool is_integer(const ppn_mil_value_t* value) {
  return value && !ppn_dtype_is_float(value->constant->view.dtype);
}

// The narrowest type that holds the data, and the zero points when they can be held at all.
static ppn_dtype_t data_dtype(ppn_lower_context_t* context, const ppn_mil_value_t* data,
                              const ppn_mil_value_t* zero_point, range_t declared) {
  bool is_unsigned = declared.minimum >= 0;
  ppn_dtype_t nibble = is_unsigned ? PPN_DTYPE_UINT4 : PPN_DTYPE_INT4;
  ppn_dtype_t byte = is_unsigned ? PPN_DTYPE_UINT8 : PPN_DTYPE_INT8;
  range_t found = range_of(data, declared.minimum, declared.maximum);
  if (found.minimum < declared.minimum || found.maximum > declared.maximum || !holds(byte, found)) {
    ppn_row_fail(context,
                 ppn_status_make(
                     PPN_STATUS_INVALID_DATA,
                     "the weight '%s' holds %lld, outside its range of %lld to %lld", data->name,
                     (long long)(found.minimum < declared.minimum ? found.minimum : found.maximum),
                     (long long)declared.minimum, (long long)declared.maximum));
    return byte;
  }
  if (context->opset < PPN_MIL_OPSET_IOS18 || !holds(nibble, found)) return byte;
  bool fits = !is_integer(zero_point) || holds(nibble, range_of(zero_point, INT64_MIN, INT64_MAX));
  return fits ? nibble : byte;
}

// NULL when all of them are 0.
static ppn_mil_value_t* unless_zero(ppn_mil_value_t* zero_point) {
  int64_t count = zero_point ? ppn_mil_constant_numel(zero_point->constant) : 0;
  for (int64_t i = 0; i < count; i++) {
    if (ppn_mil_constant_element(zero_point->constant, i) != 0) return zero_point;
  }
  return NULL;
}

// ---- shift and scale ----

// Zero points have the type of the data; those that it cannot hold are numbers.
static ppn_dtype_t offset_dtype(const ppn_mil_value_t* zero_point, ppn_dtype_t data,
                                ppn_dtype_t number) {
  bool fits = is_integer(zero_point) && holds(data, range_of(zero_point, INT64_MIN, INT64_MAX));
  return fits ? data : number;
}

// The form of iOS 16: scales along one axis, or one scale.
static ppn_mil_value_t* affine(ppn_lower_context_t* context, const ppn_row_blocks_t* blocks,
                               ppn_mil_value_t* data, ppn_mil_value_t* scale,
                               ppn_mil_value_t* zero_point, ppn_dtype_t dtype) {
  int64_t count = ppn_row_blocks_count(blocks);
  int rank = count > 1 ? 1 : 0;
  ppn_dtype_t bytes = data->type.dtype;
  ppn_mil_value_t* zero =
      zero_point ? ppn_row_reshape_constant(context, zero_point,
                                            offset_dtype(zero_point, bytes, PPN_DTYPE_FLOAT32),
                                            rank, &count)
                 : written_as(context, ppn_row_int(context, 0), bytes);
  return ppn_row_emit(context, "constexpr_affine_dequantize", {"quantized_data", data},
                      {"zero_point", zero},
                      {"scale", ppn_row_reshape_constant(context, scale, dtype, rank, &count)},
                      {"axis", ppn_row_int(context, channel_axis(blocks))});
}

ppn_mil_value_t* ppn_row_shift_scale(ppn_lower_context_t* context, const ppn_row_blocks_t* blocks,
                                     ppn_mil_value_t* data, ppn_mil_value_t* scale,
                                     ppn_mil_value_t* zero_point, int64_t minimum, int64_t maximum,
                                     ppn_dtype_t dtype) {
  if (context->status || !data || !scale) return NULL;
  zero_point = unless_zero(zero_point);
  data =
      written_as(context, data, data_dtype(context, data, zero_point, (range_t){minimum, maximum}));
  if (context->status) return NULL;
  if (context->opset < PPN_MIL_OPSET_IOS18) {
    return affine(context, blocks, data, scale, zero_point, dtype);
  }
  const int64_t* counts = blocks->counts;
  ppn_mil_value_t* offset =
      zero_point ? ppn_row_reshape_constant(context, zero_point,
                                            offset_dtype(zero_point, data->type.dtype, dtype),
                                            blocks->rank, counts)
                 : NULL;
  return ppn_row_emit(
      context, "constexpr_blockwise_shift_scale", {"data", data},
      {"scale", ppn_row_reshape_constant(context, scale, dtype, blocks->rank, counts)},
      {"offset", offset});
}

// ---- Tables ----

static ppn_dtype_t code_dtype(int bits) {
  static const ppn_dtype_t dtypes[] = {
      [1] = PPN_DTYPE_UINT1, [2] = PPN_DTYPE_UINT2, [3] = PPN_DTYPE_UINT3,
      [4] = PPN_DTYPE_UINT4, [6] = PPN_DTYPE_UINT6, [8] = PPN_DTYPE_UINT8,
  };
  return dtypes[bits];
}

// The form of iOS 16 takes packed codes as bytes: made here, as no recipe changes the count of
// elements.
static ppn_mil_value_t* look_up_packed(ppn_lower_context_t* context, const ppn_mil_value_t* codes,
                                       const ppn_mil_value_t* table, ppn_dtype_t dtype) {
  const ppn_tensor_t* view = &codes->constant->view;
  int64_t bytes = (int64_t)ppn_mil_constant_size(codes->constant);
  int64_t entries = ppn_mil_constant_numel(table->constant), rank = view->rank;
  uint32_t sizes[PPN_MAX_RANK];
  const void* packed = NULL;
  for (int i = 0; i < view->rank; i++) sizes[i] = (uint32_t)view->sizes[i];
  ppn_row_check(context, ppn_mil_constant_materialise(
                             codes->constant, &context->builder.function->program->arena, &packed));
  return ppn_row_emit(context, "constexpr_lut_to_dense",
                      {"indices", ppn_row_data(context, PPN_DTYPE_UINT8, 1, &bytes, packed)},
                      {"lut", ppn_row_reshape_constant(context, table, dtype, 1, &entries)},
                      {"shape", ppn_row_data(context, PPN_DTYPE_UINT32, 1, &rank, sizes)});
}

ppn_mil_value_t* ppn_row_look_up(ppn_lower_context_t* context, ppn_mil_value_t* codes,
                                 ppn_mil_value_t* table, int bits, ppn_dtype_t dtype) {
  if (context->status || !codes || !table) return NULL;
  range_t found = range_of(codes, 0, ((int64_t)1 << bits) - 1);
  if (!holds(code_dtype(bits), found)) {
    ppn_row_fail(context, ppn_status_make(PPN_STATUS_INVALID_DATA,
                                          "the codes '%s' go from %lld to %lld; a table of %d bits "
                                          "has entries 0 to %d",
                                          codes->name, (long long)found.minimum,
                                          (long long)found.maximum, bits, (1 << bits) - 1));
    return NULL;
  }
  codes = written_as(context, codes, code_dtype(bits));
  if (context->status) return NULL;
  if (context->opset < PPN_MIL_OPSET_IOS18) return look_up_packed(context, codes, table, dtype);
  return ppn_row_emit(context, "constexpr_lut_to_dense", {"indices", codes},
                      {"lut", written_as(context, table, dtype)});
}

// ---- Transposed ----

static ppn_mil_value_t* parameter(const ppn_mil_value_t* value, const char* name) {
  return ppn_mil_operation_input(value->producer, name);
}

static bool is_made_by(const ppn_mil_value_t* value, const char* type) {
  return value->producer && strcmp(value->producer->op->type, type) == 0;
}

bool ppn_row_can_transpose(const ppn_mil_value_t* value) {
  if (ppn_row_is_viewable(value)) return true;
  if (!value || !value->producer) return false;
  if (is_made_by(value, "constexpr_affine_dequantize")) {
    return ppn_row_is_viewable(parameter(value, "quantized_data"));
  }
  if (is_made_by(value, "constexpr_blockwise_shift_scale")) {
    return ppn_row_is_viewable(parameter(value, "data"));
  }
  return is_made_by(value, "constexpr_lut_to_dense") &&
         !value->producer->op->parameters_are_attributes &&
         ppn_row_is_viewable(parameter(value, "indices")) && !parameter(value, "vector_axis");
}

// The permutation applies to the first dimensions; those of a table follow.
static ppn_mil_value_t* permuted(ppn_lower_context_t* context, const ppn_mil_value_t* value,
                                 const int64_t* permutation, int count) {
  int64_t sizes[PPN_MAX_RANK], strides[PPN_MAX_RANK];
  if (context->status || !value) return NULL;
  const ppn_tensor_t* view = &value->constant->view;
  for (int i = 0; i < view->rank; i++) {
    int from = i < count ? (int)permutation[i] : i;
    sizes[i] = view->sizes[from];
    strides[i] = view->strides[from];
  }
  return ppn_row_restride(context, value, view->rank, sizes, strides, 0);
}

ppn_mil_value_t* ppn_row_transpose_compressed(ppn_lower_context_t* context,
                                              const ppn_mil_value_t* value,
                                              const int64_t* permutation) {
  int rank = value->type.rank;
  if (is_made_by(value, "constexpr_blockwise_shift_scale")) {
    return ppn_row_emit(
        context, "constexpr_blockwise_shift_scale",
        {"data", permuted(context, parameter(value, "data"), permutation, rank)},
        {"scale", permuted(context, parameter(value, "scale"), permutation, rank)},
        {"offset", permuted(context, parameter(value, "offset"), permutation, rank)});
  }
  if (is_made_by(value, "constexpr_lut_to_dense")) {
    return ppn_row_emit(
        context, "constexpr_lut_to_dense",
        {"indices", permuted(context, parameter(value, "indices"), permutation, rank)},
        {"lut", permuted(context, parameter(value, "lut"), permutation, rank)});
  }
  int64_t axis = ppn_mil_input_int(value->producer, "axis", 0), moved = 0;
  for (int i = 0; i < rank; i++) moved = permutation[i] == axis ? i : moved;
  return ppn_row_emit(
      context, "constexpr_affine_dequantize",
      {"quantized_data", permuted(context, parameter(value, "quantized_data"), permutation, rank)},
      {"zero_point", parameter(value, "zero_point")}, {"scale", parameter(value, "scale")},
      {"axis", ppn_row_int(context, moved)});
}
