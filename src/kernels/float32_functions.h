// The table of FLOAT32, for the file's instruction set. FUNCTIONS_TABLE is its name.
#include "kernels/float_math.h"

#define REAL float
#define REAL_EXP ppn_float_exp
#define REAL_EXPM1 ppn_float_expm1
#define REAL_LOG ppn_float_log
#define REAL_LOG1P_POSITIVE ppn_float_log1p_positive
#define REAL_TANH ppn_float_tanh
#define REAL_ERF ppn_float_erf
#define REAL_GELU ppn_float_gelu

#include "kernels/float_functions.h"
