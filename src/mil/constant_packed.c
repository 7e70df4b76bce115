// Packs integers of a byte or more into fewer bits, and finds out how many they need.
#include "mil/constant_packed.h"

#include <string.h>

#include "tensor/tensor.h"

enum {
  PIECE = 1 << 15,  // elements at a time: a multiple of 8, so that pieces end with whole bytes
};

// `bytes` as they would be written if each element had a byte of its own.
static ppn_mil_constant_t as_bytes(const ppn_mil_constant_t* constant) {
  ppn_mil_constant_t bytes = *constant;
  bytes.dtype = ppn_dtype_is_signed(constant->dtype) ? PPN_DTYPE_INT8 : PPN_DTYPE_UINT8;
  return bytes;
}

// `count` elements of `bits` bits; the last byte is filled up with zeros.
static void pack(const uint8_t* elements, int64_t count, unsigned bits, uint8_t* out) {
  if (bits == 4) {
    for (int64_t i = 0; i + 1 < count; i += 2) {
      *out++ = (uint8_t)((elements[i] & 15) | elements[i + 1] << 4);
    }
    if (count % 2) *out = elements[count - 1] & 15;
    return;
  }
  unsigned held = 0, pending = 0;
  for (int64_t i = 0; i < count; i++) {
    pending |= (elements[i] & ((1u << bits) - 1)) << held;
    for (held += bits; held >= 8; held -= 8, pending >>= 8) *out++ = (uint8_t)pending;
  }
  if (held) *out = (uint8_t)pending;
}

ppn_status_t ppn_mil_constant_write_packed(const ppn_mil_constant_t* constant, ppn_sink_t sink) {
  ppn_mil_constant_t bytes = as_bytes(constant);
  unsigned bits = ppn_dtype_bits(constant->dtype);
  int64_t total = ppn_mil_constant_numel(constant);
  if (ppn_dtype_size(constant->view.dtype) == 0) {
    return ppn_status_make(PPN_STATUS_INTERNAL, "%s cannot be made from %s",
                           ppn_dtype_name(constant->dtype), ppn_dtype_name(constant->view.dtype));
  }
  uint8_t elements[PIECE], packed[PIECE];
  for (int64_t begin = 0; begin < total; begin += PIECE) {
    int64_t count = total - begin < PIECE ? total - begin : PIECE;
    ppn_mil_constant_finish(&bytes, begin, count, elements);
    pack(elements, count, bits, packed);
    PPN_RETURN_IF_ERROR(ppn_sink_write(sink, packed, ((size_t)count * bits + 7) / 8));
  }
  return ppn_status_ok();
}

static ppn_status_t append(void* self, const void* data, size_t size) {
  uint8_t** at = self;
  memcpy(*at, data, size);
  *at += size;
  return ppn_status_ok();
}

ppn_status_t ppn_mil_constant_read_packed(const ppn_mil_constant_t* constant, void* out) {
  uint8_t* at = out;
  return ppn_mil_constant_write_packed(constant, (ppn_sink_t){append, &at});
}

// ---- Range ----

static void widen(int64_t low, int64_t high, int64_t* minimum, int64_t* maximum) {
  if (low < *minimum) *minimum = low;
  if (high > *maximum) *maximum = high;
}

static void range_of_signed(const int8_t* elements, int64_t count, int64_t* minimum,
                            int64_t* maximum) {
  int8_t low = INT8_MAX, high = INT8_MIN;
  for (int64_t i = 0; i < count; i++) {
    low = elements[i] < low ? elements[i] : low;
    high = elements[i] > high ? elements[i] : high;
  }
  widen(low, high, minimum, maximum);
}

static void range_of_unsigned(const uint8_t* elements, int64_t count, int64_t* minimum,
                              int64_t* maximum) {
  uint8_t low = UINT8_MAX, high = 0;
  for (int64_t i = 0; i < count; i++) {
    low = elements[i] < low ? elements[i] : low;
    high = elements[i] > high ? elements[i] : high;
  }
  widen(low, high, minimum, maximum);
}

void ppn_mil_constant_range(const ppn_mil_constant_t* constant, int64_t low, int64_t high,
                            int64_t* out_minimum, int64_t* out_maximum) {
  const ppn_tensor_t* view = &constant->view;
  int64_t total = ppn_mil_constant_numel(constant);
  bool is_signed = view->dtype == PPN_DTYPE_INT8, is_unsigned = view->dtype == PPN_DTYPE_UINT8;
  bool is_dense = (is_signed || is_unsigned) && ppn_tensor_is_contiguous(view);
  *out_minimum = total ? INT64_MAX : 0;
  *out_maximum = total ? INT64_MIN : -1;
  for (int64_t begin = 0; begin < total; begin += PIECE) {
    int64_t count = total - begin < PIECE ? total - begin : PIECE;
    if (is_dense && is_signed) {
      range_of_signed((const int8_t*)view->data + begin, count, out_minimum, out_maximum);
    } else if (is_dense) {
      range_of_unsigned((const uint8_t*)view->data + begin, count, out_minimum, out_maximum);
    } else {
      for (int64_t i = begin; i < begin + count; i++) {
        int64_t element = (int64_t)ppn_mil_constant_element(constant, i);
        widen(element, element, out_minimum, out_maximum);
      }
    }
    if (*out_minimum < low || *out_maximum > high) return;
  }
}
