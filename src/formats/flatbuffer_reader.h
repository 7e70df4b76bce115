// FlatBuffers, reading: verified once against a description of the schema, then read in place.
//
//   ┌ root offset ─┬ identifier ┬ …                     table ─► i32 distance back to its vtable
//   0              4            8                                fields, at places the vtable tells
//
// ppn_flatbuffer_verify walks everything that the description names: every reference, vtable,
// vector and string lies inside the bytes and is aligned, strings end with a 0 byte, nesting and
// work are limited. After that the reading functions need no checks; they give zero, NULL or an
// empty vector for absent fields. Slots that the description does not name are ignored. Values are
// little-endian, as on every machine that this is built for.
#ifndef PPN_FORMATS_FLATBUFFER_READER_H_
#define PPN_FORMATS_FLATBUFFER_READER_H_

#include <string.h>

#include "base/span.h"
#include "base/status.h"

typedef struct ppn_flatbuffer_type ppn_flatbuffer_type_t;

typedef enum ppn_flatbuffer_field_kind {
  PPN_FLATBUFFER_SCALAR,  // `size` bytes
  PPN_FLATBUFFER_STRING,
  PPN_FLATBUFFER_VECTOR,  // of scalars of `size` bytes
  PPN_FLATBUFFER_TABLE,   // of `type`
  PPN_FLATBUFFER_TABLES,  // vector of `type`
  PPN_FLATBUFFER_UNION,   // a table of types[code]; the code is the byte in the slot before
} ppn_flatbuffer_field_kind_t;

// A field of a table; its slot is its place in the array.
typedef struct ppn_flatbuffer_field {
  const char* name;
  ppn_flatbuffer_field_kind_t kind;
  uint8_t size;
  bool is_required;
  const ppn_flatbuffer_type_t* type;
  const ppn_flatbuffer_type_t* const* types;  // of a union, by code; NULL: the code has no table
  uint32_t type_count;
} ppn_flatbuffer_field_t;

struct ppn_flatbuffer_type {
  const char* name;
  const ppn_flatbuffer_field_t* fields;
  uint32_t field_count;
};

// Checks `bytes` (which start on a multiple of 16 in memory) and the 4 characters of `identifier`
// against `root`. Errors: INVALID_DATA with the offset, the way there ("Program: execution_plan:
// 0: …") and the reason; INCOMPATIBLE_VERSION for another identifier of the same family (its first
// two characters).
ppn_status_t ppn_flatbuffer_verify(ppn_span_t bytes, const char* identifier,
                                   const ppn_flatbuffer_type_t* root) PPN_MUST_USE;

// ---- Reading what was verified ----

// Address of a table; NULL: absent, and then every field is.
typedef const uint8_t* ppn_flatbuffer_table_t;

// `count` elements; `items` is aligned for them (when the bytes are, as the verifier requires).
typedef struct ppn_flatbuffer_vector {
  const uint8_t* items;
  uint32_t count;
} ppn_flatbuffer_vector_t;

static inline uint32_t ppn_flatbuffer_load_u32(const uint8_t* at) {
  uint32_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

static inline ppn_flatbuffer_table_t ppn_flatbuffer_root(ppn_span_t bytes) {
  return bytes.data + ppn_flatbuffer_load_u32(bytes.data);
}

// Address of the field in `slot`; NULL when it is absent.
const uint8_t* ppn_flatbuffer_field(ppn_flatbuffer_table_t table, uint32_t slot);

// Absent fields are `0`.
uint8_t ppn_flatbuffer_u8(ppn_flatbuffer_table_t table, uint32_t slot);
int32_t ppn_flatbuffer_i32(ppn_flatbuffer_table_t table, uint32_t slot);
uint32_t ppn_flatbuffer_u32(ppn_flatbuffer_table_t table, uint32_t slot);
int64_t ppn_flatbuffer_i64(ppn_flatbuffer_table_t table, uint32_t slot);
uint64_t ppn_flatbuffer_u64(ppn_flatbuffer_table_t table, uint32_t slot);
double ppn_flatbuffer_f64(ppn_flatbuffer_table_t table, uint32_t slot);

// Ended with a 0 byte that is not counted; data NULL when absent.
ppn_string_view_t ppn_flatbuffer_text(ppn_flatbuffer_table_t table, uint32_t slot);
ppn_flatbuffer_table_t ppn_flatbuffer_subtable(ppn_flatbuffer_table_t table, uint32_t slot);
// items NULL when absent.
ppn_flatbuffer_vector_t ppn_flatbuffer_items(ppn_flatbuffer_table_t table, uint32_t slot);
// Table `index` of a vector of tables.
static inline ppn_flatbuffer_table_t ppn_flatbuffer_item(ppn_flatbuffer_vector_t vector,
                                                         uint32_t index) {
  const uint8_t* at = vector.items + (size_t)index * 4;
  return at + ppn_flatbuffer_load_u32(at);
}

#endif  // PPN_FORMATS_FLATBUFFER_READER_H_
