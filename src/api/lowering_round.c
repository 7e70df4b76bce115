// One round of lowering: methods are partitioned, and their new partitions lowered to payloads. The
// first round makes edge programs of them before that; what a round leaves, a later one may take.
#include "api/lowering_session.h"
#include "coreml/compiled.h"

// ---- Progress ----

void ppn_lowering_report_progress(const ppn_edge_program_t* program, const char* stage,
                                  double fraction) {
  if (program->options.progress) {
    program->options.progress(program->options.progress_user_data, stage, fraction);
  }
}

// ---- Making ----

// The specs that the program will hold.
static ppn_status_t stored_specs(ppn_edge_program_t* program,
                                 const ppn_coreml_partitioner_t* partitioner,
                                 ppn_compile_spec_t** out_specs, uint32_t* out_count) {
  ppn_arena_t* arena = &program->arena;
  if (!partitioner->compile_specs) {
    return ppn_coreml_compile_specs(&partitioner->compile_options, arena, out_specs, out_count);
  }
  *out_count = (uint32_t)partitioner->compile_spec_count;
  PPN_ARENA_NEW(arena, partitioner->compile_spec_count, out_specs);
  for (uint32_t i = 0; i < *out_count; ++i) {
    ppn_compile_spec_t spec = partitioner->compile_specs[i];
    spec.key = ppn_arena_strdup(arena, ppn_sv(spec.key));
    spec.value = ppn_arena_memdup(arena, spec.value, spec.value_size);
    if (!spec.key || !spec.value) return ppn_out_of_memory();
    (*out_specs)[i] = spec;
  }
  return ppn_status_ok();
}

static ppn_status_t make_edge_method(ppn_edge_program_t* program, uint32_t index) {
  const ppn_lowered_method_t* method = &program->methods[index];
  uint32_t count = method->partitions.partition_count;
  ppn_lowered_module_t* modules;
  PPN_ARENA_NEW(&program->arena, count, &modules);
  for (uint32_t i = 0; i < count; ++i) {
    const ppn_delegate_t* delegate = &method->delegates[i];
    modules[i] = (ppn_lowered_module_t){.name = method->partitions.partitions[i].call->name,
                                        .backend_id = PPN_COREML_BACKEND_ID,
                                        .compile_specs = delegate->compile_specs,
                                        .compile_spec_count = delegate->compile_spec_count,
                                        .payload = &delegate->payload};
  }
  program->edge_methods[index] = (ppn_edge_method_t){
      .name = method->name, .program = method->program, .modules = modules, .module_count = count};
  return ppn_status_ok();
}

// `partitioner` with its compile options read from its specs, when it has any.
static ppn_status_t resolve_options(ppn_coreml_partitioner_t* partitioner) {
  if (!partitioner->compile_specs) return ppn_status_ok();
  return ppn_coreml_parse_compile_specs(partitioner->compile_specs,
                                        (uint32_t)partitioner->compile_spec_count,
                                        &partitioner->compile_options);
}

// Delegates keep their place while the methods' partitions grow.
static ppn_status_t extend_delegates(ppn_edge_program_t* program, ppn_lowered_method_t* method) {
  uint32_t old = method->round_start, count = method->partitions.partition_count;
  ppn_delegate_t* delegates;
  ppn_compile_spec_t* specs = NULL;
  uint32_t spec_count = 0;
  PPN_RETURN_IF_ERROR(stored_specs(program, &method->partitioner, &specs, &spec_count));
  PPN_ARENA_NEW(&program->arena, count, &delegates);
  for (uint32_t i = 0; i < count; ++i) {
    delegates[i] = i < old
                       ? method->delegates[i]
                       : (ppn_delegate_t){.compile_specs = specs, .compile_spec_count = spec_count};
  }
  method->delegates = delegates;
  return ppn_status_ok();
}

static ppn_status_t partition_method(ppn_edge_program_t* program, ppn_lowered_method_t* method,
                                     const ppn_coreml_partitioner_t* partitioner, bool is_first) {
  method->round_start = method->partitions.partition_count;
  if (partitioner) {
    method->partitioner = *partitioner;
    PPN_RETURN_IF_ERROR(resolve_options(&method->partitioner));
  }
  const ppn_coreml_partitioner_t* resolved = partitioner ? &method->partitioner : NULL;
  if (is_first) {
    PPN_RETURN_IF_ERROR(
        ppn_lowering_transform(method->program, resolved, program->options.decompose_all));
  }
  if (!resolved) return ppn_status_ok();
  ppn_partition_result_t found;
  PPN_RETURN_IF_ERROR(
      ppn_lowering_partition(method->program, resolved, method->round_start, &found));
  ppn_status_t status = ppn_partition_result_append(&method->partitions, &found);
  if (status) {
    ppn_partition_result_release(&found);
    return status;
  }
  return extend_delegates(program, method);
}

static ppn_status_t lower_partition(ppn_lowered_method_t* method, uint32_t index,
                                    int shared_target) {
  ppn_delegate_t* delegate = &method->delegates[index];
  PPN_RETURN_IF_ERROR(ppn_lowering_delegate(&method->partitions.partitions[index],
                                            &method->partitioner, shared_target, delegate));
  return shared_target ? ppn_status_ok() : ppn_lowering_delegate_finish(delegate);
}

static ppn_status_t lower_partitions(ppn_edge_program_t* program, uint32_t index,
                                     int shared_target) {
  ppn_lowered_method_t* method = &program->methods[index];
  uint32_t count = method->partitions.partition_count;
  for (uint32_t i = method->round_start; i < count; ++i) {
    // The first half is partitioning.
    double done = (index + (i + 1.0) / (count + 1)) / program->method_count;
    ppn_lowering_report_progress(program, "lowering", 0.5 + 0.5 * done);
    PPN_RETURN_IF_ERROR_ANNOTATED(lower_partition(method, i, shared_target), "%s",
                                  method->partitions.partitions[i].call->name);
  }
  return ppn_status_ok();
}

// Says which of several methods could not be lowered.
static ppn_status_t annotate(const ppn_edge_program_t* program, uint32_t index,
                             ppn_status_t status) {
  if (!status || program->method_count == 1) return status;
  return ppn_status_annotate(status, "method '%s'", program->methods[index].name);
}

// Once, however many delegates hold compiled models.
static void warn_compiled(const ppn_edge_program_t* program) {
  for (uint32_t i = 0; i < program->method_count; ++i) {
    const ppn_lowered_method_t* method = &program->methods[i];
    if (method->partitions.partition_count == method->round_start ||
        method->delegates[method->round_start].model_type != PPN_MODEL_TYPE_COMPILED_MODEL) {
      continue;
    }
    ppn_coreml_warn_compiled("model type 'compiled_model': the delegates' model");
    return;
  }
}

ppn_status_t ppn_lowering_round(ppn_edge_program_t* program,
                                const ppn_coreml_partitioner_t* const* partitioners,
                                bool is_first) {
  uint32_t count = program->method_count;
  for (uint32_t i = 0; i < count; ++i) {
    ppn_lowering_report_progress(program, "lowering", 0.5 * i / (double)count);
    PPN_RETURN_IF_ERROR(annotate(
        program, i, partition_method(program, &program->methods[i], partitioners[i], is_first)));
  }
  int shared_target = 0;
  PPN_RETURN_IF_ERROR(ppn_lowering_check_sharing(program, &shared_target));
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(annotate(program, i, lower_partitions(program, i, shared_target)));
  }
  if (shared_target) PPN_RETURN_IF_ERROR(ppn_lowering_share(program));
  for (uint32_t i = 0; i < count; ++i) PPN_RETURN_IF_ERROR(make_edge_method(program, i));
  warn_compiled(program);
  return ppn_lowering_report(program);
}
