#include "base/file_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"

#define BUFFER_SIZE (1u << 18)

struct ppn_file_writer {
  char* path;
  char* temporary;
  int descriptor;
  uint64_t position;
  size_t used;
  uint8_t buffer[BUFFER_SIZE];
};

ppn_status_t ppn_sink_write_zeros(ppn_sink_t sink, uint64_t size) {
  static const uint8_t zeros[4096];
  while (size > 0) {
    size_t piece = size < sizeof(zeros) ? (size_t)size : sizeof(zeros);
    PPN_RETURN_IF_ERROR(ppn_sink_write(sink, zeros, piece));
    size -= piece;
  }
  return ppn_status_ok();
}

static ppn_status_t write_to_buffer(void* self, const void* data, size_t size) {
  ppn_buffer_append(self, data, size);
  return ppn_buffer_status(self);
}

ppn_sink_t ppn_sink_to_buffer(ppn_buffer_t* buffer) {
  ppn_sink_t sink = {write_to_buffer, buffer};
  return sink;
}

ppn_status_t ppn_file_writer_open(const char* path, ppn_file_writer_t** out_writer) {
  *out_writer = NULL;
  ppn_file_writer_t* writer = malloc(sizeof(*writer));
  if (!writer) return ppn_out_of_memory();
  writer->position = 0;
  writer->used = 0;
  size_t size = strlen(path);
  writer->path = malloc(size + 1);
  writer->temporary = malloc(size + 16);
  if (!writer->path || !writer->temporary) {
    free(writer->path);
    free(writer->temporary);
    free(writer);
    return ppn_out_of_memory();
  }
  memcpy(writer->path, path, size + 1);
  snprintf(writer->temporary, size + 16, "%s.part-XXXXXX", path);
  writer->descriptor = mkstemp(writer->temporary);
  if (writer->descriptor < 0) {
    ppn_status_t status = ppn_status_make(PPN_STATUS_IO, "cannot create a file beside '%s': %s",
                                          path, strerror(errno));
    free(writer->path);
    free(writer->temporary);
    free(writer);
    return status;
  }
  // mkstemp makes private files; an output file gets the permissions that any other new file would.
  mode_t mask = umask(0);
  umask(mask);
  (void)fchmod(writer->descriptor, 0666 & ~mask);
  *out_writer = writer;
  return ppn_status_ok();
}

static ppn_status_t write_all(ppn_file_writer_t* writer, const uint8_t* data, size_t size) {
  while (size > 0) {
    ssize_t written = write(writer->descriptor, data, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      return ppn_status_make(PPN_STATUS_IO, "cannot write '%s': %s", writer->path, strerror(errno));
    }
    data += written;
    size -= (size_t)written;
  }
  return ppn_status_ok();
}

static ppn_status_t flush(ppn_file_writer_t* writer) {
  size_t used = writer->used;
  writer->used = 0;
  return write_all(writer, writer->buffer, used);
}

static ppn_status_t write_to_file(void* self, const void* data, size_t size) {
  ppn_file_writer_t* writer = self;
  writer->position += size;
  if (size > BUFFER_SIZE - writer->used) PPN_RETURN_IF_ERROR(flush(writer));
  if (size >= BUFFER_SIZE) return write_all(writer, data, size);
  memcpy(writer->buffer + writer->used, data, size);
  writer->used += size;
  return ppn_status_ok();
}

ppn_sink_t ppn_file_writer_sink(ppn_file_writer_t* writer) {
  ppn_sink_t sink = {write_to_file, writer};
  return sink;
}

uint64_t ppn_file_writer_position(const ppn_file_writer_t* writer) {
  return writer->position;
}

static void destroy(ppn_file_writer_t* writer) {
  free(writer->path);
  free(writer->temporary);
  free(writer);
}

ppn_status_t ppn_file_writer_commit(ppn_file_writer_t* writer) {
  ppn_status_t status = flush(writer);
  if (close(writer->descriptor) != 0 && !status) {
    status =
        ppn_status_make(PPN_STATUS_IO, "cannot finish '%s': %s", writer->path, strerror(errno));
  }
  if (!status && rename(writer->temporary, writer->path) != 0) {
    status =
        ppn_status_make(PPN_STATUS_IO, "cannot replace '%s': %s", writer->path, strerror(errno));
  }
  if (status) unlink(writer->temporary);
  destroy(writer);
  return status;
}

void ppn_file_writer_abandon(ppn_file_writer_t* writer) {
  if (!writer) return;
  close(writer->descriptor);
  unlink(writer->temporary);
  destroy(writer);
}
