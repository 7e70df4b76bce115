// Compiled for AVX2 and FMA; called only where the CPU has them.
#define ROW_FUNCTIONS_TABLE ppn_row_functions_avx2
#include "kernels/row_functions_template.h"
