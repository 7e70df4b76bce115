// The table of FLOAT32, for the file's instruction set. FUNCTIONS_TABLE is its name.
#include "kernels/float_math.h"

#define ELEMENT float
#define TOTAL double
#define EXP(x) ((double)ppn_float_exp((float)(x)))
#define ADD(x, y) ((x) + (y))
#define MULTIPLY(x, y) ((x) * (y))
#define IS_NAN(x) ((x) != (x))
#define NOT_A_NUMBER ((double)NAN)
#define LOWEST (-INFINITY)
#define HIGHEST INFINITY

#include "kernels/reduce_functions.h"
