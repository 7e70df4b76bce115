#include "kernels/parallel.h"

#include <stdatomic.h>

typedef struct ppn_task_list {
  ppn_task_function_t function;
  void* context;
  int64_t count;
  atomic_llong next;
} ppn_task_list_t;

// The pool's items are slots here, each claimed by one thread, which then takes tasks until none is
// left.
static void run_slots(void* context, size_t begin, size_t end) {
  ppn_task_list_t* list = context;
  for (size_t slot = begin; slot < end; ++slot) {
    for (;;) {
      int64_t task = atomic_fetch_add_explicit(&list->next, 1, memory_order_relaxed);
      if (task >= list->count) break;
      list->function(list->context, (int)slot, task);
    }
  }
}

void ppn_parallel_tasks(ppn_thread_pool_t* pool, int64_t count, ppn_task_function_t function,
                        void* context) {
  int64_t slots = pool ? ppn_thread_pool_size(pool) : 1;
  if (slots > count) slots = count;
  if (slots <= 1) {
    for (int64_t task = 0; task < count; ++task) function(context, 0, task);
    return;
  }
  ppn_task_list_t list = {function, context, count, 0};
  atomic_init(&list.next, 0);
  ppn_thread_pool_parallel_for(pool, (size_t)slots, 1, run_slots, &list);
}
