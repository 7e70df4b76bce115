#include "engine/plan.h"

#include <stdlib.h>
#include <time.h>

#include "engine/fuse.h"
#include "engine/onednn.h"

typedef struct planner {
  ppn_engine_plan_t* plan;
  ppn_mil_function_t* function;
  ppn_arena_t* arena;
  const ppn_engine_environment_t* environment;
  ppn_engine_constants_t* constants;
  uint32_t capacity;  // of steps
} planner_t;

static ppn_engine_value_t* record_of(const ppn_mil_value_t* value) {
  return value->scratch;
}

static ppn_engine_operation_t* kept_of(const ppn_mil_operation_t* operation) {
  return operation->scratch;
}

// ---- Dead operations ----

static bool is_needed(const ppn_mil_operation_t* operation) {
  const ppn_engine_kernel_t* kernel = ppn_engine_kernel_find(operation->op->type);
  if (operation->output_count == 0 || !kernel || kernel->flags & PPN_ENGINE_NOT_PURE) return true;
  for (uint32_t i = 0; i < operation->output_count; ++i) {
    if (record_of(operation->outputs[i])->use_count) return true;
  }
  return false;
}

static void mark(void* context, ppn_mil_value_t** slot) {
  (void)context;
  if ((*slot)->scratch) record_of(*slot)->use_count = 1;
}

static void unmark(ppn_mil_function_t* function) {
  for (uint32_t i = 0; i < function->input_count; ++i)
    record_of(function->inputs[i])->use_count = 0;
  for (ppn_mil_operation_t* operation = function->block->first; operation;
       operation = operation->next) {
    for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
      for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
        ppn_engine_value_t* record = record_of(operation->inputs[i].values[j]);
        if (record) record->use_count = 0;
      }
    }
    for (uint32_t i = 0; i < operation->output_count; ++i) {
      record_of(operation->outputs[i])->use_count = 0;
    }
  }
  for (uint32_t i = 0; i < function->block->output_count; ++i) {
    record_of(function->block->outputs[i])->use_count = 0;
  }
}

// Removes operations whose results nothing uses; folding leaves such.
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
  unmark(function);
}

// ---- Layouts ----

static ppn_status_t append_step(planner_t* planner, ppn_engine_step_t** out_step) {
  ppn_engine_plan_t* plan = planner->plan;
  if (plan->step_count == planner->capacity) {
    return ppn_status_make(PPN_STATUS_INTERNAL, "more steps than expected");
  }
  *out_step = &plan->steps[plan->step_count++];
  return ppn_status_ok();
}

static ppn_status_t finish_step(planner_t* planner, ppn_engine_step_t* step);

// A step that brings a value into row-major order: an `identity` with another kernel.
static ppn_status_t make_row_major(planner_t* planner, ppn_mil_value_t* value,
                                   ppn_mil_operation_t* before, ppn_mil_value_t** out_value) {
  ppn_engine_value_t* record = record_of(value);
  if (!record->row_major) {
    ppn_mil_builder_t builder = {.function = planner->function,
                                 .block = planner->function->block,
                                 .before = before,
                                 .name = value->name};
    ppn_mil_input_t inputs[] = {PPN_MIL_IN("x", value)};
    ppn_engine_operation_t* kept;
    ppn_engine_step_t* step = NULL;
    PPN_RETURN_IF_ERROR(
        ppn_mil_emit(&builder, "identity", inputs, 1, NULL, 0, &record->row_major, 1));
    ppn_mil_operation_t* operation = record->row_major->producer;
    PPN_ARENA_NEW(planner->arena, 1, &kept);
    kept->original = kept_of(value->producer)->original;
    operation->scratch = kept;
    PPN_RETURN_IF_ERROR(append_step(planner, &step));
    PPN_RETURN_IF_ERROR(ppn_engine_node_bind(operation, ppn_engine_kernel_find("reorder"),
                                             planner->environment, planner->constants,
                                             planner->arena, &step->node));
    step->node.inputs[0].layouts[0] = record->layout;
    PPN_RETURN_IF_ERROR(ppn_engine_node_prepare(&step->node, planner->arena));
    PPN_RETURN_IF_ERROR(finish_step(planner, step));
  }
  *out_value = record->row_major;
  return ppn_status_ok();
}

// Element-wise work may go through memory in any order, when all operands have the same one.
static const ppn_engine_layout_t* common_layout(const ppn_engine_node_t* node) {
  const ppn_mil_operation_t* operation = node->operation;
  const ppn_engine_layout_t* common = NULL;
  if (!(node->kernel->flags & PPN_ENGINE_IN_PLACE) || operation->output_count != 1) return NULL;
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      const ppn_mil_value_t* value = operation->inputs[i].values[j];
      if (value->constant) {
        if (ppn_mil_constant_numel(value->constant) > 1) return NULL;
        continue;
      }
      const ppn_engine_value_t* record = record_of(value);
      if (!record->layout || record->layout->is_padded ||
          (common && !ppn_engine_layout_equal(common, record->layout)) ||
          record->tensor.dtype != PPN_DTYPE_FLOAT32 ||
          record_of(operation->outputs[0])->tensor.dtype != PPN_DTYPE_FLOAT32) {
        return NULL;
      }
      common = record->layout;
    }
  }
  return common;
}

static ppn_status_t lay_out_operands(planner_t* planner, ppn_mil_operation_t* operation) {
  ppn_engine_operation_t* kept = kept_of(operation);
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      ppn_mil_value_t** slot = &operation->inputs[i].values[j];
      if ((*slot)->constant || !record_of(*slot)->layout) continue;
      PPN_RETURN_IF_ERROR(make_row_major(planner, *slot, operation, slot));
    }
  }
  for (uint32_t i = 0; i < kept->fused_count; ++i) {
    ppn_mil_value_t** slot = &kept->fused_values[i];
    if (!*slot || !record_of(*slot)->layout) continue;
    PPN_RETURN_IF_ERROR(make_row_major(planner, *slot, operation, slot));
    kept->fused[i].is_dead = false;
  }
  return ppn_status_ok();
}

static bool has_layouts(const ppn_mil_operation_t* operation) {
  const ppn_engine_operation_t* kept = kept_of(operation);
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      const ppn_mil_value_t* value = operation->inputs[i].values[j];
      if (!value->constant && record_of(value)->layout) return true;
    }
  }
  for (uint32_t i = 0; i < kept->fused_count; ++i) {
    if (kept->fused_values[i] && record_of(kept->fused_values[i])->layout) return true;
  }
  return false;
}

static void pass_layouts(ppn_engine_node_t* node) {
  const ppn_mil_operation_t* operation = node->operation;
  const ppn_engine_operation_t* kept = kept_of(operation);
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      const ppn_mil_value_t* value = operation->inputs[i].values[j];
      if (!value->constant) node->inputs[i].layouts[j] = record_of(value)->layout;
    }
  }
  for (uint32_t i = 0; i < kept->fused_count; ++i) {
    if (kept->fused_values[i]) kept->fused[i].layout = record_of(kept->fused_values[i])->layout;
  }
}

// ---- Steps ----

static ppn_status_t bind(planner_t* planner, ppn_mil_operation_t* operation,
                         const ppn_engine_kernel_t* kernel, ppn_engine_node_t* out_node) {
  const ppn_engine_operation_t* kept = kept_of(operation);
  PPN_RETURN_IF_ERROR(ppn_engine_node_bind(operation, kernel, planner->environment,
                                           planner->constants, planner->arena, out_node));
  out_node->fused = kept->fused;
  out_node->fused_count = kept->fused_count;
  for (uint32_t i = 0; i < kept->fused_count; ++i) {
    kept->fused[i].layout = NULL;
    kept->fused[i].is_target = false;
  }
  return ppn_status_ok();
}

// Binds to a kernel and lays the operands out as it takes them.
static ppn_status_t bind_laid_out(planner_t* planner, ppn_mil_operation_t* operation,
                                  const ppn_engine_kernel_t* kernel, ppn_engine_node_t* out_node) {
  PPN_RETURN_IF_ERROR(bind(planner, operation, kernel, out_node));
  if (!has_layouts(operation)) return ppn_status_ok();
  if (kernel->flags & PPN_ENGINE_LAYOUTS) {
    pass_layouts(out_node);
    return ppn_status_ok();
  }
  const ppn_engine_layout_t* common = common_layout(out_node);
  if (common) {
    out_node->output_layouts[0] = common;
    return ppn_status_ok();
  }
  PPN_RETURN_IF_ERROR(lay_out_operands(planner, operation));
  return bind(planner, operation, kernel, out_node);
}

static ppn_status_t list_uses(planner_t* planner, ppn_engine_step_t* step) {
  ppn_mil_operation_t* operation = (ppn_mil_operation_t*)step->node.operation;
  const ppn_engine_operation_t* kept = kept_of(operation);
  uint32_t count = kept->fused_count + 1;
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) count += operation->inputs[i].count;
  PPN_ARENA_NEW(planner->arena, count, &step->operands);
  PPN_ARENA_NEW(planner->arena, operation->output_count, &step->results);
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      ppn_mil_value_t* value = operation->inputs[i].values[j];
      if (value->constant) continue;
      step->operands[step->operand_count++] =
          (ppn_engine_use_t){value, &step->node.inputs[i].tensors[j]};
    }
  }
  for (uint32_t i = 0; i < kept->fused_count; ++i) {
    if (!kept->fused_values[i]) continue;
    step->operands[step->operand_count++] =
        (ppn_engine_use_t){kept->fused_values[i], &kept->fused[i].tensor};
  }
  if (step->node.watched) {
    step->node.watched_tensor = record_of(step->node.watched)->tensor;
    step->operands[step->operand_count++] =
        (ppn_engine_use_t){step->node.watched, &step->node.watched_tensor};
  }
  for (uint32_t i = 0; i < operation->output_count; ++i) {
    step->results[step->result_count++] =
        (ppn_engine_use_t){operation->outputs[i], &step->node.outputs[i]};
  }
  return ppn_status_ok();
}

// Of a prepared node: what follows it sees sizes and layouts of its results.
static ppn_status_t finish_step(planner_t* planner, ppn_engine_step_t* step) {
  step->original = kept_of(step->node.operation)->original;
  PPN_RETURN_IF_ERROR(list_uses(planner, step));
  for (uint32_t i = 0; i < step->result_count; ++i) {
    ppn_engine_value_t* record = NULL;
    PPN_RETURN_IF_ERROR(ppn_engine_value_of(step->results[i].value, planner->arena, &record));
    record->tensor = step->node.outputs[i];
    record->layout = step->node.output_layouts[i];
  }
  return ppn_status_ok();
}

static ppn_status_t make_step(planner_t* planner, ppn_mil_operation_t* operation) {
  const ppn_engine_kernel_t* kernel = ppn_engine_kernel_find(operation->op->type);
  for (;; kernel = ppn_engine_kernel_next(kernel)) {
    // The step comes behind those that its operands may get; its node stays where it is prepared.
    ppn_engine_node_t node;
    ppn_engine_step_t* step = NULL;
    PPN_RETURN_IF_ERROR(bind_laid_out(planner, operation, kernel, &node));
    PPN_RETURN_IF_ERROR(append_step(planner, &step));
    step->node = node;
    ppn_status_t status = ppn_engine_node_prepare(&step->node, planner->arena);
    if (!status) return finish_step(planner, step);
    if (!ppn_engine_node_try_next(&step->node, &status)) return status;
    --planner->plan->step_count;
  }
}

static ppn_status_t make_steps(planner_t* planner) {
  ppn_mil_block_t* block = planner->function->block;
  uint32_t count = block->output_count;
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    // Each result may have to be brought into row-major order once.
    count += 1 + operation->output_count;
  }
  planner->capacity = count;
  PPN_ARENA_NEW(planner->arena, count, &planner->plan->steps);
  for (ppn_mil_operation_t *operation = block->first, *next; operation; operation = next) {
    next = operation->next;
    PPN_RETURN_IF_ERROR(make_step(planner, operation));
  }
  for (uint32_t i = 0; i < block->output_count; ++i) {
    ppn_mil_value_t** slot = &block->outputs[i];
    if ((*slot)->constant || !record_of(*slot)->layout) continue;
    PPN_RETURN_IF_ERROR(make_row_major(planner, *slot, NULL, slot));
  }
  return ppn_status_ok();
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
  planner_t planner = {
      .plan = plan,
      .function = plan->specialisation.function,
      .arena = &plan->specialisation.program->arena,
      .environment = environment,
      .constants = constants,
  };
  remove_dead(planner.function);
  ppn_status_t status = ppn_engine_fuse(planner.function, environment);
  if (!status) status = make_steps(&planner);
  if (!status) status = ppn_engine_plan_place(plan, constants);
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
