// The functions that size expressions may call, on numbers.
#include <math.h>

#include "base/checked.h"
#include "tensor/element.h"
#include "tensor/symbolic_internal.h"

const ppn_function_row_t ppn_function_rows[PPN_FUNCTION_COUNT] = {
    [PPN_FUNCTION_FLOOR_DIVIDE] = {"//", true},
    [PPN_FUNCTION_MODULO] = {"Mod", true},
    [PPN_FUNCTION_MAXIMUM] = {"Max", false},
    [PPN_FUNCTION_MINIMUM] = {"Min", false},
    [PPN_FUNCTION_POWER] = {"Pow", false},
    [PPN_FUNCTION_SHIFT_LEFT] = {"LShift", true},
    [PPN_FUNCTION_ABSOLUTE] = {"Abs", false},
    [PPN_FUNCTION_TRUNCATE] = {"TruncToInt", true},
    [PPN_FUNCTION_FLOOR] = {"floor", true},
    [PPN_FUNCTION_CEILING] = {"ceiling", true},
    [PPN_FUNCTION_ROUND] = {"RoundToInt", true},
    [PPN_FUNCTION_TO_FLOAT] = {"ToFloat", false},
    [PPN_FUNCTION_TRUNCATE_FLOAT] = {"TruncToFloat", false},
    [PPN_FUNCTION_ROUND_DECIMAL] = {"RoundDecimal", false},
    [PPN_FUNCTION_TRUE_DIVIDE] = {"IntTrueDiv", false},
    [PPN_FUNCTION_FLOAT_POWER] = {"FloatPow", false},
    [PPN_FUNCTION_BITWISE_AND] = {"BitwiseFn_bitwise_and", true},
    [PPN_FUNCTION_BITWISE_OR] = {"BitwiseFn_bitwise_or", true},
    [PPN_FUNCTION_BITWISE_XOR] = {"BitwiseFn_bitwise_xor", true},
    [PPN_FUNCTION_WHERE] = {"Where", false},
    [PPN_FUNCTION_PIECEWISE] = {"Piecewise", false},
    [PPN_FUNCTION_EQUAL] = {"Eq", true},
    [PPN_FUNCTION_NOT_EQUAL] = {"Ne", true},
    [PPN_FUNCTION_LESS] = {"Lt", true},
    [PPN_FUNCTION_LESS_EQUAL] = {"Le", true},
    [PPN_FUNCTION_GREATER] = {"Gt", true},
    [PPN_FUNCTION_GREATER_EQUAL] = {"Ge", true},
    [PPN_FUNCTION_AND] = {"And", true},
    [PPN_FUNCTION_OR] = {"Or", true},
    [PPN_FUNCTION_XOR] = {"Xor", true},
    [PPN_FUNCTION_NOT] = {"Not", true},
    [PPN_FUNCTION_SQRT] = {"OpaqueUnaryFn_sqrt", false},
    [PPN_FUNCTION_COS] = {"OpaqueUnaryFn_cos", false},
    [PPN_FUNCTION_COSH] = {"OpaqueUnaryFn_cosh", false},
    [PPN_FUNCTION_SIN] = {"OpaqueUnaryFn_sin", false},
    [PPN_FUNCTION_SINH] = {"OpaqueUnaryFn_sinh", false},
    [PPN_FUNCTION_TAN] = {"OpaqueUnaryFn_tan", false},
    [PPN_FUNCTION_TANH] = {"OpaqueUnaryFn_tanh", false},
    [PPN_FUNCTION_ASIN] = {"OpaqueUnaryFn_asin", false},
    [PPN_FUNCTION_ACOS] = {"OpaqueUnaryFn_acos", false},
    [PPN_FUNCTION_ATAN] = {"OpaqueUnaryFn_atan", false},
    [PPN_FUNCTION_EXP] = {"OpaqueUnaryFn_exp", false},
    [PPN_FUNCTION_LOG] = {"OpaqueUnaryFn_log", false},
    [PPN_FUNCTION_ASINH] = {"OpaqueUnaryFn_asinh", false},
    [PPN_FUNCTION_LOG2] = {"OpaqueUnaryFn_log2", false},
};

static const char overflows[] = "the value does not fit 64 bits";
static const char divides_by_zero[] = "division by zero";

static ppn_number_t number_from_int(int64_t value) {
  return (ppn_number_t){false, value, 1, 0};
}
static ppn_number_t number_from_double(double value) {
  return (ppn_number_t){true, 0, 1, value};
}
static double as_double(ppn_number_t number) {
  return number.is_float ? number.value : (double)number.numerator / (double)number.denominator;
}
static bool is_int(ppn_number_t number) {
  return !number.is_float && number.denominator == 1;
}

static const char* make_rational(int64_t numerator, int64_t denominator, ppn_number_t* out) {
  if (denominator == 0) return divides_by_zero;
  if (numerator == INT64_MIN || denominator == INT64_MIN) return overflows;
  int64_t divisor = ppn_greatest_common_divisor(numerator, denominator);
  if (denominator < 0) divisor = -divisor;
  *out = (ppn_number_t){false, numerator / divisor, denominator / divisor, 0};
  return NULL;
}

const char* ppn_number_add(ppn_number_t a, ppn_number_t b, ppn_number_t* out) {
  if (a.is_float || b.is_float) {
    *out = number_from_double(as_double(a) + as_double(b));
    return NULL;
  }
  int64_t left, right, sum, denominator;
  if (!ppn_checked_multiply_i64(a.numerator, b.denominator, &left) ||
      !ppn_checked_multiply_i64(b.numerator, a.denominator, &right) ||
      !ppn_checked_add_i64(left, right, &sum) ||
      !ppn_checked_multiply_i64(a.denominator, b.denominator, &denominator)) {
    return overflows;
  }
  if (denominator == 1) {
    *out = number_from_int(sum);
    return NULL;
  }
  return make_rational(sum, denominator, out);
}

const char* ppn_number_multiply(ppn_number_t a, ppn_number_t b, ppn_number_t* out) {
  if (a.is_float || b.is_float) {
    *out = number_from_double(as_double(a) * as_double(b));
    return NULL;
  }
  int64_t numerator, denominator;
  if (!ppn_checked_multiply_i64(a.numerator, b.numerator, &numerator) ||
      !ppn_checked_multiply_i64(a.denominator, b.denominator, &denominator)) {
    return overflows;
  }
  if (denominator == 1) {
    *out = number_from_int(numerator);
    return NULL;
  }
  return make_rational(numerator, denominator, out);
}

static int compare(ppn_number_t a, ppn_number_t b) {
  if (is_int(a) && is_int(b)) return (a.numerator > b.numerator) - (a.numerator < b.numerator);
  double x = as_double(a), y = as_double(b);
  return (x > y) - (x < y);
}

static bool is_true(ppn_number_t number) {
  return number.is_float ? number.value != 0 : number.numerator != 0;
}

static const char* to_int(double value, ppn_number_t* out) {
  if (!(value >= -0x1p63 && value < 0x1p63)) return overflows;
  *out = number_from_int((int64_t)value);
  return NULL;
}

static const char* rounded(ppn_function_t function, ppn_number_t x, ppn_number_t* out) {
  if (is_int(x)) {
    *out = x;
    return NULL;
  }
  double value = as_double(x);
  switch (function) {
    case PPN_FUNCTION_FLOOR:
      return to_int(floor(value), out);
    case PPN_FUNCTION_CEILING:
      return to_int(ceil(value), out);
    case PPN_FUNCTION_ROUND:
      return to_int(rint(value), out);
    default:
      return to_int(trunc(value), out);
  }
}

static const char* divide(ppn_function_t function, ppn_number_t a, ppn_number_t b,
                          ppn_number_t* out) {
  if (is_int(a) && is_int(b)) {
    if (b.numerator == 0) return divides_by_zero;
    if (a.numerator == INT64_MIN && b.numerator == -1) return overflows;
    *out = number_from_int(function == PPN_FUNCTION_MODULO
                               ? ppn_floor_modulo_i64(a.numerator, b.numerator)
                               : ppn_floor_divide_i64(a.numerator, b.numerator));
    return NULL;
  }
  double x = as_double(a), y = as_double(b);
  if (y == 0) return divides_by_zero;
  double quotient = floor(x / y);
  if (function == PPN_FUNCTION_FLOOR_DIVIDE) return to_int(quotient, out);
  *out = number_from_double(x - quotient * y);
  return NULL;
}

static const char* power(ppn_number_t base, ppn_number_t exponent, ppn_number_t* out) {
  if (base.is_float || !is_int(exponent) || exponent.numerator < -64 || exponent.numerator > 64) {
    *out = number_from_double(pow(as_double(base), as_double(exponent)));
    return NULL;
  }
  int64_t count = exponent.numerator < 0 ? -exponent.numerator : exponent.numerator;
  ppn_number_t result = number_from_int(1);
  for (int64_t i = 0; i < count; ++i) {
    const char* problem = ppn_number_multiply(result, base, &result);
    if (problem) return problem;
  }
  if (exponent.numerator < 0) return make_rational(result.denominator, result.numerator, out);
  *out = result;
  return NULL;
}

static const char* shift_left(ppn_number_t a, ppn_number_t b, ppn_number_t* out) {
  if (!is_int(b) || b.numerator < 0 || b.numerator > 62) return overflows;
  return ppn_number_multiply(a, number_from_int((int64_t)1 << b.numerator), out);
}

static const char* bitwise(ppn_function_t function, ppn_number_t a, ppn_number_t b,
                           ppn_number_t* out) {
  if (!is_int(a) || !is_int(b)) return "a bitwise function needs integers";
  uint64_t x = (uint64_t)a.numerator, y = (uint64_t)b.numerator;
  uint64_t result = function == PPN_FUNCTION_BITWISE_AND  ? x & y
                    : function == PPN_FUNCTION_BITWISE_OR ? x | y
                                                          : x ^ y;
  *out = number_from_int((int64_t)result);
  return NULL;
}

static double round_decimal(double value, double digits) {
  double scale = pow(10, digits);
  return isfinite(scale) && scale != 0 ? rint(value * scale) / scale : value;
}

static bool compare_function(ppn_function_t function, int order) {
  switch (function) {
    case PPN_FUNCTION_EQUAL:
      return order == 0;
    case PPN_FUNCTION_NOT_EQUAL:
      return order != 0;
    case PPN_FUNCTION_LESS:
      return order < 0;
    case PPN_FUNCTION_LESS_EQUAL:
      return order <= 0;
    case PPN_FUNCTION_GREATER:
      return order > 0;
    default:
      return order >= 0;
  }
}

static double unary(ppn_function_t function, double x) {
  static double (*const functions[])(double) = {sqrt, cos,  cosh, sin, sinh, tan,   tanh,
                                                asin, acos, atan, exp, log,  asinh, log2};
  return functions[function - PPN_FUNCTION_SQRT](x);
}

const char* ppn_function_evaluate(ppn_function_t function, const ppn_number_t* operands,
                                  uint32_t count, ppn_number_t* out) {
  switch (function) {
    case PPN_FUNCTION_FLOOR_DIVIDE:
    case PPN_FUNCTION_MODULO:
      return divide(function, operands[0], operands[1], out);
    case PPN_FUNCTION_MAXIMUM:
    case PPN_FUNCTION_MINIMUM:
      *out = operands[0];
      for (uint32_t i = 1; i < count; ++i) {
        int order = compare(operands[i], *out);
        if (function == PPN_FUNCTION_MAXIMUM ? order > 0 : order < 0) *out = operands[i];
      }
      return NULL;
    case PPN_FUNCTION_POWER:
      return power(operands[0], operands[1], out);
    case PPN_FUNCTION_SHIFT_LEFT:
      return shift_left(operands[0], operands[1], out);
    case PPN_FUNCTION_ABSOLUTE:
      if (compare(operands[0], number_from_int(0)) >= 0) {
        *out = operands[0];
        return NULL;
      }
      return ppn_number_multiply(operands[0], number_from_int(-1), out);
    case PPN_FUNCTION_TRUNCATE:
    case PPN_FUNCTION_FLOOR:
    case PPN_FUNCTION_CEILING:
    case PPN_FUNCTION_ROUND:
      return rounded(function, operands[0], out);
    case PPN_FUNCTION_TO_FLOAT:
      *out = number_from_double(as_double(operands[0]));
      return NULL;
    case PPN_FUNCTION_TRUNCATE_FLOAT:
      *out = number_from_double(trunc(as_double(operands[0])));
      return NULL;
    case PPN_FUNCTION_ROUND_DECIMAL:
      *out = number_from_double(round_decimal(as_double(operands[0]), as_double(operands[1])));
      return NULL;
    case PPN_FUNCTION_TRUE_DIVIDE:
      if (as_double(operands[1]) == 0) return divides_by_zero;
      *out = number_from_double(as_double(operands[0]) / as_double(operands[1]));
      return NULL;
    case PPN_FUNCTION_FLOAT_POWER:
      *out = number_from_double(pow(as_double(operands[0]), as_double(operands[1])));
      return NULL;
    case PPN_FUNCTION_BITWISE_AND:
    case PPN_FUNCTION_BITWISE_OR:
    case PPN_FUNCTION_BITWISE_XOR:
      return bitwise(function, operands[0], operands[1], out);
    case PPN_FUNCTION_WHERE:
      *out = is_true(operands[0]) ? operands[1] : operands[2];
      return NULL;
    case PPN_FUNCTION_PIECEWISE:
      for (uint32_t i = 0; i + 1 < count; i += 2) {
        if (!is_true(operands[i + 1])) continue;
        *out = operands[i];
        return NULL;
      }
      return "no case of the piecewise function applies";
    case PPN_FUNCTION_EQUAL:
    case PPN_FUNCTION_NOT_EQUAL:
    case PPN_FUNCTION_LESS:
    case PPN_FUNCTION_LESS_EQUAL:
    case PPN_FUNCTION_GREATER:
    case PPN_FUNCTION_GREATER_EQUAL:
      *out = number_from_int(compare_function(function, compare(operands[0], operands[1])));
      return NULL;
    case PPN_FUNCTION_AND:
    case PPN_FUNCTION_OR:
    case PPN_FUNCTION_XOR: {
      bool result = is_true(operands[0]);
      for (uint32_t i = 1; i < count; ++i) {
        bool next = is_true(operands[i]);
        result = function == PPN_FUNCTION_AND  ? result && next
                 : function == PPN_FUNCTION_OR ? result || next
                                               : result != next;
      }
      *out = number_from_int(result);
      return NULL;
    }
    case PPN_FUNCTION_NOT:
      *out = number_from_int(!is_true(operands[0]));
      return NULL;
    default:
      *out = number_from_double(unary(function, as_double(operands[0])));
      return NULL;
  }
}
