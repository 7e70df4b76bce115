// Half precision: every operation that can computes in fp16.
//
// One walk in program order. An operation that is converted takes fp16 operands, and its results
// are fp16 from then on; casts appear only where a value is wanted in the other precision: at the
// function's inputs, around operations that stay in fp32, and at its results (before iOS 16, whose
// models have no fp16 results).
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "mil/pass_list.h"

// What a value is in the other precision, kept in its `scratch`.
typedef struct halver {
  ppn_mil_function_t* function;
} halver_t;

static bool stays(const ppn_mil_operation_t* operation) {
  static const char* const types[] = {"cast",        "while_loop",   "cond",       "make_list",
                                      "list_gather", "list_scatter", "list_read",  "list_write",
                                      "list_length", "read_state",   "write_state"};
  for (size_t i = 0; i < PPN_COUNT_OF(types); i++) {
    if (ppn_mil_operation_is(operation, types[i])) return true;
  }
  return false;
}

// From iOS 17 on these scalars have a type of their own and stay fp32.
static bool is_single_scalar(const ppn_mil_function_t* function,
                             const ppn_mil_operation_t* operation, const char* parameter) {
  static const char* const activations[] = {"elu",
                                            "leaky_relu",
                                            "prelu",
                                            "thresholded_relu",
                                            "clamped_relu",
                                            "linear_activation",
                                            "scaled_tanh",
                                            "sigmoid_hard",
                                            "softplus_parametric"};
  if (function->opset < PPN_MIL_OPSET_IOS17) return false;
  if (strcmp(parameter, "epsilon") == 0) {
    return ppn_mil_operation_is(operation, "inverse") || ppn_mil_operation_is(operation, "log") ||
           ppn_mil_operation_is(operation, "rsqrt");
  }
  if (strcmp(parameter, "alpha") != 0 && strcmp(parameter, "beta") != 0) return false;
  for (size_t i = 0; i < PPN_COUNT_OF(activations); i++) {
    if (ppn_mil_operation_is(operation, activations[i])) return true;
  }
  return false;
}

static bool is_single(const ppn_mil_value_t* value) {
  return value->type.kind == PPN_MIL_TENSOR && value->type.dtype == PPN_DTYPE_FLOAT32;
}

static bool is_half(const ppn_mil_value_t* value) {
  return value->type.kind == PPN_MIL_TENSOR && value->type.dtype == PPN_DTYPE_FLOAT16;
}

// How a constant's elements lie to the range of halves.
typedef enum range {
  RANGE_FITS,
  RANGE_FILLS,  // some element is beyond it, but so large that it stands for infinity
  RANGE_OVERFLOWS,
} range_t;

static range_t range_of_elements(const ppn_mil_constant_t* constant) {
  int64_t count = ppn_mil_constant_numel(constant);
  range_t range = RANGE_FITS;
  for (int64_t i = 0; i < count; i++) {
    double magnitude = fabs(ppn_mil_constant_element(constant, i));
    if (magnitude <= PPN_HALF_LARGEST || isnan(magnitude)) continue;
    if (magnitude < 1e38) return RANGE_OVERFLOWS;
    range = RANGE_FILLS;
  }
  return range;
}

// The elements that a dense view reaches, in their order in memory: false when it has gaps.
static bool covers(const ppn_tensor_t* view) {
  int64_t reach = 1;
  for (int i = 0; i < view->rank; i++) {
    if (view->strides[i] < 0) return false;
    reach += (view->sizes[i] - 1) * view->strides[i];
  }
  return reach == ppn_tensor_numel(view);
}

static range_t range_of(const ppn_mil_constant_t* constant) {
  int64_t count = ppn_mil_constant_numel(constant);
  if (constant->view.dtype == PPN_DTYPE_FLOAT16) return RANGE_FITS;
  if (constant->view.dtype != PPN_DTYPE_FLOAT32 || !covers(&constant->view)) {
    // Other recipes: small ones are looked at, large ones are weights whose range is moderate.
    return count <= 65536 ? range_of_elements(constant) : RANGE_FITS;
  }
  float factor = 1;
  if (constant->scale) {
    float largest = ppn_float_array_largest(constant->scale, (size_t)constant->scale_count);
    factor = largest > 1 ? largest : 1;
  }
  float largest = ppn_float_array_largest(constant->view.data, (size_t)count);
  return largest * factor <= PPN_HALF_LARGEST ? RANGE_FITS : range_of_elements(constant);
}

// The constant in half precision.
static ppn_status_t half_constant(halver_t* halver, const ppn_mil_value_t* value, range_t range,
                                  ppn_mil_value_t** out) {
  ppn_mil_builder_t builder = {.function = halver->function, .block = halver->function->block};
  ppn_mil_constant_t* constant =
      ppn_arena_memdup(&halver->function->program->arena, value->constant, sizeof *constant);
  if (!constant) return ppn_out_of_memory();
  constant->dtype = PPN_DTYPE_FLOAT16;
  constant->clamp_to_half = range == RANGE_FILLS;
  constant->keep_half_subnormal = ppn_mil_constant_numel(constant) < 400;
  constant->blob_offset = UINT64_MAX;
  return ppn_mil_constant_value(&builder, value->name, constant, out);
}

// Makes the half constants of an operation, once each; *out_overflow when one cannot be made, so
// that the operation has to stay in single precision.
static ppn_status_t prepare_constants(halver_t* halver, const ppn_mil_operation_t* operation,
                                      bool* out_overflow) {
  *out_overflow = false;
  for (uint32_t i = 0; i < operation->op->parameter_count; i++) {
    for (uint32_t j = 0; j < operation->inputs[i].count; j++) {
      ppn_mil_value_t* value = operation->inputs[i].values[j];
      if (!value->constant || !is_single(value) || value->scratch) continue;
      range_t range = range_of(value->constant);
      if (range == RANGE_OVERFLOWS) {
        *out_overflow = true;
        return ppn_status_ok();
      }
      ppn_mil_value_t* half = NULL;
      PPN_RETURN_IF_ERROR(half_constant(halver, value, range, &half));
      value->scratch = half;
    }
  }
  return ppn_status_ok();
}

// `value` in the other float type, before `operation`. Remembered while in the same block, or for
// constants everywhere.
static ppn_status_t converted(halver_t* halver, ppn_mil_operation_t* operation,
                              ppn_mil_value_t* value, ppn_dtype_t dtype, ppn_mil_value_t** out) {
  ppn_mil_value_t* known = value->scratch;
  if (known && (known->constant || known->producer->parent == operation->parent)) {
    *out = known;
    return ppn_status_ok();
  }
  // A cast from half: its operand.
  if (dtype == PPN_DTYPE_FLOAT16 && ppn_mil_operation_is(value->producer, "cast")) {
    ppn_mil_value_t* source = ppn_mil_operation_input(value->producer, "x");
    if (is_half(source)) {
      *out = source;
      return ppn_status_ok();
    }
  }
  const char* name = ppn_arena_printf(&halver->function->program->arena, "%s_to_%s", value->name,
                                      dtype == PPN_DTYPE_FLOAT16 ? "fp16" : "fp32");
  if (!name) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(
      ppn_mil_emit_cast(halver->function, operation->parent, operation, value, dtype, name, out));
  value->scratch = *out;
  return ppn_status_ok();
}

static bool takes(const ppn_mil_parameter_t* parameter, ppn_dtype_t dtype) {
  return parameter->dtypes >> dtype & 1;
}

static ppn_status_t convert_inputs(halver_t* halver, ppn_mil_operation_t* operation, bool halve) {
  for (uint32_t i = 0; i < operation->op->parameter_count; i++) {
    const ppn_mil_parameter_t* parameter = &operation->op->parameters[i];
    bool half_here = halve && takes(parameter, PPN_DTYPE_FLOAT16) &&
                     !is_single_scalar(halver->function, operation, parameter->name);
    for (uint32_t j = 0; j < operation->inputs[i].count; j++) {
      ppn_mil_value_t** slot = &operation->inputs[i].values[j];
      if (half_here && is_single(*slot)) {
        PPN_RETURN_IF_ERROR(converted(halver, operation, *slot, PPN_DTYPE_FLOAT16, slot));
      } else if (!half_here && is_half(*slot) && (*slot)->producer &&
                 (*slot)->producer->scratch == halver) {
        // Made half by this pass, and wanted as it was.
        PPN_RETURN_IF_ERROR(converted(halver, operation, *slot, PPN_DTYPE_FLOAT32, slot));
      }
    }
  }
  return ppn_status_ok();
}

static bool has_float_operand(const ppn_mil_operation_t* operation) {
  for (uint32_t i = 0; i < operation->op->parameter_count; i++) {
    for (uint32_t j = 0; j < operation->inputs[i].count; j++) {
      if (is_single(operation->inputs[i].values[j]) || is_half(operation->inputs[i].values[j])) {
        return true;
      }
    }
  }
  return false;
}

// Whose half results were single before this pass are told by their scratch.
static bool has_single_result(const ppn_mil_operation_t* operation) {
  for (uint32_t i = 0; i < operation->output_count; i++) {
    if (is_single(operation->outputs[i])) return true;
  }
  return false;
}

// A nested block's results keep the types that its operation states.
static ppn_status_t restore_outputs(halver_t* halver, ppn_mil_block_t* block) {
  for (uint32_t i = 0; i < block->output_count; i++) {
    ppn_mil_value_t* value = block->outputs[i];
    if (!is_half(value) || !value->producer || value->producer->scratch != halver) continue;
    PPN_RETURN_IF_ERROR(ppn_mil_emit_cast(halver->function, block, NULL, value, PPN_DTYPE_FLOAT32,
                                          value->name, &block->outputs[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t visit_block(halver_t* halver, ppn_mil_block_t* block) {
  for (ppn_mil_operation_t *operation = block->first, *next; operation; operation = next) {
    next = operation->next;
    for (uint32_t i = 0; i < operation->block_count; i++) {
      PPN_RETURN_IF_ERROR(visit_block(halver, operation->blocks[i]));
      PPN_RETURN_IF_ERROR(restore_outputs(halver, operation->blocks[i]));
    }
    if (ppn_mil_operation_is(operation, "cast") || !has_float_operand(operation)) {
      continue;  // takes operands of any type
    }
    bool halve = !stays(operation), overflows = false;
    if (halve) PPN_RETURN_IF_ERROR(prepare_constants(halver, operation, &overflows));
    halve &= !overflows;
    PPN_RETURN_IF_ERROR(convert_inputs(halver, operation, halve));
    if (!halve) continue;
    if (has_single_result(operation)) operation->scratch = halver;
    PPN_RETURN_IF_ERROR(ppn_mil_reinfer(halver->function, operation));
  }
  return ppn_status_ok();
}

// Before iOS 16 results of the function are fp32, under the name they had.
static ppn_status_t restore_results(halver_t* halver) {
  ppn_mil_function_t* function = halver->function;
  if (function->opset >= PPN_MIL_OPSET_IOS16) return ppn_status_ok();
  for (uint32_t i = 0; i < function->block->output_count; i++) {
    ppn_mil_value_t* value = function->block->outputs[i];
    if (!is_half(value) || !value->producer || value->producer->scratch != halver) continue;
    const char* name = value->name;
    value->name = ppn_arena_printf(&function->program->arena, "%s_fp16", name);
    if (!value->name) return ppn_out_of_memory();
    PPN_RETURN_IF_ERROR(ppn_mil_emit_cast(function, function->block, NULL, value, PPN_DTYPE_FLOAT32,
                                          name, &function->block->outputs[i]));
    function->block->outputs[i]->name = name;
  }
  return ppn_status_ok();
}

static ppn_status_t forget(void* context, ppn_mil_operation_t* operation) {
  (void)context;
  operation->scratch = NULL;
  return ppn_status_ok();
}

ppn_status_t ppn_mil_pass_half(ppn_mil_function_t* function) {
  halver_t halver = {function};
  ppn_mil_clear_scratch(function);
  PPN_RETURN_IF_ERROR(ppn_mil_visit_operations(function->block, forget, NULL));
  PPN_RETURN_IF_ERROR(visit_block(&halver, function->block));
  PPN_RETURN_IF_ERROR(restore_results(&halver));
  ppn_mil_clear_scratch(function);
  return ppn_mil_visit_operations(function->block, forget, NULL);
}
