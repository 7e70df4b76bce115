// Payloads of the Core ML delegate: the flattened folder, its metadata, and the model inside.
#include "coreml/delegate.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_coreml_payload_t* payload;
  if (fuzz_is_error(ppn_coreml_payload_open(ppn_span_make(data, size), &payload))) return 0;
  const char *const *inputs, *const *outputs;
  uint32_t input_count, output_count;
  for (uint32_t i = 0; i < ppn_coreml_payload_file_count(payload); ++i) {
    ppn_span_t bytes;
    fuzz_expect(ppn_coreml_payload_file(payload, i, &bytes) != NULL, "a file without a path");
    fuzz_touch(bytes);
  }
  if (!fuzz_is_error(ppn_coreml_payload_names(payload, NULL, &inputs, &input_count, &outputs,
                                              &output_count))) {
    fuzz_expect(output_count > 0, "a model without outputs");
  }
  ppn_coreml_model_t* model;
  if (!fuzz_is_error(ppn_coreml_payload_model(payload, &model))) {
    fuzz_use_mil_program(model->program);
    ppn_coreml_model_free(model);
  }
  ppn_coreml_payload_free(payload);
  return 0;
}
