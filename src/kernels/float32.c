// FLOAT32 for any CPU.
#define FUNCTIONS_TABLE ppn_map_functions_float32
#include "kernels/float32_functions.h"
