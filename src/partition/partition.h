// Partitioning: which nodes go to a backend, in which groups, and why the others do not.
//
// Knows nothing of Core ML: a backend supplies a predicate and a lowering.
#ifndef PPN_PARTITION_PARTITION_H_
#define PPN_PARTITION_PARTITION_H_

#include "aten/op.h"
#include "base/stream.h"

// True when the backend takes the node; otherwise appends the reason.
typedef bool (*ppn_partition_predicate_t)(void* context, const ppn_node_t* node,
                                          ppn_buffer_t* reason);

typedef struct ppn_partition_options {
  ppn_partition_predicate_t is_supported;
  void* context;
  const char* const* skip_ops;  // "aten.mm.default", lower-case edge names; "*" skips everything
  uint32_t skip_op_count;
  bool lower_full_graph;  // any unsupported node is an error that lists them all
  bool take_over_mutable_buffer, take_over_constant_data;
  // NULL: groups are as large as can be. Otherwise nodes of one tag are a group; those without
  // (NULL) stay.
  const char* (*tag_of)(void* context, const ppn_node_t* node);
  uint32_t first_index;  // of the calls' names: "lowered_module_0"
} ppn_partition_options_t;

// One reason why nodes stayed on the CPU.
typedef struct ppn_undelegated {
  const ppn_node_t* node;
  const char* reason;
} ppn_undelegated_t;

// A group of nodes cut out into a program of its own. `submodule` borrows the parent's constants
// and symbols; its user inputs are the values that flow in, its user outputs those that flow out;
// mutated buffers that it owns are mutations.
typedef struct ppn_partition {
  const char* tag;  // "tag0"
  ppn_exported_program_t* submodule;
  ppn_node_t*
      call;  // the "executorch_call_delegate" node that took the group's place in the parent
  uint32_t node_count;  // computing nodes
} ppn_partition_t;

typedef struct ppn_partition_result {
  ppn_arena_t arena;
  ppn_partition_t* partitions;  // in graph order
  uint32_t partition_count;
  ppn_undelegated_t* undelegated;  // computing nodes left, in graph order
  uint32_t undelegated_count;
  uint32_t delegated_node_count;
} ppn_partition_result_t;

// The lower-case edge name ("aten.mm.default") of a node's operator, in `out`.
void ppn_edge_name(const ppn_node_t* node, ppn_buffer_t* out);

// Is the node's operator in the skip list? (Any case; "*" names them all.)
bool ppn_partition_skips(const ppn_partition_options_t* options, const ppn_node_t* node);

// Partitions the program's graph in place: maximal groups of supported nodes whose contraction
// leaves a DAG, each replaced by one node "executorch_call_delegate" whose arguments are the
// group's inputs and whose outputs are its results. Such nodes of an earlier partitioning stay.
// Unknown names in the skip list are reported by a warning. Errors: UNSUPPORTED with
// lower_full_graph, listing every node; INVALID_ARGUMENT for tags of nodes that the backend does
// not take, or of groups that depend on each other.
ppn_status_t ppn_partition_program(ppn_exported_program_t* program,
                                   const ppn_partition_options_t* options,
                                   ppn_partition_result_t* out_result) PPN_MUST_USE;
// Adds the partitions of `more`, which is released, to `result`; the nodes left are those of
// `more`.
ppn_status_t ppn_partition_result_append(ppn_partition_result_t* result,
                                         ppn_partition_result_t* more) PPN_MUST_USE;
void ppn_partition_result_release(ppn_partition_result_t* result);

#endif  // PPN_PARTITION_PARTITION_H_
