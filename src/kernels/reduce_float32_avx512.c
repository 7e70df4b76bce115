// FLOAT32, compiled for AVX-512; called only where the CPU has it.
#define FUNCTIONS_TABLE ppn_folds_float32_avx512
#include "kernels/reduce_float32_functions.h"
