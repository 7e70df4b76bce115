// The steps of partitioning. Private to the partition layer.
#ifndef PPN_PARTITION_GROUPS_H_
#define PPN_PARTITION_GROUPS_H_

#include "partition/partition.h"

#define PPN_NO_GROUP UINT32_MAX

// The operator of the nodes that stand for groups.
#define PPN_DELEGATE_CALL "executorch_call_delegate"

// Which group each node belongs to, by node id.
typedef struct ppn_groups {
  uint32_t* group_of;
  uint32_t count;
} ppn_groups_t;

// Assigns supported nodes to groups such that contracting each group leaves a DAG, scanning from
// the program's end and joining the group extended last wherever that makes no cycle: groups come
// out as ExecuTorch's CapabilityBasedPartitioner makes them. Needs a numbered graph and its users.
// Linear in nodes and edges times count / 64.
ppn_status_t ppn_groups_find(const ppn_graph_t* graph, const ppn_users_t* users,
                             const bool* is_supported, ppn_groups_t* out_groups) PPN_MUST_USE;
// Assigns the nodes of each tag (partition options) to a group.
ppn_status_t ppn_groups_from_tags(const ppn_graph_t* graph, const ppn_partition_options_t* options,
                                  ppn_groups_t* out_groups) PPN_MUST_USE;
void ppn_groups_release(ppn_groups_t* groups);

// Orders the graph's nodes so that each group's nodes are adjacent and every definition precedes
// its uses, otherwise in the present order. Groups are renumbered in that order. Node ids stay.
ppn_status_t ppn_groups_make_adjacent(ppn_graph_t* graph, const ppn_users_t* users,
                                      ppn_groups_t* groups) PPN_MUST_USE;

// Replaces the nodes of each group (adjacent) by a call and moves them to a program of their own.
ppn_status_t ppn_groups_cut(ppn_exported_program_t* program, const ppn_partition_options_t* options,
                            const ppn_groups_t* groups,
                            ppn_partition_result_t* result) PPN_MUST_USE;

// True for nodes that only compute sizes.
bool ppn_node_is_symbolic(const ppn_node_t* node);

#endif  // PPN_PARTITION_GROUPS_H_
