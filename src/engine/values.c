#include "engine/values.h"

#include <stdlib.h>
#include <string.h>

// An element's bytes follow it.
typedef struct element {
  int references;
  ppn_tensor_t tensor;
  max_align_t data[];
} element_t;

struct ppn_engine_list {
  int references;
  int64_t length;
  element_t** elements;
};

ppn_engine_variable_t* ppn_engine_values_find(const ppn_engine_values_t* values,
                                              const ppn_mil_value_t* value) {
  ppn_engine_variable_t* variable = ppn_pointer_map_get(&values->variables, value);
  return variable && variable->is_known ? variable : NULL;
}

static ppn_status_t variable_of(ppn_engine_values_t* values, const ppn_mil_value_t* value,
                                ppn_engine_variable_t** out) {
  *out = ppn_pointer_map_get(&values->variables, value);
  if (*out) return ppn_status_ok();
  *out = calloc(1, sizeof(**out));
  if (!*out) return ppn_out_of_memory();
  ppn_status_t status = ppn_pointer_map_set(&values->variables, value, *out);
  if (status) {
    free(*out);
    *out = NULL;
  }
  return status;
}

ppn_status_t ppn_engine_values_lend(ppn_engine_values_t* values, const ppn_mil_value_t* value,
                                    const ppn_tensor_t* tensor) {
  ppn_engine_variable_t* variable = NULL;
  PPN_RETURN_IF_ERROR(variable_of(values, value, &variable));
  variable->tensor = *tensor;
  variable->is_known = true;
  return ppn_status_ok();
}

ppn_status_t ppn_engine_values_copy(ppn_engine_values_t* values, const ppn_mil_value_t* value,
                                    const ppn_tensor_t* tensor) {
  ppn_engine_variable_t* variable = NULL;
  PPN_RETURN_IF_ERROR(variable_of(values, value, &variable));
  size_t size = ppn_tensor_size(tensor);
  if (size > variable->capacity || !variable->memory) {
    void* memory = malloc(size + 1);
    if (!memory) return ppn_out_of_memory();
    memcpy(memory, tensor->data, size);
    free(variable->memory);
    variable->memory = memory;
    variable->capacity = size;
  } else {
    memmove(variable->memory, tensor->data, size);
  }
  variable->tensor = *tensor;
  variable->tensor.data = variable->memory;
  variable->is_known = true;
  return ppn_status_ok();
}

ppn_status_t ppn_engine_values_set_list(ppn_engine_values_t* values, const ppn_mil_value_t* value,
                                        ppn_engine_list_t* list) {
  ppn_engine_variable_t* variable = NULL;
  ppn_status_t status = variable_of(values, value, &variable);
  if (status) {
    ppn_engine_list_release(list);
    return status;
  }
  ppn_engine_list_release(variable->list);
  variable->list = list;
  variable->is_known = true;
  return ppn_status_ok();
}

void ppn_engine_values_release(ppn_engine_values_t* values) {
  for (size_t i = 0; i < values->variables.capacity; ++i) {
    ppn_engine_variable_t* variable = values->variables.slots[i].value;
    if (!variable) continue;
    ppn_engine_list_release(variable->list);
    free(variable->memory);
    free(variable);
  }
  ppn_pointer_map_release(&values->variables);
}

// ---- Lists ----

ppn_status_t ppn_engine_list_create(int64_t length, ppn_engine_list_t** out_list) {
  *out_list = NULL;
  ppn_engine_list_t* list = calloc(1, sizeof(*list));
  if (!list) return ppn_out_of_memory();
  list->references = 1;
  list->length = length;
  list->elements = calloc((size_t)length + 1, sizeof(*list->elements));
  if (!list->elements) {
    free(list);
    return ppn_out_of_memory();
  }
  *out_list = list;
  return ppn_status_ok();
}

ppn_engine_list_t* ppn_engine_list_retain(ppn_engine_list_t* list) {
  if (list) ++list->references;
  return list;
}

static void release_element(element_t* element) {
  if (element && --element->references == 0) free(element);
}

void ppn_engine_list_release(ppn_engine_list_t* list) {
  if (!list || --list->references > 0) return;
  for (int64_t i = 0; i < list->length; ++i) release_element(list->elements[i]);
  free(list->elements);
  free(list);
}

int64_t ppn_engine_list_length(const ppn_engine_list_t* list) {
  return list->length;
}

const ppn_tensor_t* ppn_engine_list_element(const ppn_engine_list_t* list, int64_t index) {
  if (index < 0 || index >= list->length || !list->elements[index]) return NULL;
  return &list->elements[index]->tensor;
}

static element_t* copy_element(const ppn_tensor_t* tensor) {
  size_t size = ppn_tensor_size(tensor);
  element_t* element = malloc(sizeof(*element) + size);
  if (!element) return NULL;
  element->references = 1;
  element->tensor = *tensor;
  element->tensor.data = element->data;
  memcpy(element->data, tensor->data, size);
  return element;
}

ppn_status_t ppn_engine_list_write(ppn_engine_list_t* list, int64_t index,
                                   const ppn_tensor_t* tensor, ppn_engine_list_t** out_list) {
  ppn_engine_list_t* written = NULL;
  PPN_RETURN_IF_ERROR(
      ppn_engine_list_create(index < list->length ? list->length : index + 1, &written));
  for (int64_t i = 0; i < list->length; ++i) {
    if (i == index || !list->elements[i]) continue;
    written->elements[i] = list->elements[i];
    ++written->elements[i]->references;
  }
  written->elements[index] = copy_element(tensor);
  if (!written->elements[index]) {
    ppn_engine_list_release(written);
    return ppn_out_of_memory();
  }
  *out_list = written;
  return ppn_status_ok();
}
