// A loaded method: its values in memory, its calls resolved.
//
//   method.c           load and free
//   method_values.c    memory and values, from the program's description
//   method_io.c        inputs and outputs
//   interpreter.c      execution
#ifndef PPN_RUNTIME_METHOD_H_
#define PPN_RUNTIME_METHOD_H_

#include "formats/pte_reader.h"
#include "runtime/backend.h"
#include "runtime/program.h"

struct ppn_program {
  char* name;  // for messages
  ppn_file_map_t map;
  ppn_pte_file_t* file;
  ppn_shares_t* shares;
};

// An instruction with its arguments as pointers.
typedef struct ppn_method_step {
  ppn_pte_instruction_type_t type;
  uint32_t target;                  // of a jump
  const ppn_operator_row_t* row;    // KERNEL_CALL
  uint32_t delegate;                // DELEGATE_CALL
  ppn_runtime_value_t** arguments;  // of calls; MOVE_CALL: from, to; others: the value
  uint32_t argument_count;
} ppn_method_step_t;

typedef struct ppn_method_delegate {
  const ppn_backend_t* backend;
  void* handle;
} ppn_method_delegate_t;

// An input's or output's tensor as it was loaded: instructions may bind the value to another one.
typedef struct ppn_method_port {
  ppn_runtime_value_t* value;
  ppn_runtime_tensor_t* tensor;  // NULL: no tensor
  ppn_runtime_value_t traced;    // the value that the program was exported with
  bool is_set;                   // inputs
  void* memory;                  // of tensors that are not planned; freed with the method
  size_t memory_size;
} ppn_method_port_t;

struct ppn_method {
  const ppn_program_t* program;
  const ppn_pte_plan_t* plan;
  ppn_arena_t arena;   // what lives as long as the method
  void** blocks;       // the plan's memory arenas, as allocated; entry 0 is NULL
  uint8_t** memories;  // the same, aligned
  ppn_runtime_value_t* values;
  ppn_method_step_t* steps;
  ppn_method_delegate_t* delegates;
  ppn_method_port_t *inputs, *outputs;
  ppn_thread_pool_t* pool;  // NULL when there are no operators
  ppn_arena_t scratch;      // of the running operator
};

// Allocates the plan's memory and makes `values`, with their initial contents. Errors: UNSUPPORTED
// for tensors that need more than the program, OUT_OF_MEMORY.
ppn_status_t ppn_method_make_values(ppn_method_t* method) PPN_MUST_USE;
// Frees what that allocated outside the arena.
void ppn_method_release_values(ppn_method_t* method);

// Binds inputs and outputs to their values; outputs that are not planned get memory.
ppn_status_t ppn_method_make_ports(ppn_method_t* method) PPN_MUST_USE;
void ppn_method_release_ports(ppn_method_t* method);

#endif  // PPN_RUNTIME_METHOD_H_
