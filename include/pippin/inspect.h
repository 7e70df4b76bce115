// Inspection: what is in a file, as structured text.
#ifndef PIPPIN_INSPECT_H_
#define PIPPIN_INSPECT_H_

#include "pippin/status.h"

#ifdef __cplusplus
extern "C" {
#endif

// Describes a `.pt2`, `.pte` or Core ML model as a JSON object with stable names; its "kind" is
// "exported_program", "executorch_program" or "coreml_model". Weights are not read. The caller
// releases *out_json with ppn_text_free. Errors: as for opening the file.
PPN_API ppn_status_t ppn_inspect(const char* path, char** out_json);

// Describes what this build knows, as a JSON object: "operators", PyTorch's, each with the smallest
// deployment target at which Core ML can take it ("core_ml"; null: never), whether that depends on
// its arguments ("has_conditions"), and how it runs where it stays on the CPU ("cpu": "kernel",
// "decomposed" or null); and "operations", Core ML's, with the target they come from and whether
// the engine runs them. The caller releases *out_json with ppn_text_free. Errors: out of memory.
PPN_API ppn_status_t ppn_describe_operators(char** out_json);

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_INSPECT_H_
