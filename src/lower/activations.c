// Activation functions.
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

static ppn_mil_value_t* input(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_operand(context, ppn_aten_at(node, 0), ppn_row_output_dtype(node));
}

static ppn_mil_value_t* number(ppn_lower_context_t* context, const ppn_node_t* node, double value) {
  return ppn_row_number(context, ppn_row_output_dtype(node), value);
}

#define SAME(name)                                                                             \
  static ppn_status_t lower_##name(ppn_lower_context_t* context, const ppn_node_t* node) {     \
    return ppn_row_result(context, node, ppn_row_unary(context, #name, input(context, node))); \
  }
SAME(sigmoid)
SAME(silu)
#undef SAME

static ppn_status_t lower_relu(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  if (ppn_row_output_dtype(node) == PPN_DTYPE_INT32) {
    return ppn_row_result(context, node, ppn_row_binary_number(context, "maximum", x, 0));
  }
  return ppn_row_result(context, node, ppn_row_unary(context, "relu", x));
}

static ppn_status_t lower_relu6(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  if (ppn_row_output_dtype(node) == PPN_DTYPE_INT32) {
    x = ppn_row_binary_number(context, "maximum", x, 0);
    return ppn_row_result(context, node, ppn_row_binary_number(context, "minimum", x, 6));
  }
  return ppn_row_result(context, node, ppn_row_unary(context, "relu6", x));
}

static ppn_mil_value_t* hard_sigmoid(ppn_lower_context_t* context, const ppn_node_t* node,
                                     ppn_mil_value_t* x) {
  return ppn_row_emit(context, "sigmoid_hard", {"x", x}, {"alpha", number(context, node, 1.0 / 6)},
                      {"beta", number(context, node, 0.5)});
}

static ppn_status_t lower_hardsigmoid(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node, hard_sigmoid(context, node, input(context, node)));
}

// x * hard_sigmoid(x); the thresholded factor keeps -inf from becoming NaN.
static ppn_status_t lower_hardswish(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* factor =
      ppn_row_emit(context, "thresholded_relu", {"x", x}, {"alpha", number(context, node, -3)});
  return ppn_row_result(context, node,
                        ppn_row_binary(context, "mul", factor, hard_sigmoid(context, node, x)));
}

static ppn_status_t lower_gelu(ppn_lower_context_t* context, const ppn_node_t* node) {
  bool tanh = strcmp(ppn_row_literal_text(node, "approximate", "none"), "tanh") == 0;
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "gelu", {"x", input(context, node)},
                   {"mode", ppn_row_text(context, tanh ? "TANH_APPROXIMATION" : "EXACT")}));
}

// scale * (x > 0 ? x : alpha * (exp(input_scale * x) - 1)). When input_scale is not 1, elu is taken
// of the scaled operand: elu(s x) = s x for x > 0, so that part is divided by s.
static ppn_mil_value_t* elu(ppn_lower_context_t* context, const ppn_node_t* node,
                            ppn_mil_value_t* x, double alpha, double scale, double input_scale) {
  ppn_mil_value_t* result;
  if (input_scale == 1) {
    result = ppn_row_emit(context, "elu", {"x", x}, {"alpha", number(context, node, alpha)});
  } else {
    ppn_mil_value_t* scaled = ppn_row_binary_number(context, "mul", x, input_scale);
    ppn_mil_value_t* curve =
        ppn_row_emit(context, "elu", {"x", scaled}, {"alpha", number(context, node, alpha)});
    ppn_mil_value_t* positive = ppn_row_binary(context, "greater", x, number(context, node, 0));
    result = ppn_row_select(context, positive, x, curve);
  }
  return scale == 1 ? result : ppn_row_binary_number(context, "mul", result, scale);
}

static ppn_status_t lower_elu(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(
      context, node,
      elu(context, node, input(context, node), ppn_row_literal_number(node, "alpha", 1),
          ppn_row_literal_number(node, "scale", 1),
          ppn_row_literal_number(node, "input_scale", 1)));
}

static ppn_status_t lower_selu(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(
      context, node,
      elu(context, node, input(context, node), 1.6732632423543772848, 1.0507009873554804934, 1));
}

static ppn_status_t lower_celu(ppn_lower_context_t* context, const ppn_node_t* node) {
  double alpha = ppn_row_literal_number(node, "alpha", 1);
  return ppn_row_result(context, node,
                        elu(context, node, input(context, node), alpha, 1, 1 / alpha));
}

static ppn_mil_value_t* leaky(ppn_lower_context_t* context, const ppn_node_t* node, double slope) {
  return ppn_row_emit(context, "leaky_relu", {"x", input(context, node)},
                      {"alpha", number(context, node, slope)});
}

static ppn_status_t lower_leaky_relu(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node,
                        leaky(context, node, ppn_row_literal_number(node, "negative_slope", 0.01)));
}

static ppn_status_t lower_rrelu(ppn_lower_context_t* context, const ppn_node_t* node) {
  double slope = (ppn_row_literal_number(node, "lower", 0.125) +
                  ppn_row_literal_number(node, "upper", 1.0 / 3)) /
                 2;
  return ppn_row_result(context, node, leaky(context, node, slope));
}

static bool not_training(const ppn_node_t* node, const ppn_lower_options_t* options,
                         ppn_buffer_t* reason) {
  (void)options;
  if (!ppn_row_literal_bool(node, "training", false) &&
      !ppn_row_literal_bool(node, "train", false)) {
    return true;
  }
  return ppn_row_refuse(reason, "in training mode");
}

// Core ML's prelu wants constant slopes and, in practice, rank 4.
static ppn_status_t lower_prelu(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* slope =
      ppn_row_operand(context, ppn_aten_at(node, 1), ppn_row_output_dtype(node));
  double number_slope = 0;
  if (context->status) return ppn_row_finish(context);
  if (ppn_row_constant_number(slope, &number_slope)) {
    return ppn_row_result(context, node, leaky(context, node, number_slope));
  }
  int rank = x->type.rank;
  if (slope->type.rank == 1 && rank == 4 && slope->constant) {
    return ppn_row_result(context, node,
                          ppn_row_emit(context, "prelu", {"x", x}, {"alpha", slope}));
  }
  if (slope->type.rank == 1 && rank > 2) {
    int64_t axes[PPN_MAX_RANK];
    for (int i = 0; i < rank - 2; i++) axes[i] = i + 1;
    slope = ppn_row_expand_dims(context, slope, axes, (uint32_t)(rank - 2));
  }
  ppn_mil_value_t* negative =
      ppn_row_binary(context, "mul", ppn_row_binary_number(context, "minimum", x, 0), slope);
  return ppn_row_result(
      context, node, ppn_row_binary(context, "add", ppn_row_unary(context, "relu", x), negative));
}

// log(1 + exp(beta x)) / beta, linear above the threshold. At the default threshold of 20 both
// agree to the last bit, so that only other thresholds need the distinction.
static ppn_status_t lower_softplus(ppn_lower_context_t* context, const ppn_node_t* node) {
  double beta = ppn_row_literal_number(node, "beta", 1);
  double threshold = ppn_row_literal_number(node, "threshold", 20);
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* scaled = beta == 1 ? x : ppn_row_binary_number(context, "mul", x, beta);
  ppn_mil_value_t* result = ppn_row_unary(context, "softplus", scaled);
  if (beta != 1) result = ppn_row_binary_number(context, "mul", result, 1 / beta);
  if (threshold < 20) {
    ppn_mil_value_t* linear =
        ppn_row_binary(context, "greater", scaled, number(context, node, threshold));
    result = ppn_row_select(context, linear, x, result);
  }
  return ppn_row_result(context, node, result);
}

static ppn_status_t lower_mish(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* gate = ppn_row_unary(context, "tanh", ppn_row_unary(context, "softplus", x));
  return ppn_row_result(context, node, ppn_row_binary(context, "mul", x, gate));
}

// -softplus(-x)
static ppn_status_t lower_log_sigmoid(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* negated = ppn_row_binary_number(context, "mul", input(context, node), -1);
  return ppn_row_result(
      context, node,
      ppn_row_binary_number(context, "mul", ppn_row_unary(context, "softplus", negated), -1));
}

// 0 within [-lambda, lambda], x outside
static ppn_status_t lower_hardshrink(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* inside =
      ppn_row_binary(context, "less_equal", ppn_row_unary(context, "abs", x),
                     number(context, node, ppn_row_literal_number(node, "lambd", 0.5)));
  return ppn_row_result(context, node,
                        ppn_row_select(context, inside, number(context, node, 0), x));
}

// x - clip(x, -lambda, lambda)
static ppn_status_t lower_softshrink(ppn_lower_context_t* context, const ppn_node_t* node) {
  double lambda = ppn_row_literal_number(node, "lambd", 0.5);
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* low = ppn_row_binary_number(context, "maximum", x, -lambda);
  ppn_mil_value_t* clipped = ppn_row_binary_number(context, "minimum", low, lambda);
  return ppn_row_result(context, node, ppn_row_binary(context, "sub", x, clipped));
}

static ppn_status_t lower_threshold(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  double threshold = ppn_row_literal_number(node, "threshold", 0);
  double value = ppn_row_literal_number(node, "value", 0);
  ppn_mil_value_t* above = ppn_row_binary(context, "greater", x, number(context, node, threshold));
  return ppn_row_result(context, node,
                        ppn_row_select(context, above, x, number(context, node, value)));
}

// The first half times the sigmoid of the second.
static ppn_status_t lower_glu(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* halves[2];
  if (context->status) return ppn_row_finish(context);
  ppn_row_input_t inputs[] = {
      {"x", x},
      {"num_splits", ppn_row_int(context, 2)},
      {"axis", ppn_row_int(context, ppn_row_axis(node, "dim", -1, x->type.rank))}};
  ppn_row_emit_outputs(context, "split", inputs, 3, halves, 2);
  return ppn_row_result(
      context, node,
      ppn_row_binary(context, "mul", halves[0], ppn_row_unary(context, "sigmoid", halves[1])));
}

static bool glu_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                          ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* meta = ppn_row_meta(node, "self");
  if (meta && meta->rank > 0 &&
      ppn_dim_is_static(meta->sizes[ppn_row_axis(node, "dim", -1, meta->rank)])) {
    return true;
  }
  return ppn_row_refuse(reason, "the split dimension is not fixed");
}

// ---- Softmax ----

static ppn_status_t lower_softmax(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  if (context->status) return ppn_row_finish(context);
  int rank = x->type.rank;
  int64_t axis = ppn_row_axis(node, "dim", -1, rank);
  x = ppn_row_raise_rank(context, x, 1);
  ppn_mil_value_t* result =
      ppn_row_emit(context, "softmax", {"x", x}, {"axis", ppn_row_int(context, axis)});
  if (rank == 0) result = ppn_row_squeeze(context, result, (const int64_t[]){0}, 1);
  return ppn_row_result(context, node, result);
}

// With s = x - max(x): s - log(sum(exp(s))). The softmax itself would underflow.
static ppn_status_t lower_log_softmax(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", -1, x->type.rank);
  if (x->type.rank == 0) {
    return ppn_row_result(context, node, ppn_row_binary(context, "sub", x, x));
  }
  ppn_mil_value_t* shifted =
      ppn_row_binary(context, "sub", x, ppn_row_reduce(context, "reduce_max", x, &axis, 1, true));
  ppn_mil_value_t* total = ppn_row_reduce(context, "reduce_log_sum_exp", shifted, &axis, 1, true);
  return ppn_row_result(context, node, ppn_row_binary(context, "sub", shifted, total));
}

// ---- Nothing at inference ----

static ppn_status_t lower_dropout(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node, input(context, node));
}

static ppn_status_t lower_native_dropout(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  const ppn_tensor_meta_t* mask = ppn_row_output(node, 1);
  ppn_row_bind(context, node, 0, x);
  if (mask) {
    ppn_mil_value_t* all = ppn_row_binary(context, "equal", x, x);
    ppn_row_bind(context, node, 1, all);
  }
  return ppn_row_finish(context);
}

static const ppn_lower_row_t rows[] = {
    {"aten::relu", lower_relu, NULL, 0, 0},
    {"aten::relu6", lower_relu6, NULL, 0, 0},
    {"aten::sigmoid", lower_sigmoid, NULL, 0, 0},
    {"aten::silu", lower_silu, NULL, 0, 0},
    {"aten::hardsigmoid", lower_hardsigmoid, NULL, 0, 0},
    {"aten::hardswish", lower_hardswish, NULL, 0, 0},
    {"aten::gelu", lower_gelu, NULL, 0, 0},
    {"aten::elu", lower_elu, NULL, 0, 0},
    {"aten::selu", lower_selu, NULL, 0, 0},
    {"aten::celu", lower_celu, NULL, 0, 0},
    {"aten::leaky_relu", lower_leaky_relu, NULL, 0, 0},
    {"aten::rrelu", lower_rrelu, not_training, 0, 0},
    {"aten::prelu", lower_prelu, NULL, 0, 0},
    {"aten::_prelu_kernel", lower_prelu, NULL, 0, 0},
    {"aten::softplus", lower_softplus, NULL, 0, 0},
    {"aten::mish", lower_mish, NULL, 0, 0},
    {"aten::log_sigmoid", lower_log_sigmoid, NULL, 0, 0},
    {"aten::hardshrink", lower_hardshrink, NULL, 0, 0},
    {"aten::softshrink", lower_softshrink, NULL, 0, 0},
    {"aten::threshold", lower_threshold, NULL, 0, 0},
    {"aten::glu", lower_glu, glu_supported, 0, 0},
    {"aten::softmax.int", lower_softmax, NULL, 0, 0},
    {"aten::_softmax", lower_softmax, NULL, 0, 0},
    {"aten::log_softmax.int", lower_log_softmax, NULL, 0, 0},
    {"aten::_log_softmax", lower_log_softmax, NULL, 0, 0},
    {"aten::dropout", lower_dropout, not_training, 0, 0},
    {"aten::feature_dropout", lower_dropout, not_training, 0, 0},
    {"aten::native_dropout", lower_native_dropout, not_training, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(activations, "Activations");
