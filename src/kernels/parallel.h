// Tasks of uneven length that need memory of their own while they run.
#ifndef PPN_KERNELS_PARALLEL_H_
#define PPN_KERNELS_PARALLEL_H_

#include <stdint.h>

#include "base/thread_pool.h"

// `slot` is below ppn_thread_pool_size(pool); no two tasks run with the same slot at a time.
typedef void (*ppn_task_function_t)(void* context, int slot, int64_t task);

// Runs tasks 0 … count - 1, in about this order, on the pool's threads. NULL pool: on the caller's.
void ppn_parallel_tasks(ppn_thread_pool_t* pool, int64_t count, ppn_task_function_t function,
                        void* context);

#endif  // PPN_KERNELS_PARALLEL_H_
