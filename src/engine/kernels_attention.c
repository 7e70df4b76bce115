// scaled_dot_product_attention.
#include <math.h>

#include "engine/families.h"
#include "kernels/attention.h"

typedef struct attention_state {
  ppn_attention_t attention;
  const ppn_tensor_t *query, *key, *value, *mask;
} attention_state_t;

// The stride of a mask along a dimension of the scores; 0 where it broadcasts.
static int64_t mask_stride(const ppn_tensor_t* mask, int rank, int dimension) {
  int axis = dimension - rank + mask->rank;
  return axis < 0 || mask->sizes[axis] == 1 ? 0 : mask->strides[axis];
}

static ppn_status_t prepare(ppn_engine_node_t* node, ppn_arena_t* arena) {
  attention_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  const ppn_tensor_t *query = ppn_node_input(node, "query"), *key = ppn_node_input(node, "key"),
                     *value = ppn_node_input(node, "value"),
                     *mask = ppn_node_input(node, "attn_mask"), *out = &node->outputs[0];
  state->query = query, state->key = key, state->value = value, state->mask = mask;
  int rank = query->rank;
  ppn_attention_t* attention = &state->attention;
  attention->queries = query->sizes[rank - 2];
  attention->head_size = query->sizes[rank - 1];
  attention->keys = key->sizes[rank - 2];
  attention->value_size = value->sizes[rank - 1];
  if (key->sizes[rank - 1] != attention->head_size || value->sizes[rank - 2] != attention->keys) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED,
                         "query, key and value do not fit: %lld features against %lld, %lld keys "
                         "against %lld values",
                         (long long)attention->head_size, (long long)key->sizes[rank - 1],
                         (long long)attention->keys, (long long)value->sizes[rank - 2]);
  }
  attention->scale = attention->head_size > 0 ? 1 / sqrtf((float)attention->head_size) : 1;
  attention->q_row_stride = query->strides[rank - 2];
  attention->k_row_stride = key->strides[rank - 2];
  attention->v_row_stride = value->strides[rank - 2];
  attention->out_row_stride = out->strides[rank - 2];
  attention->batch_rank = rank - 2;
  if (mask) {
    attention->mask_dtype = mask->dtype;
    attention->mask_row_stride = mask_stride(mask, rank, rank - 2);
    attention->mask_column_stride = mask_stride(mask, rank, rank - 1);
  }
  for (int i = 0; i < rank - 2; ++i) {
    attention->batch_sizes[i] = query->sizes[i];
    attention->q_batch_strides[i] = query->strides[i];
    attention->k_batch_strides[i] = key->sizes[i] == 1 ? 0 : key->strides[i];
    attention->v_batch_strides[i] = value->sizes[i] == 1 ? 0 : value->strides[i];
    attention->out_batch_strides[i] = out->strides[i];
    if (mask) attention->mask_batch_strides[i] = mask_stride(mask, rank, i);
  }
  node->state = state;
  node->scratch_size =
      ppn_attention_scratch_size(attention, ppn_thread_pool_size(node->environment->pool));
  return ppn_status_ok();
}

static ppn_status_t run(ppn_engine_node_t* node) {
  attention_state_t* state = node->state;
  ppn_attention_t* attention = &state->attention;
  attention->q = state->query->data;
  attention->k = state->key->data;
  attention->v = state->value->data;
  attention->mask = state->mask ? state->mask->data : NULL;
  attention->out = node->outputs[0].data;
  ppn_attention_run(attention, node->scratch, node->environment->pool);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"scaled_dot_product_attention", 0, prepare, run, NULL},
};

const ppn_engine_family_t ppn_engine_attention = {kernels, PPN_COUNT_OF(kernels)};
