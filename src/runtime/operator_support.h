// What operators that move elements share: views as results, contiguous copies, scalars as elements.
#ifndef PPN_RUNTIME_OPERATOR_SUPPORT_H_
#define PPN_RUNTIME_OPERATOR_SUPPORT_H_

#include "runtime/operator.h"
#include "tensor/view.h"

// The result at `index` becomes a copy of a view. Ends the call.
ppn_status_t ppn_call_return_view(ppn_operator_call_t* call, uint32_t index,
                                  const ppn_tensor_t* view) PPN_MUST_USE;

// The tensor itself when it is contiguous, or a copy in scratch memory. After an error: no data.
ppn_tensor_t ppn_call_dense(ppn_operator_call_t* call, const ppn_tensor_t* tensor);
// A copy of another dtype, in scratch memory, unless it is a contiguous tensor of that dtype.
ppn_tensor_t ppn_call_dense_as(ppn_operator_call_t* call, const ppn_tensor_t* tensor,
                               ppn_dtype_t dtype);
// Contiguous memory for a result of `out`'s sizes: its own, or scratch memory that
// ppn_call_store copies from.
ppn_tensor_t ppn_call_dense_out(ppn_operator_call_t* call, const ppn_tensor_t* out,
                                ppn_dtype_t dtype);
void ppn_call_store(ppn_operator_call_t* call, const ppn_tensor_t* dense, const ppn_tensor_t* out);

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
