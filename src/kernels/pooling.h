// Pooling over one to three spatial dimensions of planes [planes, sizes…].
//
// Windows are [p * stride - pad, … + (kernel - 1) * dilation] of output position p; adaptive ones
// [floor(p * in / out), ceil((p + 1) * in / out)). What lies outside of x never takes part, except
// that averages may count declared padding. Thread-safe; nothing here allocates.
#ifndef PPN_KERNELS_POOLING_H_
#define PPN_KERNELS_POOLING_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

enum { PPN_POOLING_MAX_RANK = 3 };

typedef enum ppn_pooling_kind {
  PPN_POOLING_MAX,      // a NaN in the window wins, as in torch
  PPN_POOLING_AVERAGE,  // of integers: truncated towards zero
  PPN_POOLING_L2,       // square root of the sum of squares
} ppn_pooling_kind_t;

typedef struct ppn_pooling {
  ppn_pooling_kind_t kind;
  int rank;           // of the space: 1 … 3
  ppn_dtype_t dtype;  // of x and y
  int64_t planes;     // batch times channels
  int64_t in_sizes[PPN_POOLING_MAX_RANK], out_sizes[PPN_POOLING_MAX_RANK];
  bool is_adaptive;  // the fields down to `pads_after` are then not read
  int64_t kernel[PPN_POOLING_MAX_RANK], strides[PPN_POOLING_MAX_RANK],
      dilations[PPN_POOLING_MAX_RANK];
  int64_t pads_before[PPN_POOLING_MAX_RANK], pads_after[PPN_POOLING_MAX_RANK];
  bool counts_padding;  // averages divide by elements and declared padding in the window
  int64_t divisor;      // when not 0, averages divide by this
  const void* x;        // contiguous
  void* y;              // contiguous
  int64_t* indices;     // PPN_POOLING_MAX: flat position in the plane of each maximum; may be NULL
} ppn_pooling_t;

// The number of windows. `ceil_mode` keeps a last one that is not full, provided that it starts
// within x or the padding before it; as torch does.
int64_t ppn_pooling_out_size(int64_t in_size, int64_t kernel, int64_t stride, int64_t dilation,
                             int64_t pad_before, int64_t pad_after, bool ceil_mode);

// Bytes of scratch for up to `thread_count` threads; pointers may still be NULL.
size_t ppn_pooling_scratch_size(const ppn_pooling_t* pooling, int thread_count);
// Every real dtype. Half floats are summed in fp32, integers in 64 bits. `scratch` is aligned to 64
// bytes.
void ppn_pooling_run(const ppn_pooling_t* pooling, void* scratch, ppn_thread_pool_t* pool);

// Plain C, for comparison: the same results up to rounding.
void ppn_pooling_reference(const ppn_pooling_t* pooling);

#endif  // PPN_KERNELS_POOLING_H_
