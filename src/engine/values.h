// Values of a function while its blocks are interpreted: tensors and lists by the program's value.
#ifndef PPN_ENGINE_VALUES_H_
#define PPN_ENGINE_VALUES_H_

#include "base/pointer_map.h"
#include "mil/mil.h"
#include "tensor/tensor.h"

typedef struct ppn_engine_list ppn_engine_list_t;

typedef struct ppn_engine_variable {
  ppn_tensor_t tensor;  // stored form, contiguous; `data` NULL: only the sizes are known
  void* memory;         // owned; NULL when `tensor.data` is borrowed
  size_t capacity;
  ppn_engine_list_t* list;  // kind PPN_MIL_LIST
  bool is_known;
} ppn_engine_variable_t;

// Owns its variables. Zero-initialised is valid and empty.
typedef struct ppn_engine_values {
  ppn_pointer_map_t variables;  // ppn_mil_value_t to ppn_engine_variable_t
} ppn_engine_values_t;

// NULL when the value has none.
ppn_engine_variable_t* ppn_engine_values_find(const ppn_engine_values_t* values,
                                              const ppn_mil_value_t* value);
// Lends a tensor: its data must stay until it is replaced.
ppn_status_t ppn_engine_values_lend(ppn_engine_values_t* values, const ppn_mil_value_t* value,
                                    const ppn_tensor_t* tensor) PPN_MUST_USE;
// Copies a tensor; the variable's memory is used again when it is large enough.
ppn_status_t ppn_engine_values_copy(ppn_engine_values_t* values, const ppn_mil_value_t* value,
                                    const ppn_tensor_t* tensor) PPN_MUST_USE;
// Takes one reference of the list over.
ppn_status_t ppn_engine_values_set_list(ppn_engine_values_t* values, const ppn_mil_value_t* value,
                                        ppn_engine_list_t* list) PPN_MUST_USE;
void ppn_engine_values_release(ppn_engine_values_t* values);

// ---- Lists ----
// A list is a value: writing makes another list that shares the other elements. Counted
// references.

ppn_status_t ppn_engine_list_create(int64_t length, ppn_engine_list_t** out_list) PPN_MUST_USE;
ppn_engine_list_t* ppn_engine_list_retain(ppn_engine_list_t* list);
void ppn_engine_list_release(ppn_engine_list_t* list);
int64_t ppn_engine_list_length(const ppn_engine_list_t* list);
// NULL for an element that was never written or does not exist.
const ppn_tensor_t* ppn_engine_list_element(const ppn_engine_list_t* list, int64_t index);
// A list with element `index` replaced by a copy of `tensor`; longer when `index` lies behind the
// end. The old list stays as it is.
ppn_status_t ppn_engine_list_write(ppn_engine_list_t* list, int64_t index,
                                   const ppn_tensor_t* tensor,
                                   ppn_engine_list_t** out_list) PPN_MUST_USE;

#endif  // PPN_ENGINE_VALUES_H_
