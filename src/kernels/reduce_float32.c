// FLOAT32 for any CPU.
#define FUNCTIONS_TABLE ppn_folds_float32
#include "kernels/reduce_float32_functions.h"
