// ZIP archives, reading: entries as views of a mapped file.
#ifndef PPN_FORMATS_ZIP_ARCHIVE_H_
#define PPN_FORMATS_ZIP_ARCHIVE_H_

#include "base/arena.h"
#include "base/span.h"
#include "base/status.h"
#include "base/string_map.h"

typedef struct ppn_zip_entry {
  ppn_string_view_t name;  // inside the archive's bytes
  uint64_t header_offset, compressed_size, size;
  uint32_t crc;
  uint16_t method, flags;   // 0 stored, 8 deflated
  const uint8_t* inflated;  // private: the content, once it was inflated
} ppn_zip_entry_t;

// Borrows the archive's bytes. Entries are in the order of the central directory.
typedef struct ppn_zip_archive {
  ppn_span_t bytes;
  ppn_arena_t arena;
  ppn_zip_entry_t* entries;
  uint32_t entry_count;
  ppn_string_map_t by_name;
  uint64_t inflated_size;  // of all entries that were inflated
} ppn_zip_archive_t;

// Reads and checks the central directory: bounds, names (relative, printable, each once). Errors:
// INVALID_DATA with the offset.
ppn_status_t ppn_zip_open(ppn_span_t bytes, ppn_zip_archive_t* out_archive) PPN_MUST_USE;
void ppn_zip_close(ppn_zip_archive_t* archive);

// NULL when there is none.
ppn_zip_entry_t* ppn_zip_find(const ppn_zip_archive_t* archive, const char* name);
// The content: a view of the archive when it is stored, else inflated into the archive's arena
// (once). Errors: INVALID_DATA (local header, bounds, damaged compression), UNSUPPORTED
// (encryption, other methods).
ppn_status_t ppn_zip_read(ppn_zip_archive_t* archive, ppn_zip_entry_t* entry,
                          ppn_span_t* out_content) PPN_MUST_USE;
// Compares the content with the checksum the archive states for it. Reads every byte: meant for
// texts and pickles, not for weights. A checksum of 0 was not computed, and is not compared.
// Errors: INVALID_DATA with entry and offset.
ppn_status_t ppn_zip_check(const ppn_zip_entry_t* entry, ppn_span_t content) PPN_MUST_USE;

#endif  // PPN_FORMATS_ZIP_ARCHIVE_H_
