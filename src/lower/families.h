// The families of lowering rows, one file each.
#ifndef PPN_LOWER_FAMILIES_H_
#define PPN_LOWER_FAMILIES_H_

#include "lower/lower.h"

#define PPN_LOWER_FAMILIES(FAMILY) \
  FAMILY(elementwise)              \
  FAMILY(unary)                    \
  FAMILY(activations)              \
  FAMILY(linear)                   \
  FAMILY(einsum)                   \
  FAMILY(attention)                \
  FAMILY(convolution)              \
  FAMILY(pooling)                  \
  FAMILY(resize)                   \
  FAMILY(padding)                  \
  FAMILY(normalisation)            \
  FAMILY(reductions)               \
  FAMILY(views)                    \
  FAMILY(joining)                  \
  FAMILY(slicing)                  \
  FAMILY(indexing)                 \
  FAMILY(scatter)                  \
  FAMILY(creation)                 \
  FAMILY(sorting)                  \
  FAMILY(recurrent)                \
  FAMILY(random)                   \
  FAMILY(quantisation)             \
  FAMILY(symbolic)

#define PPN_LOWER_DECLARE_FAMILY(name) extern const ppn_lower_family_t ppn_lower_family_##name;
PPN_LOWER_FAMILIES(PPN_LOWER_DECLARE_FAMILY)

// Defines a family from the file's `rows` array.
#define PPN_LOWER_DEFINE_FAMILY(name, title) \
  const ppn_lower_family_t ppn_lower_family_##name = {title, rows, (uint32_t)PPN_COUNT_OF(rows)}

#endif  // PPN_LOWER_FAMILIES_H_
