#include "graph/exported_program.h"

#include <stdlib.h>

#include "tensor/tensor.h"

void ppn_exported_program_free(ppn_exported_program_t* program) {
  if (!program) return;
  ppn_graph_dispose(program->graph);
  ppn_symbol_table_free(program->symbols);
  ppn_string_map_release(&program->constants);
  if (program->release_storage) program->release_storage(program->storage);
  ppn_arena_t arena = program->arena;
  free(program);
  ppn_arena_release(&arena);
}

ppn_input_spec_t* ppn_exported_program_input_spec(const ppn_exported_program_t* program,
                                                  const ppn_value_t* value) {
  uint32_t index = value->output_index;
  bool is_input =
      !value->producer && index < program->input_count && program->graph->inputs[index] == value;
  return is_input ? &program->inputs[index] : NULL;
}

bool ppn_constant_is_zero(const ppn_constant_t* constant) {
  size_t size = ppn_dtype_size(constant->dtype);
  uint64_t first = (uint64_t)constant->storage_offset, count = 1;  // elements from first to last
  for (int i = 0; i < constant->rank; ++i) {
    if (constant->sizes[i] == 0) return true;
    count += (uint64_t)(constant->sizes[i] - 1) * (uint64_t)constant->strides[i];
  }
  if (size == 0 || !constant->storage.data || first + count > constant->storage.size / size) {
    return false;
  }
  const uint8_t* bytes = constant->storage.data + first * size;
  // All bytes are equal, and the first is 0.
  return bytes[0] == 0 && memcmp(bytes, bytes + 1, count * size - 1) == 0;
}

// ---- Adding constants ----

static ppn_status_t insert_spec(ppn_exported_program_t* program, uint32_t position,
                                const ppn_input_spec_t* spec) {
  uint32_t count = program->input_count;
  ppn_input_spec_t* specs;
  PPN_ARENA_NEW(&program->arena, (size_t)count + 1, &specs);
  memcpy(specs, program->inputs, position * sizeof(*specs));
  specs[position] = *spec;
  memcpy(specs + position + 1, program->inputs + position, (count - position) * sizeof(*specs));
  program->inputs = specs;
  program->input_count = count + 1;
  return ppn_status_ok();
}

static ppn_status_t make_constant(ppn_exported_program_t* program, const char* name,
                                  ppn_dtype_t dtype, int rank, const int64_t* sizes,
                                  const void* data, ppn_constant_t** out_constant) {
  int64_t numel;
  size_t size;
  if (!ppn_sizes_numel(rank, sizes, &numel) || !ppn_dtype_byte_count(dtype, numel, &size)) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "the constant '%s' is too large", name);
  }
  ppn_constant_t* constant;
  PPN_ARENA_NEW(&program->arena, 1, &constant);
  PPN_ARENA_NEW(&program->arena, rank, &constant->strides);
  constant->name = name;
  constant->dtype = dtype;
  constant->rank = rank;
  constant->sizes = ppn_arena_memdup(&program->arena, sizes, (size_t)rank * sizeof(*sizes));
  void* copy = ppn_arena_memdup(&program->arena, data, size);
  if (!constant->sizes || !copy) return ppn_out_of_memory();
  ppn_strides_contiguous(rank, sizes, constant->strides);
  constant->storage = ppn_span_make(copy, size);
  *out_constant = constant;
  return ppn_string_map_set(&program->constants, ppn_sv(name), constant);
}

ppn_status_t ppn_exported_program_add_constant(ppn_exported_program_t* program, const char* name,
                                               ppn_dtype_t dtype, int rank, const int64_t* sizes,
                                               const void* data, ppn_value_t** out_value) {
  ppn_dim_t dims[PPN_MAX_RANK];
  if (rank > PPN_MAX_RANK) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "the constant '%s' has rank %d; at most %d",
                           name, rank, PPN_MAX_RANK);
  }
  for (int i = 0; i < rank; ++i) dims[i] = ppn_dim_static(sizes[i]);
  ppn_tensor_meta_t meta = {.dtype = dtype, .rank = rank, .sizes = dims};
  ppn_value_t* value;
  PPN_RETURN_IF_ERROR(ppn_graph_new_tensor(program->graph, name, &meta, &value));
  ppn_input_spec_t spec = {
      .kind = PPN_INPUT_TENSOR_CONSTANT, .name = value->name, .target = value->name};
  PPN_RETURN_IF_ERROR(
      make_constant(program, value->name, dtype, rank, sizes, data, &spec.constant));
  uint32_t position = 0;
  while (position < program->input_count && program->inputs[position].kind != PPN_INPUT_USER &&
         program->inputs[position].kind != PPN_INPUT_USER_CONSTANT) {
    ++position;
  }
  PPN_RETURN_IF_ERROR(insert_spec(program, position, &spec));
  PPN_RETURN_IF_ERROR(ppn_graph_insert_input(program->graph, position, value));
  *out_value = value;
  return ppn_status_ok();
}

// ---- Printing ----

static void print_inputs(const ppn_exported_program_t* program, ppn_buffer_t* out) {
  static const char* const kinds[] = {
      "parameter", "buffer", "constant", "input", "fixed input", "script object", "token",
  };
  for (uint32_t i = 0; i < program->input_count; ++i) {
    const ppn_input_spec_t* spec = &program->inputs[i];
    ppn_buffer_printf(out, "# %s %s", kinds[spec->kind], spec->name ? spec->name : "");
    if (spec->target) ppn_buffer_printf(out, " = %s", spec->target);
    if (spec->constant) {
      ppn_buffer_printf(out, " : %s[", ppn_dtype_name(spec->constant->dtype));
      for (int j = 0; j < spec->constant->rank; ++j) {
        ppn_buffer_printf(out, "%s%lld", j ? ", " : "", (long long)spec->constant->sizes[j]);
      }
      ppn_buffer_append_text(out, "]");
    }
    ppn_buffer_append_text(out, "\n");
  }
}

static void print_outputs(const ppn_exported_program_t* program, ppn_buffer_t* out) {
  static const char* const kinds[] = {"output", "mutation of buffer", "mutation of parameter",
                                      "mutation of input", "token"};
  for (uint32_t i = 0; i < program->output_count; ++i) {
    const ppn_output_spec_t* spec = &program->outputs[i];
    ppn_buffer_printf(out, "# output %u: %s %s\n", i, kinds[spec->kind],
                      spec->target ? spec->target : "");
  }
}

void ppn_exported_program_print(ppn_exported_program_t* program, ppn_buffer_t* out) {
  print_inputs(program, out);
  print_outputs(program, out);
  ppn_graph_print(program->graph, out);
}
