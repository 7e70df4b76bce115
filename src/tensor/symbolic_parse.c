// Reads size expressions in both grammars of PyTorch: sympy's srepr text and infix text
// (pt2.md 4.2, 4.3). One recursive descent parser reads their union: infix operators, and calls by
// either name.
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "tensor/symbolic_internal.h"

enum { MAX_TEXT = 64 * 1024, MAX_NESTING = 256 };

typedef struct parser {
  ppn_symbol_table_t* table;
  const char *start, *cursor, *end;
  int nesting;
} parser_t;

static ppn_status_t parse_expression(parser_t* parser, ppn_dim_t* out);

static ppn_status_t syntax_error(const parser_t* parser, const char* expected) {
  return ppn_status_make(
      PPN_STATUS_INVALID_DATA, "expected %s at position %zu of the size expression '%.*s'",
      expected, (size_t)(parser->cursor - parser->start),
      (int)(parser->end - parser->start < 200 ? parser->end - parser->start : 200), parser->start);
}

static void skip_spaces(parser_t* parser) {
  while (parser->cursor < parser->end && (*parser->cursor == ' ' || *parser->cursor == '\t')) {
    ++parser->cursor;
  }
}

static bool peek(parser_t* parser, const char* token) {
  skip_spaces(parser);
  size_t size = strlen(token);
  return (size_t)(parser->end - parser->cursor) >= size && memcmp(parser->cursor, token, size) == 0;
}

static bool accept(parser_t* parser, const char* token) {
  if (!peek(parser, token)) return false;
  parser->cursor += strlen(token);
  return true;
}

static ppn_status_t expect(parser_t* parser, const char* token) {
  return accept(parser, token) ? ppn_status_ok() : syntax_error(parser, token);
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
static bool is_name_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}

static ppn_string_view_t take_name(parser_t* parser) {
  skip_spaces(parser);
  const char* start = parser->cursor;
  while (parser->cursor < parser->end && is_name_char(*parser->cursor)) ++parser->cursor;
  return ppn_sv_make(start, (size_t)(parser->cursor - start));
}

// ---- Numbers and strings ----

// strtoll and strtod need a terminated copy; a number longer than this is no size.
static bool copy_number(ppn_string_view_t text, char out[64]) {
  if (text.size == 0 || text.size >= 64) return false;
  memcpy(out, text.data, text.size);
  out[text.size] = 0;
  return true;
}

static ppn_status_t parse_int_text(const parser_t* parser, ppn_string_view_t text, int64_t* out) {
  char copy[64], *end;
  if (!copy_number(text, copy)) return syntax_error(parser, "an integer");
  errno = 0;
  *out = strtoll(copy, &end, 10);
  if (*end) return syntax_error(parser, "an integer");
  if (errno == ERANGE) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "the number %s does not fit 64 bits", copy);
  }
  return ppn_status_ok();
}

static ppn_status_t parse_double_text(const parser_t* parser, ppn_string_view_t text, double* out) {
  char copy[64], *end;
  if (!copy_number(text, copy)) return syntax_error(parser, "a number");
  *out = strtod(copy, &end);
  return *end ? syntax_error(parser, "a number") : ppn_status_ok();
}

static ppn_status_t parse_number(parser_t* parser, ppn_dim_t* out) {
  const char* start = parser->cursor;
  bool is_float = false;
  while (parser->cursor < parser->end) {
    char c = *parser->cursor;
    bool exponent_sign = (c == '-' || c == '+') && parser->cursor > start &&
                         (parser->cursor[-1] == 'e' || parser->cursor[-1] == 'E');
    if (c == '.' || c == 'e' || c == 'E') is_float = true;
    if (!is_digit(c) && c != '.' && c != 'e' && c != 'E' && !exponent_sign) break;
    ++parser->cursor;
  }
  ppn_string_view_t text = ppn_sv_make(start, (size_t)(parser->cursor - start));
  if (is_float) {
    double value = 0;
    PPN_RETURN_IF_ERROR(parse_double_text(parser, text, &value));
    return ppn_dim_from_double(parser->table, value, out);
  }
  *out = ppn_dim_static(0);
  return parse_int_text(parser, text, &out->value);
}

static ppn_status_t parse_string(parser_t* parser, ppn_string_view_t* out) {
  PPN_RETURN_IF_ERROR(expect(parser, "'"));
  const char* start = parser->cursor;
  while (parser->cursor < parser->end && *parser->cursor != '\'') ++parser->cursor;
  *out = ppn_sv_make(start, (size_t)(parser->cursor - start));
  return expect(parser, "'");
}

static ppn_status_t parse_signed_int(parser_t* parser, int64_t* out) {
  skip_spaces(parser);
  const char* start = parser->cursor;
  if (parser->cursor < parser->end && *parser->cursor == '-') ++parser->cursor;
  while (parser->cursor < parser->end && is_digit(*parser->cursor)) ++parser->cursor;
  return parse_int_text(parser, ppn_sv_make(start, (size_t)(parser->cursor - start)), out);
}

// `, name=True` pairs up to the closing parenthesis: assumptions and precisions, of no interest.
static ppn_status_t skip_keywords(parser_t* parser) {
  while (accept(parser, ",")) {
    if (take_name(parser).size == 0) return syntax_error(parser, "a keyword");
    PPN_RETURN_IF_ERROR(expect(parser, "="));
    if (take_name(parser).size == 0) return syntax_error(parser, "a value");
  }
  return expect(parser, ")");
}

// ---- Leaves of srepr text ----

// Names that mean something else, or nothing, in the infix grammar are no names of symbols.
static bool is_symbol_name(ppn_string_view_t name) {
  static const char* const reserved[] = {"true", "True",   "false", "False",
                                         "oo",   "int_oo", "nan",   "zoo"};
  if (name.size == 0 || is_digit(name.data[0])) return false;
  for (size_t i = 0; i < name.size; ++i) {
    if (!is_name_char(name.data[i]) || name.data[i] == '.') return false;
  }
  for (size_t i = 0; i < PPN_COUNT_OF(reserved); ++i) {
    if (ppn_sv_equals(name, reserved[i])) return false;
  }
  return true;
}

static ppn_status_t symbol_dim(parser_t* parser, ppn_string_view_t name, ppn_dim_t* out) {
  if (!is_symbol_name(name)) return syntax_error(parser, "the name of a symbol");
  uint32_t index;
  PPN_RETURN_IF_ERROR(ppn_symbol_table_add(parser->table, name, &index));
  return ppn_dim_from_symbol(parser->table, index, out);
}

static ppn_status_t parse_symbol(parser_t* parser, ppn_dim_t* out) {
  ppn_string_view_t name;
  PPN_RETURN_IF_ERROR(parse_string(parser, &name));
  PPN_RETURN_IF_ERROR(symbol_dim(parser, name, out));
  return skip_keywords(parser);
}

static ppn_status_t parse_integer(parser_t* parser, ppn_dim_t* out) {
  *out = ppn_dim_static(0);
  PPN_RETURN_IF_ERROR(parse_signed_int(parser, &out->value));
  return expect(parser, ")");
}

static ppn_status_t parse_rational(parser_t* parser, ppn_dim_t* out) {
  int64_t numerator, denominator;
  PPN_RETURN_IF_ERROR(parse_signed_int(parser, &numerator));
  PPN_RETURN_IF_ERROR(expect(parser, ","));
  PPN_RETURN_IF_ERROR(parse_signed_int(parser, &denominator));
  PPN_RETURN_IF_ERROR(ppn_dim_from_rational(parser->table, numerator, denominator, out));
  return expect(parser, ")");
}

static ppn_status_t parse_float(parser_t* parser, ppn_dim_t* out) {
  ppn_string_view_t text;
  double value = 0;
  PPN_RETURN_IF_ERROR(parse_string(parser, &text));
  PPN_RETURN_IF_ERROR(parse_double_text(parser, text, &value));
  PPN_RETURN_IF_ERROR(ppn_dim_from_double(parser->table, value, out));
  return skip_keywords(parser);
}

// ---- Calls ----

typedef struct operands {
  ppn_dim_t* items;
  uint32_t count, capacity;
} operands_t;

static ppn_status_t operands_push(operands_t* operands, ppn_dim_t operand) {
  if (operands->count == operands->capacity) {
    uint32_t capacity = operands->capacity ? operands->capacity * 2 : 8;
    ppn_dim_t* items = realloc(operands->items, capacity * sizeof(*items));
    if (!items) return ppn_out_of_memory();
    operands->items = items;
    operands->capacity = capacity;
  }
  operands->items[operands->count++] = operand;
  return ppn_status_ok();
}

typedef ppn_status_t (*combine_t)(ppn_symbol_table_t* table, const ppn_dim_t* operands,
                                  uint32_t count, ppn_dim_t* out);

static ppn_status_t combine_sum(ppn_symbol_table_t* table, const ppn_dim_t* operands,
                                uint32_t count, ppn_dim_t* out) {
  *out = ppn_dim_static(0);
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(ppn_dim_add(table, *out, operands[i], out));
  }
  return ppn_status_ok();
}

static ppn_status_t combine_product(ppn_symbol_table_t* table, const ppn_dim_t* operands,
                                    uint32_t count, ppn_dim_t* out) {
  *out = ppn_dim_static(1);
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(ppn_dim_multiply(table, *out, operands[i], out));
  }
  return ppn_status_ok();
}

static ppn_status_t combine_ceil_divide(ppn_symbol_table_t* table, const ppn_dim_t* operands,
                                        uint32_t count, ppn_dim_t* out) {
  (void)count;
  ppn_dim_t negated;
  PPN_RETURN_IF_ERROR(ppn_dim_multiply(table, operands[0], ppn_dim_static(-1), &negated));
  PPN_RETURN_IF_ERROR(ppn_dim_floor_divide(table, negated, operands[1], &negated));
  return ppn_dim_multiply(table, negated, ppn_dim_static(-1), out);
}

static ppn_status_t combine_modular_indexing(ppn_symbol_table_t* table, const ppn_dim_t* operands,
                                             uint32_t count, ppn_dim_t* out) {
  (void)count;
  PPN_RETURN_IF_ERROR(ppn_dim_floor_divide(table, operands[0], operands[1], out));
  return ppn_dim_modulo(table, *out, operands[2], out);
}

static ppn_status_t combine_shift_right(ppn_symbol_table_t* table, const ppn_dim_t* operands,
                                        uint32_t count, ppn_dim_t* out) {
  (void)count;
  ppn_dim_t scale, shift[2] = {ppn_dim_static(1), operands[1]};
  PPN_RETURN_IF_ERROR(ppn_dim_call(table, PPN_FUNCTION_SHIFT_LEFT, shift, 2, &scale));
  return ppn_dim_floor_divide(table, operands[0], scale, out);
}

static ppn_status_t combine_identity(ppn_symbol_table_t* table, const ppn_dim_t* operands,
                                     uint32_t count, ppn_dim_t* out) {
  (void)table;
  (void)count;
  *out = operands[0];
  return ppn_status_ok();
}

enum { ANY = PPN_SYMBOLIC_MAX_OPERANDS };

// Every function by both its names. `combine` for those that become something else.
static const struct {
  const char* name;
  uint16_t least, most;
  ppn_function_t function;
  combine_t combine;
} calls[] = {
    {"Add", 0, UINT16_MAX, 0, combine_sum},
    {"Mul", 0, UINT16_MAX, 0, combine_product},
    {"CeilDiv", 2, 2, 0, combine_ceil_divide},
    {"ModularIndexing", 3, 3, 0, combine_modular_indexing},
    {"RShift", 2, 2, 0, combine_shift_right},
    {"Identity", 1, 1, 0, combine_identity},
    {"Pow", 2, 2, PPN_FUNCTION_POWER, NULL},
    {"PowByNatural", 2, 2, PPN_FUNCTION_POWER, NULL},
    {"FloorDiv", 2, 2, PPN_FUNCTION_FLOOR_DIVIDE, NULL},
    {"CleanDiv", 2, 2, PPN_FUNCTION_FLOOR_DIVIDE, NULL},
    {"Mod", 2, 2, PPN_FUNCTION_MODULO, NULL},
    {"PythonMod", 2, 2, PPN_FUNCTION_MODULO, NULL},
    {"LShift", 2, 2, PPN_FUNCTION_SHIFT_LEFT, NULL},
    {"Max", 1, ANY, PPN_FUNCTION_MAXIMUM, NULL},
    {"Min", 1, ANY, PPN_FUNCTION_MINIMUM, NULL},
    {"Abs", 1, 1, PPN_FUNCTION_ABSOLUTE, NULL},
    {"floor", 1, 1, PPN_FUNCTION_FLOOR, NULL},
    {"ceiling", 1, 1, PPN_FUNCTION_CEILING, NULL},
    {"ToFloat", 1, 1, PPN_FUNCTION_TO_FLOAT, NULL},
    {"TruncToInt", 1, 1, PPN_FUNCTION_TRUNCATE, NULL},
    {"FloorToInt", 1, 1, PPN_FUNCTION_FLOOR, NULL},
    {"CeilToInt", 1, 1, PPN_FUNCTION_CEILING, NULL},
    {"RoundToInt", 1, 1, PPN_FUNCTION_ROUND, NULL},
    {"TruncToFloat", 1, 1, PPN_FUNCTION_TRUNCATE_FLOAT, NULL},
    {"RoundDecimal", 2, 2, PPN_FUNCTION_ROUND_DECIMAL, NULL},
    {"IntTrueDiv", 2, 2, PPN_FUNCTION_TRUE_DIVIDE, NULL},
    {"FloatTrueDiv", 2, 2, PPN_FUNCTION_TRUE_DIVIDE, NULL},
    {"FloatPow", 2, 2, PPN_FUNCTION_FLOAT_POWER, NULL},
    {"BitwiseFn_bitwise_and", 2, 2, PPN_FUNCTION_BITWISE_AND, NULL},
    {"BitwiseFn_bitwise_or", 2, 2, PPN_FUNCTION_BITWISE_OR, NULL},
    {"BitwiseFn_bitwise_xor", 2, 2, PPN_FUNCTION_BITWISE_XOR, NULL},
    {"Where", 3, 3, PPN_FUNCTION_WHERE, NULL},
    {"Piecewise", 2, ANY, PPN_FUNCTION_PIECEWISE, NULL},
    {"Equality", 2, 2, PPN_FUNCTION_EQUAL, NULL},
    {"Eq", 2, 2, PPN_FUNCTION_EQUAL, NULL},
    {"Unequality", 2, 2, PPN_FUNCTION_NOT_EQUAL, NULL},
    {"Ne", 2, 2, PPN_FUNCTION_NOT_EQUAL, NULL},
    {"StrictLessThan", 2, 2, PPN_FUNCTION_LESS, NULL},
    {"Lt", 2, 2, PPN_FUNCTION_LESS, NULL},
    {"LessThan", 2, 2, PPN_FUNCTION_LESS_EQUAL, NULL},
    {"Le", 2, 2, PPN_FUNCTION_LESS_EQUAL, NULL},
    {"StrictGreaterThan", 2, 2, PPN_FUNCTION_GREATER, NULL},
    {"Gt", 2, 2, PPN_FUNCTION_GREATER, NULL},
    {"GreaterThan", 2, 2, PPN_FUNCTION_GREATER_EQUAL, NULL},
    {"Ge", 2, 2, PPN_FUNCTION_GREATER_EQUAL, NULL},
    {"And", 1, ANY, PPN_FUNCTION_AND, NULL},
    {"Or", 1, ANY, PPN_FUNCTION_OR, NULL},
    {"Xor", 1, ANY, PPN_FUNCTION_XOR, NULL},
    {"Not", 1, 1, PPN_FUNCTION_NOT, NULL},
    {"OpaqueUnaryFn_sqrt", 1, 1, PPN_FUNCTION_SQRT, NULL},
    {"OpaqueUnaryFn_cos", 1, 1, PPN_FUNCTION_COS, NULL},
    {"OpaqueUnaryFn_cosh", 1, 1, PPN_FUNCTION_COSH, NULL},
    {"OpaqueUnaryFn_sin", 1, 1, PPN_FUNCTION_SIN, NULL},
    {"OpaqueUnaryFn_sinh", 1, 1, PPN_FUNCTION_SINH, NULL},
    {"OpaqueUnaryFn_tan", 1, 1, PPN_FUNCTION_TAN, NULL},
    {"OpaqueUnaryFn_tanh", 1, 1, PPN_FUNCTION_TANH, NULL},
    {"OpaqueUnaryFn_asin", 1, 1, PPN_FUNCTION_ASIN, NULL},
    {"OpaqueUnaryFn_acos", 1, 1, PPN_FUNCTION_ACOS, NULL},
    {"OpaqueUnaryFn_atan", 1, 1, PPN_FUNCTION_ATAN, NULL},
    {"OpaqueUnaryFn_exp", 1, 1, PPN_FUNCTION_EXP, NULL},
    {"OpaqueUnaryFn_log", 1, 1, PPN_FUNCTION_LOG, NULL},
    {"OpaqueUnaryFn_asinh", 1, 1, PPN_FUNCTION_ASINH, NULL},
    {"OpaqueUnaryFn_log2", 1, 1, PPN_FUNCTION_LOG2, NULL},
};

static ppn_status_t opaque_dim(parser_t* parser, ppn_string_view_t text, ppn_dim_t* out) {
  ppn_symbol_table_t* table = parser->table;
  const ppn_string_map_entry_t* entry = ppn_string_map_find(&table->opaque_texts, text);
  int64_t index;
  if (entry) {
    index = entry - table->opaque_texts.entries;
  } else {
    char* copy = ppn_arena_strdup(&table->arena, text);
    if (!copy) return ppn_out_of_memory();
    index = (int64_t)table->opaque_texts.count;
    PPN_RETURN_IF_ERROR(
        ppn_string_map_set(&table->opaque_texts, ppn_sv_make(copy, text.size), copy));
  }
  out->value = -1;
  return ppn_expression_intern(table, PPN_EXPRESSION_OPAQUE, &index, 1, &out->expression);
}

static ppn_status_t build_call(parser_t* parser, ppn_string_view_t name, const char* start,
                               const operands_t* operands, ppn_dim_t* out) {
  for (size_t i = 0; i < PPN_COUNT_OF(calls); ++i) {
    if (!ppn_sv_equals(name, calls[i].name)) continue;
    if (operands->count < calls[i].least || operands->count > calls[i].most) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA,
                             "%.*s has %u operands in the size expression '%.*s'", PPN_SV(name),
                             operands->count, (int)(parser->cursor - start), start);
    }
    if (calls[i].combine) {
      return calls[i].combine(parser->table, operands->items, operands->count, out);
    }
    return ppn_dim_call(parser->table, calls[i].function, operands->items, operands->count, out);
  }
  return opaque_dim(parser, ppn_sv_make(start, (size_t)(parser->cursor - start)), out);
}

// "(value, condition)" and "(a + b)*c" both start with a parenthesis: a pair has a comma inside it.
static bool is_at_pair(parser_t* parser) {
  if (!peek(parser, "(")) return false;
  int depth = 0;
  for (const char* at = parser->cursor; at < parser->end; ++at) {
    if (*at == '(') ++depth;
    if (*at == ')' && --depth == 0) return false;
    if (*at == ',' && depth == 1) return true;
    if (*at != '\'') continue;
    do {
      ++at;
    } while (at < parser->end && *at != '\'');
  }
  return false;
}

// One operand of a call: an expression, a pair (Piecewise), or a keyword that is skipped.
static ppn_status_t parse_operand(parser_t* parser, operands_t* operands) {
  const char* before = parser->cursor;
  ppn_string_view_t keyword = take_name(parser);
  if (keyword.size && peek(parser, "=") && !peek(parser, "==")) {
    PPN_RETURN_IF_ERROR(expect(parser, "="));
    return take_name(parser).size ? ppn_status_ok() : syntax_error(parser, "a value");
  }
  parser->cursor = before;
  ppn_dim_t operand;
  if (peek(parser, "'")) {  // text operands occur only in functions we do not know
    ppn_string_view_t text;
    PPN_RETURN_IF_ERROR(parse_string(parser, &text));
    // With its quotes: it is not the symbol of that name.
    PPN_RETURN_IF_ERROR(opaque_dim(parser, ppn_sv_make(text.data - 1, text.size + 2), &operand));
    return operands_push(operands, operand);
  }
  bool is_pair = accept(parser, "ExprCondPair(") || (is_at_pair(parser) && accept(parser, "("));
  PPN_RETURN_IF_ERROR(parse_expression(parser, &operand));
  PPN_RETURN_IF_ERROR(operands_push(operands, operand));
  if (!is_pair) return ppn_status_ok();
  PPN_RETURN_IF_ERROR(expect(parser, ","));
  PPN_RETURN_IF_ERROR(parse_expression(parser, &operand));
  PPN_RETURN_IF_ERROR(operands_push(operands, operand));
  return expect(parser, ")");
}

static ppn_status_t parse_operands(parser_t* parser, operands_t* operands) {
  if (accept(parser, ")")) return ppn_status_ok();
  do {
    PPN_RETURN_IF_ERROR(parse_operand(parser, operands));
  } while (accept(parser, ","));
  return expect(parser, ")");
}

// After "name(".
static ppn_status_t parse_call(parser_t* parser, ppn_string_view_t name, ppn_dim_t* out) {
  if (ppn_sv_equals(name, "Symbol")) return parse_symbol(parser, out);
  if (ppn_sv_equals(name, "Integer")) return parse_integer(parser, out);
  if (ppn_sv_equals(name, "Rational")) return parse_rational(parser, out);
  if (ppn_sv_equals(name, "Float")) return parse_float(parser, out);
  operands_t operands = {0};
  ppn_status_t status = parse_operands(parser, &operands);
  if (!status) status = build_call(parser, name, name.data, &operands, out);
  free(operands.items);
  return status;
}

static ppn_status_t parse_name(parser_t* parser, ppn_dim_t* out) {
  ppn_string_view_t name = take_name(parser);
  if (name.size == 0) return syntax_error(parser, "a number, a name or '('");
  if (accept(parser, "(")) return parse_call(parser, name, out);
  if (ppn_sv_equals(name, "true") || ppn_sv_equals(name, "True")) {
    *out = ppn_dim_static(1);
    return ppn_status_ok();
  }
  if (ppn_sv_equals(name, "false") || ppn_sv_equals(name, "False")) {
    *out = ppn_dim_static(0);
    return ppn_status_ok();
  }
  if (ppn_sv_equals(name, "oo") || ppn_sv_equals(name, "int_oo")) {
    return ppn_dim_from_double(parser->table, INFINITY, out);
  }
  if (ppn_sv_equals(name, "nan") || ppn_sv_equals(name, "zoo")) {
    return opaque_dim(parser, name, out);
  }
  return symbol_dim(parser, name, out);
}

// ---- Infix operators, loosest last ----

static ppn_status_t parse_primary(parser_t* parser, ppn_dim_t* out) {
  skip_spaces(parser);
  if (parser->cursor < parser->end && (is_digit(*parser->cursor) || *parser->cursor == '.')) {
    return parse_number(parser, out);
  }
  if (accept(parser, "(")) {
    PPN_RETURN_IF_ERROR(parse_expression(parser, out));
    return expect(parser, ")");
  }
  return parse_name(parser, out);
}

static ppn_status_t parse_unary(parser_t* parser, ppn_dim_t* out) {
  if (++parser->nesting > MAX_NESTING) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "a size expression is nested more than %d levels deep", MAX_NESTING);
  }
  ppn_status_t status;
  if (accept(parser, "-")) {
    status = parse_unary(parser, out);
    if (!status) status = ppn_dim_multiply(parser->table, *out, ppn_dim_static(-1), out);
  } else if (accept(parser, "+")) {
    status = parse_unary(parser, out);
  } else {
    status = parse_primary(parser, out);
    if (!status && accept(parser, "**")) {
      ppn_dim_t operands[2] = {*out, {0, 0}};
      status = parse_unary(parser, &operands[1]);
      if (!status) status = ppn_dim_call(parser->table, PPN_FUNCTION_POWER, operands, 2, out);
    }
  }
  --parser->nesting;
  return status;
}

static ppn_status_t true_divide(parser_t* parser, ppn_dim_t a, ppn_dim_t b, ppn_dim_t* out) {
  ppn_dim_t operands[2] = {b, ppn_dim_static(-1)}, reciprocal;
  if (b.expression == 0 && b.value == 0) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "a size expression divides by zero");
  }
  if (a.expression == 0 && b.expression == 0) {
    return ppn_dim_from_rational(parser->table, a.value, b.value, out);
  }
  PPN_RETURN_IF_ERROR(ppn_dim_call(parser->table, PPN_FUNCTION_POWER, operands, 2, &reciprocal));
  return ppn_dim_multiply(parser->table, a, reciprocal, out);
}

static ppn_status_t parse_term(parser_t* parser, ppn_dim_t* out) {
  PPN_RETURN_IF_ERROR(parse_unary(parser, out));
  for (;;) {
    ppn_dim_t right;
    if (accept(parser, "//")) {
      PPN_RETURN_IF_ERROR(parse_unary(parser, &right));
      PPN_RETURN_IF_ERROR(ppn_dim_floor_divide(parser->table, *out, right, out));
    } else if (accept(parser, "/")) {
      PPN_RETURN_IF_ERROR(parse_unary(parser, &right));
      PPN_RETURN_IF_ERROR(true_divide(parser, *out, right, out));
    } else if (accept(parser, "%")) {
      PPN_RETURN_IF_ERROR(parse_unary(parser, &right));
      PPN_RETURN_IF_ERROR(ppn_dim_modulo(parser->table, *out, right, out));
    } else if (!peek(parser, "**") && accept(parser, "*")) {
      PPN_RETURN_IF_ERROR(parse_unary(parser, &right));
      PPN_RETURN_IF_ERROR(ppn_dim_multiply(parser->table, *out, right, out));
    } else {
      return ppn_status_ok();
    }
  }
}

static ppn_status_t parse_sum(parser_t* parser, ppn_dim_t* out) {
  PPN_RETURN_IF_ERROR(parse_term(parser, out));
  for (;;) {
    ppn_dim_t right;
    bool plus = accept(parser, "+");
    if (!plus && !accept(parser, "-")) return ppn_status_ok();
    PPN_RETURN_IF_ERROR(parse_term(parser, &right));
    PPN_RETURN_IF_ERROR(plus ? ppn_dim_add(parser->table, *out, right, out)
                             : ppn_dim_subtract(parser->table, *out, right, out));
  }
}

static ppn_status_t parse_comparison(parser_t* parser, ppn_dim_t* out) {
  static const struct {
    const char* token;
    ppn_function_t function;
  } comparisons[] = {{"<=", PPN_FUNCTION_LESS_EQUAL}, {">=", PPN_FUNCTION_GREATER_EQUAL},
                     {"==", PPN_FUNCTION_EQUAL},      {"!=", PPN_FUNCTION_NOT_EQUAL},
                     {"<", PPN_FUNCTION_LESS},        {">", PPN_FUNCTION_GREATER}};
  ppn_dim_t operands[2];
  PPN_RETURN_IF_ERROR(parse_sum(parser, &operands[0]));
  for (size_t i = 0; i < PPN_COUNT_OF(comparisons); ++i) {
    if (!accept(parser, comparisons[i].token)) continue;
    PPN_RETURN_IF_ERROR(parse_sum(parser, &operands[1]));
    return ppn_dim_call(parser->table, comparisons[i].function, operands, 2, out);
  }
  *out = operands[0];
  return ppn_status_ok();
}

static ppn_status_t parse_not(parser_t* parser, ppn_dim_t* out) {
  uint32_t count = 0;
  while (accept(parser, "~")) ++count;
  PPN_RETURN_IF_ERROR(parse_comparison(parser, out));
  // An even number of negations still makes a truth value.
  for (uint32_t i = 0; i < (count ? 2 - count % 2 : 0); ++i) {
    ppn_dim_t operand = *out;
    PPN_RETURN_IF_ERROR(ppn_dim_call(parser->table, PPN_FUNCTION_NOT, &operand, 1, out));
  }
  return ppn_status_ok();
}

static ppn_status_t parse_and(parser_t* parser, ppn_dim_t* out) {
  ppn_dim_t operands[2];
  PPN_RETURN_IF_ERROR(parse_not(parser, out));
  while (accept(parser, "&")) {
    operands[0] = *out;
    PPN_RETURN_IF_ERROR(parse_not(parser, &operands[1]));
    PPN_RETURN_IF_ERROR(ppn_dim_call(parser->table, PPN_FUNCTION_AND, operands, 2, out));
  }
  return ppn_status_ok();
}

static ppn_status_t parse_expression(parser_t* parser, ppn_dim_t* out) {
  ppn_dim_t operands[2];
  PPN_RETURN_IF_ERROR(parse_and(parser, out));
  while (accept(parser, "|")) {
    operands[0] = *out;
    PPN_RETURN_IF_ERROR(parse_and(parser, &operands[1]));
    PPN_RETURN_IF_ERROR(ppn_dim_call(parser->table, PPN_FUNCTION_OR, operands, 2, out));
  }
  return ppn_status_ok();
}

ppn_status_t ppn_dim_parse(ppn_symbol_table_t* table, ppn_string_view_t text, int64_t hint,
                           ppn_dim_t* out_dim) {
  if (text.size > MAX_TEXT) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "a size expression has %zu characters; at most %d are accepted",
                           text.size, MAX_TEXT);
  }
  parser_t parser = {table, text.data, text.data, text.data + text.size, 0};
  PPN_RETURN_IF_ERROR(parse_expression(&parser, out_dim));
  skip_spaces(&parser);
  if (parser.cursor != parser.end) return syntax_error(&parser, "the end");
  if (out_dim->expression) out_dim->value = hint;
  int64_t symbol = ppn_dim_as_symbol(table, *out_dim);
  if (symbol >= 0 && hint != -1 && table->symbols[symbol]->hint == -1) {
    table->symbols[symbol]->hint = hint;
  }
  return ppn_status_ok();
}
