// The tensors of a `.pt2` archive. Private to the graph layer.
#ifndef PPN_GRAPH_READ_WEIGHTS_H_
#define PPN_GRAPH_READ_WEIGHTS_H_

#include <jansson.h>

#include "formats/pickle_tensors.h"
#include "formats/zip_archive.h"
#include "graph/exported_program.h"

typedef struct ppn_nested_archive {
  ppn_pickled_tensors_t tensors;
  struct ppn_nested_archive* next;
} ppn_nested_archive_t;

// An opened archive. What constants point into lives here, so it must outlive the program.
typedef struct ppn_archive {
  ppn_zip_archive_t zip;
  ppn_nested_archive_t* nested;  // the pickles that were opened
} ppn_archive_t;

void ppn_archive_close(ppn_archive_t* archive);

// The content of an entry that must be there.
ppn_status_t ppn_archive_read(ppn_archive_t* archive, const char* path,
                              ppn_span_t* out_content) PPN_MUST_USE;
// The same with its checksum compared: for texts and pickles.
ppn_status_t ppn_archive_read_checked(ppn_archive_t* archive, const char* path,
                                      ppn_span_t* out_content) PPN_MUST_USE;

// A set of named tensors: raw payloads that a config describes (torch 2.9 and later), or one
// pickle. Zero-initialised is empty.
typedef struct ppn_archive_tensors {
  const char* folder;  // of the payloads, "model/data/weights/"
  json_t* config;      // owned: name to payload; NULL for a pickle
  const ppn_pickled_tensors_t* pickled;
} ppn_archive_tensors_t;

ppn_status_t ppn_archive_tensors_from_config(ppn_archive_t* archive, const char* folder,
                                             const char* config_path,
                                             ppn_archive_tensors_t* out) PPN_MUST_USE;
ppn_status_t ppn_archive_tensors_from_pickle(ppn_archive_t* archive, const char* path,
                                             ppn_archive_tensors_t* out) PPN_MUST_USE;
void ppn_archive_tensors_release(ppn_archive_tensors_t* tensors);
bool ppn_archive_tensors_has(const ppn_archive_tensors_t* tensors, const char* name);
// The tensor, which must be there; its sizes are in the program's arena or the archive.
ppn_status_t ppn_archive_tensors_get(ppn_archive_t* archive, const ppn_archive_tensors_t* tensors,
                                     const char* name, ppn_exported_program_t* program,
                                     ppn_constant_t* out) PPN_MUST_USE;

#endif  // PPN_GRAPH_READ_WEIGHTS_H_
