#include "engine/memory_plan.h"

#include <stdlib.h>

#include "base/checked.h"

static int larger_first(const void* a, const void* b) {
  const ppn_engine_block_t *x = *(ppn_engine_block_t*const*)a, *y = *(ppn_engine_block_t*const*)b;
  if (x->size != y->size) return x->size < y->size ? 1 : -1;
  return x < y ? -1 : x > y;  // the same plan everywhere
}

static int lower_first(const void* a, const void* b) {
  const ppn_engine_block_t *x = *(ppn_engine_block_t*const*)a, *y = *(ppn_engine_block_t*const*)b;
  return x->offset < y->offset ? -1 : x->offset > y->offset;
}

// The lowest free offset beside `neighbours`, which are sorted by offset.
static size_t lowest_offset(ppn_engine_block_t* const* neighbours, uint32_t count, size_t size,
                            size_t alignment) {
  size_t offset = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (neighbours[i]->offset >= offset && neighbours[i]->offset - offset >= size) return offset;
    size_t end = ppn_align(neighbours[i]->offset + neighbours[i]->size, alignment);
    if (end > offset) offset = end;
  }
  return offset;
}

ppn_status_t ppn_engine_memory_plan(ppn_engine_block_t* blocks, uint32_t count, size_t alignment,
                                    size_t* out_size) {
  *out_size = 0;
  ppn_engine_block_t** order = malloc((2 * (size_t)count + 1) * sizeof(*order));
  if (!order) return ppn_out_of_memory();
  ppn_engine_block_t** neighbours = order + count;
  uint32_t used = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (blocks[i].size) order[used++] = &blocks[i];
  }
  qsort(order, used, sizeof(*order), larger_first);
  for (uint32_t i = 0; i < used; ++i) {
    ppn_engine_block_t* block = order[i];
    uint32_t neighbour_count = 0;
    for (uint32_t j = 0; j < i; ++j) {
      if (order[j]->first <= block->last && block->first <= order[j]->last) {
        neighbours[neighbour_count++] = order[j];
      }
    }
    qsort(neighbours, neighbour_count, sizeof(*neighbours), lower_first);
    block->offset = lowest_offset(neighbours, neighbour_count, block->size, alignment);
    size_t end = ppn_align(block->offset + block->size, alignment);
    if (end > *out_size) *out_size = end;
  }
  free(order);
  return ppn_status_ok();
}
