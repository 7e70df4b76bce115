// The loop behind all element-wise kernels: walks tensors of any strides in chunks and hands each
// chunk to a function as contiguous rows of the types it wants.
#ifndef PPN_KERNELS_MAP_H_
#define PPN_KERNELS_MAP_H_

#include "base/thread_pool.h"
#include "kernels/elementwise.h"
#include "tensor/tensor.h"

#define PPN_MAP_MAX_INPUTS 3

// inputs[i] and out are rows of `count` elements, count <= PPN_ROW_CHUNK; out may be inputs[i].
// Thread-safe.
typedef void (*ppn_map_function_t)(const void* const* inputs, void* out, int64_t count,
                                   const ppn_elementwise_parameters_t* parameters);

typedef struct ppn_map {
  ppn_map_function_t function;
  const ppn_elementwise_parameters_t* parameters;
  int input_count;
  const ppn_tensor_t* inputs[PPN_MAP_MAX_INPUTS];  // broadcast to out's sizes
  ppn_dtype_t input_types[PPN_MAP_MAX_INPUTS];  // a type of kernels/rows.h, as the function sees it
  const ppn_tensor_t* out;
  ppn_dtype_t out_type;
} ppn_map_t;

void ppn_map_run(const ppn_map_t* map, ppn_thread_pool_t* pool);

#endif  // PPN_KERNELS_MAP_H_
