// Operators whose result is a copy of a view of one tensor.
#include "base/checked.h"
#include "kernels/copy.h"
#include "kernels/indices.h"
#include "runtime/operator_support.h"
#include "runtime/operators.h"
#include "tensor/slice.h"

// ---- Orders and sizes ----

// (self, dims, out)
static ppn_status_t run_permute(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  int64_t dims[PPN_MAX_RANK];
  int order[PPN_MAX_RANK] = {0};
  bool used[PPN_MAX_RANK] = {false}, fits = true;
  uint32_t count = ppn_call_ints(call, 1, dims, PPN_MAX_RANK);
  if (!self) return ppn_call_finish(call);
  ppn_call_check(call, (int)count == self->rank, PPN_STATUS_INVALID_ARGUMENT,
                 "%u dimensions for rank %d", count, self->rank);
  for (int i = 0; i < self->rank && !call->status; ++i) {
    order[i] = ppn_call_dim(call, dims[i], self->rank);
    fits = fits && !used[order[i]];
    used[order[i]] = true;
  }
  if (!ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT, "a dimension is given twice")) {
    return ppn_call_finish(call);
  }
  ppn_tensor_t view = ppn_view_permute(self, order);
  return ppn_call_return_view(call, 2, &view);
}

static ppn_status_t transpose(ppn_operator_call_t* call, const ppn_tensor_t* self, int64_t dim0,
                              int64_t dim1, uint32_t out) {
  int order[PPN_MAX_RANK];
  int a = ppn_call_dim(call, dim0, self->rank), b = ppn_call_dim(call, dim1, self->rank);
  if (call->status) return ppn_call_finish(call);
  for (int i = 0; i < self->rank; ++i) order[i] = i == a ? b : i == b ? a : i;
  ppn_tensor_t view = ppn_view_permute(self, order);
  return ppn_call_return_view(call, out, &view);
}

// (self, dim0, dim1, out)
static ppn_status_t run_transpose(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  return transpose(call, self, ppn_call_int(call, 1, 0), ppn_call_int(call, 2, 0), 3);
}

// (self, out)
static ppn_status_t run_t(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  ppn_call_check(call, self->rank <= 2, PPN_STATUS_INVALID_ARGUMENT, "rank %d, not 0 to 2",
                 self->rank);
  return transpose(call, self, 0, self->rank == 2 ? 1 : 0, 1);
}

// (self, dim, out)
static ppn_status_t run_unsqueeze(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank + 1);
  if (!ppn_call_check(call, self->rank < PPN_MAX_RANK, PPN_STATUS_UNSUPPORTED, "rank %d",
                      self->rank + 1)) {
    return ppn_call_finish(call);
  }
  ppn_tensor_t view = ppn_view_repeat(self, dim, 1);
  return ppn_call_return_view(call, 2, &view);
}

// Without the flagged dimensions of size 1.
static ppn_status_t squeeze(ppn_operator_call_t* call, const ppn_tensor_t* self, const bool* flags,
                            uint32_t out) {
  ppn_tensor_t view = *self;
  for (int i = self->rank - 1; i >= 0; --i) {
    if (flags[i] && self->sizes[i] == 1) view = ppn_view_select(&view, i, 0);
  }
  return ppn_call_return_view(call, out, &view);
}

// (self, dim or dims, out)
static ppn_status_t run_squeeze_dims(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  int64_t dims[PPN_MAX_RANK];
  bool flags[PPN_MAX_RANK] = {false};
  uint32_t count = ppn_call_ints(call, 1, dims, PPN_MAX_RANK);
  if (!self) return ppn_call_finish(call);
  for (uint32_t i = 0; i < count; ++i) flags[ppn_call_dim(call, dims[i], self->rank)] = true;
  return squeeze(call, self, flags, 2);
}

// (self, out)
static ppn_status_t run_squeeze(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  bool flags[PPN_MAX_RANK];
  for (int i = 0; i < PPN_MAX_RANK; ++i) flags[i] = true;
  return self ? squeeze(call, self, flags, 1) : ppn_call_finish(call);
}

// ---- Repeating ----

// (self, size, implicit, out): -1 keeps a size
static ppn_status_t run_expand(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  int64_t sizes[PPN_MAX_RANK];
  int rank = (int)ppn_call_ints(call, 1, sizes, PPN_MAX_RANK);
  if (!self) return ppn_call_finish(call);
  for (int i = 0; i < rank; ++i) {
    int from = i - rank + self->rank;
    if (sizes[i] == -1 && from >= 0) sizes[i] = self->sizes[from];
  }
  ppn_tensor_t view;
  if (!ppn_call_check(call, ppn_view_broadcast(self, rank, sizes, &view),
                      PPN_STATUS_INVALID_ARGUMENT, "the tensor does not expand to these sizes")) {
    return ppn_call_finish(call);
  }
  return ppn_call_return_view(call, 3, &view);
}

// (self, repeats, out)
static ppn_status_t run_repeat(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  int64_t repeats[PPN_MAX_RANK], sizes[PPN_MAX_RANK];
  int rank = (int)ppn_call_ints(call, 1, repeats, PPN_MAX_RANK);
  if (!self || !ppn_call_check(call, rank >= self->rank, PPN_STATUS_INVALID_ARGUMENT,
                               "%d repetitions for rank %d", rank, self->rank)) {
    return ppn_call_finish(call);
  }
  ppn_tensor_t source = *self;
  while (source.rank < rank) source = ppn_view_repeat(&source, 0, 1);
  int repeated = 0;
  for (int i = 0; i < rank; ++i) {
    bool fits = repeats[i] >= 0 && ppn_checked_multiply_i64(source.sizes[i], repeats[i], &sizes[i]);
    ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT, "%lld repetitions",
                   (long long)repeats[i]);
    repeated += repeats[i] != 1;
  }
  ppn_call_check(call, rank + repeated <= PPN_MAX_RANK, PPN_STATUS_UNSUPPORTED,
                 "%d repeated dimensions of rank %d", repeated, rank);
  ppn_tensor_t* out = ppn_call_out(call, 2, self->dtype, rank, sizes);
  if (!out || ppn_tensor_numel(out) == 0) return ppn_call_finish(call);
  ppn_tensor_t target = *out;
  for (int i = rank - 1; i >= 0; --i) {
    if (repeats[i] == 1) continue;
    int64_t size = source.sizes[i];
    source = ppn_view_repeat(&source, i, repeats[i]);
    target = ppn_view_windows(&target, i, repeats[i], size, size);
  }
  ppn_kernel_copy(&source, &target, call->pool);
  return ppn_call_finish(call);
}

// ---- Parts ----

// (self, dim, start, end, step, out)
static ppn_status_t run_slice(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  ppn_slice_t slice = {ppn_call_int(call, 2, 0), ppn_call_int(call, 3, INT64_MAX),
                       ppn_call_int(call, 4, 1), false, false};
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  if (!ppn_call_check(call, slice.step > 0 && self->rank > 0, PPN_STATUS_INVALID_ARGUMENT,
                      "a step of %lld for rank %d", (long long)slice.step, self->rank)) {
    return ppn_call_finish(call);
  }
  int64_t start = 0, count = 0;
  ppn_slice_resolve(&slice, self->sizes[dim], &start, &count);
  ppn_tensor_t view = ppn_view_slice(self, dim, start, count, slice.step);
  return ppn_call_return_view(call, 5, &view);
}

// (self, dim, index, out)
static ppn_status_t run_select(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  int64_t size = self->rank ? self->sizes[dim] : 0, given = ppn_call_int(call, 2, 0),
          index = ppn_index_wrap(given, size);
  if (!ppn_call_check(call, index >= 0 && index < size, PPN_STATUS_OUT_OF_RANGE,
                      "index %lld is out of range for size %lld", (long long)given,
                      (long long)size)) {
    return ppn_call_finish(call);
  }
  ppn_tensor_t view = ppn_view_select(self, dim, index);
  return ppn_call_return_view(call, 3, &view);
}

// (self, dim, start, length, out)
static ppn_status_t run_narrow(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  int64_t size = self->rank ? self->sizes[dim] : 0, given = ppn_call_int(call, 2, 0),
          length = ppn_call_int(call, 3, 0), start = ppn_index_wrap(given, size);
  if (!ppn_call_check(call, start >= 0 && length >= 0 && start <= size && length <= size - start,
                      PPN_STATUS_OUT_OF_RANGE,
                      "%lld elements from %lld on are out of range for size %lld",
                      (long long)length, (long long)given, (long long)size)) {
    return ppn_call_finish(call);
  }
  ppn_tensor_t view = ppn_view_slice(self, dim, start, length, 1);
  return ppn_call_return_view(call, 4, &view);
}

// (self, offset, dim1, dim2, out)
static ppn_status_t run_diagonal(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int64_t offset = ppn_call_int(call, 1, 0);
  int a = ppn_call_dim(call, ppn_call_int(call, 2, 0), self->rank),
      b = ppn_call_dim(call, ppn_call_int(call, 3, 1), self->rank);
  if (!ppn_call_check(call, self->rank >= 2 && a != b, PPN_STATUS_INVALID_ARGUMENT,
                      "dimensions %d and %d of rank %d", a, b, self->rank)) {
    return ppn_call_finish(call);
  }
  int64_t rows = self->sizes[a], columns = self->sizes[b];
  int64_t row = offset < 0 ? offset < -rows ? rows : -offset : 0,
          column = offset > 0 ? offset > columns ? columns : offset : 0;
  int64_t size = rows - row < columns - column ? rows - row : columns - column;
  ppn_tensor_t view = ppn_view_slice(self, a, row, size, 1);
  view = ppn_view_slice(&view, b, column, size, 1);
  int64_t stride = view.strides[a] + view.strides[b];
  // Without both dimensions, then with the diagonal as the last one. An empty one is never read.
  int high = a > b ? a : b, low = a > b ? b : a;
  void* data = view.data;
  view = ppn_view_select(&view, high, 0);
  view = ppn_view_select(&view, low, 0);
  view.data = data;
  view = ppn_view_repeat(&view, view.rank, size);
  view.strides[view.rank - 1] = stride;
  return ppn_call_return_view(call, 4, &view);
}

// (self, dimension, size, step, out): windows, their elements along a new last dimension
static ppn_status_t run_unfold(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  int dim = ppn_call_dim(call, ppn_call_int(call, 1, 0), self->rank);
  int64_t size = ppn_call_int(call, 2, 1), step = ppn_call_int(call, 3, 1),
          length = self->rank ? self->sizes[dim] : 1;
  if (!ppn_call_check(call, size >= 0 && size <= length && step > 0 && self->rank < PPN_MAX_RANK,
                      PPN_STATUS_INVALID_ARGUMENT, "windows of %lld, %lld apart, in %lld elements",
                      (long long)size, (long long)step, (long long)length)) {
    return ppn_call_finish(call);
  }
  if (self->rank == 0) {
    ppn_tensor_t view = ppn_view_repeat(self, 0, size);
    return ppn_call_return_view(call, 4, &view);
  }
  ppn_tensor_t view = ppn_view_windows(self, dim, (length - size) / step + 1, size, step);
  view = ppn_view_move_axis(&view, dim + 1, view.rank - 1);
  return ppn_call_return_view(call, 4, &view);
}

// (self, dims, out)
static ppn_status_t run_flip(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  int64_t dims[PPN_MAX_RANK];
  uint32_t count = ppn_call_ints(call, 1, dims, PPN_MAX_RANK);
  if (!self) return ppn_call_finish(call);
  ppn_tensor_t view = *self;
  for (uint32_t i = 0; i < count && self->rank > 0; ++i) {
    int dim = ppn_call_dim(call, dims[i], self->rank);
    view = ppn_view_slice(&view, dim, view.sizes[dim] - 1, view.sizes[dim], -1);
  }
  return ppn_call_return_view(call, 2, &view);
}

// (self, size, stride, storage_offset, out): of the tensor's memory
static ppn_status_t run_as_strided(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  int64_t sizes[PPN_MAX_RANK], strides[PPN_MAX_RANK];
  uint32_t rank = ppn_call_ints(call, 1, sizes, PPN_MAX_RANK),
           count = ppn_call_ints(call, 2, strides, PPN_MAX_RANK);
  int64_t offset = ppn_call_int(call, 3, 0), numel = self ? ppn_tensor_numel(self) : 0;
  if (!self) return ppn_call_finish(call);
  bool fits = rank == count && offset >= 0, is_empty = false;
  int64_t room = numel - 1 - offset;  // to the last element
  for (uint32_t i = 0; i < rank && fits; ++i) {
    is_empty = is_empty || sizes[i] == 0;
    fits = sizes[i] >= 0 && strides[i] >= 0;
    if (!fits || sizes[i] <= 1 || strides[i] == 0) continue;
    int64_t steps = strides[i] <= numel ? numel / strides[i] : 0;
    room = sizes[i] - 1 <= steps ? room - (sizes[i] - 1) * strides[i] : -1;
    if (room < 0) break;
  }
  if (!ppn_call_check(call, fits && (is_empty || room >= 0), PPN_STATUS_OUT_OF_RANGE,
                      "the view leaves the %lld elements of the tensor", (long long)numel)) {
    return ppn_call_finish(call);
  }
  ppn_tensor_t view = ppn_tensor_make(self->data, self->dtype, (int)rank, sizes);
  for (uint32_t i = 0; i < rank; ++i) view.strides[i] = strides[i];
  if (!is_empty && self->data) {
    view.data = (uint8_t*)self->data + offset * (int64_t)ppn_dtype_size(self->dtype);
  }
  return ppn_call_return_view(call, 4, &view);
}

// (self, out): complex numbers as pairs
static ppn_status_t run_view_as_real(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self || !ppn_call_check(call, ppn_dtype_is_complex(self->dtype) && self->rank < PPN_MAX_RANK,
                               PPN_STATUS_INVALID_ARGUMENT, "dtype %s is not complex",
                               ppn_dtype_name(self->dtype))) {
    return ppn_call_finish(call);
  }
  ppn_tensor_t view = ppn_view_repeat(self, self->rank, 2);
  view.dtype = self->dtype == PPN_DTYPE_COMPLEX32   ? PPN_DTYPE_FLOAT16
               : self->dtype == PPN_DTYPE_COMPLEX64 ? PPN_DTYPE_FLOAT32
                                                    : PPN_DTYPE_FLOAT64;
  for (int i = 0; i < self->rank; ++i) view.strides[i] *= 2;
  view.strides[self->rank] = 1;
  return ppn_call_return_view(call, 1, &view);
}

// ---- Pixels ----

// (self, factor, out): channels to pixels, or back; any number of leading dimensions
static ppn_status_t move_pixels(ppn_operator_call_t* call, bool to_pixels) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  int64_t factor = ppn_call_int(call, 1, 1);
  int channel = self ? self->rank - 3 : 0;
  if (!self ||
      !ppn_call_check(
          call, channel >= 0 && self->rank + 3 <= PPN_MAX_RANK && factor > 0 && factor < 1 << 20,
          PPN_STATUS_INVALID_ARGUMENT, "rank %d, factor %lld", self->rank, (long long)factor)) {
    return ppn_call_finish(call);
  }
  int64_t sizes[PPN_MAX_RANK], area = factor * factor;
  for (int i = 0; i < self->rank; ++i) sizes[i] = self->sizes[i];
  bool fits = to_pixels ? sizes[channel] % area == 0
                        : sizes[channel + 1] % factor == 0 && sizes[channel + 2] % factor == 0;
  sizes[channel] = to_pixels ? sizes[channel] / area : sizes[channel] * area;
  for (int i = channel + 1; i < self->rank; ++i) {
    sizes[i] = to_pixels ? sizes[i] * factor : sizes[i] / factor;
  }
  ppn_call_check(call, fits, PPN_STATUS_INVALID_ARGUMENT, "sizes are no multiples of %lld",
                 (long long)factor);
  ppn_tensor_t* out = ppn_call_out(call, 2, self->dtype, self->rank, sizes);
  if (!out) return ppn_call_finish(call);
  // Both as [..., channels, height, factor, width, factor].
  ppn_tensor_t packed = ppn_view_split_axis(to_pixels ? self : out, channel, area),
               image = ppn_view_split_axis(to_pixels ? out : self, channel + 2, factor);
  packed = ppn_view_split_axis(&packed, channel + 1, factor);
  int order[PPN_MAX_RANK];
  static const int places[] = {0, 3, 1, 4, 2};
  for (int i = 0; i < packed.rank; ++i) order[i] = i < channel ? i : channel + places[i - channel];
  packed = ppn_view_permute(&packed, order);
  image = ppn_view_split_axis(&image, channel + 1, factor);
  ppn_kernel_copy(to_pixels ? &packed : &image, to_pixels ? &image : &packed, call->pool);
  return ppn_call_finish(call);
}

static ppn_status_t run_pixel_shuffle(ppn_operator_call_t* call) {
  return move_pixels(call, true);
}

static ppn_status_t run_pixel_unshuffle(ppn_operator_call_t* call) {
  return move_pixels(call, false);
}

static const ppn_operator_row_t rows[] = {
    {"aten::as_strided_copy.out", run_as_strided},
    {"aten::diagonal_copy.out", run_diagonal},
    {"aten::expand_copy.out", run_expand},
    {"aten::flip.out", run_flip},
    {"aten::narrow_copy.out", run_narrow},
    {"aten::permute_copy.out", run_permute},
    {"aten::pixel_shuffle.out", run_pixel_shuffle},
    {"aten::pixel_unshuffle.out", run_pixel_unshuffle},
    {"aten::repeat.out", run_repeat},
    {"aten::select_copy.int_out", run_select},
    {"aten::slice_copy.Tensor_out", run_slice},
    {"aten::squeeze_copy.out", run_squeeze},
    {"aten::squeeze_copy.dim_out", run_squeeze_dims},
    {"aten::squeeze_copy.dims_out", run_squeeze_dims},
    {"aten::t_copy.out", run_t},
    {"aten::transpose_copy.int_out", run_transpose},
    {"aten::unfold_copy.out", run_unfold},
    {"aten::unsqueeze_copy.out", run_unsqueeze},
    {"aten::view_as_real_copy.out", run_view_as_real},
};

const ppn_operator_family_t ppn_operators_views = {rows, PPN_COUNT_OF(rows)};
