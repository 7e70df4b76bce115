// The public face of exported programs.
#include "graph/exported_program.h"

#include <stdlib.h>

#include "aten/op.h"
#include "pippin/lowering.h"
#include "tensor/tensor.h"

static ppn_status_t bind(ppn_status_t status, ppn_exported_program_t** program) {
  if (!status) status = ppn_aten_bind_program(*program);
  if (status) {
    ppn_exported_program_free(*program);
    *program = NULL;
  }
  return status;
}

ppn_status_t ppn_exported_program_load(const char* path, ppn_exported_program_t** out_program) {
  *out_program = NULL;
  return bind(ppn_exported_program_read(path, out_program), out_program);
}

ppn_status_t ppn_exported_program_load_memory(const void* data, size_t size, const char* name,
                                              ppn_exported_program_t** out_program) {
  *out_program = NULL;
  return bind(ppn_exported_program_read_bytes(ppn_span_make(data, size), name, out_program),
              out_program);
}

// ---- Programs whose tensors the caller lends ----

typedef struct loan {
  ppn_string_map_t tensors;  // name to ppn_lent_tensor_t
} loan_t;

// The lent tensor must reach no further than the bytes that were lent with it.
static ppn_status_t check_extent(const ppn_lent_tensor_t* tensor) {
  if (tensor->rank >= 0 && tensor->rank <= PPN_MAX_RANK &&
      ppn_storage_holds(tensor->dtype, tensor->rank, tensor->sizes, tensor->strides,
                        tensor->storage_offset, tensor->size)) {
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                         "the tensor '%s' reaches beyond the %zu bytes that were lent for it",
                         tensor->name, tensor->size);
}

static ppn_status_t find_lent(void* context, ppn_exported_program_t* program, const char* fqn,
                              ppn_constant_t* out_constant) {
  const loan_t* loan = context;
  const ppn_lent_tensor_t* tensor = ppn_string_map_get(&loan->tensors, ppn_sv(fqn));
  if (!tensor) {
    return ppn_status_make(PPN_STATUS_NOT_FOUND,
                           "the program refers to the tensor '%s', which was not handed over", fqn);
  }
  PPN_RETURN_IF_ERROR(check_extent(tensor));
  size_t bytes = (size_t)tensor->rank * sizeof(int64_t);
  *out_constant = (ppn_constant_t){.dtype = tensor->dtype,
                                   .rank = tensor->rank,
                                   .storage = ppn_span_make(tensor->data, tensor->size),
                                   .storage_offset = tensor->storage_offset};
  out_constant->name = ppn_arena_strdup(&program->arena, ppn_sv(fqn));
  out_constant->sizes = ppn_arena_memdup(&program->arena, tensor->sizes, bytes);
  out_constant->strides = ppn_arena_memdup(&program->arena, tensor->strides, bytes);
  if (!out_constant->name || !out_constant->sizes || !out_constant->strides) {
    return ppn_out_of_memory();
  }
  return ppn_status_ok();
}

ppn_status_t ppn_exported_program_from_json(const void* json, size_t json_size, const char* name,
                                            const ppn_lent_tensor_t* tensors, size_t tensor_count,
                                            ppn_exported_program_t** out_program) {
  loan_t loan = {0};
  ppn_status_t status = NULL;
  *out_program = NULL;
  for (size_t i = 0; !status && i < tensor_count; ++i) {
    // The map only hands the pointer back to find_lent.
    status =
        ppn_string_map_set(&loan.tensors, ppn_sv(tensors[i].name), (void*)(uintptr_t)&tensors[i]);
  }
  if (!status) {
    status = bind(ppn_exported_program_read_json(ppn_span_make(json, json_size), name, find_lent,
                                                 &loan, out_program),
                  out_program);
  }
  ppn_string_map_release(&loan.tensors);
  return status;
}

ppn_status_t ppn_exported_program_dump(ppn_exported_program_t* program, char** out_text) {
  ppn_buffer_t buffer = {0};
  ppn_exported_program_print(program, &buffer);
  ppn_buffer_text(&buffer);
  ppn_status_t status = ppn_buffer_status(&buffer);
  if (status) ppn_buffer_release(&buffer);
  *out_text = (char*)buffer.data;  // released by ppn_text_free
  return status;
}
