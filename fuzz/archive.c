// `.pt2` archives of all three layouts.
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_exported_program_t* program;
  ppn_span_t bytes = ppn_span_make(data, size);
  if (!fuzz_is_error(ppn_exported_program_read_bytes(bytes, "fuzz.pt2", &program))) {
    fuzz_use_exported_program(program);
  }
  return 0;
}
