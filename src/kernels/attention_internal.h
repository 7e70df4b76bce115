// What the files of attention share.
#ifndef PPN_KERNELS_ATTENTION_INTERNAL_H_
#define PPN_KERNELS_ATTENTION_INTERNAL_H_

#include "kernels/attention.h"

typedef struct ppn_attention_kernels {
  // The largest of a row's scores; -infinity when there are none.
  float (*maximum)(const float* scores, int64_t count);
  // scores[i] = exp(scores[i] - shift); their sum.
  float (*exponentials)(float* scores, int64_t count, float shift);
  void (*scale)(float* values, int64_t count, float factor);
} ppn_attention_kernels_t;
extern const ppn_attention_kernels_t ppn_attention_kernels_generic, ppn_attention_kernels_avx2,
    ppn_attention_kernels_avx512;

// Where the operands of one batch item start, in elements.
typedef struct ppn_attention_offsets {
  int64_t q, k, v, mask, out;
} ppn_attention_offsets_t;

ppn_attention_offsets_t ppn_attention_item(const ppn_attention_t* attention, int64_t item);
int64_t ppn_attention_item_count(const ppn_attention_t* attention);
// Applies the mask of query `query` (mask of the item at element `mask`) to its scores of keys
// [key, key + count).
void ppn_attention_mask_row(const ppn_attention_t* attention, int64_t mask, int64_t query,
                            int64_t key, int64_t count, float* scores);

#endif  // PPN_KERNELS_ATTENTION_INTERNAL_H_
