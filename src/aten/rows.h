// The tables of rows. Private to the aten layer.
#ifndef PPN_ATEN_ROWS_H_
#define PPN_ATEN_ROWS_H_

#include "aten/op.h"

// NULL when nothing is known beyond the schema.
const ppn_aten_row_t* ppn_aten_row_find(const char* name);

// The families.
extern const ppn_aten_family_t ppn_aten_products, ppn_aten_neural, ppn_aten_shapes,
    ppn_aten_selection, ppn_aten_axes, ppn_aten_pointwise, ppn_aten_reductions, ppn_aten_indexing,
    ppn_aten_padding, ppn_aten_images, ppn_aten_windows, ppn_aten_recurrent, ppn_aten_einsum,
    ppn_aten_spellings;

#endif  // PPN_ATEN_ROWS_H_
