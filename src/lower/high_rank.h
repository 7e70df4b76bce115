// Views of rank 6 and more, which Core ML does not have.
//
// Splitting an image into windows goes through six dimensions: view, permute, view. The views in
// the middle are never made: a stand-in remembers the sizes and the order of the dimensions, and
// the view that ends the chain does all at once, in at most five dimensions, after merging those
// that stay neighbours.
#ifndef PPN_LOWER_HIGH_RANK_H_
#define PPN_LOWER_HIGH_RANK_H_

#include "lower/row.h"

enum { PPN_LOWER_MAX_RANK = 5 };

// True when an operand or the result has more than five dimensions.
bool ppn_high_rank_involved(const ppn_node_t* node);
// For predicates of nodes with such values: is the node part of a chain that can be done at once?
// Looks at the node's neighbours in the graph.
bool ppn_high_rank_supported(const ppn_node_t* node, ppn_buffer_t* reason);
// Lowers one node of the chain.
ppn_status_t ppn_high_rank_lower(ppn_lower_context_t* context, const ppn_node_t* node) PPN_MUST_USE;

#endif  // PPN_LOWER_HIGH_RANK_H_
