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
  // Whose nodes are asked about, when its constants belong to Core ML: rows that need constants
  // look them up here. NULL: nothing is known to be a constant.
  const ppn_exported_program_t* program;
} ppn_lower_options_t;

// What rows see while they run: lower/row.h.
typedef struct ppn_lower_context ppn_lower_context_t;

// Says why a node cannot be lowered, in words for a user: "needs iOS 17 (target is iOS 16)", "rank
// 6; Core ML has at most 5". Returns true when it can. `reason` may be NULL. Looks at operator,
// arguments, ranks, dtypes, target, and at which arguments are constants; never at their elements.
typedef bool (*ppn_lower_predicate_t)(const ppn_node_t* node, const ppn_lower_options_t* options,
                                      ppn_buffer_t* reason);
// Emits MIL for the node and binds its results (ppn_row_result). Never fails on what the predicate
// accepted.
typedef ppn_status_t (*ppn_lower_function_t)(ppn_lower_context_t* context, const ppn_node_t* node);

typedef enum ppn_lower_flag {
  // Tensors of 8 and 16-bit integers are fine: the row only moves elements or converts them.
  // (Everything else would compute in int32 and not wrap around.)
  PPN_LOWER_SMALL_INTEGERS = 1 << 0,
  // Tensors without elements are fine.
  PPN_LOWER_EMPTY_TENSORS = 1 << 1,
  // Looks at shapes only, or at nothing: dtypes and ranks of its arguments do not matter.
  PPN_LOWER_ANY_TENSORS = 1 << 2,
  // More than five dimensions may be fine: the predicate decides.
  PPN_LOWER_HIGH_RANK = 1 << 3,
  // Only the first result is lowered: a node whose other results have users is refused.
  PPN_LOWER_FIRST_RESULT = 1 << 4,
  // Makes a weight from its compressed form. Where a later target could do it the user has to
  // choose that: leaving it to the CPU would unpack the weight behind the user's back.
  PPN_LOWER_COMPRESSED_WEIGHT = 1 << 5,
} ppn_lower_flag_t;

typedef struct ppn_lower_row {
  const char* name;  // "aten::add.Tensor"; functional and edge forms ("aten::view",
                     // "aten::view_copy") have a row each
  ppn_lower_function_t lower;
  ppn_lower_predicate_t supported;  // NULL: always
  ppn_mil_opset_t since;            // smallest opset (0: iOS15)
  unsigned flags;                   // ppn_lower_flag_t
} ppn_lower_row_t;

typedef struct ppn_lower_family {
  const char* name;  // "reductions"; heads a section of the documentation
  const ppn_lower_row_t* rows;
  uint32_t count;
} ppn_lower_family_t;

// The row for an operator name, or NULL. Thread-safe.
const ppn_lower_row_t* ppn_lower_row_find(const char* op_name);
// All families, for documentation and tests. Static storage.
const ppn_lower_family_t* const* ppn_lower_families(uint32_t* out_count);

// Row lookup, target, dtype and rank checks common to all rows, then the row's predicate. `reason`
// (may be NULL) gets the text when false. Thread-safe for nodes of different programs.
bool ppn_lower_is_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                            ppn_buffer_t* reason);

// Refuses a compressed weight that a later deployment target could hold but this one cannot.
// INVALID_ARGUMENT, naming the target that is needed.
ppn_status_t ppn_lower_check_target(const ppn_node_t* node,
                                    const ppn_lower_options_t* options) PPN_MUST_USE;

// Lowers a (sub)program whose nodes are all supported to a MIL program with one function, "main".
// Parameters, buffers and constants become MIL constants that view the program's storage; mutated
// buffers become states; user inputs and outputs become the function's. Passes are run. The result
// borrows the program's constants and symbols; the program's scratch fields are used. Errors:
// UNSUPPORTED naming node and source line (never for what ppn_lower_is_supported accepted).
ppn_status_t ppn_lower_program(const ppn_exported_program_t* program,
                               const ppn_lower_options_t* options,
                               ppn_mil_program_t** out_program) PPN_MUST_USE;
// The same without the passes: what the rows emit.
ppn_status_t ppn_lower_program_without_passes(const ppn_exported_program_t* program,
                                              const ppn_lower_options_t* options,
                                              ppn_mil_program_t** out_program) PPN_MUST_USE;

// The MIL dtype that stands for a torch dtype (int64 → int32, float64 → float32, …); INVALID when
// there is none.
ppn_dtype_t ppn_lower_dtype(ppn_dtype_t dtype);

#endif  // PPN_LOWER_LOWER_H_
