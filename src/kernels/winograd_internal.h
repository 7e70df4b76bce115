// What the files of the Winograd convolution share.
//
// Tiles of all images are numbered row by row and worked on in groups. A group's tiles are cut into
// strips, as evenly as possible, of as many tiles as the product computes at a time.
//   transformed x       [16 positions][strips][in_channels / block][tiles of the strip][block]
//   transformed weight  [out_channels / panel][16 positions][in_channels][panel]
//   products            [16 positions][tiles][panel], of one panel
// Panels beyond the last output channel are filled up with zeros.
#ifndef PPN_KERNELS_WINOGRAD_INTERNAL_H_
#define PPN_KERNELS_WINOGRAD_INTERNAL_H_

#include "kernels/winograd.h"

enum { PPN_WINOGRAD_POSITIONS = 16 };

typedef struct ppn_winograd_group {
  int64_t begin, count;                    // tiles
  int64_t strips;                          // that they are cut into
  int64_t inputs_stride, products_stride;  // floats from one position to the next
} ppn_winograd_group_t;

// The first tile of a strip, counted from the group's first.
static inline int64_t ppn_winograd_strip_begin(const ppn_winograd_group_t* group, int64_t strip) {
  return strip * group->count / group->strips;
}

typedef struct ppn_winograd_kernels {
  int block, panel, strip;
  // Transforms the group's tiles of channel blocks [begin, end).
  void (*transform_inputs)(const ppn_winograd_t* winograd, const ppn_winograd_group_t* group,
                           int64_t begin, int64_t end, float* inputs);
  // All positions of one panel.
  void (*multiply)(const ppn_winograd_group_t* group, int64_t in_channels, const float* inputs,
                   const float* weight, float* products);
  // Transforms the products of panel `panel` back and writes them to y.
  void (*transform_products)(const ppn_winograd_t* winograd, const ppn_winograd_group_t* group,
                             int64_t panel, const float* products);
} ppn_winograd_kernels_t;

// The best ones for this CPU.
const ppn_winograd_kernels_t* ppn_winograd_kernels(void);
extern const ppn_winograd_kernels_t ppn_winograd_kernels_generic, ppn_winograd_kernels_avx2,
    ppn_winograd_kernels_avx512;

static inline int64_t ppn_winograd_panel_count(int64_t out_channels) {
  int64_t panel = ppn_winograd_kernels()->panel;
  return (out_channels + panel - 1) / panel;
}

#endif  // PPN_KERNELS_WINOGRAD_INTERNAL_H_
