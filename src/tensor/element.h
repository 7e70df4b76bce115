// Rows of elements of any data type, loaded and stored as double or int64.
#ifndef PPN_TENSOR_ELEMENT_H_
#define PPN_TENSOR_ELEMENT_H_

#include <stdbool.h>
#include <stdint.h>

#include "tensor/dtype.h"

// Element i of a row is element `offset + i * stride` (in elements) of `data`, for i in [0, count).
// Sub-byte types are packed least significant bit first. Complex types are not supported here
// (load gives the real part).
void ppn_elements_load_double(ppn_dtype_t dtype, const void* data, int64_t offset, int64_t stride,
                              int64_t count, double* out);
void ppn_elements_load_int64(ppn_dtype_t dtype, const void* data, int64_t offset, int64_t stride,
                             int64_t count, int64_t* out);
void ppn_elements_store_double(ppn_dtype_t dtype, void* data, int64_t offset, int64_t stride,
                               int64_t count, const double* values);
void ppn_elements_store_int64(ppn_dtype_t dtype, void* data, int64_t offset, int64_t stride,
                              int64_t count, const int64_t* values);

// Truncates toward zero; out of range and NaN give INT64_MIN, as x86 does.
int64_t ppn_double_to_int64(double value);

// The 8-bit floats of torch (pt2.md 2.4), rounded to nearest even; what is too large becomes
// infinity where the type has one and NaN elsewhere, as in torch.
float ppn_float8_to_float(ppn_dtype_t dtype, uint8_t bits);
uint8_t ppn_float8_from_float(ppn_dtype_t dtype, float value);

#endif  // PPN_TENSOR_ELEMENT_H_
