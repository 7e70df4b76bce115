// Inputs and outputs of a method.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "runtime/method.h"
#include "runtime/values.h"

// ---- Ports ----

static bool is_input_tensor(const ppn_method_t* method, const ppn_runtime_tensor_t* tensor) {
  for (uint32_t i = 0; i < method->plan->input_count; ++i) {
    if (method->inputs[i].tensor == tensor) return true;
  }
  return false;
}

static void bind_port(ppn_method_t* method, int32_t id, ppn_method_port_t* port) {
  port->value = &method->values[id];
  port->traced = *port->value;
  if (port->value->kind == PPN_RUNTIME_TENSOR) port->tensor = port->value->u.tensor;
}

// Memory for `size` bytes of a tensor that is not planned.
static ppn_status_t grow(ppn_method_port_t* port, size_t size) {
  if (!port->memory || size > port->memory_size) {
    void* memory = size > PPN_RUNTIME_MAX_MEMORY ? NULL : calloc(1, size ? size : 1);
    if (!memory) {
      return ppn_status_make(PPN_STATUS_OUT_OF_MEMORY, "out of memory: %zu bytes", size);
    }
    free(port->memory);
    port->memory = memory;
    port->memory_size = size;
  }
  port->tensor->view.data = port->memory;
  port->tensor->capacity = port->memory_size;
  return NULL;
}

static bool is_unplanned(const ppn_runtime_tensor_t* tensor) {
  return tensor && !tensor->is_planned && !tensor->is_constant;
}

ppn_status_t ppn_method_make_ports(ppn_method_t* method) {
  const ppn_pte_plan_t* plan = method->plan;
  PPN_ARENA_NEW(&method->arena, plan->input_count, &method->inputs);
  PPN_ARENA_NEW(&method->arena, plan->output_count, &method->outputs);
  for (uint32_t i = 0; i < plan->input_count; ++i) {
    bind_port(method, plan->inputs[i], &method->inputs[i]);
  }
  for (uint32_t i = 0; i < plan->output_count; ++i) {
    ppn_method_port_t* port = &method->outputs[i];
    bind_port(method, plan->outputs[i], port);
    if (!is_unplanned(port->tensor) || port->tensor->view.data) continue;
    if (is_input_tensor(method, port->tensor)) continue;  // set_input gives it memory
    int64_t numel;
    size_t size;
    if (!ppn_sizes_numel(port->tensor->view.rank, port->tensor->bounds, &numel) ||
        !ppn_dtype_byte_count(port->tensor->view.dtype, numel, &size)) {
      return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                             "output %u is not planned and its sizes have no useful bounds", i);
    }
    PPN_RETURN_IF_ERROR_ANNOTATED(grow(port, size), "output %u", i);
  }
  return NULL;
}

void ppn_method_release_ports(ppn_method_t* method) {
  for (uint32_t i = 0; method->inputs && i < method->plan->input_count; ++i) {
    free(method->inputs[i].memory);
  }
  for (uint32_t i = 0; method->outputs && i < method->plan->output_count; ++i) {
    free(method->outputs[i].memory);
  }
}

// ---- Description ----

uint32_t ppn_method_input_count(const ppn_method_t* method) {
  return method->plan->input_count;
}

uint32_t ppn_method_output_count(const ppn_method_t* method) {
  return method->plan->output_count;
}

static ppn_evalue_kind_t evalue_kind(ppn_runtime_value_kind_t kind) {
  switch (kind) {
    case PPN_RUNTIME_INT:
      return PPN_EVALUE_INT;
    case PPN_RUNTIME_BOOL:
      return PPN_EVALUE_BOOL;
    case PPN_RUNTIME_DOUBLE:
      return PPN_EVALUE_DOUBLE;
    case PPN_RUNTIME_STRING:
      return PPN_EVALUE_STRING;
    case PPN_RUNTIME_TENSOR:
      return PPN_EVALUE_TENSOR;
    default:
      return PPN_EVALUE_NONE;
  }
}

static ppn_evalue_kind_t describe(const ppn_method_port_t* port, ppn_tensor_info_t* out_info) {
  memset(out_info, 0, sizeof(*out_info));
  const ppn_runtime_tensor_t* tensor = port->tensor;
  if (tensor) {
    out_info->dtype = tensor->view.dtype;
    out_info->rank = tensor->view.rank;
    memcpy(out_info->sizes, tensor->bounds, sizeof(tensor->bounds));
    memcpy(out_info->dim_order, tensor->dim_order, sizeof(tensor->dim_order));
    out_info->is_dynamic = tensor->is_dynamic;
    out_info->is_memory_planned = !is_unplanned(tensor);
    int64_t numel;
    if (ppn_sizes_numel(tensor->view.rank, tensor->bounds, &numel)) {
      ppn_dtype_byte_count(tensor->view.dtype, numel, &out_info->nbytes);
    }
  }
  return evalue_kind(port->traced.kind);
}

ppn_evalue_kind_t ppn_method_input_info(const ppn_method_t* method, uint32_t index,
                                        ppn_tensor_info_t* out_info) {
  memset(out_info, 0, sizeof(*out_info));
  if (index >= method->plan->input_count) return PPN_EVALUE_NONE;
  return describe(&method->inputs[index], out_info);
}

ppn_evalue_kind_t ppn_method_output_info(const ppn_method_t* method, uint32_t index,
                                         ppn_tensor_info_t* out_info) {
  memset(out_info, 0, sizeof(*out_info));
  if (index >= method->plan->output_count) return PPN_EVALUE_NONE;
  return describe(&method->outputs[index], out_info);
}

// ---- Setting inputs ----

static const char* evalue_kind_name(ppn_evalue_kind_t kind) {
  static const char* const names[] = {"None",    "a tensor", "a string",
                                      "a float", "an int",   "a bool"};
  return (unsigned)kind < PPN_COUNT_OF(names) ? names[kind] : "something unknown";
}

// An output fed back as an input may lie in memory that the plan uses for both.
static ppn_status_t copy_in(const ppn_tensor_t* source, ppn_runtime_tensor_t* target) {
  if (!ppn_tensors_overlap(source, &target->view)) {
    ppn_tensor_copy(source, &target->view);
    return NULL;
  }
  void* memory = malloc(ppn_tensor_size(source));
  if (!memory) return ppn_out_of_memory();
  ppn_tensor_t copy = ppn_tensor_make(memory, source->dtype, source->rank, source->sizes);
  ppn_tensor_copy(source, &copy);
  ppn_tensor_copy(&copy, &target->view);
  free(memory);
  return NULL;
}

static ppn_status_t set_tensor(ppn_method_port_t* port, const ppn_tensor_t* source) {
  ppn_runtime_tensor_t* tensor = port->tensor;
  int64_t numel;
  size_t size;
  if (source->dtype != tensor->view.dtype) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "expected dtype %s, found %s",
                           ppn_dtype_name(tensor->view.dtype), ppn_dtype_name(source->dtype));
  }
  if (source->rank != tensor->view.rank) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "expected %d dimensions, found %d",
                           tensor->view.rank, source->rank);
  }
  if (!ppn_sizes_numel(source->rank, source->sizes, &numel) ||
      !ppn_dtype_byte_count(source->dtype, numel, &size)) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "a size is negative or too large");
  }
  if (numel > 0 && !source->data) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "the tensor has no data");
  }
  if (tensor->is_constant) {
    return ppn_status_make(PPN_STATUS_FAILED_PRECONDITION, "it is a constant of the program");
  }
  if (is_unplanned(tensor)) {
    PPN_RETURN_IF_ERROR(ppn_runtime_tensor_resize(tensor, source->rank, source->sizes));
    PPN_RETURN_IF_ERROR(grow(port, size));
  } else {
    PPN_RETURN_IF_ERROR(
        ppn_runtime_tensor_prepare(tensor, source->dtype, source->rank, source->sizes));
  }
  port->value->kind = PPN_RUNTIME_TENSOR;
  port->value->u.tensor = tensor;
  return numel ? copy_in(source, tensor) : NULL;
}

// As ExecuTorch compares: the program was specialised for the traced number.
static bool doubles_match(double found, double traced) {
  if (isnan(traced)) return isnan(found);
  if (isinf(traced)) return found == traced;
  return fabs(found - traced) <= 1e-4 + fabs(1e-5 * traced);
}

static ppn_status_t check_scalar(const ppn_method_port_t* port, const ppn_evalue_t* value) {
  const ppn_runtime_value_t* traced = &port->traced;
  switch (value->kind) {
    case PPN_EVALUE_INT:
      if (value->u.integer == traced->u.integer) return NULL;
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "the program was exported for the integer %" PRId64
                             " and cannot take %" PRId64,
                             traced->u.integer, value->u.integer);
    case PPN_EVALUE_BOOL:
      if (value->u.boolean == traced->u.boolean) return NULL;
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "the program was exported for %s and cannot take the opposite",
                             traced->u.boolean ? "true" : "false");
    case PPN_EVALUE_DOUBLE:
      if (doubles_match(value->u.number, traced->u.number)) return NULL;
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "the program was exported for the number %g and cannot take %g",
                             traced->u.number, value->u.number);
    case PPN_EVALUE_STRING:
      if (ppn_sv_equal(ppn_sv_make(value->u.string.data, value->u.string.size),
                       ppn_sv_make(traced->u.string, traced->count))) {
        return NULL;
      }
      return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "the program was exported for the string '%.*s'", (int)traced->count,
                             traced->u.string);
    default:
      return NULL;
  }
}

static ppn_status_t set_input(ppn_method_port_t* port, const ppn_evalue_t* value) {
  ppn_evalue_kind_t expected = evalue_kind(port->traced.kind);
  if (value->kind != expected) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "expected %s, found %s",
                           evalue_kind_name(expected), evalue_kind_name(value->kind));
  }
  if (expected == PPN_EVALUE_TENSOR) {
    PPN_RETURN_IF_ERROR(set_tensor(port, &value->u.tensor));
  } else {
    PPN_RETURN_IF_ERROR(check_scalar(port, value));
    *port->value = port->traced;
  }
  port->is_set = true;
  return NULL;
}

ppn_status_t ppn_method_set_input(ppn_method_t* method, uint32_t index, const ppn_evalue_t* value) {
  if (index >= method->plan->input_count) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT, "method '%s' has %u inputs; there is no %u",
                           method->plan->name, method->plan->input_count, index);
  }
  return ppn_status_annotate(set_input(&method->inputs[index], value), "method '%s': input %u",
                             method->plan->name, index);
}

// ---- Reading outputs ----

ppn_status_t ppn_method_get_output(const ppn_method_t* method, uint32_t index,
                                   ppn_evalue_t* out_value) {
  memset(out_value, 0, sizeof(*out_value));
  if (index >= method->plan->output_count) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "method '%s' has %u outputs; there is no %u", method->plan->name,
                           method->plan->output_count, index);
  }
  const ppn_runtime_value_t* value = method->outputs[index].value;
  out_value->kind = evalue_kind(value->kind);
  switch (out_value->kind) {
    case PPN_EVALUE_TENSOR:
      out_value->u.tensor = value->u.tensor->view;
      if (!out_value->u.tensor.data && ppn_tensor_numel(&out_value->u.tensor) > 0) {
        return ppn_status_make(PPN_STATUS_FAILED_PRECONDITION,
                               "method '%s': output %u has no memory before the first execution",
                               method->plan->name, index);
      }
      break;
    case PPN_EVALUE_INT:
      out_value->u.integer = value->u.integer;
      break;
    case PPN_EVALUE_BOOL:
      out_value->u.boolean = value->u.boolean;
      break;
    case PPN_EVALUE_DOUBLE:
      out_value->u.number = value->u.number;
      break;
    case PPN_EVALUE_STRING:
      out_value->u.string.data = value->u.string;
      out_value->u.string.size = value->count;
      break;
    case PPN_EVALUE_NONE:
      break;
  }
  return NULL;
}
