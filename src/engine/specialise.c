#include "engine/specialise.h"

#include <string.h>

typedef struct cloner {
  const ppn_engine_specialise_request_t* request;
  ppn_engine_specialisation_t* out;
  ppn_arena_t* arena;
  ppn_mil_builder_t builder;
  ppn_pointer_map_t clones;  // original value to clone
  ppn_pointer_map_t wanted;  // originals that the rest of the block uses
} cloner_t;

bool ppn_engine_is_structural(const char* type) {
  static const char* const types[] = {"cond", "while_loop", "make_list", "classify"};
  for (size_t i = 0; i < PPN_COUNT_OF(types); ++i) {
    if (strcmp(type, types[i]) == 0) return true;
  }
  return strncmp(type, "list_", 5) == 0;
}

static ppn_status_t record(cloner_t* cloner, const ppn_mil_value_t* original,
                           ppn_mil_value_t* clone) {
  ppn_engine_value_t* value = NULL;
  PPN_RETURN_IF_ERROR(ppn_engine_value_of(clone, cloner->arena, &value));
  value->original = original;
  clone->name = original->name;
  return ppn_pointer_map_set(&cloner->clones, original, clone);
}

// A value from outside whose elements are known becomes a constant.
static ppn_status_t add_constant(cloner_t* cloner, const ppn_mil_value_t* original,
                                 const ppn_tensor_t* tensor, ppn_mil_value_t** out) {
  ppn_mil_constant_t* constant;
  PPN_ARENA_NEW(cloner->arena, 1, &constant);
  constant->dtype = original->type.dtype;
  constant->view = *tensor;
  constant->view_size = ppn_tensor_size(tensor);
  constant->blob_offset = UINT64_MAX;
  PPN_RETURN_IF_ERROR(ppn_mil_constant_value(&cloner->builder, original->name, constant, out));
  PPN_RETURN_IF_ERROR(record(cloner, original, *out));
  ppn_engine_value_t* value = (*out)->scratch;
  value->tensor = *tensor;
  value->is_stored = true;
  return ppn_status_ok();
}

static ppn_status_t add_input(cloner_t* cloner, const ppn_mil_value_t* original,
                              ppn_mil_value_t** out) {
  ppn_engine_known_t known = {0};
  if (!cloner->request->lookup(cloner->request->lookup_context, original, &known)) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "value '%s' is used before it is defined",
                           original->name);
  }
  if (known.is_constant) return add_constant(cloner, original, &known.tensor, out);
  ppn_mil_type_t type = original->type;
  type.rank = known.tensor.rank;
  PPN_ARENA_NEW(cloner->arena, type.rank, &type.sizes);
  for (int i = 0; i < type.rank; ++i) type.sizes[i] = ppn_dim_static(known.tensor.sizes[i]);
  PPN_RETURN_IF_ERROR(
      ppn_mil_function_add_input(cloner->out->function, original->name, &type, out));
  return record(cloner, original, *out);
}

static ppn_status_t clone_of(cloner_t* cloner, const ppn_mil_value_t* original,
                             ppn_mil_value_t** out) {
  *out = ppn_pointer_map_get(&cloner->clones, original);
  if (*out) return ppn_status_ok();
  if (!original->constant) return add_input(cloner, original, out);
  PPN_RETURN_IF_ERROR(
      ppn_mil_constant_value(&cloner->builder, original->name, original->constant, out));
  return record(cloner, original, *out);
}

static ppn_status_t emit(cloner_t* cloner, const ppn_mil_operation_t* original,
                         ppn_mil_value_t** out_values) {
  ppn_mil_input_t* inputs;
  uint32_t count = 0;
  PPN_ARENA_NEW(cloner->arena, original->op->parameter_count, &inputs);
  for (uint32_t i = 0; i < original->op->parameter_count; ++i) {
    const ppn_mil_argument_t* argument = &original->inputs[i];
    if (argument->count == 0) continue;
    ppn_mil_value_t** values;
    PPN_ARENA_NEW(cloner->arena, argument->count, &values);
    for (uint32_t j = 0; j < argument->count; ++j) {
      PPN_RETURN_IF_ERROR(clone_of(cloner, argument->values[j], &values[j]));
    }
    inputs[count++] =
        (ppn_mil_input_t)PPN_MIL_INS(original->op->parameters[i].name, values, argument->count);
  }
  cloner->builder.name = original->name;
  cloner->builder.origin = original->origin;
  return ppn_mil_emit(&cloner->builder, original->op->type, inputs, count, NULL, 0, out_values,
                      original->output_count);
}

static bool is_static(const ppn_mil_operation_t* operation) {
  for (uint32_t i = 0; i < operation->output_count; ++i) {
    if (!ppn_mil_type_is_static(&operation->outputs[i]->type)) return false;
  }
  return true;
}

static ppn_status_t add_folded(cloner_t* cloner, ppn_mil_value_t* value) {
  ppn_engine_specialisation_t* out = cloner->out;
  if (out->folded_count == out->folded_capacity) {
    ppn_mil_value_t** larger;
    out->folded_capacity = out->folded_capacity ? out->folded_capacity * 2 : 16;
    PPN_ARENA_NEW(cloner->arena, out->folded_capacity, &larger);
    for (uint32_t i = 0; i < out->folded_count; ++i) larger[i] = out->folded[i];
    out->folded = larger;
  }
  out->folded[out->folded_count++] = value;
  return ppn_status_ok();
}

// Clones one operation; `*out_done` is false when it cannot be made static.
static ppn_status_t clone_operation(cloner_t* cloner, const ppn_mil_operation_t* original,
                                    bool* out_done) {
  ppn_mil_value_t **values, **constants;
  bool is_folded = false;
  *out_done = false;
  if (ppn_engine_is_structural(original->op->type)) return ppn_status_ok();
  PPN_ARENA_NEW(cloner->arena, original->output_count, &values);
  PPN_ARENA_NEW(cloner->arena, original->output_count, &constants);
  PPN_RETURN_IF_ERROR(emit(cloner, original, values));
  ppn_mil_operation_t* operation = cloner->out->function->block->last;
  PPN_RETURN_IF_ERROR(
      ppn_engine_fold(&cloner->builder, operation, cloner->request, constants, &is_folded));
  if (!is_folded && !is_static(operation) && !cloner->request->single) {
    ppn_mil_operation_remove(operation);
    return ppn_status_ok();
  }
  if (!is_folded) {
    ppn_engine_operation_t* kept;
    PPN_ARENA_NEW(cloner->arena, 1, &kept);
    kept->original = original;
    operation->scratch = kept;
  }
  for (uint32_t i = 0; i < original->output_count; ++i) {
    ppn_mil_value_t* value = is_folded ? constants[i] : values[i];
    PPN_RETURN_IF_ERROR(record(cloner, original->outputs[i], value));
    if (is_folded) PPN_RETURN_IF_ERROR(add_folded(cloner, value));
  }
  *out_done = true;
  return ppn_status_ok();
}

static ppn_status_t clone_operations(cloner_t* cloner) {
  const ppn_mil_operation_t* operation = cloner->request->first;
  while (operation) {
    bool done = false;
    PPN_RETURN_IF_ERROR_ANNOTATED(clone_operation(cloner, operation, &done), "operation '%s'",
                                  operation->name);
    if (!done) break;
    operation = operation->next;
    if (cloner->request->single) break;
  }
  cloner->out->stop = operation;
  return ppn_status_ok();
}

// ---- What is needed afterwards ----

static ppn_status_t want(cloner_t* cloner, const ppn_mil_value_t* value) {
  if (value->constant || !ppn_pointer_map_get(&cloner->clones, value)) return ppn_status_ok();
  return ppn_pointer_map_set(&cloner->wanted, value, (void*)value);
}

static ppn_status_t want_from(cloner_t* cloner, const ppn_mil_block_t* block,
                              const ppn_mil_operation_t* first) {
  for (const ppn_mil_operation_t* operation = first; operation; operation = operation->next) {
    for (uint32_t i = 0; i < operation->op->parameter_count; ++i) {
      for (uint32_t j = 0; j < operation->inputs[i].count; ++j) {
        PPN_RETURN_IF_ERROR(want(cloner, operation->inputs[i].values[j]));
      }
    }
    for (uint32_t i = 0; i < operation->block_count; ++i) {
      PPN_RETURN_IF_ERROR(want_from(cloner, operation->blocks[i], operation->blocks[i]->first));
    }
  }
  for (uint32_t i = 0; i < block->output_count; ++i) {
    PPN_RETURN_IF_ERROR(want(cloner, block->outputs[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t set_outputs(cloner_t* cloner, const ppn_mil_value_t* const* originals,
                                uint32_t count) {
  ppn_mil_value_t** outputs;
  PPN_ARENA_NEW(cloner->arena, count, &outputs);
  PPN_ARENA_NEW(cloner->arena, count, &cloner->out->output_originals);
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(clone_of(cloner, originals[i], &outputs[i]));
    cloner->out->output_originals[i] = originals[i];
  }
  return ppn_mil_block_set_outputs(cloner->out->function->block, outputs, count);
}

// Values that came in from outside are not results of the run.
static ppn_status_t set_wanted_outputs(cloner_t* cloner) {
  const ppn_mil_value_t** originals;
  uint32_t count = 0;
  PPN_ARENA_NEW(cloner->arena, cloner->wanted.count, &originals);
  for (size_t i = 0; i < cloner->wanted.capacity; ++i) {
    const ppn_mil_value_t* original = cloner->wanted.slots[i].key;
    if (!original) continue;
    const ppn_mil_value_t* clone = ppn_pointer_map_get(&cloner->clones, original);
    if (clone->producer || clone->constant) originals[count++] = original;
  }
  return set_outputs(cloner, originals, count);
}

static ppn_status_t specialise(cloner_t* cloner) {
  const ppn_engine_specialise_request_t* request = cloner->request;
  ppn_engine_specialisation_t* out = cloner->out;
  PPN_RETURN_IF_ERROR(ppn_mil_program_create(NULL, &out->program));
  cloner->arena = &out->program->arena;
  PPN_RETURN_IF_ERROR(ppn_mil_function_create(out->program, request->function->name,
                                              request->function->opset, &out->function));
  cloner->builder = (ppn_mil_builder_t){.function = out->function, .block = out->function->block};
  PPN_RETURN_IF_ERROR(clone_operations(cloner));
  if (request->single) {
    return set_outputs(cloner, (const ppn_mil_value_t* const*)request->first->outputs,
                       request->first->output_count);
  }
  if (!out->stop) {
    return set_outputs(cloner, (const ppn_mil_value_t* const*)request->block->outputs,
                       request->block->output_count);
  }
  PPN_RETURN_IF_ERROR(want_from(cloner, request->block, out->stop));
  return set_wanted_outputs(cloner);
}

ppn_status_t ppn_engine_specialise(const ppn_engine_specialise_request_t* request,
                                   ppn_engine_specialisation_t* out) {
  *out = (ppn_engine_specialisation_t){0};
  cloner_t cloner = {.request = request, .out = out};
  ppn_status_t status = specialise(&cloner);
  ppn_pointer_map_release(&cloner.clones);
  ppn_pointer_map_release(&cloner.wanted);
  if (status) ppn_engine_specialisation_release(out);
  return ppn_status_annotate(status, "function '%s'", request->function->name);
}

void ppn_engine_specialisation_release(ppn_engine_specialisation_t* specialisation) {
  ppn_mil_program_free(specialisation->program);
  *specialisation = (ppn_engine_specialisation_t){0};
}
