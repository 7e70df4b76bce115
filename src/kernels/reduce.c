#include "kernels/reduce.h"

#include <math.h>

#include "base/cpu.h"
#include "kernels/elementwise.h"
#include "kernels/reduce_plan.h"
#include "kernels/reduce_table.h"
#include "kernels/rows.h"

enum { WORK = 32 * 1024 };  // elements that are worth a thread

typedef union total {
  double number;
  int64_t integer;
} total_t;

typedef struct reduce_job {
  ppn_reduction_t reduction;
  ppn_reduce_plan_t plan;
  const ppn_tensor_t *x, *out;
  ppn_dtype_t type;  // of elements: FLOAT32, FLOAT64 or INT64
  const ppn_fold_t* folds;
  double correction;
  int64_t chunks;  // by columns: pieces of the innermost dimension that is kept
} reduce_job_t;

const ppn_fold_t* ppn_folds_of(ppn_dtype_t type) {
  if (type == PPN_DTYPE_INT64) return ppn_folds_int64;
  if (type == PPN_DTYPE_FLOAT64) return ppn_folds_float64;
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX512)) return ppn_folds_float32_avx512;
  if (ppn_cpu_has(PPN_CPU_AVX2)) return ppn_folds_float32_avx2;
#endif
  return ppn_folds_float32;
}

static ppn_dtype_t element_type(ppn_reduction_t reduction, const ppn_tensor_t* x,
                                const ppn_tensor_t* out) {
  ppn_dtype_t type = ppn_compute_type(x->dtype);
  if (reduction == PPN_REDUCTION_ANY || reduction == PPN_REDUCTION_ALL) return type;
  bool needs_float = reduction == PPN_REDUCTION_LOG_SUM_EXP || reduction == PPN_REDUCTION_VARIANCE;
  if (!needs_float && !ppn_dtype_is_float(out->dtype)) return PPN_DTYPE_INT64;
  return type == PPN_DTYPE_INT64 ? PPN_DTYPE_FLOAT64 : type;
}

static ppn_fold_kind_t fold_of(ppn_reduction_t reduction) {
  switch (reduction) {
    case PPN_REDUCTION_PRODUCT:
      return PPN_FOLD_PRODUCT;
    case PPN_REDUCTION_MAXIMUM:
      return PPN_FOLD_MAXIMUM;
    case PPN_REDUCTION_MINIMUM:
      return PPN_FOLD_MINIMUM;
    case PPN_REDUCTION_ABSOLUTE_SUM:
      return PPN_FOLD_ABSOLUTE_SUM;
    case PPN_REDUCTION_SQUARE_SUM:
    case PPN_REDUCTION_NORM:
      return PPN_FOLD_SQUARE_SUM;
    case PPN_REDUCTION_LOG_SUM_EXP:
      return PPN_FOLD_EXP_SUM;
    case PPN_REDUCTION_VARIANCE:
      return PPN_FOLD_DEVIATION_SUM;
    case PPN_REDUCTION_ANY:
      return PPN_FOLD_ANY;
    case PPN_REDUCTION_ALL:
      return PPN_FOLD_ALL;
    default:
      return PPN_FOLD_SUM;
  }
}

// What a fold starts with.
static total_t start_of(ppn_fold_kind_t fold, ppn_dtype_t type) {
  bool is_integer = type == PPN_DTYPE_INT64;
  total_t total = {.integer = 0};
  if (fold == PPN_FOLD_PRODUCT || fold == PPN_FOLD_ALL) {
    if (is_integer) {
      total.integer = 1;
    } else {
      total.number = 1;
    }
  } else if (fold == PPN_FOLD_MAXIMUM || fold == PPN_FOLD_MINIMUM) {
    bool is_maximum = fold == PPN_FOLD_MAXIMUM;
    if (is_integer) {
      total.integer = is_maximum ? INT64_MIN : INT64_MAX;
    } else {
      total.number = is_maximum ? -INFINITY : INFINITY;
    }
  }
  return total;
}

// From totals to results, in place. Only results that are fractions differ from their total.
static void finish(const reduce_job_t* job, int64_t count, const total_t* offsets,
                   total_t* totals) {
  double number = (double)job->plan.reduced.count;
  bool is_integer = job->type == PPN_DTYPE_INT64;
  for (int64_t i = 0; i < count; ++i) {
    double total = is_integer ? (double)totals[i].integer : totals[i].number;
    switch (job->reduction) {
      case PPN_REDUCTION_MEAN:
        total /= number;
        break;
      case PPN_REDUCTION_NORM:
        total = sqrt(total);
        break;
      case PPN_REDUCTION_LOG_SUM:
        total = log(total);
        break;
      case PPN_REDUCTION_LOG_SUM_EXP:
        total = offsets[i].number + log(total);
        break;
      case PPN_REDUCTION_VARIANCE:
        total /= fmax(number - job->correction, 0);
        break;
      default:
        continue;
    }
    if (is_integer) {
      totals[i].integer = (int64_t)total;
    } else {
      totals[i].number = total;
    }
  }
}

// The offset of the second pass, from the totals of the first: mean or, to keep exponentials in
// range, maximum.
static void make_offsets(const reduce_job_t* job, int64_t count, total_t* totals) {
  for (int64_t i = 0; i < count; ++i) {
    if (job->reduction == PPN_REDUCTION_VARIANCE) {
      totals[i].number /= (double)job->plan.reduced.count;
    } else if (isinf(totals[i].number)) {
      totals[i].number = 0;
    }
  }
}

static void store(const reduce_job_t* job, int64_t offset, int64_t stride, int64_t count,
                  const total_t* totals) {
  ppn_dtype_t type = job->type == PPN_DTYPE_INT64 ? PPN_DTYPE_INT64 : PPN_DTYPE_FLOAT64;
  ppn_row_store(job->out->dtype, ppn_row_at_mutable(job->out->dtype, job->out->data, offset),
                stride, count, type, totals);
}

// ---- The innermost dimension is reduced: one result at a time ----

static void fold_rows(const reduce_job_t* job, ppn_fold_kind_t kind, const int64_t* start,
                      const total_t* fold_offset, total_t* total) {
  const ppn_reduce_space_t* space = &job->plan.reduced;
  ppn_row_buffer_t buffer;
  int last = space->rank - 1;
  int64_t index[PPN_MAX_RANK] = {0}, offsets[2] = {start[0], start[1]};
  int64_t stride = space->strides[0][last];
  bool is_dense = job->x->dtype == job->type && stride == 1;
  *total = start_of(kind, job->type);
  do {
    for (int64_t done = 0; done < space->sizes[last];) {
      int64_t part = space->sizes[last] - done;
      if (!is_dense && part > PPN_ROW_CHUNK) part = PPN_ROW_CHUNK;
      const void* row = ppn_row_at(job->x->dtype, job->x->data, offsets[0] + done * stride);
      row = ppn_row_view(job->x->dtype, row, stride, part, job->type, &buffer);
      job->folds[kind].row(row, part, fold_offset, total);
      done += part;
    }
  } while (ppn_reduce_space_next(space, last, index, offsets));
}

static bool needs_offset(ppn_reduction_t reduction, ppn_fold_kind_t* out_kind) {
  *out_kind = reduction == PPN_REDUCTION_VARIANCE ? PPN_FOLD_SUM : PPN_FOLD_MAXIMUM;
  return reduction == PPN_REDUCTION_VARIANCE || reduction == PPN_REDUCTION_LOG_SUM_EXP;
}

static void run_rows(void* context, size_t begin, size_t end) {
  const reduce_job_t* job = context;
  for (size_t i = begin; i < end; ++i) {
    int64_t offsets[2];
    ppn_reduce_space_offsets(&job->plan.kept, job->plan.kept.rank, (int64_t)i, offsets);
    total_t fold_offset = {.integer = 0}, total;
    ppn_fold_kind_t first;
    if (needs_offset(job->reduction, &first)) {
      fold_rows(job, first, offsets, &fold_offset, &total);
      make_offsets(job, 1, &total);
      fold_offset = total;
    }
    fold_rows(job, fold_of(job->reduction), offsets, &fold_offset, &total);
    finish(job, 1, &fold_offset, &total);
    store(job, offsets[1], 1, 1, &total);
  }
}

// ---- The innermost dimension is kept: as many results as a chunk holds ----

static void fold_columns(const reduce_job_t* job, ppn_fold_kind_t kind, int64_t offset,
                         int64_t stride, int64_t count, const total_t* fold_offsets,
                         total_t* totals) {
  const ppn_reduce_space_t* space = &job->plan.reduced;
  ppn_row_buffer_t buffer;
  int64_t index[PPN_MAX_RANK] = {0}, offsets[2] = {offset, 0};
  total_t start = start_of(kind, job->type);
  for (int64_t i = 0; i < count; ++i) totals[i] = start;
  do {
    const void* row = ppn_row_at(job->x->dtype, job->x->data, offsets[0]);
    row = ppn_row_view(job->x->dtype, row, stride, count, job->type, &buffer);
    job->folds[kind].columns(row, count, fold_offsets, totals);
  } while (ppn_reduce_space_next(space, space->rank, index, offsets));
}

static void run_columns(void* context, size_t begin, size_t end) {
  const reduce_job_t* job = context;
  const ppn_reduce_space_t* kept = &job->plan.kept;
  int last = kept->rank - 1;
  int64_t stride = kept->strides[0][last];
  for (size_t i = begin; i < end; ++i) {
    int64_t first_column = (int64_t)i % job->chunks * PPN_ROW_CHUNK;
    int64_t count = kept->sizes[last] - first_column;
    if (count > PPN_ROW_CHUNK) count = PPN_ROW_CHUNK;
    int64_t offsets[2];
    ppn_reduce_space_offsets(kept, last, (int64_t)i / job->chunks, offsets);
    offsets[0] += first_column * stride;
    offsets[1] += first_column * kept->strides[1][last];
    total_t totals[PPN_ROW_CHUNK], fold_offsets[PPN_ROW_CHUNK];
    ppn_fold_kind_t first;
    if (needs_offset(job->reduction, &first)) {
      // Sums and maxima do not look at offsets.
      fold_columns(job, first, offsets[0], stride, count, totals, fold_offsets);
      make_offsets(job, count, fold_offsets);
    }
    fold_columns(job, fold_of(job->reduction), offsets[0], stride, count, fold_offsets, totals);
    finish(job, count, fold_offsets, totals);
    store(job, offsets[1], kept->strides[1][last], count, totals);
  }
}

// ---- Both ----

// Of no elements.
static void fill_empty(const reduce_job_t* job) {
  const ppn_reduce_space_t* kept = &job->plan.kept;
  total_t offset = {.number = 0}, total = start_of(fold_of(job->reduction), job->type);
  finish(job, 1, &offset, &total);
  for (int64_t i = 0; i < kept->count; ++i) {
    int64_t offsets[2];
    ppn_reduce_space_offsets(kept, kept->rank, i, offsets);
    store(job, offsets[1], 1, 1, &total);
  }
}

void ppn_kernel_reduce(ppn_reduction_t reduction, const ppn_tensor_t* x, ppn_axes_t axes,
                       double correction, const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  ppn_tensor_t view = ppn_reduce_keep_dimensions(out, x, axes);
  const ppn_tensor_t* operands[] = {x, &view};
  reduce_job_t job = {.reduction = reduction, .x = x, .out = &view, .correction = correction};
  job.type = element_type(reduction, x, out);
  job.folds = ppn_folds_of(job.type);
  ppn_reduce_plan_make(operands, 2, axes, &job.plan);
  ppn_reduce_space_t *kept = &job.plan.kept, *reduced = &job.plan.reduced;
  if (kept->count == 0) return;
  if (reduced->count == 0) {
    fill_empty(&job);
    return;
  }
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
    reduced->sizes[0] = reduced->strides[0][0] = 1;
  }
  ppn_thread_pool_parallel_for(pool, (size_t)kept->count, (size_t)(WORK / reduced->count + 1),
                               run_rows, &job);
}
