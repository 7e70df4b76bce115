// Normalisation by lengths of vectors, without means.
#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/map_functions.h"
#include "kernels/normalise.h"
#include "kernels/reduce_plan.h"
#include "kernels/reduce_table.h"
#include "kernels/rows.h"

static const ppn_elementwise_parameters_t plain = {1, 0, 0};

typedef struct length_job {
  const ppn_tensor_t *x, *out;
  double epsilon;
  ppn_dtype_t type;
  ppn_reduce_plan_t plan;
} length_job_t;

static void run_groups(void* context, size_t begin, size_t end) {
  const length_job_t* job = context;
  const ppn_reduce_space_t* space = &job->plan.reduced;
  const ppn_map_functions_t* functions = ppn_map_functions_of(job->type);
  const ppn_fold_t* fold = &ppn_folds_of(job->type)[PPN_FOLD_SQUARE_SUM];
  int last = space->rank - 1;
  ppn_row_buffer_t buffer, factors, results;
  for (size_t i = begin; i < end; ++i) {
    int64_t start[2], index[PPN_MAX_RANK] = {0};
    ppn_reduce_space_offsets(&job->plan.kept, job->plan.kept.rank, (int64_t)i, start);
    double squares = 0, no_offset = 0;
    for (int pass = 0; pass < 2; ++pass) {
      int64_t offsets[2] = {start[0], start[1]};
      do {
        for (int64_t done = 0; done < space->sizes[last]; done += PPN_ROW_CHUNK) {
          int64_t count = space->sizes[last] - done;
          if (count > PPN_ROW_CHUNK) count = PPN_ROW_CHUNK;
          const void* row =
              ppn_row_at(job->x->dtype, job->x->data, offsets[0] + done * space->strides[0][last]);
          row =
              ppn_row_view(job->x->dtype, row, space->strides[0][last], count, job->type, &buffer);
          if (pass == 0) {
            fold->row(row, count, &no_offset, &squares);
            continue;
          }
          const void* product[] = {row, &factors};
          functions->binary[PPN_BINARY_MULTIPLY](product, &results, count, &plain);
          void* out = ppn_row_at_mutable(job->out->dtype, job->out->data,
                                         offsets[1] + done * space->strides[1][last]);
          ppn_row_store(job->out->dtype, out, space->strides[1][last], count, job->type, &results);
        }
      } while (ppn_reduce_space_next(space, last, index, offsets));
      if (pass == 0) {
        double factor = 1 / sqrt(squares + job->epsilon);
        ppn_row_load(PPN_DTYPE_FLOAT64, &factor, 0, PPN_ROW_CHUNK, job->type, &factors);
      }
    }
  }
}

void ppn_kernel_l2_normalise(const ppn_tensor_t* x, ppn_axes_t axes, double epsilon,
                             const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  length_job_t job = {.x = x, .out = out, .epsilon = epsilon, .type = ppn_compute_type(x->dtype)};
  const ppn_tensor_t* operands[] = {x, out};
  ppn_reduce_plan_make(operands, 2, axes, &job.plan);
  ppn_reduce_space_t* space = &job.plan.reduced;
  if (job.plan.kept.count == 0 || space->count == 0) return;
  if (space->rank == 0) {
    space->rank = 1;
    space->sizes[0] = space->strides[0][0] = space->strides[1][0] = 1;
  }
  ppn_thread_pool_parallel_for(pool, (size_t)job.plan.kept.count, 1, run_groups, &job);
}

// ---- Over neighbouring channels ----

typedef struct response_job {
  const ppn_tensor_t *x, *out;
  const ppn_local_response_t* response;
  ppn_dtype_t type;
  ppn_reduce_plan_t plan;  // channels are "reduced"
  int64_t channels, chunks;
} response_job_t;

static void run_response(void* context, size_t begin, size_t end) {
  const response_job_t* job = context;
  const ppn_reduce_space_t* kept = &job->plan.kept;
  const ppn_fold_t* fold = &ppn_folds_of(job->type)[PPN_FOLD_SQUARE_SUM];
  const ppn_map_functions_t* functions = ppn_map_functions_of(job->type);
  const ppn_local_response_t* response = job->response;
  int64_t before = response->size / 2, after = (response->size - 1) / 2;
  int last = kept->rank - 1;
  int64_t step = kept->strides[0][last], out_step = kept->strides[1][last];
  ppn_row_buffer_t buffer, factors, results;
  double sums[PPN_ROW_CHUNK];
  for (size_t task = begin; task < end; ++task) {
    int64_t first = (int64_t)task % job->chunks * PPN_ROW_CHUNK, offsets[2];
    int64_t count = kept->sizes[last] - first;
    if (count > PPN_ROW_CHUNK) count = PPN_ROW_CHUNK;
    ppn_reduce_space_offsets(kept, last, (int64_t)task / job->chunks, offsets);
    const void* data = ppn_row_at(job->x->dtype, job->x->data, offsets[0] + first * step);
    for (int64_t channel = 0; channel < job->channels; ++channel) {
      for (int64_t i = 0; i < count; ++i) sums[i] = 0;
      for (int64_t other = channel - before; other <= channel + after; ++other) {
        if (other < 0 || other >= job->channels) continue;
        const void* row = ppn_row_at(job->x->dtype, data, other * job->x->strides[1]);
        row = ppn_row_view(job->x->dtype, row, step, count, job->type, &buffer);
        fold->columns(row, count, sums, sums);
      }
      for (int64_t i = 0; i < count; ++i) {
        double base = response->k + response->alpha / (double)response->size * sums[i];
        sums[i] = pow(base, -response->beta);
      }
      ppn_row_load(PPN_DTYPE_FLOAT64, sums, 1, count, job->type, &factors);
      const void* row = ppn_row_at(job->x->dtype, data, channel * job->x->strides[1]);
      const void* product[] = {ppn_row_view(job->x->dtype, row, step, count, job->type, &buffer),
                               &factors};
      functions->binary[PPN_BINARY_MULTIPLY](product, &results, count, &plain);
      void* out =
          ppn_row_at_mutable(job->out->dtype, job->out->data,
                             offsets[1] + first * out_step + channel * job->out->strides[1]);
      ppn_row_store(job->out->dtype, out, out_step, count, job->type, &results);
    }
  }
}

void ppn_kernel_local_response(const ppn_tensor_t* x, const ppn_local_response_t* response,
                               const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  response_job_t job = {.x = x,
                        .out = out,
                        .response = response,
                        .type = ppn_compute_type(x->dtype),
                        .channels = x->sizes[1]};
  const ppn_tensor_t* operands[] = {x, out};
  ppn_reduce_plan_make(operands, 2, (ppn_axes_t)1 << 1, &job.plan);
  ppn_reduce_space_t* kept = &job.plan.kept;
  if (kept->count == 0 || job.channels == 0) return;
  if (kept->rank == 0) {
    kept->rank = 1;
    kept->sizes[0] = kept->strides[0][0] = kept->strides[1][0] = 1;
  }
  int64_t columns = kept->sizes[kept->rank - 1];
  job.chunks = (columns + PPN_ROW_CHUNK - 1) / PPN_ROW_CHUNK;
  size_t tasks = (size_t)(kept->count / columns * job.chunks);
  ppn_thread_pool_parallel_for(pool, tasks, 1, run_response, &job);
}
