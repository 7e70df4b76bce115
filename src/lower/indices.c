#include "lower/indices.h"

// Merges sizes by broadcasting; an unknown size wins over 1 and loses to a number.
static void merge_sizes(ppn_indices_t* out, const ppn_tensor_meta_t* meta) {
  if (meta->rank > out->broadcast_rank) {
    int shift = meta->rank - out->broadcast_rank;
    for (int i = meta->rank - 1; i >= 0; i--) {
      out->broadcast[i] = i >= shift ? out->broadcast[i - shift] : ppn_dim_static(1);
    }
    out->broadcast_rank = meta->rank;
  }
  for (int i = 0; i < meta->rank; i++) {
    ppn_dim_t* have = &out->broadcast[out->broadcast_rank - meta->rank + i];
    ppn_dim_t size = meta->sizes[i];
    if (ppn_dim_is(*have, 1) ||
        (!ppn_dim_is_static(*have) && ppn_dim_is_static(size) && !ppn_dim_is(size, 1))) {
      *have = size;
    }
  }
}

bool ppn_indices_read(const ppn_node_t* node, ppn_indices_t* out) {
  *out = (ppn_indices_t){0};
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  const ppn_argument_t* list = ppn_node_argument(node, "indices");
  if (!x || !list || list->kind != PPN_ARGUMENT_VALUES) return false;
  out->list = list;
  out->rank = x->rank;
  out->sizes = x->sizes;
  int axis = 0;
  for (uint32_t i = 0; i < list->count; i++) {
    const ppn_value_t* index = list->u.values[i];
    if (axis >= PPN_MAX_RANK) return false;
    if (!index) {
      axis++;
      continue;
    }
    if (index->tensor.dtype == PPN_DTYPE_BOOL || index->tensor.dtype == PPN_DTYPE_UINT8) {
      out->has_mask = true;
      axis += index->tensor.rank - 1;
    }
    out->at[out->count] = i;
    out->axes[out->count++] = axis++;
    merge_sizes(out, &index->tensor);
  }
  out->adjacent = out->count > 0 && out->axes[out->count - 1] - out->axes[0] == out->count - 1;
  return out->count > 0;
}

ppn_mil_value_t* ppn_indices_value(ppn_lower_context_t* context, const ppn_indices_t* indices,
                                   int i) {
  return ppn_row_list_item(context, indices->list, indices->at[i], PPN_DTYPE_INT32);
}

ppn_mil_value_t* ppn_indices_non_negative(ppn_lower_context_t* context, ppn_mil_value_t* indices,
                                          ppn_dim_t size) {
  if (context->status || !indices) return NULL;
  if (indices->constant && ppn_mil_constant_numel(indices->constant) <= 4096) {
    bool negative = false;
    int64_t numel = ppn_mil_constant_numel(indices->constant);
    for (int64_t i = 0; i < numel; i++) {
      negative |= ppn_mil_constant_element(indices->constant, i) < 0;
    }
    if (!negative) return indices;
  }
  ppn_mil_value_t* wrapped = ppn_row_binary(context, "add", indices, ppn_row_dim(context, size));
  ppn_mil_value_t* is_negative = ppn_row_binary(context, "less", indices, ppn_row_int(context, 0));
  return ppn_row_select(context, is_negative, wrapped, indices);
}

ppn_mil_value_t* ppn_indices_stack(ppn_lower_context_t* context, const ppn_indices_t* indices) {
  ppn_mil_value_t* parts[PPN_MAX_RANK];
  for (int i = 0; i < indices->count; i++) {
    ppn_mil_value_t* index = ppn_indices_value(context, indices, i);
    if (context->opset >= PPN_MIL_OPSET_IOS17) {
      index = ppn_indices_non_negative(context, index, indices->sizes[indices->axes[i]]);
    }
    parts[i] = ppn_row_broadcast(context, index, indices->broadcast, indices->broadcast_rank);
  }
  if (indices->count == 1) {
    const int64_t last = indices->broadcast_rank;
    return ppn_row_expand_dims(context, parts[0], &last, 1);
  }
  return ppn_row_stack(context, parts, (uint32_t)indices->count, indices->broadcast_rank);
}

void ppn_indices_permutation(const ppn_indices_t* indices, int64_t* out_permutation) {
  bool used[PPN_MAX_RANK] = {false};
  int next = 0;
  for (int i = 0; i < indices->count; i++) {
    out_permutation[next++] = indices->axes[i];
    used[indices->axes[i]] = true;
  }
  for (int i = 0; i < indices->rank; i++) {
    if (!used[i]) out_permutation[next++] = i;
  }
}
