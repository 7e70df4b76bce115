// Exported program: a graph with its calling convention and its weights.
#ifndef PPN_GRAPH_EXPORTED_PROGRAM_H_
#define PPN_GRAPH_EXPORTED_PROGRAM_H_

#include "graph/graph.h"

// A parameter, buffer or lifted constant: a strided view into bytes that the program keeps alive
// (the mapped file, or memory lent by the caller).
typedef struct ppn_constant {
  const char* name;  // fully qualified name, "layers.0.weight"
  ppn_dtype_t dtype;
  int rank;
  int64_t* sizes;
  int64_t* strides;        // in elements, >= 0
  ppn_span_t storage;      // the whole storage
  int64_t storage_offset;  // in elements
  bool is_parameter;
} ppn_constant_t;

// Whether all elements are 0. May say false of views that leave out elements of their storage.
bool ppn_constant_is_zero(const ppn_constant_t* constant);

typedef enum ppn_input_kind {
  PPN_INPUT_PARAMETER,
  PPN_INPUT_BUFFER,
  PPN_INPUT_TENSOR_CONSTANT,
  PPN_INPUT_USER,           // the caller's next leaf; graph->inputs[i]
  PPN_INPUT_USER_CONSTANT,  // the caller's next leaf, fixed at export; no graph input value
                            // (graph->inputs[i] is NULL)
  PPN_INPUT_CUSTOM_OBJECT,
  PPN_INPUT_TOKEN,
} ppn_input_kind_t;

typedef struct ppn_input_spec {
  ppn_input_kind_t kind;
  const char* name;  // placeholder name, or the constant input's name
  const char*
      target;  // fully qualified name of the parameter, buffer or constant; NULL for user inputs
  bool persistent;           // buffers
  ppn_constant_t* constant;  // parameters, buffers, constants: the data
  ppn_argument_t literal;    // PPN_INPUT_USER_CONSTANT: the fixed value
} ppn_input_spec_t;

typedef enum ppn_output_kind {
  PPN_OUTPUT_USER,
  PPN_OUTPUT_BUFFER_MUTATION,
  PPN_OUTPUT_PARAMETER_MUTATION,
  PPN_OUTPUT_USER_INPUT_MUTATION,
  PPN_OUTPUT_TOKEN,
} ppn_output_kind_t;

typedef struct ppn_output_spec {
  ppn_output_kind_t kind;
  const char* target;  // buffer FQN, or the placeholder name of the mutated input; NULL otherwise
} ppn_output_spec_t;

typedef enum ppn_dialect { PPN_DIALECT_TRAINING, PPN_DIALECT_ATEN, PPN_DIALECT_EDGE } ppn_dialect_t;

// Owns everything below it. Input specs are parallel to graph->inputs, output specs to
// graph->outputs.
typedef struct ppn_exported_program {
  ppn_arena_t arena;
  ppn_symbol_table_t* symbols;
  ppn_graph_t* graph;
  ppn_input_spec_t* inputs;
  uint32_t input_count;
  ppn_output_spec_t* outputs;
  uint32_t output_count;
  ppn_dialect_t dialect;
  const char *in_spec, *out_spec;  // treespec texts, "" when the file has none
  const char** argument_names;     // forward_arg_names
  uint32_t argument_name_count;
  const char* torch_version;
  int schema_major, schema_minor;
  const char* path;            // for messages; "" when not from a file
  ppn_string_map_t constants;  // FQN to ppn_constant_t*
  // Frees what the constants point into (the mapped archive, inflated entries). May be NULL.
  void (*release_storage)(void* storage);
  void* storage;
} ppn_exported_program_t;

// Reads any of the three archive layouts. Targets are normalised to "namespace::name.overload"
// ("default" overloads are left out: "aten::relu"); Python functions to "_operator::mul",
// "math::trunc", "torch::sym_max"; higher-order ops to "higher_order::cond". Operators are not
// bound to schemas here: ppn_aten_bind_program (aten/op.h) does that. Errors name the file, the
// entry and the offset or node.
ppn_status_t ppn_exported_program_read(const char* path,
                                       ppn_exported_program_t** out_program) PPN_MUST_USE;
// From the archive's bytes, which must outlive the program. `name` is for messages.
ppn_status_t ppn_exported_program_read_bytes(ppn_span_t bytes, const char* name,
                                             ppn_exported_program_t** out_program) PPN_MUST_USE;

// Looks up a constant when the program's JSON arrives without an archive (handed over by the Python
// package).
typedef ppn_status_t (*ppn_constant_lookup_t)(void* context, ppn_exported_program_t* program,
                                              const char* fqn, ppn_constant_t* out_constant);
// From the program JSON alone; `lookup` supplies each parameter, buffer and constant.
ppn_status_t ppn_exported_program_read_json(ppn_span_t json, const char* name,
                                            ppn_constant_lookup_t lookup, void* context,
                                            ppn_exported_program_t** out_program) PPN_MUST_USE;

PPN_API void ppn_exported_program_free(
    ppn_exported_program_t* program);  // public: pippin/lowering.h

// Appends a lifted constant: a new graph input of kind PPN_INPUT_TENSOR_CONSTANT with contiguous
// data copied into the arena, placed before the user inputs. Used by decompositions and folding.
ppn_status_t ppn_exported_program_add_constant(ppn_exported_program_t* program, const char* name,
                                               ppn_dtype_t dtype, int rank, const int64_t* sizes,
                                               const void* data,
                                               ppn_value_t** out_value) PPN_MUST_USE;

// The spec of a graph input value, or NULL when `value` is not one.
ppn_input_spec_t* ppn_exported_program_input_spec(const ppn_exported_program_t* program,
                                                  const ppn_value_t* value);

// Signature, constants and graph as text.
void ppn_exported_program_print(ppn_exported_program_t* program, ppn_buffer_t* out);

#endif  // PPN_GRAPH_EXPORTED_PROGRAM_H_
