// Where a plan's values lie: buffers with lifetimes, in-place results, addresses.
#include <stdlib.h>
#include <string.h>

#include "engine/plan.h"

#define NONE UINT32_MAX

static ppn_engine_value_t* record_of(const ppn_mil_value_t* value) {
  return value->scratch;
}

static uint32_t root_of(const ppn_engine_plan_t* plan, uint32_t index) {
  while (plan->buffers[index].merged != index) index = plan->buffers[index].merged;
  return index;
}

static uint32_t root_of_value(const ppn_engine_plan_t* plan, const ppn_mil_value_t* value) {
  return root_of(plan, record_of(value)->buffer);
}

// ---- Buffers ----

static size_t size_of(const ppn_engine_value_t* record) {
  size_t size = record->layout ? record->layout->size : ppn_tensor_size(&record->tensor);
  return size ? size : 1;
}

static uint32_t add_buffer(ppn_engine_plan_t* plan, ppn_mil_value_t* value,
                           ppn_engine_buffer_kind_t kind, uint32_t first) {
  uint32_t index = plan->buffer_count++;
  plan->buffers[index] = (ppn_engine_buffer_t){.kind = kind, .merged = index};
  plan->blocks[index] = (ppn_engine_block_t){.first = first, .last = first};
  if (kind == PPN_ENGINE_BUFFER_PLANNED) plan->blocks[index].size = size_of(record_of(value));
  record_of(value)->buffer = index;
  return index;
}

static void use_buffer(ppn_engine_plan_t* plan, const ppn_mil_value_t* value, uint32_t step) {
  ppn_engine_block_t* block = &plan->blocks[root_of_value(plan, value)];
  if (block->last < step) block->last = step;
}

static void place_results(ppn_engine_plan_t* plan, const ppn_engine_step_t* step, uint32_t index) {
  if (!(step->node.kernel->flags & PPN_ENGINE_VIEW)) {
    for (uint32_t i = 0; i < step->result_count; ++i) {
      add_buffer(plan, step->results[i].value, PPN_ENGINE_BUFFER_PLANNED, index);
    }
    return;
  }
  // A view lies where what it views does.
  const ppn_mil_value_t* viewed = step->node.operation->inputs[0].values[0];
  ppn_mil_value_t* result = step->results[0].value;
  if (viewed->constant) {
    uint32_t buffer = add_buffer(plan, result, PPN_ENGINE_BUFFER_CONSTANT, index);
    plan->buffers[buffer].data = step->node.inputs[0].tensors[0].data;
  } else {
    record_of(result)->buffer = record_of(viewed)->buffer;
  }
}

static void make_buffers(ppn_engine_plan_t* plan) {
  ppn_mil_function_t* function = plan->specialisation.function;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    add_buffer(plan, function->inputs[i], PPN_ENGINE_BUFFER_INPUT, 0);
  }
  for (uint32_t i = 0; i < plan->step_count; ++i) {
    const ppn_engine_step_t* step = &plan->steps[i];
    for (uint32_t j = 0; j < step->operand_count; ++j) {
      use_buffer(plan, step->operands[j].value, i);
    }
    place_results(plan, step, i);
  }
  for (uint32_t i = 0; i < function->block->output_count; ++i) {
    const ppn_mil_value_t* output = function->block->outputs[i];
    if (!output->constant) use_buffer(plan, output, plan->step_count);
  }
}

// ---- Writing over dead operands ----

static bool can_take(const ppn_engine_plan_t* plan, const ppn_engine_step_t* step,
                     const ppn_mil_value_t* operand, uint32_t index) {
  const ppn_engine_value_t *from = record_of(operand), *to = record_of(step->results[0].value);
  uint32_t root = root_of(plan, from->buffer);
  return plan->buffers[root].kind == PPN_ENGINE_BUFFER_PLANNED &&
         plan->blocks[root].last == index &&
         ppn_dtype_size(from->tensor.dtype) == ppn_dtype_size(to->tensor.dtype) &&
         size_of(from) == size_of(to) && plan->blocks[root].size == size_of(to);
}

static void merge(ppn_engine_plan_t* plan, const ppn_mil_value_t* operand,
                  const ppn_mil_value_t* result) {
  uint32_t into = root_of_value(plan, operand), from = root_of_value(plan, result);
  plan->buffers[from].merged = into;
  plan->blocks[into].last = plan->blocks[from].last;
  plan->blocks[from].size = 0;
}

// The kernel counts on the result lying where the tensor of a fused addition does.
static ppn_status_t merge_target(ppn_engine_plan_t* plan, const ppn_engine_step_t* step,
                                 uint32_t index, bool* out_done) {
  const ppn_engine_operation_t* kept = step->node.operation->scratch;
  *out_done = false;
  for (uint32_t i = 0; i < step->node.fused_count; ++i) {
    if (!step->node.fused[i].is_target) continue;
    if (!can_take(plan, step, kept->fused_values[i], index)) {
      return ppn_status_make(PPN_STATUS_INTERNAL, "operation '%s' cannot add in place",
                             step->node.operation->name);
    }
    merge(plan, kept->fused_values[i], step->results[0].value);
    *out_done = true;
  }
  return ppn_status_ok();
}

static void merge_step(ppn_engine_plan_t* plan, const ppn_engine_step_t* step, uint32_t index) {
  const ppn_mil_operation_t* operation = step->node.operation;
  unsigned flags = step->node.kernel->flags;
  uint32_t count = flags & PPN_ENGINE_IN_PLACE         ? operation->op->parameter_count
                   : flags & PPN_ENGINE_FIRST_IN_PLACE ? 1
                                                       : 0;
  for (uint32_t i = 0; i < count && step->result_count == 1; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      const ppn_mil_value_t* operand = operation->inputs[i].values[j];
      if (operand->constant || !can_take(plan, step, operand, index)) continue;
      merge(plan, operand, step->results[0].value);
      return;
    }
  }
}

static ppn_status_t merge_in_place(ppn_engine_plan_t* plan) {
  for (uint32_t i = 0; i < plan->step_count; ++i) {
    bool is_done = false;
    PPN_RETURN_IF_ERROR(merge_target(plan, &plan->steps[i], i, &is_done));
    if (!is_done) merge_step(plan, &plan->steps[i], i);
  }
  return ppn_status_ok();
}

// ---- Addresses ----

static ppn_status_t allocate(ppn_engine_plan_t* plan) {
  for (uint32_t i = 0; i < plan->step_count; ++i) {
    plan->blocks[plan->buffer_count + i] =
        (ppn_engine_block_t){.size = plan->steps[i].node.scratch_size, .first = i, .last = i};
  }
  PPN_RETURN_IF_ERROR(ppn_engine_memory_plan(plan->blocks, plan->buffer_count + plan->step_count,
                                             PPN_ENGINE_ALIGNMENT, &plan->memory_size));
  if (plan->memory_size == 0) return ppn_status_ok();
  plan->memory = aligned_alloc(PPN_ENGINE_ALIGNMENT, plan->memory_size);
  if (!plan->memory) {
    return ppn_status_make(PPN_STATUS_OUT_OF_MEMORY,
                           "function '%s' needs %zu bytes for its intermediate values",
                           plan->specialisation.function->name, plan->memory_size);
  }
  return ppn_status_ok();
}

static void set_address(const ppn_engine_plan_t* plan, const ppn_engine_use_t* use) {
  uint32_t root = root_of_value(plan, use->value);
  switch (plan->buffers[root].kind) {
    case PPN_ENGINE_BUFFER_PLANNED:
      use->tensor->data = (char*)plan->memory + plan->blocks[root].offset;
      break;
    case PPN_ENGINE_BUFFER_CONSTANT:
      use->tensor->data = plan->buffers[root].data;
      break;
    case PPN_ENGINE_BUFFER_INPUT:
      break;
  }
}

// Calls `visit` for every tensor of a step and of the results.
typedef void (*use_visitor_t)(ppn_engine_plan_t* plan, const ppn_engine_use_t* use);

static void visit_uses(ppn_engine_plan_t* plan, use_visitor_t visit) {
  for (uint32_t i = 0; i < plan->step_count; ++i) {
    const ppn_engine_step_t* step = &plan->steps[i];
    for (uint32_t j = 0; j < step->operand_count; ++j) visit(plan, &step->operands[j]);
    for (uint32_t j = 0; j < step->result_count; ++j) visit(plan, &step->results[j]);
  }
  const ppn_mil_block_t* block = plan->specialisation.function->block;
  for (uint32_t i = 0; i < block->output_count; ++i) {
    ppn_engine_use_t use = {block->outputs[i], &plan->outputs[i]};
    if (!use.value->constant) visit(plan, &use);
  }
}

static void visit_address(ppn_engine_plan_t* plan, const ppn_engine_use_t* use) {
  set_address(plan, use);
}

static uint32_t input_of(const ppn_engine_plan_t* plan, const ppn_engine_use_t* use) {
  uint32_t root = root_of_value(plan, use->value);
  return plan->buffers[root].kind == PPN_ENGINE_BUFFER_INPUT ? root : NONE;
}

static void count_input_use(ppn_engine_plan_t* plan, const ppn_engine_use_t* use) {
  uint32_t input = input_of(plan, use);
  if (input != NONE) ++plan->input_use_counts[input];
}

static void add_input_use(ppn_engine_plan_t* plan, const ppn_engine_use_t* use) {
  uint32_t input = input_of(plan, use);
  if (input != NONE) plan->input_uses[input][plan->input_use_counts[input]++] = use->tensor;
}

static ppn_status_t bind_inputs(ppn_engine_plan_t* plan, ppn_arena_t* arena) {
  PPN_ARENA_NEW(arena, plan->input_count, &plan->input_uses);
  PPN_ARENA_NEW(arena, plan->input_count, &plan->input_use_counts);
  visit_uses(plan, count_input_use);
  for (uint32_t i = 0; i < plan->input_count; ++i) {
    PPN_ARENA_NEW(arena, plan->input_use_counts[i], &plan->input_uses[i]);
    plan->input_use_counts[i] = 0;
  }
  visit_uses(plan, add_input_use);
  return ppn_status_ok();
}

static ppn_status_t make_outputs(ppn_engine_plan_t* plan, ppn_engine_constants_t* constants,
                                 ppn_arena_t* arena) {
  ppn_mil_block_t* block = plan->specialisation.function->block;
  PPN_ARENA_NEW(arena, block->output_count, &plan->outputs);
  plan->output_count = block->output_count;
  for (uint32_t i = 0; i < block->output_count; ++i) {
    ppn_mil_value_t* value = block->outputs[i];
    ppn_engine_value_t* record = record_of(value);
    if (value->constant && !record->is_stored) {
      PPN_RETURN_IF_ERROR(ppn_engine_constants_get(constants, value->constant, &record->tensor));
      record->is_stored = true;
    }
    plan->outputs[i] = record->tensor;
  }
  return ppn_status_ok();
}

ppn_status_t ppn_engine_plan_place(ppn_engine_plan_t* plan, ppn_engine_constants_t* constants) {
  ppn_arena_t* arena = &plan->specialisation.program->arena;
  uint32_t count = plan->specialisation.function->input_count;
  plan->input_count = count;
  for (uint32_t i = 0; i < plan->step_count; ++i) count += plan->steps[i].result_count;
  PPN_ARENA_NEW(arena, count, &plan->buffers);
  PPN_ARENA_NEW(arena, count + plan->step_count, &plan->blocks);
  make_buffers(plan);
  PPN_RETURN_IF_ERROR(merge_in_place(plan));
  PPN_RETURN_IF_ERROR(allocate(plan));
  PPN_RETURN_IF_ERROR(make_outputs(plan, constants, arena));
  visit_uses(plan, visit_address);
  for (uint32_t i = 0; i < plan->step_count; ++i) {
    ppn_engine_node_t* node = &plan->steps[i].node;
    if (!node->scratch_size) continue;
    node->scratch = (char*)plan->memory + plan->blocks[plan->buffer_count + i].offset;
  }
  return bind_inputs(plan, arena);
}
