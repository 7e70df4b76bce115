#include "runtime/values.h"

const char* ppn_runtime_value_kind_name(ppn_runtime_value_kind_t kind) {
  switch (kind) {
    case PPN_RUNTIME_NONE:
      return "None";
    case PPN_RUNTIME_INT:
      return "int";
    case PPN_RUNTIME_BOOL:
      return "bool";
    case PPN_RUNTIME_DOUBLE:
      return "double";
    case PPN_RUNTIME_STRING:
      return "string";
    case PPN_RUNTIME_TENSOR:
      return "tensor";
    case PPN_RUNTIME_INT_LIST:
      return "int list";
    case PPN_RUNTIME_DOUBLE_LIST:
      return "double list";
    case PPN_RUNTIME_BOOL_LIST:
      return "bool list";
    case PPN_RUNTIME_TENSOR_LIST:
      return "tensor list";
  }
  return "unknown";
}

void ppn_strides_from_dim_order(int rank, const int64_t* sizes, const uint8_t* dim_order,
                                int64_t* out_strides) {
  uint64_t stride = 1;  // unsigned: strides of an empty tensor may wrap around
  for (int i = rank - 1; i >= 0; --i) {
    uint8_t dim = dim_order[i];
    out_strides[dim] = (int64_t)stride;
    stride *= sizes[dim] > 0 ? (uint64_t)sizes[dim] : 1;
  }
}

static bool sizes_equal(int rank, const int64_t* a, const int64_t* b) {
  for (int i = 0; i < rank; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

static ppn_status_t does_not_fit(const ppn_runtime_tensor_t* tensor, const int64_t* sizes) {
  for (int i = 0; i < tensor->view.rank; ++i) {
    if (tensor->is_dynamic ? sizes[i] <= tensor->bounds[i] && sizes[i] >= 0
                           : sizes[i] == tensor->bounds[i]) {
      continue;
    }
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "dimension %d is %lld; the program allows %s%lld", i,
                           (long long)sizes[i], tensor->is_dynamic ? "at most " : "only ",
                           (long long)tensor->bounds[i]);
  }
  return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "too many elements for the tensor's memory");
}

ppn_status_t ppn_runtime_tensor_resize(ppn_runtime_tensor_t* tensor, int rank,
                                       const int64_t* sizes) {
  ppn_tensor_t* view = &tensor->view;
  if (rank != view->rank) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "%d dimension%s instead of %d: a program's tensors keep their rank",
                           rank, rank == 1 ? "" : "s", view->rank);
  }
  if (sizes_equal(rank, sizes, view->sizes)) return NULL;
  if (!tensor->is_dynamic) return does_not_fit(tensor, sizes);
  int64_t numel, bound;
  if (!ppn_sizes_numel(rank, sizes, &numel) || !ppn_sizes_numel(rank, tensor->bounds, &bound) ||
      numel > bound) {
    return does_not_fit(tensor, sizes);
  }
  for (int i = 0; i < rank; ++i) view->sizes[i] = sizes[i];
  ppn_strides_from_dim_order(rank, view->sizes, tensor->dim_order, view->strides);
  return NULL;
}
