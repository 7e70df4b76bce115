#include "engine/storage.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/half.h"
#include "base/pointer_map.h"
#include "tensor/element.h"

struct ppn_engine_constants {
  pthread_mutex_t lock;
  ppn_arena_t arena;
  // To stored_t, by the constant or, for weights of a file, by their elements: constants of several
  // functions lie in the same place. What is a key of one kind is never one of the other, as it is
  // different memory.
  ppn_pointer_map_t stored;
};

typedef struct stored {
  ppn_dtype_t dtype;  // of the constant
  ppn_tensor_t tensor;
} stored_t;

ppn_dtype_t ppn_engine_stored_dtype(ppn_dtype_t dtype) {
  switch (dtype) {
    case PPN_DTYPE_FLOAT16:
      return PPN_DTYPE_FLOAT32;
    case PPN_DTYPE_INT4:
      return PPN_DTYPE_INT8;
    case PPN_DTYPE_UINT1:
    case PPN_DTYPE_UINT2:
    case PPN_DTYPE_UINT3:
    case PPN_DTYPE_UINT4:
    case PPN_DTYPE_UINT6:
      return PPN_DTYPE_UINT8;
    default:
      return dtype;
  }
}

// Packed sub-byte elements to bytes, a piece at a time.
static void widen(ppn_dtype_t dtype, const void* data, ppn_tensor_t* out) {
  int64_t values[256], count = ppn_tensor_numel(out);
  for (int64_t i = 0; i < count; i += 256) {
    int64_t part = count - i < 256 ? count - i : 256;
    ppn_elements_load_int64(dtype, data, i, 1, part, values);
    ppn_elements_store_int64(out->dtype, out->data, i, 1, part, values);
  }
}

ppn_status_t ppn_engine_constant_store(const ppn_mil_constant_t* constant, ppn_arena_t* arena,
                                       ppn_tensor_t* out_tensor) {
  ppn_dtype_t dtype = ppn_engine_stored_dtype(constant->dtype);
  *out_tensor = ppn_tensor_make(NULL, dtype, constant->view.rank, constant->view.sizes);
  if (dtype == PPN_DTYPE_STRING) return ppn_status_ok();
  if (dtype == constant->dtype && ppn_mil_constant_is_plain(constant)) {
    out_tensor->data = constant->view.data;
    return ppn_status_ok();
  }
  size_t size = ppn_tensor_size(out_tensor);
  out_tensor->data = ppn_arena_alloc(arena, size);
  if (!out_tensor->data) return ppn_out_of_memory();
  if (dtype == constant->dtype) return ppn_mil_constant_read(constant, out_tensor->data);
  // Conversion needs the finished elements, which a plain constant already has.
  const void* finished = constant->view.data;
  void* memory = NULL;
  ppn_status_t status = ppn_status_ok();
  if (!ppn_mil_constant_is_plain(constant)) {
    finished = memory = malloc(ppn_mil_constant_size(constant) + 1);
    if (!memory) return ppn_out_of_memory();
    status = ppn_mil_constant_read(constant, memory);
  }
  if (!status && constant->dtype == PPN_DTYPE_FLOAT16) {
    ppn_half_to_float_array(finished, out_tensor->data, size / sizeof(float));
  } else if (!status) {
    widen(constant->dtype, finished, out_tensor);
  }
  free(memory);
  return status;
}

ppn_status_t ppn_engine_constants_create(ppn_engine_constants_t** out_constants) {
  *out_constants = calloc(1, sizeof(**out_constants));
  if (!*out_constants) return ppn_out_of_memory();
  pthread_mutex_init(&(*out_constants)->lock, NULL);
  return ppn_status_ok();
}

void ppn_engine_constants_free(ppn_engine_constants_t* constants) {
  if (!constants) return;
  pthread_mutex_destroy(&constants->lock);
  ppn_pointer_map_release(&constants->stored);
  ppn_arena_release(&constants->arena);
  free(constants);
}

static bool is_of_file(const ppn_mil_constant_t* constant) {
  return constant->blob_offset != UINT64_MAX && ppn_mil_constant_is_plain(constant) &&
         constant->view.data;
}

static ppn_status_t store(ppn_engine_constants_t* constants, const ppn_mil_constant_t* constant,
                          const void* key, stored_t** out_stored) {
  PPN_ARENA_NEW(&constants->arena, 1, out_stored);
  (*out_stored)->dtype = constant->dtype;
  PPN_RETURN_IF_ERROR(
      ppn_engine_constant_store(constant, &constants->arena, &(*out_stored)->tensor));
  return ppn_pointer_map_set(&constants->stored, key, *out_stored);
}

static ppn_status_t get(ppn_engine_constants_t* constants, const ppn_mil_constant_t* constant,
                        ppn_tensor_t* out_tensor) {
  const void* key = is_of_file(constant) ? constant->view.data : (const void*)constant;
  stored_t* stored = ppn_pointer_map_get(&constants->stored, key);
  if (stored && key != constant &&
      (stored->dtype != constant->dtype ||
       ppn_tensor_numel(&stored->tensor) != ppn_mil_constant_numel(constant))) {
    // The same place holds something else for another constant.
    key = constant;
    stored = ppn_pointer_map_get(&constants->stored, key);
  }
  if (!stored) PPN_RETURN_IF_ERROR(store(constants, constant, key, &stored));
  *out_tensor = ppn_tensor_make(stored->tensor.data, stored->tensor.dtype, constant->view.rank,
                                constant->view.sizes);
  return ppn_status_ok();
}

ppn_status_t ppn_engine_constants_get(ppn_engine_constants_t* constants,
                                      const ppn_mil_constant_t* constant,
                                      ppn_tensor_t* out_tensor) {
  pthread_mutex_lock(&constants->lock);
  ppn_status_t status = get(constants, constant, out_tensor);
  pthread_mutex_unlock(&constants->lock);
  return status;
}
