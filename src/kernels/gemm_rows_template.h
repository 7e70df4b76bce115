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

// What `dtype` stands for must be known to the compiler in the loops below.
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

// ---- Columns of B are contiguous: one dot product per result ----

// Elements [begin, end) of column `j`, which share a scale, times `rows` rows of A, added to `out`.
static PPN_ALWAYS_INLINE void dot_block(const int rows, const ppn_dtype_t dtype,
                                        const ppn_gemm_t* gemm, const float* a, int64_t b,
                                        int64_t j, int64_t begin, int64_t end, float* out) {
  enum { WAYS = 4, MAX_ROWS = 4 };
  const ppn_gemm_operand_t* operand = &gemm->b;
  int64_t start = b + j * operand->column_stride;
  int64_t scale = j * operand->scale_column_stride + (operand->block ? begin / operand->block : 0);
  float offset = operand->scales && operand->offsets ? operand->offsets[scale] : 0;
  simd_t shift = simd_set1(offset);
  const int ways = rows == 1 ? WAYS : rows == 2 ? 2 : 1;
  simd_t sums[MAX_ROWS];
  PPN_UNROLL
  for (int i = 0; i < MAX_ROWS; ++i) sums[i] = simd_set1(0);
  int64_t k = begin;
  for (; k + ways * SIMD_LANES <= end; k += ways * SIMD_LANES) {
    PPN_UNROLL
    for (int way = 0; way < ways; ++way) {
      int64_t at = k + way * SIMD_LANES;
      simd_t x = load_as(dtype, operand->data, start + at);
      if (dtype != PPN_DTYPE_FLOAT32) x = simd_subtract(x, shift);
      PPN_UNROLL
      for (int i = 0; i < rows; ++i) {
        simd_t y = simd_load(a + i * gemm->a_row_stride + at);
        sums[way * rows + i] = simd_fma(x, y, sums[way * rows + i]);
      }
    }
  }
  float results[MAX_ROWS];
  PPN_UNROLL
  for (int i = 0; i < rows; ++i) {
    simd_t sum = sums[i];
    PPN_UNROLL
    for (int way = 1; way < ways; ++way) sum = simd_add(sum, sums[way * rows + i]);
    results[i] = simd_sum(sum);
  }
  if (k < end) {
    ppn_gemm_operand_t raw = *operand;
    raw.scales = NULL;
    for (; k < end; ++k) {
      float x = ppn_gemm_operand_element(&raw, b, k, j) - offset;
      for (int i = 0; i < rows; ++i) results[i] += x * a[i * gemm->a_row_stride + k];
    }
  }
  float factor = operand->scales ? operand->scales[scale] : 1;
  for (int i = 0; i < rows; ++i) out[i] += factor * results[i];
}

static PPN_ALWAYS_INLINE void dots_of(const int rows, const ppn_dtype_t dtype,
                                      const ppn_gemm_t* gemm, const float* a, int64_t b, float* c,
                                      int64_t j) {
  float results[4] = {0};
  int64_t block = gemm->b.scales && gemm->b.block ? gemm->b.block : gemm->depth;
  for (int64_t k = 0; k < gemm->depth; k += block) {
    int64_t end = gemm->depth - k < block ? gemm->depth : k + block;
    dot_block(rows, dtype, gemm, a, b, j, k, end, results);
  }
  for (int i = 0; i < rows; ++i) {
    float* target = c + i * gemm->c_row_stride + j;
    *target = gemm->alpha * results[i] + (gemm->beta != 0 ? gemm->beta * *target : 0);
  }
}

static void dots(const ppn_gemm_t* gemm, const float* a, int64_t b, float* c, int64_t begin,
                 int64_t end) {
  for (int64_t j = begin; j < end; ++j) {
    int64_t i = 0;
    for (; i < gemm->rows;) {
      const float* rows = a + i * gemm->a_row_stride;
      float* target = c + i * gemm->c_row_stride;
      int64_t left = gemm->rows - i;
#define CALL(dtype)                                      \
  if (left >= 4) {                                       \
    dots_of(4, dtype, gemm, rows, b, target, j), i += 4; \
  } else if (left >= 2) {                                \
    dots_of(2, dtype, gemm, rows, b, target, j), i += 2; \
  } else {                                               \
    dots_of(1, dtype, gemm, rows, b, target, j), i += 1; \
  }
      FOR_DTYPE(gemm->b.dtype, CALL)
#undef CALL
    }
  }
}

// ---- Rows of B are contiguous: rows of C are sums of rows of B ----

// Adds `depth` rows of B, from row k on, to columns [begin, end) of `rows` rows of C.
static PPN_ALWAYS_INLINE void sum_rows(const int rows, const int depth, const ppn_dtype_t dtype,
                                       const ppn_gemm_t* gemm, const float* a, int64_t b, float* c,
                                       int64_t k, int64_t begin, int64_t end) {
  simd_t factors[8];
  PPN_UNROLL
  for (int i = 0; i < rows; ++i) {
    PPN_UNROLL
    for (int d = 0; d < depth; ++d) {
      factors[i * depth + d] =
          simd_set1(gemm->alpha * a[i * gemm->a_row_stride + (k + d) * gemm->a_depth_stride]);
    }
  }
  int64_t j = begin;
  for (; j + SIMD_LANES <= end; j += SIMD_LANES) {
    simd_t sums[2];
    PPN_UNROLL
    for (int i = 0; i < rows; ++i) sums[i] = simd_load(c + i * gemm->c_row_stride + j);
    PPN_UNROLL
    for (int d = 0; d < depth; ++d) {
      simd_t x = load_as(dtype, gemm->b.data, b + (k + d) * gemm->b.depth_stride + j);
      PPN_UNROLL
      for (int i = 0; i < rows; ++i) sums[i] = simd_fma(factors[i * depth + d], x, sums[i]);
    }
    PPN_UNROLL
    for (int i = 0; i < rows; ++i) simd_store(c + i * gemm->c_row_stride + j, sums[i]);
  }
  for (; j < end; ++j) {
    for (int i = 0; i < rows; ++i) {
      for (int d = 0; d < depth; ++d) {
        float x = ppn_gemm_operand_element(&gemm->b, b, k + d, j);
        c[i * gemm->c_row_stride + j] +=
            gemm->alpha * a[i * gemm->a_row_stride + (k + d) * gemm->a_depth_stride] * x;
      }
    }
  }
}

static PPN_ALWAYS_INLINE void sums_of(const int rows, const ppn_dtype_t dtype,
                                      const ppn_gemm_t* gemm, const float* a, int64_t b, float* c,
                                      int64_t begin, int64_t end) {
  int64_t k = 0;
  for (; k + 4 <= gemm->depth; k += 4) sum_rows(rows, 4, dtype, gemm, a, b, c, k, begin, end);
  for (; k < gemm->depth; ++k) sum_rows(rows, 1, dtype, gemm, a, b, c, k, begin, end);
}

static void sums(const ppn_gemm_t* gemm, const float* a, int64_t b, float* c, int64_t begin,
                 int64_t end) {
  for (int64_t i = 0; i < gemm->rows; ++i) {
    float* row = c + i * gemm->c_row_stride;
    for (int64_t j = begin; j < end; ++j) row[j] = gemm->beta != 0 ? gemm->beta * row[j] : 0;
  }
  for (int64_t i = 0; i < gemm->rows;) {
    const float* rows = a + i * gemm->a_row_stride;
    float* target = c + i * gemm->c_row_stride;
#define CALL(dtype)                                               \
  if (gemm->rows - i >= 2) {                                      \
    sums_of(2, dtype, gemm, rows, b, target, begin, end), i += 2; \
  } else {                                                        \
    sums_of(1, dtype, gemm, rows, b, target, begin, end), i += 1; \
  }
    FOR_DTYPE(gemm->b.dtype, CALL)
#undef CALL
  }
}
#undef FOR_DTYPE
