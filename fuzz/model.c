// `.mlmodel` messages: description and program. The weight file is absent, as in small models.
#include "coreml/model.h"
#include "coreml/package_layout.h"
#include "fuzz.h"

static const char manifest[] =
    "{\"fileFormatVersion\": \"1.0.0\", \"rootModelIdentifier\": \"1\", \"itemInfoEntries\": "
    "{\"1\": {\"path\": \"" PPN_PACKAGE_MODEL "\"}}}";

static ppn_status_t find(void* context, const char* path, ppn_span_t* out_bytes) {
  if (strcmp(path, PPN_PACKAGE_MANIFEST) == 0) {
    *out_bytes = ppn_span_make(manifest, sizeof(manifest) - 1);
    return ppn_status_ok();
  }
  if (strcmp(path, PPN_PACKAGE_DATA PPN_PACKAGE_MODEL) == 0) {
    *out_bytes = *(const ppn_span_t*)context;
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "no file '%s'", path);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_coreml_model_t* model;
  ppn_span_t bytes = ppn_span_make(data, size);
  if (fuzz_is_error(ppn_coreml_model_read(find, &bytes, "fuzz.mlmodel", &model))) return 0;
  fuzz_use_mil_program(model->program);
  ppn_coreml_model_free(model);
  return 0;
}
