// Element-wise functions of a floating point type. Included once per table: by float64.c, and for
// each instruction set by way of float32_functions.h. The file that includes it defines
//
//   REAL             the type
//   REAL_EXP …       the functions below, of REAL
//   FUNCTIONS_TABLE  the name of the table
//
// All other functions are the C library's, chosen by type (tgmath.h).
#include <tgmath.h>

#include "kernels/map_functions.h"

#define UNARY(name, expression) PPN_MAP_UNARY(unary_##name, REAL, REAL, (REAL), expression)
#define UNARY_PREDICATE(name, expression) \
  PPN_MAP_UNARY(unary_##name, REAL, uint8_t, (REAL), expression)
#define BINARY(name, expression) PPN_MAP_BINARY(binary_##name, REAL, REAL, (REAL), expression)
#define BINARY_PREDICATE(name, expression) \
  PPN_MAP_BINARY(binary_##name, REAL, uint8_t, (REAL), expression)
#define TERNARY(name, first_type, expression) \
  PPN_MAP_TERNARY(ternary_##name, first_type, REAL, expression)

static inline REAL clip(REAL x, REAL low, REAL high) {
  REAL raised = x < low ? low : x;
  return raised > high ? high : raised;
}

static inline REAL logit(REAL x, REAL epsilon) {
  REAL bounded = epsilon >= 0 ? clip(x, epsilon, 1 - epsilon) : x;
  return log(bounded / (1 - bounded));
}

// With tanh(u) = 1 - 2 / (exp(2u) + 1), x/2 (1 + tanh u) is x sigmoid(2u), which does not cancel.
static inline REAL gelu_tanh(REAL x) {
  REAL u = (REAL)0.7978845608028654 * (x + (REAL)0.044715 * x * x * x);
  return x / (1 + REAL_EXP(-2 * u));
}

static inline REAL bent(REAL x, REAL slope) {
  return x >= 0 ? x : slope * x;
}

static inline REAL clamped_relu(REAL x, REAL slope, REAL limit) {
  REAL value = bent(x, slope);
  return value > limit ? limit : value;
}

static inline REAL softplus(REAL x) {
  return REAL_LOG1P_POSITIVE(REAL_EXP(-fabs(x))) + (x < 0 ? 0 : x);
}

// The quotient rounded down. Not floor(x / y), whose rounding can lift it over an integer.
static inline REAL divide_floor(REAL x, REAL y) {
  if (y == 0) return x / y;
  REAL rest = fmod(x, y);
  REAL quotient = (x - rest) / y;
  if (rest != 0 && (y < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return copysign((REAL)0, x / y);
  REAL rounded = floor(quotient);
  return quotient - rounded > (REAL)0.5 ? rounded + 1 : rounded;
}

static inline REAL remainder_floor(REAL x, REAL y) {
  REAL rest = fmod(x, y);
  return rest != 0 && (y < 0) != (rest < 0) ? rest + y : rest;
}

static inline REAL maximum(REAL x, REAL y) {
  return x > y || x != x ? x : y;
}

static inline REAL minimum(REAL x, REAL y) {
  return x < y || x != x ? x : y;
}

UNARY(identity, x)
UNARY(abs, fabs(x))
UNARY(negate, -x)
UNARY(sign, (x > 0 ? 1 : 0) - (x < 0 ? 1 : 0))
UNARY(square, (x * x))
UNARY(relu, x < 0 ? 0 : x)
UNARY(clip, clip(x, alpha, beta))
UNARY_PREDICATE(logical_not, x == 0)
UNARY_PREDICATE(is_nan, x != x)
UNARY_PREDICATE(is_infinite, fabs(x) == (REAL)INFINITY)
UNARY(floor, floor(x))
UNARY(ceil, ceil(x))
UNARY(round, rint(x))
UNARY(truncate, trunc(x))
UNARY(sqrt, sqrt(x))
UNARY(rsqrt, 1 / sqrt(x + alpha))
UNARY(reciprocal, 1 / (x + alpha))
UNARY(exp, REAL_EXP(x))
UNARY(exp2, exp2(x))
UNARY(expm1, REAL_EXPM1(x))
UNARY(log, REAL_LOG(x + alpha))
UNARY(log2, log2(x))
UNARY(log10, log10(x))
UNARY(log1p, log1p(x))
UNARY(sin, sin(x))
UNARY(cos, cos(x))
UNARY(tan, tan(x))
UNARY(asin, asin(x))
UNARY(acos, acos(x))
UNARY(atan, atan(x))
UNARY(sinh, sinh(x))
UNARY(cosh, cosh(x))
UNARY(tanh, REAL_TANH(x))
UNARY(asinh, asinh(x))
UNARY(acosh, acosh(x))
UNARY(atanh, atanh(x))
UNARY(erf, REAL_ERF(x))
UNARY(logit, logit(x, alpha))
UNARY(sigmoid, 1 / (1 + REAL_EXP(-x)))
UNARY(silu, x / (1 + REAL_EXP(-x)))
UNARY(gelu, REAL_GELU(x))
UNARY(gelu_tanh, gelu_tanh(x))
UNARY(gelu_sigmoid, x / (1 + REAL_EXP((REAL)-1.702 * x)))
UNARY(softplus, softplus(x))
UNARY(softsign, x / (1 + fabs(x)))
UNARY(elu, x > 0 ? beta * x : alpha * beta * REAL_EXPM1(gamma * x))
UNARY(leaky_relu, bent(x, alpha))
UNARY(linear, alpha* x + beta)
UNARY(scaled_tanh, alpha* REAL_TANH(beta* x))
UNARY(hard_sigmoid, clip(alpha* x + beta, 0, 1))
UNARY(thresholded_relu, x < alpha ? 0 : x)
UNARY(clamped_relu, clamped_relu(x, alpha, beta))

BINARY(add, x + alpha * y)
BINARY(subtract, x - alpha * y)
BINARY(multiply, (x * y))
BINARY(divide, x / y)
BINARY(divide_truncate, trunc(x / y))
BINARY(divide_floor, divide_floor(x, y))
BINARY(remainder, remainder_floor(x, y))
BINARY(fmod, fmod(x, y))
BINARY(power, pow(x, y))
BINARY(maximum, maximum(x, y))
BINARY(minimum, minimum(x, y))
BINARY_PREDICATE(equal, x == y)
BINARY_PREDICATE(not_equal, x != y)
BINARY_PREDICATE(less, x < y)
BINARY_PREDICATE(less_equal, x <= y)
BINARY_PREDICATE(greater, x > y)
BINARY_PREDICATE(greater_equal, x >= y)
BINARY_PREDICATE(logical_and, (x != 0) & (y != 0))
BINARY_PREDICATE(logical_or, (x != 0) | (y != 0))
BINARY_PREDICATE(logical_xor, (x != 0) ^ (y != 0))
BINARY(atan2, atan2(x, y))
BINARY(prelu, bent(x, y))

TERNARY(select, uint8_t, x ? y : z)
TERNARY(clamp, REAL, minimum(maximum(x, y), z))
TERNARY(affine, REAL, x* y + z)
TERNARY(softplus, REAL, y* softplus(z* x))

const ppn_map_functions_t FUNCTIONS_TABLE = {
    .unary =
        {
            [PPN_UNARY_IDENTITY] = unary_identity,
            [PPN_UNARY_ABS] = unary_abs,
            [PPN_UNARY_NEGATE] = unary_negate,
            [PPN_UNARY_SIGN] = unary_sign,
            [PPN_UNARY_SQUARE] = unary_square,
            [PPN_UNARY_RELU] = unary_relu,
            [PPN_UNARY_CLIP] = unary_clip,
            [PPN_UNARY_LOGICAL_NOT] = unary_logical_not,
            [PPN_UNARY_IS_NAN] = unary_is_nan,
            [PPN_UNARY_IS_INFINITE] = unary_is_infinite,
            [PPN_UNARY_FLOOR] = unary_floor,
            [PPN_UNARY_CEIL] = unary_ceil,
            [PPN_UNARY_ROUND] = unary_round,
            [PPN_UNARY_TRUNCATE] = unary_truncate,
            [PPN_UNARY_SQRT] = unary_sqrt,
            [PPN_UNARY_RSQRT] = unary_rsqrt,
            [PPN_UNARY_RECIPROCAL] = unary_reciprocal,
            [PPN_UNARY_EXP] = unary_exp,
            [PPN_UNARY_EXP2] = unary_exp2,
            [PPN_UNARY_EXPM1] = unary_expm1,
            [PPN_UNARY_LOG] = unary_log,
            [PPN_UNARY_LOG2] = unary_log2,
            [PPN_UNARY_LOG10] = unary_log10,
            [PPN_UNARY_LOG1P] = unary_log1p,
            [PPN_UNARY_SIN] = unary_sin,
            [PPN_UNARY_COS] = unary_cos,
            [PPN_UNARY_TAN] = unary_tan,
            [PPN_UNARY_ASIN] = unary_asin,
            [PPN_UNARY_ACOS] = unary_acos,
            [PPN_UNARY_ATAN] = unary_atan,
            [PPN_UNARY_SINH] = unary_sinh,
            [PPN_UNARY_COSH] = unary_cosh,
            [PPN_UNARY_TANH] = unary_tanh,
            [PPN_UNARY_ASINH] = unary_asinh,
            [PPN_UNARY_ACOSH] = unary_acosh,
            [PPN_UNARY_ATANH] = unary_atanh,
            [PPN_UNARY_ERF] = unary_erf,
            [PPN_UNARY_LOGIT] = unary_logit,
            [PPN_UNARY_SIGMOID] = unary_sigmoid,
            [PPN_UNARY_SILU] = unary_silu,
            [PPN_UNARY_GELU] = unary_gelu,
            [PPN_UNARY_GELU_TANH] = unary_gelu_tanh,
            [PPN_UNARY_GELU_SIGMOID] = unary_gelu_sigmoid,
            [PPN_UNARY_SOFTPLUS] = unary_softplus,
            [PPN_UNARY_SOFTSIGN] = unary_softsign,
            [PPN_UNARY_ELU] = unary_elu,
            [PPN_UNARY_LEAKY_RELU] = unary_leaky_relu,
            [PPN_UNARY_LINEAR] = unary_linear,
            [PPN_UNARY_SCALED_TANH] = unary_scaled_tanh,
            [PPN_UNARY_HARD_SIGMOID] = unary_hard_sigmoid,
            [PPN_UNARY_THRESHOLDED_RELU] = unary_thresholded_relu,
            [PPN_UNARY_CLAMPED_RELU] = unary_clamped_relu,
        },
    .binary =
        {
            [PPN_BINARY_ADD] = binary_add,
            [PPN_BINARY_SUBTRACT] = binary_subtract,
            [PPN_BINARY_MULTIPLY] = binary_multiply,
            [PPN_BINARY_DIVIDE] = binary_divide,
            [PPN_BINARY_DIVIDE_TRUNCATE] = binary_divide_truncate,
            [PPN_BINARY_DIVIDE_FLOOR] = binary_divide_floor,
            [PPN_BINARY_REMAINDER] = binary_remainder,
            [PPN_BINARY_FMOD] = binary_fmod,
            [PPN_BINARY_POWER] = binary_power,
            [PPN_BINARY_MAXIMUM] = binary_maximum,
            [PPN_BINARY_MINIMUM] = binary_minimum,
            [PPN_BINARY_EQUAL] = binary_equal,
            [PPN_BINARY_NOT_EQUAL] = binary_not_equal,
            [PPN_BINARY_LESS] = binary_less,
            [PPN_BINARY_LESS_EQUAL] = binary_less_equal,
            [PPN_BINARY_GREATER] = binary_greater,
            [PPN_BINARY_GREATER_EQUAL] = binary_greater_equal,
            [PPN_BINARY_LOGICAL_AND] = binary_logical_and,
            [PPN_BINARY_LOGICAL_OR] = binary_logical_or,
            [PPN_BINARY_LOGICAL_XOR] = binary_logical_xor,
            [PPN_BINARY_ATAN2] = binary_atan2,
            [PPN_BINARY_PRELU] = binary_prelu,
        },
    .ternary =
        {
            [PPN_TERNARY_SELECT] = ternary_select,
            [PPN_TERNARY_CLAMP] = ternary_clamp,
            [PPN_TERNARY_AFFINE] = ternary_affine,
            [PPN_TERNARY_SOFTPLUS] = ternary_softplus,
        },
};
