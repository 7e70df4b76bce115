// Shape and layout: everything that rearranges or repeats elements.
#include <string.h>

#include "lower/families.h"
#include "lower/high_rank.h"
#include "lower/row.h"
#include "tensor/tensor.h"

static ppn_mil_value_t* self(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_tensor(context, node, "self");
}

// ---- Reshaping: the traced result says the shape ----

static ppn_status_t lower_reshape(ppn_lower_context_t* context, const ppn_node_t* node) {
  if (ppn_high_rank_involved(node)) return ppn_high_rank_lower(context, node);
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  return ppn_row_result(context, node,
                        ppn_row_reshape(context, self(context, node), meta->sizes, meta->rank));
}

static bool reshape_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                              ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  if (ppn_high_rank_involved(node) && !ppn_high_rank_supported(node, reason)) return false;
  if (meta && ppn_row_reshape_possible(node, meta->sizes, meta->rank)) return true;
  return ppn_row_refuse(reason, "more than one size of the result is unknown");
}

static ppn_status_t lower_squeeze(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = self(context, node);
  int64_t axes[PPN_MAX_RANK], dropped[PPN_MAX_RANK];
  uint32_t count = 0;
  if (context->status) return ppn_row_finish(context);
  // No "dim" means all of size 1, and so does an empty list of none.
  bool none = ppn_row_given(node, "dim") &&
              ppn_node_argument(node, "dim")->kind == PPN_ARGUMENT_INTS &&
              ppn_node_argument(node, "dim")->count == 0;
  uint32_t candidates = none ? 0 : ppn_row_axes(node, "dim", x->type.rank, axes);
  for (uint32_t i = 0; i < candidates; i++) {
    if (ppn_dim_is(x->type.sizes[axes[i]], 1)) dropped[count++] = axes[i];
  }
  return ppn_row_result(context, node, ppn_row_squeeze(context, x, dropped, count));
}

static ppn_status_t lower_unsqueeze(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = self(context, node);
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", 0, x->type.rank + 1);
  return ppn_row_result(context, node, ppn_row_expand_dims(context, x, &axis, 1));
}

// ---- Permuting ----

static ppn_status_t lower_permute(ppn_lower_context_t* context, const ppn_node_t* node) {
  if (ppn_high_rank_involved(node)) return ppn_high_rank_lower(context, node);
  ppn_mil_value_t* x = self(context, node);
  int64_t permutation[PPN_MAX_RANK];
  uint32_t count = 0;
  if (context->status) return ppn_row_finish(context);
  ppn_row_literal_ints(node, "dims", permutation, &count);
  for (uint32_t i = 0; i < count; i++) {
    if (permutation[i] < 0) permutation[i] += x->type.rank;
  }
  return ppn_row_result(context, node, ppn_row_transpose(context, x, permutation));
}

static ppn_status_t lower_transpose(ppn_lower_context_t* context, const ppn_node_t* node) {
  if (ppn_high_rank_involved(node)) return ppn_high_rank_lower(context, node);
  ppn_mil_value_t* x = self(context, node);
  if (context->status) return ppn_row_finish(context);
  const char* first = ppn_node_argument(node, "axis0") ? "axis0" : "dim0";
  const char* second = ppn_node_argument(node, "axis1") ? "axis1" : "dim1";
  int64_t a = ppn_row_axis(node, first, 0, x->type.rank);
  int64_t b = ppn_row_axis(node, second, 0, x->type.rank);
  if (x->type.rank == 0) return ppn_row_result(context, node, x);
  return ppn_row_result(context, node, ppn_row_swap_axes(context, x, a, b));
}

static ppn_status_t lower_t(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = self(context, node);
  if (x && x->type.rank == 2) x = ppn_row_swap_axes(context, x, 0, 1);
  return ppn_row_result(context, node, x);
}

static ppn_status_t lower_movedim(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = self(context, node);
  int64_t from[PPN_MAX_RANK], to[PPN_MAX_RANK], permutation[PPN_MAX_RANK];
  uint32_t count = 0, to_count = 0;
  if (context->status) return ppn_row_finish(context);
  int rank = x->type.rank;
  bool taken[PPN_MAX_RANK] = {false}, filled[PPN_MAX_RANK] = {false};
  ppn_row_literal_ints(node, "source", from, &count);
  ppn_row_literal_ints(node, "destination", to, &to_count);
  for (uint32_t i = 0; i < count && i < to_count; i++) {
    int64_t source = from[i] < 0 ? from[i] + rank : from[i];
    int64_t target = to[i] < 0 ? to[i] + rank : to[i];
    permutation[target] = source;
    taken[source] = filled[target] = true;
  }
  for (int i = 0, next = 0; i < rank; i++) {
    if (filled[i]) continue;
    while (taken[next]) next++;
    permutation[i] = next++;
  }
  return ppn_row_result(context, node, ppn_row_transpose(context, x, permutation));
}

// Copies: fine in any rank that Core ML has, or as part of a chain of higher rank.
static bool alias_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason) {
  (void)options;
  return !ppn_high_rank_involved(node) || ppn_high_rank_supported(node, reason);
}

static bool permute_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                              ppn_buffer_t* reason) {
  if (!ppn_row_require_literal(node, reason, "dims", "dim0", "dim1")) return false;
  return alias_supported(node, options, reason);
}

static bool literal_axes(const ppn_node_t* node, const ppn_lower_options_t* options,
                         ppn_buffer_t* reason) {
  (void)options;
  return ppn_row_require_literal(node, reason, "dim", "dims", "dim0", "dim1", "source",
                                 "destination");
}

// ---- Repeating ----

static ppn_status_t lower_expand(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  return ppn_row_result(context, node,
                        ppn_row_broadcast(context, self(context, node), meta->sizes, meta->rank));
}

static bool expand_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  if (meta && ppn_row_sizes_known(node, meta->sizes, meta->rank)) return true;
  return ppn_row_refuse(reason, "the result's sizes cannot be read from the operands");
}

static ppn_status_t lower_repeat(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = self(context, node);
  int64_t repeats[PPN_MAX_RANK], all[PPN_MAX_RANK];
  uint32_t count = 0;
  if (context->status) return ppn_row_finish(context);
  ppn_row_literal_ints(node, ppn_node_argument(node, "repeats") ? "repeats" : "dims", repeats,
                       &count);
  x = ppn_row_raise_rank(context, x, (int)count);
  if (context->status) return ppn_row_finish(context);
  uint32_t rank = (uint32_t)x->type.rank;
  bool once = true;
  for (uint32_t i = 0; i < rank; i++) {
    all[i] = i < rank - count ? 1 : repeats[i - (rank - count)];
    once &= all[i] == 1;
  }
  if (!once)
    x = ppn_row_emit(context, "tile", {"x", x}, {"reps", ppn_row_ints(context, all, rank)});
  return ppn_row_result(context, node, x);
}

static bool repeat_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  return ppn_row_require_literal(node, reason, "repeats", "dims");
}

// Each element `repeats` times in a row.
static ppn_status_t lower_repeat_interleave(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = self(context, node);
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  if (context->status) return ppn_row_finish(context);
  const int64_t all = -1;
  if (!ppn_row_given(node, "dim") && x->type.rank != 1) {
    x = ppn_row_emit(context, "reshape", {"x", x}, {"shape", ppn_row_ints(context, &all, 1)});
    if (context->status) return ppn_row_finish(context);
  }
  int64_t axis = ppn_row_axis(node, "dim", 0, x->type.rank) + 1, repeats[PPN_MAX_RANK];
  x = ppn_row_expand_dims(context, x, &axis, 1);
  for (int i = 0; i < PPN_MAX_RANK; i++) repeats[i] = 1;
  repeats[axis] = ppn_row_literal_int(node, "repeats", 1);
  if (context->status) return ppn_row_finish(context);
  x = ppn_row_emit(context, "tile", {"x", x},
                   {"reps", ppn_row_ints(context, repeats, (uint32_t)x->type.rank)});
  return ppn_row_result(context, node, ppn_row_reshape(context, x, meta->sizes, meta->rank));
}

static bool repeat_interleave_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                        ppn_buffer_t* reason) {
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  if (!ppn_row_require_literal(node, reason, "repeats", "dim")) return false;
  if (!x || x->rank > 4) return ppn_row_refuse(reason, "an intermediate of rank 6");
  return reshape_supported(node, options, reason);
}

// ---- Reversing and rotating ----

static ppn_status_t lower_flip(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = self(context, node);
  int64_t axes[PPN_MAX_RANK];
  uint32_t count = 0;
  ppn_row_literal_ints(node, "dims", axes, &count);
  if (count)
    x = ppn_row_emit(context, "reverse", {"x", x}, {"axes", ppn_row_ints(context, axes, count)});
  return ppn_row_result(context, node, x);
}

static ppn_mil_value_t* roll_axis(ppn_lower_context_t* context, ppn_mil_value_t* x, int64_t axis,
                                  int64_t shift) {
  if (context->status || !x) return NULL;
  int64_t size = x->type.sizes[axis].value;
  int64_t split = ((-shift % size) + size) % size;
  if (split == 0) return x;
  ppn_mil_value_t* parts[] = {ppn_row_slice(context, x, axis, split, size),
                              ppn_row_slice(context, x, axis, 0, split)};
  return ppn_row_concat(context, parts, 2, axis);
}

static ppn_status_t lower_roll(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  ppn_mil_value_t* x = self(context, node);
  int64_t shifts[PPN_MAX_RANK], axes[PPN_MAX_RANK];
  uint32_t count = 0, axis_count = 0;
  ppn_row_literal_ints(node, "shifts", shifts, &count);
  ppn_row_literal_ints(node, "dims", axes, &axis_count);
  if (axis_count == 0) {  // over all elements
    int64_t numel = 1;
    for (int i = 0; i < meta->rank; i++) numel *= meta->sizes[i].value;
    x = roll_axis(context, ppn_row_reshape_static(context, x, &numel, 1), 0, shifts[0]);
    return ppn_row_result(context, node, ppn_row_reshape(context, x, meta->sizes, meta->rank));
  }
  for (uint32_t i = 0; i < axis_count; i++) {
    x = roll_axis(context, x, axes[i] < 0 ? axes[i] + meta->rank : axes[i], shifts[i]);
  }
  return ppn_row_result(context, node, x);
}

static bool roll_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                           ppn_buffer_t* reason) {
  (void)options;
  return ppn_row_require_literal(node, reason, "shifts", "dims") &&
         ppn_row_require_static(node, "self", reason);
}

// Windows of `size` every `step`, as a new last axis.
static ppn_status_t lower_unfold(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = self(context, node);
  if (context->status) return ppn_row_finish(context);
  int rank = x->type.rank;
  int64_t axis = ppn_row_axis(node, "dimension", 0, rank), permutation[PPN_MAX_RANK];
  ppn_mil_value_t* windows =
      ppn_row_emit(context, "sliding_windows", {"x", x}, {"axis", ppn_row_int(context, axis)},
                   {"size", ppn_row_int(context, ppn_row_literal_int(node, "size", 1))},
                   {"stride", ppn_row_int(context, ppn_row_literal_int(node, "step", 1))});
  for (int i = 0; i <= rank; i++) {
    permutation[i] = i <= axis ? i : i == rank ? axis + 1 : i + 1;
  }
  return ppn_row_result(context, node, ppn_row_transpose(context, windows, permutation));
}

static bool unfold_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  if (!x || x->rank < 1) return ppn_row_refuse(reason, "windows of a scalar");
  if (x->dtype == PPN_DTYPE_BOOL) return ppn_row_refuse(reason, "windows of booleans");
  return ppn_row_require_literal(node, reason, "dimension", "size", "step") &&
         ppn_row_require_static(node, "self", reason);
}

// ---- Nothing but a new name ----

static ppn_status_t lower_alias(ppn_lower_context_t* context, const ppn_node_t* node) {
  if (ppn_high_rank_involved(node)) return ppn_high_rank_lower(context, node);
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  return ppn_row_result(context, node, ppn_row_operand(context, ppn_aten_at(node, 0), dtype));
}

enum { MOVES = PPN_LOWER_SMALL_INTEGERS, HIGH = PPN_LOWER_HIGH_RANK };

static const ppn_lower_row_t rows[] = {
    {"aten::view", lower_reshape, reshape_supported, 0, MOVES | HIGH},
    {"aten::view_copy", lower_reshape, reshape_supported, 0, MOVES | HIGH},
    {"aten::_unsafe_view", lower_reshape, reshape_supported, 0, MOVES | HIGH},
    {"aten::reshape", lower_reshape, reshape_supported, 0, MOVES | HIGH},
    {"aten::_reshape_alias", lower_reshape, reshape_supported, 0, MOVES},
    {"aten::view_as", lower_reshape, reshape_supported, 0, MOVES},
    {"aten::reshape_as", lower_reshape, reshape_supported, 0, MOVES},
    {"aten::flatten.using_ints", lower_reshape, reshape_supported, 0, MOVES},
    {"aten::unflatten.int", lower_reshape, reshape_supported, 0, MOVES},
    {"aten::squeeze", lower_squeeze, literal_axes, 0, MOVES},
    {"aten::squeeze.dim", lower_squeeze, literal_axes, 0, MOVES},
    {"aten::squeeze.dims", lower_squeeze, literal_axes, 0, MOVES},
    {"aten::squeeze_copy", lower_squeeze, literal_axes, 0, MOVES},
    {"aten::squeeze_copy.dim", lower_squeeze, literal_axes, 0, MOVES},
    {"aten::squeeze_copy.dims", lower_squeeze, literal_axes, 0, MOVES},
    {"aten::unsqueeze", lower_unsqueeze, literal_axes, 0, MOVES},
    {"aten::unsqueeze_copy", lower_unsqueeze, literal_axes, 0, MOVES},
    {"aten::permute", lower_permute, permute_supported, 0, MOVES | HIGH},
    {"aten::permute_copy", lower_permute, permute_supported, 0, MOVES | HIGH},
    {"aten::transpose.int", lower_transpose, permute_supported, 0, MOVES | HIGH},
    {"aten::transpose_copy.int", lower_transpose, permute_supported, 0, MOVES | HIGH},
    {"aten::swapaxes", lower_transpose, literal_axes, 0, MOVES},
    {"aten::swapdims", lower_transpose, literal_axes, 0, MOVES},
    {"aten::t", lower_t, NULL, 0, MOVES},
    {"aten::t_copy", lower_t, NULL, 0, MOVES},
    {"aten::movedim.int", lower_movedim, literal_axes, 0, MOVES},
    {"aten::movedim.intlist", lower_movedim, literal_axes, 0, MOVES},
    {"aten::expand", lower_expand, expand_supported, 0, MOVES},
    {"aten::expand_copy", lower_expand, expand_supported, 0, MOVES},
    {"aten::expand_as", lower_expand, expand_supported, 0, MOVES},
    {"aten::broadcast_to", lower_expand, expand_supported, 0, MOVES},
    {"aten::repeat", lower_repeat, repeat_supported, 0, MOVES},
    {"aten::tile", lower_repeat, repeat_supported, 0, MOVES},
    {"aten::repeat_interleave.self_int", lower_repeat_interleave, repeat_interleave_supported, 0,
     MOVES},
    {"aten::flip", lower_flip, literal_axes, 0, MOVES},
    {"aten::roll", lower_roll, roll_supported, 0, MOVES},
    {"aten::unfold", lower_unfold, unfold_supported, 0, 0},
    {"aten::unfold_copy", lower_unfold, unfold_supported, 0, 0},
    {"aten::alias", lower_alias, NULL, 0, MOVES},
    {"aten::alias_copy", lower_alias, NULL, 0, MOVES},
    {"aten::clone", lower_alias, alias_supported, 0, MOVES | HIGH},
    {"aten::contiguous", lower_alias, alias_supported, 0, MOVES | HIGH},
    {"aten::detach", lower_alias, NULL, 0, MOVES},
    {"aten::detach_copy", lower_alias, NULL, 0, MOVES},
    {"aten::lift_fresh", lower_alias, NULL, 0, MOVES},
    {"aten::lift_fresh_copy", lower_alias, NULL, 0, MOVES},
    {"dim_order_ops::_clone_dim_order", lower_alias, alias_supported, 0, MOVES | HIGH},
};

PPN_LOWER_DEFINE_FAMILY(views, "Shape and layout");
