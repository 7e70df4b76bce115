// Nodes: operations of a specialised function bound to kernels. The engine's side of
// engine/kernel.h.
#ifndef PPN_ENGINE_NODE_H_
#define PPN_ENGINE_NODE_H_

#include "engine/kernel.h"
#include "engine/storage.h"

#define PPN_ENGINE_ALIGNMENT 64

// What the engine keeps for each value of a specialised function, in the value's `scratch`.
typedef struct ppn_engine_value {
  const ppn_mil_value_t* original;    // in the program; NULL when specialisation made the value
  ppn_tensor_t tensor;                // stored dtype and sizes; data of constants once stored
  bool is_stored;                     // a constant whose data is set
  const ppn_engine_layout_t* layout;  // NULL: row-major
  ppn_mil_value_t* row_major;         // the value brought into row-major order, once made
  uint32_t use_count;                 // uses by operations and as a result
  uint32_t last_use;                  // number of the last operation that needs it or a view of it
  ppn_mil_operation_t* user;          // the last operation that uses it
  uint32_t buffer;                    // where it lies in the plan
} ppn_engine_value_t;

// What the engine keeps for each operation of a specialised function, in the operation's `scratch`.
typedef struct ppn_engine_operation {
  const ppn_mil_operation_t* original;  // in the program; of fused operations the last
  ppn_engine_fused_t* fused;
  ppn_mil_value_t** fused_values;  // the tensors of fused additions; other entries NULL
  uint32_t fused_count;
  uint32_t number;
} ppn_engine_operation_t;

// The engine's record of `value`, made when there is none.
ppn_status_t ppn_engine_value_of(ppn_mil_value_t* value, ppn_arena_t* arena,
                                 ppn_engine_value_t** out_value) PPN_MUST_USE;

// Binds an operation to a kernel: operands with dtypes, sizes and the data of constants; results
// with dtypes and, where they are static, sizes (else -1). Everything is made in the arena;
// constants of the program are stored in `constants`.
ppn_status_t ppn_engine_node_bind(ppn_mil_operation_t* operation, const ppn_engine_kernel_t* kernel,
                                  const ppn_engine_environment_t* environment,
                                  ppn_engine_constants_t* constants, ppn_arena_t* arena,
                                  ppn_engine_node_t* out_node) PPN_MUST_USE;
ppn_status_t ppn_engine_node_prepare(ppn_engine_node_t* node, ppn_arena_t* arena) PPN_MUST_USE;
// Runs the kernel (views need no running) and rounds what must be on the fp16 grid.
ppn_status_t ppn_engine_node_run(ppn_engine_node_t* node) PPN_MUST_USE;
void ppn_engine_node_release(ppn_engine_node_t* node);

// Binds an operation without layouts to the first kernel that can be prepared.
ppn_status_t ppn_engine_node_bind_and_prepare(ppn_mil_operation_t* operation,
                                              const ppn_engine_environment_t* environment,
                                              ppn_engine_constants_t* constants, ppn_arena_t* arena,
                                              ppn_engine_node_t* out_node) PPN_MUST_USE;
// Runs and releases a prepared node whose operands all have data. Results are put in the arena.
ppn_status_t ppn_engine_node_run_once(ppn_engine_node_t* node, ppn_arena_t* arena) PPN_MUST_USE;
// Whether a failed preparation means that another kernel is to be tried; then the status is freed.
bool ppn_engine_node_try_next(ppn_engine_node_t* node, ppn_status_t* status);

#endif  // PPN_ENGINE_NODE_H_
