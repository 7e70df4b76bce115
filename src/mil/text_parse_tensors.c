// Elements of tensors: one bracket level per axis, or all in one list.
#include <inttypes.h>
#include <stdio.h>

#include "mil/proto_types.h"
#include "mil/text_parser.h"
#include "tensor/element.h"
#include "tensor/tensor.h"

#define UNKNOWN (-1)

typedef struct tensor_parser {
  ppn_mil_text_parser_t* parser;
  const ppn_mil_proto_dtype_t* dtype;
  int rank;
  int64_t sizes[PPN_MAX_RANK];  // UNKNOWN: whatever the text has
  bool is_flat;
} tensor_parser_t;

// ---- Elements: texts as pointers, floats as double, the rest as int64 ----

static ppn_status_t parse_string(ppn_mil_text_parser_t* parser) {
  char* text = NULL;
  if (parser->lexer.token.kind != PPN_MIL_TOKEN_STRING) {
    return ppn_mil_text_expected(parser, "a string in quotes");
  }
  PPN_RETURN_IF_ERROR(ppn_mil_text_unescape(parser->lexer.token.text, parser->arena, &text));
  ppn_buffer_append(&parser->elements, &text, sizeof(text));
  return ppn_status_ok();
}

static ppn_status_t parse_bool(ppn_mil_text_parser_t* parser) {
  int64_t value = ppn_mil_text_at_word(parser, "true") ? 1 : 0;
  if (!value && !ppn_mil_text_at_word(parser, "false")) {
    return ppn_mil_text_expected(parser, "'true' or 'false'");
  }
  ppn_buffer_append(&parser->elements, &value, sizeof(value));
  return ppn_status_ok();
}

static ppn_status_t parse_float(ppn_mil_text_parser_t* parser) {
  double value;
  if (!ppn_mil_text_parse_float(parser->lexer.token.text, &value)) {
    return ppn_mil_text_expected(parser, "a number such as 0x1.8p+1, 1.5, inf or nan");
  }
  ppn_buffer_append(&parser->elements, &value, sizeof(value));
  return ppn_status_ok();
}

static ppn_status_t parse_integer(ppn_mil_text_parser_t* parser, ppn_dtype_t dtype) {
  unsigned bits = ppn_dtype_bits(dtype);
  bool is_signed = ppn_dtype_is_signed(dtype), fits = true;
  int64_t value;
  if (dtype == PPN_DTYPE_UINT64) {
    uint64_t number;
    fits = ppn_mil_text_parse_uint64(parser->lexer.token.text, &number);
    value = (int64_t)number;
  } else {
    int64_t most = INT64_MAX >> (64 - bits) << (is_signed ? 0 : 1) | (is_signed ? 0 : 1);
    int64_t least = is_signed ? -most - 1 : 0;
    fits = ppn_mil_text_parse_int64(parser->lexer.token.text, &value) && value >= least &&
           value <= most;
  }
  if (!fits) {
    char what[64];
    snprintf(what, sizeof(what), "an integer that %s has", ppn_dtype_name(dtype));
    return ppn_mil_text_expected(parser, what);
  }
  ppn_buffer_append(&parser->elements, &value, sizeof(value));
  return ppn_status_ok();
}

static ppn_status_t parse_element(const tensor_parser_t* tensor) {
  ppn_mil_text_parser_t* parser = tensor->parser;
  ppn_dtype_t dtype = tensor->dtype->dtype;
  if (dtype == PPN_DTYPE_STRING) {
    PPN_RETURN_IF_ERROR(parse_string(parser));
  } else if (dtype == PPN_DTYPE_BOOL) {
    PPN_RETURN_IF_ERROR(parse_bool(parser));
  } else if (ppn_dtype_is_float(dtype)) {
    PPN_RETURN_IF_ERROR(parse_float(parser));
  } else {
    PPN_RETURN_IF_ERROR(parse_integer(parser, dtype));
  }
  PPN_RETURN_IF_ERROR(ppn_buffer_status(&parser->elements));
  return ppn_mil_lexer_next(&parser->lexer);
}

// ---- Brackets ----

static ppn_status_t wrong_count(const ppn_mil_text_parser_t* parser, int64_t found,
                                int64_t expected) {
  char problem[128];
  snprintf(problem, sizeof(problem),
           "the list that ends here has %" PRId64 " entries; its type says %" PRId64, found,
           expected);
  return ppn_mil_text_fail(parser, problem);
}

static ppn_status_t parse_axis(tensor_parser_t* tensor, int axis) {
  ppn_mil_text_parser_t* parser = tensor->parser;
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "[", "before the elements of a tensor"));
  int64_t count = 0;
  bool more = !ppn_mil_text_at_sign(parser, "]");
  bool is_last = axis == tensor->rank - 1;
  // All elements in one list.
  if (axis == 0 && !is_last && more && !ppn_mil_text_at_sign(parser, "[")) {
    tensor->is_flat = is_last = true;
  }
  for (; more; ++count) {
    PPN_RETURN_IF_ERROR(is_last ? parse_element(tensor) : parse_axis(tensor, axis + 1));
    PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  int64_t size = tensor->sizes[axis];
  if (!tensor->is_flat && size != UNKNOWN && size != count) {
    return wrong_count(parser, count, size);
  }
  if (size == UNKNOWN) tensor->sizes[axis] = count;
  return ppn_mil_text_take_sign(parser, "]", "behind the elements of a tensor");
}

// ---- The message ----

static ppn_status_t make_packed(ppn_mil_text_parser_t* parser, ppn_dtype_t dtype, size_t count,
                                MilPb__TensorValue* out) {
  size_t size = 0;
  if (!ppn_dtype_byte_count(dtype, (int64_t)count, &size)) return ppn_out_of_memory();
  out->value_case = MIL_PB__TENSOR_VALUE__VALUE_BYTES;
  PPN_MIL_NEW(parser, mil_pb__repeated_bytes, &out->bytes);
  PPN_ARENA_NEW(parser->arena, size, &out->bytes->values.data);
  out->bytes->values.len = size;
  if (ppn_dtype_is_float(dtype)) {
    ppn_elements_store_double(dtype, out->bytes->values.data, 0, 1, (int64_t)count,
                              (const double*)(const void*)parser->elements.data);
  } else {
    ppn_elements_store_int64(dtype, out->bytes->values.data, 0, 1, (int64_t)count,
                             (const int64_t*)(const void*)parser->elements.data);
  }
  return ppn_status_ok();
}

// The elements that were read, in the member that the dtype has in the message.
static ppn_status_t make_value(ppn_mil_text_parser_t* parser, const ppn_mil_proto_dtype_t* dtype,
                               MilPb__TensorValue* out) {
  size_t count = parser->elements.size / 8;
  const double* floats = (const double*)(const void*)parser->elements.data;
  const int64_t* integers = (const int64_t*)(const void*)parser->elements.data;
  switch (dtype->immediate) {
    case PPN_MIL_IMMEDIATE_STRINGS:
      out->value_case = MIL_PB__TENSOR_VALUE__VALUE_STRINGS;
      PPN_MIL_NEW(parser, mil_pb__repeated_strings, &out->strings);
      out->strings->n_values = count;
      PPN_ARENA_NEW(parser->arena, count, &out->strings->values);
      if (count > 0) memcpy(out->strings->values, floats, count * sizeof(char*));
      return ppn_status_ok();
    case PPN_MIL_IMMEDIATE_FLOATS:
      out->value_case = MIL_PB__TENSOR_VALUE__VALUE_FLOATS;
      PPN_MIL_NEW(parser, mil_pb__repeated_floats, &out->floats);
      out->floats->n_values = count;
      PPN_ARENA_NEW(parser->arena, count, &out->floats->values);
      for (size_t i = 0; i < count; ++i) out->floats->values[i] = (float)floats[i];
      return ppn_status_ok();
    case PPN_MIL_IMMEDIATE_DOUBLES:
      out->value_case = MIL_PB__TENSOR_VALUE__VALUE_DOUBLES;
      PPN_MIL_NEW(parser, mil_pb__repeated_doubles, &out->doubles);
      out->doubles->n_values = count;
      PPN_ARENA_NEW(parser->arena, count, &out->doubles->values);
      if (count > 0) memcpy(out->doubles->values, floats, count * sizeof(double));
      return ppn_status_ok();
    case PPN_MIL_IMMEDIATE_INTS:
      out->value_case = MIL_PB__TENSOR_VALUE__VALUE_INTS;
      PPN_MIL_NEW(parser, mil_pb__repeated_ints, &out->ints);
      out->ints->n_values = count;
      PPN_ARENA_NEW(parser->arena, count, &out->ints->values);
      for (size_t i = 0; i < count; ++i) out->ints->values[i] = (int32_t)integers[i];
      return ppn_status_ok();
    case PPN_MIL_IMMEDIATE_LONG_INTS:
      out->value_case = MIL_PB__TENSOR_VALUE__VALUE_LONG_INTS;
      PPN_MIL_NEW(parser, mil_pb__repeated_long_ints, &out->long_ints);
      out->long_ints->n_values = count;
      PPN_ARENA_NEW(parser->arena, count, &out->long_ints->values);
      if (count > 0) memcpy(out->long_ints->values, integers, count * sizeof(int64_t));
      return ppn_status_ok();
    case PPN_MIL_IMMEDIATE_BOOLS:
      out->value_case = MIL_PB__TENSOR_VALUE__VALUE_BOOLS;
      PPN_MIL_NEW(parser, mil_pb__repeated_bools, &out->bools);
      out->bools->n_values = count;
      PPN_ARENA_NEW(parser->arena, count, &out->bools->values);
      for (size_t i = 0; i < count; ++i) out->bools->values[i] = integers[i] != 0;
      return ppn_status_ok();
    default:  // bytes, and types whose constants the official tools never write inline
      return make_packed(parser, dtype->dtype, count, out);
  }
}

ppn_status_t ppn_mil_text_parse_tensor(ppn_mil_text_parser_t* parser, const MilPb__TensorType* type,
                                       MilPb__TensorValue** out_value) {
  tensor_parser_t tensor = {.parser = parser, .rank = (int)type->n_dimensions};
  tensor.dtype = ppn_mil_proto_dtype_of_code(type->data_type);
  if (!tensor.dtype) return ppn_mil_text_fail(parser, "values of this type are not supported");
  for (int i = 0; i < tensor.rank; ++i) {
    const MilPb__Dimension* dimension = type->dimensions[i];
    bool is_known = dimension->dimension_case == MIL_PB__DIMENSION__DIMENSION_CONSTANT &&
                    dimension->constant->size <= INT64_MAX;
    tensor.sizes[i] = is_known ? (int64_t)dimension->constant->size : UNKNOWN;
  }
  PPN_MIL_NEW(parser, mil_pb__tensor_value, out_value);
  parser->elements.size = 0;
  PPN_RETURN_IF_ERROR(tensor.rank == 0 ? parse_element(&tensor) : parse_axis(&tensor, 0));
  int64_t count = (int64_t)(parser->elements.size / 8), numel;
  if (tensor.is_flat) {
    if (!ppn_sizes_numel(tensor.rank, tensor.sizes, &numel)) numel = UNKNOWN;
    if (numel != count) return wrong_count(parser, count, numel);
  }
  return make_value(parser, tensor.dtype, *out_value);
}
