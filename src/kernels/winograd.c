// How a Winograd convolution is cut up: for the caches, and for threads.
#include "kernels/winograd.h"

#include "base/cpu.h"
#include "kernels/parallel.h"
#include "kernels/winograd_internal.h"

enum {
  // Bytes of transformed tiles that stay in the second-level cache beside weights passing through.
  GROUP_BYTES = 384 << 10,
  // Tiles among which the loading of a panel of the weight is shared, at least.
  GROUP_MINIMUM = 24,
  // Bytes of transformed tiles that threads share, for each of them.
  SHARED_BYTES = 1 << 20,
  // Tasks for each thread where threads share tiles.
  SHARED_TASKS = 4,
  // Multiplications below which a second thread is not worth waking.
  SMALL_WORK = 1 << 18,
};

const ppn_winograd_kernels_t* ppn_winograd_kernels(void) {
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX512)) return &ppn_winograd_kernels_avx512;
  if (ppn_cpu_has(PPN_CPU_AVX2)) return &ppn_winograd_kernels_avx2;
#endif
  return &ppn_winograd_kernels_generic;
}

int64_t ppn_winograd_block(void) {
  return ppn_winograd_kernels()->block;
}

static int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// ---- Cutting up ----

typedef struct ppn_winograd_plan {
  int64_t tiles;     // in all
  int64_t group;     // tiles of a group, except the last
  bool is_shared;    // threads divide the channels of some groups; else each takes whole groups
  int64_t together;  // groups that are shared at a time
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

// Few tiles: threads divide the channels, and the tiles too when channels do not make enough tasks.
static void share(const ppn_winograd_t* winograd, int threads, int64_t tile_bytes,
                  ppn_winograd_plan_t* plan) {
  int64_t together =
      divide_up(SHARED_TASKS * threads, ppn_winograd_panel_count(winograd->out_channels));
  int64_t largest = plan->tiles / GROUP_MINIMUM;
  if (together > largest) together = largest > 0 ? largest : 1;
  int64_t fitting = (int64_t)threads * SHARED_BYTES / tile_bytes;
  if (fitting < together * GROUP_MINIMUM) fitting = together * GROUP_MINIMUM;
  plan->together = together;
  plan->group = divide_up(plan->tiles, divide_up(plan->tiles, fitting) * together);
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
  plan.together = 1;
  if (plan.is_shared) share(winograd, threads, tile_bytes, &plan);
  plan.inputs_stride = stride_for(plan.group * winograd->in_channels);
  plan.products_stride = stride_for(plan.group * ppn_winograd_kernels()->panel);
  plan.inputs_size = (size_t)(PPN_WINOGRAD_POSITIONS * plan.inputs_stride) * sizeof(float);
  plan.products_size = (size_t)(PPN_WINOGRAD_POSITIONS * plan.products_stride) * sizeof(float);
  return plan;
}

// Empty where fewer groups are left than go together.
static ppn_winograd_group_t make_group(const ppn_winograd_plan_t* plan, int64_t index) {
  int64_t begin = index * plan->group, rest = plan->tiles - begin;
  int64_t count = rest < plan->group ? rest : plan->group;
  if (count <= 0) return (ppn_winograd_group_t){0};
  return (ppn_winograd_group_t){
      .begin = begin,
      .count = count,
      .strips = divide_up(count, ppn_winograd_kernels()->strip),
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
         plan.inputs_size * (plan.is_shared ? (size_t)plan.together : (size_t)threads);
}

// ---- Running ----

typedef struct ppn_winograd_loop {
  const ppn_winograd_t* winograd;
  const ppn_winograd_plan_t* plan;
  int64_t first;    // of the groups that are shared
  float* inputs;    // of slot 0, or of the first group that is shared; others follow
  float* products;  // of slot 0; others follow
} ppn_winograd_loop_t;

static float* inputs_of(const ppn_winograd_loop_t* loop, int64_t index) {
  return loop->inputs + (size_t)index * (loop->plan->inputs_size / sizeof(float));
}

static float* products_of(const ppn_winograd_loop_t* loop, int slot) {
  return loop->products + (size_t)slot * (loop->plan->products_size / sizeof(float));
}

static void run_panel(const ppn_winograd_loop_t* loop, const ppn_winograd_group_t* group,
                      int64_t panel, const float* inputs, float* products) {
  const ppn_winograd_t* winograd = loop->winograd;
  int64_t size = PPN_WINOGRAD_POSITIONS * winograd->in_channels * ppn_winograd_kernels()->panel;
  ppn_winograd_kernels()->multiply(group, winograd->in_channels, inputs,
                                   winograd->weight + panel * size, products);
  ppn_winograd_kernels()->transform_products(winograd, group, panel, products);
}

// A group on one thread.
static void run_group(void* context, int slot, int64_t task) {
  const ppn_winograd_loop_t* loop = context;
  ppn_winograd_group_t group = make_group(loop->plan, task);
  float* inputs = inputs_of(loop, slot);
  ppn_winograd_kernels()->transform_inputs(
      loop->winograd, &group, 0, loop->winograd->in_channels / ppn_winograd_kernels()->block,
      inputs);
  for (int64_t panel = 0; panel < ppn_winograd_panel_count(loop->winograd->out_channels); ++panel) {
    run_panel(loop, &group, panel, inputs, products_of(loop, slot));
  }
}

// Groups that are shared, one after the other for each block or panel.
static void transform_block(void* context, int slot, int64_t task) {
  const ppn_winograd_loop_t* loop = context;
  (void)slot;
  int64_t index = task % loop->plan->together, block = task / loop->plan->together;
  ppn_winograd_group_t group = make_group(loop->plan, loop->first + index);
  if (group.count == 0) return;
  ppn_winograd_kernels()->transform_inputs(loop->winograd, &group, block, block + 1,
                                           inputs_of(loop, index));
}

static void run_shared_panel(void* context, int slot, int64_t task) {
  const ppn_winograd_loop_t* loop = context;
  int64_t index = task % loop->plan->together, panel = task / loop->plan->together;
  ppn_winograd_group_t group = make_group(loop->plan, loop->first + index);
  if (group.count == 0) return;
  run_panel(loop, &group, panel, inputs_of(loop, index), products_of(loop, slot));
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
  int64_t blocks = winograd->in_channels / ppn_winograd_kernels()->block;
  for (; loop.first < groups; loop.first += plan.together) {
    ppn_parallel_tasks(pool, blocks * plan.together, transform_block, &loop);
    ppn_parallel_tasks(pool, ppn_winograd_panel_count(winograd->out_channels) * plan.together,
                       run_shared_panel, &loop);
  }
}
