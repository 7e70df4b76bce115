#include "kernels/normalise.h"

#include <math.h>

#include "kernels/elementwise.h"
#include "kernels/map_functions.h"
#include "kernels/reduce_plan.h"
#include "kernels/reduce_table.h"
#include "kernels/row_functions.h"
#include "kernels/rows.h"

enum { WORK = 8 * 1024 };  // elements that are worth a thread

enum { X, OUT, GAMMA, BETA, MEAN, OPERANDS };

typedef struct normalise_job {
  const ppn_normalisation_t* normalisation;
  const ppn_tensor_t* operands[OPERANDS];
  ppn_dtype_t type;  // FLOAT32 or FLOAT64
  ppn_reduce_plan_t plan;
  const ppn_map_functions_t* functions;
  const ppn_fold_t* folds;
  const ppn_row_functions_t* rows;
  bool is_dense;  // rows of x and out are consecutive floats
  int64_t chunks;
} normalise_job_t;

static const ppn_elementwise_parameters_t plain = {1, 0, 0};

// `count` elements of an operand, `offset` in.
static const void* view(const normalise_job_t* job, int operand, int64_t offset, int64_t stride,
                        int64_t count, ppn_row_buffer_t* buffer) {
  const ppn_tensor_t* tensor = job->operands[operand];
  return ppn_row_view(tensor->dtype, ppn_row_at(tensor->dtype, tensor->data, offset), stride, count,
                      job->type, buffer);
}

// (x - mean) factor gamma + beta of a row; means and factors are rows.
static void apply(const normalise_job_t* job, const void* row, int64_t count,
                  const ppn_row_buffer_t* means, const ppn_row_buffer_t* factors,
                  const int64_t* offsets, const int64_t* strides) {
  ppn_row_buffer_t results, gammas, betas;
  const void* shifted[] = {row, means};
  const void* scaled[] = {&results, factors};
  job->functions->binary[PPN_BINARY_SUBTRACT](shifted, &results, count, &plain);
  job->functions->binary[PPN_BINARY_MULTIPLY](scaled, &results, count, &plain);
  if (job->normalisation->gamma || job->normalisation->beta) {
    const void* affine[] = {&results,
                            view(job, GAMMA, offsets[GAMMA], strides[GAMMA], count, &gammas),
                            view(job, BETA, offsets[BETA], strides[BETA], count, &betas)};
    job->functions->ternary[PPN_TERNARY_AFFINE](affine, &results, count, &plain);
  }
  const ppn_tensor_t* out = job->operands[OUT];
  ppn_row_store(out->dtype, ppn_row_at_mutable(out->dtype, out->data, offsets[OUT]), strides[OUT],
                count, job->type, &results);
}

// Means and factors of `count` results, where they were asked for.
static void store_statistics(const normalise_job_t* job, int64_t offset, int64_t stride,
                             int64_t count, const double* means, const double* factors) {
  const ppn_tensor_t *mean = job->normalisation->out_mean, *factor = job->normalisation->out_factor;
  if (mean) {
    ppn_row_store(mean->dtype, ppn_row_at_mutable(mean->dtype, mean->data, offset), stride, count,
                  PPN_DTYPE_FLOAT64, means);
  }
  if (factor) {
    ppn_row_store(factor->dtype, ppn_row_at_mutable(factor->dtype, factor->data, offset), stride,
                  count, PPN_DTYPE_FLOAT64, factors);
  }
}

static double factor_of(const normalise_job_t* job, double deviations) {
  double variance = deviations / (double)job->plan.reduced.count;
  return 1 / sqrt(variance + job->normalisation->epsilon);
}

// ---- The innermost dimension is reduced: one group at a time ----

// A pass over a group: with `means` NULL a sum of elements (`mean` NULL) or deviations, otherwise
// the results.
static double pass_over_rows(const normalise_job_t* job, const int64_t* start, const double* mean,
                             const ppn_row_buffer_t* means, const ppn_row_buffer_t* factors) {
  const ppn_reduce_space_t* space = &job->plan.reduced;
  int last = space->rank - 1;
  int64_t index[PPN_MAX_RANK] = {0}, offsets[OPERANDS], strides[OPERANDS];
  for (int j = 0; j < OPERANDS; ++j) {
    offsets[j] = start[j];
    strides[j] = space->strides[j][last];
  }
  ppn_row_buffer_t buffer;
  double total = 0, no_offset = 0;
  do {
    int64_t at[OPERANDS];
    for (int j = 0; j < OPERANDS; ++j) at[j] = offsets[j];
    for (int64_t done = 0; done < space->sizes[last]; done += PPN_ROW_CHUNK) {
      int64_t count = space->sizes[last] - done;
      if (count > PPN_ROW_CHUNK) count = PPN_ROW_CHUNK;
      const void* row = view(job, X, at[X], strides[X], count, &buffer);
      if (means) {
        apply(job, row, count, means, factors, at, strides);
      } else {
        job->folds[mean ? PPN_FOLD_DEVIATION_SUM : PPN_FOLD_SUM].row(
            row, count, mean ? mean : &no_offset, &total);
      }
      for (int j = 0; j < OPERANDS; ++j) at[j] += PPN_ROW_CHUNK * strides[j];
    }
  } while (ppn_reduce_space_next(space, last, index, offsets));
  return total;
}

static void run_rows(void* context, size_t begin, size_t end) {
  const normalise_job_t* job = context;
  const ppn_reduce_space_t* reduced = &job->plan.reduced;
  int64_t width = reduced->sizes[reduced->rank - 1];
  if (width > PPN_ROW_CHUNK) width = PPN_ROW_CHUNK;
  for (size_t i = begin; i < end; ++i) {
    int64_t offsets[OPERANDS];
    ppn_reduce_space_offsets(&job->plan.kept, job->plan.kept.rank, (int64_t)i, offsets);
    double mean = pass_over_rows(job, offsets, NULL, NULL, NULL) / (double)reduced->count;
    double factor = factor_of(job, pass_over_rows(job, offsets, &mean, NULL, NULL));
    ppn_row_buffer_t means, factors;
    ppn_row_load(PPN_DTYPE_FLOAT64, &mean, 0, width, job->type, &means);
    ppn_row_load(PPN_DTYPE_FLOAT64, &factor, 0, width, job->type, &factors);
    pass_over_rows(job, offsets, NULL, &means, &factors);
    store_statistics(job, offsets[MEAN], 1, 1, &mean, &factor);
  }
}

// The same for rows of floats. Gamma and beta go along the row, or are one number for all of it.
static void normalise_dense(const normalise_job_t* job, const int64_t* offsets, float mean,
                            float factor) {
  const ppn_reduce_space_t* space = &job->plan.reduced;
  int last = space->rank - 1;
  int64_t length = space->sizes[last];
  const float* x = (const float*)job->operands[X]->data + offsets[X];
  float* out = (float*)job->operands[OUT]->data + offsets[OUT];
  bool scales = job->normalisation->gamma, shifts = job->normalisation->beta;
  ppn_row_buffer_t gammas, betas;
  for (int64_t done = 0; done < length; done += PPN_ROW_CHUNK) {
    int64_t count = length - done < PPN_ROW_CHUNK ? length - done : PPN_ROW_CHUNK;
    int64_t gamma_stride = space->strides[GAMMA][last], beta_stride = space->strides[BETA][last];
    const float *gamma = NULL, *beta = NULL;
    if (scales) {
      gamma = view(job, GAMMA, offsets[GAMMA] + done * gamma_stride, gamma_stride, count, &gammas);
    }
    if (shifts) {
      beta = view(job, BETA, offsets[BETA] + done * beta_stride, beta_stride, count, &betas);
    }
    job->rows->normalise(x + done, out + done, count, mean, factor, gamma, beta);
  }
}

static void run_dense_rows(void* context, size_t begin, size_t end) {
  const normalise_job_t* job = context;
  const ppn_reduce_space_t* space = &job->plan.reduced;
  int last = space->rank - 1;
  for (size_t i = begin; i < end; ++i) {
    int64_t start[OPERANDS], index[PPN_MAX_RANK] = {0};
    ppn_reduce_space_offsets(&job->plan.kept, job->plan.kept.rank, (int64_t)i, start);
    double mean = 0, factor = 0, deviations = 0;
    for (int pass = 0; pass < 3; ++pass) {
      int64_t offsets[OPERANDS];
      for (int j = 0; j < OPERANDS; ++j) offsets[j] = start[j];
      do {
        const float* x = (const float*)job->operands[X]->data + offsets[X];
        if (pass == 0) {
          mean += job->rows->sum(x, space->sizes[last]);
        } else if (pass == 1) {
          deviations += job->rows->deviations(x, space->sizes[last], (float)mean);
        } else {
          normalise_dense(job, offsets, (float)mean, (float)factor);
        }
      } while (ppn_reduce_space_next(space, last, index, offsets));
      if (pass == 0) mean /= (double)space->count;
      if (pass == 1) factor = factor_of(job, deviations);
    }
    store_statistics(job, start[MEAN], 1, 1, &mean, &factor);
  }
}

// ---- The innermost dimension is kept: as many groups as a chunk holds ----

static void run_columns(void* context, size_t begin, size_t end) {
  const normalise_job_t* job = context;
  const ppn_reduce_space_t *kept = &job->plan.kept, *reduced = &job->plan.reduced;
  int last = kept->rank - 1;
  ppn_row_buffer_t buffer, mean_row, factor_row;
  double means[PPN_ROW_CHUNK], factors[PPN_ROW_CHUNK];
  for (size_t task = begin; task < end; ++task) {
    int64_t first = (int64_t)task % job->chunks * PPN_ROW_CHUNK;
    int64_t count = kept->sizes[last] - first, start[OPERANDS], strides[OPERANDS];
    if (count > PPN_ROW_CHUNK) count = PPN_ROW_CHUNK;
    ppn_reduce_space_offsets(kept, last, (int64_t)task / job->chunks, start);
    for (int j = 0; j < OPERANDS; ++j) {
      strides[j] = kept->strides[j][last];
      start[j] += first * strides[j];
    }
    for (int64_t i = 0; i < count; ++i) means[i] = factors[i] = 0;
    for (int pass = 0; pass < 3; ++pass) {
      int64_t index[PPN_MAX_RANK] = {0}, offsets[OPERANDS];
      for (int j = 0; j < OPERANDS; ++j) offsets[j] = start[j];
      do {
        const void* row = view(job, X, offsets[X], strides[X], count, &buffer);
        if (pass == 0) {
          job->folds[PPN_FOLD_SUM].columns(row, count, factors, means);
        } else if (pass == 1) {
          job->folds[PPN_FOLD_DEVIATION_SUM].columns(row, count, means, factors);
        } else {
          apply(job, row, count, &mean_row, &factor_row, offsets, strides);
        }
      } while (ppn_reduce_space_next(reduced, reduced->rank, index, offsets));
      for (int64_t i = 0; i < count; ++i) {
        if (pass == 0) means[i] /= (double)reduced->count;
        if (pass == 1) factors[i] = factor_of(job, factors[i]);
      }
      if (pass == 1) {
        ppn_row_load(PPN_DTYPE_FLOAT64, means, 1, count, job->type, &mean_row);
        ppn_row_load(PPN_DTYPE_FLOAT64, factors, 1, count, job->type, &factor_row);
      }
    }
    store_statistics(job, start[MEAN], strides[MEAN], count, means, factors);
  }
}

void ppn_kernel_normalise(const ppn_normalisation_t* normalisation, ppn_thread_pool_t* pool) {
  static float one = 1, zero = 0;
  const ppn_tensor_t ones = ppn_tensor_make(&one, PPN_DTYPE_FLOAT32, 0, NULL);
  const ppn_tensor_t zeros = ppn_tensor_make(&zero, PPN_DTYPE_FLOAT32, 0, NULL);
  const ppn_tensor_t *x = normalisation->x, *out = normalisation->out;
  const ppn_tensor_t* mean =
      normalisation->out_mean ? normalisation->out_mean : normalisation->out_factor;
  normalise_job_t job = {
      .normalisation = normalisation,
      .operands = {x, out, normalisation->gamma ? normalisation->gamma : &ones,
                   normalisation->beta ? normalisation->beta : &zeros, mean ? mean : &zeros},
      .type = ppn_compute_type(x->dtype),
      .rows = ppn_row_functions()};
  ppn_reduce_plan_make(job.operands, OPERANDS, normalisation->axes, &job.plan);
  ppn_reduce_space_t *kept = &job.plan.kept, *reduced = &job.plan.reduced;
  if (kept->count == 0 || reduced->count == 0) return;
  job.functions = ppn_map_functions_of(job.type);
  job.folds = ppn_folds_of(job.type);
  if (ppn_reduce_plan_by_columns(&job.plan)) {
    int64_t columns = kept->sizes[kept->rank - 1];
    job.chunks = (columns + PPN_ROW_CHUNK - 1) / PPN_ROW_CHUNK;
    size_t tasks = (size_t)(kept->count / columns * job.chunks);
    int64_t work = reduced->count * (columns < PPN_ROW_CHUNK ? columns : PPN_ROW_CHUNK);
    ppn_thread_pool_parallel_for(pool, tasks, (size_t)(WORK / work + 1), run_columns, &job);
    return;
  }
  if (reduced->rank == 0) {
    reduced->rank = 1;
    reduced->sizes[0] = 1;
    for (int j = 0; j < OPERANDS; ++j) reduced->strides[j][0] = 1;
  }
  int last = reduced->rank - 1;
  bool is_dense = x->dtype == PPN_DTYPE_FLOAT32 && out->dtype == PPN_DTYPE_FLOAT32 &&
                  reduced->strides[X][last] == 1 && reduced->strides[OUT][last] == 1;
  ppn_thread_pool_parallel_for(pool, (size_t)kept->count, (size_t)(WORK / reduced->count + 1),
                               is_dense ? run_dense_rows : run_rows, &job);
}
