#include "kernels/copy.h"

#include "tensor/view.h"

// A copy below this many bytes is faster than waking a thread.
enum { PARALLEL_BYTES = 1 << 18, PIECE_BYTES = 1 << 16 };

typedef struct copy_job {
  const ppn_tensor_t *source, *target;
  int axis;
} copy_job_t;

static void copy_slab(void* context, size_t begin, size_t end) {
  const copy_job_t* job = context;
  int64_t start = (int64_t)begin, size = (int64_t)(end - begin);
  ppn_tensor_t source = ppn_view_slice(job->source, job->axis, start, size, 1),
               target = ppn_view_slice(job->target, job->axis, start, size, 1);
  ppn_tensor_copy(&source, &target);
}

// The outermost axis in the target's memory that has a piece for each thread, else the longest.
static int axis_to_split(const ppn_tensor_t* target, int64_t pieces) {
  int longest = 0, outermost = -1;
  for (int i = 0; i < target->rank; ++i) {
    if (target->sizes[i] > target->sizes[longest]) longest = i;
    if (target->sizes[i] >= pieces &&
        (outermost < 0 || target->strides[i] > target->strides[outermost])) {
      outermost = i;
    }
  }
  return outermost >= 0 ? outermost : longest;
}

void ppn_kernel_copy(const ppn_tensor_t* source, const ppn_tensor_t* target,
                     ppn_thread_pool_t* pool) {
  int64_t numel = ppn_tensor_numel(target);
  size_t bytes = (size_t)numel * ppn_dtype_size(target->dtype);
  int threads = pool ? ppn_thread_pool_size(pool) : 1;
  if (threads == 1 || bytes < PARALLEL_BYTES || target->rank == 0) {
    ppn_tensor_copy(source, target);
    return;
  }
  copy_job_t job = {source, target, axis_to_split(target, threads)};
  size_t count = (size_t)target->sizes[job.axis], item = bytes / count;
  size_t grain = item >= PIECE_BYTES ? 1 : PIECE_BYTES / (item ? item : 1);
  ppn_thread_pool_parallel_for(pool, count, grain, copy_slab, &job);
}

void ppn_kernel_fill(const ppn_tensor_t* target, const void* element, ppn_thread_pool_t* pool) {
  ppn_tensor_t source = *target;
  source.data = (void*)(uintptr_t)element;
  for (int i = 0; i < source.rank; ++i) source.strides[i] = 0;
  ppn_kernel_copy(&source, target, pool);
}
