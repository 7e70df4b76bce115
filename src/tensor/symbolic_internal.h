// Inside of the symbol table: how expressions are stored. Only the symbolic_*.c files include this.
//
//   SYMBOL    [index]
//   NUMBER    [is_float, numerator or bits of a double, denominator]   a number that is no integer
//   CALL      [function, operand, operand …]                           operand = 2 words, see below
//   OPAQUE    [index of its text]                                      a function we do not know
//   PRODUCT   [id, id, …]         at least two factors, each an atom (one of the kinds above),
//   sorted SUM       [constant, id, coefficient, id, coefficient …]           ids: atoms or
//   products, sorted
//
// A SUM is never a bare term (coefficient 1, constant 0) and never without terms, so every value
// has one representation. Operands have smaller ids than what uses them.
#ifndef PPN_TENSOR_SYMBOLIC_INTERNAL_H_
#define PPN_TENSOR_SYMBOLIC_INTERNAL_H_

#include "base/arena.h"
#include "base/string_map.h"
#include "tensor/symbolic.h"

enum {
  PPN_SYMBOLIC_MAX_TERMS = 512,
  PPN_SYMBOLIC_MAX_FACTORS = 32,
  PPN_SYMBOLIC_MAX_OPERANDS = 256,
  PPN_SYMBOLIC_MAX_DEPTH = 2048,
  // Nodes of an expression written out. Shared parts count each time: (x)**30 has 30 times x, so
  // that a short text could otherwise take forever to evaluate or print.
  PPN_SYMBOLIC_MAX_SIZE = 16384,
};

typedef enum ppn_expression_kind {
  PPN_EXPRESSION_SYMBOL,
  PPN_EXPRESSION_NUMBER,
  PPN_EXPRESSION_CALL,
  PPN_EXPRESSION_OPAQUE,
  PPN_EXPRESSION_PRODUCT,
  PPN_EXPRESSION_SUM,
} ppn_expression_kind_t;

typedef struct ppn_expression {
  ppn_expression_kind_t kind;
  bool is_integer;  // certainly an integer
  uint16_t depth;
  uint32_t size;   // nodes when written out
  uint32_t count;  // words
  size_t offset;   // into ppn_symbol_table.words
  uint64_t hash;
} ppn_expression_t;

struct ppn_symbol_table {
  ppn_arena_t arena;
  ppn_string_map_t names;  // name to ppn_symbol_t*
  ppn_symbol_t** symbols;
  uint32_t symbol_count, symbol_capacity;
  ppn_expression_t* expressions;  // entry 0 is not used
  uint32_t expression_count, expression_capacity;
  int64_t* words;
  size_t word_count, word_capacity;
  uint32_t* slots;  // hash table of expression ids
  uint32_t slot_count;
  ppn_string_map_t opaque_texts;  // text to index
};

// Finds or adds. `words` must not point into the table.
ppn_status_t ppn_expression_intern(ppn_symbol_table_t* table, ppn_expression_kind_t kind,
                                   const int64_t* words, uint32_t count,
                                   ppn_expression_id_t* out_id) PPN_MUST_USE;
static inline const ppn_expression_t* ppn_expression_at(const ppn_symbol_table_t* table,
                                                        ppn_expression_id_t id) {
  return &table->expressions[id];
}
static inline const int64_t* ppn_expression_words(const ppn_symbol_table_t* table,
                                                  ppn_expression_id_t id) {
  return table->words + table->expressions[id].offset;
}
bool ppn_dim_is_integer(const ppn_symbol_table_t* table, ppn_dim_t dim);

// ---- Sums of products ----

typedef struct ppn_term {
  ppn_expression_id_t id;
  int64_t coefficient;
} ppn_term_t;

typedef struct ppn_polynomial {
  int64_t constant;
  uint32_t count;
  ppn_term_t terms[PPN_SYMBOLIC_MAX_TERMS];  // sorted by id; no zero coefficients
} ppn_polynomial_t;

void ppn_polynomial_from_dim(const ppn_symbol_table_t* table, ppn_dim_t dim, ppn_polynomial_t* out);
ppn_status_t ppn_polynomial_to_dim(ppn_symbol_table_t* table, const ppn_polynomial_t* polynomial,
                                   ppn_dim_t* out) PPN_MUST_USE;

// ---- Functions ----

typedef enum ppn_function {
  PPN_FUNCTION_FLOOR_DIVIDE,
  PPN_FUNCTION_MODULO,
  PPN_FUNCTION_MAXIMUM,
  PPN_FUNCTION_MINIMUM,
  PPN_FUNCTION_POWER,
  PPN_FUNCTION_SHIFT_LEFT,
  PPN_FUNCTION_ABSOLUTE,
  PPN_FUNCTION_TRUNCATE,
  PPN_FUNCTION_FLOOR,
  PPN_FUNCTION_CEILING,
  PPN_FUNCTION_ROUND,
  PPN_FUNCTION_TO_FLOAT,
  PPN_FUNCTION_TRUNCATE_FLOAT,
  PPN_FUNCTION_ROUND_DECIMAL,
  PPN_FUNCTION_TRUE_DIVIDE,
  PPN_FUNCTION_FLOAT_POWER,
  PPN_FUNCTION_BITWISE_AND,
  PPN_FUNCTION_BITWISE_OR,
  PPN_FUNCTION_BITWISE_XOR,
  PPN_FUNCTION_WHERE,
  PPN_FUNCTION_PIECEWISE,  // value, condition, value, condition …
  PPN_FUNCTION_EQUAL,
  PPN_FUNCTION_NOT_EQUAL,
  PPN_FUNCTION_LESS,
  PPN_FUNCTION_LESS_EQUAL,
  PPN_FUNCTION_GREATER,
  PPN_FUNCTION_GREATER_EQUAL,
  PPN_FUNCTION_AND,
  PPN_FUNCTION_OR,
  PPN_FUNCTION_XOR,
  PPN_FUNCTION_NOT,
  // Functions of one double, OpaqueUnaryFn_<name>.
  PPN_FUNCTION_SQRT,
  PPN_FUNCTION_COS,
  PPN_FUNCTION_COSH,
  PPN_FUNCTION_SIN,
  PPN_FUNCTION_SINH,
  PPN_FUNCTION_TAN,
  PPN_FUNCTION_TANH,
  PPN_FUNCTION_ASIN,
  PPN_FUNCTION_ACOS,
  PPN_FUNCTION_ATAN,
  PPN_FUNCTION_EXP,
  PPN_FUNCTION_LOG,
  PPN_FUNCTION_ASINH,
  PPN_FUNCTION_LOG2,
  PPN_FUNCTION_COUNT,
} ppn_function_t;

typedef struct ppn_function_row {
  const char* name;  // how it is printed
  bool is_integer;   // its results are integers
} ppn_function_row_t;
extern const ppn_function_row_t ppn_function_rows[PPN_FUNCTION_COUNT];

// An operand of a CALL: words [2 i + 1] expression, [2 i + 2] value.
static inline ppn_dim_t ppn_call_operand(const int64_t* words, uint32_t i) {
  ppn_dim_t dim = {words[2 * i + 2], (ppn_expression_id_t)words[2 * i + 1]};
  return dim;
}
static inline uint32_t ppn_call_operand_count(const ppn_expression_t* expression) {
  return (expression->count - 1) / 2;
}

// Applies a function: folds constants, simplifies, interns. No hints.
ppn_status_t ppn_dim_call(ppn_symbol_table_t* table, ppn_function_t function,
                          const ppn_dim_t* operands, uint32_t count, ppn_dim_t* out) PPN_MUST_USE;
// The CALL itself, without simplification.
ppn_status_t ppn_dim_intern_call(ppn_symbol_table_t* table, ppn_function_t function,
                                 const ppn_dim_t* operands, uint32_t count,
                                 ppn_dim_t* out) PPN_MUST_USE;
// A number that may be no integer.
ppn_status_t ppn_dim_from_rational(ppn_symbol_table_t* table, int64_t numerator,
                                   int64_t denominator, ppn_dim_t* out) PPN_MUST_USE;
ppn_status_t ppn_dim_from_double(ppn_symbol_table_t* table, double value,
                                 ppn_dim_t* out) PPN_MUST_USE;

int64_t ppn_floor_divide_i64(int64_t a, int64_t b);  // b not 0, not INT64_MIN / -1
int64_t ppn_floor_modulo_i64(int64_t a, int64_t b);
int64_t ppn_greatest_common_divisor(int64_t a, int64_t b);  // >= 0

// ---- Numbers while evaluating ----

typedef struct ppn_number {
  bool is_float;
  int64_t numerator, denominator;  // lowest terms, denominator > 0
  double value;                    // when is_float
} ppn_number_t;

// NULL on success; otherwise what is wrong ("division by zero").
const char* ppn_function_evaluate(ppn_function_t function, const ppn_number_t* operands,
                                  uint32_t count, ppn_number_t* out);
const char* ppn_number_add(ppn_number_t a, ppn_number_t b, ppn_number_t* out);
const char* ppn_number_multiply(ppn_number_t a, ppn_number_t b, ppn_number_t* out);

#endif  // PPN_TENSOR_SYMBOLIC_INTERNAL_H_
