// Operators that join, split, shift, pad and replace parts.
#include "kernels/copy.h"
#include "kernels/indices.h"
#include "kernels/pad.h"
#include "runtime/operator_support.h"
#include "runtime/operators.h"
#include "tensor/slice.h"

// ---- Joining ----

// Empty vectors join with anything.
static bool is_nothing(const ppn_tensor_t* tensor) {
  return tensor->rank == 1 && tensor->sizes[0] == 0;
}

static const ppn_tensor_t* find_model(const ppn_tensor_t** tensors, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (!is_nothing(tensors[i])) return tensors[i];
  }
  return count > 0 ? tensors[0] : NULL;
}

static bool read_tensors(ppn_operator_call_t* call, const ppn_tensor_t*** out_tensors,
                         uint32_t* out_count) {
  *out_tensors = ppn_call_tensors(call, 0, out_count);
  ppn_call_check(call, *out_count > 0, PPN_STATUS_INVALID_ARGUMENT, "no tensors");
  for (uint32_t i = 0; i < *out_count; ++i) {
    ppn_call_check(call, (*out_tensors)[i] != NULL, PPN_STATUS_INVALID_ARGUMENT,
                   "tensor %u is None", i);
  }
  return !call->status;
}

// The dtype that all promote to.
static ppn_dtype_t common_dtype(const ppn_tensor_t** tensors, uint32_t count) {
  ppn_dtype_t dtype = tensors[0]->dtype;
  for (uint32_t i = 1; i < count; ++i) dtype = ppn_dtype_promote(dtype, tensors[i]->dtype);
  return dtype;
}

// Copies with a conversion between real dtypes if one is needed.
static void copy_part(ppn_operator_call_t* call, const ppn_tensor_t* source,
                      const ppn_tensor_t* target) {
  bool fits = ppn_dtype_is_complex(source->dtype) == ppn_dtype_is_complex(target->dtype);
  if (ppn_call_check(call, fits, PPN_STATUS_UNSUPPORTED, "a cast from %s to %s",
                     ppn_dtype_name(source->dtype), ppn_dtype_name(target->dtype))) {
    ppn_kernel_copy(source, target, call->pool);
  }
}

// (tensors, dim, out)
static ppn_status_t run_cat(ppn_operator_call_t* call) {
  const ppn_tensor_t** tensors;
  uint32_t count = 0;
  if (!read_tensors(call, &tensors, &count)) return ppn_call_finish(call);
  const ppn_tensor_t* model = find_model(tensors, count);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), model->rank);
  int64_t sizes[PPN_MAX_RANK] = {0}, total = 0;
  ppn_call_check(call, model->rank > 0, PPN_STATUS_INVALID_ARGUMENT, "tensors of rank 0");
  for (int i = 0; i < model->rank; ++i) sizes[i] = model->sizes[i];
  for (uint32_t i = 0; i < count && !call->status; ++i) {
    if (is_nothing(tensors[i])) continue;
    bool fits = tensors[i]->rank == model->rank;
    for (int j = 0; fits && j < model->rank; ++j) {
      fits = j == dim || tensors[i]->sizes[j] == sizes[j];
    }
    if (ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT,
                       "tensor %u differs in another dimension than %d", i, dim)) {
      total += tensors[i]->sizes[dim];
    }
  }
  if (model->rank > 0 && !is_nothing(model)) sizes[dim] = total;
  if (call->status) return ppn_call_finish(call);
  ppn_tensor_t* out = ppn_call_out(call, 2, common_dtype(tensors, count), model->rank, sizes);
  int64_t start = 0;
  for (uint32_t i = 0; out && i < count; ++i) {
    if (is_nothing(tensors[i])) continue;
    ppn_tensor_t part = ppn_view_slice(out, dim, start, tensors[i]->sizes[dim], 1);
    copy_part(call, tensors[i], &part);
    start += tensors[i]->sizes[dim];
  }
  return ppn_call_finish(call);
}

// (tensors, dim, out)
static ppn_status_t run_stack(ppn_operator_call_t* call) {
  const ppn_tensor_t** tensors;
  uint32_t count = 0;
  if (!read_tensors(call, &tensors, &count)) return ppn_call_finish(call);
  const ppn_tensor_t* model = tensors[0];
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), model->rank + 1);
  for (uint32_t i = 0; i < count && !call->status; ++i) {
    bool fits = tensors[i]->rank == model->rank && model->rank < PPN_MAX_RANK;
    for (int j = 0; fits && j < model->rank; ++j) fits = tensors[i]->sizes[j] == model->sizes[j];
    ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT, "tensor %u has other sizes", i);
  }
  if (call->status) return ppn_call_finish(call);
  ppn_tensor_t shape = ppn_view_repeat(model, dim, count);
  ppn_tensor_t* out = ppn_call_out(call, 2, common_dtype(tensors, count), shape.rank, shape.sizes);
  for (uint32_t i = 0; out && i < count; ++i) {
    ppn_tensor_t part = ppn_view_select(out, dim, i);
    copy_part(call, tensors[i], &part);
  }
  return ppn_call_finish(call);
}

// ---- Splitting ----

static uint32_t result_count(const ppn_operator_call_t* call, uint32_t index) {
  if (call->status || index >= call->argument_count) return 0;
  const ppn_runtime_value_t* value = call->arguments[index];
  return value->kind == PPN_RUNTIME_TENSOR_LIST ? value->count : 0;
}

// Part `item` of a list of results becomes a copy of elements [start, start + size).
static void return_part(ppn_operator_call_t* call, uint32_t out, uint32_t item,
                        const ppn_tensor_t* self, int dim, int64_t start, int64_t size) {
  ppn_tensor_t view = ppn_view_slice(self, dim, start, size, 1);
  ppn_tensor_t* part = ppn_call_out_item(call, out, item, view.dtype, view.rank, view.sizes);
  if (part) ppn_kernel_copy(&view, part, call->pool);
}

// (self, split_size, dim, out)
static ppn_status_t run_split(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int64_t size = ppn_call_int(call, 1, 1), start = 0;
  int dim = ppn_call_dim(call, ppn_call_int(call, 2, 0), self->rank);
  uint32_t count = result_count(call, 3);
  int64_t length = self->rank ? self->sizes[dim] : 0;
  int64_t needed = length == 0 ? 1 : size > 0 ? (length - 1) / size + 1 : 0;
  ppn_call_check(call, self->rank > 0 && (size > 0 || length == 0), PPN_STATUS_INVALID_ARGUMENT,
                 "parts of %lld elements", (long long)size);
  ppn_call_check(call, needed == count, PPN_STATUS_INVALID_ARGUMENT, "%lld parts for %u results",
                 (long long)needed, count);
  for (uint32_t i = 0; i < count && !call->status; ++i, start += size) {
    return_part(call, 3, i, self, dim, start, length - start < size ? length - start : size);
  }
  return ppn_call_finish(call);
}

// (self, split_sizes, dim, out)
static ppn_status_t run_split_with_sizes(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 2, 0), self->rank);
  uint32_t results = result_count(call, 3), count = 0;
  int64_t* sizes = ppn_call_scratch(call, (results + 1) * sizeof(*sizes));
  if (sizes) count = ppn_call_ints(call, 1, sizes, results + 1);
  int64_t start = 0, length = self->rank ? self->sizes[dim] : 0;
  bool fits = count == results && self->rank > 0;
  for (uint32_t i = 0; fits && i < count; ++i) {
    fits = sizes[i] >= 0 && sizes[i] <= length - start;
    start += sizes[i];
  }
  ppn_call_check(call, fits && start == length, PPN_STATUS_INVALID_ARGUMENT,
                 "%u sizes do not add up to %lld, for %u results", count, (long long)length,
                 results);
  start = 0;
  for (uint32_t i = 0; i < count && !call->status; start += sizes[i++]) {
    return_part(call, 3, i, self, dim, start, sizes[i]);
  }
  return ppn_call_finish(call);
}

// (self, dim, out)
static ppn_status_t run_unbind(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  uint32_t count = result_count(call, 2);
  ppn_call_check(call, self->rank > 0 && self->sizes[dim] == count, PPN_STATUS_INVALID_ARGUMENT,
                 "%u results for dimension %d", count, dim);
  for (uint32_t i = 0; i < count && !call->status; ++i) {
    ppn_tensor_t view = ppn_view_select(self, dim, i);
    ppn_tensor_t* part = ppn_call_out_item(call, 2, i, view.dtype, view.rank, view.sizes);
    if (part) ppn_kernel_copy(&view, part, call->pool);
  }
  return ppn_call_finish(call);
}

// ---- Shifting ----

// Copies with each axis shifted around: both parts of every shifted axis, in all combinations.
static void shift(const ppn_tensor_t* source, const ppn_tensor_t* target, const int64_t* shifts,
                  int axis, ppn_thread_pool_t* pool) {
  if (axis == source->rank) {
    ppn_kernel_copy(source, target, pool);
    return;
  }
  int64_t size = source->sizes[axis], by = shifts[axis];
  ppn_tensor_t from = ppn_view_slice(source, axis, 0, size - by, 1),
               to = ppn_view_slice(target, axis, by, size - by, 1);
  shift(&from, &to, shifts, axis + 1, pool);
  if (by == 0) return;
  from = ppn_view_slice(source, axis, size - by, by, 1);
  to = ppn_view_slice(target, axis, 0, by, 1);
  shift(&from, &to, shifts, axis + 1, pool);
}

// (self, shifts, dims, out); without dims the flattened tensor is shifted
static ppn_status_t run_roll(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  int64_t given[PPN_MAX_RANK], dims[PPN_MAX_RANK], shifts[PPN_MAX_RANK] = {0};
  uint32_t count = ppn_call_ints(call, 1, given, PPN_MAX_RANK),
           dim_count = ppn_call_ints(call, 2, dims, PPN_MAX_RANK);
  if (!self) return ppn_call_finish(call);
  bool flat = dim_count == 0 && count == 1;
  ppn_call_check(call, flat || count == dim_count, PPN_STATUS_INVALID_ARGUMENT,
                 "%u shifts for %u dimensions", count, dim_count);
  ppn_tensor_t* out = ppn_call_out(call, 3, self->dtype, self->rank, self->sizes);
  if (!out || ppn_tensor_numel(out) == 0) return ppn_call_finish(call);
  int64_t numel = ppn_tensor_numel(self);
  ppn_tensor_t source = flat ? ppn_call_dense(call, self) : *self,
               target = flat ? ppn_call_dense_out(call, out, out->dtype) : *out, kept = target;
  if (flat) {
    source = ppn_view_reshape(&source, 1, &numel);
    target = ppn_view_reshape(&target, 1, &numel);
    dims[0] = 0;
  }
  for (uint32_t i = 0; i < count && !call->status; ++i) {
    int dim = ppn_call_dim(call, dims[i], source.rank);
    int64_t size = source.rank ? source.sizes[dim] : 1;
    shifts[dim] = ((shifts[dim] + given[i] % size) % size + size) % size;
  }
  if (!call->status) shift(&source, &target, shifts, 0, call->pool);
  if (flat) ppn_call_store(call, kept.data, kept.dtype, out);
  return ppn_call_finish(call);
}

// ---- Replacing ----

// `out` becomes a copy of `self` in which `part`, a view of it, is that of `source`.
static ppn_status_t replace(ppn_operator_call_t* call, const ppn_tensor_t* self,
                            const ppn_tensor_t* out, const ppn_tensor_t* source,
                            const ppn_tensor_t* part) {
  bool fits = source->rank == part->rank;
  for (int i = 0; fits && i < part->rank; ++i) fits = source->sizes[i] == part->sizes[i];
  if (ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT,
                     "the source does not have the sizes of the part it replaces")) {
    if (self->data != out->data) ppn_kernel_copy(self, out, call->pool);
    copy_part(call, source, part);
  }
  return ppn_call_finish(call);
}

// (self, src, dim, start, end, step, out)
static ppn_status_t run_slice_scatter(ppn_operator_call_t* call) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *source = ppn_call_tensor(call, 1);
  if (!self || !source) return ppn_call_finish(call);
  ppn_slice_t slice = {ppn_call_int(call, 3, 0), ppn_call_int(call, 4, INT64_MAX),
                       ppn_call_int(call, 5, 1), false, false};
  int dim = ppn_call_dim(call, ppn_call_int(call, 2, 0), self->rank);
  ppn_call_check(call, slice.step > 0 && self->rank > 0, PPN_STATUS_INVALID_ARGUMENT,
                 "a step of %lld for rank %d", (long long)slice.step, self->rank);
  ppn_tensor_t* out = ppn_call_out(call, 6, self->dtype, self->rank, self->sizes);
  if (!out) return ppn_call_finish(call);
  int64_t start = 0, count = 0;
  ppn_slice_resolve(&slice, self->sizes[dim], &start, &count);
  ppn_tensor_t part = ppn_view_slice(out, dim, start, count, slice.step);
  return replace(call, self, out, source, &part);
}

// (self, src, dim, index, out)
static ppn_status_t run_select_scatter(ppn_operator_call_t* call) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *source = ppn_call_tensor(call, 1);
  if (!self || !source) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 2, 0), self->rank);
  int64_t size = self->rank ? self->sizes[dim] : 0, given = ppn_call_int(call, 3, 0),
          index = ppn_index_wrap(given, size);
  ppn_call_check(call, index >= 0 && index < size, PPN_STATUS_OUT_OF_RANGE,
                 "index %lld is out of range for size %lld", (long long)given, (long long)size);
  ppn_tensor_t* out = ppn_call_out(call, 4, self->dtype, self->rank, self->sizes);
  if (!out) return ppn_call_finish(call);
  ppn_tensor_t part = ppn_view_select(out, dim, index);
  return replace(call, self, out, source, &part);
}

// ---- Padding ----

// (self, padding, out) or (self, padding, value, out): pairs from the last dimension on
static ppn_status_t pad(ppn_operator_call_t* call, ppn_pad_mode_t mode, uint32_t out_index) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  int64_t amounts[2 * PPN_MAX_RANK], before[PPN_MAX_RANK] = {0}, sizes[PPN_MAX_RANK];
  int count = (int)ppn_call_ints(call, 1, amounts, 2 * PPN_MAX_RANK);
  if (!self ||
      !ppn_call_check(call, count % 2 == 0 && count <= 2 * self->rank, PPN_STATUS_INVALID_ARGUMENT,
                      "%d amounts for rank %d", count, self->rank)) {
    return ppn_call_finish(call);
  }
  for (int i = 0; i < self->rank; ++i) sizes[i] = self->sizes[i];
  for (int i = 0; i < count / 2; ++i) {
    int dim = self->rank - 1 - i;
    int64_t low = amounts[2 * i], high = amounts[2 * i + 1], most = low > high ? low : high;
    before[dim] = low;
    const int64_t limit = (int64_t)1 << 40;
    bool fits = low > -limit && low < limit && high > -limit && high < limit;
    fits = fits && (mode == PPN_PAD_CONSTANT || (low >= 0 && high >= 0));
    if (mode == PPN_PAD_REFLECT) fits = fits && most < sizes[dim];
    if (mode == PPN_PAD_REPLICATE) fits = fits && (sizes[dim] > 0 || most == 0);
    fits = fits && sizes[dim] + low + high >= 0;
    if (!fits) low = high = 0;
    ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT,
                   "padding of %lld and %lld for size %lld of dimension %d",
                   (long long)amounts[2 * i], (long long)amounts[2 * i + 1], (long long)sizes[dim],
                   dim);
    sizes[dim] += low + high;
  }
  ppn_element_t value = {{0}};
  if (mode == PPN_PAD_CONSTANT) value = ppn_call_element(call, 2, self->dtype, 0);
  ppn_tensor_t* out = ppn_call_out(call, out_index, self->dtype, self->rank, sizes);
  if (out) ppn_kernel_pad(self, before, mode, &value, out, call->pool);
  return ppn_call_finish(call);
}

static ppn_status_t run_constant_pad(ppn_operator_call_t* call) {
  return pad(call, PPN_PAD_CONSTANT, 3);
}

static ppn_status_t run_reflection_pad(ppn_operator_call_t* call) {
  return pad(call, PPN_PAD_REFLECT, 2);
}

static ppn_status_t run_replication_pad(ppn_operator_call_t* call) {
  return pad(call, PPN_PAD_REPLICATE, 2);
}

static const ppn_operator_row_t rows[] = {
    {"aten::cat.out", run_cat},
    {"aten::constant_pad_nd.out", run_constant_pad},
    {"aten::reflection_pad1d.out", run_reflection_pad},
    {"aten::reflection_pad2d.out", run_reflection_pad},
    {"aten::reflection_pad3d.out", run_reflection_pad},
    {"aten::replication_pad1d.out", run_replication_pad},
    {"aten::replication_pad2d.out", run_replication_pad},
    {"aten::replication_pad3d.out", run_replication_pad},
    {"aten::roll.out", run_roll},
    {"aten::select_scatter.out", run_select_scatter},
    {"aten::slice_scatter.out", run_slice_scatter},
    {"aten::split_copy.Tensor_out", run_split},
    {"aten::split_with_sizes_copy.out", run_split_with_sizes},
    {"aten::stack.out", run_stack},
    {"aten::unbind_copy.int_out", run_unbind},
};

const ppn_operator_family_t ppn_operators_shapes = {rows, PPN_COUNT_OF(rows)};
