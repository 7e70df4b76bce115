// What was delegated, and why the rest was not.
#include <string.h>

#include "api/lowering_session.h"

static size_t count_operations(const ppn_mil_block_t* block) {
  size_t count = 0;
  for (const ppn_mil_operation_t* operation = block->first; operation;
       operation = operation->next) {
    ++count;
    for (uint32_t i = 0; i < operation->block_count; ++i) {
      count += count_operations(operation->blocks[i]);
    }
  }
  return count;
}

static uint64_t weight_size(const ppn_delegate_t* delegate) {
  uint32_t count;
  const ppn_coreml_package_plan_t* plan =
      delegate->shared ? delegate->shared->plan : delegate->plan;
  const ppn_package_file_t* files = ppn_coreml_package_plan_files(plan, &count);
  for (uint32_t i = 0; i < count; ++i) {
    if (ppn_sv_ends_with(ppn_sv(files[i].path), "weight.bin")) return files[i].content.size;
  }
  return 0;
}

static char* copy_view(ppn_arena_t* arena, ppn_string_view_t text) {
  if (!text.data) text = ppn_sv("");
  return ppn_arena_strdup(arena, text);
}

static ppn_status_t describe_undelegated(ppn_arena_t* arena, const ppn_undelegated_t* undelegated,
                                         ppn_undelegated_node_t* out) {
  ppn_buffer_t name = {0};
  ppn_edge_name(undelegated->node, &name);
  ppn_source_line_t line = ppn_node_source_line(undelegated->node);
  out->name = copy_view(arena, ppn_sv(undelegated->node->name));
  out->target = copy_view(arena, ppn_sv(ppn_buffer_text(&name)));
  out->reason = copy_view(arena, ppn_sv(undelegated->reason));
  out->file = copy_view(arena, line.file);
  out->source = copy_view(arena, line.text);
  out->line = line.file.size ? line.line : 0;
  ppn_buffer_release(&name);
  bool is_complete = out->name && out->target && out->reason && out->file && out->source;
  return is_complete ? ppn_status_ok() : ppn_out_of_memory();
}

static ppn_status_t report_method(ppn_arena_t* arena, const ppn_lowered_method_t* method,
                                  ppn_method_report_t* out) {
  const ppn_partition_result_t* result = &method->partitions;
  ppn_partition_report_t* partitions;
  ppn_undelegated_node_t* undelegated;
  PPN_ARENA_NEW(arena, result->partition_count, &partitions);
  PPN_ARENA_NEW(arena, result->undelegated_count, &undelegated);
  for (uint32_t i = 0; i < result->partition_count; ++i) {
    const ppn_delegate_t* delegate = &method->delegates[i];
    partitions[i] = (ppn_partition_report_t){
        .name = result->partitions[i].call->name,
        .node_count = result->partitions[i].node_count,
        .operation_count = count_operations(delegate->program->functions[0]->block),
        .specification_version = delegate->model->specification_version,
        .weight_size = weight_size(delegate),
        .is_shared = delegate->shared != NULL,
    };
  }
  for (uint32_t i = 0; i < result->undelegated_count; ++i) {
    PPN_RETURN_IF_ERROR(describe_undelegated(arena, &result->undelegated[i], &undelegated[i]));
  }
  *out = (ppn_method_report_t){.name = method->name,
                               .partitions = partitions,
                               .partition_count = result->partition_count,
                               .delegated_count = result->delegated_node_count,
                               .undelegated = undelegated,
                               .undelegated_count = result->undelegated_count};
  return ppn_status_ok();
}

ppn_status_t ppn_lowering_report(ppn_edge_program_t* program) {
  PPN_ARENA_NEW(&program->arena, program->method_count, &program->reports);
  for (uint32_t i = 0; i < program->method_count; ++i) {
    PPN_RETURN_IF_ERROR(report_method(&program->arena, &program->methods[i], &program->reports[i]));
  }
  return ppn_status_ok();
}

const ppn_method_report_t* ppn_edge_program_report(const ppn_edge_program_t* program,
                                                   size_t* out_method_count) {
  *out_method_count = program->method_count;
  return program->reports;
}

// ---- Dumps ----

static void dump_edge(const ppn_lowered_method_t* method, ppn_buffer_t* out) {
  ppn_buffer_printf(out, "method %s\n", method->name);
  ppn_exported_program_print(method->program, out);
  for (uint32_t i = 0; i < method->partitions.partition_count; ++i) {
    const ppn_partition_t* partition = &method->partitions.partitions[i];
    ppn_buffer_printf(out, "\n%s (backend_id: %s)\n", partition->call->name, PPN_COREML_BACKEND_ID);
    ppn_exported_program_print(partition->submodule, out);
  }
}

static void dump_mil(const ppn_lowered_method_t* method, ppn_buffer_t* out) {
  for (uint32_t i = 0; i < method->partitions.partition_count; ++i) {
    ppn_buffer_printf(out, "// method %s, %s\n", method->name,
                      method->partitions.partitions[i].call->name);
    ppn_mil_program_print(method->delegates[i].program, 10, out);
  }
}

ppn_status_t ppn_edge_program_dump(ppn_edge_program_t* program, const char* what, char** out_text) {
  bool is_mil = strcmp(what, "mil") == 0;
  *out_text = NULL;
  if (strcmp(what, "graph") == 0) return ppn_lowering_graph_json(program, out_text);
  if (!is_mil && strcmp(what, "edge") != 0) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "cannot dump '%s' of an edge program; expected 'edge', 'graph' or 'mil'",
                           what);
  }
  ppn_buffer_t buffer = {0};
  for (uint32_t i = 0; i < program->method_count; ++i) {
    if (is_mil) dump_mil(&program->methods[i], &buffer);
    if (!is_mil) dump_edge(&program->methods[i], &buffer);
  }
  ppn_buffer_text(&buffer);
  ppn_status_t status = ppn_buffer_status(&buffer);
  if (status) ppn_buffer_release(&buffer);
  *out_text = (char*)buffer.data;  // released by ppn_text_free
  return status;
}
