// Operators that compute each element of the result from one element of each argument.
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/reduce.h"
#include "runtime/operator_numbers.h"
#include "runtime/operators.h"

// ---- One tensor ----

// (self, …, out)
static ppn_status_t run_unary(ppn_operator_call_t* call, ppn_unary_t op,
                              const ppn_elementwise_parameters_t* parameters, uint32_t out_index) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  ppn_call_shape_t shape = {0};
  ppn_call_broadcast(call, self, &shape);
  ppn_tensor_t* out = ppn_call_out_shaped(call, out_index, &shape);
  if (self && out) ppn_kernel_unary(op, parameters, self, out, call->pool);
  return ppn_call_finish(call);
}

#define UNARY_OPERATORS(row)                                                                      \
  row(abs, PPN_UNARY_ABS) row(acos, PPN_UNARY_ACOS) row(acosh, PPN_UNARY_ACOSH)                   \
      row(asin, PPN_UNARY_ASIN) row(asinh, PPN_UNARY_ASINH) row(atan, PPN_UNARY_ATAN)             \
          row(atanh, PPN_UNARY_ATANH) row(ceil, PPN_UNARY_CEIL) row(cos, PPN_UNARY_COS)           \
              row(cosh, PPN_UNARY_COSH) row(erf, PPN_UNARY_ERF) row(exp, PPN_UNARY_EXP) row(      \
                  exp2, PPN_UNARY_EXP2) row(expm1, PPN_UNARY_EXPM1) row(floor, PPN_UNARY_FLOOR)   \
                  row(isinf, PPN_UNARY_IS_INFINITE) row(isnan, PPN_UNARY_IS_NAN) row(             \
                      log, PPN_UNARY_LOG) row(log10, PPN_UNARY_LOG10) row(log1p, PPN_UNARY_LOG1P) \
                      row(log2, PPN_UNARY_LOG2) row(logical_not, PPN_UNARY_LOGICAL_NOT)           \
                          row(neg, PPN_UNARY_NEGATE) row(reciprocal, PPN_UNARY_RECIPROCAL)        \
                              row(relu, PPN_UNARY_RELU) row(round, PPN_UNARY_ROUND)               \
                                  row(rsqrt, PPN_UNARY_RSQRT) row(sigmoid, PPN_UNARY_SIGMOID)     \
                                      row(sign, PPN_UNARY_SIGN) row(silu, PPN_UNARY_SILU)         \
                                          row(sin, PPN_UNARY_SIN) row(sinh, PPN_UNARY_SINH)       \
                                              row(sqrt, PPN_UNARY_SQRT) row(tan, PPN_UNARY_TAN)   \
                                                  row(tanh, PPN_UNARY_TANH)                       \
                                                      row(trunc, PPN_UNARY_TRUNCATE)

#define UNARY_FUNCTION(name, op)                              \
  static ppn_status_t run_##name(ppn_operator_call_t* call) { \
    return run_unary(call, op, NULL, 1);                      \
  }
UNARY_OPERATORS(UNARY_FUNCTION)

// Not of the one bit of a bool, but of all of the byte, would be 254 or 255.
static ppn_status_t run_bitwise_not(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  bool is_bool = self && self->dtype == PPN_DTYPE_BOOL;
  return run_unary(call, is_bool ? PPN_UNARY_LOGICAL_NOT : PPN_UNARY_BITWISE_NOT, NULL, 1);
}

// (self, approximate, out)
static ppn_status_t run_gelu(ppn_operator_call_t* call) {
  ppn_string_view_t approximate = ppn_call_string(call, 1);
  bool is_tanh = ppn_sv_equals(approximate, "tanh");
  if (!call->status && !is_tanh && !ppn_sv_equals(approximate, "none")) {
    ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                                        "approximate is '%.*s'; expected 'none' or 'tanh'",
                                        (int)approximate.size, approximate.data));
  }
  return run_unary(call, is_tanh ? PPN_UNARY_GELU_TANH : PPN_UNARY_GELU, NULL, 2);
}

// (self, alpha, scale, input_scale, out)
static ppn_status_t run_elu(ppn_operator_call_t* call) {
  ppn_elementwise_parameters_t parameters = {
      ppn_call_double(call, 1, 1), ppn_call_double(call, 2, 1), ppn_call_double(call, 3, 1)};
  return run_unary(call, PPN_UNARY_ELU, &parameters, 4);
}

// (self, negative_slope, out)
static ppn_status_t run_leaky_relu(ppn_operator_call_t* call) {
  ppn_elementwise_parameters_t parameters = {.alpha = ppn_call_double(call, 1, 0.01)};
  return run_unary(call, PPN_UNARY_LEAKY_RELU, &parameters, 2);
}

// (self, eps, out)
static ppn_status_t run_logit(ppn_operator_call_t* call) {
  ppn_elementwise_parameters_t parameters = {.alpha = ppn_call_double(call, 1, -1)};
  return run_unary(call, PPN_UNARY_LOGIT, &parameters, 2);
}

// The first half along a dimension times the sigmoid of the second: (self, dim, out)
static ppn_status_t run_glu(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, -1), self->rank);
  if (call->status || self->rank == 0 || self->sizes[dim] % 2 != 0) {
    ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                                        "dimension %d must have an even size", dim));
    return ppn_call_finish(call);
  }
  ppn_tensor_t first = *self, second = *self;
  first.sizes[dim] = second.sizes[dim] = self->sizes[dim] / 2;
  second.data = (uint8_t*)self->data +
                first.sizes[dim] * self->strides[dim] * (int64_t)ppn_dtype_size(self->dtype);
  ppn_tensor_t* out = ppn_call_out(call, 2, PPN_DTYPE_INVALID, first.rank, first.sizes);
  if (!out) return ppn_call_finish(call);
  ppn_dtype_t type = ppn_compute_type(self->dtype);
  ppn_tensor_t gate = ppn_tensor_make(NULL, type, first.rank, first.sizes);
  gate.data = ppn_call_scratch(call, ppn_tensor_size(&gate));
  if (gate.data) {
    ppn_kernel_unary(PPN_UNARY_SIGMOID, NULL, &second, &gate, call->pool);
    ppn_kernel_binary(PPN_BINARY_MULTIPLY, NULL, type, &first, &gate, out, call->pool);
  }
  return ppn_call_finish(call);
}

// ---- Two tensors, or a tensor and a number ----

static bool has_zero(const ppn_tensor_t* tensor) {
  uint8_t all = 1;
  ppn_tensor_t target = ppn_tensor_make(&all, PPN_DTYPE_BOOL, 0, NULL);
  ppn_kernel_reduce(PPN_REDUCTION_ALL, tensor, ppn_axes_all(tensor->rank), 0, &target, NULL);
  return !all;
}

static bool divides(ppn_binary_t op) {
  return op >= PPN_BINARY_DIVIDE && op <= PPN_BINARY_FMOD;
}

// x op y in the dtype `common`.
static ppn_status_t finish_binary(ppn_operator_call_t* call, ppn_binary_t op,
                                  const ppn_elementwise_parameters_t* parameters,
                                  ppn_dtype_t common, const ppn_tensor_t* x, const ppn_tensor_t* y,
                                  uint32_t out_index) {
  ppn_call_shape_t shape = {0};
  ppn_call_broadcast(call, x, &shape);
  ppn_call_broadcast(call, y, &shape);
  ppn_tensor_t* out = ppn_call_out_shaped(call, out_index, &shape);
  if (!out) return ppn_call_finish(call);
  ppn_dtype_t type = ppn_compute_type(common);
  if (!ppn_binary_has(op, type)) {
    if (ppn_dtype_is_float(common)) {
      ppn_call_fail(
          call, ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                                "tensors of %s have no bits to combine", ppn_dtype_name(common)));
      return ppn_call_finish(call);
    }
    type = PPN_DTYPE_FLOAT32;
  }
  if (type == PPN_DTYPE_INT64 && divides(op) && has_zero(y)) {
    ppn_call_fail(call,
                  ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "integers are divided by zero"));
    return ppn_call_finish(call);
  }
  ppn_kernel_binary(op, parameters, type, x, y, out, call->pool);
  return ppn_call_finish(call);
}

// (self, other, …, out), both tensors
static ppn_status_t run_tensors(ppn_operator_call_t* call, ppn_binary_t op,
                                const ppn_elementwise_parameters_t* parameters,
                                uint32_t out_index) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *other = ppn_call_tensor(call, 1);
  if (!self || !other) return ppn_call_finish(call);
  ppn_dtype_t common = ppn_call_promote(call, self->dtype, other->dtype);
  return finish_binary(call, op, parameters, common, self, other, out_index);
}

// (self, other, …, out), other a number
static ppn_status_t run_scalar(ppn_operator_call_t* call, ppn_binary_t op,
                               const ppn_elementwise_parameters_t* parameters, uint32_t out_index) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  ppn_scalar_tensor_t other;
  ppn_call_scalar(call, 1, &other);
  if (!self) return ppn_call_finish(call);
  ppn_dtype_t common = ppn_promote_scalar(self->dtype, other.tensor.dtype);
  return finish_binary(call, op, parameters, common, self, &other.tensor, out_index);
}

// name of the operator, of its function, kernel
#define TENSOR_OPERATORS(row)                                                                      \
  row("aten::atan2.out", atan2, PPN_BINARY_ATAN2)                                                  \
      row("aten::bitwise_and.Tensor_out", bitwise_and, PPN_BINARY_BITWISE_AND) row(                \
          "aten::bitwise_left_shift.Tensor_out", left_shift, PPN_BINARY_SHIFT_LEFT)                \
          row("aten::bitwise_or.Tensor_out", bitwise_or, PPN_BINARY_BITWISE_OR) row(               \
              "aten::bitwise_right_shift.Tensor_out", right_shift, PPN_BINARY_SHIFT_RIGHT)         \
              row("aten::bitwise_xor.Tensor_out", bitwise_xor, PPN_BINARY_BITWISE_XOR) row(        \
                  "aten::eq.Tensor_out", eq, PPN_BINARY_EQUAL)                                     \
                  row("aten::floor_divide.out", floor_divide, PPN_BINARY_DIVIDE_FLOOR) row(        \
                      "aten::fmod.Tensor_out", fmod, PPN_BINARY_FMOD)                              \
                      row("aten::ge.Tensor_out", ge, PPN_BINARY_GREATER_EQUAL) row(                \
                          "aten::gt.Tensor_out", gt, PPN_BINARY_GREATER)                           \
                          row("aten::le.Tensor_out", le, PPN_BINARY_LESS_EQUAL) row(               \
                              "aten::logical_and.out", logical_and, PPN_BINARY_LOGICAL_AND)        \
                              row("aten::logical_or.out", logical_or, PPN_BINARY_LOGICAL_OR) row(  \
                                  "aten::logical_xor.out", logical_xor, PPN_BINARY_LOGICAL_XOR)    \
                                  row("aten::lt.Tensor_out", lt, PPN_BINARY_LESS)                  \
                                      row("aten::maximum.out", maximum, PPN_BINARY_MAXIMUM)        \
                                          row("aten::minimum.out", minimum, PPN_BINARY_MINIMUM)    \
                                              row("aten::mul.out", mul, PPN_BINARY_MULTIPLY) row(  \
                                                  "aten::ne.Tensor_out", ne, PPN_BINARY_NOT_EQUAL) \
                                                  row("aten::pow.Tensor_Tensor_out", pow,          \
                                                      PPN_BINARY_POWER)                            \
                                                      row("aten::remainder.Tensor_out", remainder, \
                                                          PPN_BINARY_REMAINDER)

#define SCALAR_OPERATORS(row)                                                                     \
  row("aten::bitwise_and.Scalar_out", bitwise_and_scalar, PPN_BINARY_BITWISE_AND)                 \
      row("aten::bitwise_left_shift.Tensor_Scalar_out", left_shift_scalar, PPN_BINARY_SHIFT_LEFT) \
          row("aten::bitwise_or.Scalar_out", bitwise_or_scalar, PPN_BINARY_BITWISE_OR)            \
              row("aten::bitwise_right_shift.Tensor_Scalar_out", right_shift_scalar,              \
                  PPN_BINARY_SHIFT_RIGHT)                                                         \
                  row("aten::bitwise_xor.Scalar_out", bitwise_xor_scalar, PPN_BINARY_BITWISE_XOR) \
                      row("aten::eq.Scalar_out", eq_scalar, PPN_BINARY_EQUAL)                     \
                          row("aten::fmod.Scalar_out", fmod_scalar, PPN_BINARY_FMOD) row(         \
                              "aten::ge.Scalar_out", ge_scalar, PPN_BINARY_GREATER_EQUAL)         \
                              row("aten::gt.Scalar_out", gt_scalar, PPN_BINARY_GREATER) row(      \
                                  "aten::le.Scalar_out", le_scalar, PPN_BINARY_LESS_EQUAL)        \
                                  row("aten::lt.Scalar_out", lt_scalar, PPN_BINARY_LESS) row(     \
                                      "aten::mul.Scalar_out", mul_scalar, PPN_BINARY_MULTIPLY)    \
                                      row("aten::ne.Scalar_out", ne_scalar, PPN_BINARY_NOT_EQUAL) \
                                          row("aten::pow.Tensor_Scalar_out", pow_scalar,          \
                                              PPN_BINARY_POWER)                                   \
                                              row("aten::remainder.Scalar_out", remainder_scalar, \
                                                  PPN_BINARY_REMAINDER)

#define TENSOR_FUNCTION(operator_name, name, op)              \
  static ppn_status_t run_##name(ppn_operator_call_t* call) { \
    return run_tensors(call, op, NULL, 2);                    \
  }
#define SCALAR_FUNCTION(operator_name, name, op)              \
  static ppn_status_t run_##name(ppn_operator_call_t* call) { \
    return run_scalar(call, op, NULL, 2);                     \
  }
TENSOR_OPERATORS(TENSOR_FUNCTION)
SCALAR_OPERATORS(SCALAR_FUNCTION)

// (self, other, alpha, out)
static ppn_status_t run_add(ppn_operator_call_t* call) {
  ppn_elementwise_parameters_t parameters = {.alpha = ppn_call_double(call, 2, 1)};
  return run_tensors(call, PPN_BINARY_ADD, &parameters, 3);
}
static ppn_status_t run_add_scalar(ppn_operator_call_t* call) {
  ppn_elementwise_parameters_t parameters = {.alpha = ppn_call_double(call, 2, 1)};
  return run_scalar(call, PPN_BINARY_ADD, &parameters, 3);
}
static ppn_status_t run_sub(ppn_operator_call_t* call) {
  ppn_elementwise_parameters_t parameters = {.alpha = ppn_call_double(call, 2, 1)};
  return run_tensors(call, PPN_BINARY_SUBTRACT, &parameters, 3);
}
static ppn_status_t run_sub_scalar(ppn_operator_call_t* call) {
  ppn_elementwise_parameters_t parameters = {.alpha = ppn_call_double(call, 2, 1)};
  return run_scalar(call, PPN_BINARY_SUBTRACT, &parameters, 3);
}
// other - alpha self
static ppn_status_t run_rsub_scalar(ppn_operator_call_t* call) {
  ppn_elementwise_parameters_t parameters = {.alpha = ppn_call_double(call, 2, 1)};
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  ppn_scalar_tensor_t other;
  ppn_call_scalar(call, 1, &other);
  if (!self) return ppn_call_finish(call);
  ppn_dtype_t common = ppn_promote_scalar(self->dtype, other.tensor.dtype);
  return finish_binary(call, PPN_BINARY_SUBTRACT, &parameters, common, &other.tensor, self, 3);
}

// (self, exponent, out), self a number
static ppn_status_t run_scalar_pow(ppn_operator_call_t* call) {
  const ppn_tensor_t* exponent = ppn_call_tensor(call, 1);
  ppn_scalar_tensor_t self;
  ppn_call_scalar(call, 0, &self);
  if (!exponent) return ppn_call_finish(call);
  ppn_dtype_t common = ppn_promote_scalar(exponent->dtype, self.tensor.dtype);
  return finish_binary(call, PPN_BINARY_POWER, NULL, common, &self.tensor, exponent, 2);
}

// Division of integers without a rounding mode is division of floats.
static ppn_dtype_t dividend_type(ppn_dtype_t common, ppn_binary_t op) {
  return op == PPN_BINARY_DIVIDE && !ppn_dtype_is_float(common) ? PPN_DTYPE_FLOAT32 : common;
}

static ppn_binary_t rounding_mode(ppn_operator_call_t* call, uint32_t index) {
  if (ppn_call_is_none(call, index)) return PPN_BINARY_DIVIDE;
  ppn_string_view_t mode = ppn_call_string(call, index);
  if (ppn_sv_equals(mode, "floor")) return PPN_BINARY_DIVIDE_FLOOR;
  if (!ppn_sv_equals(mode, "trunc")) {
    ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                                        "rounding mode '%.*s'; expected 'trunc' or 'floor'",
                                        (int)mode.size, mode.data));
  }
  return PPN_BINARY_DIVIDE_TRUNCATE;
}

static ppn_status_t divide_tensors(ppn_operator_call_t* call, ppn_binary_t op, uint32_t out_index) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *other = ppn_call_tensor(call, 1);
  if (!self || !other) return ppn_call_finish(call);
  ppn_dtype_t common = ppn_call_promote(call, self->dtype, other->dtype);
  return finish_binary(call, op, NULL, dividend_type(common, op), self, other, out_index);
}

static ppn_status_t divide_scalar(ppn_operator_call_t* call, ppn_binary_t op, uint32_t out_index) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  ppn_scalar_tensor_t other;
  ppn_call_scalar(call, 1, &other);
  if (!self) return ppn_call_finish(call);
  ppn_dtype_t common = ppn_promote_scalar(self->dtype, other.tensor.dtype);
  return finish_binary(call, op, NULL, dividend_type(common, op), self, &other.tensor, out_index);
}

// (self, other, out)
static ppn_status_t run_div(ppn_operator_call_t* call) {
  return divide_tensors(call, PPN_BINARY_DIVIDE, 2);
}
static ppn_status_t run_div_scalar(ppn_operator_call_t* call) {
  return divide_scalar(call, PPN_BINARY_DIVIDE, 2);
}
// (self, other, rounding_mode, out)
static ppn_status_t run_div_mode(ppn_operator_call_t* call) {
  return divide_tensors(call, rounding_mode(call, 2), 3);
}
static ppn_status_t run_div_scalar_mode(ppn_operator_call_t* call) {
  return divide_scalar(call, rounding_mode(call, 2), 3);
}

// ---- Three ----

static ppn_status_t finish_ternary(ppn_operator_call_t* call, ppn_ternary_t op, ppn_dtype_t common,
                                   const ppn_tensor_t* x, const ppn_tensor_t* y,
                                   const ppn_tensor_t* z, uint32_t out_index) {
  ppn_call_shape_t shape = {0};
  ppn_call_broadcast(call, x, &shape);
  ppn_call_broadcast(call, y, &shape);
  ppn_call_broadcast(call, z, &shape);
  ppn_tensor_t* out = ppn_call_out_shaped(call, out_index, &shape);
  if (out) ppn_kernel_ternary(op, ppn_compute_type(common), x, y, z, out, call->pool);
  return ppn_call_finish(call);
}

// (condition, self, other, out)
static ppn_status_t run_where(ppn_operator_call_t* call) {
  const ppn_tensor_t *condition = ppn_call_tensor(call, 0), *self = ppn_call_tensor(call, 1),
                     *other = ppn_call_tensor(call, 2);
  if (!condition || !self || !other) return ppn_call_finish(call);
  ppn_dtype_t common = ppn_call_promote(call, self->dtype, other->dtype);
  return finish_ternary(call, PPN_TERNARY_SELECT, common, condition, self, other, 3);
}

// (self, mask, value, out)
static ppn_status_t run_masked_fill(ppn_operator_call_t* call) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *mask = ppn_call_tensor(call, 1);
  ppn_scalar_tensor_t value;
  ppn_call_scalar(call, 2, &value);
  if (!self || !mask) return ppn_call_finish(call);
  return finish_ternary(call, PPN_TERNARY_SELECT, self->dtype, mask, &value.tensor, self, 3);
}

// Limits that are not given: none.
static void no_limit(ppn_dtype_t common, bool is_low, ppn_scalar_tensor_t* out) {
  if (ppn_dtype_is_float(common)) {
    ppn_scalar_from_double(is_low ? -INFINITY : INFINITY, out);
  } else {
    ppn_scalar_from_int(is_low ? INT64_MIN : INT64_MAX, out);
  }
}

// (self, min, max, out), numbers or None; hardtanh too
static ppn_status_t run_clamp(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  ppn_dtype_t common = self->dtype;
  ppn_scalar_tensor_t limits[2];
  for (uint32_t i = 0; i < 2; ++i) {
    if (ppn_call_is_none(call, 1 + i)) continue;
    ppn_call_scalar(call, 1 + i, &limits[i]);
    common = ppn_promote_scalar(common, limits[i].tensor.dtype);
  }
  for (uint32_t i = 0; i < 2; ++i) {
    if (ppn_call_is_none(call, 1 + i)) no_limit(common, i == 0, &limits[i]);
  }
  return finish_ternary(call, PPN_TERNARY_CLAMP, common, self, &limits[0].tensor, &limits[1].tensor,
                        3);
}

// (self, min, max, out), tensors or None
static ppn_status_t run_clamp_tensor(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  const ppn_tensor_t* limits[] = {ppn_call_tensor(call, 1), ppn_call_tensor(call, 2)};
  if (!self) return ppn_call_finish(call);
  ppn_dtype_t common = self->dtype;
  ppn_scalar_tensor_t none[2];
  for (int i = 0; i < 2; ++i) {
    if (limits[i]) common = ppn_call_promote(call, common, limits[i]->dtype);
  }
  for (int i = 0; i < 2; ++i) {
    if (limits[i]) continue;
    no_limit(common, i == 0, &none[i]);
    limits[i] = &none[i].tensor;
  }
  return finish_ternary(call, PPN_TERNARY_CLAMP, common, self, limits[0], limits[1], 3);
}

#define UNARY_ROW(name, op) {"aten::" #name ".out", run_##name},
#define BINARY_ROW(operator_name, name, op) {operator_name, run_##name},

static const ppn_operator_row_t rows[] = {
    UNARY_OPERATORS(UNARY_ROW) TENSOR_OPERATORS(BINARY_ROW)
        SCALAR_OPERATORS(BINARY_ROW){"aten::add.out", run_add},
    {"aten::add.Scalar_out", run_add_scalar},
    {"aten::bitwise_not.out", run_bitwise_not},
    {"aten::clamp.out", run_clamp},
    {"aten::clamp.Tensor_out", run_clamp_tensor},
    {"aten::div.out", run_div},
    {"aten::div.out_mode", run_div_mode},
    {"aten::div.Scalar_mode_out", run_div_scalar_mode},
    {"aten::div.Scalar_out", run_div_scalar},
    {"aten::elu.out", run_elu},
    {"aten::gelu.out", run_gelu},
    {"aten::glu.out", run_glu},
    {"aten::hardtanh.out", run_clamp},
    {"aten::leaky_relu.out", run_leaky_relu},
    {"aten::logit.out", run_logit},
    {"aten::masked_fill.Scalar_out", run_masked_fill},
    {"aten::pow.Scalar_out", run_scalar_pow},
    {"aten::rsub.Scalar_out", run_rsub_scalar},
    {"aten::sub.out", run_sub},
    {"aten::sub.Scalar_out", run_sub_scalar},
    {"aten::where.self_out", run_where},
};

const ppn_operator_family_t ppn_operators_elementwise = {rows, PPN_COUNT_OF(rows)};
