#include "runtime/index_list.h"

#include "kernels/creation.h"
#include "kernels/indices.h"
#include "runtime/operator_support.h"

// An index tensor for each dimension of self; NULL: the whole dimension.
typedef struct columns {
  const ppn_tensor_t* tensors[PPN_MAX_RANK];
  ppn_tensor_t coordinates[PPN_MAX_RANK];  // those made from masks
} columns_t;

static bool is_mask(const ppn_tensor_t* tensor) {
  return tensor->dtype == PPN_DTYPE_BOOL || tensor->dtype == PPN_DTYPE_UINT8;
}

// A mask of rank r stands for r vectors: the coordinates of its true elements.
static void add_mask(ppn_operator_call_t* call, const ppn_tensor_t* self, const ppn_tensor_t* mask,
                     int dim, columns_t* columns) {
  bool fits = dim + mask->rank <= self->rank;
  for (int i = 0; fits && i < mask->rank; ++i) fits = mask->sizes[i] == self->sizes[dim + i];
  if (!ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT,
                      "a mask at dimension %d does not have the tensor's sizes", dim)) {
    return;
  }
  const int64_t sizes[] = {ppn_kernel_count_nonzero(mask), mask->rank};
  ppn_tensor_t all = ppn_tensor_make(NULL, PPN_DTYPE_INT64, 2, sizes);
  all.data = ppn_call_scratch(call, ppn_tensor_size(&all));
  if (!all.data) return;
  ppn_kernel_nonzero(mask, &all);
  for (int i = 0; i < mask->rank; ++i) {
    columns->coordinates[dim + i] = ppn_view_select(&all, 1, i);
    columns->tensors[dim + i] = &columns->coordinates[dim + i];
  }
}

static void read_columns(ppn_operator_call_t* call, const ppn_tensor_t* self, uint32_t argument,
                         columns_t* out) {
  uint32_t count = 0;
  const ppn_tensor_t** tensors = ppn_call_tensors(call, argument, &count);
  int dim = 0;
  for (uint32_t i = 0; i < count && !call->status; ++i) {
    const ppn_tensor_t* tensor = tensors[i];
    int width = tensor && is_mask(tensor) ? tensor->rank : 1;
    if (!ppn_call_check(call, dim + width <= self->rank, PPN_STATUS_INVALID_ARGUMENT,
                        "indices for more than %d dimensions", self->rank)) {
      return;
    }
    if (tensor && is_mask(tensor)) {
      add_mask(call, self, tensor, dim, out);
    } else if (tensor) {
      ppn_call_check(call, ppn_dtype_is_integer(tensor->dtype), PPN_STATUS_INVALID_ARGUMENT,
                     "indices of dtype %s", ppn_dtype_name(tensor->dtype));
      out->tensors[dim] = tensor;
    }
    dim += width;
  }
}

// The sizes of all index tensors, broadcast.
static int broadcast_columns(ppn_operator_call_t* call, const columns_t* columns, int rank,
                             int64_t* sizes) {
  int result = 0;
  for (int i = 0; i < rank; ++i) {
    if (columns->tensors[i] && columns->tensors[i]->rank > result) {
      result = columns->tensors[i]->rank;
    }
  }
  for (int i = 0; i < result; ++i) sizes[i] = 1;
  for (int i = 0; i < rank; ++i) {
    const ppn_tensor_t* tensor = columns->tensors[i];
    for (int j = 0; tensor && j < tensor->rank; ++j) {
      int64_t* size = &sizes[result - tensor->rank + j];
      if (*size == 1) *size = tensor->sizes[j];
      ppn_call_check(call, tensor->sizes[j] == *size || tensor->sizes[j] == 1,
                     PPN_STATUS_INVALID_ARGUMENT,
                     "indices of dimension %d do not broadcast with the others", i);
    }
  }
  return result;
}

// Adds the offsets along one dimension of self.
static void add_offsets(ppn_operator_call_t* call, const ppn_tensor_t* self, int dim,
                        const ppn_tensor_t* indices, int64_t* offsets, int64_t count) {
  ppn_tensor_t dense = ppn_call_dense_as(call, indices, PPN_DTYPE_INT64);
  const int64_t* numbers = dense.data;
  int64_t size = self->sizes[dim];
  for (int64_t i = 0; i < count && !call->status; ++i) {
    if (!ppn_call_check(call, numbers[i] >= -size && numbers[i] < size, PPN_STATUS_OUT_OF_RANGE,
                        "index %lld is out of range for size %lld of dimension %d",
                        (long long)numbers[i], (long long)size, dim)) {
      return;
    }
    offsets[i] += ppn_index_wrap(numbers[i], size) * self->strides[dim];
  }
}

bool ppn_index_list_read(ppn_operator_call_t* call, const ppn_tensor_t* self, uint32_t argument,
                         ppn_index_list_t* out) {
  columns_t columns = {{NULL}, {{0}}};
  read_columns(call, self, argument, &columns);
  if (call->status) return false;
  int64_t sizes[PPN_MAX_RANK];
  *out = (ppn_index_list_t){.slice = *self, .count = 1};
  out->position_rank = broadcast_columns(call, &columns, self->rank, sizes);
  if (call->status) return false;
  for (int i = 0; i < out->position_rank; ++i) out->count *= sizes[i];
  int64_t* offsets = ppn_call_scratch(call, (size_t)(out->count + 1) * sizeof(*offsets));
  out->offsets = offsets;

  // The positions stand where the indices do when those are side by side, otherwise in front.
  int indexed = 0, first = -1, last = -1;
  for (int i = 0; i < self->rank && !call->status; ++i) {
    if (!columns.tensors[i]) continue;
    ppn_tensor_t view;
    ppn_view_broadcast(columns.tensors[i], out->position_rank, sizes, &view);
    add_offsets(call, self, i, &view, offsets, out->count);
    if (first < 0) first = i;
    last = i;
    ++indexed;
  }
  if (!ppn_call_check(
          call, indexed > 0 && self->rank - indexed + out->position_rank <= PPN_MAX_RANK,
          PPN_STATUS_INVALID_ARGUMENT, "no indices, or a result of too many dimensions")) {
    return false;
  }
  for (int i = self->rank - 1; i >= 0; --i) {
    if (!columns.tensors[i]) continue;
    void* data = out->slice.data;
    out->slice = ppn_view_select(&out->slice, i, 0);
    out->slice.data = data;
  }
  out->first = last - first + 1 == indexed ? first : 0;
  for (int i = 0; i < out->first; ++i) out->sizes[out->rank++] = out->slice.sizes[i];
  for (int i = 0; i < out->position_rank; ++i) out->sizes[out->rank++] = sizes[i];
  for (int i = out->first; i < out->slice.rank; ++i) {
    out->sizes[out->rank++] = out->slice.sizes[i];
  }
  return true;
}

ppn_tensor_t ppn_index_list_arrange(const ppn_index_list_t* list, const ppn_tensor_t* tensor) {
  int order[PPN_MAX_RANK], at = 0;
  for (int i = 0; i < list->position_rank; ++i) order[at++] = list->first + i;
  for (int i = 0; i < tensor->rank; ++i) {
    if (i < list->first || i >= list->first + list->position_rank) order[at++] = i;
  }
  return ppn_view_permute(tensor, order);
}
