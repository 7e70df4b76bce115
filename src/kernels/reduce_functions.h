// What reductions are made of: folding a row into one number, and adding a row to a row of numbers.
// Included once per type of elements and instruction set. The file that includes it defines
//
//   ELEMENT                    the type of the elements
//   TOTAL                      what they are folded into
//   EXP(x)                     of a TOTAL
//   ADD(x, y), MULTIPLY(x, y)  of TOTALs
//   IS_NAN(x)                  of any
//   NOT_A_NUMBER               a TOTAL
//   LOWEST, HIGHEST            limits of TOTALs
//   FUNCTIONS_TABLE            the name of the table
#include "kernels/reduce_table.h"

#include <math.h>

enum { LANES = 16 };  // independent partial results of a row

static inline TOTAL square(TOTAL x) {
  return MULTIPLY(x, x);
}

static inline TOTAL absolute(TOTAL x) {
  return x < 0 ? MULTIPLY(x, -1) : x;
}

// `expression` of total, element and offset gives the new total; `join` of total and other.
#define FOLD(name, start, expression, join)                                              \
  static void name##_row(const void* row, int64_t count, const void* offset_pointer,     \
                         void* total_pointer) {                                          \
    const ELEMENT* elements = (const ELEMENT*)row;                                       \
    const TOTAL offset = *(const TOTAL*)offset_pointer;                                  \
    (void)offset;                                                                        \
    TOTAL lanes[LANES];                                                                  \
    for (int j = 0; j < LANES; ++j) lanes[j] = (start);                                  \
    int64_t i = 0;                                                                       \
    for (; i + LANES <= count; i += LANES) {                                             \
      for (int j = 0; j < LANES; ++j) {                                                  \
        const TOTAL total = lanes[j], element = (TOTAL)elements[i + j];                  \
        lanes[j] = (expression);                                                         \
      }                                                                                  \
    }                                                                                    \
    TOTAL result = *(TOTAL*)total_pointer;                                               \
    for (; i < count; ++i) {                                                             \
      const TOTAL total = result, element = (TOTAL)elements[i];                          \
      result = (expression);                                                             \
    }                                                                                    \
    for (int j = 0; j < LANES; ++j) {                                                    \
      const TOTAL total = result, other = lanes[j];                                      \
      result = (join);                                                                   \
    }                                                                                    \
    *(TOTAL*)total_pointer = result;                                                     \
  }                                                                                      \
  static void name##_columns(const void* row, int64_t count, const void* offset_pointer, \
                             void* total_pointer) {                                      \
    const ELEMENT* elements = (const ELEMENT*)row;                                       \
    const TOTAL* offsets = (const TOTAL*)offset_pointer;                                 \
    TOTAL* totals = (TOTAL*)total_pointer;                                               \
    PPN_LOOP_INDEPENDENT                                                                 \
    for (int64_t i = 0; i < count; ++i) {                                                \
      const TOTAL total = totals[i], element = (TOTAL)elements[i], offset = offsets[i];  \
      (void)offset;                                                                      \
      totals[i] = (expression);                                                          \
    }                                                                                    \
  }

// The best of all elements; NaN if any is, which is looked for apart, as vector instructions for
// extrema do not.
#define EXTREMUM(name, start, is_better)                                          \
  static void name##_row(const void* row, int64_t count, const void* offset,      \
                         void* total_pointer) {                                   \
    (void)offset;                                                                 \
    const ELEMENT* elements = (const ELEMENT*)row;                                \
    ELEMENT lanes[LANES];                                                         \
    uint32_t unordered[LANES] = {0};                                              \
    for (int j = 0; j < LANES; ++j) lanes[j] = (start);                           \
    for (int64_t i = 0; i < count; i += LANES) {                                  \
      int part = count - i < LANES ? (int)(count - i) : LANES;                    \
      if (part < LANES) {                                                         \
        for (int j = 0; j < part; ++j) {                                          \
          const ELEMENT element = elements[i + j];                                \
          lanes[j] = element is_better lanes[j] ? element : lanes[j];             \
          unordered[j] |= (uint32_t)IS_NAN(element);                              \
        }                                                                         \
      } else {                                                                    \
        for (int j = 0; j < LANES; ++j) {                                         \
          const ELEMENT element = elements[i + j];                                \
          lanes[j] = element is_better lanes[j] ? element : lanes[j];             \
          unordered[j] |= (uint32_t)IS_NAN(element);                              \
        }                                                                         \
      }                                                                           \
    }                                                                             \
    TOTAL result = *(TOTAL*)total_pointer;                                        \
    uint32_t any_unordered = (uint32_t)IS_NAN(result);                            \
    for (int j = 0; j < LANES; ++j) {                                             \
      result = (TOTAL)lanes[j] is_better result ? (TOTAL)lanes[j] : result;       \
      any_unordered |= unordered[j];                                              \
    }                                                                             \
    *(TOTAL*)total_pointer = any_unordered ? NOT_A_NUMBER : result;               \
  }                                                                               \
  static void name##_columns(const void* row, int64_t count, const void* offsets, \
                             void* total_pointer) {                               \
    (void)offsets;                                                                \
    const ELEMENT* elements = (const ELEMENT*)row;                                \
    TOTAL* totals = (TOTAL*)total_pointer;                                        \
    PPN_LOOP_INDEPENDENT                                                          \
    for (int64_t i = 0; i < count; ++i) {                                         \
      const TOTAL element = (TOTAL)elements[i], total = totals[i];                \
      const bool wins = (element is_better total) | IS_NAN(element);              \
      totals[i] = wins ? element : total;                                         \
    }                                                                             \
  }

FOLD(sum, 0, ADD(total, element), ADD(total, other))
FOLD(product, 1, MULTIPLY(total, element), MULTIPLY(total, other))
EXTREMUM(maximum, LOWEST, >)
EXTREMUM(minimum, HIGHEST, <)
FOLD(absolute_sum, 0, ADD(total, absolute(element)), ADD(total, other))
FOLD(square_sum, 0, ADD(total, square(element)), ADD(total, other))
FOLD(exp_sum, 0, ADD(total, EXP(element - offset)), ADD(total, other))
FOLD(deviation_sum, 0, ADD(total, square(element - offset)), ADD(total, other))
FOLD(any, 0, element != 0 ? 1 : total, other != 0 ? 1 : total)
FOLD(all, 1, element == 0 ? 0 : total, other == 0 ? 0 : total)

const ppn_fold_t FUNCTIONS_TABLE[PPN_FOLD_COUNT] = {
    [PPN_FOLD_SUM] = {sum_row, sum_columns},
    [PPN_FOLD_PRODUCT] = {product_row, product_columns},
    [PPN_FOLD_MAXIMUM] = {maximum_row, maximum_columns},
    [PPN_FOLD_MINIMUM] = {minimum_row, minimum_columns},
    [PPN_FOLD_ABSOLUTE_SUM] = {absolute_sum_row, absolute_sum_columns},
    [PPN_FOLD_SQUARE_SUM] = {square_sum_row, square_sum_columns},
    [PPN_FOLD_EXP_SUM] = {exp_sum_row, exp_sum_columns},
    [PPN_FOLD_DEVIATION_SUM] = {deviation_sum_row, deviation_sum_columns},
    [PPN_FOLD_ANY] = {any_row, any_columns},
    [PPN_FOLD_ALL] = {all_row, all_columns},
};
