// All kernels, by family.
#include <string.h>

#include "engine/families.h"

// clang-format off
static const ppn_engine_family_t* const families[] = {
    &ppn_engine_shapes,
    &ppn_engine_slicing,
    &ppn_engine_indexing,
    &ppn_engine_creation,
    &ppn_engine_sorting,
    &ppn_engine_images,
    &ppn_engine_pixels,
    &ppn_engine_elementwise,
    &ppn_engine_states,
    NULL,  // ends the list
};
// clang-format on

const ppn_engine_kernel_t* ppn_engine_kernel_find(const char* type) {
  for (size_t i = 0; families[i]; ++i) {
    for (uint32_t j = 0; j < families[i]->count; ++j) {
      if (strcmp(families[i]->kernels[j].type, type) == 0) return &families[i]->kernels[j];
    }
  }
  return NULL;
}
