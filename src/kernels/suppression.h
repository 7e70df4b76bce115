// Non-maximum suppression: of boxes that overlap, the one with the best score stays.
#ifndef PPN_KERNELS_SUPPRESSION_H_
#define PPN_KERNELS_SUPPRESSION_H_

#include "tensor/tensor.h"

typedef struct ppn_suppression {
  float overlap;   // boxes whose intersection over union is greater go
  float score;     // boxes below go
  int64_t limit;   // at most so many stay
  bool per_class;  // only boxes whose best class is the same suppress each other
} ppn_suppression_t;

size_t ppn_kernel_suppress_scratch(int64_t box_count);
// `boxes` [count, 4] holds centre x, centre y, width and height, `scores` [count, classes]; any
// strides, FLOAT32. Indices of the boxes that stay go to `out` (`limit` entries), best first; how
// many. Of equal scores the first box counts as the better one. The best box stays even if its
// score is too low, as with Core ML.
int64_t ppn_kernel_suppress(const ppn_tensor_t* boxes, const ppn_tensor_t* scores,
                            const ppn_suppression_t* suppression, void* scratch, int32_t* out);

#endif  // PPN_KERNELS_SUPPRESSION_H_
