// Words, numbers, strings and signs of MIL text, one at a time. Private to mil/text_*.c.
#ifndef PPN_MIL_TEXT_LEXER_H_
#define PPN_MIL_TEXT_LEXER_H_

#include "base/arena.h"
#include "base/span.h"
#include "base/status.h"

typedef enum ppn_mil_token_kind {
  PPN_MIL_TOKEN_END,
  PPN_MIL_TOKEN_WORD,    // [A-Za-z_][A-Za-z0-9_@]*
  PPN_MIL_TOKEN_NUMBER,  // with its sign: "-0x1.8p+1", "64"; "-inf" too
  PPN_MIL_TOKEN_STRING,  // with its quotes
  PPN_MIL_TOKEN_SIGN,    // one character, or "->"
} ppn_mil_token_kind_t;

typedef struct ppn_mil_token {
  ppn_mil_token_kind_t kind;
  ppn_string_view_t text;  // as it stands in the source
} ppn_mil_token_t;

// Spaces, line ends and comments ("//" to the end of the line) separate tokens.
typedef struct ppn_mil_lexer {
  ppn_string_view_t source;
  size_t at;              // behind `token`
  ppn_mil_token_t token;  // the one to look at
} ppn_mil_lexer_t;

// Steps to the next token. Errors: INVALID_DATA with line and column.
ppn_status_t ppn_mil_lexer_next(ppn_mil_lexer_t* lexer) PPN_MUST_USE;
// The first character that is neither space nor comment after the token; 0 at the end.
char ppn_mil_lexer_peek(const ppn_mil_lexer_t* lexer);
// Where the token begins, in bytes from the start of the source.
size_t ppn_mil_lexer_offset(const ppn_mil_lexer_t* lexer);

// Line and column (both from 1; a column is a byte) of a place in the source.
void ppn_mil_text_position(ppn_string_view_t source, size_t offset, uint32_t* out_line,
                           uint32_t* out_column);

// The text of a string token without quotes and escapes, in the arena. Errors: INVALID_DATA without
// position; OUT_OF_MEMORY.
ppn_status_t ppn_mil_text_unescape(ppn_string_view_t token, ppn_arena_t* arena,
                                   char** out_text) PPN_MUST_USE;

// Numbers in whole; false when the text is none, or (integers) does not fit. Floats are hexadecimal
// or decimal; "inf", "-inf" and "nan" are some.
bool ppn_mil_text_parse_float(ppn_string_view_t text, double* out);
bool ppn_mil_text_parse_int64(ppn_string_view_t text, int64_t* out);
bool ppn_mil_text_parse_uint64(ppn_string_view_t text, uint64_t* out);

#endif  // PPN_MIL_TEXT_LEXER_H_
