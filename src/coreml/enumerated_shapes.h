// Enumerated shapes: inputs that take a few shapes instead of ranges. From the compile spec to the
// model, and the check when it runs.
//
// The spec is JSON, one entry for each symbolic shape, whose n-th shapes belong together across
// inputs:
//   [[{"shape": [1, {"key_name": "s0", "low": 2, "high": 64}]}, [[[1, 8], [1, 64]], ["x"]]], …]
#ifndef PPN_COREML_ENUMERATED_SHAPES_H_
#define PPN_COREML_ENUMERATED_SHAPES_H_

#include "coreml/model.h"

// Gives the inputs that `json` names its shapes instead of ranges. `target`: the minimum deployment
// target's specification version, 0 for none. Errors: INVALID_ARGUMENT for JSON of another form,
// for inputs or shapes that do not fit the model, and for several such inputs below iOS 18.
ppn_status_t ppn_coreml_model_enumerate_shapes(ppn_coreml_model_t* model, ppn_string_view_t json,
                                               int target) PPN_MUST_USE;

// Are the shapes of `inputs`, which are those of the interface in its order, one of the
// combinations that it lists? True when it lists none. Errors: OUT_OF_RANGE with the shapes found
// and those allowed.
ppn_status_t ppn_coreml_check_shapes(const ppn_coreml_interface_t* interface,
                                     const ppn_tensor_t* const* inputs) PPN_MUST_USE;

#endif  // PPN_COREML_ENUMERATED_SHAPES_H_
