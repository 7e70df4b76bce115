// What operators that compute share: promotion of dtypes, broadcasting, scalars as tensors.
#ifndef PPN_RUNTIME_OPERATOR_NUMBERS_H_
#define PPN_RUNTIME_OPERATOR_NUMBERS_H_

#include "runtime/operator.h"

// The dtype of an operation of two tensors; an error of the call, and FLOAT32, where torch has
// none.
ppn_dtype_t ppn_call_promote(ppn_operator_call_t* call, ppn_dtype_t a, ppn_dtype_t b);
// Of a tensor and a Scalar, which matters only when it is of a higher kind (bool, integer, float).
ppn_dtype_t ppn_promote_scalar(ppn_dtype_t tensor, ppn_dtype_t scalar);

// Sizes of several tensors broadcast together.
typedef struct ppn_call_shape {
  int rank;
  int64_t sizes[PPN_MAX_RANK];
} ppn_call_shape_t;

// Widens `shape` (at first: rank 0) by a tensor, NULL for none. An error of the call when they do
// not match.
void ppn_call_broadcast(ppn_operator_call_t* call, const ppn_tensor_t* tensor,
                        ppn_call_shape_t* shape);
// The out tensor at `index` with this shape, of any dtype; NULL after an error.
ppn_tensor_t* ppn_call_out_shaped(ppn_operator_call_t* call, uint32_t index,
                                  const ppn_call_shape_t* shape);

// A Scalar as a tensor of rank 0: INT64, FLOAT64 or BOOL. It must not be copied once it is made.
typedef struct ppn_scalar_tensor {
  ppn_tensor_t tensor;
  union {
    double number;
    int64_t integer;
    uint8_t boolean;
  } u;
} ppn_scalar_tensor_t;

void ppn_call_scalar(ppn_operator_call_t* call, uint32_t index, ppn_scalar_tensor_t* out);
void ppn_scalar_from_double(double value, ppn_scalar_tensor_t* out);
void ppn_scalar_from_int(int64_t value, ppn_scalar_tensor_t* out);

#endif  // PPN_RUNTIME_OPERATOR_NUMBERS_H_
