// Compile specs of a delegate: pairs of a key and a value, one per line, "key=value".
#include "coreml/delegate.h"
#include "fuzz.h"

#define MAXIMUM_SPECS 16

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_arena_t arena = {0};
  ppn_compile_spec_t specs[MAXIMUM_SPECS], *again;
  uint32_t count = 0, count_again;
  const char *cursor = (const char*)data, *end = cursor + size;
  while (cursor < end && count < MAXIMUM_SPECS) {
    const char* stop = memchr(cursor, '\n', (size_t)(end - cursor));
    if (!stop) stop = end;
    const char* equals = memchr(cursor, '=', (size_t)(stop - cursor));
    if (!equals) equals = stop;
    specs[count].key = ppn_arena_strdup(&arena, ppn_sv_make(cursor, (size_t)(equals - cursor)));
    const char* value = equals < stop ? equals + 1 : stop;
    specs[count].value = value;
    specs[count++].value_size = (size_t)(stop - value);
    cursor = stop + 1;
  }
  ppn_coreml_compile_options_t options, read_back;
  if (!fuzz_is_error(ppn_coreml_parse_compile_specs(specs, count, &options)) &&
      !fuzz_is_error(ppn_coreml_compile_specs(&options, &arena, &again, &count_again))) {
    fuzz_expect(!fuzz_is_error(ppn_coreml_parse_compile_specs(again, count_again, &read_back)) &&
                    read_back.compute_unit == options.compute_unit &&
                    read_back.minimum_deployment_target == options.minimum_deployment_target &&
                    read_back.compute_precision == options.compute_precision &&
                    read_back.model_type == options.model_type,
                "compile specs that change when written and read");
  }
  ppn_arena_release(&arena);
  return 0;
}
