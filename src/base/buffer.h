// Buffer: bytes or text that grow.
#ifndef PPN_BASE_BUFFER_H_
#define PPN_BASE_BUFFER_H_

#include <stddef.h>
#include <stdint.h>

#include "base/portability.h"
#include "base/span.h"
#include "base/status.h"

// Owns `data`. Zero-initialised is a valid empty buffer. After a failed append the buffer is
// unchanged and `failed` is set, so that a run of appends can be checked once at its end with
// ppn_buffer_status.
typedef struct ppn_buffer {
  uint8_t* data;
  size_t size, capacity;
  bool failed;
} ppn_buffer_t;

void ppn_buffer_release(ppn_buffer_t* buffer);
void ppn_buffer_append(ppn_buffer_t* buffer, const void* data, size_t size);
void ppn_buffer_append_text(ppn_buffer_t* buffer, const char* text);
void ppn_buffer_printf(ppn_buffer_t* buffer, const char* format, ...) PPN_PRINTF(2, 3);
// `size` zeroed bytes appended; the address of the first, or NULL when memory is out. Valid until
// the next append.
uint8_t* ppn_buffer_extend(ppn_buffer_t* buffer, size_t size);
// The content as C text (appends a 0 byte that is not counted in `size`); "" when memory is out.
const char* ppn_buffer_text(ppn_buffer_t* buffer);
static inline ppn_status_t ppn_buffer_status(const ppn_buffer_t* buffer) {
  return buffer->failed ? ppn_out_of_memory() : ppn_status_ok();
}

#endif  // PPN_BASE_BUFFER_H_
