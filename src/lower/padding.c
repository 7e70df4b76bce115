// Padding, and cutting where the padding is negative.
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

typedef struct amounts {
  int rank;
  int64_t before[PPN_MAX_RANK], after[PPN_MAX_RANK];
} amounts_t;

static const char* pad_mode(const ppn_node_t* node) {
  if (strstr(node->target, "reflection")) return "reflect";
  if (strstr(node->target, "replication")) return "replicate";
  return ppn_row_literal_text(node, "mode", "constant");
}

// torch lists (before, after) pairs from the last dimension on.
static bool read_amounts(const ppn_node_t* node, int rank, amounts_t* out) {
  int64_t list[PPN_MAX_RANK];
  uint32_t count = 0;
  memset(out, 0, sizeof *out);
  out->rank = rank;
  const char* name = ppn_node_argument(node, "padding") ? "padding" : "pad";
  if (!ppn_row_literal_ints(node, name, list, &count) || count % 2 || (int)count / 2 > rank) {
    return false;
  }
  for (uint32_t i = 0; i < count / 2; i++) {
    out->before[rank - 1 - (int)i] = list[2 * i];
    out->after[rank - 1 - (int)i] = list[2 * i + 1];
  }
  return true;
}

static ppn_mil_value_t* cut(ppn_lower_context_t* context, ppn_mil_value_t* x, amounts_t* amounts) {
  int64_t begin[PPN_MAX_RANK] = {0}, end[PPN_MAX_RANK] = {0};
  bool begin_mask[PPN_MAX_RANK], end_mask[PPN_MAX_RANK], any = false;
  for (int i = 0; i < amounts->rank; i++) {
    begin_mask[i] = amounts->before[i] >= 0;
    end_mask[i] = amounts->after[i] >= 0;
    if (!begin_mask[i]) begin[i] = -amounts->before[i];
    if (!end_mask[i]) end[i] = amounts->after[i];
    any |= !begin_mask[i] || !end_mask[i];
    if (!begin_mask[i]) amounts->before[i] = 0;
    if (!end_mask[i]) amounts->after[i] = 0;
  }
  if (!any) return x;
  uint32_t rank = (uint32_t)amounts->rank;
  return ppn_row_emit(context, "slice_by_index", {"x", x},
                      {"begin", ppn_row_ints(context, begin, rank)},
                      {"end", ppn_row_ints(context, end, rank)},
                      {"begin_mask", ppn_row_bools(context, begin_mask, rank)},
                      {"end_mask", ppn_row_bools(context, end_mask, rank)});
}

// The end in front and the start behind.
static ppn_mil_value_t* wrap(ppn_lower_context_t* context, ppn_mil_value_t* x,
                             const amounts_t* amounts) {
  for (int i = 0; i < amounts->rank && !context->status && x; i++) {
    int64_t before = amounts->before[i], after = amounts->after[i], size = x->type.sizes[i].value;
    ppn_mil_value_t* parts[3];
    uint32_t count = 0;
    if (before == 0 && after == 0) continue;
    if (before > 0) parts[count++] = ppn_row_slice(context, x, i, size - before, size);
    parts[count++] = x;
    if (after > 0) parts[count++] = ppn_row_slice(context, x, i, 0, after);
    x = ppn_row_concat(context, parts, count, i);
  }
  return x;
}

static ppn_status_t lower_pad(ppn_lower_context_t* context, const ppn_node_t* node) {
  const char* mode = pad_mode(node);
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  amounts_t amounts;
  if (context->status) return ppn_row_finish(context);
  read_amounts(node, x->type.rank, &amounts);
  x = cut(context, x, &amounts);
  int64_t pad[2 * PPN_MAX_RANK];
  bool any = false;
  for (int i = 0; i < amounts.rank; i++) {
    pad[2 * i] = amounts.before[i];
    pad[2 * i + 1] = amounts.after[i];
    any |= amounts.before[i] || amounts.after[i];
  }
  if (!any) return ppn_row_result(context, node, x);
  if (strcmp(mode, "circular") == 0)
    return ppn_row_result(context, node, wrap(context, x, &amounts));
  // Core ML pads floats only.
  ppn_dtype_t working = ppn_dtype_is_float(dtype) ? dtype : PPN_DTYPE_FLOAT32;
  double value = ppn_row_literal_number(node, "value", 0);
  ppn_mil_value_t* result =
      ppn_row_emit(context, "pad", {"x", ppn_row_cast(context, x, working)},
                   {"pad", ppn_row_ints(context, pad, 2 * (uint32_t)amounts.rank)},
                   {"mode", ppn_row_text(context, mode)},
                   {"constant_val", ppn_row_number(context, working, value)});
  return ppn_row_result(context, node, result);
}

static bool pad_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                          ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  amounts_t amounts;
  if (!ppn_row_require_literal(node, reason, "pad", "padding", "mode", "value")) return false;
  if (!x || x->rank == 0 || !read_amounts(node, x->rank, &amounts)) {
    return ppn_row_refuse(reason, "the padding does not fit the tensor");
  }
  const char* mode = pad_mode(node);
  bool is_constant = strcmp(mode, "constant") == 0;
  bool is_edge = strcmp(mode, "reflect") == 0 || strcmp(mode, "replicate") == 0;
  int padded = 0;
  for (int i = 0; i < x->rank; i++) {
    if (is_edge && (amounts.before[i] < 0 || amounts.after[i] < 0)) {
      return ppn_row_refuse(reason, "negative %s padding", mode);
    }
    if (amounts.before[i] <= 0 && amounts.after[i] <= 0) continue;
    padded++;
    if (!is_constant && !ppn_dim_is_static(x->sizes[i])) {
      return ppn_row_refuse(reason, "the padded size is not fixed");
    }
  }
  if (!is_constant && strcmp(mode, "circular") != 0 && padded > 2) {
    return ppn_row_refuse(reason, "%s padding of more than two dimensions", mode);
  }
  return true;
}

static const ppn_lower_row_t rows[] = {
    {"aten::constant_pad_nd", lower_pad, pad_supported, 0, 0},
    {"aten::pad", lower_pad, pad_supported, 0, 0},
    {"aten::reflection_pad1d", lower_pad, pad_supported, 0, 0},
    {"aten::reflection_pad2d", lower_pad, pad_supported, 0, 0},
    {"aten::reflection_pad3d", lower_pad, pad_supported, 0, 0},
    {"aten::replication_pad1d", lower_pad, pad_supported, 0, 0},
    {"aten::replication_pad2d", lower_pad, pad_supported, 0, 0},
    {"aten::replication_pad3d", lower_pad, pad_supported, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(padding, "Padding");
