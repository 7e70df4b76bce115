// A file that appears complete or not at all.
#ifndef PPN_BASE_FILE_WRITER_H_
#define PPN_BASE_FILE_WRITER_H_

#include <stdint.h>

#include "base/span.h"
#include "base/status.h"

// Where bytes go, in order: a file, a buffer, a hash. `write` is called with pieces of any size; an
// error stops the producer and is returned by it.
typedef struct ppn_sink {
  ppn_status_t (*write)(void* self, const void* data, size_t size);
  void* self;
} ppn_sink_t;

static inline ppn_status_t ppn_sink_write(ppn_sink_t sink, const void* data, size_t size) {
  return sink.write(sink.self, data, size);
}
// `size` zero bytes.
ppn_status_t ppn_sink_write_zeros(ppn_sink_t sink, uint64_t size) PPN_MUST_USE;

struct ppn_buffer;
// A sink that appends to a buffer (borrowed).
ppn_sink_t ppn_sink_to_buffer(struct ppn_buffer* buffer);

typedef struct ppn_file_writer ppn_file_writer_t;

// Opens a temporary file in the folder of `path` (of what it links to). Nothing appears under
// `path` before ppn_file_writer_commit, which syncs nothing to disk but renames atomically. Devices
// and pipes are written to directly. Errors: IO.
ppn_status_t ppn_file_writer_open(const char* path, ppn_file_writer_t** out_writer) PPN_MUST_USE;
ppn_sink_t ppn_file_writer_sink(ppn_file_writer_t* writer);
uint64_t ppn_file_writer_position(const ppn_file_writer_t* writer);
// Moves the finished file to its name and frees the writer, also on failure (then no file is left).
ppn_status_t ppn_file_writer_commit(ppn_file_writer_t* writer) PPN_MUST_USE;
// Removes the temporary file and frees the writer. NULL is fine.
void ppn_file_writer_abandon(ppn_file_writer_t* writer);

#endif  // PPN_BASE_FILE_WRITER_H_
