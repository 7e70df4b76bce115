#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

#include "aten/op.h"

bool fuzz_is_error(ppn_status_t status) {
  if (!status) return false;
  fuzz_expect(*ppn_status_message(status) != '\0', "an error without a message");
  return ppn_status_consume(status) != 0;
}

void fuzz_expect(bool condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "fuzz: expectation failed: %s\n", what);
  abort();
}

void fuzz_touch(ppn_span_t bytes) {
  uint8_t sum = 0;
  for (size_t i = 0; i < bytes.size; ++i) sum = (uint8_t)(sum + bytes.data[i]);
  *(volatile uint8_t*)&sum = sum;  // so that the loop is not optimised away
}

void fuzz_touch_constant(const ppn_constant_t* constant) {
  int64_t last = constant->storage_offset;
  for (int i = 0; i < constant->rank; ++i) {
    if (constant->sizes[i] == 0) return;
    last += (constant->sizes[i] - 1) * constant->strides[i];
  }
  size_t element = ppn_dtype_size(constant->dtype);
  const uint8_t* data = constant->storage.data;
  fuzz_touch(ppn_span_make(data + (size_t)constant->storage_offset * element, element));
  fuzz_touch(ppn_span_make(data + (size_t)last * element, element));
}

void fuzz_use_exported_program(ppn_exported_program_t* program) {
  for (uint32_t i = 0; i < program->input_count; ++i) {
    if (program->inputs[i].constant) fuzz_touch_constant(program->inputs[i].constant);
  }
  if (!fuzz_is_error(ppn_aten_bind_program(program))) {
    fuzz_is_error(ppn_graph_verify(program->graph));
    ppn_buffer_t text = {0};
    ppn_exported_program_print(program, &text);
    ppn_buffer_release(&text);
    for (const ppn_node_t* node = program->graph->first; node; node = node->next) {
      fuzz_expect(ppn_node_describe(node) != NULL, "a node without a description");
    }
  }
  ppn_exported_program_free(program);
}

void fuzz_use_mil_program(ppn_mil_program_t* program) {
  fuzz_is_error(ppn_mil_program_verify(program));
  ppn_buffer_t text = {0};
  ppn_mil_program_print(program, 16, &text);
  ppn_buffer_release(&text);
}
