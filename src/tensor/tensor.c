#include "tensor/tensor.h"

#include "base/checked.h"
#include "base/half.h"
#include "tensor/element.h"

void ppn_strides_contiguous(int rank, const int64_t* sizes, int64_t* out_strides) {
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    out_strides[i] = stride;
    stride *= sizes[i] > 0 ? sizes[i] : 1;
  }
}

ppn_tensor_t ppn_tensor_make(void* data, ppn_dtype_t dtype, int rank, const int64_t* sizes) {
  ppn_tensor_t tensor = {.data = data, .dtype = dtype, .rank = rank};
  for (int i = 0; i < rank; ++i) tensor.sizes[i] = sizes[i];
  ppn_strides_contiguous(rank, tensor.sizes, tensor.strides);
  return tensor;
}

int64_t ppn_tensor_numel(const ppn_tensor_t* tensor) {
  int64_t numel = 1;
  for (int i = 0; i < tensor->rank; ++i) numel *= tensor->sizes[i];
  return numel;
}

size_t ppn_tensor_size(const ppn_tensor_t* tensor) {
  size_t size;
  return ppn_dtype_byte_count(tensor->dtype, ppn_tensor_numel(tensor), &size) ? size : 0;
}

bool ppn_tensor_is_contiguous(const ppn_tensor_t* tensor) {
  int64_t expected = 1;
  for (int i = tensor->rank - 1; i >= 0; --i) {
    if (tensor->sizes[i] == 0) return true;
    if (tensor->sizes[i] != 1 && tensor->strides[i] != expected) return false;
    expected *= tensor->sizes[i];
  }
  return true;
}

bool ppn_dtype_byte_count(ppn_dtype_t dtype, int64_t numel, size_t* out_size) {
  *out_size = 0;
  size_t bits;
  if (numel < 0 || !ppn_checked_multiply((size_t)numel, ppn_dtype_bits(dtype), &bits)) return false;
  *out_size = bits / 8 + (bits % 8 != 0);
  return true;
}

bool ppn_sizes_numel(int rank, const int64_t* sizes, int64_t* out_numel) {
  // Without zeros first: contiguous strides are products of the other sizes.
  int64_t numel = 1;
  bool is_empty = false;
  for (int i = 0; i < rank; ++i) {
    if (sizes[i] < 0) return false;
    is_empty |= sizes[i] == 0;
    if (sizes[i] > 0 && !ppn_checked_multiply_i64(numel, sizes[i], &numel)) return false;
  }
  *out_numel = is_empty ? 0 : numel;
  return true;
}

bool ppn_storage_holds(ppn_dtype_t dtype, int rank, const int64_t* sizes, const int64_t* strides,
                       int64_t storage_offset, size_t bytes) {
  int64_t last = storage_offset, numel;
  size_t element = ppn_dtype_size(dtype), size;
  if (element == 0 || storage_offset < 0 || !ppn_sizes_numel(rank, sizes, &numel) ||
      !ppn_dtype_byte_count(dtype, numel, &size)) {
    return false;
  }
  for (int i = 0; i < rank; ++i) {
    int64_t span;
    if (strides[i] < 0) return false;
    if (sizes[i] > 0 && (!ppn_checked_multiply_i64(sizes[i] - 1, strides[i], &span) ||
                         !ppn_checked_add_i64(last, span, &last))) {
      return false;
    }
  }
  return numel == 0 || (uint64_t)last < bytes / element;
}

double ppn_element_as_double(ppn_dtype_t dtype, const void* data, int64_t index) {
  double value;
  ppn_elements_load_double(dtype, data, index, 1, 1, &value);
  return value;
}

int64_t ppn_element_as_int64(ppn_dtype_t dtype, const void* data, int64_t index) {
  int64_t value;
  ppn_elements_load_int64(dtype, data, index, 1, 1, &value);
  return value;
}

void ppn_element_set_double(ppn_dtype_t dtype, void* data, int64_t index, double value) {
  ppn_elements_store_double(dtype, data, index, 1, 1, &value);
}

void ppn_element_set_int64(ppn_dtype_t dtype, void* data, int64_t index, int64_t value) {
  ppn_elements_store_int64(dtype, data, index, 1, 1, &value);
}

void ppn_tensor_print_type(const ppn_tensor_t* tensor, ppn_buffer_t* out) {
  ppn_buffer_printf(out, "%s[", ppn_dtype_name(tensor->dtype));
  for (int i = 0; i < tensor->rank; ++i) {
    ppn_buffer_printf(out, "%s%lld", i ? ", " : "", (long long)tensor->sizes[i]);
  }
  ppn_buffer_append_text(out, "]");
}
