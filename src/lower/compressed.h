// Compressed weights: the constexpr operations that make a weight from its stored form. Private to
// the lower layer.
#ifndef PPN_LOWER_COMPRESSED_H_
#define PPN_LOWER_COMPRESSED_H_

#include "lower/row.h"

// weight = scale * (data - zero point), where elements of a block share scale and zero point.
typedef struct ppn_row_blocks {
  int rank;
  int64_t sizes[PPN_MAX_RANK];   // of the data
  int64_t counts[PPN_MAX_RANK];  // blocks along each dimension; divide the sizes
} ppn_row_blocks_t;

// The blocks of the data of a tensor with fixed sizes, as large as it is; false for other tensors.
bool ppn_row_blocks_whole(const ppn_tensor_meta_t* meta, ppn_row_blocks_t* out);
int64_t ppn_row_blocks_count(const ppn_row_blocks_t* blocks);
// The first target whose operations can express these blocks over whole bytes.
ppn_mil_opset_t ppn_row_blocks_opset(const ppn_row_blocks_t* blocks);

// All values are constants: data of any integer type with the blocks' sizes; scales and zero points
// (NULL: 0) one for each block, in row-major order of blocks. [minimum, maximum] is what the data
// were quantised to. `dtype` is the weight's, FLOAT32 or FLOAT16. The opset has to be at least the
// blocks'. Data that lie outside their range fail with INVALID_DATA.
ppn_mil_value_t* ppn_row_shift_scale(ppn_lower_context_t* context, const ppn_row_blocks_t* blocks,
                                     ppn_mil_value_t* data, ppn_mil_value_t* scale,
                                     ppn_mil_value_t* zero_point, int64_t minimum, int64_t maximum,
                                     ppn_dtype_t dtype);

// weight = table[block, code]: `table` is [blocks of each dimension …, 2^bits, 1]. Before iOS 18
// there is one table, of 2, 4, 16, 64 or 256 entries.
ppn_mil_value_t* ppn_row_look_up(ppn_lower_context_t* context, ppn_mil_value_t* codes,
                                 ppn_mil_value_t* table, int bits, ppn_dtype_t dtype);

// Can ppn_row_transpose permute the value without computing?
bool ppn_row_can_transpose(const ppn_mil_value_t* value);
// A compressed weight with permuted dimensions, made from permuted data.
ppn_mil_value_t* ppn_row_transpose_compressed(ppn_lower_context_t* context,
                                              const ppn_mil_value_t* value,
                                              const int64_t* permutation);

// A vector or scalar constant over the same elements with other sizes, in `dtype`.
ppn_mil_value_t* ppn_row_reshape_constant(ppn_lower_context_t* context,
                                          const ppn_mil_value_t* value, ppn_dtype_t dtype, int rank,
                                          const int64_t* sizes);

#endif  // PPN_LOWER_COMPRESSED_H_
