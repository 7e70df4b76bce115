#include "graph/read_json.h"

#include "base/buffer.h"

#define FLAGS (JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES)

// ---- What strict JSON does not have ----

// The size of a bare number at the start of `text`, 0 when there is none.
static size_t bare_number(ppn_string_view_t text) {
  static const char* const words[] = {"Infinity", "-Infinity", "NaN"};
  for (size_t i = 0; i < PPN_COUNT_OF(words); ++i) {
    if (ppn_sv_starts_with(text, words[i])) return strlen(words[i]);
  }
  return 0;
}

// The number of a "\uXXXX" escape, -1 when there is none.
static int32_t escaped_unit(ppn_string_view_t text) {
  if (text.size < 6 || text.data[0] != '\\' || text.data[1] != 'u') return -1;
  int32_t unit = 0;
  for (int i = 2; i < 6; ++i) {
    char c = text.data[i], lower = (char)(c | 0x20);
    int digit = c >= '0' && c <= '9'           ? c - '0'
                : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                               : -1;
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

static ppn_string_view_t rest_of(ppn_string_view_t text, size_t at) {
  return ppn_sv_make(text.data + at, text.size - at);
}

// A copy in strict JSON.
static void make_strict(ppn_string_view_t text, ppn_buffer_t* out) {
  bool in_text = false;
  size_t kept = 0;  // everything before it is in `out`
  for (size_t at = 0; at < text.size;) {
    char c = text.data[at];
    size_t size = 1;
    const char* replacement = NULL;
    if (c == '"') {
      in_text = !in_text;
    } else if (in_text && c == '\\') {
      int32_t unit = escaped_unit(rest_of(text, at));
      size = unit >= 0 ? 6 : 2;
      bool is_high = unit >= 0xd800 && unit < 0xdc00, is_low = unit >= 0xdc00 && unit < 0xe000;
      int32_t next = is_high ? escaped_unit(rest_of(text, at + 6)) : -1;
      if (is_high && next >= 0xdc00 && next < 0xe000) {
        size = 12;
      } else if (is_high || is_low) {
        replacement = "\\ufffd";
      }
    } else if (!in_text && (c == 'I' || c == 'N' || c == '-')) {
      size_t word = bare_number(rest_of(text, at));
      if (word) {
        ppn_buffer_append(out, text.data + kept, at - kept);
        ppn_buffer_printf(out, "\"%.*s\"", (int)word, text.data + at);
        kept = at + word;
        size = word;
      }
    }
    if (replacement) {
      ppn_buffer_append(out, text.data + kept, at - kept);
      ppn_buffer_append_text(out, replacement);
      kept = at + size;
    }
    at += size;
  }
  if (kept < text.size) ppn_buffer_append(out, text.data + kept, text.size - kept);
}

// ---- Parsing ----

ppn_status_t ppn_read_json(ppn_span_t text, const char* name, json_t** out_json) {
  json_error_t error, second_error;
  const char* data = text.data ? (const char*)text.data : "";
  *out_json = json_loadb(data, text.size, FLAGS, &error);
  if (*out_json) return ppn_status_ok();
  ppn_buffer_t strict = {0};
  make_strict(ppn_sv_make(data, text.size), &strict);
  if (!strict.failed && strict.size != 0) {
    *out_json = json_loadb((const char*)strict.data, strict.size, FLAGS, &second_error);
  }
  ppn_buffer_release(&strict);
  if (*out_json) return ppn_status_ok();
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s: bad JSON at offset %d: %s", name,
                         error.position, error.text);
}
