// The symbol table, hash-consing, and sums of products.
#include "tensor/symbolic.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/hash.h"
#include "tensor/symbolic_internal.h"

ppn_status_t ppn_symbol_table_create(ppn_symbol_table_t** out_table) {
  *out_table = NULL;
  ppn_symbol_table_t* table = calloc(1, sizeof(*table));
  if (!table) return ppn_out_of_memory();
  table->expression_count = 1;  // id 0 means "a plain number"
  table->expression_capacity = 64;
  table->expressions = calloc(table->expression_capacity, sizeof(*table->expressions));
  table->slot_count = 128;
  table->slots = calloc(table->slot_count, sizeof(*table->slots));
  if (!table->expressions || !table->slots) {
    ppn_symbol_table_free(table);
    return ppn_out_of_memory();
  }
  *out_table = table;
  return ppn_status_ok();
}

void ppn_symbol_table_free(ppn_symbol_table_t* table) {
  if (!table) return;
  ppn_string_map_release(&table->names);
  ppn_string_map_release(&table->opaque_texts);
  free(table->symbols);
  free(table->expressions);
  free(table->words);
  free(table->slots);
  ppn_arena_release(&table->arena);
  free(table);
}

// ---- Symbols ----

ppn_status_t ppn_symbol_table_add(ppn_symbol_table_t* table, ppn_string_view_t name,
                                  uint32_t* out_index) {
  const ppn_symbol_t* known = ppn_string_map_get(&table->names, name);
  if (known) {
    for (uint32_t i = 0; i < table->symbol_count; ++i) {
      if (table->symbols[i] == known) *out_index = i;
    }
    return ppn_status_ok();
  }
  if (table->symbol_count == table->symbol_capacity) {
    uint32_t capacity = table->symbol_capacity ? table->symbol_capacity * 2 : 8;
    ppn_symbol_t** symbols = realloc(table->symbols, capacity * sizeof(*symbols));
    if (!symbols) return ppn_out_of_memory();
    table->symbols = symbols;
    table->symbol_capacity = capacity;
  }
  ppn_symbol_t* symbol;
  PPN_ARENA_NEW(&table->arena, 1, &symbol);
  symbol->name = ppn_sv_make(ppn_arena_strdup(&table->arena, name), name.size);
  if (!symbol->name.data) return ppn_out_of_memory();
  symbol->is_unbacked = ppn_sv_starts_with(name, "u") || ppn_sv_starts_with(name, "zu");
  bool is_size = ppn_sv_starts_with(name, "s");
  symbol->minimum = is_size ? 0 : INT64_MIN;
  symbol->maximum = PPN_DIM_UNBOUNDED;
  symbol->hint = -1;
  PPN_RETURN_IF_ERROR(ppn_string_map_set(&table->names, symbol->name, symbol));
  *out_index = table->symbol_count;
  table->symbols[table->symbol_count++] = symbol;
  return ppn_status_ok();
}

uint32_t ppn_symbol_table_count(const ppn_symbol_table_t* table) {
  return table->symbol_count;
}

ppn_symbol_t* ppn_symbol_table_symbol(ppn_symbol_table_t* table, uint32_t index) {
  return table->symbols[index];
}

ppn_status_t ppn_symbol_table_set_range(ppn_symbol_table_t* table, ppn_string_view_t name,
                                        int64_t minimum, int64_t maximum) {
  uint32_t index;
  PPN_RETURN_IF_ERROR(ppn_symbol_table_add(table, name, &index));
  table->symbols[index]->minimum = minimum;
  table->symbols[index]->maximum = maximum;
  return ppn_status_ok();
}

ppn_status_t ppn_dim_from_symbol(ppn_symbol_table_t* table, uint32_t symbol, ppn_dim_t* out_dim) {
  int64_t word = symbol;
  out_dim->value = table->symbols[symbol]->hint;
  return ppn_expression_intern(table, PPN_EXPRESSION_SYMBOL, &word, 1, &out_dim->expression);
}

int64_t ppn_dim_as_symbol(const ppn_symbol_table_t* table, ppn_dim_t dim) {
  if (dim.expression == 0) return -1;
  if (ppn_expression_at(table, dim.expression)->kind != PPN_EXPRESSION_SYMBOL) return -1;
  return *ppn_expression_words(table, dim.expression);
}

// ---- Hash-consing ----

static ppn_status_t grow_slots(ppn_symbol_table_t* table) {
  uint32_t count = table->slot_count * 2;
  uint32_t* slots = calloc(count, sizeof(*slots));
  if (!slots) return ppn_out_of_memory();
  for (uint32_t id = 1; id < table->expression_count; ++id) {
    uint32_t slot = (uint32_t)table->expressions[id].hash & (count - 1);
    while (slots[slot]) slot = (slot + 1) & (count - 1);
    slots[slot] = id;
  }
  free(table->slots);
  table->slots = slots;
  table->slot_count = count;
  return ppn_status_ok();
}

static ppn_status_t reserve_expression(ppn_symbol_table_t* table, uint32_t words) {
  if (table->expression_count * 2 >= table->slot_count) PPN_RETURN_IF_ERROR(grow_slots(table));
  if (table->expression_count == table->expression_capacity) {
    if (table->expression_capacity > UINT32_MAX / 4) return ppn_out_of_memory();
    uint32_t capacity = table->expression_capacity * 2;
    ppn_expression_t* expressions = realloc(table->expressions, capacity * sizeof(*expressions));
    if (!expressions) return ppn_out_of_memory();
    table->expressions = expressions;
    table->expression_capacity = capacity;
  }
  if (table->word_count + words > table->word_capacity) {
    size_t capacity = table->word_capacity ? table->word_capacity : 256;
    while (capacity < table->word_count + words) capacity *= 2;
    int64_t* pool = realloc(table->words, capacity * sizeof(*pool));
    if (!pool) return ppn_out_of_memory();
    table->words = pool;
    table->word_capacity = capacity;
  }
  return ppn_status_ok();
}

static bool symbol_is_integer(const ppn_symbol_table_t* table, int64_t symbol) {
  // "zf0" and "zuf0" are floats.
  return !ppn_sv_starts_with(table->symbols[symbol]->name, "z");
}

static void absorb_operand(const ppn_symbol_table_t* table, ppn_expression_id_t id,
                           ppn_expression_t* expression) {
  if (id == 0) return;
  const ppn_expression_t* operand = ppn_expression_at(table, id);
  if (operand->depth >= expression->depth) expression->depth = (uint16_t)(operand->depth + 1);
  expression->size += operand->size;  // no overflow: few operands, each of a limited size
  expression->is_integer = expression->is_integer && operand->is_integer;
}

// Depth, size and integrality follow from the operands.
static void derive_properties(const ppn_symbol_table_t* table, const int64_t* words,
                              ppn_expression_t* expression) {
  expression->is_integer = true;
  switch (expression->kind) {
    case PPN_EXPRESSION_SYMBOL:
      expression->is_integer = symbol_is_integer(table, words[0]);
      break;
    case PPN_EXPRESSION_NUMBER:
    case PPN_EXPRESSION_OPAQUE:
      expression->is_integer = false;
      break;
    case PPN_EXPRESSION_CALL: {
      const bool always = ppn_function_rows[words[0]].is_integer;
      for (uint32_t i = 0; i < ppn_call_operand_count(expression); ++i) {
        absorb_operand(table, (ppn_expression_id_t)words[2 * i + 1], expression);
      }
      bool by_operands = words[0] == PPN_FUNCTION_MAXIMUM || words[0] == PPN_FUNCTION_MINIMUM ||
                         words[0] == PPN_FUNCTION_ABSOLUTE || words[0] == PPN_FUNCTION_WHERE;
      expression->is_integer = always || (by_operands && expression->is_integer);
      break;
    }
    case PPN_EXPRESSION_PRODUCT:
      for (uint32_t i = 0; i < expression->count; ++i) {
        absorb_operand(table, (ppn_expression_id_t)words[i], expression);
      }
      break;
    case PPN_EXPRESSION_SUM:
      for (uint32_t i = 1; i < expression->count; i += 2) {
        absorb_operand(table, (ppn_expression_id_t)words[i], expression);
      }
      break;
  }
}

ppn_status_t ppn_expression_intern(ppn_symbol_table_t* table, ppn_expression_kind_t kind,
                                   const int64_t* words, uint32_t count,
                                   ppn_expression_id_t* out_id) {
  uint64_t hash = ppn_hash64(words, count * sizeof(*words)) * 8 + (uint64_t)kind;
  hash ^= hash >> 29;
  for (uint32_t slot = (uint32_t)hash & (table->slot_count - 1);;
       slot = (slot + 1) & (table->slot_count - 1)) {
    uint32_t id = table->slots[slot];
    if (id == 0) break;
    const ppn_expression_t* found = ppn_expression_at(table, id);
    if (found->hash == hash && found->kind == kind && found->count == count &&
        memcmp(table->words + found->offset, words, count * sizeof(*words)) == 0) {
      *out_id = id;
      return ppn_status_ok();
    }
  }
  ppn_expression_t expression = {.kind = kind, .count = count, .depth = 1, .size = 1, .hash = hash};
  derive_properties(table, words, &expression);
  if (expression.depth > PPN_SYMBOLIC_MAX_DEPTH) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "a size expression is nested more than %d levels deep",
                           PPN_SYMBOLIC_MAX_DEPTH);
  }
  if (expression.size > PPN_SYMBOLIC_MAX_SIZE) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "a size expression has more than %d terms when it is written out",
                           PPN_SYMBOLIC_MAX_SIZE);
  }
  PPN_RETURN_IF_ERROR(reserve_expression(table, count));
  expression.offset = table->word_count;
  memcpy(table->words + table->word_count, words, count * sizeof(*words));
  table->word_count += count;
  uint32_t id = table->expression_count++;
  table->expressions[id] = expression;
  uint32_t slot = (uint32_t)hash & (table->slot_count - 1);
  while (table->slots[slot]) slot = (slot + 1) & (table->slot_count - 1);
  table->slots[slot] = id;
  *out_id = id;
  return ppn_status_ok();
}

bool ppn_dim_is_integer(const ppn_symbol_table_t* table, ppn_dim_t dim) {
  return dim.expression == 0 || ppn_expression_at(table, dim.expression)->is_integer;
}

// ---- Sums of products ----

void ppn_polynomial_from_dim(const ppn_symbol_table_t* table, ppn_dim_t dim,
                             ppn_polynomial_t* out) {
  out->constant = 0;
  out->count = 0;
  if (dim.expression == 0) {
    out->constant = dim.value;
    return;
  }
  const ppn_expression_t* expression = ppn_expression_at(table, dim.expression);
  if (expression->kind != PPN_EXPRESSION_SUM) {
    out->count = 1;
    out->terms[0].id = dim.expression;
    out->terms[0].coefficient = 1;
    return;
  }
  const int64_t* words = table->words + expression->offset;
  out->constant = words[0];
  for (uint32_t i = 1; i < expression->count; i += 2) {
    out->terms[out->count].id = (ppn_expression_id_t)words[i];
    out->terms[out->count++].coefficient = words[i + 1];
  }
}

ppn_status_t ppn_polynomial_to_dim(ppn_symbol_table_t* table, const ppn_polynomial_t* polynomial,
                                   ppn_dim_t* out) {
  out->value = -1;
  out->expression = 0;
  if (polynomial->count == 0) {
    out->value = polynomial->constant;
    return ppn_status_ok();
  }
  if (polynomial->count == 1 && polynomial->constant == 0 &&
      polynomial->terms[0].coefficient == 1) {
    out->expression = polynomial->terms[0].id;
    return ppn_status_ok();
  }
  int64_t words[1 + 2 * PPN_SYMBOLIC_MAX_TERMS];
  words[0] = polynomial->constant;
  for (uint32_t i = 0; i < polynomial->count; ++i) {
    words[1 + 2 * i] = polynomial->terms[i].id;
    words[2 + 2 * i] = polynomial->terms[i].coefficient;
  }
  return ppn_expression_intern(table, PPN_EXPRESSION_SUM, words, 1 + 2 * polynomial->count,
                               &out->expression);
}

static ppn_status_t overflow(void) {
  return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                         "a size does not fit 64 bits; the model's shapes are too large");
}

static ppn_status_t too_many_terms(void) {
  return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "a size expression has more than %d terms",
                         PPN_SYMBOLIC_MAX_TERMS);
}

// out += factor * term
static ppn_status_t add_term(ppn_polynomial_t* out, ppn_expression_id_t id, int64_t coefficient) {
  uint32_t low = 0, high = out->count;
  while (low < high) {
    uint32_t middle = (low + high) / 2;
    if (out->terms[middle].id < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low < out->count && out->terms[low].id == id) {
    int64_t* known = &out->terms[low].coefficient;
    if (!ppn_checked_add_i64(*known, coefficient, known)) return overflow();
    if (*known == 0) {
      --out->count;
      memmove(&out->terms[low], &out->terms[low + 1], (out->count - low) * sizeof(out->terms[0]));
    }
    return ppn_status_ok();
  }
  if (coefficient == 0) return ppn_status_ok();
  if (out->count == PPN_SYMBOLIC_MAX_TERMS) return too_many_terms();
  memmove(&out->terms[low + 1], &out->terms[low], (out->count - low) * sizeof(out->terms[0]));
  out->terms[low].id = id;
  out->terms[low].coefficient = coefficient;
  ++out->count;
  return ppn_status_ok();
}

static uint32_t factors_of(const ppn_symbol_table_t* table, ppn_expression_id_t id,
                           int64_t* out_factors) {
  const ppn_expression_t* expression = ppn_expression_at(table, id);
  if (expression->kind != PPN_EXPRESSION_PRODUCT) {
    out_factors[0] = id;
    return 1;
  }
  memcpy(out_factors, table->words + expression->offset, expression->count * sizeof(int64_t));
  return expression->count;
}

static ppn_status_t multiply_terms(ppn_symbol_table_t* table, ppn_expression_id_t a,
                                   ppn_expression_id_t b, ppn_expression_id_t* out) {
  int64_t x[PPN_SYMBOLIC_MAX_FACTORS], y[PPN_SYMBOLIC_MAX_FACTORS];
  int64_t product[2 * PPN_SYMBOLIC_MAX_FACTORS];
  uint32_t m = factors_of(table, a, x), n = factors_of(table, b, y), i = 0, j = 0, count = 0;
  while (i < m || j < n) {
    product[count++] = j == n || (i < m && x[i] <= y[j]) ? x[i++] : y[j++];
  }
  if (count > PPN_SYMBOLIC_MAX_FACTORS) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "a size expression has a product of more than %d factors",
                           PPN_SYMBOLIC_MAX_FACTORS);
  }
  return ppn_expression_intern(table, PPN_EXPRESSION_PRODUCT, product, count, out);
}

// ---- Arithmetic ----

static bool hints_known(ppn_dim_t a, ppn_dim_t b) {
  return (a.expression == 0 || a.value != -1) && (b.expression == 0 || b.value != -1);
}

static ppn_status_t add_scaled(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b, int64_t scale,
                               ppn_dim_t* out) {
  ppn_polynomial_t sum, other;
  ppn_polynomial_from_dim(table, a, &sum);
  ppn_polynomial_from_dim(table, b, &other);
  int64_t scaled;
  if (!ppn_checked_multiply_i64(other.constant, scale, &scaled) ||
      !ppn_checked_add_i64(sum.constant, scaled, &sum.constant)) {
    return overflow();
  }
  for (uint32_t i = 0; i < other.count; ++i) {
    if (!ppn_checked_multiply_i64(other.terms[i].coefficient, scale, &scaled)) return overflow();
    PPN_RETURN_IF_ERROR(add_term(&sum, other.terms[i].id, scaled));
  }
  return ppn_polynomial_to_dim(table, &sum, out);
}

ppn_status_t ppn_dim_add(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b, ppn_dim_t* out) {
  int64_t number = 0;
  bool fits = ppn_checked_add_i64(a.value, b.value, &number);
  if (a.expression == 0 && b.expression == 0) {
    if (!fits) return overflow();
    *out = ppn_dim_static(number);
    return ppn_status_ok();
  }
  bool hinted = hints_known(a, b) && fits;
  PPN_RETURN_IF_ERROR(add_scaled(table, a, b, 1, out));
  if (out->expression) out->value = hinted ? number : -1;
  return ppn_status_ok();
}

ppn_status_t ppn_dim_subtract(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b, ppn_dim_t* out) {
  int64_t number;
  bool fits = b.value != INT64_MIN && ppn_checked_add_i64(a.value, -b.value, &number);
  if (a.expression == 0 && b.expression == 0) {
    if (!fits) return overflow();
    *out = ppn_dim_static(number);
    return ppn_status_ok();
  }
  bool hinted = hints_known(a, b) && fits;
  PPN_RETURN_IF_ERROR(add_scaled(table, a, b, -1, out));
  if (out->expression) out->value = hinted ? number : -1;
  return ppn_status_ok();
}

static ppn_status_t multiply_polynomials(ppn_symbol_table_t* table, const ppn_polynomial_t* x,
                                         const ppn_polynomial_t* y, ppn_polynomial_t* out) {
  out->count = 0;
  int64_t scaled;
  if (!ppn_checked_multiply_i64(x->constant, y->constant, &out->constant)) return overflow();
  for (uint32_t i = 0; i < x->count && y->constant; ++i) {
    if (!ppn_checked_multiply_i64(x->terms[i].coefficient, y->constant, &scaled)) return overflow();
    PPN_RETURN_IF_ERROR(add_term(out, x->terms[i].id, scaled));
  }
  for (uint32_t j = 0; j < y->count && x->constant; ++j) {
    if (!ppn_checked_multiply_i64(y->terms[j].coefficient, x->constant, &scaled)) return overflow();
    PPN_RETURN_IF_ERROR(add_term(out, y->terms[j].id, scaled));
  }
  if (x->count && y->count > 4 * PPN_SYMBOLIC_MAX_TERMS / x->count) return too_many_terms();
  for (uint32_t i = 0; i < x->count; ++i) {
    for (uint32_t j = 0; j < y->count; ++j) {
      ppn_expression_id_t product;
      PPN_RETURN_IF_ERROR(multiply_terms(table, x->terms[i].id, y->terms[j].id, &product));
      if (!ppn_checked_multiply_i64(x->terms[i].coefficient, y->terms[j].coefficient, &scaled)) {
        return overflow();
      }
      PPN_RETURN_IF_ERROR(add_term(out, product, scaled));
    }
  }
  return ppn_status_ok();
}

ppn_status_t ppn_dim_multiply(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b, ppn_dim_t* out) {
  int64_t number;
  bool fits = ppn_checked_multiply_i64(a.value, b.value, &number);
  if (a.expression == 0 && b.expression == 0) {
    if (!fits) return overflow();
    *out = ppn_dim_static(number);
    return ppn_status_ok();
  }
  bool hinted = hints_known(a, b) && fits;
  ppn_polynomial_t x, y, product;
  ppn_polynomial_from_dim(table, a, &x);
  ppn_polynomial_from_dim(table, b, &y);
  PPN_RETURN_IF_ERROR(multiply_polynomials(table, &x, &y, &product));
  PPN_RETURN_IF_ERROR(ppn_polynomial_to_dim(table, &product, out));
  if (out->expression) out->value = hinted ? number : -1;
  return ppn_status_ok();
}

typedef enum hint_rule { HINT_FLOOR_DIVIDE, HINT_MODULO, HINT_MAXIMUM, HINT_MINIMUM } hint_rule_t;

static int64_t combine_hints(hint_rule_t rule, ppn_dim_t a, ppn_dim_t b) {
  if (!hints_known(a, b)) return -1;
  bool divides = b.value != 0 && !(a.value == INT64_MIN && b.value == -1);
  switch (rule) {
    case HINT_FLOOR_DIVIDE:
      return divides ? ppn_floor_divide_i64(a.value, b.value) : -1;
    case HINT_MODULO:
      return divides ? ppn_floor_modulo_i64(a.value, b.value) : -1;
    case HINT_MAXIMUM:
      return a.value > b.value ? a.value : b.value;
    default:
      return a.value < b.value ? a.value : b.value;
  }
}

static ppn_status_t call_with_hint(ppn_symbol_table_t* table, ppn_function_t function,
                                   hint_rule_t rule, ppn_dim_t a, ppn_dim_t b, ppn_dim_t* out) {
  ppn_dim_t operands[2] = {a, b};
  int64_t hint = combine_hints(rule, a, b);
  PPN_RETURN_IF_ERROR(ppn_dim_call(table, function, operands, 2, out));
  if (out->expression) out->value = hint;
  return ppn_status_ok();
}

ppn_status_t ppn_dim_floor_divide(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b,
                                  ppn_dim_t* out) {
  return call_with_hint(table, PPN_FUNCTION_FLOOR_DIVIDE, HINT_FLOOR_DIVIDE, a, b, out);
}

ppn_status_t ppn_dim_modulo(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b, ppn_dim_t* out) {
  return call_with_hint(table, PPN_FUNCTION_MODULO, HINT_MODULO, a, b, out);
}

ppn_status_t ppn_dim_maximum(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b, ppn_dim_t* out) {
  return call_with_hint(table, PPN_FUNCTION_MAXIMUM, HINT_MAXIMUM, a, b, out);
}

ppn_status_t ppn_dim_minimum(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b, ppn_dim_t* out) {
  return call_with_hint(table, PPN_FUNCTION_MINIMUM, HINT_MINIMUM, a, b, out);
}
