// Core ML's weight file, "blob storage version 2".
//
//   0    file header, 64 bytes: u32 count, u32 version = 2, zeros
//   64   record 0, 64 bytes:    u32 0xDEADBEEF, u32 dtype, u64 size, u64 data offset, u64 unused
//   bits 128  data 0 …    record 1 at the next multiple of 64, data 1 behind it, …; nothing after
//   the last data byte
//
// Little-endian. A program refers to the offset of a record, not of its data.
#ifndef PPN_FORMATS_WEIGHT_BLOB_H_
#define PPN_FORMATS_WEIGHT_BLOB_H_

#include "base/span.h"
#include "base/status.h"
#include "tensor/dtype.h"

#define PPN_WEIGHT_BLOB_ALIGNMENT 64

// True when the file format has a code for this dtype (no bool, 64-bit types, strings).
bool ppn_weight_blob_has_dtype(ppn_dtype_t dtype);

// ---- Reading ----

typedef struct ppn_weight_blob_entry {
  uint64_t offset;       // of the record
  uint64_t data_offset;  // of the data
  ppn_dtype_t dtype;
  int64_t numel;
  ppn_span_t data;  // inside the file
} ppn_weight_blob_entry_t;

// Checks the file header. Errors: INVALID_DATA, INCOMPATIBLE_VERSION.
ppn_status_t ppn_weight_blob_verify(ppn_span_t file, uint32_t* out_count) PPN_MUST_USE;
// The entry whose record is at `offset`, checked: sentinel, dtype, bounds, element count. Errors:
// INVALID_DATA with the offset and what is wrong.
ppn_status_t ppn_weight_blob_find(ppn_span_t file, uint64_t offset,
                                  ppn_weight_blob_entry_t* out_entry) PPN_MUST_USE;
// Offset of the record behind an entry (64 for the first: pass NULL). The file has one per count of
// the header.
uint64_t ppn_weight_blob_next(const ppn_weight_blob_entry_t* entry);

// ---- Writing ----

// Lays entries out one after the other. Zero-initialised is an empty file.
typedef struct ppn_weight_blob_layout {
  uint64_t end;  // of the last data byte; 0 before the first entry
  uint32_t count;
} ppn_weight_blob_layout_t;

// The record's offset of a new entry with `size` data bytes. Errors: OUT_OF_RANGE past 2^63 bytes.
ppn_status_t ppn_weight_blob_layout_add(ppn_weight_blob_layout_t* layout, uint64_t size,
                                        uint64_t* out_offset) PPN_MUST_USE;
// Bytes of the finished file: at least the header.
uint64_t ppn_weight_blob_layout_size(const ppn_weight_blob_layout_t* layout);

void ppn_weight_blob_make_header(uint32_t count, uint8_t out_header[64]);
// The record at `offset` of `numel` elements of `dtype`, whose data follow it.
void ppn_weight_blob_make_record(uint64_t offset, ppn_dtype_t dtype, int64_t numel,
                                 uint8_t out_record[64]);

#endif  // PPN_FORMATS_WEIGHT_BLOB_H_
