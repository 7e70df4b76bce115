// Models as one input, each part ended by the mark "----": manifest, model and weight file of a
// package; or, when the first part does not begin as JSON does, coremldata.bin, text and weight
// file of a compiled model.
#include "coreml/compiled.h"
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
  ppn_span_t first, model, weights;
  bool is_compiled;
} package_t;

static ppn_status_t find(void* context, const char* path, ppn_span_t* out_bytes) {
  const package_t* package = context;
  bool is_first = strcmp(path, PPN_PACKAGE_MANIFEST) == 0 || strcmp(path, PPN_COMPILED_DATA) == 0;
  if (is_first && package->is_compiled != (strcmp(path, PPN_COMPILED_DATA) == 0)) {
    return ppn_status_make(PPN_STATUS_NOT_FOUND, "no '%s'", path);
  }
  *out_bytes = is_first                                 ? package->first
               : ppn_sv_ends_with(ppn_sv(path), ".bin") ? package->weights
                                                        : package->model;
  return ppn_status_ok();
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_span_t rest = ppn_span_make(data, size);
  package_t package = {0};
  package.first = take_part(&rest);
  package.is_compiled = package.first.size > 0 && package.first.data[0] != '{';
  package.model = take_part(&rest);
  package.weights = rest;
  ppn_coreml_model_t* model;
  if (fuzz_is_error(ppn_coreml_model_read(find, &package, "fuzz.mlpackage", &model))) return 0;
  fuzz_use_mil_program(model->program);
  ppn_coreml_model_free(model);
  return 0;
}
