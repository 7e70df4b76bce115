// FlatBuffers, writing: tables, vectors and strings of any schema.
//
// A buffer is built from its end towards its start, children before the tables that refer to them,
// because references are unsigned distances towards the end. A finished object is known by a
// ppn_flatbuffer_ref_t: its distance from the end of the buffer, which stays the same while the
// buffer grows. Equal vtables are stored once.
//
//   ppn_flatbuffer_ref_t name = ppn_flatbuffer_string(&builder, "relu");
//   ppn_flatbuffer_table_start(&builder);
//   ppn_flatbuffer_add_ref(&builder, SLOT_NAME, name);
//   ppn_flatbuffer_ref_t table = ppn_flatbuffer_table_end(&builder);
//   ppn_flatbuffer_finish(&builder, table, "ET12", &bytes);
//
// Failures (memory, more than 2 GB) are remembered and reported by ppn_flatbuffer_finish.
#ifndef PPN_FORMATS_FLATBUFFER_BUILDER_H_
#define PPN_FORMATS_FLATBUFFER_BUILDER_H_

#include "base/span.h"
#include "base/status.h"

#define PPN_FLATBUFFER_MAX_SLOTS 16

// 0: none; a field given as 0 is left out.
typedef uint32_t ppn_flatbuffer_ref_t;

// Zero-initialised is an empty builder. Owns its memory.
typedef struct ppn_flatbuffer_builder {
  uint8_t* memory;  // the content is its last `size` bytes
  size_t size, capacity;
  size_t alignment;  // largest used so far
  bool failed;
  // The open table: its fields' distances from the end, by slot.
  uint32_t fields[PPN_FLATBUFFER_MAX_SLOTS];
  uint32_t slot_count;
  size_t table_end;
  // Distances from the end of the vtables written so far, newest first searched.
  uint32_t* vtables;
  size_t vtable_count, vtable_capacity;
} ppn_flatbuffer_builder_t;

void ppn_flatbuffer_builder_release(ppn_flatbuffer_builder_t* builder);

// NULL gives an empty string.
ppn_flatbuffer_ref_t ppn_flatbuffer_string(ppn_flatbuffer_builder_t* builder, const char* text);
// `count` little-endian scalars of `element_size` bytes, copied. `alignment` of the first element:
// 0 for the element's own size.
ppn_flatbuffer_ref_t ppn_flatbuffer_vector(ppn_flatbuffer_builder_t* builder, const void* elements,
                                           size_t count, size_t element_size, size_t alignment);
ppn_flatbuffer_ref_t ppn_flatbuffer_ref_vector(ppn_flatbuffer_builder_t* builder,
                                               const ppn_flatbuffer_ref_t* refs, size_t count);

// One table is open at a time; nothing else may be made before its end. Scalar fields equal to 0
// (the only default used here) are left out, as FlatBuffers does.
void ppn_flatbuffer_table_start(ppn_flatbuffer_builder_t* builder);
void ppn_flatbuffer_add_u8(ppn_flatbuffer_builder_t* builder, uint32_t slot, uint8_t value);
void ppn_flatbuffer_add_u32(ppn_flatbuffer_builder_t* builder, uint32_t slot, uint32_t value);
void ppn_flatbuffer_add_u64(ppn_flatbuffer_builder_t* builder, uint32_t slot, uint64_t value);
void ppn_flatbuffer_add_double(ppn_flatbuffer_builder_t* builder, uint32_t slot, double value);
void ppn_flatbuffer_add_ref(ppn_flatbuffer_builder_t* builder, uint32_t slot,
                            ppn_flatbuffer_ref_t ref);
ppn_flatbuffer_ref_t ppn_flatbuffer_table_end(ppn_flatbuffer_builder_t* builder);

// Closes the buffer: root offset, then `identifier` (4 characters). Its size is a multiple of the
// largest alignment used. The bytes belong to the builder. Errors: OUT_OF_MEMORY, OUT_OF_RANGE.
ppn_status_t ppn_flatbuffer_finish(ppn_flatbuffer_builder_t* builder, ppn_flatbuffer_ref_t root,
                                   const char* identifier, ppn_span_t* out_bytes) PPN_MUST_USE;

#endif  // PPN_FORMATS_FLATBUFFER_BUILDER_H_
