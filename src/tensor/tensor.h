// Tensor views: a dtype, a shape, strides and a pointer to memory that somebody else owns.
#ifndef PPN_TENSOR_TENSOR_H_
#define PPN_TENSOR_TENSOR_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/status.h"
#include "tensor/dtype.h"

// ppn_tensor_t, ppn_tensor_make, ppn_tensor_numel and ppn_tensor_size are public: pippin/tensor.h.

void ppn_strides_contiguous(int rank, const int64_t* sizes, int64_t* out_strides);
bool ppn_tensor_is_contiguous(const ppn_tensor_t* tensor);
// Bytes of `numel` elements; false when that overflows.
bool ppn_dtype_byte_count(ppn_dtype_t dtype, int64_t numel, size_t* out_size);
// Product of sizes, checked: false on a negative size, or when the sizes that are not 0 overflow.
bool ppn_sizes_numel(int rank, const int64_t* sizes, int64_t* out_numel);
// True when every element of the strided view lies inside a storage of `bytes` bytes. Strides and
// offset are in elements and must not be negative. Sub-byte types have no strides: false.
bool ppn_storage_holds(ppn_dtype_t dtype, int rank, const int64_t* sizes, const int64_t* strides,
                       int64_t storage_offset, size_t bytes);

// Element i (flat, row-major) of a contiguous whole-byte tensor as double / int64; floats are
// truncated to int64.
double ppn_element_as_double(ppn_dtype_t dtype, const void* data, int64_t index);
int64_t ppn_element_as_int64(ppn_dtype_t dtype, const void* data, int64_t index);
void ppn_element_set_double(ppn_dtype_t dtype, void* data, int64_t index, double value);
void ppn_element_set_int64(ppn_dtype_t dtype, void* data, int64_t index, int64_t value);

// Copies `source` into `target` (same sizes; any strides; dtypes converted with torch's rules:
// float to integer truncates, anything to bool is "not zero", float16 rounds to nearest even). Real
// dtypes and complex to complex only.
void ppn_tensor_copy(const ppn_tensor_t* source, const ppn_tensor_t* target);

// "float32[1, 3, 224, 224]"
void ppn_tensor_print_type(const ppn_tensor_t* tensor, ppn_buffer_t* out);

#endif  // PPN_TENSOR_TENSOR_H_
