// What several delegates of a program share: made for the first that asks, freed with the last.
#ifndef PPN_RUNTIME_SHARES_H_
#define PPN_RUNTIME_SHARES_H_

#include "base/status.h"

// Thread-safe.
typedef struct ppn_shares ppn_shares_t;

typedef struct ppn_share_kind {
  // Makes an object; `context` is that of the call to acquire.
  ppn_status_t (*create)(const void* context, void** out_object);
  void (*release)(void* object);
} ppn_share_kind_t;

ppn_status_t ppn_shares_create(ppn_shares_t** out_shares) PPN_MUST_USE;
// All objects must have been released. NULL is fine.
void ppn_shares_free(ppn_shares_t* shares);

// The object of this kind that is known by `key`, an address. Each successful call is followed by
// one to ppn_shares_release. Errors: those of `create`.
ppn_status_t ppn_shares_acquire(ppn_shares_t* shares, const ppn_share_kind_t* kind, const void* key,
                                const void* context, void** out_object) PPN_MUST_USE;
void ppn_shares_release(ppn_shares_t* shares, void* object);  // NULL is fine

#endif  // PPN_RUNTIME_SHARES_H_
