// A model compiled: its files, laid out from the package's.
#include <stdlib.h>

#include "base/log.h"
#include "coreml/compiled.h"
#include "coreml/package_layout.h"
#include "formats/proto_message.h"
#include "mil/text.h"

// Field numbers of the Model message.
#define FIELD_DESCRIPTION 2
#define FIELD_ML_PROGRAM 502

struct ppn_coreml_compiled {
  ppn_arena_t arena;
  ppn_buffer_t program, data, metadata, analytics;
  ppn_package_file_t* files;
  uint32_t file_count;
};

// ---- The program ----

static ppn_status_t make_flexible_input(ppn_arena_t* arena, const ppn_coreml_feature_t* feature,
                                        ppn_mil_flexible_input_t* out) {
  *out = (ppn_mil_flexible_input_t){.name = feature->name,
                                    .rank = feature->rank,
                                    .default_shape = feature->shape,
                                    .enumerated = feature->enumerated,
                                    .enumerated_count = feature->enumerated_count};
  if (!feature->ranges) return ppn_status_ok();
  int64_t* ranges;
  PPN_ARENA_NEW(arena, 2 * feature->rank, &ranges);
  for (int i = 0; i < feature->rank; ++i) {
    ranges[2 * i] = feature->ranges[i].lower;
    ranges[2 * i + 1] = feature->ranges[i].upper;
  }
  out->ranges = ranges;
  return ppn_status_ok();
}

typedef struct flexible {
  const ppn_coreml_model_t* model;
  ppn_arena_t* arena;
} flexible_t;

static ppn_status_t flexible_inputs(void* context, const char* function,
                                    const ppn_mil_flexible_input_t** out_inputs,
                                    uint32_t* out_count) {
  const flexible_t* flexible = context;
  const ppn_coreml_interface_t* interface = NULL;
  for (uint32_t i = 0; i < flexible->model->interface_count; ++i) {
    const ppn_coreml_interface_t* candidate = &flexible->model->interfaces[i];
    if (strcmp(candidate->function_name, function) == 0) interface = candidate;
  }
  *out_count = 0;
  if (!interface) return ppn_status_ok();
  ppn_mil_flexible_input_t* inputs;
  PPN_ARENA_NEW(flexible->arena, interface->input_count, &inputs);
  for (uint32_t i = 0; i < interface->input_count; ++i) {
    const ppn_coreml_feature_t* feature = &interface->inputs[i];
    if (feature->kind != PPN_COREML_MULTI_ARRAY) continue;
    if (!feature->ranges && !feature->enumerated) continue;
    PPN_RETURN_IF_ERROR(make_flexible_input(flexible->arena, feature, &inputs[(*out_count)++]));
  }
  *out_inputs = inputs;
  return ppn_status_ok();
}

// ---- The files ----

static ppn_status_t write_buffer(void* self, ppn_sink_t sink) {
  const ppn_buffer_t* buffer = self;
  return ppn_sink_write(sink, buffer->data, buffer->size);
}

static void add_file(ppn_coreml_compiled_t* compiled, const char* path, ppn_buffer_t* content) {
  compiled->files[compiled->file_count++] =
      (ppn_package_file_t){path, {.size = content->size, .write = write_buffer, .self = content}};
}

static ppn_status_t make_texts(ppn_coreml_compiled_t* compiled, const ppn_coreml_model_t* model,
                               ppn_span_t message, const char* name) {
  ppn_span_t description, program;
  if (!ppn_proto_find_bytes(message, FIELD_DESCRIPTION, &description) ||
      !ppn_proto_find_bytes(message, FIELD_ML_PROGRAM, &program)) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the model has no description or no program");
  }
  flexible_t flexible = {model, &compiled->arena};
  ppn_mil_text_options_t options = {.specification_version = model->specification_version,
                                    .version = PPN_VERSION,
                                    .flexible_inputs = flexible_inputs,
                                    .context = &flexible};
  PPN_RETURN_IF_ERROR(ppn_mil_text_from_proto(program, &options, &compiled->program));
  ppn_coreml_compiled_write_data(model->specification_version, model->interface_count, description,
                                 &compiled->data);
  ppn_coreml_compiled_write_analytics(message, &compiled->analytics);
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&compiled->data));
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&compiled->analytics));
  return ppn_coreml_compiled_write_metadata(model, description, program, name, &compiled->metadata);
}

ppn_status_t ppn_coreml_compiled_create(const ppn_coreml_model_t* model, ppn_span_t message,
                                        const ppn_package_file_t* weights, uint32_t weight_count,
                                        const char* name, ppn_coreml_compiled_t** out_compiled) {
  *out_compiled = NULL;
  ppn_coreml_compiled_t* compiled = calloc(1, sizeof(*compiled));
  if (!compiled) return ppn_out_of_memory();
  ppn_status_t status = make_texts(compiled, model, message, name);
  compiled->files =
      ppn_arena_alloc_array(&compiled->arena, (size_t)weight_count + 4, sizeof(*compiled->files));
  if (!status && !compiled->files) status = ppn_out_of_memory();
  if (status) {
    ppn_coreml_compiled_free(compiled);
    return status;
  }
  add_file(compiled, PPN_COMPILED_ANALYTICS, &compiled->analytics);
  add_file(compiled, PPN_COMPILED_DATA, &compiled->data);
  add_file(compiled, PPN_COMPILED_METADATA, &compiled->metadata);
  add_file(compiled, PPN_COMPILED_PROGRAM, &compiled->program);
  for (uint32_t i = 0; i < weight_count; ++i) compiled->files[compiled->file_count++] = weights[i];
  *out_compiled = compiled;
  return ppn_status_ok();
}

void ppn_coreml_compiled_free(ppn_coreml_compiled_t* compiled) {
  if (!compiled) return;
  ppn_buffer_release(&compiled->program);
  ppn_buffer_release(&compiled->data);
  ppn_buffer_release(&compiled->metadata);
  ppn_buffer_release(&compiled->analytics);
  ppn_arena_release(&compiled->arena);
  free(compiled);
}

const ppn_package_file_t* ppn_coreml_compiled_files(const ppn_coreml_compiled_t* compiled,
                                                    uint32_t* out_count) {
  *out_count = compiled->file_count;
  return compiled->files;
}

// ---- From package to folder ----

static ppn_status_t write_span(void* self, ppn_sink_t sink) {
  const ppn_span_t* bytes = self;
  return ppn_sink_write(sink, bytes->data, bytes->size);
}

static ppn_status_t compile(const ppn_coreml_model_t* model, const char* path, ppn_arena_t* arena) {
  ppn_package_file_t* weights;
  if (model->message.size == 0) {
    return ppn_status_make(PPN_STATUS_FAILED_PRECONDITION,
                           "only models that were opened from a package (.mlpackage) or a model "
                           "file can be compiled; this one is compiled already");
  }
  PPN_ARENA_NEW(arena, model->weight_file_count, &weights);
  for (uint32_t i = 0; i < model->weight_file_count; ++i) {
    ppn_coreml_weight_file_t* file = &model->weight_files[i];
    weights[i] = (ppn_package_file_t){
        file->path, {.size = file->bytes.size, .write = write_span, .self = &file->bytes}};
  }
  ppn_coreml_compiled_t* compiled = NULL;
  PPN_RETURN_IF_ERROR(ppn_coreml_compiled_create(model, model->message, weights,
                                                 model->weight_file_count,
                                                 model->name ? model->name : "model", &compiled));
  ppn_status_t status = ppn_coreml_package_write_files(compiled->files, compiled->file_count, path);
  ppn_coreml_compiled_free(compiled);
  return status;
}

ppn_status_t ppn_coreml_compile(const ppn_coreml_model_t* model, const char* path) {
  ppn_arena_t arena = {0};
  ppn_status_t status = compile(model, path, &arena);
  ppn_arena_release(&arena);
  return status;
}

void ppn_coreml_warn_compiled(const char* what) {
  ppn_log(PPN_LOG_WARNING,
          "%s is compiled by Pippin, after the pattern of published compiled models: no Apple "
          "device has loaded one of them yet. Packages (.mlpackage) are compiled by the device",
          what);
}
