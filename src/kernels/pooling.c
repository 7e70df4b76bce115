// Pooling of floats, row by row: the rows of a window are first reduced to one row, elements side
// by side, and that row then along its length.
#include "kernels/pooling.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "kernels/parallel.h"
#include "kernels/pooling_internal.h"

static int64_t product(int rank, const int64_t* sizes) {
  int64_t result = 1;
  for (int i = 0; i < rank; ++i) result *= sizes[i];
  return result;
}

static bool is_half(ppn_dtype_t dtype) {
  return dtype == PPN_DTYPE_FLOAT16 || dtype == PPN_DTYPE_BFLOAT16;
}

// Whether planes are reduced by rows of floats, or element by element.
static bool is_by_rows(const ppn_pooling_t* pooling) {
  return (pooling->dtype == PPN_DTYPE_FLOAT32 || is_half(pooling->dtype)) && !pooling->indices;
}

// Bytes for one thread: the reduced row, and for half floats a row of x and one of y.
static size_t slot_size(const ppn_pooling_t* pooling) {
  if (!is_by_rows(pooling)) return 0;
  int last = pooling->rank - 1;
  size_t floats = (size_t)pooling->in_sizes[last];
  if (is_half(pooling->dtype))
    floats += (size_t)(pooling->in_sizes[last] + pooling->out_sizes[last]);
  return (floats * sizeof(float) + 63) / 64 * 64;
}

size_t ppn_pooling_scratch_size(const ppn_pooling_t* pooling, int thread_count) {
  return slot_size(pooling) * (size_t)(thread_count > 1 ? thread_count : 1) + 64;
}

typedef struct ppn_pooling_loop {
  const ppn_pooling_t* pooling;
  uint8_t* scratch;
  size_t slot_size;
} ppn_pooling_loop_t;

static inline float larger(float a, float b) {
  return b > a || b != b ? b : a;
}

// row = row (op) x, element by element.
static void merge_row(ppn_pooling_kind_t kind, float* row, const float* x, int64_t count) {
  switch (kind) {
    case PPN_POOLING_MAX:
      for (int64_t i = 0; i < count; ++i) row[i] = larger(row[i], x[i]);
      break;
    case PPN_POOLING_AVERAGE:
      for (int64_t i = 0; i < count; ++i) row[i] += x[i];
      break;
    case PPN_POOLING_L2:
      for (int64_t i = 0; i < count; ++i) row[i] += x[i] * x[i];
      break;
  }
}

// Output positions [begin, end) whose windows lie inside of x as a whole.
static void find_inner(const ppn_pooling_t* pooling, int64_t* out_begin, int64_t* out_end) {
  int last = pooling->rank - 1;
  int64_t stride = pooling->strides[last], pad = pooling->pads_before[last];
  int64_t extent = (pooling->kernel[last] - 1) * pooling->dilations[last] + 1;
  int64_t room = pooling->in_sizes[last] + pad - extent;  // the last start, from the padding on
  *out_begin = (pad + stride - 1) / stride;
  *out_end = room < 0 ? 0 : room / stride + 1;
  if (*out_end > pooling->out_sizes[last]) *out_end = pooling->out_sizes[last];
  if (*out_begin > *out_end) *out_begin = *out_end;
}

static float reduce_piece(const ppn_pooling_t* pooling, const float* row, ppn_window_t window) {
  if (window.begin >= window.end) return pooling->kind == PPN_POOLING_MAX ? -INFINITY : 0;
  float result = row[window.begin];
  for (int64_t i = window.begin + window.step; i < window.end; i += window.step)
    result = pooling->kind == PPN_POOLING_MAX ? larger(result, row[i]) : result + row[i];
  return result;
}

// y[p] = the reduced row's elements in window p, reduced.
static void reduce_row(const ppn_pooling_t* pooling, const float* row, float* y) {
  int last = pooling->rank - 1;
  int64_t out = pooling->out_sizes[last], begin = 0, end = 0;
  if (!pooling->is_adaptive) find_inner(pooling, &begin, &end);
  for (int64_t p = 0; p < out; ++p) {
    if (p == begin && p < end) p = end;
    if (p < out) y[p] = reduce_piece(pooling, row, ppn_pooling_window(pooling, last, p));
  }
  if (begin >= end) return;
  // Whole windows: one tap after another for all positions.
  int64_t stride = pooling->strides[last], step = pooling->dilations[last];
  const float* first = row + begin * stride - pooling->pads_before[last];
  float* target = y + begin;
  int64_t count = end - begin;
  for (int64_t i = 0; i < count; ++i) target[i] = first[i * stride];
  for (int64_t k = 1; k < pooling->kernel[last]; ++k) {
    const float* x = first + k * step;
    if (pooling->kind == PPN_POOLING_MAX) {
      for (int64_t i = 0; i < count; ++i) target[i] = larger(target[i], x[i * stride]);
    } else {
      for (int64_t i = 0; i < count; ++i) target[i] += x[i * stride];
    }
  }
}

static void finish_row(const ppn_pooling_t* pooling, int64_t counted_rows, float* y) {
  int last = pooling->rank - 1;
  int64_t out = pooling->out_sizes[last], begin = 0, end = 0;
  if (pooling->kind == PPN_POOLING_L2) {
    for (int64_t p = 0; p < out; ++p) y[p] = sqrtf(y[p]);
  }
  if (pooling->kind != PPN_POOLING_AVERAGE) return;
  if (pooling->divisor) {
    for (int64_t p = 0; p < out; ++p) y[p] /= (float)pooling->divisor;
    return;
  }
  // Whole windows all count the same.
  if (!pooling->is_adaptive) find_inner(pooling, &begin, &end);
  float count = (float)(counted_rows * pooling->kernel[last]);
  for (int64_t p = begin; p < end; ++p) y[p] /= count;
  for (int64_t p = 0; p < out; ++p) {
    if (p == begin && p < end) p = end;
    if (p < out) y[p] /= (float)(counted_rows * ppn_pooling_window(pooling, last, p).counted);
  }
}

// A row of x as floats: in place, or converted into `buffer`.
static const float* load_row(const ppn_pooling_t* pooling, int64_t index, int64_t count,
                             float* buffer) {
  if (pooling->dtype == PPN_DTYPE_FLOAT32) return (const float*)pooling->x + index;
  const uint16_t* x = (const uint16_t*)pooling->x + index;
  if (pooling->dtype == PPN_DTYPE_FLOAT16) {
    ppn_half_to_float_array(x, buffer, (size_t)count);
  } else {
    for (int64_t i = 0; i < count; ++i) buffer[i] = ppn_bfloat16_to_float(x[i]);
  }
  return buffer;
}

static void store_row(const ppn_pooling_t* pooling, const float* row, int64_t index,
                      int64_t count) {
  uint16_t* y = (uint16_t*)pooling->y + index;
  if (pooling->dtype == PPN_DTYPE_FLOAT16) {
    ppn_float_to_half_array(row, y, (size_t)count);
  } else {
    for (int64_t i = 0; i < count; ++i) y[i] = ppn_float_to_bfloat16(row[i]);
  }
}

static void run_plane(void* context, int slot, int64_t plane) {
  const ppn_pooling_loop_t* loop = context;
  const ppn_pooling_t* pooling = loop->pooling;
  if (!is_by_rows(pooling)) {
    ppn_pooling_plane(pooling, plane);
    return;
  }
  int rank = pooling->rank, last = rank - 1;
  int64_t width = pooling->in_sizes[last], out_width = pooling->out_sizes[last];
  int64_t in_size = product(rank, pooling->in_sizes), out_rows = product(last, pooling->out_sizes);
  float* row = (float*)(void*)(loop->scratch + (size_t)slot * loop->slot_size);
  float *x_buffer = row + width, *y_buffer = x_buffer + width;
  for (int64_t out_row = 0; out_row < out_rows; ++out_row) {
    // The rows of the window: of slices `z` (one where there are none) and of rows `y`.
    ppn_window_t z = {0, 1, 1, 1}, y = {0, 1, 1, 1};
    int64_t position = out_row;
    if (rank > 1) {
      y = ppn_pooling_window(pooling, rank - 2, position % pooling->out_sizes[rank - 2]);
      position /= pooling->out_sizes[rank - 2];
    }
    if (rank > 2) z = ppn_pooling_window(pooling, 0, position);
    float start = pooling->kind == PPN_POOLING_MAX ? -INFINITY : 0;
    for (int64_t i = 0; i < width; ++i) row[i] = start;
    for (int64_t slice = z.begin; slice < z.end; slice += z.step) {
      for (int64_t line = y.begin; line < y.end; line += y.step) {
        int64_t lines = rank > 1 ? pooling->in_sizes[rank - 2] : 1;
        int64_t index = plane * in_size + (slice * lines + line) * width;
        merge_row(pooling->kind, row, load_row(pooling, index, width, x_buffer), width);
      }
    }
    int64_t at = (plane * out_rows + out_row) * out_width;
    bool is_float = pooling->dtype == PPN_DTYPE_FLOAT32;
    float* target = is_float ? (float*)pooling->y + at : y_buffer;
    reduce_row(pooling, row, target);
    finish_row(pooling, z.counted * y.counted, target);
    if (!is_float) store_row(pooling, target, at, out_width);
  }
}

void ppn_pooling_run(const ppn_pooling_t* pooling, void* scratch, ppn_thread_pool_t* pool) {
  ppn_pooling_loop_t loop = {pooling, scratch, slot_size(pooling)};
  if (product(pooling->rank, pooling->out_sizes) == 0) return;
  double work = (double)pooling->planes * (double)product(pooling->rank, pooling->in_sizes);
  ppn_parallel_tasks(work < 1 << 15 ? NULL : pool, pooling->planes, run_plane, &loop);
}
