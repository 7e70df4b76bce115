// States: memory that lives from run to run, in its declared dtype.
#include <string.h>

#include "engine/families.h"
#include "tensor/element.h"

static ppn_status_t run_read(ppn_engine_node_t* node) {
  ppn_tensor_copy(ppn_node_input(node, "input"), &node->outputs[0]);
  return ppn_status_ok();
}

// ---- Writing ----
//
// A cache is read, gets new elements at a few indices, and is written back:
//
//   write_state(s, cast(scatter(data = cast(read_state(s)), indices, …, mode = "update")))
//
// What lies elsewhere is in the state already, so that only what the indices name is copied.

static bool is_type(const ppn_mil_operation_t* operation, const char* type) {
  return operation && strcmp(operation->op->type, type) == 0;
}

// The value before casts between fp16 and fp32, which give fp16 elements back as they were.
static const ppn_mil_value_t* before_casts(const ppn_mil_value_t* value) {
  while (is_type(value->producer, "cast") && ppn_dtype_is_float(value->type.dtype)) {
    value = ppn_mil_operation_input(value->producer, "x");
  }
  return value;
}

// Nothing else writes the state, before or after.
static bool is_only_write(const ppn_mil_operation_t* write, const ppn_mil_value_t* state) {
  for (const ppn_mil_operation_t* other = write->parent->first; other; other = other->next) {
    if (other != write && is_type(other, "write_state") &&
        ppn_mil_operation_input(other, "input") == state) {
      return false;
    }
  }
  return true;
}

static ppn_status_t prepare_write(ppn_engine_node_t* node, ppn_arena_t* arena) {
  const ppn_mil_operation_t* write = node->operation;
  const ppn_mil_value_t* state = ppn_mil_operation_input(write, "input");
  const ppn_mil_operation_t* scatter =
      before_casts(ppn_mil_operation_input(write, "data"))->producer;
  if (!is_type(scatter, "scatter") || !ppn_dtype_is_float(scatter->outputs[0]->type.dtype) ||
      !is_only_write(write, state) ||
      strcmp(ppn_mil_input_string(scatter, "mode", "add"), "update") != 0) {
    return ppn_status_ok();
  }
  const ppn_mil_operation_t* read =
      before_casts(ppn_mil_operation_input(scatter, "data"))->producer;
  ppn_mil_value_t* indices = ppn_mil_operation_input(scatter, "indices");
  if (!is_type(read, "read_state") || ppn_mil_operation_input(read, "input") != state ||
      indices->constant || indices->type.rank > 1) {
    return ppn_status_ok();
  }
  int* axis;
  PPN_ARENA_NEW(arena, 1, &axis);
  *axis = (int)ppn_mil_input_int(scatter, "axis", 0);
  if (*axis < 0) *axis += state->type.rank;
  node->state = axis;
  node->watched = indices;
  return ppn_status_ok();
}

// The elements at `index` of `axis`.
static ppn_tensor_t slice_at(const ppn_tensor_t* tensor, int axis, int64_t index) {
  ppn_tensor_t slice = *tensor;
  slice.sizes[axis] = 1;
  slice.data =
      (char*)slice.data + (size_t)(index * tensor->strides[axis]) * ppn_dtype_size(tensor->dtype);
  return slice;
}

static ppn_status_t run_write(ppn_engine_node_t* node) {
  const ppn_tensor_t *data = ppn_node_input(node, "data"), *state = ppn_node_input(node, "input");
  if (!node->watched) {
    ppn_tensor_copy(data, state);
    return ppn_status_ok();
  }
  const ppn_tensor_t* indices = &node->watched_tensor;
  int axis = *(const int*)node->state;
  for (int64_t i = 0; i < ppn_tensor_numel(indices); ++i) {
    int64_t index;
    ppn_elements_load_int64(indices->dtype, indices->data, i, 1, 1, &index);
    if (index < 0) index += state->sizes[axis];  // within bounds: scatter has checked it
    ppn_tensor_t from = slice_at(data, axis, index), to = slice_at(state, axis, index);
    ppn_tensor_copy(&from, &to);
  }
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {.type = "read_state", .flags = PPN_ENGINE_EXACT | PPN_ENGINE_NOT_PURE, .run = run_read},
    {.type = "write_state",
     .flags = PPN_ENGINE_EXACT | PPN_ENGINE_NOT_PURE,
     .prepare = prepare_write,
     .run = run_write},
};

const ppn_engine_family_t ppn_engine_states = {kernels, PPN_COUNT_OF(kernels)};
