// What a file seems to be, for messages about files of the wrong kind.
#ifndef PPN_BASE_FILE_KIND_H_
#define PPN_BASE_FILE_KIND_H_

#include "base/span.h"

// By its first bytes: "a ZIP archive (an exported program, .pt2?)", "an ExecuTorch program (.pte)",
// "an empty file", "a file of an unknown kind". Static storage.
const char* ppn_file_kind(ppn_span_t bytes);

#endif  // PPN_BASE_FILE_KIND_H_
