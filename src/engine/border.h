// The border between callers and the engine: declared types on one side, stored form on the other.
#ifndef PPN_ENGINE_BORDER_H_
#define PPN_ENGINE_BORDER_H_

#include "mil/mil.h"
#include "tensor/tensor.h"

// Memory for one converted input or output; grows only.
typedef struct ppn_engine_transfer {
  void* memory;
  size_t capacity;
} ppn_engine_transfer_t;

void ppn_engine_transfer_release(ppn_engine_transfer_t* transfer);
ppn_status_t ppn_engine_transfer_reserve(ppn_engine_transfer_t* transfer, size_t size) PPN_MUST_USE;

// Checks `inputs` against the types of the function's tensor inputs (states are skipped). Errors:
// INVALID_ARGUMENT for count and dtypes; OUT_OF_RANGE naming input, dimension, expected and found.
ppn_status_t ppn_engine_check_inputs(const ppn_mil_function_t* function, const ppn_tensor_t* inputs,
                                     uint32_t input_count) PPN_MUST_USE;
// The input in stored form and contiguous: the caller's memory, or converted into the transfer's.
ppn_status_t ppn_engine_take_input(ppn_engine_transfer_t* transfer, const ppn_tensor_t* input,
                                   ppn_tensor_t* out_tensor) PPN_MUST_USE;
// Hands a result over in `dtype`: into `output->data` when that is set, else as a view of the
// result or of the transfer's memory.
ppn_status_t ppn_engine_give_output(ppn_engine_transfer_t* transfer, ppn_dtype_t dtype,
                                    const ppn_tensor_t* result, ppn_tensor_t* output) PPN_MUST_USE;

#endif  // PPN_ENGINE_BORDER_H_
