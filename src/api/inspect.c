#include "api/inspect.h"

#include <stdlib.h>

#include "base/span.h"

ppn_status_t ppn_inspect(const char* path, char** out_json) {
  *out_json = NULL;
  json_t* json = NULL;
  ppn_string_view_t name = ppn_sv(path);
  if (ppn_sv_ends_with(name, ".pte")) {
    PPN_RETURN_IF_ERROR(ppn_inspect_executorch_program(path, &json));
  } else if (ppn_sv_ends_with(name, ".pt2") || ppn_sv_ends_with(name, ".pt")) {
    PPN_RETURN_IF_ERROR(ppn_inspect_exported_program(path, &json));
  } else {
    PPN_RETURN_IF_ERROR(ppn_inspect_coreml_model(path, &json));
  }
  if (!json) return ppn_out_of_memory();
  *out_json = json_dumps(json, JSON_INDENT(2));
  json_decref(json);
  return *out_json ? ppn_status_ok() : ppn_out_of_memory();
}
