// FLOAT64.
#include <math.h>

#define ELEMENT double
#define TOTAL double
#define EXP(x) exp(x)
#define ADD(x, y) ((x) + (y))
#define MULTIPLY(x, y) ((x) * (y))
#define IS_NAN(x) ((x) != (x))
#define NOT_A_NUMBER ((double)NAN)
#define LOWEST (-INFINITY)
#define HIGHEST INFINITY
#define FUNCTIONS_TABLE ppn_folds_float64

#include "kernels/reduce_functions.h"
