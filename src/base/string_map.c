#include "base/string_map.h"

#include <stdlib.h>

#include "base/hash.h"

void ppn_string_map_release(ppn_string_map_t* map) {
  free(map->entries);
  free(map->slots);
  memset(map, 0, sizeof(*map));
}

ppn_string_map_entry_t* ppn_string_map_find(const ppn_string_map_t* map, ppn_string_view_t key) {
  if (map->slot_count == 0) return NULL;
  uint64_t hash = ppn_hash64(key.data, key.size);
  for (size_t slot = hash & (map->slot_count - 1);; slot = (slot + 1) & (map->slot_count - 1)) {
    if (map->slots[slot] == 0) return NULL;
    ppn_string_map_entry_t* entry = &map->entries[map->slots[slot] - 1];
    if (entry->hash == hash && ppn_sv_equal(entry->key, key)) return entry;
  }
}

void* ppn_string_map_get(const ppn_string_map_t* map, ppn_string_view_t key) {
  ppn_string_map_entry_t* entry = ppn_string_map_find(map, key);
  return entry ? entry->value : NULL;
}

static void insert_slot(ppn_string_map_t* map, size_t index) {
  size_t slot = map->entries[index].hash & (map->slot_count - 1);
  while (map->slots[slot] != 0) slot = (slot + 1) & (map->slot_count - 1);
  map->slots[slot] = (uint32_t)index + 1;
}

static ppn_status_t grow(ppn_string_map_t* map) {
  size_t capacity = map->capacity ? map->capacity * 2 : 16;
  if (capacity > UINT32_MAX / 4) return ppn_out_of_memory();
  ppn_string_map_entry_t* entries = realloc(map->entries, capacity * sizeof(*entries));
  if (!entries) return ppn_out_of_memory();
  map->entries = entries;
  uint32_t* slots = calloc(capacity * 2, sizeof(*slots));
  if (!slots) return ppn_out_of_memory();
  free(map->slots);
  map->slots = slots;
  map->slot_count = capacity * 2;
  map->capacity = capacity;
  for (size_t i = 0; i < map->count; ++i) insert_slot(map, i);
  return ppn_status_ok();
}

ppn_status_t ppn_string_map_set(ppn_string_map_t* map, ppn_string_view_t key, void* value) {
  ppn_string_map_entry_t* existing = ppn_string_map_find(map, key);
  if (existing) {
    existing->value = value;
    return ppn_status_ok();
  }
  if (map->count == map->capacity) PPN_RETURN_IF_ERROR(grow(map));
  ppn_string_map_entry_t entry = {key, value, ppn_hash64(key.data, key.size)};
  map->entries[map->count] = entry;
  insert_slot(map, map->count++);
  return ppn_status_ok();
}
