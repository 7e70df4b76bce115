// Few rows of A times a large B that is read once, where it lies: bound by memory, not arithmetic.
// Included after gemm_template.h by gemm_generic.c, gemm_avx2.c and gemm_avx512.c.

static PPN_ALWAYS_INLINE simd_t load_as(const ppn_dtype_t dtype, const void* data, int64_t index) {
  switch (dtype) {
    case PPN_DTYPE_FLOAT16:
      return simd_load_half((const uint16_t*)data + index);
    case PPN_DTYPE_BFLOAT16:
      return simd_load_bfloat16((const uint16_t*)data + index);
    case PPN_DTYPE_INT8:
      return simd_load_int8((const int8_t*)data + index);
    case PPN_DTYPE_UINT8:
      return simd_load_uint8((const uint8_t*)data + index);
    case PPN_DTYPE_UINT4:
      return simd_load_uint4(data, index);
    default:
      return simd_load((const float*)data + index);
  }
}

// What `dtype` stands for must be known to the compiler in loops over elements.
#define FOR_DTYPE(dtype, call)  \
  switch (dtype) {              \
    case PPN_DTYPE_FLOAT16:     \
      call(PPN_DTYPE_FLOAT16);  \
      break;                    \
    case PPN_DTYPE_BFLOAT16:    \
      call(PPN_DTYPE_BFLOAT16); \
      break;                    \
    case PPN_DTYPE_INT8:        \
      call(PPN_DTYPE_INT8);     \
      break;                    \
    case PPN_DTYPE_UINT8:       \
      call(PPN_DTYPE_UINT8);    \
      break;                    \
    case PPN_DTYPE_UINT4:       \
      call(PPN_DTYPE_UINT4);    \
      break;                    \
    default:                    \
      call(PPN_DTYPE_FLOAT32);  \
      break;                    \
  }

// Elements as floats, without scales, into a buffer that stays in the cache: for several rows of A,
// converting is done once.
enum { PIECE = 256 };

static PPN_ALWAYS_INLINE void convert_as(const ppn_dtype_t dtype, const void* data, int64_t index,
                                         int64_t count, float* out) {
  int64_t i = 0;
  for (; i + SIMD_LANES <= count; i += SIMD_LANES)
    simd_store(out + i, load_as(dtype, data, index + i));
  ppn_gemm_operand_t raw = {.dtype = dtype, .data = data, .depth_stride = 1};
  for (; i < count; ++i) out[i] = ppn_gemm_operand_element(&raw, index, i, 0);
}

static const float* convert_piece(const ppn_gemm_operand_t* b, int64_t index, int64_t count,
                                  float* buffer) {
  if (b->dtype == PPN_DTYPE_FLOAT32) return (const float*)b->data + index;
#define CALL(dtype) convert_as(dtype, b->data, index, count, buffer)
  FOR_DTYPE(b->dtype, CALL)
#undef CALL
  return buffer;
}

// ---- Columns of B are contiguous: one dot product per result ----

// The sum over k of (b[index + k] - shift) * a[k].
static PPN_ALWAYS_INLINE float dot_as(const ppn_dtype_t dtype, const void* b, int64_t index,
                                      float shift, const float* a, int64_t count) {
  enum { WAYS = 4 };
  simd_t sums[WAYS], shifts = simd_set1(shift);
  PPN_UNROLL
  for (int i = 0; i < WAYS; ++i) sums[i] = simd_set1(0);
  int64_t k = 0;
  for (; k + WAYS * SIMD_LANES <= count; k += WAYS * SIMD_LANES) {
    PPN_UNROLL
    for (int way = 0; way < WAYS; ++way) {
      int64_t at = k + way * SIMD_LANES;
      simd_t x = load_as(dtype, b, index + at);
      if (dtype != PPN_DTYPE_FLOAT32) x = simd_subtract(x, shifts);
      sums[way] = simd_fma(x, simd_load(a + at), sums[way]);
    }
  }
  float sum = simd_sum(simd_add(simd_add(sums[0], sums[1]), simd_add(sums[2], sums[3])));
  ppn_gemm_operand_t raw = {.dtype = dtype, .data = b, .depth_stride = 1};
  for (; k < count; ++k) sum += (ppn_gemm_operand_element(&raw, index, k, 0) - shift) * a[k];
  return sum;
}

// Elements are converted in registers.
static float dot(const ppn_gemm_operand_t* b, int64_t index, float shift, const float* a,
                 int64_t count) {
#define CALL(dtype) return dot_as(dtype, b->data, index, shift, a, count)
  FOR_DTYPE(b->dtype, CALL)
#undef CALL
}

// Column `j` times one row of A, block by block of those that share a scale.
static void dot_column(const ppn_gemm_t* gemm, const float* a, int64_t b, float* c, int64_t j) {
  const ppn_gemm_operand_t* operand = &gemm->b;
  float result = 0;
  int64_t block = operand->scales && operand->block ? operand->block : gemm->depth;
  for (int64_t k = 0; k < gemm->depth; k += block) {
    int64_t count = gemm->depth - k < block ? gemm->depth - k : block;
    int64_t scale = j * operand->scale_column_stride + (operand->block ? k / operand->block : 0);
    float shift = operand->scales && operand->offsets ? operand->offsets[scale] : 0;
    float sum = dot(operand, b + j * operand->column_stride + k, shift, a + k, count);
    result += operand->scales ? operand->scales[scale] * sum : sum;
  }
  c[j] = gemm->alpha * result + (gemm->beta != 0 ? gemm->beta * c[j] : 0);
}

// Several rows: tiles of as many rows and columns as registers hold sums, a piece of the depth at a
// time. Few columns stay in the first-level cache while all rows pass by; what must be converted is
// converted once.
enum {
  DOT_ROWS = SIMD_LANES == 16 ? 6 : 2,
  DOT_COLUMNS = 4,
  DOT_PIECE = 1024,
};

// sums[i * DOT_COLUMNS + j] += row i of A times column j of B.
static PPN_ALWAYS_INLINE void dot_tile_of(const int rows, const float* a, int64_t a_row_stride,
                                          const float* const* b, int64_t count, float* sums) {
  simd_t totals[DOT_ROWS][DOT_COLUMNS], x[DOT_COLUMNS];
  PPN_UNROLL
  for (int i = 0; i < rows; ++i) {
    PPN_UNROLL
    for (int j = 0; j < DOT_COLUMNS; ++j) totals[i][j] = simd_set1(0);
  }
  int64_t k = 0;
  for (; k + SIMD_LANES <= count; k += SIMD_LANES) {
    PPN_UNROLL
    for (int j = 0; j < DOT_COLUMNS; ++j) x[j] = simd_load(b[j] + k);
    PPN_UNROLL
    for (int i = 0; i < rows; ++i) {
      simd_t y = simd_load(a + i * a_row_stride + k);
      PPN_UNROLL
      for (int j = 0; j < DOT_COLUMNS; ++j) totals[i][j] = simd_fma(x[j], y, totals[i][j]);
    }
  }
  if (k < count) {
    PPN_UNROLL
    for (int j = 0; j < DOT_COLUMNS; ++j) x[j] = simd_load_part(b[j] + k, count - k);
    PPN_UNROLL
    for (int i = 0; i < rows; ++i) {
      simd_t y = simd_load_part(a + i * a_row_stride + k, count - k);
      PPN_UNROLL
      for (int j = 0; j < DOT_COLUMNS; ++j) totals[i][j] = simd_fma(x[j], y, totals[i][j]);
    }
  }
  PPN_UNROLL
  for (int i = 0; i < rows; ++i) {
    simd_t* total = totals[i];
    float results[DOT_COLUMNS];
    simd_sum4(total[0], total[1], total[2], total[3], results);
    PPN_UNROLL
    for (int j = 0; j < DOT_COLUMNS; ++j) sums[i * DOT_COLUMNS + j] += results[j];
  }
}

// As many of the rows left as a tile takes; how many.
static int dot_tile(int64_t rows, const float* a, int64_t a_row_stride, const float* const* b,
                    int64_t count, float* sums) {
  if (rows >= DOT_ROWS) {
    dot_tile_of(DOT_ROWS, a, a_row_stride, b, count, sums);
    return DOT_ROWS;
  }
#if PPN_SIMD_BYTES == 64
  if (rows >= 4) {
    dot_tile_of(4, a, a_row_stride, b, count, sums);
    return 4;
  }
  if (rows >= 2) {
    dot_tile_of(2, a, a_row_stride, b, count, sums);
    return 2;
  }
#endif
  dot_tile_of(1, a, a_row_stride, b, count, sums);
  return 1;
}

// Elements [k, k + count) of column `j` as floats, scales applied: where they lie, or in `buffer`.
static const float* column_piece(const ppn_gemm_operand_t* b, int64_t offset, int64_t j, int64_t k,
                                 int64_t count, float* buffer) {
  const float* values = convert_piece(b, offset + j * b->column_stride + k, count, buffer);
  if (!b->scales) return values;
  for (int64_t i = 0, run; i < count; i += run) {  // up to the end of the block that k + i is in
    int64_t scale = j * b->scale_column_stride + (b->block ? (k + i) / b->block : 0);
    run = b->block ? b->block - (k + i) % b->block : count;
    if (run > count - i) run = count - i;
    float factor = b->scales[scale], shift = b->offsets ? b->offsets[scale] : 0;
    for (int64_t m = i; m < i + run; ++m) buffer[m] = (values[m] - shift) * factor;
  }
  return buffer;
}

// Columns [j, j + columns), at most DOT_COLUMNS, times all rows of A.
static void dot_columns(const ppn_gemm_t* gemm, int columns, const float* a, int64_t b, float* c,
                        int64_t j) {
  float sums[PPN_GEMM_DOT_ROWS * DOT_COLUMNS], buffer[DOT_COLUMNS * DOT_PIECE];
  const float* pieces[DOT_COLUMNS];
  memset(sums, 0, (size_t)gemm->rows * DOT_COLUMNS * sizeof(float));
  for (int64_t k = 0; k < gemm->depth; k += DOT_PIECE) {
    int64_t count = gemm->depth - k < DOT_PIECE ? gemm->depth - k : DOT_PIECE;
    for (int m = 0; m < DOT_COLUMNS; ++m) {  // columns that are not there: the last one again
      float* converted = buffer + (ptrdiff_t)m * DOT_PIECE;
      pieces[m] =
          m < columns ? column_piece(&gemm->b, b, j + m, k, count, converted) : pieces[m - 1];
    }
    for (int64_t i = 0; i < gemm->rows;) {
      i += dot_tile(gemm->rows - i, a + i * gemm->a_row_stride + k, gemm->a_row_stride, pieces,
                    count, sums + i * DOT_COLUMNS);
    }
  }
  for (int64_t i = 0; i < gemm->rows; ++i) {
    float* target = c + i * gemm->c_row_stride + j;
    for (int m = 0; m < columns; ++m) {
      float value = gemm->alpha * sums[i * DOT_COLUMNS + m];
      target[m] = gemm->beta != 0 ? value + gemm->beta * target[m] : value;
    }
  }
}

static void dots(const ppn_gemm_t* gemm, const float* a, int64_t b, float* c, int64_t begin,
                 int64_t end) {
  if (gemm->rows == 1) {
    for (int64_t j = begin; j < end; ++j) dot_column(gemm, a, b, c, j);
    return;
  }
  for (int64_t j = begin; j < end; j += DOT_COLUMNS) {
    int columns = end - j < DOT_COLUMNS ? (int)(end - j) : DOT_COLUMNS;
    dot_columns(gemm, columns, a, b, c, j);
  }
}

// ---- Rows of B are contiguous: rows of C are sums of rows of B ----

// c[i][j] += sum over d of factors[i * depth + d] * b[d][j], for up to two rows of C.
static PPN_ALWAYS_INLINE void sum_rows(const int rows, const int depth, const float* factors,
                                       const float* const* b, float* c, int64_t c_row_stride,
                                       int64_t count) {
  simd_t weights[8];
  PPN_UNROLL
  for (int i = 0; i < rows * depth; ++i) weights[i] = simd_set1(factors[i]);
  int64_t j = 0;
  for (; j + SIMD_LANES <= count; j += SIMD_LANES) {
    simd_t sums[2];
    PPN_UNROLL
    for (int i = 0; i < rows; ++i) sums[i] = simd_load(c + i * c_row_stride + j);
    PPN_UNROLL
    for (int d = 0; d < depth; ++d) {
      simd_t x = simd_load(b[d] + j);
      PPN_UNROLL
      for (int i = 0; i < rows; ++i) sums[i] = simd_fma(weights[i * depth + d], x, sums[i]);
    }
    PPN_UNROLL
    for (int i = 0; i < rows; ++i) simd_store(c + i * c_row_stride + j, sums[i]);
  }
  for (; j < count; ++j) {
    for (int i = 0; i < rows; ++i) {
      for (int d = 0; d < depth; ++d) c[i * c_row_stride + j] += factors[i * depth + d] * b[d][j];
    }
  }
}

// Rows [k, k + depth) of B, depth 4 or 1, added to columns [begin, end) of one or two rows of C.
static void add_rows(int rows, int depth, const ppn_gemm_t* gemm, const float* a, int64_t b,
                     float* c, int64_t k, int64_t begin, int64_t end) {
  float factors[8], buffer[4 * PIECE];
  for (int i = 0; i < rows; ++i) {
    for (int d = 0; d < depth; ++d) {
      factors[i * depth + d] =
          gemm->alpha * a[i * gemm->a_row_stride + (k + d) * gemm->a_depth_stride];
    }
  }
  // Floats are read in place, all at once.
  int64_t piece = gemm->b.dtype == PPN_DTYPE_FLOAT32 ? end - begin : PIECE;
  for (int64_t j = begin; j < end; j += piece) {
    int64_t count = end - j < piece ? end - j : piece;
    const float* sources[4];
    for (int d = 0; d < depth; ++d) {
      int64_t index = b + (k + d) * gemm->b.depth_stride + j;
      sources[d] = convert_piece(&gemm->b, index, count, buffer + (d * PIECE));
    }
    if (rows == 2 && depth == 4) {
      sum_rows(2, 4, factors, sources, c + j, gemm->c_row_stride, count);
    } else if (rows == 2) {
      sum_rows(2, 1, factors, sources, c + j, gemm->c_row_stride, count);
    } else if (depth == 4) {
      sum_rows(1, 4, factors, sources, c + j, gemm->c_row_stride, count);
    } else {
      sum_rows(1, 1, factors, sources, c + j, gemm->c_row_stride, count);
    }
  }
}

static void sums(const ppn_gemm_t* gemm, const float* a, int64_t b, float* c, int64_t begin,
                 int64_t end) {
  for (int64_t i = 0; i < gemm->rows; ++i) {
    float* row = c + i * gemm->c_row_stride;
    for (int64_t j = begin; j < end; ++j) row[j] = gemm->beta != 0 ? gemm->beta * row[j] : 0;
  }
  for (int64_t i = 0; i < gemm->rows;) {
    int rows = gemm->rows - i >= 2 ? 2 : 1;
    const float* source = a + i * gemm->a_row_stride;
    float* target = c + i * gemm->c_row_stride;
    int64_t k = 0;
    for (; k + 4 <= gemm->depth; k += 4) add_rows(rows, 4, gemm, source, b, target, k, begin, end);
    for (; k < gemm->depth; ++k) add_rows(rows, 1, gemm, source, b, target, k, begin, end);
    i += rows;
  }
}
#undef FOR_DTYPE
