// Decompositions that are written as an expression of the operator's parameters:
//
//   {"aten::softplus", NULL, ppn_aten_decompose_formula,
//    "where(self * beta > threshold, self, log1p(exp(self * beta)) / beta)"},
//
// Operators are those of C (+ - * / < <= > >= == != & | and unary -), functions are ATen's
// (abs, exp, …, maximum(a, b), pow(a, b), where(c, a, b)), names are parameters of the node's
// schema ("weight?1": 1 when it is None), `inf`, `nan`, `pi` and `largest` (of the
// result's type) are numbers. sum(x) and mean(x)
// reduce the dimensions of the node's "dim" argument, loss(x) reduces as its "reduction" says.
// Numbers that depend on numbers alone are computed here.
//
// Half precision is computed in float32 and rounded once at the end, as torch's kernels do.
// Private to the aten layer.
#ifndef PPN_ATEN_FORMULA_H_
#define PPN_ATEN_FORMULA_H_

#include "aten/op.h"

// The decomposition of every row that has a formula. Leaves a node alone whose numbers are
// symbolic.
ppn_status_t ppn_aten_decompose_formula(ppn_aten_emitter_t* emitter, ppn_node_t* node) PPN_MUST_USE;

#endif  // PPN_ATEN_FORMULA_H_
