// Matrix product kernels for AVX2 with FMA and F16C: tiles of 6 x 16.
#include "kernels/gemm_template.h"
// After it, as it uses its definitions.
#include "kernels/gemm_rows_template.h"

const ppn_gemm_kernels_t ppn_gemm_kernels_avx2 = {
    TILE_ROWS, PANEL_COLUMNS, tile, tile_half, transpose, dots, sums,
};
