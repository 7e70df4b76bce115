// Windows of convolutions and pooling: the spatial parameters of a node.
#ifndef PPN_ENGINE_WINDOWS_H_
#define PPN_ENGINE_WINDOWS_H_

#include "engine/kernel.h"

enum { PPN_ENGINE_MAX_SPATIAL = 3 };

typedef struct ppn_engine_windows {
  int rank;  // of the space: 1 … 3
  int64_t kernel[PPN_ENGINE_MAX_SPATIAL], strides[PPN_ENGINE_MAX_SPATIAL],
      dilations[PPN_ENGINE_MAX_SPATIAL];
  // What is added before and after; after: what the result's sizes need, which is less than the
  // parameter where a stride leaves a rest, and more for pooling with ceil_mode.
  int64_t pads_before[PPN_ENGINE_MAX_SPATIAL], pads_after[PPN_ENGINE_MAX_SPATIAL];
} ppn_engine_windows_t;

// Reads strides, dilations, pad_type and pad of a node whose first result is [batch, channels,
// sizes…] like `x`. `kernel` holds the windows' sizes.
void ppn_engine_windows_read(const ppn_engine_node_t* node, const ppn_tensor_t* x,
                             const int64_t* kernel, ppn_engine_windows_t* out);

#endif  // PPN_ENGINE_WINDOWS_H_
