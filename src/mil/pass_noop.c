// Removes operations that give back their operand: identities, reshapes to the same shape, casts to
// the same type, and the like. Results of the function keep their operation.
#include <string.h>

#include "mil/pass_list.h"
#include "tensor/tensor.h"

static bool is_scalar_number(const ppn_mil_value_t* value, double number) {
  return value && value->constant && !value->constant->text && !value->constant->texts &&
         value->type.rank == 0 && ppn_mil_constant_element(value->constant, 0) == number;
}

static bool keeps_type(const ppn_mil_operation_t* operation, const ppn_mil_value_t* x) {
  return ppn_mil_type_equal(&operation->outputs[0]->type, &x->type);
}

static bool is_identity_permutation(const ppn_mil_operation_t* operation) {
  int64_t permutation[PPN_MAX_RANK];
  uint32_t count = 0;
  if (!ppn_mil_input_ints(operation, "perm", permutation, PPN_MAX_RANK, &count)) return false;
  for (uint32_t i = 0; i < count && i < PPN_MAX_RANK; i++) {
    if (permutation[i] != i) return false;
  }
  return true;
}

// The operand the operation is equal to, or NULL.
static ppn_mil_value_t* operand_given_back(const ppn_mil_operation_t* operation) {
  const char* type = operation->op->type;
  if (operation->output_count != 1) return NULL;
  ppn_mil_value_t *x = ppn_mil_operation_input(operation, "x"),
                  *y = ppn_mil_operation_input(operation, "y");
  if (!x || !keeps_type(operation, x)) return NULL;
  if (strcmp(type, "identity") == 0 || strcmp(type, "reshape") == 0 || strcmp(type, "cast") == 0 ||
      strcmp(type, "tile") == 0 || strcmp(type, "pad") == 0) {
    return x;
  }
  if (strcmp(type, "transpose") == 0) return is_identity_permutation(operation) ? x : NULL;
  if (strcmp(type, "add") == 0 || strcmp(type, "sub") == 0) {
    return is_scalar_number(y, 0) ? x : NULL;
  }
  if (strcmp(type, "mul") == 0 || strcmp(type, "real_div") == 0 || strcmp(type, "pow") == 0) {
    return is_scalar_number(y, 1) ? x : NULL;
  }
  return NULL;
}

static ppn_status_t visit(void* context, ppn_mil_operation_t* operation) {
  ppn_mil_function_t* function = context;
  ppn_mil_value_t* x = operand_given_back(operation);
  if (!x || operation->outputs[0]->scratch == function) return ppn_status_ok();
  operation->outputs[0]->replacement = x;
  ppn_mil_operation_remove(operation);
  return ppn_status_ok();
}

// Replacements of removed operations' results are found through their users only; the values die
// with their operation, so that nothing needs to be cleared.
ppn_status_t ppn_mil_pass_noop(ppn_mil_function_t* function) {
  ppn_mil_clear_scratch(function);
  for (uint32_t i = 0; i < function->block->output_count; i++) {
    function->block->outputs[i]->scratch = function;
  }
  PPN_RETURN_IF_ERROR(ppn_mil_visit_operations(function->block, visit, function));
  ppn_mil_function_apply_replacements(function);
  return ppn_status_ok();
}
