// How a matrix product is cut up: for the caches, and for threads.
#include "kernels/gemm.h"

#include "base/cpu.h"
#include "kernels/gemm_internal.h"
#include "kernels/parallel.h"

enum {
  // A block of the depth: a panel of B of this depth stays in the first-level cache.
  DEPTH_BLOCK = 256,
  // Rows whose packed strips, one block of the depth, stay in the second-level cache.
  ROW_BLOCK = 84,  // a multiple of 6 and 14
  // Columns that one task computes at most.
  COLUMN_BLOCK = 1024,
  // Floats of B that are packed at a time.
  GROUP_FLOATS = 1 << 20,
  // Multiplications below which a second thread is not worth waking.
  SMALL_WORK = 1 << 16,
};

const ppn_gemm_kernels_t* ppn_gemm_kernels(void) {
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX512)) return &ppn_gemm_kernels_avx512;
  if (ppn_cpu_has(PPN_CPU_AVX2)) return &ppn_gemm_kernels_avx2;
#endif
  return &ppn_gemm_kernels_generic;
}

static int64_t minimum(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// ---- Sizes ----

// What is decided before running; the same whether memory is asked for or used.
typedef struct ppn_gemm_plan {
  int64_t items;
  int64_t depth_block, row_block;
  int64_t group_columns;  // of B that are packed at a time
  size_t strips_size;     // bytes of packed A, for each thread
  size_t panels_size;     // bytes of packed B
} ppn_gemm_plan_t;

static size_t round_up_64(size_t size) {
  return (size + 63) / 64 * 64;
}

static ppn_gemm_plan_t make_plan(const ppn_gemm_job_t* job) {
  const ppn_gemm_t* gemm = job->gemm;
  const ppn_gemm_kernels_t* kernels = ppn_gemm_kernels();
  int64_t panel = kernels->panel_columns, tile = kernels->tile_rows;
  ppn_gemm_plan_t plan = {ppn_gemm_batch_count(gemm), 0, 0, 0, 0, 0};
  int64_t blocks = divide_up(gemm->depth, DEPTH_BLOCK);
  plan.depth_block = blocks > 0 ? divide_up(gemm->depth, blocks) : 0;
  plan.row_block = minimum(ROW_BLOCK, divide_up(gemm->rows, tile) * tile);
  plan.strips_size = round_up_64((size_t)(plan.row_block * plan.depth_block + 8) * sizeof(float));
  int64_t whole = divide_up(gemm->columns, panel) * panel;
  if (gemm->packed_b && !job->gather) {
    plan.group_columns = whole;
    return plan;
  }
  int64_t fitting = gemm->depth > 0 ? GROUP_FLOATS / gemm->depth / panel * panel : whole;
  if (fitting < 4 * panel) fitting = 4 * panel;
  plan.group_columns = minimum(whole, fitting);
  plan.panels_size = round_up_64((size_t)(plan.group_columns * gemm->depth + 8) * sizeof(float));
  return plan;
}

// Whether each thread takes whole batch items.
static bool is_split_by_items(const ppn_gemm_plan_t* plan, int thread_count) {
  return plan->items >= thread_count;
}

// ---- One batch item ----

typedef struct ppn_gemm_item {
  const ppn_gemm_job_t* job;
  const ppn_gemm_plan_t* plan;
  int64_t index;
  int64_t b;  // offset
  const float* a;
  float* c;
  uint8_t* strips;  // of slot 0; others follow
  float* panels;
  // the group of columns at hand
  int64_t group_begin, group_end;
  // how it is cut into tasks
  int64_t row_blocks, task_columns;
} ppn_gemm_item_t;

// Panels [begin, end) of the group.
static void pack_panels(void* context, size_t begin, size_t end) {
  const ppn_gemm_item_t* item = context;
  const ppn_gemm_t* gemm = item->job->gemm;
  int64_t panel = ppn_gemm_kernels()->panel_columns;
  int64_t column = item->group_begin + (int64_t)begin * panel;
  int64_t last = minimum(item->group_end, item->group_begin + (int64_t)end * panel);
  float* target = item->panels + (int64_t)begin * panel * gemm->depth;
  if (!item->job->gather) {
    ppn_gemm_pack_panels(&gemm->b, item->b, gemm->depth, column, last - column, (int)panel, target);
    return;
  }
  for (; column < last; column += panel, target += panel * gemm->depth) {
    item->job->gather(item->job->gather_context, item->index, column,
                      (int)minimum(last - column, panel), (int)panel, target);
  }
}

// Rows [row, row_end) of columns [begin, end), for one block of the depth.
static void run_block(const ppn_gemm_item_t* item, const float* strips, int64_t row,
                      int64_t row_end, int64_t begin, int64_t end, int64_t k, int64_t depth) {
  const ppn_gemm_t* gemm = item->job->gemm;
  const ppn_gemm_kernels_t* kernels = ppn_gemm_kernels();
  int64_t panel = kernels->panel_columns, tile = kernels->tile_rows;
  float beta = k == 0 ? gemm->beta : 1;
  for (int64_t j = begin; j < end; j += panel) {
    int columns = (int)minimum(end - j, panel);
    int64_t b = (j - item->group_begin) * gemm->depth + k * panel;
    for (int64_t i = row; i < row_end; i += tile) {
      int rows = (int)minimum(row_end - i, tile);
      const float* a = strips + (i - row) * depth;
      float* c = item->c + i * gemm->c_row_stride + j;
      if (item->panels) {
        kernels->tile(rows, columns, depth, a, item->panels + b, c, gemm->c_row_stride, gemm->alpha,
                      beta);
      } else if (gemm->packed_dtype == PPN_DTYPE_FLOAT16) {
        kernels->tile_half(rows, columns, depth, a, (const uint16_t*)gemm->packed_b + b, c,
                           gemm->c_row_stride, gemm->alpha, beta);
      } else {
        kernels->tile(rows, columns, depth, a, (const float*)gemm->packed_b + b, c,
                      gemm->c_row_stride, gemm->alpha, beta);
      }
    }
  }
}

static void run_task(void* context, int slot, int64_t task) {
  const ppn_gemm_item_t* item = context;
  const ppn_gemm_plan_t* plan = item->plan;
  const ppn_gemm_t* gemm = item->job->gemm;
  float* strips = (float*)(void*)(item->strips + (size_t)slot * plan->strips_size);
  int64_t row = task % item->row_blocks * plan->row_block;
  int64_t row_end = minimum(gemm->rows, row + plan->row_block);
  int64_t begin = item->group_begin + task / item->row_blocks * item->task_columns;
  int64_t end = minimum(item->group_end, begin + item->task_columns);
  int64_t k = 0;
  do {  // once even when the depth is 0: C is then scaled
    int64_t depth = minimum(gemm->depth - k, plan->depth_block);
    ppn_gemm_pack_strips(item->a + row * gemm->a_row_stride + k * gemm->a_depth_stride,
                         gemm->a_row_stride, gemm->a_depth_stride, row_end - row, depth, strips);
    run_block(item, strips, row, row_end, begin, end, k, depth);
    k += depth;
  } while (k < gemm->depth);
  int64_t groups = item->job->groups;
  for (int64_t i = row; i < row_end; ++i) {
    ppn_epilogue_apply(&gemm->epilogue, item->c + i * gemm->c_row_stride + begin,
                       item->index / groups, item->index % groups * gemm->rows + i, begin,
                       end - begin);
  }
}

static void run_item(ppn_gemm_item_t* item, ppn_thread_pool_t* pool) {
  const ppn_gemm_t* gemm = item->job->gemm;
  int64_t panel = ppn_gemm_kernels()->panel_columns, threads = ppn_thread_pool_size(pool);
  int64_t a, b, c;
  ppn_gemm_batch_offsets(gemm, item->index, &a, &b, &c);
  item->a = gemm->a + a, item->b = b, item->c = gemm->c + c;
  item->row_blocks = divide_up(gemm->rows, item->plan->row_block);
  for (int64_t j = 0; j < gemm->columns; j += item->plan->group_columns) {
    item->group_begin = j;
    item->group_end = minimum(gemm->columns, j + item->plan->group_columns);
    int64_t columns = item->group_end - j;
    if (item->panels)
      ppn_thread_pool_parallel_for(pool, (size_t)divide_up(columns, panel), 1, pack_panels, item);
    // At least four tasks for each thread, where there is enough to do.
    int64_t pieces = threads > 1 ? divide_up(threads * 4, item->row_blocks) : 1;
    int64_t task_columns = divide_up(divide_up(columns, pieces), panel) * panel;
    item->task_columns = minimum(task_columns, COLUMN_BLOCK);
    ppn_parallel_tasks(pool, item->row_blocks * divide_up(columns, item->task_columns), run_task,
                       item);
  }
}

// ---- All items ----

typedef struct ppn_gemm_items {
  const ppn_gemm_job_t* job;
  const ppn_gemm_plan_t* plan;
  uint8_t* scratch;
} ppn_gemm_items_t;

// A whole item on one thread.
static void run_item_alone(void* context, int slot, int64_t index) {
  const ppn_gemm_items_t* items = context;
  const ppn_gemm_plan_t* plan = items->plan;
  uint8_t* scratch = items->scratch + (size_t)slot * (plan->strips_size + plan->panels_size);
  ppn_gemm_item_t item = {.job = items->job, .plan = plan, .index = index, .strips = scratch};
  if (plan->panels_size) item.panels = (float*)(void*)(scratch + plan->strips_size);
  run_item(&item, NULL);
}

size_t ppn_gemm_job_scratch_size(const ppn_gemm_job_t* job, int thread_count) {
  ppn_gemm_plan_t plan = make_plan(job);
  size_t threads = thread_count > 1 ? (size_t)thread_count : 1;
  // Asked for more threads than are used in the end, both ways of splitting must fit.
  size_t panels = is_split_by_items(&plan, 2) ? plan.panels_size * threads : plan.panels_size;
  return plan.strips_size * threads + panels + 64;
}

void ppn_gemm_job_run(const ppn_gemm_job_t* job, void* scratch, ppn_thread_pool_t* pool) {
  const ppn_gemm_t* gemm = job->gemm;
  ppn_gemm_plan_t plan = make_plan(job);
  if (plan.items <= 0 || gemm->rows <= 0 || gemm->columns <= 0) return;
  // In floating point, as products of sizes may be large.
  double work = (double)gemm->rows * (double)gemm->columns * (double)(gemm->depth + 1);
  if (work * (double)plan.items < SMALL_WORK) pool = NULL;
  int threads = ppn_thread_pool_size(pool);
  if (is_split_by_items(&plan, threads) || work < SMALL_WORK) {
    ppn_gemm_items_t items = {job, &plan, scratch};
    ppn_parallel_tasks(pool, plan.items, run_item_alone, &items);
    return;
  }
  for (int64_t index = 0; index < plan.items; ++index) {
    ppn_gemm_item_t item = {.job = job, .plan = &plan, .index = index, .strips = scratch};
    if (plan.panels_size)
      item.panels = (float*)(void*)((uint8_t*)scratch + plan.strips_size * (size_t)threads);
    run_item(&item, pool);
  }
}

size_t ppn_gemm_scratch_size(const ppn_gemm_t* gemm, int thread_count) {
  if (ppn_gemm_rows_applies(gemm)) return 64;
  ppn_gemm_job_t job = {gemm, NULL, NULL, 1};
  return ppn_gemm_job_scratch_size(&job, thread_count);
}

void ppn_gemm_run(const ppn_gemm_t* gemm, void* scratch, ppn_thread_pool_t* pool) {
  if (ppn_gemm_rows_applies(gemm)) {
    ppn_gemm_rows_run(gemm, pool);
    return;
  }
  ppn_gemm_job_t job = {gemm, NULL, NULL, 1};
  ppn_gemm_job_run(&job, scratch, pool);
}
