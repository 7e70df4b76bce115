// How the engine holds values: the stored form of a dtype, and constants in it.
#ifndef PPN_ENGINE_STORAGE_H_
#define PPN_ENGINE_STORAGE_H_

#include "base/arena.h"
#include "mil/constant.h"
#include "tensor/tensor.h"

// FLOAT16 → FLOAT32, sub-byte integers → INT8 or UINT8, everything else as it is.
ppn_dtype_t ppn_engine_stored_dtype(ppn_dtype_t dtype);

// A constant in stored form: the view's own memory when that is possible (weights stay in the
// mapped file), otherwise converted into the arena. STRING constants have no data.
ppn_status_t ppn_engine_constant_store(const ppn_mil_constant_t* constant, ppn_arena_t* arena,
                                       ppn_tensor_t* out_tensor) PPN_MUST_USE;

// The stored forms of a program's constants, made when first asked for and kept: one for all
// constants that lie in the same place. Thread-safe.
typedef struct ppn_engine_constants ppn_engine_constants_t;

ppn_status_t ppn_engine_constants_create(ppn_engine_constants_t** out_constants) PPN_MUST_USE;
void ppn_engine_constants_free(ppn_engine_constants_t* constants);
// `constant` must outlive `constants`; the result lives as long as both.
ppn_status_t ppn_engine_constants_get(ppn_engine_constants_t* constants,
                                      const ppn_mil_constant_t* constant,
                                      ppn_tensor_t* out_tensor) PPN_MUST_USE;

#endif  // PPN_ENGINE_STORAGE_H_
