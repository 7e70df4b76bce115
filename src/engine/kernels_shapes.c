// Operations on shapes: other sizes over the same elements, other orders, joining and splitting.
#include <string.h>

#include "engine/families.h"
#include "engine/view_copy.h"
#include "kernels/copy.h"
#include "kernels/indices.h"
#include "kernels/pad.h"

// ---- Orders ----

static ppn_status_t prepare_transpose(ppn_engine_node_t* node, ppn_arena_t* arena) {
  const ppn_tensor_t* x = ppn_node_input(node, "x");
  int64_t permutation[PPN_MAX_RANK];
  int order[PPN_MAX_RANK];
  uint32_t count = 0;
  ppn_mil_input_ints(node->operation, "perm", permutation, PPN_MAX_RANK, &count);
  for (uint32_t i = 0; i < count; ++i) {
    order[i] = (int)ppn_index_wrap(permutation[i], x->rank);
  }
  ppn_tensor_t source = ppn_node_blank(x), target = ppn_node_blank(&node->outputs[0]);
  source = ppn_view_permute(&source, order);
  return ppn_node_prepare_copy(node, arena, x, &source, &target);
}

static ppn_status_t prepare_reverse(ppn_engine_node_t* node, ppn_arena_t* arena) {
  const ppn_tensor_t* x = ppn_node_input(node, "x");
  ppn_tensor_t source = ppn_node_blank(x), target = ppn_node_blank(&node->outputs[0]);
  int64_t axes[PPN_MAX_RANK];
  uint32_t count = 0;
  if (!ppn_mil_input_ints(node->operation, "axes", axes, PPN_MAX_RANK, &count)) {
    count = (uint32_t)x->rank;
    for (int i = 0; i < x->rank; ++i) axes[i] = i;
  }
  for (uint32_t i = 0; i < count; ++i) {
    int axis = (int)ppn_index_wrap(axes[i], x->rank);
    if (axis < 0 || axis >= x->rank) {
      return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE, "axis %lld for rank %d",
                           (long long)axes[i], x->rank);
    }
    source = ppn_view_slice(&source, axis, source.sizes[axis] - 1, source.sizes[axis], -1);
  }
  return ppn_node_prepare_copy(node, arena, x, &source, &target);
}

static ppn_status_t prepare_tile(ppn_engine_node_t* node, ppn_arena_t* arena) {
  const ppn_tensor_t* x = ppn_node_input(node, "x");
  ppn_tensor_t source = ppn_node_blank(x), target = ppn_node_blank(&node->outputs[0]);
  // From the last axis on, so that the places of those before stay.
  for (int i = x->rank - 1; i >= 0; --i) {
    if (target.sizes[i] == x->sizes[i]) continue;
    if (target.rank == PPN_MAX_RANK) {
      return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "too many repeated dimensions");
    }
    int64_t repeats = x->sizes[i] > 0 ? target.sizes[i] / x->sizes[i] : 0;
    source = ppn_view_repeat(&source, i, repeats);
    target = ppn_view_windows(&target, i, repeats, x->sizes[i], x->sizes[i]);
  }
  return ppn_node_prepare_copy(node, arena, x, &source, &target);
}

static ppn_status_t prepare_sliding_windows(ppn_engine_node_t* node, ppn_arena_t* arena) {
  const ppn_tensor_t *x = ppn_node_input(node, "x"), *out = &node->outputs[0];
  int axis = (int)ppn_index_wrap(ppn_mil_input_int(node->operation, "axis", 0), x->rank);
  ppn_tensor_t source = ppn_node_blank(x), target = ppn_node_blank(out);
  source = ppn_view_windows(&source, axis, out->sizes[axis], out->sizes[axis + 1],
                            ppn_mil_input_int(node->operation, "stride", 1));
  return ppn_node_prepare_copy(node, arena, x, &source, &target);
}

typedef struct reversal {
  const ppn_tensor_t *x, *lengths;
  int sequence_axis, batch_axis;
} reversal_t;

static ppn_status_t prepare_reverse_sequence(ppn_engine_node_t* node, ppn_arena_t* arena) {
  reversal_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "x");
  state->lengths = ppn_node_input(node, "lengths");
  int rank = state->x->rank;
  int64_t sequence = ppn_mil_input_int(node->operation, "seq_axis", 0),
          batch = ppn_mil_input_int(node->operation, "batch_axis", 0);
  state->sequence_axis = (int)ppn_index_wrap(sequence, rank);
  state->batch_axis = (int)ppn_index_wrap(batch, rank);
  if (state->sequence_axis < 0 || state->sequence_axis >= rank || state->batch_axis < 0 ||
      state->batch_axis >= rank || state->sequence_axis == state->batch_axis) {
    return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE, "seq_axis %lld, batch_axis %lld, rank %d",
                         (long long)sequence, (long long)batch, rank);
  }
  if (ppn_tensor_numel(state->lengths) != state->x->sizes[state->batch_axis]) {
    return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE, "%lld lengths for %lld sequences",
                         (long long)ppn_tensor_numel(state->lengths),
                         (long long)state->x->sizes[state->batch_axis]);
  }
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t run_reverse_sequence(ppn_engine_node_t* node) {
  const reversal_t* state = node->state;
  ppn_thread_pool_t* pool = node->environment->pool;
  int axis = state->sequence_axis - (state->batch_axis < state->sequence_axis);
  int64_t size = state->x->sizes[state->sequence_axis];
  for (int64_t i = 0; i < state->x->sizes[state->batch_axis]; ++i) {
    int64_t length = ppn_element_as_int64(state->lengths->dtype, state->lengths->data, i);
    if (length < 0 || length > size) {
      return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE,
                           "length %lld of sequence %lld, not 0 … %lld", (long long)length,
                           (long long)i, (long long)size);
    }
    ppn_tensor_t x = ppn_view_select(state->x, state->batch_axis, i),
                 out = ppn_view_select(&node->outputs[0], state->batch_axis, i);
    ppn_tensor_t from = ppn_view_slice(&x, axis, length - 1, length, -1),
                 to = ppn_view_slice(&out, axis, 0, length, 1);
    ppn_kernel_copy(&from, &to, pool);
    from = ppn_view_slice(&x, axis, length, size - length, 1);
    to = ppn_view_slice(&out, axis, length, size - length, 1);
    ppn_kernel_copy(&from, &to, pool);
  }
  return ppn_status_ok();
}

// ---- Joining and splitting ----

typedef struct join {
  const ppn_engine_operand_t* values;
  const ppn_tensor_t* x;
  int axis;
  bool interleave;
} join_t;

static ppn_status_t prepare_join(ppn_engine_node_t* node, ppn_arena_t* arena) {
  join_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->values = ppn_node_inputs(node, "values");
  state->x = ppn_node_input(node, "x");
  int rank = state->x ? state->x->rank : node->outputs[0].rank;
  state->axis = (int)ppn_index_wrap(ppn_mil_input_int(node->operation, "axis", 0), rank);
  state->interleave = ppn_mil_input_bool(node->operation, "interleave", false);
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t run_concat(ppn_engine_node_t* node) {
  const join_t* state = node->state;
  const ppn_tensor_t* out = &node->outputs[0];
  int64_t count = state->values->count, start = 0;
  for (int64_t i = 0; i < count; ++i) {
    ppn_tensor_t value = state->values->tensors[i];
    if (value.rank == 0) value = ppn_view_repeat(&value, 0, 1);
    int64_t size = value.sizes[state->axis];
    ppn_tensor_t part = state->interleave ? ppn_view_slice(out, state->axis, i, size, count)
                                          : ppn_view_slice(out, state->axis, start, size, 1);
    ppn_kernel_copy(&value, &part, node->environment->pool);
    start += size;
  }
  return ppn_status_ok();
}

static ppn_status_t run_stack(ppn_engine_node_t* node) {
  const join_t* state = node->state;
  for (uint32_t i = 0; i < state->values->count; ++i) {
    ppn_tensor_t part = ppn_view_select(&node->outputs[0], state->axis, i);
    ppn_kernel_copy(&state->values->tensors[i], &part, node->environment->pool);
  }
  return ppn_status_ok();
}

static ppn_status_t run_split(ppn_engine_node_t* node) {
  const join_t* state = node->state;
  int64_t start = 0;
  for (uint32_t i = 0; i < node->output_count; ++i) {
    const ppn_tensor_t* out = &node->outputs[i];
    int64_t size = out->sizes[state->axis];
    ppn_tensor_t part = ppn_view_slice(state->x, state->axis, start, size, 1);
    ppn_kernel_copy(&part, out, node->environment->pool);
    start += size;
  }
  return ppn_status_ok();
}

// ---- Padding ----

typedef struct padding {
  const ppn_tensor_t *x, *amounts, *value;
  ppn_pad_mode_t mode;
} padding_t;

static ppn_status_t prepare_pad(ppn_engine_node_t* node, ppn_arena_t* arena) {
  padding_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "x");
  state->amounts = ppn_node_input(node, "pad");
  state->value = ppn_node_input(node, "constant_val");
  const char* mode = ppn_mil_input_string(node->operation, "mode", "constant");
  state->mode = strcmp(mode, "reflect") == 0     ? PPN_PAD_REFLECT
                : strcmp(mode, "replicate") == 0 ? PPN_PAD_REPLICATE
                                                 : PPN_PAD_CONSTANT;
  node->state = state;
  return ppn_status_ok();
}

// The padding fits the result, and the mode can make it.
static ppn_status_t check_padding(const ppn_engine_node_t* node, int axis, int64_t before,
                                  int64_t after) {
  const padding_t* state = node->state;
  int64_t size = state->x->sizes[axis];
  if (before < 0 || after < 0 || node->outputs[0].sizes[axis] != size + before + after) {
    return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE,
                         "padding of %lld and %lld makes size %lld of dimension %d not %lld",
                         (long long)before, (long long)after, (long long)size, axis,
                         (long long)node->outputs[0].sizes[axis]);
  }
  int64_t most = before > after ? before : after;
  if ((state->mode == PPN_PAD_REFLECT && most >= size && most > 0) ||
      (state->mode == PPN_PAD_REPLICATE && size == 0 && most > 0)) {
    return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE,
                         "padding of %lld from %lld elements of dimension %d", (long long)most,
                         (long long)size, axis);
  }
  return ppn_status_ok();
}

static ppn_status_t run_pad(ppn_engine_node_t* node) {
  const padding_t* state = node->state;
  int64_t amounts[2 * PPN_MAX_RANK], before[PPN_MAX_RANK] = {0};
  int64_t count = ppn_tensor_numel(state->amounts), rank = state->x->rank;
  if (count % 2 != 0 || count > 2 * rank) {
    return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE, "%lld amounts for rank %lld",
                         (long long)count, (long long)rank);
  }
  ppn_elements_load_int64(state->amounts->dtype, state->amounts->data, 0, 1, count, amounts);
  for (int64_t i = 0; i < count / 2; ++i) {
    int axis = (int)(rank - count / 2 + i);
    before[axis] = amounts[2 * i];
    PPN_RETURN_IF_ERROR(check_padding(node, axis, amounts[2 * i], amounts[2 * i + 1]));
  }
  static const uint64_t zero = 0;
  ppn_kernel_pad(state->x, before, state->mode, state->value ? state->value->data : &zero,
                 &node->outputs[0], node->environment->pool);
  return ppn_status_ok();
}

// ---- Sizes ----

static ppn_status_t prepare_shape(ppn_engine_node_t* node, ppn_arena_t* arena) {
  (void)arena;
  node->state = (void*)(uintptr_t)ppn_node_input(node, "x");
  return ppn_status_ok();
}

static ppn_status_t run_shape(ppn_engine_node_t* node) {
  const ppn_tensor_t* x = node->state;
  ppn_elements_store_int64(node->outputs[0].dtype, node->outputs[0].data, 0, 1, x->rank, x->sizes);
  return ppn_status_ok();
}

enum { VIEW = PPN_ENGINE_VIEW | PPN_ENGINE_EXACT, EXACT = PPN_ENGINE_EXACT };

static const ppn_engine_kernel_t kernels[] = {
    {"reshape", VIEW, NULL, NULL, NULL},
    {"reshape_like", VIEW, NULL, NULL, NULL},
    {"expand_dims", VIEW, NULL, NULL, NULL},
    {"squeeze", VIEW, NULL, NULL, NULL},
    {"flatten2d", VIEW, NULL, NULL, NULL},
    {"transpose", EXACT, prepare_transpose, ppn_node_run_copy, NULL},
    {"reverse", EXACT, prepare_reverse, ppn_node_run_copy, NULL},
    {"tile", EXACT, prepare_tile, ppn_node_run_copy, NULL},
    {"sliding_windows", EXACT, prepare_sliding_windows, ppn_node_run_copy, NULL},
    {"reverse_sequence", EXACT, prepare_reverse_sequence, run_reverse_sequence, NULL},
    {"concat", EXACT, prepare_join, run_concat, NULL},
    {"stack", EXACT, prepare_join, run_stack, NULL},
    {"split", EXACT, prepare_join, run_split, NULL},
    {"pad", EXACT, prepare_pad, run_pad, NULL},
    {"shape", EXACT, prepare_shape, run_shape, NULL},
};

const ppn_engine_family_t ppn_engine_shapes = {kernels, PPN_COUNT_OF(kernels)};
