#include "mil/text_parser.h"

#include "mil/text_writer.h"

// Of types, values and blocks; the protobuf form has a limit too.
#define MAX_DEPTH 32

// ---- Tokens ----

bool ppn_mil_text_at_sign(const ppn_mil_text_parser_t* parser, const char* sign) {
  return parser->lexer.token.kind == PPN_MIL_TOKEN_SIGN &&
         ppn_sv_equals(parser->lexer.token.text, sign);
}

bool ppn_mil_text_at_word(const ppn_mil_text_parser_t* parser, const char* word) {
  return parser->lexer.token.kind == PPN_MIL_TOKEN_WORD &&
         ppn_sv_equals(parser->lexer.token.text, word);
}

static void position_of(const ppn_mil_text_parser_t* parser, uint32_t* line, uint32_t* column) {
  ppn_mil_text_position(parser->lexer.source, ppn_mil_lexer_offset(&parser->lexer), line, column);
}

ppn_status_t ppn_mil_text_fail(const ppn_mil_text_parser_t* parser, const char* problem) {
  uint32_t line, column;
  position_of(parser, &line, &column);
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "line %u, column %u: %s", line, column, problem);
}

ppn_status_t ppn_mil_text_expected(const ppn_mil_text_parser_t* parser, const char* what) {
  uint32_t line, column;
  position_of(parser, &line, &column);
  ppn_string_view_t found = parser->lexer.token.text;
  if (parser->lexer.token.kind == PPN_MIL_TOKEN_END) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "line %u, column %u: expected %s, found the end of the text: it may be "
                           "cut off",
                           line, column, what);
  }
  if (found.size > 40) found.size = 40;
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "line %u, column %u: expected %s, found '%.*s'",
                         line, column, what, PPN_SV(found));
}

static ppn_status_t expected_sign(const ppn_mil_text_parser_t* parser, const char* sign,
                                  const char* where) {
  char what[128];
  ppn_buffer_t text = {0};
  ppn_buffer_printf(&text, "'%s' %s", sign, where);
  size_t size = text.size < sizeof(what) - 1 ? text.size : sizeof(what) - 1;
  memcpy(what, ppn_buffer_text(&text), size);
  what[size] = '\0';
  ppn_buffer_release(&text);
  return ppn_mil_text_expected(parser, what);
}

ppn_status_t ppn_mil_text_take_sign(ppn_mil_text_parser_t* parser, const char* sign,
                                    const char* where) {
  if (!ppn_mil_text_at_sign(parser, sign)) return expected_sign(parser, sign, where);
  return ppn_mil_lexer_next(&parser->lexer);
}

ppn_status_t ppn_mil_text_take_word(ppn_mil_text_parser_t* parser, const char* what,
                                    char** out_text) {
  if (parser->lexer.token.kind != PPN_MIL_TOKEN_WORD) return ppn_mil_text_expected(parser, what);
  *out_text = ppn_arena_strdup(parser->arena, parser->lexer.token.text);
  if (!*out_text) return ppn_out_of_memory();
  return ppn_mil_lexer_next(&parser->lexer);
}

ppn_status_t ppn_mil_text_skip_sign(ppn_mil_text_parser_t* parser, const char* sign,
                                    bool* out_found) {
  *out_found = ppn_mil_text_at_sign(parser, sign);
  return *out_found ? ppn_mil_lexer_next(&parser->lexer) : ppn_status_ok();
}

ppn_status_t ppn_mil_text_enter(ppn_mil_text_parser_t* parser) {
  if (++parser->depth <= MAX_DEPTH) return ppn_status_ok();
  return ppn_mil_text_fail(parser, "types, values or blocks are nested more than 32 deep here");
}

void ppn_mil_text_leave(ppn_mil_text_parser_t* parser) {
  --parser->depth;
}

// ---- Lists ----

size_t ppn_mil_text_list_begin(const ppn_mil_text_parser_t* parser) {
  return parser->pointers.size;
}

ppn_status_t ppn_mil_text_list_add(ppn_mil_text_parser_t* parser, const void* item) {
  ppn_buffer_append(&parser->pointers, &item, sizeof(item));
  return ppn_buffer_status(&parser->pointers);
}

void* ppn_mil_text_list_end(ppn_mil_text_parser_t* parser, size_t mark, size_t* out_count) {
  size_t size = parser->pointers.size - mark;
  *out_count = size / sizeof(void*);
  parser->pointers.size = mark;
  return ppn_arena_memdup(parser->arena,
                          parser->pointers.data ? parser->pointers.data + mark : NULL, size);
}

// ---- Attributes ----

static ppn_status_t parse_attribute(ppn_mil_text_parser_t* parser, MilPb__ValueEntry** out) {
  PPN_MIL_NEW(parser, mil_pb__value_entry, out);
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_word(parser, "the name of an attribute", &(*out)->key));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "=", "behind an attribute's name"));
  return ppn_mil_text_parse_value(parser, &(*out)->value);
}

// Nothing when there is no "[".
static ppn_status_t parse_attributes(ppn_mil_text_parser_t* parser,
                                     MilPb__ValueEntry*** out_attributes, size_t* out_count) {
  bool found, more;
  *out_count = 0;
  PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, "[", &found));
  if (!found) return ppn_status_ok();
  size_t mark = ppn_mil_text_list_begin(parser);
  more = !ppn_mil_text_at_sign(parser, "]");
  while (more) {
    MilPb__ValueEntry* entry = NULL;
    PPN_RETURN_IF_ERROR(parse_attribute(parser, &entry));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, entry));
    PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  *out_attributes = ppn_mil_text_list_end(parser, mark, out_count);
  if (!*out_attributes) return ppn_out_of_memory();
  return ppn_mil_text_take_sign(parser, "]", "behind attributes");
}

// ---- Operations ----

static ppn_status_t parse_named_type(ppn_mil_text_parser_t* parser, MilPb__NamedValueType** out) {
  PPN_MIL_NEW(parser, mil_pb__named_value_type, out);
  PPN_RETURN_IF_ERROR(ppn_mil_text_parse_type(parser, &(*out)->type));
  return ppn_mil_text_take_word(parser, "a value's name behind its type", &(*out)->name);
}

// At least one.
static ppn_status_t parse_named_types(ppn_mil_text_parser_t* parser,
                                      MilPb__NamedValueType*** out_values, size_t* out_count) {
  size_t mark = ppn_mil_text_list_begin(parser);
  for (bool more = true; more;) {
    MilPb__NamedValueType* value = NULL;
    PPN_RETURN_IF_ERROR(parse_named_type(parser, &value));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, value));
    PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  *out_values = ppn_mil_text_list_end(parser, mark, out_count);
  return *out_values ? ppn_status_ok() : ppn_out_of_memory();
}

// "(type name, …)".
static ppn_status_t parse_parameters(ppn_mil_text_parser_t* parser,
                                     MilPb__NamedValueType*** out_values, size_t* out_count) {
  *out_count = 0;
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "(", "before parameters"));
  if (!ppn_mil_text_at_sign(parser, ")")) {
    PPN_RETURN_IF_ERROR(parse_named_types(parser, out_values, out_count));
  }
  return ppn_mil_text_take_sign(parser, ")", "behind parameters");
}

// A value's name, or a value: its type is followed by a bracket.
static ppn_status_t parse_binding(ppn_mil_text_parser_t* parser, MilPb__Binding** out) {
  PPN_MIL_NEW(parser, mil_pb__binding, out);
  char after = ppn_mil_lexer_peek(&parser->lexer);
  if (after == '(' || after == '<') {
    (*out)->binding_case = MIL_PB__BINDING__BINDING_VALUE;
    return ppn_mil_text_parse_value(parser, &(*out)->value);
  }
  (*out)->binding_case = MIL_PB__BINDING__BINDING_NAME;
  return ppn_mil_text_take_word(parser, "a value's name, or a type with a value", &(*out)->name);
}

static ppn_status_t parse_bindings(ppn_mil_text_parser_t* parser, MilPb__Argument* out) {
  bool is_tuple, more;
  PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, "(", &is_tuple));
  size_t mark = ppn_mil_text_list_begin(parser);
  more = !is_tuple || !ppn_mil_text_at_sign(parser, ")");
  while (more) {
    MilPb__Binding* binding = NULL;
    PPN_RETURN_IF_ERROR(parse_binding(parser, &binding));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, binding));
    more = false;
    if (is_tuple) PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  out->arguments = ppn_mil_text_list_end(parser, mark, &out->n_arguments);
  if (!out->arguments) return ppn_out_of_memory();
  return is_tuple ? ppn_mil_text_take_sign(parser, ")", "behind several values") : ppn_status_ok();
}

static ppn_status_t parse_argument(ppn_mil_text_parser_t* parser, MilPb__ArgumentEntry** out) {
  PPN_MIL_NEW(parser, mil_pb__argument_entry, out);
  PPN_MIL_NEW(parser, mil_pb__argument, &(*out)->value);
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_word(parser, "a parameter's name", &(*out)->key));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "=", "behind a parameter's name"));
  return parse_bindings(parser, (*out)->value);
}

static ppn_status_t parse_arguments(ppn_mil_text_parser_t* parser, MilPb__Operation* out) {
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "(", "behind an operation's type"));
  size_t mark = ppn_mil_text_list_begin(parser);
  bool more = !ppn_mil_text_at_sign(parser, ")");
  while (more) {
    MilPb__ArgumentEntry* entry = NULL;
    PPN_RETURN_IF_ERROR(parse_argument(parser, &entry));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, entry));
    PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  out->inputs = ppn_mil_text_list_end(parser, mark, &out->n_inputs);
  if (!out->inputs) return ppn_out_of_memory();
  return ppn_mil_text_take_sign(parser, ")", "behind arguments");
}

static ppn_status_t parse_block(ppn_mil_text_parser_t* parser, MilPb__Block* out);

static ppn_status_t parse_nested_blocks(ppn_mil_text_parser_t* parser, MilPb__Operation* out) {
  if (!ppn_mil_text_at_sign(parser, "(")) return ppn_status_ok();
  size_t mark = ppn_mil_text_list_begin(parser);
  for (bool more = true; more;) {
    MilPb__Block* block = NULL;
    PPN_MIL_NEW(parser, mil_pb__block, &block);
    PPN_RETURN_IF_ERROR(parse_parameters(parser, &block->inputs, &block->n_inputs));
    PPN_RETURN_IF_ERROR(parse_block(parser, block));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, block));
    PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  out->blocks = ppn_mil_text_list_end(parser, mark, &out->n_blocks);
  return out->blocks ? ppn_status_ok() : ppn_out_of_memory();
}

static ppn_status_t parse_operation(ppn_mil_text_parser_t* parser, MilPb__Operation** out) {
  ppn_mil_located_operation_t* located;
  PPN_ARENA_NEW(parser->arena, 1, &located);
  located->offset = ppn_mil_lexer_offset(&parser->lexer);
  MilPb__Operation* operation = *out = &located->message;
  mil_pb__operation__init(operation);
  // The type of an operation without results is followed by its arguments at once.
  if (ppn_mil_lexer_peek(&parser->lexer) != '(') {
    PPN_RETURN_IF_ERROR(parse_named_types(parser, &operation->outputs, &operation->n_outputs));
    PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "=", "behind an operation's results"));
  }
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_word(parser, "an operation's type", &operation->type));
  PPN_RETURN_IF_ERROR(parse_arguments(parser, operation));
  PPN_RETURN_IF_ERROR(parse_attributes(parser, &operation->attributes, &operation->n_attributes));
  PPN_RETURN_IF_ERROR(parse_nested_blocks(parser, operation));
  return ppn_mil_text_take_sign(parser, ";", "behind an operation");
}

// ---- Blocks, functions, the program ----

static ppn_status_t parse_block_outputs(ppn_mil_text_parser_t* parser, MilPb__Block* out) {
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "(", "before a block's outputs"));
  size_t mark = ppn_mil_text_list_begin(parser);
  bool more = !ppn_mil_text_at_sign(parser, ")");
  while (more) {
    char* name = NULL;
    PPN_RETURN_IF_ERROR(ppn_mil_text_take_word(parser, "a value's name", &name));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, name));
    PPN_RETURN_IF_ERROR(ppn_mil_text_skip_sign(parser, ",", &more));
  }
  out->outputs = ppn_mil_text_list_end(parser, mark, &out->n_outputs);
  if (!out->outputs) return ppn_out_of_memory();
  return ppn_mil_text_take_sign(parser, ")", "behind a block's outputs");
}

static ppn_status_t parse_block(ppn_mil_text_parser_t* parser, MilPb__Block* out) {
  PPN_RETURN_IF_ERROR(ppn_mil_text_enter(parser));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "{", "before a block's operations"));
  size_t mark = ppn_mil_text_list_begin(parser);
  while (!ppn_mil_text_at_sign(parser, "}")) {
    MilPb__Operation* operation = NULL;
    PPN_RETURN_IF_ERROR(parse_operation(parser, &operation));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, operation));
  }
  out->operations = ppn_mil_text_list_end(parser, mark, &out->n_operations);
  if (!out->operations) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "->", "behind a block"));
  PPN_RETURN_IF_ERROR(parse_block_outputs(parser, out));
  ppn_mil_text_leave(parser);
  return ppn_status_ok();
}

static ppn_status_t parse_opset(ppn_mil_text_parser_t* parser, MilPb__Function* out) {
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "<", "behind a function's name"));
  const char* opset = ppn_mil_text_opset_of_tag(parser->lexer.token.text);
  if (!opset) {
    return ppn_mil_text_expected(parser, "an opset (ios15, ios16, ios17, ios18 or ios26)");
  }
  out->opset = ppn_arena_strdup(parser->arena, ppn_sv(opset));
  if (!out->opset) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  return ppn_mil_text_take_sign(parser, ">", "behind an opset");
}

static ppn_status_t parse_function(ppn_mil_text_parser_t* parser, MilPb__FunctionEntry** out) {
  PPN_MIL_NEW(parser, mil_pb__function_entry, out);
  PPN_MIL_NEW(parser, mil_pb__function, &(*out)->value);
  MilPb__Function* function = (*out)->value;
  if (!ppn_mil_text_at_word(parser, "func")) {
    return ppn_mil_text_expected(parser, "'func' or the '}' of the program");
  }
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_word(parser, "a function's name", &(*out)->key));
  PPN_RETURN_IF_ERROR(parse_opset(parser, function));
  PPN_RETURN_IF_ERROR(parse_parameters(parser, &function->inputs, &function->n_inputs));
  PPN_RETURN_IF_ERROR(parse_attributes(parser, &function->attributes, &function->n_attributes));
  function->n_block_specializations = 1;
  PPN_ARENA_NEW(parser->arena, 1, &function->block_specializations);
  PPN_MIL_NEW(parser, mil_pb__block_entry, &function->block_specializations[0]);
  MilPb__BlockEntry* entry = function->block_specializations[0];
  entry->key = function->opset;
  PPN_MIL_NEW(parser, mil_pb__block, &entry->value);
  PPN_RETURN_IF_ERROR(parse_block(parser, entry->value));
  return ppn_mil_text_take_sign(parser, ";", "behind a function");
}

static ppn_status_t parse_version(ppn_mil_text_parser_t* parser, MilPb__Program* out) {
  if (!ppn_mil_text_at_word(parser, "program")) {
    return ppn_mil_text_expected(parser,
                                 "'program(1.0)' or 'program(1.3)', which MIL text begins with");
  }
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "(", "behind 'program'"));
  ppn_string_view_t version = parser->lexer.token.text;
  if (!ppn_sv_equals(version, "1") && !ppn_sv_starts_with(version, "1.")) {
    return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                           "the program's text has version '%.*s', supported are 1.0 to 1.3",
                           version.size > 20 ? 20 : (int)version.size, version.data);
  }
  out->version = 1;
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  return ppn_mil_text_take_sign(parser, ")", "behind the program's version");
}

ppn_status_t ppn_mil_text_parse_program(ppn_mil_text_parser_t* parser,
                                        MilPb__Program** out_program) {
  PPN_MIL_NEW(parser, mil_pb__program, out_program);
  MilPb__Program* program = *out_program;
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  PPN_RETURN_IF_ERROR(parse_version(parser, program));
  PPN_RETURN_IF_ERROR(parse_attributes(parser, &program->attributes, &program->n_attributes));
  PPN_RETURN_IF_ERROR(ppn_mil_text_take_sign(parser, "{", "before the program's functions"));
  size_t mark = ppn_mil_text_list_begin(parser);
  while (!ppn_mil_text_at_sign(parser, "}")) {
    MilPb__FunctionEntry* function = NULL;
    PPN_RETURN_IF_ERROR(parse_function(parser, &function));
    PPN_RETURN_IF_ERROR(ppn_mil_text_list_add(parser, function));
  }
  program->functions = ppn_mil_text_list_end(parser, mark, &program->n_functions);
  if (!program->functions) return ppn_out_of_memory();
  PPN_RETURN_IF_ERROR(ppn_mil_lexer_next(&parser->lexer));
  if (parser->lexer.token.kind == PPN_MIL_TOKEN_END) return ppn_status_ok();
  return ppn_mil_text_expected(parser, "nothing more behind the program");
}
