// Specialisation: a run of a block's operations cloned with known input sizes, so that all types
// are static.
//
// Operations are cloned in order into a function of a fresh program; types are inferred again, and
// what depends on constants alone (or on sizes alone: `shape`) is computed at once. It ends at the
// first operation that cannot be made static: one with nested blocks, on lists, or whose results'
// sizes depend on elements. Weights are shared with the program, never copied.
#ifndef PPN_ENGINE_SPECIALISE_H_
#define PPN_ENGINE_SPECIALISE_H_

#include "base/pointer_map.h"
#include "engine/node.h"

// What the caller knows of a value that is defined outside the run of operations.
typedef struct ppn_engine_known {
  ppn_tensor_t tensor;  // sizes; stored dtype when there is data
  bool is_constant;     // the data will not change for as long as the specialisation lives
} ppn_engine_known_t;
// False when the value is not known: an error of the program.
typedef bool (*ppn_engine_lookup_t)(void* context, const ppn_mil_value_t* value,
                                    ppn_engine_known_t* out_known);

typedef struct ppn_engine_specialise_request {
  const ppn_mil_function_t* function;  // for name, opset and messages
  const ppn_mil_block_t* block;
  const ppn_mil_operation_t* first;  // NULL: none, only the block's outputs
  bool single;                       // only `first`, whose results may have unknown sizes
  const ppn_engine_environment_t* environment;
  ppn_engine_constants_t* constants;
  ppn_engine_lookup_t lookup;
  void* lookup_context;
} ppn_engine_specialise_request_t;

typedef struct ppn_engine_specialisation {
  // The clone. `scratch` of values and operations: ppn_engine_value_t, ppn_engine_operation_t.
  ppn_mil_program_t* program;
  // Inputs: values from outside. Outputs: all of the block's when `stop` is NULL, otherwise what
  // the rest of the block uses.
  ppn_mil_function_t* function;
  const ppn_mil_value_t** output_originals;
  const ppn_mil_operation_t* stop;  // first operation that is not included; NULL: none is left
  // Results that were computed ahead.
  ppn_mil_value_t** folded;
  uint32_t folded_count, folded_capacity;
} ppn_engine_specialisation_t;

ppn_status_t ppn_engine_specialise(const ppn_engine_specialise_request_t* request,
                                   ppn_engine_specialisation_t* out) PPN_MUST_USE;
void ppn_engine_specialisation_release(ppn_engine_specialisation_t* specialisation);

// True for types of operations that the interpreter of blocks executes itself
// (engine/interpret.h): no kernel exists.
bool ppn_engine_is_structural(const char* type);

// Computes an operation's results now when they are known (engine/fold.c): it is removed and
// `out_constants` are values for its results. `*out_folded` is false when it must be executed.
ppn_status_t ppn_engine_fold(ppn_mil_builder_t* builder, ppn_mil_operation_t* operation,
                             const ppn_engine_specialise_request_t* request,
                             ppn_mil_value_t** out_constants, bool* out_folded) PPN_MUST_USE;

#endif  // PPN_ENGINE_SPECIALISE_H_
