// Sampling images at given points.
#ifndef PPN_KERNELS_SAMPLE_H_
#define PPN_KERNELS_SAMPLE_H_

#include "base/thread_pool.h"
#include "tensor/tensor.h"

typedef enum ppn_sample_mode {
  PPN_SAMPLE_BILINEAR,
  PPN_SAMPLE_NEAREST,  // halves to even
  PPN_SAMPLE_BICUBIC,  // Keys' kernel with a = -0.75
} ppn_sample_mode_t;

// What lies outside of an image of 1 2 3.
typedef enum ppn_sample_padding {
  PPN_SAMPLE_CONSTANT,    // 0 0 0 1 2 3 0 0 0, blended in at the border
  PPN_SAMPLE_WHOLE,       // the same, but points outside of the border are padding as a whole
  PPN_SAMPLE_BORDER,      // 1 1 1 1 2 3 3 3 3
  PPN_SAMPLE_REFLECTION,  // 2 3 2 1 2 3 2 1 2
  PPN_SAMPLE_SYMMETRIC,   // 3 2 1 1 2 3 3 2 1
} ppn_sample_padding_t;

// In pixels: pixel (0, 0)'s centre is the origin.
typedef struct ppn_sample_point {
  int64_t image;  // a valid index
  float x, y;
} ppn_sample_point_t;

// The point that pixel (row, column) of result `item` shows. Called from several threads.
typedef void (*ppn_sample_locate_t)(const void* context, int64_t item, int64_t row, int64_t column,
                                    ppn_sample_point_t* out_point);

typedef struct ppn_sampling {
  ppn_sample_mode_t mode;
  ppn_sample_padding_t padding;
  float padding_value;
  ppn_sample_locate_t locate;
  const void* context;
} ppn_sampling_t;

// x [images, channels, height, width] to out [items, channels, rows, columns]: FLOAT32, contiguous.
void ppn_kernel_sample(const ppn_tensor_t* x, const ppn_sampling_t* sampling,
                       const ppn_tensor_t* out, ppn_thread_pool_t* pool);

#endif  // PPN_KERNELS_SAMPLE_H_
