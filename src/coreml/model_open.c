// Opens models, whatever form they have.
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "coreml/compiled.h"
#include "coreml/model_reading.h"
#include "coreml/package_layout.h"

// The manifest tells a package, coremldata.bin a compiled model.
static ppn_status_t read_files(ppn_coreml_model_t* model, ppn_package_find_t find, void* context) {
  ppn_span_t file;
  ppn_status_t status = find(context, PPN_PACKAGE_MANIFEST, &file);
  if (!status) return ppn_coreml_read_package(model, file, find, context);
  if (ppn_status_code(status) != PPN_STATUS_NOT_FOUND) return status;
  ppn_status_free(status);
  status = find(context, PPN_COMPILED_DATA, &file);
  if (!status) return ppn_coreml_read_compiled(model, file, find, context);
  if (ppn_status_code(status) != PPN_STATUS_NOT_FOUND) return status;
  ppn_status_free(status);
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "a folder with neither " PPN_PACKAGE_MANIFEST " nor " PPN_COMPILED_DATA
                         "; expected a model package (.mlpackage) or a compiled model (.mlmodelc)");
}

static ppn_status_t finish(ppn_coreml_model_t* model, ppn_status_t status, const char* name,
                           ppn_coreml_model_t** out_model) {
  if (status) {
    ppn_coreml_model_free(model);
    return ppn_status_annotate(status, "%s", name);
  }
  *out_model = model;
  return ppn_status_ok();
}

ppn_status_t ppn_coreml_model_read(ppn_package_find_t find, void* context, const char* name,
                                   ppn_coreml_model_t** out_model) {
  *out_model = NULL;
  ppn_coreml_model_t* model = calloc(1, sizeof(*model));
  if (!model) return ppn_out_of_memory();
  return finish(model, read_files(model, find, context), name, out_model);
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
    return read_files(model, map_file, &folder);
  }
  const char* slash = strrchr(path, '/');
  const char* name = slash ? slash + 1 : path;
  const char* parent =
      slash ? ppn_arena_strdup(&model->arena, ppn_sv_make(path, (size_t)(slash - path))) : ".";
  if (!parent) return ppn_out_of_memory();
  folder_t folder = {model, parent};
  return ppn_coreml_read_model_file(model, map_file, &folder, name);
}

// "Name" of "folder/Name.mlpackage".
static const char* base_name(ppn_arena_t* arena, const char* path) {
  size_t end = strlen(path);
  while (end > 1 && path[end - 1] == '/') --end;
  size_t start = end;
  while (start > 0 && path[start - 1] != '/') --start;
  for (size_t i = end; i > start + 1; --i) {
    if (path[i - 1] != '.') continue;
    end = i - 1;
    break;
  }
  return ppn_arena_strdup(arena, ppn_sv_make(path + start, end - start));
}

ppn_status_t ppn_coreml_model_open(const char* path, ppn_coreml_model_t** out_model) {
  *out_model = NULL;
  ppn_coreml_model_t* model = calloc(1, sizeof(*model));
  if (!model) return ppn_out_of_memory();
  model->name = base_name(&model->arena, path);
  ppn_status_t status = model->name ? open_path(model, path) : ppn_out_of_memory();
  return finish(model, status, path, out_model);
}
