#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"

#define MINIMUM_BLOCK (64 * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct ppn_arena_block {
  ppn_arena_block_t* next;
  size_t capacity, used;
  max_align_t data[];
};

void* ppn_arena_alloc(ppn_arena_t* arena, size_t size) {
  if (size > SIZE_MAX / 2) return NULL;
  size = ppn_align(size ? size : 1, ALIGNMENT);
  ppn_arena_block_t* block = arena->blocks;
  if (!block || block->capacity - block->used < size) {
    size_t capacity = block && block->capacity < (1u << 20) ? block->capacity * 2 : MINIMUM_BLOCK;
    if (capacity < size) capacity = size;
    // calloc: blocks are zeroed once, and the kernel does it lazily for large ones.
    ppn_arena_block_t* fresh = calloc(1, sizeof(*fresh) + capacity);
    if (!fresh) return NULL;
    fresh->capacity = capacity;
    if (block && size > MINIMUM_BLOCK && block->capacity - block->used > size / 8) {
      // A large request must not waste the rest of the current block: chain it behind.
      fresh->next = block->next;
      block->next = fresh;
    } else {
      fresh->next = block;
      arena->blocks = fresh;
    }
    block = fresh;
  }
  void* result = (char*)block->data + block->used;
  block->used += size;
  arena->total += size;
  return result;
}

void* ppn_arena_alloc_array(ppn_arena_t* arena, size_t count, size_t element_size) {
  size_t size;
  if (!ppn_checked_multiply(count, element_size, &size)) return NULL;
  return ppn_arena_alloc(arena, size);
}

char* ppn_arena_strdup(ppn_arena_t* arena, ppn_string_view_t text) {
  if (text.size == SIZE_MAX) return NULL;
  char* copy = ppn_arena_alloc(arena, text.size + 1);
  if (copy && text.size) memcpy(copy, text.data, text.size);
  return copy;
}

void* ppn_arena_memdup(ppn_arena_t* arena, const void* data, size_t size) {
  void* copy = ppn_arena_alloc(arena, size);
  if (copy && size) memcpy(copy, data, size);
  return copy;
}

char* ppn_arena_printf(ppn_arena_t* arena, const char* format, ...) {
  va_list arguments, copy;
  va_start(arguments, format);
  va_copy(copy, arguments);
  int size = vsnprintf(NULL, 0, format, copy);
  va_end(copy);
  char* text = size < 0 ? NULL : ppn_arena_alloc(arena, (size_t)size + 1);
  if (text) vsnprintf(text, (size_t)size + 1, format, arguments);
  va_end(arguments);
  return text;
}

void ppn_arena_reset(ppn_arena_t* arena) {
  ppn_arena_block_t* block = arena->blocks;
  if (block && !block->next) {
    memset(block->data, 0, block->used);
    block->used = 0;
    arena->total = 0;
    return;
  }
  size_t total = arena->total;
  ppn_arena_release(arena);
  // One block for all of it; when memory is out, the next request will tell.
  if (total && ppn_arena_alloc(arena, total)) ppn_arena_reset(arena);
}

void ppn_arena_release(ppn_arena_t* arena) {
  for (ppn_arena_block_t *block = arena->blocks, *next; block; block = next) {
    next = block->next;
    free(block);
  }
  arena->blocks = NULL;
  arena->total = 0;
}
