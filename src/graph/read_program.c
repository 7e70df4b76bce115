// Exported programs from JSON: signature, ranges, calling convention.
#include "graph/read_program.h"

#include <ctype.h>
#include <stdlib.h>

#include "graph/read_json.h"

#define SCHEMA_MAJOR 8

static ppn_status_t broken(const ppn_program_reader_t* reader, const char* what) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s: the program has no valid %s", reader->name,
                         what);
}

static const char* copy(ppn_program_reader_t* reader, const json_t* json) {
  const char* text = json_string_value(json);
  return text ? ppn_arena_strdup(&reader->program->arena, ppn_sv(text)) : NULL;
}

// ---- Signature ----

static const struct {
  const char *tag, *target_key;
  ppn_input_kind_t kind;
} input_kinds[] = {
    {"parameter", "parameter_name", PPN_INPUT_PARAMETER},
    {"buffer", "buffer_name", PPN_INPUT_BUFFER},
    {"tensor_constant", "tensor_constant_name", PPN_INPUT_TENSOR_CONSTANT},
    {"custom_obj", "custom_obj_name", PPN_INPUT_CUSTOM_OBJECT},
    {"user_input", NULL, PPN_INPUT_USER},
    {"constant_input", NULL, PPN_INPUT_USER_CONSTANT},
    {"token", NULL, PPN_INPUT_TOKEN},
};

static ppn_status_t read_fixed_input(ppn_program_reader_t* reader, const json_t* value,
                                     ppn_argument_t* out) {
  // Only the scalar kinds occur; they need no names.
  ppn_reader_scope_t scope = {
      .reader = reader, .graph = reader->program->graph, .where = "the signature"};
  PPN_RETURN_IF_ERROR(ppn_read_argument(&scope, value, 0, out));
  out->name = "";
  return ppn_status_ok();
}

static ppn_status_t find_constant(ppn_program_reader_t* reader, ppn_input_spec_t* spec) {
  ppn_exported_program_t* program = reader->program;
  spec->constant = ppn_string_map_get(&program->constants, ppn_sv(spec->target));
  if (spec->constant) return ppn_status_ok();
  PPN_ARENA_NEW(&program->arena, 1, &spec->constant);
  PPN_RETURN_IF_ERROR_ANNOTATED(
      reader->lookup(reader->lookup_context, program, spec->target, spec->constant), "%s",
      reader->name);
  if (!spec->constant->name) spec->constant->name = spec->target;
  return ppn_string_map_set(&program->constants, ppn_sv(spec->target), spec->constant);
}

static ppn_status_t check_constant(const ppn_program_reader_t* reader, const ppn_value_t* value,
                                   const ppn_constant_t* constant) {
  const ppn_tensor_meta_t* meta = &value->tensor;
  bool is_equal = value->kind == PPN_VALUE_TENSOR && meta->dtype == constant->dtype &&
                  meta->rank == constant->rank;
  for (int i = 0; is_equal && i < meta->rank; ++i) {
    is_equal = ppn_dim_is(meta->sizes[i], constant->sizes[i]);
  }
  if (is_equal) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "%s: the weight '%s' has another type or shape than the graph states",
                         reader->name, constant->name);
}

static ppn_status_t read_input_spec(ppn_program_reader_t* reader, const json_t* json,
                                    const ppn_value_t* value, ppn_input_spec_t* spec) {
  ppn_reader_scope_t scope = {.reader = reader, .where = "the signature"};
  const char* tag = "";
  const json_t* payload = NULL;
  PPN_RETURN_IF_ERROR(ppn_read_union(&scope, json, &tag, &payload));
  size_t row = 0;
  while (row < PPN_COUNT_OF(input_kinds) && strcmp(tag, input_kinds[row].tag) != 0) ++row;
  if (row == PPN_COUNT_OF(input_kinds)) return ppn_read_error(&scope, "unknown input kind", tag);
  spec->kind = input_kinds[row].kind;
  spec->name = value ? value->name : copy(reader, json_object_get(payload, "name"));
  if (spec->kind == PPN_INPUT_USER_CONSTANT) {
    return read_fixed_input(reader, json_object_get(payload, "value"), &spec->literal);
  }
  if (!input_kinds[row].target_key) return ppn_status_ok();
  spec->target = copy(reader, json_object_get(payload, input_kinds[row].target_key));
  const json_t* persistent = json_object_get(payload, "persistent");
  spec->persistent = !persistent || json_is_true(persistent);
  if (!spec->target || !value) return broken(reader, "input signature");
  if (spec->kind == PPN_INPUT_CUSTOM_OBJECT) return ppn_status_ok();
  PPN_RETURN_IF_ERROR(find_constant(reader, spec));
  spec->constant->is_parameter = spec->kind == PPN_INPUT_PARAMETER;
  return check_constant(reader, value, spec->constant);
}

static const struct {
  const char *tag, *target_key;
  ppn_output_kind_t kind;
} output_kinds[] = {
    {"user_output", NULL, PPN_OUTPUT_USER},
    {"buffer_mutation", "buffer_name", PPN_OUTPUT_BUFFER_MUTATION},
    {"parameter_mutation", "parameter_name", PPN_OUTPUT_PARAMETER_MUTATION},
    {"user_input_mutation", "user_input_name", PPN_OUTPUT_USER_INPUT_MUTATION},
    {"token", NULL, PPN_OUTPUT_TOKEN},
};

static ppn_status_t read_output_spec(ppn_program_reader_t* reader, const json_t* json,
                                     ppn_output_spec_t* spec) {
  ppn_reader_scope_t scope = {.reader = reader, .where = "the signature"};
  const char* tag = "";
  const json_t* payload = NULL;
  PPN_RETURN_IF_ERROR(ppn_read_union(&scope, json, &tag, &payload));
  for (size_t row = 0; row < PPN_COUNT_OF(output_kinds); ++row) {
    if (strcmp(tag, output_kinds[row].tag) != 0) continue;
    spec->kind = output_kinds[row].kind;
    if (!output_kinds[row].target_key) return ppn_status_ok();
    spec->target = copy(reader, json_object_get(payload, output_kinds[row].target_key));
    return spec->target ? ppn_status_ok() : broken(reader, "output signature");
  }
  return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                         "%s: an output of kind '%s'; training graphs cannot be lowered",
                         reader->name, tag);
}

static ppn_status_t read_signature(ppn_program_reader_t* reader, const json_t* json) {
  ppn_exported_program_t* program = reader->program;
  const json_t *inputs = json_object_get(json, "input_specs"),
               *outputs = json_object_get(json, "output_specs");
  program->input_count = (uint32_t)json_array_size(inputs);
  program->output_count = (uint32_t)json_array_size(outputs);
  if (program->input_count != program->graph->input_count ||
      program->output_count != program->graph->output_count) {
    return broken(reader, "signature: it lists other inputs or outputs than the graph");
  }
  PPN_ARENA_NEW(&program->arena, program->input_count, &program->inputs);
  PPN_ARENA_NEW(&program->arena, program->output_count, &program->outputs);
  for (uint32_t i = 0; i < program->input_count; ++i) {
    PPN_RETURN_IF_ERROR(read_input_spec(reader, json_array_get(inputs, i),
                                        program->graph->inputs[i], &program->inputs[i]));
  }
  for (uint32_t i = 0; i < program->output_count; ++i) {
    PPN_RETURN_IF_ERROR(read_output_spec(reader, json_array_get(outputs, i), &program->outputs[i]));
  }
  return ppn_status_ok();
}

// ---- Calling convention ----

static ppn_status_t read_calls(ppn_program_reader_t* reader, const json_t* list) {
  ppn_exported_program_t* program = reader->program;
  program->in_spec = program->out_spec = "";
  for (size_t i = 0; i < json_array_size(list); ++i) {
    const json_t* entry = json_array_get(list, i);
    const char* fqn = json_string_value(json_object_get(entry, "fqn"));
    if (!fqn || *fqn) continue;
    const json_t *signature = json_object_get(entry, "signature"),
                 *names = json_object_get(signature, "forward_arg_names");
    const char *in_spec = copy(reader, json_object_get(signature, "in_spec")),
               *out_spec = copy(reader, json_object_get(signature, "out_spec"));
    if (in_spec) program->in_spec = in_spec;
    if (out_spec) program->out_spec = out_spec;
    program->argument_name_count = (uint32_t)json_array_size(names);
    PPN_ARENA_NEW(&program->arena, program->argument_name_count, &program->argument_names);
    for (uint32_t j = 0; j < program->argument_name_count; ++j) {
      program->argument_names[j] = copy(reader, json_array_get(names, j));
    }
    break;
  }
  return ppn_status_ok();
}

// ---- Ranges ----

static bool is_symbol(const char* text) {
  if (!isalpha((unsigned char)*text) && *text != '_') return false;
  for (; *text; ++text) {
    if (!isalnum((unsigned char)*text) && *text != '_') return false;
  }
  return true;
}

// Ranges of expressions follow from those of their symbols.
static ppn_status_t read_ranges(ppn_program_reader_t* reader, json_t* ranges) {
  const char* key;
  json_t* range;
  json_object_foreach(ranges, key, range) {
    const json_t *minimum = json_object_get(range, "min_val"),
                 *maximum = json_object_get(range, "max_val");
    if (!is_symbol(key)) continue;
    PPN_RETURN_IF_ERROR(ppn_symbol_table_set_range(
        reader->program->symbols, ppn_sv(key),
        json_is_integer(minimum) ? json_integer_value(minimum) : 0,
        json_is_integer(maximum) ? json_integer_value(maximum) : PPN_DIM_UNBOUNDED));
  }
  return ppn_status_ok();
}

// ---- Programs ----

static ppn_status_t read_version(ppn_program_reader_t* reader, const json_t* json) {
  ppn_exported_program_t* program = reader->program;
  const json_t* version = json_object_get(json, "schema_version");
  program->schema_major = (int)json_integer_value(json_object_get(version, "major"));
  program->schema_minor = (int)json_integer_value(json_object_get(version, "minor"));
  program->torch_version = copy(reader, json_object_get(json, "torch_version"));
  if (!program->torch_version) program->torch_version = "<=2.4";
  if (program->schema_major == SCHEMA_MAJOR) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                         "%s: written in schema version %d.%d by torch %s; Pippin reads version "
                         "%d. Export it again with torch 2.5 or later",
                         reader->name, program->schema_major, program->schema_minor,
                         program->torch_version, SCHEMA_MAJOR);
}

static ppn_dialect_t dialect_of(const json_t* verifiers) {
  ppn_dialect_t dialect = PPN_DIALECT_ATEN;
  for (size_t i = 0; i < json_array_size(verifiers); ++i) {
    const char* name = json_string_value(json_array_get(verifiers, i));
    if (name && strcmp(name, "TRAINING") == 0) return PPN_DIALECT_TRAINING;
    if (name && strcmp(name, "EDGE") == 0) dialect = PPN_DIALECT_EDGE;
  }
  return dialect;
}

static ppn_status_t read_all(ppn_program_reader_t* reader, const json_t* json) {
  ppn_exported_program_t* program = reader->program;
  const json_t *module = json_object_get(json, "graph_module"),
               *graph = json_object_get(module, "graph");
  if (!json_is_object(graph)) return broken(reader, "graph");
  PPN_RETURN_IF_ERROR(read_version(reader, json));
  PPN_RETURN_IF_ERROR(ppn_symbol_table_create(&program->symbols));
  PPN_RETURN_IF_ERROR(
      ppn_graph_create(&program->arena, program->symbols, "forward", &program->graph));
  PPN_RETURN_IF_ERROR(read_ranges(reader, json_object_get(json, "range_constraints")));
  PPN_RETURN_IF_ERROR(ppn_read_graph(reader, graph, program->graph, 0));
  PPN_RETURN_IF_ERROR(read_signature(reader, json_object_get(module, "signature")));
  PPN_RETURN_IF_ERROR(read_calls(reader, json_object_get(module, "module_call_graph")));
  program->dialect = dialect_of(json_object_get(json, "verifiers"));
  program->path = ppn_arena_strdup(&program->arena, ppn_sv(reader->name));
  return program->path ? ppn_status_ok() : ppn_out_of_memory();
}

ppn_status_t ppn_exported_program_read_json(ppn_span_t json, const char* name,
                                            ppn_constant_lookup_t lookup, void* context,
                                            ppn_exported_program_t** out_program) {
  *out_program = NULL;
  json_t* root;
  PPN_RETURN_IF_ERROR(ppn_read_json(json, name, &root));
  ppn_program_reader_t reader = {.name = name, .lookup = lookup, .lookup_context = context};
  reader.program = calloc(1, sizeof(*reader.program));
  ppn_status_t status = reader.program ? read_all(&reader, root) : ppn_out_of_memory();
  json_decref(root);
  ppn_string_map_release(&reader.targets);
  ppn_string_map_release(&reader.expressions);
  if (status) {
    ppn_exported_program_free(reader.program);
    return status;
  }
  *out_program = reader.program;
  return ppn_status_ok();
}
