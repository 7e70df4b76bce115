// The index list of x[i, :, j]: which axes are indexed, by what, and how the indices broadcast.
#ifndef PPN_LOWER_INDICES_H_
#define PPN_LOWER_INDICES_H_

#include "lower/row.h"
#include "tensor/tensor.h"

typedef struct ppn_indices {
  const ppn_argument_t* list;
  int rank;                   // of the indexed tensor
  const ppn_dim_t* sizes;     // of the indexed tensor
  int axes[PPN_MAX_RANK];     // indexed axes, ascending
  uint32_t at[PPN_MAX_RANK];  // position of each in the list
  int count;
  bool adjacent;  // the indexed axes are neighbours
  bool has_mask;  // a boolean or uint8 index among them
  int broadcast_rank;
  ppn_dim_t broadcast[PPN_MAX_RANK];  // the indices' common sizes, from their types
} ppn_indices_t;

// Reads the argument "indices" of a node with the argument "self". False when there is no index.
bool ppn_indices_read(const ppn_node_t* node, ppn_indices_t* out);
// Index i as int32.
ppn_mil_value_t* ppn_indices_value(ppn_lower_context_t* context, const ppn_indices_t* indices,
                                   int i);
// Negative entries count from the end of `size` before iOS 17; from then on they must not occur, so
// they are moved. Constants without any are given back.
ppn_mil_value_t* ppn_indices_non_negative(ppn_lower_context_t* context, ppn_mil_value_t* indices,
                                          ppn_dim_t size);
// All indices, broadcast to `broadcast` and stacked as coordinates along a new last axis.
ppn_mil_value_t* ppn_indices_stack(ppn_lower_context_t* context, const ppn_indices_t* indices);
// The permutation that brings the indexed axes to the front, the others following in order.
void ppn_indices_permutation(const ppn_indices_t* indices, int64_t* out_permutation);

#endif  // PPN_LOWER_INDICES_H_
