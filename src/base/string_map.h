// String map: text to a pointer or number, in insertion order, open addressing.
#ifndef PPN_BASE_STRING_MAP_H_
#define PPN_BASE_STRING_MAP_H_

#include "base/span.h"
#include "base/status.h"

typedef struct ppn_string_map_entry {
  ppn_string_view_t key;  // borrowed: must outlive the map
  void* value;
  uint64_t hash;
} ppn_string_map_entry_t;

// Owns its tables, not keys or values. Zero-initialised is a valid empty map. Entries keep
// insertion order in `entries`.
typedef struct ppn_string_map {
  ppn_string_map_entry_t* entries;
  size_t count, capacity;
  uint32_t* slots;  // index + 1 into entries, 0 empty
  size_t slot_count;
} ppn_string_map_t;

void ppn_string_map_release(ppn_string_map_t* map);
// The value for `key`, or NULL.
void* ppn_string_map_get(const ppn_string_map_t* map, ppn_string_view_t key);
ppn_string_map_entry_t* ppn_string_map_find(const ppn_string_map_t* map, ppn_string_view_t key);
// Adds or replaces. Errors: OUT_OF_MEMORY.
ppn_status_t ppn_string_map_set(ppn_string_map_t* map, ppn_string_view_t key,
                                void* value) PPN_MUST_USE;

#endif  // PPN_BASE_STRING_MAP_H_
