// Types and constants read from the protobuf form. Private to mil/proto_*.c.
#ifndef PPN_MIL_PROTO_VALUES_H_
#define PPN_MIL_PROTO_VALUES_H_

#include "mil/mil.h"
#include "mil/proto.h"
#include "mil/proto_types.h"

// Reads a type into the program. Unknown sizes become fresh symbols. Errors: INVALID_DATA,
// UNSUPPORTED.
ppn_status_t ppn_mil_proto_read_type(ppn_mil_program_t* program, const MilPb__ValueType* source,
                                     ppn_mil_type_t* out_type) PPN_MUST_USE;

// Reads a constant with its type. Blob data stay where they are; the rest is copied.
ppn_status_t ppn_mil_proto_read_constant(ppn_mil_program_t* program, const MilPb__Value* source,
                                         const ppn_mil_blob_source_t* blobs,
                                         ppn_mil_type_t* out_type,
                                         const ppn_mil_constant_t** out_constant) PPN_MUST_USE;

#endif  // PPN_MIL_PROTO_VALUES_H_
