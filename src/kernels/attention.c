// How attention is cut up, and what becomes of a block of scores.
#include "kernels/attention.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/attention_internal.h"
#include "kernels/gemm_internal.h"
#include "kernels/parallel.h"

enum {
  QUERY_BLOCK = 84,  // a multiple of the rows of a tile: 4, 6 or 14
  KEY_BLOCK = 256,   // a multiple of the columns of a panel
  FEW_QUERIES = 4,   // so few read K and V in place
};

static const ppn_attention_kernels_t* kernels(void) {
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX512)) return &ppn_attention_kernels_avx512;
  if (ppn_cpu_has(PPN_CPU_AVX2)) return &ppn_attention_kernels_avx2;
#endif
  return &ppn_attention_kernels_generic;
}

static int64_t minimum(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t round_up(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// ---- Scratch of one thread, in floats ----

typedef struct ppn_attention_plan {
  bool is_direct;                              // K and V are read in place
  int64_t packed_k, packed_v;                  // all keys
  int64_t scores, score_strips, query_strips;  // one block
  int64_t total;
} ppn_attention_plan_t;

static ppn_attention_plan_t make_plan(const ppn_attention_t* attention) {
  ppn_attention_plan_t plan = {attention->queries <= FEW_QUERIES, 0, 0, 0, 0, 0, 0};
  if (plan.is_direct) {
    plan.scores = plan.total = round_up(attention->queries * attention->keys, 16);
    return plan;
  }
  int64_t panel = ppn_gemm_kernels()->panel_columns;
  int64_t key_block = minimum(round_up(attention->keys, panel), KEY_BLOCK);
  plan.packed_k = round_up(round_up(attention->keys, panel) * attention->head_size + 8, 16);
  plan.packed_v = round_up(round_up(attention->value_size, panel) * attention->keys + 8, 16);
  plan.scores = plan.score_strips = round_up(QUERY_BLOCK * key_block + 8, 16);
  plan.query_strips = round_up(QUERY_BLOCK * attention->head_size + 8, 16);
  plan.total = plan.packed_k + plan.packed_v + plan.scores + plan.score_strips + plan.query_strips;
  return plan;
}

size_t ppn_attention_scratch_size(const ppn_attention_t* attention, int thread_count) {
  int64_t threads = thread_count > 1 ? thread_count : 1;
  return (size_t)(make_plan(attention).total * threads) * sizeof(float) + 64;
}

typedef struct ppn_attention_loop {
  const ppn_attention_t* attention;
  ppn_attention_plan_t plan;
  float* scratch;
  int64_t pieces, piece;  // of the queries of an item
} ppn_attention_loop_t;

// Keys that query `query` may attend to.
static int64_t visible_keys(const ppn_attention_t* attention, int64_t query) {
  return attention->is_causal ? minimum(query + 1, attention->keys) : attention->keys;
}

// ---- Few queries ----

static void run_direct(const ppn_attention_t* attention, const ppn_attention_offsets_t* at,
                       float* scores) {
  int64_t queries = attention->queries, keys = attention->keys;
  ppn_gemm_t products = ppn_gemm_make(queries, keys, attention->head_size);
  products.a = attention->q + at->q, products.a_row_stride = attention->q_row_stride;
  products.b.data = attention->k + at->k;
  products.b.depth_stride = 1, products.b.column_stride = attention->k_row_stride;
  products.c = scores, products.alpha = attention->scale;
  ppn_gemm_rows_run(&products, NULL);
  for (int64_t i = 0; i < queries; ++i) {
    float* row = scores + i * keys;
    int64_t visible = visible_keys(attention, i);
    ppn_attention_mask_row(attention, at->mask, i, 0, visible, row);
    float largest = kernels()->maximum(row, visible);
    float sum = largest > -INFINITY ? kernels()->exponentials(row, visible, largest) : 0;
    if (sum == 0) visible = 0;
    kernels()->scale(row, visible, 1 / sum);
    memset(row + visible, 0, (size_t)(keys - visible) * sizeof(float));
  }
  ppn_gemm_t sums = ppn_gemm_make(queries, attention->value_size, keys);
  sums.a = scores;
  sums.b.data = attention->v + at->v, sums.b.depth_stride = attention->v_row_stride;
  sums.c = attention->out + at->out, sums.c_row_stride = attention->out_row_stride;
  ppn_gemm_rows_run(&sums, NULL);
}

// ---- Blocks ----

// C [rows, columns] = alpha * strips * panels + beta * C. Panels are `panel_depth` deep, of which
// `depth` are used.
static void multiply(int64_t rows, int64_t columns, int64_t depth, const float* strips,
                     const float* panels, int64_t panel_depth, float* c, int64_t c_row_stride,
                     float alpha, float beta) {
  const ppn_gemm_kernels_t* gemm = ppn_gemm_kernels();
  for (int64_t j = 0; j < columns; j += gemm->panel_columns) {
    for (int64_t i = 0; i < rows; i += gemm->tile_rows) {
      gemm->tile((int)minimum(rows - i, gemm->tile_rows),
                 (int)minimum(columns - j, gemm->panel_columns), depth, strips + i * depth,
                 panels + j * panel_depth, c + i * c_row_stride + j, c_row_stride, alpha, beta);
    }
  }
}

// Where the softmax of a block of queries has got to.
typedef struct ppn_softmax_state {
  float maxima[QUERY_BLOCK], sums[QUERY_BLOCK];
} ppn_softmax_state_t;

// Turns scores of keys [key, key + count) into weights relative to the largest score so far, and
// rescales what was added up relative to the previous one.
static void weigh(const ppn_attention_t* attention, const ppn_attention_offsets_t* at,
                  int64_t query, int64_t rows, int64_t key, int64_t count, float* scores,
                  ppn_softmax_state_t* state, float* out) {
  for (int64_t i = 0; i < rows; ++i) {
    float* row = scores + i * count;
    int64_t visible = minimum(visible_keys(attention, query + i) - key, count);
    if (visible < 0) visible = 0;
    ppn_attention_mask_row(attention, at->mask, query + i, key, visible, row);
    float largest = kernels()->maximum(row, visible), before = state->maxima[i];
    if (largest < before) largest = before;
    if (largest == -INFINITY) visible = 0;
    if (largest > before && key > 0) {
      float factor = expf(before - largest);
      state->sums[i] *= factor;
      kernels()->scale(out + i * attention->out_row_stride, attention->value_size, factor);
    }
    state->maxima[i] = largest;
    if (visible > 0) state->sums[i] += kernels()->exponentials(row, visible, largest);
    memset(row + visible, 0, (size_t)(count - visible) * sizeof(float));
  }
}

static void run_block(const ppn_attention_loop_t* loop, const ppn_attention_offsets_t* at,
                      int64_t query, int64_t rows, float* scratch) {
  const ppn_attention_t* attention = loop->attention;
  const ppn_attention_plan_t* plan = &loop->plan;
  float *packed_k = scratch, *packed_v = packed_k + plan->packed_k;
  float *scores = packed_v + plan->packed_v, *score_strips = scores + plan->scores,
        *query_strips = score_strips + plan->score_strips;
  int panel = ppn_gemm_kernels()->panel_columns;
  float* out = attention->out + at->out + query * attention->out_row_stride;
  ppn_gemm_pack_strips(attention->q + at->q + query * attention->q_row_stride,
                       attention->q_row_stride, 1, rows, attention->head_size, query_strips);
  ppn_softmax_state_t state;
  for (int64_t i = 0; i < rows; ++i) state.maxima[i] = -INFINITY, state.sums[i] = 0;
  int64_t keys = visible_keys(attention, query + rows - 1);
  for (int64_t key = 0; key < keys; key += KEY_BLOCK) {
    int64_t count = minimum(keys - key, KEY_BLOCK);
    multiply(rows, count, attention->head_size, query_strips, packed_k + key * attention->head_size,
             attention->head_size, scores, count, attention->scale, 0);
    weigh(attention, at, query, rows, key, count, scores, &state, out);
    ppn_gemm_pack_strips(scores, count, 1, rows, count, score_strips);
    multiply(rows, attention->value_size, count, score_strips, packed_v + key * panel,
             attention->keys, out, attention->out_row_stride, 1, key == 0 ? 0 : 1);
  }
  for (int64_t i = 0; i < rows; ++i) {
    float* row = out + i * attention->out_row_stride;
    if (state.sums[i] > 0 || state.sums[i] != state.sums[i]) {
      kernels()->scale(row, attention->value_size, 1 / state.sums[i]);
    } else {
      memset(row, 0, (size_t)attention->value_size * sizeof(float));
    }
  }
}

static void run_task(void* context, int slot, int64_t task) {
  const ppn_attention_loop_t* loop = context;
  const ppn_attention_t* attention = loop->attention;
  float* scratch = loop->scratch + slot * loop->plan.total;
  ppn_attention_offsets_t at = ppn_attention_item(attention, task / loop->pieces);
  if (loop->plan.is_direct) {
    run_direct(attention, &at, scratch);
    return;
  }
  int64_t begin = task % loop->pieces * loop->piece;
  int64_t end = minimum(attention->queries, begin + loop->piece);
  if (begin >= end) return;
  int64_t keys = visible_keys(attention, end - 1);
  ppn_gemm_operand_t k = {.dtype = PPN_DTYPE_FLOAT32,
                          .data = attention->k + at.k,
                          .depth_stride = 1,
                          .column_stride = attention->k_row_stride};
  ppn_gemm_operand_t v = {.dtype = PPN_DTYPE_FLOAT32,
                          .data = attention->v + at.v,
                          .depth_stride = attention->v_row_stride,
                          .column_stride = 1};
  int panel = ppn_gemm_kernels()->panel_columns;
  ppn_gemm_pack_panels(&k, 0, attention->head_size, 0, keys, panel, scratch);
  ppn_gemm_pack_panels(&v, 0, attention->keys, 0, attention->value_size, panel,
                       scratch + loop->plan.packed_k);
  for (int64_t query = begin; query < end; query += QUERY_BLOCK)
    run_block(loop, &at, query, minimum(end - query, QUERY_BLOCK), scratch);
}

void ppn_attention_run(const ppn_attention_t* attention, void* scratch, ppn_thread_pool_t* pool) {
  ppn_attention_loop_t loop = {attention, make_plan(attention), scratch, 1, attention->queries};
  int64_t items = ppn_attention_item_count(attention), threads = ppn_thread_pool_size(pool);
  if (items <= 0 || attention->queries <= 0 || attention->value_size <= 0) return;
  if (!loop.plan.is_direct && items < threads * 2) {
    int64_t wanted = (threads * 4 + items - 1) / items;
    loop.piece = round_up((attention->queries + wanted - 1) / wanted, QUERY_BLOCK);
    loop.pieces = (attention->queries + loop.piece - 1) / loop.piece;
  }
  double work = (double)attention->queries * (double)attention->keys *
                (double)(attention->head_size + attention->value_size) * (double)items;
  ppn_parallel_tasks(work < 1 << 16 ? NULL : pool, items * loop.pieces, run_task, &loop);
}
