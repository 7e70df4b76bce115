// NumPy's .npy files, format versions 1 to 3.
#ifndef PPN_TENSOR_NPY_H_
#define PPN_TENSOR_NPY_H_

#include "base/file_writer.h"
#include "tensor/tensor.h"

// A view into `bytes` (which must outlive it). Fortran order becomes strides. bfloat16 and float8
// do not exist in the format. Errors: INVALID_DATA, UNSUPPORTED (big-endian, structured or object
// dtypes), with the offset.
ppn_status_t ppn_npy_read(ppn_span_t bytes, ppn_tensor_t* out_tensor) PPN_MUST_USE;
// Writes a whole .npy file, contiguous. bfloat16 is written as float32.
ppn_status_t ppn_npy_write(const ppn_tensor_t* tensor, ppn_sink_t sink) PPN_MUST_USE;

#endif  // PPN_TENSOR_NPY_H_
