// Running a function's blocks: plans where sizes are known, operation by operation where they are
// not.
//
// A function whose sizes all follow from its inputs' is one plan. Elsewhere a block runs as plans
// between the operations that cannot be planned (those with nested blocks, lists, and those whose
// results' sizes depend on elements); plans are kept, by the sizes they were made for.
#ifndef PPN_ENGINE_INTERPRET_H_
#define PPN_ENGINE_INTERPRET_H_

#include "engine/plan.h"
#include "engine/values.h"

typedef struct ppn_engine_segment ppn_engine_segment_t;

typedef struct ppn_engine_interpreter {
  const ppn_mil_function_t* function;
  ppn_engine_environment_t environment;
  ppn_engine_constants_t* constants;
  ppn_engine_hooks_t hooks;
  ppn_engine_values_t values;
  ppn_engine_segment_t* segments;  // most recently used first
} ppn_engine_interpreter_t;

void ppn_engine_interpreter_release(ppn_engine_interpreter_t* interpreter);
// Forgets all plans.
void ppn_engine_interpreter_forget(ppn_engine_interpreter_t* interpreter);

// The plan that starts at `first` of a block for the values' present sizes, made when there is
// none. `out_stop`: the first operation that it does not include.
ppn_status_t ppn_engine_interpreter_plan(ppn_engine_interpreter_t* interpreter,
                                         const ppn_mil_block_t* block,
                                         const ppn_mil_operation_t* first,
                                         ppn_engine_plan_t** out_plan,
                                         const ppn_mil_operation_t** out_stop) PPN_MUST_USE;
// Runs a plan that ppn_engine_interpreter_plan gave on the values' data; results stay in the plan.
ppn_status_t ppn_engine_interpreter_run_plan(ppn_engine_interpreter_t* interpreter,
                                             ppn_engine_plan_t* plan) PPN_MUST_USE;
// Runs a block, whose inputs are set, and sets its outputs' values.
ppn_status_t ppn_engine_interpreter_run_block(ppn_engine_interpreter_t* interpreter,
                                              const ppn_mil_block_t* block) PPN_MUST_USE;
// The value's data: a variable's or a constant's. INVALID_DATA when it has none.
ppn_status_t ppn_engine_interpreter_fetch(ppn_engine_interpreter_t* interpreter,
                                          const ppn_mil_value_t* value,
                                          ppn_tensor_t* out_tensor) PPN_MUST_USE;

// Executes classify (engine/classify.c). The label is INT64: for texts, its place among the
// classes; the probabilities are a tensor in the order of the classes.
ppn_status_t ppn_engine_run_classify(ppn_engine_interpreter_t* interpreter,
                                     const ppn_mil_operation_t* operation) PPN_MUST_USE;

// Executes cond, while_loop, list operations and classify (engine/structural.c).
ppn_status_t ppn_engine_run_structural(ppn_engine_interpreter_t* interpreter,
                                       const ppn_mil_operation_t* operation) PPN_MUST_USE;

#endif  // PPN_ENGINE_INTERPRET_H_
