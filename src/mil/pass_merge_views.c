// Merges transposes of transposes, and reshapes of reshapes; what is left of them may be nothing,
// which noop_elimination sees.
#include "mil/fusion.h"
#include "tensor/tensor.h"

static bool permutation_of(const ppn_mil_operation_t* transpose, int rank, int32_t* out) {
  int64_t values[PPN_MAX_RANK];
  uint32_t count = 0;
  if (!ppn_mil_input_ints(transpose, "perm", values, PPN_MAX_RANK, &count) ||
      count != (uint32_t)rank) {
    return false;
  }
  for (int i = 0; i < rank; i++) {
    int64_t axis = values[i] < 0 ? values[i] + rank : values[i];
    if (axis < 0 || axis >= rank) return false;
    out[i] = (int32_t)axis;
  }
  return true;
}

static ppn_status_t merge_transposes(ppn_mil_fusion_t* fusion, ppn_mil_operation_t* operation,
                                     const ppn_mil_operation_t* inner) {
  int32_t first[PPN_MAX_RANK], second[PPN_MAX_RANK], merged[PPN_MAX_RANK];
  ppn_mil_value_t *x = ppn_mil_fusion_operand(inner, "x"), *permutation = NULL, *result;
  int rank = x->type.rank;
  if (rank > PPN_MAX_RANK || !permutation_of(inner, rank, first) ||
      !permutation_of(operation, rank, second)) {
    return ppn_status_ok();
  }
  for (int i = 0; i < rank; i++) merged[i] = first[second[i]];
  ppn_mil_builder_t builder = ppn_mil_fusion_builder(fusion, operation);
  PPN_RETURN_IF_ERROR(
      ppn_mil_constant_int32s(&builder, "perm", merged, (uint32_t)rank, &permutation));
  ppn_mil_input_t inputs[] = {PPN_MIL_IN("x", x), PPN_MIL_IN("perm", permutation)};
  PPN_RETURN_IF_ERROR(ppn_mil_emit(&builder, "transpose", inputs, 2, NULL, 0, &result, 1));
  ppn_mil_fusion_replace(operation, result);
  return ppn_status_ok();
}

// The outer reshape's shape holds for the inner one's operand too, unless it copies sizes (0).
static ppn_status_t merge_reshapes(ppn_mil_fusion_t* fusion, ppn_mil_operation_t* operation,
                                   const ppn_mil_operation_t* inner) {
  int64_t sizes[PPN_MAX_RANK];
  uint32_t count = 0;
  if (!ppn_mil_input_ints(operation, "shape", sizes, PPN_MAX_RANK, &count) ||
      count > PPN_MAX_RANK) {
    return ppn_status_ok();
  }
  for (uint32_t i = 0; i < count; i++) {
    if (sizes[i] == 0) return ppn_status_ok();
  }
  return ppn_mil_set_input(fusion->function, operation, "x", ppn_mil_fusion_operand(inner, "x"));
}

static ppn_status_t fuse(ppn_mil_fusion_t* fusion, ppn_mil_operation_t* operation) {
  bool is_transpose = ppn_mil_operation_is(operation, "transpose");
  if (!is_transpose && !ppn_mil_operation_is(operation, "reshape")) return ppn_status_ok();
  ppn_mil_value_t* x = ppn_mil_fusion_operand(operation, "x");
  ppn_mil_operation_t* inner = ppn_mil_fusion_producer(x, operation->op->type);
  if (!inner || !ppn_mil_fusion_used_once(fusion, x)) return ppn_status_ok();
  return is_transpose ? merge_transposes(fusion, operation, inner)
                      : merge_reshapes(fusion, operation, inner);
}

ppn_status_t ppn_mil_pass_merge_views(ppn_mil_function_t* function) {
  return ppn_mil_fusion_run(function, fuse);
}
