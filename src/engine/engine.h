// The CPU engine: executes a function of an ML Program.
//
//   model (immutable: program, prepacked weights)  ─ context (one per thread: buffers, states, plan
//   for the last shapes)
//
// load → prepare (specialise to the input shapes, fold, fuse, plan memory, prepack) → run → free.
// ppn_engine_run allocates nothing when the shapes are those of the last preparation.
#ifndef PPN_ENGINE_ENGINE_H_
#define PPN_ENGINE_ENGINE_H_

#include "base/thread_pool.h"
#include "mil/mil.h"
#include "pippin/runtime.h"
#include "tensor/tensor.h"

// ppn_engine_options_t and ppn_numerics_t are public: pippin/runtime.h.

typedef struct ppn_engine_model ppn_engine_model_t;
typedef struct ppn_engine_context ppn_engine_context_t;

// A program's weights where the engine does not use them as they lie: converted or packed, each
// once, for the models of all functions. Thread-safe; must outlive the models.
typedef struct ppn_engine_weights ppn_engine_weights_t;
ppn_status_t ppn_engine_weights_create(ppn_engine_weights_t** out_weights) PPN_MUST_USE;
void ppn_engine_weights_free(ppn_engine_weights_t* weights);

// `program` must outlive the model. `weights` are the program's; NULL: the model has its own.
// Where a program has several functions, products read weights as they lie: a packed copy for each
// shape that they are used with would take more memory than the weights themselves.
// Errors: UNSUPPORTED naming the operation that the engine cannot run.
ppn_status_t ppn_engine_model_create(const ppn_mil_program_t* program, const char* function_name,
                                     const ppn_engine_options_t* options,
                                     ppn_engine_weights_t* weights,
                                     ppn_engine_model_t** out_model) PPN_MUST_USE;
void ppn_engine_model_free(ppn_engine_model_t* model);

// States start at zero. A context is used by one thread at a time.
ppn_status_t ppn_engine_context_create(ppn_engine_model_t* model,
                                       ppn_engine_context_t** out_context) PPN_MUST_USE;
void ppn_engine_context_free(ppn_engine_context_t* context);

// Input i of the function (states not counted, order of function->inputs) has shape `tensors[i]`'s
// sizes; data is not touched. Plans everything. Done by ppn_engine_run when shapes changed. Errors:
// OUT_OF_RANGE naming input, dimension, expected and found.
ppn_status_t ppn_engine_prepare(ppn_engine_context_t* context, const ppn_tensor_t* inputs,
                                uint32_t input_count) PPN_MUST_USE;
// Shape and dtype of output i for the prepared shapes (data-dependent shapes: known only after the
// run).
ppn_status_t ppn_engine_output_type(const ppn_engine_context_t* context, uint32_t index,
                                    ppn_tensor_t* out_type) PPN_MUST_USE;

// Runs. Inputs have the function's dtypes (any strides). A classifier's label is INT64 (of texts:
// its place among the classes), its probabilities are a FLOAT64 tensor in the order of the classes.
// `outputs[i].data` NULL: set to the context's own memory, valid until the next run; otherwise the
// result is written there (contiguous, dtype and sizes as ppn_engine_output_type says).
ppn_status_t ppn_engine_run(ppn_engine_context_t* context, const ppn_tensor_t* inputs,
                            uint32_t input_count, ppn_tensor_t* outputs,
                            uint32_t output_count) PPN_MUST_USE;

// A state's memory, contiguous in its declared dtype: read or overwrite between runs. NOT_FOUND for
// a wrong name.
ppn_status_t ppn_engine_state(ppn_engine_context_t* context, const char* name,
                              ppn_tensor_t* out_view) PPN_MUST_USE;

// Runs use `data`, contiguous in the state's declared dtype, as its memory from now on; NULL: the
// context's own again. The caller keeps it alive. NOT_FOUND for a wrong name.
ppn_status_t ppn_engine_bind_state(ppn_engine_context_t* context, const char* name,
                                   void* data) PPN_MUST_USE;

// Called after each executed step when set: the operation (a fused step names its last) and
// nanoseconds.
typedef void (*ppn_engine_trace_t)(void* user_data, const ppn_mil_operation_t* operation,
                                   uint64_t nanoseconds);
void ppn_engine_set_trace(ppn_engine_context_t* context, ppn_engine_trace_t trace, void* user_data);
// Called with every intermediate value of the program (disables fusion; for comparisons). FLOAT16
// values come as they are held, in FLOAT32. The tensor is valid during the call. Values that are
// computed when a plan is made are given at the start of each run.
typedef void (*ppn_engine_observer_t)(void* user_data, const ppn_mil_value_t* value,
                                      const ppn_tensor_t* tensor);
ppn_status_t ppn_engine_set_observer(ppn_engine_context_t* context, ppn_engine_observer_t observer,
                                     void* user_data) PPN_MUST_USE;

#endif  // PPN_ENGINE_ENGINE_H_
