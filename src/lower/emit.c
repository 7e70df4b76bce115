// Emission of MIL operations by rows.
#include "lower/compressed.h"
#include "tensor/tensor.h"

enum { MAX_INPUTS = 24 };

static uint32_t bind_inputs(const ppn_row_input_t* inputs, uint32_t count,
                            ppn_mil_input_t* out_inputs) {
  uint32_t used = 0;
  for (uint32_t i = 0; i < count && used < MAX_INPUTS; i++) {
    if (!inputs[i].value) continue;
    out_inputs[used].name = inputs[i].name;
    out_inputs[used].values = &inputs[i].value;
    out_inputs[used++].count = 1;
  }
  return used;
}

void ppn_row_emit_outputs(ppn_lower_context_t* context, const char* type,
                          const ppn_row_input_t* inputs, uint32_t input_count,
                          ppn_mil_value_t** out_values, uint32_t output_count) {
  for (uint32_t i = 0; i < output_count; i++) out_values[i] = NULL;
  if (context->status) return;
  ppn_mil_input_t bound[MAX_INPUTS];
  uint32_t used = bind_inputs(inputs, input_count, bound);
  ppn_row_check(context, ppn_mil_emit(&context->builder, type, bound, used, NULL, 0, out_values,
                                      output_count));
}

ppn_mil_value_t* ppn_row_emit_inputs(ppn_lower_context_t* context, const char* type,
                                     const ppn_row_input_t* inputs, uint32_t count) {
  ppn_mil_value_t* out = NULL;
  ppn_row_emit_outputs(context, type, inputs, count, &out, 1);
  return out;
}

ppn_mil_value_t* ppn_row_unary(ppn_lower_context_t* context, const char* type, ppn_mil_value_t* x) {
  return ppn_row_emit(context, type, {"x", x});
}

ppn_mil_value_t* ppn_row_binary(ppn_lower_context_t* context, const char* type, ppn_mil_value_t* x,
                                ppn_mil_value_t* y) {
  return ppn_row_emit(context, type, {"x", x}, {"y", y});
}

ppn_mil_value_t* ppn_row_binary_number(ppn_lower_context_t* context, const char* type,
                                       ppn_mil_value_t* x, double number) {
  if (context->status || !x) return NULL;
  return ppn_row_binary(context, type, x, ppn_row_number(context, x->type.dtype, number));
}

ppn_mil_value_t* ppn_row_select(ppn_lower_context_t* context, ppn_mil_value_t* condition,
                                ppn_mil_value_t* a, ppn_mil_value_t* b) {
  return ppn_row_emit(context, "select", {"cond", condition}, {"a", a}, {"b", b});
}

static ppn_mil_value_t* emit_tuple(ppn_lower_context_t* context, const char* type,
                                   ppn_mil_value_t* const* values, uint32_t count, int64_t axis) {
  ppn_mil_value_t* axis_value = ppn_row_int(context, axis);
  ppn_mil_value_t* interleave =
      type[0] == 'c' ? ppn_row_bool(context, false) : NULL;  // concat has it, stack has not
  ppn_mil_value_t* out = NULL;
  if (context->status) return NULL;
  ppn_mil_input_t inputs[] = {PPN_MIL_INS("values", values, count), PPN_MIL_IN("axis", axis_value),
                              PPN_MIL_IN("interleave", interleave)};
  ppn_row_check(
      context, ppn_mil_emit(&context->builder, type, inputs, interleave ? 3 : 2, NULL, 0, &out, 1));
  return out;
}

ppn_mil_value_t* ppn_row_concat(ppn_lower_context_t* context, ppn_mil_value_t* const* values,
                                uint32_t count, int64_t axis) {
  return emit_tuple(context, "concat", values, count, axis);
}

ppn_mil_value_t* ppn_row_stack(ppn_lower_context_t* context, ppn_mil_value_t* const* values,
                               uint32_t count, int64_t axis) {
  return emit_tuple(context, "stack", values, count, axis);
}

ppn_mil_value_t* ppn_row_reduce(ppn_lower_context_t* context, const char* type, ppn_mil_value_t* x,
                                const int64_t* axes, uint32_t count, bool keep_dims) {
  if (context->status || !x) return NULL;
  // A scalar is its own reduction; the operations want at least one axis.
  if (x->type.rank == 0) {
    ppn_mil_value_t* vector = ppn_row_expand_dims(context, x, (const int64_t[]){0}, 1);
    return ppn_row_reduce(context, type, vector, (const int64_t[]){0}, 1, false);
  }
  return ppn_row_emit(context, type, {"x", x}, {"axes", ppn_row_ints(context, axes, count)},
                      {"keep_dims", ppn_row_bool(context, keep_dims)});
}

ppn_mil_value_t* ppn_row_transpose(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                   const int64_t* permutation) {
  if (context->status || !x) return NULL;
  int rank = x->type.rank;
  bool identity = true;
  for (int i = 0; i < rank; i++) identity &= permutation[i] == i;
  if (identity) return x;
  if (ppn_row_is_viewable(x)) {
    int64_t sizes[PPN_MAX_RANK], strides[PPN_MAX_RANK];
    for (int i = 0; i < rank; i++) {
      sizes[i] = x->constant->view.sizes[permutation[i]];
      strides[i] = x->constant->view.strides[permutation[i]];
    }
    return ppn_row_restride(context, x, rank, sizes, strides, 0);
  }
  if (ppn_row_can_transpose(x)) return ppn_row_transpose_compressed(context, x, permutation);
  return ppn_row_emit(context, "transpose", {"x", x},
                      {"perm", ppn_row_ints(context, permutation, (uint32_t)rank)});
}

ppn_mil_value_t* ppn_row_swap_axes(ppn_lower_context_t* context, ppn_mil_value_t* x, int64_t a,
                                   int64_t b) {
  if (context->status || !x) return NULL;
  int64_t permutation[PPN_MAX_RANK];
  int rank = x->type.rank;
  for (int i = 0; i < rank; i++) permutation[i] = i;
  permutation[a < 0 ? a + rank : a] = b < 0 ? b + rank : b;
  permutation[b < 0 ? b + rank : b] = a < 0 ? a + rank : a;
  return ppn_row_transpose(context, x, permutation);
}

ppn_mil_value_t* ppn_row_expand_dims(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                     const int64_t* axes, uint32_t count) {
  if (context->status || !x || count == 0) return x;
  int rank = x->type.rank + (int)count;
  if (ppn_row_is_viewable(x)) {
    int64_t sizes[PPN_MAX_RANK], strides[PPN_MAX_RANK];
    bool inserted[PPN_MAX_RANK] = {false};
    for (uint32_t i = 0; i < count; i++) inserted[axes[i] < 0 ? axes[i] + rank : axes[i]] = true;
    for (int i = 0, from = 0; i < rank; i++) {
      sizes[i] = inserted[i] ? 1 : x->constant->view.sizes[from];
      strides[i] = inserted[i] ? 1 : x->constant->view.strides[from];
      if (!inserted[i]) from++;
    }
    return ppn_row_restride(context, x, rank, sizes, strides, 0);
  }
  return ppn_row_emit(context, "expand_dims", {"x", x},
                      {"axes", ppn_row_ints(context, axes, count)});
}

ppn_mil_value_t* ppn_row_squeeze(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                 const int64_t* axes, uint32_t count) {
  if (context->status || !x || count == 0) return x;
  if (ppn_row_is_viewable(x)) {
    int64_t sizes[PPN_MAX_RANK], strides[PPN_MAX_RANK];
    bool dropped[PPN_MAX_RANK] = {false};
    int rank = x->type.rank, used = 0;
    for (uint32_t i = 0; i < count; i++) dropped[axes[i] < 0 ? axes[i] + rank : axes[i]] = true;
    for (int i = 0; i < rank; i++) {
      if (dropped[i]) continue;
      sizes[used] = x->constant->view.sizes[i];
      strides[used++] = x->constant->view.strides[i];
    }
    return ppn_row_restride(context, x, used, sizes, strides, 0);
  }
  return ppn_row_emit(context, "squeeze", {"x", x}, {"axes", ppn_row_ints(context, axes, count)});
}

ppn_mil_value_t* ppn_row_raise_rank(ppn_lower_context_t* context, ppn_mil_value_t* x, int rank) {
  int64_t axes[PPN_MAX_RANK];
  if (context->status || !x || x->type.rank >= rank) return x;
  uint32_t count = (uint32_t)(rank - x->type.rank);
  for (uint32_t i = 0; i < count; i++) axes[i] = i;
  return ppn_row_expand_dims(context, x, axes, count);
}

ppn_mil_value_t* ppn_row_slice(ppn_lower_context_t* context, ppn_mil_value_t* x, int64_t axis,
                               int64_t begin, int64_t end) {
  if (context->status || !x) return NULL;
  int64_t begins[PPN_MAX_RANK] = {0}, ends[PPN_MAX_RANK] = {0};
  bool begin_masks[PPN_MAX_RANK], end_masks[PPN_MAX_RANK];
  uint32_t rank = (uint32_t)x->type.rank;
  for (uint32_t i = 0; i < rank; i++) begin_masks[i] = end_masks[i] = true;
  begins[axis] = begin;
  ends[axis] = end;
  begin_masks[axis] = end_masks[axis] = false;
  return ppn_row_emit(context, "slice_by_index", {"x", x},
                      {"begin", ppn_row_ints(context, begins, rank)},
                      {"end", ppn_row_ints(context, ends, rank)},
                      {"begin_mask", ppn_row_bools(context, begin_masks, rank)},
                      {"end_mask", ppn_row_bools(context, end_masks, rank)});
}
