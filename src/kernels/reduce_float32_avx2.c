// FLOAT32, compiled for AVX2 and FMA; called only where the CPU has them.
#define FUNCTIONS_TABLE ppn_folds_float32_avx2
#include "kernels/reduce_float32_functions.h"
