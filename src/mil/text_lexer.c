#include "mil/text_lexer.h"

static bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool begins_word(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool continues_word(char c) {
  return begins_word(c) || is_digit(c) || c == '@';
}

void ppn_mil_text_position(ppn_string_view_t source, size_t offset, uint32_t* out_line,
                           uint32_t* out_column) {
  size_t start = 0;
  *out_line = 1;
  for (size_t i = 0; i < offset && i < source.size; ++i) {
    if (source.data[i] != '\n') continue;
    ++*out_line;
    start = i + 1;
  }
  *out_column = (uint32_t)(offset - start + 1);
}

static ppn_status_t fail_at(const ppn_mil_lexer_t* lexer, size_t offset, const char* problem) {
  uint32_t line, column;
  ppn_mil_text_position(lexer->source, offset, &line, &column);
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "line %u, column %u: %s", line, column, problem);
}

static size_t skip_space(const ppn_mil_lexer_t* lexer, size_t at) {
  const char* data = lexer->source.data;
  size_t size = lexer->source.size;
  while (at < size) {
    if (is_space(data[at])) {
      ++at;
    } else if (data[at] == '/' && at + 1 < size && data[at + 1] == '/') {
      while (at < size && data[at] != '\n') ++at;
    } else {
      break;
    }
  }
  return at;
}

// The end of a number that begins at `at`: digits, letters, points, and signs of exponents.
static size_t end_of_number(const ppn_mil_lexer_t* lexer, size_t at) {
  const char* data = lexer->source.data;
  bool is_hexadecimal = false;
  for (size_t i = at + 1; i < lexer->source.size; ++i) {
    char c = data[i], before = data[i - 1];
    if (c == 'x' || c == 'X') is_hexadecimal = true;
    bool begins_exponent =
        before == 'p' || before == 'P' || (!is_hexadecimal && (before == 'e' || before == 'E'));
    bool is_sign = (c == '+' || c == '-') && begins_exponent;
    if (!continues_word(c) && c != '.' && !is_sign) return i;
  }
  return lexer->source.size;
}

static ppn_status_t end_of_string(const ppn_mil_lexer_t* lexer, size_t at, size_t* out_end) {
  for (size_t i = at + 1; i < lexer->source.size; ++i) {
    char c = lexer->source.data[i];
    if (c == '\\') {
      ++i;
    } else if (c == '"') {
      *out_end = i + 1;
      return ppn_status_ok();
    }
  }
  return fail_at(lexer, at, "the string that begins here has no end; expected '\"'");
}

ppn_status_t ppn_mil_lexer_next(ppn_mil_lexer_t* lexer) {
  const char* data = lexer->source.data;
  size_t start = skip_space(lexer, lexer->at), end = start + 1;
  ppn_mil_token_kind_t kind = PPN_MIL_TOKEN_SIGN;
  if (start == lexer->source.size) {
    lexer->token = (ppn_mil_token_t){PPN_MIL_TOKEN_END, {data + start, 0}};
    lexer->at = start;
    return ppn_status_ok();
  }
  char c = data[start], after = end < lexer->source.size ? data[end] : '\0';
  if (begins_word(c)) {
    kind = PPN_MIL_TOKEN_WORD;
    while (end < lexer->source.size && continues_word(data[end])) ++end;
  } else if (is_digit(c) || (c == '-' && continues_word(after))) {
    kind = PPN_MIL_TOKEN_NUMBER;
    end = end_of_number(lexer, start);
  } else if (c == '"') {
    kind = PPN_MIL_TOKEN_STRING;
    PPN_RETURN_IF_ERROR(end_of_string(lexer, start, &end));
  } else if (c == '-' && after == '>') {
    ++end;
  } else if (!strchr("()[]{}<>=,;?", c)) {
    return fail_at(lexer, start, "a character that MIL text does not have outside of strings");
  }
  lexer->token = (ppn_mil_token_t){kind, {data + start, end - start}};
  lexer->at = end;
  return ppn_status_ok();
}

char ppn_mil_lexer_peek(const ppn_mil_lexer_t* lexer) {
  size_t at = skip_space(lexer, lexer->at);
  return at < lexer->source.size ? lexer->source.data[at] : '\0';
}

size_t ppn_mil_lexer_offset(const ppn_mil_lexer_t* lexer) {
  return (size_t)(lexer->token.text.data - lexer->source.data);
}
