// The operator table of the ATen side: schemas, and what Pippin knows about each operator.
//
// Schemas come from schemas.txt (one line each, embedded, sorted; parsed when first asked for).
// What we know beyond the schema is one row (ppn_aten_row_t) in a family file: shape rule,
// decomposition. Rows are found by qualified name.
#ifndef PPN_ATEN_OP_H_
#define PPN_ATEN_OP_H_

#include "graph/exported_program.h"
#include "graph/graph.h"

typedef enum ppn_aten_type {
  PPN_ATEN_TENSOR,
  PPN_ATEN_INT,  // int and SymInt
  PPN_ATEN_FLOAT,
  PPN_ATEN_BOOL,
  PPN_ATEN_SCALAR,
  PPN_ATEN_STRING,
  PPN_ATEN_DTYPE,
  PPN_ATEN_LAYOUT,
  PPN_ATEN_DEVICE,
  PPN_ATEN_MEMORY_FORMAT,
  PPN_ATEN_OTHER,  // Generator, Dimname, Storage, …: only None can be passed
} ppn_aten_type_t;

typedef struct ppn_aten_parameter {
  const char* name;  // "" for unnamed returns
  ppn_aten_type_t type;
  bool is_optional;          // "Tensor?", "int[]?"
  bool is_list;              // "Tensor[]", "int[2]"
  bool element_is_optional;  // "Tensor?[]"
  uint32_t list_size;        // 2 for "int[2]"; 0 when open
  bool keyword_only;
  char alias_set;       // 'a', 'b' …; 0 for none
  bool alias_is_write;  // "(a!)"
  bool alias_to_any;    // "(a -> *)": results may alias
  bool has_default;
  ppn_argument_t default_value;  // when has_default; name filled in
} ppn_aten_parameter_t;

typedef enum ppn_aten_tag {
  PPN_ATEN_TAG_OUT = 1 << 0,
  PPN_ATEN_TAG_INPLACE = 1 << 1,
  PPN_ATEN_TAG_MUTATES = 1 << 2,
  PPN_ATEN_TAG_VIEW = 1 << 3,
  PPN_ATEN_TAG_COMPOSITE = 1 << 4,
  PPN_ATEN_TAG_DECOMPOSED = 1 << 5,
  PPN_ATEN_TAG_CORE = 1 << 6,
  PPN_ATEN_TAG_POINTWISE = 1 << 7,
  PPN_ATEN_TAG_NONDETERMINISTIC = 1 << 8,
  PPN_ATEN_TAG_DATA_DEPENDENT = 1 << 9,
} ppn_aten_tag_t;

struct ppn_aten_row;

// Immutable, lives as long as the process, shared by all threads.
typedef struct ppn_aten_op {
  const char* name;       // "aten::add.Tensor"; "aten::relu" for the default overload
  const char* base_name;  // "aten::add"
  const char* overload;   // "Tensor", "" for default
  ppn_aten_parameter_t* parameters;
  uint32_t parameter_count;
  ppn_aten_parameter_t* returns;
  uint32_t return_count;
  unsigned tags;
  const struct ppn_aten_row* row;  // NULL: only the schema is known
} ppn_aten_op_t;

// NULL when no such operator is known. Thread-safe.
const ppn_aten_op_t* ppn_aten_op_find(ppn_string_view_t name);
// Calls `visit` for every operator of the table, in the order of their names. It must not ask for
// operators itself.
typedef void (*ppn_aten_op_visitor_t)(void* context, const ppn_aten_op_t* op);
void ppn_aten_op_visit_all(ppn_aten_op_visitor_t visit, void* context);
int ppn_aten_parameter_index(const ppn_aten_op_t* op, const char* name);  // -1 when there is none

// Sets node->op and rewrites node->arguments to one per schema parameter in schema order: bound by
// name (by position for names ""), defaults filled in, kinds coerced as the schema says (int for
// float, scalar broadcast to int[n], …; a Python number given for a Tensor parameter stays
// INT/FLOAT/BOOL: a "wrapped number"). An unknown operator is left alone. Errors: INVALID_DATA
// naming node, operator, argument and source line.
ppn_status_t ppn_aten_bind(ppn_node_t* node) PPN_MUST_USE;
// ppn_aten_bind for all nodes, subgraphs included.
ppn_status_t ppn_aten_bind_program(ppn_exported_program_t* program) PPN_MUST_USE;

// The argument at the schema position of that name. The node must be bound and the name exist.
const ppn_argument_t* ppn_aten_argument(const ppn_node_t* node, const char* name);
// Convenience readers for bound nodes. `index` is the schema position.
static inline const ppn_argument_t* ppn_aten_at(const ppn_node_t* node, uint32_t index) {
  return &node->arguments[index];
}
// A literal number as double / int64; false when the argument is symbolic, a tensor or None.
bool ppn_argument_as_double(const ppn_argument_t* argument, double* out);
bool ppn_argument_as_int(const ppn_argument_t* argument, int64_t* out);
// All literal: copies up to `capacity` integers and returns true. A symbolic item gives false.
bool ppn_argument_as_ints(const ppn_argument_t* argument, int64_t* out, uint32_t capacity,
                          uint32_t* out_count);
// Symbolic or literal size(s) as dims.
bool ppn_argument_as_dims(const ppn_argument_t* argument, ppn_dim_t* out, uint32_t capacity,
                          uint32_t* out_count);

// ---- Emitting nodes (aten/emitter.c): for decompositions and functionalisation ----

typedef struct ppn_aten_emitter {
  ppn_exported_program_t* program;
  ppn_graph_t* graph;
  ppn_node_t* before;        // new nodes go before this one
  const ppn_node_t* origin;  // lends its source location and name
} ppn_aten_emitter_t;

// Calls an operator: binds arguments by name (those not given take their default), infers the
// results' types with the row's shape rule and inserts the node. `out_values` receives
// `output_count` values (the op's results). Errors: UNSUPPORTED when the operator has no shape
// rule; INVALID_ARGUMENT when shapes do not fit.
ppn_status_t ppn_aten_emit(ppn_aten_emitter_t* emitter, const char* op_name,
                           const ppn_argument_t* arguments, uint32_t argument_count,
                           ppn_value_t** out_values, uint32_t output_count) PPN_MUST_USE;
// The same with given result types, for operators without a shape rule.
ppn_status_t ppn_aten_emit_typed(ppn_aten_emitter_t* emitter, const char* op_name,
                                 const ppn_argument_t* arguments, uint32_t argument_count,
                                 const ppn_tensor_meta_t* metas, ppn_value_t** out_values,
                                 uint32_t output_count) PPN_MUST_USE;

// ---- Rows ----

// Infers the results of a bound node from its arguments: fills `out_metas` (one per result; arrays
// from the graph's arena).
typedef ppn_status_t (*ppn_aten_shape_rule_t)(ppn_aten_emitter_t* emitter, const ppn_node_t* node,
                                              ppn_tensor_meta_t* out_metas);
// Replaces `node` by other nodes: emits them and sets node->outputs[i]->replacement. Leaves the
// node alone (no replacement set) when this case cannot be decomposed.
typedef ppn_status_t (*ppn_aten_decomposition_t)(ppn_aten_emitter_t* emitter, ppn_node_t* node);

typedef struct ppn_aten_row {
  const char* name;                    // "aten::linear"
  ppn_aten_shape_rule_t shape;         // NULL: none yet
  ppn_aten_decomposition_t decompose;  // NULL: not decomposed
  // What the node is replaced by, for decompositions that are told by text: a formula
  // (aten/formula.h), or another operator's name.
  const char* formula;
} ppn_aten_row_t;

// One table per family file; ppn_aten_op_find searches them all. Registered in aten/rows.c.
typedef struct ppn_aten_family {
  const ppn_aten_row_t* rows;
  uint32_t count;
} ppn_aten_family_t;

// ---- Passes ----

// Makes a training-dialect program functional: in-place operators and writes through views become
// functional operators and scatters; mutated buffers and inputs become mutation outputs; no-ops of
// inference (dropout, detach, asserts, …) vanish; aliases of sometimes-view operators are resolved
// (reshape → view, contiguous → clone or nothing, to → _to_copy, chunk → split, …). A functional
// program passes unchanged except for the no-ops. dialect becomes ATEN.
ppn_status_t ppn_aten_functionalise(ppn_exported_program_t* program) PPN_MUST_USE;

// Replaces operators on complex tensors by operators on their real and imaginary parts, and Fourier
// transforms by products with matrices (aten/complex.h). What cannot be split stays as it is.
ppn_status_t ppn_aten_split_complex(ppn_exported_program_t* program) PPN_MUST_USE;

// Decomposes, repeatedly, every operator that has a decomposition and for which `keep` (may be
// NULL) says false.
typedef bool (*ppn_aten_keep_t)(void* context, const ppn_node_t* node);
ppn_status_t ppn_aten_decompose(ppn_exported_program_t* program, ppn_aten_keep_t keep,
                                void* context) PPN_MUST_USE;

// The edge-dialect steps that precede partitioning and emission: views → *_copy, scalars →
// constants, mixed dtypes → casts, redundant copies removed (executorch.md 5.3).
ppn_status_t ppn_aten_to_edge(ppn_exported_program_t* program) PPN_MUST_USE;
// The operator that stands for a view there ("aten::view" → "aten::view_copy"), or NULL.
const char* ppn_aten_view_copy(const char* op_name);
// Gives nodes and values the names that ExecuTorch's edge programs have ("aten_linear_default_1").
ppn_status_t ppn_aten_name_edge_values(ppn_exported_program_t* program) PPN_MUST_USE;

// The out-variant of a bound functional operator ("aten::add.Tensor" → "aten::add.out"), or NULL.
const ppn_aten_op_t* ppn_aten_out_variant(const ppn_aten_op_t* op);

// May the node be dropped when nobody uses its results?
bool ppn_aten_has_side_effects(const ppn_node_t* node);

#endif  // PPN_ATEN_OP_H_
