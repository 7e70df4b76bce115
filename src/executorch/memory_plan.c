#include "executorch/memory_plan.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/checked.h"

// Buckets are disjoint pieces of the arena. Members are chained by index + 1; 0 ends a chain.
typedef struct bucket {
  uint64_t size;
  uint32_t members;
  uint32_t first, last;  // of all members together: most buckets are told apart by this alone
} bucket_t;

typedef struct planner {
  ppn_planned_tensor_t* tensors;
  uint32_t* order;        // largest first
  uint32_t* next_member;  // by tensor
  uint32_t* bucket_of;    // by tensor
  bucket_t* buckets;
  uint32_t bucket_count;
} planner_t;

static bool overlap(const ppn_planned_tensor_t* a, const ppn_planned_tensor_t* b) {
  return a->first <= b->last && b->first <= a->last;
}

// End of the highest member that is alive together with the tensor; 0 when there is none.
static uint64_t busy_until(const planner_t* planner, const bucket_t* bucket,
                           const ppn_planned_tensor_t* tensor) {
  uint64_t end = 0;
  if (tensor->first > bucket->last || tensor->last < bucket->first) return 0;
  for (uint32_t i = bucket->members; i; i = planner->next_member[i - 1]) {
    const ppn_planned_tensor_t* member = &planner->tensors[i - 1];
    if (overlap(member, tensor) && member->offset + member->size > end) {
      end = member->offset + member->size;
    }
  }
  return end;
}

static void join(planner_t* planner, uint32_t index, uint32_t tensor, uint64_t offset) {
  bucket_t* bucket = &planner->buckets[index];
  ppn_planned_tensor_t* member = &planner->tensors[tensor];
  member->offset = offset;
  planner->bucket_of[tensor] = index;
  planner->next_member[tensor] = bucket->members;
  if (!bucket->members || member->first < bucket->first) bucket->first = member->first;
  if (!bucket->members || member->last > bucket->last) bucket->last = member->last;
  bucket->members = tensor + 1;
}

static void place(planner_t* planner, uint32_t index) {
  const ppn_planned_tensor_t* tensor = &planner->tensors[index];
  uint32_t shared = UINT32_MAX;
  uint64_t shared_offset = 0;
  for (uint32_t i = 0; i < planner->bucket_count; ++i) {
    uint64_t end = busy_until(planner, &planner->buckets[i], tensor);
    if (end == 0) {
      join(planner, i, index, 0);
      return;
    }
    // Room above what is alive: taken only when no bucket is free altogether.
    if (shared == UINT32_MAX && end + tensor->size <= planner->buckets[i].size) {
      shared = i;
      shared_offset = end;
    }
  }
  if (shared == UINT32_MAX) {
    shared = planner->bucket_count++;
    planner->buckets[shared] = (bucket_t){.size = tensor->size};
  }
  join(planner, shared, index, shared_offset);
}

typedef struct sort_key {
  uint64_t size;
  uint32_t index;
} sort_key_t;

static int larger_then_later_first(const void* a, const void* b) {
  const sort_key_t *x = a, *y = b;
  if (x->size != y->size) return x->size > y->size ? -1 : 1;
  return x->index > y->index ? -1 : 1;
}

static bool sort_tensors(planner_t* planner, uint32_t count) {
  sort_key_t* keys = malloc((count + (size_t)1) * sizeof(*keys));
  if (!keys) return false;
  for (uint32_t i = 0; i < count; ++i) keys[i] = (sort_key_t){planner->tensors[i].size, i};
  qsort(keys, count, sizeof(*keys), larger_then_later_first);
  for (uint32_t i = 0; i < count; ++i) planner->order[i] = keys[i].index;
  free(keys);
  return true;
}

static ppn_status_t lay_out(planner_t* planner, uint32_t count, uint64_t* out_arena_size) {
  uint64_t end = 0;
  for (uint32_t i = 0; i < planner->bucket_count; ++i) {
    uint64_t size = planner->buckets[i].size;
    planner->buckets[i].size = end;  // from here on: where it starts
    if (!ppn_checked_add(end, size, &end) || end > INT64_MAX) {
      return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                             "the program's tensors need more than 2^63 bytes; give its dynamic "
                             "dimensions smaller upper bounds");
    }
  }
  for (uint32_t i = 0; i < count; ++i) {
    planner->tensors[i].offset += planner->buckets[planner->bucket_of[i]].size;
  }
  *out_arena_size = end;
  return ppn_status_ok();
}

ppn_status_t ppn_memory_plan_greedy(ppn_planned_tensor_t* tensors, uint32_t count,
                                    uint32_t alignment, uint64_t* out_arena_size) {
  size_t slots = count + (size_t)1;
  planner_t planner = {.tensors = tensors};
  planner.order = malloc(slots * sizeof(uint32_t));
  planner.next_member = calloc(slots, sizeof(uint32_t));
  planner.bucket_of = calloc(slots, sizeof(uint32_t));
  planner.buckets = calloc(slots, sizeof(bucket_t));
  ppn_status_t status = NULL;
  if (!planner.order || !planner.next_member || !planner.bucket_of || !planner.buckets) {
    status = ppn_out_of_memory();
  } else {
    for (uint32_t i = 0; i < count; ++i) tensors[i].size = ppn_align(tensors[i].size, alignment);
    if (!sort_tensors(&planner, count)) status = ppn_out_of_memory();
    for (uint32_t i = 0; !status && i < count; ++i) place(&planner, planner.order[i]);
    if (!status) status = lay_out(&planner, count, out_arena_size);
  }
  free(planner.order);
  free(planner.next_member);
  free(planner.bucket_of);
  free(planner.buckets);
  return status;
}
