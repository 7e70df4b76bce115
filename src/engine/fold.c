// Computing ahead what depends on constants or sizes alone.
#include <string.h>

#include "engine/specialise.h"

// Results larger than this and than what they are made from stay operations: a filled mask costs
// less to make again than to keep.
#define MAXIMUM_SIZE ((size_t)1 << 20)

static bool depends_on_sizes_only(const ppn_mil_operation_t* operation) {
  return strcmp(operation->op->type, "shape") == 0;
}

static bool inputs_are_constant(const ppn_mil_operation_t* operation, size_t* out_size) {
  *out_size = 0;
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      const ppn_mil_constant_t* constant = operation->inputs[i].values[j]->constant;
      if (!constant) return false;
      *out_size += ppn_mil_constant_size(constant);
    }
  }
  return true;
}

static bool is_worth_keeping(const ppn_mil_operation_t* operation, size_t input_size) {
  // Other numbers in every run.
  if (strncmp(operation->op->type, "random_", 7) == 0) return false;
  if (strncmp(operation->op->type, "constexpr_", 10) == 0) return true;
  for (uint32_t i = 0; i < operation->output_count; ++i) {
    const ppn_mil_type_t* type = &operation->outputs[i]->type;
    size_t size = ppn_dtype_size(ppn_engine_stored_dtype(type->dtype));
    for (int j = 0; j < type->rank; ++j) {
      if (!ppn_dim_is_static(type->sizes[j])) return input_size <= MAXIMUM_SIZE;
      size *= (size_t)type->sizes[j].value;
    }
    if (size > MAXIMUM_SIZE && size > 4 * input_size) return false;
  }
  return true;
}

static ppn_status_t make_constant(ppn_mil_builder_t* builder, const ppn_mil_value_t* result,
                                  const ppn_tensor_t* tensor, ppn_mil_value_t** out) {
  ppn_arena_t* arena = &builder->function->program->arena;
  ppn_mil_constant_t* constant;
  ppn_engine_value_t* record;
  PPN_ARENA_NEW(arena, 1, &constant);
  PPN_ARENA_NEW(arena, 1, &record);
  constant->dtype = result->type.dtype;
  constant->view = *tensor;
  constant->view_size = ppn_tensor_size(tensor);
  constant->blob_offset = UINT64_MAX;
  PPN_RETURN_IF_ERROR(ppn_mil_constant_value(builder, result->name, constant, out));
  record->tensor = *tensor;
  record->is_stored = true;
  (*out)->scratch = record;
  return ppn_status_ok();
}

ppn_status_t ppn_engine_fold(ppn_mil_builder_t* builder, ppn_mil_operation_t* operation,
                             const ppn_engine_specialise_request_t* request,
                             ppn_mil_value_t** out_constants, bool* out_folded) {
  const ppn_engine_kernel_t* kernel = ppn_engine_kernel_find(operation->op->type);
  ppn_arena_t* arena = &builder->function->program->arena;
  size_t input_size = 0;
  *out_folded = false;
  if (!kernel || kernel->flags & PPN_ENGINE_NOT_PURE || operation->output_count == 0) {
    return ppn_status_ok();
  }
  for (uint32_t i = 0; i < operation->output_count; ++i) {
    if (operation->outputs[i]->type.kind != PPN_MIL_TENSOR) return ppn_status_ok();
  }
  if (!depends_on_sizes_only(operation) &&
      (!inputs_are_constant(operation, &input_size) || !is_worth_keeping(operation, input_size))) {
    return ppn_status_ok();
  }
  ppn_engine_node_t node;
  // Layouts and the like have no place among constants.
  ppn_engine_environment_t plain = *request->environment;
  plain.is_observed = true;
  PPN_RETURN_IF_ERROR(
      ppn_engine_node_bind_and_prepare(operation, &plain, request->constants, arena, &node));
  PPN_RETURN_IF_ERROR(ppn_engine_node_run_once(&node, arena));
  for (uint32_t i = 0; i < operation->output_count; ++i) {
    PPN_RETURN_IF_ERROR(
        make_constant(builder, operation->outputs[i], &node.outputs[i], &out_constants[i]));
  }
  ppn_mil_operation_remove(operation);
  *out_folded = true;
  return ppn_status_ok();
}
