// How a kernel walks tensors along dimensions that it treats in two ways: kept ones, and reduced
// ones. Each set is ordered by stride of the first tensor, and joined where all tensors allow it.
#ifndef PPN_KERNELS_REDUCE_PLAN_H_
#define PPN_KERNELS_REDUCE_PLAN_H_

#include "kernels/reduce.h"

#define PPN_REDUCE_MAX_OPERANDS 5

// Dimensions by descending stride of operand 0.
typedef struct ppn_reduce_space {
  int rank, operand_count;
  int64_t count;  // product of the sizes
  int64_t sizes[PPN_MAX_RANK];
  int64_t strides[PPN_REDUCE_MAX_OPERANDS][PPN_MAX_RANK];
} ppn_reduce_space_t;

typedef struct ppn_reduce_plan {
  ppn_reduce_space_t kept, reduced;
} ppn_reduce_plan_t;

// Operand 0 has all dimensions. Each other has its sizes, with 1 where it is broadcast; leading
// dimensions may be missing.
void ppn_reduce_plan_make(const ppn_tensor_t* const* operands, int operand_count, ppn_axes_t axes,
                          ppn_reduce_plan_t* plan);

// A reduction's result with a dimension of size 1 in place of each that is reduced, whether it has
// them already or not.
ppn_tensor_t ppn_reduce_keep_dimensions(const ppn_tensor_t* out, const ppn_tensor_t* x,
                                        ppn_axes_t axes);

// Offsets of all operands at element `index` of the first `rank` dimensions, in row-major order.
static inline void ppn_reduce_space_offsets(const ppn_reduce_space_t* space, int rank,
                                            int64_t index, int64_t* out_offsets) {
  for (int j = 0; j < space->operand_count; ++j) out_offsets[j] = 0;
  for (int i = rank - 1; i >= 0; --i) {
    int64_t place = index % space->sizes[i];
    index /= space->sizes[i];
    for (int j = 0; j < space->operand_count; ++j) out_offsets[j] += place * space->strides[j][i];
  }
}

// Walks the first `rank` dimensions of a space and moves `offsets` along: false after the last
// element, where everything is as it was before the first.
static inline bool ppn_reduce_space_next(const ppn_reduce_space_t* space, int rank, int64_t* index,
                                         int64_t* offsets) {
  for (int i = rank - 1; i >= 0; --i) {
    for (int j = 0; j < space->operand_count; ++j) offsets[j] += space->strides[j][i];
    if (++index[i] < space->sizes[i]) return true;
    for (int j = 0; j < space->operand_count; ++j) {
      offsets[j] -= space->strides[j][i] * space->sizes[i];
    }
    index[i] = 0;
  }
  return false;
}

// Whether the innermost dimension of operand 0 is a kept one.
static inline bool ppn_reduce_plan_by_columns(const ppn_reduce_plan_t* plan) {
  int kept = plan->kept.rank - 1, reduced = plan->reduced.rank - 1;
  if (kept < 0) return false;
  return reduced < 0 || plan->kept.strides[0][kept] < plan->reduced.strides[0][reduced];
}

#endif  // PPN_KERNELS_REDUCE_PLAN_H_
