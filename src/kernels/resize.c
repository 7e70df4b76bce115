#include "kernels/resize.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "tensor/element.h"

// ---- Tables ----

size_t ppn_resize_axis_size(int64_t out) {
  return ppn_align((size_t)out * (2 * sizeof(int32_t) + sizeof(float)), 8);
}

ppn_resize_axis_t ppn_resize_axis_make(int64_t in, int64_t out, void* memory) {
  int32_t* low = memory;
  return (ppn_resize_axis_t){in, out, low, low + out, (float*)(void*)(low + 2 * out)};
}

void ppn_resize_axis_set(ppn_resize_axis_t* axis, int64_t i, double position) {
  double last = (double)(axis->in - 1);
  position = position > 0 ? position < last ? position : last : 0;  // NaN becomes 0
  double low = floor(position);
  axis->low[i] = (int32_t)low;
  axis->high[i] = axis->low[i] + (low < last);
  axis->weight[i] = (float)(position - low);
}

// ---- What both kinds share ----

typedef struct resize_job {
  const ppn_tensor_t *x, *out;
  const ppn_resize_axis_t* axes;
  int axis_count;
  int64_t rows, slots;
  int64_t x_rows;  // rows of one outer item of x
  float* scratch;
} resize_job_t;

static resize_job_t make_job(const ppn_tensor_t* x, const ppn_resize_axis_t* axes, int axis_count,
                             const ppn_tensor_t* out) {
  resize_job_t job = {.x = x, .out = out, .axes = axes, .axis_count = axis_count, .x_rows = 1};
  int64_t length = out->sizes[out->rank - 1];
  job.rows = length == 0 ? 0 : ppn_tensor_numel(out) / length;
  for (int i = 0; i < axis_count - 1; ++i) job.x_rows *= axes[i].in;
  return job;
}

// A row of x that a row of the result is made from.
typedef struct source_row {
  int64_t row;
  float weight;
} source_row_t;

enum { MAX_SOURCES = 1 << (PPN_RESIZE_MAX_AXES - 1) };

// The rows of x around row `row` of the result. Those of weight 0 are left out.
static int find_sources(const resize_job_t* job, int64_t row, source_row_t* out) {
  int count = 1;
  out[0] = (source_row_t){0, 1};
  int64_t scale = 1;  // rows of x to the next element of the axis
  for (int k = job->axis_count - 2; k >= 0; --k) {
    const ppn_resize_axis_t* axis = &job->axes[k];
    int64_t i = row % axis->out;
    row /= axis->out;
    float weight = axis->weight[i];
    for (int j = count; j-- > 0;) {
      source_row_t source = out[j];
      out[j] = (source_row_t){source.row + axis->low[i] * scale, source.weight * (1 - weight)};
      if (weight != 0) {
        out[count++] = (source_row_t){source.row + axis->high[i] * scale, source.weight * weight};
      }
    }
    scale *= axis->in;
  }
  for (int j = 0; j < count; ++j) out[j].row += row * job->x_rows;
  return count;
}

// ---- Interpolation ----

// A slot's memory: a line of x, a row of it that was converted, a row of the result.
static int64_t slot_floats(const ppn_resize_axis_t* last) {
  return 2 * last->in + last->out;
}

static int64_t slot_count(const ppn_thread_pool_t* pool) {
  return pool ? ppn_thread_pool_size(pool) : 1;
}

size_t ppn_kernel_resize_scratch(const ppn_resize_axis_t* axes, int axis_count,
                                 const ppn_thread_pool_t* pool) {
  return (size_t)(slot_count(pool) * slot_floats(&axes[axis_count - 1])) * sizeof(float);
}

static const float* load_row(const ppn_tensor_t* x, int64_t row, int64_t length, float* converted) {
  if (x->dtype == PPN_DTYPE_FLOAT32) return (const float*)x->data + row * length;
  enum { CHUNK = 256 };
  for (int64_t i = 0; i < length; i += CHUNK) {
    double values[CHUNK];
    int64_t count = length - i < CHUNK ? length - i : CHUNK;
    ppn_elements_load_double(x->dtype, x->data, row * length + i, 1, count, values);
    for (int64_t j = 0; j < count; ++j) converted[i + j] = (float)values[j];
  }
  return converted;
}

static void store_row(const ppn_tensor_t* out, int64_t row, int64_t length, const float* values) {
  bool rounds = !ppn_dtype_is_float(out->dtype);
  for (int64_t i = 0; i < length; ++i) {
    double value = rounds ? nearbyint((double)values[i]) : (double)values[i];
    ppn_elements_store_double(out->dtype, out->data, row * length + i, 1, 1, &value);
  }
}

// The weighted sum of the source rows.
static const float* blend_rows(const resize_job_t* job, int64_t row, float* line,
                               float* converted) {
  source_row_t sources[MAX_SOURCES];
  int64_t length = job->axes[job->axis_count - 1].in;
  int count = find_sources(job, row, sources);
  if (count == 1) return load_row(job->x, sources[0].row, length, converted);
  for (int j = 0; j < count; ++j) {
    const float* source = load_row(job->x, sources[j].row, length, converted);
    float weight = sources[j].weight;
    if (j == 0) {
      for (int64_t i = 0; i < length; ++i) line[i] = weight * source[i];
    } else {
      for (int64_t i = 0; i < length; ++i) line[i] += weight * source[i];
    }
  }
  return line;
}

static void resize_slots(void* context, size_t begin, size_t end) {
  const resize_job_t* job = context;
  const ppn_resize_axis_t* last = &job->axes[job->axis_count - 1];
  bool direct = job->out->dtype == PPN_DTYPE_FLOAT32;
  for (int64_t slot = (int64_t)begin; slot < (int64_t)end; ++slot) {
    float *line = job->scratch + slot * slot_floats(last), *converted = line + last->in,
          *result = converted + last->in;
    int64_t first = slot * job->rows / job->slots, stop = (slot + 1) * job->rows / job->slots;
    for (int64_t row = first; row < stop; ++row) {
      const float* source = blend_rows(job, row, line, converted);
      float* to = direct ? (float*)job->out->data + row * last->out : result;
      for (int64_t i = 0; i < last->out; ++i) {
        float weight = last->weight[i];
        to[i] = weight == 0 ? source[last->low[i]]
                            : (1 - weight) * source[last->low[i]] + weight * source[last->high[i]];
      }
      if (!direct) store_row(job->out, row, last->out, result);
    }
  }
}

void ppn_kernel_resize_linear(const ppn_tensor_t* x, const ppn_resize_axis_t* axes, int axis_count,
                              const ppn_tensor_t* out, void* scratch, ppn_thread_pool_t* pool) {
  resize_job_t job = make_job(x, axes, axis_count, out);
  job.slots = slot_count(pool);
  job.scratch = scratch;
  if (job.rows == 0) return;
  ppn_thread_pool_parallel_for(pool, (size_t)job.slots, 1, resize_slots, &job);
}

// ---- Nearest ----

static int64_t nearest_source(const resize_job_t* job, int64_t row) {
  int64_t scale = 1, source = 0;
  for (int k = job->axis_count - 2; k >= 0; --k) {
    source += job->axes[k].low[row % job->axes[k].out] * scale;
    row /= job->axes[k].out;
    scale *= job->axes[k].in;
  }
  return source + row * job->x_rows;
}

#define PICK(type)                                                                      \
  for (int64_t i = 0; i < last->out; ++i) {                                             \
    memcpy(to + i * (int64_t)sizeof(type), from + last->low[i] * (int64_t)sizeof(type), \
           sizeof(type));                                                               \
  }

static void pick_row(const ppn_resize_axis_t* last, size_t size, const uint8_t* from, uint8_t* to) {
  switch (size) {
    case 1:
      PICK(uint8_t)
      break;
    case 2:
      PICK(uint16_t)
      break;
    case 4:
      PICK(uint32_t)
      break;
    case 8:
      PICK(uint64_t)
      break;
    default:
      for (int64_t i = 0; i < last->out; ++i) {
        memcpy(to + i * (int64_t)size, from + last->low[i] * (int64_t)size, size);
      }
  }
}

static void pick_rows(void* context, size_t begin, size_t end) {
  const resize_job_t* job = context;
  const ppn_resize_axis_t* last = &job->axes[job->axis_count - 1];
  size_t size = ppn_dtype_size(job->x->dtype);
  int64_t bytes = last->out * (int64_t)size, before = -1;
  for (size_t row = begin; row < end; ++row) {
    uint8_t* to = (uint8_t*)job->out->data + (int64_t)row * bytes;
    int64_t source = nearest_source(job, (int64_t)row);
    if (source == before) {
      memcpy(to, to - bytes, (size_t)bytes);
    } else {
      pick_row(last, size, (const uint8_t*)job->x->data + source * last->in * (int64_t)size, to);
    }
    before = source;
  }
}

void ppn_kernel_resize_nearest(const ppn_tensor_t* x, const ppn_resize_axis_t* axes, int axis_count,
                               const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  resize_job_t job = make_job(x, axes, axis_count, out);
  if (job.rows == 0) return;
  size_t grain = 1 + (1 << 14) / (size_t)axes[axis_count - 1].out;
  ppn_thread_pool_parallel_for(pool, (size_t)job.rows, grain, pick_rows, &job);
}
