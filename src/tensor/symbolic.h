// Symbolic integers: the sizes of tensors whose shape is not fixed.
//
// A size is a ppn_dim_t: a plain number, or an expression over named symbols ("2*s77 + 1").
// Expressions live in one ppn_symbol_table_t per exported program and are hash-consed in a normal
// form (sum of products with integer coefficients over symbols and opaque function terms), so that
// equal expressions have equal ids.
#ifndef PPN_TENSOR_SYMBOLIC_H_
#define PPN_TENSOR_SYMBOLIC_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "base/status.h"

// Id of an expression in its table; 0 means "none: a plain number".
typedef uint32_t ppn_expression_id_t;

// One size (or stride, or offset). Static when `expression` is 0; then `value` is the number.
// Otherwise `value` is the hint: the number at export time, or -1 when unknown. Compare with
// ppn_dim_equal, never with memcmp.
typedef struct ppn_dim {
  int64_t value;
  ppn_expression_id_t expression;
} ppn_dim_t;

static inline ppn_dim_t ppn_dim_static(int64_t value) {
  ppn_dim_t dim = {value, 0};
  return dim;
}
static inline bool ppn_dim_is_static(ppn_dim_t dim) {
  return dim.expression == 0;
}
static inline bool ppn_dim_is(ppn_dim_t dim, int64_t value) {
  return dim.expression == 0 && dim.value == value;
}
// True when the sizes are equal for every value of the symbols (same normal form).
static inline bool ppn_dim_equal(ppn_dim_t a, ppn_dim_t b) {
  return a.expression == b.expression && (a.expression != 0 || a.value == b.value);
}

// No upper bound.
#define PPN_DIM_UNBOUNDED INT64_MAX

typedef struct ppn_symbol {
  ppn_string_view_t name;    // "s77", "u0"
  int64_t minimum, maximum;  // inclusive; PPN_DIM_UNBOUNDED for no upper bound
  int64_t hint;              // -1 when unknown
  bool is_unbacked;          // data-dependent ("u…", "zuf…")
} ppn_symbol_t;

typedef struct ppn_symbol_table ppn_symbol_table_t;

ppn_status_t ppn_symbol_table_create(ppn_symbol_table_t** out_table) PPN_MUST_USE;
void ppn_symbol_table_free(ppn_symbol_table_t* table);

// Adds a symbol (copying the name) or finds it; its index is stable.
ppn_status_t ppn_symbol_table_add(ppn_symbol_table_t* table, ppn_string_view_t name,
                                  uint32_t* out_index) PPN_MUST_USE;
uint32_t ppn_symbol_table_count(const ppn_symbol_table_t* table);
ppn_symbol_t* ppn_symbol_table_symbol(ppn_symbol_table_t* table, uint32_t index);
// Sets range or hint by name; adds the symbol when it is new.
ppn_status_t ppn_symbol_table_set_range(ppn_symbol_table_t* table, ppn_string_view_t name,
                                        int64_t minimum, int64_t maximum) PPN_MUST_USE;
// The size that is just this symbol.
ppn_status_t ppn_dim_from_symbol(ppn_symbol_table_t* table, uint32_t symbol,
                                 ppn_dim_t* out_dim) PPN_MUST_USE;

// Parses both expression grammars (pt2.md 4.2 srepr and 4.3 infix; told apart by content). `hint`
// -1 when unknown. Unknown functions give an opaque expression that compares equal only to itself
// and cannot be evaluated.
ppn_status_t ppn_dim_parse(ppn_symbol_table_t* table, ppn_string_view_t text, int64_t hint,
                           ppn_dim_t* out_dim) PPN_MUST_USE;

// Arithmetic. Static operands give static results (checked: OUT_OF_RANGE on overflow). Hints are
// carried along.
ppn_status_t ppn_dim_add(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b,
                         ppn_dim_t* out) PPN_MUST_USE;
ppn_status_t ppn_dim_subtract(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b,
                              ppn_dim_t* out) PPN_MUST_USE;
ppn_status_t ppn_dim_multiply(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b,
                              ppn_dim_t* out) PPN_MUST_USE;
ppn_status_t ppn_dim_floor_divide(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b,
                                  ppn_dim_t* out) PPN_MUST_USE;
ppn_status_t ppn_dim_modulo(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b,
                            ppn_dim_t* out) PPN_MUST_USE;
ppn_status_t ppn_dim_maximum(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b,
                             ppn_dim_t* out) PPN_MUST_USE;
ppn_status_t ppn_dim_minimum(ppn_symbol_table_t* table, ppn_dim_t a, ppn_dim_t b,
                             ppn_dim_t* out) PPN_MUST_USE;

// The smallest and largest value the size can take within the symbols' ranges (interval arithmetic:
// safe, maybe loose).
void ppn_dim_bounds(const ppn_symbol_table_t* table, ppn_dim_t dim, int64_t* out_minimum,
                    int64_t* out_maximum);

// The value with symbol i = values[i]. FAILED_PRECONDITION when it needs a symbol whose value is
// -1.
ppn_status_t ppn_dim_evaluate(const ppn_symbol_table_t* table, ppn_dim_t dim, const int64_t* values,
                              int64_t* out) PPN_MUST_USE;

// The symbol when the size is exactly one symbol; -1 otherwise.
int64_t ppn_dim_as_symbol(const ppn_symbol_table_t* table, ppn_dim_t dim);
// Appends "7", "s77", "2*s77 + 1" in the infix grammar.
void ppn_dim_print(const ppn_symbol_table_t* table, ppn_dim_t dim, ppn_buffer_t* out);

// Solves for the symbols of `expected` given the actual sizes, in order (pt2.md 4.6): binds unbound
// symbols in `values` (symbol index to value, -1 unbound) and checks bound ones. `describe(context,
// i)` names item i in errors. Errors: OUT_OF_RANGE naming the item, the expression, the value
// expected and the one found.
ppn_status_t ppn_dims_bind(const ppn_symbol_table_t* table, const ppn_dim_t* expected,
                           const int64_t* actual, size_t count, int64_t* values,
                           const char* (*describe)(void* context, size_t item),
                           void* context) PPN_MUST_USE;

#endif  // PPN_TENSOR_SYMBOLIC_H_
