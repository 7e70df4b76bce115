// INT64: arithmetic wraps. Exponentials and deviations are computed in FLOAT64 instead.
#include <stdint.h>

#define ELEMENT int64_t
#define TOTAL int64_t
#define EXP(x) (x)
#define ADD(x, y) ((int64_t)((uint64_t)(x) + (uint64_t)(y)))
#define MULTIPLY(x, y) ((int64_t)((uint64_t)(x) * (uint64_t)(y)))
#define IS_NAN(x) 0
#define NOT_A_NUMBER 0  // there is none
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define FUNCTIONS_TABLE ppn_folds_int64

#include "kernels/reduce_functions.h"
