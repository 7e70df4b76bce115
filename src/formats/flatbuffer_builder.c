#include "formats/flatbuffer_builder.h"

#include <stdlib.h>

#define MAXIMUM_SIZE ((size_t)INT32_MAX)
#define INITIAL_CAPACITY 4096

// Vtables are few and repeat soon: looking back further costs more than the bytes it saves.
#define VTABLE_SEARCH_LIMIT 64

void ppn_flatbuffer_builder_release(ppn_flatbuffer_builder_t* builder) {
  free(builder->memory);
  free(builder->vtables);
  *builder = (ppn_flatbuffer_builder_t){0};
}

static bool reserve(ppn_flatbuffer_builder_t* builder, size_t extra) {
  if (builder->failed) return false;
  if (extra <= builder->capacity - builder->size) return true;
  if (extra > MAXIMUM_SIZE - builder->size) return builder->failed = true, false;
  size_t capacity = builder->capacity ? builder->capacity : INITIAL_CAPACITY;
  while (capacity - builder->size < extra) capacity *= 2;
  uint8_t* memory = malloc(capacity);
  if (!memory) return builder->failed = true, false;
  if (builder->size) {
    memcpy(memory + capacity - builder->size, builder->memory + builder->capacity - builder->size,
           builder->size);
  }
  free(builder->memory);
  builder->memory = memory;
  builder->capacity = capacity;
  return true;
}

// `size` bytes in front of the content.
static void prepend(ppn_flatbuffer_builder_t* builder, const void* data, size_t size) {
  if (size == 0 || !reserve(builder, size)) return;
  builder->size += size;
  memcpy(builder->memory + builder->capacity - builder->size, data, size);
}

// Pads so that, after `following` more bytes, the start is aligned when counted from the end.
// The end of the finished buffer is aligned to everything, so this aligns addresses too.
static void pad(ppn_flatbuffer_builder_t* builder, size_t following, size_t alignment) {
  static const uint8_t zeros[64];
  if (alignment > builder->alignment) builder->alignment = alignment;
  size_t padding = (~(builder->size + following) + 1) & (alignment - 1);
  while (padding > sizeof(zeros)) {
    prepend(builder, zeros, sizeof(zeros));
    padding -= sizeof(zeros);
  }
  prepend(builder, zeros, padding);
}

static void store_u32(uint8_t out[4], uint32_t value) {
  for (int i = 0; i < 4; ++i) out[i] = (uint8_t)(value >> 8 * i);
}

static void prepend_u32(ppn_flatbuffer_builder_t* builder, uint32_t value) {
  uint8_t bytes[4];
  store_u32(bytes, value);
  prepend(builder, bytes, 4);
}

// A reference stored next, 4-aligned: the distance from its own place to the object.
static void prepend_ref(ppn_flatbuffer_builder_t* builder, ppn_flatbuffer_ref_t ref) {
  prepend_u32(builder, (uint32_t)builder->size + 4 - ref);
}

// ---- Vectors ----

ppn_flatbuffer_ref_t ppn_flatbuffer_vector(ppn_flatbuffer_builder_t* builder, const void* elements,
                                           size_t count, size_t element_size, size_t alignment) {
  if (alignment < element_size) alignment = element_size;
  if (count > MAXIMUM_SIZE / element_size) {
    builder->failed = true;
    return 0;
  }
  pad(builder, count * element_size, alignment < 4 ? 4 : alignment);
  prepend(builder, elements, count * element_size);
  prepend_u32(builder, (uint32_t)count);
  return (ppn_flatbuffer_ref_t)builder->size;
}

ppn_flatbuffer_ref_t ppn_flatbuffer_string(ppn_flatbuffer_builder_t* builder, const char* text) {
  size_t size = text ? strlen(text) : 0;
  if (size >= MAXIMUM_SIZE) {
    builder->failed = true;
    return 0;
  }
  pad(builder, size + 1, 4);
  prepend(builder, "", 1);
  prepend(builder, text, size);
  prepend_u32(builder, (uint32_t)size);
  return (ppn_flatbuffer_ref_t)builder->size;
}

ppn_flatbuffer_ref_t ppn_flatbuffer_ref_vector(ppn_flatbuffer_builder_t* builder,
                                               const ppn_flatbuffer_ref_t* refs, size_t count) {
  pad(builder, 0, 4);
  for (size_t i = count; i-- > 0;) prepend_ref(builder, refs[i]);
  prepend_u32(builder, (uint32_t)count);
  return (ppn_flatbuffer_ref_t)builder->size;
}

// ---- Tables ----

void ppn_flatbuffer_table_start(ppn_flatbuffer_builder_t* builder) {
  memset(builder->fields, 0, sizeof(builder->fields));
  builder->slot_count = 0;
  pad(builder, 0, 4);  // outside the table: equal tables then have equal vtables more often
  builder->table_end = builder->size;
}

static void note_field(ppn_flatbuffer_builder_t* builder, uint32_t slot) {
  builder->fields[slot] = (uint32_t)builder->size;
  if (slot >= builder->slot_count) builder->slot_count = slot + 1;
}

static void add_scalar(ppn_flatbuffer_builder_t* builder, uint32_t slot, uint64_t bits,
                       size_t size) {
  if (bits == 0) return;
  uint8_t bytes[8];
  for (size_t i = 0; i < size; ++i) bytes[i] = (uint8_t)(bits >> 8 * i);
  pad(builder, size, size);
  prepend(builder, bytes, size);
  note_field(builder, slot);
}

void ppn_flatbuffer_add_u8(ppn_flatbuffer_builder_t* builder, uint32_t slot, uint8_t value) {
  add_scalar(builder, slot, value, 1);
}

void ppn_flatbuffer_add_u32(ppn_flatbuffer_builder_t* builder, uint32_t slot, uint32_t value) {
  add_scalar(builder, slot, value, 4);
}

void ppn_flatbuffer_add_u64(ppn_flatbuffer_builder_t* builder, uint32_t slot, uint64_t value) {
  add_scalar(builder, slot, value, 8);
}

void ppn_flatbuffer_add_double(ppn_flatbuffer_builder_t* builder, uint32_t slot, double value) {
  uint64_t bits;  // minus zero has a bit set and is stored
  memcpy(&bits, &value, sizeof(bits));
  add_scalar(builder, slot, bits, 8);
}

void ppn_flatbuffer_add_ref(ppn_flatbuffer_builder_t* builder, uint32_t slot,
                            ppn_flatbuffer_ref_t ref) {
  if (ref == 0) return;
  pad(builder, 4, 4);
  prepend_ref(builder, ref);
  note_field(builder, slot);
}

static const uint8_t* at(const ppn_flatbuffer_builder_t* builder, uint32_t ref) {
  return builder->memory + builder->capacity - ref;
}

static uint32_t find_vtable(const ppn_flatbuffer_builder_t* builder, const uint8_t* vtable,
                            size_t size) {
  size_t oldest =
      builder->vtable_count > VTABLE_SEARCH_LIMIT ? builder->vtable_count - VTABLE_SEARCH_LIMIT : 0;
  for (size_t i = builder->vtable_count; i-- > oldest;) {
    uint32_t ref = builder->vtables[i];
    const uint8_t* other = at(builder, ref);
    if ((size_t)(other[0] | other[1] << 8) == size && memcmp(other, vtable, size) == 0) return ref;
  }
  return 0;
}

static void remember_vtable(ppn_flatbuffer_builder_t* builder) {
  if (builder->vtable_count == builder->vtable_capacity) {
    size_t capacity = builder->vtable_capacity ? builder->vtable_capacity * 2 : 32;
    uint32_t* vtables = realloc(builder->vtables, capacity * sizeof(*vtables));
    if (!vtables) {
      builder->failed = true;
      return;
    }
    builder->vtables = vtables;
    builder->vtable_capacity = capacity;
  }
  builder->vtables[builder->vtable_count++] = (uint32_t)builder->size;
}

ppn_flatbuffer_ref_t ppn_flatbuffer_table_end(ppn_flatbuffer_builder_t* builder) {
  pad(builder, 4, 4);
  prepend_u32(builder, 0);  // the distance to the vtable, filled in below
  if (builder->failed) return 0;
  uint32_t table = (uint32_t)builder->size;

  // vtable: its own size, the table's size, then the fields' places in the table (0: absent).
  uint8_t vtable[4 + 2 * PPN_FLATBUFFER_MAX_SLOTS];
  size_t vtable_size = 4 + 2 * (size_t)builder->slot_count, table_size = table - builder->table_end;
  vtable[0] = (uint8_t)vtable_size;
  vtable[1] = 0;
  vtable[2] = (uint8_t)table_size;
  vtable[3] = (uint8_t)(table_size >> 8);
  for (uint32_t i = 0; i < builder->slot_count; ++i) {
    uint32_t place = builder->fields[i] ? table - builder->fields[i] : 0;
    vtable[4 + 2 * i] = (uint8_t)place;
    vtable[5 + 2 * i] = (uint8_t)(place >> 8);
  }
  uint32_t found = find_vtable(builder, vtable, vtable_size);
  if (!found) {
    prepend(builder, vtable, vtable_size);
    remember_vtable(builder);
    found = (uint32_t)builder->size;
    if (builder->failed) return 0;
  }
  // The table stores: its own position minus the vtable's.
  store_u32(builder->memory + builder->capacity - table, found - table);
  return table;
}

ppn_status_t ppn_flatbuffer_finish(ppn_flatbuffer_builder_t* builder, ppn_flatbuffer_ref_t root,
                                   const char* identifier, ppn_span_t* out_bytes) {
  pad(builder, 8, builder->alignment < 8 ? 8 : builder->alignment);
  prepend(builder, identifier, 4);
  prepend_ref(builder, root);
  if (builder->failed) {
    return builder->size > MAXIMUM_SIZE / 2
               ? ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                                 "the program description is larger than 2 GB, the limit of the "
                                 "FlatBuffers format")
               : ppn_out_of_memory();
  }
  *out_bytes = ppn_span_make(at(builder, (uint32_t)builder->size), builder->size);
  return ppn_status_ok();
}
