// Borrowed views: bytes and text that somebody else owns.
#ifndef PPN_BASE_SPAN_H_
#define PPN_BASE_SPAN_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Read-only bytes. `data` may be NULL when `size` is 0.
typedef struct ppn_span {
  const uint8_t* data;
  size_t size;
} ppn_span_t;

static inline ppn_span_t ppn_span_make(const void* data, size_t size) {
  ppn_span_t span = {(const uint8_t*)data, size};
  return span;
}

// Text that need not end with a 0 byte. Print with "%.*s" and PPN_SV(view).
typedef struct ppn_string_view {
  const char* data;
  size_t size;
} ppn_string_view_t;

#define PPN_SV(view) (int)(view).size, (view).data

static inline ppn_string_view_t ppn_sv(const char* text) {
  ppn_string_view_t view = {text, text ? strlen(text) : 0};
  return view;
}

static inline ppn_string_view_t ppn_sv_make(const char* data, size_t size) {
  ppn_string_view_t view = {data, size};
  return view;
}

static inline bool ppn_sv_equal(ppn_string_view_t a, ppn_string_view_t b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool ppn_sv_equals(ppn_string_view_t a, const char* b) {
  return ppn_sv_equal(a, ppn_sv(b));
}

static inline bool ppn_sv_starts_with(ppn_string_view_t a, const char* prefix) {
  size_t size = strlen(prefix);
  return a.size >= size && memcmp(a.data, prefix, size) == 0;
}

static inline bool ppn_sv_ends_with(ppn_string_view_t a, const char* suffix) {
  size_t size = strlen(suffix);
  return a.size >= size && memcmp(a.data + a.size - size, suffix, size) == 0;
}

#endif  // PPN_BASE_SPAN_H_
