// Slices: reading and replacing a block of a tensor.
#include "engine/families.h"
#include "engine/view_copy.h"
#include "kernels/copy.h"
#include "kernels/indices.h"
#include "tensor/slice.h"

// Bounds may be computed by the program; the rest is constant.
typedef struct slicing {
  const ppn_tensor_t *x, *update;
  const ppn_tensor_t *begin, *end, *size;  // `size` instead of `end`: slice_by_size
  int64_t step[PPN_MAX_RANK];
  bool from_start[PPN_MAX_RANK], to_end[PPN_MAX_RANK], squeezed[PPN_MAX_RANK];
} slicing_t;

static void read_mask(const ppn_engine_node_t* node, const char* name, bool* out) {
  int64_t mask[PPN_MAX_RANK];
  uint32_t count = 0;
  if (!ppn_mil_input_ints(node->operation, name, mask, PPN_MAX_RANK, &count)) return;
  for (uint32_t i = 0; i < count && i < PPN_MAX_RANK; ++i) out[i] = mask[i] != 0;
}

static ppn_status_t prepare_slice(ppn_engine_node_t* node, ppn_arena_t* arena) {
  slicing_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "x");
  state->begin = ppn_node_input(node, "begin");
  state->end = ppn_node_input(node, "end");
  state->size = ppn_node_input(node, "size");
  state->update = ppn_node_input(node, "update");
  const ppn_tensor_t* end = state->end ? state->end : state->size;
  if (ppn_tensor_numel(state->begin) != state->x->rank || ppn_tensor_numel(end) != state->x->rank) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT, "bounds of %lld and %lld for rank %d",
                         (long long)ppn_tensor_numel(state->begin),
                         (long long)ppn_tensor_numel(end), state->x->rank);
  }
  for (int i = 0; i < PPN_MAX_RANK; ++i) state->step[i] = 1;
  uint32_t count = 0;
  ppn_mil_input_ints(node->operation, "stride", state->step, PPN_MAX_RANK, &count);
  read_mask(node, "begin_mask", state->from_start);
  read_mask(node, "end_mask", state->to_end);
  read_mask(node, "squeeze_mask", state->squeezed);
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t find_bounds(const ppn_engine_node_t* node, int axis, int64_t begin, int64_t end,
                                int64_t* out_start, int64_t* out_count) {
  const slicing_t* state = node->state;
  int64_t size = state->x->sizes[axis];
  if (state->squeezed[axis] || state->size) {
    *out_start = state->from_start[axis] ? 0 : ppn_index_wrap(begin, size);
    *out_count = !state->size ? 1 : end == -1 ? size - *out_start : end;
    if (*out_start < 0 || *out_count < 0 || *out_start + *out_count > size) {
      return ppn_node_fail(
          node, PPN_STATUS_OUT_OF_RANGE,
          "%lld elements from index %lld on are out of range for size %lld of dimension %d",
          (long long)*out_count, (long long)begin, (long long)size, axis);
    }
    return ppn_status_ok();
  }
  ppn_slice_t slice = {begin, end, state->step[axis], state->from_start[axis], state->to_end[axis]};
  ppn_slice_resolve(&slice, size, out_start, out_count);
  return ppn_status_ok();
}

// The slice of `tensor`, which has x's sizes.
static ppn_status_t find_slice(const ppn_engine_node_t* node, const ppn_tensor_t* tensor,
                               ppn_tensor_t* out_view) {
  const slicing_t* state = node->state;
  const ppn_tensor_t* ends = state->end ? state->end : state->size;
  int64_t begin[PPN_MAX_RANK], end[PPN_MAX_RANK];
  int rank = tensor->rank;
  ppn_elements_load_int64(state->begin->dtype, state->begin->data, 0, 1, rank, begin);
  ppn_elements_load_int64(ends->dtype, ends->data, 0, 1, rank, end);
  *out_view = *tensor;
  for (int i = rank - 1; i >= 0; --i) {
    int64_t start = 0, count = 0;
    PPN_RETURN_IF_ERROR(find_bounds(node, i, begin[i], end[i], &start, &count));
    *out_view = state->squeezed[i] ? ppn_view_select(out_view, i, start)
                                   : ppn_view_slice(out_view, i, start, count, state->step[i]);
  }
  return ppn_status_ok();
}

static bool has_sizes(const ppn_tensor_t* a, const ppn_tensor_t* b) {
  bool same = a->rank == b->rank;
  for (int i = 0; same && i < a->rank; ++i) same = a->sizes[i] == b->sizes[i];
  return same;
}

static ppn_status_t run_slice(ppn_engine_node_t* node) {
  const slicing_t* state = node->state;
  ppn_tensor_t view;
  PPN_RETURN_IF_ERROR(find_slice(node, state->x, &view));
  ppn_tensor_t* out = &node->outputs[0];
  if (!has_sizes(&view, out)) {
    // Computed bounds: room was made for the largest slice.
    for (int i = 0; i < view.rank; ++i) {
      if (view.rank != out->rank || view.sizes[i] > out->sizes[i]) {
        return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE,
                             "%lld elements in dimension %d, where at most %lld were expected",
                             (long long)view.sizes[i], i, (long long)out->sizes[i]);
      }
    }
    *out = ppn_tensor_make(out->data, out->dtype, view.rank, view.sizes);
  }
  ppn_kernel_copy(&view, out, node->environment->pool);
  return ppn_status_ok();
}

// The result may lie over x, which then needs no copy: this is how caches are written.
static ppn_status_t run_update(ppn_engine_node_t* node) {
  const slicing_t* state = node->state;
  const ppn_tensor_t* out = &node->outputs[0];
  ppn_thread_pool_t* pool = node->environment->pool;
  const ppn_tensor_t* update = state->update;
  ppn_tensor_t view;
  PPN_RETURN_IF_ERROR(find_slice(node, out, &view));
  if (!has_sizes(&view, update)) {
    return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE,
                         "an update of %lld elements for a slice of %lld, or of another shape",
                         (long long)ppn_tensor_numel(update), (long long)ppn_tensor_numel(&view));
  }
  if (out->data != state->x->data) ppn_kernel_copy(state->x, out, pool);
  ppn_kernel_copy(update, &view, pool);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"slice_by_index", PPN_ENGINE_EXACT, prepare_slice, run_slice, NULL},
    {"slice_by_size", PPN_ENGINE_EXACT, prepare_slice, run_slice, NULL},
    {"slice_update", PPN_ENGINE_EXACT | PPN_ENGINE_FIRST_IN_PLACE, prepare_slice, run_update, NULL},
};

const ppn_engine_family_t ppn_engine_slicing = {kernels, PPN_COUNT_OF(kernels)};
