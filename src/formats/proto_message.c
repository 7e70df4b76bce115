#include "formats/proto_message.h"

// ---- Checking the wire form ----

typedef struct wire {
  const uint8_t* base;  // of the whole message, for offsets in errors
  const char* what;
  size_t allocation;  // bytes the unpacked messages will take, at least
} wire_t;

// What unpacking may allocate for message structures; a model of a million operations takes less.
#define MAX_ALLOCATION ((size_t)4 << 30)

static ppn_status_t malformed(const wire_t* wire, const uint8_t* at, const char* problem) {
  return ppn_status_make(PPN_STATUS_INVALID_DATA, "%s: malformed protobuf at byte %zu: %s",
                         wire->what, (size_t)(at - wire->base), problem);
}

// Reads a varint; false when it is cut off or longer than 10 bytes.
static bool read_varint(const uint8_t** at, const uint8_t* end, uint64_t* out) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (*at == end) return false;
    uint8_t byte = *(*at)++;
    if (shift < 64) value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) {
      *out = value;
      return true;
    }
  }
  return false;
}

static ppn_status_t check_message(wire_t* wire, const ProtobufCMessageDescriptor* descriptor,
                                  const uint8_t* at, const uint8_t* end, int depth) {
  if (depth > PPN_PROTO_MAX_DEPTH) {
    return malformed(wire, at, "messages are nested too deeply");
  }
  wire->allocation += descriptor->sizeof_message;
  if (wire->allocation > MAX_ALLOCATION) return malformed(wire, at, "too many messages");
  while (at < end) {
    const uint8_t* start = at;
    uint64_t key, size;
    if (!read_varint(&at, end, &key)) return malformed(wire, start, "a field's tag is cut off");
    uint64_t number = key >> 3;
    if (number == 0 || number > UINT32_MAX >> 3) {
      return malformed(wire, start, "a field's number is not allowed");
    }
    switch (key & 7) {
      case 0:
        if (!read_varint(&at, end, &size)) return malformed(wire, start, "a number is cut off");
        break;
      case 1:
        if (end - at < 8) return malformed(wire, start, "a 64-bit value is cut off");
        at += 8;
        break;
      case 5:
        if (end - at < 4) return malformed(wire, start, "a 32-bit value is cut off");
        at += 4;
        break;
      case 2: {
        if (!read_varint(&at, end, &size)) return malformed(wire, start, "a length is cut off");
        if (size > (uint64_t)(end - at)) {
          return malformed(wire, start, "a field reaches past the end of its message");
        }
        const ProtobufCFieldDescriptor* field =
            protobuf_c_message_descriptor_get_field(descriptor, (unsigned)number);
        if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
          PPN_RETURN_IF_ERROR(check_message(wire,
                                            (const ProtobufCMessageDescriptor*)field->descriptor,
                                            at, at + size, depth + 1));
        }
        at += size;
        break;
      }
      default:
        return malformed(wire, start, "a wire type that proto3 does not have");
    }
  }
  return ppn_status_ok();
}

// ---- Unpacking and packing ----

static void* arena_allocate(void* arena, size_t size) {
  return ppn_arena_alloc(arena, size);
}

static void arena_keep(void* arena, void* pointer) {
  (void)arena, (void)pointer;
}

ppn_status_t ppn_proto_unpack(const ProtobufCMessageDescriptor* descriptor, ppn_span_t bytes,
                              const char* what, ppn_arena_t* arena,
                              ProtobufCMessage** out_message) {
  *out_message = NULL;
  static const uint8_t nothing[1] = {0};
  const uint8_t* data = bytes.data ? bytes.data : nothing;
  wire_t wire = {.base = data, .what = what};
  PPN_RETURN_IF_ERROR(check_message(&wire, descriptor, data, data + bytes.size, 0));
  ProtobufCAllocator allocator = {arena_allocate, arena_keep, arena};
  *out_message = protobuf_c_message_unpack(descriptor, &allocator, bytes.size, data);
  if (!*out_message) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "%s: the %zu bytes are not a valid %s message (a field has the wrong "
                           "wire type), or memory is out",
                           what, bytes.size, descriptor->short_name);
  }
  return ppn_status_ok();
}

ppn_status_t ppn_proto_pack(const ProtobufCMessage* message, ppn_buffer_t* out) {
  size_t size = protobuf_c_message_get_packed_size(message);
  uint8_t* target = ppn_buffer_extend(out, size);
  if (!target) return ppn_out_of_memory();
  protobuf_c_message_pack(message, target);
  return ppn_status_ok();
}

bool ppn_proto_find_bytes(ppn_span_t message, uint32_t number, ppn_span_t* out_content) {
  const uint8_t *at = message.data, *end = at + message.size;
  bool found = false;
  while (at < end) {
    uint64_t key, size;
    if (!read_varint(&at, end, &key)) break;
    switch (key & 7) {
      case 0:
        if (!read_varint(&at, end, &size)) return found;
        continue;
      case 1:
        size = 8;
        break;
      case 5:
        size = 4;
        break;
      case 2:
        if (!read_varint(&at, end, &size)) return found;
        break;
      default:
        return found;
    }
    if (size > (uint64_t)(end - at)) break;
    if (key == ((uint64_t)number << 3 | 2)) {
      *out_content = ppn_span_make(at, (size_t)size);
      found = true;
    }
    at += size;
  }
  return found;
}
