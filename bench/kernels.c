// Times the CPU kernels: GFLOP/s for what is bound by arithmetic, GB/s for what is bound by memory.
//
//   bench_kernels [threads]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/half.h"
#include "kernels/gemm.h"

static ppn_thread_pool_t* pool;

// Of one thread, its processor's time, so that a busy machine disturbs less.
static double now(void) {
  struct timespec time;
  clock_gettime(ppn_thread_pool_size(pool) == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC,
                &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// Seconds of the fastest of several runs, within about 0.2 s.
static double best_time(void (*run)(void* context), void* context) {
  double best = INFINITY, begin = now();
  run(context);
  for (int i = 0; i < 3 || now() - begin < 0.2; ++i) {
    double start = now();
    run(context);
    double seconds = now() - start;
    if (seconds < best) best = seconds;
  }
  return best;
}

static void* aligned_bytes(size_t size) {
  return aligned_alloc(64, (size + 63) / 64 * 64);
}

static float* some_floats(int64_t count) {
  float* values = aligned_bytes((size_t)count * sizeof(float));
  for (int64_t i = 0; i < count; ++i) values[i] = (float)(i % 17) / 17 - 0.5f;
  return values;
}

// ---- Matrix products ----

typedef struct ppn_gemm_run {
  ppn_gemm_t gemm;
  void* scratch;
} ppn_gemm_run_t;

static void run_gemm(void* context) {
  ppn_gemm_run_t* run = context;
  ppn_gemm_run(&run->gemm, run->scratch, pool);
}

typedef enum weights { ROWS, COLUMNS, PACKED, PACKED_HALF } weights_t;

static void bench_gemm(int64_t rows, int64_t depth, int64_t columns, weights_t weights,
                       ppn_dtype_t dtype) {
  ppn_gemm_run_t run = {.gemm = ppn_gemm_make(rows, columns, depth)};
  ppn_gemm_t* gemm = &run.gemm;
  float *a = some_floats(rows * depth), *c = some_floats(rows * columns),
        *b = some_floats(columns * depth), *scales = some_floats(columns);
  gemm->a = a, gemm->b.data = b, gemm->c = c;
  if (dtype != PPN_DTYPE_FLOAT32) memset(b, 0x11, (size_t)(columns * depth) * sizeof(float));
  gemm->b.dtype = dtype;
  if (ppn_dtype_is_integer(dtype)) gemm->b.scales = scales, gemm->b.scale_column_stride = 1;
  if (weights != ROWS) gemm->b.depth_stride = 1, gemm->b.column_stride = depth;
  void* packed = NULL;
  if (weights == PACKED || weights == PACKED_HALF) {
    ppn_dtype_t storage = weights == PACKED ? PPN_DTYPE_FLOAT32 : PPN_DTYPE_FLOAT16;
    packed = aligned_bytes(ppn_gemm_packed_size(columns, depth, storage));
    ppn_gemm_pack(&gemm->b, columns, depth, storage, packed);
    gemm->packed_b = packed, gemm->packed_dtype = storage;
  }
  run.scratch = aligned_bytes(ppn_gemm_scratch_size(gemm, ppn_thread_pool_size(pool)));
  double seconds = best_time(run_gemm, &run);
  static const char* const names[] = {"rows", "columns", "packed", "packed half"};
  double bytes = (double)columns * (double)depth * ppn_dtype_bits(dtype) / 8;
  if (weights == PACKED_HALF) bytes /= 2;
  printf("gemm %5lld x %5lld x %5lld  B %-8s %-11s %8.1f us %7.1f GFLOP/s %6.1f GB/s\n",
         (long long)rows, (long long)depth, (long long)columns, ppn_dtype_name(dtype),
         names[weights], seconds * 1e6,
         2e-9 * (double)rows * (double)columns * (double)depth / seconds, bytes / seconds * 1e-9);
  free(run.scratch);
  free(packed);
  free(a);
  free(b);
  free(c);
  free(scales);
}

int main(int argument_count, char** arguments) {
  ppn_status_free(ppn_thread_pool_create(argument_count > 1 ? atoi(arguments[1]) : 1, &pool));
  printf("%d threads\n", ppn_thread_pool_size(pool));
  static const int64_t shapes[][3] = {{512, 512, 512},  {128, 384, 1536}, {128, 1536, 384},
                                      {197, 768, 3072}, {197, 3072, 768}, {197, 64, 197},
                                      {64, 1024, 1024}, {12, 768, 768}};
  for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); ++i) {
    for (weights_t weights = ROWS; weights <= PACKED_HALF; ++weights)
      bench_gemm(shapes[i][0], shapes[i][1], shapes[i][2], weights, PPN_DTYPE_FLOAT32);
  }
  static const ppn_dtype_t dtypes[] = {PPN_DTYPE_FLOAT32, PPN_DTYPE_FLOAT16, PPN_DTYPE_BFLOAT16,
                                       PPN_DTYPE_INT8, PPN_DTYPE_UINT4};
  for (int64_t rows = 1; rows <= 4; rows += 3) {
    for (size_t i = 0; i < sizeof(dtypes) / sizeof(dtypes[0]); ++i)
      bench_gemm(rows, 2048, 8192, COLUMNS, dtypes[i]);
    bench_gemm(rows, 2048, 8192, ROWS, PPN_DTYPE_FLOAT32);
    bench_gemm(rows, 2048, 8192, ROWS, PPN_DTYPE_FLOAT16);
    bench_gemm(rows, 2048, 8192, PACKED, PPN_DTYPE_FLOAT32);
    bench_gemm(rows, 2048, 8192, PACKED_HALF, PPN_DTYPE_FLOAT32);
  }
  ppn_thread_pool_free(pool);
  return 0;
}
