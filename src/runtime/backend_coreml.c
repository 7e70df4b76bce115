// The Core ML backend: executes a delegate's model with Pippin's engine.
#include <stdlib.h>

#include "coreml/delegate.h"
#include "runtime/backend.h"
#include "runtime/coreml_function.h"
#include "runtime/values.h"

// An opened payload: delegates whose model has several functions share it.
typedef struct source {
  ppn_coreml_payload_t* payload;
  ppn_coreml_model_t* model;
  ppn_engine_weights_t* weights;
} source_t;

typedef struct delegate {
  ppn_arena_t arena;
  ppn_shares_t* shares;
  source_t* source;
  ppn_coreml_function_t* function;
  const char* const* input_names;
  const char* const* output_names;
  uint32_t input_count, output_count;
  ppn_tensor_t* tensors;  // inputs, then outputs
} delegate_t;

// ---- Sources ----

static void release_source(void* object) {
  source_t* source = object;
  ppn_engine_weights_free(source->weights);
  if (source->model) ppn_coreml_model_free(source->model);
  ppn_coreml_payload_free(source->payload);
  free(source);
}

static ppn_status_t open_source(source_t* source, ppn_span_t payload) {
  PPN_RETURN_IF_ERROR(ppn_coreml_payload_open(payload, &source->payload));
  PPN_RETURN_IF_ERROR(ppn_coreml_payload_model(source->payload, &source->model));
  return ppn_engine_weights_create(&source->weights);
}

static ppn_status_t create_source(const void* context, void** out_object) {
  const ppn_span_t* payload = context;
  source_t* source = calloc(1, sizeof(*source));
  if (!source) return ppn_out_of_memory();
  ppn_status_t status = open_source(source, *payload);
  if (status) {
    release_source(source);
    return status;
  }
  *out_object = source;
  return NULL;
}

static const ppn_share_kind_t sources = {create_source, release_source};

// ---- Creation ----

static ppn_status_t open_function(delegate_t* delegate, const ppn_backend_request_t* request) {
  ppn_span_t payload;
  const char* function;
  PPN_RETURN_IF_ERROR(ppn_coreml_payload_resolve(request->file, request->payload, &delegate->arena,
                                                 &payload, &function));
  delegate->shares = request->shares;
  void* source = NULL;
  PPN_RETURN_IF_ERROR(
      ppn_shares_acquire(request->shares, &sources, payload.data, &payload, &source));
  delegate->source = source;
  PPN_RETURN_IF_ERROR(ppn_coreml_payload_names(delegate->source->payload, request->method,
                                               &delegate->input_names, &delegate->input_count,
                                               &delegate->output_names, &delegate->output_count));
  PPN_ARENA_NEW(&delegate->arena, (size_t)delegate->input_count + delegate->output_count,
                &delegate->tensors);
  if (delegate->source->model->is_multifunction && !function) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "the delegate's model has several functions, and it names none");
  }
  return ppn_coreml_function_create(delegate->source->model, function, delegate->input_names,
                                    delegate->input_count, delegate->output_names,
                                    delegate->output_count, request->options,
                                    delegate->source->weights, &delegate->function);
}

static void release_delegate(void* handle) {
  delegate_t* delegate = handle;
  if (!delegate) return;
  ppn_coreml_function_free(delegate->function);
  ppn_shares_release(delegate->shares, delegate->source);
  ppn_arena_release(&delegate->arena);
  free(delegate);
}

static ppn_status_t create_delegate(const ppn_backend_request_t* request, void** out_delegate) {
  delegate_t* delegate = calloc(1, sizeof(*delegate));
  if (!delegate) return ppn_out_of_memory();
  ppn_status_t status = open_function(delegate, request);
  if (status) {
    release_delegate(delegate);
    return status;
  }
  *out_delegate = delegate;
  return NULL;
}

// ---- Execution ----

static ppn_status_t read_tensor(const ppn_runtime_value_t* argument, ppn_tensor_t* out) {
  if (argument->kind != PPN_RUNTIME_TENSOR) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "expected a tensor, found %s",
                           ppn_runtime_value_kind_name(argument->kind));
  }
  *out = argument->u.tensor->view;
  if (!out->data && ppn_tensor_numel(out) > 0) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "the tensor has no memory");
  }
  return NULL;
}

static ppn_status_t write_tensor(const ppn_tensor_t* source, const ppn_runtime_value_t* argument) {
  if (argument->kind != PPN_RUNTIME_TENSOR) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "expected a tensor, found %s",
                           ppn_runtime_value_kind_name(argument->kind));
  }
  ppn_runtime_tensor_t* tensor = argument->u.tensor;
  ppn_tensor_t view = *source;
  // Core ML has no rank 0 at its border: such a tensor is one of a single element there.
  if (tensor->view.rank == 0 && view.rank == 1 && view.sizes[0] == 1) view.rank = 0;
  PPN_RETURN_IF_ERROR(ppn_runtime_tensor_prepare(tensor, PPN_DTYPE_INVALID, view.rank, view.sizes));
  ppn_tensor_copy(&view, &tensor->view);
  return NULL;
}

static ppn_status_t execute_delegate(void* handle, ppn_runtime_value_t* const* arguments,
                                     uint32_t count) {
  delegate_t* delegate = handle;
  uint32_t inputs = delegate->input_count, outputs = delegate->output_count;
  if (count != inputs + outputs) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA,
                           "%u arguments; the model has %u inputs and %u outputs", count, inputs,
                           outputs);
  }
  for (uint32_t i = 0; i < inputs; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(read_tensor(arguments[i], &delegate->tensors[i]), "input '%s'",
                                  delegate->input_names[i]);
  }
  ppn_tensor_t* results = delegate->tensors + inputs;
  PPN_RETURN_IF_ERROR(ppn_coreml_function_run(delegate->function, delegate->tensors, results));
  for (uint32_t i = 0; i < outputs; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(write_tensor(&results[i], arguments[inputs + i]), "output '%s'",
                                  delegate->output_names[i]);
  }
  return NULL;
}

const ppn_backend_t ppn_backend_coreml = {PPN_COREML_BACKEND_ID, create_delegate, execute_delegate,
                                          release_delegate};
