#include "aten/rows.h"

#include <string.h>

static const ppn_aten_family_t* const families[] = {
#define FAMILY(name) &ppn_aten_##name,
    PPN_ATEN_FAMILIES(FAMILY)
#undef FAMILY
};

const ppn_aten_row_t* ppn_aten_row_find(const char* name) {
  for (size_t i = 0; i < PPN_COUNT_OF(families); ++i) {
    for (uint32_t j = 0; j < families[i]->count; ++j) {
      if (strcmp(families[i]->rows[j].name, name) == 0) return &families[i]->rows[j];
    }
  }
  return NULL;
}
