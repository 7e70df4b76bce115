// What operators that move elements share: views as results, contiguous copies, scalars as
// elements.
#ifndef PPN_RUNTIME_OPERATOR_SUPPORT_H_
#define PPN_RUNTIME_OPERATOR_SUPPORT_H_

#include "runtime/operands.h"
#include "runtime/operator.h"
#include "tensor/view.h"

// The result at `index` becomes a copy of a view. Ends the call.
ppn_status_t ppn_call_return_view(ppn_operator_call_t* call, uint32_t index,
                                  const ppn_tensor_t* view) PPN_MUST_USE;

// ppn_call_elements and ppn_call_result as tensors: contiguous, of the same sizes. After an error
// they have no data. ppn_call_store(call, dense.data, dense.dtype, out) ends what dense_out begins.
ppn_tensor_t ppn_call_dense_as(ppn_operator_call_t* call, const ppn_tensor_t* tensor,
                               ppn_dtype_t dtype);
ppn_tensor_t ppn_call_dense(ppn_operator_call_t* call, const ppn_tensor_t* tensor);
ppn_tensor_t ppn_call_dense_out(ppn_operator_call_t* call, const ppn_tensor_t* out,
                                ppn_dtype_t dtype);

// Room for an element of any dtype.
typedef union ppn_element {
  uint8_t bytes[16];
  uint64_t words[2];
} ppn_element_t;

// A Scalar argument as an element of `dtype`; `fallback` for None.
ppn_element_t ppn_call_element(ppn_operator_call_t* call, uint32_t index, ppn_dtype_t dtype,
                               double fallback);

// Fails unless `condition`; whether it holds and there was no error before.
bool ppn_call_check(ppn_operator_call_t* call, bool condition, ppn_status_code_t code,
                    const char* format, ...) PPN_PRINTF(4, 5);

#endif  // PPN_RUNTIME_OPERATOR_SUPPORT_H_
