#include "tensor/element.h"

#include "base/half.h"

int64_t ppn_double_to_int64(double value) {
  return value >= -0x1p63 && value < 0x1p63 ? (int64_t)value : INT64_MIN;
}

// Elements may lie at any address (payloads of archives have no alignment), hence memcpy.
#define LOAD_ROW(type, expression)                       \
  for (int64_t i = 0; i < count; ++i) {                  \
    type element;                                        \
    memcpy(&element, bytes + i * step, sizeof(element)); \
    out[i] = (expression);                               \
  }                                                      \
  return;

static uint64_t load_bits(const uint8_t* data, int64_t index, unsigned width) {
  uint64_t bit = (uint64_t)index * width, value = 0;
  for (unsigned i = 0; i < width; ++i, ++bit) {
    value |= (uint64_t)(data[bit / 8] >> (bit % 8) & 1) << i;
  }
  return value;
}

static int64_t load_packed(ppn_dtype_t dtype, const uint8_t* data, int64_t index) {
  unsigned width = ppn_dtype_bits(dtype);
  int64_t value = (int64_t)load_bits(data, index, width);
  if (ppn_dtype_is_signed(dtype) && value >> (width - 1)) value -= (int64_t)1 << width;
  return value;
}

void ppn_elements_load_double(ppn_dtype_t dtype, const void* data, int64_t offset, int64_t stride,
                              int64_t count, double* out) {
  size_t size = ppn_dtype_size(dtype);
  const uint8_t* bytes = (const uint8_t*)data + offset * (int64_t)size;
  int64_t step = stride * (int64_t)size;
  switch (dtype) {
    case PPN_DTYPE_BOOL:
      LOAD_ROW(uint8_t, element != 0)
    case PPN_DTYPE_UINT8:
      LOAD_ROW(uint8_t, element)
    case PPN_DTYPE_INT8:
      LOAD_ROW(int8_t, element)
    case PPN_DTYPE_UINT16:
      LOAD_ROW(uint16_t, element)
    case PPN_DTYPE_INT16:
      LOAD_ROW(int16_t, element)
    case PPN_DTYPE_UINT32:
      LOAD_ROW(uint32_t, element)
    case PPN_DTYPE_INT32:
      LOAD_ROW(int32_t, element)
    case PPN_DTYPE_UINT64:
      LOAD_ROW(uint64_t, (double)element)
    case PPN_DTYPE_INT64:
      LOAD_ROW(int64_t, (double)element)
    case PPN_DTYPE_FLOAT16:
    case PPN_DTYPE_COMPLEX32:
      LOAD_ROW(uint16_t, ppn_half_to_float(element))
    case PPN_DTYPE_BFLOAT16:
      LOAD_ROW(uint16_t, ppn_bfloat16_to_float(element))
    case PPN_DTYPE_FLOAT32:
    case PPN_DTYPE_COMPLEX64:
      LOAD_ROW(float, element)
    case PPN_DTYPE_FLOAT64:
    case PPN_DTYPE_COMPLEX128:
      LOAD_ROW(double, element)
    case PPN_DTYPE_FLOAT8_E4M3FN:
    case PPN_DTYPE_FLOAT8_E5M2:
    case PPN_DTYPE_FLOAT8_E4M3FNUZ:
    case PPN_DTYPE_FLOAT8_E5M2FNUZ:
    case PPN_DTYPE_FLOAT8_E8M0FNU:
      LOAD_ROW(uint8_t, ppn_float8_to_float(dtype, element))
    default:
      for (int64_t i = 0; i < count; ++i) {
        out[i] = ppn_dtype_bits(dtype) ? (double)load_packed(dtype, data, offset + i * stride) : 0;
      }
  }
}

void ppn_elements_load_int64(ppn_dtype_t dtype, const void* data, int64_t offset, int64_t stride,
                             int64_t count, int64_t* out) {
  size_t size = ppn_dtype_size(dtype);
  const uint8_t* bytes = (const uint8_t*)data + offset * (int64_t)size;
  int64_t step = stride * (int64_t)size;
  switch (dtype) {
    case PPN_DTYPE_BOOL:
      LOAD_ROW(uint8_t, element != 0)
    case PPN_DTYPE_UINT8:
      LOAD_ROW(uint8_t, element)
    case PPN_DTYPE_INT8:
      LOAD_ROW(int8_t, element)
    case PPN_DTYPE_UINT16:
      LOAD_ROW(uint16_t, element)
    case PPN_DTYPE_INT16:
      LOAD_ROW(int16_t, element)
    case PPN_DTYPE_UINT32:
      LOAD_ROW(uint32_t, element)
    case PPN_DTYPE_INT32:
      LOAD_ROW(int32_t, element)
    case PPN_DTYPE_UINT64:
    case PPN_DTYPE_INT64:
      LOAD_ROW(int64_t, element)
    default:
      break;
  }
  for (int64_t i = 0; i < count; ++i) {
    int64_t index = offset + i * stride;
    if (size == 0) {
      out[i] = ppn_dtype_bits(dtype) ? load_packed(dtype, data, index) : 0;
    } else {
      double value;
      ppn_elements_load_double(dtype, data, index, 1, 1, &value);
      out[i] = ppn_double_to_int64(value);
    }
  }
}

#define STORE_ROW(type, expression)                      \
  for (int64_t i = 0; i < count; ++i) {                  \
    type element = (type)(expression);                   \
    memcpy(bytes + i * step, &element, sizeof(element)); \
  }                                                      \
  return;

static void store_packed(ppn_dtype_t dtype, uint8_t* data, int64_t index, int64_t value) {
  unsigned width = ppn_dtype_bits(dtype);
  uint64_t bit = (uint64_t)index * width;
  for (unsigned i = 0; i < width; ++i, ++bit) {
    uint8_t mask = (uint8_t)(1u << (bit % 8));
    data[bit / 8] = (uint8_t)((value >> i & 1) ? data[bit / 8] | mask : data[bit / 8] & ~mask);
  }
}

static void store_integer_row(ppn_dtype_t dtype, void* data, int64_t offset, int64_t stride,
                              int64_t count, const int64_t* values) {
  size_t size = ppn_dtype_size(dtype);
  uint8_t* bytes = (uint8_t*)data + offset * (int64_t)size;
  int64_t step = stride * (int64_t)size;
  switch (size) {
    case 1:
      STORE_ROW(uint8_t, values[i])
    case 2:
      STORE_ROW(uint16_t, values[i])
    case 4:
      STORE_ROW(uint32_t, values[i])
    case 8:
      STORE_ROW(uint64_t, values[i])
    default:
      if (ppn_dtype_bits(dtype) == 0) return;
      for (int64_t i = 0; i < count; ++i) {
        store_packed(dtype, data, offset + i * stride, values[i]);
      }
  }
}

void ppn_elements_store_double(ppn_dtype_t dtype, void* data, int64_t offset, int64_t stride,
                               int64_t count, const double* values) {
  size_t size = ppn_dtype_size(dtype);
  uint8_t* bytes = (uint8_t*)data + offset * (int64_t)size;
  int64_t step = stride * (int64_t)size;
  switch (dtype) {
    case PPN_DTYPE_BOOL:
      STORE_ROW(uint8_t, values[i] != 0)
    case PPN_DTYPE_FLOAT16:
      STORE_ROW(uint16_t, ppn_float_to_half((float)values[i]))
    case PPN_DTYPE_BFLOAT16:
      STORE_ROW(uint16_t, ppn_float_to_bfloat16((float)values[i]))
    case PPN_DTYPE_FLOAT32:
      STORE_ROW(float, values[i])
    case PPN_DTYPE_FLOAT64:
      STORE_ROW(double, values[i])
    case PPN_DTYPE_FLOAT8_E4M3FN:
    case PPN_DTYPE_FLOAT8_E5M2:
    case PPN_DTYPE_FLOAT8_E4M3FNUZ:
    case PPN_DTYPE_FLOAT8_E5M2FNUZ:
    case PPN_DTYPE_FLOAT8_E8M0FNU:
      STORE_ROW(uint8_t, ppn_float8_from_float(dtype, (float)values[i]))
    case PPN_DTYPE_UINT64:
      // Values from 2^63 on do not fit int64.
      STORE_ROW(uint64_t, values[i] >= 0x1p63 && values[i] < 0x1p64
                              ? (uint64_t)values[i]
                              : (uint64_t)ppn_double_to_int64(values[i]))
    default:
      for (int64_t i = 0; i < count; ++i) {
        int64_t integer = ppn_double_to_int64(values[i]);
        store_integer_row(dtype, data, offset + i * stride, 1, 1, &integer);
      }
  }
}

void ppn_elements_store_int64(ppn_dtype_t dtype, void* data, int64_t offset, int64_t stride,
                              int64_t count, const int64_t* values) {
  size_t size = ppn_dtype_size(dtype);
  uint8_t* bytes = (uint8_t*)data + offset * (int64_t)size;
  int64_t step = stride * (int64_t)size;
  switch (dtype) {
    case PPN_DTYPE_BOOL:
      STORE_ROW(uint8_t, values[i] != 0)
    case PPN_DTYPE_FLOAT16:
      STORE_ROW(uint16_t, ppn_float_to_half((float)values[i]))
    case PPN_DTYPE_BFLOAT16:
      STORE_ROW(uint16_t, ppn_float_to_bfloat16((float)values[i]))
    case PPN_DTYPE_FLOAT32:
      STORE_ROW(float, values[i])
    case PPN_DTYPE_FLOAT64:
      STORE_ROW(double, values[i])
    case PPN_DTYPE_FLOAT8_E4M3FN:
    case PPN_DTYPE_FLOAT8_E5M2:
    case PPN_DTYPE_FLOAT8_E4M3FNUZ:
    case PPN_DTYPE_FLOAT8_E5M2FNUZ:
    case PPN_DTYPE_FLOAT8_E8M0FNU:
      STORE_ROW(uint8_t, ppn_float8_from_float(dtype, (float)values[i]))
    default:
      store_integer_row(dtype, data, offset, stride, count, values);
  }
}
