// The weight files of a model being read.
#include <stdlib.h>

#include "coreml/model_reading.h"
#include "coreml/package_layout.h"
#include "formats/weight_blob.h"

bool ppn_coreml_is_safe_path(const char* path) {
  if (path[0] == '\0' || path[0] == '/') return false;
  for (const char* part = path; part; part = strchr(part, '/')) {
    if (*part == '/') ++part;
    if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) return false;
  }
  return true;
}

// Elements of up to 8 bytes are read from weight files in place, so their start must be aligned in
// memory. In payloads of other writers it often is not.
static ppn_status_t align_bytes(ppn_coreml_model_t* model, ppn_span_t* bytes) {
  if ((uintptr_t)bytes->data % 8 == 0) return ppn_status_ok();
  if (model->copy_count == model->copy_capacity) {
    uint32_t capacity = model->copy_capacity ? 2 * model->copy_capacity : 4;
    void** grown = realloc(model->copies, capacity * sizeof(*grown));
    if (!grown) return ppn_out_of_memory();
    model->copies = grown;
    model->copy_capacity = capacity;
  }
  void* copy = malloc(bytes->size ? bytes->size : 1);
  if (!copy) return ppn_out_of_memory();
  memcpy(copy, bytes->data, bytes->size);
  model->copies[model->copy_count++] = copy;
  bytes->data = copy;
  return ppn_status_ok();
}

static ppn_status_t keep_weights(ppn_coreml_model_t* model, const char* path, ppn_span_t bytes) {
  if (model->weight_file_count == model->weight_file_capacity) {
    uint32_t capacity = model->weight_file_capacity ? 2 * model->weight_file_capacity : 2;
    ppn_coreml_weight_file_t* grown = realloc(model->weight_files, capacity * sizeof(*grown));
    if (!grown) return ppn_out_of_memory();
    model->weight_files = grown;
    model->weight_file_capacity = capacity;
  }
  model->weight_files[model->weight_file_count++] = (ppn_coreml_weight_file_t){path, bytes};
  return ppn_status_ok();
}

// `name` is below the folder of the model: "weights/weight.bin".
static ppn_status_t open_weights(const ppn_coreml_weight_source_t* source, const char* name,
                                 ppn_span_t* out_bytes) {
  ppn_coreml_model_t* model = source->model;
  uint32_t record_count;
  const char* path = ppn_arena_printf(&model->arena, "%s%s", source->folder, name);
  if (!path) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(source->find(source->context, path, out_bytes));
  PPN_RETURN_IF_ERROR(align_bytes(model, out_bytes));
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_weight_blob_verify(*out_bytes, &record_count), "%s", path);
  return keep_weights(model, name, *out_bytes);
}

static ppn_status_t find_weights(void* context, ppn_string_view_t path, ppn_span_t* out_bytes) {
  const ppn_coreml_weight_source_t* source = context;
  ppn_coreml_model_t* model = source->model;
  size_t prefix = strlen(PPN_PACKAGE_MODEL_PATH);
  bool has_prefix = ppn_sv_starts_with(path, PPN_PACKAGE_MODEL_PATH);
  ppn_string_view_t below = has_prefix ? ppn_sv_make(path.data + prefix, path.size - prefix) : path;
  for (uint32_t i = 0; has_prefix && i < model->weight_file_count; ++i) {
    if (!ppn_sv_equals(below, model->weight_files[i].path)) continue;
    *out_bytes = model->weight_files[i].bytes;
    return ppn_status_ok();
  }
  const char* name = ppn_arena_strdup(&model->arena, below);
  if (!name) return ppn_out_of_memory();
  if (!has_prefix || !ppn_coreml_is_safe_path(name)) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "a weight file is named '%.*s', expected " PPN_PACKAGE_MODEL_PATH
                           " and a path below it",
                           PPN_SV(path));
  }
  return open_weights(source, name, out_bytes);
}

ppn_mil_blob_source_t ppn_coreml_blob_source(ppn_coreml_weight_source_t* source) {
  return (ppn_mil_blob_source_t){find_weights, source};
}
