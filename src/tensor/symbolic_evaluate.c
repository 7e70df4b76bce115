// Values, bounds and bindings of size expressions.
#include <stdlib.h>

#include "base/checked.h"
#include "tensor/symbolic_internal.h"

// ---- Evaluation ----

typedef struct evaluator {
  const ppn_symbol_table_t* table;
  const int64_t* values;
  const ppn_symbol_t* missing;  // set when a symbol has no value
} evaluator_t;

static const char* evaluate_dim(evaluator_t* evaluator, ppn_dim_t dim, ppn_number_t* out);

static const char* evaluate_sum(evaluator_t* evaluator, const int64_t* words, uint32_t count,
                                ppn_number_t* out) {
  *out = (ppn_number_t){false, words[0], 1, 0};
  for (uint32_t i = 1; i < count; i += 2) {
    ppn_dim_t term = {0, (ppn_expression_id_t)words[i]};
    ppn_number_t value, coefficient = {false, words[i + 1], 1, 0};
    const char* problem = evaluate_dim(evaluator, term, &value);
    if (!problem) problem = ppn_number_multiply(value, coefficient, &value);
    if (!problem) problem = ppn_number_add(*out, value, out);
    if (problem) return problem;
  }
  return NULL;
}

static const char* evaluate_call(evaluator_t* evaluator, const int64_t* words, uint32_t count,
                                 ppn_number_t* out) {
  // Most functions have one or two operands; only long lists need memory.
  ppn_number_t few[4], *operands = count <= 4 ? few : malloc(count * sizeof(*operands));
  if (!operands) return "out of memory";
  const char* problem = NULL;
  for (uint32_t i = 0; i < count && !problem; ++i) {
    problem = evaluate_dim(evaluator, ppn_call_operand(words, i), &operands[i]);
  }
  if (!problem) problem = ppn_function_evaluate((ppn_function_t)words[0], operands, count, out);
  if (operands != few) free(operands);
  return problem;
}

static const char* evaluate_dim(evaluator_t* evaluator, ppn_dim_t dim, ppn_number_t* out) {
  *out = (ppn_number_t){false, dim.value, 1, 0};
  if (dim.expression == 0) return NULL;
  const ppn_expression_t* expression = ppn_expression_at(evaluator->table, dim.expression);
  const int64_t* words = ppn_expression_words(evaluator->table, dim.expression);
  switch (expression->kind) {
    case PPN_EXPRESSION_SYMBOL:
      out->numerator = evaluator->values[words[0]];
      if (out->numerator != -1) return NULL;
      evaluator->missing = evaluator->table->symbols[words[0]];
      return "a symbol has no value";
    case PPN_EXPRESSION_NUMBER:
      out->is_float = words[0] != 0;
      out->numerator = words[1];
      out->denominator = words[2];
      if (out->is_float) memcpy(&out->value, &words[1], sizeof(out->value));
      return NULL;
    case PPN_EXPRESSION_OPAQUE:
      return "it calls a function that Pippin does not know";
    case PPN_EXPRESSION_PRODUCT:
      out->numerator = 1;
      for (uint32_t i = 0; i < expression->count; ++i) {
        ppn_dim_t factor = {0, (ppn_expression_id_t)words[i]};
        ppn_number_t value;
        const char* problem = evaluate_dim(evaluator, factor, &value);
        if (!problem) problem = ppn_number_multiply(*out, value, out);
        if (problem) return problem;
      }
      return NULL;
    case PPN_EXPRESSION_SUM:
      return evaluate_sum(evaluator, words, expression->count, out);
    case PPN_EXPRESSION_CALL:
      return evaluate_call(evaluator, words, ppn_call_operand_count(expression), out);
  }
  return NULL;
}

static ppn_status_t evaluation_error(const evaluator_t* evaluator, ppn_dim_t dim,
                                     const char* problem) {
  ppn_buffer_t text = {0};
  ppn_dim_print(evaluator->table, dim, &text);
  ppn_status_t status;
  if (evaluator->missing) {
    status = ppn_status_make(PPN_STATUS_FAILED_PRECONDITION,
                             "the size %s needs the value of %.*s, which is not known",
                             ppn_buffer_text(&text), PPN_SV(evaluator->missing->name));
  } else {
    status = ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "the size %s has no value: %s",
                             ppn_buffer_text(&text), problem);
  }
  ppn_buffer_release(&text);
  return status;
}

ppn_status_t ppn_dim_evaluate(const ppn_symbol_table_t* table, ppn_dim_t dim, const int64_t* values,
                              int64_t* out) {
  if (dim.expression == 0) {
    *out = dim.value;
    return ppn_status_ok();
  }
  evaluator_t evaluator = {table, values, NULL};
  ppn_number_t number;
  const char* problem = evaluate_dim(&evaluator, dim, &number);
  if (!problem && (number.is_float || number.denominator != 1)) {
    problem = "it is not an integer";
  }
  if (problem) return evaluation_error(&evaluator, dim, problem);
  *out = number.numerator;
  return ppn_status_ok();
}

// ---- Bounds ----

// INT64_MIN and INT64_MAX stand for minus and plus infinity.
typedef struct interval {
  int64_t low, high;
} interval_t;

static const interval_t everything = {INT64_MIN, INT64_MAX};

static int64_t saturating_multiply(int64_t a, int64_t b) {
  int64_t product;
  if (a == 0 || b == 0) return 0;
  bool infinite = a == INT64_MIN || a == INT64_MAX || b == INT64_MIN || b == INT64_MAX;
  if (!infinite && ppn_checked_multiply_i64(a, b, &product)) return product;
  return (a < 0) != (b < 0) ? INT64_MIN : INT64_MAX;
}

static int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum;
  // Callers add lows to lows and highs to highs, so infinities of both signs never meet.
  if (a == INT64_MIN || b == INT64_MIN) return INT64_MIN;
  if (a == INT64_MAX || b == INT64_MAX) return INT64_MAX;
  if (ppn_checked_add_i64(a, b, &sum)) return sum;
  return a < 0 ? INT64_MIN : INT64_MAX;
}

static interval_t interval_add(interval_t a, interval_t b) {
  return (interval_t){saturating_add(a.low, b.low), saturating_add(a.high, b.high)};
}

static interval_t interval_multiply(interval_t a, interval_t b) {
  int64_t corners[4] = {saturating_multiply(a.low, b.low), saturating_multiply(a.low, b.high),
                        saturating_multiply(a.high, b.low), saturating_multiply(a.high, b.high)};
  interval_t result = {corners[0], corners[0]};
  for (int i = 1; i < 4; ++i) {
    if (corners[i] < result.low) result.low = corners[i];
    if (corners[i] > result.high) result.high = corners[i];
  }
  return result;
}

static int64_t saturating_divide(int64_t a, int64_t b) {
  if (a == INT64_MIN || a == INT64_MAX) return a;
  if (b == INT64_MAX) return a < 0 ? -1 : 0;
  return ppn_floor_divide_i64(a, b);
}

static interval_t interval_floor_divide(interval_t a, interval_t b) {
  if (b.low <= 0) return everything;
  int64_t corners[4] = {saturating_divide(a.low, b.low), saturating_divide(a.low, b.high),
                        saturating_divide(a.high, b.low), saturating_divide(a.high, b.high)};
  interval_t result = {corners[0], corners[0]};
  for (int i = 1; i < 4; ++i) {
    if (corners[i] < result.low) result.low = corners[i];
    if (corners[i] > result.high) result.high = corners[i];
  }
  return result;
}

static interval_t interval_modulo(interval_t a, interval_t b) {
  if (b.low <= 0) return everything;
  interval_t result = {0, b.high == INT64_MAX ? INT64_MAX : b.high - 1};
  if (a.low >= 0 && a.high < result.high) result.high = a.high;
  return result;
}

static interval_t bounds_of(const ppn_symbol_table_t* table, ppn_dim_t dim);

static interval_t bounds_of_call(const ppn_symbol_table_t* table, const int64_t* words,
                                 uint32_t count) {
  ppn_function_t function = (ppn_function_t)words[0];
  interval_t result = bounds_of(table, ppn_call_operand(words, 0));
  switch (function) {
    case PPN_FUNCTION_FLOOR_DIVIDE:
      return interval_floor_divide(result, bounds_of(table, ppn_call_operand(words, 1)));
    case PPN_FUNCTION_MODULO:
      return interval_modulo(result, bounds_of(table, ppn_call_operand(words, 1)));
    case PPN_FUNCTION_MAXIMUM:
    case PPN_FUNCTION_MINIMUM:
      for (uint32_t i = 1; i < count; ++i) {
        interval_t next = bounds_of(table, ppn_call_operand(words, i));
        bool is_maximum = function == PPN_FUNCTION_MAXIMUM;
        if ((next.low > result.low) == is_maximum) result.low = next.low;
        if ((next.high > result.high) == is_maximum) result.high = next.high;
      }
      return result;
    case PPN_FUNCTION_ABSOLUTE: {
      if (result.low >= 0) return result;
      int64_t mirrored = result.low == INT64_MIN ? INT64_MAX : -result.low;
      return (interval_t){0, mirrored > result.high ? mirrored : result.high};
    }
    case PPN_FUNCTION_TRUNCATE:
    case PPN_FUNCTION_FLOOR:
    case PPN_FUNCTION_CEILING:
    case PPN_FUNCTION_ROUND:
    case PPN_FUNCTION_TO_FLOAT:
      // Floats in between are only bounded by integers when their operand is.
      return result;
    case PPN_FUNCTION_WHERE: {
      interval_t a = bounds_of(table, ppn_call_operand(words, 1));
      interval_t b = bounds_of(table, ppn_call_operand(words, 2));
      return (interval_t){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
    }
    case PPN_FUNCTION_PIECEWISE:
      for (uint32_t i = 2; i < count; i += 2) {
        interval_t next = bounds_of(table, ppn_call_operand(words, i));
        if (next.low < result.low) result.low = next.low;
        if (next.high > result.high) result.high = next.high;
      }
      return result;
    default:
      if (function >= PPN_FUNCTION_EQUAL && function <= PPN_FUNCTION_NOT) {
        return (interval_t){0, 1};
      }
      return everything;
  }
}

static interval_t bounds_of(const ppn_symbol_table_t* table, ppn_dim_t dim) {
  if (dim.expression == 0) return (interval_t){dim.value, dim.value};
  const ppn_expression_t* expression = ppn_expression_at(table, dim.expression);
  const int64_t* words = ppn_expression_words(table, dim.expression);
  interval_t result = everything;
  switch (expression->kind) {
    case PPN_EXPRESSION_SYMBOL:
      result.low = table->symbols[words[0]]->minimum;
      result.high = table->symbols[words[0]]->maximum;
      return result;
    case PPN_EXPRESSION_NUMBER:
      if (words[0] == 0) {
        result.low = ppn_floor_divide_i64(words[1], words[2]);
        result.high = result.low + 1;
      } else {
        double value;
        memcpy(&value, &words[1], sizeof(value));
        if (value > -0x1p62 && value < 0x1p62) {
          result.low = (int64_t)value - 1;
          result.high = (int64_t)value + 1;
        }
      }
      return result;
    case PPN_EXPRESSION_OPAQUE:
      return result;
    case PPN_EXPRESSION_PRODUCT:
      result = (interval_t){1, 1};
      for (uint32_t i = 0; i < expression->count; ++i) {
        ppn_dim_t factor = {0, (ppn_expression_id_t)words[i]};
        result = interval_multiply(result, bounds_of(table, factor));
      }
      return result;
    case PPN_EXPRESSION_SUM:
      result = (interval_t){words[0], words[0]};
      for (uint32_t i = 1; i < expression->count; i += 2) {
        ppn_dim_t term = {0, (ppn_expression_id_t)words[i]};
        interval_t scale = {words[i + 1], words[i + 1]};
        result = interval_add(result, interval_multiply(scale, bounds_of(table, term)));
      }
      return result;
    case PPN_EXPRESSION_CALL:
      return bounds_of_call(table, words, ppn_call_operand_count(expression));
  }
  return result;
}

void ppn_dim_bounds(const ppn_symbol_table_t* table, ppn_dim_t dim, int64_t* out_minimum,
                    int64_t* out_maximum) {
  interval_t result = bounds_of(table, dim);
  *out_minimum = result.low;
  *out_maximum = result.high;
}

// ---- Binding ----

typedef struct binder {
  const ppn_symbol_table_t* table;
  const char* (*describe)(void* context, size_t item);
  void* context;
  size_t item;
  int64_t actual;
  ppn_dim_t expected;
} binder_t;

static ppn_status_t bind_error(const binder_t* binder, const char* format_detail, int64_t number) {
  ppn_buffer_t text = {0}, detail = {0};
  ppn_dim_print(binder->table, binder->expected, &text);
  // `format_detail` is one of the literals below.
  ppn_buffer_append_text(&detail, format_detail);
  ppn_buffer_printf(&detail, " %lld", (long long)number);
  const char* name = binder->describe ? binder->describe(binder->context, binder->item) : "size";
  ppn_status_t status = ppn_status_make(
      PPN_STATUS_OUT_OF_RANGE, "%s is %lld, but the program wants %s%s%s", name,
      (long long)binder->actual, ppn_buffer_text(&text), binder->expected.expression ? ", " : "",
      binder->expected.expression ? ppn_buffer_text(&detail) : "");
  ppn_buffer_release(&text);
  ppn_buffer_release(&detail);
  return status;
}

static ppn_status_t bind_symbol(const binder_t* binder, int64_t symbol, int64_t value,
                                int64_t* values) {
  const ppn_symbol_t* range = binder->table->symbols[symbol];
  // A lower bound up to 2 only says that 0 and 1 were not traced (pt2.md 4.5).
  int64_t minimum = range->minimum > 2 ? range->minimum : (range->minimum < 0 ? range->minimum : 0);
  if (value < minimum) return bind_error(binder, "at least", range->minimum);
  if (value > range->maximum) return bind_error(binder, "at most", range->maximum);
  values[symbol] = value;
  return ppn_status_ok();
}

typedef enum bind_outcome { BIND_DONE, BIND_LATER } bind_outcome_t;

// a * s + rest = actual, with one unbound symbol s that occurs in one term only.
static bind_outcome_t solve_affine(const binder_t* binder, int64_t* values,
                                   ppn_status_t* out_status) {
  const ppn_expression_t* expression =
      ppn_expression_at(binder->table, binder->expected.expression);
  const int64_t* words = ppn_expression_words(binder->table, binder->expected.expression);
  if (expression->kind != PPN_EXPRESSION_SUM) return BIND_LATER;
  evaluator_t evaluator = {binder->table, values, NULL};
  int64_t rest = words[0], symbol = -1, coefficient = 0;
  for (uint32_t i = 1; i < expression->count; i += 2) {
    ppn_dim_t term = {0, (ppn_expression_id_t)words[i]};
    int64_t as_symbol = ppn_dim_as_symbol(binder->table, term), scaled;
    if (as_symbol >= 0 && values[as_symbol] == -1) {
      if (symbol >= 0) return BIND_LATER;
      symbol = as_symbol;
      coefficient = words[i + 1];
      continue;
    }
    ppn_number_t number;
    if (evaluate_dim(&evaluator, term, &number) || number.is_float || number.denominator != 1 ||
        !ppn_checked_multiply_i64(number.numerator, words[i + 1], &scaled) ||
        !ppn_checked_add_i64(rest, scaled, &rest)) {
      return BIND_LATER;
    }
  }
  int64_t difference;
  if (symbol < 0 || rest == INT64_MIN || !ppn_checked_add_i64(binder->actual, -rest, &difference)) {
    return BIND_LATER;
  }
  if (difference % coefficient != 0) {
    *out_status = bind_error(binder, "an integer multiple of", coefficient);
  } else {
    *out_status = bind_symbol(binder, symbol, difference / coefficient, values);
  }
  return BIND_DONE;
}

static bind_outcome_t bind_one(const binder_t* binder, int64_t* values, ppn_status_t* out_status) {
  int64_t symbol = ppn_dim_as_symbol(binder->table, binder->expected);
  if (symbol >= 0 && values[symbol] == -1) {
    *out_status = bind_symbol(binder, symbol, binder->actual, values);
    return BIND_DONE;
  }
  int64_t wanted;
  ppn_status_t status = ppn_dim_evaluate(binder->table, binder->expected, values, &wanted);
  if (!status) {
    if (wanted != binder->actual) *out_status = bind_error(binder, "here", wanted);
    return BIND_DONE;
  }
  if (ppn_status_code(status) != PPN_STATUS_FAILED_PRECONDITION) {
    *out_status = status;
    return BIND_DONE;
  }
  ppn_status_free(status);
  return solve_affine(binder, values, out_status);
}

ppn_status_t ppn_dims_bind(const ppn_symbol_table_t* table, const ppn_dim_t* expected,
                           const int64_t* actual, size_t count, int64_t* values,
                           const char* (*describe)(void* context, size_t item), void* context) {
  if (count == 0) return ppn_status_ok();
  bool* done = calloc(count, sizeof(*done));
  if (!done) return ppn_out_of_memory();
  ppn_status_t status = ppn_status_ok();
  // Each round that binds something may make kept items solvable.
  for (bool progress = true; progress && !status;) {
    progress = false;
    for (size_t i = 0; i < count && !status; ++i) {
      if (done[i]) continue;
      binder_t binder = {table, describe, context, i, actual[i], expected[i]};
      done[i] = bind_one(&binder, values, &status) == BIND_DONE;
      progress = progress || done[i];
    }
  }
  free(done);
  return status;
}
