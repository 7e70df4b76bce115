// Numbers and names shared by the two directions of the protobuf form. Private to mil/proto_*.c.
#ifndef PPN_MIL_PROTO_TYPES_H_
#define PPN_MIL_PROTO_TYPES_H_

#include "mil.pb-c.h"
#include "tensor/dtype.h"

// Which member of TensorValue holds immediate elements of a dtype.
typedef enum ppn_mil_immediate {
  PPN_MIL_IMMEDIATE_NONE,
  PPN_MIL_IMMEDIATE_FLOATS,
  PPN_MIL_IMMEDIATE_INTS,
  PPN_MIL_IMMEDIATE_BOOLS,
  PPN_MIL_IMMEDIATE_STRINGS,
  PPN_MIL_IMMEDIATE_LONG_INTS,
  PPN_MIL_IMMEDIATE_DOUBLES,
  PPN_MIL_IMMEDIATE_BYTES,
} ppn_mil_immediate_t;

typedef struct ppn_mil_proto_dtype {
  ppn_dtype_t dtype;
  MilPb__DataType code;
  ppn_mil_immediate_t immediate;
} ppn_mil_proto_dtype_t;

// NULL when MIL has no such type.
const ppn_mil_proto_dtype_t* ppn_mil_proto_dtype(ppn_dtype_t dtype);
const ppn_mil_proto_dtype_t* ppn_mil_proto_dtype_of_code(MilPb__DataType code);

#endif  // PPN_MIL_PROTO_TYPES_H_
