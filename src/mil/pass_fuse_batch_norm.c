// Folds batch_norm into the convolution before it: per output channel,
//
//   factor = gamma / sqrt(variance + epsilon)
//   weight' = weight * factor,  bias' = beta + (bias - mean) * factor
//
// The weight stays a view; its recipe gains the factors.
#include <math.h>
#include <stdlib.h>

#include "mil/pass_list.h"

static const ppn_mil_constant_t* constant_of(const ppn_mil_operation_t* operation,
                                             const char* parameter) {
  const ppn_mil_value_t* value = ppn_mil_operation_input(operation, parameter);
  return value ? value->constant : NULL;
}

typedef struct fusion {
  ppn_mil_function_t* function;
  uint32_t* uses;
  uint32_t count;
} fusion_t;

static bool can_fuse(const fusion_t* fusion, const ppn_mil_operation_t* norm,
                     const ppn_mil_operation_t* conv) {
  if (!ppn_mil_operation_is(conv, "conv") && !ppn_mil_operation_is(conv, "conv_transpose")) {
    return false;
  }
  const ppn_mil_value_t* result = conv->outputs[0];
  const ppn_mil_value_t* bias = ppn_mil_operation_input(conv, "bias");
  const ppn_mil_constant_t* weight = constant_of(conv, "weight");
  if (result->id >= fusion->count || fusion->uses[result->id] != 1) return false;
  if (conv->parent != norm->parent || !weight || weight->scale || (bias && !bias->constant)) {
    return false;
  }
  // Transposed weights are [in, out / groups, ...]: one factor an output channel only without
  // groups.
  bool transposed = ppn_mil_operation_is(conv, "conv_transpose");
  return !transposed || ppn_mil_input_int(conv, "groups", 1) == 1;
}

static double element_or(const ppn_mil_constant_t* constant, int64_t index, double fallback) {
  return constant ? ppn_mil_constant_element(constant, index) : fallback;
}

static ppn_status_t fuse(fusion_t* fusion, ppn_mil_operation_t* norm, ppn_mil_operation_t* conv) {
  ppn_mil_function_t* function = fusion->function;
  ppn_arena_t* arena = &function->program->arena;
  const ppn_mil_constant_t *mean = constant_of(norm, "mean"),
                           *variance = constant_of(norm, "variance"),
                           *gamma = constant_of(norm, "gamma"), *beta = constant_of(norm, "beta"),
                           *bias = constant_of(conv, "bias");
  const ppn_mil_value_t* weight = ppn_mil_operation_input(conv, "weight");
  double epsilon = ppn_mil_input_float(norm, "epsilon", 1e-5);
  int64_t channels = ppn_mil_constant_numel(mean);
  float *factors, *shifts;
  PPN_ARENA_NEW(arena, channels, &factors);
  PPN_ARENA_NEW(arena, channels, &shifts);
  for (int64_t i = 0; i < channels; i++) {
    double factor = element_or(gamma, i, 1) / sqrt(ppn_mil_constant_element(variance, i) + epsilon);
    factors[i] = (float)factor;
    shifts[i] = (float)(element_or(beta, i, 0) +
                        (element_or(bias, i, 0) - ppn_mil_constant_element(mean, i)) * factor);
  }
  ppn_mil_constant_t* scaled = ppn_arena_memdup(arena, weight->constant, sizeof *scaled);
  if (!scaled) return ppn_out_of_memory();
  scaled->scale = factors;
  scaled->scale_count = channels;
  scaled->scale_axis = ppn_mil_operation_is(conv, "conv_transpose") ? 1 : 0;
  scaled->blob_offset = UINT64_MAX;
  ppn_mil_builder_t builder = {.function = function, .block = conv->parent};
  ppn_mil_value_t *new_weight = NULL, *new_bias = NULL;
  PPN_RETURN_IF_ERROR(ppn_mil_constant_value(&builder, weight->name, scaled, &new_weight));
  PPN_RETURN_IF_ERROR(ppn_mil_constant_tensor(&builder, "bias", PPN_DTYPE_FLOAT32, 1, &channels,
                                              shifts, &new_bias));
  PPN_RETURN_IF_ERROR(ppn_mil_set_input(function, conv, "weight", new_weight));
  PPN_RETURN_IF_ERROR(ppn_mil_set_input(function, conv, "bias", new_bias));
  // The convolution takes the place and name of the result.
  conv->outputs[0]->name = norm->outputs[0]->name;
  conv->origin = norm->origin ? norm->origin : conv->origin;
  norm->outputs[0]->replacement = conv->outputs[0];
  ppn_mil_operation_remove(norm);
  return ppn_status_ok();
}

static ppn_status_t visit(void* context, ppn_mil_operation_t* operation) {
  fusion_t* fusion = context;
  if (!ppn_mil_operation_is(operation, "batch_norm")) return ppn_status_ok();
  ppn_mil_value_t* x = ppn_mil_operation_input(operation, "x");
  const ppn_mil_constant_t* mean = constant_of(operation, "mean");
  if (!x->producer || x->type.dtype != PPN_DTYPE_FLOAT32 || !mean ||
      !constant_of(operation, "variance") || !can_fuse(fusion, operation, x->producer)) {
    return ppn_status_ok();
  }
  return fuse(fusion, operation, x->producer);
}

ppn_status_t ppn_mil_pass_fuse_batch_norm(ppn_mil_function_t* function) {
  fusion_t fusion = {.function = function};
  PPN_RETURN_IF_ERROR(ppn_mil_count_uses(function, &fusion.uses, &fusion.count));
  ppn_status_t status = ppn_mil_visit_operations(function->block, visit, &fusion);
  free(fusion.uses);
  if (!status) ppn_mil_function_apply_replacements(function);
  return status;
}
