// Pointer map: addresses to pointers, open addressing. For side tables over structures that must
// not be written to.
#ifndef PPN_BASE_POINTER_MAP_H_
#define PPN_BASE_POINTER_MAP_H_

#include <stddef.h>

#include "base/status.h"

typedef struct ppn_pointer_map_entry {
  const void* key;
  void* value;
} ppn_pointer_map_entry_t;

// Owns its table, not keys or values. Zero-initialised is a valid empty map.
typedef struct ppn_pointer_map {
  ppn_pointer_map_entry_t* slots;  // `capacity` entries, a power of two; key NULL: empty
  size_t count, capacity;
} ppn_pointer_map_t;

void ppn_pointer_map_release(ppn_pointer_map_t* map);
// The value for `key` (not NULL), or NULL.
void* ppn_pointer_map_get(const ppn_pointer_map_t* map, const void* key);
// Adds or replaces. Errors: OUT_OF_MEMORY.
ppn_status_t ppn_pointer_map_set(ppn_pointer_map_t* map, const void* key, void* value) PPN_MUST_USE;

#endif  // PPN_BASE_POINTER_MAP_H_
