// Element-wise operators of one operand.
#include <float.h>
#include <math.h>
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"

// The operand in the result's dtype: integers become floats where torch says so.
static ppn_mil_value_t* input(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_operand(context, ppn_aten_at(node, 0), ppn_row_output_dtype(node));
}

static ppn_status_t lower_same(ppn_lower_context_t* context, const ppn_node_t* node,
                               const char* type) {
  return ppn_row_result(context, node, ppn_row_unary(context, type, input(context, node)));
}

#define SAME(name)                                                                         \
  static ppn_status_t lower_##name(ppn_lower_context_t* context, const ppn_node_t* node) { \
    return lower_same(context, node, #name);                                               \
  }
SAME(acos)
SAME(asin)
SAME(atan)
SAME(atanh)
SAME(cos)
SAME(cosh)
SAME(erf)
SAME(exp)
SAME(exp2)
SAME(sin)
SAME(sinh)
SAME(sqrt)
SAME(tan)
SAME(tanh)
SAME(abs)
SAME(sign)
SAME(square)
#undef SAME

// Rounding leaves integers alone.
static ppn_status_t lower_rounding(ppn_lower_context_t* context, const ppn_node_t* node,
                                   const char* type) {
  ppn_mil_value_t* x = input(context, node);
  bool is_float = ppn_dtype_is_float(ppn_row_output_dtype(node));
  return ppn_row_result(context, node, is_float ? ppn_row_unary(context, type, x) : x);
}

static ppn_status_t lower_ceil(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_rounding(context, node, "ceil");
}

static ppn_status_t lower_floor(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_rounding(context, node, "floor");
}

static ppn_status_t lower_round(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_rounding(context, node, "round");
}

static ppn_mil_value_t* truncate(ppn_lower_context_t* context, ppn_mil_value_t* x) {
  ppn_mil_value_t* magnitude = ppn_row_unary(context, "floor", ppn_row_unary(context, "abs", x));
  return ppn_row_binary(context, "mul", magnitude, ppn_row_unary(context, "sign", x));
}

static ppn_status_t lower_trunc(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  bool is_float = ppn_dtype_is_float(ppn_row_output_dtype(node));
  return ppn_row_result(context, node, is_float ? truncate(context, x) : x);
}

static ppn_status_t lower_frac(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  return ppn_row_result(context, node, ppn_row_binary(context, "sub", x, truncate(context, x)));
}

static ppn_status_t lower_neg(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node,
                        ppn_row_binary_number(context, "mul", input(context, node), -1));
}

// Core ML adds an epsilon to these operations' operands: 1e-4, 1e-45, 1e-12 unless told otherwise.
static ppn_mil_value_t* with_epsilon(ppn_lower_context_t* context, const char* type,
                                     ppn_mil_value_t* x, double epsilon) {
  if (context->status || !x) return NULL;
  return ppn_row_emit(context, type, {"x", x},
                      {"epsilon", ppn_row_number(context, x->type.dtype, epsilon)});
}

static ppn_mil_value_t* natural_log(ppn_lower_context_t* context, ppn_mil_value_t* x) {
  return with_epsilon(context, "log", x, 0);
}

static ppn_status_t lower_reciprocal(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node, with_epsilon(context, "inverse", input(context, node), 0));
}

static ppn_status_t lower_rsqrt(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node, with_epsilon(context, "rsqrt", input(context, node), 0));
}

static ppn_status_t lower_log(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node, natural_log(context, input(context, node)));
}

static ppn_status_t lower_log2(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* log = natural_log(context, input(context, node));
  return ppn_row_result(context, node,
                        ppn_row_binary_number(context, "mul", log, 1.4426950408889634074));
}

static ppn_status_t lower_log10(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* log = natural_log(context, input(context, node));
  return ppn_row_result(context, node,
                        ppn_row_binary_number(context, "mul", log, 0.43429448190325182765));
}

// log(u) * x / (u - 1) with u = 1 + x: the rounding errors of u cancel (Kahan). x itself where u
// is 1.
static ppn_status_t lower_log1p(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* u = ppn_row_binary_number(context, "add", x, 1);
  ppn_mil_value_t* step = ppn_row_binary_number(context, "sub", u, 1);
  ppn_mil_value_t* tiny = ppn_row_binary(context, "equal", step,
                                         ppn_row_number(context, ppn_row_output_dtype(node), 0));
  ppn_mil_value_t* one = ppn_row_number(context, ppn_row_output_dtype(node), 1);
  ppn_mil_value_t* ratio =
      ppn_row_binary(context, "real_div", x, ppn_row_select(context, tiny, one, step));
  ppn_mil_value_t* log = ppn_row_binary(context, "mul", natural_log(context, u), ratio);
  return ppn_row_result(context, node, ppn_row_select(context, tiny, x, log));
}

// exp(x) - 1 = tanh(x / 2) * (exp(x) + 1), without the cancellation near 0.
static ppn_status_t lower_expm1(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* exp = ppn_row_unary(context, "exp", x);
  ppn_mil_value_t* half =
      ppn_row_unary(context, "tanh", ppn_row_binary_number(context, "mul", x, 0.5));
  return ppn_row_result(
      context, node,
      ppn_row_binary(context, "mul", half, ppn_row_binary_number(context, "add", exp, 1)));
}

// sign(x) * log(|x| + sqrt(x^2 + 1))
static ppn_status_t lower_asinh(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* root =
      ppn_row_unary(context, "sqrt",
                    ppn_row_binary_number(context, "add", ppn_row_unary(context, "square", x), 1));
  ppn_mil_value_t* sum = ppn_row_binary(context, "add", ppn_row_unary(context, "abs", x), root);
  return ppn_row_result(
      context, node,
      ppn_row_binary(context, "mul", ppn_row_unary(context, "sign", x), natural_log(context, sum)));
}

// log(x + sqrt((x - 1) (x + 1)))
static ppn_status_t lower_acosh(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  ppn_mil_value_t* product =
      ppn_row_binary(context, "mul", ppn_row_binary_number(context, "sub", x, 1),
                     ppn_row_binary_number(context, "add", x, 1));
  ppn_mil_value_t* sum = ppn_row_binary(context, "add", x, ppn_row_unary(context, "sqrt", product));
  return ppn_row_result(context, node, natural_log(context, sum));
}

// log(x / (1 - x)), with x kept within [eps, 1 - eps] when eps is given
static ppn_status_t lower_logit(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = input(context, node);
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  if (ppn_row_given(node, "eps")) {
    double epsilon = ppn_row_literal_number(node, "eps", 0);
    x = ppn_row_binary(context, "maximum", x, ppn_row_number(context, dtype, epsilon));
    x = ppn_row_binary(context, "minimum", x, ppn_row_number(context, dtype, 1 - epsilon));
  }
  ppn_mil_value_t* rest = ppn_row_binary(context, "sub", ppn_row_number(context, dtype, 1), x);
  return ppn_row_result(context, node,
                        natural_log(context, ppn_row_binary(context, "real_div", x, rest)));
}

// ---- Predicates of values ----

static ppn_mil_value_t* float_input(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_tensor(context, node, "self");
}

static ppn_status_t lower_isnan(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = float_input(context, node);
  return ppn_row_result(context, node, ppn_row_binary(context, "not_equal", x, x));
}

static ppn_mil_value_t* is_infinite(ppn_lower_context_t* context, ppn_mil_value_t* x) {
  return ppn_row_binary_number(context, "equal", ppn_row_unary(context, "abs", x), INFINITY);
}

static ppn_status_t lower_isinf(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node, is_infinite(context, float_input(context, node)));
}

static ppn_status_t lower_isfinite(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* magnitude = ppn_row_unary(context, "abs", float_input(context, node));
  return ppn_row_result(context, node, ppn_row_binary_number(context, "less", magnitude, INFINITY));
}

static bool floats_only(const ppn_node_t* node, const ppn_lower_options_t* options,
                        ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* meta = ppn_row_meta(node, "self");
  if (meta && ppn_dtype_is_float(meta->dtype)) return true;
  return ppn_row_refuse(reason, "only floating-point tensors");
}

static ppn_status_t lower_nan_to_num(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = float_input(context, node);
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  double largest = dtype == PPN_DTYPE_FLOAT16 ? 65504 : FLT_MAX;
  double replacements[] = {ppn_row_literal_number(node, "nan", 0),
                           ppn_row_literal_number(node, "posinf", largest),
                           ppn_row_literal_number(node, "neginf", -largest)};
  ppn_mil_value_t* is_nan = ppn_row_binary(context, "not_equal", x, x);
  ppn_mil_value_t* is_positive = ppn_row_binary_number(context, "equal", x, INFINITY);
  ppn_mil_value_t* is_negative = ppn_row_binary_number(context, "equal", x, -INFINITY);
  ppn_mil_value_t* conditions[] = {is_nan, is_positive, is_negative};
  ppn_mil_value_t* result = x;
  for (int i = 0; i < 3; i++) {
    result = ppn_row_select(context, conditions[i], ppn_row_number(context, dtype, replacements[i]),
                            result);
  }
  return ppn_row_result(context, node, result);
}

// Booleans and integers have no sign operations of their own in torch that matter here.
static bool numbers_only(const ppn_node_t* node, const ppn_lower_options_t* options,
                         ppn_buffer_t* reason) {
  (void)options;
  if (ppn_row_output_dtype(node) != PPN_DTYPE_BOOL) return true;
  return ppn_row_refuse(reason, "only numbers");
}

static bool round_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason) {
  (void)options;
  if (ppn_row_literal_int(node, "decimals", 0) == 0) return true;
  return ppn_row_refuse(reason, "rounding to decimals");
}

static const ppn_lower_row_t rows[] = {
    {"aten::abs", lower_abs, numbers_only, 0, 0},
    {"aten::acos", lower_acos, NULL, 0, 0},
    {"aten::acosh", lower_acosh, NULL, 0, 0},
    {"aten::asin", lower_asin, NULL, 0, 0},
    {"aten::asinh", lower_asinh, NULL, 0, 0},
    {"aten::atan", lower_atan, NULL, 0, 0},
    {"aten::atanh", lower_atanh, NULL, 0, 0},
    {"aten::ceil", lower_ceil, NULL, 0, 0},
    {"aten::cos", lower_cos, NULL, 0, 0},
    {"aten::cosh", lower_cosh, NULL, 0, 0},
    {"aten::erf", lower_erf, NULL, 0, 0},
    {"aten::exp", lower_exp, NULL, 0, 0},
    {"aten::exp2", lower_exp2, NULL, 0, 0},
    {"aten::expm1", lower_expm1, NULL, 0, 0},
    {"aten::floor", lower_floor, NULL, 0, 0},
    {"aten::frac", lower_frac, NULL, 0, 0},
    {"aten::isfinite", lower_isfinite, floats_only, 0, 0},
    {"aten::isinf", lower_isinf, floats_only, 0, 0},
    {"aten::isnan", lower_isnan, floats_only, 0, 0},
    {"aten::log", lower_log, NULL, 0, 0},
    {"aten::log10", lower_log10, NULL, 0, 0},
    {"aten::log1p", lower_log1p, NULL, 0, 0},
    {"aten::log2", lower_log2, NULL, 0, 0},
    {"aten::logit", lower_logit, NULL, 0, 0},
    {"aten::nan_to_num", lower_nan_to_num, floats_only, 0, 0},
    {"aten::neg", lower_neg, numbers_only, 0, 0},
    {"aten::reciprocal", lower_reciprocal, NULL, 0, 0},
    {"aten::round", lower_round, NULL, 0, 0},
    {"aten::round.decimals", lower_round, round_supported, 0, 0},
    {"aten::rsqrt", lower_rsqrt, NULL, 0, 0},
    {"aten::sign", lower_sign, numbers_only, 0, 0},
    {"aten::sgn", lower_sign, numbers_only, 0, 0},
    {"aten::sin", lower_sin, NULL, 0, 0},
    {"aten::sinh", lower_sinh, NULL, 0, 0},
    {"aten::sqrt", lower_sqrt, NULL, 0, 0},
    {"aten::square", lower_square, numbers_only, 0, 0},
    {"aten::tan", lower_tan, NULL, 0, 0},
    {"aten::tanh", lower_tanh, NULL, 0, 0},
    {"aten::trunc", lower_trunc, NULL, 0, 0},
    {"aten::fix", lower_trunc, NULL, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(unary, "Element-wise functions");
