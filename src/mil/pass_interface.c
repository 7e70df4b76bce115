// The function's interface: types that a model of this version may have, and a use for every input.
#include "mil/pass_list.h"

static bool is_allowed(const ppn_mil_function_t* function, ppn_dtype_t dtype) {
  switch (dtype) {
    case PPN_DTYPE_FLOAT32:
    case PPN_DTYPE_INT32:
    case PPN_DTYPE_STRING:
    case PPN_DTYPE_INT64:
    case PPN_DTYPE_FLOAT64:
      return true;
    case PPN_DTYPE_FLOAT16:
      return function->opset >= PPN_MIL_OPSET_IOS16;
    case PPN_DTYPE_INT8:
      return function->opset >= PPN_MIL_OPSET_IOS26;
    default:
      return false;
  }
}

// Integers travel as int32, everything else as fp32.
static ppn_dtype_t stand_in(ppn_dtype_t dtype) {
  return ppn_dtype_is_integer(dtype) ? PPN_DTYPE_INT32 : PPN_DTYPE_FLOAT32;
}

static ppn_status_t adjust_input(ppn_mil_function_t* function, uint32_t index) {
  ppn_mil_value_t* old = function->inputs[index];
  if (old->type.kind != PPN_MIL_TENSOR || is_allowed(function, old->type.dtype)) {
    return ppn_status_ok();
  }
  ppn_arena_t* arena = &function->program->arena;
  ppn_mil_value_t* input = ppn_arena_memdup(arena, old, sizeof *input);
  if (!input) return ppn_out_of_memory();
  input->type.dtype = stand_in(old->type.dtype);
  input->replacement = NULL;
  const char* name =
      ppn_arena_printf(arena, "%s_to_%s", old->name, ppn_dtype_name(old->type.dtype));
  if (!name) return ppn_out_of_memory();
  ppn_mil_value_t* inside = NULL;
  PPN_RETURN_IF_ERROR(ppn_mil_emit_cast(function, function->block, function->block->first, input,
                                        old->type.dtype, name, &inside));
  function->inputs[index] = input;
  old->replacement = inside;
  return ppn_status_ok();
}

static ppn_status_t adjust_output(ppn_mil_function_t* function, uint32_t index) {
  ppn_mil_value_t* value = function->block->outputs[index];
  if (value->type.kind != PPN_MIL_TENSOR || is_allowed(function, value->type.dtype)) {
    return ppn_status_ok();
  }
  const char* name = value->name;
  value->name =
      ppn_arena_printf(&function->program->arena, "%s_%s", name, ppn_dtype_name(value->type.dtype));
  if (!value->name) return ppn_out_of_memory();
  ppn_mil_value_t* outside = NULL;
  PPN_RETURN_IF_ERROR(ppn_mil_emit_cast(function, function->block, NULL, value,
                                        stand_in(value->type.dtype), name, &outside));
  outside->name = name;
  function->block->outputs[index] = outside;
  return ppn_status_ok();
}

ppn_status_t ppn_mil_pass_interface_types(ppn_mil_function_t* function) {
  for (uint32_t i = 0; i < function->input_count; i++) {
    PPN_RETURN_IF_ERROR(adjust_input(function, i));
  }
  ppn_mil_function_apply_replacements(function);
  for (uint32_t i = 0; i < function->block->output_count; i++) {
    PPN_RETURN_IF_ERROR(adjust_output(function, i));
  }
  return ppn_status_ok();
}

static void mark(void* context, ppn_mil_value_t** slot) {
  (*slot)->scratch = context;
}

static ppn_status_t mark_operands(void* context, ppn_mil_operation_t* operation) {
  ppn_mil_operation_visit_values(operation, mark, context);
  return ppn_status_ok();
}

// Core ML drops inputs that nothing reads; an identity reads them.
ppn_status_t ppn_mil_pass_unused_inputs(ppn_mil_function_t* function) {
  ppn_mil_clear_scratch(function);
  PPN_RETURN_IF_ERROR(ppn_mil_visit_operations(function->block, mark_operands, function));
  for (uint32_t i = 0; i < function->input_count; i++) {
    ppn_mil_value_t *input = function->inputs[i], *unused = NULL;
    if (input->scratch == function || input->type.kind != PPN_MIL_TENSOR) continue;
    ppn_mil_builder_t builder = {.function = function,
                                 .block = function->block,
                                 .before = function->block->first,
                                 .name = input->name};
    ppn_mil_input_t inputs[] = {PPN_MIL_IN("x", input)};
    PPN_RETURN_IF_ERROR(ppn_mil_emit(&builder, "identity", inputs, 1, NULL, 0, &unused, 1));
  }
  return ppn_status_ok();
}
