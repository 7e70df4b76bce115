// pippin/model.h over the coreml and engine layers.
#include "pippin/model.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/status.h"
#include "coreml/model.h"
#include "engine/engine.h"
#include "tensor/tensor.h"

struct ppn_model {
  ppn_coreml_model_t* coreml;
  ppn_model_feature_t** inputs;  // per function
  ppn_model_feature_t** outputs;
};

// A converted input: memory for one whose dtype the caller gave differently.
typedef struct conversion {
  void* memory;
  size_t capacity;
} conversion_t;

struct ppn_model_instance {
  const ppn_model_t* model;
  uint32_t interface_index;
  ppn_engine_model_t* engine;
  ppn_engine_context_t* context;
  // From description to program: position among the function's inputs and outputs.
  uint32_t *input_positions, *output_positions;
  ppn_tensor_t *inputs, *outputs;  // in the program's order
  conversion_t* conversions;
};

static ppn_model_feature_t* make_features(const ppn_coreml_feature_t* features, uint32_t count) {
  ppn_model_feature_t* result = calloc(count + 1, sizeof(*result));
  for (uint32_t i = 0; result && i < count; ++i) {
    result[i].name = features[i].name;
    result[i].dtype = features[i].dtype;
    result[i].rank = features[i].rank;
    result[i].shape = features[i].shape;
    result[i].is_flexible = features[i].ranges || features[i].enumerated_count > 0;
  }
  return result;
}

ppn_status_t ppn_model_open(const char* path, ppn_model_t** out_model) {
  *out_model = NULL;
  ppn_model_t* model = calloc(1, sizeof(*model));
  if (!model) return ppn_out_of_memory();
  ppn_status_t status = ppn_coreml_model_open(path, &model->coreml);
  if (!status) {
    uint32_t count = model->coreml->interface_count;
    model->inputs = calloc(count + 1, sizeof(*model->inputs));
    model->outputs = calloc(count + 1, sizeof(*model->outputs));
    if (!model->inputs || !model->outputs) status = ppn_out_of_memory();
    for (uint32_t i = 0; !status && i < count; ++i) {
      const ppn_coreml_interface_t* interface = &model->coreml->interfaces[i];
      model->inputs[i] = make_features(interface->inputs, interface->input_count);
      model->outputs[i] = make_features(interface->outputs, interface->output_count);
      if (!model->inputs[i] || !model->outputs[i]) status = ppn_out_of_memory();
    }
  }
  if (status) {
    ppn_model_free(model);
    return status;
  }
  *out_model = model;
  return status;
}

void ppn_model_free(ppn_model_t* model) {
  if (!model) return;
  for (uint32_t i = 0; model->coreml && i < model->coreml->interface_count; ++i) {
    if (model->inputs) free(model->inputs[i]);
    if (model->outputs) free(model->outputs[i]);
  }
  free(model->inputs);
  free(model->outputs);
  if (model->coreml) ppn_coreml_model_free(model->coreml);
  free(model);
}

int ppn_model_specification_version(const ppn_model_t* model) {
  return model->coreml->specification_version;
}
size_t ppn_model_function_count(const ppn_model_t* model) {
  return model->coreml->interface_count;
}

const char* ppn_model_function_name(const ppn_model_t* model, size_t index) {
  return model->coreml->interfaces[index].function_name;
}

const ppn_model_feature_t* ppn_model_inputs(const ppn_model_t* model, size_t function,
                                            size_t* out_count) {
  *out_count = model->coreml->interfaces[function].input_count;
  return model->inputs[function];
}

const ppn_model_feature_t* ppn_model_outputs(const ppn_model_t* model, size_t function,
                                             size_t* out_count) {
  *out_count = model->coreml->interfaces[function].output_count;
  return model->outputs[function];
}

static ppn_status_t find_interface(const ppn_model_t* model, const char* name,
                                   uint32_t* out_index) {
  if (!name) name = model->coreml->default_function ? model->coreml->default_function : "main";
  for (uint32_t i = 0; i < model->coreml->interface_count; ++i) {
    if (ppn_sv_equals(ppn_sv(model->coreml->interfaces[i].function_name), name)) {
      *out_index = i;
      return ppn_status_ok();
    }
  }
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "the model has no function '%s'", name);
}

// Position of `name` among the function's tensor inputs (states are not counted), or UINT32_MAX.
static uint32_t input_position(const ppn_mil_function_t* function, const char* name) {
  uint32_t position = 0;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    if (function->inputs[i]->type.kind == PPN_MIL_STATE) continue;
    if (ppn_sv_equals(ppn_sv(function->inputs[i]->name), name)) return position;
    ++position;
  }
  return UINT32_MAX;
}

static uint32_t output_position(const ppn_mil_function_t* function, const char* name) {
  for (uint32_t i = 0; i < function->block->output_count; ++i) {
    if (ppn_sv_equals(ppn_sv(function->block->outputs[i]->name), name)) return i;
  }
  return UINT32_MAX;
}

static ppn_status_t bind_positions(ppn_model_instance_t* instance,
                                   const ppn_mil_function_t* function) {
  const ppn_coreml_interface_t* interface =
      &instance->model->coreml->interfaces[instance->interface_index];
  instance->input_positions = calloc(interface->input_count + 1, sizeof(uint32_t));
  instance->output_positions = calloc(interface->output_count + 1, sizeof(uint32_t));
  instance->inputs = calloc(interface->input_count + 1, sizeof(ppn_tensor_t));
  instance->outputs = calloc(function->block->output_count + 1, sizeof(ppn_tensor_t));
  instance->conversions = calloc(interface->input_count + 1, sizeof(conversion_t));
  if (!instance->input_positions || !instance->output_positions || !instance->inputs ||
      !instance->outputs || !instance->conversions) {
    return ppn_out_of_memory();
  }
  for (uint32_t i = 0; i < interface->input_count; ++i) {
    instance->input_positions[i] = input_position(function, interface->inputs[i].name);
    if (instance->input_positions[i] >= interface->input_count) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA,
                             "the description's input '%s' is no input of function '%s'",
                             interface->inputs[i].name, function->name);
    }
  }
  for (uint32_t i = 0; i < interface->output_count; ++i) {
    instance->output_positions[i] = output_position(function, interface->outputs[i].name);
    if (instance->output_positions[i] == UINT32_MAX) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA,
                             "the description's output '%s' is no output of function '%s'",
                             interface->outputs[i].name, function->name);
    }
  }
  return ppn_status_ok();
}

ppn_status_t ppn_model_instance_create(ppn_model_t* model, const char* function,
                                       const ppn_engine_options_t* options,
                                       ppn_model_instance_t** out_instance) {
  *out_instance = NULL;
  static const ppn_engine_options_t defaults;
  ppn_model_instance_t* instance = calloc(1, sizeof(*instance));
  if (!instance) return ppn_out_of_memory();
  instance->model = model;
  ppn_status_t status = find_interface(model, function, &instance->interface_index);
  if (!status) {
    const char* name = model->coreml->interfaces[instance->interface_index].function_name;
    status =
        bind_positions(instance, ppn_mil_program_function(model->coreml->program, ppn_sv(name)));
    if (!status) {
      status = ppn_engine_model_create(model->coreml->program, name, options ? options : &defaults,
                                       &instance->engine);
    }
  }
  if (!status) status = ppn_engine_context_create(instance->engine, &instance->context);
  if (status) {
    ppn_model_instance_free(instance);
    return status;
  }
  *out_instance = instance;
  return status;
}

void ppn_model_instance_free(ppn_model_instance_t* instance) {
  if (!instance) return;
  if (instance->context) ppn_engine_context_free(instance->context);
  if (instance->engine) ppn_engine_model_free(instance->engine);
  const ppn_coreml_interface_t* interface =
      &instance->model->coreml->interfaces[instance->interface_index];
  for (uint32_t i = 0; instance->conversions && i < interface->input_count; ++i)
    free(instance->conversions[i].memory);
  free(instance->conversions);
  free(instance->input_positions);
  free(instance->output_positions);
  free(instance->inputs);
  free(instance->outputs);
  free(instance);
}

// `*tensor` in `dtype`: itself, or converted into the instance's memory, which grows only when a
// shape does.
static ppn_status_t convert(conversion_t* conversion, ppn_dtype_t dtype, ppn_tensor_t* tensor) {
  if (tensor->dtype == dtype) return ppn_status_ok();
  ppn_tensor_t target = ppn_tensor_make(NULL, dtype, tensor->rank, tensor->sizes);
  size_t size = ppn_tensor_size(&target);
  if (size > conversion->capacity) {
    void* memory = realloc(conversion->memory, size);
    if (!memory) return ppn_out_of_memory();
    conversion->memory = memory;
    conversion->capacity = size;
  }
  target.data = conversion->memory;
  ppn_tensor_copy(tensor, &target);
  *tensor = target;
  return ppn_status_ok();
}

ppn_status_t ppn_model_predict(ppn_model_instance_t* instance, const ppn_tensor_t* inputs,
                               size_t input_count, ppn_tensor_t* out_outputs, size_t output_count) {
  const ppn_coreml_interface_t* interface =
      &instance->model->coreml->interfaces[instance->interface_index];
  if (input_count != interface->input_count || output_count != interface->output_count) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "function '%s' has %u inputs and %u outputs; %zu and %zu were given",
                           interface->function_name, interface->input_count,
                           interface->output_count, input_count, output_count);
  }
  const ppn_mil_function_t* function =
      ppn_mil_program_function(instance->model->coreml->program, ppn_sv(interface->function_name));
  for (size_t i = 0; i < input_count; ++i) {
    ppn_tensor_t tensor = inputs[i];
    PPN_RETURN_IF_ERROR(convert(&instance->conversions[i], interface->inputs[i].dtype, &tensor));
    instance->inputs[instance->input_positions[i]] = tensor;
  }
  uint32_t program_outputs = function->block->output_count;
  for (uint32_t i = 0; i < program_outputs; ++i) instance->outputs[i].data = NULL;
  PPN_RETURN_IF_ERROR(ppn_engine_run(instance->context, instance->inputs, (uint32_t)input_count,
                                     instance->outputs, program_outputs));
  for (size_t i = 0; i < output_count; ++i)
    out_outputs[i] = instance->outputs[instance->output_positions[i]];
  return ppn_status_ok();
}

ppn_status_t ppn_model_dump(const ppn_model_t* model, char** out_text) {
  ppn_buffer_t buffer = {0};
  ppn_mil_program_print(model->coreml->program, 10, &buffer);
  ppn_buffer_text(&buffer);
  ppn_status_t status = ppn_buffer_status(&buffer);
  if (status) ppn_buffer_release(&buffer);
  *out_text = (char*)buffer.data;  // released by ppn_text_free
  return status;
}
