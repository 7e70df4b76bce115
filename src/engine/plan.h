// Plans: a specialised run of operations as steps over one piece of planned memory.
#ifndef PPN_ENGINE_PLAN_H_
#define PPN_ENGINE_PLAN_H_

#include "engine/memory_plan.h"
#include "engine/specialise.h"

// A tensor of a node, and the value that it is.
typedef struct ppn_engine_use {
  ppn_mil_value_t* value;  // never a constant
  ppn_tensor_t* tensor;
} ppn_engine_use_t;

typedef struct ppn_engine_step {
  ppn_engine_node_t node;
  const ppn_mil_operation_t* original;  // for hooks
  ppn_engine_use_t* operands;           // without constants; with those of fused additions
  uint32_t operand_count;
  ppn_engine_use_t* results;
  uint32_t result_count;
} ppn_engine_step_t;

typedef enum ppn_engine_buffer_kind {
  PPN_ENGINE_BUFFER_PLANNED,   // in the plan's memory
  PPN_ENGINE_BUFFER_INPUT,     // the caller's, set before each run
  PPN_ENGINE_BUFFER_CONSTANT,  // data is known when the plan is made
} ppn_engine_buffer_kind_t;

// Memory that one value, or several that follow each other in place or are views, lie in.
typedef struct ppn_engine_buffer {
  ppn_engine_buffer_kind_t kind;
  void* data;       // CONSTANT
  uint32_t merged;  // the buffer that this one became part of, or its own index
} ppn_engine_buffer_t;

typedef struct ppn_engine_plan {
  ppn_engine_specialisation_t specialisation;
  ppn_engine_step_t* steps;
  uint32_t step_count;
  ppn_engine_buffer_t* buffers;  // those of inputs first
  ppn_engine_block_t* blocks;    // the same indices; behind them one for each step's scratch memory
  uint32_t buffer_count;
  void* memory;
  size_t memory_size;
  // Tensors that lie in input i's memory: patched before each run.
  ppn_tensor_t*** input_uses;
  uint32_t* input_use_counts;
  uint32_t input_count, output_count;
  ppn_tensor_t* outputs;  // stored form; data is valid after a run
} ppn_engine_plan_t;

// Takes the specialisation over, also when it fails.
ppn_status_t ppn_engine_plan_create(ppn_engine_specialisation_t* specialisation,
                                    const ppn_engine_environment_t* environment,
                                    ppn_engine_constants_t* constants,
                                    ppn_engine_plan_t** out_plan) PPN_MUST_USE;
void ppn_engine_plan_free(ppn_engine_plan_t* plan);

// The second half of creation (engine/plan_memory.c): where everything lies. Steps are prepared.
ppn_status_t ppn_engine_plan_place(ppn_engine_plan_t* plan,
                                   ppn_engine_constants_t* constants) PPN_MUST_USE;

// What is called while a plan runs; functions may be NULL.
typedef struct ppn_engine_hooks {
  ppn_engine_trace_t trace;
  void* trace_data;
  ppn_engine_observer_t observer;
  void* observer_data;
} ppn_engine_hooks_t;

// Input i of the specialised function is at `inputs[i]` (stored form, contiguous; states: their
// memory). Allocates nothing.
ppn_status_t ppn_engine_plan_run(ppn_engine_plan_t* plan, void* const* inputs,
                                 const ppn_engine_hooks_t* hooks) PPN_MUST_USE;

// Nanoseconds of a clock that never goes back.
uint64_t ppn_engine_now(void);

#endif  // PPN_ENGINE_PLAN_H_
