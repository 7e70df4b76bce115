// What kernels that read or write by index share.
#ifndef PPN_KERNELS_INDICES_H_
#define PPN_KERNELS_INDICES_H_

#include <string.h>

#include "tensor/element.h"
#include "tensor/tensor.h"

enum { PPN_INDEX_CHUNK = 256 };

// Indices [begin, end) of a contiguous tensor, at most PPN_INDEX_CHUNK of them; how many.
static inline int64_t ppn_indices_load(const ppn_tensor_t* indices, int64_t begin, int64_t end,
                                       int64_t* out) {
  int64_t count = end - begin < PPN_INDEX_CHUNK ? end - begin : PPN_INDEX_CHUNK;
  ppn_elements_load_int64(indices->dtype, indices->data, begin, 1, count, out);
  return count;
}

static inline int64_t ppn_index_wrap(int64_t index, int64_t size) {
  return index < 0 ? index + size : index;
}

// memcpy that is inlined for single elements.
static inline void ppn_copy_bytes(void* to, const void* from, int64_t bytes) {
  switch (bytes) {
    case 1:
      memcpy(to, from, 1);
      break;
    case 2:
      memcpy(to, from, 2);
      break;
    case 4:
      memcpy(to, from, 4);
      break;
    case 8:
      memcpy(to, from, 8);
      break;
    default:
      memcpy(to, from, (size_t)bytes);
  }
}

// OUT_OF_RANGE unless component j of every coordinate (the last axis of `indices`) lies in
// [-sizes[j], sizes[j]).
ppn_status_t ppn_kernel_check_coordinates(const ppn_tensor_t* indices,
                                          const int64_t* sizes) PPN_MUST_USE;

#endif  // PPN_KERNELS_INDICES_H_
