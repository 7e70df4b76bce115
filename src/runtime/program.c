#include "runtime/program.h"

#include <stdlib.h>

#include "runtime/method.h"

static ppn_status_t open_program(ppn_program_t* program, ppn_span_t bytes, const char* name) {
  program->name = malloc(strlen(name) + 1);
  if (!program->name) return ppn_out_of_memory();
  memcpy(program->name, name, strlen(name) + 1);
  PPN_RETURN_IF_ERROR(ppn_shares_create(&program->shares));
  return ppn_status_annotate(ppn_pte_open(bytes, &program->file), "%s", name);
}

static ppn_status_t finish(ppn_program_t* program, ppn_status_t status,
                           ppn_program_t** out_program) {
  if (status) {
    ppn_program_free(program);
    return status;
  }
  *out_program = program;
  return NULL;
}

ppn_status_t ppn_program_open_bytes(ppn_span_t bytes, const char* name,
                                    ppn_program_t** out_program) {
  *out_program = NULL;
  ppn_program_t* program = calloc(1, sizeof(*program));
  if (!program) return ppn_out_of_memory();
  return finish(program, open_program(program, bytes, name ? name : "program"), out_program);
}

ppn_status_t ppn_program_open_memory(const void* data, size_t size, const char* name,
                                     ppn_program_t** out_program) {
  return ppn_program_open_bytes(ppn_span_make(data, size), name, out_program);
}

ppn_status_t ppn_program_open(const char* path, ppn_program_t** out_program) {
  *out_program = NULL;
  ppn_program_t* program = calloc(1, sizeof(*program));
  if (!program) return ppn_out_of_memory();
  ppn_status_t status = ppn_file_map_open(path, &program->map);
  if (!status) status = open_program(program, program->map.bytes, path);
  return finish(program, status, out_program);
}

void ppn_program_free(ppn_program_t* program) {
  if (!program) return;
  ppn_shares_free(program->shares);
  ppn_pte_close(program->file);
  ppn_file_map_close(&program->map);
  free(program->name);
  free(program);
}

uint32_t ppn_program_method_count(const ppn_program_t* program) {
  return program->file->plan_count;
}

const char* ppn_program_method_name(const ppn_program_t* program, uint32_t index) {
  return index < program->file->plan_count ? program->file->plans[index].name : NULL;
}
