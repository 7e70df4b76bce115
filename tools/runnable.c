#include "runnable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

struct runnable {
  ppn_program_t* program;
  ppn_method_t* method;
  ppn_model_t* model;
  ppn_model_instance_t* instance;
  size_t function;
  size_t input_count, output_count;
  ppn_tensor_t* outputs;  // of a model
  int64_t scalar;         // holds a method's scalar output while it is looked at
  double number;
};

static ppn_status_t open_method(runnable_t* runnable, const char* path, const char* name,
                                const ppn_engine_options_t* options) {
  PPN_RETURN_IF_ERROR(ppn_program_open(path, &runnable->program));
  if (!name) {
    if (ppn_program_method_count(runnable->program) == 0) {
      return ppn_status_make(PPN_STATUS_NOT_FOUND, "'%s' has no methods", path);
    }
    name = ppn_program_method_name(runnable->program, 0);
    for (uint32_t i = 0; i < ppn_program_method_count(runnable->program); ++i) {
      if (!strcmp(ppn_program_method_name(runnable->program, i), "forward")) name = "forward";
    }
  }
  PPN_RETURN_IF_ERROR(ppn_method_load(runnable->program, name, options, &runnable->method));
  runnable->input_count = ppn_method_input_count(runnable->method);
  runnable->output_count = ppn_method_output_count(runnable->method);
  return ppn_status_ok();
}

static ppn_status_t open_model(runnable_t* runnable, const char* path, const char* name,
                               const ppn_engine_options_t* options) {
  PPN_RETURN_IF_ERROR(ppn_model_open(path, &runnable->model));
  size_t count = ppn_model_function_count(runnable->model);
  while (name && runnable->function < count &&
         strcmp(ppn_model_function_name(runnable->model, runnable->function), name)) {
    ++runnable->function;
  }
  if (runnable->function == count) {
    return ppn_status_make(PPN_STATUS_NOT_FOUND, "'%s' has no function '%s'; see 'pippin info'",
                           path, name ? name : "");
  }
  name = ppn_model_function_name(runnable->model, runnable->function);
  PPN_RETURN_IF_ERROR_ANNOTATED(
      ppn_model_instance_create(runnable->model, name, options, &runnable->instance), "%s", path);
  ppn_model_inputs(runnable->model, runnable->function, &runnable->input_count);
  ppn_model_outputs(runnable->model, runnable->function, &runnable->output_count);
  runnable->outputs = calloc(runnable->output_count + 1, sizeof(*runnable->outputs));
  return runnable->outputs ? ppn_status_ok() : ppn_out_of_memory();
}

ppn_status_t runnable_open(const char* path, const char* name, const ppn_engine_options_t* options,
                           runnable_t** out) {
  *out = NULL;
  runnable_t* runnable = calloc(1, sizeof(*runnable));
  if (!runnable) return ppn_out_of_memory();
  size_t size = strlen(path);
  bool is_program = size > 4 && !strcmp(path + size - 4, ".pte");
  ppn_status_t status = is_program ? open_method(runnable, path, name, options)
                                   : open_model(runnable, path, name, options);
  if (status) {
    runnable_free(runnable);
    return status;
  }
  *out = runnable;
  return ppn_status_ok();
}

void runnable_free(runnable_t* runnable) {
  if (!runnable) return;
  ppn_method_free(runnable->method);
  ppn_program_free(runnable->program);
  ppn_model_instance_free(runnable->instance);
  ppn_model_free(runnable->model);
  free(runnable->outputs);
  free(runnable);
}

size_t runnable_input_count(const runnable_t* runnable) {
  return runnable->input_count;
}
size_t runnable_output_count(const runnable_t* runnable) {
  return runnable->output_count;
}

static runnable_port_t port_of_method(const runnable_t* runnable, size_t index, bool input) {
  runnable_port_t port = {.is_tensor = false};
  ppn_tensor_info_t info;
  ppn_evalue_kind_t kind = input ? ppn_method_input_info(runnable->method, (uint32_t)index, &info)
                                 : ppn_method_output_info(runnable->method, (uint32_t)index, &info);
  snprintf(port.name, sizeof(port.name), "%zu", index);
  port.is_tensor = kind == PPN_EVALUE_TENSOR;
  if (port.is_tensor) port.type = ppn_tensor_make(NULL, info.dtype, info.rank, info.sizes);
  return port;
}

static runnable_port_t port_of_feature(const ppn_model_feature_t* feature) {
  runnable_port_t port = {.is_tensor = true};
  snprintf(port.name, sizeof(port.name), "%s", feature->name);
  port.type =
      ppn_tensor_make(NULL, feature->dtype, feature->rank < 0 ? 0 : feature->rank, feature->shape);
  return port;
}

runnable_port_t runnable_input(const runnable_t* runnable, size_t index) {
  if (runnable->method) return port_of_method(runnable, index, true);
  size_t count;
  return port_of_feature(&ppn_model_inputs(runnable->model, runnable->function, &count)[index]);
}

runnable_port_t runnable_output(const runnable_t* runnable, size_t index) {
  if (runnable->method) return port_of_method(runnable, index, false);
  size_t count;
  return port_of_feature(&ppn_model_outputs(runnable->model, runnable->function, &count)[index]);
}

const ppn_model_feature_t* runnable_output_feature(const runnable_t* runnable, size_t index) {
  size_t count;
  if (runnable->method) return NULL;
  return &ppn_model_outputs(runnable->model, runnable->function, &count)[index];
}

ppn_status_t runnable_run(runnable_t* runnable, const ppn_tensor_t* inputs) {
  if (!runnable->method) {
    return ppn_model_predict(runnable->instance, inputs, runnable->input_count, runnable->outputs,
                             runnable->output_count);
  }
  for (size_t i = 0; i < runnable->input_count; ++i) {
    ppn_tensor_info_t info;
    if (ppn_method_input_info(runnable->method, (uint32_t)i, &info) != PPN_EVALUE_TENSOR) continue;
    ppn_evalue_t value = {.kind = PPN_EVALUE_TENSOR, .u.tensor = inputs[i]};
    PPN_RETURN_IF_ERROR(ppn_method_set_input(runnable->method, (uint32_t)i, &value));
  }
  return ppn_method_execute(runnable->method);
}

ppn_status_t runnable_get_output(runnable_t* runnable, size_t index, ppn_tensor_t* out) {
  if (!runnable->method) {
    *out = runnable->outputs[index];
    return ppn_status_ok();
  }
  ppn_evalue_t value;
  PPN_RETURN_IF_ERROR(ppn_method_get_output(runnable->method, (uint32_t)index, &value));
  switch (value.kind) {
    case PPN_EVALUE_TENSOR:
      *out = value.u.tensor;
      return ppn_status_ok();
    case PPN_EVALUE_DOUBLE:
      runnable->number = value.u.number;
      *out = ppn_tensor_make(&runnable->number, PPN_DTYPE_FLOAT64, 0, NULL);
      return ppn_status_ok();
    case PPN_EVALUE_INT:
    case PPN_EVALUE_BOOL:
      runnable->scalar = value.kind == PPN_EVALUE_INT ? value.u.integer : value.u.boolean;
      *out = ppn_tensor_make(&runnable->scalar, PPN_DTYPE_INT64, 0, NULL);
      return ppn_status_ok();
    default:
      return ppn_status_make(PPN_STATUS_UNSUPPORTED, "output %zu is neither a tensor nor a number",
                             index);
  }
}
