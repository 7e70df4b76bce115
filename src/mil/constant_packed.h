// Constants of integers narrower than a byte, made from wider ones. Private to mil/constant*.c.
#ifndef PPN_MIL_CONSTANT_PACKED_H_
#define PPN_MIL_CONSTANT_PACKED_H_

#include "mil/constant.h"

// Finished elements [begin, begin + count), for dtypes of whole bytes (mil/constant.c).
void ppn_mil_constant_finish(const ppn_mil_constant_t* constant, int64_t begin, int64_t count,
                             void* out);

// As ppn_mil_constant_write and ppn_mil_constant_read.
ppn_status_t ppn_mil_constant_write_packed(const ppn_mil_constant_t* constant,
                                           ppn_sink_t sink) PPN_MUST_USE;
ppn_status_t ppn_mil_constant_read_packed(const ppn_mil_constant_t* constant,
                                          void* out) PPN_MUST_USE;

#endif  // PPN_MIL_CONSTANT_PACKED_H_
