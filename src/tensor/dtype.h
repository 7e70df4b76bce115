// Data types of tensor elements, over all formats.
#ifndef PPN_TENSOR_DTYPE_H_
#define PPN_TENSOR_DTYPE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "pippin/tensor.h"

// ppn_dtype_t, ppn_dtype_name and ppn_dtype_size are public: pippin/tensor.h. Convert numberings at
// format borders.

// The type of that name (torch's, and numpy's where they differ), or PPN_DTYPE_INVALID.
ppn_dtype_t ppn_dtype_from_name(ppn_string_view_t name);
// Bits of an element (1 … 128); 0 for INVALID and STRING.
unsigned ppn_dtype_bits(ppn_dtype_t dtype);
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
