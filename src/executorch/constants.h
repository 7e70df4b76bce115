// The constants of a `.pte`: each content once, across methods.
#ifndef PPN_EXECUTORCH_CONSTANTS_H_
#define PPN_EXECUTORCH_CONSTANTS_H_

#include "base/stream.h"
#include "graph/exported_program.h"

// Zero-initialised is an empty pool. Borrows the constants.
typedef struct ppn_constant_pool {
  ppn_producer_t* producers;
  uint32_t count, capacity;
  struct ppn_pooled_constant* entries;
} ppn_constant_pool_t;

// Dimension indices sorted by descending stride (equal ones keep their order), as a `.pte` stores
// them. Returns false when the elements are not dense in that order, so that the bytes must be
// made contiguous; `out_order` is then the contiguous one.
bool ppn_dim_order_of_strides(int rank, const int64_t* sizes, const int64_t* strides,
                              uint8_t* out_order);

// The same for a constant. ExecuTorch's kernels read contiguous and channels-last constants only,
// so any other order counts as not dense.
bool ppn_dim_order_of_constant(const ppn_constant_t* constant, uint8_t* out_order);

// `out_index` is what a tensor's data_buffer_idx says: 1 for the first. Constants of equal size are
// told apart by hash, others by size alone, so most are read only when they are written.
ppn_status_t ppn_constant_pool_add(ppn_constant_pool_t* pool, const ppn_constant_t* constant,
                                   uint32_t* out_index) PPN_MUST_USE;
void ppn_constant_pool_release(ppn_constant_pool_t* pool);

#endif  // PPN_EXECUTORCH_CONSTANTS_H_
