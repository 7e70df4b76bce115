// How a reduction walks its input: the dimensions that are kept and those that are reduced, each
// ordered by stride and joined where they are adjacent.
#ifndef PPN_KERNELS_REDUCE_PLAN_H_
#define PPN_KERNELS_REDUCE_PLAN_H_

#include "kernels/reduce.h"

// Dimensions by descending stride of the input. `other` holds the strides of the result.
typedef struct ppn_reduce_space {
  int rank;
  int64_t count;  // product of the sizes
  int64_t sizes[PPN_MAX_RANK], strides[PPN_MAX_RANK], other[PPN_MAX_RANK];
} ppn_reduce_space_t;

typedef struct ppn_reduce_plan {
  ppn_reduce_space_t kept, reduced;
} ppn_reduce_plan_t;

// `out` has x's sizes without the reduced dimensions, or with 1 in their place.
void ppn_reduce_plan_make(const ppn_tensor_t* x, ppn_axes_t axes, const ppn_tensor_t* out,
                          ppn_reduce_plan_t* plan);

// Offsets in input and result of element `index` of the space, in row-major order.
static inline void ppn_reduce_space_offsets(const ppn_reduce_space_t* space, int rank,
                                            int64_t index, int64_t* out_offset,
                                            int64_t* out_other) {
  int64_t offset = 0, other = 0;
  for (int i = rank - 1; i >= 0; --i) {
    int64_t place = index % space->sizes[i];
    index /= space->sizes[i];
    offset += place * space->strides[i];
    other += place * space->other[i];
  }
  *out_offset = offset;
  *out_other = other;
}

// Walks the first `rank` dimensions of a space: false after the last element.
static inline bool ppn_reduce_space_next(const ppn_reduce_space_t* space, int rank, int64_t* index,
                                         int64_t* offset) {
  for (int i = rank - 1; i >= 0; --i) {
    *offset += space->strides[i];
    if (++index[i] < space->sizes[i]) return true;
    *offset -= space->strides[i] * space->sizes[i];
    index[i] = 0;
  }
  return false;
}

#endif  // PPN_KERNELS_REDUCE_PLAN_H_
