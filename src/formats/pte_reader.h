// Reading `.pte` files: everything is verified once, then it is plain data.
//
//   header?  FlatBuffer  …  segments        (formats/pte_writer.h draws it)
//
// The description of a method is that of the writer, ppn_pte_plan_t, and views the file: texts,
// sizes, arguments and data are never copied. What is verified: the FlatBuffer itself; that header,
// segments and subsegments lie inside the file; every index (values, operators, delegates,
// segments, constants, jump destinations); that sizes and dim orders agree; that planned tensors
// lie inside their arenas and constants inside their data.
#ifndef PPN_FORMATS_PTE_READER_H_
#define PPN_FORMATS_PTE_READER_H_

#include "base/arena.h"
#include "formats/pte_writer.h"

typedef struct ppn_pte_named_span {
  const char* key;
  uint32_t segment;
  ppn_span_t bytes;
} ppn_pte_named_span_t;

// Thread-safe once made.
typedef struct ppn_pte_file {
  ppn_span_t bytes;       // the whole file
  ppn_span_t flatbuffer;  // its description
  uint64_t segment_base;  // where segments start; 0: there are none
  ppn_span_t* segments;
  uint32_t segment_count;
  // A method each. Several chains of the file are one list of instructions here; a jump past the
  // end of a chain leads to the next.
  ppn_pte_plan_t* plans;
  uint32_t plan_count;
  // By a tensor's data_index; entry 0 is reserved. From the tensor's first byte to the end of what
  // holds it. `mutable_data` are initial values of planned tensors.
  ppn_span_t *constants, *mutable_data;
  uint32_t constant_count, mutable_data_count;
  bool are_constants_inline;
  // By a delegate's `payload`: the segments, then the payloads inside the FlatBuffer.
  ppn_span_t* payloads;
  uint32_t payload_count;
  ppn_pte_named_span_t* named_data;
  uint32_t named_data_count;
  ppn_arena_t arena;
} ppn_pte_file_t;

// `bytes` must outlive the file and start at a multiple of 16 in memory. Errors: INVALID_DATA and
// OUT_OF_RANGE with offset and reason, INCOMPATIBLE_VERSION.
ppn_status_t ppn_pte_open(ppn_span_t bytes, ppn_pte_file_t** out_file) PPN_MUST_USE;
void ppn_pte_close(ppn_pte_file_t* file);

// The first method of this name; NULL: none.
const ppn_pte_plan_t* ppn_pte_find_plan(const ppn_pte_file_t* file, const char* name);
// Bytes under a key; false: none.
bool ppn_pte_find_named_data(const ppn_pte_file_t* file, ppn_string_view_t key,
                             ppn_span_t* out_bytes);

#endif  // PPN_FORMATS_PTE_READER_H_
