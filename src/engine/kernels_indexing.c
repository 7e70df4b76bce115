// Reading and writing by index.
#include <string.h>

#include "base/half.h"
#include "engine/families.h"
#include "engine/view_copy.h"
#include "kernels/copy.h"
#include "kernels/gather.h"
#include "kernels/indices.h"
#include "kernels/scatter.h"

// From iOS 17 on, indices that are to be validated must not be negative; others count from the end.
static ppn_status_t check_signs(const ppn_engine_node_t* node, const ppn_tensor_t* indices) {
  if (!ppn_mil_input_bool(node->operation, "validate_indices", false)) return ppn_status_ok();
  int64_t count = ppn_tensor_numel(indices);
  for (int64_t i = 0; i < count; ++i) {
    int64_t index = ppn_element_as_int64(indices->dtype, indices->data, i);
    if (index >= 0) continue;
    return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE,
                         "index %lld is negative, and validate_indices is set", (long long)index);
  }
  return ppn_status_ok();
}

// ---- Reading ----

typedef struct indexing {
  const ppn_tensor_t *x, *indices;
  int axis, batch_dims;
  ppn_tensor_t halves;  // what is read from an x that is left in fp16: in scratch memory
} indexing_t;

static ppn_status_t prepare_gather(ppn_engine_node_t* node, ppn_arena_t* arena) {
  indexing_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "x");
  state->indices = ppn_node_input(node, "indices");
  state->axis = (int)ppn_index_wrap(ppn_mil_input_int(node->operation, "axis", 0), state->x->rank);
  state->batch_dims = (int)ppn_mil_input_int(node->operation, "batch_dims", 0);
  for (int i = 0; i < state->batch_dims; ++i) {
    if (state->x->sizes[i] != state->indices->sizes[i]) {
      return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT,
                           "batches of %lld and of %lld indices in dimension %d",
                           (long long)state->x->sizes[i], (long long)state->indices->sizes[i], i);
    }
  }
  if (state->x->dtype == PPN_DTYPE_FLOAT16) {
    const ppn_tensor_t* out = &node->outputs[0];
    state->halves = ppn_tensor_make(NULL, PPN_DTYPE_FLOAT16, out->rank, out->sizes);
    node->scratch_size = ppn_tensor_size(&state->halves);
  }
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t gather_into(const ppn_engine_node_t* node, const ppn_tensor_t* out) {
  const indexing_t* state = node->state;
  return ppn_node_annotate(
      node, ppn_kernel_gather(state->x, state->indices, state->axis, state->batch_dims, out,
                              node->environment->pool));
}

static ppn_status_t run_gather(ppn_engine_node_t* node) {
  indexing_t* state = node->state;
  PPN_RETURN_IF_ERROR(check_signs(node, state->indices));
  if (state->x->dtype != PPN_DTYPE_FLOAT16) return gather_into(node, &node->outputs[0]);
  state->halves.data = node->scratch;
  PPN_RETURN_IF_ERROR(gather_into(node, &state->halves));
  ppn_half_to_float_array(node->scratch, node->outputs[0].data,
                          (size_t)ppn_tensor_numel(&state->halves));
  return ppn_status_ok();
}

static ppn_status_t run_gather_along_axis(ppn_engine_node_t* node) {
  const indexing_t* state = node->state;
  PPN_RETURN_IF_ERROR(check_signs(node, state->indices));
  return ppn_node_annotate(
      node, ppn_kernel_gather_along_axis(state->x, state->indices, state->axis, &node->outputs[0],
                                         node->environment->pool));
}

static ppn_status_t run_gather_nd(ppn_engine_node_t* node) {
  const indexing_t* state = node->state;
  PPN_RETURN_IF_ERROR(check_signs(node, state->indices));
  return ppn_node_annotate(node, ppn_kernel_gather_nd(state->x, state->indices, state->batch_dims,
                                                      &node->outputs[0], node->environment->pool));
}

// ---- Writing ----

typedef struct scattering {
  const ppn_tensor_t *data, *indices, *updates;
  int axis;
  ppn_scatter_mode_t mode;
} scattering_t;

static ppn_status_t read_mode(const ppn_engine_node_t* node, ppn_scatter_mode_t* out_mode) {
  static const struct {
    const char* name;
    ppn_scatter_mode_t mode;
  } modes[] = {
      {"update", PPN_SCATTER_UPDATE}, {"add", PPN_SCATTER_ADD}, {"sub", PPN_SCATTER_SUB},
      {"mul", PPN_SCATTER_MUL},       {"div", PPN_SCATTER_DIV}, {"max", PPN_SCATTER_MAX},
      {"min", PPN_SCATTER_MIN},
  };
  const char* name = ppn_mil_input_string(node->operation, "mode", "add");
  for (size_t i = 0; i < PPN_COUNT_OF(modes); ++i) {
    if (strcmp(modes[i].name, name) != 0) continue;
    *out_mode = modes[i].mode;
    return ppn_status_ok();
  }
  return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "mode '%s'", name);
}

static ppn_status_t prepare_scatter(ppn_engine_node_t* node, ppn_arena_t* arena) {
  scattering_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->data = ppn_node_input(node, "data");
  state->indices = ppn_node_input(node, "indices");
  state->updates = ppn_node_input(node, "updates");
  state->axis =
      (int)ppn_index_wrap(ppn_mil_input_int(node->operation, "axis", 0), state->data->rank);
  node->state = state;
  return read_mode(node, &state->mode);
}

static ppn_status_t fail_updates(const ppn_engine_node_t* node) {
  return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT,
                       "the shapes of data, indices and updates do not go together");
}

static ppn_status_t prepare_scatter_slices(ppn_engine_node_t* node, ppn_arena_t* arena) {
  PPN_RETURN_IF_ERROR(prepare_scatter(node, arena));
  const scattering_t* state = node->state;
  const ppn_tensor_t *data = state->data, *updates = state->updates;
  bool fits = updates->rank == data->rank && state->axis >= 0 && state->axis < data->rank;
  for (int i = 0; fits && i < data->rank; ++i) {
    int64_t size = i == state->axis ? ppn_tensor_numel(state->indices) : data->sizes[i];
    fits = updates->sizes[i] == size;
  }
  return fits ? ppn_status_ok() : fail_updates(node);
}

static ppn_status_t prepare_scatter_elements(ppn_engine_node_t* node, ppn_arena_t* arena) {
  PPN_RETURN_IF_ERROR(prepare_scatter(node, arena));
  const scattering_t* state = node->state;
  const ppn_tensor_t *data = state->data, *indices = state->indices, *updates = state->updates;
  bool fits = indices->rank == data->rank && updates->rank == data->rank && state->axis >= 0 &&
              state->axis < data->rank;
  for (int i = 0; fits && i < data->rank; ++i) {
    fits = updates->sizes[i] >= indices->sizes[i] &&
           (i == state->axis || indices->sizes[i] <= data->sizes[i]);
  }
  return fits ? ppn_status_ok() : fail_updates(node);
}

static ppn_status_t prepare_scatter_coordinates(ppn_engine_node_t* node, ppn_arena_t* arena) {
  PPN_RETURN_IF_ERROR(prepare_scatter(node, arena));
  const scattering_t* state = node->state;
  const ppn_tensor_t *data = state->data, *indices = state->indices, *updates = state->updates;
  int last = indices->rank - 1;
  int64_t length = last >= 0 ? indices->sizes[last] : data->rank + 1;
  if (length > data->rank || updates->rank != last + data->rank - (int)length) {
    return fail_updates(node);
  }
  bool fits = true;
  for (int i = 0; i < updates->rank; ++i) {
    int64_t size = i < last ? indices->sizes[i] : data->sizes[i - last + (int)length];
    fits = fits && updates->sizes[i] == size;
  }
  return fits ? ppn_status_ok() : fail_updates(node);
}

// The result may lie over the data already.
static void copy_data(const ppn_engine_node_t* node) {
  const scattering_t* state = node->state;
  if (node->outputs[0].data == state->data->data) return;
  ppn_kernel_copy(state->data, &node->outputs[0], node->environment->pool);
}

static ppn_status_t run_scatter(ppn_engine_node_t* node) {
  const scattering_t* state = node->state;
  PPN_RETURN_IF_ERROR(check_signs(node, state->indices));
  copy_data(node);
  return ppn_node_annotate(node, ppn_kernel_scatter(&node->outputs[0], state->indices,
                                                    state->updates, state->axis, state->mode));
}

static ppn_status_t run_scatter_along_axis(ppn_engine_node_t* node) {
  const scattering_t* state = node->state;
  PPN_RETURN_IF_ERROR(check_signs(node, state->indices));
  copy_data(node);
  return ppn_node_annotate(
      node, ppn_kernel_scatter_along_axis(&node->outputs[0], state->indices, state->updates,
                                          state->axis, state->mode));
}

static ppn_status_t run_scatter_nd(ppn_engine_node_t* node) {
  const scattering_t* state = node->state;
  PPN_RETURN_IF_ERROR(check_signs(node, state->indices));
  copy_data(node);
  return ppn_node_annotate(
      node, ppn_kernel_scatter_nd(&node->outputs[0], state->indices, state->updates, state->mode));
}

static const ppn_engine_kernel_t kernels[] = {
    {"gather", PPN_ENGINE_EXACT | PPN_ENGINE_READS_HALVES, prepare_gather, run_gather, NULL},
    {"gather_along_axis", PPN_ENGINE_EXACT, prepare_gather, run_gather_along_axis, NULL},
    {"gather_nd", PPN_ENGINE_EXACT, prepare_gather, run_gather_nd, NULL},
    {"scatter", PPN_ENGINE_FIRST_IN_PLACE, prepare_scatter_slices, run_scatter, NULL},
    {"scatter_along_axis", PPN_ENGINE_FIRST_IN_PLACE, prepare_scatter_elements,
     run_scatter_along_axis, NULL},
    {"scatter_nd", PPN_ENGINE_FIRST_IN_PLACE, prepare_scatter_coordinates, run_scatter_nd, NULL},
};

const ppn_engine_family_t ppn_engine_indexing = {kernels, PPN_COUNT_OF(kernels)};
