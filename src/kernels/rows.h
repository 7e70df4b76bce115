// Rows of elements, presented to kernels in one of a few types whatever the tensor's dtype is.
//
// The types are FLOAT32, FLOAT64, INT64 (the compute types of kernels/elementwise.h) and BOOL (a
// byte, 0 or 1).
#ifndef PPN_KERNELS_ROWS_H_
#define PPN_KERNELS_ROWS_H_

#include "tensor/dtype.h"

// Elements that a chunk of work has at most; sizes the buffers of kernels, which lie on the stack.
#define PPN_ROW_CHUNK 1024

typedef union ppn_row_buffer {
  float float32[PPN_ROW_CHUNK];
  double float64[PPN_ROW_CHUNK];
  int64_t int64[PPN_ROW_CHUNK];
  uint8_t boolean[PPN_ROW_CHUNK];
} ppn_row_buffer_t;

// `count` elements of `dtype`, `stride` elements apart (0: one element, repeated), converted to
// `type` into `buffer`. Integers wrap, floats to INT64 are truncated, anything to BOOL is "not 0".
void ppn_row_load(ppn_dtype_t dtype, const void* data, int64_t stride, int64_t count,
                  ppn_dtype_t type, void* buffer);
// The same, but a row that already is what is asked for stays where it is: the result is `data` or
// `buffer`.
const void* ppn_row_view(ppn_dtype_t dtype, const void* data, int64_t stride, int64_t count,
                         ppn_dtype_t type, void* buffer);
// The other way: floats are rounded to the nearest (to integers: truncated).
void ppn_row_store(ppn_dtype_t dtype, void* data, int64_t stride, int64_t count, ppn_dtype_t type,
                   const void* values);

// `data` moved by `offset` elements.
static inline const void* ppn_row_at(ppn_dtype_t dtype, const void* data, int64_t offset) {
  return (const uint8_t*)data + offset * (int64_t)ppn_dtype_size(dtype);
}
static inline void* ppn_row_at_mutable(ppn_dtype_t dtype, void* data, int64_t offset) {
  return (uint8_t*)data + offset * (int64_t)ppn_dtype_size(dtype);
}

#endif  // PPN_KERNELS_ROWS_H_
