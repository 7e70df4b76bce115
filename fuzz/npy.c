// `.npy` files.
#include "tensor/npy.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_tensor_t tensor;
  if (fuzz_is_error(ppn_npy_read(ppn_span_make(data, size), &tensor))) return 0;
  int64_t last = 0;
  for (int i = 0; i < tensor.rank; ++i) {
    if (tensor.sizes[i] == 0) return 0;
    last += (tensor.sizes[i] - 1) * tensor.strides[i];
  }
  size_t element = ppn_dtype_size(tensor.dtype);
  const uint8_t* start = tensor.data;
  fuzz_expect(start >= data, "a tensor before its file");
  fuzz_touch(ppn_span_make(start, element));
  fuzz_touch(ppn_span_make(start + (size_t)last * element, element));
  return 0;
}
