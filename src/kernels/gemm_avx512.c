// Matrix product kernels for AVX-512: tiles of 14 x 32.
#include "kernels/gemm_template.h"
// After it, as it uses its definitions.
#include "kernels/gemm_rows_template.h"

const ppn_gemm_kernels_t ppn_gemm_kernels_avx512 = {
    TILE_ROWS, PANEL_COLUMNS, tile, tile_half, transpose, dots, sums,
};
