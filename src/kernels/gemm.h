// Matrix products in fp32: C = alpha * A * B + beta * C, then bias, clamp and whatever the caller
// adds, piece by piece while results are still in the cache.
//
//   ppn_gemm_t gemm = ppn_gemm_make(rows, columns, depth);
//   gemm.a = a, gemm.a_row_stride = depth;                       // row-major [rows, depth]
//   gemm.b.data = w, gemm.b.depth_stride = 1, gemm.b.column_stride = depth;  // w is [columns,
//   depth] gemm.c = c, gemm.c_row_stride = columns; ppn_gemm_run(&gemm, scratch, pool); //
//   ppn_gemm_scratch_size(&gemm, threads)
//
// A and C are fp32. B may also be a compressed constant (half floats, small integers with scales),
// which is read where it lies: few rows times a large B, the step of a decoder, then costs no more
// than reading the compressed bytes once. A constant B that is used often can be packed beforehand.
//
// Sums are accumulated in fp32 in an unspecified order. Nothing here allocates. All functions are
// thread-safe; a pool serves one caller at a time.
#ifndef PPN_KERNELS_GEMM_H_
#define PPN_KERNELS_GEMM_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

// What happens to finished results. Zero-initialised: nothing.
typedef struct ppn_epilogue {
  const float* row_bias;     // added to every element of row i; may be NULL
  const float* column_bias;  // added to every element of column j; may be NULL
  bool is_clamped;           // to [minimum, maximum]; NaN stays NaN
  float minimum, maximum;
  // May be NULL. Called last, for each piece of a row of C, once, from several threads: `values`
  // are elements [column, column + count) of row `row` of batch item `batch`.
  void (*finish)(void* context, float* values, int64_t batch, int64_t row, int64_t column,
                 int64_t count);
  void* context;
} ppn_epilogue_t;

// Matrix B [depth, columns]: element (k, j) is element `k * depth_stride + j * column_stride` of
// `data`, of dtype FLOAT32, FLOAT16, BFLOAT16, INT8, UINT8, INT4 or UINT4 (sub-byte: packed, least
// significant bits first).
typedef struct ppn_gemm_operand {
  ppn_dtype_t dtype;
  const void* data;
  int64_t depth_stride, column_stride;
  // Without `scales` elements are taken as they are. Otherwise the value of (k, j) is
  //   scales[s] * (element - (offsets ? offsets[s] : 0)),  s = j * scale_column_stride + k / block.
  const float* scales;
  const float* offsets;
  int64_t scale_column_stride;  // 0: the same scales for every column
  int64_t block;                // elements of a column that share a scale; 0: the whole column
} ppn_gemm_operand_t;

typedef struct ppn_gemm {
  int64_t rows, columns, depth;
  const float* a;
  int64_t a_row_stride, a_depth_stride;
  ppn_gemm_operand_t b;
  const void* packed_b;  // made by ppn_gemm_pack: `b` is then not read
  ppn_dtype_t packed_dtype;
  float* c;  // columns are contiguous
  int64_t c_row_stride;
  float alpha, beta;  // C is not read when beta is 0
  ppn_epilogue_t epilogue;
  // Batch: the product of `batch_sizes`, outermost first; strides in elements (of `b`: its own
  // elements; 0 broadcasts). Scales, packed_b and biases are the same for all items.
  int batch_rank;
  int64_t batch_sizes[PPN_MAX_RANK];
  int64_t a_batch_strides[PPN_MAX_RANK], b_batch_strides[PPN_MAX_RANK],
      c_batch_strides[PPN_MAX_RANK];
} ppn_gemm_t;

// One product of dense row-major matrices, alpha 1, beta 0; pointers are for the caller to set.
static inline ppn_gemm_t ppn_gemm_make(int64_t rows, int64_t columns, int64_t depth) {
  ppn_gemm_t gemm = {0};
  gemm.rows = rows, gemm.columns = columns, gemm.depth = depth;
  gemm.a_row_stride = depth, gemm.a_depth_stride = 1;
  gemm.b.dtype = PPN_DTYPE_FLOAT32, gemm.b.depth_stride = columns, gemm.b.column_stride = 1;
  gemm.c_row_stride = columns, gemm.alpha = 1;
  return gemm;
}

// Bytes of `scratch` for up to `thread_count` threads; pointers of `gemm` may still be NULL except
// `packed_b`, whose presence counts.
size_t ppn_gemm_scratch_size(const ppn_gemm_t* gemm, int thread_count);
// `scratch` is aligned to 64 bytes. The pool has at most as many threads as scratch was asked for;
// NULL: the caller's thread alone.
void ppn_gemm_run(const ppn_gemm_t* gemm, void* scratch, ppn_thread_pool_t* pool);

// Packs a constant B for ppn_gemm_run, in this CPU's layout (not for files). `storage` is FLOAT32
// or FLOAT16; the latter halves memory and is exact when values lie on the fp16 grid. `packed` has
// ppn_gemm_packed_size bytes and is aligned to 64 bytes.
size_t ppn_gemm_packed_size(int64_t columns, int64_t depth, ppn_dtype_t storage);
void ppn_gemm_pack(const ppn_gemm_operand_t* b, int64_t columns, int64_t depth, ppn_dtype_t storage,
                   void* packed);

// Plain C, for comparison: the same results up to rounding. `packed_b` is not supported.
void ppn_gemm_reference(const ppn_gemm_t* gemm);

#endif  // PPN_KERNELS_GEMM_H_
