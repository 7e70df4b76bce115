// Contexts: states, the plans for the last shapes, and running.
#include <stdlib.h>
#include <string.h>

#include "engine/border.h"
#include "engine/interpret.h"
#include "engine/model.h"

struct ppn_engine_context {
  const ppn_engine_model_t* model;
  ppn_engine_interpreter_t interpreter;
  ppn_tensor_t* states;  // by input of the function; `data` NULL for tensor inputs
  ppn_engine_transfer_t *input_transfers, *output_transfers;
  ppn_tensor_t* prepared;  // the inputs' types of the last preparation, `prepared_count` of them
  uint32_t prepared_count;
  bool is_prepared, has_run;
  ppn_engine_plan_t* plan;  // the whole function; NULL when it does not fit in one plan
};

static ppn_status_t make_states(ppn_engine_context_t* context) {
  const ppn_mil_function_t* function = context->model->function;
  int64_t sizes[PPN_MAX_RANK];
  for (uint32_t i = 0; i < function->input_count; ++i) {
    const ppn_mil_value_t* value = function->inputs[i];
    if (value->type.kind != PPN_MIL_STATE) continue;
    for (int j = 0; j < value->type.rank; ++j) sizes[j] = value->type.sizes[j].value;
    ppn_tensor_t* state = &context->states[i];
    *state = ppn_tensor_make(NULL, value->type.dtype, value->type.rank, sizes);
    state->data = calloc(1, ppn_tensor_size(state) + 1);
    if (!state->data) return ppn_out_of_memory();
    PPN_RETURN_IF_ERROR(ppn_engine_values_lend(&context->interpreter.values, value, state));
  }
  return ppn_status_ok();
}

static ppn_status_t fill_context(ppn_engine_context_t* context, const ppn_engine_model_t* model) {
  const ppn_mil_function_t* function = model->function;
  ppn_engine_interpreter_t* interpreter = &context->interpreter;
  context->model = model;
  interpreter->function = function;
  interpreter->constants = model->weights->constants;
  interpreter->environment.numerics = model->options.numerics;
  interpreter->environment.packs = model->weights->packs;
  interpreter->environment.leaves_weights = model->program->function_count > 1;
  PPN_RETURN_IF_ERROR(
      ppn_thread_pool_create(model->options.thread_count, &interpreter->environment.pool));
  context->states = calloc(function->input_count + 1, sizeof(*context->states));
  context->prepared = calloc(function->input_count + 1, sizeof(*context->prepared));
  context->input_transfers = calloc(function->input_count + 1, sizeof(*context->input_transfers));
  context->output_transfers =
      calloc(function->block->output_count + 1, sizeof(*context->output_transfers));
  if (!context->states || !context->prepared || !context->input_transfers ||
      !context->output_transfers) {
    return ppn_out_of_memory();
  }
  return make_states(context);
}

ppn_status_t ppn_engine_context_create(ppn_engine_model_t* model,
                                       ppn_engine_context_t** out_context) {
  *out_context = NULL;
  ppn_engine_context_t* context = calloc(1, sizeof(*context));
  if (!context) return ppn_out_of_memory();
  ppn_status_t status = fill_context(context, model);
  if (status) {
    ppn_engine_context_free(context);
  } else {
    *out_context = context;
  }
  return status;
}

void ppn_engine_context_free(ppn_engine_context_t* context) {
  if (!context) return;
  const ppn_mil_function_t* function = context->model->function;
  ppn_engine_interpreter_release(&context->interpreter);
  ppn_thread_pool_free(context->interpreter.environment.pool);
  for (uint32_t i = 0; i < function->input_count; ++i) {
    if (context->states) free(context->states[i].data);
    if (context->input_transfers) ppn_engine_transfer_release(&context->input_transfers[i]);
  }
  for (uint32_t i = 0; context->output_transfers && i < function->block->output_count; ++i) {
    ppn_engine_transfer_release(&context->output_transfers[i]);
  }
  free(context->states);
  free(context->prepared);
  free(context->input_transfers);
  free(context->output_transfers);
  free(context);
}

// ---- Preparation ----

static bool is_prepared_for(const ppn_engine_context_t* context, const ppn_tensor_t* inputs,
                            uint32_t input_count) {
  if (!context->is_prepared || input_count != context->prepared_count) return false;
  for (uint32_t i = 0; i < input_count; ++i) {
    const ppn_tensor_t* prepared = &context->prepared[i];
    if (prepared->dtype != inputs[i].dtype || prepared->rank != inputs[i].rank) return false;
    size_t size = (size_t)prepared->rank * sizeof(prepared->sizes[0]);
    if (memcmp(prepared->sizes, inputs[i].sizes, size) != 0) return false;
  }
  return true;
}

// Memory for what must be converted at the border is there before the first run.
static ppn_status_t reserve_transfers(ppn_engine_context_t* context, const ppn_tensor_t* inputs,
                                      uint32_t input_count) {
  const ppn_mil_block_t* block = context->model->function->block;
  for (uint32_t i = 0; i < input_count; ++i) {
    ppn_dtype_t dtype = ppn_engine_stored_dtype(inputs[i].dtype);
    if (dtype == inputs[i].dtype) continue;
    ppn_tensor_t stored = ppn_tensor_make(NULL, dtype, inputs[i].rank, inputs[i].sizes);
    PPN_RETURN_IF_ERROR(
        ppn_engine_transfer_reserve(&context->input_transfers[i], ppn_tensor_size(&stored)));
  }
  for (uint32_t i = 0; context->plan && i < block->output_count; ++i) {
    ppn_tensor_t given = context->plan->outputs[i];
    if (given.dtype == block->outputs[i]->type.dtype) continue;
    given.dtype = block->outputs[i]->type.dtype;
    PPN_RETURN_IF_ERROR(
        ppn_engine_transfer_reserve(&context->output_transfers[i], ppn_tensor_size(&given) + 1));
  }
  return ppn_status_ok();
}

// The function's tensor inputs, without data unless `inputs` have it (stored form then).
static ppn_status_t lend_inputs(ppn_engine_context_t* context, const ppn_tensor_t* inputs) {
  const ppn_mil_function_t* function = context->model->function;
  uint32_t index = 0;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    if (function->inputs[i]->type.kind == PPN_MIL_STATE) continue;
    PPN_RETURN_IF_ERROR(ppn_engine_values_lend(&context->interpreter.values, function->inputs[i],
                                               &inputs[index++]));
  }
  return ppn_status_ok();
}

ppn_status_t ppn_engine_prepare(ppn_engine_context_t* context, const ppn_tensor_t* inputs,
                                uint32_t input_count) {
  const ppn_mil_function_t* function = context->model->function;
  if (is_prepared_for(context, inputs, input_count)) return ppn_status_ok();
  PPN_RETURN_IF_ERROR(ppn_engine_check_inputs(function, inputs, input_count));
  context->is_prepared = context->has_run = false;
  for (uint32_t i = 0; i < input_count; ++i) {
    context->prepared[i] = ppn_tensor_make(NULL, ppn_engine_stored_dtype(inputs[i].dtype),
                                           inputs[i].rank, inputs[i].sizes);
  }
  PPN_RETURN_IF_ERROR(lend_inputs(context, context->prepared));
  for (uint32_t i = 0; i < input_count; ++i) context->prepared[i].dtype = inputs[i].dtype;
  context->prepared_count = input_count;
  ppn_engine_plan_t* plan = NULL;
  const ppn_mil_operation_t* stop = NULL;
  PPN_RETURN_IF_ERROR(ppn_engine_interpreter_plan(&context->interpreter, function->block,
                                                  function->block->first, &plan, &stop));
  context->plan = stop ? NULL : plan;
  PPN_RETURN_IF_ERROR(reserve_transfers(context, inputs, input_count));
  context->is_prepared = true;
  return ppn_status_ok();
}

// ---- Results ----

// The dtype that a result is given in. A text is given as its place among a classifier's classes.
static ppn_dtype_t given_dtype(const ppn_mil_value_t* output) {
  return output->type.dtype == PPN_DTYPE_STRING ? PPN_DTYPE_INT64 : output->type.dtype;
}

static ppn_status_t find_result(ppn_engine_context_t* context, uint32_t index,
                                ppn_tensor_t* out_tensor) {
  if (context->plan) {
    *out_tensor = context->plan->outputs[index];
    return ppn_status_ok();
  }
  const ppn_mil_block_t* block = context->model->function->block;
  return ppn_engine_interpreter_fetch(&context->interpreter, block->outputs[index], out_tensor);
}

static ppn_status_t result_of(ppn_engine_context_t* context, uint32_t index,
                              ppn_tensor_t* out_tensor) {
  PPN_RETURN_IF_ERROR(find_result(context, index, out_tensor));
  if (out_tensor->dtype != PPN_DTYPE_STRING) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_UNSUPPORTED, "output '%s' is a constant text",
                         context->model->function->block->outputs[index]->name);
}

ppn_status_t ppn_engine_output_type(const ppn_engine_context_t* context, uint32_t index,
                                    ppn_tensor_t* out_type) {
  const ppn_mil_block_t* block = context->model->function->block;
  if (index >= block->output_count) {
    return ppn_status_make(PPN_STATUS_NOT_FOUND, "output %u of %u", index, block->output_count);
  }
  if (!context->is_prepared || (!context->plan && !context->has_run)) {
    return ppn_status_make(PPN_STATUS_FAILED_PRECONDITION,
                           "the sizes of output '%s' are known only after %s",
                           block->outputs[index]->name,
                           context->is_prepared ? "a run" : "the input shapes were given");
  }
  PPN_RETURN_IF_ERROR(result_of((ppn_engine_context_t*)context, index, out_type));
  *out_type =
      ppn_tensor_make(NULL, given_dtype(block->outputs[index]), out_type->rank, out_type->sizes);
  return ppn_status_ok();
}

// ---- Running ----

static ppn_status_t take_inputs(ppn_engine_context_t* context, const ppn_tensor_t* inputs) {
  const ppn_mil_function_t* function = context->model->function;
  uint32_t index = 0;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    if (function->inputs[i]->type.kind == PPN_MIL_STATE) continue;
    ppn_tensor_t stored;
    PPN_RETURN_IF_ERROR(
        ppn_engine_take_input(&context->input_transfers[index], &inputs[index], &stored));
    PPN_RETURN_IF_ERROR(
        ppn_engine_values_lend(&context->interpreter.values, function->inputs[i], &stored));
    ++index;
  }
  return ppn_status_ok();
}

ppn_status_t ppn_engine_run(ppn_engine_context_t* context, const ppn_tensor_t* inputs,
                            uint32_t input_count, ppn_tensor_t* outputs, uint32_t output_count) {
  const ppn_mil_function_t* function = context->model->function;
  const ppn_mil_block_t* block = function->block;
  PPN_RETURN_IF_ERROR(ppn_engine_prepare(context, inputs, input_count));
  if (output_count != block->output_count) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "function '%s' has %u outputs, %u were asked for", function->name,
                           block->output_count, output_count);
  }
  PPN_RETURN_IF_ERROR(take_inputs(context, inputs));
  PPN_RETURN_IF_ERROR(context->plan
                          ? ppn_engine_interpreter_run_plan(&context->interpreter, context->plan)
                          : ppn_engine_interpreter_run_block(&context->interpreter, block));
  context->has_run = true;
  for (uint32_t i = 0; i < output_count; ++i) {
    ppn_tensor_t result;
    PPN_RETURN_IF_ERROR(result_of(context, i, &result));
    PPN_RETURN_IF_ERROR(ppn_engine_give_output(
        &context->output_transfers[i], given_dtype(block->outputs[i]), &result, &outputs[i]));
  }
  return ppn_status_ok();
}

// ---- States and hooks ----

static ppn_status_t find_state(const ppn_engine_context_t* context, const char* name,
                               uint32_t* out_index) {
  const ppn_mil_function_t* function = context->model->function;
  for (uint32_t i = 0; i < function->input_count; ++i) {
    if (!context->states[i].data || strcmp(function->inputs[i]->name, name) != 0) continue;
    *out_index = i;
    return ppn_status_ok();
  }
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "function '%s' has no state '%s'", function->name,
                         name);
}

ppn_status_t ppn_engine_state(ppn_engine_context_t* context, const char* name,
                              ppn_tensor_t* out_view) {
  uint32_t index = 0;
  PPN_RETURN_IF_ERROR(find_state(context, name, &index));
  *out_view = context->states[index];
  return ppn_status_ok();
}

ppn_status_t ppn_engine_bind_state(ppn_engine_context_t* context, const char* name, void* data) {
  uint32_t index = 0;
  PPN_RETURN_IF_ERROR(find_state(context, name, &index));
  ppn_tensor_t state = context->states[index];
  if (data) state.data = data;
  return ppn_engine_values_lend(&context->interpreter.values,
                                context->model->function->inputs[index], &state);
}

void ppn_engine_set_trace(ppn_engine_context_t* context, ppn_engine_trace_t trace,
                          void* user_data) {
  context->interpreter.hooks.trace = trace;
  context->interpreter.hooks.trace_data = user_data;
}

ppn_status_t ppn_engine_set_observer(ppn_engine_context_t* context, ppn_engine_observer_t observer,
                                     void* user_data) {
  context->interpreter.hooks.observer = observer;
  context->interpreter.hooks.observer_data = user_data;
  context->interpreter.environment.is_observed = observer != NULL;
  // Plans are made differently when somebody watches.
  ppn_engine_interpreter_forget(&context->interpreter);
  context->is_prepared = context->has_run = false;
  context->plan = NULL;
  return ppn_status_ok();
}
