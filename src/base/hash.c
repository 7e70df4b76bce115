#include "base/hash.h"

#include <stdlib.h>
#include <xxhash.h>

uint64_t ppn_hash64(const void* data, size_t size) {
  return XXH3_64bits(data, size);
}

static ppn_hash128_t from_xxh(XXH128_hash_t hash) {
  ppn_hash128_t result = {hash.low64, hash.high64};
  return result;
}

ppn_hash128_t ppn_hash128(const void* data, size_t size) {
  return from_xxh(XXH3_128bits(data, size));
}

ppn_hasher_t* ppn_hasher_create(void) {
  XXH3_state_t* state = XXH3_createState();
  if (state) XXH3_128bits_reset(state);
  return (ppn_hasher_t*)state;
}

void ppn_hasher_update(ppn_hasher_t* hasher, const void* data, size_t size) {
  XXH3_128bits_update((XXH3_state_t*)hasher, data, size);
}

ppn_hash128_t ppn_hasher_digest(const ppn_hasher_t* hasher) {
  return from_xxh(XXH3_128bits_digest((const XXH3_state_t*)hasher));
}

void ppn_hasher_free(ppn_hasher_t* hasher) {
  XXH3_freeState((XXH3_state_t*)hasher);
}
