// linear and matmul on our own matrix products.
#include "engine/families.h"
#include "engine/fused.h"
#include "kernels/gemm.h"

typedef struct product_state {
  ppn_gemm_t gemm;
  ppn_engine_fused_context_t fused;
  const ppn_tensor_t *x, *y, *bias;
  float* repeated_bias;  // a bias of one element, once per column
} product_state_t;

static ppn_status_t set_up(ppn_engine_node_t* node, product_state_t* state) {
  state->fused.node = node;
  state->fused.row_stride = state->gemm.columns;
  state->fused.batch_stride = state->gemm.rows * state->gemm.columns;
  ppn_engine_fused_set(&state->fused, &state->gemm.epilogue);
  node->state = state;
  node->scratch_size =
      ppn_gemm_scratch_size(&state->gemm, ppn_thread_pool_size(node->environment->pool));
  return ppn_status_ok();
}

// Others are multiplied in kernels_plain_products.c.
static ppn_status_t check_floats(const ppn_engine_node_t* node, const ppn_tensor_t* x,
                                 const ppn_tensor_t* y) {
  bool y_fits = y->dtype == PPN_DTYPE_FLOAT32 || y->dtype == PPN_DTYPE_FLOAT16;
  if (x->dtype == PPN_DTYPE_FLOAT32 && y_fits) return ppn_status_ok();
  return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "products of %s and %s",
                       ppn_dtype_name(x->dtype), ppn_dtype_name(y->dtype));
}

static ppn_status_t prepare_linear(ppn_engine_node_t* node, ppn_arena_t* arena) {
  product_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "x");
  state->y = ppn_node_input(node, "weight");
  state->bias = ppn_node_input(node, "bias");
  PPN_RETURN_IF_ERROR(check_floats(node, state->x, state->y));
  int64_t depth = state->y->sizes[1], columns = state->y->sizes[0];
  int64_t rows = depth ? ppn_tensor_numel(state->x) / depth : 0;
  state->gemm = ppn_gemm_make(rows, columns, depth);
  // The weight is [columns, depth], in fp32 or, packed here no further, fp16.
  state->gemm.b.dtype = state->y->dtype;
  state->gemm.b.depth_stride = 1;
  state->gemm.b.column_stride = depth;
  if (state->bias && ppn_tensor_numel(state->bias) == 1 && columns > 1) {
    float value = (float)ppn_element_as_double(state->bias->dtype, state->bias->data, 0);
    PPN_ARENA_NEW(arena, columns, &state->repeated_bias);
    for (int64_t i = 0; i < columns; ++i) state->repeated_bias[i] = value;
  } else if (state->bias && state->bias->dtype != PPN_DTYPE_FLOAT32) {
    PPN_ARENA_NEW(arena, columns, &state->repeated_bias);
    for (int64_t i = 0; i < columns; ++i) {
      state->repeated_bias[i] =
          (float)ppn_element_as_double(state->bias->dtype, state->bias->data, i);
    }
  }
  return set_up(node, state);
}

static ppn_status_t run_product(ppn_engine_node_t* node) {
  product_state_t* state = node->state;
  state->gemm.a = state->x->data;
  state->gemm.b.data = state->y->data;
  state->gemm.c = node->outputs[0].data;
  state->gemm.epilogue.column_bias = state->repeated_bias ? state->repeated_bias
                                     : state->bias        ? state->bias->data
                                                          : NULL;
  ppn_gemm_run(&state->gemm, node->scratch, node->environment->pool);
  return ppn_status_ok();
}

// ---- matmul ----

// Batch strides of an operand of rank >= 2 against the result's batch dimensions; 0 broadcasts.
static void set_batch_strides(const ppn_tensor_t* operand, int batch_rank, int64_t* strides) {
  for (int i = 0; i < batch_rank; ++i) {
    int axis = i - batch_rank + operand->rank - 2;
    strides[i] = axis < 0 || operand->sizes[axis] == 1 ? 0 : operand->strides[axis];
  }
}

static ppn_status_t prepare_matmul(ppn_engine_node_t* node, ppn_arena_t* arena) {
  product_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  const ppn_tensor_t *x = ppn_node_input(node, "x"), *y = ppn_node_input(node, "y"),
                     *z = &node->outputs[0];
  state->x = x;
  state->y = y;
  PPN_RETURN_IF_ERROR(check_floats(node, x, y));
  bool flip_x = ppn_mil_input_bool(node->operation, "transpose_x", false);
  bool flip_y = ppn_mil_input_bool(node->operation, "transpose_y", false);
  // Vectors are a row on the left and a column on the right.
  int64_t rows = x->rank == 1 ? 1 : x->sizes[x->rank - (flip_x ? 1 : 2)];
  int64_t depth = x->rank == 1 ? x->sizes[0] : x->sizes[x->rank - (flip_x ? 2 : 1)];
  int64_t columns = y->rank == 1 ? 1 : y->sizes[y->rank - (flip_y ? 2 : 1)];
  ppn_gemm_t* gemm = &state->gemm;
  *gemm = ppn_gemm_make(rows, columns, depth);
  if (flip_x) gemm->a_row_stride = 1, gemm->a_depth_stride = rows;
  if (flip_y) gemm->b.depth_stride = 1, gemm->b.column_stride = depth;
  if (y->rank == 1) gemm->b.depth_stride = 1, gemm->b.column_stride = 1;
  gemm->batch_rank = z->rank - (x->rank > 1) - (y->rank > 1);
  int64_t stride = rows * columns;
  for (int i = gemm->batch_rank - 1; i >= 0; --i) {
    gemm->batch_sizes[i] = z->sizes[i];
    gemm->c_batch_strides[i] = stride;
    stride *= z->sizes[i];
  }
  set_batch_strides(x, gemm->batch_rank, gemm->a_batch_strides);
  set_batch_strides(y, gemm->batch_rank, gemm->b_batch_strides);
  return set_up(node, state);
}

static const ppn_engine_kernel_t kernels[] = {
    {"linear", PPN_ENGINE_FUSES | PPN_ENGINE_PACKS_CONSTANTS, prepare_linear, run_product, NULL},
    {"matmul", PPN_ENGINE_FUSES, prepare_matmul, run_product, NULL},
};

const ppn_engine_family_t ppn_engine_linear = {kernels, PPN_COUNT_OF(kernels)};
