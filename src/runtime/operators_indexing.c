// Operators that read and write by index.
#include "kernels/copy.h"
#include "kernels/creation.h"
#include "kernels/gather.h"
#include "kernels/indices.h"
#include "kernels/scatter.h"
#include "runtime/index_list.h"
#include "runtime/operator_support.h"
#include "runtime/operators.h"

// ---- Lists of indices ----

static void* at_offset(const ppn_tensor_t* tensor, int64_t elements) {
  return (uint8_t*)tensor->data + elements * (int64_t)ppn_dtype_size(tensor->dtype);
}

// Walks through the positions' dimensions of an arranged tensor, in row-major order.
typedef struct walk {
  const ppn_tensor_t* tensor;
  int rank;
  int64_t position[PPN_MAX_RANK], offset;
} walk_t;

static void advance(walk_t* walk) {
  for (int i = walk->rank - 1; i >= 0; --i) {
    walk->offset += walk->tensor->strides[i];
    if (++walk->position[i] < walk->tensor->sizes[i]) return;
    walk->offset -= walk->tensor->strides[i] * walk->tensor->sizes[i];
    walk->position[i] = 0;
  }
}

// The slice at one position of an arranged tensor.
static ppn_tensor_t slice_of(const ppn_tensor_t* arranged, int position_rank) {
  ppn_tensor_t slice = *arranged;
  slice.rank -= position_rank;
  for (int i = 0; i < slice.rank; ++i) {
    slice.sizes[i] = arranged->sizes[i + position_rank];
    slice.strides[i] = arranged->strides[i + position_rank];
  }
  return slice;
}

// (self, indices, out)
static ppn_status_t run_index(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  ppn_index_list_t list;
  if (!self || !ppn_index_list_read(call, self, 1, &list)) return ppn_call_finish(call);
  ppn_tensor_t* out = ppn_call_out(call, 2, self->dtype, list.rank, list.sizes);
  if (!out || ppn_tensor_numel(out) == 0) return ppn_call_finish(call);
  ppn_tensor_t arranged = ppn_index_list_arrange(&list, out);
  ppn_tensor_t from = list.slice, to = slice_of(&arranged, list.position_rank);
  walk_t walk = {.tensor = &arranged, .rank = list.position_rank};
  int64_t element = (int64_t)ppn_dtype_size(self->dtype);
  bool is_element = ppn_tensor_numel(&from) == 1;
  for (int64_t i = 0; i < list.count; ++i, advance(&walk)) {
    from.data = at_offset(self, list.offsets[i]);
    to.data = at_offset(out, walk.offset);
    if (is_element) {
      ppn_copy_bytes(to.data, from.data, element);
    } else {
      ppn_tensor_copy(&from, &to);
    }
  }
  return ppn_call_finish(call);
}

// to = to + from, any strides, equal sizes.
static void accumulate(const ppn_tensor_t* from, const ppn_tensor_t* to) {
  int64_t numel = ppn_tensor_numel(to), source = 0, target = 0;
  walk_t a = {.tensor = from, .rank = from->rank}, b = {.tensor = to, .rank = to->rank};
  for (int64_t i = 0; i < numel; ++i) {
    source = a.offset;
    target = b.offset;
    ppn_kernel_combine(to->dtype, PPN_SCATTER_ADD, at_offset(to, target), at_offset(from, source),
                       1);
    advance(&a);
    advance(&b);
  }
}

// self[indices] = values, or += values, in `out`, which holds self.
static void put(ppn_operator_call_t* call, const ppn_tensor_t* out, const ppn_tensor_t* values) {
  ppn_index_list_t list;
  if (!ppn_index_list_read(call, out, 1, &list)) return;
  ppn_tensor_t view;
  if (!ppn_call_check(call, ppn_view_broadcast(values, list.rank, list.sizes, &view),
                      PPN_STATUS_INVALID_ARGUMENT, "values do not broadcast to what is indexed") ||
      !ppn_call_check(call, values->dtype == out->dtype, PPN_STATUS_INVALID_ARGUMENT,
                      "values of dtype %s for %s", ppn_dtype_name(values->dtype),
                      ppn_dtype_name(out->dtype)) ||
      ppn_tensor_numel(&view) == 0) {
    return;
  }
  bool adds = ppn_call_bool(call, 3, false);
  ppn_tensor_t arranged = ppn_index_list_arrange(&list, &view);
  ppn_tensor_t from = slice_of(&arranged, list.position_rank), to = list.slice;
  walk_t walk = {.tensor = &arranged, .rank = list.position_rank};
  for (int64_t i = 0; i < list.count; ++i, advance(&walk)) {
    from.data = at_offset(&arranged, walk.offset);
    to.data = at_offset(out, list.offsets[i]);
    if (adds) {
      accumulate(&from, &to);
    } else {
      ppn_tensor_copy(&from, &to);
    }
  }
}

// (self, indices, values, accumulate, out)
static ppn_status_t run_index_put(ppn_operator_call_t* call) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *values = ppn_call_tensor(call, 2);
  if (!self || !values) return ppn_call_finish(call);
  ppn_tensor_t* out = ppn_call_out(call, 4, self->dtype, self->rank, self->sizes);
  if (!out) return ppn_call_finish(call);
  if (out->data != self->data) ppn_kernel_copy(self, out, call->pool);
  put(call, out, values);
  return ppn_call_finish(call);
}

// (self, indices, values, accumulate): into self
static ppn_status_t run_index_put_in_place(ppn_operator_call_t* call) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *values = ppn_call_tensor(call, 2);
  if (!self || !values) return ppn_call_finish(call);
  ppn_tensor_t model = *self;
  ppn_tensor_t* out = ppn_call_out(call, 0, model.dtype, model.rank, model.sizes);
  if (out) put(call, out, values);
  return ppn_call_finish(call);
}

// ---- Along a dimension ----

// Slices of `self` (contiguous) at `index` (any shape) along `dim`, to the result at `out_index`.
static ppn_status_t gather_slices(ppn_operator_call_t* call, const ppn_tensor_t* self,
                                  const ppn_tensor_t* index, int dim, uint32_t out_index) {
  int64_t sizes[PPN_MAX_RANK];
  int rank = 0;
  if (!ppn_call_check(call, self->rank - 1 + index->rank <= PPN_MAX_RANK, PPN_STATUS_UNSUPPORTED,
                      "a result of rank %d", self->rank - 1 + index->rank)) {
    return ppn_call_finish(call);
  }
  for (int i = 0; i < dim; ++i) sizes[rank++] = self->sizes[i];
  for (int i = 0; i < index->rank; ++i) sizes[rank++] = index->sizes[i];
  for (int i = dim + 1; i < self->rank; ++i) sizes[rank++] = self->sizes[i];
  ppn_tensor_t* out = ppn_call_out(call, out_index, self->dtype, rank, sizes);
  if (!out) return ppn_call_finish(call);
  ppn_tensor_t x = ppn_call_dense(call, self), i = ppn_call_dense(call, index),
               result = ppn_call_dense_out(call, out, out->dtype);
  if (!call->status) {
    ppn_call_fail(call, ppn_kernel_gather(&x, &i, dim, 0, &result, call->pool));
  }
  ppn_call_store(call, result.data, result.dtype, out);
  return ppn_call_finish(call);
}

static bool check_integers(ppn_operator_call_t* call, const ppn_tensor_t* index) {
  return ppn_call_check(call, ppn_dtype_is_integer(index->dtype), PPN_STATUS_INVALID_ARGUMENT,
                        "indices of dtype %s", ppn_dtype_name(index->dtype));
}

// (self, dim, index, out)
static ppn_status_t run_index_select(ppn_operator_call_t* call) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *index = ppn_call_tensor(call, 2);
  if (!self || !index) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  if (!check_integers(call, index) ||
      !ppn_call_check(call, index->rank <= 1, PPN_STATUS_INVALID_ARGUMENT, "indices of rank %d",
                      index->rank)) {
    return ppn_call_finish(call);
  }
  if (self->rank == 0) {  // every index is 0
    ppn_call_fail(call, ppn_kernel_check_indices(index, 1));
    return call->status ? ppn_call_finish(call) : ppn_call_return_view(call, 3, self);
  }
  ppn_tensor_t vector = index->rank == 0 ? ppn_view_repeat(index, 0, 1) : *index;
  return gather_slices(call, self, &vector, dim, 3);
}

// (weight, indices, padding_idx, scale_grad_by_freq, sparse, out)
static ppn_status_t run_embedding(ppn_operator_call_t* call) {
  const ppn_tensor_t *weight = ppn_call_tensor(call, 0), *indices = ppn_call_tensor(call, 1);
  if (!weight || !indices || !check_integers(call, indices) ||
      !ppn_call_check(call, weight->rank == 2, PPN_STATUS_INVALID_ARGUMENT, "a weight of rank %d",
                      weight->rank)) {
    return ppn_call_finish(call);
  }
  return gather_slices(call, weight, indices, 0, 5);
}

// Indices, and what is read or written at them, have the same rank; the indices are not larger,
// except along `dim` where that is allowed.
static bool check_along(ppn_operator_call_t* call, const ppn_tensor_t* index,
                        const ppn_tensor_t* other, int dim) {
  int rank = index->rank > 1 ? index->rank : 1, other_rank = other->rank > 1 ? other->rank : 1;
  bool fits =
      rank == other_rank && index->rank <= other->rank + 1 && other->rank <= index->rank + 1;
  for (int i = 0; fits && i < index->rank && i < other->rank; ++i) {
    fits = i == dim || index->sizes[i] <= other->sizes[i];
  }
  return ppn_call_check(call, fits || ppn_tensor_numel(index) == 0, PPN_STATUS_INVALID_ARGUMENT,
                        "indices are larger than the tensor they belong to") &&
         check_integers(call, index);
}

// Rank 0 is a vector of one element to indices.
static ppn_tensor_t as_vector(const ppn_tensor_t* tensor) {
  return tensor->rank == 0 ? ppn_view_repeat(tensor, 0, 1) : *tensor;
}

// (self, dim, index, sparse_grad, out)
static ppn_status_t run_gather(ppn_operator_call_t* call) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *index = ppn_call_tensor(call, 2);
  if (!self || !index) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  if (!check_along(call, index, self, dim)) return ppn_call_finish(call);
  ppn_tensor_t* out = ppn_call_out(call, 4, self->dtype, index->rank, index->sizes);
  if (!out) return ppn_call_finish(call);
  ppn_tensor_t x = as_vector(self), indices = ppn_call_dense(call, index),
               result = ppn_call_dense_out(call, out, out->dtype);
  ppn_tensor_t vector = as_vector(&indices), result_vector = as_vector(&result);
  if (!call->status) {
    ppn_call_fail(call, ppn_kernel_gather_along_axis(&x, &vector, dim, &result_vector, call->pool));
  }
  ppn_call_store(call, result.data, result.dtype, out);
  return ppn_call_finish(call);
}

// `updates` NULL: the Scalar at argument 3.
static ppn_status_t scatter(ppn_operator_call_t* call, const ppn_tensor_t* updates,
                            ppn_scatter_mode_t mode) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *index = ppn_call_tensor(call, 2);
  if (!self || !index) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  ppn_element_t element = {{0}};
  ppn_tensor_t value = *index;
  if (updates) {
    value = *updates;
    check_along(call, index, updates, -1);
    ppn_call_check(call, updates->dtype == self->dtype, PPN_STATUS_INVALID_ARGUMENT,
                   "updates of dtype %s for %s", ppn_dtype_name(updates->dtype),
                   ppn_dtype_name(self->dtype));
  } else {
    element = ppn_call_element(call, 3, self->dtype, 0);
    value.dtype = self->dtype;
    value.data = &element;
    for (int i = 0; i < value.rank; ++i) value.strides[i] = 0;
  }
  if (!check_along(call, index, self, dim)) return ppn_call_finish(call);
  ppn_tensor_t* out = ppn_call_out(call, 4, self->dtype, self->rank, self->sizes);
  if (!out) return ppn_call_finish(call);
  if (out->data != self->data) ppn_kernel_copy(self, out, call->pool);
  ppn_tensor_t indices = ppn_call_dense(call, index);
  ppn_tensor_t target = as_vector(out), vector = as_vector(&indices), source = as_vector(&value);
  if (!call->status) {
    ppn_call_fail(call, ppn_kernel_scatter_along_axis(&target, &vector, &source, dim, mode));
  }
  return ppn_call_finish(call);
}

// (self, dim, index, src, out)
static ppn_status_t run_scatter(ppn_operator_call_t* call) {
  const ppn_tensor_t* source = ppn_call_tensor(call, 3);
  return source ? scatter(call, source, PPN_SCATTER_UPDATE) : ppn_call_finish(call);
}

static ppn_status_t run_scatter_add(ppn_operator_call_t* call) {
  const ppn_tensor_t* source = ppn_call_tensor(call, 3);
  return source ? scatter(call, source, PPN_SCATTER_ADD) : ppn_call_finish(call);
}

// (self, dim, index, value, out)
static ppn_status_t run_scatter_value(ppn_operator_call_t* call) {
  return scatter(call, NULL, PPN_SCATTER_UPDATE);
}

// ---- Masks ----

// The sizes of two tensors broadcast.
static int broadcast_sizes(ppn_operator_call_t* call, const ppn_tensor_t* a, const ppn_tensor_t* b,
                           int64_t* sizes) {
  int rank = a->rank > b->rank ? a->rank : b->rank;
  for (int i = 0; i < rank; ++i) {
    int at_a = i - rank + a->rank, at_b = i - rank + b->rank;
    int64_t x = at_a < 0 ? 1 : a->sizes[at_a], y = at_b < 0 ? 1 : b->sizes[at_b];
    sizes[i] = x == 1 ? y : x;
    ppn_call_check(call, x == y || x == 1 || y == 1, PPN_STATUS_INVALID_ARGUMENT,
                   "sizes %lld and %lld of dimension %d do not broadcast", (long long)x,
                   (long long)y, i);
  }
  return rank;
}

// self and mask as contiguous tensors of their common sizes.
static bool read_masked(ppn_operator_call_t* call, ppn_tensor_t* out_self, ppn_tensor_t* out_mask) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *mask = ppn_call_tensor(call, 1);
  if (!self || !mask) return false;
  int64_t sizes[PPN_MAX_RANK];
  int rank = broadcast_sizes(call, self, mask, sizes);
  ppn_tensor_t self_view, mask_view;
  if (!ppn_call_check(call, mask->dtype == PPN_DTYPE_BOOL, PPN_STATUS_INVALID_ARGUMENT,
                      "a mask of dtype %s", ppn_dtype_name(mask->dtype))) {
    return false;
  }
  ppn_view_broadcast(self, rank, sizes, &self_view);
  ppn_view_broadcast(mask, rank, sizes, &mask_view);
  *out_self = ppn_call_dense(call, &self_view);
  *out_mask = ppn_call_dense(call, &mask_view);
  return !call->status;
}

// (self, mask, out)
static ppn_status_t run_masked_select(ppn_operator_call_t* call) {
  ppn_tensor_t self, mask;
  if (!read_masked(call, &self, &mask)) return ppn_call_finish(call);
  int64_t count = ppn_kernel_count_nonzero(&mask), numel = ppn_tensor_numel(&mask);
  int64_t size = (int64_t)ppn_dtype_size(self.dtype);
  ppn_tensor_t* out = ppn_call_out(call, 2, self.dtype, 1, &count);
  if (!out) return ppn_call_finish(call);
  uint8_t* to = out->data;
  for (int64_t i = 0; i < numel; ++i) {
    if (!((const uint8_t*)mask.data)[i]) continue;
    ppn_copy_bytes(to, at_offset(&self, i), size);
    to += size;
  }
  return ppn_call_finish(call);
}

// (self, mask, source, out): true elements are replaced by those of the source, in order
static ppn_status_t run_masked_scatter(ppn_operator_call_t* call) {
  ppn_tensor_t self, mask;
  const ppn_tensor_t* source = ppn_call_tensor(call, 2);
  if (!source || !read_masked(call, &self, &mask)) return ppn_call_finish(call);
  int64_t count = ppn_kernel_count_nonzero(&mask), numel = ppn_tensor_numel(&mask);
  int64_t size = (int64_t)ppn_dtype_size(self.dtype);
  ppn_call_check(call, source->dtype == self.dtype && ppn_tensor_numel(source) >= count,
                 PPN_STATUS_INVALID_ARGUMENT, "a source of %lld elements of %s for %lld of %s",
                 (long long)ppn_tensor_numel(source), ppn_dtype_name(source->dtype),
                 (long long)count, ppn_dtype_name(self.dtype));
  ppn_tensor_t* out = ppn_call_out(call, 3, self.dtype, self.rank, self.sizes);
  if (!out) return ppn_call_finish(call);
  ppn_tensor_t values = ppn_call_dense(call, source),
               result = ppn_call_dense_out(call, out, out->dtype);
  const uint8_t* from = values.data;
  for (int64_t i = 0; i < numel && !call->status; ++i) {
    bool taken = ((const uint8_t*)mask.data)[i];
    ppn_copy_bytes(at_offset(&result, i), taken ? from : at_offset(&self, i), size);
    if (taken) from += size;
  }
  ppn_call_store(call, result.data, result.dtype, out);
  return ppn_call_finish(call);
}

// (self, out)
static ppn_status_t run_nonzero(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  const int64_t sizes[] = {ppn_kernel_count_nonzero(self), self->rank};
  ppn_tensor_t* out = ppn_call_out(call, 1, PPN_DTYPE_INT64, 2, sizes);
  if (!out) return ppn_call_finish(call);
  ppn_tensor_t result = ppn_call_dense_out(call, out, out->dtype);
  if (!call->status) ppn_kernel_nonzero(self, &result);
  ppn_call_store(call, result.data, result.dtype, out);
  return ppn_call_finish(call);
}

// (repeats, output_size, out): index i, repeats[i] times
static ppn_status_t run_repeat_interleave(ppn_operator_call_t* call) {
  const ppn_tensor_t* repeats = ppn_call_tensor(call, 0);
  if (!repeats || !check_integers(call, repeats) ||
      !ppn_call_check(call, repeats->rank == 1, PPN_STATUS_INVALID_ARGUMENT,
                      "repetitions of rank %d", repeats->rank)) {
    return ppn_call_finish(call);
  }
  int64_t total = 0, given = ppn_call_int(call, 1, -1), at = 0;
  for (int64_t i = 0; i < repeats->sizes[0] && !call->status; ++i) {
    int64_t count = ppn_element_as_int64(repeats->dtype, repeats->data, i);
    ppn_call_check(call, count >= 0 && count <= INT32_MAX, PPN_STATUS_INVALID_ARGUMENT,
                   "%lld repetitions", (long long)count);
    total += count;
  }
  ppn_call_check(call, given < 0 || given == total, PPN_STATUS_INVALID_ARGUMENT,
                 "%lld repetitions in all, not %lld", (long long)total, (long long)given);
  ppn_tensor_t* out = ppn_call_out(call, 2, PPN_DTYPE_INVALID, 1, &total);
  for (int64_t i = 0; out && i < repeats->sizes[0]; ++i) {
    int64_t count = ppn_element_as_int64(repeats->dtype, repeats->data, i);
    for (; count > 0; --count) ppn_element_set_int64(out->dtype, out->data, at++, i);
  }
  return ppn_call_finish(call);
}

static const ppn_operator_row_t rows[] = {
    {"aten::embedding.out", run_embedding},
    {"aten::gather.out", run_gather},
    {"aten::index.Tensor_out", run_index},
    {"aten::index_put.out", run_index_put},
    {"aten::index_put_", run_index_put_in_place},
    {"aten::index_select.out", run_index_select},
    {"aten::masked_scatter.out", run_masked_scatter},
    {"aten::masked_select.out", run_masked_select},
    {"aten::nonzero.out", run_nonzero},
    {"aten::repeat_interleave.Tensor_out", run_repeat_interleave},
    {"aten::scatter.src_out", run_scatter},
    {"aten::scatter.value_out", run_scatter_value},
    {"aten::scatter_add.out", run_scatter_add},
};

const ppn_operator_family_t ppn_operators_indexing = {rows, PPN_COUNT_OF(rows)};
