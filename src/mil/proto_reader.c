#include <inttypes.h>

#include "formats/proto_message.h"
#include "mil/op.h"
#include "mil/proto_reading.h"
#include "mil/proto_values.h"

typedef struct reader {
  ppn_mil_program_t* program;
  ppn_mil_function_t* function;
  ppn_mil_blob_source_t blobs;
  const ppn_mil_locator_t* locator;  // NULL: none
  ppn_string_map_t scope;            // visible values by name; NULL where a nested block has ended
  ppn_buffer_t defined;              // the values in the scope, in the order of definition
} reader_t;

static ppn_status_t invalid(const char* format, const char* name) PPN_MUST_USE PPN_PRINTF(1, 0);
static ppn_status_t invalid(const char* format, const char* name) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, format, name);
}

// ---- Names ----

static bool is_identifier(const char* name) {
  const char* c = name;
  if (!((*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || *c == '_')) return false;
  for (; *c; ++c) {
    bool letter = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
    if (!letter && !(*c >= '0' && *c <= '9') && *c != '_' && *c != '@') return false;
  }
  return true;
}

static ppn_status_t define(reader_t* reader, const char* name, ppn_mil_value_t* value) {
  if (!is_identifier(name)) return invalid("'%s' is not a valid value name", name);
  if (ppn_string_map_get(&reader->scope, ppn_sv(name))) {
    return invalid("the name '%s' is defined twice", name);
  }
  value->name = ppn_arena_strdup(&reader->program->arena, ppn_sv(name));
  if (!value->name) return ppn_out_of_memory();
  ppn_buffer_append(&reader->defined, &value, sizeof(value));
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&reader->defined));
  return ppn_string_map_set(&reader->scope, ppn_sv(value->name), value);
}

static ppn_status_t look_up(reader_t* reader, const char* name, ppn_mil_value_t** out) {
  *out = ppn_string_map_get(&reader->scope, ppn_sv(name));
  if (!*out) return invalid("the value '%s' is not defined before its use", name);
  return ppn_status_ok();
}

// ---- Operations ----

static const MilPb__Value* find_attribute(const MilPb__Operation* source, const char* key) {
  for (size_t i = 0; i < source->n_attributes; ++i) {
    if (strcmp(source->attributes[i]->key, key) == 0) return source->attributes[i]->value;
  }
  return NULL;
}

// The text of the attribute "name", or NULL.
static const char* operation_name(const MilPb__Operation* source) {
  const MilPb__Value* value = find_attribute(source, "name");
  if (!value || value->value_case != MIL_PB__VALUE__VALUE_IMMEDIATE_VALUE) return NULL;
  const MilPb__ImmediateValue* immediate = value->immediate_value;
  if (immediate->value_case != MIL_PB__IMMEDIATE_VALUE__VALUE_TENSOR) return NULL;
  const MilPb__TensorValue* tensor = immediate->tensor;
  if (tensor->value_case != MIL_PB__TENSOR_VALUE__VALUE_STRINGS) return NULL;
  return tensor->strings->n_values == 1 ? tensor->strings->values[0] : NULL;
}

static ppn_status_t read_constant(reader_t* reader, const MilPb__Value* source,
                                  ppn_mil_value_t** out) {
  ppn_mil_value_t* value;
  PPN_ARENA_NEW(&reader->program->arena, 1, &value);
  PPN_RETURN_IF_ERROR(ppn_mil_proto_read_constant(reader->program, source, &reader->blobs,
                                                  &value->type, &value->constant));
  value->name = "const";
  *out = value;
  return ppn_status_ok();
}

static ppn_status_t read_const_op(reader_t* reader, const MilPb__Operation* source) {
  const MilPb__Value* content = find_attribute(source, "val");
  ppn_mil_value_t* value = NULL;
  if (source->n_outputs != 1) return invalid("a const must have one output%s", "");
  const char* name = source->outputs[0]->name;
  if (!content) return invalid("const '%s' has no attribute 'val'", name);
  PPN_RETURN_IF_ERROR_ANNOTATED(read_constant(reader, content, &value), "const '%s'", name);
  return define(reader, name, value);
}

// The declared type refines the inferred one: dtype, rank and fixed sizes must agree.
static ppn_status_t reconcile(const ppn_mil_program_t* program, const ppn_mil_type_t* declared,
                              ppn_mil_type_t* inferred) {
  bool agree = declared->kind == inferred->kind && declared->dtype == inferred->dtype &&
               declared->rank == inferred->rank && declared->key_dtype == inferred->key_dtype;
  for (int i = 0; agree && i < declared->rank; ++i) {
    ppn_dim_t theirs = declared->sizes[i];
    if (!ppn_dim_is_static(theirs)) continue;
    if (!ppn_dim_is_static(inferred->sizes[i])) {
      inferred->sizes[i] = theirs;
    } else {
      agree = ppn_dim_equal(theirs, inferred->sizes[i]);
    }
  }
  if (agree) return ppn_status_ok();
  ppn_buffer_t text = {0};
  ppn_buffer_append_text(&text, "the declared result type ");
  ppn_mil_type_print(declared, program->symbols, &text);
  ppn_buffer_append_text(&text, " differs from ");
  ppn_mil_type_print(inferred, program->symbols, &text);
  ppn_buffer_append_text(&text, ", which follows from the inputs");
  ppn_status_t status = ppn_status_make(PPN_STATUS_INVALID_DATA, "%s", ppn_buffer_text(&text));
  ppn_buffer_release(&text);
  return status;
}

static ppn_status_t read_argument(reader_t* reader, const MilPb__ArgumentEntry* source,
                                  ppn_mil_input_t* out) {
  const MilPb__Argument* argument = source->value;
  size_t count = argument ? argument->n_arguments : 0;
  ppn_mil_value_t** values;
  PPN_ARENA_NEW(&reader->program->arena, count, &values);
  for (size_t i = 0; i < count; ++i) {
    const MilPb__Binding* binding = argument->arguments[i];
    switch (binding->binding_case) {
      case MIL_PB__BINDING__BINDING_NAME:
        PPN_RETURN_IF_ERROR(look_up(reader, binding->name, &values[i]));
        break;
      case MIL_PB__BINDING__BINDING_VALUE:
        PPN_RETURN_IF_ERROR(read_constant(reader, binding->value, &values[i]));
        break;
      default:
        return invalid("parameter '%s' is bound to nothing", source->key);
    }
  }
  out->name = ppn_arena_strdup(&reader->program->arena, ppn_sv(source->key));
  out->values = values;
  out->count = (uint32_t)count;
  return out->name ? ppn_status_ok() : ppn_out_of_memory();
}

static ppn_status_t read_block(reader_t* reader, const MilPb__Block* source,
                               ppn_mil_block_t* block);

// Inputs of an operation: bindings, and the attributes of operations whose parameters are those.
static ppn_status_t read_inputs(reader_t* reader, const MilPb__Operation* source,
                                const ppn_mil_op_t* op, ppn_mil_input_t** out_inputs,
                                uint32_t* out_count) {
  ppn_mil_input_t* inputs;
  uint32_t count = 0;
  PPN_ARENA_NEW(&reader->program->arena, source->n_inputs + source->n_attributes, &inputs);
  for (size_t i = 0; i < source->n_inputs; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(read_argument(reader, source->inputs[i], &inputs[count]),
                                  "parameter '%s'", source->inputs[i]->key);
    if (inputs[count].count > 0) ++count;
  }
  for (size_t i = 0; op->parameters_are_attributes && i < source->n_attributes; ++i) {
    const MilPb__ValueEntry* entry = source->attributes[i];
    if (ppn_mil_parameter_index(op, ppn_sv(entry->key)) < 0) continue;  // "name"
    ppn_mil_value_t** values;
    PPN_ARENA_NEW(&reader->program->arena, 1, &values);
    if (!entry->value) return invalid("attribute '%s' has no value", entry->key);
    PPN_RETURN_IF_ERROR_ANNOTATED(read_constant(reader, entry->value, &values[0]), "attribute '%s'",
                                  entry->key);
    char* name = ppn_arena_strdup(&reader->program->arena, ppn_sv(entry->key));
    if (!name) return ppn_out_of_memory();
    inputs[count++] = (ppn_mil_input_t){name, values, 1};
  }
  *out_inputs = inputs;
  *out_count = count;
  return ppn_status_ok();
}

static ppn_status_t read_ordinary(reader_t* reader, const MilPb__Operation* source,
                                  ppn_mil_block_t* block) {
  const ppn_mil_op_t* op = ppn_mil_op_find(ppn_sv(source->type), reader->function->opset);
  if (!op) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "opset %s has no operation of this type",
                           ppn_mil_opset_name(reader->function->opset));
  }
  ppn_arena_t* arena = &reader->program->arena;
  ppn_mil_input_t* inputs = NULL;
  uint32_t input_count = 0;
  PPN_RETURN_IF_ERROR(read_inputs(reader, source, op, &inputs, &input_count));
  ppn_mil_block_t** blocks;
  PPN_ARENA_NEW(arena, source->n_blocks, &blocks);
  for (size_t i = 0; i < source->n_blocks; ++i) {
    PPN_RETURN_IF_ERROR(ppn_mil_block_create(reader->function, &blocks[i]));
    PPN_RETURN_IF_ERROR_ANNOTATED(read_block(reader, source->blocks[i], blocks[i]), "block %zu", i);
  }
  // The message is released after reading; operations keep the name.
  const char* name = operation_name(source);
  if (name && !(name = ppn_arena_strdup(arena, ppn_sv(name)))) return ppn_out_of_memory();
  ppn_mil_builder_t builder = {.function = reader->function, .block = block, .name = name};
  ppn_mil_value_t** outputs;
  PPN_ARENA_NEW(arena, source->n_outputs, &outputs);
  PPN_RETURN_IF_ERROR(ppn_mil_emit(&builder, op->type, inputs, input_count, blocks,
                                   (uint32_t)source->n_blocks, outputs,
                                   (uint32_t)source->n_outputs));
  for (size_t i = 0; i < source->n_outputs; ++i) {
    ppn_mil_type_t declared;
    const MilPb__NamedValueType* output = source->outputs[i];
    PPN_RETURN_IF_ERROR(ppn_mil_proto_read_type(reader->program, output->type, &declared));
    PPN_RETURN_IF_ERROR_ANNOTATED(reconcile(reader->program, &declared, &outputs[i]->type),
                                  "output '%s'", output->name);
    PPN_RETURN_IF_ERROR(define(reader, output->name, outputs[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t read_named_operation(reader_t* reader, const MilPb__Operation* source,
                                         ppn_mil_block_t* block) {
  if (strcmp(source->type, "const") == 0) return read_const_op(reader, source);
  const char* name = operation_name(source);
  if (!name) name = source->n_outputs ? source->outputs[0]->name : "";
  PPN_RETURN_IF_ERROR_ANNOTATED(read_ordinary(reader, source, block), "operation '%s' (%s)", name,
                                source->type);
  return ppn_status_ok();
}

static ppn_status_t read_operation(reader_t* reader, const MilPb__Operation* source,
                                   ppn_mil_block_t* block) {
  ppn_status_t status = read_named_operation(reader, source, block);
  if (!status || !reader->locator) return status;
  return reader->locator->locate(reader->locator->context, source, status);
}

// ---- Blocks and functions ----

// Names defined since `mark` go out of scope.
static void end_scope(reader_t* reader, size_t mark) {
  while (reader->defined.size > mark) {
    ppn_mil_value_t* value;
    reader->defined.size -= sizeof(value);
    memcpy(&value, reader->defined.data + reader->defined.size, sizeof(value));
    ppn_string_map_entry_t* entry = ppn_string_map_find(&reader->scope, ppn_sv(value->name));
    if (entry) entry->value = NULL;
  }
}

static ppn_status_t read_block_inputs(reader_t* reader, const MilPb__Block* source,
                                      ppn_mil_block_t* block) {
  ppn_arena_t* arena = &reader->program->arena;
  PPN_ARENA_NEW(arena, source->n_inputs, &block->inputs);
  for (size_t i = 0; i < source->n_inputs; ++i) {
    ppn_mil_value_t* value;
    PPN_ARENA_NEW(arena, 1, &value);
    PPN_RETURN_IF_ERROR_ANNOTATED(
        ppn_mil_proto_read_type(reader->program, source->inputs[i]->type, &value->type),
        "block input '%s'", source->inputs[i]->name);
    PPN_RETURN_IF_ERROR(define(reader, source->inputs[i]->name, value));
    block->inputs[block->input_count++] = value;
  }
  return ppn_status_ok();
}

static ppn_status_t read_block_body(reader_t* reader, const MilPb__Block* source,
                                    ppn_mil_block_t* block) {
  for (size_t i = 0; i < source->n_operations; ++i) {
    PPN_RETURN_IF_ERROR(read_operation(reader, source->operations[i], block));
  }
  ppn_mil_value_t** outputs;
  PPN_ARENA_NEW(&reader->program->arena, source->n_outputs, &outputs);
  for (size_t i = 0; i < source->n_outputs; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(look_up(reader, source->outputs[i], &outputs[i]),
                                  "block output %zu", i);
  }
  return ppn_mil_block_set_outputs(block, outputs, (uint32_t)source->n_outputs);
}

static ppn_status_t read_block(reader_t* reader, const MilPb__Block* source,
                               ppn_mil_block_t* block) {
  size_t mark = reader->defined.size;
  PPN_RETURN_IF_ERROR(read_block_inputs(reader, source, block));
  PPN_RETURN_IF_ERROR(read_block_body(reader, source, block));
  end_scope(reader, mark);
  return ppn_status_ok();
}

static ppn_status_t read_function_inputs(reader_t* reader, const MilPb__Function* source) {
  for (size_t i = 0; i < source->n_inputs; ++i) {
    const char* name = source->inputs[i]->name;
    ppn_mil_type_t type;
    ppn_mil_value_t* value;
    PPN_RETURN_IF_ERROR_ANNOTATED(
        ppn_mil_proto_read_type(reader->program, source->inputs[i]->type, &type), "input '%s'",
        name);
    if (type.kind != PPN_MIL_TENSOR && type.kind != PPN_MIL_STATE) {
      return invalid("input '%s' is neither a tensor nor a state", name);
    }
    if (!is_identifier(name)) return invalid("'%s' is not a valid input name", name);
    PPN_RETURN_IF_ERROR(ppn_mil_function_add_input(reader->function, name, &type, &value));
    PPN_RETURN_IF_ERROR(define(reader, name, value));
  }
  return ppn_status_ok();
}

static ppn_status_t read_function(reader_t* reader, const char* name,
                                  const MilPb__Function* source) {
  if (!is_identifier(name)) return invalid("'%s' is not a valid function name", name);
  ppn_mil_opset_t opset = ppn_mil_opset_from_name(ppn_sv(source->opset));
  if (opset == 0) {
    return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                           "unknown opset '%s' (known: CoreML5 to CoreML9)", source->opset);
  }
  const MilPb__Block* block = NULL;
  for (size_t i = 0; i < source->n_block_specializations; ++i) {
    if (strcmp(source->block_specializations[i]->key, source->opset) == 0) {
      block = source->block_specializations[i]->value;
    }
  }
  if (!block) return invalid("there is no block for the function's opset '%s'", source->opset);
  if (ppn_mil_program_function(reader->program, ppn_sv(name))) {
    return invalid("the function '%s' is defined twice", name);
  }
  PPN_RETURN_IF_ERROR(ppn_mil_function_create(reader->program, name, opset, &reader->function));
  PPN_RETURN_IF_ERROR(read_function_inputs(reader, source));
  return read_block_body(reader, block, reader->function->block);
}

static ppn_status_t read_program(reader_t* reader, const MilPb__Program* source) {
  if (source->version != 1) {
    return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                           "the program has version %" PRId64 ", expected 1", source->version);
  }
  if (source->n_functions == 0) return invalid("the program has no functions%s", "");
  for (size_t i = 0; i < source->n_functions; ++i) {
    const MilPb__FunctionEntry* entry = source->functions[i];
    if (!entry->value) return invalid("function '%s' is empty", entry->key);
    ppn_status_t status = read_function(reader, entry->key, entry->value);
    ppn_string_map_release(&reader->scope);
    reader->scope = (ppn_string_map_t){0};
    ppn_buffer_release(&reader->defined);
    reader->defined = (ppn_buffer_t){0};
    PPN_RETURN_IF_ERROR_ANNOTATED(status, "function '%s'", entry->key);
  }
  return ppn_status_ok();
}

ppn_status_t ppn_mil_program_read_message(const MilPb__Program* message,
                                          ppn_mil_blob_source_t blobs,
                                          const ppn_mil_locator_t* locator,
                                          ppn_mil_program_t** out_program) {
  *out_program = NULL;
  reader_t reader = {.blobs = blobs, .locator = locator};
  PPN_RETURN_IF_ERROR(ppn_mil_program_create(NULL, &reader.program));
  ppn_status_t status = read_program(&reader, message);
  if (status) {
    ppn_mil_program_free(reader.program);
    return status;
  }
  *out_program = reader.program;
  return ppn_status_ok();
}

ppn_status_t ppn_mil_program_read_proto(ppn_span_t bytes, ppn_mil_blob_source_t blobs,
                                        ppn_mil_program_t** out_program) {
  *out_program = NULL;
  ppn_arena_t arena = {0};
  ProtobufCMessage* message = NULL;
  ppn_status_t status =
      ppn_proto_unpack(&mil_pb__program__descriptor, bytes, "ML Program", &arena, &message);
  if (!status) {
    status = ppn_mil_program_read_message((const MilPb__Program*)message, blobs, NULL, out_program);
  }
  ppn_arena_release(&arena);
  return status;
}
