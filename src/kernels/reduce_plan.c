#include "kernels/reduce_plan.h"

// Adds a dimension before those of smaller stride.
static void insert(ppn_reduce_space_t* space, int64_t size, int64_t stride, int64_t other) {
  int at = space->rank++;
  for (; at > 0 && space->strides[at - 1] < stride; --at) {
    space->sizes[at] = space->sizes[at - 1];
    space->strides[at] = space->strides[at - 1];
    space->other[at] = space->other[at - 1];
  }
  space->sizes[at] = size;
  space->strides[at] = stride;
  space->other[at] = other;
}

static void join(ppn_reduce_space_t* space) {
  int rank = 0;
  for (int i = 0; i < space->rank; ++i) {
    int64_t size = space->sizes[i], stride = space->strides[i], other = space->other[i];
    if (rank > 0 && space->strides[rank - 1] == stride * size &&
        space->other[rank - 1] == other * size) {
      size *= space->sizes[--rank];
    }
    space->sizes[rank] = size;
    space->strides[rank] = stride;
    space->other[rank++] = other;
  }
  space->rank = rank;
}

void ppn_reduce_plan_make(const ppn_tensor_t* x, ppn_axes_t axes, const ppn_tensor_t* out,
                          ppn_reduce_plan_t* plan) {
  *plan = (ppn_reduce_plan_t){.kept = {.count = 1}, .reduced = {.count = 1}};
  bool keeps_all = out->rank == x->rank;
  int out_dimension = 0;
  for (int i = 0; i < x->rank; ++i) {
    bool is_reduced = axes >> i & 1;
    ppn_reduce_space_t* space = is_reduced ? &plan->reduced : &plan->kept;
    int64_t other = is_reduced ? 0 : out->strides[keeps_all ? i : out_dimension++];
    space->count *= x->sizes[i];
    if (x->sizes[i] != 1) insert(space, x->sizes[i], x->strides[i], other);
  }
  join(&plan->kept);
  join(&plan->reduced);
}
