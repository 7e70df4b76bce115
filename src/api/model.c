// pippin/model.h over the coreml and runtime layers.
#include "pippin/model.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/status.h"
#include "coreml/model.h"
#include "runtime/coreml_function.h"

struct ppn_model {
  ppn_coreml_model_t* coreml;
  ppn_model_feature_t** inputs;  // per function
  ppn_model_feature_t** outputs;
};

struct ppn_model_instance {
  const ppn_coreml_interface_t* interface;
  ppn_coreml_function_t* function;
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

static ppn_status_t find_interface(const ppn_coreml_model_t* model, const char* name,
                                   const ppn_coreml_interface_t** out_interface) {
  if (!name) name = model->default_function ? model->default_function : "main";
  for (uint32_t i = 0; i < model->interface_count; ++i) {
    if (strcmp(model->interfaces[i].function_name, name) != 0) continue;
    *out_interface = &model->interfaces[i];
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "the model has no function '%s'", name);
}

static ppn_status_t create_instance(const ppn_coreml_model_t* model, const char* function,
                                    const ppn_engine_options_t* options,
                                    ppn_model_instance_t* instance) {
  PPN_RETURN_IF_ERROR(find_interface(model, function, &instance->interface));
  const ppn_coreml_interface_t* interface = instance->interface;
  uint32_t inputs = interface->input_count, outputs = interface->output_count;
  const char** names = calloc((size_t)inputs + outputs + 1, sizeof(*names));
  if (!names) return ppn_out_of_memory();
  for (uint32_t i = 0; i < inputs; ++i) names[i] = interface->inputs[i].name;
  for (uint32_t i = 0; i < outputs; ++i) names[inputs + i] = interface->outputs[i].name;
  ppn_status_t status =
      ppn_coreml_function_create(model, interface->function_name, names, inputs, names + inputs,
                                 outputs, options, &instance->function);
  free(names);
  return status;
}

ppn_status_t ppn_model_instance_create(ppn_model_t* model, const char* function,
                                       const ppn_engine_options_t* options,
                                       ppn_model_instance_t** out_instance) {
  *out_instance = NULL;
  ppn_model_instance_t* instance = calloc(1, sizeof(*instance));
  if (!instance) return ppn_out_of_memory();
  ppn_status_t status = create_instance(model->coreml, function, options, instance);
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
  free(instance);
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
  return ppn_coreml_function_run(instance->function, inputs, out_outputs);
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
