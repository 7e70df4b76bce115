// What the files of pooling share.
#ifndef PPN_KERNELS_POOLING_INTERNAL_H_
#define PPN_KERNELS_POOLING_INTERNAL_H_

#include "kernels/pooling.h"

// The part of a window in one dimension that lies inside of x: elements begin, begin + step, …
// below end. `counted`: how many of its positions an average divides by.
typedef struct ppn_window {
  int64_t begin, end, step, counted;
} ppn_window_t;

ppn_window_t ppn_pooling_window(const ppn_pooling_t* pooling, int dimension, int64_t position);

// One plane, by the definition.
void ppn_pooling_plane(const ppn_pooling_t* pooling, int64_t plane);

#endif  // PPN_KERNELS_POOLING_INTERNAL_H_
