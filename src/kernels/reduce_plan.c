#include "kernels/reduce_plan.h"

// Adds a dimension before those of smaller stride.
static void insert(ppn_reduce_space_t* space, int64_t size, const int64_t* strides) {
  int at = space->rank++;
  for (; at > 0 && space->strides[0][at - 1] < strides[0]; --at) {
    space->sizes[at] = space->sizes[at - 1];
    for (int j = 0; j < space->operand_count; ++j)
      space->strides[j][at] = space->strides[j][at - 1];
  }
  space->sizes[at] = size;
  for (int j = 0; j < space->operand_count; ++j) space->strides[j][at] = strides[j];
}

static bool can_join(const ppn_reduce_space_t* space, int outer, int inner) {
  for (int j = 0; j < space->operand_count; ++j) {
    if (space->strides[j][outer] != space->strides[j][inner] * space->sizes[inner]) return false;
  }
  return true;
}

static void join(ppn_reduce_space_t* space) {
  int rank = 0;
  for (int i = 0; i < space->rank; ++i) {
    int64_t size = space->sizes[i];
    if (rank > 0 && can_join(space, rank - 1, i)) size *= space->sizes[--rank];
    space->sizes[rank] = size;
    for (int j = 0; j < space->operand_count; ++j) space->strides[j][rank] = space->strides[j][i];
    ++rank;
  }
  space->rank = rank;
}

ppn_tensor_t ppn_reduce_keep_dimensions(const ppn_tensor_t* out, const ppn_tensor_t* x,
                                        ppn_axes_t axes) {
  if (out->rank == x->rank) return *out;
  ppn_tensor_t view = *out;
  view.rank = x->rank;
  for (int i = 0, j = 0; i < x->rank; ++i) {
    bool is_reduced = axes >> i & 1;
    view.sizes[i] = is_reduced ? 1 : x->sizes[i];
    view.strides[i] = is_reduced ? 0 : out->strides[j++];
  }
  return view;
}

// Stride of an operand along dimension i of the first one.
static int64_t stride_along(const ppn_tensor_t* tensor, const ppn_tensor_t* first, int i) {
  int place = i - (first->rank - tensor->rank);
  return place < 0 || tensor->sizes[place] == 1 ? 0 : tensor->strides[place];
}

void ppn_reduce_plan_make(const ppn_tensor_t* const* operands, int operand_count, ppn_axes_t axes,
                          ppn_reduce_plan_t* plan) {
  const ppn_tensor_t* first = operands[0];
  *plan = (ppn_reduce_plan_t){.kept = {.operand_count = operand_count, .count = 1},
                              .reduced = {.operand_count = operand_count, .count = 1}};
  for (int i = 0; i < first->rank; ++i) {
    ppn_reduce_space_t* space = axes >> i & 1 ? &plan->reduced : &plan->kept;
    space->count *= first->sizes[i];
    if (first->sizes[i] == 1) continue;
    int64_t strides[PPN_REDUCE_MAX_OPERANDS];
    for (int j = 0; j < operand_count; ++j) strides[j] = stride_along(operands[j], first, i);
    insert(space, first->sizes[i], strides);
  }
  join(&plan->kept);
  join(&plan->reduced);
}
