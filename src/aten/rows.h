// The tables of rows. Private to the aten layer.
#ifndef PPN_ATEN_ROWS_H_
#define PPN_ATEN_ROWS_H_

#include "aten/op.h"

// NULL when nothing is known beyond the schema.
const ppn_aten_row_t* ppn_aten_row_find(const char* name);

// The families.
extern const ppn_aten_family_t ppn_aten_products, ppn_aten_neural, ppn_aten_shapes,
    ppn_aten_selection, ppn_aten_axes;

#endif  // PPN_ATEN_ROWS_H_
