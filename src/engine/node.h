// Nodes: operations of a specialised function bound to kernels. The engine's side of
// engine/kernel.h.
#ifndef PPN_ENGINE_NODE_H_
#define PPN_ENGINE_NODE_H_

#include "engine/kernel.h"
#include "engine/storage.h"

#define PPN_ENGINE_ALIGNMENT 64

// What the engine keeps for each value of a specialised function, in the value's `scratch`.
typedef struct ppn_engine_value {
  const ppn_mil_value_t* original;  // in the program; NULL when specialisation made the value
  ppn_tensor_t tensor;              // stored dtype and sizes; data of constants once stored
  bool is_stored;                   // a constant whose data is set
  uint32_t buffer;                  // where it lies in the plan
} ppn_engine_value_t;

// The engine's record of `value`, made when there is none.
ppn_status_t ppn_engine_value_of(ppn_mil_value_t* value, ppn_arena_t* arena,
                                 ppn_engine_value_t** out_value) PPN_MUST_USE;

// Binds an operation to its kernel: operands with dtypes, sizes and the data of constants; results
// with dtypes and, where they are static, sizes (else -1). Everything is made in the arena;
// constants of the program are stored in `constants`.
ppn_status_t ppn_engine_node_bind(ppn_mil_operation_t* operation,
                                  const ppn_engine_environment_t* environment,
                                  ppn_engine_constants_t* constants, ppn_arena_t* arena,
                                  ppn_engine_node_t* out_node) PPN_MUST_USE;
ppn_status_t ppn_engine_node_prepare(ppn_engine_node_t* node, ppn_arena_t* arena) PPN_MUST_USE;
// Runs the kernel (views need no running) and rounds what must be on the fp16 grid.
ppn_status_t ppn_engine_node_run(ppn_engine_node_t* node) PPN_MUST_USE;
void ppn_engine_node_release(ppn_engine_node_t* node);

// Prepares, runs and releases a node whose operands all have data. Results are put in the arena.
ppn_status_t ppn_engine_node_run_once(ppn_engine_node_t* node, ppn_arena_t* arena) PPN_MUST_USE;

#endif  // PPN_ENGINE_NODE_H_
