// May a node be lowered? Checks common to all rows, then the row's own.
#include "lower/row.h"
#include "tensor/tensor.h"

enum { MAX_RANK = 5 };

typedef struct check {
  const ppn_lower_row_t* row;
  ppn_buffer_t* reason;
  bool failed;
} check_t;

static void check_value(void* context, ppn_value_t** slot) {
  check_t* check = context;
  const ppn_value_t* value = *slot;
  unsigned flags = check->row->flags;
  if (check->failed || !value) return;
  if (value->kind == PPN_VALUE_CUSTOM) {
    check->failed = !ppn_row_refuse(check->reason, "'%s' is a script object", value->name);
    return;
  }
  if (value->kind != PPN_VALUE_TENSOR || flags & PPN_LOWER_ANY_TENSORS) return;
  const ppn_tensor_meta_t* meta = &value->tensor;
  if (meta->rank > MAX_RANK && !(flags & PPN_LOWER_HIGH_RANK)) {
    check->failed = !ppn_row_refuse(check->reason, "'%s' has rank %d; Core ML has at most %d",
                                    value->name, meta->rank, MAX_RANK);
    return;
  }
  bool is_small = meta->dtype == PPN_DTYPE_INT8 || meta->dtype == PPN_DTYPE_UINT8 ||
                  meta->dtype == PPN_DTYPE_INT16 || meta->dtype == PPN_DTYPE_UINT16;
  if (ppn_lower_dtype(meta->dtype) == PPN_DTYPE_INVALID || meta->dtype == PPN_DTYPE_BFLOAT16 ||
      (is_small && !(flags & PPN_LOWER_SMALL_INTEGERS))) {
    check->failed = !ppn_row_refuse(check->reason, "'%s' is %s; Core ML cannot compute that here",
                                    value->name, ppn_dtype_name(meta->dtype));
    return;
  }
  for (int i = 0; i < meta->rank && !(flags & PPN_LOWER_EMPTY_TENSORS); i++) {
    if (ppn_dim_is(meta->sizes[i], 0)) {
      check->failed =
          !ppn_row_refuse(check->reason, "'%s' is empty (dimension %d is 0)", value->name, i);
      return;
    }
  }
}

static bool check_results(const ppn_node_t* node, ppn_buffer_t* reason) {
  for (uint32_t i = 1; i < node->output_count; i++) {
    const ppn_value_t* result = node->outputs[i];
    if (result && ppn_value_is_used(node->graph, result)) {
      return ppn_row_refuse(reason, "result %u is used, which Core ML does not compute", i);
    }
  }
  return true;
}

bool ppn_lower_is_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason) {
  const ppn_lower_row_t* row = ppn_lower_row_find(node->target);
  if (!row) return ppn_row_refuse(reason, "no lowering of %s to Core ML", node->target);
  if (row->since && options->minimum_opset && options->minimum_opset < row->since) {
    return ppn_row_refuse(reason, "needs iOS %d (target is iOS %d)",
                          ppn_mil_opset_ios_version(row->since),
                          ppn_mil_opset_ios_version(options->minimum_opset));
  }
  check_t check = {row, reason, false};
  for (uint32_t i = 0; i < node->argument_count && !check.failed; i++) {
    if (node->arguments[i].kind == PPN_ARGUMENT_GRAPH) {
      return ppn_row_refuse(reason, "argument '%s' is a graph", node->arguments[i].name);
    }
    ppn_argument_visit_values(&node->arguments[i], check_value, &check);
  }
  for (uint32_t i = 0; i < node->output_count && !check.failed; i++) {
    check_value(&check, &node->outputs[i]);
  }
  if (check.failed) return false;
  if (row->flags & PPN_LOWER_FIRST_RESULT && !check_results(node, reason)) return false;
  return !row->supported || row->supported(node, options, reason);
}

// The first target that the row accepts the node for; 0: none.
ppn_mil_opset_t ppn_row_opset_needed(const ppn_node_t* node,
                                     const ppn_exported_program_t* program) {
  static const ppn_mil_opset_t opsets[] = {PPN_MIL_OPSET_IOS15, PPN_MIL_OPSET_IOS16,
                                           PPN_MIL_OPSET_IOS17, PPN_MIL_OPSET_IOS18,
                                           PPN_MIL_OPSET_IOS26};
  for (size_t i = 0; i < PPN_COUNT_OF(opsets); i++) {
    ppn_lower_options_t options = {.minimum_opset = opsets[i], .program = program};
    if (ppn_lower_is_supported(node, &options, NULL)) return opsets[i];
  }
  return 0;
}

ppn_status_t ppn_lower_check_target(const ppn_node_t* node, const ppn_lower_options_t* options) {
  const ppn_lower_row_t* row = ppn_lower_row_find(node->target);
  if (!row || !(row->flags & PPN_LOWER_COMPRESSED_WEIGHT) || !options->minimum_opset ||
      ppn_lower_is_supported(node, options, NULL)) {
    return ppn_status_ok();
  }
  ppn_mil_opset_t needed = ppn_row_opset_needed(node, options->program);
  if (needed <= options->minimum_opset) return ppn_status_ok();  // refused for another reason
  int version = ppn_mil_opset_ios_version(needed);
  return ppn_status_make(
      PPN_STATUS_INVALID_ARGUMENT,
      "%s: weights in this form need iOS%d (the target is iOS%d). Pass "
      "minimum_deployment_target=iOS%d or later in the compile specs of CoreMLPartitioner "
      "(--minimum-deployment-target iOS%d)",
      ppn_node_describe(node), version, ppn_mil_opset_ios_version(options->minimum_opset), version,
      version);
}
