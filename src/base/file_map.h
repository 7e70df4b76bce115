// A file's bytes, mapped read-only.
#ifndef PPN_BASE_FILE_MAP_H_
#define PPN_BASE_FILE_MAP_H_

#include "base/span.h"
#include "base/status.h"

// The mapping is private and read-only; safe to read from several threads. Pages are loaded when
// touched.
typedef struct ppn_file_map {
  ppn_span_t bytes;
  void* mapping;  // NULL for an empty file
} ppn_file_map_t;

// Errors: NOT_FOUND, IO (message has the path and the system's reason), INVALID_ARGUMENT for a
// folder.
ppn_status_t ppn_file_map_open(const char* path, ppn_file_map_t* out_map) PPN_MUST_USE;
// Tells the kernel that pages of `range` (inside the map) are not needed any more; they stay
// readable.
void ppn_file_map_discard(const ppn_file_map_t* map, ppn_span_t range);
void ppn_file_map_close(ppn_file_map_t* map);

#endif  // PPN_BASE_FILE_MAP_H_
