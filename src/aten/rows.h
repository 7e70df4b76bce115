// The tables of rows. Private to the aten layer.
#ifndef PPN_ATEN_ROWS_H_
#define PPN_ATEN_ROWS_H_

#include "aten/op.h"

// NULL when nothing is known beyond the schema.
const ppn_aten_row_t* ppn_aten_row_find(const char* name);

// The families, one file each.
#define PPN_ATEN_FAMILIES(FAMILY) \
  FAMILY(axes)                    \
  FAMILY(composites)              \
  FAMILY(einsum)                  \
  FAMILY(images)                  \
  FAMILY(indexing)                \
  FAMILY(matrices)                \
  FAMILY(neural)                  \
  FAMILY(padding)                 \
  FAMILY(pointwise)               \
  FAMILY(positions)               \
  FAMILY(products)                \
  FAMILY(recurrent)               \
  FAMILY(reductions)              \
  FAMILY(resampling)              \
  FAMILY(selection)               \
  FAMILY(shapes)                  \
  FAMILY(spellings)               \
  FAMILY(statistics)              \
  FAMILY(windows)

#define DECLARE(name) extern const ppn_aten_family_t ppn_aten_##name;
PPN_ATEN_FAMILIES(DECLARE)
#undef DECLARE

#endif  // PPN_ATEN_ROWS_H_
