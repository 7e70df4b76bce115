// Core ML models: opens ML Programs (`.mlpackage`, `.mlmodel`, delegate payloads) and predicts with
// Pippin's CPU engine.
//
//   model (immutable; shared by threads) ─ instance (one thread at a time; holds the states) ─
//   predict
#ifndef PIPPIN_MODEL_H_
#define PIPPIN_MODEL_H_

#include "pippin/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ppn_model ppn_model_t;
typedef struct ppn_model_instance ppn_model_instance_t;

// An input, output or state, as the model description states it.
typedef struct ppn_model_feature {
  const char* name;
  ppn_dtype_t dtype;
  int rank;              // -1: the description does not say (outputs of flexible models)
  const int64_t* shape;  // default shape, `rank` entries
  bool is_flexible;
} ppn_model_feature_t;

PPN_API ppn_status_t ppn_model_open(const char* path, ppn_model_t** out_model);
PPN_API void ppn_model_free(ppn_model_t* model);
PPN_API int ppn_model_specification_version(const ppn_model_t* model);
PPN_API size_t ppn_model_function_count(const ppn_model_t* model);
PPN_API const char* ppn_model_function_name(const ppn_model_t* model, size_t index);
// Features of a function; the array lives as long as the model.
PPN_API const ppn_model_feature_t* ppn_model_inputs(const ppn_model_t* model, size_t function,
                                                    size_t* out_count);
PPN_API const ppn_model_feature_t* ppn_model_outputs(const ppn_model_t* model, size_t function,
                                                     size_t* out_count);

// `function` NULL: the default one. The model must outlive the instance. States start at zero.
PPN_API ppn_status_t ppn_model_instance_create(ppn_model_t* model, const char* function,
                                               const ppn_engine_options_t* options,
                                               ppn_model_instance_t** out_instance);
PPN_API void ppn_model_instance_free(ppn_model_instance_t* instance);
// Inputs in the order of ppn_model_inputs (values are converted to the declared dtypes). Outputs:
// views into the instance's memory, valid until the next prediction, in the order of
// ppn_model_outputs.
PPN_API ppn_status_t ppn_model_predict(ppn_model_instance_t* instance, const ppn_tensor_t* inputs,
                                       size_t input_count, ppn_tensor_t* out_outputs,
                                       size_t output_count);
// The ML Programs as text. Release with ppn_text_free (pippin/lowering.h).
PPN_API ppn_status_t ppn_model_dump(const ppn_model_t* model, char** out_text);

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_MODEL_H_
