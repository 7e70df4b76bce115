// Exported programs from `.pt2` archives: finding the program and its weights.
//
//   <top>/archive_format                          "pt2"
//   <top>/models/model.json                       the program
//   <top>/data/weights/model_weights_config.json  FQN to payload, dtype, sizes, strides
//   <top>/data/weights/weight_0 …                 whole storages, raw
//   <top>/data/constants/…                        the same for constants and unsaved buffers
#include <jansson.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/file_map.h"
#include "formats/zip_archive.h"
#include "graph/exported_program.h"

// What the program's constants point into.
typedef struct storage {
  ppn_file_map_t map;
  bool has_map;
  ppn_zip_archive_t zip;
} storage_t;

typedef struct archive {
  storage_t* storage;
  const char* name;
  char* top;                    // "model", without a slash
  char* model;                  // "model"
  json_t *weights, *constants;  // configs: FQN to payload
} archive_t;

static void release_storage(void* self) {
  storage_t* storage = self;
  ppn_zip_close(&storage->zip);
  if (storage->has_map) ppn_file_map_close(&storage->map);
  free(storage);
}

static ppn_status_t read_entry(const archive_t* archive, const char* path, ppn_span_t* out) {
  ppn_zip_archive_t* zip = &archive->storage->zip;
  const ppn_zip_entry_t* entry = ppn_zip_find(zip, path);
  if (!entry) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s: the archive has no entry '%s'",
                           archive->name, path);
  }
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_zip_read(zip, entry, out), "%s: entry '%s'", archive->name,
                                path);
  return ppn_status_ok();
}

// ---- Weights ----

static ppn_status_t read_config(const archive_t* archive, const char* folder, json_t** out_config) {
  ppn_arena_t* arena = &archive->storage->zip.arena;
  char* path = ppn_arena_printf(arena, "%s/data/%s/%s_%s_config.json", archive->top, folder,
                                archive->model, folder);
  ppn_span_t bytes;
  if (!path) return ppn_out_of_memory();
  char* pickled = ppn_arena_printf(arena, "%s/data/%s/%s.pt", archive->top, folder, archive->model);
  if (pickled && ppn_zip_find(&archive->storage->zip, pickled)) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "%s: its weights are pickled, as torch 2.8 wrote them; export it again "
                           "with torch 2.9 or later",
                           archive->name);
  }
  PPN_RETURN_IF_ERROR(read_entry(archive, path, &bytes));
  json_error_t error;
  json_t* root = json_loadb((const char*)bytes.data, bytes.size, 0, &error);
  if (!root) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s: entry '%s': bad JSON at offset %d: %s",
                           archive->name, path, error.position, error.text);
  }
  *out_config = json_incref(json_object_get(root, "config"));
  json_decref(root);
  return ppn_status_ok();
}

static ppn_status_t read_static_sizes(ppn_arena_t* arena, const json_t* list, int64_t** out) {
  size_t count = json_array_size(list);
  PPN_ARENA_NEW(arena, count, out);
  for (size_t i = 0; i < count; ++i) {
    const json_t* size = json_object_get(json_array_get(list, i), "as_int");
    (*out)[i] = json_is_integer(size) ? json_integer_value(size) : -1;
  }
  return ppn_status_ok();
}

// No element may lie outside the payload.
static ppn_status_t check_extent(const archive_t* archive, const char* fqn,
                                 const ppn_constant_t* constant) {
  int64_t last = constant->storage_offset;
  bool is_empty = false, fits = last >= 0;
  for (int i = 0; fits && i < constant->rank; ++i) {
    int64_t span;
    fits = constant->sizes[i] >= 0 && constant->strides[i] >= 0;
    is_empty |= constant->sizes[i] == 0;
    if (fits && constant->sizes[i] > 0) {
      fits = ppn_checked_multiply_i64(constant->sizes[i] - 1, constant->strides[i], &span) &&
             ppn_checked_add_i64(last, span, &last);
    }
  }
  size_t element = ppn_dtype_size(constant->dtype);
  if (fits && element && (is_empty || (uint64_t)last < constant->storage.size / element)) {
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         constant->storage.size == 0
                             ? "%s: the file holds no data for the weight '%s' (%zu bytes)"
                             : "%s: the weight '%s' reaches beyond its %zu bytes",
                         archive->name, fqn, constant->storage.size);
}

static ppn_status_t read_constant(const archive_t* archive, ppn_exported_program_t* program,
                                  const char* fqn, const char* folder, const json_t* config,
                                  ppn_constant_t* out) {
  const char* payload = json_string_value(json_object_get(config, "path_name"));
  const json_t *meta = json_object_get(config, "tensor_meta"),
               *sizes = json_object_get(meta, "sizes"), *strides = json_object_get(meta, "strides");
  if (json_is_true(json_object_get(config, "use_pickle")) || !json_is_object(meta)) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "%s: the weight '%s' is a tensor subclass or an object, stored as a "
                           "pickle; export after ep.run_decompositions({}), which unwraps it",
                           archive->name, fqn);
  }
  ppn_dtype_t dtype = ppn_dtype_from_export(json_integer_value(json_object_get(meta, "dtype")));
  if (!payload || dtype == PPN_DTYPE_INVALID ||
      json_array_size(sizes) != json_array_size(strides) || json_array_size(sizes) > PPN_MAX_RANK) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s: bad description of the weight '%s'",
                           archive->name, fqn);
  }
  *out = (ppn_constant_t){.dtype = dtype, .rank = (int)json_array_size(sizes)};
  out->storage_offset =
      json_integer_value(json_object_get(json_object_get(meta, "storage_offset"), "as_int"));
  PPN_RETURN_IF_ERROR(read_static_sizes(&program->arena, sizes, &out->sizes));
  PPN_RETURN_IF_ERROR(read_static_sizes(&program->arena, strides, &out->strides));
  char* path = ppn_arena_printf(&archive->storage->zip.arena, "%s/data/%s/%s", archive->top, folder,
                                payload);
  if (!path) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(read_entry(archive, path, &out->storage));
  return check_extent(archive, fqn, out);
}

static ppn_status_t lookup(void* context, ppn_exported_program_t* program, const char* fqn,
                           ppn_constant_t* out_constant) {
  const archive_t* archive = context;
  const json_t* config = json_object_get(archive->weights, fqn);
  if (config) return read_constant(archive, program, fqn, "weights", config, out_constant);
  config = json_object_get(archive->constants, fqn);
  if (config) return read_constant(archive, program, fqn, "constants", config, out_constant);
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "the archive has no weight '%s'", fqn);
}

// ---- Layout ----

static ppn_status_t not_a_program(const archive_t* archive, const char* what) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s: %s", archive->name, what);
}

static ppn_status_t find_top(archive_t* archive) {
  ppn_zip_archive_t* zip = &archive->storage->zip;
  if (ppn_zip_find(zip, "serialized_exported_program.json")) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "%s: written by torch 2.7 or earlier, with pickled weights; export it "
                           "again with torch 2.9 or later",
                           archive->name);
  }
  if (zip->entry_count == 0) return not_a_program(archive, "an empty ZIP archive");
  ppn_string_view_t first = zip->entries[0].name;
  const char* slash = first.size ? memchr(first.data, '/', first.size) : NULL;
  size_t size = slash ? (size_t)(slash - first.data) : 0;
  archive->top = ppn_arena_strdup(&zip->arena, ppn_sv_make(first.data, size));
  char* format =
      archive->top ? ppn_arena_printf(&zip->arena, "%s/archive_format", archive->top) : NULL;
  if (!format) return ppn_out_of_memory();
  ppn_span_t content;
  if (!ppn_zip_find(zip, format)) {
    return not_a_program(archive,
                         "a ZIP archive, but not an exported program (made by torch.save or "
                         "torch.jit.save?); use torch.export.save");
  }
  PPN_RETURN_IF_ERROR(read_entry(archive, format, &content));
  if (content.size == 3 && memcmp(content.data, "pt2", 3) == 0) return ppn_status_ok();
  return not_a_program(archive, "the archive's format is not 'pt2'");
}

static ppn_status_t find_model(archive_t* archive, ppn_span_t* out_json) {
  ppn_zip_archive_t* zip = &archive->storage->zip;
  char* prefix = ppn_arena_printf(&zip->arena, "%s/models/", archive->top);
  if (!prefix) return ppn_out_of_memory();
  size_t prefix_size = strlen(prefix), suffix_size = strlen(".json");
  for (uint32_t i = 0; i < zip->entry_count; ++i) {
    ppn_string_view_t name = zip->entries[i].name;
    if (!ppn_sv_starts_with(name, prefix) || !ppn_sv_ends_with(name, ".json") ||
        name.size < prefix_size + suffix_size) {
      continue;
    }
    archive->model = ppn_arena_strdup(
        &zip->arena, ppn_sv_make(name.data + prefix_size, name.size - prefix_size - suffix_size));
    return archive->model ? ppn_zip_read(zip, &zip->entries[i], out_json) : ppn_out_of_memory();
  }
  return not_a_program(archive,
                       "the archive holds no program: saving it failed half-way, or it holds "
                       "compiled code only");
}

static ppn_status_t read_archive(archive_t* archive, ppn_exported_program_t** out_program) {
  ppn_span_t json;
  PPN_RETURN_IF_ERROR(find_top(archive));
  PPN_RETURN_IF_ERROR(find_model(archive, &json));
  PPN_RETURN_IF_ERROR(read_config(archive, "weights", &archive->weights));
  PPN_RETURN_IF_ERROR(read_config(archive, "constants", &archive->constants));
  return ppn_exported_program_read_json(json, archive->name, lookup, archive, out_program);
}

// Takes over `storage`.
static ppn_status_t read_storage(storage_t* storage, ppn_span_t bytes, const char* name,
                                 ppn_exported_program_t** out_program) {
  archive_t archive = {.storage = storage, .name = name};
  ppn_status_t status = ppn_zip_open(bytes, &storage->zip);
  if (status) status = ppn_status_annotate(status, "%s", name);
  if (!status) status = read_archive(&archive, out_program);
  json_decref(archive.weights);
  json_decref(archive.constants);
  if (status) {
    release_storage(storage);
    return status;
  }
  (*out_program)->storage = storage;
  (*out_program)->release_storage = release_storage;
  return ppn_status_ok();
}

ppn_status_t ppn_exported_program_read_bytes(ppn_span_t bytes, const char* name,
                                             ppn_exported_program_t** out_program) {
  *out_program = NULL;
  storage_t* storage = calloc(1, sizeof(*storage));
  return storage ? read_storage(storage, bytes, name, out_program) : ppn_out_of_memory();
}

ppn_status_t ppn_exported_program_read(const char* path, ppn_exported_program_t** out_program) {
  *out_program = NULL;
  storage_t* storage = calloc(1, sizeof(*storage));
  if (!storage) return ppn_out_of_memory();
  ppn_status_t status = ppn_file_map_open(path, &storage->map);
  if (status) {
    free(storage);
    return status;
  }
  storage->has_map = true;
  return read_storage(storage, storage->map.bytes, path, out_program);
}
