#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file_kind.h"
#include "coreml/model_proto.h"
#include "coreml/package_layout.h"
#include "formats/weight_blob.h"
#include "mil/proto.h"
#include "tensor/tensor.h"

// ---- The manifest ----

// A path from a manifest or program may only lead downwards.
static bool is_safe_path(const char* path) {
  if (path[0] == '\0' || path[0] == '/') return false;
  for (const char* part = path; part; part = strchr(part, '/')) {
    if (*part == '/') ++part;
    if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) return false;
  }
  return true;
}

static ppn_status_t check_version(const char* version) {
  int major, minor, patch, end = 0;
  if (!version || sscanf(version, "%9d.%9d.%9d%n", &major, &minor, &patch, &end) != 3 ||
      version[end] != '\0' || major < 0 || minor < 0 || patch < 0) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "fileFormatVersion is '%s', expected three numbers like 1.0.0",
                           version ? version : "(missing)");
  }
  if (major > 1 || (major == 1 && minor > 0) || (minor == 0 && patch > 0)) {
    return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                           "the package has format version %s, the newest supported is 1.0.0",
                           version);
  }
  return ppn_status_ok();
}

// The path of the root model below the package ("Data/com.apple.CoreML/model.mlmodel").
static ppn_status_t find_root_model(const json_t* manifest, ppn_arena_t* arena,
                                    const char** out_path) {
  PPN_RETURN_IF_ERROR(
      check_version(json_string_value(json_object_get(manifest, "fileFormatVersion"))));
  const char* root = json_string_value(json_object_get(manifest, "rootModelIdentifier"));
  const json_t* items = json_object_get(manifest, "itemInfoEntries");
  const json_t* item = root ? json_object_get(items, root) : NULL;
  const char* path = json_string_value(json_object_get(item, "path"));
  if (!path) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "rootModelIdentifier does not name an item with a path");
  }
  if (!is_safe_path(path)) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the root model's path '%s' leads out of the package", path);
  }
  *out_path = ppn_arena_printf(arena, PPN_PACKAGE_DATA "%s", path);
  return *out_path ? ppn_status_ok() : ppn_out_of_memory();
}

static ppn_status_t read_manifest(ppn_span_t bytes, ppn_arena_t* arena, const char** out_path) {
  json_error_t error;
  json_t* manifest = json_loadb((const char*)bytes.data, bytes.size, 0, &error);
  if (!manifest) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, PPN_PACKAGE_MANIFEST ", line %d: %s",
                           error.line, error.text);
  }
  ppn_status_t status = find_root_model(manifest, arena, out_path);
  json_decref(manifest);
  return ppn_status_annotate(status, PPN_PACKAGE_MANIFEST);
}

// ---- Weight files ----

typedef struct weight_files {
  ppn_package_find_t find;
  void* context;
  ppn_coreml_model_t* model;
  const char* folder;  // of the root model, with a slash; "" at the top
  // The file that was asked for last.
  char* path;
  ppn_span_t bytes;
} weight_files_t;

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

static ppn_status_t find_weights(void* context, ppn_string_view_t path, ppn_span_t* out_bytes) {
  weight_files_t* files = context;
  if (files->path && ppn_sv_equals(path, files->path)) {
    *out_bytes = files->bytes;
    return ppn_status_ok();
  }
  ppn_arena_t* arena = &files->model->arena;
  char* name = ppn_arena_strdup(arena, path);
  if (!name) return ppn_out_of_memory();
  if (!ppn_sv_starts_with(path, PPN_PACKAGE_MODEL_PATH) ||
      !is_safe_path(name + strlen(PPN_PACKAGE_MODEL_PATH))) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "a weight file is named '%s', expected " PPN_PACKAGE_MODEL_PATH
                           " and a path below it",
                           name);
  }
  const char* full =
      ppn_arena_printf(arena, "%s%s", files->folder, name + strlen(PPN_PACKAGE_MODEL_PATH));
  if (!full) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(files->find(files->context, full, &files->bytes));
  PPN_RETURN_IF_ERROR(align_bytes(files->model, &files->bytes));
  uint32_t record_count;
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_weight_blob_verify(files->bytes, &record_count), "%s", full);
  files->path = name;
  *out_bytes = files->bytes;
  return ppn_status_ok();
}

// ---- The model ----

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

// Description and program must speak of the same inputs, outputs and states.
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

// A message that cannot be read may be a file of another kind: models start with their version,
// field 1, or their description, field 2.
static ppn_status_t explain(ppn_status_t status, ppn_span_t bytes) {
  bool may_be_model = bytes.size > 0 && (bytes.data[0] == 0x08 || bytes.data[0] == 0x12);
  if (!status || may_be_model) return status;
  ppn_status_free(status);
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "expected a Core ML model, found %s",
                         ppn_file_kind(bytes));
}

static ppn_status_t read_model(ppn_coreml_model_t* model, ppn_package_find_t find, void* context,
                               const char* model_path) {
  ppn_span_t bytes, program;
  PPN_RETURN_IF_ERROR(find(context, model_path, &bytes));
  PPN_RETURN_IF_ERROR_ANNOTATED(explain(ppn_coreml_model_read_proto(bytes, model, &program), bytes),
                                "%s", model_path);
  const char* slash = strrchr(model_path, '/');
  weight_files_t files = {.find = find, .context = context, .model = model};
  files.folder = ppn_arena_strdup(
      &model->arena, ppn_sv_make(model_path, slash ? (size_t)(slash - model_path) + 1 : 0));
  if (!files.folder) return ppn_out_of_memory();
  ppn_mil_blob_source_t source = {find_weights, &files};
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_mil_program_read_proto(program, source, &model->program), "%s",
                                model_path);
  model->owns_program = true;
  for (uint32_t i = 0; i < model->interface_count; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(match_interface(model, &model->interfaces[i]), "%s", model_path);
  }
  return ppn_status_ok();
}

static ppn_status_t read_package(ppn_coreml_model_t* model, ppn_package_find_t find,
                                 void* context) {
  ppn_span_t manifest;
  const char* model_path;
  PPN_RETURN_IF_ERROR(find(context, PPN_PACKAGE_MANIFEST, &manifest));
  PPN_RETURN_IF_ERROR(read_manifest(manifest, &model->arena, &model_path));
  return read_model(model, find, context, model_path);
}

ppn_status_t ppn_coreml_model_read(ppn_package_find_t find, void* context, const char* name,
                                   ppn_coreml_model_t** out_model) {
  *out_model = NULL;
  ppn_coreml_model_t* model = calloc(1, sizeof(*model));
  if (!model) return ppn_out_of_memory();
  ppn_status_t status = read_package(model, find, context);
  if (status) {
    ppn_coreml_model_free(model);
    return ppn_status_annotate(status, "%s", name);
  }
  *out_model = model;
  return ppn_status_ok();
}

// ---- Folders and files ----

typedef struct folder {
  ppn_coreml_model_t* model;
  const char* path;
} folder_t;

static ppn_status_t map_file(void* context, const char* path, ppn_span_t* out_bytes) {
  folder_t* folder = context;
  ppn_coreml_model_t* model = folder->model;
  if (model->map_count == model->map_capacity) {
    uint32_t capacity = model->map_capacity ? 2 * model->map_capacity : 4;
    ppn_file_map_t* grown = realloc(model->maps, capacity * sizeof(*grown));
    if (!grown) return ppn_out_of_memory();
    model->maps = grown;
    model->map_capacity = capacity;
  }
  const char* full = ppn_arena_printf(&model->arena, "%s/%s", folder->path, path);
  if (!full) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(ppn_file_map_open(full, &model->maps[model->map_count]));
  *out_bytes = model->maps[model->map_count++].bytes;
  return ppn_status_ok();
}

static ppn_status_t open_path(ppn_coreml_model_t* model, const char* path) {
  struct stat information;
  if (stat(path, &information) != 0) {
    return ppn_status_make(errno == ENOENT ? PPN_STATUS_NOT_FOUND : PPN_STATUS_IO, "%s",
                           strerror(errno));
  }
  if (S_ISDIR(information.st_mode)) {
    folder_t folder = {model, path};
    const char* manifest = ppn_arena_printf(&model->arena, "%s/" PPN_PACKAGE_MANIFEST, path);
    const char* text = ppn_arena_printf(&model->arena, "%s/model.mil", path);
    if (!manifest || !text) return ppn_out_of_memory();
    bool has_manifest = stat(manifest, &information) == 0;
    if (!has_manifest && stat(text, &information) == 0) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "this is a compiled model (.mlmodelc); open the package (.mlpackage) "
                             "it was compiled from");
    }
    if (!has_manifest) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA, "a folder without " PPN_PACKAGE_MANIFEST
                                                      "; expected a model package (.mlpackage)");
    }
    return read_package(model, map_file, &folder);
  }
  const char* slash = strrchr(path, '/');
  const char* name = slash ? slash + 1 : path;
  const char* parent =
      slash ? ppn_arena_strdup(&model->arena, ppn_sv_make(path, (size_t)(slash - path))) : ".";
  if (!parent) return ppn_out_of_memory();
  folder_t folder = {model, parent};
  return read_model(model, map_file, &folder, name);
}

ppn_status_t ppn_coreml_model_open(const char* path, ppn_coreml_model_t** out_model) {
  *out_model = NULL;
  ppn_coreml_model_t* model = calloc(1, sizeof(*model));
  if (!model) return ppn_out_of_memory();
  ppn_status_t status = open_path(model, path);
  if (status) {
    ppn_coreml_model_free(model);
    return ppn_status_annotate(status, "%s", path);
  }
  *out_model = model;
  return ppn_status_ok();
}
