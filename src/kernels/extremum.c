// The largest or smallest element along a dimension, and where it is.
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/reduce.h"
#include "kernels/reduce_plan.h"
#include "kernels/reduce_table.h"
#include "kernels/rows.h"

enum { WORK = 16 * 1024, COLUMNS = 256 };

typedef struct extremum_job {
  bool largest;
  ppn_reduce_plan_t plan;
  int64_t length, stride;  // of the axis
  const ppn_tensor_t *x, *out_values, *out_indices;
  ppn_dtype_t type;  // FLOAT32, FLOAT64 or INT64
  int64_t chunks;
} extremum_job_t;

static void store(const extremum_job_t* job, int64_t offset, int64_t stride, int64_t count,
                  ppn_dtype_t type, const void* values, const int64_t* indices) {
  const ppn_tensor_t *out = job->out_values, *places = job->out_indices;
  if (out) {
    void* data = ppn_row_at_mutable(out->dtype, out->data, offset);
    ppn_row_store(out->dtype, data, stride, count, type, values);
  }
  if (places) {
    void* data = ppn_row_at_mutable(places->dtype, places->data, offset);
    ppn_row_store(places->dtype, data, stride, count, PPN_DTYPE_INT64, indices);
  }
}

// ---- The axis is innermost: the extremum first, then where it is ----

#define FIND(type, is_same)                  \
  do {                                       \
    const type* elements = (const type*)row; \
    for (int64_t i = 0; i < count; ++i) {    \
      if (is_same(elements[i])) return i;    \
    }                                        \
  } while (0)

// The first of `count` elements that is the total; -1 when there is none.
static int64_t find(ppn_dtype_t type, const void* row, int64_t count, double number,
                    int64_t integer) {
#define IS_NUMBER(x) ((double)(x) == number)
#define IS_NAN(x) ((x) != (x))
#define IS_INTEGER(x) ((x) == integer)
  if (type == PPN_DTYPE_INT64) {
    FIND(int64_t, IS_INTEGER);
  } else if (type == PPN_DTYPE_FLOAT32) {
    if (isnan(number)) FIND(float, IS_NAN);
    FIND(float, IS_NUMBER);
  } else {
    if (isnan(number)) FIND(double, IS_NAN);
    FIND(double, IS_NUMBER);
  }
  return -1;
}

static void run_rows(void* context, size_t begin, size_t end) {
  const extremum_job_t* job = context;
  const ppn_reduce_space_t* kept = &job->plan.kept;
  const ppn_fold_t* fold =
      &ppn_folds_of(job->type)[job->largest ? PPN_FOLD_MAXIMUM : PPN_FOLD_MINIMUM];
  bool is_integer = job->type == PPN_DTYPE_INT64;
  ppn_row_buffer_t buffer;
  for (size_t task = begin; task < end; ++task) {
    int64_t offsets[2], index = -1;
    double number = job->largest ? -INFINITY : INFINITY, no_offset = 0;
    int64_t integer = job->largest ? INT64_MIN : INT64_MAX;
    ppn_reduce_space_offsets(kept, kept->rank, (int64_t)task, offsets);
    for (int pass = 0; pass < 2; ++pass) {
      for (int64_t done = 0; done < job->length && index < 0; done += PPN_ROW_CHUNK) {
        int64_t count = job->length - done < PPN_ROW_CHUNK ? job->length - done : PPN_ROW_CHUNK;
        const void* row = ppn_row_at(job->x->dtype, job->x->data, offsets[0] + done * job->stride);
        row = ppn_row_view(job->x->dtype, row, job->stride, count, job->type, &buffer);
        if (pass == 0) {
          fold->row(row, count, &no_offset, is_integer ? (void*)&integer : (void*)&number);
        } else {
          index = find(job->type, row, count, number, integer);
          if (index >= 0) index += done;
        }
      }
    }
    store(job, offsets[1], 1, 1, is_integer ? PPN_DTYPE_INT64 : PPN_DTYPE_FLOAT64,
          is_integer ? (const void*)&integer : (const void*)&number, &index);
  }
}

// ---- Another dimension is innermost: a chunk of it at a time, over the whole axis ----

typedef union column_values {
  float float32[COLUMNS];
  double float64[COLUMNS];
  int64_t int64[COLUMNS];
} column_values_t;

// NaN wins, and the first of equal ones stays. The row may be the tensor's own memory, aligned to
// its elements only.
#define UPDATE(field, type, is_better)                      \
  for (int64_t i = 0; i < count; ++i) {                     \
    if (is_better(((const type*)row)[i], best->field[i])) { \
      best->field[i] = ((const type*)row)[i];               \
      indices[i] = place;                                   \
    }                                                       \
  }
#define LARGER(x, y) ((x) > (y) || ((x) != (x) && (y) == (y)))
#define SMALLER(x, y) ((x) < (y) || ((x) != (x) && (y) == (y)))
#define LARGER_INTEGER(x, y) ((x) > (y))
#define SMALLER_INTEGER(x, y) ((x) < (y))

static void update(const extremum_job_t* job, const void* row, int64_t place, int64_t count,
                   column_values_t* best, int64_t* indices) {
  if (job->type == PPN_DTYPE_INT64) {
    if (job->largest) {
      UPDATE(int64, int64_t, LARGER_INTEGER)
    } else {
      UPDATE(int64, int64_t, SMALLER_INTEGER)
    }
  } else if (job->type == PPN_DTYPE_FLOAT64) {
    if (job->largest) {
      UPDATE(float64, double, LARGER)
    } else {
      UPDATE(float64, double, SMALLER)
    }
  } else if (job->largest) {
    UPDATE(float32, float, LARGER)
  } else {
    UPDATE(float32, float, SMALLER)
  }
}

static void run_columns(void* context, size_t begin, size_t end) {
  const extremum_job_t* job = context;
  const ppn_reduce_space_t* kept = &job->plan.kept;
  int last = kept->rank - 1;
  int64_t step = kept->strides[0][last];
  ppn_dtype_t dtype = job->x->dtype;
  for (size_t task = begin; task < end; ++task) {
    int64_t first = (int64_t)task % job->chunks * COLUMNS, offsets[2];
    int64_t count = kept->sizes[last] - first < COLUMNS ? kept->sizes[last] - first : COLUMNS;
    ppn_reduce_space_offsets(kept, last, (int64_t)task / job->chunks, offsets);
    column_values_t best, buffer;
    int64_t indices[COLUMNS] = {0};
    const void* data = ppn_row_at(dtype, job->x->data, offsets[0] + first * step);
    ppn_row_load(dtype, data, step, count, job->type, &best);
    for (int64_t place = 1; place < job->length; ++place) {
      const void* row = ppn_row_at(dtype, data, place * job->stride);
      row = ppn_row_view(dtype, row, step, count, job->type, &buffer);
      update(job, row, place, count, &best, indices);
    }
    store(job, offsets[1] + first * kept->strides[1][last], kept->strides[1][last], count,
          job->type, &best, indices);
  }
}

void ppn_kernel_extremum(bool largest, const ppn_tensor_t* x, int axis,
                         const ppn_tensor_t* out_values, const ppn_tensor_t* out_indices,
                         ppn_thread_pool_t* pool) {
  extremum_job_t job = {.largest = largest,
                        .x = x,
                        .out_values = out_values,
                        .out_indices = out_indices,
                        .type = ppn_compute_type(x->dtype),
                        .length = x->rank ? x->sizes[axis] : 1,
                        .stride = x->rank ? x->strides[axis] : 1};
  ppn_axes_t axes = x->rank ? (ppn_axes_t)1 << axis : 0;
  ppn_tensor_t view = ppn_reduce_keep_dimensions(out_values ? out_values : out_indices, x, axes);
  const ppn_tensor_t* operands[] = {x, &view};
  ppn_reduce_plan_make(operands, 2, axes, &job.plan);
  const ppn_reduce_space_t* kept = &job.plan.kept;
  if (kept->count == 0 || job.length == 0) return;
  if (kept->rank > 0 && kept->strides[0][kept->rank - 1] < job.stride) {
    int64_t columns = kept->sizes[kept->rank - 1];
    job.chunks = (columns + COLUMNS - 1) / COLUMNS;
    size_t tasks = (size_t)(kept->count / columns * job.chunks);
    int64_t work = job.length * (columns < COLUMNS ? columns : COLUMNS);
    ppn_thread_pool_parallel_for(pool, tasks, (size_t)(WORK / work + 1), run_columns, &job);
  } else {
    ppn_thread_pool_parallel_for(pool, (size_t)kept->count, (size_t)(WORK / job.length + 1),
                                 run_rows, &job);
  }
}
