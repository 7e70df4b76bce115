// Operators that copy a tensor as it is: clones, casts, other dim orders, copies into place.
#include "runtime/operators.h"
#include "runtime/values.h"

static void copy(ppn_operator_call_t* call, const ppn_tensor_t* source,
                 const ppn_tensor_t* target) {
  if (ppn_dtype_is_complex(source->dtype) != ppn_dtype_is_complex(target->dtype)) {
    ppn_call_fail(call,
                  ppn_status_make(PPN_STATUS_UNSUPPORTED, "a cast from %s to %s",
                                  ppn_dtype_name(source->dtype), ppn_dtype_name(target->dtype)));
  } else if (!ppn_tensors_overlap(source, target)) {
    ppn_tensor_copy(source, target);
  } else if (source->data != target->data || source->dtype != target->dtype) {
    // A plan that puts both in the same place: by way of memory of its own.
    void* memory = ppn_call_scratch(call, ppn_tensor_size(source));
    if (!memory) return;
    ppn_tensor_t between = ppn_tensor_make(memory, source->dtype, source->rank, source->sizes);
    ppn_tensor_copy(source, &between);
    ppn_tensor_copy(&between, target);
  }
}

// Argument 0 to the result at `out`, converted to the result's dtype.
static ppn_status_t copy_to(ppn_operator_call_t* call, uint32_t out_index) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  if (!self) return ppn_call_finish(call);
  ppn_tensor_t* out = ppn_call_out(call, out_index, PPN_DTYPE_INVALID, self->rank, self->sizes);
  if (out) copy(call, self, out);
  return ppn_call_finish(call);
}

// (self, out)
static ppn_status_t run_plain_copy(ppn_operator_call_t* call) {
  return copy_to(call, 1);
}
// (self, memory_format, out)
static ppn_status_t run_clone(ppn_operator_call_t* call) {
  return copy_to(call, 2);
}
// (self, non_blocking, memory_format or dim_order, out): the result has the dim order asked for
static ppn_status_t run_to_copy(ppn_operator_call_t* call) {
  return copy_to(call, 3);
}

// (size, dim_order, out)
static ppn_status_t run_empty_dim_order(ppn_operator_call_t* call) {
  int64_t sizes[PPN_MAX_RANK];
  int rank = (int)ppn_call_ints(call, 0, sizes, PPN_MAX_RANK);
  (void)ppn_call_out(call, 2, PPN_DTYPE_INVALID, rank, sizes);
  return ppn_call_finish(call);
}

// `source` seen with `rank` and `sizes`: missing and single dimensions repeat.
static bool broadcast(ppn_operator_call_t* call, const ppn_tensor_t* source, int rank,
                      const int64_t* sizes, ppn_tensor_t* out) {
  int missing = rank - source->rank;
  *out = (ppn_tensor_t){.data = source->data, .dtype = source->dtype, .rank = rank};
  for (int i = 0; i < rank; ++i) {
    int64_t size = i < missing ? 1 : source->sizes[i - missing];
    bool fits = missing >= 0 && (size == sizes[i] || size == 1);
    if (!fits) {
      ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                                          "dimension %d: size %lld does not broadcast to %lld", i,
                                          (long long)size, (long long)sizes[i]));
      return false;
    }
    out->sizes[i] = sizes[i];
    out->strides[i] = size == sizes[i] && i >= missing ? source->strides[i - missing] : 0;
  }
  return missing >= 0;
}

// The source, broadcast to `self`'s sizes, to the result at `out_index`.
static ppn_status_t copy_broadcast(ppn_operator_call_t* call, uint32_t out_index) {
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *source = ppn_call_tensor(call, 1);
  if (!self || !source) return ppn_call_finish(call);
  int64_t sizes[PPN_MAX_RANK];
  int rank = self->rank;
  for (int i = 0; i < rank; ++i) sizes[i] = self->sizes[i];
  if (source->rank > rank) {
    ppn_call_fail(call, ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                                        "a source of %d dimensions for %d", source->rank, rank));
    return ppn_call_finish(call);
  }
  ppn_tensor_t* out = ppn_call_out(call, out_index, self->dtype, rank, sizes);
  ppn_tensor_t view;
  if (out && broadcast(call, source, rank, sizes, &view)) copy(call, &view, out);
  return ppn_call_finish(call);
}

// (self, src, non_blocking, out)
static ppn_status_t run_copy(ppn_operator_call_t* call) {
  return copy_broadcast(call, 3);
}
// (self, src, non_blocking): into self
static ppn_status_t run_copy_in_place(ppn_operator_call_t* call) {
  return copy_broadcast(call, 0);
}

// (self, size, out): the elements in row-major order, with other sizes
static ppn_status_t run_view_copy(ppn_operator_call_t* call) {
  const ppn_tensor_t* self = ppn_call_tensor(call, 0);
  int64_t sizes[PPN_MAX_RANK];
  int rank = (int)ppn_call_ints(call, 1, sizes, PPN_MAX_RANK);
  if (!self || call->status) return ppn_call_finish(call);
  ppn_call_fail(call, ppn_infer_view_sizes(ppn_tensor_numel(self), rank, sizes));
  ppn_tensor_t* out = ppn_call_out(call, 2, self->dtype, rank, sizes);
  if (!out) return ppn_call_finish(call);
  bool is_direct = ppn_tensor_is_contiguous(out);
  void* memory = is_direct ? out->data : ppn_call_scratch(call, ppn_tensor_size(self));
  if (!memory && ppn_tensor_numel(self) > 0) return ppn_call_finish(call);
  ppn_tensor_t flat = ppn_tensor_make(memory, self->dtype, self->rank, self->sizes);
  copy(call, self, &flat);
  if (!is_direct) {
    ppn_tensor_t reshaped = ppn_tensor_make(memory, out->dtype, out->rank, out->sizes);
    ppn_tensor_copy(&reshaped, out);
  }
  return ppn_call_finish(call);
}

static const ppn_operator_row_t rows[] = {
    {"aten::alias_copy.out", run_plain_copy},
    {"aten::clone.out", run_clone},
    {"aten::copy.out", run_copy},
    {"aten::copy_", run_copy_in_place},
    {"aten::detach_copy.out", run_plain_copy},
    {"aten::lift_fresh_copy.out", run_plain_copy},
    {"aten::_to_copy.out", run_to_copy},
    {"aten::view_copy.out", run_view_copy},
    {"dim_order_ops::_clone_dim_order.out", run_to_copy},
    {"dim_order_ops::_empty_dim_order.out", run_empty_dim_order},
    {"dim_order_ops::_to_dim_order_copy.out", run_to_copy},
    {"et_copy::_d2h_copy.out", run_plain_copy},
    {"et_copy::_h2d_copy.out", run_plain_copy},
};

const ppn_operator_family_t ppn_operators_copies = {rows, PPN_COUNT_OF(rows)};
