// Several models as functions of one.
#include <stdlib.h>

#include "coreml/model.h"

static ppn_status_t check_source(const ppn_coreml_model_t* const* sources, const char* const* names,
                                 uint32_t index) {
  const ppn_coreml_model_t *source = sources[index], *first = sources[0];
  if (source->interface_count != 1) {
    return ppn_status_make(PPN_STATUS_INTERNAL, "'%s' has %u functions; expected one", names[index],
                           source->interface_count);
  }
  if (source->specification_version == first->specification_version) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INTERNAL,
                         "'%s' is of specification version %d, but '%s' of %d; functions of one "
                         "model have the same",
                         names[index], source->specification_version, names[0],
                         first->specification_version);
}

static ppn_status_t combine(ppn_coreml_model_t* const* sources, const char* const* names,
                            uint32_t count, ppn_coreml_model_t* model) {
  model->specification_version = sources[0]->specification_version;
  model->default_function = names[0];
  model->is_multifunction = true;
  if (model->specification_version < 9) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "a model with several functions needs iOS 18 (specification version 9)");
  }
  // Functions stay where they are, in the programs of their own.
  PPN_ARENA_NEW(&model->arena, 1, &model->program);
  PPN_ARENA_NEW(&model->arena, count, &model->program->functions);
  PPN_ARENA_NEW(&model->arena, count, &model->interfaces);
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(check_source((const ppn_coreml_model_t* const*)sources, names, i));
    ppn_mil_function_t* function = sources[i]->program->functions[0];
    function->name = names[i];
    model->program->functions[model->program->function_count++] = function;
    model->interfaces[i] = sources[i]->interfaces[0];
    model->interfaces[i].function_name = names[i];
    ++model->interface_count;
  }
  return ppn_status_ok();
}

ppn_status_t ppn_coreml_model_combine(ppn_coreml_model_t* const* sources, const char* const* names,
                                      uint32_t count, ppn_coreml_model_t** out_model) {
  *out_model = NULL;
  ppn_coreml_model_t* model = calloc(1, sizeof(*model));
  if (!model) return ppn_out_of_memory();
  ppn_status_t status = combine(sources, names, count, model);
  if (status) {
    ppn_coreml_model_free(model);
    return status;
  }
  *out_model = model;
  return ppn_status_ok();
}
