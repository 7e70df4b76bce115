#include "mil/text_writer.h"

#include <stdlib.h>

#include "formats/proto_message.h"

#define BUILD_INFO "buildInfo"
#define VERSION_KEY "pippin-version"

// Columns at which Core ML's compiler begins functions, operations and the ends of functions.
#define FUNCTION_INDENT 4
#define OPERATION_INDENT 12
#define END_INDENT 8
// Blocks go deeper by this much.
#define BLOCK_INDENT 8

static const struct {
  const char *opset, *tag;
} opset_tags[] = {{"CoreML5", "ios15"},
                  {"CoreML6", "ios16"},
                  {"CoreML7", "ios17"},
                  {"CoreML8", "ios18"},
                  {"CoreML9", "ios26"}};

const char* ppn_mil_text_opset_of_tag(ppn_string_view_t tag) {
  for (size_t i = 0; i < PPN_COUNT_OF(opset_tags); ++i) {
    if (ppn_sv_equals(tag, opset_tags[i].tag)) return opset_tags[i].opset;
  }
  return NULL;
}

static void append(ppn_mil_text_writer_t* writer, const char* text) {
  ppn_buffer_append_text(writer->out, text);
}

static void indent(ppn_mil_text_writer_t* writer, int columns) {
  ppn_buffer_printf(writer->out, "%*s", columns, "");
}

// ---- Order by name ----

static int compare_values(const void* a, const void* b) {
  return strcmp((*(MilPb__ValueEntry* const*)a)->key, (*(MilPb__ValueEntry* const*)b)->key);
}

static int compare_arguments(const void* a, const void* b) {
  return strcmp((*(MilPb__ArgumentEntry* const*)a)->key, (*(MilPb__ArgumentEntry* const*)b)->key);
}

static int compare_named_types(const void* a, const void* b) {
  return strcmp((*(MilPb__NamedValueType* const*)a)->name,
                (*(MilPb__NamedValueType* const*)b)->name);
}

// A sorted copy of `count` pointers, in the writer's arena; NULL when memory is out.
static void* sorted(ppn_mil_text_writer_t* writer, const void* pointers, size_t count,
                    int (*compare)(const void*, const void*)) {
  void* copy = ppn_arena_memdup(writer->arena, pointers, count * sizeof(void*));
  if (copy && count > 1) qsort(copy, count, sizeof(void*), compare);
  return copy;
}

// ---- Attributes ----

// Keys are words in the text.
static bool is_word(const char* key) {
  size_t size = strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
  return size > 0 && key[size] == '\0' && !(key[0] >= '0' && key[0] <= '9');
}

static ppn_status_t write_attribute(ppn_mil_text_writer_t* writer, const MilPb__ValueEntry* entry) {
  if (!is_word(entry->key)) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "an attribute is called '%s'; in the text, names consist of letters, "
                           "digits and underscores",
                           entry->key);
  }
  if (!entry->value) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "attribute '%s' has no value", entry->key);
  }
  ppn_buffer_printf(writer->out, "%s = ", entry->key);
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_mil_text_write_value(writer, entry->value), "attribute '%s'",
                                entry->key);
  return ppn_status_ok();
}

static ppn_status_t write_attributes(ppn_mil_text_writer_t* writer,
                                     MilPb__ValueEntry* const* attributes, size_t count) {
  if (count == 0) return ppn_status_ok();
  MilPb__ValueEntry** entries = sorted(writer, attributes, count, compare_values);
  if (!entries) return ppn_out_of_memory();
  append(writer, "[");
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) append(writer, ", ");
    PPN_RETURN_IF_ERROR(write_attribute(writer, entries[i]));
  }
  append(writer, "]");
  return ppn_status_ok();
}

// ---- Operations ----

static ppn_status_t write_named_types(ppn_mil_text_writer_t* writer,
                                      MilPb__NamedValueType* const* values, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) append(writer, ", ");
    PPN_RETURN_IF_ERROR_ANNOTATED(ppn_mil_text_write_type(writer, values[i]->type), "value '%s'",
                                  values[i]->name);
    ppn_buffer_printf(writer->out, " %s", values[i]->name);
  }
  return ppn_status_ok();
}

static ppn_status_t write_argument(ppn_mil_text_writer_t* writer,
                                   const MilPb__ArgumentEntry* entry) {
  size_t count = entry->value ? entry->value->n_arguments : 0;
  ppn_buffer_printf(writer->out, "%s = ", entry->key);
  if (count != 1) append(writer, "(");
  for (size_t i = 0; i < count; ++i) {
    const MilPb__Binding* binding = entry->value->arguments[i];
    if (i > 0) append(writer, ", ");
    switch (binding->binding_case) {
      case MIL_PB__BINDING__BINDING_NAME:
        append(writer, binding->name);
        break;
      case MIL_PB__BINDING__BINDING_VALUE:
        PPN_RETURN_IF_ERROR_ANNOTATED(ppn_mil_text_write_value(writer, binding->value),
                                      "parameter '%s'", entry->key);
        break;
      default:
        return ppn_status_make(PPN_STATUS_INVALID_DATA, "parameter '%s' is bound to nothing",
                               entry->key);
    }
  }
  if (count != 1) append(writer, ")");
  return ppn_status_ok();
}

static ppn_status_t write_block(ppn_mil_text_writer_t* writer, const MilPb__Block* block,
                                int columns);

static ppn_status_t write_nested_blocks(ppn_mil_text_writer_t* writer,
                                        const MilPb__Operation* operation, int columns) {
  for (size_t i = 0; i < operation->n_blocks; ++i) {
    const MilPb__Block* block = operation->blocks[i];
    append(writer, i > 0 ? ", (" : " (");
    PPN_RETURN_IF_ERROR(write_named_types(writer, block->inputs, block->n_inputs));
    append(writer, ") ");
    PPN_RETURN_IF_ERROR_ANNOTATED(write_block(writer, block, columns + BLOCK_INDENT), "block %zu",
                                  i);
  }
  return ppn_status_ok();
}

static ppn_status_t write_operation(ppn_mil_text_writer_t* writer,
                                    const MilPb__Operation* operation, int columns) {
  indent(writer, columns);
  PPN_RETURN_IF_ERROR(write_named_types(writer, operation->outputs, operation->n_outputs));
  ppn_buffer_printf(writer->out, "%s%s(", operation->n_outputs > 0 ? " = " : "", operation->type);
  MilPb__ArgumentEntry** arguments =
      sorted(writer, operation->inputs, operation->n_inputs, compare_arguments);
  if (!arguments) return ppn_out_of_memory();
  for (size_t i = 0; i < operation->n_inputs; ++i) {
    if (i > 0) append(writer, ", ");
    PPN_RETURN_IF_ERROR(write_argument(writer, arguments[i]));
  }
  append(writer, ")");
  PPN_RETURN_IF_ERROR(write_attributes(writer, operation->attributes, operation->n_attributes));
  PPN_RETURN_IF_ERROR(write_nested_blocks(writer, operation, columns));
  append(writer, ";\n");
  return ppn_buffer_status(writer->out);
}

// ---- Blocks, functions, the program ----

// From the opening brace to the outputs; operations at `columns`.
static ppn_status_t write_block(ppn_mil_text_writer_t* writer, const MilPb__Block* block,
                                int columns) {
  if (block->n_attributes > 0) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "attributes of blocks have no text form");
  }
  append(writer, "{\n");
  for (size_t i = 0; i < block->n_operations; ++i) {
    const MilPb__Operation* operation = block->operations[i];
    PPN_RETURN_IF_ERROR_ANNOTATED(
        write_operation(writer, operation, columns), "operation '%s' (%s)",
        operation->n_outputs > 0 ? operation->outputs[0]->name : "", operation->type);
  }
  indent(writer, columns - (OPERATION_INDENT - END_INDENT));
  append(writer, "} -> (");
  for (size_t i = 0; i < block->n_outputs; ++i) {
    ppn_buffer_printf(writer->out, "%s%s", i > 0 ? ", " : "", block->outputs[i]);
  }
  append(writer, ")");
  return ppn_buffer_status(writer->out);
}

static ppn_status_t write_function_attributes(ppn_mil_text_writer_t* writer, const char* name,
                                              const MilPb__Function* function,
                                              const ppn_mil_text_options_t* options) {
  const ppn_mil_flexible_input_t* inputs = NULL;
  uint32_t count = 0;
  if (options->flexible_inputs) {
    PPN_RETURN_IF_ERROR(options->flexible_inputs(options->context, name, &inputs, &count));
  }
  if (count == 0) {
    if (function->n_attributes > 0) append(writer, " ");
    return write_attributes(writer, function->attributes, function->n_attributes);
  }
  append(writer, " [");
  ppn_mil_text_write_flexible_shapes(writer, inputs, count);
  MilPb__ValueEntry** entries =
      sorted(writer, function->attributes, function->n_attributes, compare_values);
  if (!entries) return ppn_out_of_memory();
  for (size_t i = 0; i < function->n_attributes; ++i) {
    append(writer, ", ");
    PPN_RETURN_IF_ERROR(write_attribute(writer, entries[i]));
  }
  append(writer, "]");
  return ppn_status_ok();
}

static ppn_status_t write_function(ppn_mil_text_writer_t* writer, const char* name,
                                   const MilPb__Function* function,
                                   const ppn_mil_text_options_t* options) {
  const char* tag = NULL;
  for (size_t i = 0; i < PPN_COUNT_OF(opset_tags); ++i) {
    if (strcmp(opset_tags[i].opset, function->opset) == 0) tag = opset_tags[i].tag;
  }
  if (!tag) {
    return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                           "unknown opset '%s' (known: CoreML5 to CoreML9)", function->opset);
  }
  const MilPb__Block* block = NULL;
  for (size_t i = 0; i < function->n_block_specializations; ++i) {
    const MilPb__BlockEntry* entry = function->block_specializations[i];
    if (strcmp(entry->key, function->opset) == 0) block = entry->value;
  }
  if (!block) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "there is no block for the function's opset '%s'", function->opset);
  }
  indent(writer, FUNCTION_INDENT);
  ppn_buffer_printf(writer->out, "func %s<%s>(", name, tag);
  MilPb__NamedValueType** inputs =
      sorted(writer, function->inputs, function->n_inputs, compare_named_types);
  if (!inputs) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(write_named_types(writer, inputs, function->n_inputs));
  append(writer, ")");
  PPN_RETURN_IF_ERROR(write_function_attributes(writer, name, function, options));
  append(writer, " ");
  PPN_RETURN_IF_ERROR(write_block(writer, block, OPERATION_INDENT));
  append(writer, ";\n");
  return ppn_status_ok();
}

static ppn_status_t make_string(ppn_arena_t* arena, const char* text, MilPb__Value** out) {
  MilPb__TensorValue* tensor;
  PPN_ARENA_NEW(arena, 1, out);
  mil_pb__value__init(*out);
  PPN_ARENA_NEW(arena, 1, &(*out)->immediate_value);
  mil_pb__immediate_value__init((*out)->immediate_value);
  (*out)->value_case = MIL_PB__VALUE__VALUE_IMMEDIATE_VALUE;
  PPN_ARENA_NEW(arena, 1, &(*out)->type);
  mil_pb__value_type__init((*out)->type);
  (*out)->type->type_case = MIL_PB__VALUE_TYPE__TYPE_TENSOR_TYPE;
  PPN_ARENA_NEW(arena, 1, &(*out)->type->tensor_type);
  mil_pb__tensor_type__init((*out)->type->tensor_type);
  (*out)->type->tensor_type->data_type = MIL_PB__DATA_TYPE__STRING;
  PPN_ARENA_NEW(arena, 1, &tensor);
  mil_pb__tensor_value__init(tensor);
  tensor->value_case = MIL_PB__TENSOR_VALUE__VALUE_STRINGS;
  PPN_ARENA_NEW(arena, 1, &tensor->strings);
  mil_pb__repeated_strings__init(tensor->strings);
  tensor->strings->n_values = 1;
  PPN_ARENA_NEW(arena, 1, &tensor->strings->values);
  tensor->strings->values[0] = ppn_arena_strdup(arena, ppn_sv(text));
  if (!tensor->strings->values[0]) return ppn_out_of_memory();
  (*out)->immediate_value->value_case = MIL_PB__IMMEDIATE_VALUE__VALUE_TENSOR;
  (*out)->immediate_value->tensor = tensor;
  return ppn_status_ok();
}

// The text of a string value; NULL when it is none.
static const char* string_of(const MilPb__Value* value) {
  const MilPb__ImmediateValue* immediate =
      value && value->value_case == MIL_PB__VALUE__VALUE_IMMEDIATE_VALUE ? value->immediate_value
                                                                         : NULL;
  const MilPb__TensorValue* tensor =
      immediate && immediate->value_case == MIL_PB__IMMEDIATE_VALUE__VALUE_TENSOR
          ? immediate->tensor
          : NULL;
  bool is_string = tensor && tensor->value_case == MIL_PB__TENSOR_VALUE__VALUE_STRINGS;
  return is_string && tensor->strings->n_values == 1 ? tensor->strings->values[0] : NULL;
}

static int compare_pairs(const void* a, const void* b) {
  const char* left = string_of((*(MilPb__KeyValuePair* const*)a)->key);
  const char* right = string_of((*(MilPb__KeyValuePair* const*)b)->key);
  return strcmp(left ? left : "", right ? right : "");
}

// buildInfo of the program with `version` added, sorted by key.
static ppn_status_t write_build_info(ppn_mil_text_writer_t* writer, const MilPb__Value* value,
                                     const char* version) {
  MilPb__KeyValuePair** pairs;
  size_t count = 0;
  const MilPb__ImmediateValue* immediate =
      value && value->value_case == MIL_PB__VALUE__VALUE_IMMEDIATE_VALUE ? value->immediate_value
                                                                         : NULL;
  const MilPb__DictionaryValue* dictionary =
      immediate && immediate->value_case == MIL_PB__IMMEDIATE_VALUE__VALUE_DICTIONARY
          ? immediate->dictionary
          : NULL;
  PPN_ARENA_NEW(writer->arena, (dictionary ? dictionary->n_values : 0) + 1, &pairs);
  for (size_t i = 0; dictionary && i < dictionary->n_values; ++i) {
    const char* key = string_of(dictionary->values[i]->key);
    if (!key || !string_of(dictionary->values[i]->value)) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA, BUILD_INFO " holds more than strings");
    }
    if (version && strcmp(key, VERSION_KEY) == 0) continue;
    pairs[count++] = dictionary->values[i];
  }
  if (version) {
    MilPb__KeyValuePair* pair;
    PPN_ARENA_NEW(writer->arena, 1, &pair);
    mil_pb__key_value_pair__init(pair);
    PPN_RETURN_IF_ERROR(make_string(writer->arena, VERSION_KEY, &pair->key));
    PPN_RETURN_IF_ERROR(make_string(writer->arena, version, &pair->value));
    pairs[count++] = pair;
  }
  qsort(pairs, count, sizeof(pairs[0]), compare_pairs);
  append(writer, BUILD_INFO " = dict<");
  ppn_mil_text_write_scalar_type(writer, "string");
  append(writer, ", ");
  ppn_mil_text_write_scalar_type(writer, "string");
  append(writer, ">({");
  for (size_t i = 0; i < count; ++i) {
    append(writer, i > 0 ? ", {" : "{");
    ppn_mil_text_write_string(writer->out, string_of(pairs[i]->key));
    append(writer, ", ");
    ppn_mil_text_write_string(writer->out, string_of(pairs[i]->value));
    append(writer, "}");
  }
  append(writer, "})");
  return ppn_status_ok();
}

static ppn_status_t write_program_attributes(ppn_mil_text_writer_t* writer,
                                             const MilPb__Program* program,
                                             const ppn_mil_text_options_t* options) {
  const MilPb__Value* build_info = NULL;
  MilPb__ValueEntry** entries =
      sorted(writer, program->attributes, program->n_attributes, compare_values);
  if (!entries) return ppn_out_of_memory();
  for (size_t i = 0; i < program->n_attributes; ++i) {
    if (strcmp(entries[i]->key, BUILD_INFO) == 0) build_info = entries[i]->value;
  }
  if (program->n_attributes == 0 && !options->version) return ppn_status_ok();
  append(writer, "[");
  const char* separator = "";
  for (size_t i = 0; i < program->n_attributes; ++i) {
    if (strcmp(entries[i]->key, BUILD_INFO) == 0) continue;
    append(writer, separator);
    PPN_RETURN_IF_ERROR(write_attribute(writer, entries[i]));
    separator = ", ";
  }
  if (build_info || options->version) {
    append(writer, separator);
    PPN_RETURN_IF_ERROR(write_build_info(writer, build_info, options->version));
  }
  append(writer, "]\n");
  return ppn_status_ok();
}

static ppn_status_t write_program(ppn_mil_text_writer_t* writer, const MilPb__Program* program,
                                  const ppn_mil_text_options_t* options) {
  ppn_buffer_printf(writer->out, "program(%s)\n", writer->scalars_are_tensors ? "1.0" : "1.3");
  PPN_RETURN_IF_ERROR(write_program_attributes(writer, program, options));
  append(writer, "{\n");
  for (size_t i = 0; i < program->n_functions; ++i) {
    const MilPb__FunctionEntry* entry = program->functions[i];
    if (!entry->value) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA, "function '%s' is empty", entry->key);
    }
    PPN_RETURN_IF_ERROR_ANNOTATED(write_function(writer, entry->key, entry->value, options),
                                  "function '%s'", entry->key);
  }
  append(writer, "}\n");
  return ppn_buffer_status(writer->out);
}

ppn_status_t ppn_mil_text_from_proto(ppn_span_t program, const ppn_mil_text_options_t* options,
                                     ppn_buffer_t* out) {
  ppn_arena_t arena = {0};
  ProtobufCMessage* message = NULL;
  ppn_mil_text_writer_t writer = {
      .out = out, .arena = &arena, .scalars_are_tensors = options->specification_version < 9};
  ppn_status_t status =
      ppn_proto_unpack(&mil_pb__program__descriptor, program, "ML Program", &arena, &message);
  if (!status) status = write_program(&writer, (const MilPb__Program*)message, options);
  ppn_arena_release(&arena);
  return status;
}

ppn_status_t ppn_mil_program_write_text(const ppn_mil_program_t* program, const char* blob_path,
                                        const ppn_mil_text_options_t* options, ppn_buffer_t* out) {
  ppn_buffer_t message = {0};
  ppn_status_t status = ppn_mil_program_write_proto(program, blob_path, &message);
  if (!status) {
    status = ppn_mil_text_from_proto(ppn_span_make(message.data, message.size), options, out);
  }
  ppn_buffer_release(&message);
  return status;
}
