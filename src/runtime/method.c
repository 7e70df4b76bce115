#include "runtime/method.h"

#include <stdlib.h>

#include "coreml/delegate.h"

// Finds the plan's operators; the message lists all that are missing.
static ppn_status_t find_operators(const ppn_method_t* method, const ppn_operator_row_t** rows) {
  const ppn_pte_plan_t* plan = method->plan;
  ppn_buffer_t missing = {0};
  bool is_complete = true;
  for (uint32_t i = 0; i < plan->operator_count; ++i) {
    const ppn_pte_operator_t* called = &plan->operators[i];
    rows[i] = ppn_operator_find(called->name, called->overload);
    if (rows[i]) continue;
    is_complete = false;
    ppn_buffer_printf(&missing, "%s'%s%s%s'", missing.size ? ", " : "", called->name,
                      *called->overload ? "." : "", called->overload);
  }
  ppn_status_t status = NULL;
  if (!is_complete) {
    status = ppn_status_make(PPN_STATUS_UNSUPPORTED, "no kernels for these operators: %s",
                             ppn_buffer_text(&missing));
  }
  ppn_buffer_release(&missing);
  return status;
}

static ppn_status_t make_step(ppn_method_t* method, const ppn_pte_instruction_t* instruction,
                              const ppn_operator_row_t* const* rows, ppn_method_step_t* step) {
  bool is_call =
      instruction->type == PPN_PTE_KERNEL_CALL || instruction->type == PPN_PTE_DELEGATE_CALL;
  step->type = instruction->type;
  step->target = instruction->target;
  if (instruction->type == PPN_PTE_KERNEL_CALL) step->row = rows[instruction->index];
  if (instruction->type == PPN_PTE_DELEGATE_CALL) step->delegate = instruction->index;
  step->argument_count = is_call ? instruction->arg_count : 2;
  PPN_ARENA_NEW(&method->arena, step->argument_count, &step->arguments);
  for (uint32_t i = 0; is_call && i < step->argument_count; ++i) {
    step->arguments[i] = &method->values[instruction->args[i]];
  }
  if (!is_call) step->arguments[0] = &method->values[instruction->index];
  if (instruction->type == PPN_PTE_MOVE_CALL) {
    step->arguments[1] = &method->values[instruction->target];
  }
  return NULL;
}

static ppn_status_t make_steps(ppn_method_t* method) {
  const ppn_pte_plan_t* plan = method->plan;
  const ppn_operator_row_t** rows;
  PPN_ARENA_NEW(&method->arena, plan->operator_count, &rows);
  PPN_RETURN_IF_ERROR(find_operators(method, rows));
  PPN_ARENA_NEW(&method->arena, plan->instruction_count, &method->steps);
  for (uint32_t i = 0; i < plan->instruction_count; ++i) {
    PPN_RETURN_IF_ERROR(make_step(method, &plan->instructions[i], rows, &method->steps[i]));
  }
  return NULL;
}

static ppn_status_t make_delegate(ppn_method_t* method, const ppn_pte_delegate_t* source,
                                  const ppn_engine_options_t* options,
                                  ppn_method_delegate_t* delegate) {
  const ppn_pte_file_t* file = method->program->file;
  const ppn_backend_t* backend = ppn_backend_find(source->id);
  if (!backend) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "backend '%s' is not available here; export for the portable kernels "
                           "or for " PPN_COREML_BACKEND_ID,
                           source->id);
  }
  ppn_backend_request_t request = {.method = method->plan->name,
                                   .payload = file->payloads[source->payload],
                                   .compile_specs = source->compile_specs,
                                   .compile_spec_count = source->compile_spec_count,
                                   .file = file,
                                   .shares = method->program->shares,
                                   .options = options};
  PPN_RETURN_IF_ERROR_ANNOTATED(backend->create(&request, &delegate->handle), "%s", source->id);
  delegate->backend = backend;
  return NULL;
}

static ppn_status_t make_delegates(ppn_method_t* method, const ppn_engine_options_t* options) {
  const ppn_pte_plan_t* plan = method->plan;
  PPN_ARENA_NEW(&method->arena, plan->delegate_count, &method->delegates);
  for (uint32_t i = 0; i < plan->delegate_count; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(
        make_delegate(method, &plan->delegates[i], options, &method->delegates[i]), "delegate %u",
        i);
  }
  return NULL;
}

static ppn_status_t load(ppn_method_t* method, const ppn_engine_options_t* options) {
  PPN_RETURN_IF_ERROR(ppn_method_make_values(method));
  PPN_RETURN_IF_ERROR(make_steps(method));
  PPN_RETURN_IF_ERROR(ppn_method_make_ports(method));
  PPN_RETURN_IF_ERROR(make_delegates(method, options));
  if (!method->plan->operator_count) return NULL;
  return ppn_thread_pool_create(options->thread_count, &method->pool);
}

ppn_status_t ppn_method_load(ppn_program_t* program, const char* name,
                             const ppn_engine_options_t* options, ppn_method_t** out_method) {
  static const ppn_engine_options_t defaults;
  *out_method = NULL;
  const ppn_pte_plan_t* plan = ppn_pte_find_plan(program->file, name);
  if (!plan) {
    return ppn_status_make(PPN_STATUS_NOT_FOUND, "%s: no method '%s'; the first of %u is '%s'",
                           program->name, name, program->file->plan_count,
                           program->file->plan_count ? program->file->plans[0].name : "(none)");
  }
  ppn_method_t* method = calloc(1, sizeof(*method));
  if (!method) return ppn_out_of_memory();
  method->program = program;
  method->plan = plan;
  ppn_status_t status = load(method, options ? options : &defaults);
  if (status) {
    ppn_method_free(method);
    return ppn_status_annotate(status, "%s: method '%s'", program->name, name);
  }
  *out_method = method;
  return NULL;
}

void ppn_method_free(ppn_method_t* method) {
  if (!method) return;
  for (uint32_t i = 0; method->delegates && i < method->plan->delegate_count; ++i) {
    const ppn_method_delegate_t* delegate = &method->delegates[i];
    if (delegate->backend) delegate->backend->release(delegate->handle);
  }
  ppn_method_release_ports(method);
  ppn_method_release_values(method);
  ppn_thread_pool_free(method->pool);
  ppn_arena_release(&method->scratch);
  ppn_arena_release(&method->arena);
  free(method);
}
