// All kernels, by family.
#include <string.h>

#include "engine/families.h"

// clang-format off
static const ppn_engine_family_t* const families[] = {
    &ppn_engine_winograd,  // before oneDNN's direct convolutions
    &ppn_engine_onednn,    // before our own kernels for the same operations
    &ppn_engine_shapes,
    &ppn_engine_slicing,
    &ppn_engine_indexing,
    &ppn_engine_creation,
    &ppn_engine_sorting,
    &ppn_engine_images,
    &ppn_engine_pixels,
    &ppn_engine_recurrent,
    &ppn_engine_compression,
    &ppn_engine_elementwise,
    &ppn_engine_conv,
    &ppn_engine_linear,
    &ppn_engine_products,
    &ppn_engine_plain_products,  // what the two above leave
    &ppn_engine_convolution,
    &ppn_engine_pooling,
    &ppn_engine_attention,
    &ppn_engine_reductions,
    &ppn_engine_states,
    &ppn_engine_normalisation,
    &ppn_engine_random,
    NULL,  // ends the list
};
// clang-format on

// The first kernel for `type` after `previous` (NULL: of all).
static const ppn_engine_kernel_t* find(const char* type, const ppn_engine_kernel_t* previous) {
  bool is_after = !previous;
  for (size_t i = 0; families[i]; ++i) {
    for (uint32_t j = 0; j < families[i]->count; ++j) {
      const ppn_engine_kernel_t* kernel = &families[i]->kernels[j];
      if (is_after && strcmp(kernel->type, type) == 0) return kernel;
      is_after = is_after || kernel == previous;
    }
  }
  return NULL;
}

const ppn_engine_kernel_t* ppn_engine_kernel_find(const char* type) {
  return find(type, NULL);
}

const ppn_engine_kernel_t* ppn_engine_kernel_next(const ppn_engine_kernel_t* kernel) {
  return find(kernel->type, kernel);
}
