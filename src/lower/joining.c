// Joining tensors and taking them apart.
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

static bool is_empty(const ppn_tensor_meta_t* meta) {
  for (int i = 0; i < meta->rank; i++) {
    if (ppn_dim_is(meta->sizes[i], 0)) return true;
  }
  return false;
}

static ppn_mil_value_t** part_array(ppn_lower_context_t* context, uint32_t count) {
  ppn_mil_value_t** parts = ppn_arena_alloc_array(&context->builder.function->program->arena, count,
                                                  sizeof(ppn_mil_value_t*));
  if (!parts) ppn_row_fail(context, ppn_out_of_memory());
  return parts;
}

static ppn_status_t lower_cat(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_argument_t* tensors = ppn_aten_at(node, 0);
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t** parts = part_array(context, tensors->count);
  uint32_t count = 0;
  if (context->status) return ppn_row_finish(context);
  for (uint32_t i = 0; i < tensors->count; i++) {
    if (is_empty(&tensors->u.values[i]->tensor)) continue;
    parts[count++] = ppn_row_list_item(context, tensors, i, dtype);
  }
  int rank = ppn_row_output(node, 0)->rank;
  int64_t axis =
      strcmp(node->target, "aten::hstack") == 0 ? rank > 1 : ppn_row_axis(node, "dim", 0, rank);
  return ppn_row_result(context, node,
                        count == 1 ? parts[0] : ppn_row_concat(context, parts, count, axis));
}

static ppn_status_t lower_stack(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_argument_t* tensors = ppn_aten_at(node, 0);
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t** parts = part_array(context, tensors->count);
  if (context->status) return ppn_row_finish(context);
  for (uint32_t i = 0; i < tensors->count; i++) {
    parts[i] = ppn_row_list_item(context, tensors, i, dtype);
  }
  int64_t axis = ppn_row_axis(node, "dim", 0, ppn_row_output(node, 0)->rank);
  return ppn_row_result(context, node, ppn_row_stack(context, parts, tensors->count, axis));
}

static bool joining_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                              ppn_buffer_t* reason) {
  (void)options;
  const ppn_argument_t* tensors = ppn_aten_at(node, 0);
  const ppn_tensor_meta_t* result = ppn_row_output(node, 0);
  if (tensors->kind != PPN_ARGUMENT_VALUES || tensors->count == 0 || !result) {
    return ppn_row_refuse(reason, "nothing to join");
  }
  if (is_empty(result)) return ppn_row_refuse(reason, "the result is empty");
  return ppn_row_require_literal(node, reason, "dim");
}

// ---- Splitting: the traced results say the sizes ----

static ppn_status_t lower_split(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  ppn_mil_value_t** parts = part_array(context, node->output_count);
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", 0, x->type.rank);
  if (node->output_count == 1) return ppn_row_result(context, node, x);
  int32_t* sizes = ppn_arena_alloc_array(&context->builder.function->program->arena,
                                         node->output_count, sizeof *sizes);
  if (!sizes) return ppn_out_of_memory();
  for (uint32_t i = 0; i < node->output_count; i++) {
    sizes[i] = (int32_t)node->outputs[i]->tensor.sizes[axis].value;
  }
  int64_t count = node->output_count;
  ppn_row_input_t inputs[] = {
      {"x", x},
      {"split_sizes", ppn_row_data(context, PPN_DTYPE_INT32, 1, &count, sizes)},
      {"axis", ppn_row_int(context, axis)}};
  ppn_row_emit_outputs(context, "split", inputs, 3, parts, node->output_count);
  for (uint32_t i = 0; i < node->output_count; i++) ppn_row_bind(context, node, i, parts[i]);
  return ppn_row_finish(context);
}

static bool split_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  if (!ppn_row_require_literal(node, reason, "dim")) return false;
  if (!x || x->rank == 0) return ppn_row_refuse(reason, "a scalar cannot be split");
  int64_t axis = ppn_row_axis(node, "dim", 0, x->rank);
  for (uint32_t i = 0; i < node->output_count; i++) {
    const ppn_tensor_meta_t* part = ppn_row_output(node, i);
    if (!part) return ppn_row_refuse(reason, "a part is undefined");
    if (axis < part->rank && node->output_count > 1 && part->rank == x->rank &&
        !ppn_dim_is_static(part->sizes[axis])) {
      return ppn_row_refuse(reason, "the sizes of the parts are not fixed");
    }
  }
  return true;
}

static ppn_status_t lower_unbind(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  ppn_mil_value_t** parts = part_array(context, node->output_count);
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", 0, x->type.rank);
  if (node->output_count == 1) {
    parts[0] = x;
  } else {
    ppn_row_input_t inputs[] = {{"x", x},
                                {"num_splits", ppn_row_int(context, node->output_count)},
                                {"axis", ppn_row_int(context, axis)}};
    ppn_row_emit_outputs(context, "split", inputs, 3, parts, node->output_count);
  }
  for (uint32_t i = 0; i < node->output_count; i++) {
    ppn_row_bind(context, node, i, ppn_row_squeeze(context, parts[i], &axis, 1));
  }
  return ppn_row_finish(context);
}

static bool unbind_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  if (!ppn_row_require_literal(node, reason, "dim")) return false;
  if (x && x->rank > 0 && ppn_dim_is_static(x->sizes[ppn_row_axis(node, "dim", 0, x->rank)])) {
    return true;
  }
  return ppn_row_refuse(reason, "the number of parts is not fixed");
}

// ---- meshgrid: each vector along its own axis ----

static ppn_status_t lower_meshgrid(ppn_lower_context_t* context, const ppn_node_t* node) {
  const ppn_argument_t* tensors = ppn_aten_at(node, 0);
  bool swapped =
      tensors->count > 1 && strcmp(ppn_row_literal_text(node, "indexing", "ij"), "xy") == 0;
  for (uint32_t i = 0; i < tensors->count && i < node->output_count; i++) {
    const ppn_tensor_meta_t* meta = ppn_row_output(node, i);
    uint32_t axis = swapped && i < 2 ? 1 - i : i;
    ppn_mil_value_t* x = ppn_row_list_item(context, tensors, i, ppn_lower_dtype(meta->dtype));
    if (x && x->type.rank == 0) x = ppn_row_raise_rank(context, x, 1);
    int64_t axes[PPN_MAX_RANK];
    uint32_t count = 0;
    for (uint32_t j = 0; j < (uint32_t)meta->rank; j++) {
      if (j != axis) axes[count++] = j;
    }
    x = ppn_row_expand_dims(context, x, axes, count);
    ppn_row_bind(context, node, i, ppn_row_broadcast(context, x, meta->sizes, meta->rank));
  }
  return ppn_row_finish(context);
}

static bool meshgrid_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                               ppn_buffer_t* reason) {
  (void)options;
  const ppn_argument_t* tensors = ppn_aten_at(node, 0);
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  if (tensors->kind == PPN_ARGUMENT_VALUES && meta && (int)tensors->count == meta->rank &&
      tensors->count == node->output_count && ppn_row_sizes_known(node, meta->sizes, meta->rank)) {
    return true;
  }
  return ppn_row_refuse(reason, "the grid's sizes are not known");
}

enum { MOVES = PPN_LOWER_SMALL_INTEGERS };

static const ppn_lower_row_t rows[] = {
    {"aten::cat", lower_cat, joining_supported, 0, MOVES | PPN_LOWER_EMPTY_TENSORS},
    {"aten::concat", lower_cat, joining_supported, 0, MOVES | PPN_LOWER_EMPTY_TENSORS},
    {"aten::hstack", lower_cat, joining_supported, 0, MOVES | PPN_LOWER_EMPTY_TENSORS},
    {"aten::stack", lower_stack, joining_supported, 0, MOVES},
    {"aten::split.Tensor", lower_split, split_supported, 0, MOVES},
    {"aten::split_copy.Tensor", lower_split, split_supported, 0, MOVES},
    {"aten::split_with_sizes", lower_split, split_supported, 0, MOVES},
    {"aten::split_with_sizes_copy", lower_split, split_supported, 0, MOVES},
    {"aten::chunk", lower_split, split_supported, 0, MOVES},
    {"aten::tensor_split.sections", lower_split, split_supported, 0, MOVES},
    {"aten::unbind.int", lower_unbind, unbind_supported, 0, MOVES},
    {"aten::unbind_copy.int", lower_unbind, unbind_supported, 0, MOVES},
    {"aten::meshgrid", lower_meshgrid, meshgrid_supported, 0, MOVES},
    {"aten::meshgrid.indexing", lower_meshgrid, meshgrid_supported, 0, MOVES},
};

PPN_LOWER_DEFINE_FAMILY(joining, "Joining and splitting");
