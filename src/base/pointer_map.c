#include "base/pointer_map.h"

#include <stdint.h>
#include <stdlib.h>

// Multiplicative hashing; the high bits are the well-mixed ones.
static size_t slot_of(const ppn_pointer_map_t* map, const void* key) {
  uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15);
  size_t mask = map->capacity - 1, slot = (size_t)(hash >> 32) & mask;
  while (map->slots[slot].key && map->slots[slot].key != key) slot = (slot + 1) & mask;
  return slot;
}

static ppn_status_t grow(ppn_pointer_map_t* map) {
  ppn_pointer_map_t larger = {.count = map->count,
                              .capacity = map->capacity ? map->capacity * 2 : 64};
  larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
  if (!larger.slots) return ppn_out_of_memory();
  for (size_t i = 0; i < map->capacity; ++i) {
    if (map->slots[i].key) larger.slots[slot_of(&larger, map->slots[i].key)] = map->slots[i];
  }
  free(map->slots);
  *map = larger;
  return ppn_status_ok();
}

void ppn_pointer_map_release(ppn_pointer_map_t* map) {
  free(map->slots);
  *map = (ppn_pointer_map_t){0};
}

void* ppn_pointer_map_get(const ppn_pointer_map_t* map, const void* key) {
  return map->capacity ? map->slots[slot_of(map, key)].value : NULL;
}

ppn_status_t ppn_pointer_map_set(ppn_pointer_map_t* map, const void* key, void* value) {
  if (map->count * 2 >= map->capacity) PPN_RETURN_IF_ERROR(grow(map));
  ppn_pointer_map_entry_t* entry = &map->slots[slot_of(map, key)];
  if (!entry->key) ++map->count;
  entry->key = key;
  entry->value = value;
  return ppn_status_ok();
}
