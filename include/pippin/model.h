// Core ML models: opens ML Programs (`.mlpackage`, `.mlmodel`, `.mlmodelc`) and predicts with
// Pippin's CPU engine.
//
//   model (immutable; shared by threads) ─┬─ instance (one thread at a time) ─ predict
//                                         └─ state (used by one instance at a time)
//
//   ppn_model_open("model.mlpackage", &model);
//   ppn_model_instance_create(model, NULL, NULL, &instance);
//   ppn_model_predict(instance, inputs, input_count, outputs, output_count);
#ifndef PIPPIN_MODEL_H_
#define PIPPIN_MODEL_H_

#include "pippin/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ppn_model ppn_model_t;
typedef struct ppn_model_instance ppn_model_instance_t;
typedef struct ppn_model_state ppn_model_state_t;

// What a feature is to Core ML. Whatever it is, it is passed as a tensor: arrays and states in the
// feature's shape; images as [1, channels, height, width] with their channels in the feature's own
// order (RGB or BGR) and elements from 0 to 255 (GRAYSCALE_FLOAT16: any). The last three are what a
// classifier gives:
//
//   STRING      int64, rank 0: the place of the label among the feature's `labels`
//   INT64       int64, rank 0: the label
//   DICTIONARY  float64, rank 1: a probability for each of `labels` or `label_numbers`
typedef enum ppn_feature_kind {
  PPN_FEATURE_MULTI_ARRAY = 0,
  PPN_FEATURE_IMAGE = 1,
  PPN_FEATURE_STATE = 2,
  PPN_FEATURE_STRING = 3,
  PPN_FEATURE_INT64 = 4,
  PPN_FEATURE_DICTIONARY = 5,
} ppn_feature_kind_t;

// Core ML's numbers.
typedef enum ppn_image_layout {
  PPN_IMAGE_NONE = 0,  // not an image
  PPN_IMAGE_GRAYSCALE = 10,
  PPN_IMAGE_RGB = 20,
  PPN_IMAGE_BGR = 30,
  PPN_IMAGE_GRAYSCALE_FLOAT16 = 40,
} ppn_image_layout_t;

typedef struct ppn_size_range {
  int64_t lower, upper;  // inclusive; upper -1: unbounded
} ppn_size_range_t;

// An input, output or state, as the model description states it. Pointers live as long as the
// model.
typedef struct ppn_model_feature {
  const char* name;
  ppn_dtype_t dtype;     // of arrays and states; INVALID for images
  int rank;              // -1: the description does not say (outputs of flexible models)
  const int64_t* shape;  // default shape, `rank` entries; [height, width] of images
  bool is_flexible;      // by `ranges` or by `enumerated`
  ppn_feature_kind_t kind;
  const ppn_size_range_t* ranges;  // `rank` entries; NULL when there are none
  // Enumerated shapes, `enumerated_count` × `rank`. When several inputs have them, the n-th shapes
  // belong together.
  const int64_t* enumerated;
  size_t enumerated_count;
  bool is_optional;      // may be left out of a prediction: every element is `default_value` then
  double default_value;  // not 0 only for optional inputs
  ppn_image_layout_t image_layout;
  // A classifier's classes, as texts or as numbers; NULL and 0 for other features.
  const char* const* labels;
  const int64_t* label_numbers;
  size_t label_count;
} ppn_model_feature_t;

// Reads and checks a model; files must not change while it lives, but may be removed. Errors:
// NOT_FOUND, IO, INVALID_DATA; UNSUPPORTED naming the kind of a model that is no ML Program.
PPN_API ppn_status_t ppn_model_open(const char* path, ppn_model_t** out_model);
// NULL is fine. Instances and states of the model must be gone.
PPN_API void ppn_model_free(ppn_model_t* model);
// Compiles a model that was opened from a package or model file: writes the folder `path`
// (".mlmodelc": model.mil, coremldata.bin, metadata.json, weights) that Core ML's compiler would
// make of it. The folder appears complete or not at all; a compiled model that is there is
// replaced. The package need not exist any more. Warns (pippin/log.h) that no Apple device has
// loaded a model that was compiled here. May be called from several threads. Errors:
// FAILED_PRECONDITION when the model is compiled already, or something else is in the way;
// UNSUPPORTED; IO.
PPN_API ppn_status_t ppn_model_compile(const ppn_model_t* model, const char* path);
PPN_API int ppn_model_specification_version(const ppn_model_t* model);
PPN_API size_t ppn_model_function_count(const ppn_model_t* model);
PPN_API const char* ppn_model_function_name(const ppn_model_t* model, size_t index);
// The index of a function by name; NULL: of the default one. Errors: NOT_FOUND listing the
// functions.
PPN_API ppn_status_t ppn_model_find_function(const ppn_model_t* model, const char* name,
                                             size_t* out_index);
// Features of a function; the array lives as long as the model.
PPN_API const ppn_model_feature_t* ppn_model_inputs(const ppn_model_t* model, size_t function,
                                                    size_t* out_count);
PPN_API const ppn_model_feature_t* ppn_model_outputs(const ppn_model_t* model, size_t function,
                                                     size_t* out_count);
PPN_API const ppn_model_feature_t* ppn_model_states(const ppn_model_t* model, size_t function,
                                                    size_t* out_count);

// `function` NULL: the default one. The model must outlive the instance. Several threads may make
// instances of one model. Errors: NOT_FOUND; UNSUPPORTED naming operations that the engine lacks.
PPN_API ppn_status_t ppn_model_instance_create(ppn_model_t* model, const char* function,
                                               const ppn_engine_options_t* options,
                                               ppn_model_instance_t** out_instance);
PPN_API void ppn_model_instance_free(ppn_model_instance_t* instance);
// Inputs in the order of ppn_model_inputs, of any real dtype and any strides; values are converted
// to the declared dtypes. An optional input that is zeroed (dtype INVALID) is not given. Outputs:
// views into the instance's memory, valid until the next prediction, in the order of
// ppn_model_outputs. Errors: INVALID_ARGUMENT for counts and inputs that are missing; OUT_OF_RANGE
// for shapes, naming the input; nothing has run then.
PPN_API ppn_status_t ppn_model_predict(ppn_model_instance_t* instance, const ppn_tensor_t* inputs,
                                       size_t input_count, ppn_tensor_t* out_outputs,
                                       size_t output_count);
// The same into the caller's memory: each output is copied, converted to its tensor's dtype, to
// where its `data` points. Errors: OUT_OF_RANGE for an output of other sizes, after the run.
PPN_API ppn_status_t ppn_model_predict_into(ppn_model_instance_t* instance,
                                            const ppn_tensor_t* inputs, size_t input_count,
                                            const ppn_tensor_t* outputs, size_t output_count);

// The states of a function: what one sequence of predictions remembers. They start at zero. The
// model must outlive them. Errors: NOT_FOUND.
PPN_API ppn_status_t ppn_model_state_create(const ppn_model_t* model, const char* function,
                                            ppn_model_state_t** out_state);
// Not while an instance uses it.
PPN_API void ppn_model_state_free(ppn_model_state_t* state);
// The memory of the state `name`, contiguous in its dtype: may be read and written while no
// prediction uses it. Errors: NOT_FOUND listing the names.
PPN_API ppn_status_t ppn_model_state_tensor(const ppn_model_state_t* state, const char* name,
                                            ppn_tensor_t* out_tensor);
// The instance's predictions read and update `state` from now on; NULL: the instance's own, which
// it has from the start. Errors: INVALID_ARGUMENT for states of another model or function.
PPN_API ppn_status_t ppn_model_instance_use_state(ppn_model_instance_t* instance,
                                                  ppn_model_state_t* state);

// Functions, blocks and operations as JSON, constants as operations of type "const". Release with
// ppn_text_free.
//
//   {"functions": {NAME: {"inputs": [NAME, …], "block": BLOCK}, …}}
//   BLOCK: {"inputs": [NAME, …], "operations": [OPERATION, …], "outputs": [NAME, …]}
//   OPERATION: {"type": …, "inputs": {PARAMETER: [NAME, …], …}, "outputs": [NAME, …],
//               "blocks": [BLOCK, …]}
PPN_API ppn_status_t ppn_model_structure(const ppn_model_t* model, char** out_json);
// The ML Programs as text. Release with ppn_text_free (pippin/lowering.h).
PPN_API ppn_status_t ppn_model_dump(const ppn_model_t* model, char** out_text);

#ifdef __cplusplus
}
#endif
#endif  // PIPPIN_MODEL_H_
