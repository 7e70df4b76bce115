// What the files of the matrix product share.
//
// B is laid out in panels: all of the depth for as many columns as a tile of results has, row by
// row, missing columns 0. A is packed the same way, in strips of as many rows as a tile has, for
// one block of the depth at a time. A tile of C stays in registers while a block of the depth is
// added up.
#ifndef PPN_KERNELS_GEMM_INTERNAL_H_
#define PPN_KERNELS_GEMM_INTERNAL_H_

#include "kernels/gemm.h"

// ---- Kernels, by instruction set ----

typedef struct ppn_gemm_kernels {
  int tile_rows, panel_columns;
  // C[rows, columns] = alpha * A B + beta * C for one tile: `a` is a packed strip, `b` a panel.
  // More rows of the strip may be read, as many as fill it up.
  void (*tile)(int rows, int columns, int64_t depth, const float* a, const float* b, float* c,
               int64_t c_row_stride, float alpha, float beta);
  void (*tile_half)(int rows, int columns, int64_t depth, const float* a, const uint16_t* b,
                    float* c, int64_t c_row_stride, float alpha, float beta);
  // out[k * out_stride + i] = source[i * source_stride + k], and zeros up to a multiple of 8 rows.
  // May write up to 8 floats past each row of `out` (the next row, written after it; past the last
  // one, memory that must be there).
  void (*transpose)(const float* source, int64_t source_stride, int rows, int64_t depth, float* out,
                    int64_t out_stride);
  // Few rows times columns [begin, end) of a B whose columns are contiguous, read in place. `b` is
  // element offset of the batch item in gemm->b.
  void (*dots)(const ppn_gemm_t* gemm, const float* a, int64_t b, float* c, int64_t begin,
               int64_t end);
  // The same for a B whose rows are contiguous; scales are not applied.
  void (*sums)(const ppn_gemm_t* gemm, const float* a, int64_t b, float* c, int64_t begin,
               int64_t end);
} ppn_gemm_kernels_t;

// The best ones for this CPU.
const ppn_gemm_kernels_t* ppn_gemm_kernels(void);
extern const ppn_gemm_kernels_t ppn_gemm_kernels_generic, ppn_gemm_kernels_avx2,
    ppn_gemm_kernels_avx512;

// ---- Running ----

// Writes one panel: the whole depth of columns [column, column + count) of batch item `item`.
typedef void (*ppn_gemm_gather_t)(const void* context, int64_t item, int64_t column, int count,
                                  int panel_columns, float* panel);

// A product whose B may be gathered from elsewhere.
typedef struct ppn_gemm_job {
  const ppn_gemm_t* gemm;
  ppn_gemm_gather_t gather;  // NULL: gemm->b or gemm->packed_b
  const void* gather_context;
  // Batch item i is group i % groups of item i / groups, and its row r is row `i % groups * rows +
  // r` of that for the epilogue.
  int64_t groups;
} ppn_gemm_job_t;

size_t ppn_gemm_job_scratch_size(const ppn_gemm_job_t* job, int thread_count);
void ppn_gemm_job_run(const ppn_gemm_job_t* job, void* scratch, ppn_thread_pool_t* pool);

// Few rows with a B that is read in place (gemm_rows.c): so many at most when its columns are
// contiguous.
enum { PPN_GEMM_DOT_ROWS = 32 };
bool ppn_gemm_rows_applies(const ppn_gemm_t* gemm);
void ppn_gemm_rows_run(const ppn_gemm_t* gemm, ppn_thread_pool_t* pool);

// ---- Operands ----

// Element (k, j) of a B whose batch item starts at element `offset`, scales applied.
float ppn_gemm_operand_element(const ppn_gemm_operand_t* b, int64_t offset, int64_t k, int64_t j);
// Columns [column, column + count) of B, all of the depth, as panels; `panels` has room for 8
// floats more.
void ppn_gemm_pack_panels(const ppn_gemm_operand_t* b, int64_t offset, int64_t depth,
                          int64_t column, int64_t count, int panel_columns, float* panels);
// Rows [0, rows) of A for `depth` elements from `a`, as strips; room for 8 floats more.
void ppn_gemm_pack_strips(const float* a, int64_t row_stride, int64_t depth_stride, int64_t rows,
                          int64_t depth, float* strips);

int64_t ppn_gemm_batch_count(const ppn_gemm_t* gemm);
// Where batch item `item` starts, in elements.
void ppn_gemm_batch_offsets(const ppn_gemm_t* gemm, int64_t item, int64_t* out_a, int64_t* out_b,
                            int64_t* out_c);

// Applies an epilogue to a finished piece of a row.
void ppn_epilogue_apply(const ppn_epilogue_t* epilogue, float* values, int64_t batch, int64_t row,
                        int64_t column, int64_t count);

#endif  // PPN_KERNELS_GEMM_INTERNAL_H_
