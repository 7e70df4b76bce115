// Kernels on oneDNN: preferred to our own where oneDNN is there and has something fast.
#include "engine/families.h"

#ifdef PPN_WITH_ONEDNN

#include <string.h>

#include "engine/onednn_parts.h"

enum { ROWS_BOUND_BY_MEMORY = 4 };

typedef struct state {
  ppn_onednn_parts_t* parts;
  const ppn_tensor_t *x, *other;
  const ppn_engine_fused_t* added;
} state_t;

static const ppn_engine_layout_t* layout_of(const ppn_engine_node_t* node, const char* parameter) {
  int index = ppn_mil_parameter_index(node->operation->op, ppn_sv(parameter));
  const ppn_engine_operand_t* operand = &node->inputs[index];
  return operand->count == 1 && operand->layouts ? operand->layouts[0] : NULL;
}

static int threads_of(const ppn_engine_node_t* node) {
  return ppn_thread_pool_size(node->environment->pool);
}

static ppn_status_t not_here(const ppn_engine_node_t* node) {
  return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "nothing for oneDNN");
}

// Packed constants may be FLOAT16; integers are multiplied elsewhere.
static bool is_float(const ppn_tensor_t* tensor) {
  return tensor->dtype == PPN_DTYPE_FLOAT32 || tensor->dtype == PPN_DTYPE_FLOAT16;
}

static bool is_constant(const ppn_tensor_t* tensor) {
  return !tensor || (tensor->data != NULL);
}

static ppn_status_t begin(ppn_engine_node_t* node, ppn_arena_t* arena, state_t** out_state,
                          ppn_onednn_request_t* out_request) {
  const ppn_tensor_t* x = ppn_node_input(node, "x");
  if (node->environment->is_observed || !x || x->dtype != PPN_DTYPE_FLOAT32 ||
      ppn_tensor_numel(x) == 0 || ppn_tensor_numel(&node->outputs[0]) == 0) {
    return not_here(node);
  }
  PPN_ARENA_NEW(arena, 1, out_state);
  (*out_state)->x = x;
  for (uint32_t i = 0; i < node->fused_count; ++i) {
    if (node->fused[i].kind == PPN_ENGINE_FUSED_ADD) (*out_state)->added = &node->fused[i];
  }
  *out_request = (ppn_onednn_request_t){
      .packs = node->environment->packs,
      .x = x,
      .x_layout = layout_of(node, "x"),
      .y = &node->outputs[0],
      .fused = node->fused,
      .fused_count = node->fused_count,
  };
  return ppn_status_ok();
}

static ppn_status_t end(ppn_engine_node_t* node, state_t* state) {
  node->state = state;
  node->scratch_size = ppn_onednn_parts_scratch_size(state->parts);
  node->output_layouts[0] = ppn_onednn_parts_layout(state->parts);
  return ppn_status_ok();
}

static ppn_status_t prepare_conv(ppn_engine_node_t* node, ppn_arena_t* arena) {
  state_t* state;
  ppn_onednn_request_t request;
  ppn_engine_windows_t windows;
  PPN_RETURN_IF_ERROR(begin(node, arena, &state, &request));
  request.weight = ppn_node_input(node, "weight");
  request.bias = ppn_node_input(node, "bias");
  if (!is_constant(request.weight) || !is_constant(request.bias)) return not_here(node);
  ppn_engine_windows_read(node, request.x, request.weight->sizes + 2, &windows);
  PPN_RETURN_IF_ERROR(ppn_onednn_parts_convolution(&request,
                                                   ppn_mil_input_int(node->operation, "groups", 1),
                                                   &windows, threads_of(node), &state->parts));
  return end(node, state);
}

static ppn_status_t prepare_linear(ppn_engine_node_t* node, ppn_arena_t* arena) {
  state_t* state;
  ppn_onednn_request_t request;
  PPN_RETURN_IF_ERROR(begin(node, arena, &state, &request));
  request.weight = ppn_node_input(node, "weight");
  request.bias = ppn_node_input(node, "bias");
  if (node->environment->leaves_weights || !is_float(request.weight)) return not_here(node);
  // Few rows are bound by reading the weight: our own product reads fp16 as it is.
  int64_t rows = ppn_tensor_numel(request.x) / request.weight->sizes[1];
  if (request.weight->dtype == PPN_DTYPE_FLOAT16 && rows < ROWS_BOUND_BY_MEMORY) {
    return not_here(node);
  }
  PPN_RETURN_IF_ERROR(ppn_onednn_parts_linear(&request, threads_of(node), &state->parts));
  return end(node, state);
}

// The last two dimensions exchanged when `flip`; rank raised to `rank` with dimensions of 1.
static ppn_tensor_t matrix_view(const ppn_tensor_t* tensor, bool flip, int rank) {
  ppn_tensor_t view = {.dtype = tensor->dtype, .rank = rank};
  int missing = rank - tensor->rank;
  for (int i = 0; i < rank; ++i) {
    view.sizes[i] = i < missing ? 1 : tensor->sizes[i - missing];
    view.strides[i] = i < missing ? ppn_tensor_numel(tensor) : tensor->strides[i - missing];
  }
  if (flip) {
    int64_t size = view.sizes[rank - 1], stride = view.strides[rank - 1];
    view.sizes[rank - 1] = view.sizes[rank - 2];
    view.strides[rank - 1] = view.strides[rank - 2];
    view.sizes[rank - 2] = size;
    view.strides[rank - 2] = stride;
  }
  return view;
}

static ppn_status_t prepare_matmul(ppn_engine_node_t* node, ppn_arena_t* arena) {
  state_t* state;
  ppn_onednn_request_t request;
  PPN_RETURN_IF_ERROR(begin(node, arena, &state, &request));
  state->other = ppn_node_input(node, "y");
  const ppn_tensor_t* y = state->other;
  int rank = node->outputs[0].rank;
  if (request.x->rank < 2 || y->rank < 2 || rank > 6 || !is_float(y)) return not_here(node);
  ppn_tensor_t left =
      matrix_view(request.x, ppn_mil_input_bool(node->operation, "transpose_x", false), rank);
  ppn_tensor_t right =
      matrix_view(y, ppn_mil_input_bool(node->operation, "transpose_y", false), rank);
  request.x = &left;
  PPN_RETURN_IF_ERROR(ppn_onednn_parts_matmul(&request, &right, threads_of(node), &state->parts));
  return end(node, state);
}

// ceil_mode makes windows that reach out of the padded input: maxima do not mind, averages differ.
static ppn_status_t prepare_pool(ppn_engine_node_t* node, ppn_arena_t* arena) {
  state_t* state;
  ppn_onednn_request_t request;
  ppn_engine_windows_t windows;
  int64_t kernel[PPN_ENGINE_MAX_SPATIAL];
  uint32_t count = 0;
  PPN_RETURN_IF_ERROR(begin(node, arena, &state, &request));
  bool is_maximum = strcmp(node->operation->op->type, "max_pool") == 0;
  bool ceil = ppn_mil_input_bool(node->operation, "ceil_mode", false);
  ppn_mil_input_ints(node->operation, "kernel_sizes", kernel, PPN_ENGINE_MAX_SPATIAL, &count);
  if (!request.x_layout || (ceil && !is_maximum)) return not_here(node);
  ppn_engine_windows_read(node, request.x, kernel, &windows);
  for (int i = 0; i < windows.rank; ++i) {
    if (windows.pads_after[i] >= kernel[i] || windows.pads_before[i] >= kernel[i]) {
      return not_here(node);
    }
  }
  bool inner = ppn_mil_input_bool(node->operation, "exclude_padding_from_average", false);
  PPN_RETURN_IF_ERROR(ppn_onednn_parts_pooling(&request,
                                               is_maximum ? PPN_ONEDNN_POOL_MAXIMUM
                                               : inner    ? PPN_ONEDNN_POOL_AVERAGE_OF_INNER
                                                          : PPN_ONEDNN_POOL_AVERAGE,
                                               &windows, threads_of(node), &state->parts));
  return end(node, state);
}

static ppn_status_t prepare_reorder(ppn_engine_node_t* node, ppn_arena_t* arena) {
  state_t* state;
  ppn_onednn_request_t request;
  PPN_RETURN_IF_ERROR(begin(node, arena, &state, &request));
  if (!request.x_layout) return not_here(node);
  PPN_RETURN_IF_ERROR(ppn_onednn_parts_reorder(&request, &state->parts));
  return end(node, state);
}

static ppn_status_t run(ppn_engine_node_t* node) {
  const state_t* state = node->state;
  const ppn_onednn_operands_t operands = {
      .x = state->x->data,
      .other = state->other ? state->other->data : NULL,
      .y = node->outputs[0].data,
      .added = state->added ? state->added->tensor.data : NULL,
      .scratch = node->scratch,
  };
  ppn_status_t status = ppn_onednn_parts_run(state->parts, &operands, node->environment->pool);
  return ppn_status_annotate(status, "%s '%s'", node->operation->op->type, node->operation->name);
}

static void release(ppn_engine_node_t* node) {
  state_t* state = node->state;
  if (state) ppn_onednn_parts_free(state->parts);
  node->state = NULL;
}

enum {
  FUSES = PPN_ENGINE_FUSES,
  LAYOUTS = PPN_ENGINE_LAYOUTS,
  PACKS = PPN_ENGINE_PACKS_CONSTANTS,
};

static const ppn_engine_kernel_t kernels[] = {
    {"conv", FUSES | LAYOUTS | PACKS, prepare_conv, run, release},
    {"linear", FUSES | PACKS, prepare_linear, run, release},
    {"matmul", FUSES, prepare_matmul, run, release},
    {"max_pool", LAYOUTS | PPN_ENGINE_EXACT, prepare_pool, run, release},
    {"avg_pool", LAYOUTS, prepare_pool, run, release},
    // What the engine puts where a layout ends.
    {"reorder", LAYOUTS | PPN_ENGINE_EXACT, prepare_reorder, run, release},
};

const ppn_engine_family_t ppn_engine_onednn = {kernels, PPN_COUNT_OF(kernels)};

#else

const ppn_engine_family_t ppn_engine_onednn = {NULL, 0};

#endif  // PPN_WITH_ONEDNN
