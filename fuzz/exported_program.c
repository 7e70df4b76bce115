// The JSON of an exported program. Weights are made up to fit the graph, so that the rest of the
// reader is reached.
#include "fuzz.h"

typedef struct supply {
  uint32_t next;  // graph input that is asked for next: weights come in the order of the inputs
} supply_t;

static ppn_status_t look_up(void* context, ppn_exported_program_t* program, const char* fqn,
                            ppn_constant_t* out_constant) {
  static _Alignas(16) const uint8_t element[16];
  supply_t* supply = context;
  const ppn_value_t* value =
      supply->next < program->graph->input_count ? program->graph->inputs[supply->next++] : NULL;
  if (!value || value->kind != PPN_VALUE_TENSOR) {
    return ppn_status_make(PPN_STATUS_NOT_FOUND, "no weight '%s'", fqn);
  }
  const ppn_tensor_meta_t* meta = &value->tensor;
  *out_constant = (ppn_constant_t){.dtype = meta->dtype, .rank = meta->rank};
  PPN_ARENA_NEW(&program->arena, meta->rank, &out_constant->sizes);
  PPN_ARENA_NEW(&program->arena, meta->rank, &out_constant->strides);
  for (int i = 0; i < meta->rank; ++i) out_constant->sizes[i] = meta->sizes[i].value;
  out_constant->storage = ppn_span_make(element, sizeof(element));
  return ppn_status_ok();
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_exported_program_t* program;
  supply_t supply = {0};
  if (!fuzz_is_error(ppn_exported_program_read_json(ppn_span_make(data, size), "fuzz.json", look_up,
                                                    &supply, &program))) {
    fuzz_use_exported_program(program);
  }
  return 0;
}
