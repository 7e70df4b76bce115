// Default values of parameters, as the official tools write them.
#include "mil/op.h"
#include "tensor/tensor.h"

// The dtype of a default that follows its letter: that of the inputs that share it.
static ppn_dtype_t letter_dtype(const ppn_mil_op_t* op, const ppn_mil_operation_t* operation,
                                const ppn_mil_parameter_t* parameter) {
  for (uint32_t i = 0; parameter->type_letter && i < op->parameter_count; i++) {
    if (op->parameters[i].type_letter == parameter->type_letter && operation->inputs[i].count) {
      return operation->inputs[i].values[0]->type.dtype;
    }
  }
  // A letter of its own (iOS 17): the dtype of the main operand, when the parameter can have it.
  if (parameter->type_letter && operation->inputs[0].count) {
    ppn_dtype_t dtype = operation->inputs[0].values[0]->type.dtype;
    if (parameter->dtypes >> dtype & 1) return dtype;
  }
  return parameter->default_kind == PPN_MIL_DEFAULT_INT && parameter->dtypes >> PPN_DTYPE_INT32 & 1
             ? PPN_DTYPE_INT32
             : PPN_DTYPE_FLOAT32;
}

static ppn_status_t make_number(ppn_mil_builder_t* builder, const ppn_mil_operation_t* operation,
                                const ppn_mil_parameter_t* parameter, ppn_mil_value_t** out) {
  double number = parameter->default_number;
  ppn_dtype_t dtype = letter_dtype(operation->op, operation, parameter);
  if (ppn_dtype_is_float(dtype)) {
    return ppn_mil_constant_float(builder, parameter->name, dtype, number, out);
  }
  return dtype == PPN_DTYPE_BOOL
             ? ppn_mil_constant_bool(builder, parameter->name, number != 0, out)
             : ppn_mil_constant_int32(builder, parameter->name, (int32_t)number, out);
}

// Nothing (*out stays NULL) for ranks that the operation cannot have; inference says so.
static ppn_status_t make_vector(ppn_mil_builder_t* builder, const ppn_mil_operation_t* operation,
                                const ppn_mil_parameter_t* parameter, ppn_mil_value_t** out) {
  const ppn_mil_value_t* x = ppn_mil_operation_input(operation, "x");
  int32_t values[2 * PPN_MAX_RANK];
  int rank = x ? x->type.rank : 0, count = 1;
  if (rank > PPN_MAX_RANK) return ppn_status_ok();
  if (parameter->default_kind == PPN_MIL_DEFAULT_SPATIAL) count = rank - 2;
  if (parameter->default_kind == PPN_MIL_DEFAULT_SPATIAL_PAIRS) count = 2 * (rank - 2);
  if (parameter->default_kind == PPN_MIL_DEFAULT_ALL_AXES) count = rank;
  if (count < 0) return ppn_status_ok();
  for (int i = 0; i < count; i++) {
    values[i] = parameter->default_kind == PPN_MIL_DEFAULT_ALL_AXES
                    ? i
                    : (int32_t)parameter->default_number;
  }
  return ppn_mil_constant_int32s(builder, parameter->name, values, (uint32_t)count, out);
}

static ppn_status_t make_default(ppn_mil_builder_t* builder, const ppn_mil_operation_t* operation,
                                 const ppn_mil_parameter_t* parameter, ppn_mil_value_t** out) {
  *out = NULL;
  switch (parameter->default_kind) {
    case PPN_MIL_DEFAULT_NONE:
      return ppn_status_ok();
    case PPN_MIL_DEFAULT_BOOL:
      return ppn_mil_constant_bool(builder, parameter->name, parameter->default_number != 0, out);
    case PPN_MIL_DEFAULT_INDICES_STRING:
      if (!ppn_mil_input_bool(operation, "return_indices", true)) return ppn_status_ok();
      return ppn_mil_constant_string(builder, parameter->name, parameter->default_text, out);
    case PPN_MIL_DEFAULT_STRING:
      return ppn_mil_constant_string(builder, parameter->name, parameter->default_text, out);
    case PPN_MIL_DEFAULT_SPATIAL:
    case PPN_MIL_DEFAULT_SPATIAL_PAIRS:
    case PPN_MIL_DEFAULT_ALL_AXES:
    case PPN_MIL_DEFAULT_VECTOR:
      return make_vector(builder, operation, parameter, out);
    default:
      return make_number(builder, operation, parameter, out);
  }
}

ppn_status_t ppn_mil_operation_add_defaults(ppn_mil_builder_t* builder,
                                            ppn_mil_operation_t* operation) {
  const ppn_mil_op_t* op = operation->op;
  for (uint32_t i = 0; i < op->parameter_count; i++) {
    const ppn_mil_parameter_t* parameter = &op->parameters[i];
    if (operation->inputs[i].count > 0) continue;
    if (!(parameter->flags & PPN_MIL_OPTIONAL)) {
      if (parameter->flags & PPN_MIL_TUPLE) continue;  // an empty tuple; inference decides
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "%s: parameter '%s' is missing", op->type,
                             parameter->name);
    }
    ppn_mil_value_t* value = NULL;
    PPN_RETURN_IF_ERROR(make_default(builder, operation, parameter, &value));
    if (!value) continue;
    PPN_ARENA_NEW(&builder->function->program->arena, 1, &operation->inputs[i].values);
    operation->inputs[i].values[0] = value;
    operation->inputs[i].count = 1;
  }
  return ppn_status_ok();
}
