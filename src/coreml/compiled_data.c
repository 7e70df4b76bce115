// The binary files of a compiled model. Numbers are little-endian; texts and byte strings have a
// uint64 length before them.
//
//   coremldata.bin                       analytics/coremldata.bin: records of
//     uint32  502, an ML Program           text    name
//     uint32  5, or 9 from version 9 on    uint64  number of pairs
//     20 × 0                               pairs of texts, key and value
//     text    "generic"
//     uint64  specification version
//     24 × 0
//     bytes   ModelDescription
//     16 bytes per function: uint32 502, 12 × 0
#include <inttypes.h>

#include "base/hash.h"
#include "coreml/compiled.h"
#include "coreml/model_proto.h"

#define ML_PROGRAM 502
#define TARGET "generic"
#define MAX_TARGET 4096
#define TEXT_HASH_SIZE 44  // base64 of 32 bytes

static void append_u32(ppn_buffer_t* out, uint32_t value) {
  ppn_buffer_append(out, &value, sizeof(value));
}

static void append_u64(ppn_buffer_t* out, uint64_t value) {
  ppn_buffer_append(out, &value, sizeof(value));
}

static void append_bytes(ppn_buffer_t* out, const void* data, size_t size) {
  append_u64(out, size);
  ppn_buffer_append(out, data, size);
}

static void append_text(ppn_buffer_t* out, const char* text) {
  append_bytes(out, text, strlen(text));
}

// ---- coremldata.bin ----

void ppn_coreml_compiled_write_data(int specification_version, uint32_t function_count,
                                    ppn_span_t description, ppn_buffer_t* out) {
  append_u32(out, ML_PROGRAM);
  append_u32(out, specification_version < 9 ? 5 : 9);
  ppn_buffer_extend(out, 20);
  append_text(out, TARGET);
  append_u64(out, (uint64_t)specification_version);
  ppn_buffer_extend(out, 24);
  append_bytes(out, description.data, description.size);
  for (uint32_t i = 0; i < function_count; ++i) {
    append_u32(out, ML_PROGRAM);
    ppn_buffer_extend(out, 12);
  }
}

typedef struct cursor {
  ppn_span_t bytes;
  size_t at;
} cursor_t;

static ppn_status_t take(cursor_t* cursor, uint64_t size, const char* what, const uint8_t** out) {
  if (size > cursor->bytes.size - cursor->at) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the file ends at byte %zu, in its %s (offset %zu, %" PRIu64 " bytes)",
                           cursor->bytes.size, what, cursor->at, size);
  }
  *out = cursor->bytes.data + cursor->at;
  cursor->at += (size_t)size;
  return ppn_status_ok();
}

static ppn_status_t take_u64(cursor_t* cursor, const char* what, uint64_t* out) {
  const uint8_t* bytes = NULL;
  PPN_RETURN_IF_ERROR(take(cursor, sizeof(*out), what, &bytes));
  memcpy(out, bytes, sizeof(*out));
  return ppn_status_ok();
}

ppn_status_t ppn_coreml_compiled_read_data(ppn_span_t bytes, int* out_specification_version,
                                           ppn_span_t* out_description) {
  cursor_t cursor = {.bytes = bytes};
  const uint8_t* data = NULL;
  uint32_t kind;
  uint64_t size = 0, version = 0;
  PPN_RETURN_IF_ERROR(take(&cursor, 28, "header", &data));
  memcpy(&kind, data, sizeof(kind));
  PPN_RETURN_IF_ERROR(ppn_coreml_check_model_kind(kind <= INT32_MAX ? (int)kind : -1));
  PPN_RETURN_IF_ERROR(take_u64(&cursor, "target's length", &size));
  if (size > MAX_TARGET) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the target's name has %" PRIu64
                           " bytes (offset 28), expected a short text such as '" TARGET "'",
                           size);
  }
  PPN_RETURN_IF_ERROR(take(&cursor, size, "target", &data));
  PPN_RETURN_IF_ERROR(take_u64(&cursor, "specification version", &version));
  PPN_RETURN_IF_ERROR(take(&cursor, 24, "zeros", &data));
  PPN_RETURN_IF_ERROR(take_u64(&cursor, "description's length", &size));
  PPN_RETURN_IF_ERROR(take(&cursor, size, "description", &data));
  *out_specification_version = version <= INT32_MAX ? (int)version : -1;
  *out_description = ppn_span_make(data, (size_t)size);
  return ppn_status_ok();
}

// ---- analytics/coremldata.bin ----

static void encode_base64(const uint8_t* data, size_t size, char* out) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < size; i += 3) {
    uint32_t group = (uint32_t)data[i] << 16;
    if (i + 1 < size) group |= (uint32_t)data[i + 1] << 8;
    if (i + 2 < size) group |= data[i + 2];
    *out++ = digits[group >> 18];
    *out++ = digits[group >> 12 & 63];
    *out++ = i + 1 < size ? digits[group >> 6 & 63] : '=';
    *out++ = i + 2 < size ? digits[group & 63] : '=';
  }
  *out = '\0';
}

// Which hash Core ML takes is not known; what counts is that equal models have equal ones.
void ppn_coreml_compiled_write_analytics(ppn_span_t message, ppn_buffer_t* out) {
  size_t half = message.size / 2;
  ppn_hash128_t parts[2] = {ppn_hash128(message.data, half),
                            ppn_hash128(message.data + half, message.size - half)};
  uint8_t bytes[32];
  char text[TEXT_HASH_SIZE + 1];
  for (size_t i = 0; i < 2; ++i) {
    memcpy(bytes + 16 * i, &parts[i].high, 8);
    memcpy(bytes + 16 * i + 8, &parts[i].low, 8);
  }
  encode_base64(bytes, sizeof(bytes), text);
  append_text(out, "NeuralNetworkModelDetails");
  append_u64(out, 2);
  append_text(out, "containsCustomLayer");
  append_text(out, "0");
  append_text(out, "modelDimension");
  append_text(out, "0");
  append_text(out, "SpecificationDetails");
  append_u64(out, 2);
  append_text(out, "modelHash");
  append_text(out, text);
  append_text(out, "modelName");
  append_text(out, "model");
}
