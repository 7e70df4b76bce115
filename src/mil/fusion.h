// What passes share that replace a pattern of operations by one.
#ifndef PPN_MIL_FUSION_H_
#define PPN_MIL_FUSION_H_

#include "mil/pass_list.h"

typedef struct ppn_mil_fusion {
  ppn_mil_function_t* function;
  uint32_t* uses;  // by value id
  uint32_t count;
} ppn_mil_fusion_t;

typedef ppn_status_t (*ppn_mil_fuse_t)(ppn_mil_fusion_t* fusion, ppn_mil_operation_t* operation);

// Calls `fuse` for every operation, operands before users; replaced values are replaced everywhere
// at the end.
ppn_status_t ppn_mil_fusion_run(ppn_mil_function_t* function, ppn_mil_fuse_t fuse) PPN_MUST_USE;

// The operand as it is by now, or NULL when it is not given.
ppn_mil_value_t* ppn_mil_fusion_operand(const ppn_mil_operation_t* operation,
                                        const char* parameter);
// The operation of this type in `block` that makes `value`, or NULL.
ppn_mil_operation_t* ppn_mil_fusion_producer(const ppn_mil_value_t* value, const char* type);
bool ppn_mil_fusion_used_once(const ppn_mil_fusion_t* fusion, const ppn_mil_value_t* value);
// The number of a constant that is one number; false for any other value.
bool ppn_mil_fusion_number(const ppn_mil_value_t* value, double* out_number);
// Is the value a constant equal to `number`, up to rounding in half precision?
bool ppn_mil_fusion_is_number(const ppn_mil_value_t* value, double number);
bool ppn_mil_fusion_close(double a, double b);

// Of an operation with operands x and y: the one that is not a constant, and the constant one.
bool ppn_mil_fusion_with_constant(const ppn_mil_operation_t* operation, ppn_mil_value_t** out_value,
                                  ppn_mil_value_t** out_constant);

// `value` takes the place and name of `operation`'s only result; the operation is removed.
void ppn_mil_fusion_replace(ppn_mil_operation_t* operation, ppn_mil_value_t* value);
// Where operations that replace `operation` go.
ppn_mil_builder_t ppn_mil_fusion_builder(const ppn_mil_fusion_t* fusion,
                                         ppn_mil_operation_t* operation);

#endif  // PPN_MIL_FUSION_H_
