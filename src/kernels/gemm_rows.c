// Few rows times a B that is read where it lies.
#include "kernels/gemm_internal.h"

// From more rows on, packing a B whose rows are contiguous pays off.
enum { MAX_ROWS = 8 };

// Columns of one task: enough to be worth a thread's while, few enough that sums stay in the cache.
enum { MIN_COLUMNS = 64, MAX_COLUMNS = 1024 };

static bool is_read_by_columns(const ppn_gemm_t* gemm) {
  const ppn_gemm_operand_t* b = &gemm->b;
  if (b->depth_stride != 1 || gemm->a_depth_stride != 1) return false;
  // Nibbles are read in whole vectors from even positions; blocks too short cost more than packing.
  if (b->dtype == PPN_DTYPE_INT4) return false;
  if (b->dtype == PPN_DTYPE_UINT4 && (b->column_stride % 2 != 0 || b->block % 2 != 0)) return false;
  if (b->offsets && ppn_dtype_is_float(b->dtype)) return false;
  return !b->scales || b->block == 0 || b->block >= 16;
}

static bool is_read_by_rows(const ppn_gemm_t* gemm) {
  const ppn_gemm_operand_t* b = &gemm->b;
  return b->column_stride == 1 && !b->scales && b->dtype != PPN_DTYPE_INT4 &&
         b->dtype != PPN_DTYPE_UINT4;
}

bool ppn_gemm_rows_applies(const ppn_gemm_t* gemm) {
  if (gemm->packed_b || gemm->rows > PPN_GEMM_DOT_ROWS) return false;
  if (gemm->b.dtype == PPN_DTYPE_UINT4) {
    for (int i = 0; i < gemm->batch_rank; ++i) {
      if (gemm->b_batch_strides[i] % 2 != 0) return false;
    }
  }
  return is_read_by_columns(gemm) || (gemm->rows <= MAX_ROWS && is_read_by_rows(gemm));
}

typedef struct ppn_gemm_rows_loop {
  const ppn_gemm_t* gemm;
  int64_t pieces, piece;  // of the columns
} ppn_gemm_rows_loop_t;

static void run_pieces(void* context, size_t first, size_t last) {
  const ppn_gemm_rows_loop_t* loop = context;
  const ppn_gemm_t* gemm = loop->gemm;
  const ppn_gemm_kernels_t* kernels = ppn_gemm_kernels();
  for (int64_t task = (int64_t)first; task < (int64_t)last; ++task) {
    int64_t item = task / loop->pieces, begin = task % loop->pieces * loop->piece;
    int64_t end = gemm->columns - begin < loop->piece ? gemm->columns : begin + loop->piece;
    int64_t a, b, c;
    ppn_gemm_batch_offsets(gemm, item, &a, &b, &c);
    if (is_read_by_columns(gemm)) {
      kernels->dots(gemm, gemm->a + a, b, gemm->c + c, begin, end);
    } else {
      kernels->sums(gemm, gemm->a + a, b, gemm->c + c, begin, end);
    }
    for (int64_t i = 0; i < gemm->rows; ++i) {
      ppn_epilogue_apply(&gemm->epilogue, gemm->c + c + i * gemm->c_row_stride + begin, item, i,
                         begin, end - begin);
    }
  }
}

void ppn_gemm_rows_run(const ppn_gemm_t* gemm, ppn_thread_pool_t* pool) {
  int64_t threads = ppn_thread_pool_size(pool), items = ppn_gemm_batch_count(gemm);
  int64_t piece = items >= threads ? MAX_COLUMNS : gemm->columns / (threads * 4);
  if (piece < MIN_COLUMNS) piece = MIN_COLUMNS;
  if (piece > MAX_COLUMNS) piece = MAX_COLUMNS;
  ppn_gemm_rows_loop_t loop = {gemm, (gemm->columns + piece - 1) / piece, piece};
  // About 20 microseconds of work at least for each piece of the loop.
  int64_t work = gemm->depth * piece, grain = work > 0 ? 100000 / work + 1 : 1;
  ppn_thread_pool_parallel_for(pool, (size_t)(items * loop.pieces), (size_t)grain, run_pieces,
                               &loop);
}
