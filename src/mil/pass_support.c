#include <stdlib.h>
#include <string.h>

#include "mil/pass_list.h"

ppn_status_t ppn_mil_visit_operations(ppn_mil_block_t* block, ppn_mil_operation_visitor_t visit,
                                      void* context) {
  for (ppn_mil_operation_t *operation = block->first, *next; operation; operation = next) {
    next = operation->next;
    for (uint32_t i = 0; i < operation->block_count; i++) {
      PPN_RETURN_IF_ERROR(ppn_mil_visit_operations(operation->blocks[i], visit, context));
    }
    PPN_RETURN_IF_ERROR(visit(context, operation));
  }
  return ppn_status_ok();
}

static void count_use(void* context, ppn_mil_value_t** slot) {
  ((uint32_t*)context)[(*slot)->id]++;
}

static void count_in_block(ppn_mil_block_t* block, uint32_t* uses) {
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ppn_mil_operation_visit_values(operation, count_use, uses);
    for (uint32_t i = 0; i < operation->block_count; i++) {
      count_in_block(operation->blocks[i], uses);
    }
  }
  for (uint32_t i = 0; i < block->output_count; i++) uses[block->outputs[i]->id]++;
}

ppn_status_t ppn_mil_count_uses(ppn_mil_function_t* function, uint32_t** out_uses,
                                uint32_t* out_count) {
  *out_count = ppn_mil_function_number(function);
  *out_uses = calloc((size_t)*out_count + 1, sizeof **out_uses);
  if (!*out_uses) return ppn_out_of_memory();
  count_in_block(function->block, *out_uses);
  return ppn_status_ok();
}

bool ppn_mil_operation_is(const ppn_mil_operation_t* operation, const char* type) {
  return operation && strcmp(operation->op->type, type) == 0;
}

bool ppn_mil_is_function_output(const ppn_mil_function_t* function, const ppn_mil_value_t* value) {
  for (uint32_t i = 0; i < function->block->output_count; i++) {
    if (function->block->outputs[i] == value) return true;
  }
  return false;
}

static void clear(void* context, ppn_mil_value_t** slot) {
  (void)context;
  (*slot)->scratch = NULL;
}

static void clear_block(ppn_mil_block_t* block) {
  for (uint32_t i = 0; i < block->input_count; i++) block->inputs[i]->scratch = NULL;
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ppn_mil_operation_visit_values(operation, clear, NULL);
    for (uint32_t i = 0; i < operation->output_count; i++) operation->outputs[i]->scratch = NULL;
    for (uint32_t i = 0; i < operation->block_count; i++) clear_block(operation->blocks[i]);
  }
  for (uint32_t i = 0; i < block->output_count; i++) block->outputs[i]->scratch = NULL;
}

void ppn_mil_clear_scratch(ppn_mil_function_t* function) {
  for (uint32_t i = 0; i < function->input_count; i++) function->inputs[i]->scratch = NULL;
  clear_block(function->block);
}

ppn_status_t ppn_mil_reinfer(ppn_mil_function_t* function, ppn_mil_operation_t* operation) {
  ppn_mil_type_t* types;
  PPN_ARENA_NEW(&function->program->arena, operation->output_count, &types);
  PPN_RETURN_IF_ERROR_ANNOTATED(operation->op->infer(function, operation, types), "operation '%s'",
                                operation->name);
  // Sizes known from elsewhere are kept.
  for (uint32_t i = 0; i < operation->output_count; i++) {
    ppn_mil_type_t* type = &operation->outputs[i]->type;
    if (type->rank == types[i].rank && type->kind == types[i].kind) {
      type->dtype = types[i].dtype;
    } else {
      *type = types[i];
    }
  }
  return ppn_status_ok();
}

ppn_status_t ppn_mil_set_input(ppn_mil_function_t* function, ppn_mil_operation_t* operation,
                               const char* parameter, ppn_mil_value_t* value) {
  int index = ppn_mil_parameter_index(operation->op, ppn_sv(parameter));
  PPN_ARENA_NEW(&function->program->arena, 1, &operation->inputs[index].values);
  operation->inputs[index].values[0] = value;
  operation->inputs[index].count = 1;
  return ppn_status_ok();
}

static const char* cast_name(ppn_dtype_t dtype) {
  return dtype == PPN_DTYPE_FLOAT16   ? "fp16"
         : dtype == PPN_DTYPE_FLOAT32 ? "fp32"
         : dtype == PPN_DTYPE_INT32   ? "int32"
                                      : ppn_dtype_name(dtype);
}

ppn_status_t ppn_mil_emit_cast(ppn_mil_function_t* function, ppn_mil_block_t* block,
                               ppn_mil_operation_t* before, ppn_mil_value_t* value,
                               ppn_dtype_t dtype, const char* name, ppn_mil_value_t** out) {
  ppn_mil_builder_t builder = {
      .function = function,
      .block = block,
      .before = before,
      .name = name,
      .origin = value->producer ? value->producer->origin : NULL,
  };
  ppn_mil_value_t* type = NULL;
  PPN_RETURN_IF_ERROR(ppn_mil_constant_string(&builder, "dtype", cast_name(dtype), &type));
  ppn_mil_input_t inputs[] = {PPN_MIL_IN("x", value), PPN_MIL_IN("dtype", type)};
  return ppn_mil_emit(&builder, "cast", inputs, 2, NULL, 0, out, 1);
}
