// Running `.pte` programs: program → method → execute.
#ifndef PPN_RUNTIME_PROGRAM_H_
#define PPN_RUNTIME_PROGRAM_H_

#include "base/file_map.h"
#include "engine/engine.h"
#include "pippin/runtime.h"
#include "tensor/tensor.h"

// The public part is pippin/runtime.h; its functions are implemented in this layer.

// The bytes must outlive the program. `name` is for messages.
ppn_status_t ppn_program_open_bytes(ppn_span_t bytes, const char* name,
                                    ppn_program_t** out_program) PPN_MUST_USE;

#endif  // PPN_RUNTIME_PROGRAM_H_
