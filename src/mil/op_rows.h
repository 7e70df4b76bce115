// How rows of the op table are written.
#ifndef PPN_MIL_OP_ROWS_H_
#define PPN_MIL_OP_ROWS_H_

#include "mil/op.h"

#define PPN_MIL_BIT(name) (1u << PPN_DTYPE_##name)
enum {
  FP16 = PPN_MIL_BIT(FLOAT16),
  FP32 = PPN_MIL_BIT(FLOAT32),
  INT32 = PPN_MIL_BIT(INT32),
  BOOL = PPN_MIL_BIT(BOOL),
  STRING = PPN_MIL_BIT(STRING),
  UINT8 = PPN_MIL_BIT(UINT8),
  UINT16 = PPN_MIL_BIT(UINT16),
  UINT32 = PPN_MIL_BIT(UINT32),
  UINT1 = PPN_MIL_BIT(UINT1),
  FLOATS = FP16 | FP32,
  NUMBERS = FLOATS | INT32,
  PLAIN = NUMBERS | BOOL,
  BYTES = PPN_MIL_BIT(INT8) | UINT8,
  NIBBLES = PPN_MIL_BIT(INT4) | PPN_MIL_BIT(UINT4),
  WORDS = INT32 | PPN_MIL_BIT(INT16) | UINT16,
  SIGNED = INT32 | PPN_MIL_BIT(INT16) | PPN_MIL_BIT(INT8),
  INTEGERS = WORDS | BYTES,
  NUMERIC = FLOATS | INTEGERS,
  ALL = NUMERIC | BOOL,
  INDICES = UINT1 | PPN_MIL_BIT(UINT2) | PPN_MIL_BIT(UINT3) | PPN_MIL_BIT(UINT4) |
            PPN_MIL_BIT(UINT6) | UINT8,
  ANY = 0x7fffffff,
};

#define IOS15 PPN_MIL_OPSET_IOS15
#define IOS16 PPN_MIL_OPSET_IOS16
#define IOS17 PPN_MIL_OPSET_IOS17
#define IOS18 PPN_MIL_OPSET_IOS18

#define PPN_MIL_PARAMETER(name, flags, letter, dtypes, kind, number, text) \
  { (name), (flags), (letter), (uint32_t)(dtypes), (kind), (number), (text) }
#define INPUT(name, letter, dtypes) \
  PPN_MIL_PARAMETER(name, 0, letter, dtypes, PPN_MIL_DEFAULT_NONE, 0, NULL)
#define OPTIONAL(name, letter, dtypes) \
  PPN_MIL_PARAMETER(name, PPN_MIL_OPTIONAL, letter, dtypes, PPN_MIL_DEFAULT_NONE, 0, NULL)
#define CONSTANT(name, letter, dtypes) \
  PPN_MIL_PARAMETER(name, PPN_MIL_CONST, letter, dtypes, PPN_MIL_DEFAULT_NONE, 0, NULL)
#define OPTIONAL_CONSTANT(name, letter, dtypes)                                                   \
  PPN_MIL_PARAMETER(name, PPN_MIL_OPTIONAL | PPN_MIL_CONST, letter, dtypes, PPN_MIL_DEFAULT_NONE, \
                    0, NULL)
#define NUMBER_DEFAULT(name, letter, dtypes, kind, value) \
  PPN_MIL_PARAMETER(name, PPN_MIL_OPTIONAL | PPN_MIL_CONST, letter, dtypes, kind, value, NULL)
#define INT_DEFAULT(name, value) NUMBER_DEFAULT(name, 0, INT32, PPN_MIL_DEFAULT_INT, value)
#define BOOL_DEFAULT(name, value) NUMBER_DEFAULT(name, 0, BOOL, PPN_MIL_DEFAULT_BOOL, value)
#define TEXT_DEFAULT(name, value)                                                                 \
  PPN_MIL_PARAMETER(name, PPN_MIL_OPTIONAL | PPN_MIL_CONST, 0, STRING, PPN_MIL_DEFAULT_STRING, 0, \
                    value)
#define INTS_DEFAULT(name, kind, value) NUMBER_DEFAULT(name, 0, INT32, kind, value)
#define STRIDES_DEFAULT(name) INTS_DEFAULT(name, PPN_MIL_DEFAULT_SPATIAL, 1)
#define PAD_DEFAULT(name) INTS_DEFAULT(name, PPN_MIL_DEFAULT_SPATIAL_PAIRS, 0)
#define TUPLE(name) PPN_MIL_PARAMETER(name, PPN_MIL_TUPLE, 0, ANY, PPN_MIL_DEFAULT_NONE, 0, NULL)

#define PPN_MIL_PARAMETERS(...)               \
  (const ppn_mil_parameter_t[]){__VA_ARGS__}, \
      (uint32_t)(sizeof((const ppn_mil_parameter_t[]){__VA_ARGS__}) / sizeof(ppn_mil_parameter_t))
#define ROW(type, since, outputs, infer, ...) \
  { (type), (since), PPN_MIL_PARAMETERS(__VA_ARGS__), (outputs), NULL, (infer), false }
#define COUNTED_ROW(type, since, count_outputs, infer, ...) \
  { (type), (since), PPN_MIL_PARAMETERS(__VA_ARGS__), 0, (count_outputs), (infer), false }
#define ATTRIBUTES_ROW(type, since, outputs, infer, ...) \
  { (type), (since), PPN_MIL_PARAMETERS(__VA_ARGS__), (outputs), NULL, (infer), true }

#define PPN_MIL_FAMILIES(FAMILY) \
  FAMILY(elementwise) FAMILY(neural) FAMILY(tensor) FAMILY(image) FAMILY(special)
#define PPN_MIL_DECLARE_FAMILY(name) extern const ppn_mil_family_t ppn_mil_family_##name;
PPN_MIL_FAMILIES(PPN_MIL_DECLARE_FAMILY)
#define PPN_MIL_DEFINE_FAMILY(name) \
  const ppn_mil_family_t ppn_mil_family_##name = {ops, (uint32_t)(sizeof(ops) / sizeof((ops)[0]))}

#endif  // PPN_MIL_OP_ROWS_H_
