// `.pte` programs: opening, and what is told about methods and values. Nothing is run.
#include "runtime/program.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_program_t* program;
  if (fuzz_is_error(ppn_program_open_bytes(ppn_span_make(data, size), "fuzz.pte", &program))) {
    return 0;
  }
  for (uint32_t i = 0; i < ppn_program_method_count(program); ++i) {
    fuzz_expect(ppn_program_method_name(program, i) != NULL, "a method without a name");
  }
  ppn_program_free(program);
  return 0;
}
