// Emission: from edge programs with delegate calls to a `.pte`.
#ifndef PPN_EXECUTORCH_EMIT_H_
#define PPN_EXECUTORCH_EMIT_H_

#include "aten/op.h"
#include "base/stream.h"
#include "coreml/delegate.h"

// What a delegate call node refers to. node->arguments of an "executorch_call_delegate" node are
// the inputs; node->scratch is not used: the lowered module is found by node->name.
typedef struct ppn_lowered_module {
  const char* name;  // the call node's name, "lowered_module_0"
  const char* backend_id;
  const ppn_compile_spec_t* compile_specs;
  uint32_t compile_spec_count;
  const ppn_producer_t* payload;  // borrowed
} ppn_lowered_module_t;

typedef struct ppn_edge_method {
  const char* name;  // "forward"
  ppn_exported_program_t* program;
  const ppn_lowered_module_t* modules;
  uint32_t module_count;
} ppn_edge_method_t;

typedef struct ppn_named_data {
  const char* key;
  const ppn_producer_t* content;  // borrowed
  uint32_t alignment;
} ppn_named_data_t;

// ExecutorchBackendConfig, same defaults (ppn_emit_options_defaults).
typedef struct ppn_emit_options {
  uint32_t segment_alignment;          // 128
  uint32_t constant_tensor_alignment;  // 16
  bool allocate_graph_input, allocate_graph_output, allocate_mutable_buffers;
} ppn_emit_options_t;
ppn_emit_options_t ppn_emit_options_defaults(void);

// What becomes a `.pte`. Borrowed: nothing is copied or freed. Methods' programs are numbered anew.
typedef struct ppn_emission_source {
  const ppn_edge_method_t* methods;
  uint32_t method_count;
  const ppn_constant_method_t* constant_methods;
  uint32_t constant_method_count;
  const ppn_named_data_t* named_data;
  uint32_t named_data_count;
} ppn_emission_source_t;

// Writes the whole program in order to `sink`. Methods are sorted by name. Everything that is left
// on the CPU must have an out-variant (ppn_aten_out_variant). Errors: UNSUPPORTED listing every
// operator without one, with source lines.
ppn_status_t ppn_emit_program(const ppn_emission_source_t* source,
                              const ppn_emit_options_t* options, ppn_sink_t sink) PPN_MUST_USE;
// The size of what ppn_emit_program would write; weights are not read.
ppn_status_t ppn_emit_program_size(const ppn_emission_source_t* source,
                                   const ppn_emit_options_t* options,
                                   uint64_t* out_size) PPN_MUST_USE;

#endif  // PPN_EXECUTORCH_EMIT_H_
