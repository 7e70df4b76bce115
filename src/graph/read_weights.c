#include "graph/read_weights.h"

#include "graph/read_json.h"
#include "tensor/tensor.h"

// ---- Entries ----

void ppn_archive_close(ppn_archive_t* archive) {
  // The list itself is in the archive's arena.
  for (ppn_nested_archive_t* nested = archive->nested; nested; nested = nested->next) {
    ppn_pickled_tensors_release(&nested->tensors);
  }
  ppn_zip_close(&archive->zip);
}

ppn_status_t ppn_archive_read(ppn_archive_t* archive, const char* path, ppn_span_t* out_content) {
  ppn_zip_entry_t* entry = ppn_zip_find(&archive->zip, path);
  if (!entry) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the archive has no entry '%s'", path);
  }
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_zip_read(&archive->zip, entry, out_content), "entry '%s'",
                                path);
  return ppn_status_ok();
}

ppn_status_t ppn_archive_read_checked(ppn_archive_t* archive, const char* path,
                                      ppn_span_t* out_content) {
  PPN_RETURN_IF_ERROR(ppn_archive_read(archive, path, out_content));
  return ppn_zip_check(ppn_zip_find(&archive->zip, path), *out_content);
}

// ---- Opening ----

ppn_status_t ppn_archive_tensors_from_config(ppn_archive_t* archive, const char* folder,
                                             const char* config_path, ppn_archive_tensors_t* out) {
  ppn_span_t text;
  json_t* root;
  char* name = ppn_arena_printf(&archive->zip.arena, "entry '%s'", config_path);
  *out = (ppn_archive_tensors_t){.folder = folder};
  if (!name) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(ppn_archive_read_checked(archive, config_path, &text));
  PPN_RETURN_IF_ERROR(ppn_read_json(text, name, &root));
  out->config = json_incref(json_object_get(root, "config"));
  json_decref(root);
  if (json_is_object(out->config)) return ppn_status_ok();
  ppn_archive_tensors_release(out);
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s: it has no object 'config'", name);
}

static ppn_status_t open_pickle(ppn_archive_t* archive, const char* path,
                                const ppn_pickled_tensors_t** out) {
  ppn_span_t file;
  ppn_nested_archive_t* nested;
  PPN_RETURN_IF_ERROR(ppn_archive_read(archive, path, &file));
  PPN_ARENA_NEW(&archive->zip.arena, 1, &nested);
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_pickled_tensors_read(file, &nested->tensors), "entry '%s'",
                                path);
  nested->next = archive->nested;
  archive->nested = nested;
  *out = &nested->tensors;
  return ppn_status_ok();
}

ppn_status_t ppn_archive_tensors_from_pickle(ppn_archive_t* archive, const char* path,
                                             ppn_archive_tensors_t* out) {
  *out = (ppn_archive_tensors_t){0};
  PPN_RETURN_IF_ERROR(open_pickle(archive, path, &out->pickled));
  if (!out->pickled->single) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "entry '%s': it is one tensor, expected a dictionary of tensors", path);
}

void ppn_archive_tensors_release(ppn_archive_tensors_t* tensors) {
  json_decref(tensors->config);
  *tensors = (ppn_archive_tensors_t){0};
}

// ---- Tensors ----

static void from_pickled(const ppn_pickled_tensor_t* tensor, ppn_constant_t* out) {
  *out = (ppn_constant_t){.dtype = tensor->dtype,
                          .rank = tensor->rank,
                          .sizes = tensor->sizes,
                          .strides = tensor->strides,
                          .storage = tensor->storage,
                          .storage_offset = tensor->storage_offset,
                          .is_parameter = tensor->is_parameter};
}

static ppn_status_t read_sizes(ppn_arena_t* arena, const json_t* list, int64_t** out) {
  size_t count = json_array_size(list);
  PPN_ARENA_NEW(arena, count, out);
  for (size_t i = 0; i < count; ++i) {
    const json_t* size = json_object_get(json_array_get(list, i), "as_int");
    (*out)[i] = json_is_integer(size) ? json_integer_value(size) : -1;
  }
  return ppn_status_ok();
}

static ppn_status_t check_extent(const char* name, const ppn_constant_t* constant) {
  if (ppn_storage_holds(constant->dtype, constant->rank, constant->sizes, constant->strides,
                        constant->storage_offset, constant->storage.size)) {
    return ppn_status_ok();
  }
  if (constant->storage.size == 0) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the file holds no data for the weight '%s' (exported with fake tensors "
                           "or on the device 'meta'?); export the model with its real weights",
                           name);
  }
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "the weight '%s' reaches beyond its payload of %zu bytes", name,
                         constant->storage.size);
}

static ppn_status_t read_raw(ppn_archive_t* archive, const char* name, const char* path,
                             const json_t* meta, ppn_arena_t* arena, ppn_constant_t* out) {
  const json_t *sizes = json_object_get(meta, "sizes"), *strides = json_object_get(meta, "strides"),
               *offset = json_object_get(json_object_get(meta, "storage_offset"), "as_int");
  ppn_dtype_t dtype = ppn_dtype_from_export(json_integer_value(json_object_get(meta, "dtype")));
  if (dtype == PPN_DTYPE_INVALID || json_array_size(sizes) != json_array_size(strides)) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "bad description of the weight '%s'", name);
  }
  if (json_array_size(sizes) > PPN_MAX_RANK) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "the weight '%s' has %zu dimensions; at most %d",
                           name, json_array_size(sizes), PPN_MAX_RANK);
  }
  *out = (ppn_constant_t){.dtype = dtype, .rank = (int)json_array_size(sizes)};
  out->storage_offset = json_is_integer(offset) ? json_integer_value(offset) : -1;
  PPN_RETURN_IF_ERROR(read_sizes(arena, sizes, &out->sizes));
  PPN_RETURN_IF_ERROR(read_sizes(arena, strides, &out->strides));
  PPN_RETURN_IF_ERROR(ppn_archive_read(archive, path, &out->storage));
  return check_extent(name, out);
}

// A payload that is a pickle: fine when it is a plain tensor after all.
static ppn_status_t read_pickled(ppn_archive_t* archive, const char* name, const char* path,
                                 const json_t* meta, ppn_constant_t* out) {
  const ppn_pickled_tensors_t* pickled = NULL;
  if (!json_is_object(meta)) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "'%s' is not a tensor but a Python or TorchScript object, which cannot "
                           "be read; keep it out of the exported module",
                           name);
  }
  PPN_RETURN_IF_ERROR_ANNOTATED(open_pickle(archive, path, &pickled), "the weight '%s'", name);
  if (!pickled->single) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "entry '%s': expected one tensor", path);
  }
  from_pickled(pickled->single, out);
  return ppn_status_ok();
}

bool ppn_archive_tensors_has(const ppn_archive_tensors_t* tensors, const char* name) {
  if (tensors->config) return json_object_get(tensors->config, name) != NULL;
  return tensors->pickled && ppn_string_map_get(&tensors->pickled->by_name, ppn_sv(name));
}

ppn_status_t ppn_archive_tensors_get(ppn_archive_t* archive, const ppn_archive_tensors_t* tensors,
                                     const char* name, ppn_exported_program_t* program,
                                     ppn_constant_t* out) {
  if (!tensors->config) {
    from_pickled(ppn_string_map_get(&tensors->pickled->by_name, ppn_sv(name)), out);
    return check_extent(name, out);
  }
  const json_t* entry = json_object_get(tensors->config, name);
  const char* payload = json_string_value(json_object_get(entry, "path_name"));
  const json_t* meta = json_object_get(entry, "tensor_meta");
  if (!payload) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the config names no payload for '%s'", name);
  }
  char* path = ppn_arena_printf(&archive->zip.arena, "%s%s", tensors->folder, payload);
  if (!path) return ppn_out_of_memory();
  if (json_is_true(json_object_get(entry, "use_pickle")) || !json_is_object(meta)) {
    return read_pickled(archive, name, path, meta, out);
  }
  return read_raw(archive, name, path, meta, &program->arena, out);
}
