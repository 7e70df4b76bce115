// The model package inside a payload, as a folder.
#include "coreml/delegate.h"

static ppn_status_t write_bytes(void* self, ppn_sink_t sink) {
  const ppn_span_t* bytes = self;
  return ppn_sink_write(sink, bytes->data, bytes->size);
}

static ppn_status_t extract(const ppn_coreml_payload_t* payload, const char* prefix,
                            const char* path, ppn_arena_t* arena) {
  uint32_t total = ppn_coreml_payload_file_count(payload), count = 0;
  ppn_package_file_t* files;
  ppn_span_t* contents;
  PPN_ARENA_NEW(arena, total, &files);
  PPN_ARENA_NEW(arena, total, &contents);
  for (uint32_t i = 0; i < total; ++i) {
    const char* name = ppn_coreml_payload_file(payload, i, &contents[count]);
    if (!ppn_sv_starts_with(ppn_sv(name), prefix)) continue;
    files[count].path = name + strlen(prefix);
    files[count].content.size = contents[count].size;
    files[count].content.write = write_bytes;
    files[count].content.self = &contents[count];
    ++count;
  }
  if (count == 0) {
    return ppn_status_make(PPN_STATUS_NOT_FOUND, "the payload has no folder '%s'", prefix);
  }
  return ppn_coreml_package_write_files(files, count, path);
}

ppn_status_t ppn_coreml_payload_extract(const ppn_coreml_payload_t* payload, const char* path) {
  ppn_arena_t arena = {0};
  bool is_compiled = ppn_sv_ends_with(ppn_sv(path), ".mlmodelc");
  ppn_status_t status =
      extract(payload, is_compiled ? "model.mlmodelc/" : "model.mlpackage/", path, &arena);
  ppn_arena_release(&arena);
  return status;
}
