// Model packages: the manifest, and the model file that it names.
#include <jansson.h>
#include <stdio.h>

#include "base/file_kind.h"
#include "coreml/model_proto.h"
#include "coreml/model_reading.h"
#include "coreml/package_layout.h"

// ---- The manifest ----

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
  if (!ppn_coreml_is_safe_path(path)) {
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

// ---- The model ----

// A message that cannot be read may be a file of another kind: models start with their version,
// field 1, or their description, field 2.
static ppn_status_t explain(ppn_status_t status, ppn_span_t bytes) {
  bool may_be_model = bytes.size > 0 && (bytes.data[0] == 0x08 || bytes.data[0] == 0x12);
  if (!status || may_be_model) return status;
  ppn_status_free(status);
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "expected a Core ML model, found %s",
                         ppn_file_kind(bytes));
}

ppn_status_t ppn_coreml_read_model_file(ppn_coreml_model_t* model, ppn_package_find_t find,
                                        void* context, const char* path) {
  ppn_span_t program;
  PPN_RETURN_IF_ERROR(find(context, path, &model->message));
  PPN_RETURN_IF_ERROR_ANNOTATED(
      explain(ppn_coreml_model_read_proto(model->message, model, &program), model->message), "%s",
      path);
  const char* slash = strrchr(path, '/');
  ppn_coreml_weight_source_t weights = {.model = model, .find = find, .context = context};
  weights.folder =
      ppn_arena_strdup(&model->arena, ppn_sv_make(path, slash ? (size_t)(slash - path) + 1 : 0));
  if (!weights.folder) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR_ANNOTATED(
      ppn_mil_program_read_proto(program, ppn_coreml_blob_source(&weights), &model->program), "%s",
      path);
  model->owns_program = true;
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_coreml_model_match_interfaces(model), "%s", path);
  return ppn_status_ok();
}

ppn_status_t ppn_coreml_read_package(ppn_coreml_model_t* model, ppn_span_t manifest,
                                     ppn_package_find_t find, void* context) {
  const char* path = NULL;
  PPN_RETURN_IF_ERROR(read_manifest(manifest, &model->arena, &path));
  return ppn_coreml_read_model_file(model, find, context, path);
}
