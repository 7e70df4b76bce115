// Is a tensor what a model's description asks for? Said in Core ML's words, which programs written
// for it may look for.
#ifndef PPN_COREML_INPUT_CHECK_H_
#define PPN_COREML_INPUT_CHECK_H_

#include "coreml/model.h"

// Checks rank and sizes of one input. Images are [1, channels, height, width]. Scalars may have
// rank 0 or 1. Enumerated shapes that belong together across inputs are a matter of
// ppn_coreml_check_shapes. Errors: OUT_OF_RANGE naming the input.
ppn_status_t ppn_coreml_check_input(const ppn_coreml_feature_t* feature,
                                    const ppn_tensor_t* tensor) PPN_MUST_USE;

#endif  // PPN_COREML_INPUT_CHECK_H_
