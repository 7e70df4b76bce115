// Checks a program: definitions before uses, links, and every result's type.
#include "mil/op.h"

typedef struct verifier {
  ppn_mil_program_t* program;
  ppn_mil_function_t* function;
  ppn_status_t status;
  const ppn_mil_operation_t* operation;  // being checked
} verifier_t;

static void define(verifier_t* verifier, ppn_mil_value_t* value) {
  value->scratch = verifier->function;
}

static void use(void* context, ppn_mil_value_t** slot) {
  verifier_t* verifier = context;
  if (verifier->status || (*slot)->constant || (*slot)->scratch == verifier->function) return;
  verifier->status =
      ppn_status_make(PPN_STATUS_INVALID_DATA, "%s '%s' uses '%s' before it is defined",
                      verifier->operation ? verifier->operation->op->type : "the result list",
                      verifier->operation ? verifier->operation->name : "", (*slot)->name);
}

// What inference says may be less precise than the stored type, but may not contradict it.
static bool compatible(const ppn_mil_type_t* stored, const ppn_mil_type_t* inferred) {
  if (stored->kind != inferred->kind || stored->dtype != inferred->dtype ||
      stored->rank != inferred->rank) {
    return false;
  }
  for (int i = 0; i < stored->rank; i++) {
    if (ppn_dim_is_static(stored->sizes[i]) && ppn_dim_is_static(inferred->sizes[i]) &&
        !ppn_dim_equal(stored->sizes[i], inferred->sizes[i])) {
      return false;
    }
  }
  return true;
}

static ppn_status_t check_types(verifier_t* verifier, const ppn_mil_operation_t* operation) {
  ppn_mil_type_t* types;
  PPN_ARENA_NEW(&verifier->program->arena, operation->output_count, &types);
  PPN_RETURN_IF_ERROR_ANNOTATED(operation->op->infer(verifier->function, operation, types),
                                "operation '%s'", operation->name);
  for (uint32_t i = 0; i < operation->output_count; i++) {
    if (compatible(&operation->outputs[i]->type, &types[i])) continue;
    ppn_buffer_t text = {0};
    ppn_mil_type_print(&operation->outputs[i]->type, verifier->program->symbols, &text);
    ppn_buffer_append_text(&text, ", its inputs give ");
    ppn_mil_type_print(&types[i], verifier->program->symbols, &text);
    ppn_status_t status =
        ppn_status_make(PPN_STATUS_INVALID_DATA, "%s '%s': result %u is %s", operation->op->type,
                        operation->name, i, ppn_buffer_text(&text));
    ppn_buffer_release(&text);
    return status;
  }
  return ppn_status_ok();
}

static ppn_status_t check_block(verifier_t* verifier, ppn_mil_block_t* block) {
  for (uint32_t i = 0; i < block->input_count; i++) define(verifier, block->inputs[i]);
  ppn_mil_operation_t* previous = NULL;
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    if (operation->previous != previous || operation->parent != block) {
      return ppn_status_make(PPN_STATUS_INTERNAL, "operation '%s' is linked wrongly",
                             operation->name);
    }
    previous = operation;
    verifier->operation = operation;
    ppn_mil_operation_visit_values(operation, use, verifier);
    if (verifier->status) return verifier->status;
    for (uint32_t i = 0; i < operation->block_count; i++) {
      PPN_RETURN_IF_ERROR(check_block(verifier, operation->blocks[i]));
    }
    PPN_RETURN_IF_ERROR(check_types(verifier, operation));
    for (uint32_t i = 0; i < operation->output_count; i++) define(verifier, operation->outputs[i]);
  }
  if (block->last != previous) {
    return ppn_status_make(PPN_STATUS_INTERNAL, "the block's last operation is wrong");
  }
  verifier->operation = NULL;
  for (uint32_t i = 0; i < block->output_count; i++) use(verifier, &block->outputs[i]);
  return verifier->status;
}

static void reset(void* context, ppn_mil_value_t** slot) {
  (void)context;
  (*slot)->scratch = NULL;
}

static void reset_block(ppn_mil_block_t* block) {
  for (uint32_t i = 0; i < block->input_count; i++) block->inputs[i]->scratch = NULL;
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ppn_mil_operation_visit_values(operation, reset, NULL);
    for (uint32_t i = 0; i < operation->output_count; i++) operation->outputs[i]->scratch = NULL;
    for (uint32_t i = 0; i < operation->block_count; i++) reset_block(operation->blocks[i]);
  }
  for (uint32_t i = 0; i < block->output_count; i++) block->outputs[i]->scratch = NULL;
}

ppn_status_t ppn_mil_program_verify(ppn_mil_program_t* program) {
  for (uint32_t i = 0; i < program->function_count; i++) {
    verifier_t verifier = {.program = program, .function = program->functions[i]};
    ppn_mil_function_t* function = program->functions[i];
    reset_block(function->block);
    for (uint32_t j = 0; j < function->input_count; j++) define(&verifier, function->inputs[j]);
    PPN_RETURN_IF_ERROR_ANNOTATED(check_block(&verifier, function->block), "function '%s'",
                                  function->name);
    reset_block(function->block);
  }
  return ppn_status_ok();
}
