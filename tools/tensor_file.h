// Tensors from and to files: `.npy`, PNG images, random numbers.
#ifndef PIPPIN_TOOLS_TENSOR_FILE_H_
#define PIPPIN_TOOLS_TENSOR_FILE_H_

#include "base/file_map.h"
#include "pippin/tensor.h"

// A tensor with the memory it views.
typedef struct loaded_tensor {
  ppn_tensor_t tensor;
  ppn_file_map_t map;
  void* owned;
} loaded_tensor_t;

// `source`: "@x.npy", "@image.png" (grey or RGB by the channels that `type` has, scaled to 0…1,
// size must fit), "rand" (uniform in 0…1 for floats, 0 or 1 for integers; the same each time),
// "zeros", "ones". `type` says dtype and shape of what is expected; an .npy file keeps its own.
ppn_status_t load_tensor(const char* source, const ppn_tensor_t* type, loaded_tensor_t* out);
void release_tensor(loaded_tensor_t* tensor);
// Writes `.npy`, complete or not at all.
ppn_status_t save_tensor(const ppn_tensor_t* tensor, const char* path);

#endif  // PIPPIN_TOOLS_TENSOR_FILE_H_
