// Reading by index tensors.
#include <string.h>

#include "lower/families.h"
#include "lower/indices.h"
#include "lower/row.h"
#include "tensor/tensor.h"

// Core ML gathers numbers only.
static ppn_mil_value_t* gatherable(ppn_lower_context_t* context, ppn_mil_value_t* x) {
  return x && x->type.dtype == PPN_DTYPE_BOOL ? ppn_row_cast(context, x, PPN_DTYPE_INT32) : x;
}

static ppn_mil_value_t* gather(ppn_lower_context_t* context, ppn_mil_value_t* x,
                               ppn_mil_value_t* indices, int64_t axis) {
  return ppn_row_emit(context, "gather", {"x", gatherable(context, x)}, {"indices", indices},
                      {"axis", ppn_row_int(context, axis)});
}

static ppn_status_t lower_embedding(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* weight = ppn_row_tensor(context, node, "weight");
  ppn_mil_value_t* indices =
      ppn_row_operand(context, ppn_node_argument(node, "indices"), PPN_DTYPE_INT32);
  return ppn_row_result(context, node, gather(context, weight, indices, 0));
}

static ppn_status_t lower_index_select(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  ppn_mil_value_t* indices =
      ppn_row_operand(context, ppn_node_argument(node, "index"), PPN_DTYPE_INT32);
  if (context->status) return ppn_row_finish(context);
  bool is_scalar = x->type.rank == 0;
  x = ppn_row_raise_rank(context, x, 1);
  indices = ppn_row_raise_rank(context, indices, 1);
  int64_t axis = ppn_row_axis(node, "dim", 0, ppn_row_meta(node, "self")->rank);
  ppn_mil_value_t* result = gather(context, x, indices, axis);
  if (is_scalar) result = ppn_row_squeeze(context, result, (const int64_t[]){0}, 1);
  return ppn_row_result(context, node, result);
}

// Core ML wants equal sizes off the axis; torch lets the index be smaller.
static ppn_status_t lower_gather(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  ppn_mil_value_t* indices =
      ppn_row_operand(context, ppn_node_argument(node, "index"), PPN_DTYPE_INT32);
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", 0, x->type.rank);
  x = ppn_row_raise_rank(context, x, 1);
  bool is_scalar = indices->type.rank == 0;
  indices = ppn_row_raise_rank(context, indices, 1);
  for (int i = 0; !context->status && x && i < x->type.rank; i++) {
    ppn_dim_t have = x->type.sizes[i], want = indices->type.sizes[i];
    if (i != axis && !ppn_dim_equal(have, want)) x = ppn_row_slice(context, x, i, 0, want.value);
  }
  ppn_mil_value_t* result =
      ppn_row_emit(context, "gather_along_axis", {"x", gatherable(context, x)},
                   {"indices", indices}, {"axis", ppn_row_int(context, axis)});
  if (is_scalar) result = ppn_row_squeeze(context, result, (const int64_t[]){0}, 1);
  return ppn_row_result(context, node, result);
}

static bool gather_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t *x = ppn_row_meta(node, "self"), *index = ppn_row_meta(node, "index");
  if (!ppn_row_require_literal(node, reason, "dim")) return false;
  if (!x || !index || x->rank != index->rank) return ppn_row_refuse(reason, "different ranks");
  int64_t axis = ppn_row_axis(node, "dim", 0, x->rank);
  for (int i = 0; i < x->rank; i++) {
    if (i != axis && !ppn_dim_equal(x->sizes[i], index->sizes[i]) &&
        !ppn_dim_is_static(index->sizes[i])) {
      return ppn_row_refuse(reason, "index and data of unrelated sizes");
    }
  }
  return true;
}

// ---- x[i, :, j] ----

static ppn_mil_value_t* gather_many(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                    const ppn_indices_t* indices, int result_rank) {
  int64_t permutation[PPN_MAX_RANK], back[PPN_MAX_RANK];
  ppn_indices_permutation(indices, permutation);
  ppn_mil_value_t* coordinates = ppn_indices_stack(context, indices);
  ppn_mil_value_t* front = ppn_row_transpose(context, gatherable(context, x), permutation);
  ppn_mil_value_t* result =
      ppn_row_emit(context, "gather_nd", {"x", front}, {"indices", coordinates});
  // The gathered dimensions stand first; they belong where the first index was when all indices
  // were neighbours.
  int first = indices->adjacent ? indices->axes[0] : 0;
  for (int i = 0; i < result_rank; i++) {
    back[i] = i < first                             ? i + indices->broadcast_rank
              : i < first + indices->broadcast_rank ? i - first
                                                    : i;
  }
  return ppn_row_transpose(context, result, back);
}

static ppn_status_t lower_index(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  ppn_indices_t indices;
  ppn_indices_read(node, &indices);
  if (indices.count == 1) {
    ppn_mil_value_t* only = ppn_indices_value(context, &indices, 0);
    if (context->opset >= PPN_MIL_OPSET_IOS17) {
      only = ppn_indices_non_negative(context, only, indices.sizes[indices.axes[0]]);
    }
    return ppn_row_result(context, node, gather(context, x, only, indices.axes[0]));
  }
  // The indices' common sizes are found in the result.
  int first = indices.adjacent ? indices.axes[0] : 0;
  for (int i = 0; i < indices.broadcast_rank; i++) indices.broadcast[i] = meta->sizes[first + i];
  return ppn_row_result(context, node, gather_many(context, x, &indices, meta->rank));
}

static bool index_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t *x = ppn_row_meta(node, "self"), *meta = ppn_row_output(node, 0);
  ppn_indices_t indices;
  if (!x || !meta || !ppn_indices_read(node, &indices)) {
    return ppn_row_refuse(reason, "not indexed by tensors");
  }
  if (indices.has_mask) return ppn_row_refuse(reason, "a mask gives a result of unknown size");
  int first = indices.adjacent ? indices.axes[0] : 0;
  if (indices.count > 1 &&
      !ppn_row_sizes_known(node, meta->sizes + first, indices.broadcast_rank)) {
    return ppn_row_refuse(reason, "indices of unknown size");
  }
  return true;
}

enum { MOVES = PPN_LOWER_SMALL_INTEGERS };

static const ppn_lower_row_t rows[] = {
    {"aten::embedding", lower_embedding, NULL, 0, MOVES},
    {"aten::index_select", lower_index_select, NULL, 0, MOVES},
    {"aten::gather", lower_gather, gather_supported, 0, MOVES},
    {"aten::index.Tensor", lower_index, index_supported, 0, MOVES},
    {"aten::_unsafe_index.Tensor", lower_index, index_supported, 0, MOVES},
};

PPN_LOWER_DEFINE_FAMILY(indexing, "Indexing");
