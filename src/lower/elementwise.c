// Element-wise operators of two operands: arithmetic, comparison, logic, selection.
#include <math.h>
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"

// ---- Arithmetic ----

static ppn_mil_value_t* operand(ppn_lower_context_t* context, const ppn_node_t* node,
                                uint32_t index, ppn_dtype_t dtype) {
  return ppn_row_operand(context, ppn_aten_at(node, index), dtype);
}

// alpha * value
static ppn_mil_value_t* scaled(ppn_lower_context_t* context, const ppn_node_t* node,
                               ppn_mil_value_t* value) {
  double alpha = ppn_row_literal_number(node, "alpha", 1);
  return alpha == 1 ? value : ppn_row_binary_number(context, "mul", value, alpha);
}

static ppn_status_t lower_add(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = operand(context, node, 0, dtype);
  ppn_mil_value_t* y = operand(context, node, 1, dtype);
  if (dtype == PPN_DTYPE_BOOL) {
    return ppn_row_result(context, node, ppn_row_binary(context, "logical_or", x, y));
  }
  return ppn_row_result(context, node, ppn_row_binary(context, "add", x, scaled(context, node, y)));
}

static ppn_status_t lower_sub(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = operand(context, node, 0, dtype);
  ppn_mil_value_t* y = operand(context, node, 1, dtype);
  return ppn_row_result(context, node, ppn_row_binary(context, "sub", x, scaled(context, node, y)));
}

static ppn_status_t lower_rsub(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = operand(context, node, 0, dtype);
  ppn_mil_value_t* y = operand(context, node, 1, dtype);
  return ppn_row_result(context, node, ppn_row_binary(context, "sub", y, scaled(context, node, x)));
}

// Both operands in the result's dtype; `logical` is the operation on booleans.
static ppn_status_t lower_binary(ppn_lower_context_t* context, const ppn_node_t* node,
                                 const char* type, const char* logical) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = operand(context, node, 0, dtype);
  ppn_mil_value_t* y = operand(context, node, 1, dtype);
  if (dtype == PPN_DTYPE_BOOL && logical) type = logical;
  return ppn_row_result(context, node, ppn_row_binary(context, type, x, y));
}

static ppn_status_t lower_mul(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_binary(context, node, "mul", "logical_and");
}

static ppn_status_t lower_maximum(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_binary(context, node, "maximum", "logical_or");
}

static ppn_status_t lower_minimum(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_binary(context, node, "minimum", "logical_and");
}

// The sign of the divisor: Core ML's own definition of mod.
static ppn_status_t lower_remainder(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_binary(context, node, "mod", NULL);
}

static ppn_status_t lower_floor_divide(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_binary(context, node, "floor_div", NULL);
}

// Towards zero: sign(q) * floor(|q|).
static ppn_mil_value_t* truncated_quotient(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                           ppn_mil_value_t* y, ppn_dtype_t dtype) {
  if (dtype == PPN_DTYPE_INT32) {
    ppn_mil_value_t* magnitude = ppn_row_binary(
        context, "floor_div", ppn_row_unary(context, "abs", x), ppn_row_unary(context, "abs", y));
    ppn_mil_value_t* sign = ppn_row_binary(context, "mul", ppn_row_unary(context, "sign", x),
                                           ppn_row_unary(context, "sign", y));
    return ppn_row_binary(context, "mul", magnitude, sign);
  }
  ppn_mil_value_t* quotient = ppn_row_binary(context, "real_div", x, y);
  ppn_mil_value_t* magnitude =
      ppn_row_unary(context, "floor", ppn_row_unary(context, "abs", quotient));
  return ppn_row_binary(context, "mul", magnitude, ppn_row_unary(context, "sign", quotient));
}

static ppn_status_t lower_div(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  const char* mode = ppn_row_literal_text(node, "rounding_mode", "");
  ppn_mil_value_t* x = operand(context, node, 0, dtype);
  ppn_mil_value_t* y = operand(context, node, 1, dtype);
  ppn_mil_value_t* result = strcmp(mode, "floor") == 0 ? ppn_row_binary(context, "floor_div", x, y)
                            : strcmp(mode, "trunc") == 0
                                ? truncated_quotient(context, x, y, dtype)
                                : ppn_row_binary(context, "real_div", x, y);
  return ppn_row_result(context, node, result);
}

// The sign of the dividend.
static ppn_status_t lower_fmod(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = operand(context, node, 0, dtype);
  ppn_mil_value_t* y = operand(context, node, 1, dtype);
  ppn_mil_value_t* whole = truncated_quotient(context, x, y, dtype);
  return ppn_row_result(
      context, node, ppn_row_binary(context, "sub", x, ppn_row_binary(context, "mul", whole, y)));
}

static ppn_status_t lower_pow(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  double exponent = 0;
  ppn_mil_value_t* x = operand(context, node, 0, dtype);
  ppn_mil_value_t* y = operand(context, node, 1, dtype);
  if (ppn_row_constant_number(y, &exponent) && exponent == 2 && y->type.rank == 0) {
    return ppn_row_result(context, node, ppn_row_unary(context, "square", x));
  }
  return ppn_row_result(context, node, ppn_row_binary(context, "pow", x, y));
}

static bool pow_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                          ppn_buffer_t* reason) {
  (void)options;
  if (ppn_row_output_dtype(node) == PPN_DTYPE_BOOL)
    return ppn_row_refuse(reason, "pow of booleans");
  return true;
}

// a + value * b * c, a + value * b / c
static ppn_status_t lower_addc(ppn_lower_context_t* context, const ppn_node_t* node,
                               const char* type) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  double value = ppn_row_literal_number(node, "value", 1);
  ppn_mil_value_t* a = operand(context, node, 0, dtype);
  ppn_mil_value_t* b = operand(context, node, 1, dtype);
  ppn_mil_value_t* c = operand(context, node, 2, dtype);
  ppn_mil_value_t* term = ppn_row_binary(context, type, b, c);
  if (value != 1) term = ppn_row_binary_number(context, "mul", term, value);
  return ppn_row_result(context, node, ppn_row_binary(context, "add", a, term));
}

static ppn_status_t lower_addcmul(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_addc(context, node, "mul");
}

static ppn_status_t lower_addcdiv(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_addc(context, node, "real_div");
}

// start + weight * (end - start)
static ppn_status_t lower_lerp(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* start = operand(context, node, 0, dtype);
  ppn_mil_value_t* end = operand(context, node, 1, dtype);
  ppn_mil_value_t* weight = operand(context, node, 2, dtype);
  ppn_mil_value_t* step =
      ppn_row_binary(context, "mul", ppn_row_binary(context, "sub", end, start), weight);
  return ppn_row_result(context, node, ppn_row_binary(context, "add", start, step));
}

// Quadrant by quadrant: atan(y / x), moved by pi where x is negative; pi / 2 with y's sign where x
// is 0.
static ppn_status_t lower_atan2(ppn_lower_context_t* context, const ppn_node_t* node) {
  const double pi = 3.14159265358979323846;
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* y = operand(context, node, 0, dtype);
  ppn_mil_value_t* x = operand(context, node, 1, dtype);
  ppn_mil_value_t* zero = ppn_row_number(context, dtype, 0);
  ppn_mil_value_t* x_is_zero = ppn_row_binary(context, "equal", x, zero);
  ppn_mil_value_t* safe_x =
      ppn_row_select(context, x_is_zero, ppn_row_number(context, dtype, 1), x);
  ppn_mil_value_t* angle =
      ppn_row_unary(context, "atan", ppn_row_binary(context, "real_div", y, safe_x));
  // Not select(y < 0, -pi, pi): a selection has the shape of what is selected, here a number's.
  ppn_mil_value_t* half_turn = ppn_row_number(context, dtype, pi);
  ppn_mil_value_t* opposite = ppn_row_select(context, ppn_row_binary(context, "less", y, zero),
                                             ppn_row_binary(context, "sub", angle, half_turn),
                                             ppn_row_binary(context, "add", angle, half_turn));
  ppn_mil_value_t* turned =
      ppn_row_select(context, ppn_row_binary(context, "less", x, zero), opposite, angle);
  ppn_mil_value_t* upright =
      ppn_row_binary_number(context, "mul", ppn_row_unary(context, "sign", y), pi / 2);
  // A shape with all operands' broadcast: 0 * x + upright.
  ppn_mil_value_t* spread =
      ppn_row_binary(context, "add", upright, ppn_row_binary(context, "sub", safe_x, safe_x));
  return ppn_row_result(context, node, ppn_row_select(context, x_is_zero, spread, turned));
}

// ---- Bounds ----

static ppn_status_t lower_clamp(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  const char* low_name = ppn_node_argument(node, "min_val") ? "min_val" : "min";
  const char* high_name = ppn_node_argument(node, "max_val") ? "max_val" : "max";
  ppn_mil_value_t* x = operand(context, node, 0, dtype);
  ppn_mil_value_t* low = ppn_row_given(node, low_name)
                             ? ppn_row_operand(context, ppn_node_argument(node, low_name), dtype)
                             : NULL;
  ppn_mil_value_t* high = ppn_row_given(node, high_name)
                              ? ppn_row_operand(context, ppn_node_argument(node, high_name), dtype)
                              : NULL;
  double alpha = 0, beta = 0;
  if (dtype != PPN_DTYPE_INT32 && ppn_row_constant_number(low, &alpha) && low->type.rank == 0 &&
      ppn_row_constant_number(high, &beta) && high->type.rank == 0 && alpha < beta) {
    return ppn_row_result(context, node,
                          ppn_row_emit(context, "clip", {"x", x}, {"alpha", low}, {"beta", high}));
  }
  if (low) x = ppn_row_binary(context, "maximum", x, low);
  if (high) x = ppn_row_binary(context, "minimum", x, high);
  return ppn_row_result(context, node, x);
}

static bool clamp_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason) {
  (void)options;
  if (ppn_row_output_dtype(node) == PPN_DTYPE_BOOL)
    return ppn_row_refuse(reason, "bounds of booleans");
  return true;
}

// ---- Comparison ----

static ppn_status_t lower_comparison(ppn_lower_context_t* context, const ppn_node_t* node,
                                     const char* type) {
  const ppn_argument_t* operands[] = {ppn_aten_at(node, 0), ppn_aten_at(node, 1)};
  ppn_dtype_t dtype = ppn_row_promote(operands, 2);
  // Core ML compares numbers only.
  if (dtype == PPN_DTYPE_BOOL) dtype = PPN_DTYPE_INT32;
  ppn_mil_value_t* x = ppn_row_operand(context, operands[0], dtype);
  ppn_mil_value_t* y = ppn_row_operand(context, operands[1], dtype);
  return ppn_row_result(context, node, ppn_row_binary(context, type, x, y));
}

#define COMPARISON(name, type)                                                             \
  static ppn_status_t lower_##name(ppn_lower_context_t* context, const ppn_node_t* node) { \
    return lower_comparison(context, node, type);                                          \
  }
COMPARISON(eq, "equal")
COMPARISON(ne, "not_equal")
COMPARISON(lt, "less")
COMPARISON(le, "less_equal")
COMPARISON(gt, "greater")
COMPARISON(ge, "greater_equal")
#undef COMPARISON

// ---- Logic ----

static ppn_status_t lower_logical(ppn_lower_context_t* context, const ppn_node_t* node,
                                  const char* type) {
  ppn_mil_value_t* x = operand(context, node, 0, PPN_DTYPE_BOOL);
  ppn_mil_value_t* y = operand(context, node, 1, PPN_DTYPE_BOOL);
  return ppn_row_result(context, node, ppn_row_binary(context, type, x, y));
}

static ppn_status_t lower_and(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_logical(context, node, "logical_and");
}

static ppn_status_t lower_or(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_logical(context, node, "logical_or");
}

static ppn_status_t lower_xor(ppn_lower_context_t* context, const ppn_node_t* node) {
  return lower_logical(context, node, "logical_xor");
}

static ppn_status_t lower_not(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  if (dtype == PPN_DTYPE_INT32) {  // bitwise: -x - 1
    ppn_mil_value_t* x = operand(context, node, 0, dtype);
    ppn_mil_value_t* negated = ppn_row_binary_number(context, "mul", x, -1);
    return ppn_row_result(context, node, ppn_row_binary_number(context, "sub", negated, 1));
  }
  return ppn_row_result(
      context, node,
      ppn_row_unary(context, "logical_not", operand(context, node, 0, PPN_DTYPE_BOOL)));
}

static bool boolean_only(const ppn_node_t* node, const ppn_lower_options_t* options,
                         ppn_buffer_t* reason) {
  (void)options;
  if (ppn_row_output_dtype(node) == PPN_DTYPE_BOOL) return true;
  return ppn_row_refuse(reason, "Core ML has no bitwise operations on integers");
}

// ---- Selection ----

// select infers its result from `a` and `b`: when the condition is what spreads them, one of them
// is broadcast.
static ppn_mil_value_t* select_broadcast(ppn_lower_context_t* context, const ppn_node_t* node,
                                         ppn_mil_value_t* condition, ppn_mil_value_t* a,
                                         ppn_mil_value_t* b) {
  if (context->status || !condition || !a || !b) return NULL;
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  bool complete = meta->rank <= a->type.rank || meta->rank <= b->type.rank;
  for (int i = 0; complete && i < meta->rank; i++) {
    int ai = a->type.rank - 1 - i, bi = b->type.rank - 1 - i;
    ppn_dim_t want = meta->sizes[meta->rank - 1 - i];
    complete = ppn_dim_is(want, 1) || (ai >= 0 && !ppn_dim_is(a->type.sizes[ai], 1)) ||
               (bi >= 0 && !ppn_dim_is(b->type.sizes[bi], 1));
  }
  if (!complete) b = ppn_row_broadcast(context, b, meta->sizes, meta->rank);
  return ppn_row_select(context, condition, a, b);
}

static ppn_status_t lower_where(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* condition = operand(context, node, 0, PPN_DTYPE_BOOL);
  ppn_mil_value_t* a = operand(context, node, 1, dtype);
  ppn_mil_value_t* b = operand(context, node, 2, dtype);
  return ppn_row_result(context, node, select_broadcast(context, node, condition, a, b));
}

static ppn_status_t lower_masked_fill(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = operand(context, node, 0, dtype);
  ppn_mil_value_t* condition = operand(context, node, 1, PPN_DTYPE_BOOL);
  ppn_mil_value_t* value = operand(context, node, 2, dtype);
  return ppn_row_result(context, node, select_broadcast(context, node, condition, value, x));
}

static bool where_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  if (meta && !ppn_row_sizes_known(node, meta->sizes, meta->rank)) {
    return ppn_row_refuse(reason, "the result's sizes cannot be read from the operands");
  }
  return true;
}

static const ppn_lower_row_t rows[] = {
    {"aten::add.Tensor", lower_add, NULL, 0, 0},
    {"aten::add.Scalar", lower_add, NULL, 0, 0},
    {"aten::sub.Tensor", lower_sub, NULL, 0, 0},
    {"aten::sub.Scalar", lower_sub, NULL, 0, 0},
    {"aten::rsub.Tensor", lower_rsub, NULL, 0, 0},
    {"aten::rsub.Scalar", lower_rsub, NULL, 0, 0},
    {"aten::mul.Tensor", lower_mul, NULL, 0, 0},
    {"aten::mul.Scalar", lower_mul, NULL, 0, 0},
    {"aten::div.Tensor", lower_div, NULL, 0, 0},
    {"aten::div.Scalar", lower_div, NULL, 0, 0},
    {"aten::div.Tensor_mode", lower_div, NULL, 0, 0},
    {"aten::div.Scalar_mode", lower_div, NULL, 0, 0},
    {"aten::true_divide.Tensor", lower_div, NULL, 0, 0},
    {"aten::true_divide.Scalar", lower_div, NULL, 0, 0},
    {"aten::floor_divide", lower_floor_divide, NULL, 0, 0},
    {"aten::floor_divide.Scalar", lower_floor_divide, NULL, 0, 0},
    {"aten::remainder.Tensor", lower_remainder, NULL, 0, 0},
    {"aten::remainder.Scalar", lower_remainder, NULL, 0, 0},
    {"aten::remainder.Scalar_Tensor", lower_remainder, NULL, 0, 0},
    {"aten::fmod.Tensor", lower_fmod, NULL, 0, 0},
    {"aten::fmod.Scalar", lower_fmod, NULL, 0, 0},
    {"aten::pow.Tensor_Tensor", lower_pow, pow_supported, 0, 0},
    {"aten::pow.Tensor_Scalar", lower_pow, pow_supported, 0, 0},
    {"aten::pow.Scalar", lower_pow, pow_supported, 0, 0},
    {"aten::maximum", lower_maximum, NULL, 0, 0},
    {"aten::max.other", lower_maximum, NULL, 0, 0},
    {"aten::minimum", lower_minimum, NULL, 0, 0},
    {"aten::min.other", lower_minimum, NULL, 0, 0},
    {"aten::addcmul", lower_addcmul, NULL, 0, 0},
    {"aten::addcdiv", lower_addcdiv, NULL, 0, 0},
    {"aten::lerp.Tensor", lower_lerp, NULL, 0, 0},
    {"aten::lerp.Scalar", lower_lerp, NULL, 0, 0},
    {"aten::atan2", lower_atan2, NULL, 0, 0},
    {"aten::clamp", lower_clamp, clamp_supported, 0, 0},
    {"aten::clamp.Tensor", lower_clamp, clamp_supported, 0, 0},
    {"aten::clip", lower_clamp, clamp_supported, 0, 0},
    {"aten::clip.Tensor", lower_clamp, clamp_supported, 0, 0},
    {"aten::clamp_min", lower_clamp, clamp_supported, 0, 0},
    {"aten::clamp_min.Tensor", lower_clamp, clamp_supported, 0, 0},
    {"aten::clamp_max", lower_clamp, clamp_supported, 0, 0},
    {"aten::clamp_max.Tensor", lower_clamp, clamp_supported, 0, 0},
    {"aten::hardtanh", lower_clamp, clamp_supported, 0, 0},
    {"aten::eq.Tensor", lower_eq, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::eq.Scalar", lower_eq, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::ne.Tensor", lower_ne, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::ne.Scalar", lower_ne, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::lt.Tensor", lower_lt, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::lt.Scalar", lower_lt, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::le.Tensor", lower_le, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::le.Scalar", lower_le, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::gt.Tensor", lower_gt, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::gt.Scalar", lower_gt, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::ge.Tensor", lower_ge, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::ge.Scalar", lower_ge, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::logical_and", lower_and, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::logical_or", lower_or, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::logical_xor", lower_xor, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::logical_not", lower_not, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::bitwise_and.Tensor", lower_and, boolean_only, 0, 0},
    {"aten::bitwise_and.Scalar", lower_and, boolean_only, 0, 0},
    {"aten::bitwise_or.Tensor", lower_or, boolean_only, 0, 0},
    {"aten::bitwise_or.Scalar", lower_or, boolean_only, 0, 0},
    {"aten::bitwise_xor.Tensor", lower_xor, boolean_only, 0, 0},
    {"aten::bitwise_xor.Scalar", lower_xor, boolean_only, 0, 0},
    {"aten::__and__.Tensor", lower_and, boolean_only, 0, 0},
    {"aten::__or__.Tensor", lower_or, boolean_only, 0, 0},
    {"aten::__xor__.Tensor", lower_xor, boolean_only, 0, 0},
    {"aten::bitwise_not", lower_not, NULL, 0, 0},
    {"aten::where.self", lower_where, where_supported, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::where.ScalarSelf", lower_where, where_supported, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::where.ScalarOther", lower_where, where_supported, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::where.Scalar", lower_where, where_supported, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::masked_fill.Scalar", lower_masked_fill, where_supported, 0, PPN_LOWER_SMALL_INTEGERS},
    {"aten::masked_fill.Tensor", lower_masked_fill, where_supported, 0, PPN_LOWER_SMALL_INTEGERS},
};

PPN_LOWER_DEFINE_FAMILY(elementwise, "Arithmetic, comparison, logic");
