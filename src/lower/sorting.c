// Sorting, selection of the largest, running sums.
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

static ppn_mil_value_t* sortable(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  return x && x->type.dtype == PPN_DTYPE_BOOL ? ppn_row_cast(context, x, PPN_DTYPE_INT32) : x;
}

static ppn_mil_value_t* order(ppn_lower_context_t* context, const ppn_node_t* node,
                              ppn_mil_value_t* x, int64_t axis) {
  bool descending = ppn_row_literal_bool(node, "descending", false);
  return ppn_row_emit(context, "argsort", {"x", x}, {"axis", ppn_row_int(context, axis)},
                      {"ascending", ppn_row_bool(context, !descending)});
}

static ppn_status_t lower_argsort(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = sortable(context, node);
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", -1, x->type.rank);
  return ppn_row_result(context, node, order(context, node, x, axis));
}

static ppn_status_t lower_sort(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = sortable(context, node);
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", -1, x->type.rank);
  ppn_mil_value_t* indices = order(context, node, x, axis);
  ppn_row_bind(context, node, 0,
               ppn_row_emit(context, "gather_along_axis", {"x", x}, {"indices", indices},
                            {"axis", ppn_row_int(context, axis)}));
  ppn_row_bind(context, node, 1, indices);
  return ppn_row_finish(context);
}

static ppn_status_t lower_topk(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = sortable(context, node);
  ppn_mil_value_t* results[2];
  if (context->status) return ppn_row_finish(context);
  bool largest = ppn_row_literal_bool(node, "largest", true);
  ppn_row_input_t inputs[] = {
      {"x", x},
      {"k", ppn_row_int(context, ppn_row_literal_int(node, "k", 1))},
      {"axis", ppn_row_int(context, ppn_row_axis(node, "dim", -1, x->type.rank))},
      {"ascending", ppn_row_bool(context, !largest)}};
  ppn_row_emit_outputs(context, "topk", inputs, 4, results, 2);
  ppn_row_bind(context, node, 0, results[0]);
  ppn_row_bind(context, node, 1, results[1]);
  return ppn_row_finish(context);
}

static bool ranked(const ppn_node_t* node, const ppn_lower_options_t* options,
                   ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  if (!x || x->rank == 0) return ppn_row_refuse(reason, "a scalar");
  return ppn_row_require_literal(node, reason, "dim", "descending", "k", "largest", "sorted",
                                 "exclusive");
}

static ppn_status_t lower_cumsum(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x =
      ppn_row_operand(context, ppn_node_argument(node, "self"), ppn_row_output_dtype(node));
  if (context->status) return ppn_row_finish(context);
  if (x->type.rank == 0) return ppn_row_result(context, node, x);
  int64_t axis = ppn_row_axis(node, "dim", 0, x->type.rank);
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "cumsum", {"x", x}, {"axis", ppn_row_int(context, axis)},
                   {"exclusive", ppn_row_bool(context, false)},
                   {"reverse", ppn_row_bool(context, false)}));
}

static bool cumsum_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  if (ppn_row_output_dtype(node) == PPN_DTYPE_BOOL)
    return ppn_row_refuse(reason, "sums as booleans");
  return ppn_row_require_literal(node, reason, "dim");
}

// x[i + 1] - x[i] along `dim`, with what is put before and behind.
static ppn_status_t lower_diff(ppn_lower_context_t* context, const ppn_node_t* node) {
  static const char* const names[] = {"prepend", "self", "append"};
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  bool logical = dtype == PPN_DTYPE_BOOL;
  ppn_mil_value_t* parts[3];
  uint32_t count = 0;
  int64_t axis = ppn_row_axis(node, "dim", -1, ppn_row_meta(node, "self")->rank), size = 0;
  for (int i = 0; i < 3; i++) {
    if (!ppn_row_given(node, names[i])) continue;
    parts[count++] = ppn_row_operand(context, ppn_node_argument(node, names[i]), dtype);
    size += ppn_row_meta(node, names[i])->sizes[axis].value;
  }
  ppn_mil_value_t* x = count == 1 ? parts[0] : ppn_row_concat(context, parts, count, axis);
  for (int64_t i = ppn_row_literal_int(node, "n", 1); i > 0; i--, size--) {
    x = ppn_row_binary(context, logical ? "logical_xor" : "sub",
                       ppn_row_slice(context, x, axis, 1, size),
                       ppn_row_slice(context, x, axis, 0, size - 1));
  }
  return ppn_row_result(context, node, x);
}

static bool diff_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                           ppn_buffer_t* reason) {
  (void)options;
  static const char* const names[] = {"prepend", "self", "append"};
  if (!ppn_row_require_literal(node, reason, "n", "dim")) return false;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  if (!x || x->rank == 0 || ppn_row_literal_int(node, "n", 1) > 8) {
    return ppn_row_refuse(reason, "a scalar, or too many differences");
  }
  int64_t axis = ppn_row_axis(node, "dim", -1, x->rank), n = ppn_row_literal_int(node, "n", 1);
  int64_t size = 0;
  for (int i = 0; i < 3; i++) {
    const ppn_tensor_meta_t* meta = ppn_row_meta(node, names[i]);
    if (meta && !ppn_dim_is_static(meta->sizes[axis])) {
      return ppn_row_refuse(reason, "the size is not fixed");
    }
    if (meta) size += meta->sizes[axis].value;
  }
  if (n == 0 || n >= size) return ppn_row_refuse(reason, "%d differences", (int)n);
  return true;
}

static const ppn_lower_row_t rows[] = {
    {"aten::sort", lower_sort, ranked, 0, 0},
    {"aten::sort.stable", lower_sort, ranked, 0, 0},
    {"aten::argsort", lower_argsort, ranked, 0, 0},
    {"aten::argsort.stable", lower_argsort, ranked, 0, 0},
    {"aten::topk", lower_topk, ranked, 0, 0},
    {"aten::diff", lower_diff, diff_supported, 0, 0},
    {"aten::cumsum", lower_cumsum, cumsum_supported, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(sorting, "Sorting and running sums");
