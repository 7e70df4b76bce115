// Slices: read, and written.
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

// One axis of a slice. `begin` and `end` are literal unless the arguments are symbolic.
typedef struct range {
  int64_t axis, begin, end, step;
  const ppn_value_t *symbolic_begin, *symbolic_end;
  bool to_end;    // `end` does not matter
  bool squeezes;  // select
} range_t;

static const ppn_value_t* symbolic(const ppn_argument_t* argument) {
  return argument && argument->kind == PPN_ARGUMENT_VALUE ? argument->u.value : NULL;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

// Reads start, end, step of a slice, or the index of a select, as Core ML wants them: literal
// bounds within a known size are non-negative and clamped.
static range_t read_range(const ppn_node_t* node, const ppn_tensor_meta_t* x) {
  range_t range = {.step = 1};
  range.axis = ppn_row_axis(node, "dim", 0, x->rank);
  ppn_dim_t size = x->sizes[range.axis];
  bool known = ppn_dim_is_static(size);
  if (ppn_node_argument(node, "index")) {
    range.squeezes = true;
    range.symbolic_begin = symbolic(ppn_node_argument(node, "index"));
    range.begin = ppn_row_literal_int(node, "index", 0);
    if (range.begin < 0 && known) range.begin += size.value;
    range.end = range.begin + 1;
    return range;
  }
  bool narrow = ppn_node_argument(node, "length") != NULL;
  range.symbolic_begin = symbolic(ppn_node_argument(node, "start"));
  range.symbolic_end = narrow ? NULL : symbolic(ppn_node_argument(node, "end"));
  range.begin = ppn_row_literal_int(node, "start", 0);
  range.end = narrow ? range.begin + ppn_row_literal_int(node, "length", 0)
                     : ppn_row_literal_int(node, "end", INT64_MAX);
  range.step = ppn_row_literal_int(node, "step", 1);
  if (known) {
    if (range.begin < 0) range.begin += size.value;
    if (range.end < 0) range.end += size.value;
    range.begin = clamp(range.begin, 0, size.value);
    range.end = clamp(range.end, range.begin, size.value);
    range.to_end = range.end == size.value;
  } else {
    range.to_end = range.end >= INT32_MAX;
  }
  if (range.symbolic_end) {
    range.to_end = ppn_dim_equal(range.symbolic_end->dim, size);
    if (range.to_end) range.symbolic_end = NULL;
  }
  return range;
}

static bool is_symbolic(const range_t* range) {
  return range->symbolic_begin || range->symbolic_end;
}

// An index vector: `value` at the axis, 0 elsewhere.
static ppn_mil_value_t* index_vector(ppn_lower_context_t* context, int rank, int64_t axis,
                                     int64_t literal, ppn_mil_value_t* value) {
  int64_t numbers[PPN_MAX_RANK] = {0};
  ppn_mil_value_t* parts[PPN_MAX_RANK];
  numbers[axis] = literal;
  if (!value) return ppn_row_ints(context, numbers, (uint32_t)rank);
  for (int i = 0; i < rank; i++) parts[i] = i == axis ? value : ppn_row_int(context, 0);
  return ppn_row_concat(context, parts, (uint32_t)rank, 0);
}

typedef struct bounds {
  ppn_mil_value_t *begin, *end, *stride, *begin_mask, *end_mask, *squeeze_mask;
} bounds_t;

static bounds_t emit_bounds(ppn_lower_context_t* context, const range_t* range, int rank,
                            bool squeezes) {
  bool begin_mask[PPN_MAX_RANK], end_mask[PPN_MAX_RANK], squeeze_mask[PPN_MAX_RANK] = {false};
  int64_t strides[PPN_MAX_RANK];
  for (int i = 0; i < rank; i++) {
    begin_mask[i] = end_mask[i] = true;
    strides[i] = 1;
  }
  strides[range->axis] = range->step;
  begin_mask[range->axis] = false;
  end_mask[range->axis] = range->to_end;
  squeeze_mask[range->axis] = squeezes;
  ppn_mil_value_t* begin =
      range->symbolic_begin ? ppn_row_value(context, range->symbolic_begin) : NULL;
  ppn_mil_value_t* end = range->symbolic_end ? ppn_row_value(context, range->symbolic_end) : NULL;
  // The end of a select with a computed index.
  if (range->squeezes && begin) end = ppn_row_binary_number(context, "add", begin, 1);
  uint32_t count = (uint32_t)rank;
  bounds_t bounds;
  bounds.begin = index_vector(context, rank, range->axis, range->begin, begin);
  bounds.end = index_vector(context, rank, range->axis, range->to_end ? 0 : range->end, end);
  bounds.stride = ppn_row_ints(context, strides, count);
  bounds.begin_mask = ppn_row_bools(context, begin_mask, count);
  bounds.end_mask = ppn_row_bools(context, end_mask, count);
  bounds.squeeze_mask = ppn_row_bools(context, squeeze_mask, count);
  return bounds;
}

// A slice of a constant is a constant.
static ppn_mil_value_t* slice_constant(ppn_lower_context_t* context, const ppn_mil_value_t* x,
                                       const range_t* range) {
  int64_t sizes[PPN_MAX_RANK], strides[PPN_MAX_RANK];
  const ppn_tensor_t* view = &x->constant->view;
  int rank = 0;
  for (int i = 0; i < view->rank; i++) {
    bool here = i == range->axis;
    if (here && range->squeezes) continue;
    sizes[rank] =
        here ? (range->end - range->begin + range->step - 1) / range->step : view->sizes[i];
    strides[rank++] = here ? view->strides[i] * range->step : view->strides[i];
  }
  return ppn_row_restride(context, x, rank, sizes, strides,
                          range->begin * view->strides[range->axis]);
}

static ppn_status_t lower_slice(ppn_lower_context_t* context, const ppn_node_t* node) {
  range_t range = read_range(node, ppn_row_meta(node, "self"));
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  if (context->status) return ppn_row_finish(context);
  bool everything = !range.squeezes && range.to_end && range.begin == 0 && range.step == 1 &&
                    !is_symbolic(&range);
  if (everything) return ppn_row_result(context, node, x);
  if (ppn_row_is_viewable(x) && !is_symbolic(&range)) {
    return ppn_row_result(context, node, slice_constant(context, x, &range));
  }
  bounds_t bounds = emit_bounds(context, &range, x->type.rank, range.squeezes);
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "slice_by_index", {"x", x}, {"begin", bounds.begin},
                   {"end", bounds.end}, {"stride", bounds.stride},
                   {"begin_mask", bounds.begin_mask}, {"end_mask", bounds.end_mask},
                   {"squeeze_mask", bounds.squeeze_mask}));
}

static bool slice_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  if (!ppn_row_require_literal(node, reason, "dim", "step", "length")) return false;
  if (!x || x->rank == 0) return ppn_row_refuse(reason, "a scalar cannot be sliced");
  const ppn_value_t* start = symbolic(ppn_node_argument(node, "start"));
  if (start && start->kind != PPN_VALUE_SYM_INT) return ppn_row_refuse(reason, "a computed start");
  if (start && ppn_node_argument(node, "length")) return ppn_row_refuse(reason, "a computed start");
  return true;
}

// ---- Writing a slice ----

static const char* source_name(const ppn_node_t* node) {
  return ppn_node_argument(node, "src") ? "src" : "source";
}

// Before iOS 18: what is before, the new part, what is after.
static ppn_mil_value_t* replace_by_concat(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                          ppn_mil_value_t* part, const range_t* range) {
  ppn_mil_value_t* parts[3];
  uint32_t count = 0;
  if (context->status) return NULL;
  int64_t size = x->type.sizes[range->axis].value;
  if (range->begin > 0) parts[count++] = ppn_row_slice(context, x, range->axis, 0, range->begin);
  parts[count++] = part;
  if (range->end < size) parts[count++] = ppn_row_slice(context, x, range->axis, range->end, size);
  return count == 1 ? part : ppn_row_concat(context, parts, count, range->axis);
}

static ppn_mil_value_t* replace_by_scatter(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                           ppn_mil_value_t* part, const range_t* range) {
  if (context->status) return NULL;
  int64_t count = (range->end - range->begin + range->step - 1) / range->step;
  int32_t* indices = ppn_arena_alloc_array(&context->builder.function->program->arena,
                                           (size_t)count, sizeof *indices);
  if (!indices) {
    ppn_row_fail(context, ppn_out_of_memory());
    return NULL;
  }
  for (int64_t i = 0; i < count; i++) indices[i] = (int32_t)(range->begin + i * range->step);
  return ppn_row_emit(context, "scatter", {"data", x},
                      {"indices", ppn_row_data(context, PPN_DTYPE_INT32, 1, &count, indices)},
                      {"updates", part}, {"axis", ppn_row_int(context, range->axis)},
                      {"mode", ppn_row_text(context, "update")});
}

static ppn_status_t lower_slice_scatter(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  range_t range = read_range(node, meta);
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_node_argument(node, "self"), dtype);
  ppn_mil_value_t* part =
      ppn_row_operand(context, ppn_node_argument(node, source_name(node)), dtype);
  if (range.squeezes) part = ppn_row_expand_dims(context, part, &range.axis, 1);
  if (context->status) return ppn_row_finish(context);
  ppn_mil_value_t* result;
  if (context->opset >= PPN_MIL_OPSET_IOS18) {
    bounds_t bounds = emit_bounds(context, &range, meta->rank, false);
    result = ppn_row_emit(context, "slice_update", {"x", x}, {"update", part},
                          {"begin", bounds.begin}, {"end", bounds.end}, {"stride", bounds.stride},
                          {"begin_mask", bounds.begin_mask}, {"end_mask", bounds.end_mask},
                          {"squeeze_mask", bounds.squeeze_mask});
  } else if (range.step == 1) {
    result = replace_by_concat(context, x, part, &range);
  } else {
    result = replace_by_scatter(context, x, part, &range);
  }
  return ppn_row_result(context, node, result);
}

static bool slice_scatter_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                    ppn_buffer_t* reason) {
  const ppn_tensor_meta_t* x = ppn_row_output(node, 0);
  if (!ppn_row_require_literal(node, reason, "dim", "step")) return false;
  if (!x || x->rank == 0) return ppn_row_refuse(reason, "a scalar cannot be sliced");
  range_t range = read_range(node, x);
  if (options->minimum_opset >= PPN_MIL_OPSET_IOS18) return true;
  if (is_symbolic(&range)) return ppn_row_refuse(reason, "computed bounds need iOS 18");
  if (!ppn_dim_is_static(x->sizes[range.axis])) {
    return ppn_row_refuse(reason, "an unknown size needs iOS 18");
  }
  if (range.step != 1 && ppn_row_output_dtype(node) == PPN_DTYPE_BOOL) {
    return ppn_row_refuse(reason, "booleans cannot be scattered");
  }
  return true;
}

enum { MOVES = PPN_LOWER_SMALL_INTEGERS };

static const ppn_lower_row_t rows[] = {
    {"aten::select.int", lower_slice, slice_supported, 0, MOVES},
    {"aten::select_copy.int", lower_slice, slice_supported, 0, MOVES},
    {"aten::slice.Tensor", lower_slice, slice_supported, 0, MOVES},
    {"aten::slice_copy.Tensor", lower_slice, slice_supported, 0, MOVES},
    {"aten::narrow", lower_slice, slice_supported, 0, MOVES},
    {"aten::narrow_copy", lower_slice, slice_supported, 0, MOVES},
    {"aten::slice_scatter", lower_slice_scatter, slice_scatter_supported, 0, MOVES},
    {"aten::select_scatter", lower_slice_scatter, slice_scatter_supported, 0, MOVES},
};

PPN_LOWER_DEFINE_FAMILY(slicing, "Slicing");
