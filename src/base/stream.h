// Bytes that are produced on demand: known size, written once, in order, never held as a whole.
#ifndef PPN_BASE_STREAM_H_
#define PPN_BASE_STREAM_H_

#include "base/file_writer.h"

// `write` sends exactly `size` bytes to the sink; it may be called several times and gives the same
// bytes each time. `self` is owned by whoever made the producer; `release` (may be NULL) frees it.
typedef struct ppn_producer {
  uint64_t size;
  ppn_status_t (*write)(void* self, ppn_sink_t sink);
  void (*release)(void* self);
  void* self;
} ppn_producer_t;

static inline ppn_status_t ppn_producer_write(const ppn_producer_t* producer, ppn_sink_t sink) {
  return producer->write(producer->self, sink);
}
static inline void ppn_producer_release(ppn_producer_t* producer) {
  if (producer->release) producer->release(producer->self);
  producer->release = NULL;
}

#endif  // PPN_BASE_STREAM_H_
