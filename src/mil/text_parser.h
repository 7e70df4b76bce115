// From MIL text to the messages of the protobuf form. Private to mil/text_*.c.
#ifndef PPN_MIL_TEXT_PARSER_H_
#define PPN_MIL_TEXT_PARSER_H_

#include "base/buffer.h"
#include "mil.pb-c.h"
#include "mil/text_lexer.h"

typedef struct ppn_mil_text_parser {
  ppn_mil_lexer_t lexer;
  ppn_arena_t* arena;     // of the messages
  ppn_buffer_t pointers;  // lists being read: a stack, each list from a mark on
  ppn_buffer_t elements;  // of the tensor being read
  int depth;              // of the types, values or blocks being read
} ppn_mil_text_parser_t;

// An operation and where it begins in the text; the parser makes only such ones.
typedef struct ppn_mil_located_operation {
  MilPb__Operation message;
  size_t offset;
} ppn_mil_located_operation_t;

// NEW(parser, kind, &pointer): one initialised message in the parser's arena.
#define PPN_MIL_NEW(parser, kind, out_pointer)      \
  do {                                              \
    PPN_ARENA_NEW((parser)->arena, 1, out_pointer); \
    kind##__init(*(out_pointer));                   \
  } while (0)

// ---- Tokens (mil/text_parser.c) ----

bool ppn_mil_text_at_sign(const ppn_mil_text_parser_t* parser, const char* sign);
bool ppn_mil_text_at_word(const ppn_mil_text_parser_t* parser, const char* word);
// INVALID_DATA: "line 2, column 7: expected <what>, found ')'".
ppn_status_t ppn_mil_text_expected(const ppn_mil_text_parser_t* parser,
                                   const char* what) PPN_MUST_USE;
// INVALID_DATA at the token: "line 2, column 7: <problem>".
ppn_status_t ppn_mil_text_fail(const ppn_mil_text_parser_t* parser,
                               const char* problem) PPN_MUST_USE;
// Steps over a sign, which must be there; `where` completes "expected ')' …".
ppn_status_t ppn_mil_text_take_sign(ppn_mil_text_parser_t* parser, const char* sign,
                                    const char* where) PPN_MUST_USE;
// Steps over a word and copies it; `what` completes "expected …".
ppn_status_t ppn_mil_text_take_word(ppn_mil_text_parser_t* parser, const char* what,
                                    char** out_text) PPN_MUST_USE;
// Steps over the sign when it is there.
ppn_status_t ppn_mil_text_skip_sign(ppn_mil_text_parser_t* parser, const char* sign,
                                    bool* out_found) PPN_MUST_USE;
ppn_status_t ppn_mil_text_enter(ppn_mil_text_parser_t* parser) PPN_MUST_USE;  // one level deeper
void ppn_mil_text_leave(ppn_mil_text_parser_t* parser);

// Lists: begin gives the mark, add appends, end copies what was added since the mark.
size_t ppn_mil_text_list_begin(const ppn_mil_text_parser_t* parser);
ppn_status_t ppn_mil_text_list_add(ppn_mil_text_parser_t* parser, const void* item) PPN_MUST_USE;
// NULL when memory is out.
void* ppn_mil_text_list_end(ppn_mil_text_parser_t* parser, size_t mark, size_t* out_count);

// ---- Types and values (mil/text_parse_values.c, mil/text_parse_tensors.c) ----

ppn_status_t ppn_mil_text_parse_type(ppn_mil_text_parser_t* parser,
                                     MilPb__ValueType** out_type) PPN_MUST_USE;
// A type with its literal.
ppn_status_t ppn_mil_text_parse_value(ppn_mil_text_parser_t* parser,
                                      MilPb__Value** out_value) PPN_MUST_USE;
// The elements of a tensor, scalars included.
ppn_status_t ppn_mil_text_parse_tensor(ppn_mil_text_parser_t* parser, const MilPb__TensorType* type,
                                       MilPb__TensorValue** out_value) PPN_MUST_USE;

// ---- The program (mil/text_parser.c) ----

// The messages are in parser->arena. Errors: INVALID_DATA, INCOMPATIBLE_VERSION.
ppn_status_t ppn_mil_text_parse_program(ppn_mil_text_parser_t* parser,
                                        MilPb__Program** out_program) PPN_MUST_USE;

#endif  // PPN_MIL_TEXT_PARSER_H_
