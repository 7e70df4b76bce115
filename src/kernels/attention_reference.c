// Attention by its definition.
#include <math.h>
#include <stdlib.h>

#include "kernels/attention_internal.h"

int64_t ppn_attention_item_count(const ppn_attention_t* attention) {
  int64_t count = 1;
  for (int i = 0; i < attention->batch_rank; ++i) count *= attention->batch_sizes[i];
  return count;
}

ppn_attention_offsets_t ppn_attention_item(const ppn_attention_t* attention, int64_t item) {
  ppn_attention_offsets_t offsets = {0, 0, 0, 0, 0};
  for (int i = attention->batch_rank; i-- > 0;) {
    int64_t index = item % attention->batch_sizes[i];
    item /= attention->batch_sizes[i];
    offsets.q += index * attention->q_batch_strides[i];
    offsets.k += index * attention->k_batch_strides[i];
    offsets.v += index * attention->v_batch_strides[i];
    offsets.mask += index * attention->mask_batch_strides[i];
    offsets.out += index * attention->out_batch_strides[i];
  }
  return offsets;
}

void ppn_attention_mask_row(const ppn_attention_t* attention, int64_t mask, int64_t query,
                            int64_t key, int64_t count, float* scores) {
  if (!attention->mask) return;
  int64_t stride = attention->mask_column_stride;
  mask += query * attention->mask_row_stride + key * stride;
  if (attention->mask_dtype == PPN_DTYPE_BOOL) {
    const uint8_t* allowed = (const uint8_t*)attention->mask + mask;
    for (int64_t i = 0; i < count; ++i) scores[i] = allowed[i * stride] ? scores[i] : -INFINITY;
    return;
  }
  const float* bias = (const float*)attention->mask + mask;
  if (stride == 1) {
    for (int64_t i = 0; i < count; ++i) scores[i] += bias[i];
  } else {
    for (int64_t i = 0; i < count; ++i) scores[i] += bias[i * stride];
  }
}

static void reference_row(const ppn_attention_t* attention, const ppn_attention_offsets_t* at,
                          int64_t query, float* scores) {
  const float* q = attention->q + at->q + query * attention->q_row_stride;
  int64_t keys = attention->is_causal && query + 1 < attention->keys ? query + 1 : attention->keys;
  for (int64_t j = 0; j < keys; ++j) {
    const float* k = attention->k + at->k + j * attention->k_row_stride;
    double sum = 0;
    for (int64_t e = 0; e < attention->head_size; ++e) sum += (double)q[e] * k[e];
    scores[j] = (float)(sum * attention->scale);
  }
  ppn_attention_mask_row(attention, at->mask, query, 0, keys, scores);
  double largest = -INFINITY, total = 0;
  for (int64_t j = 0; j < keys; ++j) largest = scores[j] > largest ? scores[j] : largest;
  for (int64_t j = 0; j < keys && largest > -INFINITY; ++j) total += exp(scores[j] - largest);
  for (int64_t e = 0; e < attention->value_size; ++e) {
    double sum = 0;
    for (int64_t j = 0; j < keys && total > 0; ++j) {
      sum += exp(scores[j] - largest) / total *
             (double)attention->v[at->v + j * attention->v_row_stride + e];
    }
    attention->out[at->out + query * attention->out_row_stride + e] = (float)sum;
  }
}

bool ppn_attention_reference(const ppn_attention_t* attention) {
  float* scores = malloc((size_t)(attention->keys + 1) * sizeof(float));
  if (!scores) return false;
  int64_t items = ppn_attention_item_count(attention);
  for (int64_t item = 0; item < items; ++item) {
    ppn_attention_offsets_t at = ppn_attention_item(attention, item);
    for (int64_t i = 0; i < attention->queries; ++i) reference_row(attention, &at, i, scores);
  }
  free(scores);
  return true;
}
