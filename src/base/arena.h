// Arena: memory for compile-time structures that die together.
#ifndef PPN_BASE_ARENA_H_
#define PPN_BASE_ARENA_H_

#include <stdarg.h>
#include <stddef.h>

#include "base/portability.h"
#include "base/span.h"
#include "base/status.h"

typedef struct ppn_arena_block ppn_arena_block_t;

// Grows in blocks; nothing is freed before ppn_arena_release. Not thread-safe. Zero-initialised is
// a valid empty arena.
typedef struct ppn_arena {
  ppn_arena_block_t* blocks;
  size_t total;  // bytes handed out
} ppn_arena_t;

// `size` zeroed bytes aligned for any type, or NULL when memory is out. Size 0 gives a valid
// pointer.
void* ppn_arena_alloc(ppn_arena_t* arena, size_t size);

// `count` zeroed elements; NULL also when the product overflows.
void* ppn_arena_alloc_array(ppn_arena_t* arena, size_t count, size_t element_size);

// Copies with a terminating 0 byte; NULL when memory is out.
char* ppn_arena_strdup(ppn_arena_t* arena, ppn_string_view_t text);
void* ppn_arena_memdup(ppn_arena_t* arena, const void* data, size_t size);
char* ppn_arena_printf(ppn_arena_t* arena, const char* format, ...) PPN_PRINTF(2, 3);

// Takes everything back, keeping memory for as much again: a cycle of equal requests and resets
// allocates nothing after its first rounds.
void ppn_arena_reset(ppn_arena_t* arena);

// Frees everything and leaves an empty arena.
void ppn_arena_release(ppn_arena_t* arena);

// PPN_ARENA_NEW(arena, count, &pointer): allocates `count` elements of the pointed-to type or
// returns OUT_OF_MEMORY from the calling function.
#define PPN_ARENA_NEW(arena, count, out_pointer)                                               \
  do {                                                                                         \
    *(out_pointer) = ppn_arena_alloc_array((arena), (size_t)(count), sizeof(**(out_pointer))); \
    if (PPN_UNLIKELY(!*(out_pointer))) return ppn_out_of_memory();                             \
  } while (0)

#endif  // PPN_BASE_ARENA_H_
