// ATen → MIL: the rows that decide whether a node can be lowered, and lower it.
#ifndef PPN_LOWER_LOWER_H_
#define PPN_LOWER_LOWER_H_

#include "aten/op.h"
#include "mil/mil.h"

typedef struct ppn_lower_options {
  // The user's deployment target; 0: none given, the smallest opset that the used ops need is
  // chosen.
  ppn_mil_opset_t minimum_opset;
  bool float16;  // compute precision (default true); the passes act on it, rows do not
} ppn_lower_options_t;

// The opset rows may use: the target, or iOS15 raised per op when none was given.
typedef struct ppn_lower_context ppn_lower_context_t;

// Says why a node cannot be lowered, in words for a user: "needs iOS 17 (target is iOS 16)", "rank
// 6; Core ML has at most 5". Returns true when it can. `reason` may be NULL. Looks at operator,
// arguments, ranks, dtypes and target only.
typedef bool (*ppn_lower_predicate_t)(const ppn_node_t* node, const ppn_lower_options_t* options,
                                      ppn_buffer_t* reason);
// Emits MIL for the node and binds its results (ppn_lower_set). Never fails on what the predicate
// accepted.
typedef ppn_status_t (*ppn_lower_function_t)(ppn_lower_context_t* context, const ppn_node_t* node);

typedef struct ppn_lower_row {
  const char* name;  // "aten::add.Tensor"; edge forms ("aten::view_copy") have rows of their own or
                     // share by alias table
  ppn_mil_opset_t since;            // smallest opset (0: iOS15)
  ppn_lower_predicate_t supported;  // NULL: always
  ppn_lower_function_t lower;
} ppn_lower_row_t;

typedef struct ppn_lower_family {
  const ppn_lower_row_t* rows;
  uint32_t count;
} ppn_lower_family_t;

// The row for an operator name, or NULL. Thread-safe.
const ppn_lower_row_t* ppn_lower_row_find(const char* op_name);

// Row lookup, target, dtype and rank checks common to all rows, then the row's predicate. `reason`
// gets the text when false.
bool ppn_lower_is_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason);

// Lowers a (sub)program whose nodes are all supported to a MIL program with one function, "main".
// Parameters, buffers and constants become MIL constants that view the program's storage; mutated
// buffers become states; user inputs and outputs become the function's. Passes are run. The result
// borrows the program's constants and symbols. Errors: UNSUPPORTED naming node and source line
// (never for what ppn_lower_is_supported accepted).
ppn_status_t ppn_lower_program(const ppn_exported_program_t* program,
                               const ppn_lower_options_t* options,
                               ppn_mil_program_t** out_program) PPN_MUST_USE;

// ---- For rows (lower/context.c) ----

struct ppn_lower_context {
  const ppn_exported_program_t* program;
  const ppn_lower_options_t* options;
  ppn_mil_opset_t opset;      // the function's opset
  ppn_mil_builder_t builder;  // name and origin are set for the node being lowered
};

// The MIL value of an ATen value / of a tensor argument (NULL for None).
ppn_status_t ppn_lower_get(ppn_lower_context_t* context, const ppn_value_t* value,
                           ppn_mil_value_t** out) PPN_MUST_USE;
ppn_status_t ppn_lower_get_argument(ppn_lower_context_t* context, const ppn_argument_t* argument,
                                    ppn_mil_value_t** out) PPN_MUST_USE;
// Binds result `index` of the node.
ppn_status_t ppn_lower_set(ppn_lower_context_t* context, const ppn_node_t* node, uint32_t index,
                           ppn_mil_value_t* value) PPN_MUST_USE;
// One-result emission: ppn_lower_emit(context, "add", &out, PPN_MIL_IN("x", x), PPN_MIL_IN("y", y))
// through this macro.
ppn_status_t ppn_lower_emit_inputs(ppn_lower_context_t* context, const char* type,
                                   const ppn_mil_input_t* inputs, uint32_t input_count,
                                   ppn_mil_value_t** out) PPN_MUST_USE;
#define ppn_lower_emit(context, type, out, ...)                  \
  ppn_lower_emit_inputs(                                         \
      (context), (type), (const ppn_mil_input_t[]){__VA_ARGS__}, \
      (uint32_t)(sizeof((const ppn_mil_input_t[]){__VA_ARGS__}) / sizeof(ppn_mil_input_t)), (out))
// `value` in `dtype`: itself, a re-made constant, or a cast.
ppn_status_t ppn_lower_cast(ppn_lower_context_t* context, ppn_mil_value_t* value, ppn_dtype_t dtype,
                            ppn_mil_value_t** out) PPN_MUST_USE;
// The MIL dtype that stands for a torch dtype (int64 → int32, float64 → float32, …); INVALID when
// there is none.
ppn_dtype_t ppn_lower_dtype(ppn_dtype_t dtype);
// A shape as a MIL int32 vector: a constant when all sizes are static, else assembled with
// shape/gather/concat.
ppn_status_t ppn_lower_shape(ppn_lower_context_t* context, const ppn_argument_t* sizes,
                             ppn_mil_value_t** out) PPN_MUST_USE;

#endif  // PPN_LOWER_LOWER_H_
