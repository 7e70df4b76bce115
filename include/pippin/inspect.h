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

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_INSPECT_H_
