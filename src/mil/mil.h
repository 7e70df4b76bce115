// The MIL program: what a Core ML ML Program holds.
//
//   program ─ functions ─ block ─ operations        A value is a function or block input, an
//   operation's output, or a
//                           └ outputs: value …      constant. Constants are values without an
//                           operation: `const` ops
//                                                   exist only in the serialised forms.
//
// Names of operations and parameters are Core ML's ("conv", "pad_type"). Every operation has a row
// in the op table (mil/op.h); its inputs are stored by the row's parameter index. Everything is
// allocated in the program's arena and the structures are open: passes read and write fields
// directly. Not thread-safe.
#ifndef PPN_MIL_MIL_H_
#define PPN_MIL_MIL_H_

#include "base/arena.h"
#include "base/buffer.h"
#include "base/string_map.h"
#include "mil/constant.h"
#include "tensor/dtype.h"
#include "tensor/symbolic.h"

typedef struct ppn_mil_program ppn_mil_program_t;
typedef struct ppn_mil_function ppn_mil_function_t;
typedef struct ppn_mil_block ppn_mil_block_t;
typedef struct ppn_mil_operation ppn_mil_operation_t;
typedef struct ppn_mil_value ppn_mil_value_t;
struct ppn_mil_op;  // a row of the op table, mil/op.h

// Opsets of ML Programs. The specification version is the opset's number + 1 (CoreML5 → 6).
typedef enum ppn_mil_opset {
  PPN_MIL_OPSET_IOS15 = 5,  // "CoreML5", specification version 6
  PPN_MIL_OPSET_IOS16 = 6,
  PPN_MIL_OPSET_IOS17 = 7,
  PPN_MIL_OPSET_IOS18 = 8,
  PPN_MIL_OPSET_IOS26 = 9,  // "CoreML9", specification version 10
} ppn_mil_opset_t;

typedef enum ppn_mil_type_kind {
  PPN_MIL_TENSOR,  // also scalars: rank 0
  PPN_MIL_STATE,   // wraps a tensor type
  PPN_MIL_LIST,    // element tensor type and a length
  PPN_MIL_DICTIONARY,
} ppn_mil_type_kind_t;

// The type of a value. dtype/rank/sizes describe the tensor, the wrapped tensor of a state, or a
// list's element. A size with an expression is unknown in the serialised form. Sizes that come from
// a file without symbol identity get fresh symbols.
typedef struct ppn_mil_type {
  ppn_mil_type_kind_t kind;
  ppn_dtype_t dtype;  // BOOL, STRING, FLOAT16/32, [U]INT8…64, sub-byte types
  int rank;
  ppn_dim_t* sizes;       // `rank` entries, in the program's arena
  ppn_dim_t list_length;  // PPN_MIL_LIST
  ppn_dtype_t key_dtype;  // PPN_MIL_DICTIONARY: STRING or INT64 (values are fp64)
} ppn_mil_type_t;

struct ppn_mil_value {
  const char* name;  // unique within the function when serialised
  ppn_mil_type_t type;
  ppn_mil_operation_t* producer;  // NULL for inputs and constants
  uint32_t output_index;
  const ppn_mil_constant_t* constant;  // not NULL: the value is a constant
  uint32_t id;                         // dense after ppn_mil_function_number
  ppn_mil_value_t* replacement;        // during a pass
  void* scratch;
};

// What is bound to one parameter: nothing, one value, or a tuple of values (variadic parameters).
typedef struct ppn_mil_argument {
  ppn_mil_value_t** values;
  uint32_t count;
} ppn_mil_argument_t;

struct ppn_mil_operation {
  const struct ppn_mil_op* op;
  const char* name;
  ppn_mil_argument_t*
      inputs;  // op->parameter_count entries; count 0: not given (the default applies)
  ppn_mil_value_t** outputs;
  uint32_t output_count;
  ppn_mil_block_t** blocks;  // cond: true, false; while_loop: condition, body
  uint32_t block_count;
  ppn_mil_block_t* parent;
  ppn_mil_operation_t *previous, *next;
  const void*
      origin;  // ppn_node_t the operation was lowered from; NULL when unknown. For reports only
  void* scratch;
};

struct ppn_mil_block {
  ppn_mil_value_t** inputs;  // nested loop blocks only
  uint32_t input_count;
  ppn_mil_value_t** outputs;
  uint32_t output_count;
  ppn_mil_operation_t *first, *last;
  ppn_mil_operation_t* parent;  // the operation that owns the block; NULL for a function's block
  ppn_mil_function_t* function;
};

struct ppn_mil_function {
  const char* name;  // "main"
  ppn_mil_opset_t opset;
  ppn_mil_value_t** inputs;
  uint32_t input_count;
  ppn_mil_block_t* block;
  ppn_mil_program_t* program;
  uint32_t next_unique;
  ppn_string_map_t names;
};

struct ppn_mil_program {
  ppn_arena_t arena;
  ppn_symbol_table_t* symbols;  // borrowed when owns_symbols is false
  bool owns_symbols;
  ppn_mil_function_t** functions;
  uint32_t function_count;
};

// ---- Building (mil/builder.c) ----

// `symbols` NULL: the program makes and owns a table.
ppn_status_t ppn_mil_program_create(ppn_symbol_table_t* symbols,
                                    ppn_mil_program_t** out_program) PPN_MUST_USE;
void ppn_mil_program_free(ppn_mil_program_t* program);
ppn_status_t ppn_mil_function_create(ppn_mil_program_t* program, const char* name,
                                     ppn_mil_opset_t opset,
                                     ppn_mil_function_t** out_function) PPN_MUST_USE;
ppn_mil_function_t* ppn_mil_program_function(const ppn_mil_program_t* program,
                                             ppn_string_view_t name);
ppn_status_t ppn_mil_function_add_input(ppn_mil_function_t* function, const char* name,
                                        const ppn_mil_type_t* type,
                                        ppn_mil_value_t** out_value) PPN_MUST_USE;
ppn_status_t ppn_mil_block_set_outputs(ppn_mil_block_t* block, ppn_mil_value_t* const* values,
                                       uint32_t count) PPN_MUST_USE;
// A nested block of `operation`-to-be: created first, then passed to ppn_mil_emit.
ppn_status_t ppn_mil_block_create(ppn_mil_function_t* function,
                                  ppn_mil_block_t** out_block) PPN_MUST_USE;

// Types. The sizes array is copied into the program's arena.
ppn_status_t ppn_mil_type_make(ppn_mil_program_t* program, ppn_dtype_t dtype, int rank,
                               const ppn_dim_t* sizes, ppn_mil_type_t* out_type) PPN_MUST_USE;
bool ppn_mil_type_equal(const ppn_mil_type_t* a, const ppn_mil_type_t* b);
bool ppn_mil_type_is_static(const ppn_mil_type_t* type);  // no symbolic size
// "tensor<fp32, [1, 3, ?]>", as Core ML's text form spells it.
void ppn_mil_type_print(const ppn_mil_type_t* type, const ppn_symbol_table_t* symbols,
                        ppn_buffer_t* out);

// One named input of an operation being built. Fill with PPN_MIL_IN / PPN_MIL_INS.
typedef struct ppn_mil_input {
  const char* name;
  ppn_mil_value_t* const* values;
  uint32_t count;
} ppn_mil_input_t;

// Where new operations go and what they are called.
typedef struct ppn_mil_builder {
  ppn_mil_function_t* function;
  ppn_mil_block_t* block;
  ppn_mil_operation_t* before;  // NULL: at the end of `block`
  const char* name;             // wish for the next operation's name; NULL: the op type
  const void* origin;
} ppn_mil_builder_t;

// Appends an operation: looks the row up (for the function's opset), binds inputs by name,
// materialises defaults that the official tools write, infers and checks types. `out_values`
// receives the results (`output_count` must be the op's). Errors: INVALID_ARGUMENT naming op,
// parameter, what was expected and found.
ppn_status_t ppn_mil_emit(ppn_mil_builder_t* builder, const char* op_type,
                          const ppn_mil_input_t* inputs, uint32_t input_count,
                          ppn_mil_block_t* const* blocks, uint32_t block_count,
                          ppn_mil_value_t** out_values, uint32_t output_count) PPN_MUST_USE;
void ppn_mil_operation_remove(ppn_mil_operation_t* operation);

// Constants. Names may be NULL ("const"); data is copied into the arena.
ppn_status_t ppn_mil_constant_int32(ppn_mil_builder_t* builder, const char* name, int32_t value,
                                    ppn_mil_value_t** out) PPN_MUST_USE;
ppn_status_t ppn_mil_constant_int32s(ppn_mil_builder_t* builder, const char* name,
                                     const int32_t* values, uint32_t count,
                                     ppn_mil_value_t** out) PPN_MUST_USE;
ppn_status_t ppn_mil_constant_bool(ppn_mil_builder_t* builder, const char* name, bool value,
                                   ppn_mil_value_t** out) PPN_MUST_USE;
ppn_status_t ppn_mil_constant_string(ppn_mil_builder_t* builder, const char* name,
                                     const char* value, ppn_mil_value_t** out) PPN_MUST_USE;
// A float scalar in `dtype` (FLOAT16 or FLOAT32).
ppn_status_t ppn_mil_constant_float(ppn_mil_builder_t* builder, const char* name, ppn_dtype_t dtype,
                                    double value, ppn_mil_value_t** out) PPN_MUST_USE;
// Contiguous data, copied.
ppn_status_t ppn_mil_constant_tensor(ppn_mil_builder_t* builder, const char* name,
                                     ppn_dtype_t dtype, int rank, const int64_t* sizes,
                                     const void* data, ppn_mil_value_t** out) PPN_MUST_USE;
// A value for a constant that exists already (in the program's arena).
ppn_status_t ppn_mil_constant_value(ppn_mil_builder_t* builder, const char* name,
                                    const ppn_mil_constant_t* constant,
                                    ppn_mil_value_t** out) PPN_MUST_USE;

// ---- Reading ----

// The value bound to a parameter, or NULL when it is not given (or is a tuple).
ppn_mil_value_t* ppn_mil_operation_input(const ppn_mil_operation_t* operation,
                                         const char* parameter);
const ppn_mil_argument_t* ppn_mil_operation_argument(const ppn_mil_operation_t* operation,
                                                     const char* parameter);
// Constant scalars of a parameter, or `fallback` when it is not given. The value must be constant
// if given.
int64_t ppn_mil_input_int(const ppn_mil_operation_t* operation, const char* parameter,
                          int64_t fallback);
double ppn_mil_input_float(const ppn_mil_operation_t* operation, const char* parameter,
                           double fallback);
bool ppn_mil_input_bool(const ppn_mil_operation_t* operation, const char* parameter, bool fallback);
const char* ppn_mil_input_string(const ppn_mil_operation_t* operation, const char* parameter,
                                 const char* fallback);
// Constant integer vector: false when not given or not constant; at most `capacity` are copied,
// `*out_count` is the true count.
bool ppn_mil_input_ints(const ppn_mil_operation_t* operation, const char* parameter, int64_t* out,
                        uint32_t capacity, uint32_t* out_count);

typedef void (*ppn_mil_value_visitor_t)(void* context, ppn_mil_value_t** slot);
// Values bound to the operation's inputs (its nested blocks not included).
void ppn_mil_operation_visit_values(ppn_mil_operation_t* operation, ppn_mil_value_visitor_t visit,
                                    void* context);
// Replaces uses of values that have a `replacement`, nested blocks and outputs included. Linear.
void ppn_mil_function_apply_replacements(ppn_mil_function_t* function);
// Dense ids for values in program order (inputs, constants where first used, outputs), nested
// blocks included; the count.
uint32_t ppn_mil_function_number(ppn_mil_function_t* function);
// Unique, valid names ([A-Za-z_][A-Za-z0-9_]*, no reserved words) for all values and operations;
// function inputs and outputs keep theirs. Done once before serialising.
ppn_status_t ppn_mil_function_assign_names(ppn_mil_function_t* function) PPN_MUST_USE;

// Checks structure and re-infers every type; a difference is an error naming the operation.
// INVALID_DATA for files.
ppn_status_t ppn_mil_program_verify(ppn_mil_program_t* program) PPN_MUST_USE;
// For people: constants stand where they are used, those over `max_elements` elided as "…" when it
// is
// >= 0. Core ML's own text form is that of mil/text.h.
void ppn_mil_program_print(ppn_mil_program_t* program, int64_t max_elements, ppn_buffer_t* out);

// Serialised name of an opset ("CoreML7") and back (0 when unknown); specification version.
const char* ppn_mil_opset_name(ppn_mil_opset_t opset);
ppn_mil_opset_t ppn_mil_opset_from_name(ppn_string_view_t name);
// The release of iOS that has the opset. After iOS 18 comes iOS 26.
static inline int ppn_mil_opset_ios_version(ppn_mil_opset_t opset) {
  return opset >= PPN_MIL_OPSET_IOS26 ? 26 : (int)opset + 10;
}
static inline int ppn_mil_opset_specification_version(ppn_mil_opset_t opset) {
  return (int)opset + 1;
}

#define PPN_MIL_IN(parameter, value_lvalue) \
  { (parameter), &(value_lvalue), 1 }
#define PPN_MIL_INS(parameter, values_array, values_count) \
  { (parameter), (values_array), (values_count) }

#endif  // PPN_MIL_MIL_H_
