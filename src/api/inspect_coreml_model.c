// What is in a Core ML model: functions, features, operations.
#include "api/inspect.h"
#include "mil/op.h"

static json_t* describe_features(const ppn_coreml_feature_t* features, uint32_t count) {
  json_t* list = json_array();
  for (uint32_t i = 0; i < count; ++i) {
    json_t* shape = json_array();
    for (int d = 0; d < features[i].rank; ++d)
      json_array_append_new(shape, json_integer(features[i].shape[d]));
    json_t* feature = json_pack("{s:s, s:s, s:o}", "name", features[i].name, "type",
                                ppn_dtype_name(features[i].dtype), "shape", shape);
    if (features[i].ranges) {
      json_t* ranges = json_array();
      for (int d = 0; d < features[i].rank; ++d) {
        json_array_append_new(ranges, json_pack("[I, I]", (json_int_t)features[i].ranges[d].lower,
                                                (json_int_t)features[i].ranges[d].upper));
      }
      json_object_set_new(feature, "ranges", ranges);
    }
    json_array_append_new(list, feature);
  }
  return list;
}

static void count_operations(const ppn_mil_block_t* block, json_t* counts) {
  for (const ppn_mil_operation_t* operation = block->first; operation;
       operation = operation->next) {
    json_int_t count = json_integer_value(json_object_get(counts, operation->op->type));
    json_object_set_new(counts, operation->op->type, json_integer(count + 1));
    for (uint32_t i = 0; i < operation->block_count; ++i)
      count_operations(operation->blocks[i], counts);
  }
}

json_t* ppn_describe_coreml_functions(const ppn_coreml_model_t* model) {
  json_t* functions = json_array();
  for (uint32_t i = 0; i < model->interface_count; ++i) {
    const ppn_coreml_interface_t* interface = &model->interfaces[i];
    const ppn_mil_function_t* function =
        ppn_mil_program_function(model->program, ppn_sv(interface->function_name));
    json_t* counts = json_object();
    if (function) count_operations(function->block, counts);
    json_array_append_new(
        functions,
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", interface->function_name, "opset",
                  function ? ppn_mil_opset_name(function->opset) : "", "inputs",
                  describe_features(interface->inputs, interface->input_count), "outputs",
                  describe_features(interface->outputs, interface->output_count), "states",
                  describe_features(interface->states, interface->state_count), "operations",
                  counts));
  }
  return functions;
}

ppn_status_t ppn_inspect_coreml_model(const char* path, json_t** out_json) {
  ppn_coreml_model_t* model;
  PPN_RETURN_IF_ERROR(ppn_coreml_model_open(path, &model));
  *out_json = json_pack("{s:s, s:s, s:i, s:o}", "kind", "coreml_model", "path", path,
                        "specification_version", model->specification_version, "functions",
                        ppn_describe_coreml_functions(model));
  ppn_coreml_model_free(model);
  return *out_json ? ppn_status_ok() : ppn_out_of_memory();
}
