// Lowers a whole program: interface, constants, states, then node by node.
#include <stdio.h>
#include <string.h>

#include "base/string_map.h"
#include "lower/row.h"
#include "lower/states.h"
#include "mil/passes.h"

static const ppn_output_spec_t* mutation_of(const ppn_exported_program_t* program,
                                            const char* fqn) {
  for (uint32_t i = 0; fqn && i < program->output_count; i++) {
    const ppn_output_spec_t* spec = &program->outputs[i];
    if (spec->kind == PPN_OUTPUT_BUFFER_MUTATION && strcmp(spec->target, fqn) == 0) return spec;
  }
  return NULL;
}

// The user's target, or the smallest opset with everything that the program needs.
static ppn_status_t choose_opset(const ppn_exported_program_t* program,
                                 const ppn_lower_options_t* options, ppn_mil_opset_t* out_opset) {
  ppn_mil_opset_t needed = PPN_MIL_OPSET_IOS15;
  const char* cause = "";
  bool has_inputs = false;
  for (const ppn_node_t* node = program->graph->first; node; node = node->next) {
    const ppn_lower_row_t* row = ppn_lower_row_find(node->target);
    if (!row) continue;
    ppn_mil_opset_t since =
        row->flags & PPN_LOWER_COMPRESSED_WEIGHT ? ppn_row_opset_needed(node, program) : row->since;
    if (since > needed) {
      needed = since;
      cause = node->target;
    }
  }
  for (uint32_t i = 0; i < program->input_count; i++) {
    const ppn_input_spec_t* spec = &program->inputs[i];
    has_inputs |= spec->kind == PPN_INPUT_USER;
    if (spec->kind == PPN_INPUT_BUFFER && mutation_of(program, spec->target)) {
      needed = needed < PPN_MIL_OPSET_IOS18 ? PPN_MIL_OPSET_IOS18 : needed;
      cause = "a mutable buffer";
    }
  }
  if (!has_inputs && needed < PPN_MIL_OPSET_IOS18) {
    needed = PPN_MIL_OPSET_IOS18;
    cause = "a program without inputs";
  }
  *out_opset = options->minimum_opset ? options->minimum_opset : needed;
  if (*out_opset < needed) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "%s needs a later deployment target: opset %s, the target is %s", cause,
                           ppn_mil_opset_name(needed), ppn_mil_opset_name(*out_opset));
  }
  return ppn_status_ok();
}

static void reset_scratch(const ppn_exported_program_t* program) {
  for (uint32_t i = 0; i < program->graph->input_count; i++) {
    if (program->graph->inputs[i]) program->graph->inputs[i]->scratch = NULL;
  }
  for (const ppn_node_t* node = program->graph->first; node; node = node->next) {
    for (uint32_t i = 0; i < node->output_count; i++) {
      if (node->outputs[i]) node->outputs[i]->scratch = NULL;
    }
  }
}

// A user input. A scalar becomes a vector of one element outside, since Core ML has no rank-0
// inputs.
static ppn_status_t add_user_input(ppn_lower_context_t* context, ppn_value_t* value) {
  ppn_mil_function_t* function = context->builder.function;
  ppn_arena_t* arena = &function->program->arena;
  if (value->kind == PPN_VALUE_SYM_INT) return ppn_status_ok();  // read from a tensor's shape
  ppn_dtype_t dtype =
      value->kind == PPN_VALUE_TENSOR ? ppn_lower_dtype(value->tensor.dtype) : PPN_DTYPE_INVALID;
  if (dtype == PPN_DTYPE_INVALID) {
    return ppn_status_make(
        PPN_STATUS_UNSUPPORTED,
        "input '%s' is %s; a Core ML input is a tensor of a type that Core ML has", value->name,
        value->kind == PPN_VALUE_TENSOR ? ppn_dtype_name(value->tensor.dtype) : "not a tensor");
  }
  ppn_mil_type_t type;
  ppn_mil_value_t* input = NULL;
  if (value->tensor.rank > 0) {
    PPN_RETURN_IF_ERROR(ppn_mil_type_make(function->program, dtype, value->tensor.rank,
                                          value->tensor.sizes, &type));
    PPN_RETURN_IF_ERROR(ppn_mil_function_add_input(function, value->name, &type, &input));
    value->scratch = input;
    return ppn_status_ok();
  }
  ppn_dim_t one = ppn_dim_static(1);
  const char* name = ppn_arena_printf(arena, "%s_wrapped_as_tensor_for_coreml", value->name);
  if (!name) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(ppn_mil_type_make(function->program, dtype, 1, &one, &type));
  PPN_RETURN_IF_ERROR(ppn_mil_function_add_input(function, name, &type, &input));
  context->builder.name = value->name;
  value->scratch = ppn_row_squeeze(context, input, (const int64_t[]){0}, 1);
  return ppn_row_finish(context);
}

// `states`: ppn_lower_state_t by buffer.
static ppn_status_t add_inputs(ppn_lower_context_t* context, ppn_string_map_t* states) {
  const ppn_exported_program_t* program = context->program;
  // User inputs first: model inputs are listed in this order, and sizes are read from them.
  for (uint32_t i = 0; i < program->input_count; i++) {
    const ppn_input_spec_t* spec = &program->inputs[i];
    if (spec->kind == PPN_INPUT_CUSTOM_OBJECT) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED, "input '%s' is a script object", spec->name);
    }
    if (spec->kind == PPN_INPUT_USER && program->graph->inputs[i]) {
      PPN_RETURN_IF_ERROR(add_user_input(context, program->graph->inputs[i]));
    }
  }
  for (uint32_t i = 0; i < program->input_count; i++) {
    const ppn_input_spec_t* spec = &program->inputs[i];
    if (spec->kind != PPN_INPUT_BUFFER || !mutation_of(program, spec->target)) continue;
    ppn_lower_state_t* state = NULL;
    PPN_RETURN_IF_ERROR(ppn_lower_add_state(context, spec, program->graph->inputs[i], &state));
    PPN_RETURN_IF_ERROR(ppn_string_map_set(states, ppn_sv(spec->target), state));
  }
  return ppn_status_ok();
}

static ppn_status_t lower_nodes(ppn_lower_context_t* context) {
  for (ppn_node_t* node = context->program->graph->first; node; node = node->next) {
    const ppn_lower_row_t* row = ppn_lower_row_find(node->target);
    if (!row) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED, "%s: no lowering to Core ML",
                             ppn_node_describe(node));
    }
    context->node = node;
    context->builder.name = node->name;
    context->builder.origin = node;
    PPN_RETURN_IF_ERROR_ANNOTATED(row->lower(context, node), "%s", ppn_node_describe(node));
  }
  context->node = NULL;
  context->builder.origin = NULL;
  return ppn_status_ok();
}

// Core ML's outputs are results of operations, each with a name of its own.
static ppn_status_t output_value(ppn_lower_context_t* context, const ppn_value_t* value,
                                 ppn_mil_value_t* const* earlier, uint32_t earlier_count,
                                 ppn_mil_value_t** out) {
  *out = ppn_row_value(context, value);
  bool copy = *out && !(*out)->producer;
  for (uint32_t i = 0; i < earlier_count; i++) copy |= *out == earlier[i];
  if (copy) {
    context->builder.name = value->name;
    ppn_arena_t* arena = &context->builder.function->program->arena;
    *out = ppn_row_unary(context, "identity", *out);
    if (*out) (*out)->name = ppn_arena_printf(arena, "%s_output_%u", value->name, earlier_count);
  }
  return ppn_row_finish(context);
}

static ppn_status_t set_outputs(ppn_lower_context_t* context, const ppn_string_map_t* states) {
  const ppn_exported_program_t* program = context->program;
  ppn_mil_value_t** outputs;
  uint32_t count = 0;
  PPN_ARENA_NEW(&context->builder.function->program->arena, program->output_count, &outputs);
  for (uint32_t i = 0; i < program->output_count; i++) {
    const ppn_output_spec_t* spec = &program->outputs[i];
    const ppn_argument_t* argument = &program->graph->outputs[i];
    if (argument->kind != PPN_ARGUMENT_VALUE) continue;  // None and numbers are not model outputs
    switch (spec->kind) {
      case PPN_OUTPUT_USER:
        PPN_RETURN_IF_ERROR(
            output_value(context, argument->u.value, outputs, count, &outputs[count]));
        count++;
        break;
      case PPN_OUTPUT_BUFFER_MUTATION: {
        const ppn_lower_state_t* state = ppn_string_map_get(states, ppn_sv(spec->target));
        if (!state) {
          return ppn_status_make(PPN_STATUS_INVALID_DATA,
                                 "output %u mutates '%s', which is not a buffer of the program", i,
                                 spec->target);
        }
        PPN_RETURN_IF_ERROR(ppn_lower_write_state(context, state, argument->u.value));
        break;
      }
      case PPN_OUTPUT_TOKEN:
        break;
      default:
        return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                               "output %u mutates '%s'; Core ML can mutate buffers only", i,
                               spec->target);
    }
  }
  return ppn_mil_block_set_outputs(context->builder.block, outputs, count);
}

ppn_status_t ppn_lower_program_without_passes(const ppn_exported_program_t* program,
                                              const ppn_lower_options_t* options,
                                              ppn_mil_program_t** out_program) {
  *out_program = NULL;
  ppn_lower_context_t context = {.program = program, .options = options};
  PPN_RETURN_IF_ERROR(choose_opset(program, options, &context.opset));
  ppn_mil_program_t* mil = NULL;
  ppn_string_map_t states = {0};
  ppn_status_t status = ppn_status_ok();
  PPN_GOTO_IF_ERROR(status, done, ppn_mil_program_create(program->symbols, &mil));
  PPN_GOTO_IF_ERROR(status, done,
                    ppn_mil_function_create(mil, "main", context.opset, &context.builder.function));
  context.builder.block = context.builder.function->block;
  reset_scratch(program);
  PPN_GOTO_IF_ERROR(status, done, add_inputs(&context, &states));
  PPN_GOTO_IF_ERROR(status, done, lower_nodes(&context));
  PPN_GOTO_IF_ERROR(status, done, set_outputs(&context, &states));
  *out_program = mil;
  mil = NULL;
done:
  ppn_string_map_release(&states);
  if (mil) ppn_mil_program_free(mil);
  return status;
}

ppn_status_t ppn_lower_program(const ppn_exported_program_t* program,
                               const ppn_lower_options_t* options,
                               ppn_mil_program_t** out_program) {
  ppn_mil_program_t* mil = NULL;
  PPN_RETURN_IF_ERROR(ppn_lower_program_without_passes(program, options, &mil));
  ppn_mil_pipeline_options_t pipeline = {.float16 = options->float16};
  ppn_status_t status = ppn_mil_run_default_pipeline(mil, &pipeline);
  if (status) {
    ppn_mil_program_free(mil);
    return status;
  }
  *out_program = mil;
  return ppn_status_ok();
}
