#include "base/thread_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cpu.h"

// The loop that is running.
typedef struct loop {
  ppn_parallel_function_t function;
  void* context;
  size_t count, piece;
  atomic_size_t next;
} loop_t;

static void run_pieces(loop_t* loop) {
  for (;;) {
    size_t begin = atomic_fetch_add_explicit(&loop->next, loop->piece, memory_order_relaxed);
    if (begin >= loop->count) return;
    size_t end = loop->count - begin < loop->piece ? loop->count : begin + loop->piece;
    loop->function(loop->context, begin, end);
  }
}

// False when the loop is not worth more than one thread, and has been run.
static bool start_loop(loop_t* loop, int threads, size_t count, size_t grain,
                       ppn_parallel_function_t function, void* context) {
  if (count == 0) return false;
  if (grain == 0) grain = 1;
  if (threads == 1 || count <= grain) {
    function(context, 0, count);
    return false;
  }
  size_t pieces = (size_t)threads * 4, piece = (count + pieces - 1) / pieces;
  loop->function = function;
  loop->context = context;
  loop->count = count;
  loop->piece = piece < grain ? grain : piece;
  atomic_store_explicit(&loop->next, 0, memory_order_relaxed);
  return true;
}

#ifdef PPN_WITH_OPENMP

#include <omp.h>

struct ppn_thread_pool {
  int size;
};

ppn_status_t ppn_thread_pool_create(int thread_count, ppn_thread_pool_t** out_pool) {
  *out_pool = calloc(1, sizeof(**out_pool));
  if (!*out_pool) return ppn_out_of_memory();
  (*out_pool)->size = thread_count > 0 ? thread_count : ppn_cpu_count();
  return ppn_status_ok();
}

int ppn_thread_pool_size(const ppn_thread_pool_t* pool) {
  return pool ? pool->size : 1;
}

void ppn_thread_pool_parallel_for(ppn_thread_pool_t* pool, size_t count, size_t grain,
                                  ppn_parallel_function_t function, void* context) {
  loop_t loop;
  int threads = ppn_thread_pool_size(pool);
  if (!start_loop(&loop, threads, count, grain, function, context)) return;
#pragma omp parallel num_threads(threads)
  run_pieces(&loop);
}

void ppn_thread_pool_free(ppn_thread_pool_t* pool) {
  free(pool);
}

int ppn_thread_pool_enter(const ppn_thread_pool_t* pool) {
  int previous = omp_get_max_threads();
  omp_set_num_threads(ppn_thread_pool_size(pool));
  return previous;
}

void ppn_thread_pool_leave(int previous) {
  omp_set_num_threads(previous);
}

#else

struct ppn_thread_pool {
  int size;
  pthread_t* threads;
  pthread_mutex_t lock;
  pthread_cond_t work_ready, work_done;
  unsigned generation;  // changes with every loop
  int running;          // workers that have not finished the current loop
  bool stop;
  loop_t loop;
};

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
    run_pieces(&pool->loop);
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
  loop_t unused;
  loop_t* loop = pool ? &pool->loop : &unused;
  if (!start_loop(loop, ppn_thread_pool_size(pool), count, grain, function, context)) return;
  pthread_mutex_lock(&pool->lock);
  pool->running = pool->size - 1;
  ++pool->generation;
  pthread_cond_broadcast(&pool->work_ready);
  pthread_mutex_unlock(&pool->lock);
  run_pieces(loop);
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

int ppn_thread_pool_enter(const ppn_thread_pool_t* pool) {
  return ppn_thread_pool_size(pool);
}

void ppn_thread_pool_leave(int previous) {
  (void)previous;
}

#endif  // PPN_WITH_OPENMP
