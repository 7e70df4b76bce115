// Model packages as one input: manifest, model and weight file, each ended by the mark "----".
#include "coreml/model.h"
#include "coreml/package_layout.h"
#include "fuzz.h"

#define MARK "\n----\n"

static ppn_span_t take_part(ppn_span_t* rest) {
  size_t size = strlen(MARK);
  for (size_t i = 0; i + size <= rest->size; ++i) {
    if (memcmp(rest->data + i, MARK, size) != 0) continue;
    ppn_span_t part = {rest->data, i};
    *rest = ppn_span_make(rest->data + i + size, rest->size - i - size);
    return part;
  }
  ppn_span_t part = *rest;
  *rest = ppn_span_make(NULL, 0);
  return part;
}

typedef struct package {
  ppn_span_t manifest, model, weights;
} package_t;

static ppn_status_t find(void* context, const char* path, ppn_span_t* out_bytes) {
  const package_t* package = context;
  if (strcmp(path, PPN_PACKAGE_MANIFEST) == 0) {
    *out_bytes = package->manifest;
  } else if (strncmp(path, PPN_PACKAGE_DATA PPN_PACKAGE_WEIGHTS,
                     strlen(PPN_PACKAGE_DATA PPN_PACKAGE_WEIGHTS)) == 0) {
    *out_bytes = package->weights;
  } else {
    *out_bytes = package->model;
  }
  return ppn_status_ok();
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_span_t rest = ppn_span_make(data, size);
  package_t package = {0};
  package.manifest = take_part(&rest);
  package.model = take_part(&rest);
  package.weights = rest;
  ppn_coreml_model_t* model;
  if (fuzz_is_error(ppn_coreml_model_read(find, &package, "fuzz.mlpackage", &model))) return 0;
  fuzz_use_mil_program(model->program);
  ppn_coreml_model_free(model);
  return 0;
}
