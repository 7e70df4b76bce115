// Matrix products.
#include <string.h>

#include "lower/compressed.h"
#include "lower/families.h"
#include "tensor/tensor.h"

static ppn_mil_value_t* operand(ppn_lower_context_t* context, const ppn_node_t* node,
                                const char* name) {
  const ppn_argument_t* argument = ppn_node_argument(node, name);
  if (!argument || argument->kind == PPN_ARGUMENT_NONE) return NULL;
  return ppn_row_operand(context, argument, ppn_row_output_dtype(node));
}

static ppn_mil_value_t* matmul(ppn_lower_context_t* context, ppn_mil_value_t* x, ppn_mil_value_t* y,
                               bool transpose_y) {
  return ppn_row_emit(context, "matmul", {"x", x}, {"y", y},
                      {"transpose_x", ppn_row_bool(context, false)},
                      {"transpose_y", ppn_row_bool(context, transpose_y)});
}

static ppn_mil_value_t* linear(ppn_lower_context_t* context, ppn_mil_value_t* x,
                               ppn_mil_value_t* weight, ppn_mil_value_t* bias) {
  return ppn_row_emit(context, "linear", {"x", x}, {"weight", weight}, {"bias", bias});
}

// x y: `linear` when y is a constant matrix, compressed or not (its transpose costs nothing), as
// Core ML runs that best.
static ppn_mil_value_t* product(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                ppn_mil_value_t* y) {
  if (context->status || !x || !y) return NULL;
  bool is_float = ppn_dtype_is_float(x->type.dtype);
  if (is_float && y->type.rank == 2 && x->type.rank <= 3 && ppn_row_can_transpose(y) &&
      !x->constant) {
    return linear(context, x, ppn_row_swap_axes(context, y, 0, 1), NULL);
  }
  // Vectors as matrices: the official tools' inference fails for them.
  bool line = x->type.rank == 1, column = y->type.rank == 1;
  int64_t axes[2];
  uint32_t count = 0;
  if (line) x = ppn_row_expand_dims(context, x, (const int64_t[]){0}, 1);
  if (column) y = ppn_row_expand_dims(context, y, (const int64_t[]){1}, 1);
  ppn_mil_value_t* result = matmul(context, x, y, false);
  if (line) axes[count++] = -2;
  if (column) axes[count++] = -1;
  return ppn_row_squeeze(context, result, axes, count);
}

static ppn_mil_value_t* transposed_matrix(ppn_lower_context_t* context, ppn_mil_value_t* x) {
  return x && x->type.rank > 1 ? ppn_row_swap_axes(context, x, -2, -1) : x;
}

static ppn_status_t lower_linear(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = operand(context, node, "input");
  ppn_mil_value_t* weight = operand(context, node, "weight");
  ppn_mil_value_t* bias = operand(context, node, "bias");
  if (context->status) return ppn_row_finish(context);
  bool is_constant =
      ppn_row_is_known(weight) && weight->type.rank == 2 && (!bias || bias->constant);
  if (is_constant) return ppn_row_result(context, node, linear(context, x, weight, bias));
  ppn_mil_value_t* result = weight->type.rank > 1 && x->type.rank > 1
                                ? matmul(context, x, weight, true)
                                : product(context, x, transposed_matrix(context, weight));
  if (bias) result = ppn_row_binary(context, "add", result, bias);
  return ppn_row_result(context, node, result);
}

static ppn_status_t lower_matmul(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_aten_at(node, 0), dtype);
  ppn_mil_value_t* y = ppn_row_operand(context, ppn_aten_at(node, 1), dtype);
  return ppn_row_result(context, node, product(context, x, y));
}

static ppn_mil_value_t* times(ppn_lower_context_t* context, ppn_mil_value_t* x, double factor) {
  return factor == 1 ? x : ppn_row_binary_number(context, "mul", x, factor);
}

// beta * self + alpha * (a b)
static ppn_status_t lower_scaled_product(ppn_lower_context_t* context, const ppn_node_t* node,
                                         const char* a_name, const char* b_name) {
  double alpha = ppn_row_literal_number(node, "alpha", 1);
  double beta = ppn_row_literal_number(node, "beta", 1);
  ppn_mil_value_t* self = beta == 0 ? NULL : operand(context, node, "self");
  ppn_mil_value_t* a = operand(context, node, a_name);
  ppn_mil_value_t* b = operand(context, node, b_name);
  if (context->status) return ppn_row_finish(context);
  if (alpha == 1 && beta == 1 && self->constant && self->type.rank == 1 && b->type.rank == 2 &&
      ppn_row_can_transpose(b) && ppn_dtype_is_float(a->type.dtype) &&
      ppn_dim_equal(self->type.sizes[0], b->type.sizes[1])) {
    ppn_mil_value_t* weight = ppn_row_swap_axes(context, b, 0, 1);
    return ppn_row_result(context, node, linear(context, a, weight, self));
  }
  ppn_mil_value_t* result = times(context, product(context, a, b), alpha);
  if (self) result = ppn_row_binary(context, "add", times(context, self, beta), result);
  return ppn_row_result(context, node, result);
}

static ppn_status_t lower_addmm(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_scaled_product(context, node, "mat1", "mat2");
}

static ppn_status_t lower_baddbmm(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_scaled_product(context, node, "batch1", "batch2");
}

static ppn_status_t lower_addmv(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_scaled_product(context, node, "mat", "vec");
}

static ppn_status_t lower_outer(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = operand(context, node, "self");
  ppn_mil_value_t* y = operand(context, node, "vec2");
  ppn_mil_value_t* column = ppn_row_expand_dims(context, x, (const int64_t[]){1}, 1);
  ppn_mil_value_t* line = ppn_row_expand_dims(context, y, (const int64_t[]){0}, 1);
  return ppn_row_result(context, node, ppn_row_binary(context, "mul", column, line));
}

// Sum of products: over all of two vectors, or along `dim`.
static ppn_status_t lower_dot(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_aten_at(node, 0), dtype);
  ppn_mil_value_t* y = ppn_row_operand(context, ppn_aten_at(node, 1), dtype);
  ppn_mil_value_t* products = ppn_row_binary(context, "mul", x, y);
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", -1, products->type.rank);
  return ppn_row_result(context, node,
                        ppn_row_reduce(context, "reduce_sum", products, &axis, 1, false));
}

static const ppn_lower_row_t rows[] = {
    {"aten::linear", lower_linear, NULL, 0, 0}, {"aten::matmul", lower_matmul, NULL, 0, 0},
    {"aten::mm", lower_matmul, NULL, 0, 0},     {"aten::bmm", lower_matmul, NULL, 0, 0},
    {"aten::mv", lower_matmul, NULL, 0, 0},     {"aten::addmm", lower_addmm, NULL, 0, 0},
    {"aten::addmv", lower_addmv, NULL, 0, 0},   {"aten::baddbmm", lower_baddbmm, NULL, 0, 0},
    {"aten::outer", lower_outer, NULL, 0, 0},   {"aten::dot", lower_dot, NULL, 0, 0},
    {"aten::vdot", lower_dot, NULL, 0, 0},      {"aten::linalg_vecdot", lower_dot, NULL, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(linear, "Matrix products");
