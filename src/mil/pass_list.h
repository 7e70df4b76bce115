// The passes' functions, one file each.
#ifndef PPN_MIL_PASS_LIST_H_
#define PPN_MIL_PASS_LIST_H_

#include "mil/op.h"

ppn_status_t ppn_mil_pass_dead_code(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_noop(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_fold(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_fuse_batch_norm(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_fuse_bias(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_fuse_gelu(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_fuse_layer_norm(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_merge_views(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_redundant(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_half(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_casts(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_interface_types(ppn_mil_function_t* function);
ppn_status_t ppn_mil_pass_unused_inputs(ppn_mil_function_t* function);

// ---- Shared by passes (mil/pass_support.c) ----

// Calls `visit` for every operation, nested blocks before the operation that owns them. The visitor
// may remove the operation it is given.
typedef ppn_status_t (*ppn_mil_operation_visitor_t)(void* context, ppn_mil_operation_t* operation);
ppn_status_t ppn_mil_visit_operations(ppn_mil_block_t* block, ppn_mil_operation_visitor_t visit,
                                      void* context) PPN_MUST_USE;
// Uses of each value (operations' inputs, block outputs), by value id after numbering. The array
// has `*out_count` entries and is the caller's to free.
ppn_status_t ppn_mil_count_uses(ppn_mil_function_t* function, uint32_t** out_uses,
                                uint32_t* out_count) PPN_MUST_USE;
bool ppn_mil_operation_is(const ppn_mil_operation_t* operation, const char* type);
// Is the value among the function's results?
bool ppn_mil_is_function_output(const ppn_mil_function_t* function, const ppn_mil_value_t* value);
// Clears `scratch` of every value of the function.
void ppn_mil_clear_scratch(ppn_mil_function_t* function);
// Re-infers the results' types after inputs have changed.
ppn_status_t ppn_mil_reinfer(ppn_mil_function_t* function,
                             ppn_mil_operation_t* operation) PPN_MUST_USE;
// Binds one value to a parameter.
ppn_status_t ppn_mil_set_input(ppn_mil_function_t* function, ppn_mil_operation_t* operation,
                               const char* parameter, ppn_mil_value_t* value) PPN_MUST_USE;
// A cast of `value` before `before` (NULL: at the end of `block`).
ppn_status_t ppn_mil_emit_cast(ppn_mil_function_t* function, ppn_mil_block_t* block,
                               ppn_mil_operation_t* before, ppn_mil_value_t* value,
                               ppn_dtype_t dtype, const char* name,
                               ppn_mil_value_t** out) PPN_MUST_USE;

#endif  // PPN_MIL_PASS_LIST_H_
