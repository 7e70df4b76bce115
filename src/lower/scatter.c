// Writing by index tensors.
#include <string.h>

#include "lower/families.h"
#include "lower/indices.h"
#include "lower/row.h"
#include "tensor/tensor.h"

// Core ML scatters numbers only.
static ppn_dtype_t scatter_dtype(const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  return dtype == PPN_DTYPE_BOOL ? PPN_DTYPE_INT32 : dtype;
}

// ---- x[i, :, j] = values ----

static bool is_scalar_mask(const ppn_node_t* node, const ppn_indices_t* indices) {
  const ppn_tensor_meta_t *x = ppn_row_meta(node, "self"), *values = ppn_row_meta(node, "values");
  const ppn_value_t* mask = indices->list->u.values[indices->at[0]];
  if (indices->count != 1 || mask->tensor.dtype != PPN_DTYPE_BOOL || indices->list->count != 1 ||
      !values) {
    return false;
  }
  for (int i = 0; i < values->rank; i++) {
    if (!ppn_dim_is(values->sizes[i], 1)) return false;
  }
  return mask->tensor.rank == x->rank && !ppn_row_literal_bool(node, "accumulate", false);
}

// x[mask] = number
static ppn_status_t put_by_mask(ppn_lower_context_t* context, const ppn_node_t* node,
                                const ppn_indices_t* indices) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_node_argument(node, "self"), dtype);
  ppn_mil_value_t* mask = ppn_row_list_item(context, indices->list, 0, PPN_DTYPE_BOOL);
  ppn_mil_value_t* value = ppn_row_operand(context, ppn_node_argument(node, "values"), dtype);
  if (value && value->type.rank > 0) value = ppn_row_reshape_static(context, value, NULL, 0);
  return ppn_row_result(context, node, ppn_row_select(context, mask, value, x));
}

// The sizes of what is written, in the layout with the indexed axes first: the indices' sizes, then
// the untouched dimensions.
static int update_sizes(const ppn_indices_t* indices, const ppn_tensor_meta_t* x,
                        const int64_t* permutation, ppn_dim_t* out) {
  int rank = 0;
  for (int i = 0; i < indices->broadcast_rank; i++) out[rank++] = indices->broadcast[i];
  for (int i = indices->count; i < x->rank; i++) out[rank++] = x->sizes[permutation[i]];
  return rank;
}

static ppn_mil_value_t* put_many(ppn_lower_context_t* context, const ppn_node_t* node,
                                 ppn_indices_t* indices, ppn_mil_value_t* x,
                                 ppn_mil_value_t* values, const char* mode) {
  const ppn_tensor_meta_t* meta = ppn_row_meta(node, "self");
  int64_t permutation[PPN_MAX_RANK], back[PPN_MAX_RANK];
  ppn_dim_t sizes[PPN_MAX_RANK], torch_sizes[PPN_MAX_RANK];
  ppn_indices_permutation(indices, permutation);
  for (int i = 0; i < meta->rank; i++) back[permutation[i]] = i;
  int rank = update_sizes(indices, meta, permutation, sizes);
  // torch puts the indexed dimensions where the first index was when the indices are neighbours:
  // values broadcast there, and then their dimensions move to the front.
  int first = indices->adjacent ? indices->axes[0] : 0;
  int64_t to_front[PPN_MAX_RANK];
  for (int i = 0; i < rank; i++) {
    int from = i < indices->broadcast_rank           ? first + i
               : i < indices->broadcast_rank + first ? i - indices->broadcast_rank
                                                     : i;
    to_front[i] = from;
    torch_sizes[from] = sizes[i];
  }
  values = ppn_row_broadcast(context, values, torch_sizes, rank);
  values = ppn_row_transpose(context, values, to_front);
  ppn_mil_value_t* parts[PPN_MAX_RANK];
  for (int i = 0; i < indices->count; i++) {
    ppn_mil_value_t* index = ppn_indices_non_negative(
        context, ppn_indices_value(context, indices, i), meta->sizes[indices->axes[i]]);
    parts[i] = ppn_row_broadcast(context, index, indices->broadcast, indices->broadcast_rank);
  }
  ppn_mil_value_t* coordinates =
      ppn_row_stack(context, parts, (uint32_t)indices->count, indices->broadcast_rank);
  ppn_mil_value_t* result = ppn_row_emit(
      context, "scatter_nd", {"data", ppn_row_transpose(context, x, permutation)},
      {"indices", coordinates}, {"updates", values}, {"mode", ppn_row_text(context, mode)});
  return ppn_row_transpose(context, result, back);
}

static ppn_status_t lower_index_put(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_tensor_meta_t* meta = ppn_row_meta(node, "self");
  ppn_indices_t indices;
  ppn_indices_read(node, &indices);
  if (is_scalar_mask(node, &indices)) return put_by_mask(context, node, &indices);
  ppn_dtype_t dtype = scatter_dtype(node);
  const char* mode = ppn_row_literal_bool(node, "accumulate", false) ? "add" : "update";
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_node_argument(node, "self"), dtype);
  ppn_mil_value_t* values = ppn_row_operand(context, ppn_node_argument(node, "values"), dtype);
  if (context->status) return ppn_row_finish(context);
  if (indices.count != 1 || indices.broadcast_rank != 1) {
    return ppn_row_result(context, node, put_many(context, node, &indices, x, values, mode));
  }
  // One vector of indices: whole slices along one axis.
  ppn_dim_t sizes[PPN_MAX_RANK];
  int axis = indices.axes[0];
  for (int i = 0; i < meta->rank; i++) sizes[i] = i == axis ? indices.broadcast[0] : meta->sizes[i];
  values = ppn_row_broadcast(context, values, sizes, meta->rank);
  ppn_mil_value_t* list =
      ppn_indices_non_negative(context, ppn_indices_value(context, &indices, 0), meta->sizes[axis]);
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "scatter", {"data", x}, {"indices", list}, {"updates", values},
                   {"axis", ppn_row_int(context, axis)}, {"mode", ppn_row_text(context, mode)}));
}

static bool index_put_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* meta = ppn_row_meta(node, "self");
  ppn_indices_t indices;
  if (!meta || !ppn_indices_read(node, &indices)) {
    return ppn_row_refuse(reason, "not indexed by tensors");
  }
  if (is_scalar_mask(node, &indices)) return true;
  if (indices.has_mask)
    return ppn_row_refuse(reason, "a mask selects an unknown number of elements");
  if (indices.broadcast_rank == 0) return ppn_row_refuse(reason, "a scalar index tensor");
  if (indices.broadcast_rank + meta->rank - indices.count > 5) {
    return ppn_row_refuse(reason, "an intermediate of rank 6");
  }
  if (!ppn_row_sizes_known(node, indices.broadcast, indices.broadcast_rank) ||
      !ppn_row_sizes_known(node, meta->sizes, meta->rank)) {
    return ppn_row_refuse(reason, "sizes that cannot be read from the operands");
  }
  return true;
}

// ---- Along an axis ----

static const char* scatter_mode(const ppn_node_t* node) {
  const char* reduce = ppn_row_literal_text(node, "reduce", NULL);
  if (strstr(node->target, "scatter_add") || strstr(node->target, "index_add")) return "add";
  if (!reduce) return "update";
  if (strcmp(reduce, "add") == 0 || strcmp(reduce, "sum") == 0) return "add";
  if (strcmp(reduce, "multiply") == 0 || strcmp(reduce, "prod") == 0) return "mul";
  if (strcmp(reduce, "amax") == 0) return "max";
  return strcmp(reduce, "amin") == 0 ? "min" : NULL;
}

static ppn_status_t lower_scatter(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = scatter_dtype(node);
  const ppn_tensor_meta_t* index_meta = ppn_row_meta(node, "index");
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_node_argument(node, "self"), dtype);
  ppn_mil_value_t* indices =
      ppn_row_operand(context, ppn_node_argument(node, "index"), PPN_DTYPE_INT32);
  bool is_value = ppn_node_argument(node, "value") != NULL;
  ppn_mil_value_t* updates =
      ppn_row_operand(context, ppn_node_argument(node, is_value ? "value" : "src"), dtype);
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", 0, x->type.rank);
  if (is_value) {
    updates = ppn_row_broadcast(context, updates, index_meta->sizes, index_meta->rank);
  }
  for (int i = 0; !context->status && updates && i < index_meta->rank; i++) {
    ppn_dim_t want = index_meta->sizes[i];
    if (!ppn_dim_equal(updates->type.sizes[i], want)) {
      updates = ppn_row_slice(context, updates, i, 0, want.value);
    }
  }
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "scatter_along_axis", {"data", x}, {"indices", indices},
                   {"updates", updates}, {"axis", ppn_row_int(context, axis)},
                   {"mode", ppn_row_text(context, scatter_mode(node))}));
}

static bool scatter_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                              ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t *x = ppn_row_meta(node, "self"), *index = ppn_row_meta(node, "index"),
                          *source = ppn_row_meta(node, "src");
  if (!ppn_row_require_literal(node, reason, "dim", "reduce", "include_self")) return false;
  if (!scatter_mode(node)) return ppn_row_refuse(reason, "a reduction that Core ML does not have");
  if (!ppn_row_literal_bool(node, "include_self", true)) {
    return ppn_row_refuse(reason, "include_self=False");
  }
  if (!x || !index || x->rank == 0 || x->rank != index->rank) {
    return ppn_row_refuse(reason, "index and data of different ranks");
  }
  int64_t axis = ppn_row_axis(node, "dim", 0, x->rank);
  for (int i = 0; i < x->rank; i++) {
    if (i != axis && !ppn_dim_equal(x->sizes[i], index->sizes[i])) {
      return ppn_row_refuse(reason, "index smaller than the data in dimension %d", i);
    }
    if (source && !ppn_dim_equal(source->sizes[i], index->sizes[i]) &&
        !ppn_dim_is_static(index->sizes[i])) {
      return ppn_row_refuse(reason, "index and source of unrelated sizes");
    }
  }
  return ppn_row_sizes_known(node, index->sizes, index->rank);
}

// Whole slices: index_copy, index_add, index_fill.
static ppn_status_t lower_index_slices(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = scatter_dtype(node);
  const ppn_tensor_meta_t *meta = ppn_row_meta(node, "self"), *index = ppn_row_meta(node, "index");
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_node_argument(node, "self"), dtype);
  ppn_mil_value_t* indices =
      ppn_row_operand(context, ppn_node_argument(node, "index"), PPN_DTYPE_INT32);
  bool is_value = ppn_node_argument(node, "value") != NULL;
  ppn_mil_value_t* updates =
      ppn_row_operand(context, ppn_node_argument(node, is_value ? "value" : "source"), dtype);
  int64_t axis = ppn_row_axis(node, "dim", 0, meta->rank);
  double alpha = ppn_row_literal_number(node, "alpha", 1);
  if (alpha != 1) updates = ppn_row_binary_number(context, "mul", updates, alpha);
  if (is_value) {
    ppn_dim_t sizes[PPN_MAX_RANK];
    for (int i = 0; i < meta->rank; i++) sizes[i] = i == axis ? index->sizes[0] : meta->sizes[i];
    updates = ppn_row_broadcast(context, updates, sizes, meta->rank);
  }
  indices = ppn_indices_non_negative(context, indices, meta->sizes[axis]);
  return ppn_row_result(context, node,
                        ppn_row_emit(context, "scatter", {"data", x}, {"indices", indices},
                                     {"updates", updates}, {"axis", ppn_row_int(context, axis)},
                                     {"mode", ppn_row_text(context, scatter_mode(node))}));
}

static bool index_slices_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                   ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t *x = ppn_row_meta(node, "self"), *index = ppn_row_meta(node, "index");
  if (!ppn_row_require_literal(node, reason, "dim", "alpha")) return false;
  if (!x || !index || x->rank == 0 || index->rank != 1) {
    return ppn_row_refuse(reason, "the index is not a vector");
  }
  return ppn_row_sizes_known(node, x->sizes, x->rank) && ppn_row_sizes_known(node, index->sizes, 1);
}

enum { MOVES = PPN_LOWER_SMALL_INTEGERS };

static const ppn_lower_row_t rows[] = {
    {"aten::index_put", lower_index_put, index_put_supported, 0, 0},
    {"aten::_unsafe_index_put", lower_index_put, index_put_supported, 0, 0},
    {"aten::scatter.src", lower_scatter, scatter_supported, 0, MOVES},
    {"aten::scatter.value", lower_scatter, scatter_supported, 0, MOVES},
    {"aten::scatter.reduce", lower_scatter, scatter_supported, 0, 0},
    {"aten::scatter.value_reduce", lower_scatter, scatter_supported, 0, 0},
    {"aten::scatter_add", lower_scatter, scatter_supported, 0, 0},
    {"aten::scatter_reduce.two", lower_scatter, scatter_supported, 0, 0},
    {"aten::index_copy", lower_index_slices, index_slices_supported, 0, MOVES},
    {"aten::index_add", lower_index_slices, index_slices_supported, 0, 0},
    {"aten::index_fill.int_Scalar", lower_index_slices, index_slices_supported, 0, MOVES},
    {"aten::index_fill.int_Tensor", lower_index_slices, index_slices_supported, 0, MOVES},
};

PPN_LOWER_DEFINE_FAMILY(scatter, "Writing by index");
