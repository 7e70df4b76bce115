#include "kernels/scatter.h"

#include <string.h>

#include "kernels/gather.h"
#include "kernels/indices.h"

// ---- Combining rows ----

// NaN wins.
#define LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))

#define COMBINE_FLOATS(type)                                                        \
  switch (mode) {                                                                   \
    case PPN_SCATTER_ADD:                                                           \
      for (int64_t i = 0; i < count; ++i) ((type*)to)[i] += ((const type*)from)[i]; \
      break;                                                                        \
    case PPN_SCATTER_SUB:                                                           \
      for (int64_t i = 0; i < count; ++i) ((type*)to)[i] -= ((const type*)from)[i]; \
      break;                                                                        \
    case PPN_SCATTER_MUL:                                                           \
      for (int64_t i = 0; i < count; ++i) ((type*)to)[i] *= ((const type*)from)[i]; \
      break;                                                                        \
    case PPN_SCATTER_DIV:                                                           \
      for (int64_t i = 0; i < count; ++i) ((type*)to)[i] /= ((const type*)from)[i]; \
      break;                                                                        \
    case PPN_SCATTER_MAX:                                                           \
      for (int64_t i = 0; i < count; ++i) {                                         \
        ((type*)to)[i] = LARGER(((type*)to)[i], ((const type*)from)[i]);            \
      }                                                                             \
      break;                                                                        \
    case PPN_SCATTER_MIN:                                                           \
      for (int64_t i = 0; i < count; ++i) {                                         \
        ((type*)to)[i] = SMALLER(((type*)to)[i], ((const type*)from)[i]);           \
      }                                                                             \
      break;                                                                        \
    default:                                                                        \
      break;                                                                        \
  }

static void combine_doubles(ppn_scatter_mode_t mode, double* to, const double* from,
                            int64_t count) {
  COMBINE_FLOATS(double)
}

static void combine_singles(ppn_scatter_mode_t mode, float* to, const float* from, int64_t count) {
  COMBINE_FLOATS(float)
}

// Wraps around on overflow; a quotient without a value is 0.
static int64_t combine_integer(ppn_scatter_mode_t mode, int64_t a, int64_t b) {
  switch (mode) {
    case PPN_SCATTER_ADD:
      return (int64_t)((uint64_t)a + (uint64_t)b);
    case PPN_SCATTER_SUB:
      return (int64_t)((uint64_t)a - (uint64_t)b);
    case PPN_SCATTER_MUL:
      return (int64_t)((uint64_t)a * (uint64_t)b);
    case PPN_SCATTER_DIV:
      return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
    case PPN_SCATTER_MAX:
      return a > b ? a : b;
    case PPN_SCATTER_MIN:
      return a < b ? a : b;
    default:
      return b;
  }
}

enum { CHUNK = 128 };

static void combine_converted(ppn_dtype_t dtype, ppn_scatter_mode_t mode, void* to,
                              const void* from, int64_t start, int64_t count) {
  if (ppn_dtype_is_float(dtype)) {
    double a[CHUNK], b[CHUNK];
    ppn_elements_load_double(dtype, to, start, 1, count, a);
    ppn_elements_load_double(dtype, from, start, 1, count, b);
    combine_doubles(mode, a, b, count);
    ppn_elements_store_double(dtype, to, start, 1, count, a);
    return;
  }
  int64_t a[CHUNK], b[CHUNK];
  ppn_elements_load_int64(dtype, to, start, 1, count, a);
  ppn_elements_load_int64(dtype, from, start, 1, count, b);
  for (int64_t i = 0; i < count; ++i) a[i] = combine_integer(mode, a[i], b[i]);
  ppn_elements_store_int64(dtype, to, start, 1, count, a);
}

void ppn_kernel_combine(ppn_dtype_t dtype, ppn_scatter_mode_t mode, void* to, const void* from,
                        int64_t count) {
  if (mode == PPN_SCATTER_UPDATE) {
    ppn_copy_bytes(to, from, count * (int64_t)ppn_dtype_size(dtype));
  } else if (dtype == PPN_DTYPE_FLOAT32) {
    combine_singles(mode, to, from, count);
  } else {
    for (int64_t i = 0; i < count; i += CHUNK) {
      combine_converted(dtype, mode, to, from, i, count - i < CHUNK ? count - i : CHUNK);
    }
  }
}

// ---- Slices by index ----

ppn_status_t ppn_kernel_scatter(const ppn_tensor_t* out, const ppn_tensor_t* indices,
                                const ppn_tensor_t* updates, int axis, ppn_scatter_mode_t mode) {
  int64_t size = out->sizes[axis], count = ppn_tensor_numel(indices), outer = 1, inner = 1;
  int64_t element = (int64_t)ppn_dtype_size(out->dtype);
  PPN_RETURN_IF_ERROR(ppn_kernel_check_indices(indices, size));
  for (int i = 0; i < axis; ++i) outer *= out->sizes[i];
  for (int i = axis + 1; i < out->rank; ++i) inner *= out->sizes[i];
  if (inner == 0) return ppn_status_ok();
  for (int64_t row = 0; row < outer; ++row) {
    for (int64_t done = 0, part = 0; done < count; done += part) {
      int64_t chunk[PPN_INDEX_CHUNK];
      part = ppn_indices_load(indices, done, count, chunk);
      for (int64_t i = 0; i < part; ++i) {
        int64_t to = (row * size + ppn_index_wrap(chunk[i], size)) * inner,
                from = (row * count + done + i) * inner;
        ppn_kernel_combine(out->dtype, mode, (uint8_t*)out->data + to * element,
                           (const uint8_t*)updates->data + from * element, inner);
      }
    }
  }
  return ppn_status_ok();
}

// ---- Elements by index ----

ppn_status_t ppn_kernel_scatter_along_axis(const ppn_tensor_t* out, const ppn_tensor_t* indices,
                                           const ppn_tensor_t* updates, int axis,
                                           ppn_scatter_mode_t mode) {
  int rank = indices->rank;
  int64_t size = rank == 0 ? 1 : out->sizes[axis], numel = ppn_tensor_numel(indices);
  size_t element = ppn_dtype_size(out->dtype);
  PPN_RETURN_IF_ERROR(ppn_kernel_check_indices(indices, size));
  int64_t position[PPN_MAX_RANK] = {0}, to = 0, from = 0;
  for (int64_t done = 0, part = 0; done < numel; done += part) {
    int64_t chunk[PPN_INDEX_CHUNK];
    part = ppn_indices_load(indices, done, numel, chunk);
    for (int64_t k = 0; k < part; ++k) {
      int64_t at = to + (rank == 0 ? 0 : ppn_index_wrap(chunk[k], size) * out->strides[axis]);
      ppn_kernel_combine(out->dtype, mode, (uint8_t*)out->data + at * (int64_t)element,
                         (const uint8_t*)updates->data + from * (int64_t)element, 1);
      // The next position; the axis itself does not move `to`.
      for (int i = rank - 1; i >= 0; --i) {
        int64_t stride = i == axis ? 0 : out->strides[i];
        to += stride;
        from += updates->strides[i];
        if (++position[i] < indices->sizes[i]) break;
        to -= stride * indices->sizes[i];
        from -= updates->strides[i] * indices->sizes[i];
        position[i] = 0;
      }
    }
  }
  return ppn_status_ok();
}

// ---- Slices by coordinates ----

ppn_status_t ppn_kernel_scatter_nd(const ppn_tensor_t* out, const ppn_tensor_t* indices,
                                   const ppn_tensor_t* updates, ppn_scatter_mode_t mode) {
  PPN_RETURN_IF_ERROR(ppn_kernel_check_coordinates(indices, out->sizes));
  int length = (int)indices->sizes[indices->rank - 1];
  int64_t count = 1, inner = 1, element = (int64_t)ppn_dtype_size(out->dtype);
  for (int i = 0; i < indices->rank - 1; ++i) count *= indices->sizes[i];
  for (int i = length; i < out->rank; ++i) inner *= out->sizes[i];
  for (int64_t i = 0; i < count; ++i) {
    int64_t coordinates[PPN_MAX_RANK], at = 0;
    ppn_elements_load_int64(indices->dtype, indices->data, i * length, 1, length, coordinates);
    for (int j = 0; j < length; ++j) {
      at += ppn_index_wrap(coordinates[j], out->sizes[j]) * out->strides[j];
    }
    ppn_kernel_combine(out->dtype, mode, (uint8_t*)out->data + at * element,
                       (const uint8_t*)updates->data + i * inner * element, inner);
  }
  return ppn_status_ok();
}
