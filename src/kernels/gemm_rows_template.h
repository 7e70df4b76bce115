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

// out[i] += sum over k of (b[index + k] - shift) * a[i * a_row_stride + k].
static PPN_ALWAYS_INLINE void dot_rows(const int rows, const ppn_dtype_t dtype, const void* b,
                                       int64_t index, float shift, const float* a,
                                       int64_t a_row_stride, int64_t count, float* out) {
  const int ways = 4 / rows;
  simd_t sums[4], shifts = simd_set1(shift);
  PPN_UNROLL
  for (int i = 0; i < 4; ++i) sums[i] = simd_set1(0);
  int64_t k = 0;
  for (; k + ways * SIMD_LANES <= count; k += ways * SIMD_LANES) {
    PPN_UNROLL
    for (int way = 0; way < ways; ++way) {
      int64_t at = k + way * SIMD_LANES;
      simd_t x = load_as(dtype, b, index + at);
      if (dtype != PPN_DTYPE_FLOAT32) x = simd_subtract(x, shifts);
      PPN_UNROLL
      for (int i = 0; i < rows; ++i) {
        simd_t y = simd_load(a + i * a_row_stride + at);
        sums[way * rows + i] = simd_fma(x, y, sums[way * rows + i]);
      }
    }
  }
  PPN_UNROLL
  for (int i = 0; i < rows; ++i) {
    simd_t sum = sums[i];
    PPN_UNROLL
    for (int way = 1; way < ways; ++way) sum = simd_add(sum, sums[way * rows + i]);
    out[i] += simd_sum(sum);
  }
  ppn_gemm_operand_t raw = {.dtype = dtype, .data = b, .depth_stride = 1};
  for (; k < count; ++k) {
    float x = ppn_gemm_operand_element(&raw, index, k, 0) - shift;
    for (int i = 0; i < rows; ++i) out[i] += x * a[i * a_row_stride + k];
  }
}

// One row of A: elements are converted in registers.
static void dot_one(const ppn_gemm_operand_t* b, int64_t index, float shift, const float* a,
                    int64_t count, float* out) {
#define CALL(dtype) dot_rows(1, dtype, b->data, index, shift, a, 0, count, out)
  FOR_DTYPE(b->dtype, CALL)
#undef CALL
}

// Two to four rows; `rows` beyond the last are not touched.
static void dot_several(int rows, const ppn_gemm_operand_t* b, int64_t index, float shift,
                        const float* a, int64_t a_row_stride, int64_t count, float* out) {
  float buffer[PIECE];
  for (int64_t k = 0; k < count; k += PIECE) {
    int64_t piece = count - k < PIECE ? count - k : PIECE;
    const float* values = convert_piece(b, index + k, piece, buffer);
    if (shift != 0) {
      for (int64_t i = 0; i < piece; ++i) buffer[i] = values[i] - shift;
      values = buffer;
    }
    if (rows == 4) {
      dot_rows(4, PPN_DTYPE_FLOAT32, values, 0, 0, a + k, a_row_stride, piece, out);
    } else {
      dot_rows(2, PPN_DTYPE_FLOAT32, values, 0, 0, a + k, a_row_stride, piece, out);
    }
  }
}

// Column `j` times `rows` rows of A, block by block of those that share a scale.
static void dot_column(int rows, const ppn_gemm_t* gemm, const float* a, int64_t b, float* c,
                       int64_t j) {
  const ppn_gemm_operand_t* operand = &gemm->b;
  float results[4] = {0};
  int64_t block = operand->scales && operand->block ? operand->block : gemm->depth;
  for (int64_t k = 0; k < gemm->depth; k += block) {
    int64_t count = gemm->depth - k < block ? gemm->depth - k : block;
    int64_t scale = j * operand->scale_column_stride + (operand->block ? k / operand->block : 0);
    int64_t index = b + j * operand->column_stride + k;
    float shift = operand->scales && operand->offsets ? operand->offsets[scale] : 0;
    float factor = operand->scales ? operand->scales[scale] : 1, sums[4] = {0};
    if (rows == 1) {
      dot_one(operand, index, shift, a + k, count, sums);
    } else {
      dot_several(rows, operand, index, shift, a + k, gemm->a_row_stride, count, sums);
    }
    for (int i = 0; i < rows; ++i) results[i] += factor * sums[i];
  }
  for (int i = 0; i < rows; ++i) {
    float* target = c + i * gemm->c_row_stride + j;
    *target = gemm->alpha * results[i] + (gemm->beta != 0 ? gemm->beta * *target : 0);
  }
}

static void dots(const ppn_gemm_t* gemm, const float* a, int64_t b, float* c, int64_t begin,
                 int64_t end) {
  for (int64_t j = begin; j < end; ++j) {
    for (int64_t i = 0; i < gemm->rows;) {
      int64_t left = gemm->rows - i;
      int rows = left >= 4 ? 4 : left >= 2 ? 2 : 1;
      dot_column(rows, gemm, a + i * gemm->a_row_stride, b, c + i * gemm->c_row_stride, j);
      i += rows;
    }
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
