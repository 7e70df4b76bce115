// The description of a model against its program.
#include "coreml/model_reading.h"

// By name: descriptions may be as long as the program.
static ppn_status_t map_values(ppn_mil_value_t* const* values, uint32_t count,
                               ppn_string_map_t* out) {
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(ppn_string_map_set(out, ppn_sv(values[i]->name), values[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t missing(const char* what, const char* name, const char* kind) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "the description's %s '%s' is not an %s of the program", what, name, kind);
}

// Inputs with flexible shapes: the description's ranges become those of the program's symbols.
static ppn_status_t apply_ranges(ppn_mil_program_t* program, const ppn_coreml_feature_t* feature,
                                 const ppn_mil_value_t* value) {
  // Images are [1, channels, height, width] in the program.
  int offset = feature->kind == PPN_COREML_IMAGE ? value->type.rank - feature->rank : 0;
  if (offset < 0) return missing("image", feature->name, "image-like input");
  for (int i = 0; i + offset < value->type.rank && i < feature->rank; ++i) {
    int64_t index = ppn_dim_as_symbol(program->symbols, value->type.sizes[i + offset]);
    if (index < 0) continue;
    ppn_symbol_t* symbol = ppn_symbol_table_symbol(program->symbols, (uint32_t)index);
    int64_t minimum = 0, maximum = PPN_DIM_UNBOUNDED;
    if (feature->ranges) {
      minimum = feature->ranges[i].lower;
      if (feature->ranges[i].upper >= 0) maximum = feature->ranges[i].upper;
    } else if (feature->enumerated) {
      minimum = maximum = feature->enumerated[i];
      for (uint32_t k = 1; k < feature->enumerated_count; ++k) {
        int64_t size = feature->enumerated[(size_t)k * (size_t)feature->rank + (size_t)i];
        if (size < minimum) minimum = size;
        if (size > maximum) maximum = size;
      }
    }
    if (symbol->minimum > minimum) minimum = symbol->minimum;
    if (symbol->maximum < maximum) maximum = symbol->maximum;
    if (minimum > maximum) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA,
                             "input '%s', dimension %d: its range is empty", feature->name, i);
    }
    symbol->minimum = minimum;
    symbol->maximum = maximum;
    if (feature->shape) symbol->hint = feature->shape[i];
  }
  return ppn_status_ok();
}

static ppn_status_t match_state(const ppn_coreml_feature_t* feature, const ppn_mil_value_t* value) {
  const ppn_mil_type_t* type = &value->type;
  bool fits =
      type->kind == PPN_MIL_STATE && type->dtype == feature->dtype && type->rank == feature->rank;
  for (int i = 0; fits && i < type->rank; ++i) {
    fits = ppn_dim_is(type->sizes[i], feature->shape[i]);
  }
  if (fits) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "the description's state '%s' differs in type from the program's",
                         feature->name);
}

static ppn_status_t match_features(ppn_coreml_model_t* model,
                                   const ppn_coreml_interface_t* interface,
                                   const ppn_string_map_t* inputs,
                                   const ppn_string_map_t* outputs) {
  for (uint32_t i = 0; i < interface->input_count; ++i) {
    const ppn_coreml_feature_t* feature = &interface->inputs[i];
    const ppn_mil_value_t* value = ppn_string_map_get(inputs, ppn_sv(feature->name));
    if (!value) return missing("input", feature->name, "input");
    PPN_RETURN_IF_ERROR(apply_ranges(model->program, feature, value));
  }
  for (uint32_t i = 0; i < interface->state_count; ++i) {
    const ppn_coreml_feature_t* feature = &interface->states[i];
    const ppn_mil_value_t* value = ppn_string_map_get(inputs, ppn_sv(feature->name));
    if (!value) return missing("state", feature->name, "input");
    PPN_RETURN_IF_ERROR(match_state(feature, value));
  }
  for (uint32_t i = 0; i < interface->output_count; ++i) {
    const char* name = interface->outputs[i].name;
    if (!ppn_string_map_get(outputs, ppn_sv(name))) return missing("output", name, "output");
  }
  return ppn_status_ok();
}

static ppn_status_t match_interface(ppn_coreml_model_t* model,
                                    const ppn_coreml_interface_t* interface) {
  ppn_mil_function_t* function =
      ppn_mil_program_function(model->program, ppn_sv(interface->function_name));
  if (!function) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the program has no function '%s'",
                           interface->function_name);
  }
  if (interface->output_count == 0) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the description has no outputs");
  }
  ppn_string_map_t inputs = {0}, outputs = {0};
  ppn_status_t status = map_values(function->inputs, function->input_count, &inputs);
  if (!status) {
    status = map_values(function->block->outputs, function->block->output_count, &outputs);
  }
  if (!status) status = match_features(model, interface, &inputs, &outputs);
  ppn_string_map_release(&inputs);
  ppn_string_map_release(&outputs);
  return status;
}

ppn_status_t ppn_coreml_model_match_interfaces(ppn_coreml_model_t* model) {
  for (uint32_t i = 0; i < model->interface_count; ++i) {
    PPN_RETURN_IF_ERROR(match_interface(model, &model->interfaces[i]));
  }
  return ppn_status_ok();
}
