#include "kernels/gather.h"

#include <string.h>

#include "kernels/indices.h"
#include "tensor/element.h"

enum { PIECE_BYTES = 1 << 15 };

static size_t grain_of(int64_t bytes) {
  return bytes >= PIECE_BYTES ? 1 : (size_t)(PIECE_BYTES / (bytes > 0 ? bytes : 1));
}

ppn_status_t ppn_kernel_check_indices(const ppn_tensor_t* indices, int64_t size) {
  int64_t count = ppn_tensor_numel(indices);
  for (int64_t i = 0; i < count; i += PPN_INDEX_CHUNK) {
    int64_t chunk[PPN_INDEX_CHUNK];
    int64_t part = ppn_indices_load(indices, i, count, chunk);
    for (int64_t j = 0; j < part; ++j) {
      if (chunk[j] < -size || chunk[j] >= size) {
        return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                               "index %lld (element %lld) is out of range for size %lld",
                               (long long)chunk[j], (long long)(i + j), (long long)size);
      }
    }
  }
  return ppn_status_ok();
}

// ---- Slices by index ----

typedef struct gather_job {
  const ppn_tensor_t *x, *indices, *out;
  int64_t outer;  // dimensions of x between batch and axis
  int64_t size;   // of the axis
  int64_t count;  // indices of one batch
  int64_t bytes;  // of a slice
} gather_job_t;

// Items are the slices of the result.
static void gather_slices(void* context, size_t begin, size_t end) {
  const gather_job_t* job = context;
  const uint8_t* from = job->x->data;
  uint8_t* to = job->out->data;
  for (int64_t i = (int64_t)begin; i < (int64_t)end;) {
    int64_t row = i / job->count, column = i % job->count;
    int64_t batch = row / job->outer, limit = job->count;
    if (limit - column > (int64_t)end - i) limit = column + (int64_t)end - i;
    int64_t chunk[PPN_INDEX_CHUNK];
    int64_t part = ppn_indices_load(job->indices, batch * job->count + column,
                                    batch * job->count + limit, chunk);
    for (int64_t j = 0; j < part; ++j) {
      int64_t index = ppn_index_wrap(chunk[j], job->size);
      ppn_copy_bytes(to + (i + j) * job->bytes, from + (row * job->size + index) * job->bytes,
                     job->bytes);
    }
    i += part;
  }
}

ppn_status_t ppn_kernel_gather(const ppn_tensor_t* x, const ppn_tensor_t* indices, int axis,
                               int batch_dims, const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  PPN_RETURN_IF_ERROR(ppn_kernel_check_indices(indices, x->sizes[axis]));
  int64_t batches = 1;
  gather_job_t job = {x, indices, out, 1, x->sizes[axis], 1, (int64_t)ppn_dtype_size(x->dtype)};
  for (int i = 0; i < batch_dims; ++i) batches *= x->sizes[i];
  for (int i = batch_dims; i < axis; ++i) job.outer *= x->sizes[i];
  for (int i = axis + 1; i < x->rank; ++i) job.bytes *= x->sizes[i];
  for (int i = batch_dims; i < indices->rank; ++i) job.count *= indices->sizes[i];
  int64_t slices = batches * job.outer * job.count;
  if (slices == 0 || job.bytes == 0) return ppn_status_ok();
  ppn_thread_pool_parallel_for(pool, (size_t)slices, grain_of(job.bytes), gather_slices, &job);
  return ppn_status_ok();
}

// ---- Elements by index ----

typedef struct along_job {
  const ppn_tensor_t *x, *indices, *out;
  int axis;
} along_job_t;

// One row of the last axis: element k of `x` lies `step` elements further, and `stride` for each
// step of the index.
#define GATHER_ROW(type)                                                                     \
  for (int64_t k = 0; k < part; ++k) {                                                       \
    int64_t at = base + k * step + ppn_index_wrap(chunk[k], size) * stride;                  \
    memcpy(to + k * (int64_t)sizeof(type), from + at * (int64_t)sizeof(type), sizeof(type)); \
  }

static void gather_row(const along_job_t* job, int64_t row, int64_t base) {
  const ppn_tensor_t* indices = job->indices;
  int last = indices->rank - 1;
  int64_t length = indices->sizes[last], step = job->axis == last ? 0 : job->x->strides[last];
  int64_t size = job->x->sizes[job->axis], stride = job->x->strides[job->axis];
  size_t element = ppn_dtype_size(job->x->dtype);
  const uint8_t* from = job->x->data;
  int64_t chunk[PPN_INDEX_CHUNK];
  for (int64_t done = 0, part = 0; done < length; done += part, base += part * step) {
    part = ppn_indices_load(indices, row * length + done, (row + 1) * length, chunk);
    uint8_t* to = (uint8_t*)job->out->data + (row * length + done) * (int64_t)element;
    switch (element) {
      case 1:
        GATHER_ROW(uint8_t)
        break;
      case 2:
        GATHER_ROW(uint16_t)
        break;
      case 4:
        GATHER_ROW(uint32_t)
        break;
      case 8:
        GATHER_ROW(uint64_t)
        break;
      default:
        for (int64_t k = 0; k < part; ++k) {
          int64_t at = base + k * step + ppn_index_wrap(chunk[k], size) * stride;
          memcpy(to + k * (int64_t)element, from + at * (int64_t)element, element);
        }
    }
  }
}

static void gather_rows(void* context, size_t begin, size_t end) {
  const along_job_t* job = context;
  const ppn_tensor_t* indices = job->indices;
  for (size_t row = begin; row < end; ++row) {
    int64_t rest = (int64_t)row, base = 0;
    for (int i = indices->rank - 2; i >= 0; --i) {
      int64_t at = rest % indices->sizes[i];
      rest /= indices->sizes[i];
      if (i != job->axis) base += at * job->x->strides[i];
    }
    gather_row(job, (int64_t)row, base);
  }
}

ppn_status_t ppn_kernel_gather_along_axis(const ppn_tensor_t* x, const ppn_tensor_t* indices,
                                          int axis, const ppn_tensor_t* out,
                                          ppn_thread_pool_t* pool) {
  static const int64_t one = 1;
  ppn_tensor_t x_vector, indices_vector, out_vector;
  if (indices->rank == 0) {
    x_vector = ppn_tensor_make(x->data, x->dtype, 1, &one);
    indices_vector = ppn_tensor_make(indices->data, indices->dtype, 1, &one);
    out_vector = ppn_tensor_make(out->data, out->dtype, 1, &one);
    x = &x_vector;
    indices = &indices_vector;
    out = &out_vector;
    axis = 0;
  }
  PPN_RETURN_IF_ERROR(ppn_kernel_check_indices(indices, x->sizes[axis]));
  int64_t numel = ppn_tensor_numel(indices);
  if (numel == 0) return ppn_status_ok();
  along_job_t job = {x, indices, out, axis};
  int64_t length = indices->sizes[indices->rank - 1];
  ppn_thread_pool_parallel_for(pool, (size_t)(numel / length), grain_of(length * 8), gather_rows,
                               &job);
  return ppn_status_ok();
}

// ---- Slices by coordinates ----

typedef struct nd_job {
  const ppn_tensor_t *x, *indices, *out;
  int first, length;          // dimensions of x that coordinates address
  int64_t count;              // coordinates of one batch
  int64_t batch_size, bytes;  // elements of x of one batch; bytes of a slice
} nd_job_t;

static void gather_coordinates(void* context, size_t begin, size_t end) {
  const nd_job_t* job = context;
  const ppn_tensor_t* x = job->x;
  size_t element = ppn_dtype_size(x->dtype);
  for (int64_t i = (int64_t)begin; i < (int64_t)end; ++i) {
    int64_t at = i / job->count * job->batch_size;
    int64_t coordinates[PPN_MAX_RANK];
    ppn_elements_load_int64(job->indices->dtype, job->indices->data, i * job->length, 1,
                            job->length, coordinates);
    for (int j = 0; j < job->length; ++j) {
      at += ppn_index_wrap(coordinates[j], x->sizes[job->first + j]) * x->strides[job->first + j];
    }
    ppn_copy_bytes((uint8_t*)job->out->data + i * job->bytes,
                   (const uint8_t*)x->data + at * (int64_t)element, job->bytes);
  }
}

ppn_status_t ppn_kernel_check_coordinates(const ppn_tensor_t* indices, const int64_t* sizes) {
  int64_t length = indices->sizes[indices->rank - 1];
  int64_t count = length == 0 ? 0 : ppn_tensor_numel(indices) / length;
  for (int64_t i = 0; i < count; ++i) {
    int64_t coordinates[PPN_MAX_RANK];
    ppn_elements_load_int64(indices->dtype, indices->data, i * length, 1, length, coordinates);
    for (int64_t j = 0; j < length; ++j) {
      if (coordinates[j] < -sizes[j] || coordinates[j] >= sizes[j]) {
        return ppn_status_make(
            PPN_STATUS_OUT_OF_RANGE,
            "index %lld (component %lld of coordinate %lld) is out of range for size %lld",
            (long long)coordinates[j], (long long)j, (long long)i, (long long)sizes[j]);
      }
    }
  }
  return ppn_status_ok();
}

ppn_status_t ppn_kernel_gather_nd(const ppn_tensor_t* x, const ppn_tensor_t* indices,
                                  int batch_dims, const ppn_tensor_t* out,
                                  ppn_thread_pool_t* pool) {
  PPN_RETURN_IF_ERROR(ppn_kernel_check_coordinates(indices, x->sizes + batch_dims));
  int64_t batches = 1, coordinates = 1;
  nd_job_t job = {x,
                  indices,
                  out,
                  batch_dims,
                  (int)indices->sizes[indices->rank - 1],
                  1,
                  1,
                  (int64_t)ppn_dtype_size(x->dtype)};
  for (int i = 0; i < batch_dims; ++i) batches *= x->sizes[i];
  for (int i = batch_dims; i < x->rank; ++i) job.batch_size *= x->sizes[i];
  for (int i = batch_dims + job.length; i < x->rank; ++i) job.bytes *= x->sizes[i];
  for (int i = 0; i < indices->rank - 1; ++i) coordinates *= indices->sizes[i];
  if (coordinates == 0 || job.bytes == 0) return ppn_status_ok();
  job.count = coordinates / batches;
  ppn_thread_pool_parallel_for(pool, (size_t)coordinates, grain_of(job.bytes), gather_coordinates,
                               &job);
  return ppn_status_ok();
}
