// pippin/model.h: models and their descriptions.
#include "api/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "coreml/compiled.h"
#include "mil/op.h"

static ppn_model_feature_t* make_features(ppn_arena_t* arena, const ppn_coreml_feature_t* features,
                                          uint32_t count) {
  ppn_model_feature_t* result = calloc((size_t)count + 1, sizeof(*result));
  for (uint32_t i = 0; result && i < count; ++i) {
    const ppn_coreml_feature_t* feature = &features[i];
    result[i] = (ppn_model_feature_t){
        .name = feature->name,
        .dtype = feature->dtype,
        .rank = feature->rank,
        .shape = feature->shape,
        .is_flexible = feature->ranges || feature->enumerated_count > 0,
        .kind = (ppn_feature_kind_t)feature->kind,
        .enumerated = feature->enumerated,
        .enumerated_count = feature->enumerated_count,
        .is_optional = feature->is_optional,
        .default_value = feature->default_value,
        .image_layout = (ppn_image_layout_t)feature->image_color_space,
    };
    if (!feature->ranges) continue;
    ppn_size_range_t* ranges =
        ppn_arena_alloc(arena, (size_t)feature->rank * sizeof(*ranges) + sizeof(*ranges));
    for (int j = 0; ranges && j < feature->rank; ++j) {
      ranges[j] = (ppn_size_range_t){feature->ranges[j].lower, feature->ranges[j].upper};
    }
    result[i].ranges = ranges;
    if (ranges) continue;
    free(result);
    return NULL;
  }
  return result;
}

// The operation that gives the output `name`, when it is a classifier's.
static const ppn_mil_operation_t* find_classifier(const ppn_mil_function_t* function,
                                                  const char* name) {
  const ppn_mil_block_t* block = function->block;
  for (uint32_t i = 0; i < block->output_count; ++i) {
    const ppn_mil_operation_t* producer = block->outputs[i]->producer;
    if (!producer || strcmp(block->outputs[i]->name, name) != 0) continue;
    return strcmp(producer->op->type, "classify") == 0 ? producer : NULL;
  }
  return NULL;
}

static void describe_classes(const ppn_coreml_model_t* model, uint32_t function,
                             ppn_model_feature_t* outputs) {
  const ppn_coreml_interface_t* interface = &model->interfaces[function];
  const ppn_mil_function_t* program =
      ppn_mil_program_function(model->program, ppn_sv(interface->function_name));
  for (uint32_t i = 0; program && i < interface->output_count; ++i) {
    const ppn_mil_operation_t* classify = find_classifier(program, outputs[i].name);
    const ppn_mil_value_t* classes = classify ? ppn_mil_operation_input(classify, "classes") : NULL;
    if (!classes || !classes->constant) continue;
    const ppn_mil_constant_t* constant = classes->constant;
    bool is_list =
        constant->view.rank == 1 && (constant->texts || constant->dtype == PPN_DTYPE_INT64);
    if (!is_list) continue;
    outputs[i].label_count = (size_t)constant->view.sizes[0];
    outputs[i].labels = constant->texts;
    if (constant->dtype == PPN_DTYPE_INT64) outputs[i].label_numbers = constant->view.data;
  }
}

static ppn_status_t describe(ppn_model_t* model) {
  ppn_coreml_model_t* coreml = model->coreml;
  size_t count = coreml->interface_count;
  model->inputs = calloc(count + 1, sizeof(*model->inputs));
  model->outputs = calloc(count + 1, sizeof(*model->outputs));
  model->states = calloc(count + 1, sizeof(*model->states));
  if (!model->inputs || !model->outputs || !model->states) return ppn_out_of_memory();
  for (size_t i = 0; i < count; ++i) {
    const ppn_coreml_interface_t* interface = &coreml->interfaces[i];
    ppn_arena_t* arena = &coreml->arena;
    model->inputs[i] = make_features(arena, interface->inputs, interface->input_count);
    model->outputs[i] = make_features(arena, interface->outputs, interface->output_count);
    model->states[i] = make_features(arena, interface->states, interface->state_count);
    if (!model->inputs[i] || !model->outputs[i] || !model->states[i]) return ppn_out_of_memory();
    describe_classes(coreml, (uint32_t)i, model->outputs[i]);
  }
  return ppn_status_ok();
}

ppn_status_t ppn_model_open(const char* path, ppn_model_t** out_model) {
  *out_model = NULL;
  ppn_model_t* model = calloc(1, sizeof(*model));
  if (!model) return ppn_out_of_memory();
  ppn_status_t status = ppn_coreml_model_open(path, &model->coreml);
  if (!status) status = describe(model);
  if (!status) status = ppn_engine_weights_create(&model->weights);
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
    if (model->states) free(model->states[i]);
  }
  free(model->inputs);
  free(model->outputs);
  free(model->states);
  ppn_engine_weights_free(model->weights);
  if (model->coreml) ppn_coreml_model_free(model->coreml);
  free(model);
}

ppn_status_t ppn_model_compile(const ppn_model_t* model, const char* path) {
  PPN_RETURN_IF_ERROR(ppn_coreml_compile(model->coreml, path));
  ppn_coreml_warn_compiled(path);
  return ppn_status_ok();
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

ppn_status_t ppn_model_find_function(const ppn_model_t* model, const char* name,
                                     size_t* out_index) {
  const ppn_coreml_model_t* coreml = model->coreml;
  if (!name) name = coreml->default_function ? coreml->default_function : "main";
  for (uint32_t i = 0; i < coreml->interface_count; ++i) {
    if (strcmp(coreml->interfaces[i].function_name, name) != 0) continue;
    *out_index = i;
    return ppn_status_ok();
  }
  ppn_buffer_t names = {0};
  for (uint32_t i = 0; i < coreml->interface_count; ++i) {
    ppn_buffer_printf(&names, "%s'%s'", i ? ", " : "", coreml->interfaces[i].function_name);
  }
  ppn_status_t status =
      ppn_status_make(PPN_STATUS_NOT_FOUND, "the model has no function '%s'; it has %s", name,
                      ppn_buffer_text(&names));
  ppn_buffer_release(&names);
  return status;
}

ppn_status_t ppn_model_find_interface(const ppn_model_t* model, const char* function,
                                      const ppn_coreml_interface_t** out_interface) {
  size_t index;
  PPN_RETURN_IF_ERROR(ppn_model_find_function(model, function, &index));
  *out_interface = &model->coreml->interfaces[index];
  return ppn_status_ok();
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

const ppn_model_feature_t* ppn_model_states(const ppn_model_t* model, size_t function,
                                            size_t* out_count) {
  *out_count = model->coreml->interfaces[function].state_count;
  return model->states[function];
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
