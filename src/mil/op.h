// The MIL op table: parameters, defaults, constraints, type inference, per opset.
#ifndef PPN_MIL_OP_H_
#define PPN_MIL_OP_H_

#include "mil/mil.h"

typedef enum ppn_mil_parameter_flag {
  PPN_MIL_OPTIONAL = 1 << 0,  // may be absent; then the default, if any, applies
  PPN_MIL_CONST = 1 << 1,     // must be known at compile time
  PPN_MIL_TUPLE = 1 << 2,     // several values
} ppn_mil_parameter_flag_t;

// Default values: what the official tools write when the parameter is not given.
typedef enum ppn_mil_default_kind {
  PPN_MIL_DEFAULT_NONE,  // absence is meaningful
  PPN_MIL_DEFAULT_BOOL,
  PPN_MIL_DEFAULT_INT,
  PPN_MIL_DEFAULT_FLOAT,  // in the dtype of the type letter
  PPN_MIL_DEFAULT_STRING,
  // Integer vectors. The first two repeat the number, once or twice for each spatial dimension of
  // "x" (dimensions after batch and channels).
  PPN_MIL_DEFAULT_SPATIAL,
  PPN_MIL_DEFAULT_SPATIAL_PAIRS,
  PPN_MIL_DEFAULT_ALL_AXES,  // 0, 1 … rank of "x" - 1
  PPN_MIL_DEFAULT_VECTOR,    // [number]
  // A string, unless "return_indices" is false.
  PPN_MIL_DEFAULT_INDICES_STRING,
} ppn_mil_default_kind_t;

typedef struct ppn_mil_parameter {
  const char* name;
  unsigned flags;
  char type_letter;  // inputs that share a letter share the dtype; 0: independent
  uint32_t dtypes;   // bit set of 1u << ppn_dtype_t
  ppn_mil_default_kind_t default_kind;
  double default_number;
  const char* default_text;
} ppn_mil_parameter_t;

// Fills outputs[i]->type (output count already right). Checks what the op's definition requires.
typedef ppn_status_t (*ppn_mil_infer_t)(ppn_mil_function_t* function,
                                        const ppn_mil_operation_t* operation,
                                        ppn_mil_type_t* out_types);
// Number of outputs when it depends on the inputs (split, while_loop, cond); NULL: `output_count`.
typedef uint32_t (*ppn_mil_output_count_t)(const ppn_mil_operation_t* operation);

// One version of an op: valid from `since` until a later row of the same type.
typedef struct ppn_mil_op {
  const char* type;
  ppn_mil_opset_t since;
  const ppn_mil_parameter_t* parameters;
  uint32_t parameter_count;
  uint32_t output_count;
  ppn_mil_output_count_t count_outputs;
  ppn_mil_infer_t infer;
  bool parameters_are_attributes;  // constexpr ops of iOS 16/17
} ppn_mil_op_t;

// The row in force for `opset`, or NULL.
const ppn_mil_op_t* ppn_mil_op_find(ppn_string_view_t type, ppn_mil_opset_t opset);
int ppn_mil_parameter_index(const ppn_mil_op_t* op, ppn_string_view_t name);
// The earliest opset with an op of this type; 0 when there is none.
ppn_mil_opset_t ppn_mil_op_since(ppn_string_view_t type);

// Calls `visit` for the first version of every op, family by family.
typedef void (*ppn_mil_op_visitor_t)(void* context, const ppn_mil_op_t* op);
void ppn_mil_op_visit_all(ppn_mil_op_visitor_t visit, void* context);

// Binds constants to optional parameters that are not given and have a default (mil/defaults.c).
// Errors: INVALID_ARGUMENT naming a required parameter that is missing.
ppn_status_t ppn_mil_operation_add_defaults(ppn_mil_builder_t* builder,
                                            ppn_mil_operation_t* operation) PPN_MUST_USE;

typedef struct ppn_mil_family {
  const ppn_mil_op_t* ops;
  uint32_t count;
} ppn_mil_family_t;

#endif  // PPN_MIL_OP_H_
