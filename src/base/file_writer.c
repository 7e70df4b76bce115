#include "base/file_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"

#define BUFFER_SIZE (1u << 18)
#define SUFFIX ".part-XXXXXX"

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

static void destroy(ppn_file_writer_t* writer) {
  free(writer->path);
  free(writer->temporary);
  free(writer);
}

static ppn_status_t cannot_open(const char* path) {
  const char* reason = errno == ENOENT ? "its folder does not exist" : strerror(errno);
  return ppn_status_make(PPN_STATUS_IO, "cannot write '%s': %s", path, reason);
}

// Devices and pipes are written as they are: there is nothing to replace.
static ppn_status_t open_special(ppn_file_writer_t* writer) {
  writer->descriptor = open(writer->path, O_WRONLY | O_CLOEXEC);
  return writer->descriptor < 0 ? cannot_open(writer->path) : ppn_status_ok();
}

static ppn_status_t open_temporary(ppn_file_writer_t* writer) {
  size_t size = strlen(writer->path) + sizeof(SUFFIX);
  writer->temporary = malloc(size);
  if (!writer->temporary) return ppn_out_of_memory();
  snprintf(writer->temporary, size, "%s" SUFFIX, writer->path);
  writer->descriptor = mkstemp(writer->temporary);
  if (writer->descriptor < 0) return cannot_open(writer->path);
  // mkstemp makes private files; an output file gets the permissions that any other new file would.
  mode_t mask = umask(0);
  umask(mask);
  (void)fchmod(writer->descriptor, 0666 & ~mask);
  return ppn_status_ok();
}

ppn_status_t ppn_file_writer_open(const char* path, ppn_file_writer_t** out_writer) {
  *out_writer = NULL;
  ppn_file_writer_t* writer = malloc(sizeof(*writer));
  if (!writer) return ppn_out_of_memory();
  writer->position = 0;
  writer->used = 0;
  writer->temporary = NULL;
  // The target of a link is replaced, not the link.
  writer->path = realpath(path, NULL);
  if (!writer->path) writer->path = strdup(path);
  struct stat information;
  ppn_status_t status;
  if (!writer->path) {
    status = ppn_out_of_memory();
  } else if (stat(writer->path, &information) != 0 || S_ISREG(information.st_mode)) {
    status = open_temporary(writer);
  } else if (S_ISDIR(information.st_mode)) {
    status = ppn_status_make(PPN_STATUS_IO, "cannot write '%s': it is a folder", path);
  } else {
    status = open_special(writer);
  }
  if (status) {
    destroy(writer);
    return status;
  }
  *out_writer = writer;
  return status;
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

ppn_status_t ppn_file_writer_commit(ppn_file_writer_t* writer) {
  ppn_status_t status = flush(writer);
  if (close(writer->descriptor) != 0 && !status) {
    status =
        ppn_status_make(PPN_STATUS_IO, "cannot finish '%s': %s", writer->path, strerror(errno));
  }
  if (!status && writer->temporary && rename(writer->temporary, writer->path) != 0) {
    status =
        ppn_status_make(PPN_STATUS_IO, "cannot replace '%s': %s", writer->path, strerror(errno));
  }
  if (status && writer->temporary) unlink(writer->temporary);
  destroy(writer);
  return status;
}

void ppn_file_writer_abandon(ppn_file_writer_t* writer) {
  if (!writer) return;
  close(writer->descriptor);
  if (writer->temporary) unlink(writer->temporary);
  destroy(writer);
}
