// Building operations and constants.
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/half.h"
#include "mil/op.h"

// ---- Constants ----

ppn_status_t ppn_mil_constant_value(ppn_mil_builder_t* builder, const char* name,
                                    const ppn_mil_constant_t* constant, ppn_mil_value_t** out) {
  ppn_mil_program_t* program = builder->function->program;
  ppn_mil_value_t* value;
  PPN_ARENA_NEW(&program->arena, 1, &value);
  value->name = name ? name : "const";
  value->constant = constant;
  value->type = (ppn_mil_type_t){
      .kind = PPN_MIL_TENSOR, .dtype = constant->dtype, .rank = constant->view.rank};
  PPN_ARENA_NEW(&program->arena, constant->view.rank, &value->type.sizes);
  for (int i = 0; i < constant->view.rank; i++) {
    value->type.sizes[i] = ppn_dim_static(constant->view.sizes[i]);
  }
  *out = value;
  return ppn_status_ok();
}

ppn_status_t ppn_mil_constant_tensor(ppn_mil_builder_t* builder, const char* name,
                                     ppn_dtype_t dtype, int rank, const int64_t* sizes,
                                     const void* data, ppn_mil_value_t** out) {
  ppn_arena_t* arena = &builder->function->program->arena;
  ppn_mil_constant_t* constant;
  PPN_ARENA_NEW(arena, 1, &constant);
  constant->dtype = dtype;
  constant->view = ppn_tensor_make(NULL, dtype, rank, sizes);
  constant->view_size = ppn_tensor_size(&constant->view);
  constant->view.data = ppn_arena_memdup(arena, data, constant->view_size);
  if (!constant->view.data) return ppn_out_of_memory();
  constant->blob_offset = UINT64_MAX;
  return ppn_mil_constant_value(builder, name, constant, out);
}

ppn_status_t ppn_mil_constant_int32(ppn_mil_builder_t* builder, const char* name, int32_t value,
                                    ppn_mil_value_t** out) {
  return ppn_mil_constant_tensor(builder, name, PPN_DTYPE_INT32, 0, NULL, &value, out);
}

ppn_status_t ppn_mil_constant_int32s(ppn_mil_builder_t* builder, const char* name,
                                     const int32_t* values, uint32_t count, ppn_mil_value_t** out) {
  int64_t size = count;
  return ppn_mil_constant_tensor(builder, name, PPN_DTYPE_INT32, 1, &size, values, out);
}

ppn_status_t ppn_mil_constant_bool(ppn_mil_builder_t* builder, const char* name, bool value,
                                   ppn_mil_value_t** out) {
  uint8_t byte = value;
  return ppn_mil_constant_tensor(builder, name, PPN_DTYPE_BOOL, 0, NULL, &byte, out);
}

ppn_status_t ppn_mil_constant_string(ppn_mil_builder_t* builder, const char* name,
                                     const char* value, ppn_mil_value_t** out) {
  ppn_arena_t* arena = &builder->function->program->arena;
  ppn_mil_constant_t* constant;
  PPN_ARENA_NEW(arena, 1, &constant);
  constant->dtype = PPN_DTYPE_STRING;
  constant->view = ppn_tensor_make(NULL, PPN_DTYPE_STRING, 0, NULL);
  constant->text = ppn_arena_strdup(arena, ppn_sv(value));
  if (!constant->text) return ppn_out_of_memory();
  constant->blob_offset = UINT64_MAX;
  return ppn_mil_constant_value(builder, name, constant, out);
}

ppn_status_t ppn_mil_constant_float(ppn_mil_builder_t* builder, const char* name, ppn_dtype_t dtype,
                                    double value, ppn_mil_value_t** out) {
  if (dtype == PPN_DTYPE_FLOAT16) {
    uint16_t half = ppn_float_to_half((float)value);
    return ppn_mil_constant_tensor(builder, name, dtype, 0, NULL, &half, out);
  }
  float single = (float)value;
  return ppn_mil_constant_tensor(builder, name, PPN_DTYPE_FLOAT32, 0, NULL, &single, out);
}

// ---- Binding ----

static ppn_status_t bind_inputs(const ppn_mil_op_t* op, ppn_arena_t* arena,
                                ppn_mil_operation_t* operation, const ppn_mil_input_t* inputs,
                                uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    int index = ppn_mil_parameter_index(op, ppn_sv(inputs[i].name));
    if (index < 0) {
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "%s has no parameter '%s'", op->type,
                             inputs[i].name);
    }
    const ppn_mil_parameter_t* parameter = &op->parameters[index];
    ppn_mil_argument_t* argument = &operation->inputs[index];
    if (argument->count > 0) {
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "%s: parameter '%s' is given twice",
                             op->type, parameter->name);
    }
    if (inputs[i].count != 1 && !(parameter->flags & PPN_MIL_TUPLE)) {
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "%s: parameter '%s' takes one value, not %u", op->type,
                             parameter->name, inputs[i].count);
    }
    PPN_ARENA_NEW(arena, inputs[i].count, &argument->values);
    for (uint32_t j = 0; j < inputs[i].count; j++) {
      argument->values[j] = inputs[i].values[j];
      if (!argument->values[j]) {
        return ppn_status_make(PPN_STATUS_INTERNAL, "%s: parameter '%s' is bound to nothing",
                               op->type, parameter->name);
      }
    }
    argument->count = inputs[i].count;
  }
  return ppn_status_ok();
}

// ---- Checking ----

static bool is_known(const ppn_mil_value_t* value) {
  return value->constant ||
         (value->producer && strncmp(value->producer->op->type, "constexpr_", 10) == 0);
}

static bool takes_type(const ppn_mil_parameter_t* parameter, const ppn_mil_type_t* type) {
  if (type->kind != PPN_MIL_TENSOR) return parameter->dtypes == 0x7fffffff;
  return parameter->dtypes == 0x7fffffff || parameter->dtypes >> type->dtype & 1;
}

// matmul of iOS 17 has a letter for y; without a constant side both dtypes must still agree. Other
// operations are as their letters say.
static ppn_status_t check_inputs(const ppn_mil_op_t* op, const ppn_mil_operation_t* operation) {
  for (uint32_t i = 0; i < op->parameter_count; i++) {
    const ppn_mil_parameter_t* parameter = &op->parameters[i];
    for (uint32_t j = 0; j < operation->inputs[i].count; j++) {
      const ppn_mil_value_t* value = operation->inputs[i].values[j];
      if (!takes_type(parameter, &value->type)) {
        return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "%s: parameter '%s' cannot be %s",
                               op->type, parameter->name, ppn_dtype_name(value->type.dtype));
      }
      if (parameter->flags & PPN_MIL_CONST && !is_known(value)) {
        return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                               "%s: parameter '%s' must be a constant, '%s' is computed", op->type,
                               parameter->name, value->name);
      }
    }
    if (!parameter->type_letter || operation->inputs[i].count == 0) continue;
    for (uint32_t j = 0; j < i; j++) {
      if (op->parameters[j].type_letter != parameter->type_letter || !operation->inputs[j].count) {
        continue;
      }
      ppn_dtype_t first = operation->inputs[j].values[0]->type.dtype;
      ppn_dtype_t second = operation->inputs[i].values[0]->type.dtype;
      if (first != second) {
        return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                               "%s: parameters '%s' and '%s' must have one type, found %s and %s",
                               op->type, op->parameters[j].name, parameter->name,
                               ppn_dtype_name(first), ppn_dtype_name(second));
      }
    }
  }
  return ppn_status_ok();
}

// ---- Emission ----

static void insert(ppn_mil_builder_t* builder, ppn_mil_operation_t* operation) {
  ppn_mil_block_t* block = builder->block;
  operation->parent = block;
  operation->next = builder->before;
  operation->previous = builder->before ? builder->before->previous : block->last;
  if (operation->previous) {
    operation->previous->next = operation;
  } else {
    block->first = operation;
  }
  if (operation->next) {
    operation->next->previous = operation;
  } else {
    block->last = operation;
  }
}

// Nothing after inference meets sizes below 0 or more elements than can be counted, whatever the
// parameters in a file were.
static ppn_status_t check_output(const ppn_mil_operation_t* operation, const ppn_mil_type_t* type) {
  int64_t numel = 16;  // the largest element has 16 bytes
  for (int i = 0; i < type->rank; i++) {
    int64_t size = type->sizes[i].value;
    if (!ppn_dim_is_static(type->sizes[i]) || size == 0) continue;
    if (size < 0 || !ppn_checked_multiply_i64(numel, size, &numel)) {
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "%s: a result of size %lld in dimension %d", operation->op->type,
                             (long long)size, i);
    }
  }
  return ppn_status_ok();
}

static ppn_status_t make_outputs(ppn_mil_builder_t* builder, ppn_mil_operation_t* operation,
                                 uint32_t count) {
  ppn_mil_program_t* program = builder->function->program;
  ppn_mil_type_t* types;
  ppn_mil_value_t* values;
  PPN_ARENA_NEW(&program->arena, count, &types);
  PPN_ARENA_NEW(&program->arena, count, &values);
  PPN_ARENA_NEW(&program->arena, count, &operation->outputs);
  PPN_RETURN_IF_ERROR(operation->op->infer(builder->function, operation, types));
  for (uint32_t i = 0; i < count; i++) {
    PPN_RETURN_IF_ERROR(check_output(operation, &types[i]));
    values[i].name = operation->name;
    values[i].type = types[i];
    values[i].producer = operation;
    values[i].output_index = i;
    operation->outputs[i] = &values[i];
  }
  return ppn_status_ok();
}

static ppn_status_t build(ppn_mil_builder_t* builder, const ppn_mil_op_t* op,
                          const ppn_mil_input_t* inputs, uint32_t input_count,
                          ppn_mil_block_t* const* blocks, uint32_t block_count,
                          uint32_t output_count, ppn_mil_operation_t** out_operation) {
  ppn_arena_t* arena = &builder->function->program->arena;
  ppn_mil_operation_t* operation;
  PPN_ARENA_NEW(arena, 1, &operation);
  operation->op = op;
  operation->name = builder->name ? builder->name : op->type;
  operation->origin = builder->origin;
  PPN_ARENA_NEW(arena, op->parameter_count, &operation->inputs);
  PPN_RETURN_IF_ERROR(bind_inputs(op, arena, operation, inputs, input_count));
  PPN_RETURN_IF_ERROR(ppn_mil_operation_add_defaults(builder, operation));
  PPN_RETURN_IF_ERROR(check_inputs(op, operation));
  PPN_ARENA_NEW(arena, block_count, &operation->blocks);
  for (uint32_t i = 0; i < block_count; i++) {
    operation->blocks[i] = blocks[i];
    blocks[i]->parent = operation;
  }
  operation->block_count = block_count;
  uint32_t expected = op->count_outputs ? op->count_outputs(operation) : op->output_count;
  if (expected != output_count) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "%s has %u results, %u are wanted",
                           op->type, expected, output_count);
  }
  operation->output_count = output_count;
  PPN_RETURN_IF_ERROR(make_outputs(builder, operation, output_count));
  *out_operation = operation;
  return ppn_status_ok();
}

ppn_status_t ppn_mil_emit(ppn_mil_builder_t* builder, const char* op_type,
                          const ppn_mil_input_t* inputs, uint32_t input_count,
                          ppn_mil_block_t* const* blocks, uint32_t block_count,
                          ppn_mil_value_t** out_values, uint32_t output_count) {
  const ppn_mil_op_t* op = ppn_mil_op_find(ppn_sv(op_type), builder->function->opset);
  if (!op) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "opset %s has no operation '%s'",
                           ppn_mil_opset_name(builder->function->opset), op_type);
  }
  ppn_mil_operation_t* operation = NULL;
  PPN_RETURN_IF_ERROR(
      build(builder, op, inputs, input_count, blocks, block_count, output_count, &operation));
  insert(builder, operation);
  for (uint32_t i = 0; i < output_count; i++) out_values[i] = operation->outputs[i];
  return ppn_status_ok();
}

void ppn_mil_operation_remove(ppn_mil_operation_t* operation) {
  ppn_mil_block_t* block = operation->parent;
  if (operation->previous) {
    operation->previous->next = operation->next;
  } else {
    block->first = operation->next;
  }
  if (operation->next) {
    operation->next->previous = operation->previous;
  } else {
    block->last = operation->previous;
  }
  operation->previous = operation->next = NULL;
}
