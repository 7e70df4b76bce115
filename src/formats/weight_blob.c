#include "formats/weight_blob.h"

#include <inttypes.h>

#include "base/checked.h"
#include "tensor/tensor.h"

#define VERSION 2
#define SENTINEL 0xDEADBEEF
#define HEADER_SIZE 64
#define RECORD_SIZE 64

// Index: the file's code.
static const ppn_dtype_t dtype_of_code[] = {
    [1] = PPN_DTYPE_FLOAT16,        [2] = PPN_DTYPE_FLOAT32,      [3] = PPN_DTYPE_UINT8,
    [4] = PPN_DTYPE_INT8,           [5] = PPN_DTYPE_BFLOAT16,     [6] = PPN_DTYPE_INT16,
    [7] = PPN_DTYPE_UINT16,         [8] = PPN_DTYPE_INT4,         [9] = PPN_DTYPE_UINT1,
    [10] = PPN_DTYPE_UINT2,         [11] = PPN_DTYPE_UINT4,       [12] = PPN_DTYPE_UINT3,
    [13] = PPN_DTYPE_UINT6,         [14] = PPN_DTYPE_INT32,       [15] = PPN_DTYPE_UINT32,
    [16] = PPN_DTYPE_FLOAT8_E4M3FN, [17] = PPN_DTYPE_FLOAT8_E5M2,
};

static uint32_t code_of_dtype(ppn_dtype_t dtype) {
  for (uint32_t code = 1; code < PPN_COUNT_OF(dtype_of_code); ++code) {
    if (dtype_of_code[code] == dtype) return code;
  }
  return 0;
}

bool ppn_weight_blob_has_dtype(ppn_dtype_t dtype) {
  return dtype != PPN_DTYPE_INVALID && code_of_dtype(dtype) != 0;
}

static uint32_t load_u32(const uint8_t* at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t load_u64(const uint8_t* at) {
  return load_u32(at) | (uint64_t)load_u32(at + 4) << 32;
}

static void store_u32(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = (uint8_t)(value >> 8 * i);
}

static void store_u64(uint8_t* at, uint64_t value) {
  for (int i = 0; i < 8; ++i) at[i] = (uint8_t)(value >> 8 * i);
}

// ---- Reading ----

ppn_status_t ppn_weight_blob_verify(ppn_span_t file, uint32_t* out_count) {
  if (file.size < HEADER_SIZE) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the weight file has %zu bytes, its header alone has %d", file.size,
                           HEADER_SIZE);
  }
  uint32_t version = load_u32(file.data + 4);
  if (version != VERSION) {
    return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                           "the weight file has storage version %" PRIu32 ", expected %d", version,
                           VERSION);
  }
  *out_count = load_u32(file.data);
  return ppn_status_ok();
}

static ppn_status_t invalid_record(uint64_t offset, const char* problem, uint64_t found) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "weight file, record at offset %" PRIu64 ": %s (found %" PRIu64 ")",
                         offset, problem, found);
}

ppn_status_t ppn_weight_blob_find(ppn_span_t file, uint64_t offset,
                                  ppn_weight_blob_entry_t* out_entry) {
  memset(out_entry, 0, sizeof(*out_entry));
  if (offset < HEADER_SIZE || offset % PPN_WEIGHT_BLOB_ALIGNMENT != 0) {
    return invalid_record(offset, "an offset is a multiple of 64 behind the header", offset);
  }
  if (offset > file.size || file.size - offset < RECORD_SIZE) {
    return invalid_record(offset, "it lies outside the file, whose size is less", file.size);
  }
  const uint8_t* record = file.data + offset;
  uint32_t sentinel = load_u32(record), code = load_u32(record + 4);
  uint64_t size = load_u64(record + 8), data = load_u64(record + 16),
           padding = load_u64(record + 24);
  if (sentinel != SENTINEL) {
    return invalid_record(offset, "it does not start with 0xDEADBEEF", sentinel);
  }
  if (code == 0 || code >= PPN_COUNT_OF(dtype_of_code)) {
    return invalid_record(offset, "unknown data type code", code);
  }
  if (data > file.size || size > file.size - data) {
    return invalid_record(offset, "its data reach past the end of the file, size", size);
  }
  ppn_dtype_t dtype = dtype_of_code[code];
  unsigned bits = ppn_dtype_bits(dtype);
  // Older writers left garbage where whole-byte types have no padding.
  if (bits >= 8) padding = 0;
  if (padding >= 8 || (padding != 0 && size == 0)) {
    return invalid_record(offset, "too many unused bits", padding);
  }
  if (size > INT64_MAX / 8 || (size * 8 - padding) % bits != 0) {
    return invalid_record(offset, "its size is no whole number of elements", size);
  }
  out_entry->offset = offset;
  out_entry->data_offset = data;
  out_entry->dtype = dtype;
  out_entry->numel = (int64_t)((size * 8 - padding) / bits);
  out_entry->data = ppn_span_make(file.data + data, (size_t)size);
  return ppn_status_ok();
}

uint64_t ppn_weight_blob_next(const ppn_weight_blob_entry_t* entry) {
  if (!entry) return HEADER_SIZE;
  uint64_t end = entry->data_offset + entry->data.size;
  return (end + PPN_WEIGHT_BLOB_ALIGNMENT - 1) / PPN_WEIGHT_BLOB_ALIGNMENT *
         PPN_WEIGHT_BLOB_ALIGNMENT;
}

// ---- Writing ----

ppn_status_t ppn_weight_blob_layout_add(ppn_weight_blob_layout_t* layout, uint64_t size,
                                        uint64_t* out_offset) {
  uint64_t end = layout->count ? layout->end : HEADER_SIZE;
  uint64_t offset =
      (end + PPN_WEIGHT_BLOB_ALIGNMENT - 1) / PPN_WEIGHT_BLOB_ALIGNMENT * PPN_WEIGHT_BLOB_ALIGNMENT;
  if (size > INT64_MAX / 2 || offset > INT64_MAX / 2 || layout->count == UINT32_MAX) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "the weight file would grow past 2^62 bytes");
  }
  layout->end = offset + RECORD_SIZE + size;
  ++layout->count;
  *out_offset = offset;
  return ppn_status_ok();
}

uint64_t ppn_weight_blob_layout_size(const ppn_weight_blob_layout_t* layout) {
  return layout->count ? layout->end : HEADER_SIZE;
}

void ppn_weight_blob_make_header(uint32_t count, uint8_t out_header[64]) {
  memset(out_header, 0, HEADER_SIZE);
  store_u32(out_header, count);
  store_u32(out_header + 4, VERSION);
}

void ppn_weight_blob_make_record(uint64_t offset, ppn_dtype_t dtype, int64_t numel,
                                 uint8_t out_record[64]) {
  memset(out_record, 0, RECORD_SIZE);
  uint64_t bits = (uint64_t)numel * ppn_dtype_bits(dtype);
  store_u32(out_record, SENTINEL);
  store_u32(out_record + 4, code_of_dtype(dtype));
  store_u64(out_record + 8, (bits + 7) / 8);
  store_u64(out_record + 16, offset + RECORD_SIZE);
  store_u64(out_record + 24, (8 - bits % 8) % 8);
}
