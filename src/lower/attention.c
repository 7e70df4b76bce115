// Scaled dot-product attention: Core ML's own operation from iOS 18, its parts before.
#include <math.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

// Added to scores that must not count. Finite, and within the range of half floats: an infinite one
// turns fully masked rows into NaN.
static const double masked_score = -3e4;

typedef struct attention {
  ppn_mil_value_t *query, *key, *value, *mask;
  ppn_dtype_t dtype;
  bool is_causal;
  int64_t width;  // E, the length of a query
  double scale;
  ppn_dim_t lengths[2];  // L queries, S keys
} attention_t;

// Key and value heads shared by groups of query heads: each repeated for its group.
static ppn_mil_value_t* repeat_heads(ppn_lower_context_t* context, const ppn_tensor_meta_t* query,
                                     const ppn_tensor_meta_t* meta, ppn_mil_value_t* x) {
  int rank = meta->rank;
  int64_t heads = query->sizes[rank - 3].value, own = meta->sizes[rank - 3].value;
  if (heads == own || context->status) return x;
  int64_t axis = rank - 2;
  ppn_mil_value_t* spread = ppn_row_expand_dims(context, x, &axis, 1);
  int64_t repeats[PPN_MAX_RANK];
  ppn_dim_t sizes[PPN_MAX_RANK];
  for (int i = 0; i <= rank; i++) repeats[i] = i == axis ? heads / own : 1;
  for (int i = 0; i < rank; i++) sizes[i] = meta->sizes[i];
  sizes[rank - 3] = ppn_dim_static(heads);
  ppn_mil_value_t* tiled = ppn_row_emit(
      context, "tile", {"x", spread}, {"reps", ppn_row_ints(context, repeats, (uint32_t)rank + 1)});
  return ppn_row_reshape(context, tiled, sizes, rank);
}

// Core ML's operation takes equal batch dimensions and a mask as wide as the keys.
static bool can_fuse(const ppn_lower_context_t* context, const attention_t* attention) {
  const ppn_mil_type_t *query = &attention->query->type, *key = &attention->key->type,
                       *value = &attention->value->type;
  if (context->opset < PPN_MIL_OPSET_IOS18 || query->rank < 3) return false;
  for (int i = 0; i < query->rank - 2; i++) {
    if (!ppn_dim_equal(query->sizes[i], key->sizes[i]) ||
        !ppn_dim_equal(query->sizes[i], value->sizes[i])) {
      return false;
    }
  }
  const ppn_mil_value_t* mask = attention->mask;
  return !mask || (mask->type.rank > 0 &&
                   ppn_dim_equal(mask->type.sizes[mask->type.rank - 1], key->sizes[key->rank - 2]));
}

static ppn_mil_value_t* lower_triangle(ppn_lower_context_t* context, ppn_mil_value_t* x) {
  return ppn_row_emit(context, "band_part", {"x", x}, {"lower", ppn_row_int(context, -1)},
                      {"upper", ppn_row_int(context, 0)});
}

static ppn_mil_value_t* fill_scores(ppn_lower_context_t* context, const attention_t* attention,
                                    ppn_mil_value_t* value) {
  return ppn_row_emit(context, "fill", {"shape", ppn_row_sizes(context, attention->lengths, 2)},
                      {"value", value});
}

static ppn_mil_value_t* fused(ppn_lower_context_t* context, const attention_t* attention) {
  // The operation divides by sqrt(E) itself.
  double factor = attention->scale * sqrt((double)attention->width);
  ppn_mil_value_t* query = attention->query;
  if (fabs(factor - 1) > 1e-6) query = ppn_row_binary_number(context, "mul", query, factor);
  ppn_mil_value_t* mask = attention->mask;
  if (attention->is_causal) {
    mask = lower_triangle(context, fill_scores(context, attention, ppn_row_bool(context, true)));
  }
  return ppn_row_emit(context, "scaled_dot_product_attention", {"query", query},
                      {"key", attention->key}, {"value", attention->value}, {"attn_mask", mask});
}

// What is added to the scores, or NULL.
static ppn_mil_value_t* additive_mask(ppn_lower_context_t* context, const attention_t* attention) {
  if (attention->is_causal) {
    ppn_mil_value_t* all =
        fill_scores(context, attention, ppn_row_number(context, attention->dtype, masked_score));
    return ppn_row_binary(context, "sub", all, lower_triangle(context, all));
  }
  ppn_mil_value_t* mask = attention->mask;
  if (!mask || mask->type.dtype != PPN_DTYPE_BOOL) return mask;
  ppn_mil_value_t* allowed = ppn_row_cast(context, mask, attention->dtype);
  ppn_mil_value_t* forbidden =
      ppn_row_binary(context, "sub", ppn_row_number(context, attention->dtype, 1), allowed);
  return ppn_row_binary_number(context, "mul", forbidden, masked_score);
}

static ppn_mil_value_t* decomposed(ppn_lower_context_t* context, const attention_t* attention) {
  ppn_mil_value_t* query =
      ppn_row_binary_number(context, "mul", attention->query, attention->scale);
  ppn_mil_value_t* scores = ppn_row_emit(context, "matmul", {"x", query}, {"y", attention->key},
                                         {"transpose_x", ppn_row_bool(context, false)},
                                         {"transpose_y", ppn_row_bool(context, true)});
  ppn_mil_value_t* mask = additive_mask(context, attention);
  if (mask) scores = ppn_row_binary(context, "add", scores, mask);
  ppn_mil_value_t* weights =
      ppn_row_emit(context, "softmax", {"x", scores}, {"axis", ppn_row_int(context, -1)});
  return ppn_row_emit(context, "matmul", {"x", weights}, {"y", attention->value},
                      {"transpose_x", ppn_row_bool(context, false)},
                      {"transpose_y", ppn_row_bool(context, false)});
}

static ppn_status_t lower_attention(ppn_lower_context_t* context, const ppn_node_t* node) {
  attention_t attention = {.dtype = ppn_row_output_dtype(node)};
  const ppn_tensor_meta_t* query = ppn_row_meta(node, "query");
  const ppn_tensor_meta_t* key = ppn_row_meta(node, "key");
  const ppn_tensor_meta_t* value = ppn_row_meta(node, "value");
  attention.query = ppn_row_operand(context, ppn_node_argument(node, "query"), attention.dtype);
  attention.key = ppn_row_operand(context, ppn_node_argument(node, "key"), attention.dtype);
  attention.value = ppn_row_operand(context, ppn_node_argument(node, "value"), attention.dtype);
  attention.mask = ppn_row_tensor(context, node, "attn_mask");
  if (attention.mask && attention.mask->type.dtype != PPN_DTYPE_BOOL) {
    attention.mask = ppn_row_cast(context, attention.mask, attention.dtype);
  }
  attention.is_causal = ppn_row_literal_bool(node, "is_causal", false);
  attention.width = query->sizes[query->rank - 1].value;
  attention.scale = ppn_row_literal_number(node, "scale", 1 / sqrt((double)attention.width));
  attention.lengths[0] = query->sizes[query->rank - 2];
  attention.lengths[1] = key->sizes[key->rank - 2];
  if (ppn_row_literal_bool(node, "enable_gqa", false)) {
    attention.key = repeat_heads(context, query, key, attention.key);
    attention.value = repeat_heads(context, query, value, attention.value);
  }
  if (context->status) return ppn_row_finish(context);
  ppn_row_bind(
      context, node, 0,
      can_fuse(context, &attention) ? fused(context, &attention) : decomposed(context, &attention));
  return ppn_row_finish(context);
}

static bool attention_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* query = ppn_row_meta(node, "query");
  const ppn_tensor_meta_t* key = ppn_row_meta(node, "key");
  const ppn_tensor_meta_t* value = ppn_row_meta(node, "value");
  if (!ppn_row_require_literal(node, reason, "dropout_p", "is_causal", "scale", "enable_gqa")) {
    return false;
  }
  if (ppn_row_literal_number(node, "dropout_p", 0) != 0) {
    return ppn_row_refuse(reason, "attention with dropout");
  }
  if (!query || !key || !value || query->rank < 2 || key->rank != query->rank ||
      value->rank != query->rank) {
    return ppn_row_refuse(reason, "query, key and value of different ranks");
  }
  if (!ppn_dim_is_static(query->sizes[query->rank - 1])) {
    return ppn_row_refuse(reason, "queries of unknown length");
  }
  if (ppn_row_literal_bool(node, "is_causal", false) && ppn_row_given(node, "attn_mask")) {
    return ppn_row_refuse(reason, "a causal mask beside a mask of its own");
  }
  if (ppn_row_literal_bool(node, "enable_gqa", false)) {
    int rank = query->rank;
    if (rank < 3 || rank > 4 || !ppn_dim_is_static(query->sizes[rank - 3]) ||
        !ppn_dim_is_static(key->sizes[rank - 3]) || !ppn_dim_is_static(value->sizes[rank - 3])) {
      return ppn_row_refuse(reason, "grouped heads of unknown number");
    }
  }
  return true;
}

static const ppn_lower_row_t rows[] = {
    {"aten::scaled_dot_product_attention", lower_attention, attention_supported, 0, 0},
    {"aten::_scaled_dot_product_flash_attention_for_cpu", lower_attention, attention_supported, 0,
     PPN_LOWER_FIRST_RESULT},
};

PPN_LOWER_DEFINE_FAMILY(attention, "Attention");
