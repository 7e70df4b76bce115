// One describer per kind of file, behind ppn_inspect.
#ifndef PPN_API_INSPECT_H_
#define PPN_API_INSPECT_H_

#include <jansson.h>

#include "coreml/model.h"
#include "pippin/inspect.h"

// New references in *out_json.
ppn_status_t ppn_inspect_exported_program(const char* path, json_t** out_json) PPN_MUST_USE;
ppn_status_t ppn_inspect_executorch_program(const char* path, json_t** out_json) PPN_MUST_USE;
ppn_status_t ppn_inspect_coreml_model(const char* path, json_t** out_json) PPN_MUST_USE;

// A new array: functions with features and operation counts.
json_t* ppn_describe_coreml_functions(const ppn_coreml_model_t* model);

#endif  // PPN_API_INSPECT_H_
