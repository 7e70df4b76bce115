#include "mil/proto_values.h"

#include <inttypes.h>
#include <stdio.h>

#include "formats/weight_blob.h"
#include "tensor/tensor.h"

static ppn_status_t invalid(const char* problem) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s", problem);
}

// ---- Types ----

static ppn_status_t fresh_dimension(ppn_mil_program_t* program, ppn_dim_t* out) {
  char name[32];
  uint32_t symbol;
  snprintf(name, sizeof(name), "d%" PRIu32, ppn_symbol_table_count(program->symbols));
  PPN_RETURN_IF_ERROR(ppn_symbol_table_add(program->symbols, ppn_sv(name), &symbol));
  ppn_symbol_t* entry = ppn_symbol_table_symbol(program->symbols, symbol);
  entry->minimum = 0;
  entry->maximum = PPN_DIM_UNBOUNDED;
  entry->hint = -1;
  return ppn_dim_from_symbol(program->symbols, symbol, out);
}

static ppn_status_t read_dimension(ppn_mil_program_t* program, const MilPb__Dimension* source,
                                   ppn_dim_t* out) {
  switch (source->dimension_case) {
    case MIL_PB__DIMENSION__DIMENSION_CONSTANT:
      if (source->constant->size > INT64_MAX) {
        return ppn_status_make(PPN_STATUS_INVALID_DATA, "a dimension of %" PRIu64 " is too large",
                               source->constant->size);
      }
      *out = ppn_dim_static((int64_t)source->constant->size);
      return ppn_status_ok();
    case MIL_PB__DIMENSION__DIMENSION_UNKNOWN:
      if (source->unknown->variadic) {
        return ppn_status_make(PPN_STATUS_UNSUPPORTED, "types of variable rank are not supported");
      }
      return fresh_dimension(program, out);
    default:
      return invalid("a dimension is neither constant nor unknown");
  }
}

static ppn_status_t read_tensor_type(ppn_mil_program_t* program, const MilPb__TensorType* source,
                                     ppn_mil_type_t* out) {
  const ppn_mil_proto_dtype_t* row = ppn_mil_proto_dtype_of_code(source->data_type);
  if (!row) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "unknown data type number %d",
                           (int)source->data_type);
  }
  if (source->rank < 0 || (uint64_t)source->rank != source->n_dimensions) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "a tensor type of rank %" PRId64 " lists %zu dimensions", source->rank,
                           source->n_dimensions);
  }
  if (source->rank > PPN_MAX_RANK) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "rank %" PRId64 " is more than the %d supported",
                           source->rank, PPN_MAX_RANK);
  }
  ppn_dim_t sizes[PPN_MAX_RANK];
  for (int i = 0; i < (int)source->rank; ++i) {
    PPN_RETURN_IF_ERROR(read_dimension(program, source->dimensions[i], &sizes[i]));
  }
  return ppn_mil_type_make(program, row->dtype, (int)source->rank, sizes, out);
}

static const MilPb__TensorType* tensor_type_of(const MilPb__ValueType* type) {
  return type && type->type_case == MIL_PB__VALUE_TYPE__TYPE_TENSOR_TYPE ? type->tensor_type : NULL;
}

static ppn_status_t read_dictionary_type(const MilPb__DictionaryType* source, ppn_mil_type_t* out) {
  const MilPb__TensorType* key = tensor_type_of(source->key_type);
  const ppn_mil_proto_dtype_t* row = key ? ppn_mil_proto_dtype_of_code(key->data_type) : NULL;
  if (!row || (row->dtype != PPN_DTYPE_STRING && row->dtype != PPN_DTYPE_INT64)) {
    return invalid("a dictionary's keys must be strings or int64");
  }
  *out = (ppn_mil_type_t){
      .kind = PPN_MIL_DICTIONARY, .dtype = PPN_DTYPE_FLOAT64, .key_dtype = row->dtype};
  return ppn_status_ok();
}

ppn_status_t ppn_mil_proto_read_type(ppn_mil_program_t* program, const MilPb__ValueType* source,
                                     ppn_mil_type_t* out_type) {
  memset(out_type, 0, sizeof(*out_type));
  if (!source) return invalid("a type is missing");
  const MilPb__TensorType* tensor = NULL;
  switch (source->type_case) {
    case MIL_PB__VALUE_TYPE__TYPE_TENSOR_TYPE:
      return read_tensor_type(program, source->tensor_type, out_type);
    case MIL_PB__VALUE_TYPE__TYPE_STATE_TYPE:
      tensor = tensor_type_of(source->state_type->wrapped_type);
      if (!tensor) return invalid("a state must wrap a tensor");
      PPN_RETURN_IF_ERROR(read_tensor_type(program, tensor, out_type));
      if (!ppn_mil_type_is_static(out_type)) return invalid("a state must have a fixed shape");
      out_type->kind = PPN_MIL_STATE;
      return ppn_status_ok();
    case MIL_PB__VALUE_TYPE__TYPE_LIST_TYPE:
      tensor = tensor_type_of(source->list_type->type);
      if (!tensor || !source->list_type->length) {
        return invalid("a list needs an element tensor type and a length");
      }
      PPN_RETURN_IF_ERROR(read_tensor_type(program, tensor, out_type));
      PPN_RETURN_IF_ERROR(
          read_dimension(program, source->list_type->length, &out_type->list_length));
      out_type->kind = PPN_MIL_LIST;
      return ppn_status_ok();
    case MIL_PB__VALUE_TYPE__TYPE_DICTIONARY_TYPE:
      return read_dictionary_type(source->dictionary_type, out_type);
    case MIL_PB__VALUE_TYPE__TYPE_TUPLE_TYPE:
      return ppn_status_make(PPN_STATUS_UNSUPPORTED, "values of tuple type are not supported");
    default:
      return invalid("a type has no known member set");
  }
}

// ---- Immediate values ----

static ppn_status_t wrong_count(size_t found, int64_t expected) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "an inline value has %zu elements, its type %" PRId64, found, expected);
}

static ppn_status_t copy_text(ppn_mil_program_t* program, const char* text, const char** out) {
  *out = ppn_arena_strdup(&program->arena, ppn_sv(text ? text : ""));
  return *out ? ppn_status_ok() : ppn_out_of_memory();
}

static ppn_status_t read_strings(ppn_mil_program_t* program, const MilPb__TensorValue* source,
                                 int rank, int64_t numel, ppn_mil_constant_t* constant) {
  if (source->value_case != MIL_PB__TENSOR_VALUE__VALUE_STRINGS) {
    return invalid("an inline string value does not hold strings");
  }
  const MilPb__RepeatedStrings* strings = source->strings;
  if ((int64_t)strings->n_values != numel) return wrong_count(strings->n_values, numel);
  if (rank == 0) return copy_text(program, strings->values[0], &constant->text);
  PPN_ARENA_NEW(&program->arena, numel, &constant->texts);
  for (int64_t i = 0; i < numel; ++i) {
    PPN_RETURN_IF_ERROR(copy_text(program, strings->values[i], &constant->texts[i]));
  }
  return ppn_status_ok();
}

// Numbers of one member into `data`, `numel` elements of `dtype`. Members that the dtype does not
// normally use are accepted where the meaning is plain.
static ppn_status_t read_numbers(const MilPb__TensorValue* source, ppn_dtype_t dtype, int64_t numel,
                                 void* data) {
  size_t found;
  switch (source->value_case) {
    case MIL_PB__TENSOR_VALUE__VALUE_FLOATS:
      found = source->floats->n_values;
      if ((int64_t)found != numel) return wrong_count(found, numel);
      for (size_t i = 0; i < found; ++i) {
        ppn_element_set_double(dtype, data, (int64_t)i, source->floats->values[i]);
      }
      return ppn_status_ok();
    case MIL_PB__TENSOR_VALUE__VALUE_DOUBLES:
      found = source->doubles->n_values;
      if ((int64_t)found != numel) return wrong_count(found, numel);
      for (size_t i = 0; i < found; ++i) {
        ppn_element_set_double(dtype, data, (int64_t)i, source->doubles->values[i]);
      }
      return ppn_status_ok();
    case MIL_PB__TENSOR_VALUE__VALUE_INTS:
      found = source->ints->n_values;
      if ((int64_t)found != numel) return wrong_count(found, numel);
      for (size_t i = 0; i < found; ++i) {
        ppn_element_set_int64(dtype, data, (int64_t)i, source->ints->values[i]);
      }
      return ppn_status_ok();
    case MIL_PB__TENSOR_VALUE__VALUE_LONG_INTS:
      found = source->long_ints->n_values;
      if ((int64_t)found != numel) return wrong_count(found, numel);
      for (size_t i = 0; i < found; ++i) {
        ppn_element_set_int64(dtype, data, (int64_t)i, source->long_ints->values[i]);
      }
      return ppn_status_ok();
    case MIL_PB__TENSOR_VALUE__VALUE_BOOLS:
      found = source->bools->n_values;
      if ((int64_t)found != numel) return wrong_count(found, numel);
      for (size_t i = 0; i < found; ++i) {
        ppn_element_set_int64(dtype, data, (int64_t)i, source->bools->values[i] != 0);
      }
      return ppn_status_ok();
    default:
      return invalid("an inline value holds no numbers");
  }
}

static ppn_status_t read_tensor_value(ppn_mil_program_t* program, const MilPb__TensorValue* source,
                                      const int64_t* sizes, int rank, ppn_dtype_t dtype,
                                      ppn_mil_constant_t* constant) {
  int64_t numel;
  size_t size;
  if (!ppn_sizes_numel(rank, sizes, &numel)) return invalid("a constant's shape is too large");
  if (dtype == PPN_DTYPE_STRING) {
    constant->view = ppn_tensor_make(NULL, dtype, rank, sizes);
    return read_strings(program, source, rank, numel, constant);
  }
  if (!ppn_dtype_byte_count(dtype, numel, &size)) return invalid("a constant's shape is too large");
  uint8_t* data = NULL;
  if (source->value_case == MIL_PB__TENSOR_VALUE__VALUE_BYTES) {
    if (source->bytes->values.len != size) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA,
                             "an inline %s value has %zu bytes, its type needs %zu",
                             ppn_dtype_name(dtype), source->bytes->values.len, size);
    }
    data = ppn_arena_memdup(&program->arena, source->bytes->values.data, size);
    if (!data) return ppn_out_of_memory();
  } else {
    if (ppn_dtype_size(dtype) == 0) {
      return ppn_status_make(PPN_STATUS_INVALID_DATA, "an inline %s value must hold packed bytes",
                             ppn_dtype_name(dtype));
    }
    // No more memory than the message has elements for.
    if (numel > 0 && source->value_case == MIL_PB__TENSOR_VALUE__VALUE__NOT_SET) {
      return invalid("an inline value has no elements");
    }
    size_t found = 0;
    switch (source->value_case) {
      case MIL_PB__TENSOR_VALUE__VALUE_FLOATS:
        found = source->floats->n_values;
        break;
      case MIL_PB__TENSOR_VALUE__VALUE_INTS:
        found = source->ints->n_values;
        break;
      case MIL_PB__TENSOR_VALUE__VALUE_BOOLS:
        found = source->bools->n_values;
        break;
      case MIL_PB__TENSOR_VALUE__VALUE_LONG_INTS:
        found = source->long_ints->n_values;
        break;
      case MIL_PB__TENSOR_VALUE__VALUE_DOUBLES:
        found = source->doubles->n_values;
        break;
      default:
        break;
    }
    if ((int64_t)found != numel) return wrong_count(found, numel);
    data = ppn_arena_alloc(&program->arena, size);
    if (!data) return ppn_out_of_memory();
    if (numel > 0) PPN_RETURN_IF_ERROR(read_numbers(source, dtype, numel, data));
  }
  constant->view = ppn_tensor_make(data, dtype, rank, sizes);
  constant->view_size = size;
  return ppn_status_ok();
}

static ppn_status_t read_list_value(ppn_mil_program_t* program, const MilPb__ListValue* source,
                                    const ppn_mil_type_t* type, ppn_mil_constant_t* constant) {
  int64_t count = (int64_t)source->n_values;
  if (!ppn_dim_is(type->list_length, count) || type->rank != 0) {
    return invalid(
        "an inline list's length differs from its type, or its elements are not scalars");
  }
  size_t element_size = ppn_dtype_size(type->dtype);
  uint8_t* data = NULL;
  if (type->dtype == PPN_DTYPE_STRING) {
    PPN_ARENA_NEW(&program->arena, count, &constant->texts);
  } else if (element_size == 0) {
    return invalid("an inline list has elements of a sub-byte type");
  } else {
    PPN_ARENA_NEW(&program->arena, (size_t)count * element_size, &data);
  }
  for (int64_t i = 0; i < count; ++i) {
    const MilPb__Value* element = source->values[i];
    if (element->value_case != MIL_PB__VALUE__VALUE_IMMEDIATE_VALUE ||
        element->immediate_value->value_case != MIL_PB__IMMEDIATE_VALUE__VALUE_TENSOR) {
      return invalid("an element of an inline list is not an inline scalar");
    }
    const MilPb__TensorValue* value = element->immediate_value->tensor;
    if (type->dtype == PPN_DTYPE_STRING) {
      ppn_mil_constant_t scalar = {0};
      PPN_RETURN_IF_ERROR(read_strings(program, value, 0, 1, &scalar));
      constant->texts[i] = scalar.text;
    } else {
      PPN_RETURN_IF_ERROR(read_numbers(value, type->dtype, 1, data + (size_t)i * element_size));
    }
  }
  constant->view = ppn_tensor_make(data, type->dtype, 1, &count);
  constant->view_size = (size_t)count * element_size;
  return ppn_status_ok();
}

// ---- Blob values ----

static ppn_status_t read_blob_value(const MilPb__BlobFileValue* source, const int64_t* sizes,
                                    int rank, ppn_dtype_t dtype, const ppn_mil_blob_source_t* blobs,
                                    ppn_mil_constant_t* constant) {
  ppn_span_t file;
  ppn_weight_blob_entry_t entry;
  int64_t numel;
  PPN_RETURN_IF_ERROR(blobs->find(blobs->context, ppn_sv(source->file_name), &file));
  PPN_RETURN_IF_ERROR_ANNOTATED(ppn_weight_blob_find(file, source->offset, &entry), "%s",
                                source->file_name);
  if (!ppn_sizes_numel(rank, sizes, &numel)) return invalid("a constant's shape is too large");
  if (entry.dtype != dtype || entry.numel != numel) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "%s, record at offset %" PRIu64 " holds %" PRId64
                           " elements of %s, the program expects %" PRId64 " of %s",
                           source->file_name, source->offset, entry.numel,
                           ppn_dtype_name(entry.dtype), numel, ppn_dtype_name(dtype));
  }
  constant->view = ppn_tensor_make((void*)(uintptr_t)entry.data.data, dtype, rank, sizes);
  constant->view_size = entry.data.size;
  constant->blob_offset = source->offset;
  return ppn_status_ok();
}

ppn_status_t ppn_mil_proto_read_constant(ppn_mil_program_t* program, const MilPb__Value* source,
                                         const ppn_mil_blob_source_t* blobs,
                                         ppn_mil_type_t* out_type,
                                         const ppn_mil_constant_t** out_constant) {
  *out_constant = NULL;
  PPN_RETURN_IF_ERROR(ppn_mil_proto_read_type(program, source->type, out_type));
  if (!ppn_mil_type_is_static(out_type)) return invalid("a constant's shape has unknown sizes");
  ppn_mil_constant_t* constant;
  PPN_ARENA_NEW(&program->arena, 1, &constant);
  constant->dtype = out_type->dtype;
  constant->blob_offset = UINT64_MAX;
  int64_t sizes[PPN_MAX_RANK];
  for (int i = 0; i < out_type->rank; ++i) sizes[i] = out_type->sizes[i].value;
  if (out_type->kind == PPN_MIL_LIST) {
    if (source->value_case != MIL_PB__VALUE__VALUE_IMMEDIATE_VALUE ||
        source->immediate_value->value_case != MIL_PB__IMMEDIATE_VALUE__VALUE_LIST) {
      return invalid("a list constant holds no list");
    }
    PPN_RETURN_IF_ERROR(
        read_list_value(program, source->immediate_value->list, out_type, constant));
  } else if (out_type->kind != PPN_MIL_TENSOR) {
    return invalid("a constant is neither a tensor nor a list");
  } else if (source->value_case == MIL_PB__VALUE__VALUE_BLOB_FILE_VALUE) {
    PPN_RETURN_IF_ERROR(read_blob_value(source->blob_file_value, sizes, out_type->rank,
                                        out_type->dtype, blobs, constant));
  } else if (source->value_case == MIL_PB__VALUE__VALUE_IMMEDIATE_VALUE &&
             source->immediate_value->value_case == MIL_PB__IMMEDIATE_VALUE__VALUE_TENSOR) {
    PPN_RETURN_IF_ERROR(read_tensor_value(program, source->immediate_value->tensor, sizes,
                                          out_type->rank, out_type->dtype, constant));
  } else {
    return invalid("a tensor constant holds neither inline elements nor a blob reference");
  }
  *out_constant = constant;
  return ppn_status_ok();
}
