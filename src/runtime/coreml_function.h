// A function of a Core ML model, ready to run on the engine with its inputs and outputs in the
// order of the caller's names.
#ifndef PPN_RUNTIME_COREML_FUNCTION_H_
#define PPN_RUNTIME_COREML_FUNCTION_H_

#include "coreml/model.h"
#include "engine/engine.h"

// Holds the states; one thread at a time.
typedef struct ppn_coreml_function ppn_coreml_function_t;

// `model` must outlive the function, and so must its `weights` (NULL: the function's own). `name`
// NULL: the default one. Every tensor input must be named
// once; outputs may be left out. Errors: NOT_FOUND for a wrong function, INVALID_DATA for names
// that are not the function's, and the engine's.
ppn_status_t ppn_coreml_function_create(const ppn_coreml_model_t* model, const char* name,
                                        const char* const* input_names, uint32_t input_count,
                                        const char* const* output_names, uint32_t output_count,
                                        const ppn_engine_options_t* options,
                                        ppn_engine_weights_t* weights,
                                        ppn_coreml_function_t** out_function) PPN_MUST_USE;
void ppn_coreml_function_free(ppn_coreml_function_t* function);

// Inputs of any real dtype are converted to the function's; a single element may be given with rank
// 0 for rank 1 and the reverse. Outputs are views in the function's dtypes, valid until the next
// run. Allocates nothing when the shapes are those of the last run.
ppn_status_t ppn_coreml_function_run(ppn_coreml_function_t* function, const ppn_tensor_t* inputs,
                                     ppn_tensor_t* out_outputs) PPN_MUST_USE;

// The memory that runs use for a state from now on: contiguous, in its declared dtype; NULL: the
// function's own, which starts at zero. NOT_FOUND for a wrong name.
ppn_status_t ppn_coreml_function_bind_state(ppn_coreml_function_t* function, const char* name,
                                            void* data) PPN_MUST_USE;

#endif  // PPN_RUNTIME_COREML_FUNCTION_H_
