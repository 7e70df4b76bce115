#include "mil/proto.h"

#include "base/checked.h"
#include "formats/proto_message.h"
#include "formats/weight_blob.h"
#include "mil/op.h"
#include "mil/proto_types.h"

// Elements from which a constant goes to the weight file.
#define BLOB_MINIMUM_ELEMENTS 10

bool ppn_mil_constant_in_blob(const ppn_mil_constant_t* constant, ppn_mil_opset_t opset) {
  if (ppn_mil_constant_numel(constant) < BLOB_MINIMUM_ELEMENTS) return false;
  switch (constant->dtype) {
    case PPN_DTYPE_UINT16:
    case PPN_DTYPE_INT16:
    case PPN_DTYPE_UINT32:
    case PPN_DTYPE_INT32:
      return opset >= PPN_MIL_OPSET_IOS18;
    default:
      return ppn_weight_blob_has_dtype(constant->dtype);
  }
}

// ---- The order of constants ----

typedef struct constant_list {
  ppn_mil_value_t** values;
  uint32_t count;
  uint8_t* seen;  // by value id
} constant_list_t;

static void list_slot(void* context, ppn_mil_value_t** slot) {
  constant_list_t* list = context;
  ppn_mil_value_t* value = *slot;
  if (!value->constant || list->seen[value->id]) return;
  list->seen[value->id] = 1;
  list->values[list->count++] = value;
}

static void list_block(constant_list_t* list, ppn_mil_block_t* block) {
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ppn_mil_operation_visit_values(operation, list_slot, list);
    for (uint32_t i = 0; i < operation->block_count; ++i) list_block(list, operation->blocks[i]);
  }
  for (uint32_t i = 0; i < block->output_count; ++i) list_slot(list, &block->outputs[i]);
}

ppn_status_t ppn_mil_program_list_constants(const ppn_mil_program_t* program, ppn_arena_t* arena,
                                            ppn_mil_value_t*** out_values, uint32_t* out_count) {
  size_t total = 0;
  for (uint32_t i = 0; i < program->function_count; ++i) {
    total += ppn_mil_function_number(program->functions[i]);
  }
  constant_list_t list = {0};
  PPN_ARENA_NEW(arena, total + 1, &list.values);
  for (uint32_t i = 0; i < program->function_count; ++i) {
    uint32_t value_count = ppn_mil_function_number(program->functions[i]);
    PPN_ARENA_NEW(arena, value_count + 1, &list.seen);
    list_block(&list, program->functions[i]->block);
  }
  *out_values = list.values;
  *out_count = list.count;
  return ppn_status_ok();
}

// ---- Types ----

typedef struct writer {
  ppn_arena_t* arena;
  const char* blob_path;
  ppn_mil_opset_t opset;
  uint8_t* written;  // constants that have their const op, by value id
  uint8_t* used;     // values that something reads, by value id
  const char* function_name;
} writer_t;

// NEW(writer, kind, &pointer): one initialised message in the writer's arena.
#define NEW(writer, kind, out_pointer)              \
  do {                                              \
    PPN_ARENA_NEW((writer)->arena, 1, out_pointer); \
    kind##__init(*(out_pointer));                   \
  } while (0)

// A message holds text through non-const pointers but does not change it.
static char* borrow(const char* text) {
  return (char*)(uintptr_t)(text ? text : "");
}

static ppn_status_t write_dimension(writer_t* writer, ppn_dim_t dim, MilPb__Dimension** out) {
  NEW(writer, mil_pb__dimension, out);
  MilPb__Dimension* dimension = *out;
  if (ppn_dim_is_static(dim)) {
    dimension->dimension_case = MIL_PB__DIMENSION__DIMENSION_CONSTANT;
    NEW(writer, mil_pb__constant_dimension, &dimension->constant);
    dimension->constant->size = (uint64_t)dim.value;
  } else {
    dimension->dimension_case = MIL_PB__DIMENSION__DIMENSION_UNKNOWN;
    NEW(writer, mil_pb__unknown_dimension, &dimension->unknown);
  }
  return ppn_status_ok();
}

static ppn_status_t write_tensor_type(writer_t* writer, ppn_dtype_t dtype, int rank,
                                      const ppn_dim_t* sizes, MilPb__ValueType** out) {
  const ppn_mil_proto_dtype_t* row = ppn_mil_proto_dtype(dtype);
  if (!row) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "ML Programs have no type %s",
                           ppn_dtype_name(dtype));
  }
  NEW(writer, mil_pb__value_type, out);
  (*out)->type_case = MIL_PB__VALUE_TYPE__TYPE_TENSOR_TYPE;
  NEW(writer, mil_pb__tensor_type, &(*out)->tensor_type);
  MilPb__TensorType* tensor = (*out)->tensor_type;
  tensor->data_type = row->code;
  tensor->rank = rank;
  tensor->n_dimensions = (size_t)rank;
  PPN_ARENA_NEW(writer->arena, rank, &tensor->dimensions);
  for (int i = 0; i < rank; ++i) {
    PPN_RETURN_IF_ERROR(write_dimension(writer, sizes[i], &tensor->dimensions[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t write_type(writer_t* writer, const ppn_mil_type_t* type,
                               MilPb__ValueType** out) {
  MilPb__ValueType* tensor = NULL;
  if (type->kind != PPN_MIL_DICTIONARY) {
    PPN_RETURN_IF_ERROR(write_tensor_type(writer, type->dtype, type->rank, type->sizes, &tensor));
  }
  if (type->kind == PPN_MIL_TENSOR) {
    *out = tensor;
    return ppn_status_ok();
  }
  NEW(writer, mil_pb__value_type, out);
  switch (type->kind) {
    case PPN_MIL_STATE:
      (*out)->type_case = MIL_PB__VALUE_TYPE__TYPE_STATE_TYPE;
      NEW(writer, mil_pb__state_type, &(*out)->state_type);
      (*out)->state_type->wrapped_type = tensor;
      break;
    case PPN_MIL_LIST:
      (*out)->type_case = MIL_PB__VALUE_TYPE__TYPE_LIST_TYPE;
      NEW(writer, mil_pb__list_type, &(*out)->list_type);
      (*out)->list_type->type = tensor;
      return write_dimension(writer, type->list_length, &(*out)->list_type->length);
    default:
      (*out)->type_case = MIL_PB__VALUE_TYPE__TYPE_DICTIONARY_TYPE;
      NEW(writer, mil_pb__dictionary_type, &(*out)->dictionary_type);
      PPN_RETURN_IF_ERROR(
          write_tensor_type(writer, type->key_dtype, 0, NULL, &(*out)->dictionary_type->key_type));
      return write_tensor_type(writer, PPN_DTYPE_FLOAT64, 0, NULL,
                               &(*out)->dictionary_type->value_type);
  }
  return ppn_status_ok();
}

static ppn_status_t write_named_type(writer_t* writer, const ppn_mil_value_t* value,
                                     MilPb__NamedValueType** out) {
  NEW(writer, mil_pb__named_value_type, out);
  (*out)->name = borrow(value->name);
  PPN_RETURN_IF_ERROR_ANNOTATED(write_type(writer, &value->type, &(*out)->type), "value '%s'",
                                value->name);
  return ppn_status_ok();
}

// ---- Constant values ----

static ppn_status_t write_texts(writer_t* writer, const char* const* texts, size_t count,
                                MilPb__TensorValue* tensor) {
  tensor->value_case = MIL_PB__TENSOR_VALUE__VALUE_STRINGS;
  NEW(writer, mil_pb__repeated_strings, &tensor->strings);
  tensor->strings->n_values = count;
  PPN_ARENA_NEW(writer->arena, count, &tensor->strings->values);
  for (size_t i = 0; i < count; ++i) tensor->strings->values[i] = borrow(texts[i]);
  return ppn_status_ok();
}

// `data` holds `count` finished elements and lives as long as the arena.
static ppn_status_t write_elements(writer_t* writer, const ppn_mil_proto_dtype_t* row,
                                   const void* data, size_t size, size_t count,
                                   MilPb__TensorValue* tensor) {
  switch (row->immediate) {
    case PPN_MIL_IMMEDIATE_FLOATS:
      tensor->value_case = MIL_PB__TENSOR_VALUE__VALUE_FLOATS;
      NEW(writer, mil_pb__repeated_floats, &tensor->floats);
      tensor->floats->n_values = count;
      PPN_ARENA_NEW(writer->arena, count, &tensor->floats->values);
      memcpy(tensor->floats->values, data, count * sizeof(float));
      return ppn_status_ok();
    case PPN_MIL_IMMEDIATE_DOUBLES:
      tensor->value_case = MIL_PB__TENSOR_VALUE__VALUE_DOUBLES;
      NEW(writer, mil_pb__repeated_doubles, &tensor->doubles);
      tensor->doubles->n_values = count;
      PPN_ARENA_NEW(writer->arena, count, &tensor->doubles->values);
      memcpy(tensor->doubles->values, data, count * sizeof(double));
      return ppn_status_ok();
    case PPN_MIL_IMMEDIATE_INTS:
      tensor->value_case = MIL_PB__TENSOR_VALUE__VALUE_INTS;
      NEW(writer, mil_pb__repeated_ints, &tensor->ints);
      tensor->ints->n_values = count;
      PPN_ARENA_NEW(writer->arena, count, &tensor->ints->values);
      for (size_t i = 0; i < count; ++i) {
        tensor->ints->values[i] = (int32_t)ppn_element_as_int64(row->dtype, data, (int64_t)i);
      }
      return ppn_status_ok();
    case PPN_MIL_IMMEDIATE_LONG_INTS:
      tensor->value_case = MIL_PB__TENSOR_VALUE__VALUE_LONG_INTS;
      NEW(writer, mil_pb__repeated_long_ints, &tensor->long_ints);
      tensor->long_ints->n_values = count;
      PPN_ARENA_NEW(writer->arena, count, &tensor->long_ints->values);
      memcpy(tensor->long_ints->values, data, count * sizeof(int64_t));
      return ppn_status_ok();
    case PPN_MIL_IMMEDIATE_BOOLS:
      tensor->value_case = MIL_PB__TENSOR_VALUE__VALUE_BOOLS;
      NEW(writer, mil_pb__repeated_bools, &tensor->bools);
      tensor->bools->n_values = count;
      PPN_ARENA_NEW(writer->arena, count, &tensor->bools->values);
      for (size_t i = 0; i < count; ++i) {
        tensor->bools->values[i] = ((const uint8_t*)data)[i] != 0;
      }
      return ppn_status_ok();
    case PPN_MIL_IMMEDIATE_BYTES:
      tensor->value_case = MIL_PB__TENSOR_VALUE__VALUE_BYTES;
      NEW(writer, mil_pb__repeated_bytes, &tensor->bytes);
      tensor->bytes->values.len = size;
      tensor->bytes->values.data = (uint8_t*)(uintptr_t)data;
      return ppn_status_ok();
    default:
      return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "constants of type %s cannot be written inline (only in the weight "
                             "file, from 10 elements on)",
                             ppn_dtype_name(row->dtype));
  }
}

static ppn_status_t new_immediate(writer_t* writer, MilPb__Value* value) {
  value->value_case = MIL_PB__VALUE__VALUE_IMMEDIATE_VALUE;
  NEW(writer, mil_pb__immediate_value, &value->immediate_value);
  return ppn_status_ok();
}

static ppn_status_t new_tensor_immediate(writer_t* writer, MilPb__Value* value,
                                         MilPb__TensorValue** out) {
  PPN_RETURN_IF_ERROR(new_immediate(writer, value));
  value->immediate_value->value_case = MIL_PB__IMMEDIATE_VALUE__VALUE_TENSOR;
  NEW(writer, mil_pb__tensor_value, &value->immediate_value->tensor);
  *out = value->immediate_value->tensor;
  return ppn_status_ok();
}

static ppn_status_t write_string(writer_t* writer, const char* text, MilPb__Value** out) {
  NEW(writer, mil_pb__value, out);
  PPN_RETURN_IF_ERROR(write_tensor_type(writer, PPN_DTYPE_STRING, 0, NULL, &(*out)->type));
  MilPb__TensorValue* tensor;
  PPN_RETURN_IF_ERROR(new_tensor_immediate(writer, *out, &tensor));
  const char* const texts[1] = {text};
  return write_texts(writer, texts, 1, tensor);
}

// A list constant: one rank-0 value per element.
static ppn_status_t write_list(writer_t* writer, const ppn_mil_constant_t* constant,
                               MilPb__Value* value) {
  PPN_RETURN_IF_ERROR(new_immediate(writer, value));
  value->immediate_value->value_case = MIL_PB__IMMEDIATE_VALUE__VALUE_LIST;
  NEW(writer, mil_pb__list_value, &value->immediate_value->list);
  MilPb__ListValue* list = value->immediate_value->list;
  int64_t count = ppn_mil_constant_numel(constant);
  list->n_values = (size_t)count;
  PPN_ARENA_NEW(writer->arena, count, &list->values);
  const ppn_mil_proto_dtype_t* row = ppn_mil_proto_dtype(constant->dtype);
  const void* data = NULL;
  size_t element_size = ppn_dtype_size(constant->dtype);
  if (constant->dtype != PPN_DTYPE_STRING) {
    if (!row || element_size == 0) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED, "a list of %s cannot be written",
                             ppn_dtype_name(constant->dtype));
    }
    PPN_RETURN_IF_ERROR(ppn_mil_constant_materialise(constant, writer->arena, &data));
  }
  for (int64_t i = 0; i < count; ++i) {
    if (constant->dtype == PPN_DTYPE_STRING) {
      PPN_RETURN_IF_ERROR(write_string(writer, constant->texts[i], &list->values[i]));
      continue;
    }
    NEW(writer, mil_pb__value, &list->values[i]);
    PPN_RETURN_IF_ERROR(
        write_tensor_type(writer, constant->dtype, 0, NULL, &list->values[i]->type));
    MilPb__TensorValue* tensor;
    PPN_RETURN_IF_ERROR(new_tensor_immediate(writer, list->values[i], &tensor));
    PPN_RETURN_IF_ERROR(write_elements(writer, row, (const uint8_t*)data + (size_t)i * element_size,
                                       element_size, 1, tensor));
  }
  return ppn_status_ok();
}

static ppn_status_t write_constant(writer_t* writer, const ppn_mil_value_t* source,
                                   MilPb__Value** out) {
  const ppn_mil_constant_t* constant = source->constant;
  NEW(writer, mil_pb__value, out);
  PPN_RETURN_IF_ERROR(write_type(writer, &source->type, &(*out)->type));
  if (source->type.kind == PPN_MIL_LIST) return write_list(writer, constant, *out);
  if (writer->blob_path && ppn_mil_constant_in_blob(constant, writer->opset)) {
    if (constant->blob_offset == UINT64_MAX) {
      return ppn_status_make(PPN_STATUS_FAILED_PRECONDITION,
                             "constant '%s' has no place in the weight file", source->name);
    }
    (*out)->value_case = MIL_PB__VALUE__VALUE_BLOB_FILE_VALUE;
    NEW(writer, mil_pb__blob_file_value, &(*out)->blob_file_value);
    (*out)->blob_file_value->file_name = borrow(writer->blob_path);
    (*out)->blob_file_value->offset = constant->blob_offset;
    return ppn_status_ok();
  }
  MilPb__TensorValue* tensor;
  PPN_RETURN_IF_ERROR(new_tensor_immediate(writer, *out, &tensor));
  if (constant->dtype == PPN_DTYPE_STRING) {
    if (constant->texts) {
      return write_texts(writer, constant->texts, (size_t)ppn_mil_constant_numel(constant), tensor);
    }
    return write_texts(writer, &constant->text, 1, tensor);
  }
  const void* data;
  PPN_RETURN_IF_ERROR(ppn_mil_constant_materialise(constant, writer->arena, &data));
  const ppn_mil_proto_dtype_t* row = ppn_mil_proto_dtype(constant->dtype);
  return write_elements(writer, row, data, ppn_mil_constant_size(constant),
                        (size_t)ppn_mil_constant_numel(constant), tensor);
}

// ---- Operations ----

// Operations of a block being written: a known number of them.
typedef struct operation_list {
  MilPb__Operation** items;
  size_t count;
} operation_list_t;

static bool is_constexpr(const ppn_mil_operation_t* operation) {
  return strncmp(operation->op->type, "constexpr_", strlen("constexpr_")) == 0;
}

// Parameters that are written as values in the operation itself instead of as const ops.
static bool is_inline(const ppn_mil_operation_t* operation, const ppn_mil_value_t* value) {
  return value->constant && (is_constexpr(operation) || value->type.kind == PPN_MIL_LIST);
}

static ppn_status_t add_attribute(writer_t* writer, MilPb__Operation* operation, const char* key,
                                  MilPb__Value* value) {
  MilPb__ValueEntry* entry;
  NEW(writer, mil_pb__value_entry, &entry);
  entry->key = borrow(key);
  entry->value = value;
  operation->attributes[operation->n_attributes++] = entry;
  return ppn_status_ok();
}

static ppn_status_t new_operation(writer_t* writer, const char* type, const char* name,
                                  size_t attribute_capacity, size_t output_count,
                                  operation_list_t* list, MilPb__Operation** out) {
  NEW(writer, mil_pb__operation, out);
  MilPb__Operation* operation = *out;
  operation->type = borrow(type);
  PPN_ARENA_NEW(writer->arena, attribute_capacity + 1, &operation->attributes);
  PPN_ARENA_NEW(writer->arena, output_count, &operation->outputs);
  operation->n_outputs = output_count;
  list->items[list->count++] = operation;
  MilPb__Value* name_value;
  PPN_RETURN_IF_ERROR(write_string(writer, name, &name_value));
  return add_attribute(writer, operation, "name", name_value);
}

static ppn_status_t write_const_op(writer_t* writer, const ppn_mil_value_t* value,
                                   operation_list_t* list) {
  MilPb__Operation* operation;
  PPN_RETURN_IF_ERROR(new_operation(writer, "const", value->name, 1, 1, list, &operation));
  PPN_RETURN_IF_ERROR(write_named_type(writer, value, &operation->outputs[0]));
  MilPb__Value* content;
  PPN_RETURN_IF_ERROR_ANNOTATED(write_constant(writer, value, &content), "constant '%s'",
                                value->name);
  return add_attribute(writer, operation, "val", content);
}

// Writes the const ops of what `operation` and its nested blocks use and what has none yet. They
// come before the outermost operation, where all later ones see them too.
static ppn_status_t write_constants_of(writer_t* writer, const ppn_mil_operation_t* operation,
                                       operation_list_t* list) {
  for (uint32_t p = 0; p < operation->op->parameter_count; ++p) {
    const ppn_mil_argument_t* argument = &operation->inputs[p];
    for (uint32_t i = 0; i < argument->count; ++i) {
      const ppn_mil_value_t* value = argument->values[i];
      if (!value->constant || writer->written[value->id] || is_inline(operation, value)) continue;
      writer->written[value->id] = 1;
      PPN_RETURN_IF_ERROR(write_const_op(writer, value, list));
    }
  }
  for (uint32_t b = 0; b < operation->block_count; ++b) {
    const ppn_mil_block_t* block = operation->blocks[b];
    for (const ppn_mil_operation_t* inner = block->first; inner; inner = inner->next) {
      PPN_RETURN_IF_ERROR(write_constants_of(writer, inner, list));
    }
    for (uint32_t i = 0; i < block->output_count; ++i) {
      const ppn_mil_value_t* value = block->outputs[i];
      if (!value->constant || writer->written[value->id]) continue;
      writer->written[value->id] = 1;
      PPN_RETURN_IF_ERROR(write_const_op(writer, value, list));
    }
  }
  return ppn_status_ok();
}

static ppn_status_t write_argument(writer_t* writer, const ppn_mil_operation_t* source,
                                   const char* name, const ppn_mil_argument_t* argument,
                                   MilPb__ArgumentEntry** out) {
  NEW(writer, mil_pb__argument_entry, out);
  (*out)->key = borrow(name);
  NEW(writer, mil_pb__argument, &(*out)->value);
  MilPb__Argument* target = (*out)->value;
  target->n_arguments = argument->count;
  PPN_ARENA_NEW(writer->arena, argument->count, &target->arguments);
  for (uint32_t i = 0; i < argument->count; ++i) {
    const ppn_mil_value_t* value = argument->values[i];
    NEW(writer, mil_pb__binding, &target->arguments[i]);
    MilPb__Binding* binding = target->arguments[i];
    if (is_inline(source, value)) {
      binding->binding_case = MIL_PB__BINDING__BINDING_VALUE;
      PPN_RETURN_IF_ERROR(write_constant(writer, value, &binding->value));
    } else {
      binding->binding_case = MIL_PB__BINDING__BINDING_NAME;
      binding->name = borrow(value->name);
    }
  }
  return ppn_status_ok();
}

static ppn_status_t write_block(writer_t* writer, ppn_mil_block_t* block, MilPb__Block** out);

static ppn_status_t write_inputs(writer_t* writer, const ppn_mil_operation_t* source,
                                 MilPb__Operation* target) {
  const ppn_mil_op_t* op = source->op;
  PPN_ARENA_NEW(writer->arena, op->parameter_count, &target->inputs);
  for (uint32_t p = 0; p < op->parameter_count; ++p) {
    const ppn_mil_argument_t* argument = &source->inputs[p];
    const char* name = op->parameters[p].name;
    if (argument->count == 0) continue;
    if (op->parameters_are_attributes) {
      MilPb__Value* value;
      if (argument->count != 1 || !argument->values[0]->constant) {
        return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                               "parameter '%s' must be a constant to be written", name);
      }
      PPN_RETURN_IF_ERROR(write_constant(writer, argument->values[0], &value));
      PPN_RETURN_IF_ERROR(add_attribute(writer, target, name, value));
    } else {
      PPN_RETURN_IF_ERROR(
          write_argument(writer, source, name, argument, &target->inputs[target->n_inputs++]));
    }
  }
  return ppn_status_ok();
}

// An update of a state is two serialised operations: the write, and a read when the new content is
// used.
static ppn_status_t write_state_update(writer_t* writer, const ppn_mil_operation_t* source,
                                       operation_list_t* list) {
  const ppn_mil_value_t* result = source->outputs[0];
  const ppn_mil_argument_t* state = ppn_mil_operation_argument(source, "state");
  const ppn_mil_argument_t* value = ppn_mil_operation_argument(source, "value");
  const char* name = ppn_arena_printf(writer->arena, "%s_write_state", source->name);
  if (!name) return ppn_out_of_memory();
  MilPb__Operation* operation;
  PPN_RETURN_IF_ERROR(new_operation(writer, "write_state", name, 0, 0, list, &operation));
  PPN_ARENA_NEW(writer->arena, 2, &operation->inputs);
  operation->n_inputs = 2;
  PPN_RETURN_IF_ERROR(write_argument(writer, source, "input", state, &operation->inputs[0]));
  PPN_RETURN_IF_ERROR(write_argument(writer, source, "data", value, &operation->inputs[1]));
  if (!writer->used[result->id]) return ppn_status_ok();
  PPN_RETURN_IF_ERROR(new_operation(writer, "read_state", source->name, 0, 1, list, &operation));
  PPN_ARENA_NEW(writer->arena, 1, &operation->inputs);
  operation->n_inputs = 1;
  PPN_RETURN_IF_ERROR(write_argument(writer, source, "input", state, &operation->inputs[0]));
  return write_named_type(writer, result, &operation->outputs[0]);
}

static ppn_status_t write_operation(writer_t* writer, const ppn_mil_operation_t* source,
                                    operation_list_t* list) {
  PPN_RETURN_IF_ERROR(write_constants_of(writer, source, list));
  if (strcmp(source->op->type, "coreml_update_state") == 0) {
    return write_state_update(writer, source, list);
  }
  MilPb__Operation* operation;
  size_t attribute_count = source->op->parameters_are_attributes ? source->op->parameter_count : 0;
  PPN_RETURN_IF_ERROR(new_operation(writer, source->op->type, source->name, attribute_count,
                                    source->output_count, list, &operation));
  PPN_RETURN_IF_ERROR(write_inputs(writer, source, operation));
  for (uint32_t i = 0; i < source->output_count; ++i) {
    PPN_RETURN_IF_ERROR(write_named_type(writer, source->outputs[i], &operation->outputs[i]));
  }
  PPN_ARENA_NEW(writer->arena, source->block_count, &operation->blocks);
  operation->n_blocks = source->block_count;
  for (uint32_t i = 0; i < source->block_count; ++i) {
    PPN_RETURN_IF_ERROR(write_block(writer, source->blocks[i], &operation->blocks[i]));
  }
  return ppn_status_ok();
}

// ---- Blocks, functions, the program ----

// Operations of the block with all the const ops that may be written before and behind them.
static size_t count_operations(const ppn_mil_block_t* block) {
  size_t count = block->output_count;
  for (const ppn_mil_operation_t* operation = block->first; operation;
       operation = operation->next) {
    count += 2;
    for (uint32_t p = 0; p < operation->op->parameter_count; ++p)
      count += operation->inputs[p].count;
    for (uint32_t b = 0; b < operation->block_count; ++b) {
      count += count_operations(operation->blocks[b]);
    }
  }
  return count;
}

static ppn_status_t write_block(writer_t* writer, ppn_mil_block_t* block, MilPb__Block** out) {
  NEW(writer, mil_pb__block, out);
  MilPb__Block* target = *out;
  target->n_inputs = block->input_count;
  PPN_ARENA_NEW(writer->arena, block->input_count, &target->inputs);
  for (uint32_t i = 0; i < block->input_count; ++i) {
    PPN_RETURN_IF_ERROR(write_named_type(writer, block->inputs[i], &target->inputs[i]));
  }
  operation_list_t list = {0};
  PPN_ARENA_NEW(writer->arena, count_operations(block), &list.items);
  for (const ppn_mil_operation_t* operation = block->first; operation;
       operation = operation->next) {
    PPN_RETURN_IF_ERROR_ANNOTATED(write_operation(writer, operation, &list), "operation '%s' (%s)",
                                  operation->name, operation->op->type);
  }
  target->n_outputs = block->output_count;
  PPN_ARENA_NEW(writer->arena, block->output_count, &target->outputs);
  for (uint32_t i = 0; i < block->output_count; ++i) {
    const ppn_mil_value_t* value = block->outputs[i];
    if (value->constant && !writer->written[value->id]) {
      writer->written[value->id] = 1;
      PPN_RETURN_IF_ERROR(write_const_op(writer, value, &list));
    }
    target->outputs[i] = borrow(value->name);
  }
  target->operations = list.items;
  target->n_operations = list.count;
  return ppn_status_ok();
}

static void mark_used(void* context, ppn_mil_value_t** slot) {
  ((uint8_t*)context)[(*slot)->id] = 1;
}

static void mark_used_in(uint8_t* used, ppn_mil_block_t* block) {
  for (ppn_mil_operation_t* operation = block->first; operation; operation = operation->next) {
    ppn_mil_operation_visit_values(operation, mark_used, used);
    for (uint32_t i = 0; i < operation->block_count; ++i) mark_used_in(used, operation->blocks[i]);
  }
  for (uint32_t i = 0; i < block->output_count; ++i) mark_used(used, &block->outputs[i]);
}

static ppn_status_t write_function(writer_t* writer, ppn_mil_function_t* function,
                                   MilPb__FunctionEntry** out) {
  uint32_t value_count = ppn_mil_function_number(function);
  PPN_ARENA_NEW(writer->arena, value_count + 1, &writer->written);
  PPN_ARENA_NEW(writer->arena, value_count + 1, &writer->used);
  mark_used_in(writer->used, function->block);
  writer->opset = function->opset;

  NEW(writer, mil_pb__function_entry, out);
  (*out)->key = borrow(function->name);
  NEW(writer, mil_pb__function, &(*out)->value);
  MilPb__Function* target = (*out)->value;
  target->opset = borrow(ppn_mil_opset_name(function->opset));
  target->n_inputs = function->input_count;
  PPN_ARENA_NEW(writer->arena, function->input_count, &target->inputs);
  for (uint32_t i = 0; i < function->input_count; ++i) {
    PPN_RETURN_IF_ERROR(write_named_type(writer, function->inputs[i], &target->inputs[i]));
  }
  PPN_ARENA_NEW(writer->arena, 1, &target->block_specializations);
  target->n_block_specializations = 1;
  NEW(writer, mil_pb__block_entry, &target->block_specializations[0]);
  target->block_specializations[0]->key = target->opset;
  return write_block(writer, function->block, &target->block_specializations[0]->value);
}

static ppn_status_t write_program(writer_t* writer, const ppn_mil_program_t* program,
                                  ppn_buffer_t* out) {
  MilPb__Program message = MIL_PB__PROGRAM__INIT;
  message.version = 1;
  message.n_functions = program->function_count;
  PPN_ARENA_NEW(writer->arena, program->function_count, &message.functions);
  for (uint32_t i = 0; i < program->function_count; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(
        write_function(writer, program->functions[i], &message.functions[i]), "function '%s'",
        program->functions[i]->name);
  }
  return ppn_proto_pack(&message.base, out);
}

ppn_status_t ppn_mil_program_write_proto(const ppn_mil_program_t* program, const char* blob_path,
                                         ppn_buffer_t* out) {
  ppn_arena_t arena = {0};
  writer_t writer = {.arena = &arena, .blob_path = blob_path};
  ppn_status_t status = write_program(&writer, program, out);
  ppn_arena_release(&arena);
  return status;
}
