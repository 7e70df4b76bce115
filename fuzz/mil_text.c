// MIL text (model.mil of compiled models): lexer, parser, reader. What the parser accepts must be
// writable, and the text written must say the same.
#include "fuzz.h"
#include "mil/text.h"

// Zero elements of float16 at 64 and float32 at 1152, as for the target mil_program.
static const uint8_t* weights(size_t* out_size) {
  static _Alignas(64) uint8_t file[4096];
  static const struct {
    size_t offset;
    uint32_t code, size;
  } records[] = {{64, 1, 512}, {1152, 2, 1024}};
  file[0] = 2;
  file[4] = 2;
  for (size_t i = 0; i < PPN_COUNT_OF(records); ++i) {
    uint32_t fields[8] = {
        0xDEADBEEF, records[i].code, records[i].size, 0, (uint32_t)records[i].offset + 64, 0, 0, 0};
    memcpy(file + records[i].offset, fields, sizeof(fields));
  }
  *out_size = sizeof(file);
  return file;
}

static ppn_status_t find(void* context, ppn_string_view_t path, ppn_span_t* out_bytes) {
  (void)context, (void)path;
  out_bytes->data = weights(&out_bytes->size);
  return ppn_status_ok();
}

// The message of `text` as text; false when there is none.
static bool rewrite(ppn_span_t text, ppn_buffer_t* out) {
  ppn_buffer_t message = {0};
  ppn_mil_text_options_t options = {.specification_version = 9};
  bool is_written = !fuzz_is_error(ppn_mil_text_to_proto(text, &message)) &&
                    !fuzz_is_error(ppn_mil_text_from_proto(
                        ppn_span_make(message.data, message.size), &options, out));
  ppn_buffer_release(&message);
  return is_written;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_buffer_t first = {0}, second = {0};
  if (rewrite(ppn_span_make(data, size), &first)) {
    bool again = rewrite(ppn_span_make(first.data, first.size), &second);
    fuzz_expect(
        again && first.size == second.size && memcmp(first.data, second.data, first.size) == 0,
        "text that was written is read as something else");
  }
  ppn_buffer_release(&first);
  ppn_buffer_release(&second);
  ppn_mil_program_t* program;
  ppn_mil_blob_source_t source = {find, NULL};
  if (fuzz_is_error(ppn_mil_program_read_text(ppn_span_make(data, size), source, &program))) {
    return 0;
  }
  fuzz_use_mil_program(program);
  ppn_mil_program_free(program);
  return 0;
}
