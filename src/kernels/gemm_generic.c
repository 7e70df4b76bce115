// Matrix product kernels for any CPU.
#include "kernels/gemm_template.h"
// After it, as it uses its definitions.
#include "kernels/gemm_rows_template.h"

const ppn_gemm_kernels_t ppn_gemm_kernels_generic = {
    TILE_ROWS, PANEL_COLUMNS, tile, tile_half, transpose, dots, sums,
};
