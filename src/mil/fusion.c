#include "mil/fusion.h"

#include <math.h>
#include <stdlib.h>

typedef struct run {
  ppn_mil_fusion_t fusion;
  ppn_mil_fuse_t fuse;
} run_t;

static ppn_status_t visit(void* context, ppn_mil_operation_t* operation) {
  run_t* run = context;
  return run->fuse(&run->fusion, operation);
}

ppn_status_t ppn_mil_fusion_run(ppn_mil_function_t* function, ppn_mil_fuse_t fuse) {
  run_t run = {.fusion = {.function = function}, .fuse = fuse};
  PPN_RETURN_IF_ERROR(ppn_mil_count_uses(function, &run.fusion.uses, &run.fusion.count));
  ppn_status_t status = ppn_mil_visit_operations(function->block, visit, &run);
  free(run.fusion.uses);
  if (!status) ppn_mil_function_apply_replacements(function);
  return status;
}

ppn_mil_value_t* ppn_mil_fusion_operand(const ppn_mil_operation_t* operation,
                                        const char* parameter) {
  ppn_mil_value_t* value = ppn_mil_operation_input(operation, parameter);
  while (value && value->replacement) value = value->replacement;
  return value;
}

ppn_mil_operation_t* ppn_mil_fusion_producer(const ppn_mil_value_t* value, const char* type) {
  if (!value || !ppn_mil_operation_is(value->producer, type)) return NULL;
  return value->producer;
}

bool ppn_mil_fusion_used_once(const ppn_mil_fusion_t* fusion, const ppn_mil_value_t* value) {
  return value->id < fusion->count && fusion->uses[value->id] == 1;
}

bool ppn_mil_fusion_number(const ppn_mil_value_t* value, double* out_number) {
  const ppn_mil_constant_t* constant = value ? value->constant : NULL;
  if (!constant || constant->text || constant->texts || constant->view.rank > 1 ||
      ppn_mil_constant_numel(constant) != 1) {
    return false;
  }
  *out_number = ppn_mil_constant_element(constant, 0);
  return true;
}

bool ppn_mil_fusion_close(double a, double b) {
  return fabs(a - b) <= 1e-3 * fabs(b);
}

bool ppn_mil_fusion_is_number(const ppn_mil_value_t* value, double number) {
  double found;
  return ppn_mil_fusion_number(value, &found) && ppn_mil_fusion_close(found, number);
}

bool ppn_mil_fusion_with_constant(const ppn_mil_operation_t* operation, ppn_mil_value_t** out_value,
                                  ppn_mil_value_t** out_constant) {
  ppn_mil_value_t *x = ppn_mil_fusion_operand(operation, "x"),
                  *y = ppn_mil_fusion_operand(operation, "y");
  if (!x || !y || !x->constant == !y->constant) return false;
  *out_value = x->constant ? y : x;
  *out_constant = x->constant ? x : y;
  return true;
}

void ppn_mil_fusion_replace(ppn_mil_operation_t* operation, ppn_mil_value_t* value) {
  ppn_mil_value_t* old = operation->outputs[0];
  value->name = old->name;
  value->id = old->id;  // its users are the value's from now on
  old->replacement = value;
  ppn_mil_operation_remove(operation);
}

ppn_mil_builder_t ppn_mil_fusion_builder(const ppn_mil_fusion_t* fusion,
                                         ppn_mil_operation_t* operation) {
  ppn_mil_builder_t builder = {.function = fusion->function,
                               .block = operation->parent,
                               .before = operation,
                               .name = operation->name,
                               .origin = operation->origin};
  return builder;
}
