#include "engine/interpret.h"

#include <stdlib.h>

// Plans kept for each place that plans start at.
#define MAXIMUM_PLANS 4
// Values with more elements than this are never parameters whose elements sizes depend on.
#define MAXIMUM_PARAMETER 1024

struct ppn_engine_segment {
  ppn_engine_segment_t* next;
  const ppn_mil_block_t* block;
  const ppn_mil_operation_t *first, *stop;
  ppn_engine_plan_t* plan;
  void** addresses;  // of the plan's inputs, set before each run
};

static void free_segment(ppn_engine_segment_t* segment) {
  ppn_engine_plan_free(segment->plan);
  free(segment->addresses);
  free(segment);
}

void ppn_engine_interpreter_forget(ppn_engine_interpreter_t* interpreter) {
  while (interpreter->segments) {
    ppn_engine_segment_t* next = interpreter->segments->next;
    free_segment(interpreter->segments);
    interpreter->segments = next;
  }
}

void ppn_engine_interpreter_release(ppn_engine_interpreter_t* interpreter) {
  ppn_engine_interpreter_forget(interpreter);
  ppn_engine_values_release(&interpreter->values);
}

ppn_status_t ppn_engine_interpreter_fetch(ppn_engine_interpreter_t* interpreter,
                                          const ppn_mil_value_t* value, ppn_tensor_t* out_tensor) {
  if (value->constant) {
    return ppn_engine_constants_get(interpreter->constants, value->constant, out_tensor);
  }
  const ppn_engine_variable_t* variable = ppn_engine_values_find(&interpreter->values, value);
  if (!variable || variable->list) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "value '%s' is used before it is defined",
                           value->name);
  }
  *out_tensor = variable->tensor;
  return ppn_status_ok();
}

// ---- Plans ----

static const ppn_mil_value_t* original_of(const ppn_mil_value_t* clone) {
  return ((const ppn_engine_value_t*)clone->scratch)->original;
}

static bool has_sizes(const ppn_mil_type_t* type, const ppn_tensor_t* tensor) {
  if (type->rank != tensor->rank) return false;
  for (int i = 0; i < type->rank; ++i) {
    if (type->sizes[i].value != tensor->sizes[i]) return false;
  }
  return true;
}

static bool fits(const ppn_engine_interpreter_t* interpreter, const ppn_engine_segment_t* segment) {
  const ppn_mil_function_t* function = segment->plan->specialisation.function;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    const ppn_engine_variable_t* variable =
        ppn_engine_values_find(&interpreter->values, original_of(function->inputs[i]));
    if (!variable || !has_sizes(&function->inputs[i]->type, &variable->tensor)) return false;
  }
  return true;
}

// Finds a segment and moves it to the front; drops the oldest of too many.
static ppn_engine_segment_t* find_segment(ppn_engine_interpreter_t* interpreter,
                                          const ppn_mil_block_t* block,
                                          const ppn_mil_operation_t* first) {
  uint32_t count = 0;
  for (ppn_engine_segment_t **link = &interpreter->segments, *segment; (segment = *link);) {
    if (segment->block != block || segment->first != first) {
      link = &segment->next;
      continue;
    }
    if (fits(interpreter, segment)) {
      *link = segment->next;
      segment->next = interpreter->segments;
      interpreter->segments = segment;
      return segment;
    }
    if (++count >= MAXIMUM_PLANS) {
      *link = segment->next;
      free_segment(segment);
    } else {
      link = &segment->next;
    }
  }
  return NULL;
}

static bool look_up_sizes(void* context, const ppn_mil_value_t* value,
                          ppn_engine_known_t* out_known) {
  const ppn_engine_interpreter_t* interpreter = context;
  const ppn_engine_variable_t* variable = ppn_engine_values_find(&interpreter->values, value);
  if (!variable) return false;
  *out_known = (ppn_engine_known_t){.tensor = variable->tensor};
  return true;
}

static bool look_up_elements(void* context, const ppn_mil_value_t* value,
                             ppn_engine_known_t* out_known) {
  if (!look_up_sizes(context, value, out_known)) return false;
  out_known->is_constant = value->type.kind == PPN_MIL_TENSOR && out_known->tensor.data &&
                           ppn_tensor_numel(&out_known->tensor) <= MAXIMUM_PARAMETER;
  return true;
}

static ppn_engine_specialise_request_t request_for(ppn_engine_interpreter_t* interpreter,
                                                   const ppn_mil_block_t* block,
                                                   const ppn_mil_operation_t* first, bool single) {
  return (ppn_engine_specialise_request_t){
      .function = interpreter->function,
      .block = block,
      .first = first,
      .single = single,
      .environment = &interpreter->environment,
      .constants = interpreter->constants,
      .lookup = single ? look_up_elements : look_up_sizes,
      .lookup_context = interpreter,
  };
}

static ppn_status_t make_segment(ppn_engine_interpreter_t* interpreter,
                                 const ppn_mil_block_t* block, const ppn_mil_operation_t* first,
                                 ppn_engine_segment_t** out_segment) {
  ppn_engine_segment_t* segment = calloc(1, sizeof(*segment));
  if (!segment) return ppn_out_of_memory();
  segment->block = block;
  segment->first = first;
  ppn_engine_specialise_request_t request = request_for(interpreter, block, first, false);
  ppn_engine_specialisation_t specialisation;
  ppn_status_t status = ppn_engine_specialise(&request, &specialisation);
  if (!status) {
    segment->stop = specialisation.stop;
    status = ppn_engine_plan_create(&specialisation, &interpreter->environment,
                                    interpreter->constants, &segment->plan);
  }
  if (!status) {
    segment->addresses = calloc(segment->plan->input_count + 1, sizeof(*segment->addresses));
    if (!segment->addresses) status = ppn_out_of_memory();
  }
  if (status) {
    free_segment(segment);
    return status;
  }
  segment->next = interpreter->segments;
  interpreter->segments = segment;
  *out_segment = segment;
  return status;
}

ppn_status_t ppn_engine_interpreter_plan(ppn_engine_interpreter_t* interpreter,
                                         const ppn_mil_block_t* block,
                                         const ppn_mil_operation_t* first,
                                         ppn_engine_plan_t** out_plan,
                                         const ppn_mil_operation_t** out_stop) {
  ppn_engine_segment_t* segment = find_segment(interpreter, block, first);
  if (!segment) PPN_RETURN_IF_ERROR(make_segment(interpreter, block, first, &segment));
  *out_plan = segment->plan;
  *out_stop = segment->stop;
  return ppn_status_ok();
}

ppn_status_t ppn_engine_interpreter_run_plan(ppn_engine_interpreter_t* interpreter,
                                             ppn_engine_plan_t* plan) {
  ppn_engine_segment_t* segment = interpreter->segments;
  while (segment && segment->plan != plan) segment = segment->next;
  if (!segment) return ppn_status_make(PPN_STATUS_INTERNAL, "a plan that is not kept");
  const ppn_mil_function_t* function = plan->specialisation.function;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    const ppn_mil_value_t* original = original_of(function->inputs[i]);
    segment->addresses[i] = ppn_engine_values_find(&interpreter->values, original)->tensor.data;
  }
  return ppn_engine_plan_run(plan, segment->addresses, &interpreter->hooks);
}

// Results of a plan become variables, as the plan's memory may be written again before they are
// used.
static ppn_status_t keep_results(ppn_engine_interpreter_t* interpreter,
                                 const ppn_engine_plan_t* plan) {
  const ppn_mil_block_t* block = plan->specialisation.function->block;
  for (uint32_t i = 0; i < plan->output_count; ++i) {
    const ppn_mil_value_t* original = plan->specialisation.output_originals[i];
    bool is_result = block->outputs[i]->producer || block->outputs[i]->constant;
    if (original->constant || !is_result) continue;
    PPN_RETURN_IF_ERROR(ppn_engine_values_copy(&interpreter->values, original, &plan->outputs[i]));
  }
  return ppn_status_ok();
}

// ---- Single operations ----

static ppn_status_t run_node(ppn_engine_interpreter_t* interpreter,
                             ppn_engine_specialisation_t* specialisation) {
  ppn_mil_operation_t* operation = specialisation->function->block->first;
  ppn_arena_t* arena = &specialisation->program->arena;
  ppn_engine_node_t node;
  ppn_engine_environment_t plain = interpreter->environment;
  plain.is_observed = true;
  PPN_RETURN_IF_ERROR(
      ppn_engine_node_bind_and_prepare(operation, &plain, interpreter->constants, arena, &node));
  for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
    for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
      const ppn_mil_value_t* value = operation->inputs[i].values[j];
      if (value->constant) continue;
      ppn_status_t status =
          ppn_engine_interpreter_fetch(interpreter, original_of(value), &node.inputs[i].tensors[j]);
      if (status) {
        ppn_engine_node_release(&node);
        return status;
      }
    }
  }
  PPN_RETURN_IF_ERROR(ppn_engine_node_run_once(&node, arena));
  const ppn_mil_operation_t* original =
      ((const ppn_engine_operation_t*)operation->scratch)->original;
  for (uint32_t i = 0; i < node.output_count; ++i) {
    PPN_RETURN_IF_ERROR(
        ppn_engine_values_copy(&interpreter->values, original->outputs[i], &node.outputs[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t run_specialised(ppn_engine_interpreter_t* interpreter,
                                    ppn_engine_specialisation_t* specialisation) {
  if (specialisation->function->block->first) return run_node(interpreter, specialisation);
  for (uint32_t i = 0; i < specialisation->folded_count; ++i) {
    const ppn_engine_value_t* record = specialisation->folded[i]->scratch;
    PPN_RETURN_IF_ERROR(
        ppn_engine_values_copy(&interpreter->values, record->original, &record->tensor));
  }
  return ppn_status_ok();
}

// An operation whose results' sizes depend on elements: specialised to them, for this time only.
static ppn_status_t run_single(ppn_engine_interpreter_t* interpreter,
                               const ppn_mil_operation_t* operation) {
  ppn_engine_specialise_request_t request =
      request_for(interpreter, operation->parent, operation, true);
  ppn_engine_specialisation_t specialisation;
  PPN_RETURN_IF_ERROR(ppn_engine_specialise(&request, &specialisation));
  ppn_status_t status = run_specialised(interpreter, &specialisation);
  ppn_engine_specialisation_release(&specialisation);
  return status;
}

static ppn_status_t run_unplanned(ppn_engine_interpreter_t* interpreter,
                                  const ppn_mil_operation_t* operation) {
  uint64_t start = ppn_engine_now();
  PPN_RETURN_IF_ERROR(ppn_engine_is_structural(operation->op->type)
                          ? ppn_engine_run_structural(interpreter, operation)
                          : run_single(interpreter, operation));
  const ppn_engine_hooks_t* hooks = &interpreter->hooks;
  if (hooks->trace && operation->block_count == 0) {
    hooks->trace(hooks->trace_data, operation, ppn_engine_now() - start);
  }
  for (uint32_t i = 0; hooks->observer && i < operation->output_count; ++i) {
    const ppn_engine_variable_t* variable =
        ppn_engine_values_find(&interpreter->values, operation->outputs[i]);
    if (!variable || variable->list) continue;
    hooks->observer(hooks->observer_data, operation->outputs[i], &variable->tensor);
  }
  return ppn_status_ok();
}

ppn_status_t ppn_engine_interpreter_run_block(ppn_engine_interpreter_t* interpreter,
                                              const ppn_mil_block_t* block) {
  const ppn_mil_operation_t* operation = block->first;
  while (operation) {
    ppn_engine_plan_t* plan = NULL;
    PPN_RETURN_IF_ERROR(
        ppn_engine_interpreter_plan(interpreter, block, operation, &plan, &operation));
    PPN_RETURN_IF_ERROR(ppn_engine_interpreter_run_plan(interpreter, plan));
    PPN_RETURN_IF_ERROR(keep_results(interpreter, plan));
    if (!operation) break;
    PPN_RETURN_IF_ERROR(run_unplanned(interpreter, operation));
    operation = operation->next;
  }
  return ppn_status_ok();
}
