// The lowering session: methods in, an edge program out; then a `.pte` or a package.
#include <stdlib.h>
#include <string.h>

#include "api/lowering_session.h"
#include "coreml/compiled.h"

ppn_coreml_partitioner_t ppn_coreml_partitioner_defaults(void) {
  ppn_coreml_partitioner_t partitioner = {.take_over_mutable_buffer = true,
                                          .take_over_constant_data = true};
  return partitioner;
}

// ---- Making ----

static ppn_status_t check_names(const ppn_edge_method_source_t* methods, size_t count) {
  ppn_string_map_t names = {0};
  ppn_status_t status = NULL;
  for (size_t i = 0; !status && i < count; ++i) {
    ppn_string_view_t name = ppn_sv(methods[i].name ? methods[i].name : "forward");
    if (ppn_string_map_find(&names, name)) {
      status = ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "two methods are called '%.*s'",
                               PPN_SV(name));
    } else {
      status = ppn_string_map_set(&names, name, methods[i].program);
    }
  }
  ppn_string_map_release(&names);
  return status;
}

static ppn_status_t lower_methods(ppn_edge_program_t* program,
                                  const ppn_edge_method_source_t* methods, size_t method_count) {
  const ppn_coreml_partitioner_t** partitioners;
  PPN_RETURN_IF_ERROR(check_names(methods, method_count));
  PPN_ARENA_NEW(&program->arena, method_count, &program->methods);
  PPN_ARENA_NEW(&program->arena, method_count, &program->edge_methods);
  PPN_ARENA_NEW(&program->arena, method_count, &partitioners);
  program->method_count = (uint32_t)method_count;
  for (uint32_t i = 0; i < program->method_count; ++i) {
    ppn_lowered_method_t* method = &program->methods[i];
    method->name =
        ppn_arena_strdup(&program->arena, ppn_sv(methods[i].name ? methods[i].name : "forward"));
    if (!method->name) return ppn_out_of_memory();
    method->program = methods[i].program;
    partitioners[i] = methods[i].partitioner;
  }
  return ppn_lowering_round(program, partitioners, true);
}

ppn_status_t ppn_to_edge_transform_and_lower(const ppn_edge_method_source_t* methods,
                                             size_t method_count,
                                             const ppn_lowering_options_t* options,
                                             ppn_edge_program_t** out_program) {
  *out_program = NULL;
  if (method_count == 0 || method_count > UINT32_MAX) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "expected at least one method to lower");
  }
  ppn_edge_program_t* program = calloc(1, sizeof(*program));
  if (!program) return ppn_out_of_memory();
  if (options) program->options = *options;
  ppn_status_t status = lower_methods(program, methods, method_count);
  if (status) {
    ppn_edge_program_free(program);
    return status;
  }
  *out_program = program;
  return ppn_status_ok();
}

ppn_status_t ppn_edge_program_to_backend(ppn_edge_program_t* program,
                                         const ppn_coreml_partitioner_t* const* partitioners) {
  return ppn_lowering_round(program, partitioners, false);
}

void ppn_edge_program_free(ppn_edge_program_t* program) {
  if (!program) return;
  ppn_lowering_release_shared(program);
  for (uint32_t i = 0; i < program->method_count; ++i) {
    ppn_lowered_method_t* method = &program->methods[i];
    for (uint32_t j = 0; method->delegates && j < method->partitions.partition_count; ++j) {
      ppn_delegate_release(&method->delegates[j]);
    }
    ppn_partition_result_release(&method->partitions);
  }
  ppn_arena_release(&program->arena);
  free(program);
}

// ---- Writing ----

static ppn_status_t check_alignment(const char* name, uint32_t alignment) {
  if ((alignment & (alignment - 1)) == 0) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "%s is %u; expected a power of two", name,
                         alignment);
}

ppn_status_t ppn_edge_program_set_options(ppn_edge_program_t* program,
                                          const ppn_executorch_options_t* options) {
  PPN_RETURN_IF_ERROR(check_alignment("segment_alignment", options->segment_alignment));
  PPN_RETURN_IF_ERROR(
      check_alignment("constant_tensor_alignment", options->constant_tensor_alignment));
  for (size_t i = 0; i < options->constant_method_count; ++i) {
    const char* name = options->constant_methods[i].name;
    for (uint32_t j = 0; j < program->method_count; ++j) {
      if (strcmp(program->methods[j].name, name) != 0) continue;
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "'%s' names a method and a constant method; rename one of them", name);
    }
  }
  program->executorch = *options;
  return ppn_status_ok();
}

static ppn_emission_source_t emission_source(const ppn_edge_program_t* program) {
  ppn_emission_source_t source = {
      .methods = program->edge_methods,
      .method_count = program->method_count,
      .constant_methods = program->executorch.constant_methods,
      .constant_method_count = (uint32_t)program->executorch.constant_method_count,
      .named_data = program->named_data,
      .named_data_count = program->shared_count};
  return source;
}

static ppn_emit_options_t emit_options(const ppn_edge_program_t* program) {
  const ppn_executorch_options_t* wanted = &program->executorch;
  ppn_emit_options_t options = ppn_emit_options_defaults();
  if (wanted->segment_alignment) options.segment_alignment = wanted->segment_alignment;
  if (wanted->constant_tensor_alignment) {
    options.constant_tensor_alignment = wanted->constant_tensor_alignment;
  }
  options.allocate_graph_input = !wanted->leave_graph_input_unplanned;
  options.allocate_graph_output = !wanted->leave_graph_output_unplanned;
  options.allocate_mutable_buffers = !wanted->leave_mutable_buffers_unplanned;
  return options;
}

// Tells the progress of writing, at steps large enough not to slow it down.
#define PROGRESS_STEP ((uint64_t)8 << 20)

typedef struct observed_sink {
  ppn_sink_t target;
  const ppn_edge_program_t* program;
  uint64_t written, reported, size;
} observed_sink_t;

static ppn_status_t observe(void* self, const void* data, size_t size) {
  observed_sink_t* sink = self;
  sink->written += size;
  if (sink->size && sink->written - sink->reported >= PROGRESS_STEP) {
    sink->reported = sink->written;
    ppn_lowering_report_progress(sink->program, "writing",
                                 (double)sink->written / (double)sink->size);
  }
  return ppn_sink_write(sink->target, data, size);
}

static ppn_status_t write_program(ppn_edge_program_t* program, ppn_sink_t target) {
  PPN_RETURN_IF_ERROR(ppn_lowering_set_keys(program));
  ppn_emission_source_t source = emission_source(program);
  ppn_emit_options_t options = emit_options(program);
  observed_sink_t sink = {.target = target, .program = program};
  if (program->options.progress) {
    PPN_RETURN_IF_ERROR(ppn_emit_program_size(&source, &options, &sink.size));
  }
  return ppn_emit_program(&source, &options, (ppn_sink_t){observe, &sink});
}

ppn_status_t ppn_edge_program_write(ppn_edge_program_t* program, const char* path) {
  ppn_file_writer_t* writer;
  PPN_RETURN_IF_ERROR(ppn_file_writer_open(path, &writer));
  ppn_status_t status = write_program(program, ppn_file_writer_sink(writer));
  if (status) {
    ppn_file_writer_abandon(writer);
    return status;
  }
  return ppn_file_writer_commit(writer);
}

typedef struct caller_sink {
  ppn_write_function_t write;
  void* user_data;
} caller_sink_t;

static ppn_status_t pass_on(void* self, const void* data, size_t size) {
  const caller_sink_t* sink = self;
  return sink->write(sink->user_data, data, size);
}

ppn_status_t ppn_edge_program_write_to(ppn_edge_program_t* program, ppn_write_function_t write,
                                       void* user_data) {
  caller_sink_t sink = {write, user_data};
  return write_program(program, (ppn_sink_t){pass_on, &sink});
}

ppn_status_t ppn_edge_program_size(ppn_edge_program_t* program, uint64_t* out_size) {
  PPN_RETURN_IF_ERROR(ppn_lowering_set_keys(program));
  ppn_emission_source_t source = emission_source(program);
  ppn_emit_options_t options = emit_options(program);
  return ppn_emit_program_size(&source, &options, out_size);
}

// ---- Delegates ----

static ppn_status_t find_delegate(const ppn_edge_program_t* program, const char* method,
                                  size_t index, const ppn_delegate_t** out_delegate) {
  for (uint32_t i = 0; i < program->method_count; ++i) {
    const ppn_lowered_method_t* lowered = &program->methods[i];
    if (strcmp(lowered->name, method) != 0) continue;
    if (index < lowered->partitions.partition_count) {
      *out_delegate = &lowered->delegates[index];
      return ppn_status_ok();
    }
    return ppn_status_make(PPN_STATUS_NOT_FOUND, "method '%s' has %u partitions; %zu was asked for",
                           method, lowered->partitions.partition_count, index);
  }
  return ppn_status_make(PPN_STATUS_NOT_FOUND, "no method is called '%s'", method);
}

ppn_status_t ppn_edge_program_write_payload_to(ppn_edge_program_t* program, const char* method,
                                               size_t index, ppn_write_function_t write,
                                               void* user_data) {
  const ppn_delegate_t* delegate = NULL;
  caller_sink_t sink = {write, user_data};
  PPN_RETURN_IF_ERROR(find_delegate(program, method, index, &delegate));
  return ppn_producer_write(&delegate->payload, (ppn_sink_t){pass_on, &sink});
}

ppn_status_t ppn_edge_program_write_package(ppn_edge_program_t* program, const char* method,
                                            size_t index, const char* path) {
  const ppn_delegate_t* delegate = NULL;
  PPN_RETURN_IF_ERROR(find_delegate(program, method, index, &delegate));
  ppn_coreml_package_plan_t* plan = delegate->shared ? delegate->shared->plan : delegate->plan;
  if (!ppn_sv_ends_with(ppn_sv(path), ".mlmodelc")) return ppn_coreml_package_write(plan, path);
  uint32_t count;
  PPN_RETURN_IF_ERROR(ppn_coreml_package_plan_compile(plan));
  const ppn_package_file_t* files = ppn_coreml_package_plan_compiled_files(plan, &count);
  PPN_RETURN_IF_ERROR(ppn_coreml_package_write_files(files, count, path));
  ppn_coreml_warn_compiled(path);
  return ppn_status_ok();
}
