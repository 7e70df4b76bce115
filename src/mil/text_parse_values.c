// Types, and values that are not tensors.
#include "mil/text_parser.h"
#include "mil/text_writer.h"
#include "tensor/tensor.h"

#define KNOWN_TYPES                                                                                \
  "bool, string, fp16, fp32, fp64, bf16, int4 to int64, uint1 to uint64, tensor<…>, list<…>, " \
  "tuple<…>, dict<…>, state<…>"

// ---- Types ----

static ppn_status_t parse_dimension(ppn_mil_text_parser_t* parser, MilPb__Dimension** out) {
  PPN_MIL_NEW(parser, mil_pb__dimension, out);
  bool is_unknown;
  PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, "?", &is_unknown));
  if (is_unknown) {
    (*out)->dimension_case = MIL_PB__DIMENSION__DIMENSION_UNKNOWN;
    PPN_MIL_NEW(parser, mil_pb__unknown_dimension, &(*out)->unknown);
    return ppn_status_ok();
  }
  uint64_t size;
  if (!ppn_mil_text_parse_uint64(parser->lexer.token.text, &size)) {
    return ppn_mil_text_expected(parser, "a size or '?'");
  }
  (*out)->dimension_case = MIL_PB__DIMENSION__DIMENSION_CONSTANT;
  PPN_MIL_NEW(parser, mil_pb__constant_dimension, &(*out)->constant);
  (*out)->constant->size = size;
  return ppn_mil_lexer_next(&parser->lexer);
}

static ppn_status_t parse_dtype(ppn_mil_text_parser_t* parser, MilPb__DataType* out) {
  *out = ppn_mil_text_dtype_from_name(parser->lexer.token.text);
  if (*out == MIL_PB__DATA_TYPE__UNUSED_TYPE) {
    return ppn_mil_text_expected(parser, "a type (" KNOWN_TYPES ")");
  }
  return ppn_mil_lexer_next(&parser->lexer);
}

// Behind "tensor".
static ppn_status_t parse_tensor_type(ppn_mil_text_parser_t* parser, MilPb__TensorType* type) {
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "<", "behind 'tensor'"));
  PPN_RETURN_IF_ERROR(parse_dtype(parser, &type->data_type));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, ",", "between data type and shape"));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "[", "before a shape"));
  size_t mark = ppn_mil_text_list_begin(parser);
  bool more = !ppn_mil_text_at_sign(parser, "]");
  while (more) {
    MilPb__Dimension* dimension = NULL;
    PPN_RETURN_IF_ERROR(parse_dimension(parser, &dimension));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, dimension));
    PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  type->dimensions = ppn_mil_text_list_end(parser, mark, &type->n_dimensions);
  if (!type->dimensions) return ppn_out_of_memory();
  type->rank = (int64_t)type->n_dimensions;
  if (type->n_dimensions > PPN_MAX_RANK) {
    return ppn_mil_text_fail(parser, "this shape has more sizes than are supported (16)");
  }
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "]", "behind a shape"));
  return ppn_mil_text_take_sign(parser, ">", "behind a tensor's shape");
}

static ppn_status_t parse_list_type(ppn_mil_text_parser_t* parser, MilPb__ValueType* type) {
  type->type_case = MIL_PB__VALUE_TYPE__TYPE_LIST_TYPE;
  PPN_MIL_NEW(parser, mil_pb__list_type, &type->list_type);
  PPN_RETURN_IF_ERROR(ppn_mil_text_parse_type(parser, &type->list_type->type));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, ",", "between a list's type and length"));
  return parse_dimension(parser, &type->list_type->length);
}

static ppn_status_t parse_tuple_type(ppn_mil_text_parser_t* parser, MilPb__ValueType* type) {
  type->type_case = MIL_PB__VALUE_TYPE__TYPE_TUPLE_TYPE;
  PPN_MIL_NEW(parser, mil_pb__tuple_type, &type->tuple_type);
  size_t mark = ppn_mil_text_list_begin(parser);
  for (bool more = true; more;) {
    MilPb__ValueType* member = NULL;
    PPN_RETURN_IF_ERROR(ppn_mil_text_parse_type(parser, &member));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, member));
    PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  type->tuple_type->types = ppn_mil_text_list_end(parser, mark, &type->tuple_type->n_types);
  return type->tuple_type->types ? ppn_status_ok() : ppn_out_of_memory();
}

static ppn_status_t parse_dictionary_type(ppn_mil_text_parser_t* parser, MilPb__ValueType* type) {
  type->type_case = MIL_PB__VALUE_TYPE__TYPE_DICTIONARY_TYPE;
  PPN_MIL_NEW(parser, mil_pb__dictionary_type, &type->dictionary_type);
  PPN_RETURN_IF_ERROR(ppn_mil_text_parse_type(parser, &type->dictionary_type->key_type));
  PPN_RETURN_IF_ERROR(
      ppn_mil_text_take_sign(parser, ",", "between the types of a dictionary's keys and values"));
  return ppn_mil_text_parse_type(parser, &type->dictionary_type->value_type);
}

static ppn_status_t parse_state_type(ppn_mil_text_parser_t* parser, MilPb__ValueType* type) {
  type->type_case = MIL_PB__VALUE_TYPE__TYPE_STATE_TYPE;
  PPN_MIL_NEW(parser, mil_pb__state_type, &type->state_type);
  return ppn_mil_text_parse_type(parser, &type->state_type->wrapped_type);
}

static ppn_status_t parse_any_type(ppn_mil_text_parser_t* parser, MilPb__ValueType* type) {
  static const struct {
    const char* word;
    ppn_status_t (*parse)(ppn_mil_text_parser_t*, MilPb__ValueType*);
  } composed[] = {{"list", parse_list_type},
                  {"tuple", parse_tuple_type},
                  {"dict", parse_dictionary_type},
                  {"state", parse_state_type}};
  for (size_t i = 0; i < PPN_COUNT_OF(composed); ++i) {
    if (!ppn_mil_text_at_word(parser, composed[i].word)) continue;
    PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
    PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "<", "before a type"));
    PPN_RETURN_IF_ERROR(composed[i].parse(parser, type));
    return ppn_mil_text_take_sign(parser, ">", "behind a type");
  }
  type->type_case = MIL_PB__VALUE_TYPE__TYPE_TENSOR_TYPE;
  PPN_MIL_NEW(parser, mil_pb__tensor_type, &type->tensor_type);
  if (!ppn_mil_text_at_word(parser, "tensor")) {
    return parse_dtype(parser, &type->tensor_type->data_type);
  }
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  return parse_tensor_type(parser, type->tensor_type);
}

ppn_status_t ppn_mil_text_parse_type(ppn_mil_text_parser_t* parser, MilPb__ValueType** out_type) {
  PPN_MIL_NEW(parser, mil_pb__value_type, out_type);
  PPN_RETURN_IF_ERROR(ppn_mil_text_enter(parser));
  PPN_RETURN_IF_ERROR(parse_any_type(parser, *out_type));
  ppn_mil_text_leave(parser);
  return ppn_status_ok();
}

// ---- Values ----

static ppn_status_t parse_literal(ppn_mil_text_parser_t* parser, MilPb__ValueType* type,
                                  MilPb__Value** out);

// The elements of a list or tuple up to `close`; types[i], or the only type, is that of element i.
static ppn_status_t parse_literals(ppn_mil_text_parser_t* parser, MilPb__ValueType* const* types,
                                   size_t type_count, const char* close, MilPb__Value*** out_values,
                                   size_t* out_count) {
  size_t mark = ppn_mil_text_list_begin(parser), count = 0;
  bool more = !ppn_mil_text_at_sign(parser, close);
  for (; more; ++count) {
    if (type_count != 1 && count >= type_count) {
      return ppn_mil_text_fail(parser, "this value has more members than its type");
    }
    MilPb__Value* value = NULL;
    PPN_RETURN_IF_ERROR(parse_literal(parser, types[type_count == 1 ? 0 : count], &value));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, value));
    PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  *out_values = ppn_mil_text_list_end(parser, mark, out_count);
  return *out_values ? ppn_status_ok() : ppn_out_of_memory();
}

static ppn_status_t parse_list(ppn_mil_text_parser_t* parser, const MilPb__ListType* type,
                               MilPb__ImmediateValue* out) {
  out->value_case = MIL_PB__IMMEDIATE_VALUE__VALUE_LIST;
  PPN_MIL_NEW(parser, mil_pb__list_value, &out->list);
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "[", "before the elements of a list"));
  PPN_RETURN_IF_ERROR(
      parse_literals(parser, &type->type, 1, "]", &out->list->values, &out->list->n_values));
  return ppn_mil_text_take_sign(parser, "]", "behind the elements of a list");
}

static ppn_status_t parse_tuple(ppn_mil_text_parser_t* parser, const MilPb__TupleType* type,
                                MilPb__ImmediateValue* out) {
  out->value_case = MIL_PB__IMMEDIATE_VALUE__VALUE_TUPLE;
  PPN_MIL_NEW(parser, mil_pb__tuple_value, &out->tuple);
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "(", "before the members of a tuple"));
  PPN_RETURN_IF_ERROR(parse_literals(parser, type->types, type->n_types, ")", &out->tuple->values,
                                     &out->tuple->n_values));
  if (out->tuple->n_values != type->n_types) {
    return ppn_mil_text_fail(parser, "this value has another number of members than its type");
  }
  return ppn_mil_text_take_sign(parser, ")", "behind the members of a tuple");
}

static ppn_status_t parse_pair(ppn_mil_text_parser_t* parser, const MilPb__DictionaryType* type,
                               MilPb__KeyValuePair** out) {
  PPN_MIL_NEW(parser, mil_pb__key_value_pair, out);
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "{", "before a key with its value"));
  PPN_RETURN_IF_ERROR(parse_literal(parser, type->key_type, &(*out)->key));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, ",", "between key and value"));
  PPN_RETURN_IF_ERROR(parse_literal(parser, type->value_type, &(*out)->value));
  return ppn_mil_text_take_sign(parser, "}", "behind a key with its value");
}

static ppn_status_t parse_dictionary(ppn_mil_text_parser_t* parser,
                                     const MilPb__DictionaryType* type,
                                     MilPb__ImmediateValue* out) {
  out->value_case = MIL_PB__IMMEDIATE_VALUE__VALUE_DICTIONARY;
  PPN_MIL_NEW(parser, mil_pb__dictionary_value, &out->dictionary);
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "{", "before the pairs of a dictionary"));
  size_t mark = ppn_mil_text_list_begin(parser);
  bool more = !ppn_mil_text_at_sign(parser, "}");
  while (more) {
    MilPb__KeyValuePair* pair = NULL;
    PPN_RETURN_IF_ERROR(parse_pair(parser, type, &pair));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, pair));
    PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  out->dictionary->values = ppn_mil_text_list_end(parser, mark, &out->dictionary->n_values);
  if (!out->dictionary->values) return ppn_out_of_memory();
  return ppn_mil_text_take_sign(parser, "}", "behind the pairs of a dictionary");
}

static ppn_status_t parse_inline(ppn_mil_text_parser_t* parser, const MilPb__ValueType* type,
                                 MilPb__ImmediateValue* out) {
  switch (type->type_case) {
    case MIL_PB__VALUE_TYPE__TYPE_TENSOR_TYPE:
      out->value_case = MIL_PB__IMMEDIATE_VALUE__VALUE_TENSOR;
      return ppn_mil_text_parse_tensor(parser, type->tensor_type, &out->tensor);
    case MIL_PB__VALUE_TYPE__TYPE_LIST_TYPE:
      return parse_list(parser, type->list_type, out);
    case MIL_PB__VALUE_TYPE__TYPE_TUPLE_TYPE:
      return parse_tuple(parser, type->tuple_type, out);
    case MIL_PB__VALUE_TYPE__TYPE_DICTIONARY_TYPE:
      return parse_dictionary(parser, type->dictionary_type, out);
    default:
      return ppn_mil_text_fail(parser, "a state has no value in the text");
  }
}

// One of the two arguments of BLOBFILE: "path = string("…")" or "offset = uint64(64)".
static ppn_status_t parse_place(ppn_mil_text_parser_t* parser, MilPb__BlobFileValue* out) {
  bool is_path = ppn_mil_text_at_word(parser, "path");
  if (!is_path && !ppn_mil_text_at_word(parser, "offset")) {
    return ppn_mil_text_expected(parser, "'path' or 'offset' of a BLOBFILE");
  }
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "=", "before a value"));
  MilPb__ValueType* type = NULL;
  PPN_RETURN_IF_ERROR(ppn_mil_text_parse_type(parser, &type));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "(", "behind a type"));
  if (is_path) {
    if (parser->lexer.token.kind != PPN_MIL_TOKEN_STRING) {
      return ppn_mil_text_expected(parser, "the path of a weight file");
    }
    PPN_RETURN_IF_ERROR(
        ppn_mil_text_unescape(parser->lexer.token.text, parser->arena, &out->file_name));
  } else if (!ppn_mil_text_parse_uint64(parser->lexer.token.text, &out->offset)) {
    return ppn_mil_text_expected(parser, "the offset of a record in the weight file");
  }
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  return ppn_mil_text_take_sign(parser, ")", "behind a value");
}

static ppn_status_t parse_blob_reference(ppn_mil_text_parser_t* parser, MilPb__Value* out) {
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  out->value_case = MIL_PB__VALUE__VALUE_BLOB_FILE_VALUE;
  PPN_MIL_NEW(parser, mil_pb__blob_file_value, &out->blob_file_value);
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "(", "behind BLOBFILE"));
  PPN_RETURN_IF_ERROR(parse_place(parser, out->blob_file_value));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, ",", "between path and offset"));
  PPN_RETURN_IF_ERROR(parse_place(parser, out->blob_file_value));
  return ppn_mil_text_take_sign(parser, ")", "behind path and offset");
}

static ppn_status_t parse_literal(ppn_mil_text_parser_t* parser, MilPb__ValueType* type,
                                  MilPb__Value** out) {
  PPN_MIL_NEW(parser, mil_pb__value, out);
  (*out)->type = type;
  if (ppn_mil_text_at_word(parser, "BLOBFILE")) return parse_blob_reference(parser, *out);
  (*out)->value_case = MIL_PB__VALUE__VALUE_IMMEDIATE_VALUE;
  PPN_MIL_NEW(parser, mil_pb__immediate_value, &(*out)->immediate_value);
  PPN_RETURN_IF_ERROR(ppn_mil_text_enter(parser));
  PPN_RETURN_IF_ERROR(parse_inline(parser, type, (*out)->immediate_value));
  ppn_mil_text_leave(parser);
  return ppn_status_ok();
}

ppn_status_t ppn_mil_text_parse_value(ppn_mil_text_parser_t* parser, MilPb__Value** out_value) {
  MilPb__ValueType* type = NULL;
  PPN_RETURN_IF_ERROR(ppn_mil_text_parse_type(parser, &type));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "(", "between a type and its value"));
  PPN_RETURN_IF_ERROR(parse_literal(parser, type, out_value));
  return ppn_mil_text_take_sign(parser, ")", "behind a value");
}
