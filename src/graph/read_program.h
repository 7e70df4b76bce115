// Reading the JSON of an exported program. Private to the graph layer.
#ifndef PPN_GRAPH_READ_PROGRAM_H_
#define PPN_GRAPH_READ_PROGRAM_H_

#include <jansson.h>

#include "graph/exported_program.h"

typedef struct ppn_program_reader {
  ppn_exported_program_t* program;
  const char* name;  // of the file, for messages
  ppn_constant_lookup_t lookup;
  void* lookup_context;
  ppn_string_map_t targets;      // spelling in the file to normalised spelling
  ppn_string_map_t expressions;  // text to ppn_dim_t*
} ppn_program_reader_t;

// Names of one graph: a subgraph is a scope of its own.
typedef struct ppn_reader_scope {
  ppn_program_reader_t* reader;
  ppn_graph_t* graph;
  const json_t *tensors, *sym_ints, *sym_floats, *sym_bools, *custom_objects;
  ppn_string_map_t values;  // name to ppn_value_t*
  const char* where;        // the node or part that is read, for messages
} ppn_reader_scope_t;

// ---- read_graph.c ----

ppn_status_t ppn_read_graph(ppn_program_reader_t* reader, const json_t* json, ppn_graph_t* graph,
                            int depth) PPN_MUST_USE;
// The normalised operator name: "torch.ops.aten.add.Tensor" gives "aten::add.Tensor".
ppn_status_t ppn_read_target(ppn_program_reader_t* reader, const char* text,
                             const char** out_target) PPN_MUST_USE;

// ---- read_arguments.c ----

ppn_status_t ppn_read_argument(ppn_reader_scope_t* scope, const json_t* json, int depth,
                               ppn_argument_t* out_argument) PPN_MUST_USE;
// Defines the value of that name with the type the scope states for it.
ppn_status_t ppn_read_value(ppn_reader_scope_t* scope, const char* name,
                            ppn_value_t** out_value) PPN_MUST_USE;
// The only member of a union; its tag in `out_tag`.
ppn_status_t ppn_read_union(const ppn_reader_scope_t* scope, const json_t* json,
                            const char** out_tag, const json_t** out_payload) PPN_MUST_USE;
ppn_status_t ppn_read_error(const ppn_reader_scope_t* scope, const char* problem,
                            const char* detail) PPN_MUST_USE;

// A tensor's type and its storage offset (which may be NULL) from its TensorMeta. Sizes must be
// static when `reader` is NULL.
ppn_status_t ppn_read_dim(ppn_program_reader_t* reader, const json_t* json,
                          ppn_dim_t* out_dim) PPN_MUST_USE;

#define PPN_READER_MAXIMUM_DEPTH 64

#endif  // PPN_GRAPH_READ_PROGRAM_H_
