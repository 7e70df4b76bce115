// ML Programs (the Program message of a model) with a weight file: reader, type inference,
// verifier, printer.
#include "fuzz.h"
#include "mil/proto.h"

// Records for the references of the seeds: 256 zero elements of float16 at 64, float32 at 1152.
static const uint8_t* weights(size_t* out_size) {
  static _Alignas(64) uint8_t file[4096];
  static const struct {
    size_t offset;
    uint32_t code;
    uint32_t size;
  } records[] = {{64, 1, 512}, {1152, 2, 1024}};
  file[0] = 2;
  file[4] = 2;
  for (size_t i = 0; i < PPN_COUNT_OF(records); ++i) {
    uint8_t* record = file + records[i].offset;
    uint32_t fields[8] = {
        0xDEADBEEF, records[i].code, records[i].size, 0, (uint32_t)records[i].offset + 64, 0, 0, 0};
    memcpy(record, fields, sizeof(fields));
  }
  *out_size = sizeof(file);
  return file;
}

static ppn_status_t find(void* context, ppn_string_view_t path, ppn_span_t* out_bytes) {
  (void)context, (void)path;
  out_bytes->data = weights(&out_bytes->size);
  return ppn_status_ok();
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_mil_program_t* program;
  ppn_mil_blob_source_t source = {find, NULL};
  if (fuzz_is_error(ppn_mil_program_read_proto(ppn_span_make(data, size), source, &program))) {
    return 0;
  }
  fuzz_use_mil_program(program);
  ppn_mil_program_free(program);
  return 0;
}
