// Types of slicing, indexing and creation.
#include <math.h>

#include "mil/infer.h"
#include "tensor/slice.h"
#include "tensor/tensor.h"

// ---- Slices ----

typedef struct slice {
  int64_t begin[2 * PPN_MAX_RANK], end[2 * PPN_MAX_RANK], stride[2 * PPN_MAX_RANK];
  int64_t begin_mask[2 * PPN_MAX_RANK], end_mask[2 * PPN_MAX_RANK], squeeze_mask[2 * PPN_MAX_RANK];
  bool begin_known, end_known;
} slice_t;

static ppn_status_t read_list(const ppn_mil_operation_t* operation, const char* name, int rank,
                              int64_t fallback, int64_t* out, bool* out_known) {
  uint32_t count = 0;
  const ppn_mil_value_t* value = ppn_mil_operation_input(operation, name);
  *out_known = true;
  for (int i = 0; i < rank; i++) out[i] = fallback;
  if (!value) return ppn_status_ok();
  if (!value->constant) {
    *out_known = false;
    return ppn_status_ok();
  }
  if (!ppn_infer_ints(operation, name, out, &count) || (int)count != rank) {
    return ppn_infer_fail(operation, "%s has %u entries for rank %d", name, count, rank);
  }
  return ppn_status_ok();
}

static ppn_status_t read_slice(const ppn_mil_operation_t* operation, int rank, slice_t* out) {
  bool known = false;
  PPN_RETURN_IF_ERROR(read_list(operation, "begin", rank, 0, out->begin, &out->begin_known));
  PPN_RETURN_IF_ERROR(read_list(operation, "end", rank, 0, out->end, &out->end_known));
  PPN_RETURN_IF_ERROR(read_list(operation, "stride", rank, 1, out->stride, &known));
  PPN_RETURN_IF_ERROR(read_list(operation, "begin_mask", rank, 0, out->begin_mask, &known));
  PPN_RETURN_IF_ERROR(read_list(operation, "end_mask", rank, 0, out->end_mask, &known));
  PPN_RETURN_IF_ERROR(read_list(operation, "squeeze_mask", rank, 0, out->squeeze_mask, &known));
  for (int i = 0; i < rank; i++) {
    if (out->stride[i] == 0) return ppn_infer_fail(operation, "a stride of 0");
  }
  return ppn_status_ok();
}

// The length of a slice of a known size.
static int64_t slice_length(const slice_t* slice, int i, int64_t size) {
  ppn_slice_t bounds = {slice->begin[i], slice->end[i], slice->stride[i], slice->begin_mask[i] != 0,
                        slice->end_mask[i] != 0};
  int64_t start = 0, count = 0;
  ppn_slice_resolve(&bounds, size, &start, &count);
  return count;
}

static ppn_status_t slice_size(ppn_mil_function_t* function, const slice_t* slice, int i,
                               ppn_dim_t size, ppn_dim_t* out) {
  bool whole = slice->begin_mask[i] && slice->end_mask[i];
  int64_t stride = slice->stride[i];
  if (whole) {
    int64_t step = stride < 0 ? -stride : stride;
    return ppn_infer_affine_size(function, size, 1, step - 1, step, out);
  }
  bool known =
      (slice->begin_known || slice->begin_mask[i]) && (slice->end_known || slice->end_mask[i]);
  if (known && ppn_dim_is_static(size)) {
    *out = ppn_dim_static(slice_length(slice, i, size.value));
    return ppn_status_ok();
  }
  // From a fixed start to the end of an unknown size, or from its start to a fixed distance before
  // the end.
  if (known && stride == 1 && slice->end_mask[i] && slice->begin[i] >= 0) {
    return ppn_infer_affine_size(function, size, 1, -slice->begin[i], 1, out);
  }
  if (known && slice->end_mask[i] && slice->begin[i] == -1 && stride > 0) {
    *out = ppn_dim_static(1);
    return ppn_status_ok();
  }
  return ppn_infer_unknown(function, out);
}

PPN_INFER(slice_by_index) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  slice_t slice;
  PPN_RETURN_IF_ERROR(read_slice(operation, x->rank, &slice));
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  out->rank = 0;
  for (int i = 0; i < x->rank; i++) {
    if (slice.squeeze_mask[i]) continue;
    PPN_RETURN_IF_ERROR(slice_size(function, &slice, i, x->sizes[i], &out->sizes[out->rank++]));
  }
  return ppn_status_ok();
}

PPN_INFER(slice_by_size) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t begin[2 * PPN_MAX_RANK], size[2 * PPN_MAX_RANK];
  bool begin_known = false, size_known = false;
  PPN_RETURN_IF_ERROR(read_list(operation, "begin", x->rank, 0, begin, &begin_known));
  PPN_RETURN_IF_ERROR(read_list(operation, "size", x->rank, -1, size, &size_known));
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  for (int i = 0; i < x->rank; i++) {
    if (size_known && size[i] >= 0) {
      out->sizes[i] = ppn_dim_static(size[i]);
    } else if (size_known && begin_known && begin[i] >= 0) {
      PPN_RETURN_IF_ERROR(
          ppn_infer_affine_size(function, x->sizes[i], 1, -begin[i], 1, &out->sizes[i]));
    } else if (size_known && begin_known) {
      out->sizes[i] = ppn_dim_static(-begin[i]);
    } else {
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, &out->sizes[i]));
    }
  }
  return ppn_status_ok();
}

PPN_INFER(slice_update) {
  (void)function;
  slice_t slice;
  *out = *ppn_infer_type(operation, "x");
  if (ppn_infer_type(operation, "update")->rank == 0) {
    return ppn_infer_fail(operation, "an update of rank 0");
  }
  return read_slice(operation, out->rank, &slice);
}

// ---- Gathers ----

PPN_INFER(gather) {
  const ppn_mil_type_t *x = ppn_infer_type(operation, "x"),
                       *indices = ppn_infer_type(operation, "indices");
  int64_t batch = ppn_mil_input_int(operation, "batch_dims", 0);
  int axis = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "axis", x->rank, 0, &axis));
  if (batch < 0 || batch > axis || batch > indices->rank) {
    return ppn_infer_fail(operation, "batch_dims %lld with axis %d", (long long)batch, axis);
  }
  int taken = indices->rank - (int)batch;
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank - 1 + taken, out));
  int at = 0;
  for (int i = 0; i < axis; i++) out->sizes[at++] = x->sizes[i];
  for (int i = (int)batch; i < indices->rank; i++) out->sizes[at++] = indices->sizes[i];
  for (int i = axis + 1; i < x->rank; i++) out->sizes[at++] = x->sizes[i];
  return ppn_status_ok();
}

PPN_INFER(gather_along_axis) {
  (void)function;
  const ppn_mil_type_t *x = ppn_infer_type(operation, "x"),
                       *indices = ppn_infer_type(operation, "indices");
  int axis = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "axis", x->rank, 0, &axis));
  if (indices->rank != x->rank) {
    return ppn_infer_fail(operation, "x of rank %d, indices of rank %d", x->rank, indices->rank);
  }
  for (int i = 0; i < x->rank; i++) {
    if (i != axis && ppn_dim_is_static(x->sizes[i]) && ppn_dim_is_static(indices->sizes[i]) &&
        !ppn_dim_equal(x->sizes[i], indices->sizes[i])) {
      return ppn_infer_fail(operation, "x and indices differ in dimension %d", i);
    }
  }
  *out = ppn_infer_with_dtype(indices, x->dtype);
  return ppn_status_ok();
}

PPN_INFER(gather_nd) {
  const ppn_mil_type_t *x = ppn_infer_type(operation, "x"),
                       *indices = ppn_infer_type(operation, "indices");
  int64_t batch = ppn_mil_input_int(operation, "batch_dims", 0);
  if (indices->rank < 1 || !ppn_dim_is_static(indices->sizes[indices->rank - 1])) {
    return ppn_infer_fail(operation, "coordinates of unknown length");
  }
  int64_t length = indices->sizes[indices->rank - 1].value;
  if (batch < 0 || length < 0 || batch + length > x->rank) {
    return ppn_infer_fail(operation, "coordinates of length %lld for rank %d", (long long)length,
                          x->rank);
  }
  int first = (int)(batch + length), rank = indices->rank - 1 + x->rank - first, at = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, rank, out));
  for (int i = 0; i < indices->rank - 1; i++) out->sizes[at++] = indices->sizes[i];
  for (int i = first; i < x->rank; i++) out->sizes[at++] = x->sizes[i];
  return ppn_status_ok();
}

PPN_INFER(scatter) {
  (void)function;
  *out = *ppn_infer_type(operation, "data");
  return ppn_status_ok();
}

// ---- Selection ----

PPN_INFER_COUNT(topk) {
  return ppn_mil_input_bool(operation, "return_indices", true) ? 2 : 1;
}

PPN_INFER(topk) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t k = ppn_mil_input_int(operation, "k", 1);
  int axis = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "axis", x->rank, -1, &axis));
  ppn_dtype_t indices =
      ppn_infer_dtype_named(ppn_mil_input_string(operation, "output_indices_dtype", "int32"));
  for (uint32_t i = 0; i < operation->output_count; i++) {
    PPN_RETURN_IF_ERROR(ppn_infer_make(function,
                                       i == 0                         ? x->dtype
                                       : indices == PPN_DTYPE_INVALID ? PPN_DTYPE_INT32
                                                                      : indices,
                                       x->rank, &out[i]));
    for (int j = 0; j < x->rank; j++) out[i].sizes[j] = x->sizes[j];
    if (k >= 0) out[i].sizes[axis] = ppn_dim_static(k);
  }
  return ppn_status_ok();
}

PPN_INFER(non_zero) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, PPN_DTYPE_INT32, 2, out));
  out->sizes[1] = ppn_dim_static(x->rank);
  return ppn_infer_unknown(function, &out->sizes[0]);
}

PPN_INFER(one_hot) {
  const ppn_mil_type_t *indices = ppn_infer_type(operation, "indices"),
                       *on = ppn_infer_type(operation, "on_value");
  const ppn_mil_value_t* size = ppn_mil_operation_input(operation, "one_hot_vector_size");
  int axis = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "axis", indices->rank + 1, -1, &axis));
  PPN_RETURN_IF_ERROR(
      ppn_infer_make(function, on ? on->dtype : PPN_DTYPE_INT32, indices->rank + 1, out));
  for (int i = 0, from = 0; i <= indices->rank; i++) {
    if (i != axis) out->sizes[i] = indices->sizes[from++];
  }
  if (!size->constant) return ppn_infer_unknown(function, &out->sizes[axis]);
  out->sizes[axis] = ppn_dim_static(ppn_mil_input_int(operation, "one_hot_vector_size", 0));
  return ppn_status_ok();
}

// ---- Creation ----

PPN_INFER(fill) {
  const ppn_mil_type_t *shape = ppn_infer_type(operation, "shape"),
                       *value = ppn_infer_type(operation, "value");
  int64_t sizes[2 * PPN_MAX_RANK];
  uint32_t count = 0;
  bool known = ppn_infer_ints(operation, "shape", sizes, &count);
  if (shape->rank != 1 || !ppn_dim_is_static(shape->sizes[0])) {
    return ppn_infer_fail(operation, "a shape of unknown length");
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, value ? value->dtype : PPN_DTYPE_FLOAT32,
                                     (int)shape->sizes[0].value, out));
  for (int i = 0; i < out->rank; i++) {
    if (known) {
      out->sizes[i] = ppn_dim_static(sizes[i]);
    } else {
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, &out->sizes[i]));
    }
  }
  return ppn_status_ok();
}

PPN_INFER(fill_like) {
  (void)function;
  const ppn_mil_type_t* value = ppn_infer_type(operation, "value");
  *out = ppn_infer_with_dtype(ppn_infer_type(operation, "ref_tensor"),
                              value ? value->dtype : PPN_DTYPE_FLOAT32);
  return ppn_status_ok();
}

PPN_INFER(range_1d) {
  static const char* const names[] = {"start", "end", "step"};
  double numbers[3];
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, ppn_infer_type(operation, "start")->dtype, 1, out));
  for (int i = 0; i < 3; i++) {
    if (!ppn_mil_operation_input(operation, names[i])->constant) {
      return ppn_infer_unknown(function, &out->sizes[0]);
    }
    numbers[i] = ppn_mil_input_float(operation, names[i], 0);
  }
  // A step away from the end gives no elements.
  double length = numbers[2] == 0 ? NAN : fmax(0, ceil((numbers[1] - numbers[0]) / numbers[2]));
  if (!(length < 0x1p31) || isnan(numbers[0]) || isnan(numbers[1])) {
    return ppn_infer_fail(operation, "from %g to %g in steps of %g", numbers[0], numbers[1],
                          numbers[2]);
  }
  out->sizes[0] = ppn_dim_static((int64_t)length);
  return ppn_status_ok();
}
