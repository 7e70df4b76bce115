#include "executorch/method.h"

#include <stdlib.h>
#include <string.h>

// ---- Appending ----

int32_t ppn_emit_value(ppn_method_emitter_t* emitter, const ppn_pte_value_t* value) {
  size_t id = emitter->evalues.size / sizeof(*value);
  ppn_buffer_append(&emitter->evalues, value, sizeof(*value));
  return (int32_t)id;
}

ppn_status_t ppn_emit_operator(ppn_method_emitter_t* emitter, const char* name,
                               const char* overload, uint32_t* out_index) {
  char* key = ppn_arena_printf(emitter->arena, "%s.%s", name, overload);
  if (!key) return ppn_out_of_memory();
  uintptr_t known = (uintptr_t)ppn_string_map_get(&emitter->operator_indices, ppn_sv(key));
  if (known) {
    *out_index = (uint32_t)known - 1;
    return ppn_status_ok();
  }
  ppn_pte_operator_t operator= {name, overload};
  *out_index = (uint32_t)(emitter->operators.size / sizeof(operator));
  ppn_buffer_append(&emitter->operators, &operator, sizeof(operator));
  return ppn_string_map_set(&emitter->operator_indices, ppn_sv(key),
                            (void*)(uintptr_t)(*out_index + 1));
}

static ppn_status_t append_call(ppn_method_emitter_t* emitter, ppn_pte_instruction_type_t type,
                                uint32_t index, const int32_t* args, uint32_t arg_count) {
  ppn_pte_instruction_t instruction = {.type = type, .index = index, .arg_count = arg_count};
  instruction.args = ppn_arena_memdup(emitter->arena, args, arg_count * sizeof(*args));
  if (!instruction.args) return ppn_out_of_memory();
  ppn_buffer_append(&emitter->instructions, &instruction, sizeof(instruction));
  return ppn_status_ok();
}

ppn_status_t ppn_emit_kernel_call(ppn_method_emitter_t* emitter, const char* name,
                                  const char* overload, const int32_t* args, uint32_t arg_count) {
  uint32_t index = 0;
  PPN_RETURN_IF_ERROR(ppn_emit_operator(emitter, name, overload, &index));
  return append_call(emitter, PPN_PTE_KERNEL_CALL, index, args, arg_count);
}

// ---- Inputs ----

static bool is_mutated(const ppn_exported_program_t* program, const ppn_input_spec_t* spec) {
  for (uint32_t i = 0; i < program->output_count; ++i) {
    const ppn_output_spec_t* output = &program->outputs[i];
    if ((output->kind == PPN_OUTPUT_BUFFER_MUTATION ||
         output->kind == PPN_OUTPUT_PARAMETER_MUTATION) &&
        output->target && spec->target && strcmp(output->target, spec->target) == 0) {
      return true;
    }
  }
  return false;
}

static ppn_status_t pool_constants(ppn_method_emitter_t* emitter) {
  const ppn_exported_program_t* program = emitter->program;
  for (uint32_t i = 0; i < program->input_count; ++i) {
    const ppn_value_t* value = program->graph->inputs[i];
    const ppn_input_spec_t* spec = &program->inputs[i];
    if (!value || !spec->constant) continue;
    ppn_emitted_value_t* record = &emitter->values[value->id];
    if (!is_mutated(program, spec)) {
      PPN_RETURN_IF_ERROR(
          ppn_constant_pool_add(emitter->constants, spec->constant, &record->constant));
    } else if (emitter->options->allocate_mutable_buffers &&
               !ppn_constant_is_zero(spec->constant)) {
      PPN_RETURN_IF_ERROR(
          ppn_constant_pool_add(emitter->initial_values, spec->constant, &record->initial));
    }
  }
  return ppn_status_ok();
}

static ppn_status_t emit_input(ppn_method_emitter_t* emitter, uint32_t index, int32_t* out_id) {
  const ppn_input_spec_t* spec = &emitter->program->inputs[index];
  const ppn_value_t* value = emitter->program->graph->inputs[index];
  if (!value) return ppn_emit_argument(emitter, NULL, NULL, &spec->literal, out_id);
  if (value->kind == PPN_VALUE_TENSOR) {
    ppn_emit_tensor(emitter, value);
  } else if (value->kind == PPN_VALUE_SYM_INT) {
    ppn_pte_value_t hint = {.type = PPN_PTE_INT, .u.integer = value->dim.value};
    emitter->values[value->id].id = ppn_emit_value(emitter, &hint);
  } else {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "input '%s' is neither a tensor nor an integer; a .pte cannot take it",
                           value->name);
  }
  *out_id = emitter->values[value->id].id;
  return ppn_status_ok();
}

static ppn_status_t emit_inputs(ppn_method_emitter_t* emitter, ppn_pte_plan_t* plan) {
  const ppn_exported_program_t* program = emitter->program;
  int32_t* inputs;
  PPN_ARENA_NEW(emitter->arena, program->input_count, &inputs);
  plan->inputs = inputs;
  for (uint32_t i = 0; i < program->input_count; ++i) {
    int32_t id;
    PPN_RETURN_IF_ERROR(emit_input(emitter, i, &id));
    ppn_input_kind_t kind = program->inputs[i].kind;
    if (kind == PPN_INPUT_USER || kind == PPN_INPUT_USER_CONSTANT) inputs[plan->input_count++] = id;
  }
  return ppn_status_ok();
}

// ---- Nodes ----

static int32_t emit_result(ppn_method_emitter_t* emitter, const ppn_value_t* value) {
  if (value->kind == PPN_VALUE_TENSOR) {
    ppn_emit_tensor(emitter, value);
  } else {
    // Overwritten when the program runs; the type is what the schema says.
    ppn_pte_value_t placeholder = {.type = value->kind == PPN_VALUE_SYM_FLOAT  ? PPN_PTE_DOUBLE
                                           : value->kind == PPN_VALUE_SYM_BOOL ? PPN_PTE_BOOL
                                                                               : PPN_PTE_INT};
    emitter->values[value->id].id = ppn_emit_value(emitter, &placeholder);
  }
  return emitter->values[value->id].id;
}

static ppn_status_t emit_results(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                                 int32_t** out_ids) {
  PPN_ARENA_NEW(emitter->arena, node->output_count + 1, out_ids);
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (!node->outputs[i]) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "%s: result %u is undefined, and a .pte must hold it",
                             ppn_node_describe(node), i);
    }
    (*out_ids)[i] = emit_result(emitter, node->outputs[i]);
  }
  return ppn_status_ok();
}

// The value of an out-variant's parameter: the functional operator's argument of that name.
static ppn_status_t emit_parameter(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                                   const ppn_aten_parameter_t* parameter, int32_t* out_id) {
  const ppn_argument_t* argument = ppn_node_argument(node, parameter->name);
  if (!argument && parameter->has_default) argument = &parameter->default_value;
  if (argument) return ppn_emit_argument(emitter, node, parameter, argument, out_id);
  return ppn_status_make(PPN_STATUS_INTERNAL, "%s has no argument '%s' for its out-variant",
                         ppn_node_describe(node), parameter->name);
}

static int32_t emit_tensor_ids(ppn_method_emitter_t* emitter, const int32_t* ids, uint32_t count) {
  ppn_pte_value_t list = {.type = PPN_PTE_TENSOR_LIST, .count = count, .u.ids = ids};
  return ppn_emit_value(emitter, &list);
}

// Schema arguments in order, the results among them, then the results again.
static ppn_status_t emit_kernel(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                                const ppn_aten_op_t* op) {
  bool is_inplace = op == node->op;
  int32_t *results = NULL, *args;
  uint32_t used = 0;
  if (!is_inplace) PPN_RETURN_IF_ERROR(emit_results(emitter, node, &results));
  PPN_ARENA_NEW(emitter->arena, op->parameter_count + 1, &args);
  for (uint32_t i = 0; i < op->parameter_count; ++i) {
    const ppn_aten_parameter_t* parameter = &op->parameters[i];
    if (is_inplace || !parameter->alias_is_write) {
      PPN_RETURN_IF_ERROR(emit_parameter(emitter, node, parameter, &args[i]));
    } else if (parameter->is_list) {
      args[i] = emit_tensor_ids(emitter, results, node->output_count);
      used = node->output_count;
    } else if (used < node->output_count) {
      args[i] = results[used++];
    } else {
      return ppn_status_make(PPN_STATUS_INTERNAL,
                             "%s has fewer results than '%s' has out arguments",
                             ppn_node_describe(node), op->name);
    }
  }
  int32_t* last = &args[op->parameter_count];
  if (is_inplace) {
    *last = args[0];
    for (uint32_t i = 0; i < node->output_count; ++i) {
      if (node->outputs[i]) emitter->values[node->outputs[i]->id].id = args[0];
    }
  } else if (node->output_count == 1 && !node->returns_list) {
    *last = results[0];
  } else {
    *last = emit_tensor_ids(emitter, results, node->output_count);
  }
  return ppn_emit_kernel_call(emitter, op->base_name, op->overload, args, op->parameter_count + 1);
}

// self (or size), non_blocking, dim_order, out, out
static ppn_status_t emit_dim_order_copy(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                                        const ppn_emission_t* emission) {
  const ppn_argument_t* non_blocking = ppn_node_argument(node, "non_blocking");
  bool has_self = strcmp(node->target, "aten::empty.memory_format") != 0;
  const ppn_emitted_value_t* record = &emitter->values[node->outputs[0]->id];
  ppn_int_item_t order[PPN_MAX_RANK] = {{0, NULL}};
  int rank = node->outputs[0]->tensor.rank;
  for (int i = 0; i < rank; ++i) order[i].literal = record->dim_order ? record->dim_order[i] : i;
  int32_t *results, args[5];
  uint32_t count = 0;
  PPN_RETURN_IF_ERROR(emit_results(emitter, node, &results));
  PPN_RETURN_IF_ERROR(ppn_emit_argument(emitter, node, NULL, &node->arguments[0], &args[count++]));
  if (has_self) {
    ppn_pte_value_t blocking = {.type = PPN_PTE_BOOL,
                                .u.boolean = non_blocking &&
                                             non_blocking->kind == PPN_ARGUMENT_BOOL &&
                                             non_blocking->u.boolean};
    args[count++] = ppn_emit_value(emitter, &blocking);
  }
  PPN_RETURN_IF_ERROR(ppn_emit_int_list(emitter, order, (uint32_t)rank, &args[count++]));
  args[count++] = results[0];
  args[count++] = results[0];
  return ppn_emit_kernel_call(emitter, emission->name, emission->overload, args, count);
}

static ppn_status_t emit_symbolic(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                                  const ppn_emission_t* emission) {
  int32_t *args, *results;
  uint32_t count = node->argument_count;
  PPN_ARENA_NEW(emitter->arena, count + 1, &args);
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(ppn_emit_argument(emitter, node, NULL, &node->arguments[i], &args[i]));
  }
  PPN_RETURN_IF_ERROR(emit_results(emitter, node, &results));
  args[count] = results[0];
  return ppn_emit_kernel_call(emitter, emission->name, emission->overload, args, count + 1);
}

static ppn_status_t emit_view(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                              const ppn_emission_t* emission) {
  const ppn_value_t* value = node->outputs[0];
  ppn_emitted_value_t* record = &emitter->values[value->id];
  if (!record->is_elided) {
    if (emission->out_variant) return emit_kernel(emitter, node, emission->out_variant);
    return ppn_status_make(PPN_STATUS_INTERNAL, "%s has no out-variant", ppn_node_describe(node));
  }
  const ppn_emitted_value_t* base = &emitter->values[record->base];
  if (!record->is_dynamic && (base->planned || base->constant)) {
    ppn_emit_tensor(emitter, value);
    return ppn_status_ok();
  }
  // The runtime sets the shape and points the result at its operand's memory.
  int32_t args[3];
  for (uint32_t i = 0; i < 2; ++i) {
    PPN_RETURN_IF_ERROR(ppn_emit_argument(emitter, node, NULL, &node->arguments[i], &args[i]));
  }
  ppn_emit_tensor(emitter, value);
  args[2] = record->id;
  return ppn_emit_kernel_call(emitter, "executorch_prim::et_view", "default", args, 3);
}

static const ppn_lowered_module_t* find_module(const ppn_edge_method_t* method, const char* name) {
  for (uint32_t i = 0; i < method->module_count; ++i) {
    if (strcmp(method->modules[i].name, name) == 0) return &method->modules[i];
  }
  return NULL;
}

// Arguments, then results; the backend knows how many there are of each.
static ppn_status_t emit_delegate(ppn_method_emitter_t* emitter, const ppn_node_t* node) {
  const ppn_lowered_module_t* module = find_module(emitter->method, node->name);
  if (!module) {
    return ppn_status_make(PPN_STATUS_INTERNAL, "no lowered module is called '%s'", node->name);
  }
  int32_t *results, *args;
  uint32_t count = node->argument_count + node->output_count;
  PPN_RETURN_IF_ERROR(emit_results(emitter, node, &results));
  PPN_ARENA_NEW(emitter->arena, count, &args);
  for (uint32_t i = 0; i < node->argument_count; ++i) {
    PPN_RETURN_IF_ERROR(ppn_emit_argument(emitter, node, NULL, &node->arguments[i], &args[i]));
  }
  memcpy(args + node->argument_count, results, node->output_count * sizeof(*results));
  ppn_pte_delegate_t delegate = {.id = module->backend_id,
                                 .compile_spec_count = module->compile_spec_count};
  ppn_pte_compile_spec_t* specs;
  PPN_ARENA_NEW(emitter->arena, module->compile_spec_count, &specs);
  for (uint32_t i = 0; i < module->compile_spec_count; ++i) {
    const ppn_compile_spec_t* spec = &module->compile_specs[i];
    specs[i] = (ppn_pte_compile_spec_t){spec->key, ppn_span_make(spec->value, spec->value_size)};
  }
  delegate.compile_specs = specs;
  PPN_RETURN_IF_ERROR(ppn_payload_pool_add(emitter->payloads, module->payload, &delegate.payload));
  uint32_t index = (uint32_t)(emitter->delegates.size / sizeof(delegate));
  ppn_buffer_append(&emitter->delegates, &delegate, sizeof(delegate));
  return append_call(emitter, PPN_PTE_DELEGATE_CALL, index, args, count);
}

static ppn_status_t emit_node(ppn_method_emitter_t* emitter, const ppn_node_t* node) {
  ppn_emission_t emission = ppn_emission_of(node);
  switch (emission.kind) {
    case PPN_EMISSION_NONE:
      return ppn_status_ok();
    case PPN_EMISSION_KERNEL:
      return emit_kernel(emitter, node, emission.out_variant);
    case PPN_EMISSION_DIM_ORDER:
      return emit_dim_order_copy(emitter, node, &emission);
    case PPN_EMISSION_SYMBOLIC:
      return emit_symbolic(emitter, node, &emission);
    case PPN_EMISSION_VIEW:
      return emit_view(emitter, node, &emission);
    case PPN_EMISSION_DELEGATE:
      return emit_delegate(emitter, node);
    case PPN_EMISSION_MISSING:
      break;
  }
  return ppn_status_make(PPN_STATUS_UNSUPPORTED, "%s has no out-variant", ppn_node_describe(node));
}

// ---- Outputs ----

static const ppn_value_t* mutated_input(const ppn_exported_program_t* program,
                                        const ppn_output_spec_t* output) {
  for (uint32_t i = 0; i < program->input_count; ++i) {
    const ppn_input_spec_t* spec = &program->inputs[i];
    const char* name = output->kind == PPN_OUTPUT_USER_INPUT_MUTATION ? spec->name : spec->target;
    if (name && output->target && strcmp(name, output->target) == 0) {
      return program->graph->inputs[i];
    }
  }
  return NULL;
}

// aten::copy_(self, source, non_blocking), whose result is self.
static ppn_status_t emit_write_back(ppn_method_emitter_t* emitter, const ppn_output_spec_t* spec,
                                    const ppn_argument_t* output, int32_t* out_id) {
  const ppn_value_t* target = mutated_input(emitter->program, spec);
  if (!target || output->kind != PPN_ARGUMENT_VALUE) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the program says that it changes '%s', which is not one of its inputs",
                           spec->target ? spec->target : "");
  }
  int32_t self = emitter->values[target->id].id, source = emitter->values[output->u.value->id].id;
  *out_id = self;
  if (self == source) return ppn_status_ok();
  ppn_pte_value_t non_blocking = {.type = PPN_PTE_BOOL};
  int32_t args[] = {self, source, ppn_emit_value(emitter, &non_blocking), self};
  return ppn_emit_kernel_call(emitter, "aten::copy_", "", args, 4);
}

static ppn_status_t emit_outputs(ppn_method_emitter_t* emitter, ppn_pte_plan_t* plan) {
  const ppn_exported_program_t* program = emitter->program;
  int32_t* outputs;
  PPN_ARENA_NEW(emitter->arena, program->output_count, &outputs);
  plan->outputs = outputs;
  for (uint32_t i = 0; i < program->output_count; ++i) {
    const ppn_output_spec_t* spec = &program->outputs[i];
    const ppn_argument_t* output = &program->graph->outputs[i];
    int32_t id;
    if (spec->kind == PPN_OUTPUT_TOKEN) continue;
    if (spec->kind == PPN_OUTPUT_USER) {
      PPN_RETURN_IF_ERROR(ppn_emit_argument(emitter, NULL, NULL, output, &id));
    } else {
      PPN_RETURN_IF_ERROR(emit_write_back(emitter, spec, output, &id));
    }
    if (spec->kind == PPN_OUTPUT_USER || spec->kind == PPN_OUTPUT_USER_INPUT_MUTATION) {
      outputs[plan->output_count++] = id;
    }
  }
  return ppn_status_ok();
}

// ---- Methods ----

ppn_status_t ppn_method_finish_plan(ppn_method_emitter_t* emitter, ppn_pte_plan_t* plan) {
  plan->values = (const ppn_pte_value_t*)(const void*)emitter->evalues.data;
  plan->value_count = (uint32_t)(emitter->evalues.size / sizeof(ppn_pte_value_t));
  plan->instructions = (const ppn_pte_instruction_t*)(const void*)emitter->instructions.data;
  plan->instruction_count = (uint32_t)(emitter->instructions.size / sizeof(ppn_pte_instruction_t));
  plan->operators = (const ppn_pte_operator_t*)(const void*)emitter->operators.data;
  plan->operator_count = (uint32_t)(emitter->operators.size / sizeof(ppn_pte_operator_t));
  plan->delegates = (const ppn_pte_delegate_t*)(const void*)emitter->delegates.data;
  plan->delegate_count = (uint32_t)(emitter->delegates.size / sizeof(ppn_pte_delegate_t));
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&emitter->evalues));
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&emitter->instructions));
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&emitter->operators));
  return ppn_buffer_status(&emitter->delegates);
}

static ppn_status_t number_values(ppn_method_emitter_t* emitter) {
  emitter->value_count = ppn_graph_number(emitter->program->graph);
  PPN_ARENA_NEW(emitter->arena, emitter->value_count, &emitter->values);
  return ppn_status_ok();
}

ppn_status_t ppn_method_emit(ppn_method_emitter_t* emitter, ppn_pte_plan_t* out_plan) {
  uint64_t arena_size;
  int64_t* arena_sizes;
  *out_plan = (ppn_pte_plan_t){.name = emitter->method->name,
                               .encoded_inputs = emitter->program->in_spec,
                               .encoded_outputs = emitter->program->out_spec};
  PPN_RETURN_IF_ERROR(number_values(emitter));
  PPN_RETURN_IF_ERROR(ppn_method_describe_tensors(emitter));
  PPN_RETURN_IF_ERROR(pool_constants(emitter));
  PPN_RETURN_IF_ERROR(ppn_method_plan_memory(emitter, &arena_size));
  PPN_ARENA_NEW(emitter->arena, 2, &arena_sizes);
  arena_sizes[1] = (int64_t)arena_size;
  out_plan->arena_sizes = arena_sizes;
  out_plan->arena_count = 2;
  PPN_RETURN_IF_ERROR(emit_inputs(emitter, out_plan));
  for (const ppn_node_t* node = emitter->program->graph->first; node; node = node->next) {
    PPN_RETURN_IF_ERROR(emit_node(emitter, node));
  }
  PPN_RETURN_IF_ERROR(emit_outputs(emitter, out_plan));
  return ppn_method_finish_plan(emitter, out_plan);
}

void ppn_method_emitter_release(ppn_method_emitter_t* emitter) {
  ppn_buffer_release(&emitter->evalues);
  ppn_buffer_release(&emitter->instructions);
  ppn_buffer_release(&emitter->operators);
  ppn_buffer_release(&emitter->delegates);
  ppn_string_map_release(&emitter->operator_indices);
}
