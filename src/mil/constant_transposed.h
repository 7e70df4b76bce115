// A constant that is a transposed matrix of single-precision elements. Private to mil/constant.c.
#ifndef PPN_MIL_CONSTANT_TRANSPOSED_H_
#define PPN_MIL_CONSTANT_TRANSPOSED_H_

#include "mil/constant.h"

bool ppn_mil_constant_is_transposed(const ppn_mil_constant_t* constant);
// The finished elements, as ppn_mil_constant_write sends them.
ppn_status_t ppn_mil_constant_write_transposed(const ppn_mil_constant_t* constant,
                                               ppn_sink_t sink) PPN_MUST_USE;

#endif  // PPN_MIL_CONSTANT_TRANSPOSED_H_
