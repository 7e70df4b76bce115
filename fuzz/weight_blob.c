// Weight files: every record, in order, and one at each aligned offset.
#include "formats/weight_blob.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_span_t file = ppn_span_make(data, size);
  uint32_t count;
  ppn_weight_blob_entry_t entry;
  if (fuzz_is_error(ppn_weight_blob_verify(file, &count))) return 0;
  uint64_t offset = ppn_weight_blob_next(NULL);
  for (uint32_t i = 0; i < count; ++i) {
    if (fuzz_is_error(ppn_weight_blob_find(file, offset, &entry))) break;
    fuzz_touch(entry.data);
    uint64_t next = ppn_weight_blob_next(&entry);
    if (next <= offset) break;  // data may lie before its record; a walk must not turn back
    offset = next;
  }
  for (offset = 0; offset < size; offset += PPN_WEIGHT_BLOB_ALIGNMENT) {
    if (!fuzz_is_error(ppn_weight_blob_find(file, offset, &entry))) {
      fuzz_expect(entry.data.data >= data && entry.data.data + entry.data.size <= data + size,
                  "data outside the file");
    }
  }
  return 0;
}
