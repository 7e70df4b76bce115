#include "base/thread_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/cpu.h"

// How long a thread watches before it sleeps: longer than most operations that one thread does
// alone.
#define WATCH_NANOSECONDS 100000

struct ppn_thread_pool {
  int size;
  pthread_t* threads;
  pthread_mutex_t lock;
  pthread_cond_t work_ready, work_done;
  atomic_uint generation;  // changes with every loop; written under the lock
  int sleeping;            // workers that wait for work_ready
  bool caller_sleeps;      // the caller waits for work_done
  bool stop;
  // The current loop. Workers join it one by one under the lock, while it is open.
  bool is_open;
  atomic_int active;  // workers in it
  ppn_parallel_function_t function;
  void* context;
  size_t count, piece;
  atomic_size_t next;
};

static void run_pieces(ppn_thread_pool_t* pool) {
  for (;;) {
    size_t begin = atomic_fetch_add_explicit(&pool->next, pool->piece, memory_order_relaxed);
    if (begin >= pool->count) return;
    size_t end = pool->count - begin < pool->piece ? pool->count : begin + pool->piece;
    pool->function(pool->context, begin, end);
  }
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void pause_briefly(void) {
#ifdef PPN_CPU_X86_64
  for (int i = 0; i < 16; ++i) __builtin_ia32_pause();
#endif
}

// Waits a short while for a new loop.
static void watch_for_work(ppn_thread_pool_t* pool, unsigned seen) {
  uint64_t end = now() + WATCH_NANOSECONDS;
  do {
    for (int i = 0; i < 32; ++i) {
      if (atomic_load_explicit(&pool->generation, memory_order_acquire) != seen) return;
      pause_briefly();
    }
  } while (now() < end);
}

static void watch_for_end(ppn_thread_pool_t* pool) {
  uint64_t end = now() + WATCH_NANOSECONDS;
  do {
    for (int i = 0; i < 32; ++i) {
      if (atomic_load_explicit(&pool->active, memory_order_acquire) == 0) return;
      pause_briefly();
    }
  } while (now() < end);
}

static void* worker(void* argument) {
  ppn_thread_pool_t* pool = argument;
  unsigned seen = 0;
  for (;;) {
    watch_for_work(pool, seen);
    pthread_mutex_lock(&pool->lock);
    ++pool->sleeping;
    while (!pool->stop && atomic_load_explicit(&pool->generation, memory_order_relaxed) == seen) {
      pthread_cond_wait(&pool->work_ready, &pool->lock);
    }
    --pool->sleeping;
    if (pool->stop) break;
    seen = atomic_load_explicit(&pool->generation, memory_order_relaxed);
    bool joins = pool->is_open;
    if (joins) atomic_fetch_add_explicit(&pool->active, 1, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    if (!joins) continue;
    run_pieces(pool);
    if (atomic_fetch_sub_explicit(&pool->active, 1, memory_order_acq_rel) != 1) continue;
    pthread_mutex_lock(&pool->lock);
    if (pool->caller_sleeps) pthread_cond_signal(&pool->work_done);
    pthread_mutex_unlock(&pool->lock);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

ppn_status_t ppn_thread_pool_create(int thread_count, ppn_thread_pool_t** out_pool) {
  *out_pool = NULL;
  if (thread_count <= 0) thread_count = ppn_cpu_count();
  ppn_thread_pool_t* pool = calloc(1, sizeof(*pool));
  if (!pool) return ppn_out_of_memory();
  pool->threads = calloc((size_t)thread_count, sizeof(*pool->threads));
  if (!pool->threads) {
    free(pool);
    return ppn_out_of_memory();
  }
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work_ready, NULL);
  pthread_cond_init(&pool->work_done, NULL);
  pool->size = 1;
  while (pool->size < thread_count) {
    // Fewer threads than asked for is slower, not wrong.
    if (pthread_create(&pool->threads[pool->size - 1], NULL, worker, pool) != 0) break;
    ++pool->size;
  }
  *out_pool = pool;
  return ppn_status_ok();
}

int ppn_thread_pool_size(const ppn_thread_pool_t* pool) {
  return pool ? pool->size : 1;
}

static void open_loop(ppn_thread_pool_t* pool, size_t count, size_t grain,
                      ppn_parallel_function_t function, void* context) {
  size_t pieces = (size_t)pool->size * 4, piece = (count + pieces - 1) / pieces;
  pthread_mutex_lock(&pool->lock);
  pool->function = function;
  pool->context = context;
  pool->count = count;
  pool->piece = piece < grain ? grain : piece;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  pool->is_open = true;
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  if (pool->sleeping > 0) pthread_cond_broadcast(&pool->work_ready);
  pthread_mutex_unlock(&pool->lock);
}

// A worker that did not come in time is not waited for: all pieces are taken.
static void close_loop(ppn_thread_pool_t* pool) {
  pthread_mutex_lock(&pool->lock);
  pool->is_open = false;
  pthread_mutex_unlock(&pool->lock);
  watch_for_end(pool);
  pthread_mutex_lock(&pool->lock);
  pool->caller_sleeps = true;
  while (atomic_load_explicit(&pool->active, memory_order_acquire) > 0) {
    pthread_cond_wait(&pool->work_done, &pool->lock);
  }
  pool->caller_sleeps = false;
  pthread_mutex_unlock(&pool->lock);
}

void ppn_thread_pool_parallel_for(ppn_thread_pool_t* pool, size_t count, size_t grain,
                                  ppn_parallel_function_t function, void* context) {
  if (count == 0) return;
  if (grain == 0) grain = 1;
  if (!pool || pool->size == 1 || count <= grain) {
    function(context, 0, count);
    return;
  }
  open_loop(pool, count, grain, function, context);
  run_pieces(pool);
  close_loop(pool);
}

void ppn_thread_pool_free(ppn_thread_pool_t* pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->lock);
  pool->stop = true;
  atomic_fetch_add_explicit(&pool->generation, 1, memory_order_release);
  pthread_cond_broadcast(&pool->work_ready);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i + 1 < pool->size; ++i) pthread_join(pool->threads[i], NULL);
  pthread_mutex_destroy(&pool->lock);
  pthread_cond_destroy(&pool->work_ready);
  pthread_cond_destroy(&pool->work_done);
  free(pool->threads);
  free(pool);
}
