// Lowering: PyTorch exported programs to ExecuTorch programs with Core ML delegates, or to Core ML
// model packages.
//
//   ppn_exported_program_t* program = NULL;
//   ppn_status_t status = ppn_exported_program_load("model.pt2", &program);
//
//   ppn_coreml_partitioner_t partitioner = ppn_coreml_partitioner_defaults();
//   ppn_edge_method_source_t method = {.name = "forward", .program = program, .partitioner =
//   &partitioner}; ppn_edge_program_t* edge = NULL; if (!status) status =
//   ppn_to_edge_transform_and_lower(&method, 1, NULL, &edge); if (!status) status =
//   ppn_edge_program_write(edge, "model.pte");
//
//   ppn_edge_program_free(edge);
//   ppn_exported_program_free(program);
//
// Names follow ExecuTorch's Python API (exir.to_edge_transform_and_lower, CoreMLPartitioner,
// CoreMLBackend). Nothing here is thread-safe on one object; different objects may be used by
// different threads.
#ifndef PIPPIN_LOWERING_H_
#define PIPPIN_LOWERING_H_

#include "pippin/value.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- Exported programs ----

typedef struct ppn_exported_program ppn_exported_program_t;

// Maps a `.pt2` archive (any of torch's three layouts) and reads its program. Weights stay in the
// mapped file: it must not change while the program lives. Errors: NOT_FOUND, IO, INVALID_DATA
// (with entry, offset or node), INCOMPATIBLE_VERSION, UNSUPPORTED.
PPN_API ppn_status_t ppn_exported_program_load(const char* path,
                                               ppn_exported_program_t** out_program);

// The same from an archive in memory, which must stay as it is while the program lives. `name` is
// for messages.
PPN_API ppn_status_t ppn_exported_program_load_memory(const void* data, size_t size,
                                                      const char* name,
                                                      ppn_exported_program_t** out_program);

// A parameter, buffer or constant lent by the caller: `data` is its storage of `size` bytes, the
// tensor starts `storage_offset` elements into it; `strides` in elements, >= 0. The memory must
// stay as it is while the program lives.
typedef struct ppn_lent_tensor {
  const char* name;  // fully qualified name
  ppn_dtype_t dtype;
  int rank;
  const int64_t* sizes;
  const int64_t* strides;
  int64_t storage_offset;
  const void* data;
  size_t size;
} ppn_lent_tensor_t;

// From the JSON of torch's own serialiser and the tensors it refers to; nothing is copied. `name`
// is for messages.
PPN_API ppn_status_t ppn_exported_program_from_json(const void* json, size_t json_size,
                                                    const char* name,
                                                    const ppn_lent_tensor_t* tensors,
                                                    size_t tensor_count,
                                                    ppn_exported_program_t** out_program);
// NULL is fine.
PPN_API void ppn_exported_program_free(ppn_exported_program_t* program);

// ---- Partitioner: the options of CoreMLPartitioner and CoreMLBackend.generate_compile_specs, same
// defaults ----

typedef enum ppn_compute_unit {
  PPN_COMPUTE_UNIT_ALL = 0,  // "all"
  PPN_COMPUTE_UNIT_CPU_ONLY = 1,
  PPN_COMPUTE_UNIT_CPU_AND_GPU = 2,
  PPN_COMPUTE_UNIT_CPU_AND_NE = 3,
} ppn_compute_unit_t;

typedef enum ppn_compute_precision {
  PPN_PRECISION_FLOAT16 = 0,
  PPN_PRECISION_FLOAT32 = 1
} ppn_compute_precision_t;

// What delegates hold.
typedef enum ppn_model_type {
  PPN_MODEL_TYPE_MODEL = 0,  // a package, which the device compiles when it loads it
  // A compiled model, as ppn_model_compile (pippin/model.h) makes it; lowering warns that no Apple
  // device has loaded one.
  PPN_MODEL_TYPE_COMPILED_MODEL = 1
} ppn_model_type_t;

// What methods that are lowered together share.
typedef enum ppn_weight_sharing {
  // The i-th partitions of all methods become functions of one model, which holds equal weights
  // once. The methods must have equally many partitions. Needs iOS18.
  PPN_WEIGHT_SHARING_POSITIONAL = 0,  // "positional"
  // Each partition is a model of its own.
  PPN_WEIGHT_SHARING_DISABLED = 1,  // "disabled"
} ppn_weight_sharing_t;

// Zero-initialised is the default of every field.
typedef struct ppn_coreml_compile_options {
  ppn_compute_unit_t compute_unit;
  // Core ML specification version: 6 iOS15, 7 iOS16, 8 iOS17, 9 iOS18, 10 iOS26; 0: the smallest
  // that the program needs. (4 and 5, iOS13 and iOS14, exist in the official tools but hold no ML
  // Programs: UNSUPPORTED.)
  int minimum_deployment_target;
  ppn_compute_precision_t compute_precision;
  ppn_model_type_t model_type;
  // Of several methods, that of the first one with a partition decides.
  ppn_weight_sharing_t weight_sharing;
} ppn_coreml_compile_options_t;

// A compile spec as ExecuTorch writes it into a `.pte`: "compute_units" = "cpu_only".
typedef struct ppn_compile_spec {
  const char* key;
  const void* value;
  size_t value_size;
} ppn_compile_spec_t;

// A node of an edge program, by its name in ppn_edge_program_dump(…, "graph"), and the partition
// that it goes to.
typedef struct ppn_node_tag {
  const char* node;
  const char* tag;
} ppn_node_tag_t;

typedef struct ppn_coreml_partitioner {
  ppn_coreml_compile_options_t compile_options;
  // Operators that stay on the CPU: "aten.mm.default", any case; "*" means all. Borrowed during the
  // call.
  const char* const* skip_ops_for_coreml_delegation;
  size_t skip_op_count;
  bool take_over_mutable_buffer;  // true: mutated buffers become Core ML states (iOS18)
  bool take_over_constant_data;   // true: weights go into the delegate
  bool lower_full_graph;          // false; true: an operator that cannot be lowered is an error
  // NULL: the specs are made from compile_options. Otherwise they are read instead of
  // compile_options and stored as they are; keys that nobody reads are allowed. Borrowed during the
  // call.
  const ppn_compile_spec_t* compile_specs;
  size_t compile_spec_count;
  // None: partitions are as large as can be. Otherwise the nodes of each tag are a partition, and
  // nodes without a tag stay on the CPU. Borrowed during the call.
  const ppn_node_tag_t* node_tags;
  size_t node_tag_count;
} ppn_coreml_partitioner_t;

PPN_API ppn_coreml_partitioner_t ppn_coreml_partitioner_defaults(void);

// ---- Lowering ----

typedef struct ppn_edge_method_source {
  const char* name;                 // "forward"
  ppn_exported_program_t* program;  // borrowed; transformed in place, so used up by the call
  const ppn_coreml_partitioner_t* partitioner;  // NULL: nothing is delegated
} ppn_edge_method_source_t;

// `fraction` of the whole in 0…1; `stage` is static text ("reading", "lowering", "writing").
typedef void (*ppn_progress_t)(void* user_data, const char* stage, double fraction);

// Zero-initialised is the default of every field.
typedef struct ppn_lowering_options {
  ppn_progress_t progress;  // may be NULL
  void* progress_user_data;
  // What to_edge() followed by to_backend() does: operators that the backend would lower as they
  // are (attention, linear, …) are decomposed all the same.
  bool decompose_all;
} ppn_lowering_options_t;

// A method without inputs that returns a constant, often a fact about the model ("vocab_size").
typedef struct ppn_constant_method {
  const char* name;
  const ppn_evalue_t* values;  // tensors, too
  size_t value_count;          // 1 unless is_list
  bool is_list;
} ppn_constant_method_t;

// ExecutorchBackendConfig. Zero-initialised is the default of every field.
typedef struct ppn_executorch_options {
  uint32_t segment_alignment;            // 0: 128
  uint32_t constant_tensor_alignment;    // 0: 16
  bool leave_graph_input_unplanned;      // true: the caller supplies the memory of inputs
  bool leave_graph_output_unplanned;     // the same for outputs
  bool leave_mutable_buffers_unplanned;  // the same for buffers that the program writes
  const ppn_constant_method_t* constant_methods;
  size_t constant_method_count;
} ppn_executorch_options_t;

typedef struct ppn_edge_program ppn_edge_program_t;

// Functionalises, decomposes, partitions and lowers every method. `options` may be NULL. The result
// borrows the exported programs (their weights): free them after it. Errors: UNSUPPORTED naming
// operator, reason and the user's source line; INVALID_ARGUMENT for methods that cannot share
// weights as ppn_weight_sharing_t says.
PPN_API ppn_status_t ppn_to_edge_transform_and_lower(const ppn_edge_method_source_t* methods,
                                                     size_t method_count,
                                                     const ppn_lowering_options_t* options,
                                                     ppn_edge_program_t** out_program);
// Another round: what is on the CPU by now, after the changes that were made, goes to the backend
// where a partitioner takes it. `partitioners` has an entry for each method, in the order in which
// they were given; NULL leaves the method as it is. Operators were decomposed before, for the
// partitioner of the first round; methods share weights in a first round only. Errors: as above,
// and INVALID_ARGUMENT for node tags that the backend cannot follow; after one the program can only
// be freed.
PPN_API ppn_status_t ppn_edge_program_to_backend(
    ppn_edge_program_t* program, const ppn_coreml_partitioner_t* const* partitioners);
PPN_API void ppn_edge_program_free(ppn_edge_program_t* program);

// How the program is written from now on. What `options` points to is borrowed until the program is
// freed or other options are set. Errors: INVALID_ARGUMENT for an alignment that is no power of
// two, or a name that two methods share.
PPN_API ppn_status_t ppn_edge_program_set_options(ppn_edge_program_t* program,
                                                  const ppn_executorch_options_t* options);

// Writes the `.pte`, streaming weights from the mapped input; the file appears complete or not at
// all.
PPN_API ppn_status_t ppn_edge_program_write(ppn_edge_program_t* program, const char* path);
// The same bytes, in pieces and in order, to a function; an error it returns stops the writing and
// is passed on.
typedef ppn_status_t (*ppn_write_function_t)(void* user_data, const void* data, size_t size);
PPN_API ppn_status_t ppn_edge_program_write_to(ppn_edge_program_t* program,
                                               ppn_write_function_t write, void* user_data);
// Size of the `.pte` in bytes.
PPN_API ppn_status_t ppn_edge_program_size(ppn_edge_program_t* program, uint64_t* out_size);

// The payload of partition `index` of a method: what the `.pte` holds for the delegate, in pieces.
PPN_API ppn_status_t ppn_edge_program_write_payload_to(ppn_edge_program_t* program,
                                                       const char* method, size_t index,
                                                       ppn_write_function_t write, void* user_data);

// Writes partition `index` of a method as a plain `.mlpackage` folder: with a function for each
// method when they share it. A path that ends in ".mlmodelc" becomes a compiled model (as by
// ppn_model_compile, pippin/model.h).
PPN_API ppn_status_t ppn_edge_program_write_package(ppn_edge_program_t* program, const char* method,
                                                    size_t index, const char* path);

// ---- Changes before writing ----

// In the lowered graph of `method`, whoever uses the value `value` uses `replacement` from now on.
// Names are those of ppn_edge_program_dump. Errors: NOT_FOUND; INVALID_ARGUMENT when types, shapes
// or the order of computation do not allow it.
PPN_API ppn_status_t ppn_edge_program_replace_value(ppn_edge_program_t* program, const char* method,
                                                    const char* value, const char* replacement);
// Drops the nodes, delegates included, whose results nobody uses.
PPN_API ppn_status_t ppn_edge_program_eliminate_dead_code(ppn_edge_program_t* program,
                                                          const char* method);

// ---- Report: what was delegated and why not ----

// A node that stays on the CPU.
typedef struct ppn_undelegated_node {
  const char* name;    // FX node name
  const char* target;  // "aten.mm.default"
  const char* reason;
  const char* file;  // the user's source; "" when unknown
  int line;
  const char* source;  // the text of that line
} ppn_undelegated_node_t;

typedef struct ppn_partition_report {
  const char* name;           // "lowered_module_0"
  size_t node_count;          // ATen nodes delegated
  size_t operation_count;     // MIL operations
  int specification_version;  // 6 = iOS15 …
  uint64_t weight_size;       // bytes of weight.bin
  bool is_shared;             // weight.bin is that of the other methods' partitions too
} ppn_partition_report_t;

typedef struct ppn_method_report {
  const char* name;
  const ppn_partition_report_t* partitions;
  size_t partition_count;
  size_t delegated_count;
  const ppn_undelegated_node_t* undelegated;
  size_t undelegated_count;
} ppn_method_report_t;

// Lives as long as the program.
PPN_API const ppn_method_report_t* ppn_edge_program_report(const ppn_edge_program_t* program,
                                                           size_t* out_method_count);

// What is in a program, as text: "exported" (as read; from ppn_exported_program_t before lowering),
// and of an edge program: "edge" (the graph with its delegate calls), "graph" (the same as JSON:
// api/lowering_graph.c describes it) or "mil" (the ML Programs).
// The caller releases *out_text with ppn_text_free.
PPN_API ppn_status_t ppn_exported_program_dump(ppn_exported_program_t* program, char** out_text);
PPN_API ppn_status_t ppn_edge_program_dump(ppn_edge_program_t* program, const char* what,
                                           char** out_text);
PPN_API void ppn_text_free(char* text);

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_LOWERING_H_
