// Pickles of torch.save. Every storage that is asked for exists and has 64 bytes.
#include "formats/pickle_tensors.h"

#include "fuzz.h"
#include "tensor/tensor.h"

static ppn_status_t find(void* context, ppn_string_view_t key, ppn_span_t* out_bytes) {
  static const uint8_t storage[64];
  (void)context, (void)key;
  *out_bytes = ppn_span_make(storage, sizeof(storage));
  return ppn_status_ok();
}

static void check(const ppn_pickled_tensor_t* tensor) {
  fuzz_expect(ppn_storage_holds(tensor->dtype, tensor->rank, tensor->sizes, tensor->strides,
                                tensor->storage_offset, tensor->storage.size),
              "a tensor outside its storage");
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ppn_pickled_tensors_t tensors;
  if (fuzz_is_error(ppn_pickled_tensors_parse(ppn_span_make(data, size), find, NULL, &tensors))) {
    return 0;
  }
  if (tensors.single) check(tensors.single);
  for (size_t i = 0; i < tensors.by_name.count; ++i) check(tensors.by_name.entries[i].value);
  ppn_pickled_tensors_release(&tensors);
  return 0;
}
