// Size expressions as text, in the infix grammar (pt2.md 4.3).
#include <math.h>
#include <stdio.h>

#include "tensor/symbolic_internal.h"

static void print_dim(const ppn_symbol_table_t* table, ppn_dim_t dim, ppn_buffer_t* out);

static bool needs_parentheses(const ppn_symbol_table_t* table, ppn_dim_t dim) {
  if (dim.expression == 0) return dim.value < 0;
  ppn_expression_kind_t kind = ppn_expression_at(table, dim.expression)->kind;
  return kind == PPN_EXPRESSION_SUM || kind == PPN_EXPRESSION_PRODUCT ||
         kind == PPN_EXPRESSION_NUMBER;
}

static void print_operand(const ppn_symbol_table_t* table, ppn_dim_t dim, ppn_buffer_t* out) {
  bool enclosed = needs_parentheses(table, dim);
  if (enclosed) ppn_buffer_append_text(out, "(");
  print_dim(table, dim, out);
  if (enclosed) ppn_buffer_append_text(out, ")");
}

// The base of a power: "**" groups to the right.
static void print_base(const ppn_symbol_table_t* table, ppn_dim_t dim, ppn_buffer_t* out) {
  bool is_power = dim.expression &&
                  ppn_expression_at(table, dim.expression)->kind == PPN_EXPRESSION_CALL &&
                  ppn_expression_words(table, dim.expression)[0] == PPN_FUNCTION_POWER;
  if (is_power) ppn_buffer_append_text(out, "(");
  print_operand(table, dim, out);
  if (is_power) ppn_buffer_append_text(out, ")");
}

static void print_number(const int64_t* words, ppn_buffer_t* out) {
  if (words[0] == 0) {
    ppn_buffer_printf(out, "%lld/%lld", (long long)words[1], (long long)words[2]);
    return;
  }
  double value;
  memcpy(&value, &words[1], sizeof(value));
  if (isinf(value)) {
    ppn_buffer_append_text(out, value > 0 ? "oo" : "-oo");
  } else {
    char text[32];
    snprintf(text, sizeof(text), "%.17g", value);
    // Without a point it would read back as an integer.
    ppn_buffer_printf(out, "%s%s", text, strpbrk(text, ".en") ? "" : ".0");
  }
}

static void print_call(const ppn_symbol_table_t* table, const int64_t* words, uint32_t count,
                       ppn_buffer_t* out) {
  ppn_function_t function = (ppn_function_t)words[0];
  if (function == PPN_FUNCTION_FLOOR_DIVIDE) {
    ppn_buffer_append_text(out, "(");
    print_operand(table, ppn_call_operand(words, 0), out);
    ppn_buffer_append_text(out, "//");
    print_operand(table, ppn_call_operand(words, 1), out);
    ppn_buffer_append_text(out, ")");
    return;
  }
  if (function == PPN_FUNCTION_POWER) {
    print_base(table, ppn_call_operand(words, 0), out);
    ppn_buffer_append_text(out, "**");
    print_operand(table, ppn_call_operand(words, 1), out);
    return;
  }
  ppn_buffer_printf(out, "%s(", ppn_function_rows[function].name);
  bool pairs = function == PPN_FUNCTION_PIECEWISE;
  for (uint32_t i = 0; i < count; ++i) {
    if (i) ppn_buffer_append_text(out, ", ");
    if (pairs && i % 2 == 0) ppn_buffer_append_text(out, "(");
    print_dim(table, ppn_call_operand(words, i), out);
    if (pairs && i % 2 == 1) ppn_buffer_append_text(out, ")");
  }
  ppn_buffer_append_text(out, ")");
}

static void print_product(const ppn_symbol_table_t* table, const int64_t* words, uint32_t count,
                          ppn_buffer_t* out) {
  for (uint32_t i = 0; i < count;) {
    uint32_t power = 1;
    while (i + power < count && words[i + power] == words[i]) ++power;
    if (i) ppn_buffer_append_text(out, "*");
    ppn_dim_t factor = {0, (ppn_expression_id_t)words[i]};
    if (power > 1) {
      print_base(table, factor, out);
      ppn_buffer_printf(out, "**%u", power);
    } else {
      print_operand(table, factor, out);
    }
    i += power;
  }
}

static void print_sum(const ppn_symbol_table_t* table, const int64_t* words, uint32_t count,
                      ppn_buffer_t* out) {
  for (uint32_t i = 1; i < count; i += 2) {
    int64_t coefficient = words[i + 1];
    if (i > 1) {
      ppn_buffer_append_text(out, coefficient < 0 ? " - " : " + ");
      // The magnitude of INT64_MIN has no int64; print it through uint64.
    } else if (coefficient < 0) {
      ppn_buffer_append_text(out, "-");
    }
    uint64_t magnitude = coefficient < 0 ? 0 - (uint64_t)coefficient : (uint64_t)coefficient;
    if (magnitude != 1) ppn_buffer_printf(out, "%llu*", (unsigned long long)magnitude);
    ppn_dim_t term = {0, (ppn_expression_id_t)words[i]};
    // A fraction after a factor would read as "(2*1)/2".
    bool is_number = ppn_expression_at(table, term.expression)->kind == PPN_EXPRESSION_NUMBER;
    if (is_number) {
      print_operand(table, term, out);
    } else {
      print_dim(table, term, out);
    }
  }
  if (words[0] == 0) return;
  uint64_t magnitude = words[0] < 0 ? 0 - (uint64_t)words[0] : (uint64_t)words[0];
  ppn_buffer_printf(out, " %s %llu", words[0] < 0 ? "-" : "+", (unsigned long long)magnitude);
}

static void print_dim(const ppn_symbol_table_t* table, ppn_dim_t dim, ppn_buffer_t* out) {
  if (dim.expression == 0) {
    ppn_buffer_printf(out, "%lld", (long long)dim.value);
    return;
  }
  const ppn_expression_t* expression = ppn_expression_at(table, dim.expression);
  const int64_t* words = ppn_expression_words(table, dim.expression);
  switch (expression->kind) {
    case PPN_EXPRESSION_SYMBOL: {
      ppn_string_view_t name = table->symbols[words[0]]->name;
      ppn_buffer_append(out, name.data, name.size);
      break;
    }
    case PPN_EXPRESSION_NUMBER:
      print_number(words, out);
      break;
    case PPN_EXPRESSION_OPAQUE: {
      ppn_string_view_t text = table->opaque_texts.entries[words[0]].key;
      ppn_buffer_append(out, text.data, text.size);
      break;
    }
    case PPN_EXPRESSION_PRODUCT:
      print_product(table, words, expression->count, out);
      break;
    case PPN_EXPRESSION_SUM:
      print_sum(table, words, expression->count, out);
      break;
    case PPN_EXPRESSION_CALL:
      print_call(table, words, ppn_call_operand_count(expression), out);
      break;
  }
}

void ppn_dim_print(const ppn_symbol_table_t* table, ppn_dim_t dim, ppn_buffer_t* out) {
  print_dim(table, dim, out);
}
