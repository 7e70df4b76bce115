// Executes a method's instructions.
#include "runtime/method.h"

// As many as the official runtime executes: a program whose loop does not end is stopped.
#define MAX_STEPS 10000000

static ppn_status_t call_kernel(ppn_method_t* method, const ppn_method_step_t* step) {
  ppn_operator_call_t call = {.name = step->row->name,
                              .arguments = step->arguments,
                              .argument_count = step->argument_count,
                              .pool = method->pool,
                              .scratch = &method->scratch};
  ppn_status_t status = step->row->run(&call);
  if (method->scratch.total) ppn_arena_reset(&method->scratch);
  return status;
}

static ppn_status_t call_delegate(ppn_method_t* method, const ppn_method_step_t* step) {
  const ppn_method_delegate_t* delegate = &method->delegates[step->delegate];
  return ppn_status_annotate(
      delegate->backend->execute(delegate->handle, step->arguments, step->argument_count),
      "delegate %u (%s)", step->delegate, delegate->backend->id);
}

// A tensor is true when all of its elements are.
static ppn_status_t read_condition(const ppn_runtime_value_t* value, bool* out) {
  if (value->kind == PPN_RUNTIME_BOOL) {
    *out = value->u.boolean;
    return NULL;
  }
  if (value->kind != PPN_RUNTIME_TENSOR || value->u.tensor->view.dtype != PPN_DTYPE_BOOL) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the condition of a jump is no bool");
  }
  const ppn_tensor_t* tensor = &value->u.tensor->view;
  int64_t count = ppn_tensor_numel(tensor);
  if (count && !tensor->data) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the condition of a jump has no memory");
  }
  // Dense in some dim order: the order of elements does not matter.
  const uint8_t* elements = tensor->data;
  *out = true;
  for (int64_t i = 0; i < count && *out; ++i) *out = elements[i] != 0;
  return NULL;
}

static ppn_status_t free_tensor(ppn_runtime_value_t* value) {
  if (value->kind != PPN_RUNTIME_TENSOR) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "a value to be freed is no tensor");
  }
  value->u.tensor->view.data = NULL;
  value->u.tensor->capacity = 0;
  return NULL;
}

// Executes one instruction; `*next` is the one to follow.
static ppn_status_t execute_step(ppn_method_t* method, const ppn_method_step_t* step,
                                 uint32_t* next) {
  bool condition = true;
  switch (step->type) {
    case PPN_PTE_KERNEL_CALL:
      return call_kernel(method, step);
    case PPN_PTE_DELEGATE_CALL:
      return call_delegate(method, step);
    case PPN_PTE_MOVE_CALL:
      *step->arguments[1] = *step->arguments[0];
      return NULL;
    case PPN_PTE_JUMP_FALSE_CALL:
      PPN_RETURN_IF_ERROR(read_condition(step->arguments[0], &condition));
      if (!condition) *next = step->target;
      return NULL;
    case PPN_PTE_FREE_CALL:
      return free_tensor(step->arguments[0]);
    case PPN_PTE_INSTRUCTION_NONE:
      break;
  }
  return NULL;
}

ppn_status_t ppn_method_execute(ppn_method_t* method) {
  const ppn_pte_plan_t* plan = method->plan;
  for (uint32_t i = 0; i < plan->input_count; ++i) {
    if (method->inputs[i].is_set) continue;
    return ppn_status_make(PPN_STATUS_FAILED_PRECONDITION, "method '%s': input %u was not set",
                           plan->name, i);
  }
  uint32_t steps = 0;
  for (uint32_t at = 0, next; at < plan->instruction_count; at = next) {
    if (++steps > MAX_STEPS) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA,
                             "method '%s': stopped after %d instructions: a loop does not end",
                             plan->name, MAX_STEPS);
    }
    next = at + 1;
    PPN_RETURN_IF_ERROR_ANNOTATED(execute_step(method, &method->steps[at], &next),
                                  "method '%s': instruction %u", plan->name, at);
  }
  return NULL;
}
