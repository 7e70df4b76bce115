// Emission of one method: a graph becomes values and instructions. Private to the executorch layer.
#ifndef PPN_EXECUTORCH_METHOD_H_
#define PPN_EXECUTORCH_METHOD_H_

#include "base/hash.h"
#include "executorch/constants.h"
#include "executorch/emit.h"
#include "formats/pte_writer.h"

// What delegates refer to: each content once, across methods.
typedef struct ppn_payload_pool {
  const ppn_producer_t** payloads;
  ppn_hash128_t* hashes;  // of those that were compared
  bool* is_hashed;
  uint32_t count, capacity;
} ppn_payload_pool_t;
ppn_status_t ppn_payload_pool_add(ppn_payload_pool_t* pool, const ppn_producer_t* payload,
                                  uint32_t* out_index) PPN_MUST_USE;
void ppn_payload_pool_release(ppn_payload_pool_t* pool);

// What the emitter knows about a tensor value, by value id.
typedef struct ppn_emitted_value {
  int32_t id;            // in the plan's values; -1: not emitted yet
  uint32_t base;         // value id of the tensor whose memory this views; its own when it is none
  uint32_t first, last;  // lifetime, in node positions
  uint32_t planned;      // index + 1 of its place in memory; 0: none
  uint32_t constant;     // data_buffer_idx of constants
  uint32_t initial;      // the same of a mutated buffer's initial value; 0: zeros
  bool is_output;        // the caller gets it
  bool is_elided;        // result of a view that copies nothing
  bool is_dynamic;
  int32_t* sizes;      // upper bounds
  uint8_t* dim_order;  // NULL: contiguous
} ppn_emitted_value_t;

typedef struct ppn_method_emitter {
  const ppn_edge_method_t* method;
  ppn_exported_program_t* program;
  const ppn_emit_options_t* options;
  ppn_constant_pool_t *constants, *initial_values;
  ppn_payload_pool_t* payloads;
  ppn_arena_t* arena;           // of the whole emission
  ppn_emitted_value_t* values;  // by value id
  uint32_t value_count;
  // The plan's arrays while they grow.
  ppn_buffer_t evalues;               // ppn_pte_value_t
  ppn_buffer_t instructions;          // ppn_pte_instruction_t
  ppn_buffer_t operators;             // ppn_pte_operator_t
  ppn_buffer_t delegates;             // ppn_pte_delegate_t
  ppn_string_map_t operator_indices;  // "name.overload" to index + 1
  struct ppn_planned_tensor* planned;
} ppn_method_emitter_t;

// ---- method.c ----

// Emits a method into `out_plan`, whose arrays are in `arena` or belong to the emitter.
ppn_status_t ppn_method_emit(ppn_method_emitter_t* emitter, ppn_pte_plan_t* out_plan) PPN_MUST_USE;
void ppn_method_emitter_release(ppn_method_emitter_t* emitter);
// The arrays that grew with the emitter become the plan's.
ppn_status_t ppn_method_finish_plan(ppn_method_emitter_t* emitter,
                                    ppn_pte_plan_t* out_plan) PPN_MUST_USE;
// Appends a value and returns its id.
int32_t ppn_emit_value(ppn_method_emitter_t* emitter, const ppn_pte_value_t* value);
// The index of an operator in the plan's table, added when it is new.
ppn_status_t ppn_emit_operator(ppn_method_emitter_t* emitter, const char* name,
                               const char* overload, uint32_t* out_index) PPN_MUST_USE;
ppn_status_t ppn_emit_kernel_call(ppn_method_emitter_t* emitter, const char* name,
                                  const char* overload, const int32_t* args,
                                  uint32_t arg_count) PPN_MUST_USE;

// ---- constant_methods.c ----

// A method without inputs that returns a constant.
ppn_status_t ppn_constant_method_emit(ppn_method_emitter_t* emitter,
                                      const ppn_constant_method_t* method,
                                      ppn_pte_plan_t* out_plan) PPN_MUST_USE;

// ---- tensors.c: shapes, layouts, lifetimes and memory of the method's tensors ----

ppn_status_t ppn_method_describe_tensors(ppn_method_emitter_t* emitter) PPN_MUST_USE;
ppn_status_t ppn_method_plan_memory(ppn_method_emitter_t* emitter,
                                    uint64_t* out_arena_size) PPN_MUST_USE;
// Emits the value's tensor and remembers its id.
void ppn_emit_tensor(ppn_method_emitter_t* emitter, const ppn_value_t* value);

// ---- arguments.c ----

// The id of an argument: that of an earlier value, or a new constant. `parameter` NULL: by content.
ppn_status_t ppn_emit_argument(ppn_method_emitter_t* emitter, const ppn_node_t* node,
                               const ppn_aten_parameter_t* parameter,
                               const ppn_argument_t* argument, int32_t* out_id) PPN_MUST_USE;
ppn_status_t ppn_emit_int_list(ppn_method_emitter_t* emitter, const ppn_int_item_t* items,
                               uint32_t count, int32_t* out_id) PPN_MUST_USE;

// ---- operators.c: which nodes become which kernel calls ----

typedef enum ppn_emission_kind {
  PPN_EMISSION_NONE,       // nothing to do at run time (asserts)
  PPN_EMISSION_KERNEL,     // an operator with an out-variant, or an in-place one
  PPN_EMISSION_DIM_ORDER,  // a copy whose layout ExecuTorch states as an order of dimensions
  PPN_EMISSION_SYMBOLIC,   // arithmetic on sizes
  PPN_EMISSION_VIEW,
  PPN_EMISSION_DELEGATE,
  PPN_EMISSION_MISSING,  // cannot be emitted
} ppn_emission_kind_t;

typedef struct ppn_emission {
  ppn_emission_kind_t kind;
  const ppn_aten_op_t* out_variant;  // KERNEL
  const char *name, *overload;       // SYMBOLIC, DIM_ORDER
} ppn_emission_t;
ppn_emission_t ppn_emission_of(const ppn_node_t* node);

#define PPN_DELEGATE_CALL_TARGET "executorch_call_delegate"

#endif  // PPN_EXECUTORCH_METHOD_H_
