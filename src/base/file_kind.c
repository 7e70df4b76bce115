#include "base/file_kind.h"

#include "base/portability.h"

const char* ppn_file_kind(ppn_span_t bytes) {
  static const struct {
    size_t offset, size;
    const char *magic, *kind;
  } kinds[] = {
      {0, 4, "PK\003\004", "a ZIP archive (an exported program, .pt2?)"},
      {4, 4, "ET12", "an ExecuTorch program (.pte)"},
      {0, 6, "\x93NUMPY", "a NumPy array (.npy)"},
      {0, 8, "\x89PNG\r\n\032\n", "a PNG image"},
      {0, 2, "\x80\002", "a Python pickle (torch.save of an old release?)"},
      {0, 1, "{", "a JSON text"},
  };
  if (bytes.size == 0) return "an empty file";
  for (size_t i = 0; i < PPN_COUNT_OF(kinds); ++i) {
    if (bytes.size >= kinds[i].offset + kinds[i].size &&
        memcmp(bytes.data + kinds[i].offset, kinds[i].magic, kinds[i].size) == 0) {
      return kinds[i].kind;
    }
  }
  return "a file of an unknown kind";
}
