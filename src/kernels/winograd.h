// Convolutions of 3 x 3 kernels by Winograd's minimal filtering F(2 x 2, 3 x 3): 4 results take 16
// multiplications per pair of channels instead of 36 (Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks", 2015). Stride, dilation and groups are 1.
//
// x is cut into tiles of 4 x 4 that overlap by 2, and each is transformed; one matrix product over
// the input channels for each of the 16 positions follows; its results are transformed back into
// tiles of 2 x 2. x and y keep channels in blocks, [batch, channels / block, rows, columns, block],
// so that every transform works on whole vectors.
//
// The transforms' sums make errors relative to the largest values of a tile, and NaNs of a tile
// with an infinity or NaN in it (docs/numerics.md).
//
// Nothing here allocates. All functions are thread-safe; a pool serves one caller at a time.
#ifndef PPN_KERNELS_WINOGRAD_H_
#define PPN_KERNELS_WINOGRAD_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/thread_pool.h"

typedef struct ppn_winograd {
  int64_t batch, in_channels, out_channels;  // channels are multiples of the block
  int64_t in_sizes[2], out_sizes[2];         // rows, columns
  int64_t pads[2];                           // before; what out_sizes need is added after
  const float* x;
  const float* weight;  // packed
  const float* bias;    // of each output channel; may be NULL
  const float* added;   // laid out like y, and may be y; may be NULL
  float* y;
  // After bias and addition.
  bool is_clamped;  // to [minimum, maximum]; NaN stays NaN
  float minimum, maximum;
  // May be NULL. Called last, for each piece of y once, from several threads: `values` are elements
  // [offset, offset + count) of y as they lie in memory.
  void (*finish)(void* context, float* values, int64_t offset, int64_t count);
  void* context;
} ppn_winograd_t;

// Channels in a block, on this CPU.
int64_t ppn_winograd_block(void);

// Transforms and packs a weight, row-major [out_channels, in_channels, 3, 3], in this CPU's layout
// (not for files). `packed` is aligned to 64 bytes and has ppn_winograd_packed_size bytes.
size_t ppn_winograd_packed_size(int64_t out_channels, int64_t in_channels);
void ppn_winograd_pack(const float* weight, int64_t out_channels, int64_t in_channels,
                       float* packed);

// Brings x into blocks, [batch, channels / block, area, block], from row-major order, [batch,
// channels, area].
void ppn_winograd_block_channels(const float* x, int64_t batch, int64_t channels, int64_t area,
                                 float* blocked, ppn_thread_pool_t* pool);

// Bytes of `scratch` for a pool of `thread_count` threads; pointers are not read.
size_t ppn_winograd_scratch_size(const ppn_winograd_t* winograd, int thread_count);
// `scratch` is aligned to 64 bytes; the pool has as many threads as scratch was asked for. NULL:
// one.
void ppn_winograd_run(const ppn_winograd_t* winograd, void* scratch, ppn_thread_pool_t* pool);

#endif  // PPN_KERNELS_WINOGRAD_H_
