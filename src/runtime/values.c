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

// May the tensor have these sizes? Changes nothing.
static ppn_status_t check_sizes(const ppn_runtime_tensor_t* tensor, int rank,
                                const int64_t* sizes) {
  if (rank != tensor->view.rank) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "%d dimension%s instead of %d: a program's tensors keep their rank",
                           rank, rank == 1 ? "" : "s", tensor->view.rank);
  }
  if (sizes_equal(rank, sizes, tensor->view.sizes)) return NULL;
  int64_t numel, bound;
  if (!tensor->is_dynamic || !ppn_sizes_numel(rank, sizes, &numel)) {
    return does_not_fit(tensor, sizes);
  }
  bool is_bounded = ppn_sizes_numel(rank, tensor->bounds, &bound);
  return is_bounded && numel > bound ? does_not_fit(tensor, sizes) : NULL;
}

static void set_sizes(ppn_runtime_tensor_t* tensor, const int64_t* sizes) {
  ppn_tensor_t* view = &tensor->view;
  if (sizes_equal(view->rank, sizes, view->sizes)) return;
  for (int i = 0; i < view->rank; ++i) view->sizes[i] = sizes[i];
  ppn_strides_from_dim_order(view->rank, view->sizes, tensor->dim_order, view->strides);
}

ppn_status_t ppn_runtime_tensor_resize(ppn_runtime_tensor_t* tensor, int rank,
                                       const int64_t* sizes) {
  PPN_RETURN_IF_ERROR(check_sizes(tensor, rank, sizes));
  set_sizes(tensor, sizes);
  return NULL;
}

ppn_status_t ppn_runtime_tensor_prepare(ppn_runtime_tensor_t* tensor, ppn_dtype_t dtype, int rank,
                                        const int64_t* sizes) {
  ppn_dtype_t found = tensor->view.dtype;
  if (tensor->is_constant) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "a constant cannot be written");
  }
  if (dtype != PPN_DTYPE_INVALID && found != dtype) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "expected dtype %s, found %s",
                           ppn_dtype_name(dtype), ppn_dtype_name(found));
  }
  PPN_RETURN_IF_ERROR(check_sizes(tensor, rank, sizes));
  int64_t numel;
  size_t size = 0;
  if (!ppn_sizes_numel(rank, sizes, &numel) || !ppn_dtype_byte_count(found, numel, &size) ||
      size > tensor->capacity) {
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "needs %zu bytes of memory, has %zu", size,
                           tensor->capacity);
  }
  set_sizes(tensor, sizes);
  return NULL;
}

ppn_status_t ppn_infer_view_sizes(int64_t numel, int rank, int64_t* sizes) {
  int64_t rest;
  for (int i = 0; i < rank; ++i) {
    if (sizes[i] != -1) continue;
    sizes[i] = 1;
    bool is_known = ppn_sizes_numel(rank, sizes, &rest) && rest > 0 && numel % rest == 0;
    sizes[i] = is_known ? numel / rest : -1;
    break;
  }
  if (ppn_sizes_numel(rank, sizes, &rest) && rest == numel) return NULL;
  return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                         "the sizes of the view do not make the tensor's %lld elements",
                         (long long)numel);
}

// One past the tensor's last byte; its first byte when it has no elements.
static uintptr_t end_of(const ppn_tensor_t* tensor) {
  int64_t last = 0;
  for (int i = 0; i < tensor->rank; ++i) {
    if (tensor->sizes[i] == 0) return (uintptr_t)tensor->data;
    last += (tensor->sizes[i] - 1) * tensor->strides[i];
  }
  return (uintptr_t)tensor->data + ((size_t)last + 1) * ppn_dtype_size(tensor->dtype);
}

bool ppn_tensors_overlap(const ppn_tensor_t* a, const ppn_tensor_t* b) {
  return (uintptr_t)a->data < end_of(b) && (uintptr_t)b->data < end_of(a);
}
