// Strings and numbers of MIL text, whatever the locale.
#include <math.h>
#include <stdlib.h>

#include "mil/text_lexer.h"

#define LONGEST_NUMBER 64

// ---- Strings ----

static int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

// Up to `limit` digits from *at on.
static unsigned read_digits(ppn_string_view_t text, size_t* at, int base, int limit) {
  unsigned value = 0;
  while (limit-- > 0 && *at < text.size && digit_value(text.data[*at]) < base) {
    value = value * (unsigned)base + (unsigned)digit_value(text.data[(*at)++]);
  }
  return value;
}

// The character for the escape behind a backslash; 0 when there is none of the kind.
static char read_escape(ppn_string_view_t text, size_t* at) {
  static const char letters[] = "abfnrtv\"\\'?", meanings[] = "\a\b\f\n\r\t\v\"\\'?";
  char c = text.data[*at];
  if (c >= '0' && c <= '7') return (char)(unsigned char)read_digits(text, at, 8, 3);
  ++*at;
  if (c == 'x') return (char)(unsigned char)read_digits(text, at, 16, 2);
  const char* letter = c ? strchr(letters, c) : NULL;
  return letter ? meanings[letter - letters] : '\0';
}

ppn_status_t ppn_mil_text_unescape(ppn_string_view_t token, ppn_arena_t* arena, char** out_text) {
  ppn_string_view_t text = ppn_sv_make(token.data + 1, token.size - 2);
  char* out = ppn_arena_alloc(arena, text.size + 1);
  *out_text = out;
  if (!out) return ppn_out_of_memory();
  for (size_t at = 0; at < text.size;) {
    char c = text.data[at++];
    if (c == '\\') c = at < text.size ? read_escape(text, &at) : '\0';
    if (c == '\0') {
      return ppn_status_make(PPN_STATUS_INVALID_DATA,
                             "a string has a zero byte, or an escape that C does not have");
    }
    *out++ = c;
  }
  *out = '\0';
  return ppn_status_ok();
}

// ---- Integers ----

bool ppn_mil_text_parse_uint64(ppn_string_view_t text, uint64_t* out) {
  uint64_t value = 0;
  if (text.size == 0) return false;
  for (size_t i = 0; i < text.size; ++i) {
    int digit = digit_value(text.data[i]);
    if (digit > 9 || value > (UINT64_MAX - (uint64_t)digit) / 10) return false;
    value = value * 10 + (uint64_t)digit;
  }
  *out = value;
  return true;
}

bool ppn_mil_text_parse_int64(ppn_string_view_t text, int64_t* out) {
  bool is_negative = text.size > 0 && text.data[0] == '-';
  uint64_t value, limit = (uint64_t)INT64_MAX + (is_negative ? 1 : 0);
  if (is_negative) text = ppn_sv_make(text.data + 1, text.size - 1);
  if (!ppn_mil_text_parse_uint64(text, &value) || value > limit) return false;
  *out = is_negative ? (int64_t)(0 - value) : (int64_t)value;
  return true;
}

// ---- Floats ----

// The digits behind "0x", up to the end.
static bool parse_hexadecimal(const char* at, double* out) {
  uint64_t mantissa = 0;
  int exponent = 0, digits = 0, written = 0;
  bool in_fraction = false;
  for (;; ++at) {
    if (*at == '.' && !in_fraction) {
      in_fraction = true;
      continue;
    }
    int digit = digit_value(*at);
    if (digit > 15) break;
    ++digits;
    if (mantissa >> 56 == 0) {
      mantissa = mantissa << 4 | (uint64_t)digit;
      if (in_fraction) exponent -= 4;
    } else {
      if (digit != 0) mantissa |= 1;  // below what a double has: only for rounding
      if (!in_fraction) exponent += 4;
    }
  }
  if (digits == 0 || (*at != 'p' && *at != 'P')) return false;
  ++at;
  bool is_negative = *at == '-';
  if (*at == '+' || *at == '-') ++at;
  for (; *at >= '0' && *at <= '9'; ++at) {
    if (written < 100000) written = written * 10 + (*at - '0');
  }
  if (*at != '\0' || at[-1] < '0' || at[-1] > '9') return false;
  *out = ldexp((double)mantissa, exponent + (is_negative ? -written : written));
  return true;
}

// A power of ten is not exact, but decimal numbers stand only in text that people write.
static bool parse_decimal(const char* at, double* out) {
  double value = 0;
  int exponent = 0, written = 0, digits = 0;
  bool in_fraction = false, is_negative = false;
  for (;; ++at) {
    if (*at == '.' && !in_fraction) {
      in_fraction = true;
    } else if (*at >= '0' && *at <= '9') {
      value = value * 10 + (*at - '0');
      if (in_fraction) --exponent;
      ++digits;
    } else {
      break;
    }
  }
  if (digits == 0) return false;
  if (*at == 'e' || *at == 'E') {
    ++at;
    is_negative = *at == '-';
    if (*at == '+' || *at == '-') ++at;
    if (*at < '0' || *at > '9') return false;
    for (; *at >= '0' && *at <= '9'; ++at) {
      if (written < 100000) written = written * 10 + (*at - '0');
    }
  }
  if (*at != '\0') return false;
  exponent += is_negative ? -written : written;
  if (value != 0) value = exponent < 0 ? value / pow(10, -exponent) : value * pow(10, exponent);
  *out = value;
  return true;
}

bool ppn_mil_text_parse_float(ppn_string_view_t text, double* out) {
  char copy[LONGEST_NUMBER];
  if (text.size == 0 || text.size >= sizeof(copy)) return false;
  memcpy(copy, text.data, text.size);
  copy[text.size] = '\0';
  const char* at = copy;
  bool is_negative = *at == '-', is_read = true;
  if (is_negative) ++at;
  if (strcmp(at, "inf") == 0) {
    *out = INFINITY;
  } else if (strcmp(at, "nan") == 0) {
    *out = NAN;
  } else if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
    is_read = parse_hexadecimal(at + 2, out);
  } else {
    is_read = parse_decimal(at, out);
  }
  if (is_read && is_negative) *out = -*out;
  return is_read;
}
