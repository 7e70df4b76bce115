#include "coreml/package_layout.h"

#include <inttypes.h>
#include <stdio.h>

void ppn_uuid_from_hash(ppn_hash128_t hash, char out_text[37]) {
  uint64_t high = (hash.high & ~UINT64_C(0xf000)) | UINT64_C(0x8000);  // version 8: custom content
  uint64_t low = (hash.low & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
  snprintf(out_text, 37, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
           high >> 32, high >> 16 & 0xffff, high & 0xffff, low >> 48,
           low & UINT64_C(0xffffffffffff));
}

void ppn_json_append_string(ppn_buffer_t* out, const char* text) {
  ppn_buffer_append_text(out, "\"");
  for (const char* c = text; *c; ++c) {
    if (*c == '"' || *c == '\\') {
      ppn_buffer_printf(out, "\\%c", *c);
    } else if ((unsigned char)*c < 0x20) {
      ppn_buffer_printf(out, "\\u%04x", (unsigned)(unsigned char)*c);
    } else {
      ppn_buffer_append(out, c, 1);
    }
  }
  ppn_buffer_append_text(out, "\"");
}
