// Memory planning: places tensors in one arena so that those alive at the same time do not overlap.
#ifndef PPN_EXECUTORCH_MEMORY_PLAN_H_
#define PPN_EXECUTORCH_MEMORY_PLAN_H_

#include "base/status.h"

#include <stdint.h>

typedef struct ppn_planned_tensor {
  uint64_t size;         // bytes; rounded up by the planner
  uint32_t first, last;  // positions in the program between which it is alive, inclusive
  uint64_t offset;       // result
} ppn_planned_tensor_t;

// ExecuTorch's greedy algorithm with the same result: largest tensors first (of equal ones the last
// given first), each into the first bucket of memory where it disturbs nobody. `tensors` are in
// program order. Errors: OUT_OF_MEMORY, OUT_OF_RANGE.
ppn_status_t ppn_memory_plan_greedy(ppn_planned_tensor_t* tensors, uint32_t count,
                                    uint32_t alignment, uint64_t* out_arena_size) PPN_MUST_USE;

#endif  // PPN_EXECUTORCH_MEMORY_PLAN_H_
