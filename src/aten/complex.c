#include "aten/complex.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/tensor.h"

static const ppn_complex_family_t* const families[] = {&ppn_complex_arithmetic,
                                                       &ppn_complex_fourier};

ppn_dtype_t ppn_complex_part_type(ppn_dtype_t dtype) {
  switch (dtype) {
    case PPN_DTYPE_COMPLEX32:
      return PPN_DTYPE_FLOAT16;
    case PPN_DTYPE_COMPLEX64:
      return PPN_DTYPE_FLOAT32;
    case PPN_DTYPE_COMPLEX128:
      return PPN_DTYPE_FLOAT64;
    default:
      return dtype;
  }
}

ppn_tensor_meta_t ppn_complex_part_meta(const ppn_value_t* value) {
  ppn_tensor_meta_t meta = value->tensor;
  meta.dtype = ppn_complex_part_type(meta.dtype);
  meta.strides = NULL;
  return meta;
}

static bool is_complex(const ppn_value_t* value) {
  return value && value->kind == PPN_VALUE_TENSOR && ppn_dtype_is_complex(value->tensor.dtype);
}

// One part of a constant's elements, as a constant of its own.
static ppn_status_t make_part(ppn_exported_program_t* program, const ppn_value_t* value,
                              const ppn_constant_t* constant, int part, ppn_value_t** out) {
  ppn_dtype_t dtype = ppn_complex_part_type(constant->dtype);
  size_t size = ppn_dtype_size(dtype);
  int64_t count = 1, index[PPN_MAX_RANK] = {0};
  if (constant->rank > PPN_MAX_RANK) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "'%s' has rank %d", value->name, constant->rank);
  }
  for (int i = 0; i < constant->rank; ++i) count *= constant->sizes[i];
  char* data = malloc(count ? (size_t)count * size : 1);
  if (!data) return ppn_out_of_memory();
  for (int64_t i = 0; i < count; ++i) {
    int64_t element = constant->storage_offset;
    for (int d = 0; d < constant->rank; ++d) element += index[d] * constant->strides[d];
    memcpy(data + (size_t)i * size,
           (const char*)constant->storage.data + ((size_t)element * 2 + (size_t)part) * size, size);
    for (int d = constant->rank - 1; d >= 0 && ++index[d] == constant->sizes[d]; --d) index[d] = 0;
  }
  ppn_status_t status =
      ppn_exported_program_add_constant(program, part ? "imaginary_part" : "real_part", dtype,
                                        constant->rank, constant->sizes, data, out);
  free(data);
  return status;
}

bool ppn_complex_parts(ppn_complex_node_t* split, ppn_value_t* value, ppn_complex_t* out) {
  if (split->build.status || !value) return false;
  ppn_exported_program_t* program = split->build.emitter->program;
  if (!value->scratch && !value->producer) {
    ppn_input_spec_t* spec = ppn_exported_program_input_spec(program, value);
    const ppn_constant_t* constant = spec ? spec->constant : NULL;
    if (!constant || !ppn_dtype_is_complex(constant->dtype)) return false;
    ppn_complex_t* parts = ppn_arena_alloc(program->graph->arena, sizeof(*parts));
    if (!parts) split->build.status = ppn_out_of_memory();
    for (int i = 0; i < 2 && !split->build.status; ++i) {
      split->build.status =
          make_part(program, value, constant, i, i ? &parts->imaginary : &parts->real);
    }
    if (split->build.status) return false;
    value->scratch = parts;
  }
  if (!value->scratch) return false;
  *out = *(const ppn_complex_t*)value->scratch;
  return true;
}

void ppn_complex_set(ppn_complex_node_t* split, uint32_t result, ppn_complex_t parts) {
  if (split->build.status || !parts.real || !parts.imaginary) return;
  ppn_complex_t* kept = ppn_arena_memdup(split->build.emitter->graph->arena, &parts, sizeof(parts));
  if (!kept) {
    split->build.status = ppn_out_of_memory();
    return;
  }
  split->node->outputs[result]->scratch = kept;
}

void ppn_complex_replace(ppn_complex_node_t* split, ppn_value_t* value) {
  if (!split->build.status && value) split->node->outputs[0]->replacement = value;
}

// ---- The pass ----

static void find_complex(void* context, ppn_value_t** slot) {
  bool* found = context;
  *found |= is_complex(*slot);
}

static bool touches_complex(ppn_node_t* node) {
  bool found = false;
  ppn_node_visit_values(node, find_complex, &found);
  for (uint32_t i = 0; i < node->output_count; ++i) found |= is_complex(node->outputs[i]);
  return found;
}

static void resolve_slot(void* context, ppn_value_t** slot) {
  (void)context;
  *slot = ppn_value_resolve(*slot);
}

static ppn_complex_split_t find_row(const char* name) {
  for (size_t i = 0; i < PPN_COUNT_OF(families); ++i) {
    for (size_t j = 0; j < families[i]->count; ++j) {
      if (strcmp(families[i]->rows[j].name, name) == 0) return families[i]->rows[j].split;
    }
  }
  return NULL;
}

static ppn_status_t split_node(ppn_exported_program_t* program, ppn_node_t* node) {
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (node->outputs[i]) node->outputs[i]->scratch = NULL;
  }
  ppn_complex_split_t split = find_row(node->target);
  if (!split || !node->op || !node->output_count || !node->outputs[0]) return ppn_status_ok();
  ppn_aten_emitter_t emitter = {program, program->graph, node, node};
  ppn_complex_node_t state = {ppn_build_start(&emitter, node), node};
  split(&state);
  return ppn_status_annotate(state.build.status, "%s", ppn_node_describe(node));
}

static bool has_side_effects(const ppn_node_t* node) {
  return !node->op || ppn_aten_has_side_effects(node);
}

ppn_status_t ppn_aten_split_complex(ppn_exported_program_t* program) {
  ppn_graph_t* graph = program->graph;
  bool found = false;
  for (ppn_node_t* node = graph->first; node && !found; node = node->next) {
    found = touches_complex(node);
  }
  if (!found) return ppn_status_ok();
  for (uint32_t i = 0; i < graph->input_count; ++i) {
    if (graph->inputs[i]) graph->inputs[i]->scratch = NULL;
  }
  for (ppn_node_t* node = graph->first; node; node = node->next) {
    ppn_node_visit_values(node, resolve_slot, NULL);
    if (touches_complex(node)) PPN_RETURN_IF_ERROR(split_node(program, node));
  }
  ppn_graph_apply_replacements(graph);
  return ppn_graph_eliminate_dead_code(graph, has_side_effects);
}
