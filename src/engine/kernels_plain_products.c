// linear, matmul and einsum for integers, and for operands of different kinds: in 64 bits, without
// haste. Products of floats are in kernels_linear.c and kernels_products.c.
#include <string.h>

#include "engine/einsum.h"
#include "engine/families.h"
#include "kernels/plain_products.h"
#include "tensor/view.h"

// The operands as matrices: a [batch …, rows, depth], b [batch …, depth, columns] and the result
// [batch …, rows, columns], of equal batch sizes. Views; their data is set while running.
typedef struct state {
  const ppn_tensor_t *left, *right, *bias;
  ppn_tensor_t a, b, c;
  ppn_dtype_t dtype;  // INT64, or FLOAT64 when an operand is a float
} state_t;

static bool is_number(const ppn_tensor_t* tensor) {
  switch (tensor->dtype) {
    case PPN_DTYPE_INT8:
    case PPN_DTYPE_UINT8:
    case PPN_DTYPE_INT16:
    case PPN_DTYPE_UINT16:
    case PPN_DTYPE_INT32:
    case PPN_DTYPE_FLOAT32:
      return true;
    default:
      return false;
  }
}

static size_t operand_size(const ppn_tensor_t* view) {
  return (size_t)ppn_tensor_numel(view) * sizeof(double);
}

static ppn_status_t set_up(ppn_engine_node_t* node, state_t* state) {
  const ppn_tensor_t* operands[] = {state->left, state->right, state->bias};
  state->dtype = PPN_DTYPE_INT64;
  for (int i = 0; i < 3; ++i) {
    if (!operands[i]) continue;
    if (!is_number(operands[i])) {
      return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "products of %s",
                           ppn_dtype_name(operands[i]->dtype));
    }
    if (operands[i]->dtype == PPN_DTYPE_FLOAT32) state->dtype = PPN_DTYPE_FLOAT64;
  }
  node->state = state;
  node->scratch_size = operand_size(&state->a) + operand_size(&state->b) + operand_size(&state->c);
  return ppn_status_ok();
}

static ppn_tensor_t transposed(const ppn_tensor_t* tensor) {
  return ppn_view_move_axis(tensor, tensor->rank - 1, tensor->rank - 2);
}

static ppn_status_t prepare_linear(ppn_engine_node_t* node, ppn_arena_t* arena) {
  state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->left = ppn_node_input(node, "x");
  state->right = ppn_node_input(node, "weight");
  state->bias = ppn_node_input(node, "bias");
  int64_t columns = state->right->sizes[0], depth = state->right->sizes[1];
  int64_t rows = depth ? ppn_tensor_numel(state->left) / depth : 0;
  state->a = ppn_view_reshape(state->left, 2, (const int64_t[]){rows, depth});
  state->b = transposed(state->right);
  state->c = ppn_view_reshape(&node->outputs[0], 2, (const int64_t[]){rows, columns});
  return set_up(node, state);
}

// Vectors are a row on the left and a column on the right. Batches are broadcast.
static ppn_status_t prepare_matmul(ppn_engine_node_t* node, ppn_arena_t* arena) {
  state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->left = ppn_node_input(node, "x");
  state->right = ppn_node_input(node, "y");
  ppn_tensor_t a = *state->left, b = *state->right, c = node->outputs[0];
  if (a.rank == 1) {
    a = ppn_view_reshape(&a, 2, (const int64_t[]){1, a.sizes[0]});
  } else if (ppn_mil_input_bool(node->operation, "transpose_x", false)) {
    a = transposed(&a);
  }
  if (b.rank == 1) {
    b = ppn_view_reshape(&b, 2, (const int64_t[]){b.sizes[0], 1});
  } else if (ppn_mil_input_bool(node->operation, "transpose_y", false)) {
    b = transposed(&b);
  }
  int64_t sizes[PPN_MAX_RANK + 2];
  int batch = c.rank - (state->left->rank > 1) - (state->right->rank > 1);
  int rank = batch + 2;
  if (rank > PPN_MAX_RANK) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "products of rank %d", rank);
  }
  memcpy(sizes, c.sizes, (size_t)batch * sizeof(*sizes));
  int64_t rows = a.sizes[a.rank - 2], depth = a.sizes[a.rank - 1], columns = b.sizes[b.rank - 1];
  sizes[batch] = rows, sizes[batch + 1] = columns;
  state->c = ppn_view_reshape(&c, rank, sizes);
  sizes[batch + 1] = depth;
  bool fits = ppn_view_broadcast(&a, rank, sizes, &state->a);
  sizes[batch] = depth, sizes[batch + 1] = columns;
  fits = fits && ppn_view_broadcast(&b, rank, sizes, &state->b);
  if (!fits) return ppn_node_fail(node, PPN_STATUS_INTERNAL, "operands that do not fit");
  return set_up(node, state);
}

// out[n, c, h, u] = sum over w of a[n, c, h, w] * b[n, w, h, u], with or without n: batches n and
// h.
static ppn_status_t prepare_einsum(ppn_engine_node_t* node, ppn_arena_t* arena) {
  state_t* state;
  PPN_RETURN_IF_ERROR(ppn_engine_check_equation(node));
  PPN_ARENA_NEW(arena, 1, &state);
  const ppn_engine_operand_t* values = ppn_node_inputs(node, "values");
  state->left = &values->tensors[0];
  state->right = &values->tensors[1];
  int rank = node->outputs[0].rank, c = rank - 3, h = rank - 2;
  ppn_tensor_t a = ppn_view_move_axis(state->left, c, h),
               b = ppn_view_move_axis(state->right, c, h);
  state->c = ppn_view_move_axis(&node->outputs[0], c, h);
  int64_t sizes[PPN_MAX_RANK];
  memcpy(sizes, state->c.sizes, sizeof(sizes));
  sizes[rank - 1] = a.sizes[rank - 1];
  bool fits = ppn_view_broadcast(&a, rank, sizes, &state->a);
  sizes[rank - 2] = a.sizes[rank - 1];
  sizes[rank - 1] = state->c.sizes[rank - 1];
  fits = fits && ppn_view_broadcast(&b, rank, sizes, &state->b);
  if (!fits) return ppn_node_fail(node, PPN_STATUS_INTERNAL, "operands that do not fit");
  return set_up(node, state);
}

// A contiguous copy of a view, in the type that is computed in.
static void* gather(const ppn_tensor_t* view, const void* data, ppn_dtype_t dtype, char** memory) {
  ppn_tensor_t source = *view, target = ppn_tensor_make(*memory, dtype, view->rank, view->sizes);
  source.data = (void*)(uintptr_t)data;
  ppn_tensor_copy(&source, &target);
  *memory += operand_size(view);
  return target.data;
}

static void add_bias(const state_t* state, void* c, int64_t numel, int64_t columns) {
  for (int64_t i = 0; i < numel; ++i) {
    int64_t column = ppn_tensor_numel(state->bias) == 1 ? 0 : i % columns;
    if (state->dtype == PPN_DTYPE_FLOAT64) {
      ((double*)c)[i] += ppn_element_as_double(state->bias->dtype, state->bias->data, column);
    } else {
      ((int64_t*)c)[i] += ppn_element_as_int64(state->bias->dtype, state->bias->data, column);
    }
  }
}

static ppn_status_t run_product(ppn_engine_node_t* node) {
  state_t* state = node->state;
  char* memory = node->scratch;
  int rank = state->c.rank;
  int64_t rows = state->c.sizes[rank - 2], columns = state->c.sizes[rank - 1],
          depth = state->a.sizes[rank - 1], numel = ppn_tensor_numel(&state->c);
  if (numel == 0) return ppn_status_ok();
  const char* a = gather(&state->a, state->left->data, state->dtype, &memory);
  const char* b = gather(&state->b, state->right->data, state->dtype, &memory);
  for (int64_t i = 0; i < numel / (rows * columns); ++i) {
    size_t at = (size_t)(i * rows * columns) * sizeof(double);
    const void* left = a + (size_t)(i * rows * depth) * sizeof(double);
    const void* right = b + (size_t)(i * depth * columns) * sizeof(double);
    if (state->dtype == PPN_DTYPE_FLOAT64) {
      ppn_plain_product_double(rows, columns, depth, left, right, (double*)(void*)(memory + at), 1,
                               0);
    } else {
      ppn_plain_product_int64(rows, columns, depth, left, right, (int64_t*)(void*)(memory + at), 1,
                              0);
    }
  }
  if (state->bias) add_bias(state, memory, numel, columns);
  ppn_tensor_t product = ppn_tensor_make(memory, state->dtype, rank, state->c.sizes);
  ppn_tensor_t result = state->c;
  result.data = node->outputs[0].data;
  ppn_tensor_copy(&product, &result);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"linear", 0, prepare_linear, run_product, NULL},
    {"matmul", 0, prepare_matmul, run_product, NULL},
    {"einsum", 0, prepare_einsum, run_product, NULL},
};

const ppn_engine_family_t ppn_engine_plain_products = {kernels, PPN_COUNT_OF(kernels)};
