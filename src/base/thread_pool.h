// Thread pool: runs the pieces of one loop on several threads.
//
// Loops often follow each other within microseconds, so a thread that has nothing to do watches for
// the next loop for a short while before it sleeps.
#ifndef PPN_BASE_THREAD_POOL_H_
#define PPN_BASE_THREAD_POOL_H_

#include <stddef.h>

#include "base/status.h"

typedef struct ppn_thread_pool ppn_thread_pool_t;

// A piece of work: items [begin, end) of the loop.
typedef void (*ppn_parallel_function_t)(void* context, size_t begin, size_t end);

// `thread_count` threads including the caller's; 0 means one per processor. A pool of 1 starts no
// thread.
ppn_status_t ppn_thread_pool_create(int thread_count, ppn_thread_pool_t** out_pool) PPN_MUST_USE;
int ppn_thread_pool_size(const ppn_thread_pool_t* pool);
// Splits [0, count) in pieces of at least `grain` items and runs them; returns when all are done.
// No allocation. NULL pool runs everything on the caller. One caller at a time; not reentrant.
void ppn_thread_pool_parallel_for(ppn_thread_pool_t* pool, size_t count, size_t grain,
                                  ppn_parallel_function_t function, void* context);
void ppn_thread_pool_free(ppn_thread_pool_t* pool);

#endif  // PPN_BASE_THREAD_POOL_H_
