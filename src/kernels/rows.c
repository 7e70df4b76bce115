#include "kernels/rows.h"

#include <string.h>

#include "base/half.h"
#include "tensor/element.h"

enum { PART = 256 };  // elements converted by way of double or int64 at once

#define COPY_STRIDED(type)                                                         \
  do {                                                                             \
    const type* from = (const type*)data;                                          \
    type* to = (type*)buffer;                                                      \
    for (int64_t i = 0; i < count; ++i) to[i * to_stride] = from[i * from_stride]; \
  } while (0)

static void copy_strided(size_t size, const void* data, int64_t from_stride, void* buffer,
                         int64_t to_stride, int64_t count) {
  if (from_stride == 1 && to_stride == 1) {
    memcpy(buffer, data, (size_t)count * size);
    return;
  }
  switch (size) {
    case 1:
      COPY_STRIDED(uint8_t);
      break;
    case 2:
      COPY_STRIDED(uint16_t);
      break;
    case 4:
      COPY_STRIDED(uint32_t);
      break;
    default:
      COPY_STRIDED(uint64_t);
      break;
  }
}

// What most programs need: 16-bit floats, and integers that are read as numbers.
static bool load_float32(ppn_dtype_t dtype, const void* data, int64_t stride, int64_t count,
                         float* out) {
  switch (dtype) {
    case PPN_DTYPE_FLOAT16:
      if (stride == 1) {
        ppn_half_to_float_array(data, out, (size_t)count);
      } else {
        for (int64_t i = 0; i < count; ++i) {
          out[i] = ppn_half_to_float(((const uint16_t*)data)[i * stride]);
        }
      }
      return true;
    case PPN_DTYPE_BFLOAT16:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = ppn_bfloat16_to_float(((const uint16_t*)data)[i * stride]);
      }
      return true;
    case PPN_DTYPE_INT32:
      for (int64_t i = 0; i < count; ++i) out[i] = (float)((const int32_t*)data)[i * stride];
      return true;
    case PPN_DTYPE_INT64:
      for (int64_t i = 0; i < count; ++i) out[i] = (float)((const int64_t*)data)[i * stride];
      return true;
    case PPN_DTYPE_BOOL:
    case PPN_DTYPE_UINT8:
      for (int64_t i = 0; i < count; ++i) out[i] = (float)((const uint8_t*)data)[i * stride];
      return true;
    default:
      return false;
  }
}

static void load_boolean(ppn_dtype_t dtype, const void* data, int64_t stride, int64_t count,
                         uint8_t* out) {
  if (dtype == PPN_DTYPE_BOOL || dtype == PPN_DTYPE_UINT8) {
    for (int64_t i = 0; i < count; ++i) out[i] = ((const uint8_t*)data)[i * stride] != 0;
    return;
  }
  // By way of double: not zero stays not zero, for every dtype.
  for (int64_t done = 0; done < count; done += PART) {
    double values[PART];
    int64_t part = count - done < PART ? count - done : PART;
    ppn_elements_load_double(dtype, data, done * stride, stride, part, values);
    for (int64_t i = 0; i < part; ++i) out[done + i] = values[i] != 0;
  }
}

void ppn_row_load(ppn_dtype_t dtype, const void* data, int64_t stride, int64_t count,
                  ppn_dtype_t type, void* buffer) {
  if (stride == 0 && count > 1) {
    ppn_row_load(dtype, data, 1, 1, type, buffer);
    copy_strided(ppn_dtype_size(type), buffer, 0, (uint8_t*)buffer + ppn_dtype_size(type), 1,
                 count - 1);
  } else if (type == PPN_DTYPE_BOOL) {
    load_boolean(dtype, data, stride, count, buffer);
  } else if (dtype == type) {
    copy_strided(ppn_dtype_size(type), data, stride, buffer, 1, count);
  } else if (type == PPN_DTYPE_INT64) {
    ppn_elements_load_int64(dtype, data, 0, stride, count, buffer);
  } else if (type == PPN_DTYPE_FLOAT64) {
    ppn_elements_load_double(dtype, data, 0, stride, count, buffer);
  } else if (!load_float32(dtype, data, stride, count, buffer)) {
    float* out = buffer;
    for (int64_t done = 0; done < count; done += PART) {
      double values[PART];
      int64_t part = count - done < PART ? count - done : PART;
      ppn_elements_load_double(dtype, data, done * stride, stride, part, values);
      for (int64_t i = 0; i < part; ++i) out[done + i] = (float)values[i];
    }
  }
}

const void* ppn_row_view(ppn_dtype_t dtype, const void* data, int64_t stride, int64_t count,
                         ppn_dtype_t type, void* buffer) {
  if (dtype == type && (stride == 1 || count == 1)) return data;
  ppn_row_load(dtype, data, stride, count, type, buffer);
  return buffer;
}

static bool store_float32(ppn_dtype_t dtype, void* data, int64_t stride, int64_t count,
                          const float* values) {
  switch (dtype) {
    case PPN_DTYPE_FLOAT16:
      if (stride == 1) {
        ppn_float_to_half_array(values, data, (size_t)count);
      } else {
        for (int64_t i = 0; i < count; ++i) {
          ((uint16_t*)data)[i * stride] = ppn_float_to_half(values[i]);
        }
      }
      return true;
    case PPN_DTYPE_BFLOAT16:
      for (int64_t i = 0; i < count; ++i) {
        ((uint16_t*)data)[i * stride] = ppn_float_to_bfloat16(values[i]);
      }
      return true;
    default:
      return false;
  }
}

void ppn_row_store(ppn_dtype_t dtype, void* data, int64_t stride, int64_t count, ppn_dtype_t type,
                   const void* values) {
  if (dtype == type || (type == PPN_DTYPE_BOOL && dtype == PPN_DTYPE_UINT8)) {
    copy_strided(ppn_dtype_size(type), values, 1, data, stride, count);
  } else if (type == PPN_DTYPE_INT64) {
    ppn_elements_store_int64(dtype, data, 0, stride, count, values);
  } else if (type == PPN_DTYPE_FLOAT64) {
    ppn_elements_store_double(dtype, data, 0, stride, count, values);
  } else if (type == PPN_DTYPE_BOOL) {
    for (int64_t done = 0; done < count; done += PART) {
      int64_t wide[PART], part = count - done < PART ? count - done : PART;
      for (int64_t i = 0; i < part; ++i) wide[i] = ((const uint8_t*)values)[done + i];
      ppn_elements_store_int64(dtype, data, done * stride, stride, part, wide);
    }
  } else if (!store_float32(dtype, data, stride, count, values)) {
    for (int64_t done = 0; done < count; done += PART) {
      double wide[PART];
      int64_t part = count - done < PART ? count - done : PART;
      for (int64_t i = 0; i < part; ++i) wide[i] = (double)((const float*)values)[done + i];
      ppn_elements_store_double(dtype, data, done * stride, stride, part, wide);
    }
  }
}
