// Mutated buffers as Core ML states. Private to the lower layer.
#ifndef PPN_LOWER_STATES_H_
#define PPN_LOWER_STATES_H_

#include "lower/row.h"

typedef struct ppn_lower_state {
  ppn_mil_value_t* value;    // the function's input
  ppn_mil_value_t* initial;  // what the buffer starts with, in its own type; NULL: zeros
} ppn_lower_state_t;

// Adds the state of a buffer, and reads it: `value`'s content is bound.
ppn_status_t ppn_lower_add_state(ppn_lower_context_t* context, const ppn_input_spec_t* spec,
                                 ppn_value_t* value, ppn_lower_state_t** out_state) PPN_MUST_USE;
// Writes `value` back at the end of the function.
ppn_status_t ppn_lower_write_state(ppn_lower_context_t* context, const ppn_lower_state_t* state,
                                   const ppn_value_t* value) PPN_MUST_USE;

#endif  // PPN_LOWER_STATES_H_
