// Lists of index tensors, as in self[:, i, :, j]: what aten::index and aten::index_put address.
#ifndef PPN_RUNTIME_INDEX_LIST_H_
#define PPN_RUNTIME_INDEX_LIST_H_

#include "runtime/operator.h"

// The addressed elements of a tensor are slices: its dimensions without an index, once for each
// position of the broadcast indices.
typedef struct ppn_index_list {
  int64_t count;           // positions
  const int64_t* offsets;  // `count` elements from self's first one, in scratch memory
  ppn_tensor_t slice;      // of self at offset 0: the dimensions without an index
  int rank;                // of the result
  int64_t sizes[PPN_MAX_RANK];
  // Where the positions' `position_rank` dimensions stand in the result; the slice's are around.
  int first, position_rank;
} ppn_index_list_t;

// Reads the list at `argument`: integers, or masks, which stand for the coordinates of their true
// elements; None is a whole dimension. Negative indices count from the end. Errors stay in the
// call: OUT_OF_RANGE naming index, dimension and size.
bool ppn_index_list_read(ppn_operator_call_t* call, const ppn_tensor_t* self, uint32_t argument,
                         ppn_index_list_t* out);

// A tensor of the result's sizes (or broadcast to them), with the positions' dimensions first.
ppn_tensor_t ppn_index_list_arrange(const ppn_index_list_t* list, const ppn_tensor_t* tensor);

#endif  // PPN_RUNTIME_INDEX_LIST_H_
