// Casts that change nothing, and casts of casts whose first loses nothing.
#include "mil/pass_list.h"

// Does every value of `from` exist in `to`?
static bool widens(ppn_dtype_t from, ppn_dtype_t to) {
  if (from == to || from == PPN_DTYPE_BOOL) return true;
  if (from == PPN_DTYPE_FLOAT16) return to == PPN_DTYPE_FLOAT32;
  bool small = from == PPN_DTYPE_INT8 || from == PPN_DTYPE_UINT8;
  bool medium = from == PPN_DTYPE_INT16 || from == PPN_DTYPE_UINT16;
  if (small) return to == PPN_DTYPE_INT32 || to == PPN_DTYPE_FLOAT32 || to == PPN_DTYPE_FLOAT16;
  return medium && (to == PPN_DTYPE_INT32 || to == PPN_DTYPE_FLOAT32);
}

static ppn_status_t visit(void* context, ppn_mil_operation_t* operation) {
  ppn_mil_function_t* function = context;
  if (!ppn_mil_operation_is(operation, "cast")) return ppn_status_ok();
  int index = ppn_mil_parameter_index(operation->op, ppn_sv("x"));
  ppn_mil_value_t** slot = &operation->inputs[index].values[0];
  while ((*slot)->replacement) *slot = (*slot)->replacement;
  ppn_dtype_t to = operation->outputs[0]->type.dtype;
  const ppn_mil_operation_t* before = (*slot)->producer;
  if (ppn_mil_operation_is(before, "cast") && to != PPN_DTYPE_BOOL) {
    ppn_mil_value_t* source = ppn_mil_operation_input(before, "x");
    if (widens(source->type.dtype, (*slot)->type.dtype)) *slot = source;
  }
  if ((*slot)->type.dtype != to || operation->outputs[0]->scratch == function) {
    return ppn_status_ok();
  }
  operation->outputs[0]->replacement = *slot;
  ppn_mil_operation_remove(operation);
  return ppn_status_ok();
}

ppn_status_t ppn_mil_pass_casts(ppn_mil_function_t* function) {
  ppn_mil_clear_scratch(function);
  for (uint32_t i = 0; i < function->block->output_count; i++) {
    function->block->outputs[i]->scratch = function;
  }
  PPN_RETURN_IF_ERROR(ppn_mil_visit_operations(function->block, visit, function));
  ppn_mil_function_apply_replacements(function);
  return ppn_status_ok();
}
