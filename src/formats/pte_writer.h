// Writing `.pte` files: from a description in memory to header, FlatBuffer and segments.
//
//   0          FlatBuffer (with the extended header inserted behind its identifier)
//   base       segment 0: constants
//              payloads of delegates, then named data, then initial values
//
// Everything is laid out first, from the sizes that the producers state; then bytes are sent once,
// in order. The description is plain data and borrowed: nothing is copied or freed.
#ifndef PPN_FORMATS_PTE_WRITER_H_
#define PPN_FORMATS_PTE_WRITER_H_

#include "base/stream.h"
#include "formats/pte_schema.h"
#include "tensor/dtype.h"

typedef struct ppn_pte_tensor {
  ppn_dtype_t dtype;
  uint32_t rank;
  const int32_t* sizes;      // upper bounds when dynamic
  const uint8_t* dim_order;  // outermost first; NULL: contiguous
  // Index + 1 into ppn_pte_program_t.constants or, for planned tensors, .initial_values; 0: none.
  uint32_t data_index;
  uint32_t memory_id;  // 1-based arena; 0: not planned
  uint64_t memory_offset;
  ppn_pte_dynamism_t dynamism;
  // Known when reading, never written.
  const char* name;  // fully qualified; NULL: none
  bool is_external;  // the data are in a `.ptd` file
} ppn_pte_tensor_t;

typedef struct ppn_pte_value {
  ppn_pte_value_type_t type;
  uint32_t count;  // of lists
  union {
    int64_t integer;
    bool boolean;
    double number;
    const char* string;
    ppn_pte_tensor_t tensor;
    const int64_t* ints;      // INT_LIST: value ids, not integers
    const double* doubles;    // DOUBLE_LIST
    const uint8_t* booleans;  // BOOL_LIST
    const int32_t* ids;       // TENSOR_LIST, OPTIONAL_TENSOR_LIST: value ids; -1 for None
  } u;
} ppn_pte_value_t;

typedef struct ppn_pte_instruction {
  ppn_pte_instruction_type_t type;
  // KERNEL_CALL: operator; DELEGATE_CALL: delegate; MOVE_CALL: from; JUMP_FALSE_CALL: condition;
  // FREE_CALL: value.
  uint32_t index;
  uint32_t target;      // MOVE_CALL: to; JUMP_FALSE_CALL: destination
  const int32_t* args;  // calls: value ids
  uint32_t arg_count;
} ppn_pte_instruction_t;

typedef struct ppn_pte_operator {
  const char *name, *overload;  // "aten::add", "out"
} ppn_pte_operator_t;

typedef struct ppn_pte_compile_spec {
  const char* key;
  ppn_span_t value;
} ppn_pte_compile_spec_t;

typedef struct ppn_pte_delegate {
  const char* id;
  uint32_t payload;  // index into ppn_pte_program_t.payloads
  const ppn_pte_compile_spec_t* compile_specs;
  uint32_t compile_spec_count;
} ppn_pte_delegate_t;

// A method.
typedef struct ppn_pte_plan {
  const char *name, *encoded_inputs, *encoded_outputs;
  const ppn_pte_value_t* values;
  uint32_t value_count;
  const int32_t *inputs, *outputs;
  uint32_t input_count, output_count;
  const ppn_pte_instruction_t* instructions;
  uint32_t instruction_count;
  const ppn_pte_operator_t* operators;
  uint32_t operator_count;
  const ppn_pte_delegate_t* delegates;
  uint32_t delegate_count;
  const int64_t* arena_sizes;  // entry 0 is reserved and 0
  uint32_t arena_count;
} ppn_pte_plan_t;

typedef struct ppn_pte_named_data {
  const char* key;
  const ppn_producer_t* content;
  uint32_t alignment;  // a power of two; 0 is 1
} ppn_pte_named_data_t;

typedef struct ppn_pte_program {
  const ppn_pte_plan_t* plans;
  uint32_t plan_count;
  const ppn_producer_t* constants;
  uint32_t constant_count;
  const ppn_producer_t* initial_values;  // of planned tensors, copied when a method is loaded
  uint32_t initial_value_count;
  const ppn_producer_t* const* payloads;
  uint32_t payload_count;
  const ppn_pte_named_data_t* named_data;
  uint32_t named_data_count;
  uint32_t segment_alignment;   // a power of two; 0: 128
  uint32_t constant_alignment;  // a power of two; 0: 16
} ppn_pte_program_t;

// Sends the whole file to `sink`. Errors: INVALID_ARGUMENT (an alignment that is no power of two),
// OUT_OF_RANGE (a description over 2 GB), INTERNAL (a producer that did not send the bytes it
// announced), and those of producers and sink.
ppn_status_t ppn_pte_write(const ppn_pte_program_t* program, ppn_sink_t sink) PPN_MUST_USE;
// The size of the file, from the layout alone: no producer is asked to write.
ppn_status_t ppn_pte_size(const ppn_pte_program_t* program, uint64_t* out_size) PPN_MUST_USE;

#endif  // PPN_FORMATS_PTE_WRITER_H_
