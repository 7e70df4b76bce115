// Compiled for AVX-512; called only where the CPU has it.
#define ROW_FUNCTIONS_TABLE ppn_row_functions_avx512
#include "kernels/row_functions_template.h"
