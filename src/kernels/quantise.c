#include "kernels/quantise.h"

#include <math.h>
#include <string.h>

#include "kernels/indices.h"

enum { CHUNK = 256, PIECE = 1 << 14 };

static float number_at(const ppn_tensor_t* tensor, int64_t i) {
  return tensor->dtype == PPN_DTYPE_FLOAT32
             ? ((const float*)tensor->data)[i]
             : (float)ppn_element_as_double(tensor->dtype, tensor->data, i);
}

// Elements are visited row by row (a row is the last axis); rank 0 is a row of one.
static int64_t row_length(const ppn_tensor_t* tensor) {
  return tensor->rank == 0 ? 1 : tensor->sizes[tensor->rank - 1];
}

// Where the blocks of a row start in `blocks`, which has an element, or a table, for each of them.
static int64_t row_block(const ppn_tensor_t* tensor, const ppn_tensor_t* blocks, int64_t row) {
  int64_t at = 0;
  for (int i = tensor->rank - 2; i >= 0; --i) {
    int64_t position = row % tensor->sizes[i], block = tensor->sizes[i] / blocks->sizes[i];
    row /= tensor->sizes[i];
    at += position / block * blocks->strides[i];
  }
  return at;
}

// ---- Affine ----

typedef struct affine_job {
  const ppn_tensor_t *data, *scale, *offset, *out;
  void (*run)(const struct affine_job* job, int64_t start, int64_t count, float scale,
              float offset);
} affine_job_t;

static void load_floats(const ppn_tensor_t* tensor, int64_t start, int64_t count, float* out) {
  if (tensor->dtype == PPN_DTYPE_INT8) {
    const int8_t* from = (const int8_t*)tensor->data + start;
    for (int64_t i = 0; i < count; ++i) out[i] = from[i];
  } else if (tensor->dtype == PPN_DTYPE_UINT8) {
    const uint8_t* from = (const uint8_t*)tensor->data + start;
    for (int64_t i = 0; i < count; ++i) out[i] = from[i];
  } else if (tensor->dtype == PPN_DTYPE_FLOAT32) {
    memcpy(out, (const float*)tensor->data + start, (size_t)count * sizeof(float));
  } else {
    for (int64_t i = 0; i < count; ++i) out[i] = number_at(tensor, start + i);
  }
}

static void shift_scale(const affine_job_t* job, int64_t start, int64_t count, float scale,
                        float offset) {
  for (int64_t done = 0; done < count; done += CHUNK) {
    float values[CHUNK];
    int64_t part = count - done < CHUNK ? count - done : CHUNK;
    float* to = (float*)job->out->data + start + done;
    load_floats(job->data, start + done, part, values);
    for (int64_t i = 0; i < part; ++i) to[i] = scale * (values[i] - offset);
  }
}

static void quantise(const affine_job_t* job, int64_t start, int64_t count, float scale,
                     float offset) {
  bool is_signed = job->out->dtype == PPN_DTYPE_INT8;
  float low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;
  const float* from = (const float*)job->data->data + start;
  for (int64_t i = 0; i < count; ++i) {
    float value = nearbyintf(from[i] / scale) + offset;
    value = value > low ? value < high ? value : high : low;  // NaN becomes the smallest
    if (is_signed) {
      ((int8_t*)job->out->data)[start + i] = (int8_t)value;
    } else {
      ((uint8_t*)job->out->data)[start + i] = (uint8_t)value;
    }
  }
}

static void run_rows(void* context, size_t begin, size_t end) {
  const affine_job_t* job = context;
  const ppn_tensor_t *scale = job->scale, *offset = job->offset;
  int64_t length = row_length(job->data), scales = row_length(scale),
          offsets = offset ? row_length(offset) : 1;
  int64_t blocks = scales > offsets ? scales : offsets, block = length / blocks;
  for (int64_t row = (int64_t)begin; row < (int64_t)end; ++row) {
    int64_t first_scale = row_block(job->data, scale, row),
            first_offset = offset ? row_block(job->data, offset, row) : 0;
    for (int64_t i = 0; i < blocks; ++i) {
      job->run(job, row * length + i * block, block,
               number_at(scale, first_scale + i * scales / blocks),
               offset ? number_at(offset, first_offset + i * offsets / blocks) : 0);
    }
  }
}

static void run_affine(affine_job_t* job, ppn_thread_pool_t* pool) {
  int64_t numel = ppn_tensor_numel(job->data), length = row_length(job->data);
  if (numel == 0) return;
  ppn_thread_pool_parallel_for(pool, (size_t)(numel / length), 1 + PIECE / (size_t)length, run_rows,
                               job);
}

void ppn_kernel_shift_scale(const ppn_tensor_t* data, const ppn_tensor_t* scale,
                            const ppn_tensor_t* offset, const ppn_tensor_t* out,
                            ppn_thread_pool_t* pool) {
  affine_job_t job = {data, scale, offset, out, shift_scale};
  run_affine(&job, pool);
}

void ppn_kernel_quantise(const ppn_tensor_t* x, const ppn_tensor_t* scale,
                         const ppn_tensor_t* offset, const ppn_tensor_t* out,
                         ppn_thread_pool_t* pool) {
  affine_job_t job = {x, scale, offset, out, quantise};
  run_affine(&job, pool);
}

// ---- Tables ----

typedef struct look_up_job {
  const ppn_tensor_t *indices, *lut, *out;
  int vector_axis;
  int64_t vector, table;  // elements of an entry, of a table
} look_up_job_t;

// Where a row's first element goes.
static int64_t row_target(const look_up_job_t* job, int64_t row) {
  const ppn_tensor_t* indices = job->indices;
  int64_t at = 0;
  for (int i = indices->rank - 2; i >= 0; --i) {
    int64_t position = row % indices->sizes[i];
    row /= indices->sizes[i];
    at += position * job->out->strides[i] * (i == job->vector_axis ? job->vector : 1);
  }
  return at;
}

// Vectors along the last axis, and entries of one element, are written one after the other. Along
// another axis, the elements of a vector lie apart.
static void look_up_row(const look_up_job_t* job, int64_t row) {
  const ppn_tensor_t *indices = job->indices, *lut = job->lut;
  int last = indices->rank - 1;
  int64_t length = row_length(indices), group = last < 0 ? 1 : length / lut->sizes[last];
  int64_t size = (int64_t)ppn_dtype_size(lut->dtype), first = row_block(indices, lut, row);
  bool is_inner = job->vector == 1 || job->vector_axis == last;
  int64_t step = is_inner ? 1 : job->out->strides[job->vector_axis],
          stride = is_inner ? job->vector : 1;
  const uint8_t *from = (const uint8_t*)indices->data + row * length, *tables = lut->data;
  uint8_t* to = (uint8_t*)job->out->data + row_target(job, row) * size;
  for (int64_t i = 0; i < length; ++i) {
    const uint8_t* entry = tables + (first + i / group * job->table + from[i] * job->vector) * size;
    for (int64_t r = 0; r < job->vector; ++r) {
      ppn_copy_bytes(to + (i * stride + r * step) * size, entry + r * size, size);
    }
  }
}

static void look_up_rows(void* context, size_t begin, size_t end) {
  for (size_t row = begin; row < end; ++row) look_up_row(context, (int64_t)row);
}

ppn_status_t ppn_kernel_look_up(const ppn_tensor_t* indices, const ppn_tensor_t* lut,
                                int vector_axis, const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  int64_t entries = lut->sizes[lut->rank - 2], vector = lut->sizes[lut->rank - 1];
  int64_t numel = ppn_tensor_numel(indices);
  const uint8_t* numbers = indices->data;
  for (int64_t i = 0; i < numel; ++i) {
    if (numbers[i] < entries) continue;
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "index %u is out of range for %lld entries",
                           numbers[i], (long long)entries);
  }
  if (numel == 0) return ppn_status_ok();
  look_up_job_t job = {indices, lut, out, vector_axis, vector, entries * vector};
  int64_t length = row_length(indices);
  ppn_thread_pool_parallel_for(pool, (size_t)(numel / length), 1 + PIECE / (size_t)length,
                               look_up_rows, &job);
  return ppn_status_ok();
}

// ---- Sparse ----

static ppn_status_t check_count(const ppn_tensor_t* values, const ppn_tensor_t* mask) {
  int64_t present = 0, numel = ppn_tensor_numel(mask);
  for (int64_t i = 0; i < numel; ++i) present += ((const uint8_t*)mask->data)[i] != 0;
  if (present == ppn_tensor_numel(values)) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "%lld values for %lld elements of the mask",
                         (long long)ppn_tensor_numel(values), (long long)present);
}

ppn_status_t ppn_kernel_expand_sparse(const ppn_tensor_t* values, const ppn_tensor_t* mask,
                                      const ppn_tensor_t* out) {
  PPN_RETURN_IF_ERROR(check_count(values, mask));
  int64_t size = (int64_t)ppn_dtype_size(out->dtype), numel = ppn_tensor_numel(mask);
  const uint8_t* from = values->data;
  uint8_t* to = out->data;
  for (int64_t i = 0; i < numel; ++i, to += size) {
    if (((const uint8_t*)mask->data)[i]) {
      ppn_copy_bytes(to, from, size);
      from += size;
    } else {
      memset(to, 0, (size_t)size);
    }
  }
  return ppn_status_ok();
}

ppn_status_t ppn_kernel_pick_sparse(const ppn_tensor_t* dense, const ppn_tensor_t* mask,
                                    const ppn_tensor_t* out) {
  PPN_RETURN_IF_ERROR(check_count(out, mask));
  int64_t size = (int64_t)ppn_dtype_size(out->dtype), numel = ppn_tensor_numel(mask);
  const uint8_t* from = dense->data;
  uint8_t* to = out->data;
  for (int64_t i = 0; i < numel; ++i, from += size) {
    if (!((const uint8_t*)mask->data)[i]) continue;
    ppn_copy_bytes(to, from, size);
    to += size;
  }
  return ppn_status_ok();
}
