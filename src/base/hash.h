// Content hash (XXH3, from the xxHash library).
#ifndef PPN_BASE_HASH_H_
#define PPN_BASE_HASH_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ppn_hash128 {
  uint64_t low, high;
} ppn_hash128_t;

uint64_t ppn_hash64(const void* data, size_t size);
ppn_hash128_t ppn_hash128(const void* data, size_t size);
static inline bool ppn_hash128_equal(ppn_hash128_t a, ppn_hash128_t b) {
  return a.low == b.low && a.high == b.high;
}

// Hashing in pieces.
typedef struct ppn_hasher ppn_hasher_t;
ppn_hasher_t* ppn_hasher_create(void);  // NULL when memory is out
void ppn_hasher_update(ppn_hasher_t* hasher, const void* data, size_t size);
ppn_hash128_t ppn_hasher_digest(const ppn_hasher_t* hasher);
void ppn_hasher_free(ppn_hasher_t* hasher);

#endif  // PPN_BASE_HASH_H_
