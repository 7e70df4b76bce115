#include "coreml/enumerated_shapes.h"

#include <jansson.h>
#include <string.h>

// ---- From the compile spec ----

static ppn_status_t malformed(const char* expected) {
  return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                         "compile spec 'enumerated_shapes': expected %s; make it with "
                         "CoreMLBackend.generate_enumerated_shapes_compile_spec",
                         expected);
}

static ppn_status_t wrong_shape(const ppn_coreml_feature_t* input, size_t index, const char* what) {
  return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                         "compile spec 'enumerated_shapes': shape %zu of input '%s' %s", index,
                         input->name, what);
}

static ppn_coreml_feature_t* find_input(const ppn_coreml_interface_t* interface, const char* name) {
  for (uint32_t i = 0; name && i < interface->input_count; ++i) {
    if (strcmp(interface->inputs[i].name, name) == 0) return &interface->inputs[i];
  }
  return NULL;
}

static bool is_enumerable(ppn_dtype_t dtype) {
  return dtype == PPN_DTYPE_FLOAT16 || dtype == PPN_DTYPE_FLOAT32 || dtype == PPN_DTYPE_INT32;
}

static ppn_status_t read_shape(const ppn_coreml_feature_t* input, const json_t* shape, size_t index,
                               int64_t* out) {
  if ((int)json_array_size(shape) != input->rank) {
    return wrong_shape(input, index, "has another rank than the input");
  }
  for (int i = 0; i < input->rank; ++i) {
    const json_t* size = json_array_get(shape, (size_t)i);
    if (!json_is_integer(size) || json_integer_value(size) < 1) {
      return wrong_shape(input, index, "has an entry that is no positive integer");
    }
    out[i] = json_integer_value(size);
    bool is_fixed = !input->ranges || input->ranges[i].lower == input->ranges[i].upper;
    int64_t fixed = input->ranges ? input->ranges[i].lower : input->shape[i];
    if (is_fixed && out[i] != fixed) {
      return wrong_shape(input, index, "differs from a size that the program fixes");
    }
    if (input->ranges && input->ranges[i].upper >= 0 && out[i] > input->ranges[i].upper) {
      return wrong_shape(input, index, "is beyond the range of the exported program");
    }
  }
  return ppn_status_ok();
}

static ppn_status_t enumerate_input(ppn_arena_t* arena, ppn_coreml_feature_t* input,
                                    const json_t* shapes) {
  size_t count = json_array_size(shapes), rank = (size_t)input->rank;
  if (count == 0) return malformed("at least one shape for each input");
  if (!is_enumerable(input->dtype)) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "input '%s' has enumerated shapes and dtype %s; with enumerated shapes, "
                           "inputs must be float16, float32 or int32",
                           input->name, ppn_dtype_name(input->dtype));
  }
  int64_t* enumerated;
  PPN_ARENA_NEW(arena, count * (rank ? rank : 1), &enumerated);
  for (size_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(read_shape(input, json_array_get(shapes, i), i, enumerated + i * rank));
  }
  input->enumerated = enumerated;
  input->enumerated_count = (uint32_t)count;
  input->shape = enumerated;
  input->ranges = NULL;
  return ppn_status_ok();
}

static ppn_status_t enumerate_entry(ppn_coreml_model_t* model, ppn_coreml_interface_t* interface,
                                    const json_t* entry, uint32_t* input_count) {
  const json_t* value = json_array_get(entry, 1);
  const json_t *shapes = json_array_get(value, 0), *names = json_array_get(value, 1);
  if (!json_is_array(shapes) || json_array_size(names) == 0) {
    return malformed("pairs of a shape and its values with the names of inputs");
  }
  for (size_t i = 0; i < json_array_size(names); ++i) {
    const char* name = json_string_value(json_array_get(names, i));
    ppn_coreml_feature_t* input = find_input(interface, name);
    if (!input) {
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "compile spec 'enumerated_shapes' names the input '%s', which the "
                             "model does not have",
                             name ? name : "");
    }
    PPN_RETURN_IF_ERROR(enumerate_input(&model->arena, input, shapes));
    ++*input_count;
  }
  return ppn_status_ok();
}

static ppn_status_t check_complete(const ppn_coreml_interface_t* interface, uint32_t input_count,
                                   int target) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < interface->input_count; ++i) {
    const ppn_coreml_feature_t* input = &interface->inputs[i];
    if (input->ranges) {
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "input '%s' is dynamic, but compile spec 'enumerated_shapes' has no "
                             "shapes for it",
                             input->name);
    }
    if (!input->enumerated) continue;
    if (count && input->enumerated_count != count) {
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "input '%s' has %u enumerated shapes; the others have %u", input->name,
                             input->enumerated_count, count);
    }
    count = input->enumerated_count;
  }
  if (input_count > 1 && target < 9) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "%u inputs have enumerated shapes; more than one needs iOS18: set "
                           "minimum_deployment_target to it",
                           input_count);
  }
  return ppn_status_ok();
}

ppn_status_t ppn_coreml_model_enumerate_shapes(ppn_coreml_model_t* model, ppn_string_view_t json,
                                               int target) {
  json_t* entries = json_loadb(json.data, json.size, 0, NULL);
  ppn_coreml_interface_t* interface = &model->interfaces[0];
  uint32_t input_count = 0;
  ppn_status_t status = json_is_array(entries) ? NULL : malformed("a list in JSON");
  for (size_t i = 0; !status && i < json_array_size(entries); ++i) {
    status = enumerate_entry(model, interface, json_array_get(entries, i), &input_count);
  }
  json_decref(entries);
  return status ? status : check_complete(interface, input_count, target);
}

// ---- When it runs ----

static bool has_shape(const ppn_coreml_feature_t* input, uint32_t index,
                      const ppn_tensor_t* tensor) {
  // Images are [1, channels, height, width].
  int offset = input->kind == PPN_COREML_IMAGE ? tensor->rank - input->rank : 0;
  if (tensor->rank != input->rank + offset || offset < 0) return false;
  const int64_t* shape = input->enumerated + (size_t)index * (size_t)input->rank;
  for (int i = 0; i < input->rank; ++i) {
    if (tensor->sizes[i + offset] != shape[i]) return false;
  }
  return true;
}

static void print_shape(ppn_buffer_t* out, const char* name, const int64_t* sizes, int rank) {
  ppn_buffer_printf(out, "%s [", name);
  for (int i = 0; i < rank; ++i) {
    ppn_buffer_printf(out, "%s%lld", i ? ", " : "", (long long)sizes[i]);
  }
  ppn_buffer_append_text(out, "]");
}

static ppn_status_t refuse_shapes(const ppn_coreml_interface_t* interface,
                                  const ppn_tensor_t* const* inputs, uint32_t count) {
  ppn_buffer_t found = {0}, allowed = {0};
  for (uint32_t k = 0; k < count; ++k) {
    if (k) ppn_buffer_append_text(&allowed, "; ");
    const char* separator = "";
    for (uint32_t i = 0; i < interface->input_count; ++i) {
      const ppn_coreml_feature_t* input = &interface->inputs[i];
      if (!input->enumerated) continue;
      if (k == 0) {
        ppn_buffer_append_text(&found, separator);
        print_shape(&found, input->name, inputs[i]->sizes, inputs[i]->rank);
      }
      ppn_buffer_append_text(&allowed, separator);
      print_shape(&allowed, input->name, input->enumerated + (size_t)k * (size_t)input->rank,
                  input->rank);
      separator = ", ";
    }
  }
  ppn_status_t status = ppn_status_make(
      PPN_STATUS_OUT_OF_RANGE, "the shapes %s are not among those the model enumerates: %s",
      ppn_buffer_text(&found), ppn_buffer_text(&allowed));
  ppn_buffer_release(&found);
  ppn_buffer_release(&allowed);
  return status;
}

ppn_status_t ppn_coreml_check_shapes(const ppn_coreml_interface_t* interface,
                                     const ppn_tensor_t* const* inputs) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < interface->input_count; ++i) {
    uint32_t own = interface->inputs[i].enumerated_count;
    if (own && (count == 0 || own < count)) count = own;
  }
  for (uint32_t k = 0; k < count; ++k) {
    bool fits = true;
    for (uint32_t i = 0; fits && i < interface->input_count; ++i) {
      const ppn_coreml_feature_t* input = &interface->inputs[i];
      fits = !input->enumerated || has_shape(input, k, inputs[i]);
    }
    if (fits) return ppn_status_ok();
  }
  return count ? refuse_shapes(interface, inputs, count) : ppn_status_ok();
}
