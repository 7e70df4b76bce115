// Control flow and lists.
#include <stdlib.h>
#include <string.h>

#include "engine/interpret.h"

#define MAXIMUM_LIST ((int64_t)1 << 24)

static ppn_status_t fetch_scalar(ppn_engine_interpreter_t* interpreter,
                                 const ppn_mil_value_t* value, int64_t* out) {
  ppn_tensor_t tensor;
  PPN_RETURN_IF_ERROR(ppn_engine_interpreter_fetch(interpreter, value, &tensor));
  if (ppn_tensor_numel(&tensor) < 1) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "value '%s' has no element", value->name);
  }
  *out = ppn_element_as_int64(tensor.dtype, tensor.data, 0);
  return ppn_status_ok();
}

static ppn_engine_list_t* list_of(const ppn_engine_interpreter_t* interpreter,
                                  const ppn_mil_value_t* value) {
  ppn_engine_variable_t* variable = ppn_engine_values_find(&interpreter->values, value);
  return variable ? variable->list : NULL;
}

// `to` = `from`, whatever it is.
static ppn_status_t assign(ppn_engine_interpreter_t* interpreter, const ppn_mil_value_t* to,
                           const ppn_mil_value_t* from) {
  if (to == from) return ppn_status_ok();
  ppn_engine_list_t* list = list_of(interpreter, from);
  if (list) {
    return ppn_engine_values_set_list(&interpreter->values, to, ppn_engine_list_retain(list));
  }
  ppn_tensor_t tensor;
  PPN_RETURN_IF_ERROR(ppn_engine_interpreter_fetch(interpreter, from, &tensor));
  return ppn_engine_values_copy(&interpreter->values, to, &tensor);
}

static ppn_status_t assign_all(ppn_engine_interpreter_t* interpreter,
                               ppn_mil_value_t* const* targets, ppn_mil_value_t* const* sources,
                               uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    PPN_RETURN_IF_ERROR(assign(interpreter, targets[i], sources[i]));
  }
  return ppn_status_ok();
}

static ppn_status_t run_cond(ppn_engine_interpreter_t* interpreter,
                             const ppn_mil_operation_t* operation) {
  int64_t predicate = 0;
  PPN_RETURN_IF_ERROR(
      fetch_scalar(interpreter, ppn_mil_operation_input(operation, "pred"), &predicate));
  const ppn_mil_block_t* block = operation->blocks[predicate ? 0 : 1];
  PPN_RETURN_IF_ERROR(ppn_engine_interpreter_run_block(interpreter, block));
  return assign_all(interpreter, operation->outputs, block->outputs, operation->output_count);
}

// The body's results pass through the operation's results, so that variables may be exchanged.
static ppn_status_t run_while(ppn_engine_interpreter_t* interpreter,
                              const ppn_mil_operation_t* operation) {
  const ppn_mil_argument_t* variables = ppn_mil_operation_argument(operation, "loop_vars");
  const ppn_mil_block_t *condition = operation->blocks[0], *body = operation->blocks[1];
  uint32_t count = operation->output_count;
  PPN_RETURN_IF_ERROR(assign_all(interpreter, operation->outputs, variables->values, count));
  for (;;) {
    int64_t go_on = 0;
    PPN_RETURN_IF_ERROR(assign_all(interpreter, condition->inputs, operation->outputs, count));
    PPN_RETURN_IF_ERROR(ppn_engine_interpreter_run_block(interpreter, condition));
    PPN_RETURN_IF_ERROR(fetch_scalar(interpreter, condition->outputs[0], &go_on));
    if (!go_on) return ppn_status_ok();
    PPN_RETURN_IF_ERROR(assign_all(interpreter, body->inputs, operation->outputs, count));
    PPN_RETURN_IF_ERROR(ppn_engine_interpreter_run_block(interpreter, body));
    PPN_RETURN_IF_ERROR(assign_all(interpreter, operation->outputs, body->outputs, count));
  }
}

// ---- Lists ----

static ppn_status_t list_fail(const ppn_mil_operation_t* operation, const char* text,
                              int64_t index) {
  return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "%s '%s': %s (index or length %lld)",
                         operation->op->type, operation->name, text, (long long)index);
}

static ppn_status_t make_list(ppn_engine_interpreter_t* interpreter,
                              const ppn_mil_operation_t* operation) {
  int64_t length = 1;
  const ppn_mil_value_t* initial = ppn_mil_operation_input(operation, "init_length");
  if (initial) PPN_RETURN_IF_ERROR(fetch_scalar(interpreter, initial, &length));
  if (length < 0 || length > MAXIMUM_LIST) return list_fail(operation, "a wrong length", length);
  ppn_engine_list_t* list = NULL;
  PPN_RETURN_IF_ERROR(ppn_engine_list_create(length, &list));
  return ppn_engine_values_set_list(&interpreter->values, operation->outputs[0], list);
}

// An element; zeros, in memory for the caller to free, where none was written yet.
static ppn_status_t find_element(const ppn_mil_operation_t* operation,
                                 const ppn_engine_list_t* list, int64_t index,
                                 ppn_tensor_t* out_element, void** out_memory) {
  const ppn_mil_type_t* type = &ppn_mil_operation_input(operation, "ls")->type;
  *out_memory = NULL;
  if (index < 0) index += ppn_engine_list_length(list);
  const ppn_tensor_t* element = ppn_engine_list_element(list, index);
  if (element) {
    *out_element = *element;
    return ppn_status_ok();
  }
  if (index < 0 || index >= ppn_engine_list_length(list)) {
    return list_fail(operation, "no such element", index);
  }
  if (!ppn_mil_type_is_static(type)) {
    return list_fail(operation, "an element of unknown size was not written", index);
  }
  int64_t sizes[PPN_MAX_RANK];
  for (int i = 0; i < type->rank; ++i) sizes[i] = type->sizes[i].value;
  *out_element = ppn_tensor_make(NULL, ppn_engine_stored_dtype(type->dtype), type->rank, sizes);
  out_element->data = *out_memory = calloc(1, ppn_tensor_size(out_element) + 1);
  return *out_memory ? ppn_status_ok() : ppn_out_of_memory();
}

static ppn_status_t read_list(ppn_engine_interpreter_t* interpreter,
                              const ppn_mil_operation_t* operation, const ppn_engine_list_t* list) {
  int64_t index = 0;
  PPN_RETURN_IF_ERROR(
      fetch_scalar(interpreter, ppn_mil_operation_input(operation, "index"), &index));
  ppn_tensor_t element;
  void* memory = NULL;
  PPN_RETURN_IF_ERROR(find_element(operation, list, index, &element, &memory));
  ppn_status_t status =
      ppn_engine_values_copy(&interpreter->values, operation->outputs[0], &element);
  free(memory);
  return status;
}

static ppn_status_t write_list(ppn_engine_interpreter_t* interpreter,
                               const ppn_mil_operation_t* operation, ppn_engine_list_t* list) {
  int64_t index = 0;
  ppn_tensor_t value;
  PPN_RETURN_IF_ERROR(
      fetch_scalar(interpreter, ppn_mil_operation_input(operation, "index"), &index));
  PPN_RETURN_IF_ERROR(ppn_engine_interpreter_fetch(
      interpreter, ppn_mil_operation_input(operation, "value"), &value));
  if (index < 0) index += ppn_engine_list_length(list);
  if (index < 0 || index > MAXIMUM_LIST) return list_fail(operation, "a wrong index", index);
  ppn_engine_list_t* written = NULL;
  PPN_RETURN_IF_ERROR(ppn_engine_list_write(list, index, &value, &written));
  return ppn_engine_values_set_list(&interpreter->values, operation->outputs[0], written);
}

static ppn_status_t list_length(ppn_engine_interpreter_t* interpreter,
                                const ppn_mil_operation_t* operation,
                                const ppn_engine_list_t* list) {
  int32_t length = (int32_t)ppn_engine_list_length(list);
  ppn_tensor_t tensor = ppn_tensor_make(&length, PPN_DTYPE_INT32, 0, NULL);
  return ppn_engine_values_copy(&interpreter->values, operation->outputs[0], &tensor);
}

// Elements of equal sizes stacked along a new first dimension.
static ppn_status_t gather_list(ppn_engine_interpreter_t* interpreter,
                                const ppn_mil_operation_t* operation,
                                const ppn_engine_list_t* list) {
  ppn_tensor_t indices, result = {0};
  PPN_RETURN_IF_ERROR(ppn_engine_interpreter_fetch(
      interpreter, ppn_mil_operation_input(operation, "indices"), &indices));
  int64_t count = ppn_tensor_numel(&indices);
  size_t size = 0;
  ppn_buffer_t bytes = {0};
  ppn_status_t status = ppn_status_ok();
  for (int64_t i = 0; i < count && !status; ++i) {
    int64_t index = ppn_element_as_int64(indices.dtype, indices.data, i);
    ppn_tensor_t element;
    void* memory = NULL;
    status = find_element(operation, list, index, &element, &memory);
    if (status) break;
    if (i == 0) result = element;
    size = ppn_tensor_size(&element);
    if (element.rank != result.rank || ppn_tensor_size(&result) != size) {
      status = list_fail(operation, "elements of different sizes", index);
    }
    ppn_buffer_append(&bytes, element.data, size);
    free(memory);
  }
  if (!status) status = ppn_buffer_status(&bytes);
  if (!status && count > 0 && result.rank < PPN_MAX_RANK) {
    int64_t sizes[PPN_MAX_RANK] = {count};
    for (int i = 0; i < result.rank; ++i) sizes[i + 1] = result.sizes[i];
    result = ppn_tensor_make(bytes.data, result.dtype, result.rank + 1, sizes);
    status = ppn_engine_values_copy(&interpreter->values, operation->outputs[0], &result);
  } else if (!status) {
    status = list_fail(operation, "nothing to gather", count);
  }
  ppn_buffer_release(&bytes);
  return status;
}

static ppn_status_t scatter_list(ppn_engine_interpreter_t* interpreter,
                                 const ppn_mil_operation_t* operation, ppn_engine_list_t* list) {
  ppn_tensor_t indices, value;
  PPN_RETURN_IF_ERROR(ppn_engine_interpreter_fetch(
      interpreter, ppn_mil_operation_input(operation, "indices"), &indices));
  PPN_RETURN_IF_ERROR(ppn_engine_interpreter_fetch(
      interpreter, ppn_mil_operation_input(operation, "value"), &value));
  int64_t count = ppn_tensor_numel(&indices);
  if (value.rank < 1 || value.sizes[0] < count) {
    return list_fail(operation, "fewer values than indices", count);
  }
  ppn_tensor_t element = ppn_tensor_make(value.data, value.dtype, value.rank - 1, value.sizes + 1);
  ppn_engine_list_t* current = ppn_engine_list_retain(list);
  ppn_status_t status = ppn_status_ok();
  for (int64_t i = 0; i < count && !status; ++i) {
    int64_t index = ppn_element_as_int64(indices.dtype, indices.data, i);
    if (index < 0) index += ppn_engine_list_length(current);
    element.data = (char*)value.data + (size_t)i * ppn_tensor_size(&element);
    if (index < 0 || index > MAXIMUM_LIST) {
      status = list_fail(operation, "a wrong index", index);
      break;
    }
    ppn_engine_list_t* written = NULL;
    status = ppn_engine_list_write(current, index, &element, &written);
    if (status) break;
    ppn_engine_list_release(current);
    current = written;
  }
  if (status) {
    ppn_engine_list_release(current);
    return status;
  }
  return ppn_engine_values_set_list(&interpreter->values, operation->outputs[0], current);
}

ppn_status_t ppn_engine_run_structural(ppn_engine_interpreter_t* interpreter,
                                       const ppn_mil_operation_t* operation) {
  const char* type = operation->op->type;
  if (strcmp(type, "cond") == 0) return run_cond(interpreter, operation);
  if (strcmp(type, "while_loop") == 0) return run_while(interpreter, operation);
  if (strcmp(type, "make_list") == 0) return make_list(interpreter, operation);
  if (strcmp(type, "classify") == 0) return ppn_engine_run_classify(interpreter, operation);
  const ppn_mil_value_t* value = ppn_mil_operation_input(operation, "ls");
  ppn_engine_list_t* list = value ? list_of(interpreter, value) : NULL;
  if (!list) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "%s '%s': no list is known to it", type,
                           operation->name);
  }
  if (strcmp(type, "list_read") == 0) return read_list(interpreter, operation, list);
  if (strcmp(type, "list_write") == 0) return write_list(interpreter, operation, list);
  if (strcmp(type, "list_gather") == 0) return gather_list(interpreter, operation, list);
  if (strcmp(type, "list_scatter") == 0) return scatter_list(interpreter, operation, list);
  if (strcmp(type, "list_length") == 0) return list_length(interpreter, operation, list);
  return ppn_status_make(PPN_STATUS_UNSUPPORTED, "the engine cannot run %s", type);
}
