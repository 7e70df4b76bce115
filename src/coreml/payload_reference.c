// Payloads that only name the model that several methods share:
//
//   "CMJR" {"version": 1, "key": "coreml_executorch_<uuid>", "functionName": "<method>"}
#include <jansson.h>
#include <stdlib.h>

#include "coreml/delegate.h"
#include "coreml/package_layout.h"

#define MAGIC "CMJR"
#define MAGIC_SIZE 4

// ---- Reading ----

static ppn_status_t follow(const ppn_pte_file_t* file, const json_t* reference, ppn_arena_t* arena,
                           ppn_span_t* out_bytes, const char** out_function) {
  const char* key = json_string_value(json_object_get(reference, "key"));
  const char* function = json_string_value(json_object_get(reference, "functionName"));
  if (!key) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the reference to a shared model has no key");
  }
  if (!ppn_pte_find_named_data(file, ppn_sv(key), out_bytes)) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the shared model '%s' is not among the program's named data", key);
  }
  if (!function) return NULL;
  *out_function = ppn_arena_strdup(arena, ppn_sv(function));
  return *out_function ? NULL : ppn_out_of_memory();
}

ppn_status_t ppn_coreml_payload_resolve(const ppn_pte_file_t* file, ppn_span_t payload,
                                        ppn_arena_t* arena, ppn_span_t* out_bytes,
                                        const char** out_function) {
  *out_bytes = payload;
  *out_function = NULL;
  if (payload.size < MAGIC_SIZE || memcmp(payload.data, MAGIC, MAGIC_SIZE) != 0) return NULL;
  json_error_t error;
  json_t* reference =
      json_loadb((const char*)payload.data + MAGIC_SIZE, payload.size - MAGIC_SIZE, 0, &error);
  if (!reference) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the reference to a shared model: %s",
                           error.text);
  }
  ppn_status_t status = follow(file, reference, arena, out_bytes, out_function);
  json_decref(reference);
  return status;
}

// ---- Writing ----

typedef struct reference {
  const ppn_producer_t* shared;
  const char* function;
} reference_t;

static ppn_status_t print_reference(const char* key, const char* function, ppn_buffer_t* out) {
  ppn_buffer_append_text(out, MAGIC "{\"version\": 1, \"key\": ");
  ppn_json_append_string(out, key);
  ppn_buffer_append_text(out, ", \"functionName\": ");
  ppn_json_append_string(out, function);
  ppn_buffer_append_text(out, "}");
  return ppn_buffer_status(out);
}

static ppn_status_t write_reference(void* self, ppn_sink_t sink) {
  const reference_t* reference = self;
  const char* key;
  ppn_buffer_t text = {0};
  PPN_RETURN_IF_ERROR(ppn_coreml_payload_key(reference->shared, &key));
  ppn_status_t status = print_reference(key, reference->function, &text);
  if (!status) status = ppn_sink_write(sink, text.data, text.size);
  ppn_buffer_release(&text);
  return status;
}

ppn_status_t ppn_coreml_payload_refer(const ppn_producer_t* shared, const char* function,
                                      ppn_producer_t* out_payload) {
  *out_payload = (ppn_producer_t){0};
  // Keys have one length: the size is known before the key is.
  ppn_buffer_t text = {0};
  ppn_status_t status = print_reference(PPN_PAYLOAD_KEY_SAMPLE, function, &text);
  size_t size = text.size;
  ppn_buffer_release(&text);
  PPN_RETURN_IF_ERROR(status);
  reference_t* reference = malloc(sizeof(*reference));
  if (!reference) return ppn_out_of_memory();
  *reference = (reference_t){shared, function};
  *out_payload =
      (ppn_producer_t){.size = size, .write = write_reference, .release = free, .self = reference};
  return ppn_status_ok();
}
