#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"

#define NONE UINT32_MAX

typedef struct planner {
  ppn_engine_plan_t* plan;
  ppn_arena_t* arena;
  const ppn_engine_environment_t* environment;
  ppn_engine_constants_t* constants;
} planner_t;

static ppn_engine_value_t* record_of(const ppn_mil_value_t* value) {
  return value->scratch;
}

static uint32_t root_of(const ppn_engine_plan_t* plan, uint32_t index) {
  while (plan->buffers[index].merged != index) index = plan->buffers[index].merged;
  return index;
}

// ---- Steps ----

static bool is_needed(const ppn_mil_operation_t* operation) {
  const ppn_engine_kernel_t* kernel = ppn_engine_kernel_find(operation->op->type);
  if (operation->output_count == 0 || !kernel || kernel->flags & PPN_ENGINE_NOT_PURE) return true;
  for (uint32_t i = 0; i < operation->output_count; ++i) {
    if (record_of(operation->outputs[i])->buffer == 1) return true;
  }
  return false;
}

static void mark(void* context, ppn_mil_value_t** slot) {
  (void)context;
  if ((*slot)->scratch) record_of(*slot)->buffer = 1;
}

// Removes operations whose results nothing uses (folding leaves such); `buffer` marks used values.
static void remove_dead(ppn_mil_function_t* function) {
  for (uint32_t i = 0; i < function->block->output_count; ++i) {
    mark(NULL, &function->block->outputs[i]);
  }
  for (ppn_mil_operation_t *operation = function->block->last, *previous; operation;
       operation = previous) {
    previous = operation->previous;
    if (is_needed(operation)) {
      ppn_mil_operation_visit_values(operation, mark, NULL);
    } else {
      ppn_mil_operation_remove(operation);
    }
  }
}

static ppn_status_t make_steps(planner_t* planner) {
  ppn_engine_plan_t* plan = planner->plan;
  ppn_mil_block_t* block = plan->specialisation.function->block;
  uint32_t count = 0;
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ++count;
  }
  PPN_ARENA_NEW(planner->arena, count, &plan->steps);
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ppn_engine_step_t* step = &plan->steps[plan->step_count];
    PPN_RETURN_IF_ERROR(ppn_engine_node_bind(operation, planner->environment, planner->constants,
                                             planner->arena, &step->node));
    step->original = operation->scratch;
    ++plan->step_count;
    PPN_RETURN_IF_ERROR(ppn_engine_node_prepare(&step->node, planner->arena));
  }
  return ppn_status_ok();
}

// ---- Buffers ----

static uint32_t add_buffer(ppn_engine_plan_t* plan, ppn_mil_value_t* value,
                           ppn_engine_buffer_kind_t kind, uint32_t first) {
  uint32_t index = plan->buffer_count++;
  plan->buffers[index] = (ppn_engine_buffer_t){.kind = kind, .merged = index};
  plan->blocks[index] = (ppn_engine_block_t){.first = first, .last = first};
  if (kind == PPN_ENGINE_BUFFER_PLANNED) {
    size_t size = ppn_tensor_size(&record_of(value)->tensor);
    plan->blocks[index].size = size ? size : 1;
  }
  record_of(value)->buffer = index;
  return index;
}

static void use_buffer(ppn_engine_plan_t* plan, const ppn_mil_value_t* value, uint32_t step) {
  if (value->constant && record_of(value)->buffer == NONE) return;
  ppn_engine_block_t* block = &plan->blocks[root_of(plan, record_of(value)->buffer)];
  if (block->last < step) block->last = step;
}

static const ppn_mil_value_t* first_input(const ppn_mil_operation_t* operation) {
  return operation->inputs[0].count ? operation->inputs[0].values[0] : NULL;
}

// A view lies where what it views does.
static void place_results(ppn_engine_plan_t* plan, ppn_engine_step_t* step, uint32_t index) {
  const ppn_mil_operation_t* operation = step->node.operation;
  for (uint32_t i = 0; i < operation->output_count; ++i) {
    ppn_mil_value_t* value = operation->outputs[i];
    record_of(value)->tensor = step->node.outputs[i];  // sizes that `prepare` set
    if (!(step->node.kernel->flags & PPN_ENGINE_VIEW)) {
      add_buffer(plan, value, PPN_ENGINE_BUFFER_PLANNED, index);
      continue;
    }
    const ppn_mil_value_t* viewed = first_input(operation);
    if (viewed->constant) {
      uint32_t buffer = add_buffer(plan, value, PPN_ENGINE_BUFFER_CONSTANT, index);
      plan->buffers[buffer].data = step->node.inputs[0].tensors[0].data;
    } else {
      record_of(value)->buffer = record_of(viewed)->buffer;
    }
  }
}

static void visit_uses(ppn_engine_plan_t* plan, const ppn_mil_operation_t* operation,
                       uint32_t step) {
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      use_buffer(plan, operation->inputs[i].values[j], step);
    }
  }
}

static void make_buffers(ppn_engine_plan_t* plan) {
  ppn_mil_function_t* function = plan->specialisation.function;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    add_buffer(plan, function->inputs[i], PPN_ENGINE_BUFFER_INPUT, 0);
  }
  for (uint32_t i = 0; i < plan->step_count; ++i) {
    visit_uses(plan, plan->steps[i].node.operation, i);
    place_results(plan, &plan->steps[i], i);
  }
  for (uint32_t i = 0; i < function->block->output_count; ++i) {
    use_buffer(plan, function->block->outputs[i], plan->step_count);
  }
}

// ---- Writing over dead operands ----

static bool can_take(const ppn_engine_plan_t* plan, const ppn_engine_step_t* step,
                     const ppn_mil_value_t* operand, uint32_t index) {
  if (operand->constant) return false;
  const ppn_engine_value_t *from = record_of(operand),
                           *to = record_of(step->node.operation->outputs[0]);
  uint32_t root = root_of(plan, from->buffer);
  return plan->buffers[root].kind == PPN_ENGINE_BUFFER_PLANNED &&
         plan->blocks[root].last == index &&
         ppn_dtype_size(from->tensor.dtype) == ppn_dtype_size(to->tensor.dtype) &&
         ppn_tensor_numel(&from->tensor) == ppn_tensor_numel(&to->tensor) &&
         plan->blocks[root].size == plan->blocks[to->buffer].size;
}

static void merge(ppn_engine_plan_t* plan, const ppn_mil_value_t* operand,
                  const ppn_mil_value_t* result) {
  uint32_t into = root_of(plan, record_of(operand)->buffer);
  uint32_t from = root_of(plan, record_of(result)->buffer);
  plan->buffers[from].merged = into;
  plan->blocks[into].last = plan->blocks[from].last;
  plan->blocks[from].size = 0;
}

static void merge_step(ppn_engine_plan_t* plan, const ppn_engine_step_t* step, uint32_t index) {
  const ppn_mil_operation_t* operation = step->node.operation;
  unsigned flags = step->node.kernel->flags;
  if (!(flags & (PPN_ENGINE_IN_PLACE | PPN_ENGINE_FIRST_IN_PLACE)) || operation->output_count != 1)
    return;
  uint32_t count = flags & PPN_ENGINE_IN_PLACE ? operation->op->parameter_count : 1;
  for (uint32_t i = 0; i < count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      if (!can_take(plan, step, operation->inputs[i].values[j], index)) continue;
      merge(plan, operation->inputs[i].values[j], operation->outputs[0]);
      return;
    }
  }
}

static void merge_in_place(ppn_engine_plan_t* plan) {
  for (uint32_t i = 0; i < plan->step_count; ++i) merge_step(plan, &plan->steps[i], i);
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

static void* address_of(const ppn_engine_plan_t* plan, const ppn_mil_value_t* value) {
  const ppn_engine_value_t* record = record_of(value);
  if (value->constant) return record->tensor.data;
  uint32_t root = root_of(plan, record->buffer);
  if (plan->buffers[root].kind == PPN_ENGINE_BUFFER_CONSTANT) return plan->buffers[root].data;
  if (plan->buffers[root].kind == PPN_ENGINE_BUFFER_INPUT) return NULL;
  return (char*)plan->memory + plan->blocks[root].offset;
}

// Calls `visit` for every tensor of a step or of the results, with the value it is.
typedef void (*tensor_visitor_t)(ppn_engine_plan_t* plan, const ppn_mil_value_t* value,
                                 ppn_tensor_t* tensor);

static void visit_tensors(ppn_engine_plan_t* plan, tensor_visitor_t visit) {
  for (uint32_t i = 0; i < plan->step_count; ++i) {
    ppn_engine_node_t* node = &plan->steps[i].node;
    const ppn_mil_operation_t* operation = node->operation;
    for (uint32_t j = 0; j < operation->op->parameter_count; ++j) {
      for (uint32_t k = 0; k < operation->inputs[j].count; ++k) {
        const ppn_mil_value_t* value = operation->inputs[j].values[k];
        if (!value->constant) visit(plan, value, &node->inputs[j].tensors[k]);
      }
    }
    for (uint32_t j = 0; j < operation->output_count; ++j) {
      visit(plan, operation->outputs[j], &node->outputs[j]);
    }
  }
  const ppn_mil_block_t* block = plan->specialisation.function->block;
  for (uint32_t i = 0; i < block->output_count; ++i) {
    if (!block->outputs[i]->constant) visit(plan, block->outputs[i], &plan->outputs[i]);
  }
}

static void set_address(ppn_engine_plan_t* plan, const ppn_mil_value_t* value,
                        ppn_tensor_t* tensor) {
  tensor->data = address_of(plan, value);
  tensor->rank = record_of(value)->tensor.rank;
  memcpy(tensor->sizes, record_of(value)->tensor.sizes, sizeof(tensor->sizes));
  ppn_strides_contiguous(tensor->rank, tensor->sizes, tensor->strides);
}

static uint32_t input_of(const ppn_engine_plan_t* plan, const ppn_mil_value_t* value) {
  uint32_t root = root_of(plan, record_of(value)->buffer);
  return plan->buffers[root].kind == PPN_ENGINE_BUFFER_INPUT ? root : NONE;
}

static void count_input_use(ppn_engine_plan_t* plan, const ppn_mil_value_t* value,
                            ppn_tensor_t* tensor) {
  (void)tensor;
  uint32_t input = input_of(plan, value);
  if (input != NONE) ++plan->input_use_counts[input];
}

static void add_input_use(ppn_engine_plan_t* plan, const ppn_mil_value_t* value,
                          ppn_tensor_t* tensor) {
  uint32_t input = input_of(plan, value);
  if (input != NONE) plan->input_uses[input][plan->input_use_counts[input]++] = tensor;
}

// Buffers of inputs come first: buffer i is input i.
static ppn_status_t bind_inputs(planner_t* planner) {
  ppn_engine_plan_t* plan = planner->plan;
  PPN_ARENA_NEW(planner->arena, plan->input_count, &plan->input_uses);
  PPN_ARENA_NEW(planner->arena, plan->input_count, &plan->input_use_counts);
  visit_tensors(plan, count_input_use);
  for (uint32_t i = 0; i < plan->input_count; ++i) {
    PPN_ARENA_NEW(planner->arena, plan->input_use_counts[i], &plan->input_uses[i]);
    plan->input_use_counts[i] = 0;
  }
  visit_tensors(plan, add_input_use);
  return ppn_status_ok();
}

static void bind_scratch(ppn_engine_plan_t* plan) {
  for (uint32_t i = 0; i < plan->step_count; ++i) {
    ppn_engine_node_t* node = &plan->steps[i].node;
    if (!node->scratch_size) continue;
    node->scratch = (char*)plan->memory + plan->blocks[plan->buffer_count + i].offset;
  }
}

static ppn_status_t bind_outputs(planner_t* planner) {
  ppn_engine_plan_t* plan = planner->plan;
  ppn_mil_block_t* block = plan->specialisation.function->block;
  PPN_ARENA_NEW(planner->arena, block->output_count, &plan->outputs);
  plan->output_count = block->output_count;
  for (uint32_t i = 0; i < block->output_count; ++i) {
    ppn_mil_value_t* value = block->outputs[i];
    ppn_engine_value_t* record = record_of(value);
    if (value->constant && !record->is_stored) {
      PPN_RETURN_IF_ERROR(
          ppn_engine_constants_get(planner->constants, value->constant, &record->tensor));
      record->is_stored = true;
    }
    plan->outputs[i] = record->tensor;
  }
  return ppn_status_ok();
}

static ppn_status_t build(planner_t* planner) {
  ppn_engine_plan_t* plan = planner->plan;
  ppn_mil_function_t* function = plan->specialisation.function;
  remove_dead(function);
  PPN_RETURN_IF_ERROR(make_steps(planner));
  uint32_t values = function->input_count;
  for (uint32_t i = 0; i < plan->step_count; ++i) values += plan->steps[i].node.output_count;
  PPN_ARENA_NEW(planner->arena, values, &plan->buffers);
  PPN_ARENA_NEW(planner->arena, values + plan->step_count, &plan->blocks);
  plan->input_count = function->input_count;
  for (uint32_t i = 0; i < plan->step_count; ++i) {
    const ppn_mil_operation_t* operation = plan->steps[i].node.operation;
    for (uint32_t j = 0; j < operation->op->parameter_count; ++j) {
      for (uint32_t k = 0; k < operation->inputs[j].count; ++k) {
        const ppn_mil_value_t* value = operation->inputs[j].values[k];
        if (value->constant) record_of(value)->buffer = NONE;
      }
    }
  }
  for (uint32_t i = 0; i < function->block->output_count; ++i) {
    const ppn_mil_value_t* value = function->block->outputs[i];
    if (value->constant) record_of(value)->buffer = NONE;
  }
  make_buffers(plan);
  merge_in_place(plan);
  PPN_RETURN_IF_ERROR(allocate(plan));
  PPN_RETURN_IF_ERROR(bind_outputs(planner));
  visit_tensors(plan, set_address);
  bind_scratch(plan);
  return bind_inputs(planner);
}

ppn_status_t ppn_engine_plan_create(ppn_engine_specialisation_t* specialisation,
                                    const ppn_engine_environment_t* environment,
                                    ppn_engine_constants_t* constants,
                                    ppn_engine_plan_t** out_plan) {
  ppn_engine_plan_t* plan = calloc(1, sizeof(*plan));
  *out_plan = NULL;
  if (!plan) {
    ppn_engine_specialisation_release(specialisation);
    return ppn_out_of_memory();
  }
  plan->specialisation = *specialisation;
  *specialisation = (ppn_engine_specialisation_t){0};
  planner_t planner = {plan, &plan->specialisation.program->arena, environment, constants};
  ppn_status_t status = build(&planner);
  if (status) {
    ppn_engine_plan_free(plan);
  } else {
    *out_plan = plan;
  }
  return status;
}

void ppn_engine_plan_free(ppn_engine_plan_t* plan) {
  if (!plan) return;
  for (uint32_t i = 0; i < plan->step_count; ++i) ppn_engine_node_release(&plan->steps[i].node);
  ppn_engine_specialisation_release(&plan->specialisation);
  free(plan->memory);
  free(plan);
}

// ---- Running ----

uint64_t ppn_engine_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static ppn_status_t run_step(ppn_engine_step_t* step, const ppn_engine_hooks_t* hooks) {
  ppn_engine_node_t* node = &step->node;
  if (!hooks->trace && !hooks->observer) return ppn_engine_node_run(node);
  uint64_t start = ppn_engine_now();
  PPN_RETURN_IF_ERROR(ppn_engine_node_run(node));
  if (hooks->trace && !(node->kernel->flags & PPN_ENGINE_VIEW)) {
    hooks->trace(hooks->trace_data, step->original, ppn_engine_now() - start);
  }
  for (uint32_t i = 0; hooks->observer && i < node->output_count; ++i) {
    hooks->observer(hooks->observer_data, step->original->outputs[i], &node->outputs[i]);
  }
  return ppn_status_ok();
}

static void observe_folded(const ppn_engine_plan_t* plan, const ppn_engine_hooks_t* hooks) {
  for (uint32_t i = 0; i < plan->specialisation.folded_count; ++i) {
    const ppn_engine_value_t* record = record_of(plan->specialisation.folded[i]);
    hooks->observer(hooks->observer_data, record->original, &record->tensor);
  }
}

ppn_status_t ppn_engine_plan_run(ppn_engine_plan_t* plan, void* const* inputs,
                                 const ppn_engine_hooks_t* hooks) {
  for (uint32_t i = 0; i < plan->input_count; ++i) {
    for (uint32_t j = 0; j < plan->input_use_counts[i]; ++j) {
      plan->input_uses[i][j]->data = inputs[i];
    }
  }
  if (hooks->observer) observe_folded(plan, hooks);
  for (uint32_t i = 0; i < plan->step_count; ++i) {
    PPN_RETURN_IF_ERROR(run_step(&plan->steps[i], hooks));
  }
  return ppn_status_ok();
}
