#include "aten/rows.h"

#include <string.h>

static const ppn_aten_family_t* const families[] = {
    &ppn_aten_products, &ppn_aten_neural,    &ppn_aten_shapes,     &ppn_aten_selection,
    &ppn_aten_axes,     &ppn_aten_pointwise, &ppn_aten_reductions, &ppn_aten_indexing,
    &ppn_aten_padding,  &ppn_aten_images,    &ppn_aten_windows,    &ppn_aten_recurrent,
    &ppn_aten_einsum,   &ppn_aten_spellings};

const ppn_aten_row_t* ppn_aten_row_find(const char* name) {
  for (size_t i = 0; i < PPN_COUNT_OF(families); ++i) {
    for (uint32_t j = 0; j < families[i]->count; ++j) {
      if (strcmp(families[i]->rows[j].name, name) == 0) return &families[i]->rows[j];
    }
  }
  return NULL;
}
