// Quantised tensors, and constants that are stored compressed.
#include <string.h>

#include "base/checked.h"
#include "engine/families.h"
#include "engine/view_copy.h"
#include "kernels/indices.h"
#include "kernels/quantise.h"

// ---- Scales ----

typedef struct affine {
  const ppn_tensor_t *data, *scale, *offset;
  // As many dimensions as `data`; without memory.
  ppn_tensor_t scale_blocks, offset_blocks;
} affine_t;

// A scalar, or a vector along `axis`, with the rank of `data`.
static ppn_tensor_t spread(const ppn_tensor_t* parameter, const ppn_tensor_t* data, int axis) {
  int64_t sizes[PPN_MAX_RANK];
  for (int i = 0; i < data->rank; ++i) {
    sizes[i] = i == axis ? ppn_tensor_numel(parameter) : 1;
  }
  ppn_tensor_t blank = ppn_node_blank(parameter);
  return ppn_view_reshape(&blank, data->rank, sizes);
}

static ppn_status_t read_affine(ppn_engine_node_t* node, ppn_arena_t* arena, const char* data,
                                const char* offset, affine_t** out) {
  PPN_ARENA_NEW(arena, 1, out);
  (*out)->data = ppn_node_input(node, data);
  (*out)->scale = ppn_node_input(node, "scale");
  (*out)->offset = ppn_node_input(node, offset);
  node->state = *out;
  return ppn_status_ok();
}

static ppn_status_t check_vector(const ppn_engine_node_t* node, const ppn_tensor_t* parameter,
                                 const ppn_tensor_t* data, int axis, const char* name) {
  int64_t count = parameter ? ppn_tensor_numel(parameter) : 1;
  if (count == 1 || (axis >= 0 && axis < data->rank && count == data->sizes[axis])) {
    return ppn_status_ok();
  }
  return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT,
                       "%lld elements in %s do not fit axis %d of the data", (long long)count, name,
                       axis);
}

// Scales of one axis: quantize, dequantize, constexpr_affine_dequantize.
static ppn_status_t prepare_axis(ppn_engine_node_t* node, ppn_arena_t* arena, const char* data) {
  affine_t* state;
  PPN_RETURN_IF_ERROR(read_affine(node, arena, data, "zero_point", &state));
  int axis = (int)ppn_index_wrap(ppn_mil_input_int(node->operation, "axis", 0), state->data->rank);
  PPN_RETURN_IF_ERROR(check_vector(node, state->scale, state->data, axis, "scale"));
  PPN_RETURN_IF_ERROR(check_vector(node, state->offset, state->data, axis, "zero_point"));
  state->scale_blocks = spread(state->scale, state->data, axis);
  if (state->offset) state->offset_blocks = spread(state->offset, state->data, axis);
  return ppn_status_ok();
}

static ppn_status_t prepare_quantize(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare_axis(node, arena, "input");
}

static ppn_status_t prepare_affine_dequantize(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare_axis(node, arena, "quantized_data");
}

// `blocks` has `more` dimensions than the data, and a whole number of elements share one of its.
static ppn_status_t check_blocks(const ppn_engine_node_t* node, const ppn_tensor_t* data,
                                 const ppn_tensor_t* blocks, int more, const char* name) {
  bool fits = blocks->rank == data->rank + more;
  for (int i = 0; fits && i < data->rank; ++i) {
    fits = blocks->sizes[i] > 0 && data->sizes[i] % blocks->sizes[i] == 0;
  }
  if (fits) return ppn_status_ok();
  return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT,
                       "sizes of %s do not divide those of the data", name);
}

static ppn_status_t prepare_blockwise(ppn_engine_node_t* node, ppn_arena_t* arena) {
  affine_t* state;
  PPN_RETURN_IF_ERROR(read_affine(node, arena, "data", "offset", &state));
  PPN_RETURN_IF_ERROR(check_blocks(node, state->data, state->scale, 0, "scale"));
  state->scale_blocks = ppn_node_blank(state->scale);
  if (!state->offset) return ppn_status_ok();
  if (ppn_tensor_numel(state->offset) != ppn_tensor_numel(state->scale)) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT, "offset and scale differ in shape");
  }
  state->offset_blocks = ppn_node_blank(state->offset);
  return ppn_status_ok();
}

static ppn_status_t run_affine(ppn_engine_node_t* node, bool quantises) {
  const affine_t* state = node->state;
  ppn_tensor_t scale = ppn_node_over(&state->scale_blocks, state->scale), offset;
  if (state->offset) offset = ppn_node_over(&state->offset_blocks, state->offset);
  (quantises ? ppn_kernel_quantise : ppn_kernel_shift_scale)(
      state->data, &scale, state->offset ? &offset : NULL, &node->outputs[0],
      node->environment->pool);
  return ppn_status_ok();
}

static ppn_status_t run_quantize(ppn_engine_node_t* node) {
  return run_affine(node, true);
}

static ppn_status_t run_dequantize(ppn_engine_node_t* node) {
  return run_affine(node, false);
}

// ---- Tables and masks ----

// What the forms of iOS 16 pack in bytes is unpacked to scratch memory before it is used.
typedef struct compressed {
  const ppn_tensor_t *values, *indices, *mask, *lut, *scale, *offset;
  ppn_dtype_t packed;   // of the indices or the mask; INVALID: a byte each
  ppn_tensor_t dense;   // indices or mask in the shape of the result; without memory
  ppn_tensor_t tables;  // `lut` with a dimension for each of `dense`, entries, vector
  int vector_axis;
  size_t bytes;  // of `dense`, rounded up: what follows it in scratch memory starts here
} compressed_t;

static const ppn_tensor_t* either(const ppn_engine_node_t* node, const char* a, const char* b) {
  const ppn_tensor_t* tensor = ppn_node_input(node, a);
  return tensor ? tensor : ppn_node_input(node, b);
}

static ppn_status_t make_compressed(ppn_engine_node_t* node, ppn_arena_t* arena,
                                    compressed_t** out) {
  PPN_ARENA_NEW(arena, 1, out);
  **out = (compressed_t){
      .values = ppn_node_input(node, "nonzero_data"),
      .indices = either(node, "indices", "indices_nonzero_data"),
      .mask = ppn_node_input(node, "mask") ? ppn_node_input(node, "mask")
                                           : either(node, "indices_mask", "data_mask"),
      .lut = ppn_node_input(node, "lut"),
      .scale = ppn_node_input(node, "scale"),
      .offset = ppn_node_input(node, "offset"),
  };
  node->state = *out;
  return ppn_status_ok();
}

// `dense` is a byte for each element of these sizes.
static void set_dense(compressed_t* state, const ppn_tensor_t* sizes) {
  state->dense = ppn_tensor_make(NULL, PPN_DTYPE_UINT8, sizes->rank, sizes->sizes);
  state->bytes = ppn_align(ppn_tensor_size(&state->dense), 64);
}

static void unpack(const compressed_t* state, const ppn_tensor_t* packed, void* out) {
  int64_t count = ppn_tensor_numel(&state->dense);
  for (int64_t i = 0; i < count; i += PPN_INDEX_CHUNK) {
    int64_t numbers[PPN_INDEX_CHUNK],
        part = count - i < PPN_INDEX_CHUNK ? count - i : PPN_INDEX_CHUNK;
    ppn_elements_load_int64(state->packed, packed->data, i, 1, part, numbers);
    ppn_elements_store_int64(PPN_DTYPE_UINT8, out, i, 1, part, numbers);
  }
}

static ppn_dtype_t index_dtype(int64_t entries) {
  return entries <= 2    ? PPN_DTYPE_UINT1
         : entries <= 4  ? PPN_DTYPE_UINT2
         : entries <= 16 ? PPN_DTYPE_UINT4
         : entries <= 64 ? PPN_DTYPE_UINT6
                         : PPN_DTYPE_UINT8;
}

static ppn_status_t check_packed(const ppn_engine_node_t* node, const ppn_tensor_t* packed) {
  const compressed_t* state = node->state;
  int64_t bits = ppn_tensor_numel(&state->dense) * (int64_t)ppn_dtype_bits(state->packed);
  if (ppn_tensor_numel(packed) == (bits + 7) / 8) return ppn_status_ok();
  return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT, "%lld packed bytes where %lld are needed",
                       (long long)ppn_tensor_numel(packed), (long long)((bits + 7) / 8));
}

// A table for all: the form of iOS 16.
static ppn_status_t prepare_packed_table(ppn_engine_node_t* node, compressed_t* state) {
  int64_t sizes[PPN_MAX_RANK], entries = ppn_tensor_numel(state->lut);
  set_dense(state, &node->outputs[0]);
  if (state->dense.rank + 2 > PPN_MAX_RANK) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "rank %d", state->dense.rank);
  }
  for (int i = 0; i < state->dense.rank; ++i) sizes[i] = 1;
  sizes[state->dense.rank] = entries;
  sizes[state->dense.rank + 1] = 1;
  ppn_tensor_t blank = ppn_node_blank(state->lut);
  state->tables = ppn_view_reshape(&blank, state->dense.rank + 2, sizes);
  state->packed = index_dtype(entries);
  node->scratch_size = state->bytes;
  return check_packed(node, state->indices);
}

static ppn_status_t prepare_table(ppn_engine_node_t* node, ppn_arena_t* arena) {
  compressed_t* state;
  PPN_RETURN_IF_ERROR(make_compressed(node, arena, &state));
  if (node->operation->op->parameters_are_attributes) return prepare_packed_table(node, state);
  const ppn_tensor_t* sizes = state->mask ? state->mask : state->indices;
  set_dense(state, sizes);
  state->tables = ppn_node_blank(state->lut);
  state->vector_axis =
      (int)ppn_index_wrap(ppn_mil_input_int(node->operation, "vector_axis", 0), sizes->rank);
  if (state->mask) {  // indices, spread over the mask, and their values
    int64_t vector = state->lut->sizes[state->lut->rank - 1];
    node->scratch_size = state->bytes + (size_t)(ppn_tensor_numel(&state->dense) * vector) *
                                            ppn_dtype_size(state->lut->dtype);
  }
  return check_blocks(node, sizes, state->lut, 2, "lut");
}

static ppn_status_t run_lut_to_dense(ppn_engine_node_t* node) {
  const compressed_t* state = node->state;
  ppn_tensor_t indices = *state->indices, tables = ppn_node_over(&state->tables, state->lut);
  if (state->packed != PPN_DTYPE_INVALID) {
    unpack(state, state->indices, node->scratch);
    indices = state->dense;
    indices.data = node->scratch;
  }
  return ppn_node_annotate(node, ppn_kernel_look_up(&indices, &tables, state->vector_axis,
                                                    &node->outputs[0], node->environment->pool));
}

// The mask with each element repeated along the vector axis.
static void repeat_mask(const compressed_t* state, int64_t vector, const ppn_tensor_t* out) {
  int axis = state->vector_axis;
  if (vector == 1) {
    ppn_tensor_copy(state->mask, out);
    return;
  }
  ppn_tensor_t source = ppn_view_repeat(state->mask, axis + 1, vector),
               target = ppn_view_split_axis(out, axis, vector);
  ppn_tensor_copy(&source, &target);
}

static ppn_status_t run_lut_to_sparse(ppn_engine_node_t* node) {
  const compressed_t* state = node->state;
  const ppn_tensor_t *out_mask = &node->outputs[0], *out = &node->outputs[1];
  ppn_tensor_t indices = state->dense, tables = ppn_node_over(&state->tables, state->lut);
  indices.data = node->scratch;
  ppn_tensor_t values = ppn_tensor_make((uint8_t*)node->scratch + state->bytes, out->dtype,
                                        out_mask->rank, out_mask->sizes);
  PPN_RETURN_IF_ERROR(
      ppn_node_annotate(node, ppn_kernel_expand_sparse(state->indices, state->mask, &indices)));
  PPN_RETURN_IF_ERROR(ppn_node_annotate(
      node,
      ppn_kernel_look_up(&indices, &tables, state->vector_axis, &values, node->environment->pool)));
  repeat_mask(state, tables.sizes[tables.rank - 1], out_mask);
  return ppn_node_annotate(node, ppn_kernel_pick_sparse(&values, out_mask, out));
}

static ppn_status_t prepare_sparse(ppn_engine_node_t* node, ppn_arena_t* arena) {
  compressed_t* state;
  PPN_RETURN_IF_ERROR(make_compressed(node, arena, &state));
  set_dense(state, &node->outputs[0]);
  if (!node->operation->op->parameters_are_attributes) return ppn_status_ok();
  state->packed = PPN_DTYPE_UINT1;
  node->scratch_size = state->bytes;
  return check_packed(node, state->mask);
}

static ppn_status_t run_sparse_to_dense(ppn_engine_node_t* node) {
  const compressed_t* state = node->state;
  ppn_tensor_t mask = *state->mask;
  if (state->packed != PPN_DTYPE_INVALID) {
    unpack(state, state->mask, node->scratch);
    mask = state->dense;
    mask.data = node->scratch;
  }
  return ppn_node_annotate(node, ppn_kernel_expand_sparse(state->values, &mask, &node->outputs[0]));
}

static ppn_status_t prepare_sparse_blockwise(ppn_engine_node_t* node, ppn_arena_t* arena) {
  compressed_t* state;
  PPN_RETURN_IF_ERROR(make_compressed(node, arena, &state));
  set_dense(state, state->mask);
  state->dense.dtype = state->values->dtype;
  state->bytes = ppn_align(ppn_tensor_size(&state->dense), 64);
  node->scratch_size = state->bytes + (size_t)ppn_tensor_numel(&state->dense) * sizeof(float);
  PPN_RETURN_IF_ERROR(check_blocks(node, state->mask, state->scale, 0, "scale"));
  return state->offset ? check_blocks(node, state->mask, state->offset, 0, "offset")
                       : ppn_status_ok();
}

static ppn_status_t run_sparse_blockwise(ppn_engine_node_t* node) {
  const compressed_t* state = node->state;
  ppn_tensor_t data = state->dense, values = state->dense;
  data.data = node->scratch;
  values.dtype = PPN_DTYPE_FLOAT32;
  values.data = (uint8_t*)node->scratch + state->bytes;
  PPN_RETURN_IF_ERROR(
      ppn_node_annotate(node, ppn_kernel_expand_sparse(state->values, state->mask, &data)));
  ppn_kernel_shift_scale(&data, state->scale, state->offset, &values, node->environment->pool);
  ppn_tensor_copy(state->mask, &node->outputs[0]);
  return ppn_node_annotate(node, ppn_kernel_pick_sparse(&values, state->mask, &node->outputs[1]));
}

static ppn_status_t prepare_cast(ppn_engine_node_t* node, ppn_arena_t* arena) {
  const ppn_tensor_t* x = ppn_node_input(node, "source_val");
  ppn_tensor_t source = ppn_node_blank(x), target = ppn_node_blank(&node->outputs[0]);
  return ppn_node_prepare_copy(node, arena, x, &source, &target);
}

static const ppn_engine_kernel_t kernels[] = {
    {"quantize", PPN_ENGINE_EXACT, prepare_quantize, run_quantize, NULL},
    {"dequantize", 0, prepare_quantize, run_dequantize, NULL},
    {"constexpr_affine_dequantize", 0, prepare_affine_dequantize, run_dequantize, NULL},
    {"constexpr_blockwise_shift_scale", 0, prepare_blockwise, run_dequantize, NULL},
    {"constexpr_lut_to_dense", PPN_ENGINE_EXACT, prepare_table, run_lut_to_dense, NULL},
    {"constexpr_lut_to_sparse", PPN_ENGINE_EXACT, prepare_table, run_lut_to_sparse, NULL},
    {"constexpr_sparse_to_dense", PPN_ENGINE_EXACT, prepare_sparse, run_sparse_to_dense, NULL},
    {"constexpr_sparse_blockwise_shift_scale", 0, prepare_sparse_blockwise, run_sparse_blockwise,
     NULL},
    {"constexpr_cast", PPN_ENGINE_EXACT, prepare_cast, ppn_node_run_copy, NULL},
};

const ppn_engine_family_t ppn_engine_compression = {kernels, PPN_COUNT_OF(kernels)};
