// Payloads that only name the model that several methods share:
//
//   "CMJR" {"version": 1, "key": "coreml_executorch_<uuid>", "functionName": "<method>"}
#include <jansson.h>

#include "coreml/delegate.h"

#define MAGIC "CMJR"
#define MAGIC_SIZE 4

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
