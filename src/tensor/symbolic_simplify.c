// Functions of expressions: constant folding and the rules that give equal sizes equal forms.
#include "base/checked.h"
#include "tensor/symbolic_internal.h"

int64_t ppn_floor_divide_i64(int64_t a, int64_t b) {
  int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

int64_t ppn_floor_modulo_i64(int64_t a, int64_t b) {
  if (b == -1) return 0;
  int64_t remainder = a % b;
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

int64_t ppn_greatest_common_divisor(int64_t a, int64_t b) {
  uint64_t x = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, y = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
  while (y) {
    uint64_t rest = x % y;
    x = y;
    y = rest;
  }
  return x > INT64_MAX ? 1 : (int64_t)x;
}

ppn_status_t ppn_dim_intern_call(ppn_symbol_table_t* table, ppn_function_t function,
                                 const ppn_dim_t* operands, uint32_t count, ppn_dim_t* out) {
  if (count > PPN_SYMBOLIC_MAX_OPERANDS) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "a size expression calls %s with %u operands; at most %d are supported",
                           ppn_function_rows[function].name, count, PPN_SYMBOLIC_MAX_OPERANDS);
  }
  int64_t words[1 + 2 * PPN_SYMBOLIC_MAX_OPERANDS];
  words[0] = function;
  for (uint32_t i = 0; i < count; ++i) {
    words[2 * i + 1] = operands[i].expression;
    words[2 * i + 2] = operands[i].expression ? 0 : operands[i].value;  // hints are no identity
  }
  out->value = -1;
  return ppn_expression_intern(table, PPN_EXPRESSION_CALL, words, 1 + 2 * count, &out->expression);
}

ppn_status_t ppn_dim_from_rational(ppn_symbol_table_t* table, int64_t numerator,
                                   int64_t denominator, ppn_dim_t* out) {
  if (denominator == 0 || numerator == INT64_MIN || denominator == INT64_MIN) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "a size expression holds the number %lld/%lld",
                           (long long)numerator, (long long)denominator);
  }
  int64_t divisor = ppn_greatest_common_divisor(numerator, denominator);
  if (denominator < 0) divisor = -divisor;
  numerator /= divisor;
  denominator /= divisor;
  if (denominator == 1) {
    *out = ppn_dim_static(numerator);
    return ppn_status_ok();
  }
  int64_t words[3] = {0, numerator, denominator};
  out->value = -1;
  return ppn_expression_intern(table, PPN_EXPRESSION_NUMBER, words, 3, &out->expression);
}

ppn_status_t ppn_dim_from_double(ppn_symbol_table_t* table, double value, ppn_dim_t* out) {
  int64_t words[3] = {1, 0, 1};
  memcpy(&words[1], &value, sizeof(value));
  out->value = -1;
  return ppn_expression_intern(table, PPN_EXPRESSION_NUMBER, words, 3, &out->expression);
}

// ---- Floor division and modulo ----

// a / b term by term when b is one term and divides every term of a.
static bool divide_exactly(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b,
                           ppn_status_t* out_status, ppn_dim_t* out) {
  ppn_polynomial_t dividend, divisor;
  ppn_polynomial_from_dim(table, a, &dividend);
  ppn_polynomial_from_dim(table, b, &divisor);
  if (dividend.constant != 0 || dividend.count == 0 || divisor.constant != 0 ||
      divisor.count != 1) {
    return false;
  }
  const ppn_expression_t* atoms = ppn_expression_at(table, divisor.terms[0].id);
  uint32_t factor_count = atoms->kind == PPN_EXPRESSION_PRODUCT ? atoms->count : 1;
  int64_t factors[PPN_SYMBOLIC_MAX_FACTORS] = {divisor.terms[0].id};
  if (atoms->kind == PPN_EXPRESSION_PRODUCT) {
    memcpy(factors, table->words + atoms->offset, factor_count * sizeof(*factors));
  }
  ppn_dim_t quotient = ppn_dim_static(0);
  for (uint32_t i = 0; i < dividend.count; ++i) {
    if (dividend.terms[i].coefficient % divisor.terms[0].coefficient != 0 ||
        divisor.terms[0].coefficient == -1) {
      return false;
    }
    int64_t rest[PPN_SYMBOLIC_MAX_FACTORS];
    uint32_t rest_count = 0, used = 0;
    const ppn_expression_t* term = ppn_expression_at(table, dividend.terms[i].id);
    uint32_t term_count = term->kind == PPN_EXPRESSION_PRODUCT ? term->count : 1;
    for (uint32_t j = 0; j < term_count; ++j) {
      int64_t factor = term->kind == PPN_EXPRESSION_PRODUCT ? table->words[term->offset + j]
                                                            : (int64_t)dividend.terms[i].id;
      if (used < factor_count && factor == factors[used]) {
        ++used;
      } else {
        rest[rest_count++] = factor;
      }
    }
    if (used != factor_count) return false;
    ppn_dim_t part = ppn_dim_static(dividend.terms[i].coefficient / divisor.terms[0].coefficient);
    for (uint32_t j = 0; j < rest_count && !*out_status; ++j) {
      ppn_dim_t factor = {-1, (ppn_expression_id_t)rest[j]};
      *out_status = ppn_dim_multiply(table, part, factor, &part);
    }
    if (!*out_status) *out_status = ppn_dim_add(table, quotient, part, &quotient);
    if (*out_status) return true;
  }
  *out = quotient;
  return true;
}

static bool all_terms_integer(const ppn_symbol_table_t* table, const ppn_polynomial_t* sum) {
  for (uint32_t i = 0; i < sum->count; ++i) {
    if (!ppn_expression_at(table, sum->terms[i].id)->is_integer) return false;
  }
  return true;
}

static void negate(ppn_polynomial_t* sum) {
  sum->constant = -sum->constant;
  for (uint32_t i = 0; i < sum->count; ++i) sum->terms[i].coefficient *= -1;
}

static bool can_negate(const ppn_polynomial_t* sum) {
  bool ok = sum->constant != INT64_MIN;
  for (uint32_t i = 0; i < sum->count; ++i) ok = ok && sum->terms[i].coefficient != INT64_MIN;
  return ok;
}

// floor(a / divisor) for a positive number: multiples of the divisor come out, common factors are
// cancelled, floor(floor(x / m) / n) becomes floor(x / (m n)), and a leading minus is turned into a
// ceiling: floor(-x / n) = -floor((x + n - 1) / n).
static ppn_status_t floor_divide_by_number(ppn_symbol_table_t* table, ppn_dim_t a, int64_t divisor,
                                           ppn_dim_t* out) {
  ppn_polynomial_t rest, quotient = {0};
  ppn_polynomial_from_dim(table, a, &rest);
  bool negated = rest.count && rest.terms[0].coefficient < 0 && can_negate(&rest) &&
                 rest.constant < INT64_MAX - divisor && rest.constant > INT64_MIN + divisor;
  if (negated) {
    negate(&rest);
    rest.constant += divisor - 1;
  }
  quotient.constant = ppn_floor_divide_i64(rest.constant, divisor);
  rest.constant = ppn_floor_modulo_i64(rest.constant, divisor);
  uint32_t kept = 0;
  int64_t common = divisor;
  for (uint32_t i = 0; i < rest.count; ++i) {
    if (rest.terms[i].coefficient % divisor == 0) {
      quotient.terms[quotient.count] = rest.terms[i];
      quotient.terms[quotient.count++].coefficient /= divisor;
    } else {
      common = ppn_greatest_common_divisor(common, rest.terms[i].coefficient);
      rest.terms[kept++] = rest.terms[i];
    }
  }
  rest.count = kept;
  ppn_dim_t whole, part = ppn_dim_static(0);
  if (rest.count) {
    rest.constant = ppn_floor_divide_i64(rest.constant, common);
    for (uint32_t i = 0; i < rest.count; ++i) rest.terms[i].coefficient /= common;
    divisor /= common;
    ppn_dim_t operands[2] = {{0, 0}, ppn_dim_static(divisor)};
    PPN_RETURN_IF_ERROR(ppn_polynomial_to_dim(table, &rest, &operands[0]));
    const ppn_expression_t* inner = ppn_expression_at(table, operands[0].expression);
    const int64_t* words = ppn_expression_words(table, operands[0].expression);
    int64_t product;
    if (divisor == 1) {
      part = operands[0];
    } else if (inner->kind == PPN_EXPRESSION_CALL && words[0] == PPN_FUNCTION_FLOOR_DIVIDE &&
               words[3] == 0 && words[4] > 0 &&
               ppn_dim_is_integer(table, ppn_call_operand(words, 0)) &&
               ppn_checked_multiply_i64(words[4], divisor, &product)) {
      PPN_RETURN_IF_ERROR(
          floor_divide_by_number(table, ppn_call_operand(words, 0), product, &part));
    } else {
      PPN_RETURN_IF_ERROR(
          ppn_dim_intern_call(table, PPN_FUNCTION_FLOOR_DIVIDE, operands, 2, &part));
    }
  }
  PPN_RETURN_IF_ERROR(ppn_polynomial_to_dim(table, &quotient, &whole));
  PPN_RETURN_IF_ERROR(ppn_dim_add(table, whole, part, out));
  return negated ? ppn_dim_multiply(table, *out, ppn_dim_static(-1), out) : ppn_status_ok();
}

static ppn_status_t floor_divide(ppn_symbol_table_t* table, const ppn_dim_t* operands,
                                 ppn_dim_t* out) {
  ppn_dim_t a = operands[0], b = operands[1];
  if (b.expression == 0) {
    ppn_polynomial_t sum;
    ppn_polynomial_from_dim(table, a, &sum);
    if (b.value > 0 && all_terms_integer(table, &sum)) {
      return floor_divide_by_number(table, a, b.value, out);
    }
  } else {
    ppn_status_t status = ppn_status_ok();
    if (divide_exactly(table, a, b, &status, out)) return status;
    if (ppn_dim_equal(a, b)) {
      *out = ppn_dim_static(1);
      return ppn_status_ok();
    }
  }
  return ppn_dim_intern_call(table, PPN_FUNCTION_FLOOR_DIVIDE, operands, 2, out);
}

static ppn_status_t modulo(ppn_symbol_table_t* table, const ppn_dim_t* operands, ppn_dim_t* out) {
  ppn_dim_t a = operands[0], b = operands[1];
  ppn_polynomial_t sum;
  ppn_polynomial_from_dim(table, a, &sum);
  if (b.expression == 0 && b.value > 0 && all_terms_integer(table, &sum)) {
    // Multiples of the divisor do not matter.
    sum.constant = ppn_floor_modulo_i64(sum.constant, b.value);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < sum.count; ++i) {
      sum.terms[kept] = sum.terms[i];
      sum.terms[kept].coefficient = ppn_floor_modulo_i64(sum.terms[i].coefficient, b.value);
      if (sum.terms[kept].coefficient != 0) ++kept;
    }
    sum.count = kept;
    ppn_dim_t reduced[2] = {{0, 0}, b};
    PPN_RETURN_IF_ERROR(ppn_polynomial_to_dim(table, &sum, &reduced[0]));
    int64_t minimum, maximum;
    ppn_dim_bounds(table, reduced[0], &minimum, &maximum);
    if (minimum >= 0 && maximum < b.value) {
      *out = reduced[0];
      return ppn_status_ok();
    }
    return ppn_dim_intern_call(table, PPN_FUNCTION_MODULO, reduced, 2, out);
  }
  if (ppn_dim_equal(a, b)) {
    *out = ppn_dim_static(0);
    return ppn_status_ok();
  }
  return ppn_dim_intern_call(table, PPN_FUNCTION_MODULO, operands, 2, out);
}

// ---- Maximum and minimum ----

static bool insert_operand(ppn_dim_t* list, uint32_t* count, ppn_dim_t operand, bool is_maximum) {
  for (uint32_t i = 0; i < *count; ++i) {
    if (ppn_dim_equal(list[i], operand)) return true;
    if (list[i].expression == 0 && operand.expression == 0) {
      if ((operand.value > list[i].value) == is_maximum) list[i].value = operand.value;
      return true;
    }
  }
  if (*count == PPN_SYMBOLIC_MAX_OPERANDS) return false;
  // Sorted by id; a number (id 0) comes first.
  uint32_t at = *count;
  while (at > 0 && list[at - 1].expression > operand.expression) {
    list[at] = list[at - 1];
    --at;
  }
  list[at] = operand;
  ++*count;
  return true;
}

// Drops operands that never win, given the ranges.
static void drop_dominated(const ppn_symbol_table_t* table, ppn_dim_t* list, uint32_t* count,
                           bool is_maximum) {
  if (*count > 8) return;
  for (uint32_t i = 0; i < *count; ++i) {
    int64_t low, high;
    ppn_dim_bounds(table, list[i], &low, &high);
    for (uint32_t j = 0; j < *count; ++j) {
      int64_t other_low, other_high;
      if (i == j) continue;
      ppn_dim_bounds(table, list[j], &other_low, &other_high);
      bool dominated = is_maximum ? (high != PPN_DIM_UNBOUNDED && other_low >= high)
                                  : (low != INT64_MIN && other_high <= low);
      if (!dominated) continue;
      memmove(&list[i], &list[i + 1], (*count - i - 1) * sizeof(*list));
      --*count;
      --i;
      break;
    }
  }
}

static ppn_status_t extremum(ppn_symbol_table_t* table, ppn_function_t function,
                             const ppn_dim_t* operands, uint32_t count, ppn_dim_t* out) {
  bool is_maximum = function == PPN_FUNCTION_MAXIMUM, fits = true;
  ppn_dim_t list[PPN_SYMBOLIC_MAX_OPERANDS];
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const ppn_expression_t* nested =
        operands[i].expression ? ppn_expression_at(table, operands[i].expression) : NULL;
    const int64_t* words = nested ? ppn_expression_words(table, operands[i].expression) : NULL;
    if (nested && nested->kind == PPN_EXPRESSION_CALL && words[0] == (int64_t)function) {
      for (uint32_t j = 0; j < ppn_call_operand_count(nested); ++j) {
        fits = fits && insert_operand(list, &kept, ppn_call_operand(words, j), is_maximum);
      }
    } else {
      fits = fits && insert_operand(list, &kept, operands[i], is_maximum);
    }
  }
  if (!fits) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "a size expression calls %s with more than %d operands",
                           ppn_function_rows[function].name, PPN_SYMBOLIC_MAX_OPERANDS);
  }
  drop_dominated(table, list, &kept, is_maximum);
  if (kept == 1) {
    *out = list[0];
    if (out->expression) out->value = -1;
    return ppn_status_ok();
  }
  return ppn_dim_intern_call(table, function, list, kept, out);
}

// ---- Powers ----

static ppn_status_t power(ppn_symbol_table_t* table, const ppn_dim_t* operands, ppn_dim_t* out) {
  ppn_dim_t base = operands[0], exponent = operands[1];
  if (exponent.expression == 0 && exponent.value >= 0 &&
      exponent.value <= PPN_SYMBOLIC_MAX_FACTORS) {
    ppn_dim_t result = ppn_dim_static(1);
    for (int64_t i = 0; i < exponent.value; ++i) {
      PPN_RETURN_IF_ERROR(ppn_dim_multiply(table, result, base, &result));
    }
    *out = result;
    return ppn_status_ok();
  }
  if (exponent.expression == 0 && exponent.value == -1 && base.expression == 0 && base.value != 0) {
    return ppn_dim_from_rational(table, 1, base.value, out);
  }
  return ppn_dim_intern_call(table, PPN_FUNCTION_POWER, operands, 2, out);
}

// Folds a call whose operands are all numbers; false when the result is no integer or an error
// (reported when it is evaluated).
static bool fold_constants(ppn_function_t function, const ppn_dim_t* operands, uint32_t count,
                           ppn_dim_t* out) {
  ppn_number_t numbers[PPN_SYMBOLIC_MAX_OPERANDS], result;
  if (count > PPN_SYMBOLIC_MAX_OPERANDS) return false;
  for (uint32_t i = 0; i < count; ++i) {
    if (operands[i].expression) return false;
    numbers[i] = (ppn_number_t){false, operands[i].value, 1, 0};
  }
  if (ppn_function_evaluate(function, numbers, count, &result)) return false;
  if (result.is_float || result.denominator != 1) return false;
  *out = ppn_dim_static(result.numerator);
  return true;
}

ppn_status_t ppn_dim_call(ppn_symbol_table_t* table, ppn_function_t function,
                          const ppn_dim_t* operands, uint32_t count, ppn_dim_t* out) {
  if (fold_constants(function, operands, count, out)) return ppn_status_ok();
  switch (function) {
    case PPN_FUNCTION_FLOOR_DIVIDE:
    case PPN_FUNCTION_MODULO:
      if (operands[1].expression == 0 && operands[1].value == 0) {
        return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "a size expression divides by zero");
      }
      return function == PPN_FUNCTION_MODULO ? modulo(table, operands, out)
                                             : floor_divide(table, operands, out);
    case PPN_FUNCTION_MAXIMUM:
    case PPN_FUNCTION_MINIMUM:
      return extremum(table, function, operands, count, out);
    case PPN_FUNCTION_POWER:
      return power(table, operands, out);
    case PPN_FUNCTION_SHIFT_LEFT:
      if (operands[1].expression == 0 && operands[1].value >= 0 && operands[1].value < 62) {
        return ppn_dim_multiply(table, operands[0], ppn_dim_static((int64_t)1 << operands[1].value),
                                out);
      }
      break;
    case PPN_FUNCTION_FLOOR:
    case PPN_FUNCTION_CEILING:
    case PPN_FUNCTION_TRUNCATE:
    case PPN_FUNCTION_ROUND:
      if (ppn_dim_is_integer(table, operands[0])) {
        *out = operands[0];
        return ppn_status_ok();
      }
      break;
    default:
      break;
  }
  return ppn_dim_intern_call(table, function, operands, count, out);
}
