// FLOAT64, by the C library.
#include <math.h>

static inline double gelu_double(double x) {
  double half_erfc = 0.5 * erfc(fabs(x) * 0.70710678118654752440);
  return x > 0 ? x - (half_erfc > 0 ? x * half_erfc : 0) : x * half_erfc;
}

#define REAL double
#define REAL_EXP exp
#define REAL_EXPM1 expm1
#define REAL_LOG log
#define REAL_LOG1P_POSITIVE log1p
#define REAL_TANH tanh
#define REAL_ERF erf
#define REAL_GELU gelu_double
#define FUNCTIONS_TABLE ppn_map_functions_float64

#include "kernels/float_functions.h"
