// Reductions.
#include <math.h>
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

typedef struct reduction {
  ppn_mil_value_t* x;
  int64_t axes[PPN_MAX_RANK];
  uint32_t count;
  bool keep_dims;
} reduction_t;

// The operand in `dtype`, the axes (all when there is no "dim"), keepdim.
static reduction_t read_reduction(ppn_lower_context_t* context, const ppn_node_t* node,
                                  ppn_dtype_t dtype) {
  reduction_t reduction = {0};
  reduction.x = ppn_row_operand(context, ppn_aten_at(node, 0), dtype);
  reduction.count =
      ppn_row_axes(node, "dim", reduction.x ? reduction.x->type.rank : 0, reduction.axes);
  reduction.keep_dims = ppn_row_literal_bool(node, "keepdim", false);
  return reduction;
}

static ppn_mil_value_t* reduce(ppn_lower_context_t* context, const char* type,
                               const reduction_t* reduction, ppn_mil_value_t* x, bool keep_dims) {
  return ppn_row_reduce(context, type, x, reduction->axes, reduction->count, keep_dims);
}

static ppn_status_t lower_reduction(ppn_lower_context_t* context, const ppn_node_t* node,
                                    const char* type) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  if (dtype == PPN_DTYPE_BOOL) dtype = PPN_DTYPE_INT32;
  reduction_t reduction = read_reduction(context, node, dtype);
  return ppn_row_result(context, node,
                        reduce(context, type, &reduction, reduction.x, reduction.keep_dims));
}

#define REDUCTION(name, type)                                                              \
  static ppn_status_t lower_##name(ppn_lower_context_t* context, const ppn_node_t* node) { \
    return lower_reduction(context, node, type);                                           \
  }
REDUCTION(mean, "reduce_mean")
REDUCTION(sum, "reduce_sum")
REDUCTION(prod, "reduce_prod")
REDUCTION(amax, "reduce_max")
REDUCTION(amin, "reduce_min")
REDUCTION(logsumexp, "reduce_log_sum_exp")
#undef REDUCTION

// Truth values as 0 and 1.
static ppn_status_t lower_truth(ppn_lower_context_t* context, const ppn_node_t* node,
                                const char* type) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  if (context->status) return ppn_row_finish(context);
  int64_t axes[PPN_MAX_RANK];
  uint32_t count = ppn_row_axes(node, "dim", x->type.rank, axes);
  bool keep_dims = ppn_row_literal_bool(node, "keepdim", false);
  if (x->type.dtype != PPN_DTYPE_BOOL) x = ppn_row_binary_number(context, "not_equal", x, 0);
  x = ppn_row_cast(context, x, PPN_DTYPE_INT32);
  return ppn_row_result(context, node, ppn_row_reduce(context, type, x, axes, count, keep_dims));
}

static ppn_status_t lower_any(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_truth(context, node, "reduce_max");
}

static ppn_status_t lower_all(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_truth(context, node, "reduce_min");
}

// ---- Positions of extremes ----

static ppn_mil_value_t* arg_extreme(ppn_lower_context_t* context, bool largest, ppn_mil_value_t* x,
                                    int64_t axis, bool keep_dims) {
  if (context->status || !x) return NULL;
  bool is_scalar = x->type.rank == 0;
  x = ppn_row_raise_rank(context, x, 1);
  return ppn_row_emit(context, largest ? "reduce_argmax" : "reduce_argmin", {"x", x},
                      {"axis", ppn_row_int(context, axis)},
                      {"keep_dims", ppn_row_bool(context, keep_dims && !is_scalar)});
}

static ppn_mil_value_t* comparable(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  return x && x->type.dtype == PPN_DTYPE_BOOL ? ppn_row_cast(context, x, PPN_DTYPE_INT32) : x;
}

static ppn_status_t lower_arg(ppn_lower_context_t* context, const ppn_node_t* node, bool largest) {
  ppn_mil_value_t* x = comparable(context, node);
  bool keep_dims = ppn_row_literal_bool(node, "keepdim", false);
  if (context->status) return ppn_row_finish(context);
  if (ppn_row_given(node, "dim")) {
    int64_t axis = ppn_row_axis(node, "dim", -1, x->type.rank);
    return ppn_row_result(context, node, arg_extreme(context, largest, x, axis, keep_dims));
  }
  const int64_t all = -1;
  if (x->type.rank != 1) {
    x = ppn_row_emit(context, "reshape", {"x", x}, {"shape", ppn_row_ints(context, &all, 1)});
  }
  ppn_mil_value_t* index = arg_extreme(context, largest, x, 0, false);
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  return ppn_row_result(context, node, ppn_row_raise_rank(context, index, meta->rank));
}

static ppn_status_t lower_argmax(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_arg(context, node, true);
}

static ppn_status_t lower_argmin(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_arg(context, node, false);
}

static ppn_status_t lower_extreme_with_index(ppn_lower_context_t* context, const ppn_node_t* node,
                                             bool largest) {
  ppn_mil_value_t* x = comparable(context, node);
  bool keep_dims = ppn_row_literal_bool(node, "keepdim", false);
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", -1, x->type.rank);
  ppn_row_bind(
      context, node, 0,
      ppn_row_reduce(context, largest ? "reduce_max" : "reduce_min", x, &axis, 1, keep_dims));
  ppn_row_bind(context, node, 1, arg_extreme(context, largest, x, axis, keep_dims));
  return ppn_row_finish(context);
}

static ppn_status_t lower_max_dim(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_extreme_with_index(context, node, true);
}

static ppn_status_t lower_min_dim(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_extreme_with_index(context, node, false);
}

static ppn_status_t lower_aminmax(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  if (dtype == PPN_DTYPE_BOOL) dtype = PPN_DTYPE_INT32;
  reduction_t reduction = read_reduction(context, node, dtype);
  bool keep_dims = reduction.keep_dims;
  ppn_row_bind(context, node, 0, reduce(context, "reduce_min", &reduction, reduction.x, keep_dims));
  ppn_row_bind(context, node, 1, reduce(context, "reduce_max", &reduction, reduction.x, keep_dims));
  return ppn_row_finish(context);
}

// ---- Variance ----

// torch: None means 1; the older forms say unbiased instead.
static double correction_of(const ppn_node_t* node) {
  if (ppn_node_argument(node, "unbiased")) {
    return ppn_row_literal_bool(node, "unbiased", true) ? 1 : 0;
  }
  return ppn_row_literal_number(node, "correction", 1);
}

static ppn_mil_value_t* variance(ppn_lower_context_t* context, const ppn_node_t* node,
                                 const reduction_t* reduction, ppn_mil_value_t* mean) {
  double correction = correction_of(node), count = 1;
  if (context->status) return NULL;
  for (uint32_t i = 0; i < reduction->count; i++) {
    count *= (double)reduction->x->type.sizes[reduction->axes[i]].value;
  }
  ppn_mil_value_t* deviation = ppn_row_binary(context, "sub", reduction->x, mean);
  ppn_mil_value_t* result =
      reduce(context, "reduce_mean", reduction, ppn_row_unary(context, "square", deviation),
             reduction->keep_dims);
  if (correction == 0) return result;
  double freedom = count - correction;
  return ppn_row_binary_number(context, "mul", result, freedom > 0 ? count / freedom : INFINITY);
}

static ppn_status_t lower_variance(ppn_lower_context_t* context, const ppn_node_t* node, bool root,
                                   bool with_mean) {
  reduction_t reduction = read_reduction(context, node, ppn_row_output_dtype(node));
  ppn_mil_value_t* mean = reduce(context, "reduce_mean", &reduction, reduction.x, true);
  ppn_mil_value_t* result = variance(context, node, &reduction, mean);
  if (root) result = ppn_row_unary(context, "sqrt", result);
  ppn_row_bind(context, node, 0, result);
  if (with_mean) {
    if (!reduction.keep_dims) {
      mean = ppn_row_squeeze(context, mean, reduction.axes, reduction.count);
    }
    ppn_row_bind(context, node, 1, mean);
  }
  return ppn_row_finish(context);
}

static ppn_status_t lower_var(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_variance(context, node, false, false);
}

static ppn_status_t lower_std(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_variance(context, node, true, false);
}

static ppn_status_t lower_var_mean(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_variance(context, node, false, true);
}

static ppn_status_t lower_std_mean(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_variance(context, node, true, true);
}

static bool variance_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                               ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  int64_t axes[PPN_MAX_RANK];
  if (!ppn_row_require_literal(node, reason, "dim", "correction", "unbiased", "keepdim")) {
    return false;
  }
  if (!x || x->rank == 0) return ppn_row_refuse(reason, "variance of a scalar");
  uint32_t count = ppn_row_axes(node, "dim", x->rank, axes);
  for (uint32_t i = 0; i < count && correction_of(node) != 0; i++) {
    if (!ppn_dim_is_static(x->sizes[axes[i]])) {
      return ppn_row_refuse(reason, "the number of reduced elements is not fixed");
    }
  }
  return true;
}

// ---- Norms ----

static double order_of(const ppn_node_t* node) {
  return ppn_row_literal_number(node, ppn_node_argument(node, "ord") ? "ord" : "p", 2);
}

static ppn_status_t lower_norm(ppn_lower_context_t* context, const ppn_node_t* node) {
  double order = order_of(node);
  reduction_t reduction = read_reduction(context, node, ppn_row_output_dtype(node));
  bool keep = reduction.keep_dims;
  ppn_mil_value_t* x = reduction.x;
  ppn_mil_value_t* result;
  if (order == 2) {
    result = reduce(context, "reduce_l2_norm", &reduction, x, keep);
  } else if (order == 1) {
    result = reduce(context, "reduce_l1_norm", &reduction, x, keep);
  } else if (isinf(order)) {
    result = reduce(context, order > 0 ? "reduce_max" : "reduce_min", &reduction,
                    ppn_row_unary(context, "abs", x), keep);
  } else if (order == 0) {
    ppn_mil_value_t* present = ppn_row_binary_number(context, "not_equal", x, 0);
    result = reduce(context, "reduce_sum", &reduction,
                    ppn_row_cast(context, present, ppn_row_output_dtype(node)), keep);
  } else {
    ppn_mil_value_t* powers =
        ppn_row_binary_number(context, "pow", ppn_row_unary(context, "abs", x), order);
    result = ppn_row_binary_number(
        context, "pow", reduce(context, "reduce_sum", &reduction, powers, keep), 1 / order);
  }
  return ppn_row_result(context, node, result);
}

static bool axes_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                           ppn_buffer_t* reason) {
  (void)options;
  return ppn_row_require_literal(node, reason, "dim", "keepdim", "ord", "p");
}

// Over all elements at once, Core ML's argument reductions are known to crash on devices.
static bool argument_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                               ppn_buffer_t* reason) {
  if (ppn_aten_argument(node, "dim")->kind != PPN_ARGUMENT_NONE) {
    return axes_supported(node, options, reason);
  }
  if (reason) ppn_buffer_append_text(reason, "it reduces over all elements; name a dimension");
  return false;
}

static const ppn_lower_row_t rows[] = {
    {"aten::mean", lower_mean, NULL, 0, 0},
    {"aten::mean.dim", lower_mean, axes_supported, 0, 0},
    {"aten::sum", lower_sum, NULL, 0, 0},
    {"aten::sum.dim_IntList", lower_sum, axes_supported, 0, 0},
    {"aten::prod", lower_prod, NULL, 0, 0},
    {"aten::prod.dim_int", lower_prod, axes_supported, 0, 0},
    {"aten::amax", lower_amax, axes_supported, 0, 0},
    {"aten::amin", lower_amin, axes_supported, 0, 0},
    {"aten::aminmax", lower_aminmax, axes_supported, 0, 0},
    {"aten::max", lower_amax, NULL, 0, 0},
    {"aten::min", lower_amin, NULL, 0, 0},
    {"aten::max.dim", lower_max_dim, axes_supported, 0, 0},
    {"aten::min.dim", lower_min_dim, axes_supported, 0, 0},
    {"aten::argmax", lower_argmax, argument_supported, 0, 0},
    {"aten::argmin", lower_argmin, argument_supported, 0, 0},
    {"aten::logsumexp", lower_logsumexp, axes_supported, 0, 0},
    {"aten::any", lower_any, NULL, 0, 0},
    {"aten::any.dim", lower_any, axes_supported, 0, 0},
    {"aten::any.dims", lower_any, axes_supported, 0, 0},
    {"aten::all", lower_all, NULL, 0, 0},
    {"aten::all.dim", lower_all, axes_supported, 0, 0},
    {"aten::all.dims", lower_all, axes_supported, 0, 0},
    {"aten::var", lower_var, variance_supported, 0, 0},
    {"aten::var.dim", lower_var, variance_supported, 0, 0},
    {"aten::var.correction", lower_var, variance_supported, 0, 0},
    {"aten::std", lower_std, variance_supported, 0, 0},
    {"aten::std.dim", lower_std, variance_supported, 0, 0},
    {"aten::std.correction", lower_std, variance_supported, 0, 0},
    {"aten::var_mean", lower_var_mean, variance_supported, 0, 0},
    {"aten::var_mean.dim", lower_var_mean, variance_supported, 0, 0},
    {"aten::var_mean.correction", lower_var_mean, variance_supported, 0, 0},
    {"aten::std_mean", lower_std_mean, variance_supported, 0, 0},
    {"aten::std_mean.dim", lower_std_mean, variance_supported, 0, 0},
    {"aten::std_mean.correction", lower_std_mean, variance_supported, 0, 0},
    {"aten::norm.ScalarOpt_dim", lower_norm, axes_supported, 0, 0},
    {"aten::norm.Scalar", lower_norm, axes_supported, 0, 0},
    {"aten::linalg_vector_norm", lower_norm, axes_supported, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(reductions, "Reductions");
