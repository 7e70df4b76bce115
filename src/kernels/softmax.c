#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/map_functions.h"
#include "kernels/normalise.h"
#include "kernels/reduce_plan.h"
#include "kernels/reduce_table.h"
#include "kernels/row_functions.h"
#include "kernels/rows.h"

enum { WORK = 4 * 1024 };  // elements that are worth a thread

typedef struct softmax_job {
  bool logarithmic;
  const ppn_tensor_t *x, *out;
  ppn_dtype_t type;  // FLOAT32 or FLOAT64
  ppn_reduce_plan_t plan;
  int64_t length, stride, out_stride;  // of the axis
  const ppn_map_functions_t* functions;
  const ppn_fold_t* folds;
  int64_t chunks;
} softmax_job_t;

// Rows of floats that lie next to each other.
static void run_dense_rows(void* context, size_t begin, size_t end) {
  const softmax_job_t* job = context;
  const ppn_row_functions_t* functions = ppn_row_functions();
  for (size_t i = begin; i < end; ++i) {
    int64_t offsets[2];
    ppn_reduce_space_offsets(&job->plan.kept, job->plan.kept.rank, (int64_t)i, offsets);
    const float* x = (const float*)job->x->data + offsets[0];
    float* out = (float*)job->out->data + offsets[1];
    if (job->logarithmic) {
      functions->log_softmax(x, out, job->length);
    } else {
      functions->softmax(x, out, job->length);
    }
  }
}

// `count` doubles as elements of the job's type.
static void narrow(const softmax_job_t* job, const double* values, int64_t count,
                   ppn_row_buffer_t* out) {
  ppn_row_load(PPN_DTYPE_FLOAT64, values, 1, count, job->type, out);
}

// From sums to what the last pass multiplies with or, if logarithmic, subtracts.
static void finish_sums(const softmax_job_t* job, int64_t count, double* sums) {
  for (int64_t i = 0; i < count; ++i) sums[i] = job->logarithmic ? log(sums[i]) : 1 / sums[i];
}

// Results of a row: exp(x - shift) factor, or x - shift - factor (in two steps, as the maximum may
// be large and the logarithm small).
static void finish_row(const softmax_job_t* job, const void* row, int64_t count,
                       const ppn_row_buffer_t* shifts, const ppn_row_buffer_t* factors,
                       ppn_row_buffer_t* results) {
  static const ppn_elementwise_parameters_t one = {1, 0, 0};
  const void* difference[] = {row, shifts};
  const void* product[] = {results, factors};
  job->functions->binary[PPN_BINARY_SUBTRACT](difference, results, count, &one);
  if (job->logarithmic) {
    job->functions->binary[PPN_BINARY_SUBTRACT](product, results, count, &one);
    return;
  }
  job->functions->unary[PPN_UNARY_EXP](product, results, count, &one);
  job->functions->binary[PPN_BINARY_MULTIPLY](product, results, count, &one);
}

// Rows of any other kind, in pieces: three passes.
static void run_rows(void* context, size_t begin, size_t end) {
  const softmax_job_t* job = context;
  ppn_row_buffer_t buffer, results, shifts, factors;
  ppn_dtype_t dtype = job->x->dtype, out_dtype = job->out->dtype;
  for (size_t i = begin; i < end; ++i) {
    int64_t offsets[2];
    ppn_reduce_space_offsets(&job->plan.kept, job->plan.kept.rank, (int64_t)i, offsets);
    double largest = -INFINITY, sum = 0;
    for (int pass = 0; pass < 3; ++pass) {
      if (pass == 2) {
        int64_t width = job->length < PPN_ROW_CHUNK ? job->length : PPN_ROW_CHUNK;
        finish_sums(job, 1, &sum);
        ppn_row_load(PPN_DTYPE_FLOAT64, &largest, 0, width, job->type, &shifts);
        ppn_row_load(PPN_DTYPE_FLOAT64, &sum, 0, width, job->type, &factors);
      }
      for (int64_t done = 0; done < job->length; done += PPN_ROW_CHUNK) {
        int64_t count = job->length - done < PPN_ROW_CHUNK ? job->length - done : PPN_ROW_CHUNK;
        const void* row = ppn_row_at(dtype, job->x->data, offsets[0] + done * job->stride);
        row = ppn_row_view(dtype, row, job->stride, count, job->type, &buffer);
        if (pass == 0) {
          job->folds[PPN_FOLD_MAXIMUM].row(row, count, &sum, &largest);
        } else if (pass == 1) {
          job->folds[PPN_FOLD_EXP_SUM].row(row, count, &largest, &sum);
        } else {
          finish_row(job, row, count, &shifts, &factors, &results);
          void* out =
              ppn_row_at_mutable(out_dtype, job->out->data, offsets[1] + done * job->out_stride);
          ppn_row_store(out_dtype, out, job->out_stride, count, job->type, &results);
        }
      }
    }
  }
}

// A chunk of another dimension that is innermost, over the whole axis.
static void run_columns(void* context, size_t begin, size_t end) {
  const softmax_job_t* job = context;
  const ppn_reduce_space_t* kept = &job->plan.kept;
  int last = kept->rank - 1;
  int64_t step = kept->strides[0][last], out_step = kept->strides[1][last];
  ppn_row_buffer_t buffer, results, shifts, factors;
  ppn_dtype_t dtype = job->x->dtype, out_dtype = job->out->dtype;
  double maxima[PPN_ROW_CHUNK], sums[PPN_ROW_CHUNK];
  for (size_t task = begin; task < end; ++task) {
    int64_t first = (int64_t)task % job->chunks * PPN_ROW_CHUNK, offsets[2];
    int64_t count = kept->sizes[last] - first;
    if (count > PPN_ROW_CHUNK) count = PPN_ROW_CHUNK;
    ppn_reduce_space_offsets(kept, last, (int64_t)task / job->chunks, offsets);
    offsets[0] += first * step;
    offsets[1] += first * out_step;
    for (int64_t i = 0; i < count; ++i) {
      maxima[i] = -INFINITY;
      sums[i] = 0;
    }
    for (int pass = 0; pass < 3; ++pass) {
      if (pass == 2) {
        finish_sums(job, count, sums);
        narrow(job, maxima, count, &shifts);
        narrow(job, sums, count, &factors);
      }
      for (int64_t place = 0; place < job->length; ++place) {
        const void* row = ppn_row_at(dtype, job->x->data, offsets[0] + place * job->stride);
        row = ppn_row_view(dtype, row, step, count, job->type, &buffer);
        if (pass == 0) {
          job->folds[PPN_FOLD_MAXIMUM].columns(row, count, sums, maxima);
        } else if (pass == 1) {
          job->folds[PPN_FOLD_EXP_SUM].columns(row, count, maxima, sums);
        } else {
          finish_row(job, row, count, &shifts, &factors, &results);
          void* out =
              ppn_row_at_mutable(out_dtype, job->out->data, offsets[1] + place * job->out_stride);
          ppn_row_store(out_dtype, out, out_step, count, job->type, &results);
        }
      }
    }
  }
}

void ppn_kernel_softmax(bool logarithmic, const ppn_tensor_t* x, int axis, const ppn_tensor_t* out,
                        ppn_thread_pool_t* pool) {
  softmax_job_t job = {.logarithmic = logarithmic,
                       .x = x,
                       .out = out,
                       .type = ppn_compute_type(x->dtype),
                       .length = x->rank ? x->sizes[axis] : 1,
                       .stride = x->rank ? x->strides[axis] : 1,
                       .out_stride = x->rank ? out->strides[axis] : 1};
  const ppn_tensor_t* operands[] = {x, out};
  ppn_reduce_plan_make(operands, 2, x->rank ? (ppn_axes_t)1 << axis : 0, &job.plan);
  const ppn_reduce_space_t* kept = &job.plan.kept;
  if (kept->count == 0 || job.length == 0) return;
  job.functions = ppn_map_functions_of(job.type);
  job.folds = ppn_folds_of(job.type);
  size_t grain = (size_t)(WORK / job.length + 1);
  if (kept->rank > 0 && kept->strides[0][kept->rank - 1] < job.stride) {
    int64_t columns = kept->sizes[kept->rank - 1];
    job.chunks = (columns + PPN_ROW_CHUNK - 1) / PPN_ROW_CHUNK;
    size_t tasks = (size_t)(kept->count / columns * job.chunks);
    int64_t work = job.length * (columns < PPN_ROW_CHUNK ? columns : PPN_ROW_CHUNK);
    ppn_thread_pool_parallel_for(pool, tasks, (size_t)(WORK / work + 1), run_columns, &job);
  } else if (job.stride == 1 && job.out_stride == 1 && x->dtype == PPN_DTYPE_FLOAT32 &&
             out->dtype == PPN_DTYPE_FLOAT32) {
    ppn_thread_pool_parallel_for(pool, (size_t)kept->count, grain, run_dense_rows, &job);
  } else {
    ppn_thread_pool_parallel_for(pool, (size_t)kept->count, grain, run_rows, &job);
  }
}
