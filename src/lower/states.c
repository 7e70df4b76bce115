// A Core ML state holds fp16 and starts with zeros, whatever the buffer is. A buffer that starts
// with something else is kept as its difference from that:
//
//   buffer = read_state(state) + initial          write_state(state, buffer - initial)
#include "lower/states.h"

#include <math.h>

#include "base/log.h"

static char* identifier(ppn_arena_t* arena, const char* text) {
  char* name = ppn_arena_strdup(arena, ppn_sv(text));
  for (char* c = name; c && *c; c++) {
    bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
    if (!letter && !(c != name && *c >= '0' && *c <= '9')) *c = '_';
  }
  return name;
}

static bool is_finite(const ppn_mil_constant_t* constant) {
  int64_t count = ppn_mil_constant_numel(constant);
  for (int64_t i = 0; i < count; i++) {
    if (!isfinite(ppn_mil_constant_element(constant, i))) return false;
  }
  return true;
}

static ppn_mil_value_t* initial_value(ppn_lower_context_t* context, const ppn_input_spec_t* spec,
                                      const ppn_value_t* value) {
  if (!spec->constant || ppn_constant_is_zero(spec->constant)) return NULL;
  ppn_mil_value_t* initial = ppn_row_program_constant(context, spec->constant, value->name);
  if (!initial || is_finite(initial->constant)) return initial;
  ppn_log(PPN_LOG_WARNING,
          "buffer '%s' starts with infinite values or NaN; as a Core ML state it starts with zeros",
          spec->target);
  return NULL;
}

// Where the user asked for fp32, a state is the one thing that is not.
static void warn_of_rounding(const ppn_lower_context_t* context, const ppn_input_spec_t* spec,
                             const ppn_value_t* value) {
  if (context->options->float16 || value->tensor.dtype == PPN_DTYPE_FLOAT16) return;
  ppn_log(PPN_LOG_WARNING,
          "buffer '%s' of %s becomes a Core ML state, which holds float16; "
          "take_over_mutable_buffer=False (--no-take-over-mutable-buffer) keeps it as it is",
          spec->target, ppn_dtype_name(value->tensor.dtype));
}

ppn_status_t ppn_lower_add_state(ppn_lower_context_t* context, const ppn_input_spec_t* spec,
                                 ppn_value_t* value, ppn_lower_state_t** out_state) {
  ppn_mil_function_t* function = context->builder.function;
  ppn_lower_state_t* state;
  PPN_ARENA_NEW(&function->program->arena, 1, &state);
  const char* name = identifier(&function->program->arena, spec->target);
  ppn_mil_type_t type;
  if (!name) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(ppn_mil_type_make(function->program, PPN_DTYPE_FLOAT16, value->tensor.rank,
                                        value->tensor.sizes, &type));
  type.kind = PPN_MIL_STATE;
  PPN_RETURN_IF_ERROR(ppn_mil_function_add_input(function, name, &type, &state->value));
  warn_of_rounding(context, spec, value);
  state->initial = initial_value(context, spec, value);
  context->builder.name = value->name;
  ppn_mil_value_t* content = ppn_row_emit(context, "read_state", {"input", state->value});
  content = ppn_row_cast(context, content, ppn_lower_dtype(value->tensor.dtype));
  if (state->initial) content = ppn_row_binary(context, "add", content, state->initial);
  value->scratch = content;
  *out_state = state;
  return ppn_row_finish(context);
}

ppn_status_t ppn_lower_write_state(ppn_lower_context_t* context, const ppn_lower_state_t* state,
                                   const ppn_value_t* value) {
  context->builder.name = value->name;
  ppn_mil_value_t* content = ppn_row_value(context, value);
  if (state->initial) content = ppn_row_binary(context, "sub", content, state->initial);
  ppn_mil_value_t* data = ppn_row_cast(context, content, state->value->type.dtype);
  PPN_RETURN_IF_ERROR(ppn_row_finish(context));
  ppn_mil_value_t* target = state->value;
  ppn_mil_input_t inputs[] = {PPN_MIL_IN("input", target), PPN_MIL_IN("data", data)};
  return ppn_mil_emit(&context->builder, "write_state", inputs, 2, NULL, 0, NULL, 0);
}
