// Data types of tensor elements, over all formats.
#ifndef PPN_TENSOR_DTYPE_H_
#define PPN_TENSOR_DTYPE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

// Our own numbering; convert with the functions below at format borders.
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
  PPN_DTYPE_STRING,  // MIL only; no tensor storage
  PPN_DTYPE_COUNT,
} ppn_dtype_t;

// torch's names: "float32", "int64", "bool", … Static storage.
const char* ppn_dtype_name(ppn_dtype_t dtype);
// The type of that name (torch's, and numpy's where they differ), or PPN_DTYPE_INVALID.
ppn_dtype_t ppn_dtype_from_name(ppn_string_view_t name);
// Bits of an element (1 … 128); 0 for INVALID and STRING.
unsigned ppn_dtype_bits(ppn_dtype_t dtype);
// Bytes of an element; 0 for sub-byte types, INVALID and STRING.
size_t ppn_dtype_size(ppn_dtype_t dtype);
bool ppn_dtype_is_float(ppn_dtype_t dtype);    // real floating point
bool ppn_dtype_is_integer(ppn_dtype_t dtype);  // without bool
bool ppn_dtype_is_complex(ppn_dtype_t dtype);
bool ppn_dtype_is_signed(ppn_dtype_t dtype);

// c10::ScalarType numbers: operator schema defaults and `.pte` files. -1 / INVALID when there is
// none.
int ppn_dtype_to_c10(ppn_dtype_t dtype);
ppn_dtype_t ppn_dtype_from_c10(int64_t number);
// torch.export's JSON numbering (pt2.md 2.4).
ppn_dtype_t ppn_dtype_from_export(int64_t number);
int ppn_dtype_to_export(ppn_dtype_t dtype);
// Type promotion of two tensors of the same priority (torch.promote_types). INVALID where torch
// refuses.
ppn_dtype_t ppn_dtype_promote(ppn_dtype_t a, ppn_dtype_t b);

#endif  // PPN_TENSOR_DTYPE_H_
