// Shapes, layouts, lifetimes and memory of a method's tensors.
#include <stdlib.h>
#include <string.h>

#include "executorch/memory_plan.h"
#include "executorch/method.h"
#include "tensor/tensor.h"

#define PLANNING_ALIGNMENT 16

// ---- Shapes and layouts ----

// The size that memory is planned for: the upper bound; where there is none, the size at export.
static ppn_status_t size_bound(const ppn_symbol_table_t* symbols, const ppn_value_t* value, int dim,
                               int64_t* out_size) {
  ppn_dim_t size = value->tensor.sizes[dim];
  int64_t minimum, maximum;
  ppn_dim_bounds(symbols, size, &minimum, &maximum);
  *out_size = maximum == PPN_DIM_UNBOUNDED ? size.value : maximum;
  if (*out_size >= 0 && *out_size <= INT32_MAX) return ppn_status_ok();
  ppn_buffer_t text = {0};
  ppn_dim_print(symbols, size, &text);
  if (maximum == PPN_DIM_UNBOUNDED) {
    ppn_status_t status = ppn_status_make(
        PPN_STATUS_UNSUPPORTED,
        "dimension %d of '%s' is %s, which depends on the data and has no upper bound; a .pte "
        "plans "
        "memory for the largest: state it in the model with torch._check(size <= …)",
        dim, value->name, ppn_buffer_text(&text));
    ppn_buffer_release(&text);
    return status;
  }
  ppn_status_t status = ppn_status_make(
      PPN_STATUS_OUT_OF_RANGE,
      "dimension %d of '%s' is %s, whose upper bound is %lld; a .pte needs a bound of at most "
      "2^31 - 1: export with torch.export.Dim(max=…)",
      dim, value->name, ppn_buffer_text(&text), (long long)*out_size);
  ppn_buffer_release(&text);
  return status;
}

static ppn_status_t describe_shape(ppn_method_emitter_t* emitter, const ppn_value_t* value) {
  ppn_emitted_value_t* record = &emitter->values[value->id];
  const ppn_tensor_meta_t* meta = &value->tensor;
  if (meta->rank > PPN_MAX_RANK || ppn_dtype_to_c10(meta->dtype) < 0) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "'%s' is %s of rank %d, which a .pte cannot hold", value->name,
                           ppn_dtype_name(meta->dtype), meta->rank);
  }
  PPN_ARENA_NEW(emitter->arena, meta->rank, &record->sizes);
  for (int i = 0; i < meta->rank; ++i) {
    int64_t size;
    PPN_RETURN_IF_ERROR(size_bound(emitter->program->symbols, value, i, &size));
    record->sizes[i] = (int32_t)size;
    record->is_dynamic |= !ppn_dim_is_static(meta->sizes[i]);
  }
  return ppn_status_ok();
}

static bool is_contiguous_order(const uint8_t* order, int rank) {
  for (int i = 0; i < rank; ++i) {
    if (order[i] != i) return false;
  }
  return true;
}

static ppn_status_t set_dim_order(ppn_method_emitter_t* emitter, ppn_emitted_value_t* record,
                                  const uint8_t* order, int rank) {
  if (is_contiguous_order(order, rank)) return ppn_status_ok();
  record->dim_order = ppn_arena_memdup(emitter->arena, order, (size_t)rank);
  return record->dim_order ? ppn_status_ok() : ppn_out_of_memory();
}

// The layout of an input, from the strides it was traced with.
static ppn_status_t describe_input_layout(ppn_method_emitter_t* emitter, const ppn_value_t* value,
                                          const ppn_constant_t* constant) {
  int64_t sizes[PPN_MAX_RANK], strides[PPN_MAX_RANK];
  uint8_t order[PPN_MAX_RANK];
  const ppn_tensor_meta_t* meta = &value->tensor;
  if (!constant && !meta->strides) return ppn_status_ok();
  for (int i = 0; i < meta->rank && !constant; ++i) {
    if (meta->strides[i].value < 0) return ppn_status_ok();
    sizes[i] = meta->sizes[i].value;
    strides[i] = meta->strides[i].value;
  }
  if (constant) {
    ppn_dim_order_of_constant(constant, order);
  } else {
    ppn_dim_order_of_strides(meta->rank, sizes, strides, order);
  }
  return set_dim_order(emitter, &emitter->values[value->id], order, meta->rank);
}

static const uint8_t channels_last[] = {0, 2, 3, 1}, channels_last_3d[] = {0, 2, 3, 4, 1};

// The layout of a result: what a copy asks for, what element-wise operators and convolutions find
// in their first operand; contiguous otherwise.
static ppn_status_t describe_result_layout(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                                           const ppn_value_t* value) {
  ppn_emitted_value_t* record = &emitter->values[value->id];
  int rank = value->tensor.rank;
  const ppn_argument_t* format = ppn_node_argument(node, "memory_format");
  if (format && format->kind == PPN_ARGUMENT_MEMORY_FORMAT) {
    if (format->u.integer == 2 && rank == 4)
      return set_dim_order(emitter, record, channels_last, 4);
    if (format->u.integer == 3 && rank == 5) {
      return set_dim_order(emitter, record, channels_last_3d, 5);
    }
    if (format->u.integer == 0) return ppn_status_ok();
  }
  bool follows = node->op && (node->op->tags & PPN_ATEN_TAG_POINTWISE);
  follows = follows || (format && strcmp(node->target, "aten::empty.memory_format") != 0) ||
            strcmp(node->target, "aten::convolution") == 0;
  for (uint32_t i = 0; follows && i < node->argument_count; ++i) {
    const ppn_argument_t* argument = &node->arguments[i];
    if (argument->kind != PPN_ARGUMENT_VALUE || argument->u.value->kind != PPN_VALUE_TENSOR ||
        argument->u.value->tensor.rank != rank) {
      continue;
    }
    record->dim_order = emitter->values[argument->u.value->id].dim_order;
    break;
  }
  return ppn_status_ok();
}

// ---- Views ----

// A view copies nothing unless its result leaves the method or its operand is not contiguous.
static void describe_view(ppn_method_emitter_t* emitter, const ppn_node_t* node) {
  const ppn_argument_t* self = ppn_node_argument(node, "self");
  const ppn_value_t* value = node->outputs[0];
  if (!self || self->kind != PPN_ARGUMENT_VALUE) return;
  const ppn_emitted_value_t* base = &emitter->values[self->u.value->id];
  ppn_emitted_value_t* record = &emitter->values[value->id];
  if (record->is_output || base->dim_order || value->tensor.dtype != self->u.value->tensor.dtype) {
    return;
  }
  record->is_elided = true;
  record->base = base->base;
}

static ppn_status_t describe_node(ppn_method_emitter_t* emitter, const ppn_node_t* node) {
  for (uint32_t i = 0; i < node->output_count; ++i) {
    const ppn_value_t* value = node->outputs[i];
    if (!value || value->kind != PPN_VALUE_TENSOR) continue;
    PPN_RETURN_IF_ERROR_ANNOTATED(describe_shape(emitter, value), "%s", ppn_node_describe(node));
    PPN_RETURN_IF_ERROR(describe_result_layout(emitter, node, value));
  }
  if (ppn_emission_of(node).kind == PPN_EMISSION_VIEW) describe_view(emitter, node);
  return ppn_status_ok();
}

ppn_status_t ppn_method_describe_tensors(ppn_method_emitter_t* emitter) {
  const ppn_exported_program_t* program = emitter->program;
  const ppn_graph_t* graph = program->graph;
  for (uint32_t i = 0; i < emitter->value_count; ++i) {
    emitter->values[i].id = -1;
    emitter->values[i].base = i;
  }
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    const ppn_argument_t* output = &graph->outputs[i];
    if (output->kind == PPN_ARGUMENT_VALUE &&
        program->outputs[i].kind != PPN_OUTPUT_BUFFER_MUTATION) {
      emitter->values[output->u.value->id].is_output = true;
    }
  }
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    const ppn_value_t* value = graph->inputs[i];
    if (!value || value->kind != PPN_VALUE_TENSOR) continue;
    PPN_RETURN_IF_ERROR(describe_shape(emitter, value));
    PPN_RETURN_IF_ERROR(describe_input_layout(emitter, value, program->inputs[i].constant));
  }
  for (const ppn_node_t* node = graph->first; node; node = node->next) {
    PPN_RETURN_IF_ERROR(describe_node(emitter, node));
  }
  return ppn_status_ok();
}

// ---- Lifetimes and memory ----

typedef struct mention {
  ppn_method_emitter_t* emitter;
  uint32_t position;
} mention_t;

static void mention_value(void* context, ppn_value_t** slot) {
  mention_t* mention = context;
  ppn_emitted_value_t* records = mention->emitter->values;
  ppn_emitted_value_t* record = &records[records[(*slot)->id].base];
  if (record->last < mention->position) record->last = mention->position;
}

static bool is_mutation(ppn_output_kind_t kind) {
  return kind == PPN_OUTPUT_BUFFER_MUTATION || kind == PPN_OUTPUT_USER_INPUT_MUTATION ||
         kind == PPN_OUTPUT_PARAMETER_MUTATION;
}

static void find_lifetimes(ppn_method_emitter_t* emitter) {
  const ppn_graph_t* graph = emitter->program->graph;
  mention_t mention = {.emitter = emitter};
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    ++mention.position;
    ppn_node_visit_values(node, mention_value, &mention);
    for (uint32_t i = 0; i < node->output_count; ++i) {
      ppn_value_t* value = node->outputs[i];
      if (!value) continue;
      if (!emitter->values[value->id].is_elided) {
        emitter->values[value->id].first = mention.position;
      }
      mention_value(&mention, &value);
    }
  }
  // One position for each write-back, then the end.
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    if (!is_mutation(emitter->program->outputs[i].kind)) continue;
    ++mention.position;
    ppn_argument_visit_values(&graph->outputs[i], mention_value, &mention);
  }
  ++mention.position;
  for (uint32_t i = 0; i < graph->output_count; ++i) {
    if (emitter->program->outputs[i].kind == PPN_OUTPUT_BUFFER_MUTATION) continue;
    ppn_argument_visit_values(&graph->outputs[i], mention_value, &mention);
  }
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    if (graph->inputs[i] && emitter->program->inputs[i].kind == PPN_INPUT_BUFFER) {
      mention_value(&mention, &(ppn_value_t*){graph->inputs[i]});
    }
  }
}

static ppn_status_t plan_value(ppn_method_emitter_t* emitter, const ppn_value_t* value,
                               uint32_t* count) {
  ppn_emitted_value_t* record = &emitter->values[value->id];
  if (value->kind != PPN_VALUE_TENSOR || record->is_elided || record->constant) return NULL;
  int64_t numel, sizes[PPN_MAX_RANK];
  size_t size;
  for (int i = 0; i < value->tensor.rank; ++i) sizes[i] = record->sizes[i];
  if (!ppn_sizes_numel(value->tensor.rank, sizes, &numel) ||
      !ppn_dtype_byte_count(value->tensor.dtype, numel, &size) || size > INT64_MAX / 2) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "'%s' would need more than 2^62 bytes; give its dynamic dimensions "
                           "smaller upper bounds",
                           value->name);
  }
  emitter->planned[*count] =
      (struct ppn_planned_tensor){.size = size, .first = record->first, .last = record->last};
  record->planned = ++*count;
  return ppn_status_ok();
}

ppn_status_t ppn_method_plan_memory(ppn_method_emitter_t* emitter, uint64_t* out_arena_size) {
  const ppn_exported_program_t* program = emitter->program;
  const ppn_graph_t* graph = program->graph;
  const ppn_emit_options_t* options = emitter->options;
  find_lifetimes(emitter);
  PPN_ARENA_NEW(emitter->arena, emitter->value_count, &emitter->planned);
  uint32_t count = 0;
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    if (!graph->inputs[i]) continue;
    bool is_user = program->inputs[i].kind == PPN_INPUT_USER;
    bool is_output = emitter->values[graph->inputs[i]->id].is_output;
    if (is_user ? !options->allocate_graph_input || (is_output && !options->allocate_graph_output)
                : !options->allocate_mutable_buffers) {
      continue;
    }
    PPN_RETURN_IF_ERROR(plan_value(emitter, graph->inputs[i], &count));
  }
  for (const ppn_node_t* node = graph->first; node; node = node->next) {
    for (uint32_t i = 0; i < node->output_count; ++i) {
      const ppn_value_t* value = node->outputs[i];
      if (!value || (emitter->values[value->id].is_output && !options->allocate_graph_output)) {
        continue;
      }
      PPN_RETURN_IF_ERROR_ANNOTATED(plan_value(emitter, value, &count), "%s",
                                    ppn_node_describe(node));
    }
  }
  return ppn_memory_plan_greedy(emitter->planned, count, PLANNING_ALIGNMENT, out_arena_size);
}

void ppn_emit_tensor(ppn_method_emitter_t* emitter, const ppn_value_t* value) {
  ppn_emitted_value_t* record = &emitter->values[value->id];
  const ppn_emitted_value_t* base = &emitter->values[record->base];
  ppn_pte_value_t emitted = {.type = PPN_PTE_TENSOR};
  emitted.u.tensor = (ppn_pte_tensor_t){
      .dtype = value->tensor.dtype,
      .rank = (uint32_t)value->tensor.rank,
      .sizes = record->sizes,
      .dim_order = record->dim_order,
      .data_index = record->initial ? record->initial : base->constant,
      .memory_id = base->planned ? 1 : 0,
      .memory_offset = base->planned ? emitter->planned[base->planned - 1].offset : 0,
      .dynamism = record->is_dynamic ? PPN_PTE_DYNAMIC_BOUND : PPN_PTE_STATIC,
  };
  record->id = ppn_emit_value(emitter, &emitted);
}
