// Names of values and operations as Core ML wants them: identifiers, unique, not reserved.
#include <string.h>

#include "mil/op.h"

static bool is_reserved(const char* name) {
  // Words of the text form.
  static const char* const words[] = {"any",   "bool",  "program", "func",   "tensor", "list",
                                      "dict",  "tuple", "true",    "false",  "string", "bf16",
                                      "fp16",  "fp32",  "fp64",    "int8",   "int16",  "int32",
                                      "int64", "uint8", "uint16",  "uint32", "uint64", "state"};
  for (size_t i = 0; i < PPN_COUNT_OF(words); i++) {
    if (strcmp(name, words[i]) == 0) return true;
  }
  return false;
}

// Letters, digits and underscores, not starting with a digit.
static const char* sanitised(ppn_arena_t* arena, const char* wish) {
  size_t length = strlen(wish);
  char* name = ppn_arena_alloc(arena, length + 3);
  if (!name) return NULL;
  char* out = name;
  if (length == 0 || (wish[0] >= '0' && wish[0] <= '9')) *out++ = '_';
  for (size_t i = 0; i < length; i++) {
    char c = wish[i];
    bool fine =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    *out++ = fine ? c : '_';
  }
  if (is_reserved(name)) *out++ = '_';
  return name;
}

static ppn_status_t take(ppn_mil_function_t* function, const char* name) {
  return ppn_string_map_set(&function->names, ppn_sv(name), (void*)(uintptr_t)name);
}

static ppn_status_t unique(ppn_mil_function_t* function, const char* wish, const char** out) {
  ppn_arena_t* arena = &function->program->arena;
  const char* base = sanitised(arena, wish);
  const char* name = base;
  if (!base) return ppn_out_of_memory();
  for (uint32_t i = 0; ppn_string_map_get(&function->names, ppn_sv(name)); i++) {
    // One counter for the function keeps this linear when many values wish for one name.
    name = ppn_arena_printf(arena, "%s_%u", base, i == 0 ? 0 : ++function->next_unique);
    if (!name) return ppn_out_of_memory();
  }
  *out = name;
  return take(function, name);
}

typedef struct naming {
  ppn_mil_function_t* function;
  ppn_status_t status;
} naming_t;

static void name_value(naming_t* naming, ppn_mil_value_t* value) {
  if (naming->status || value->scratch == naming->function) return;
  value->scratch = naming->function;
  naming->status = unique(naming->function, value->name ? value->name : "value", &value->name);
}

static void visit_constant(void* context, ppn_mil_value_t** slot) {
  if ((*slot)->constant) name_value(context, *slot);
}

static void clear(void* context, ppn_mil_value_t** slot) {
  (void)context;
  (*slot)->scratch = NULL;
}

static void clear_block(ppn_mil_block_t* block) {
  for (uint32_t i = 0; i < block->input_count; i++) block->inputs[i]->scratch = NULL;
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ppn_mil_operation_visit_values(operation, clear, NULL);
    for (uint32_t i = 0; i < operation->output_count; i++) operation->outputs[i]->scratch = NULL;
    for (uint32_t i = 0; i < operation->block_count; i++) clear_block(operation->blocks[i]);
  }
  for (uint32_t i = 0; i < block->output_count; i++) block->outputs[i]->scratch = NULL;
}

static void name_block(naming_t* naming, ppn_mil_block_t* block) {
  for (uint32_t i = 0; i < block->input_count; i++) name_value(naming, block->inputs[i]);
  for (ppn_mil_operation_t* operation = block->first; operation && !naming->status;
       operation = operation->next) {
    ppn_mil_operation_visit_values(operation, visit_constant, naming);
    for (uint32_t i = 0; i < operation->block_count; i++) name_block(naming, operation->blocks[i]);
    for (uint32_t i = 0; i < operation->output_count; i++)
      name_value(naming, operation->outputs[i]);
    // An operation bears its first result's name.
    if (operation->output_count > 0) {
      operation->name = operation->outputs[0]->name;
    } else if (!naming->status) {
      naming->status = unique(naming->function, operation->name, &operation->name);
    }
  }
  for (uint32_t i = 0; i < block->output_count; i++) visit_constant(naming, &block->outputs[i]);
}

ppn_status_t ppn_mil_function_assign_names(ppn_mil_function_t* function) {
  naming_t naming = {function, ppn_status_ok()};
  ppn_string_map_release(&function->names);
  function->names = (ppn_string_map_t){0};
  function->next_unique = 0;
  for (uint32_t i = 0; i < function->input_count; i++) function->inputs[i]->scratch = NULL;
  clear_block(function->block);
  // The interface first, so that it keeps its names.
  for (uint32_t i = 0; i < function->input_count; i++) name_value(&naming, function->inputs[i]);
  for (uint32_t i = 0; i < function->block->output_count; i++) {
    name_value(&naming, function->block->outputs[i]);
  }
  name_block(&naming, function->block);
  for (uint32_t i = 0; i < function->input_count; i++) function->inputs[i]->scratch = NULL;
  clear_block(function->block);
  return naming.status;
}
