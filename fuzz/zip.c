// ZIP archives: every entry is read.
#include "formats/zip_archive.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_zip_archive_t archive;
  if (fuzz_is_error(ppn_zip_open(ppn_span_make(data, size), &archive))) return 0;
  for (uint32_t i = 0; i < archive.entry_count; ++i) {
    ppn_span_t content;
    if (!fuzz_is_error(ppn_zip_read(&archive, &archive.entries[i], &content))) fuzz_touch(content);
  }
  ppn_zip_close(&archive);
  return 0;
}
