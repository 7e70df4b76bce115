// Folds what is known at compile time without computing: views and casts of constants become
// constants over the same elements.
#include "mil/pass_list.h"
#include "tensor/tensor.h"

static bool is_viewable(const ppn_mil_constant_t* constant) {
  return !constant->scale && !constant->text && !constant->texts &&
         ppn_dtype_size(constant->view.dtype) > 0;
}

// New sizes and strides over the same elements, or false.
static bool view_of(const ppn_mil_operation_t* operation, const ppn_mil_constant_t* constant,
                    ppn_tensor_t* out) {
  const ppn_mil_type_t* type = &operation->outputs[0]->type;
  int64_t permutation[PPN_MAX_RANK];
  uint32_t count = 0;
  *out = constant->view;
  out->rank = type->rank;
  if (!ppn_mil_type_is_static(type) || type->rank > PPN_MAX_RANK) return false;
  for (int i = 0; i < type->rank; i++) out->sizes[i] = type->sizes[i].value;
  if (ppn_mil_operation_is(operation, "transpose")) {
    if (!ppn_mil_input_ints(operation, "perm", permutation, PPN_MAX_RANK, &count)) return false;
    for (int i = 0; i < type->rank; i++) {
      int64_t from = permutation[i] < 0 ? permutation[i] + type->rank : permutation[i];
      out->strides[i] = constant->view.strides[from];
    }
    return true;
  }
  if (!ppn_mil_operation_is(operation, "reshape") && !ppn_mil_operation_is(operation, "squeeze") &&
      !ppn_mil_operation_is(operation, "expand_dims")) {
    return false;
  }
  if (!ppn_tensor_is_contiguous(&constant->view)) return false;
  ppn_strides_contiguous(out->rank, out->sizes, out->strides);
  return true;
}

static ppn_status_t visit(void* context, ppn_mil_operation_t* operation) {
  ppn_mil_function_t* function = context;
  ppn_mil_value_t* x = ppn_mil_operation_input(operation, "x");
  ppn_tensor_t view;
  if (!x || operation->output_count != 1) return ppn_status_ok();
  while (x->replacement) x = x->replacement;
  if (!x->constant || !is_viewable(x->constant) || !view_of(operation, x->constant, &view)) {
    return ppn_status_ok();
  }
  if (operation->outputs[0]->scratch == function) return ppn_status_ok();
  ppn_mil_builder_t builder = {.function = function, .block = operation->parent};
  ppn_mil_constant_t* constant =
      ppn_arena_memdup(&function->program->arena, x->constant, sizeof *constant);
  if (!constant) return ppn_out_of_memory();
  constant->view = view;
  constant->blob_offset = UINT64_MAX;
  ppn_mil_value_t* value = NULL;
  PPN_RETURN_IF_ERROR(ppn_mil_constant_value(&builder, x->name, constant, &value));
  operation->outputs[0]->replacement = value;
  ppn_mil_operation_remove(operation);
  return ppn_status_ok();
}

ppn_status_t ppn_mil_pass_fold(ppn_mil_function_t* function) {
  ppn_mil_clear_scratch(function);
  for (uint32_t i = 0; i < function->block->output_count; i++) {
    function->block->outputs[i]->scratch = function;
  }
  PPN_RETURN_IF_ERROR(ppn_mil_visit_operations(function->block, visit, function));
  ppn_mil_function_apply_replacements(function);
  return ppn_status_ok();
}
