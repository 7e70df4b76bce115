// How a Winograd convolution is cut up: for the caches, and for threads.
#include "kernels/winograd.h"

#include "base/cpu.h"
#include "kernels/gemm_internal.h"
#include "kernels/parallel.h"
#include "kernels/winograd_internal.h"

enum {
  // Bytes of transformed tiles that stay in the second-level cache beside weights passing through.
  GROUP_BYTES = 384 << 10,
  // Tiles among which the loading of a panel of the weight is shared, at least.
  GROUP_MINIMUM = 24,
  // Bytes of transformed tiles that threads share.
  SHARED_BYTES = 2 << 20,
  // Multiplications below which a second thread is not worth waking.
  SMALL_WORK = 1 << 18,
};

static const ppn_winograd_kernels_t* kernels(void) {
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX512)) return &ppn_winograd_kernels_avx512;
  if (ppn_cpu_has(PPN_CPU_AVX2)) return &ppn_winograd_kernels_avx2;
#endif
  return &ppn_winograd_kernels_generic;
}

int64_t ppn_winograd_block(void) {
  return kernels()->block;
}

static int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

static size_t round_up_64(size_t size) {
  return (size + 63) / 64 * 64;
}

// ---- Weights ----

static int64_t panel_count(int64_t out_channels) {
  return divide_up(out_channels, kernels()->panel);
}

size_t ppn_winograd_packed_size(int64_t out_channels, int64_t in_channels) {
  int64_t columns = panel_count(out_channels) * kernels()->panel;
  return round_up_64((size_t)(PPN_WINOGRAD_POSITIONS * columns * in_channels) * sizeof(float));
}

// One row of G, (1 0 0), (1/2 1/2 1/2), (1/2 -1/2 1/2) and (0 0 1), times a column.
static float combine(int row, float a, float b, float c) {
  switch (row) {
    case 0:
      return a;
    case 1:
      return 0.5f * (a + b + c);
    case 2:
      return 0.5f * (a - b + c);
    default:
      return c;
  }
}

// G g G^T; `stride` floats from one position to the next.
static void transform_kernel(const float* kernel, float* out, int64_t stride) {
  float rows[4][3];
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 3; ++j) rows[i][j] = combine(i, kernel[j], kernel[3 + j], kernel[6 + j]);
  }
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      out[(4 * i + j) * stride] = combine(j, rows[i][0], rows[i][1], rows[i][2]);
    }
  }
}

void ppn_winograd_pack(const float* weight, int64_t out_channels, int64_t in_channels,
                       float* packed) {
  static const float none[9] = {0};
  int64_t panel = kernels()->panel, columns = panel_count(out_channels) * panel;
  for (int64_t first = 0; first < columns; first += panel) {
    for (int64_t in = 0; in < in_channels; ++in) {
      for (int64_t out = first; out < first + panel; ++out) {
        const float* kernel = out < out_channels ? weight + (out * in_channels + in) * 9 : none;
        float* target = packed + first * in_channels * PPN_WINOGRAD_POSITIONS + in * panel;
        transform_kernel(kernel, target + out - first, in_channels * panel);
      }
    }
  }
}

// ---- Blocks ----

typedef struct ppn_winograd_blocking {
  const float* x;
  int64_t area;
  float* blocked;
} ppn_winograd_blocking_t;

static void block_channels(void* context, size_t begin, size_t end) {
  const ppn_winograd_blocking_t* blocking = context;
  int block = kernels()->block;
  for (size_t i = begin; i < end; ++i) {
    size_t offset = i * (size_t)(blocking->area * block);
    ppn_gemm_kernels()->transpose(blocking->x + offset, blocking->area, block, blocking->area,
                                  blocking->blocked + offset, block);
  }
}

void ppn_winograd_block_channels(const float* x, int64_t batch, int64_t channels, int64_t area,
                                 float* blocked, ppn_thread_pool_t* pool) {
  ppn_winograd_blocking_t blocking = {x, area, blocked};
  ppn_thread_pool_parallel_for(pool, (size_t)(batch * (channels / kernels()->block)), 1,
                               block_channels, &blocking);
}

// ---- Cutting up ----

typedef struct ppn_winograd_plan {
  int64_t tiles;   // in all
  int64_t group;   // tiles of a group, except the last
  bool is_shared;  // threads divide the channels of each group; else each takes whole groups
  int64_t inputs_stride, products_stride;
  size_t inputs_size, products_size;  // bytes: of a group; of a panel, for each thread
} ppn_winograd_plan_t;

// An odd number of cache lines more than the elements need, so that 16 positions do not meet in the
// same sets of a cache.
static int64_t stride_for(int64_t floats) {
  int64_t lines = divide_up(floats, 16);
  return (lines + 1 + lines % 2) * 16;
}

static int64_t tile_count(const ppn_winograd_t* winograd) {
  return winograd->batch * divide_up(winograd->out_sizes[0], 2) *
         divide_up(winograd->out_sizes[1], 2);
}

static ppn_winograd_plan_t make_plan(const ppn_winograd_t* winograd, int threads) {
  ppn_winograd_plan_t plan = {0};
  plan.tiles = tile_count(winograd);
  int64_t tile_bytes = winograd->in_channels * PPN_WINOGRAD_POSITIONS * (int64_t)sizeof(float);
  int64_t group = GROUP_BYTES / tile_bytes;
  if (group < GROUP_MINIMUM) group = GROUP_MINIMUM;
  // As many groups for each thread.
  int64_t rounds = divide_up(plan.tiles, group * threads);
  plan.group = divide_up(plan.tiles, rounds * threads);
  plan.is_shared = threads > 1 && plan.group < GROUP_MINIMUM;
  if (plan.is_shared) {
    group = SHARED_BYTES / tile_bytes;
    if (group < GROUP_MINIMUM) group = GROUP_MINIMUM;
    plan.group = divide_up(plan.tiles, divide_up(plan.tiles, group));
  }
  plan.inputs_stride = stride_for(plan.group * winograd->in_channels);
  plan.products_stride = stride_for(plan.group * kernels()->panel);
  plan.inputs_size = (size_t)(PPN_WINOGRAD_POSITIONS * plan.inputs_stride) * sizeof(float);
  plan.products_size = (size_t)(PPN_WINOGRAD_POSITIONS * plan.products_stride) * sizeof(float);
  return plan;
}

static ppn_winograd_group_t make_group(const ppn_winograd_plan_t* plan, int64_t index) {
  int64_t begin = index * plan->group;
  int64_t count = plan->tiles - begin < plan->group ? plan->tiles - begin : plan->group;
  return (ppn_winograd_group_t){
      .begin = begin,
      .count = count,
      .strips = divide_up(count, kernels()->strip),
      .inputs_stride = plan->inputs_stride,
      .products_stride = plan->products_stride,
  };
}

// Of as many as there are.
static int useful_threads(const ppn_winograd_t* winograd, int threads) {
  // In floating point, as products of sizes may be large.
  double work = (double)tile_count(winograd) * (double)winograd->in_channels *
                (double)winograd->out_channels * PPN_WINOGRAD_POSITIONS;
  return threads <= 1 || work < SMALL_WORK ? 1 : threads;
}

size_t ppn_winograd_scratch_size(const ppn_winograd_t* winograd, int thread_count) {
  int threads = useful_threads(winograd, thread_count);
  ppn_winograd_plan_t plan = make_plan(winograd, threads);
  return plan.products_size * (size_t)threads +
         plan.inputs_size * (plan.is_shared ? 1 : (size_t)threads);
}

// ---- Running ----

typedef struct ppn_winograd_loop {
  const ppn_winograd_t* winograd;
  const ppn_winograd_plan_t* plan;
  ppn_winograd_group_t group;  // that is shared
  float* inputs;               // of slot 0; others follow unless they are shared
  float* products;             // of slot 0; others follow
} ppn_winograd_loop_t;

static float* products_of(const ppn_winograd_loop_t* loop, int slot) {
  return loop->products + (size_t)slot * (loop->plan->products_size / sizeof(float));
}

static void run_panel(const ppn_winograd_loop_t* loop, const ppn_winograd_group_t* group,
                      int64_t panel, const float* inputs, float* products) {
  const ppn_winograd_t* winograd = loop->winograd;
  int64_t size = PPN_WINOGRAD_POSITIONS * winograd->in_channels * kernels()->panel;
  kernels()->multiply(group, winograd->in_channels, inputs, winograd->weight + panel * size,
                      products);
  kernels()->transform_products(winograd, group, panel, products);
}

// A group on one thread.
static void run_group(void* context, int slot, int64_t task) {
  const ppn_winograd_loop_t* loop = context;
  ppn_winograd_group_t group = make_group(loop->plan, task);
  float* inputs = loop->inputs + (size_t)slot * (loop->plan->inputs_size / sizeof(float));
  kernels()->transform_inputs(loop->winograd, &group, 0,
                              loop->winograd->in_channels / kernels()->block, inputs);
  for (int64_t panel = 0; panel < panel_count(loop->winograd->out_channels); ++panel) {
    run_panel(loop, &group, panel, inputs, products_of(loop, slot));
  }
}

static void transform_block(void* context, int slot, int64_t task) {
  const ppn_winograd_loop_t* loop = context;
  (void)slot;
  kernels()->transform_inputs(loop->winograd, &loop->group, task, task + 1, loop->inputs);
}

static void run_shared_panel(void* context, int slot, int64_t task) {
  const ppn_winograd_loop_t* loop = context;
  run_panel(loop, &loop->group, task, loop->inputs, products_of(loop, slot));
}

void ppn_winograd_run(const ppn_winograd_t* winograd, void* scratch, ppn_thread_pool_t* pool) {
  int threads = useful_threads(winograd, ppn_thread_pool_size(pool));
  ppn_winograd_plan_t plan = make_plan(winograd, threads);
  if (threads == 1) pool = NULL;
  ppn_winograd_loop_t loop = {.winograd = winograd, .plan = &plan, .products = scratch};
  loop.inputs = products_of(&loop, threads);
  int64_t groups = divide_up(plan.tiles, plan.group);
  if (!plan.is_shared) {
    ppn_parallel_tasks(pool, groups, run_group, &loop);
    return;
  }
  for (int64_t i = 0; i < groups; ++i) {
    loop.group = make_group(&plan, i);
    ppn_parallel_tasks(pool, winograd->in_channels / kernels()->block, transform_block, &loop);
    ppn_parallel_tasks(pool, panel_count(winograd->out_channels), run_shared_panel, &loop);
  }
}
