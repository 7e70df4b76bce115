// Cuts groups of nodes out of a program: the nodes move to a program of their own, a delegate call
// takes their place.
#include <stdlib.h>
#include <string.h>

#include "partition/groups.h"

// While groups are cut, values keep the ids of the graph before it was cut.
typedef struct cutter {
  ppn_exported_program_t* program;
  const ppn_partition_options_t* options;
  const ppn_groups_t* groups;
  ppn_partition_result_t* result;
  ppn_users_t users;       // of the graph before it was cut
  ppn_value_t** replaced;  // by value id: what stands for it in the parent now
  // For the group at hand, by value id: its input in the submodule, valid when `stamp` says so.
  ppn_value_t** inner;
  uint32_t* stamp;
  bool* is_needed;      // by value id: a size computed outside needs it
  bool* is_taken_over;  // by index of the parent's outputs: the mutation went into a submodule
} cutter_t;

static uint32_t group_of_value(const cutter_t* cutter, const ppn_value_t* value) {
  return value->producer ? cutter->groups->group_of[value->producer->id] : PPN_NO_GROUP;
}

static bool has_users_outside(const cutter_t* cutter, const ppn_value_t* value, uint32_t group) {
  for (uint32_t i = cutter->users.offsets[value->id]; i < cutter->users.offsets[value->id + 1];
       ++i) {
    if (cutter->groups->group_of[cutter->users.nodes[i]->id] != group) return true;
  }
  return false;
}

// ---- Mutable buffers ----

// The group owns a buffer when it alone reads it and makes its new value. Integers and scalars stay
// outside: Core ML's states, like those of other backends, hold tensors of floating point.
static bool owns_buffer(const cutter_t* cutter, const ppn_input_spec_t* spec,
                        const ppn_value_t* buffer, uint32_t group, uint32_t* out_output) {
  const ppn_exported_program_t* program = cutter->program;
  if (!cutter->options->take_over_mutable_buffer || spec->kind != PPN_INPUT_BUFFER) return false;
  if (!ppn_dtype_is_float(buffer->tensor.dtype) || buffer->tensor.rank == 0 ||
      cutter->users.is_output[buffer->id] || has_users_outside(cutter, buffer, group)) {
    return false;
  }
  for (uint32_t i = 0; i < program->output_count; ++i) {
    const ppn_argument_t* output = &program->graph->outputs[i];
    if (program->outputs[i].kind != PPN_OUTPUT_BUFFER_MUTATION ||
        strcmp(program->outputs[i].target, spec->target) != 0) {
      continue;
    }
    *out_output = i;
    return output->kind == PPN_ARGUMENT_VALUE && group_of_value(cutter, output->u.value) == group;
  }
  return false;
}

static bool is_mutated(const ppn_exported_program_t* program, const ppn_input_spec_t* spec) {
  for (uint32_t i = 0; i < program->output_count; ++i) {
    ppn_output_kind_t kind = program->outputs[i].kind;
    if ((kind == PPN_OUTPUT_BUFFER_MUTATION || kind == PPN_OUTPUT_PARAMETER_MUTATION) &&
        spec->target && strcmp(program->outputs[i].target, spec->target) == 0) {
      return true;
    }
  }
  return false;
}

// ---- One group ----

typedef struct cut {
  cutter_t* cutter;
  uint32_t group;
  ppn_exported_program_t* submodule;
  ppn_buffer_t outside;    // ppn_value_t*: what flows in, in order of first use
  ppn_buffer_t mutations;  // uint32_t: the parent's outputs that go along
  ppn_buffer_t results;    // ppn_value_t*: what flows out
  ppn_buffer_t sizes;      // ppn_node_t*: computed outside as well, last first
  ppn_node_t *first, *last;
  uint32_t node_count;
} cut_t;

static void note_outside(void* context, ppn_value_t** slot) {
  cut_t* cut = context;
  cutter_t* cutter = cut->cutter;
  ppn_value_t* value = *slot;
  if (group_of_value(cutter, value) == cut->group || cutter->stamp[value->id] == cut->group + 1) {
    return;
  }
  cutter->stamp[value->id] = cut->group + 1;
  cutter->inner[value->id] = NULL;
  ppn_buffer_append(&cut->outside, &value, sizeof(value));
}

static void use_inside(void* context, ppn_value_t** slot) {
  const cut_t* cut = context;
  ppn_value_t* value = *slot;
  if (cut->cutter->stamp[value->id] == cut->group + 1) *slot = cut->cutter->inner[value->id];
}

static ppn_value_t** outside_values(const cut_t* cut, size_t* out_count) {
  *out_count = cut->outside.size / sizeof(ppn_value_t*);
  return (ppn_value_t**)(void*)cut->outside.data;
}

// What a value outside becomes in the submodule: a constant or buffer of its own, or an input.
static ppn_input_spec_t inner_spec(cut_t* cut, const ppn_value_t* value, bool* out_is_owned) {
  const cutter_t* cutter = cut->cutter;
  ppn_input_spec_t spec = {.kind = PPN_INPUT_USER, .name = value->name};
  const ppn_input_spec_t* outer =
      value->producer ? NULL : &cutter->program->inputs[value->output_index];
  *out_is_owned = false;
  if (!outer || outer->kind == PPN_INPUT_USER || !outer->constant) return spec;
  uint32_t mutation;
  if (owns_buffer(cutter, outer, value, cut->group, &mutation)) {
    ppn_buffer_append(&cut->mutations, &mutation, sizeof(mutation));
    cutter->is_taken_over[mutation] = true;
    *out_is_owned = true;
  } else if (cutter->options->take_over_constant_data && !is_mutated(cutter->program, outer)) {
    *out_is_owned = true;
  }
  return *out_is_owned ? *outer : spec;
}

static ppn_status_t add_input(cut_t* cut, const ppn_value_t* value, const ppn_input_spec_t* spec) {
  ppn_exported_program_t* submodule = cut->submodule;
  ppn_value_t* input;
  if (value->kind == PPN_VALUE_TENSOR) {
    PPN_RETURN_IF_ERROR(
        ppn_graph_new_tensor(submodule->graph, value->name, &value->tensor, &input));
  } else {
    PPN_RETURN_IF_ERROR(ppn_graph_new_value(submodule->graph, value->name, value->kind, &input));
    input->dim = value->dim;
  }
  PPN_RETURN_IF_ERROR(ppn_graph_add_input(submodule->graph, input));
  submodule->inputs[submodule->input_count++] = *spec;
  cut->cutter->inner[value->id] = input;
  if (!spec->constant) return ppn_status_ok();
  return ppn_string_map_set(&submodule->constants, ppn_sv(spec->target), spec->constant);
}

// Parameters, then buffers, constants, and what the call passes.
static int input_rank(const ppn_input_spec_t* spec) {
  switch (spec->kind) {
    case PPN_INPUT_PARAMETER:
      return 0;
    case PPN_INPUT_BUFFER:
      return 1;
    case PPN_INPUT_USER:
      return 3;
    default:
      return 2;
  }
}

static ppn_status_t add_inputs(cut_t* cut) {
  size_t count;
  ppn_value_t** values = outside_values(cut, &count);
  ppn_exported_program_t* submodule = cut->submodule;
  ppn_input_spec_t* specs = malloc((count + 1) * sizeof(*specs));
  ppn_status_t status = specs ? NULL : ppn_out_of_memory();
  submodule->inputs = ppn_arena_alloc_array(&submodule->arena, count + 1, sizeof(*specs));
  if (!submodule->inputs && !status) status = ppn_out_of_memory();
  for (size_t i = 0; !status && i < count; ++i) {
    bool is_owned;
    specs[i] = inner_spec(cut, values[i], &is_owned);
  }
  for (int rank = 0; !status && rank < 4; ++rank) {
    for (size_t i = 0; !status && i < count; ++i) {
      if (input_rank(&specs[i]) == rank) status = add_input(cut, values[i], &specs[i]);
    }
  }
  free(specs);
  return status;
}

// Results used outside: by other nodes, or by outputs of the program other than the mutations that
// went along.
static bool leaves(const cut_t* cut, const ppn_value_t* value) {
  const cutter_t* cutter = cut->cutter;
  const ppn_exported_program_t* program = cutter->program;
  if (has_users_outside(cutter, value, cut->group)) return true;
  if (!cutter->users.is_output[value->id]) return false;
  for (uint32_t i = 0; i < program->output_count; ++i) {
    const ppn_argument_t* output = &program->graph->outputs[i];
    if (output->kind == PPN_ARGUMENT_VALUE && output->u.value == value &&
        !cutter->is_taken_over[i]) {
      return true;
    }
  }
  return false;
}

static void need_value(void* context, ppn_value_t** slot) {
  const cut_t* cut = context;
  cut->cutter->is_needed[(*slot)->id] = true;
}

// Sizes cannot cross a backend's border. Those that others use are computed outside again, from
// tensors that flow out.
static void find_sizes(cut_t* cut) {
  for (ppn_node_t* node = cut->last;; node = node->previous) {
    bool is_needed = false;
    for (uint32_t i = 0; i < node->output_count && ppn_node_is_symbolic(node); ++i) {
      const ppn_value_t* value = node->outputs[i];
      is_needed |= value && (cut->cutter->is_needed[value->id] || leaves(cut, value));
    }
    if (is_needed) {
      ppn_buffer_append(&cut->sizes, &node, sizeof(node));
      ppn_node_visit_values(node, need_value, cut);
    }
    if (node == cut->first) return;
  }
}

static void use_replaced(void* context, ppn_value_t** slot) {
  const cutter_t* cutter = context;
  ppn_value_t* value = cutter->replaced[(*slot)->id];
  if (value) *slot = value;
}

static ppn_status_t copy_size(cutter_t* cutter, const ppn_node_t* node, ppn_node_t* before) {
  ppn_graph_t* graph = cutter->program->graph;
  ppn_value_t** outputs;
  ppn_node_t* copy;
  PPN_ARENA_NEW(graph->arena, node->output_count, &outputs);
  for (uint32_t i = 0; i < node->output_count; ++i) {
    const ppn_value_t* value = node->outputs[i];
    if (!value) continue;
    PPN_RETURN_IF_ERROR(ppn_graph_new_value(graph, value->name, value->kind, &outputs[i]));
    outputs[i]->dim = value->dim;
    outputs[i]->id = value->id;
    cutter->replaced[value->id] = outputs[i];
  }
  PPN_RETURN_IF_ERROR(ppn_graph_new_node(graph, before, node->target, NULL, node->arguments,
                                         node->argument_count, outputs, node->output_count, node,
                                         &copy));
  copy->op = node->op;
  for (uint32_t i = 0; i < copy->argument_count; ++i) {
    ppn_argument_t* argument = &copy->arguments[i];
    if (argument->kind == PPN_ARGUMENT_INTS) {
      argument->u.ints = ppn_arena_memdup(graph->arena, argument->u.ints,
                                          argument->count * sizeof(*argument->u.ints));
      if (!argument->u.ints) return ppn_out_of_memory();
    }
    ppn_argument_visit_values(argument, use_replaced, cutter);
  }
  return ppn_status_ok();
}

static ppn_status_t copy_sizes(cut_t* cut, ppn_node_t* before) {
  ppn_node_t** nodes = (ppn_node_t**)(void*)cut->sizes.data;
  for (size_t i = cut->sizes.size / sizeof(*nodes); i-- > 0;) {
    PPN_RETURN_IF_ERROR(copy_size(cut->cutter, nodes[i], before));
  }
  return ppn_buffer_status(&cut->sizes);
}

static bool flows_out(const cut_t* cut, const ppn_value_t* value) {
  return value && value->kind == PPN_VALUE_TENSOR &&
         (cut->cutter->is_needed[value->id] || leaves(cut, value));
}

static ppn_status_t set_outputs(cut_t* cut) {
  const ppn_exported_program_t* program = cut->cutter->program;
  ppn_exported_program_t* submodule = cut->submodule;
  find_sizes(cut);
  for (const ppn_node_t* node = cut->first; node; node = node->next) {
    for (uint32_t i = 0; i < node->output_count; ++i) {
      ppn_value_t* value = node->outputs[i];
      if (flows_out(cut, value)) ppn_buffer_append(&cut->results, &value, sizeof(value));
    }
    if (node == cut->last) break;
  }
  uint32_t mutation_count = (uint32_t)(cut->mutations.size / sizeof(uint32_t)),
           result_count = (uint32_t)(cut->results.size / sizeof(ppn_value_t*));
  ppn_argument_t* outputs;
  PPN_ARENA_NEW(&submodule->arena, mutation_count + result_count, &outputs);
  PPN_ARENA_NEW(&submodule->arena, mutation_count + result_count, &submodule->outputs);
  for (uint32_t i = 0; i < mutation_count; ++i) {
    uint32_t mutation = ((const uint32_t*)(const void*)cut->mutations.data)[i];
    outputs[i] = program->graph->outputs[mutation];
    submodule->outputs[i] = program->outputs[mutation];
  }
  for (uint32_t i = 0; i < result_count; ++i) {
    ppn_value_t* value = ((ppn_value_t**)(void*)cut->results.data)[i];
    outputs[mutation_count + i] = ppn_argument_value("", value);
    submodule->outputs[mutation_count + i].kind = PPN_OUTPUT_USER;
  }
  submodule->output_count = mutation_count + result_count;
  return ppn_graph_set_outputs(submodule->graph, outputs, submodule->output_count);
}

// The node in the parent that stands for the group. Sizes are not passed: the submodule reads them
// from its inputs' shapes.
static ppn_status_t make_call(cut_t* cut, ppn_node_t* before, ppn_node_t** out_call) {
  cutter_t* cutter = cut->cutter;
  ppn_graph_t* graph = cutter->program->graph;
  size_t count;
  ppn_value_t** values = outside_values(cut, &count);
  uint32_t argument_count = 0, result_count = (uint32_t)(cut->results.size / sizeof(ppn_value_t*));
  ppn_argument_t* arguments;
  ppn_value_t** outputs;
  PPN_ARENA_NEW(graph->arena, count, &arguments);
  PPN_ARENA_NEW(graph->arena, result_count, &outputs);
  for (size_t i = 0; i < count; ++i) {
    ppn_value_t* input = cutter->inner[values[i]->id];
    const ppn_input_spec_t* spec = &cut->submodule->inputs[input->output_index];
    if (spec->kind != PPN_INPUT_USER || input->kind != PPN_VALUE_TENSOR) continue;
    ppn_value_t* value = cutter->replaced[values[i]->id];
    arguments[argument_count++] = ppn_argument_value("", value ? value : values[i]);
  }
  for (uint32_t i = 0; i < result_count; ++i) {
    ppn_value_t* value = ((ppn_value_t**)(void*)cut->results.data)[i];
    PPN_RETURN_IF_ERROR(ppn_graph_new_tensor(graph, "getitem", &value->tensor, &outputs[i]));
    outputs[i]->id = value->id;
    cutter->replaced[value->id] = outputs[i];
  }
  const char* name = ppn_arena_printf(graph->arena, "lowered_module_%u",
                                      cutter->options->first_index + cut->group);
  if (!name) return ppn_out_of_memory();
  return ppn_graph_new_node(graph, before, PPN_DELEGATE_CALL, name, arguments, argument_count,
                            outputs, result_count, cut->first, out_call);
}

static ppn_status_t adopt_node(ppn_graph_t* graph, ppn_node_t* node) {
  node->graph = graph;
  node->previous = graph->last;
  node->next = NULL;
  if (graph->last) {
    graph->last->next = node;
  } else {
    graph->first = node;
  }
  graph->last = node;
  ++graph->node_count;
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (!node->outputs[i]) continue;
    PPN_RETURN_IF_ERROR(
        ppn_string_map_set(&graph->names, ppn_sv(node->outputs[i]->name), (void*)(uintptr_t)1));
  }
  return ppn_string_map_set(&graph->names, ppn_sv(node->name), (void*)(uintptr_t)1);
}

static ppn_status_t move_nodes(cut_t* cut) {
  ppn_graph_t *parent = cut->cutter->program->graph, *graph = cut->submodule->graph;
  bool is_last = false;
  for (ppn_node_t *node = cut->first, *next; !is_last; node = next) {
    next = node->next;
    is_last = node == cut->last;
    ppn_node_visit_values(node, use_inside, cut);
    ppn_graph_remove_node(parent, node);
    PPN_RETURN_IF_ERROR(adopt_node(graph, node));
  }
  return ppn_status_ok();
}

static ppn_status_t create_submodule(cut_t* cut, ppn_partition_t* partition) {
  const ppn_exported_program_t* program = cut->cutter->program;
  ppn_exported_program_t* submodule = calloc(1, sizeof(*submodule));
  if (!submodule) return ppn_out_of_memory();
  partition->submodule = cut->submodule = submodule;
  submodule->symbols = program->symbols;
  submodule->dialect = program->dialect;
  submodule->in_spec = submodule->out_spec = "";
  submodule->path = program->path;
  submodule->torch_version = program->torch_version;
  char* name = ppn_arena_printf(&submodule->arena, "fused_%s", partition->tag);
  if (!name) return ppn_out_of_memory();
  return ppn_graph_create(&submodule->arena, program->symbols, name, &submodule->graph);
}

static ppn_status_t cut_group(cut_t* cut, ppn_partition_t* partition) {
  ppn_node_t* before = cut->last->next;
  PPN_RETURN_IF_ERROR(create_submodule(cut, partition));
  for (ppn_node_t* node = cut->first; node != before; node = node->next) {
    ppn_node_visit_values(node, note_outside, cut);
    if (!ppn_node_is_symbolic(node)) ++partition->node_count;
  }
  PPN_RETURN_IF_ERROR(add_inputs(cut));
  PPN_RETURN_IF_ERROR(set_outputs(cut));
  PPN_RETURN_IF_ERROR(make_call(cut, before, &partition->call));
  PPN_RETURN_IF_ERROR(copy_sizes(cut, before));
  PPN_RETURN_IF_ERROR(move_nodes(cut));
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&cut->outside));
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&cut->mutations));
  return ppn_buffer_status(&cut->results);
}

// ---- The parent afterwards ----

static void update_parent(cutter_t* cutter) {
  ppn_graph_t* graph = cutter->program->graph;
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    ppn_node_visit_values(node, use_replaced, cutter);
  }
  uint32_t kept = 0;
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    if (cutter->is_taken_over[i]) continue;
    ppn_argument_visit_values(&graph->outputs[i], use_replaced, cutter);
    graph->outputs[kept] = graph->outputs[i];
    cutter->program->outputs[kept++] = cutter->program->outputs[i];
  }
  graph->output_count = cutter->program->output_count = kept;
}

// Parameters, buffers and constants that nobody in the parent uses any more.
static ppn_status_t remove_unused_constants(ppn_exported_program_t* program) {
  ppn_graph_t* graph = program->graph;
  ppn_users_t users;
  PPN_RETURN_IF_ERROR(ppn_users_build(graph, &users));
  uint32_t kept = 0;
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    ppn_value_t* value = graph->inputs[i];
    const ppn_input_spec_t* spec = &program->inputs[i];
    bool is_unused = value && spec->constant && ppn_users_count(&users, value) == 0 &&
                     !users.is_output[value->id] && !is_mutated(program, spec);
    if (is_unused) continue;
    if (value) value->output_index = kept;
    graph->inputs[kept] = value;
    program->inputs[kept++] = *spec;
  }
  graph->input_count = program->input_count = kept;
  ppn_users_release(&users);
  return ppn_status_ok();
}

static ppn_status_t cut_all(cutter_t* cutter) {
  ppn_node_t* node = cutter->program->graph->first;
  while (node) {
    uint32_t group = cutter->groups->group_of[node->id];
    cut_t cut = {.cutter = cutter, .group = group, .first = node, .last = node};
    node = node->next;
    if (group == PPN_NO_GROUP) continue;
    while (node && cutter->groups->group_of[node->id] == group) {
      cut.last = node;
      node = node->next;
    }
    ppn_partition_t* partition = &cutter->result->partitions[cutter->result->partition_count++];
    partition->tag = ppn_arena_printf(&cutter->result->arena, "tag%u", group);
    ppn_status_t status = partition->tag ? cut_group(&cut, partition) : ppn_out_of_memory();
    ppn_buffer_release(&cut.outside);
    ppn_buffer_release(&cut.mutations);
    ppn_buffer_release(&cut.results);
    ppn_buffer_release(&cut.sizes);
    PPN_RETURN_IF_ERROR(status);
    cutter->result->delegated_node_count += partition->node_count;
  }
  return ppn_status_ok();
}

ppn_status_t ppn_groups_cut(ppn_exported_program_t* program, const ppn_partition_options_t* options,
                            const ppn_groups_t* groups, ppn_partition_result_t* result) {
  cutter_t cutter = {.program = program, .options = options, .groups = groups, .result = result};
  // Numbers by the new order: the groups' table goes by the old node ids, so keep those.
  ppn_graph_t* graph = program->graph;
  uint32_t* group_by_position = malloc((graph->node_count + (size_t)1) * sizeof(uint32_t));
  if (!group_by_position) return ppn_out_of_memory();
  uint32_t position = 0;
  for (const ppn_node_t* node = graph->first; node; node = node->next) {
    group_by_position[position++] = groups->group_of[node->id];
  }
  ppn_groups_t by_position = {group_by_position, groups->count};
  cutter.groups = &by_position;
  ppn_status_t status = ppn_users_build(graph, &cutter.users);
  if (!status) {
    size_t values = cutter.users.value_count + (size_t)1;
    cutter.replaced = calloc(values, sizeof(ppn_value_t*));
    cutter.inner = calloc(values, sizeof(ppn_value_t*));
    cutter.stamp = calloc(values, sizeof(uint32_t));
    cutter.is_needed = calloc(values, sizeof(bool));
    cutter.is_taken_over = calloc(graph->output_count + (size_t)1, sizeof(bool));
    result->partitions =
        ppn_arena_alloc_array(&result->arena, groups->count, sizeof(*result->partitions));
    if (!cutter.replaced || !cutter.inner || !cutter.stamp || !cutter.is_needed ||
        !cutter.is_taken_over || !result->partitions) {
      status = ppn_out_of_memory();
    }
  }
  if (!status) status = cut_all(&cutter);
  if (!status) {
    update_parent(&cutter);
    status = remove_unused_constants(program);
  }
  ppn_users_release(&cutter.users);
  free((void*)cutter.replaced);
  free((void*)cutter.inner);
  free(cutter.stamp);
  free(cutter.is_needed);
  free(cutter.is_taken_over);
  free(group_by_position);
  return status;
}
