#include "base/thread_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cpu.h"

struct ppn_thread_pool {
  int size;
  pthread_t* threads;
  pthread_mutex_t lock;
  pthread_cond_t work_ready, work_done;
  unsigned generation;  // changes with every loop
  int running;          // workers that have not finished the current loop
  bool stop;
  // the current loop
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

static void* worker(void* argument) {
  ppn_thread_pool_t* pool = argument;
  unsigned seen = 0;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    while (!pool->stop && pool->generation == seen)
      pthread_cond_wait(&pool->work_ready, &pool->lock);
    if (pool->stop) break;
    seen = pool->generation;
    pthread_mutex_unlock(&pool->lock);
    run_pieces(pool);
    pthread_mutex_lock(&pool->lock);
    if (--pool->running == 0) pthread_cond_signal(&pool->work_done);
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

void ppn_thread_pool_parallel_for(ppn_thread_pool_t* pool, size_t count, size_t grain,
                                  ppn_parallel_function_t function, void* context) {
  if (count == 0) return;
  if (grain == 0) grain = 1;
  if (!pool || pool->size == 1 || count <= grain) {
    function(context, 0, count);
    return;
  }
  size_t pieces = (size_t)pool->size * 4, piece = (count + pieces - 1) / pieces;
  pthread_mutex_lock(&pool->lock);
  pool->function = function;
  pool->context = context;
  pool->count = count;
  pool->piece = piece < grain ? grain : piece;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  pool->running = pool->size - 1;
  ++pool->generation;
  pthread_cond_broadcast(&pool->work_ready);
  pthread_mutex_unlock(&pool->lock);
  run_pieces(pool);
  pthread_mutex_lock(&pool->lock);
  while (pool->running > 0) pthread_cond_wait(&pool->work_done, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

void ppn_thread_pool_free(ppn_thread_pool_t* pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->lock);
  pool->stop = true;
  pthread_cond_broadcast(&pool->work_ready);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i + 1 < pool->size; ++i) pthread_join(pool->threads[i], NULL);
  pthread_mutex_destroy(&pool->lock);
  pthread_cond_destroy(&pool->work_ready);
  pthread_cond_destroy(&pool->work_done);
  free(pool->threads);
  free(pool);
}
