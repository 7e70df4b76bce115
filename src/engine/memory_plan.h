// Placing buffers with lifetimes in one piece of memory.
#ifndef PPN_ENGINE_MEMORY_PLAN_H_
#define PPN_ENGINE_MEMORY_PLAN_H_

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct ppn_engine_block {
  size_t size;           // 0: takes no room
  uint32_t first, last;  // steps at which it is in use, inclusive
  size_t offset;         // set by ppn_engine_memory_plan; a multiple of `alignment`
} ppn_engine_block_t;

// Sets offsets so that blocks in use at the same step do not overlap: largest first, each at the
// lowest offset that is free for as long as it lives. `*out_size` is what all need together.
// Errors: OUT_OF_MEMORY.
ppn_status_t ppn_engine_memory_plan(ppn_engine_block_t* blocks, uint32_t count, size_t alignment,
                                    size_t* out_size) PPN_MUST_USE;

#endif  // PPN_ENGINE_MEMORY_PLAN_H_
