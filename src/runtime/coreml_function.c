#include "runtime/coreml_function.h"

#include <stdlib.h>

#include "coreml/enumerated_shapes.h"

// A named input: its place among the function's, and memory to convert into.
typedef struct binding {
  uint32_t position;
  const ppn_mil_value_t* value;
  void* memory;
  size_t capacity;
} binding_t;

struct ppn_coreml_function {
  const ppn_mil_function_t* function;
  const ppn_coreml_interface_t* interface;  // NULL: the model describes none
  const ppn_tensor_t** described;           // a run's inputs, in the interface's order
  uint32_t* description_inputs;             // which of the caller's inputs each of them is
  ppn_engine_model_t* model;
  ppn_engine_context_t* context;
  binding_t* inputs;
  uint32_t input_count;
  uint32_t* output_positions;
  uint32_t output_count;
  ppn_tensor_t *engine_inputs, *engine_outputs;
};

// States are inputs of an ML Program, but not of the engine.
static bool is_state(const ppn_mil_value_t* value) {
  return value->type.kind == PPN_MIL_STATE;
}

static uint32_t count_inputs(const ppn_mil_function_t* function) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < function->input_count; ++i) count += !is_state(function->inputs[i]);
  return count;
}

static ppn_status_t bind_input(const ppn_mil_function_t* function, const char* name,
                               binding_t* out) {
  uint32_t position = 0;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    const ppn_mil_value_t* value = function->inputs[i];
    if (is_state(value)) continue;
    if (strcmp(value->name, name) == 0) {
      out->position = position;
      out->value = value;
      return NULL;
    }
    ++position;
  }
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "function '%s' has no input '%s'", function->name,
                         name);
}

static ppn_status_t bind_output(const ppn_mil_function_t* function, const char* name,
                                uint32_t* out_position) {
  for (uint32_t i = 0; i < function->block->output_count; ++i) {
    if (strcmp(function->block->outputs[i]->name, name) != 0) continue;
    *out_position = i;
    return NULL;
  }
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "function '%s' has no output '%s'",
                         function->name, name);
}

static ppn_status_t bind(ppn_coreml_function_t* function, const char* const* input_names,
                         const char* const* output_names) {
  const ppn_mil_function_t* mil = function->function;
  uint32_t expected = count_inputs(mil);
  if (function->input_count != expected) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "%u inputs are named; function '%s' has %u",
                           function->input_count, mil->name, expected);
  }
  function->inputs = calloc((size_t)function->input_count + 1, sizeof(*function->inputs));
  function->output_positions =
      calloc((size_t)function->output_count + 1, sizeof(*function->output_positions));
  function->engine_inputs = calloc((size_t)expected + 1, sizeof(*function->engine_inputs));
  function->engine_outputs =
      calloc((size_t)mil->block->output_count + 1, sizeof(*function->engine_outputs));
  if (!function->inputs || !function->output_positions || !function->engine_inputs ||
      !function->engine_outputs) {
    return ppn_out_of_memory();
  }
  for (uint32_t i = 0; i < function->input_count; ++i) {
    PPN_RETURN_IF_ERROR(bind_input(mil, input_names[i], &function->inputs[i]));
    for (uint32_t j = 0; j < i; ++j) {
      if (function->inputs[j].position != function->inputs[i].position) continue;
      return ppn_status_make(PPN_STATUS_INVALID_DATA, "input '%s' is named twice", input_names[i]);
    }
  }
  for (uint32_t i = 0; i < function->output_count; ++i) {
    PPN_RETURN_IF_ERROR(bind_output(mil, output_names[i], &function->output_positions[i]));
  }
  return NULL;
}

// Finds the caller's inputs by the model's description, which may enumerate shapes.
static ppn_status_t bind_description(ppn_coreml_function_t* function,
                                     const ppn_coreml_model_t* model,
                                     const char* const* input_names) {
  for (uint32_t i = 0; i < model->interface_count; ++i) {
    const ppn_coreml_interface_t* interface = &model->interfaces[i];
    if (strcmp(interface->function_name, function->function->name) != 0) continue;
    function->interface = interface;
    function->described = calloc((size_t)interface->input_count + 1, sizeof(*function->described));
    function->description_inputs =
        calloc((size_t)interface->input_count + 1, sizeof(*function->description_inputs));
    if (!function->described || !function->description_inputs) return ppn_out_of_memory();
    for (uint32_t j = 0; j < interface->input_count; ++j) {
      for (uint32_t k = 0; k < function->input_count; ++k) {
        if (strcmp(interface->inputs[j].name, input_names[k]) == 0) {
          function->description_inputs[j] = k;
        }
      }
    }
    break;
  }
  return NULL;
}

static ppn_status_t check_shapes(ppn_coreml_function_t* function, const ppn_tensor_t* inputs) {
  const ppn_coreml_interface_t* interface = function->interface;
  if (!interface || function->input_count != interface->input_count) return NULL;
  for (uint32_t i = 0; i < interface->input_count; ++i) {
    function->described[i] = &inputs[function->description_inputs[i]];
  }
  return ppn_coreml_check_shapes(interface, function->described);
}

static ppn_status_t create(ppn_coreml_function_t* function, const ppn_coreml_model_t* model,
                           const char* name, const char* const* input_names,
                           const char* const* output_names, const ppn_engine_options_t* options,
                           ppn_engine_weights_t* weights) {
  if (!name) name = model->default_function ? model->default_function : "main";
  function->function = ppn_mil_program_function(model->program, ppn_sv(name));
  if (!function->function) {
    return ppn_status_make(PPN_STATUS_NOT_FOUND, "the model has no function '%s'", name);
  }
  PPN_RETURN_IF_ERROR(bind(function, input_names, output_names));
  PPN_RETURN_IF_ERROR(bind_description(function, model, input_names));
  PPN_RETURN_IF_ERROR(
      ppn_engine_model_create(model->program, name, options, weights, &function->model));
  return ppn_engine_context_create(function->model, &function->context);
}

ppn_status_t ppn_coreml_function_create(const ppn_coreml_model_t* model, const char* name,
                                        const char* const* input_names, uint32_t input_count,
                                        const char* const* output_names, uint32_t output_count,
                                        const ppn_engine_options_t* options,
                                        ppn_engine_weights_t* weights,
                                        ppn_coreml_function_t** out_function) {
  static const ppn_engine_options_t defaults;
  *out_function = NULL;
  ppn_coreml_function_t* function = calloc(1, sizeof(*function));
  if (!function) return ppn_out_of_memory();
  function->input_count = input_count;
  function->output_count = output_count;
  ppn_status_t status = create(function, model, name, input_names, output_names,
                               options ? options : &defaults, weights);
  if (status) {
    ppn_coreml_function_free(function);
    return status;
  }
  *out_function = function;
  return NULL;
}

void ppn_coreml_function_free(ppn_coreml_function_t* function) {
  if (!function) return;
  if (function->context) ppn_engine_context_free(function->context);
  if (function->model) ppn_engine_model_free(function->model);
  for (uint32_t i = 0; function->inputs && i < function->input_count; ++i) {
    free(function->inputs[i].memory);
  }
  free(function->inputs);
  free((void*)function->described);
  free(function->description_inputs);
  free(function->output_positions);
  free(function->engine_inputs);
  free(function->engine_outputs);
  free(function);
}

// The engine's view of an input: as it is, or converted into the binding's memory, which grows only
// when a shape does.
static ppn_status_t convert(binding_t* binding, const ppn_tensor_t* source, ppn_tensor_t* out) {
  const ppn_mil_type_t* type = &binding->value->type;
  *out = *source;
  if (source->rank == 0 && type->rank == 1) {
    out->rank = 1;
    out->sizes[0] = out->strides[0] = 1;
  }
  // Core ML has no arrays without dimensions: a scalar is described, and given, as one of size 1.
  if (source->rank == 1 && source->sizes[0] == 1 && type->rank == 0) out->rank = 0;
  if (source->dtype == type->dtype) return NULL;
  ppn_tensor_t target = ppn_tensor_make(NULL, type->dtype, out->rank, out->sizes);
  size_t size = ppn_tensor_size(&target);
  if (!binding->memory || size > binding->capacity) {
    free(binding->memory);
    binding->capacity = 0;
    binding->memory = malloc(size ? size : 1);
    if (!binding->memory) return ppn_out_of_memory();
    binding->capacity = size;
  }
  target.data = binding->memory;
  ppn_tensor_copy(out, &target);
  *out = target;
  return NULL;
}

ppn_status_t ppn_coreml_function_bind_state(ppn_coreml_function_t* function, const char* name,
                                            void* data) {
  return ppn_engine_bind_state(function->context, name, data);
}

ppn_status_t ppn_coreml_function_run(ppn_coreml_function_t* function, const ppn_tensor_t* inputs,
                                     ppn_tensor_t* out_outputs) {
  PPN_RETURN_IF_ERROR(check_shapes(function, inputs));
  for (uint32_t i = 0; i < function->input_count; ++i) {
    binding_t* binding = &function->inputs[i];
    PPN_RETURN_IF_ERROR_ANNOTATED(
        convert(binding, &inputs[i], &function->engine_inputs[binding->position]), "input '%s'",
        binding->value->name);
  }
  uint32_t count = function->function->block->output_count;
  for (uint32_t i = 0; i < count; ++i) function->engine_outputs[i].data = NULL;
  PPN_RETURN_IF_ERROR(ppn_engine_run(function->context, function->engine_inputs,
                                     function->input_count, function->engine_outputs, count));
  for (uint32_t i = 0; i < function->output_count; ++i) {
    out_outputs[i] = function->engine_outputs[function->output_positions[i]];
  }
  return NULL;
}
