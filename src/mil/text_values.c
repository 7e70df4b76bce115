// Types and values as text: the writer's half that knows literals.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/half.h"
#include "mil/proto_types.h"
#include "mil/text_writer.h"
#include "tensor/element.h"
#include "tensor/tensor.h"

#define MAX_DEPTH 64  // of types and values

static const struct {
  MilPb__DataType type;
  const char* name;
} dtype_names[] = {
    {MIL_PB__DATA_TYPE__BOOL, "bool"},
    {MIL_PB__DATA_TYPE__STRING, "string"},
    {MIL_PB__DATA_TYPE__FLOAT16, "fp16"},
    {MIL_PB__DATA_TYPE__FLOAT32, "fp32"},
    {MIL_PB__DATA_TYPE__FLOAT64, "fp64"},
    {MIL_PB__DATA_TYPE__BFLOAT16, "bf16"},
    {MIL_PB__DATA_TYPE__INT8, "int8"},
    {MIL_PB__DATA_TYPE__INT16, "int16"},
    {MIL_PB__DATA_TYPE__INT32, "int32"},
    {MIL_PB__DATA_TYPE__INT64, "int64"},
    {MIL_PB__DATA_TYPE__INT4, "int4"},
    {MIL_PB__DATA_TYPE__UINT8, "uint8"},
    {MIL_PB__DATA_TYPE__UINT16, "uint16"},
    {MIL_PB__DATA_TYPE__UINT32, "uint32"},
    {MIL_PB__DATA_TYPE__UINT64, "uint64"},
    {MIL_PB__DATA_TYPE__UINT4, "uint4"},
    {MIL_PB__DATA_TYPE__UINT2, "uint2"},
    {MIL_PB__DATA_TYPE__UINT1, "uint1"},
    {MIL_PB__DATA_TYPE__UINT6, "uint6"},
    {MIL_PB__DATA_TYPE__UINT3, "uint3"},
    {MIL_PB__DATA_TYPE__FLOAT8E4M3FN, "fp8e4m3fn"},
    {MIL_PB__DATA_TYPE__FLOAT8E5M2, "fp8e5m2"},
};

const char* ppn_mil_text_dtype_name(MilPb__DataType type) {
  for (size_t i = 0; i < PPN_COUNT_OF(dtype_names); ++i) {
    if (dtype_names[i].type == type) return dtype_names[i].name;
  }
  return NULL;
}

MilPb__DataType ppn_mil_text_dtype_from_name(ppn_string_view_t name) {
  for (size_t i = 0; i < PPN_COUNT_OF(dtype_names); ++i) {
    if (ppn_sv_equals(name, dtype_names[i].name)) return dtype_names[i].type;
  }
  return MIL_PB__DATA_TYPE__UNUSED_TYPE;
}

static void append(ppn_mil_text_writer_t* writer, const char* text) {
  ppn_buffer_append_text(writer->out, text);
}

static ppn_status_t invalid(const char* problem) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s", problem);
}

// ---- Types ----

void ppn_mil_text_write_scalar_type(ppn_mil_text_writer_t* writer, const char* dtype) {
  ppn_buffer_printf(writer->out, writer->scalars_are_tensors ? "tensor<%s, []>" : "%s", dtype);
}

static void write_dimension(ppn_mil_text_writer_t* writer, const MilPb__Dimension* dimension) {
  if (dimension && dimension->dimension_case == MIL_PB__DIMENSION__DIMENSION_CONSTANT) {
    ppn_buffer_printf(writer->out, "%" PRIu64, dimension->constant->size);
  } else {
    append(writer, "?");
  }
}

static ppn_status_t write_tensor_type(ppn_mil_text_writer_t* writer,
                                      const MilPb__TensorType* type) {
  const char* name = ppn_mil_text_dtype_name(type->data_type);
  if (!name) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "unknown data type number %d",
                           (int)type->data_type);
  }
  if (type->rank < 0 || (uint64_t)type->rank != type->n_dimensions) {
    return invalid("a tensor type's rank differs from the number of its dimensions");
  }
  if (type->n_dimensions == 0) {
    ppn_mil_text_write_scalar_type(writer, name);
    return ppn_status_ok();
  }
  ppn_buffer_printf(writer->out, "tensor<%s, [", name);
  for (size_t i = 0; i < type->n_dimensions; ++i) {
    if (i > 0) append(writer, ", ");
    write_dimension(writer, type->dimensions[i]);
  }
  append(writer, "]>");
  return ppn_status_ok();
}

static ppn_status_t write_type(ppn_mil_text_writer_t* writer, const MilPb__ValueType* type,
                               int depth) {
  if (!type) return invalid("a type is missing");
  if (depth > MAX_DEPTH) return invalid("a type is nested too deeply");
  switch (type->type_case) {
    case MIL_PB__VALUE_TYPE__TYPE_TENSOR_TYPE:
      return write_tensor_type(writer, type->tensor_type);
    case MIL_PB__VALUE_TYPE__TYPE_LIST_TYPE:
      append(writer, "list<");
      PPN_RETURN_IF_ERROR(write_type(writer, type->list_type->type, depth + 1));
      append(writer, ", ");
      write_dimension(writer, type->list_type->length);
      break;
    case MIL_PB__VALUE_TYPE__TYPE_TUPLE_TYPE:
      append(writer, "tuple<");
      for (size_t i = 0; i < type->tuple_type->n_types; ++i) {
        if (i > 0) append(writer, ", ");
        PPN_RETURN_IF_ERROR(write_type(writer, type->tuple_type->types[i], depth + 1));
      }
      break;
    case MIL_PB__VALUE_TYPE__TYPE_DICTIONARY_TYPE:
      append(writer, "dict<");
      PPN_RETURN_IF_ERROR(write_type(writer, type->dictionary_type->key_type, depth + 1));
      append(writer, ", ");
      PPN_RETURN_IF_ERROR(write_type(writer, type->dictionary_type->value_type, depth + 1));
      break;
    case MIL_PB__VALUE_TYPE__TYPE_STATE_TYPE:
      append(writer, "state<");
      PPN_RETURN_IF_ERROR(write_type(writer, type->state_type->wrapped_type, depth + 1));
      break;
    default:
      return invalid("a type has no known member set");
  }
  append(writer, ">");
  return ppn_status_ok();
}

ppn_status_t ppn_mil_text_write_type(ppn_mil_text_writer_t* writer, const MilPb__ValueType* type) {
  return write_type(writer, type, 0);
}

// ---- Literals ----

void ppn_mil_text_write_string(ppn_buffer_t* out, const char* text) {
  ppn_buffer_append_text(out, "\"");
  for (const char* c = text ? text : ""; *c; ++c) {
    switch (*c) {
      case '"':
      case '\\':
        ppn_buffer_printf(out, "\\%c", *c);
        break;
      case '\n':
        ppn_buffer_append_text(out, "\\n");
        break;
      case '\t':
        ppn_buffer_append_text(out, "\\t");
        break;
      case '\r':
        ppn_buffer_append_text(out, "\\r");
        break;
      default:
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
          ppn_buffer_printf(out, "\\%03o", (unsigned)(unsigned char)*c);
        } else {
          ppn_buffer_append(out, c, 1);
        }
    }
  }
  ppn_buffer_append_text(out, "\"");
}

// Hexadecimal with the leading digit 1 and no trailing zeros: exact, whatever the locale.
static void write_float(ppn_mil_text_writer_t* writer, double value) {
  char text[40];
  if (isnan(value)) {
    append(writer, "nan");
    return;
  }
  const char* sign = signbit(value) ? "-" : "";
  if (isinf(value)) {
    ppn_buffer_printf(writer->out, "%sinf", sign);
    return;
  }
  if (value == 0) {
    ppn_buffer_printf(writer->out, "%s0x0p+0", sign);
    return;
  }
  int exponent;
  double fraction = frexp(fabs(value), &exponent) * 2 - 1;  // of 1.fraction × 2^(exponent - 1)
  int length = snprintf(text, sizeof(text), "%013" PRIx64, (uint64_t)ldexp(fraction, 52));
  while (length > 0 && text[length - 1] == '0') --length;
  ppn_buffer_printf(writer->out, "%s0x1%s%.*sp%+d", sign, length > 0 ? "." : "", length, text,
                    exponent - 1);
}

// The elements of an inline tensor.
typedef struct elements {
  const MilPb__TensorValue* value;
  ppn_dtype_t dtype;
  size_t count;
} elements_t;

static ppn_status_t open_elements(const MilPb__TensorType* type, const MilPb__TensorValue* value,
                                  elements_t* out) {
  const ppn_mil_proto_dtype_t* row = ppn_mil_proto_dtype_of_code(type->data_type);
  if (!row) return invalid("an inline value has an unknown data type");
  *out = (elements_t){.value = value, .dtype = row->dtype};
  bool is_text = false;
  switch (value->value_case) {
    case MIL_PB__TENSOR_VALUE__VALUE_FLOATS:
      out->count = value->floats->n_values;
      break;
    case MIL_PB__TENSOR_VALUE__VALUE_INTS:
      out->count = value->ints->n_values;
      break;
    case MIL_PB__TENSOR_VALUE__VALUE_BOOLS:
      out->count = value->bools->n_values;
      break;
    case MIL_PB__TENSOR_VALUE__VALUE_STRINGS:
      out->count = value->strings->n_values;
      is_text = true;
      break;
    case MIL_PB__TENSOR_VALUE__VALUE_LONG_INTS:
      out->count = value->long_ints->n_values;
      break;
    case MIL_PB__TENSOR_VALUE__VALUE_DOUBLES:
      out->count = value->doubles->n_values;
      break;
    case MIL_PB__TENSOR_VALUE__VALUE_BYTES:
      if (ppn_dtype_bits(row->dtype) == 0) return invalid("an inline value of this type has bytes");
      out->count = value->bytes->values.len * 8 / ppn_dtype_bits(row->dtype);
      break;
    default:
      return invalid("an inline value holds nothing");
  }
  if (is_text != (row->dtype == PPN_DTYPE_STRING)) {
    return invalid("an inline value mixes strings and numbers");
  }
  return ppn_status_ok();
}

static double double_of(const elements_t* elements, size_t index) {
  const MilPb__TensorValue* value = elements->value;
  double result = 0;
  switch (value->value_case) {
    case MIL_PB__TENSOR_VALUE__VALUE_FLOATS:
      return (double)value->floats->values[index];
    case MIL_PB__TENSOR_VALUE__VALUE_DOUBLES:
      return value->doubles->values[index];
    case MIL_PB__TENSOR_VALUE__VALUE_INTS:
      return (double)value->ints->values[index];
    case MIL_PB__TENSOR_VALUE__VALUE_LONG_INTS:
      return (double)value->long_ints->values[index];
    case MIL_PB__TENSOR_VALUE__VALUE_BOOLS:
      return value->bools->values[index] ? 1 : 0;
    default:
      ppn_elements_load_double(elements->dtype, value->bytes->values.data, (int64_t)index, 1, 1,
                               &result);
      return result;
  }
}

static int64_t integer_of(const elements_t* elements, size_t index) {
  const MilPb__TensorValue* value = elements->value;
  int64_t result = 0;
  switch (value->value_case) {
    case MIL_PB__TENSOR_VALUE__VALUE_INTS:
      return value->ints->values[index];
    case MIL_PB__TENSOR_VALUE__VALUE_LONG_INTS:
      return value->long_ints->values[index];
    case MIL_PB__TENSOR_VALUE__VALUE_BOOLS:
      return value->bools->values[index] ? 1 : 0;
    case MIL_PB__TENSOR_VALUE__VALUE_BYTES:
      ppn_elements_load_int64(elements->dtype, value->bytes->values.data, (int64_t)index, 1, 1,
                              &result);
      return result;
    default:
      return ppn_double_to_int64(double_of(elements, index));
  }
}

static void write_element(ppn_mil_text_writer_t* writer, const elements_t* elements, size_t index) {
  if (elements->dtype == PPN_DTYPE_STRING) {
    ppn_mil_text_write_string(writer->out, elements->value->strings->values[index]);
  } else if (elements->dtype == PPN_DTYPE_BOOL) {
    append(writer, integer_of(elements, index) ? "true" : "false");
  } else if (ppn_dtype_is_float(elements->dtype)) {
    write_float(writer, double_of(elements, index));
  } else if (elements->dtype == PPN_DTYPE_UINT64) {
    ppn_buffer_printf(writer->out, "%" PRIu64, (uint64_t)integer_of(elements, index));
  } else {
    ppn_buffer_printf(writer->out, "%" PRId64, integer_of(elements, index));
  }
}

// One bracket level per axis.
static void write_axis(ppn_mil_text_writer_t* writer, const elements_t* elements,
                       const int64_t* sizes, int rank, int axis, size_t* index) {
  if (axis == rank) {
    write_element(writer, elements, (*index)++);
    return;
  }
  append(writer, "[");
  for (int64_t i = 0; i < sizes[axis] && !writer->out->failed; ++i) {
    if (i > 0) append(writer, ", ");
    write_axis(writer, elements, sizes, rank, axis + 1, index);
  }
  append(writer, "]");
}

static ppn_status_t write_tensor(ppn_mil_text_writer_t* writer, const MilPb__TensorType* type,
                                 const MilPb__TensorValue* value) {
  elements_t elements;
  int64_t sizes[PPN_MAX_RANK], numel;
  PPN_RETURN_IF_ERROR(open_elements(type, value, &elements));
  if (type->n_dimensions > PPN_MAX_RANK) return invalid("an inline value's rank is too large");
  int rank = (int)type->n_dimensions;
  for (int i = 0; i < rank; ++i) {
    const MilPb__Dimension* dimension = type->dimensions[i];
    bool is_known = dimension->dimension_case == MIL_PB__DIMENSION__DIMENSION_CONSTANT;
    if (!is_known && rank != 1) return invalid("an inline value's shape has unknown sizes");
    uint64_t size = is_known ? dimension->constant->size : elements.count;
    if (size > INT64_MAX) return invalid("an inline value's shape is too large");
    sizes[i] = (int64_t)size;
  }
  // A packed row of sub-byte elements may end with bits that are none.
  bool is_packed =
      value->value_case == MIL_PB__TENSOR_VALUE__VALUE_BYTES && ppn_dtype_bits(elements.dtype) < 8;
  if (!ppn_sizes_numel(rank, sizes, &numel) || (uint64_t)numel > elements.count ||
      (!is_packed && (uint64_t)numel != elements.count)) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "an inline value has %zu elements, which its type does not",
                           elements.count);
  }
  size_t index = 0;
  write_axis(writer, &elements, sizes, rank, 0, &index);
  return ppn_status_ok();
}

// ---- Values ----

static ppn_status_t write_literal(ppn_mil_text_writer_t* writer, const MilPb__ValueType* type,
                                  const MilPb__Value* value, int depth);

static ppn_status_t write_literals(ppn_mil_text_writer_t* writer, const char* brackets,
                                   MilPb__Value* const* values, size_t count, int depth) {
  ppn_buffer_append(writer->out, brackets, 1);
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) append(writer, ", ");
    PPN_RETURN_IF_ERROR(write_literal(writer, values[i]->type, values[i], depth + 1));
  }
  ppn_buffer_append(writer->out, brackets + 1, 1);
  return ppn_status_ok();
}

static ppn_status_t write_dictionary(ppn_mil_text_writer_t* writer,
                                     const MilPb__DictionaryValue* value, int depth) {
  append(writer, "{");
  for (size_t i = 0; i < value->n_values; ++i) {
    const MilPb__KeyValuePair* pair = value->values[i];
    if (!pair->key || !pair->value) return invalid("a dictionary has an incomplete pair");
    append(writer, i > 0 ? ", {" : "{");
    PPN_RETURN_IF_ERROR(write_literal(writer, pair->key->type, pair->key, depth + 1));
    append(writer, ", ");
    PPN_RETURN_IF_ERROR(write_literal(writer, pair->value->type, pair->value, depth + 1));
    append(writer, "}");
  }
  append(writer, "}");
  return ppn_status_ok();
}

static void write_blob_reference(ppn_mil_text_writer_t* writer, const MilPb__BlobFileValue* value) {
  append(writer, "BLOBFILE(path = ");
  ppn_mil_text_write_scalar_type(writer, "string");
  append(writer, "(");
  ppn_mil_text_write_string(writer->out, value->file_name);
  append(writer, "), offset = ");
  ppn_mil_text_write_scalar_type(writer, "uint64");
  ppn_buffer_printf(writer->out, "(%" PRIu64 "))", value->offset);
}

static ppn_status_t write_literal(ppn_mil_text_writer_t* writer, const MilPb__ValueType* type,
                                  const MilPb__Value* value, int depth) {
  if (depth > MAX_DEPTH) return invalid("a value is nested too deeply");
  if (value->value_case == MIL_PB__VALUE__VALUE_BLOB_FILE_VALUE) {
    write_blob_reference(writer, value->blob_file_value);
    return ppn_status_ok();
  }
  if (value->value_case != MIL_PB__VALUE__VALUE_IMMEDIATE_VALUE) {
    return invalid("a value is neither inline nor in a weight file");
  }
  const MilPb__ImmediateValue* immediate = value->immediate_value;
  switch (immediate->value_case) {
    case MIL_PB__IMMEDIATE_VALUE__VALUE_TENSOR:
      if (!type || type->type_case != MIL_PB__VALUE_TYPE__TYPE_TENSOR_TYPE) {
        return invalid("an inline tensor has another type");
      }
      return write_tensor(writer, type->tensor_type, immediate->tensor);
    case MIL_PB__IMMEDIATE_VALUE__VALUE_TUPLE:
      return write_literals(writer, "()", immediate->tuple->values, immediate->tuple->n_values,
                            depth);
    case MIL_PB__IMMEDIATE_VALUE__VALUE_LIST:
      return write_literals(writer, "[]", immediate->list->values, immediate->list->n_values,
                            depth);
    case MIL_PB__IMMEDIATE_VALUE__VALUE_DICTIONARY:
      return write_dictionary(writer, immediate->dictionary, depth);
    default:
      return invalid("an inline value holds nothing");
  }
}

ppn_status_t ppn_mil_text_write_value(ppn_mil_text_writer_t* writer, const MilPb__Value* value) {
  PPN_RETURN_IF_ERROR(ppn_mil_text_write_type(writer, value->type));
  append(writer, "(");
  PPN_RETURN_IF_ERROR(write_literal(writer, value->type, value, 0));
  append(writer, ")");
  return ppn_buffer_status(writer->out);
}
