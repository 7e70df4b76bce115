// Removes operations whose results nobody needs.
#include "mil/pass_list.h"

static void mark(void* context, ppn_mil_value_t** slot) {
  (*slot)->scratch = context;
}

static bool has_effects(const ppn_mil_operation_t* operation) {
  return ppn_mil_operation_is(operation, "write_state");
}

// Backwards, so that a use is seen before the definition.
static void sweep(ppn_mil_block_t* block, void* live) {
  for (uint32_t i = 0; i < block->output_count; i++) mark(live, &block->outputs[i]);
  for (ppn_mil_operation_t *operation = block->last, *previous; operation; operation = previous) {
    previous = operation->previous;
    bool needed = has_effects(operation);
    for (uint32_t i = 0; i < operation->output_count; i++) {
      needed |= operation->outputs[i]->scratch == live;
    }
    if (!needed) {
      ppn_mil_operation_remove(operation);
      continue;
    }
    for (uint32_t i = 0; i < operation->block_count; i++) sweep(operation->blocks[i], live);
    ppn_mil_operation_visit_values(operation, mark, live);
  }
}

ppn_status_t ppn_mil_pass_dead_code(ppn_mil_function_t* function) {
  ppn_mil_clear_scratch(function);
  sweep(function->block, function);
  return ppn_status_ok();
}
