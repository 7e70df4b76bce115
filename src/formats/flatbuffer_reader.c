#include "formats/flatbuffer_reader.h"

#include "base/file_kind.h"

#define PREFIX_SIZE 8  // root offset and identifier
#define MAX_SIZE ((size_t)INT32_MAX)
#define MAX_DEPTH 64
#define MAX_TABLES 1000000  // visited; shared tables count each time

// What can be wrong, by name.
#define REASONS(X)                                                                \
  X(TOO_SHORT, "the buffer is shorter than its 8 byte prefix")                    \
  X(TOO_LARGE, "the buffer is larger than 2 GB")                                  \
  X(BUFFER_MISALIGNED, "the buffer does not start at a multiple of 16 in memory") \
  X(REFERENCE_OUT_OF_RANGE, "a reference leads out of the buffer")                \
  X(REFERENCE_MISALIGNED, "a reference leads to a misaligned place")              \
  X(VTABLE_OUT_OF_RANGE, "the table's vtable lies outside the buffer")            \
  X(VTABLE_MALFORMED, "the vtable's sizes are wrong")                             \
  X(TABLE_OUT_OF_RANGE, "the table runs past the end of the buffer")              \
  X(FIELD_OUT_OF_RANGE, "the field lies outside its table")                       \
  X(FIELD_MISALIGNED, "the field is misaligned")                                  \
  X(FIELD_MISSING, "a required field is absent")                                  \
  X(VECTOR_OUT_OF_RANGE, "the vector runs past the end of the buffer")            \
  X(VECTOR_MISALIGNED, "the vector's elements are misaligned")                    \
  X(STRING_NOT_TERMINATED, "the string does not end with a 0 byte")               \
  X(UNION_CODE_UNKNOWN, "the union has an unknown type")                          \
  X(TOO_DEEP, "tables are nested more than 64 deep")                              \
  X(TOO_MANY_TABLES, "more than 1000000 tables are referred to")

#define AS_NAME(name, text) name,
#define AS_TEXT(name, text) text,
typedef enum reason { REASONS(AS_NAME) } reason_t;
static const char* const reason_texts[] = {REASONS(AS_TEXT)};

typedef struct verifier {
  ppn_span_t bytes;
  uint32_t tables_left;
} verifier_t;

static ppn_status_t broken(reason_t reason, size_t offset) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "offset %zu: %s", offset, reason_texts[reason]);
}

static uint16_t load_u16(const uint8_t* at) {
  uint16_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

static bool fits(const verifier_t* verifier, size_t offset, size_t size) {
  return offset <= verifier->bytes.size && size <= verifier->bytes.size - offset;
}

static uint32_t u32_at(const verifier_t* verifier, size_t offset) {
  return ppn_flatbuffer_load_u32(verifier->bytes.data + offset);
}

// The place that the reference stored at `at` (checked to be readable) leads to.
static ppn_status_t follow(const verifier_t* verifier, size_t at, size_t* out_target) {
  uint32_t distance = u32_at(verifier, at);
  if (distance == 0 || !fits(verifier, at, (size_t)distance + 4)) {
    return broken(REFERENCE_OUT_OF_RANGE, at);
  }
  *out_target = at + distance;
  return *out_target % 4 == 0 ? NULL : broken(REFERENCE_MISALIGNED, at);
}

// A vector (at a multiple of 4): its length fits, its elements are aligned.
static ppn_status_t verify_vector(const verifier_t* verifier, size_t at, size_t element_size) {
  uint64_t size = (uint64_t)u32_at(verifier, at) * element_size;
  if (size > MAX_SIZE || !fits(verifier, at + 4, (size_t)size)) {
    return broken(VECTOR_OUT_OF_RANGE, at);
  }
  return (at + 4) % element_size == 0 || size == 0 ? NULL : broken(VECTOR_MISALIGNED, at);
}

static ppn_status_t verify_string(const verifier_t* verifier, size_t at) {
  PPN_RETURN_IF_ERROR(verify_vector(verifier, at, 1));
  size_t end = at + 4 + u32_at(verifier, at);
  if (!fits(verifier, end, 1) || verifier->bytes.data[end] != 0) {
    return broken(STRING_NOT_TERMINATED, at);
  }
  return NULL;
}

// A table's own layout.
typedef struct layout {
  size_t table, table_size, vtable, vtable_size;
} layout_t;

static ppn_status_t verify_layout(const verifier_t* verifier, size_t table, layout_t* out) {
  if (!fits(verifier, table, 4)) return broken(TABLE_OUT_OF_RANGE, table);
  int64_t vtable = (int64_t)table - (int32_t)u32_at(verifier, table);
  if (vtable < 0 || vtable % 2 || !fits(verifier, (size_t)vtable, 4)) {
    return broken(VTABLE_OUT_OF_RANGE, table);
  }
  out->table = table;
  out->vtable = (size_t)vtable;
  out->vtable_size = load_u16(verifier->bytes.data + vtable);
  out->table_size = load_u16(verifier->bytes.data + vtable + 2);
  if (out->vtable_size < 4 || out->vtable_size % 2 || out->table_size < 4) {
    return broken(VTABLE_MALFORMED, out->vtable);
  }
  if (!fits(verifier, out->vtable, out->vtable_size)) {
    return broken(VTABLE_OUT_OF_RANGE, out->vtable);
  }
  return fits(verifier, table, out->table_size) ? NULL : broken(TABLE_OUT_OF_RANGE, table);
}

// Place of the field in `slot`, 0 when it is absent.
static ppn_status_t verify_field(const verifier_t* verifier, const layout_t* layout, uint32_t slot,
                                 size_t size, size_t* out_at) {
  *out_at = 0;
  size_t entry = 4 + 2 * (size_t)slot;
  if (entry + 2 > layout->vtable_size) return NULL;
  size_t place = load_u16(verifier->bytes.data + layout->vtable + entry);
  if (place == 0) return NULL;
  if (place < 4 || place + size > layout->table_size) {
    return broken(FIELD_OUT_OF_RANGE, layout->table);
  }
  *out_at = layout->table + place;
  return *out_at % size == 0 ? NULL : broken(FIELD_MISALIGNED, *out_at);
}

static ppn_status_t verify_table(verifier_t* verifier, size_t table,
                                 const ppn_flatbuffer_type_t* type, int depth);

static ppn_status_t verify_tables(verifier_t* verifier, size_t at,
                                  const ppn_flatbuffer_type_t* type, int depth) {
  PPN_RETURN_IF_ERROR(verify_vector(verifier, at, 4));
  uint32_t count = u32_at(verifier, at);
  for (uint32_t i = 0; i < count; ++i) {
    size_t table = 0;
    PPN_RETURN_IF_ERROR_ANNOTATED(follow(verifier, at + 4 + (size_t)i * 4, &table), "%u", i);
    PPN_RETURN_IF_ERROR_ANNOTATED(verify_table(verifier, table, type, depth + 1), "%u", i);
  }
  return NULL;
}

// `target` is where the field leads to.
static ppn_status_t verify_target(verifier_t* verifier, const layout_t* layout, uint32_t slot,
                                  const ppn_flatbuffer_field_t* field, size_t target, int depth) {
  size_t code_at = 0;
  uint8_t code;
  switch (field->kind) {
    case PPN_FLATBUFFER_STRING:
      return verify_string(verifier, target);
    case PPN_FLATBUFFER_VECTOR:
      return verify_vector(verifier, target, field->size);
    case PPN_FLATBUFFER_TABLE:
      return verify_table(verifier, target, field->type, depth + 1);
    case PPN_FLATBUFFER_TABLES:
      return verify_tables(verifier, target, field->type, depth);
    case PPN_FLATBUFFER_UNION:
      PPN_RETURN_IF_ERROR(verify_field(verifier, layout, slot - 1, 1, &code_at));
      code = code_at ? verifier->bytes.data[code_at] : 0;
      if (code >= field->type_count) return broken(UNION_CODE_UNKNOWN, code_at);
      if (!field->types[code]) return NULL;
      return verify_table(verifier, target, field->types[code], depth + 1);
    case PPN_FLATBUFFER_SCALAR:
      break;
  }
  return NULL;
}

static ppn_status_t verify_table(verifier_t* verifier, size_t table,
                                 const ppn_flatbuffer_type_t* type, int depth) {
  if (depth > MAX_DEPTH) return broken(TOO_DEEP, table);
  if (verifier->tables_left-- == 0) {
    verifier->tables_left = 0;
    return broken(TOO_MANY_TABLES, table);
  }
  layout_t layout = {0};
  PPN_RETURN_IF_ERROR_ANNOTATED(verify_layout(verifier, table, &layout), "%s", type->name);
  for (uint32_t slot = 0; slot < type->field_count; ++slot) {
    const ppn_flatbuffer_field_t* field = &type->fields[slot];
    bool is_reference = field->kind != PPN_FLATBUFFER_SCALAR;
    size_t at = 0, target = 0;
    ppn_status_t status =
        verify_field(verifier, &layout, slot, is_reference ? 4 : field->size, &at);
    if (!status && !at && field->is_required) status = broken(FIELD_MISSING, table);
    if (!status && at && is_reference) {
      status = follow(verifier, at, &target);
      if (!status) status = verify_target(verifier, &layout, slot, field, target, depth);
    }
    PPN_RETURN_IF_ERROR_ANNOTATED(status, "%s.%s", type->name, field->name);
  }
  return NULL;
}

static ppn_status_t verify_identifier(ppn_span_t bytes, const char* identifier) {
  char found[5] = {0};
  for (int i = 0; i < 4; ++i) {
    char c = (char)bytes.data[4 + i];
    found[i] = c >= ' ' && c <= '~' ? c : '?';
  }
  if (memcmp(found, identifier, 4) == 0) return NULL;
  if (memcmp(found, identifier, 2) == 0) {
    return ppn_status_make(PPN_STATUS_INCOMPATIBLE_VERSION,
                           "offset 4: expected the file identifier '%s', found '%s': another "
                           "version of the format",
                           identifier, found);
  }
  return ppn_status_make(PPN_STATUS_INVALID_DATA,
                         "offset 4: expected the file identifier '%s', found '%s': this is %s",
                         identifier, found, ppn_file_kind(bytes));
}

ppn_status_t ppn_flatbuffer_verify(ppn_span_t bytes, const char* identifier,
                                   const ppn_flatbuffer_type_t* root) {
  if (bytes.size < PREFIX_SIZE) return broken(TOO_SHORT, bytes.size);
  if (bytes.size > MAX_SIZE) return broken(TOO_LARGE, MAX_SIZE);
  if ((uintptr_t)bytes.data % 16) return broken(BUFFER_MISALIGNED, 0);
  PPN_RETURN_IF_ERROR(verify_identifier(bytes, identifier));
  verifier_t verifier = {bytes, MAX_TABLES};
  size_t table = 0;
  PPN_RETURN_IF_ERROR(follow(&verifier, 0, &table));
  return verify_table(&verifier, table, root, 1);
}

// ---- Reading what was verified ----

const uint8_t* ppn_flatbuffer_field(ppn_flatbuffer_table_t table, uint32_t slot) {
  if (!table) return NULL;
  const uint8_t* vtable = table - (int32_t)ppn_flatbuffer_load_u32(table);
  size_t entry = 4 + 2 * (size_t)slot;
  if (entry + 2 > load_u16(vtable)) return NULL;
  uint16_t place = load_u16(vtable + entry);
  return place ? table + place : NULL;
}

uint8_t ppn_flatbuffer_u8(ppn_flatbuffer_table_t table, uint32_t slot) {
  const uint8_t* at = ppn_flatbuffer_field(table, slot);
  return at ? *at : 0;
}

#define READ_SCALAR(name, type)                            \
  type name(ppn_flatbuffer_table_t table, uint32_t slot) { \
    const uint8_t* at = ppn_flatbuffer_field(table, slot); \
    type value = 0;                                        \
    if (at) memcpy(&value, at, sizeof(value));             \
    return value;                                          \
  }
READ_SCALAR(ppn_flatbuffer_i32, int32_t)
READ_SCALAR(ppn_flatbuffer_u32, uint32_t)
READ_SCALAR(ppn_flatbuffer_i64, int64_t)
READ_SCALAR(ppn_flatbuffer_u64, uint64_t)
READ_SCALAR(ppn_flatbuffer_f64, double)

ppn_flatbuffer_table_t ppn_flatbuffer_subtable(ppn_flatbuffer_table_t table, uint32_t slot) {
  const uint8_t* at = ppn_flatbuffer_field(table, slot);
  return at ? at + ppn_flatbuffer_load_u32(at) : NULL;
}

ppn_flatbuffer_vector_t ppn_flatbuffer_items(ppn_flatbuffer_table_t table, uint32_t slot) {
  const uint8_t* at = ppn_flatbuffer_subtable(table, slot);
  ppn_flatbuffer_vector_t vector = {NULL, 0};
  if (at) {
    vector.items = at + 4;
    vector.count = ppn_flatbuffer_load_u32(at);
  }
  return vector;
}

ppn_string_view_t ppn_flatbuffer_text(ppn_flatbuffer_table_t table, uint32_t slot) {
  ppn_flatbuffer_vector_t vector = ppn_flatbuffer_items(table, slot);
  return ppn_sv_make((const char*)vector.items, vector.count);
}
