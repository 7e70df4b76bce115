// Programs, functions, blocks, types.
#include <stdlib.h>
#include <string.h>

#include "mil/mil.h"

ppn_status_t ppn_mil_program_create(ppn_symbol_table_t* symbols, ppn_mil_program_t** out_program) {
  *out_program = NULL;
  ppn_mil_program_t* program = calloc(1, sizeof *program);
  if (!program) return ppn_out_of_memory();
  program->symbols = symbols;
  if (!symbols) {
    ppn_status_t status = ppn_symbol_table_create(&program->symbols);
    if (status) {
      free(program);
      return status;
    }
    program->owns_symbols = true;
  }
  *out_program = program;
  return ppn_status_ok();
}

void ppn_mil_program_free(ppn_mil_program_t* program) {
  if (!program) return;
  for (uint32_t i = 0; i < program->function_count; i++) {
    ppn_string_map_release(&program->functions[i]->names);
  }
  if (program->owns_symbols) ppn_symbol_table_free(program->symbols);
  ppn_arena_release(&program->arena);
  free(program);
}

ppn_status_t ppn_mil_function_create(ppn_mil_program_t* program, const char* name,
                                     ppn_mil_opset_t opset, ppn_mil_function_t** out_function) {
  ppn_arena_t* arena = &program->arena;
  ppn_mil_function_t* function;
  ppn_mil_function_t** functions;
  PPN_ARENA_NEW(arena, 1, &function);
  PPN_ARENA_NEW(arena, program->function_count + 1, &functions);
  function->name = ppn_arena_strdup(arena, ppn_sv(name));
  if (!function->name) return ppn_out_of_memory();
  function->opset = opset;
  function->program = program;
  PPN_RETURN_IF_ERROR(ppn_mil_block_create(function, &function->block));
  for (uint32_t i = 0; i < program->function_count; i++) functions[i] = program->functions[i];
  functions[program->function_count++] = function;
  program->functions = functions;
  *out_function = function;
  return ppn_status_ok();
}

ppn_mil_function_t* ppn_mil_program_function(const ppn_mil_program_t* program,
                                             ppn_string_view_t name) {
  for (uint32_t i = 0; i < program->function_count; i++) {
    if (ppn_sv_equals(name, program->functions[i]->name)) return program->functions[i];
  }
  return NULL;
}

ppn_status_t ppn_mil_function_add_input(ppn_mil_function_t* function, const char* name,
                                        const ppn_mil_type_t* type, ppn_mil_value_t** out_value) {
  ppn_arena_t* arena = &function->program->arena;
  ppn_mil_value_t* value;
  ppn_mil_value_t** inputs;
  PPN_ARENA_NEW(arena, 1, &value);
  PPN_ARENA_NEW(arena, function->input_count + 1, &inputs);
  value->name = ppn_arena_strdup(arena, ppn_sv(name));
  if (!value->name) return ppn_out_of_memory();
  value->type = *type;
  value->output_index = function->input_count;
  for (uint32_t i = 0; i < function->input_count; i++) inputs[i] = function->inputs[i];
  inputs[function->input_count++] = value;
  function->inputs = inputs;
  *out_value = value;
  return ppn_status_ok();
}

ppn_status_t ppn_mil_block_create(ppn_mil_function_t* function, ppn_mil_block_t** out_block) {
  PPN_ARENA_NEW(&function->program->arena, 1, out_block);
  (*out_block)->function = function;
  return ppn_status_ok();
}

ppn_status_t ppn_mil_block_set_outputs(ppn_mil_block_t* block, ppn_mil_value_t* const* values,
                                       uint32_t count) {
  PPN_ARENA_NEW(&block->function->program->arena, count, &block->outputs);
  for (uint32_t i = 0; i < count; i++) block->outputs[i] = values[i];
  block->output_count = count;
  return ppn_status_ok();
}

ppn_status_t ppn_mil_type_make(ppn_mil_program_t* program, ppn_dtype_t dtype, int rank,
                               const ppn_dim_t* sizes, ppn_mil_type_t* out_type) {
  *out_type = (ppn_mil_type_t){.kind = PPN_MIL_TENSOR, .dtype = dtype, .rank = rank};
  PPN_ARENA_NEW(&program->arena, rank, &out_type->sizes);
  for (int i = 0; i < rank; i++) out_type->sizes[i] = sizes[i];
  return ppn_status_ok();
}

bool ppn_mil_type_equal(const ppn_mil_type_t* a, const ppn_mil_type_t* b) {
  if (a->kind != b->kind || a->dtype != b->dtype || a->rank != b->rank) return false;
  if (a->kind == PPN_MIL_LIST && !ppn_dim_equal(a->list_length, b->list_length)) return false;
  if (a->kind == PPN_MIL_DICTIONARY && a->key_dtype != b->key_dtype) return false;
  for (int i = 0; i < a->rank; i++) {
    if (!ppn_dim_equal(a->sizes[i], b->sizes[i])) return false;
  }
  return true;
}

bool ppn_mil_type_is_static(const ppn_mil_type_t* type) {
  for (int i = 0; i < type->rank; i++) {
    if (!ppn_dim_is_static(type->sizes[i])) return false;
  }
  return true;
}
