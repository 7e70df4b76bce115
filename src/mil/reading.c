// Reading operations, and walks over a function.
#include <string.h>

#include "mil/op.h"

const ppn_mil_argument_t* ppn_mil_operation_argument(const ppn_mil_operation_t* operation,
                                                     const char* parameter) {
  int index = ppn_mil_parameter_index(operation->op, ppn_sv(parameter));
  return index < 0 ? NULL : &operation->inputs[index];
}

ppn_mil_value_t* ppn_mil_operation_input(const ppn_mil_operation_t* operation,
                                         const char* parameter) {
  int index = ppn_mil_parameter_index(operation->op, ppn_sv(parameter));
  if (index < 0 || operation->op->parameters[index].flags & PPN_MIL_TUPLE) return NULL;
  return operation->inputs[index].count == 1 ? operation->inputs[index].values[0] : NULL;
}

static const ppn_mil_constant_t* constant_input(const ppn_mil_operation_t* operation,
                                                const char* parameter) {
  const ppn_mil_value_t* value = ppn_mil_operation_input(operation, parameter);
  return value ? value->constant : NULL;
}

static bool has_numbers(const ppn_mil_constant_t* constant) {
  return constant && !constant->text && !constant->texts && ppn_mil_constant_numel(constant) > 0;
}

int64_t ppn_mil_input_int(const ppn_mil_operation_t* operation, const char* parameter,
                          int64_t fallback) {
  const ppn_mil_constant_t* constant = constant_input(operation, parameter);
  return has_numbers(constant) ? (int64_t)ppn_mil_constant_element(constant, 0) : fallback;
}

double ppn_mil_input_float(const ppn_mil_operation_t* operation, const char* parameter,
                           double fallback) {
  const ppn_mil_constant_t* constant = constant_input(operation, parameter);
  return has_numbers(constant) ? ppn_mil_constant_element(constant, 0) : fallback;
}

bool ppn_mil_input_bool(const ppn_mil_operation_t* operation, const char* parameter,
                        bool fallback) {
  const ppn_mil_constant_t* constant = constant_input(operation, parameter);
  return has_numbers(constant) ? ppn_mil_constant_element(constant, 0) != 0 : fallback;
}

const char* ppn_mil_input_string(const ppn_mil_operation_t* operation, const char* parameter,
                                 const char* fallback) {
  const ppn_mil_constant_t* constant = constant_input(operation, parameter);
  return constant && constant->text ? constant->text : fallback;
}

bool ppn_mil_input_ints(const ppn_mil_operation_t* operation, const char* parameter, int64_t* out,
                        uint32_t capacity, uint32_t* out_count) {
  const ppn_mil_constant_t* constant = constant_input(operation, parameter);
  *out_count = 0;
  if (!constant || constant->text || constant->texts) return false;
  int64_t count = ppn_mil_constant_numel(constant);
  for (int64_t i = 0; i < count && i < (int64_t)capacity; i++) {
    out[i] = (int64_t)ppn_mil_constant_element(constant, i);
  }
  *out_count = (uint32_t)count;
  return true;
}

void ppn_mil_operation_visit_values(ppn_mil_operation_t* operation, ppn_mil_value_visitor_t visit,
                                    void* context) {
  for (uint32_t i = 0; i < operation->op->parameter_count; i++) {
    for (uint32_t j = 0; j < operation->inputs[i].count; j++) {
      visit(context, &operation->inputs[i].values[j]);
    }
  }
}

// ---- Replacement ----

static void replace(void* context, ppn_mil_value_t** slot) {
  (void)context;
  while (*slot && (*slot)->replacement) *slot = (*slot)->replacement;
}

static void apply_in_block(ppn_mil_block_t* block) {
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ppn_mil_operation_visit_values(operation, replace, NULL);
    for (uint32_t i = 0; i < operation->block_count; i++) apply_in_block(operation->blocks[i]);
  }
  for (uint32_t i = 0; i < block->output_count; i++) replace(NULL, &block->outputs[i]);
}

static void clear_in_block(ppn_mil_block_t* block) {
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    for (uint32_t i = 0; i < operation->output_count; i++) {
      operation->outputs[i]->replacement = NULL;
    }
    for (uint32_t i = 0; i < operation->block_count; i++) clear_in_block(operation->blocks[i]);
  }
}

void ppn_mil_function_apply_replacements(ppn_mil_function_t* function) {
  apply_in_block(function->block);
  clear_in_block(function->block);
  for (uint32_t i = 0; i < function->input_count; i++) function->inputs[i]->replacement = NULL;
}

// ---- Numbering ----

static void forget(void* context, ppn_mil_value_t** slot) {
  (void)context;
  (*slot)->id = UINT32_MAX;
}

static void forget_block(ppn_mil_block_t* block) {
  for (uint32_t i = 0; i < block->input_count; i++) block->inputs[i]->id = UINT32_MAX;
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ppn_mil_operation_visit_values(operation, forget, NULL);
    for (uint32_t i = 0; i < operation->output_count; i++) operation->outputs[i]->id = UINT32_MAX;
    for (uint32_t i = 0; i < operation->block_count; i++) forget_block(operation->blocks[i]);
  }
  for (uint32_t i = 0; i < block->output_count; i++) block->outputs[i]->id = UINT32_MAX;
}

static void number(void* context, ppn_mil_value_t** slot) {
  uint32_t* next = context;
  if ((*slot)->id == UINT32_MAX) (*slot)->id = (*next)++;
}

static void number_block(ppn_mil_block_t* block, uint32_t* next) {
  for (uint32_t i = 0; i < block->input_count; i++) number(next, &block->inputs[i]);
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ppn_mil_operation_visit_values(operation, number, next);
    for (uint32_t i = 0; i < operation->block_count; i++) number_block(operation->blocks[i], next);
    for (uint32_t i = 0; i < operation->output_count; i++) number(next, &operation->outputs[i]);
  }
  for (uint32_t i = 0; i < block->output_count; i++) number(next, &block->outputs[i]);
}

uint32_t ppn_mil_function_number(ppn_mil_function_t* function) {
  uint32_t next = 0;
  for (uint32_t i = 0; i < function->input_count; i++) function->inputs[i]->id = UINT32_MAX;
  forget_block(function->block);
  for (uint32_t i = 0; i < function->input_count; i++) number(&next, &function->inputs[i]);
  number_block(function->block, &next);
  return next;
}
