// Exported programs from `.pt2` archives: finding the program and its tensors. Three layouts:
//
//   torch 2.9 and later
//     <top>/archive_format                          "pt2"
//     <top>/models/model.json                       the program
//     <top>/data/weights/model_weights_config.json  name to payload, dtype, sizes, strides
//     <top>/data/weights/weight_0 …                 whole storages, raw
//     <top>/data/constants/…                        the same for constants and unsaved buffers
//   torch 2.8: as above, but instead of the config
//     <top>/data/weights/model.pt                   the weights, a file of torch.save
//     <top>/data/constants/model.pt
//   torch 2.7 and earlier
//     serialized_exported_program.json, serialized_state_dict.pt, serialized_constants.pt
#include <stdlib.h>

#include "base/file_map.h"
#include "graph/read_weights.h"

#define LEGACY_PROGRAM "serialized_exported_program.json"

// What the program's constants point into.
typedef struct storage {
  ppn_file_map_t map;
  bool has_map;
  ppn_archive_t archive;
} storage_t;

typedef struct layout {
  ppn_archive_t* archive;
  const char* top;    // "model/"; "" when there is no folder around everything
  const char* model;  // "model"
  ppn_archive_tensors_t weights, constants;
} layout_t;

static void release_storage(void* self) {
  storage_t* storage = self;
  ppn_archive_close(&storage->archive);
  if (storage->has_map) ppn_file_map_close(&storage->map);
  free(storage);
}

static bool has_entry(const layout_t* layout, const char* path) {
  return path && ppn_zip_find(&layout->archive->zip, path);
}

// Any entry whose name starts with top and `prefix`.
static bool has_folder(const layout_t* layout, const char* prefix) {
  const ppn_zip_archive_t* zip = &layout->archive->zip;
  size_t top_size = strlen(layout->top);
  for (uint32_t i = 0; i < zip->entry_count; ++i) {
    ppn_string_view_t name = zip->entries[i].name;
    if (ppn_sv_starts_with(name, layout->top) &&
        ppn_sv_starts_with(ppn_sv_make(name.data + top_size, name.size - top_size), prefix)) {
      return true;
    }
  }
  return false;
}

static ppn_status_t lookup(void* context, ppn_exported_program_t* program, const char* fqn,
                           ppn_constant_t* out_constant) {
  const layout_t* layout = context;
  const ppn_archive_tensors_t* tensors =
      ppn_archive_tensors_has(&layout->weights, fqn) ? &layout->weights : &layout->constants;
  if (!ppn_archive_tensors_has(tensors, fqn)) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the archive has no weight '%s'", fqn);
  }
  return ppn_archive_tensors_get(layout->archive, tensors, fqn, program, out_constant);
}

// ---- torch 2.7 and earlier ----

static ppn_status_t open_legacy_tensors(layout_t* layout, const char* path, const char* old_path,
                                        ppn_archive_tensors_t* out) {
  if (!has_entry(layout, path)) path = old_path;
  if (!has_entry(layout, path)) return ppn_status_ok();  // a tensor that is asked for is an error
  return ppn_archive_tensors_from_pickle(layout->archive, path, out);
}

static ppn_status_t open_legacy(layout_t* layout, ppn_span_t* out_json) {
  // torch 2.1 gave the pickles the names of texts.
  PPN_RETURN_IF_ERROR(open_legacy_tensors(layout, "serialized_state_dict.pt",
                                          "serialized_state_dict.json", &layout->weights));
  PPN_RETURN_IF_ERROR(open_legacy_tensors(layout, "serialized_constants.pt",
                                          "serialized_constants.json", &layout->constants));
  return ppn_archive_read_checked(layout->archive, LEGACY_PROGRAM, out_json);
}

// ---- torch 2.8 and later ----

static ppn_status_t not_a_program(const char* what) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s", what);
}

// The folder around everything is the first entry's; files of AOTInductor had none for a while.
static ppn_status_t find_top(layout_t* layout) {
  ppn_zip_archive_t* zip = &layout->archive->zip;
  if (zip->entry_count == 0) return not_a_program("an empty ZIP archive");
  ppn_string_view_t first = zip->entries[0].name;
  const char* slash = memchr(first.data, '/', first.size);
  size_t size =
      slash && !has_entry(layout, "archive_format") ? (size_t)(slash - first.data) + 1 : 0;
  layout->top = ppn_arena_strdup(&zip->arena, ppn_sv_make(first.data, size));
  return layout->top ? ppn_status_ok() : ppn_out_of_memory();
}

// One of the archive's small files, whose whole content is fixed.
static ppn_status_t check_file(const layout_t* layout, const char* name, const char* expected,
                               bool is_required, ppn_status_code_t code, const char* advice) {
  const char* path = ppn_arena_printf(&layout->archive->zip.arena, "%s%s", layout->top, name);
  if (!path) return ppn_out_of_memory();
  if (!is_required && !has_entry(layout, path)) return ppn_status_ok();
  ppn_span_t content;
  PPN_RETURN_IF_ERROR(ppn_archive_read(layout->archive, path, &content));
  ppn_string_view_t found = ppn_sv_make((const char*)content.data, content.size);
  while (found.size && found.data[found.size - 1] == '\n') --found.size;
  if (ppn_sv_equals(found, expected)) return ppn_status_ok();
  return ppn_status_make(code, "entry '%s' is '%.*s', expected '%s'; %s", path,
                         (int)(found.size < 40 ? found.size : 40), found.data, expected, advice);
}

static ppn_status_t check_format(const layout_t* layout) {
  const char* path = ppn_arena_printf(&layout->archive->zip.arena, "%sarchive_format", layout->top);
  if (!has_entry(layout, path)) {
    return not_a_program(has_folder(layout, "data.pkl")
                             ? "a file of torch.save or torch.jit.save, not an exported program; "
                               "use torch.export.save"
                             : "a ZIP archive, but not an exported program; use torch.export.save");
  }
  PPN_RETURN_IF_ERROR(check_file(layout, "archive_format", "pt2", true, PPN_STATUS_INVALID_DATA,
                                 "this is not an exported program"));
  PPN_RETURN_IF_ERROR(check_file(layout, "archive_version", "0", false,
                                 PPN_STATUS_INCOMPATIBLE_VERSION,
                                 "the archive is newer than this reader"));
  return check_file(layout, "byteorder", "little", false, PPN_STATUS_UNSUPPORTED,
                    "save the program on a little-endian machine");
}

static ppn_status_t find_model(layout_t* layout) {
  ppn_zip_archive_t* zip = &layout->archive->zip;
  const char *prefix = ppn_arena_printf(&zip->arena, "%smodels/", layout->top), *suffix = ".json";
  if (!prefix) return ppn_out_of_memory();
  size_t prefix_size = strlen(prefix), around = prefix_size + strlen(suffix);
  for (uint32_t i = 0; i < zip->entry_count; ++i) {
    ppn_string_view_t name = zip->entries[i].name;
    if (name.size <= around || !ppn_sv_starts_with(name, prefix) ||
        !ppn_sv_ends_with(name, suffix)) {
      continue;
    }
    // An archive may hold several; torch.export.save calls its one "model".
    ppn_string_view_t model = ppn_sv_make(name.data + prefix_size, name.size - around);
    if (layout->model && !ppn_sv_equals(model, "model")) continue;
    layout->model = ppn_arena_strdup(&zip->arena, model);
    if (!layout->model) return ppn_out_of_memory();
  }
  if (layout->model) return ppn_status_ok();
  return not_a_program(has_folder(layout, "data/aotinductor/")
                           ? "the archive holds code compiled by AOTInductor and no program; save "
                             "the exported program itself with torch.export.save"
                           : "the archive holds no program: saving it failed half-way; export it "
                             "again");
}

static ppn_status_t open_tensors(layout_t* layout, const char* kind, ppn_archive_tensors_t* out) {
  ppn_arena_t* arena = &layout->archive->zip.arena;
  const char* folder = ppn_arena_printf(arena, "%sdata/%s/", layout->top, kind);
  const char* pickle = ppn_arena_printf(arena, "%sdata/%s/%s.pt", layout->top, kind, layout->model);
  const char* config = ppn_arena_printf(arena, "%sdata/%s/%s_%s_config.json", layout->top, kind,
                                        layout->model, kind);
  if (!folder || !pickle || !config) return ppn_out_of_memory();
  if (has_entry(layout, pickle))
    return ppn_archive_tensors_from_pickle(layout->archive, pickle, out);
  return ppn_archive_tensors_from_config(layout->archive, folder, config, out);
}

static ppn_status_t open_archive(layout_t* layout, ppn_span_t* out_json) {
  PPN_RETURN_IF_ERROR(find_top(layout));
  PPN_RETURN_IF_ERROR(check_format(layout));
  PPN_RETURN_IF_ERROR(find_model(layout));
  PPN_RETURN_IF_ERROR(open_tensors(layout, "weights", &layout->weights));
  PPN_RETURN_IF_ERROR(open_tensors(layout, "constants", &layout->constants));
  const char* path =
      ppn_arena_printf(&layout->archive->zip.arena, "%smodels/%s.json", layout->top, layout->model);
  return path ? ppn_archive_read_checked(layout->archive, path, out_json) : ppn_out_of_memory();
}

// ---- Reading ----

static ppn_status_t open_layout(layout_t* layout, ppn_span_t bytes, ppn_span_t* out_json) {
  if (bytes.size >= 8 && memcmp(bytes.data, "PYTORCH1", 8) == 0) {
    return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                           "a file of PyTorch before 2019, not an exported program; use "
                           "torch.export.save of torch 2.5 or later");
  }
  PPN_RETURN_IF_ERROR(ppn_zip_open(bytes, &layout->archive->zip));
  bool is_legacy = has_entry(layout, LEGACY_PROGRAM);
  return is_legacy ? open_legacy(layout, out_json) : open_archive(layout, out_json);
}

// Takes over `storage`.
static ppn_status_t read_storage(storage_t* storage, ppn_span_t bytes, const char* name,
                                 ppn_exported_program_t** out_program) {
  layout_t layout = {.archive = &storage->archive};
  ppn_span_t json = {0};
  ppn_status_t status = ppn_status_annotate(open_layout(&layout, bytes, &json), "%s", name);
  if (!status) status = ppn_exported_program_read_json(json, name, lookup, &layout, out_program);
  ppn_archive_tensors_release(&layout.weights);
  ppn_archive_tensors_release(&layout.constants);
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
