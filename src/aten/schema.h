// Schema lines (pt2.md 5.5). Private to the aten layer.
#ifndef PPN_ATEN_SCHEMA_H_
#define PPN_ATEN_SCHEMA_H_

#include "aten/op.h"

// "aten::relu(Tensor self) -> Tensor  # pointwise core", parsed into the arena; NULL when the line
// is malformed or memory is out.
ppn_aten_op_t* ppn_aten_schema_parse(ppn_string_view_t line, ppn_arena_t* arena);

#endif  // PPN_ATEN_SCHEMA_H_
