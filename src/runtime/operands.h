// Operands of operator rows as plain arrays, for kernels that take contiguous memory of one dtype.
#ifndef PPN_RUNTIME_OPERANDS_H_
#define PPN_RUNTIME_OPERANDS_H_

#include "runtime/operator.h"

// What numbers of `dtype` are computed in: FLOAT32 for half floats too, FLOAT64, or INT64 for
// integers and BOOL. Any other is an error of the call, and FLOAT32.
ppn_dtype_t ppn_call_compute_dtype(ppn_operator_call_t* call, ppn_dtype_t dtype);

// The elements of `tensor`, contiguous and of type `dtype`: in place where they are that already,
// else a copy in the call's scratch. NULL for NULL and after an error.
const void* ppn_call_elements(ppn_operator_call_t* call, const ppn_tensor_t* tensor,
                              ppn_dtype_t dtype);

// Where to write results of type `dtype` for `out`: its own memory where that fits, else scratch.
// NULL after an error.
void* ppn_call_result(ppn_operator_call_t* call, const ppn_tensor_t* out, ppn_dtype_t dtype);
// Moves results written to what ppn_call_result returned into `out`, converting.
void ppn_call_store(ppn_operator_call_t* call, void* result, ppn_dtype_t dtype, ppn_tensor_t* out);

// Scratch aligned to 64 bytes; NULL after an error.
void* ppn_call_aligned_scratch(ppn_operator_call_t* call, size_t size);

// Sizes for `rank` (at most 3) dimensions: the list at `index` has one entry for all or one for
// each, `fallback` stands for an empty one (NULL: an error). Each is `minimum` or more.
void ppn_call_sizes(ppn_operator_call_t* call, uint32_t index, const char* what, int rank,
                    const int64_t* fallback, int64_t minimum, int64_t* out);

// Fails the call with INVALID_ARGUMENT.
void ppn_call_refuse(ppn_operator_call_t* call, const char* format, ...) PPN_PRINTF(2, 3);

#endif  // PPN_RUNTIME_OPERANDS_H_
