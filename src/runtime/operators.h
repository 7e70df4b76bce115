// The runtime's operators by family, one file each. Listed in runtime/operators.c.
#ifndef PPN_RUNTIME_OPERATORS_H_
#define PPN_RUNTIME_OPERATORS_H_

#include "runtime/operator.h"

extern const ppn_operator_family_t ppn_operators_primitives;     // operators_primitives.c
extern const ppn_operator_family_t ppn_operators_elementwise;    // operators_elementwise.c
extern const ppn_operator_family_t ppn_operators_reductions;     // operators_reductions.c
extern const ppn_operator_family_t ppn_operators_normalisation;  // operators_normalisation.c
extern const ppn_operator_family_t ppn_operators_copies;         // operators_copies.c
extern const ppn_operator_family_t ppn_operators_views;          // operators_views.c
extern const ppn_operator_family_t ppn_operators_shapes;         // operators_shapes.c
extern const ppn_operator_family_t ppn_operators_indexing;       // operators_indexing.c
extern const ppn_operator_family_t ppn_operators_creation;       // operators_creation.c
extern const ppn_operator_family_t ppn_operators_sorting;        // operators_sorting.c
extern const ppn_operator_family_t ppn_operators_images;         // operators_images.c
extern const ppn_operator_family_t ppn_operators_products;       // operators_products.c
extern const ppn_operator_family_t ppn_operators_convolution;    // operators_convolution.c
extern const ppn_operator_family_t ppn_operators_pooling;        // operators_pooling.c

#endif  // PPN_RUNTIME_OPERATORS_H_
