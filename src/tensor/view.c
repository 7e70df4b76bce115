#include "tensor/view.h"

static void* advance(const ppn_tensor_t* tensor, int64_t elements) {
  int64_t bytes = elements * (int64_t)ppn_dtype_size(tensor->dtype);
  return (void*)((uintptr_t)tensor->data + (uintptr_t)bytes);
}

static void remove_axis(ppn_tensor_t* view, int axis) {
  view->rank--;
  for (int i = axis; i < view->rank; ++i) {
    view->sizes[i] = view->sizes[i + 1];
    view->strides[i] = view->strides[i + 1];
  }
}

static void insert_axis(ppn_tensor_t* view, int axis, int64_t size, int64_t stride) {
  for (int i = view->rank; i > axis; --i) {
    view->sizes[i] = view->sizes[i - 1];
    view->strides[i] = view->strides[i - 1];
  }
  view->sizes[axis] = size;
  view->strides[axis] = stride;
  view->rank++;
}

ppn_tensor_t ppn_view_slice(const ppn_tensor_t* tensor, int axis, int64_t start, int64_t size,
                            int64_t step) {
  ppn_tensor_t view = *tensor;
  // An empty slice may start past the end.
  if (size > 0) view.data = advance(tensor, start * tensor->strides[axis]);
  view.sizes[axis] = size;
  view.strides[axis] = tensor->strides[axis] * step;
  return view;
}

ppn_tensor_t ppn_view_select(const ppn_tensor_t* tensor, int axis, int64_t index) {
  ppn_tensor_t view = ppn_view_slice(tensor, axis, index, 1, 1);
  remove_axis(&view, axis);
  return view;
}

ppn_tensor_t ppn_view_repeat(const ppn_tensor_t* tensor, int axis, int64_t size) {
  ppn_tensor_t view = *tensor;
  insert_axis(&view, axis, size, 0);
  return view;
}

ppn_tensor_t ppn_view_permute(const ppn_tensor_t* tensor, const int* order) {
  ppn_tensor_t view = *tensor;
  for (int i = 0; i < tensor->rank; ++i) {
    view.sizes[i] = tensor->sizes[order[i]];
    view.strides[i] = tensor->strides[order[i]];
  }
  return view;
}

ppn_tensor_t ppn_view_move_axis(const ppn_tensor_t* tensor, int from, int to) {
  ppn_tensor_t view = *tensor;
  remove_axis(&view, from);
  insert_axis(&view, to, tensor->sizes[from], tensor->strides[from]);
  return view;
}

ppn_tensor_t ppn_view_split_axis(const ppn_tensor_t* tensor, int axis, int64_t inner) {
  return ppn_view_windows(tensor, axis, tensor->sizes[axis] / inner, inner, inner);
}

ppn_tensor_t ppn_view_windows(const ppn_tensor_t* tensor, int axis, int64_t count, int64_t size,
                              int64_t step) {
  ppn_tensor_t view = *tensor;
  view.sizes[axis] = count;
  view.strides[axis] = tensor->strides[axis] * step;
  insert_axis(&view, axis + 1, size, tensor->strides[axis]);
  return view;
}

ppn_tensor_t ppn_view_reshape(const ppn_tensor_t* tensor, int rank, const int64_t* sizes) {
  return ppn_tensor_make(tensor->data, tensor->dtype, rank, sizes);
}

bool ppn_view_broadcast(const ppn_tensor_t* tensor, int rank, const int64_t* sizes,
                        ppn_tensor_t* out_view) {
  int added = rank - tensor->rank;
  if (added < 0) return false;
  *out_view = *tensor;
  out_view->rank = rank;
  for (int i = 0; i < rank; ++i) {
    int64_t size = i < added ? 1 : tensor->sizes[i - added];
    if (size != sizes[i] && size != 1) return false;
    out_view->sizes[i] = sizes[i];
    out_view->strides[i] = size == 1 ? 0 : tensor->strides[i - added];
  }
  return true;
}
