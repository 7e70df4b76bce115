// Attention: softmax(scale * Q K^T + mask) V, in fp32, without ever holding all scores.
//
// Queries are taken in blocks and keys too; the softmax of a row is carried along as its maximum
// and its sum so far. One query alone (a decoder's step) reads K and V where they lie. Nothing here
// allocates; thread-safe.
#ifndef PPN_KERNELS_ATTENTION_H_
#define PPN_KERNELS_ATTENTION_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

typedef struct ppn_attention {
  int64_t queries, keys, head_size, value_size;
  float scale;
  bool is_causal;  // query i attends to keys 0 … i only
  const float* q;  // [queries, head_size]
  const float* k;  // [keys, head_size]
  const float* v;  // [keys, value_size]
  float* out;      // [queries, value_size]
  int64_t q_row_stride, k_row_stride, v_row_stride, out_row_stride;  // columns are contiguous
  // [queries, keys], or NULL: FLOAT32 is added to the scores, BOOL says which keys take part. A row
  // without any key gives zeros.
  const void* mask;
  ppn_dtype_t mask_dtype;
  int64_t mask_row_stride, mask_column_stride;  // in elements; 0 broadcasts
  // Batch (and heads): outermost first; strides in elements, 0 broadcasts.
  int batch_rank;
  int64_t batch_sizes[PPN_MAX_RANK];
  int64_t q_batch_strides[PPN_MAX_RANK], k_batch_strides[PPN_MAX_RANK],
      v_batch_strides[PPN_MAX_RANK], mask_batch_strides[PPN_MAX_RANK],
      out_batch_strides[PPN_MAX_RANK];
} ppn_attention_t;

// Bytes of scratch for up to `thread_count` threads; pointers may still be NULL.
size_t ppn_attention_scratch_size(const ppn_attention_t* attention, int thread_count);
// `scratch` is aligned to 64 bytes.
void ppn_attention_run(const ppn_attention_t* attention, void* scratch, ppn_thread_pool_t* pool);

// Plain C, for comparison: the same results up to rounding. False when memory is out.
bool ppn_attention_reference(const ppn_attention_t* attention);

#endif  // PPN_KERNELS_ATTENTION_H_
