// pippin/model.h: instances, predictions and states.
#include <stdlib.h>
#include <string.h>

#include "api/model.h"
#include "coreml/input_check.h"
#include "runtime/coreml_function.h"

struct ppn_model_instance {
  const ppn_coreml_interface_t* interface;
  ppn_coreml_function_t* function;
  ppn_tensor_t* inputs;   // of a prediction, defaults in place of what is not given
  ppn_tensor_t* outputs;  // of predictions into the caller's memory
};

struct ppn_model_state {
  const ppn_coreml_interface_t* interface;
  ppn_tensor_t* tensors;  // in the interface's order; their memory is owned
};

// ---- Instances ----

static ppn_status_t create_instance(const ppn_model_t* model, const char* function,
                                    const ppn_engine_options_t* options,
                                    ppn_model_instance_t* instance) {
  PPN_RETURN_IF_ERROR(ppn_model_find_interface(model, function, &instance->interface));
  const ppn_coreml_interface_t* interface = instance->interface;
  uint32_t inputs = interface->input_count, outputs = interface->output_count;
  instance->inputs = calloc((size_t)inputs + 1, sizeof(*instance->inputs));
  instance->outputs = calloc((size_t)outputs + 1, sizeof(*instance->outputs));
  const char** names = calloc((size_t)inputs + outputs + 1, sizeof(*names));
  ppn_status_t status = ppn_status_ok();
  if (names && instance->inputs && instance->outputs) {
    for (uint32_t i = 0; i < inputs; ++i) names[i] = interface->inputs[i].name;
    for (uint32_t i = 0; i < outputs; ++i) names[inputs + i] = interface->outputs[i].name;
    status = ppn_coreml_function_create(model->coreml, interface->function_name, names, inputs,
                                        names + inputs, outputs, options, model->weights,
                                        &instance->function);
  } else {
    status = ppn_out_of_memory();
  }
  free(names);
  return status;
}

ppn_status_t ppn_model_instance_create(ppn_model_t* model, const char* function,
                                       const ppn_engine_options_t* options,
                                       ppn_model_instance_t** out_instance) {
  *out_instance = NULL;
  ppn_model_instance_t* instance = calloc(1, sizeof(*instance));
  if (!instance) return ppn_out_of_memory();
  ppn_status_t status = create_instance(model, function, options, instance);
  if (status) {
    ppn_model_instance_free(instance);
    return status;
  }
  *out_instance = instance;
  return status;
}

void ppn_model_instance_free(ppn_model_instance_t* instance) {
  if (!instance) return;
  ppn_coreml_function_free(instance->function);
  free(instance->inputs);
  free(instance->outputs);
  free(instance);
}

// ---- Predictions ----

// One number, seen as a tensor of the default shape.
static ppn_tensor_t default_input(const ppn_coreml_feature_t* feature) {
  ppn_tensor_t tensor = ppn_tensor_make((void*)(uintptr_t)&feature->default_value,
                                        PPN_DTYPE_FLOAT64, feature->rank, feature->shape);
  for (int i = 0; i < tensor.rank; ++i) tensor.strides[i] = 0;
  return tensor;
}

static ppn_status_t take_inputs(ppn_model_instance_t* instance, const ppn_tensor_t* inputs) {
  const ppn_coreml_interface_t* interface = instance->interface;
  for (uint32_t i = 0; i < interface->input_count; ++i) {
    const ppn_coreml_feature_t* feature = &interface->inputs[i];
    if (inputs[i].dtype != PPN_DTYPE_INVALID) {
      PPN_RETURN_IF_ERROR(ppn_coreml_check_input(feature, &inputs[i]));
      instance->inputs[i] = inputs[i];
    } else if (feature->is_optional && feature->kind == PPN_COREML_MULTI_ARRAY &&
               feature->rank >= 0) {
      instance->inputs[i] = default_input(feature);
    } else {
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "Feature %s is required but not specified", feature->name);
    }
  }
  return ppn_status_ok();
}

ppn_status_t ppn_model_predict(ppn_model_instance_t* instance, const ppn_tensor_t* inputs,
                               size_t input_count, ppn_tensor_t* out_outputs, size_t output_count) {
  const ppn_coreml_interface_t* interface = instance->interface;
  if (input_count != interface->input_count || output_count != interface->output_count) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "function '%s' has %u inputs and %u outputs; %zu and %zu were given",
                           interface->function_name, interface->input_count,
                           interface->output_count, input_count, output_count);
  }
  PPN_RETURN_IF_ERROR(take_inputs(instance, inputs));
  return ppn_coreml_function_run(instance->function, instance->inputs, out_outputs);
}

static ppn_status_t check_output(const char* name, const ppn_tensor_t* result,
                                 const ppn_tensor_t* target) {
  bool fits = result->rank == target->rank && target->dtype != PPN_DTYPE_INVALID;
  for (int i = 0; fits && i < result->rank; ++i) fits = result->sizes[i] == target->sizes[i];
  if (fits) return ppn_status_ok();
  ppn_buffer_t found = {0}, given = {0};
  ppn_tensor_print_type(result, &found);
  ppn_tensor_print_type(target, &given);
  ppn_status_t status =
      ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "output '%s' is %s; memory for %s was given", name,
                      ppn_buffer_text(&found), ppn_buffer_text(&given));
  ppn_buffer_release(&found);
  ppn_buffer_release(&given);
  return status;
}

ppn_status_t ppn_model_predict_into(ppn_model_instance_t* instance, const ppn_tensor_t* inputs,
                                    size_t input_count, const ppn_tensor_t* outputs,
                                    size_t output_count) {
  PPN_RETURN_IF_ERROR(
      ppn_model_predict(instance, inputs, input_count, instance->outputs, output_count));
  for (size_t i = 0; i < output_count; ++i) {
    PPN_RETURN_IF_ERROR(
        check_output(instance->interface->outputs[i].name, &instance->outputs[i], &outputs[i]));
  }
  for (size_t i = 0; i < output_count; ++i) ppn_tensor_copy(&instance->outputs[i], &outputs[i]);
  return ppn_status_ok();
}

// ---- States ----

ppn_status_t ppn_model_state_create(const ppn_model_t* model, const char* function,
                                    ppn_model_state_t** out_state) {
  *out_state = NULL;
  const ppn_coreml_interface_t* interface;
  PPN_RETURN_IF_ERROR(ppn_model_find_interface(model, function, &interface));
  ppn_model_state_t* state = calloc(1, sizeof(*state));
  if (!state) return ppn_out_of_memory();
  state->interface = interface;
  state->tensors = calloc((size_t)interface->state_count + 1, sizeof(*state->tensors));
  bool is_complete = state->tensors;
  for (uint32_t i = 0; is_complete && i < interface->state_count; ++i) {
    const ppn_coreml_feature_t* feature = &interface->states[i];
    ppn_tensor_t* tensor = &state->tensors[i];
    *tensor = ppn_tensor_make(NULL, feature->dtype, feature->rank, feature->shape);
    tensor->data = calloc(1, ppn_tensor_size(tensor) + 1);
    is_complete = tensor->data;
  }
  if (!is_complete) {
    ppn_model_state_free(state);
    return ppn_out_of_memory();
  }
  *out_state = state;
  return ppn_status_ok();
}

void ppn_model_state_free(ppn_model_state_t* state) {
  if (!state) return;
  for (uint32_t i = 0; state->tensors && i < state->interface->state_count; ++i) {
    free(state->tensors[i].data);
  }
  free(state->tensors);
  free(state);
}

ppn_status_t ppn_model_state_tensor(const ppn_model_state_t* state, const char* name,
                                    ppn_tensor_t* out_tensor) {
  const ppn_coreml_interface_t* interface = state->interface;
  for (uint32_t i = 0; i < interface->state_count; ++i) {
    if (strcmp(interface->states[i].name, name) != 0) continue;
    *out_tensor = state->tensors[i];
    return ppn_status_ok();
  }
  ppn_buffer_t names = {0};
  for (uint32_t i = 0; i < interface->state_count; ++i) {
    ppn_buffer_printf(&names, "%s'%s'", i ? ", " : "", interface->states[i].name);
  }
  ppn_status_t status = ppn_status_make(
      PPN_STATUS_NOT_FOUND, "function '%s' has no state '%s'; it has %s", interface->function_name,
      name, names.size ? ppn_buffer_text(&names) : "none");
  ppn_buffer_release(&names);
  return status;
}

ppn_status_t ppn_model_instance_use_state(ppn_model_instance_t* instance,
                                          ppn_model_state_t* state) {
  const ppn_coreml_interface_t* interface = instance->interface;
  if (state && state->interface != interface) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "the state belongs to another model or function than '%s'",
                           interface->function_name);
  }
  for (uint32_t i = 0; i < interface->state_count; ++i) {
    PPN_RETURN_IF_ERROR(ppn_coreml_function_bind_state(
        instance->function, interface->states[i].name, state ? state->tensors[i].data : NULL));
  }
  return ppn_status_ok();
}
