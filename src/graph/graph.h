// The ATen-level program: values, nodes, graphs.
//
//   graph ── inputs: value …            A value is defined once: as a graph input or as an output
//   of one node.
//         ── nodes:  node ─ node ─ …    A node's arguments refer to values defined before it, or
//         hold literals. ── outputs: argument …
//
// Names, operators and argument names are PyTorch's ("aten::add.Tensor", "self"). The structures
// are plain and open: passes read and write fields directly, and keep the invariants above
// (ppn_graph_verify checks them). Everything is allocated in the exported program's arena. Not
// thread-safe.
#ifndef PPN_GRAPH_GRAPH_H_
#define PPN_GRAPH_GRAPH_H_

#include "base/arena.h"
#include "base/buffer.h"
#include "base/string_map.h"
#include "tensor/dtype.h"
#include "tensor/symbolic.h"

typedef struct ppn_value ppn_value_t;
typedef struct ppn_node ppn_node_t;
typedef struct ppn_graph ppn_graph_t;
struct ppn_aten_op;  // a row of the operator table (aten/op.h); this layer only carries the pointer

typedef enum ppn_value_kind {
  PPN_VALUE_TENSOR,
  PPN_VALUE_SYM_INT,
  PPN_VALUE_SYM_FLOAT,
  PPN_VALUE_SYM_BOOL,
  PPN_VALUE_TOKEN,   // orders side effects
  PPN_VALUE_CUSTOM,  // a script object; no operator we know takes one
} ppn_value_kind_t;

// Shape and type of a tensor value, as PyTorch traced it.
typedef struct ppn_tensor_meta {
  ppn_dtype_t dtype;
  int rank;
  ppn_dim_t* sizes;    // `rank` entries
  ppn_dim_t* strides;  // `rank` entries, in elements; NULL means contiguous
} ppn_tensor_meta_t;

struct ppn_value {
  const char* name;  // unique within its graph
  ppn_value_kind_t kind;
  ppn_tensor_meta_t tensor;  // PPN_VALUE_TENSOR
  ppn_dim_t dim;             // PPN_VALUE_SYM_INT: its expression
  ppn_node_t* producer;      // NULL for graph inputs
  uint32_t output_index;     // position among the producer's outputs, or among the graph's inputs
  uint32_t id;               // dense within the graph after ppn_graph_number; scratch for passes
  ppn_value_t* replacement;  // during a pass: use this value instead (see ppn_value_resolve)
  void* scratch;             // for the pass that runs; nobody expects it to survive
};

typedef enum ppn_argument_kind {
  PPN_ARGUMENT_NONE,
  PPN_ARGUMENT_VALUE,          // value: tensor or symbolic scalar
  PPN_ARGUMENT_VALUES,         // values: list of tensors; an entry may be NULL (Tensor?[])
  PPN_ARGUMENT_INT,            // integer
  PPN_ARGUMENT_FLOAT,          // number
  PPN_ARGUMENT_BOOL,           // boolean
  PPN_ARGUMENT_STRING,         // string
  PPN_ARGUMENT_INTS,           // ints: list of literals and symbolic values
  PPN_ARGUMENT_FLOATS,         // numbers
  PPN_ARGUMENT_BOOLS,          // booleans
  PPN_ARGUMENT_STRINGS,        // strings
  PPN_ARGUMENT_COMPLEX,        // complex
  PPN_ARGUMENT_DTYPE,          // dtype
  PPN_ARGUMENT_MEMORY_FORMAT,  // integer: c10 number (0 contiguous, 1 preserve, 2 channels_last, 3
                               // channels_last_3d)
  PPN_ARGUMENT_LAYOUT,         // integer: c10 number (0 strided)
  PPN_ARGUMENT_DEVICE,         // string: "cpu"
  PPN_ARGUMENT_GRAPH,          // graph: a subgraph of a higher-order op
  PPN_ARGUMENT_OPERATOR,       // string: an operator as a value
} ppn_argument_kind_t;

// An integer in a list: a literal, or the SYM_INT value when `value` is not NULL.
typedef struct ppn_int_item {
  int64_t literal;
  ppn_value_t* value;
} ppn_int_item_t;

typedef struct ppn_argument {
  const char*
      name;  // the schema's argument name; "" for positional arguments of ops without schema
  ppn_argument_kind_t kind;
  uint32_t count;  // of the list kinds
  union {
    ppn_value_t* value;
    ppn_value_t** values;
    int64_t integer;
    double number;
    bool boolean;
    const char* string;
    ppn_int_item_t* ints;
    double* numbers;
    bool* booleans;
    const char** strings;
    struct {
      double real, imaginary;
    } complex;
    ppn_dtype_t dtype;
    ppn_graph_t* graph;
  } u;
} ppn_argument_t;

// Where in the user's program a node came from. Texts may be NULL. stack_trace is Python's text,
// most recent call last.
typedef struct ppn_source_location {
  const char* stack_trace;
  const char* module_stack;  // the raw nn_module_stack text
} ppn_source_location_t;

struct ppn_node {
  const char*
      target;  // "aten::add.Tensor", "higher_order::cond", "_operator::mul", "math::trunc", …
  const struct ppn_aten_op*
      op;  // the operator row, once ppn_aten_bind has found it; NULL for unknown operators
  const char* name;           // FX node name ("conv2d_3"), unique among nodes of the graph
  ppn_argument_t* arguments;  // after ppn_aten_bind: one per schema argument, in schema order,
                              // defaults filled in
  uint32_t argument_count;
  ppn_value_t** outputs;  // flat; an entry is NULL when that result is undefined (None)
  uint32_t output_count;
  bool returns_list;  // the op returns Tensor[]: `outputs` are its elements
  ppn_source_location_t location;
  ppn_graph_t* graph;
  ppn_node_t *previous, *next;
  uint32_t id;    // dense, in program order, after ppn_graph_number
  void* scratch;  // for the pass that runs
};

// What stands in a graph's output list: a value or a literal.
struct ppn_graph {
  const char* name;  // "forward", "true_graph_0"
  ppn_arena_t* arena;
  ppn_symbol_table_t* symbols;
  ppn_value_t** inputs;
  uint32_t input_count;
  ppn_argument_t* outputs;  // VALUE, NONE or a literal
  uint32_t output_count;
  ppn_node_t *first, *last;
  uint32_t node_count;
  uint32_t next_unique;                    // for ppn_graph_unique_name
  ppn_string_map_t names;                  // value and node names in use, for unique names
  ppn_graph_t *subgraphs, *next_subgraph;  // graphs made by ppn_graph_create_subgraph
};

// ---- Building (graph/builder.c) ----

ppn_status_t ppn_graph_create(ppn_arena_t* arena, ppn_symbol_table_t* symbols, const char* name,
                              ppn_graph_t** out_graph) PPN_MUST_USE;
// A graph for an argument of a node of `parent`: same arena and symbols, own names. Disposed with
// `parent`, whether or not its node still exists then.
ppn_status_t ppn_graph_create_subgraph(ppn_graph_t* parent, const char* name,
                                       ppn_graph_t** out_graph) PPN_MUST_USE;
// Frees what is not in the arena (the name tables of the graph and its subgraphs). NULL is fine.
void ppn_graph_dispose(ppn_graph_t* graph);

// A new value that is not yet an input or output of anything. `name` is a wish: made unique when
// taken. The arrays of `meta` are copied.
ppn_status_t ppn_graph_new_tensor(ppn_graph_t* graph, const char* name,
                                  const ppn_tensor_meta_t* meta,
                                  ppn_value_t** out_value) PPN_MUST_USE;
ppn_status_t ppn_graph_new_sym_int(ppn_graph_t* graph, const char* name, ppn_dim_t dim,
                                   ppn_value_t** out_value) PPN_MUST_USE;
// A new value of another kind.
ppn_status_t ppn_graph_new_value(ppn_graph_t* graph, const char* name, ppn_value_kind_t kind,
                                 ppn_value_t** out_value) PPN_MUST_USE;
// Appends an input. NULL keeps a place without a value (an input fixed at export).
ppn_status_t ppn_graph_add_input(ppn_graph_t* graph, ppn_value_t* value) PPN_MUST_USE;
// The same before input `position` (at most input_count).
ppn_status_t ppn_graph_insert_input(ppn_graph_t* graph, uint32_t position,
                                    ppn_value_t* value) PPN_MUST_USE;
// Replaces the output list (copied).
ppn_status_t ppn_graph_set_outputs(ppn_graph_t* graph, const ppn_argument_t* outputs,
                                   uint32_t count) PPN_MUST_USE;

// A new node before `before` (NULL: at the end). Arguments are copied (the array, not what they
// point to); outputs are set up as produced by the node. `name` is a wish; NULL, or the name of the
// first output, gives the node that output's name. `location_of` (may be NULL) lends its source
// location.
ppn_status_t ppn_graph_new_node(ppn_graph_t* graph, ppn_node_t* before, const char* target,
                                const char* name, const ppn_argument_t* arguments,
                                uint32_t argument_count, ppn_value_t* const* outputs,
                                uint32_t output_count, const ppn_node_t* location_of,
                                ppn_node_t** out_node) PPN_MUST_USE;
void ppn_graph_remove_node(ppn_graph_t* graph, ppn_node_t* node);
// Moves `node` before `before` (NULL: to the end).
void ppn_graph_move_node(ppn_graph_t* graph, ppn_node_t* node, ppn_node_t* before);
// `wish`, or `wish_1`, `wish_2` … : a name no value or node of the graph has; reserved from now on.
ppn_status_t ppn_graph_unique_name(ppn_graph_t* graph, const char* wish,
                                   const char** out_name) PPN_MUST_USE;

// Argument literals.
ppn_argument_t ppn_argument_none(const char* name);
ppn_argument_t ppn_argument_value(const char* name, ppn_value_t* value);
ppn_argument_t ppn_argument_int(const char* name, int64_t value);
ppn_argument_t ppn_argument_float(const char* name, double value);
ppn_argument_t ppn_argument_bool(const char* name, bool value);
ppn_argument_t ppn_argument_dtype(const char* name, ppn_dtype_t value);
// Lists are copied into `arena`; kind NONE with count UINT32_MAX when memory is out
// (ppn_graph_new_node then reports it).
ppn_argument_t ppn_argument_ints(ppn_arena_t* arena, const char* name, const int64_t* values,
                                 uint32_t count);
ppn_argument_t ppn_argument_int_items(ppn_arena_t* arena, const char* name,
                                      const ppn_int_item_t* items, uint32_t count);
ppn_argument_t ppn_argument_values(ppn_arena_t* arena, const char* name, ppn_value_t* const* values,
                                   uint32_t count);

// ---- Reading ----

// The node's argument of that name, or NULL.
const ppn_argument_t* ppn_node_argument(const ppn_node_t* node, const char* name);

// Calls `visit` for the address of every value pointer among the arguments, lists included (entries
// may be NULL; then not called), subgraphs not included. A pass may overwrite *slot.
typedef void (*ppn_value_visitor_t)(void* context, ppn_value_t** slot);
void ppn_node_visit_values(ppn_node_t* node, ppn_value_visitor_t visit, void* context);
void ppn_argument_visit_values(ppn_argument_t* argument, ppn_value_visitor_t visit, void* context);

// Follows `replacement` to its end, shortening the path.
ppn_value_t* ppn_value_resolve(ppn_value_t* value);
// Replaces every use of a value that has a `replacement` (nodes, outputs, and nested subgraphs'
// outer uses: there are none) and clears the field of what was replaced. Linear.
void ppn_graph_apply_replacements(ppn_graph_t* graph);

// Gives nodes and values dense ids in program order (inputs first); returns the number of values.
uint32_t ppn_graph_number(ppn_graph_t* graph);

// Users of each value, as a compressed table. Valid until the graph changes.
typedef struct ppn_users {
  uint32_t* offsets;   // value id to first entry in `nodes`; one more entry at the end
  ppn_node_t** nodes;  // user nodes in program order, each once per value
  bool* is_output;     // value id: used by the graph's outputs
  uint32_t value_count;
} ppn_users_t;
// Numbers the graph and builds the table. Release with ppn_users_release.
ppn_status_t ppn_users_build(ppn_graph_t* graph, ppn_users_t* out_users) PPN_MUST_USE;
void ppn_users_release(ppn_users_t* users);
static inline uint32_t ppn_users_count(const ppn_users_t* users, const ppn_value_t* value) {
  return users->offsets[value->id + 1] - users->offsets[value->id];
}

// Does a node or the graph's outputs use the value? Looks at every node behind its producer: for
// questions that are rarely asked.
bool ppn_value_is_used(const ppn_graph_t* graph, const ppn_value_t* value);

// ---- Generic passes ----

// Removes nodes without used outputs, except those for which `has_side_effects` (may be NULL) says
// true. Linear.
typedef bool (*ppn_side_effects_t)(const ppn_node_t* node);
ppn_status_t ppn_graph_eliminate_dead_code(ppn_graph_t* graph,
                                           ppn_side_effects_t has_side_effects) PPN_MUST_USE;

// Checks definitions before uses, unique names, links and indices. Errors: INTERNAL naming node and
// value.
ppn_status_t ppn_graph_verify(ppn_graph_t* graph) PPN_MUST_USE;
// Readable text, one line a node, in the style of torch.fx: "%y : f32[1, 10] = aten::linear(%x, %w,
// %b)  # file.py:12".
void ppn_graph_print(ppn_graph_t* graph, ppn_buffer_t* out);

// The user's own line of a node: the last frame outside torch (pt2.md 2.12). `file` is empty when
// there is none.
typedef struct ppn_source_line {
  ppn_string_view_t file;
  int line;
  ppn_string_view_t function, text;
} ppn_source_line_t;
ppn_source_line_t ppn_node_source_line(const ppn_node_t* node);
// "conv2d_3 (aten::conv2d) at model.py:17 in forward: y = self.conv(x)": for messages. Allocated in
// the graph's arena.
const char* ppn_node_describe(const ppn_node_t* node);

#endif  // PPN_GRAPH_GRAPH_H_
