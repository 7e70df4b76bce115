// What stands behind ppn_edge_program_t. Private to the api layer.
#ifndef PPN_API_LOWERING_SESSION_H_
#define PPN_API_LOWERING_SESSION_H_

#include "coreml/delegate.h"
#include "executorch/emit.h"
#include "lower/lower.h"
#include "partition/partition.h"
#include "pippin/lowering.h"

// One delegate: from a group of nodes to the bytes of its payload. Each member borrows the one
// before it.
typedef struct ppn_delegate {
  ppn_mil_program_t* program;
  ppn_coreml_model_t* model;
  ppn_model_type_t model_type;
  ppn_coreml_package_plan_t* plan;  // NULL when the model is part of `shared`
  ppn_producer_t payload;
  const struct ppn_shared_model* shared;    // NULL: none
  const ppn_compile_spec_t* compile_specs;  // the program's
  uint32_t compile_spec_count;
} ppn_delegate_t;

// A model that the delegates of the same index in several methods share: a function for each.
typedef struct ppn_shared_model {
  ppn_coreml_model_t* model;
  ppn_coreml_package_plan_t* plan;
  ppn_producer_t payload;
} ppn_shared_model_t;

typedef struct ppn_lowered_method {
  const char* name;
  ppn_exported_program_t* program;  // the caller's
  // With its options read from its specs. What it points to is the caller's, while lowering.
  ppn_coreml_partitioner_t partitioner;
  ppn_partition_result_t partitions;
  uint32_t round_start;       // partitions from this one on are of the last round
  ppn_delegate_t* delegates;  // one per partition
} ppn_lowered_method_t;

struct ppn_edge_program {
  ppn_arena_t arena;
  ppn_lowering_options_t options;
  ppn_executorch_options_t executorch;
  ppn_lowered_method_t* methods;
  uint32_t method_count;
  ppn_shared_model_t* shared;  // by index of the delegates
  uint32_t shared_count;
  ppn_named_data_t* named_data;     // by shared model; keys are set when it is written
  ppn_edge_method_t* edge_methods;  // what is emitted, by method
  ppn_method_report_t* reports;     // by method
};

// One round for every method: `partitioners` by method, NULL leaves it (lowering_round.c).
ppn_status_t ppn_lowering_round(ppn_edge_program_t* program,
                                const ppn_coreml_partitioner_t* const* partitioners,
                                bool is_first) PPN_MUST_USE;
void ppn_lowering_report_progress(const ppn_edge_program_t* program, const char* stage,
                                  double fraction);

// The steps on one method (lowering_method.c). `partitioner` has its options read from its specs;
// NULL: nothing is delegated.
ppn_status_t ppn_lowering_transform(ppn_exported_program_t* program,
                                    const ppn_coreml_partitioner_t* partitioner,
                                    bool decompose_all) PPN_MUST_USE;
// Partitions what lowering_transform made, or what an earlier partitioning left of it;
// `first_index` is the number of the first new partition.
ppn_status_t ppn_lowering_partition(ppn_exported_program_t* program,
                                    const ppn_coreml_partitioner_t* partitioner,
                                    uint32_t first_index,
                                    ppn_partition_result_t* out_partitions) PPN_MUST_USE;
// Program and model of a delegate, for the partitioner's deployment target or `minimum_target`
// (0: none), whichever is later.
ppn_status_t ppn_lowering_delegate(const ppn_partition_t* partition,
                                   const ppn_coreml_partitioner_t* partitioner, int minimum_target,
                                   ppn_delegate_t* out_delegate) PPN_MUST_USE;
// Its plan and payload, when its model is not shared.
ppn_status_t ppn_lowering_delegate_finish(ppn_delegate_t* delegate) PPN_MUST_USE;
void ppn_delegate_release(ppn_delegate_t* delegate);

// Weights that methods share (lowering_sharing.c). Whether the partitioned methods are to share
// their models: then `*out_target` is the deployment target that all are lowered for, otherwise 0.
// Errors: INVALID_ARGUMENT naming the methods that do not fit together.
ppn_status_t ppn_lowering_check_sharing(const ppn_edge_program_t* program,
                                        int* out_target) PPN_MUST_USE;
// Combines the models of the methods' delegates, which refer to the combined ones then.
ppn_status_t ppn_lowering_share(ppn_edge_program_t* program) PPN_MUST_USE;
// Sets the keys of the named data.
ppn_status_t ppn_lowering_set_keys(ppn_edge_program_t* program) PPN_MUST_USE;
void ppn_lowering_release_shared(ppn_edge_program_t* program);

// Fills program->reports (lowering_report.c).
ppn_status_t ppn_lowering_report(ppn_edge_program_t* program) PPN_MUST_USE;

// The JSON that lowering_graph.c describes; released with ppn_text_free.
ppn_status_t ppn_lowering_graph_json(const ppn_edge_program_t* program,
                                     char** out_text) PPN_MUST_USE;

#endif  // PPN_API_LOWERING_SESSION_H_
