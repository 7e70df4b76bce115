// Protobuf messages (protobuf-c) in arenas, checked before they are unpacked.
#ifndef PPN_FORMATS_PROTO_MESSAGE_H_
#define PPN_FORMATS_PROTO_MESSAGE_H_

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/buffer.h"

// Deepest nesting of messages that is accepted; programs use about 20.
#define PPN_PROTO_MAX_DEPTH 100

// Unpacks `bytes` into the arena: the message and all that it points to live as long as the arena
// and are not freed one by one. The wire form and its nesting are checked first, as the unpacker
// recurses without limit. `what` names the message in errors. Errors: INVALID_DATA with the offset.
ppn_status_t ppn_proto_unpack(const ProtobufCMessageDescriptor* descriptor, ppn_span_t bytes,
                              const char* what, ppn_arena_t* arena,
                              ProtobufCMessage** out_message) PPN_MUST_USE;

// Appends the packed message.
ppn_status_t ppn_proto_pack(const ProtobufCMessage* message, ppn_buffer_t* out) PPN_MUST_USE;

// The content of the last field `number` (bytes, a string or a message) of a packed message,
// without unpacking it; false when there is none, or the message is malformed before it.
bool ppn_proto_find_bytes(ppn_span_t message, uint32_t number, ppn_span_t* out_content);

#endif  // PPN_FORMATS_PROTO_MESSAGE_H_
