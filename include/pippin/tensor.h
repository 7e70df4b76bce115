// Tensors at the border of the library: data types, shapes, and views of memory that somebody else
// owns.
#ifndef PIPPIN_TENSOR_H_
#define PIPPIN_TENSOR_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pippin/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// Element types over all formats. The numbers are Pippin's own and never change; use ppn_dtype_name
// for text.
typedef enum ppn_dtype {
  PPN_DTYPE_INVALID = 0,
  PPN_DTYPE_BOOL,  // one byte, 0 or 1
  PPN_DTYPE_UINT8,
  PPN_DTYPE_INT8,
  PPN_DTYPE_UINT16,
  PPN_DTYPE_INT16,
  PPN_DTYPE_UINT32,
  PPN_DTYPE_INT32,
  PPN_DTYPE_UINT64,
  PPN_DTYPE_INT64,
  PPN_DTYPE_FLOAT16,
  PPN_DTYPE_BFLOAT16,
  PPN_DTYPE_FLOAT32,
  PPN_DTYPE_FLOAT64,
  PPN_DTYPE_COMPLEX32,
  PPN_DTYPE_COMPLEX64,
  PPN_DTYPE_COMPLEX128,
  PPN_DTYPE_FLOAT8_E4M3FN,
  PPN_DTYPE_FLOAT8_E5M2,
  PPN_DTYPE_FLOAT8_E4M3FNUZ,
  PPN_DTYPE_FLOAT8_E5M2FNUZ,
  PPN_DTYPE_FLOAT8_E8M0FNU,
  // Sub-byte types of Core ML, packed least significant bit first.
  PPN_DTYPE_INT4,
  PPN_DTYPE_UINT1,
  PPN_DTYPE_UINT2,
  PPN_DTYPE_UINT3,
  PPN_DTYPE_UINT4,
  PPN_DTYPE_UINT6,
  PPN_DTYPE_STRING,  // ML Programs only; no tensor storage
  PPN_DTYPE_COUNT,
} ppn_dtype_t;

// torch's names: "float32", "int64", "bool", … Static storage; "invalid" for anything else.
PPN_API const char* ppn_dtype_name(ppn_dtype_t dtype);
// Bytes of an element; 0 for sub-byte types, INVALID and STRING.
PPN_API size_t ppn_dtype_size(ppn_dtype_t dtype);

#define PPN_MAX_RANK 16

// A view: it owns nothing. `data` points at element 0; strides are in elements, not bytes. Sub-byte
// dtypes are always contiguous.
typedef struct ppn_tensor {
  void* data;
  ppn_dtype_t dtype;
  int rank;
  int64_t sizes[PPN_MAX_RANK];
  int64_t strides[PPN_MAX_RANK];
} ppn_tensor_t;

// A contiguous (row-major) view over `data`.
PPN_API ppn_tensor_t ppn_tensor_make(void* data, ppn_dtype_t dtype, int rank, const int64_t* sizes);
// Number of elements: the product of the sizes.
PPN_API int64_t ppn_tensor_numel(const ppn_tensor_t* tensor);
// Bytes of a contiguous tensor of this shape and dtype (sub-byte types rounded up).
PPN_API size_t ppn_tensor_size(const ppn_tensor_t* tensor);

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_TENSOR_H_
