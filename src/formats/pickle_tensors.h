// Tensors that torch.save wrote: a ZIP archive with a Python pickle and the storages it refers to.
//
//   archive/data.pkl    the pickle: a dictionary of tensors, or one tensor
//   archive/data/0 …    raw storages, little-endian
//
// The pickle is read by a machine that can build tensors and the plain values around them, and
// nothing else: no name in the file is ever looked up outside a closed list.
#ifndef PPN_FORMATS_PICKLE_TENSORS_H_
#define PPN_FORMATS_PICKLE_TENSORS_H_

#include "base/arena.h"
#include "base/span.h"
#include "base/status.h"
#include "base/string_map.h"
#include "tensor/dtype.h"

// A strided view into a storage, checked to lie inside it. The storage may have any address.
typedef struct ppn_pickled_tensor {
  ppn_dtype_t dtype;
  int rank;
  int64_t *sizes, *strides;  // in elements, >= 0
  int64_t storage_offset;    // in elements
  ppn_span_t storage;        // the whole storage
  bool is_parameter;
} ppn_pickled_tensor_t;

// Owns its tables; borrows the bytes it was read from.
typedef struct ppn_pickled_tensors {
  ppn_arena_t arena;
  ppn_string_map_t by_name;            // ppn_pickled_tensor_t*, of a pickled dictionary
  const ppn_pickled_tensor_t* single;  // of a pickle that is one tensor; else NULL
  void* archive;                       // private: the opened archive, NULL when there is none
} ppn_pickled_tensors_t;

// A file of torch.save, which must outlive the result. No bytes at all are an empty dictionary.
// Errors: INVALID_DATA with the offset, UNSUPPORTED naming the Python object the pickle asks for.
ppn_status_t ppn_pickled_tensors_read(ppn_span_t file, ppn_pickled_tensors_t* out) PPN_MUST_USE;
void ppn_pickled_tensors_release(ppn_pickled_tensors_t* tensors);

// The pickle alone: `find` gives the bytes of the storage with that key.
typedef ppn_status_t (*ppn_pickle_find_storage_t)(void* context, ppn_string_view_t key,
                                                  ppn_span_t* out_bytes);
ppn_status_t ppn_pickled_tensors_parse(ppn_span_t pickle, ppn_pickle_find_storage_t find,
                                       void* context, ppn_pickled_tensors_t* out) PPN_MUST_USE;

#endif  // PPN_FORMATS_PICKLE_TENSORS_H_
