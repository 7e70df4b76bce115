// Times the CPU kernels: GFLOP/s for what is bound by arithmetic, GB/s for what is bound by memory.
//
//   bench_kernels [threads]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/half.h"
#include "kernels/attention.h"
#include "kernels/convolution.h"
#include "kernels/gemm.h"
#include "kernels/pooling.h"
#include "kernels/winograd.h"

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

// ---- Convolutions ----

typedef struct ppn_convolution_run_t {
  ppn_convolution_t convolution;
  void* scratch;
} ppn_convolution_run_t;

static void run_convolution(void* context) {
  ppn_convolution_run_t* run = context;
  ppn_convolution_run(&run->convolution, run->scratch, pool);
}

static void bench_convolution(int64_t channels, int64_t out_channels, int64_t size, int64_t kernel,
                              int64_t stride, bool is_depthwise) {
  int64_t out = ppn_convolution_out_size(size, kernel, stride, 1, kernel / 2, kernel / 2);
  ppn_convolution_run_t run = {.convolution = {.rank = 2,
                                               .batch = 1,
                                               .groups = is_depthwise ? channels : 1,
                                               .in_channels = channels,
                                               .out_channels = out_channels,
                                               .in_sizes = {size, size},
                                               .out_sizes = {out, out},
                                               .kernel = {kernel, kernel},
                                               .strides = {stride, stride},
                                               .dilations = {1, 1},
                                               .pads = {kernel / 2, kernel / 2}}};
  ppn_convolution_t* convolution = &run.convolution;
  int64_t depth = channels / convolution->groups * kernel * kernel;
  float *x = some_floats(channels * size * size), *weight = some_floats(out_channels * depth),
        *y = some_floats(out_channels * out * out);
  convolution->x = x, convolution->weight = weight, convolution->y = y;
  run.scratch =
      aligned_bytes(ppn_convolution_scratch_size(convolution, ppn_thread_pool_size(pool)));
  double seconds = best_time(run_convolution, &run);
  printf(
      "%-9s %4lld to %4lld channels, %3lld x %-3lld kernel %lld stride %lld %9.1f us %7.1f "
      "GFLOP/s\n",
      is_depthwise ? "depthwise" : "conv", (long long)channels, (long long)out_channels,
      (long long)size, (long long)size, (long long)kernel, (long long)stride, seconds * 1e6,
      2e-9 * (double)(out_channels * depth * out * out) / seconds);
  free(run.scratch);
  free(x);
  free(weight);
  free(y);
}

typedef struct ppn_winograd_run_t {
  ppn_winograd_t winograd;
  void* scratch;
} ppn_winograd_run_t;

static void run_winograd(void* context) {
  ppn_winograd_run_t* run = context;
  ppn_winograd_run(&run->winograd, run->scratch, pool);
}

// GFLOP/s as if it were the direct convolution.
static void bench_winograd(int64_t channels, int64_t out_channels, int64_t size) {
  ppn_winograd_run_t run = {.winograd = {.batch = 1,
                                         .in_channels = channels,
                                         .out_channels = out_channels,
                                         .in_sizes = {size, size},
                                         .out_sizes = {size, size},
                                         .pads = {1, 1}}};
  ppn_winograd_t* winograd = &run.winograd;
  float *x = some_floats(channels * size * size),
        *weight = some_floats(out_channels * channels * 9),
        *y = some_floats(out_channels * size * size),
        *packed = aligned_bytes(ppn_winograd_packed_size(out_channels, channels));
  ppn_winograd_pack(weight, out_channels, channels, packed);
  winograd->x = x, winograd->weight = packed, winograd->y = y;
  run.scratch = aligned_bytes(ppn_winograd_scratch_size(winograd, ppn_thread_pool_size(pool)));
  double seconds = best_time(run_winograd, &run);
  printf("winograd  %4lld to %4lld channels, %3lld x %-3lld %27.1f us %7.1f GFLOP/s\n",
         (long long)channels, (long long)out_channels, (long long)size, (long long)size,
         seconds * 1e6, 18e-9 * (double)(out_channels * channels * size * size) / seconds);
  free(run.scratch);
  free(packed);
  free(x);
  free(weight);
  free(y);
}

// ---- Pooling ----

typedef struct ppn_pooling_run_t {
  ppn_pooling_t pooling;
  void* scratch;
} ppn_pooling_run_t;

static void run_pooling(void* context) {
  ppn_pooling_run_t* run = context;
  ppn_pooling_run(&run->pooling, run->scratch, pool);
}

static void bench_pooling(ppn_pooling_kind_t kind, int64_t planes, int64_t size, int64_t kernel,
                          int64_t stride) {
  int64_t pad = kernel < size ? kernel / 2 : 0;
  int64_t out = ppn_pooling_out_size(size, kernel, stride, 1, pad, pad, false);
  ppn_pooling_run_t run = {.pooling = {.kind = kind,
                                       .rank = 2,
                                       .dtype = PPN_DTYPE_FLOAT32,
                                       .planes = planes,
                                       .in_sizes = {size, size},
                                       .out_sizes = {out, out},
                                       .kernel = {kernel, kernel},
                                       .strides = {stride, stride},
                                       .dilations = {1, 1},
                                       .pads_before = {pad, pad},
                                       .pads_after = {pad, pad}}};
  float *x = some_floats(planes * size * size), *y = some_floats(planes * out * out);
  run.pooling.x = x, run.pooling.y = y;
  run.scratch = aligned_bytes(ppn_pooling_scratch_size(&run.pooling, ppn_thread_pool_size(pool)));
  double seconds = best_time(run_pooling, &run);
  printf("%s pool %4lld channels, %3lld x %-3lld kernel %lld stride %lld %9.1f us %6.1f GB/s\n",
         kind == PPN_POOLING_MAX ? "max    " : "average", (long long)planes, (long long)size,
         (long long)size, (long long)kernel, (long long)stride, seconds * 1e6,
         4e-9 * (double)(planes * size * size) / seconds);
  free(run.scratch);
  free(x);
  free(y);
}

// ---- Attention ----

typedef struct ppn_attention_run_t {
  ppn_attention_t attention;
  void* scratch;
} ppn_attention_run_t;

static void run_attention(void* context) {
  ppn_attention_run_t* run = context;
  ppn_attention_run(&run->attention, run->scratch, pool);
}

static void bench_attention(int64_t heads, int64_t queries, int64_t keys, int64_t size,
                            bool is_causal) {
  ppn_attention_run_t run = {.attention = {.queries = queries,
                                           .keys = keys,
                                           .head_size = size,
                                           .value_size = size,
                                           .scale = 0.125f,
                                           .is_causal = is_causal,
                                           .q_row_stride = size,
                                           .k_row_stride = size,
                                           .v_row_stride = size,
                                           .out_row_stride = size,
                                           .batch_rank = 1,
                                           .batch_sizes = {heads},
                                           .q_batch_strides = {queries * size},
                                           .k_batch_strides = {keys * size},
                                           .v_batch_strides = {keys * size},
                                           .out_batch_strides = {queries * size}}};
  ppn_attention_t* attention = &run.attention;
  float *q = some_floats(heads * queries * size), *k = some_floats(heads * keys * size),
        *v = some_floats(heads * keys * size), *out = some_floats(heads * queries * size);
  attention->q = q, attention->k = k, attention->v = v, attention->out = out;
  run.scratch = aligned_bytes(ppn_attention_scratch_size(attention, ppn_thread_pool_size(pool)));
  double seconds = best_time(run_attention, &run);
  double work = 4e-9 * (double)(heads * queries * keys * size) * (is_causal ? 0.5 : 1);
  printf("attention %2lld heads, %4lld queries, %4lld keys of %lld%s %9.1f us %7.1f GFLOP/s\n",
         (long long)heads, (long long)queries, (long long)keys, (long long)size,
         is_causal ? ", causal" : "        ", seconds * 1e6, work / seconds);
  free(run.scratch);
  free(q);
  free(k);
  free(v);
  free(out);
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
  // Layers of ResNet-50 and MobileNetV2.
  bench_convolution(3, 64, 224, 7, 2, false);
  bench_convolution(64, 64, 56, 3, 1, false);
  bench_convolution(64, 256, 56, 1, 1, false);
  bench_convolution(256, 256, 14, 3, 1, false);
  bench_convolution(512, 512, 7, 3, 1, false);
  bench_convolution(1024, 2048, 14, 1, 2, false);
  bench_convolution(32, 32, 112, 3, 1, true);
  bench_convolution(96, 96, 112, 3, 2, true);
  bench_convolution(144, 144, 56, 3, 1, true);
  bench_convolution(384, 384, 14, 3, 1, true);
  bench_convolution(960, 960, 7, 3, 1, true);
  bench_convolution(120, 120, 28, 5, 1, true);
  bench_winograd(64, 64, 56);
  bench_winograd(128, 128, 28);
  bench_winograd(256, 256, 14);
  bench_winograd(512, 512, 7);
  bench_pooling(PPN_POOLING_MAX, 64, 112, 3, 2);
  bench_pooling(PPN_POOLING_AVERAGE, 192, 35, 3, 1);
  bench_pooling(PPN_POOLING_AVERAGE, 2048, 7, 7, 1);
  bench_attention(12, 197, 197, 64, false);
  bench_attention(12, 128, 128, 32, false);
  bench_attention(12, 1024, 1024, 64, true);
  bench_attention(12, 1, 1024, 64, false);
  ppn_thread_pool_free(pool);
  return 0;
}
