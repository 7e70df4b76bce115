// Core ML models out of a `.pte`, as folders.
#include <errno.h>
#include <sys/stat.h>

#include "coreml/delegate.h"
#include "formats/pte_reader.h"
#include "pippin/runtime.h"

typedef struct extraction {
  const ppn_pte_file_t* file;
  const char* folder;
  ppn_arena_t arena;
  const uint8_t** seen;  // models extracted already, by their bytes
  uint32_t seen_count;
  ppn_buffer_t paths;
} extraction_t;

// The method's name as a file name.
static const char* file_name(extraction_t* extraction, const char* method, uint32_t index,
                             uint32_t count) {
  char* name = ppn_arena_strdup(&extraction->arena, ppn_sv(method));
  if (!name) return NULL;
  for (char* c = name; *c; ++c) {
    if (*c == '/' || (unsigned char)*c < ' ' || (c == name && *c == '.')) *c = '_';
  }
  return count == 1 ? name : ppn_arena_printf(&extraction->arena, "%s_%u", name, index);
}

static bool is_new(extraction_t* extraction, const uint8_t* bytes) {
  for (uint32_t i = 0; i < extraction->seen_count; ++i) {
    if (extraction->seen[i] == bytes) return false;
  }
  extraction->seen[extraction->seen_count++] = bytes;
  return true;
}

static ppn_status_t write_model(extraction_t* extraction, ppn_span_t bytes, const char* name) {
  ppn_coreml_payload_t* payload;
  PPN_RETURN_IF_ERROR(ppn_coreml_payload_open(bytes, &payload));
  const char* path =
      ppn_arena_printf(&extraction->arena, "%s/%s.mlpackage", extraction->folder, name);
  ppn_status_t status = path ? ppn_coreml_payload_extract(payload, path) : ppn_out_of_memory();
  if (ppn_status_code(status) == PPN_STATUS_NOT_FOUND) {  // a compiled model instead
    ppn_status_free(status);
    path = ppn_arena_printf(&extraction->arena, "%s/%s.mlmodelc", extraction->folder, name);
    status = path ? ppn_coreml_payload_extract(payload, path) : ppn_out_of_memory();
  }
  ppn_coreml_payload_free(payload);
  if (!status) ppn_buffer_printf(&extraction->paths, "%s\n", path);
  return status;
}

static ppn_status_t extract_plan(extraction_t* extraction, const ppn_pte_plan_t* plan) {
  for (uint32_t i = 0; i < plan->delegate_count; ++i) {
    const ppn_pte_delegate_t* delegate = &plan->delegates[i];
    if (strcmp(delegate->id, PPN_COREML_BACKEND_ID) != 0) continue;
    ppn_span_t bytes;
    const char* function;
    PPN_RETURN_IF_ERROR(ppn_coreml_payload_resolve(extraction->file,
                                                   extraction->file->payloads[delegate->payload],
                                                   &extraction->arena, &bytes, &function));
    if (!is_new(extraction, bytes.data)) continue;
    const char* name = file_name(extraction, plan->name, i, plan->delegate_count);
    if (!name) return ppn_out_of_memory();
    PPN_RETURN_IF_ERROR_ANNOTATED(write_model(extraction, bytes, name), "method '%s': delegate %u",
                                  plan->name, i);
  }
  return NULL;
}

static ppn_status_t extract_file(extraction_t* extraction) {
  const ppn_pte_file_t* file = extraction->file;
  size_t count = 0;
  for (uint32_t i = 0; i < file->plan_count; ++i) count += file->plans[i].delegate_count;
  PPN_ARENA_NEW(&extraction->arena, count, &extraction->seen);
  if (mkdir(extraction->folder, 0777) != 0 && errno != EEXIST) {
    return ppn_status_make(PPN_STATUS_IO, "cannot create the folder '%s': %s", extraction->folder,
                           strerror(errno));
  }
  for (uint32_t i = 0; i < file->plan_count; ++i) {
    PPN_RETURN_IF_ERROR(extract_plan(extraction, &file->plans[i]));
  }
  if (extraction->paths.size == 0) {
    return ppn_status_make(PPN_STATUS_NOT_FOUND, "the program has no Core ML delegate");
  }
  ppn_buffer_text(&extraction->paths);
  return ppn_buffer_status(&extraction->paths);
}

ppn_status_t ppn_program_extract(const char* path, const char* folder, char** out_paths) {
  ppn_file_map_t map;
  ppn_pte_file_t* file = NULL;
  *out_paths = NULL;
  PPN_RETURN_IF_ERROR(ppn_file_map_open(path, &map));
  extraction_t extraction = {.folder = folder};
  ppn_status_t status = ppn_pte_open(map.bytes, &file);
  extraction.file = file;
  if (!status) status = extract_file(&extraction);
  ppn_pte_close(file);
  ppn_file_map_close(&map);
  ppn_arena_release(&extraction.arena);
  if (status) {
    ppn_buffer_release(&extraction.paths);
    return ppn_status_annotate(status, "%s", path);
  }
  *out_paths = (char*)extraction.paths.data;  // released by ppn_text_free
  return NULL;
}
