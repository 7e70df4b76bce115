// For any CPU.
#define ROW_FUNCTIONS_TABLE ppn_row_functions_generic
#include "kernels/row_functions_template.h"
