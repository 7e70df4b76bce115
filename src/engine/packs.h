// Constants brought into the form that a kernel reads fastest ("packed"), shared: several plans of
// a model pack each weight once, as long as they want it packed the same way. Packed constants are
// counted, and freed with the last plan that uses them. Thread-safe.
#ifndef PPN_ENGINE_PACKS_H_
#define PPN_ENGINE_PACKS_H_

#include "tensor/tensor.h"

typedef struct ppn_engine_packs ppn_engine_packs_t;

ppn_status_t ppn_engine_packs_create(ppn_engine_packs_t** out_packs) PPN_MUST_USE;
// When all packed constants have been released; NULL is ignored.
void ppn_engine_packs_free(ppn_engine_packs_t* packs);

// A packed constant. It stays where it is.
typedef struct ppn_engine_pack {
  void* memory;  // the elements; allocated with ppn_engine_pack_allocate
  void* form;    // what tells packs of the same constant apart; its packing's own, may be NULL
} ppn_engine_pack_t;

// A way of packing. `wanted` is what was given to ppn_engine_packs_get.
typedef struct ppn_engine_packing {
  bool (*is_wanted)(const ppn_engine_pack_t* pack, const void* wanted);  // NULL: always
  // Sets memory and form; they are released whatever it returns.
  ppn_status_t (*make)(const ppn_tensor_t* constant, const void* wanted, ppn_engine_pack_t* pack);
  void (*release_form)(void* form);  // NULL: nothing to release; never called with NULL
} ppn_engine_packing_t;

// The constant packed as wanted: one that there is already, or a new one. `constant` is told by its
// data, which must stay where it is, unchanged, for as long as `packs` lives. To be released with
// ppn_engine_packs_release.
ppn_status_t ppn_engine_packs_get(ppn_engine_packs_t* packs, const ppn_engine_packing_t* packing,
                                  const ppn_tensor_t* constant, const void* wanted,
                                  const ppn_engine_pack_t** out_pack) PPN_MUST_USE;
// NULL is ignored.
void ppn_engine_packs_release(ppn_engine_packs_t* packs, const ppn_engine_pack_t* pack);

// ---- Help for packings ----

// Aligned as the engine's memory is; NULL when there is none. To be freed with free().
void* ppn_engine_pack_allocate(size_t size);
// A constant, contiguous, FLOAT32 or FLOAT16, in fp32: its own memory, or `*out_memory`, which the
// caller frees. NULL when there is no memory.
const float* ppn_engine_pack_floats(const ppn_tensor_t* constant, void** out_memory);

#endif  // PPN_ENGINE_PACKS_H_
