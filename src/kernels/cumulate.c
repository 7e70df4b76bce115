// Running sums along a dimension.
#include "kernels/elementwise.h"
#include "kernels/reduce.h"
#include "kernels/reduce_plan.h"
#include "kernels/rows.h"

enum { WORK = 16 * 1024, COLUMNS = 256 };

typedef struct cumulate_job {
  ppn_reduce_plan_t plan;  // kept: all dimensions but the axis, with the strides of both tensors
  int64_t length, stride, out_stride;
  ppn_cumulate_options_t options;
  const ppn_tensor_t *x, *out;
  ppn_dtype_t type;  // FLOAT64 or INT64
  int64_t chunks;
} cumulate_job_t;

// A chunk of columns, over the whole axis: sums[j] grows by row[j].
#define STEP(type)                                \
  do {                                            \
    type* sum = (type*)sums;                      \
    const type* element = (const type*)row;       \
    type* result = (type*)results;                \
    for (int64_t j = 0; j < count; ++j) {         \
      type before = sum[j];                       \
      sum[j] = before + element[j];               \
      result[j] = is_exclusive ? before : sum[j]; \
    }                                             \
  } while (0)

static void run_columns(void* context, size_t begin, size_t end) {
  const cumulate_job_t* job = context;
  const ppn_reduce_space_t* kept = &job->plan.kept;
  int last = kept->rank - 1;
  bool is_exclusive = job->options.exclusive;
  for (size_t task = begin; task < end; ++task) {
    int64_t first = (int64_t)task % job->chunks * COLUMNS, offsets[2];
    int64_t count = kept->sizes[last] - first < COLUMNS ? kept->sizes[last] - first : COLUMNS;
    ppn_reduce_space_offsets(kept, last, (int64_t)task / job->chunks, offsets);
    offsets[0] += first * kept->strides[0][last];
    offsets[1] += first * kept->strides[1][last];
    uint64_t sums[COLUMNS] = {0}, buffer[COLUMNS], results[COLUMNS];  // or doubles
    for (int64_t i = 0; i < job->length; ++i) {
      int64_t place = job->options.reverse ? job->length - 1 - i : i;
      const void* row = ppn_row_at(job->x->dtype, job->x->data, offsets[0] + place * job->stride);
      row = ppn_row_view(job->x->dtype, row, kept->strides[0][last], count, job->type, buffer);
      if (job->type == PPN_DTYPE_INT64) {
        STEP(uint64_t);
      } else {
        STEP(double);
      }
      void* out =
          ppn_row_at_mutable(job->out->dtype, job->out->data, offsets[1] + place * job->out_stride);
      ppn_row_store(job->out->dtype, out, kept->strides[1][last], count, job->type, results);
    }
  }
}

// One row along the axis, in pieces.
#define SCAN(type)                                              \
  do {                                                          \
    type sum = *(type*)total;                                   \
    type* elements = (type*)buffer;                             \
    for (int64_t i = 0; i < count; ++i) {                       \
      int64_t place = job->options.reverse ? count - 1 - i : i; \
      type before = sum;                                        \
      sum += elements[place];                                   \
      elements[place] = is_exclusive ? before : sum;            \
    }                                                           \
    *(type*)total = sum;                                        \
  } while (0)

static void scan_piece(const cumulate_job_t* job, int64_t count, void* buffer, uint64_t* total) {
  bool is_exclusive = job->options.exclusive;
  if (job->type == PPN_DTYPE_INT64) {
    SCAN(uint64_t);
  } else {
    SCAN(double);
  }
}

static void run_rows(void* context, size_t begin, size_t end) {
  const cumulate_job_t* job = context;
  const ppn_reduce_space_t* kept = &job->plan.kept;
  ppn_row_buffer_t buffer;
  for (size_t task = begin; task < end; ++task) {
    int64_t offsets[2];
    uint64_t total = 0;  // or a double
    ppn_reduce_space_offsets(kept, kept->rank, (int64_t)task, offsets);
    for (int64_t done = 0; done < job->length; done += PPN_ROW_CHUNK) {
      int64_t count = job->length - done < PPN_ROW_CHUNK ? job->length - done : PPN_ROW_CHUNK;
      int64_t place = job->options.reverse ? job->length - done - count : done;
      const void* row = ppn_row_at(job->x->dtype, job->x->data, offsets[0] + place * job->stride);
      ppn_row_load(job->x->dtype, row, job->stride, count, job->type, &buffer);
      scan_piece(job, count, &buffer, &total);
      void* out =
          ppn_row_at_mutable(job->out->dtype, job->out->data, offsets[1] + place * job->out_stride);
      ppn_row_store(job->out->dtype, out, job->out_stride, count, job->type, &buffer);
    }
  }
}

void ppn_kernel_cumulative_sum(const ppn_tensor_t* x, int axis, ppn_cumulate_options_t options,
                               const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  cumulate_job_t job = {.options = options,
                        .x = x,
                        .out = out,
                        .length = x->rank ? x->sizes[axis] : 1,
                        .stride = x->rank ? x->strides[axis] : 1,
                        .out_stride = x->rank ? out->strides[axis] : 1};
  bool is_float = ppn_dtype_is_float(x->dtype) || ppn_dtype_is_float(out->dtype);
  job.type = is_float ? PPN_DTYPE_FLOAT64 : PPN_DTYPE_INT64;
  const ppn_tensor_t* operands[] = {x, out};
  ppn_reduce_plan_make(operands, 2, x->rank ? (ppn_axes_t)1 << axis : 0, &job.plan);
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
