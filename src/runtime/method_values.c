// Memory and values of a method.
#include <stdlib.h>

#include "base/checked.h"
#include "runtime/method.h"
#include "runtime/values.h"

#define MEMORY_ALIGNMENT 64

// Zeroed, as mutable buffers start; pages are touched when they are used.
static ppn_status_t make_memories(ppn_method_t* method) {
  const ppn_pte_plan_t* plan = method->plan;
  PPN_ARENA_NEW(&method->arena, plan->arena_count, &method->blocks);
  PPN_ARENA_NEW(&method->arena, plan->arena_count, &method->memories);
  for (uint32_t i = 1; i < plan->arena_count; ++i) {
    size_t size;
    if (!ppn_checked_add((size_t)plan->arena_sizes[i], MEMORY_ALIGNMENT, &size) ||
        size > PPN_RUNTIME_MAX_MEMORY || !(method->blocks[i] = calloc(1, size))) {
      return ppn_status_make(PPN_STATUS_OUT_OF_MEMORY, "the method needs an arena of %lld bytes",
                             (long long)plan->arena_sizes[i]);
    }
    uintptr_t address = ppn_align((uintptr_t)method->blocks[i], MEMORY_ALIGNMENT);
    method->memories[i] = (uint8_t*)address;
  }
  return NULL;
}

void ppn_method_release_values(ppn_method_t* method) {
  for (uint32_t i = 1; method->blocks && i < method->plan->arena_count; ++i) {
    free(method->blocks[i]);
  }
}

// Constants are views of the program, but for those that a file places where their elements cannot
// be read in place.
static ppn_status_t place_constant(ppn_method_t* method, const ppn_pte_tensor_t* source,
                                   ppn_runtime_tensor_t* tensor) {
  const uint8_t* data = method->program->file->constants[source->data_index].data;
  size_t alignment = ppn_dtype_size(tensor->view.dtype);
  if (alignment > 8) alignment = 8;
  if (alignment && (uintptr_t)data % alignment) {
    data = ppn_arena_memdup(&method->arena, data, ppn_tensor_size(&tensor->view));
    if (!data) return ppn_out_of_memory();
  }
  tensor->view.data = (void*)(uintptr_t)data;
  tensor->is_constant = true;
  return NULL;
}

// A mutable buffer that the program leaves to its host, under its name.
static ppn_status_t place_buffer(ppn_method_t* method, ppn_runtime_tensor_t* tensor) {
  tensor->capacity = ppn_tensor_size(&tensor->view);
  if (tensor->capacity > PPN_RUNTIME_MAX_MEMORY) return ppn_out_of_memory();
  tensor->view.data = ppn_arena_alloc(&method->arena, tensor->capacity);
  return tensor->view.data ? NULL : ppn_out_of_memory();
}

static ppn_status_t place(ppn_method_t* method, const ppn_pte_tensor_t* source,
                          ppn_runtime_tensor_t* tensor) {
  const ppn_pte_file_t* file = method->program->file;
  if (!source->memory_id && source->data_index) return place_constant(method, source, tensor);
  if (!source->memory_id) return source->name ? place_buffer(method, tensor) : NULL;
  tensor->is_planned = true;
  tensor->capacity = ppn_tensor_size(&tensor->view);
  tensor->view.data = method->memories[source->memory_id] + source->memory_offset;
  if (source->memory_offset %
      (ppn_dtype_size(source->dtype) < 8 ? ppn_dtype_size(source->dtype) : 8)) {
    return ppn_status_make(
        PPN_STATUS_INVALID_DATA, "planned at offset %llu, which is not aligned for %s",
        (unsigned long long)source->memory_offset, ppn_dtype_name(source->dtype));
  }
  if (source->data_index && tensor->capacity) {
    memcpy(tensor->view.data, file->mutable_data[source->data_index].data, tensor->capacity);
  }
  return NULL;
}

static ppn_status_t make_tensor(ppn_method_t* method, const ppn_pte_tensor_t* source,
                                ppn_runtime_value_t* out) {
  if (ppn_dtype_size(source->dtype) == 0) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "a tensor of a quantised or unknown dtype");
  }
  if (source->dynamism == PPN_PTE_DYNAMIC_UNBOUND) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED, "a tensor whose sizes have no upper bounds");
  }
  if (source->is_external) {
    return ppn_status_make(PPN_STATUS_UNSUPPORTED,
                           "the data of '%s' are in a separate .ptd file; export without external "
                           "constants",
                           source->name ? source->name : "a tensor");
  }
  ppn_runtime_tensor_t* tensor;
  PPN_ARENA_NEW(&method->arena, 1, &tensor);
  tensor->view.dtype = source->dtype;
  tensor->view.rank = (int)source->rank;
  tensor->is_dynamic = source->dynamism != PPN_PTE_STATIC;
  for (uint32_t i = 0; i < source->rank; ++i) {
    tensor->view.sizes[i] = tensor->bounds[i] = source->sizes[i];
    tensor->dim_order[i] = source->dim_order[i];
  }
  ppn_strides_from_dim_order(tensor->view.rank, tensor->view.sizes, tensor->dim_order,
                             tensor->view.strides);
  out->kind = PPN_RUNTIME_TENSOR;
  out->u.tensor = tensor;
  return place(method, source, tensor);
}

// Items of the list are values of the method; a missing tensor is a None of its own.
static ppn_status_t make_items(ppn_method_t* method, const ppn_pte_value_t* source,
                               ppn_runtime_value_t* out) {
  bool is_ints = source->type == PPN_PTE_INT_LIST;
  out->kind = is_ints ? PPN_RUNTIME_INT_LIST : PPN_RUNTIME_TENSOR_LIST;
  PPN_ARENA_NEW(&method->arena, source->count, &out->u.items);
  for (uint32_t i = 0; i < source->count; ++i) {
    int64_t id = is_ints ? source->u.ints[i] : source->u.ids[i];
    if (id >= 0) {
      out->u.items[i] = &method->values[id];
    } else {
      PPN_ARENA_NEW(&method->arena, 1, &out->u.items[i]);
    }
  }
  return NULL;
}

static ppn_status_t make_value(ppn_method_t* method, const ppn_pte_value_t* source,
                               ppn_runtime_value_t* out) {
  out->count = source->count;
  switch (source->type) {
    case PPN_PTE_NONE:
    case PPN_PTE_NULL:
      out->kind = PPN_RUNTIME_NONE;
      return NULL;
    case PPN_PTE_INT:
      out->kind = PPN_RUNTIME_INT;
      out->u.integer = source->u.integer;
      return NULL;
    case PPN_PTE_BOOL:
      out->kind = PPN_RUNTIME_BOOL;
      out->u.boolean = source->u.boolean;
      return NULL;
    case PPN_PTE_DOUBLE:
      out->kind = PPN_RUNTIME_DOUBLE;
      out->u.number = source->u.number;
      return NULL;
    case PPN_PTE_STRING:
      out->kind = PPN_RUNTIME_STRING;
      out->u.string = source->u.string;
      return NULL;
    case PPN_PTE_DOUBLE_LIST:
      out->kind = PPN_RUNTIME_DOUBLE_LIST;
      out->u.numbers = source->u.doubles;
      return NULL;
    case PPN_PTE_BOOL_LIST:
      out->kind = PPN_RUNTIME_BOOL_LIST;
      out->u.booleans = source->u.booleans;
      return NULL;
    case PPN_PTE_INT_LIST:
    case PPN_PTE_TENSOR_LIST:
    case PPN_PTE_OPTIONAL_TENSOR_LIST:
      return make_items(method, source, out);
    case PPN_PTE_TENSOR:
      return make_tensor(method, &source->u.tensor, out);
  }
  return NULL;
}

ppn_status_t ppn_method_make_values(ppn_method_t* method) {
  const ppn_pte_plan_t* plan = method->plan;
  PPN_RETURN_IF_ERROR(make_memories(method));
  PPN_ARENA_NEW(&method->arena, plan->value_count, &method->values);
  for (uint32_t i = 0; i < plan->value_count; ++i) {
    PPN_RETURN_IF_ERROR_ANNOTATED(make_value(method, &plan->values[i], &method->values[i]),
                                  "value %u", i);
  }
  return NULL;
}
