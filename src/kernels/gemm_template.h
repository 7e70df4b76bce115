// The kernels of the matrix product, for the vectors of kernels/simd.h. Included by gemm_generic.c,
// gemm_avx2.c and gemm_avx512.c, each of which makes a table of them.
#include "kernels/gemm_internal.h"
#include "kernels/simd.h"

// As many accumulators as registers hold beside two vectors of B and one element of A.
enum {
  TILE_ROWS = SIMD_LANES == 16  ? 14
              : SIMD_LANES == 8 ? 6
                                : 4,
  PANEL_COLUMNS = 2 * SIMD_LANES,
};

// One tile with the number of rows that are computed, `size`, known to the compiler, so that all
// sums stay in registers; the first `rows` of them are stored. Where rows are few, `ways`
// independent sums per result hide the latency of the additions.
static PPN_ALWAYS_INLINE void tile_of(const int size, const int ways, const bool is_half, int rows,
                                      int64_t depth, const float* a, const void* b, float* c,
                                      int64_t c_row_stride, float alpha, float beta) {
  simd_t sums[TILE_ROWS][2];
  const float* b_float = b;
  const uint16_t* b_half = b;
  PPN_UNROLL
  for (int i = 0; i < size * ways; ++i) sums[i][0] = sums[i][1] = simd_set1(0);
  int64_t k = 0;
  for (; k + ways <= depth; k += ways) {
    PPN_UNROLL
    for (int way = 0; way < ways; ++way) {
      const float* row = b_float + way * PANEL_COLUMNS;
      const uint16_t* half_row = b_half + way * PANEL_COLUMNS;
      simd_t b0 = is_half ? simd_load_half(half_row) : simd_load(row);
      simd_t b1 = is_half ? simd_load_half(half_row + SIMD_LANES) : simd_load(row + SIMD_LANES);
      PPN_UNROLL
      for (int i = 0; i < size; ++i) {
        simd_t x = simd_set1(a[way * TILE_ROWS + i]);
        simd_t* sum = sums[way * size + i];
        sum[0] = simd_fma(x, b0, sum[0]);
        sum[1] = simd_fma(x, b1, sum[1]);
      }
    }
    a += ways * TILE_ROWS;
    b_float += ways * PANEL_COLUMNS, b_half += ways * PANEL_COLUMNS;
  }
  for (; ways > 1 && k < depth; ++k) {
    simd_t b0 = is_half ? simd_load_half(b_half) : simd_load(b_float);
    simd_t b1 = is_half ? simd_load_half(b_half + SIMD_LANES) : simd_load(b_float + SIMD_LANES);
    PPN_UNROLL
    for (int i = 0; i < size; ++i) {
      simd_t x = simd_set1(a[i]);
      sums[i][0] = simd_fma(x, b0, sums[i][0]);
      sums[i][1] = simd_fma(x, b1, sums[i][1]);
    }
    a += TILE_ROWS;
    b_float += PANEL_COLUMNS, b_half += PANEL_COLUMNS;
  }
  PPN_UNROLL
  for (int way = 1; way < ways; ++way) {
    PPN_UNROLL
    for (int i = 0; i < size; ++i) {
      sums[i][0] = simd_add(sums[i][0], sums[way * size + i][0]);
      sums[i][1] = simd_add(sums[i][1], sums[way * size + i][1]);
    }
  }
  simd_t scale = simd_set1(alpha), factor = simd_set1(beta);
  PPN_UNROLL
  for (int i = 0; i < size; ++i) {
    if (i >= rows) break;
    simd_t c0 = simd_mul(scale, sums[i][0]), c1 = simd_mul(scale, sums[i][1]);
    float* row = c + i * c_row_stride;
    if (beta != 0) {
      c0 = simd_fma(factor, simd_load(row), c0);
      c1 = simd_fma(factor, simd_load(row + SIMD_LANES), c1);
    }
    simd_store(row, c0);
    simd_store(row + SIMD_LANES, c1);
  }
}

// All columns of the panel, with the smallest of a few sizes that holds the rows.
static PPN_ALWAYS_INLINE void tile_for(bool is_half, int rows, int64_t depth, const float* a,
                                       const void* b, float* c, int64_t c_row_stride, float alpha,
                                       float beta) {
  if (rows == 1) {
    tile_of(1, 4, is_half, rows, depth, a, b, c, c_row_stride, alpha, beta);
  } else if (rows == 2) {
    tile_of(2, 2, is_half, rows, depth, a, b, c, c_row_stride, alpha, beta);
  } else if (rows <= 4 || TILE_ROWS == 4) {
    tile_of(4, 1, is_half, rows, depth, a, b, c, c_row_stride, alpha, beta);
#if PPN_SIMD_BYTES == 64
  } else if (rows <= 8) {
    tile_of(8, 1, is_half, rows, depth, a, b, c, c_row_stride, alpha, beta);
#endif
#if PPN_SIMD_BYTES >= 32
  } else {
    tile_of(TILE_ROWS, 1, is_half, rows, depth, a, b, c, c_row_stride, alpha, beta);
#endif
  }
}

// C = values + beta * C for the first columns of a tile.
static void merge_part(int rows, int columns, const float* values, float* c, int64_t c_row_stride,
                       float beta) {
  for (int i = 0; i < rows; ++i) {
    const float* row = values + i * PANEL_COLUMNS;
    float* target = c + i * c_row_stride;
    if (beta != 0) {
      for (int j = 0; j < columns; ++j) target[j] = row[j] + beta * target[j];
    } else {
      for (int j = 0; j < columns; ++j) target[j] = row[j];
    }
  }
}

static void tile(int rows, int columns, int64_t depth, const float* a, const float* b, float* c,
                 int64_t c_row_stride, float alpha, float beta) {
  float part[TILE_ROWS * PANEL_COLUMNS];
  bool is_part = columns < PANEL_COLUMNS;
  tile_for(false, rows, depth, a, b, is_part ? part : c, is_part ? PANEL_COLUMNS : c_row_stride,
           alpha, is_part ? 0 : beta);
  if (is_part) merge_part(rows, columns, part, c, c_row_stride, beta);
}

static void tile_half(int rows, int columns, int64_t depth, const float* a, const uint16_t* b,
                      float* c, int64_t c_row_stride, float alpha, float beta) {
  float part[TILE_ROWS * PANEL_COLUMNS];
  bool is_part = columns < PANEL_COLUMNS;
  tile_for(true, rows, depth, a, b, is_part ? part : c, is_part ? PANEL_COLUMNS : c_row_stride,
           alpha, is_part ? 0 : beta);
  if (is_part) merge_part(rows, columns, part, c, c_row_stride, beta);
}

static void transpose(const float* source, int64_t source_stride, int rows, int64_t depth,
                      float* out, int64_t out_stride) {
  int64_t k = 0;
#ifdef __AVX2__
  // 8 x 8 at a time. The last block of rows first: what it writes past a row is then overwritten.
  for (; k + 8 <= depth; k += 8) {
    for (int block = (rows - 1) / 8 * 8; block >= 0; block -= 8) {
      __m256 v[8], t[8];
      for (int i = 0; i < 8; ++i) {
        v[i] = block + i < rows ? _mm256_loadu_ps(source + (block + i) * source_stride + k)
                                : _mm256_setzero_ps();
      }
      for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
      }
      for (int i = 0; i < 8; i += 4) {
        v[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        v[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        v[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        v[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
      }
      float* target = out + k * out_stride + block;
      for (int i = 0; i < 4; ++i)
        _mm256_storeu_ps(target + i * out_stride, _mm256_permute2f128_ps(v[i], v[i + 4], 0x20));
      for (int i = 0; i < 4; ++i) {
        _mm256_storeu_ps(target + (i + 4) * out_stride,
                         _mm256_permute2f128_ps(v[i], v[i + 4], 0x31));
      }
    }
  }
#endif
  int64_t padded = rows + 7 - (rows + 7) % 8 < out_stride ? rows + 7 - (rows + 7) % 8 : out_stride;
  for (; k < depth; ++k) {
    float* row = out + k * out_stride;
    for (int i = 0; i < rows; ++i) row[i] = source[i * source_stride + k];
    for (int64_t i = rows; i < padded; ++i) row[i] = 0;
  }
}
