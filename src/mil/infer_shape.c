// Types of reductions and of operations on shapes.
#include <string.h>

#include "mil/infer.h"
#include "tensor/tensor.h"

static ppn_status_t drop_axes(ppn_mil_function_t* function, const ppn_mil_type_t* x,
                              ppn_dtype_t dtype, const bool* dropped, bool keep,
                              ppn_mil_type_t* out) {
  int rank = 0;
  for (int i = 0; i < x->rank; i++) rank += keep || !dropped[i];
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, dtype, rank, out));
  for (int i = 0, at = 0; i < x->rank; i++) {
    if (!dropped[i]) {
      out->sizes[at++] = x->sizes[i];
    } else if (keep) {
      out->sizes[at++] = ppn_dim_static(1);
    }
  }
  return ppn_status_ok();
}

PPN_INFER(reduce) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  bool reduced[PPN_MAX_RANK];
  PPN_RETURN_IF_ERROR(ppn_infer_axes(operation, "axes", x->rank, reduced));
  return drop_axes(function, x, x->dtype, reduced,
                   ppn_mil_input_bool(operation, "keep_dims", false), out);
}

PPN_INFER(reduce_arg) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  bool reduced[PPN_MAX_RANK] = {false};
  int axis = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "axis", x->rank, -1, &axis));
  reduced[axis] = true;
  ppn_dtype_t dtype =
      ppn_infer_dtype_named(ppn_mil_input_string(operation, "output_dtype", "int32"));
  return drop_axes(function, x, dtype == PPN_DTYPE_INVALID ? PPN_DTYPE_INT32 : dtype, reduced,
                   ppn_mil_input_bool(operation, "keep_dims", false), out);
}

// ---- Reshape ----

// The product of the sizes that are not inferred, symbolic or not.
static ppn_status_t product(ppn_mil_function_t* function, const ppn_dim_t* sizes, int rank,
                            int skip, ppn_dim_t* out) {
  *out = ppn_dim_static(1);
  for (int i = 0; i < rank; i++) {
    if (i == skip) continue;
    PPN_RETURN_IF_ERROR(ppn_dim_multiply(function->program->symbols, *out, sizes[i], out));
  }
  return ppn_status_ok();
}

static ppn_status_t infer_remaining(ppn_mil_function_t* function,
                                    const ppn_mil_operation_t* operation, const ppn_mil_type_t* x,
                                    int at, ppn_mil_type_t* out) {
  ppn_dim_t whole, rest;
  PPN_RETURN_IF_ERROR(product(function, x->sizes, x->rank, -1, &whole));
  PPN_RETURN_IF_ERROR(product(function, out->sizes, out->rank, at, &rest));
  if (!ppn_dim_is_static(rest)) return ppn_infer_unknown(function, &out->sizes[at]);
  if (rest.value == 0 || (ppn_dim_is_static(whole) && whole.value % rest.value != 0)) {
    return ppn_infer_fail(operation, "%lld elements do not fill rows of %lld",
                          (long long)whole.value, (long long)rest.value);
  }
  return ppn_dim_floor_divide(function->program->symbols, whole, rest, &out->sizes[at]);
}

PPN_INFER(reshape) {
  const ppn_mil_type_t *x = ppn_infer_type(operation, "x"),
                       *shape = ppn_infer_type(operation, "shape");
  int64_t sizes[2 * PPN_MAX_RANK];
  uint32_t count = 0;
  if (!ppn_infer_ints(operation, "shape", sizes, &count)) {
    if (shape->rank != 1 || !ppn_dim_is_static(shape->sizes[0])) {
      return ppn_infer_fail(operation, "the result's rank is not known");
    }
    PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, (int)shape->sizes[0].value, out));
    for (int i = 0; i < out->rank; i++) {
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, &out->sizes[i]));
    }
    return ppn_status_ok();
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, (int)count, out));
  int inferred = -1;
  for (int i = 0; i < (int)count; i++) {
    if (sizes[i] == -1) {
      if (inferred >= 0) return ppn_infer_fail(operation, "more than one -1 in the shape");
      inferred = i;
    } else if (sizes[i] == 0) {
      // Copied from x: by position, from iOS 17 on counted from the end.
      int from = function->opset >= PPN_MIL_OPSET_IOS17 ? x->rank - (int)count + i : i;
      out->sizes[i] = from >= 0 && from < x->rank ? x->sizes[from] : ppn_dim_static(1);
    } else if (sizes[i] < 0) {
      return ppn_infer_fail(operation, "size %lld in the shape", (long long)sizes[i]);
    } else {
      out->sizes[i] = ppn_dim_static(sizes[i]);
    }
  }
  if (inferred >= 0) return infer_remaining(function, operation, x, inferred, out);
  ppn_dim_t before, after;
  PPN_RETURN_IF_ERROR(product(function, x->sizes, x->rank, -1, &before));
  PPN_RETURN_IF_ERROR(product(function, out->sizes, out->rank, -1, &after));
  if (ppn_dim_is_static(before) && ppn_dim_is_static(after) && !ppn_dim_equal(before, after)) {
    return ppn_infer_fail(operation, "%lld elements into a shape of %lld", (long long)before.value,
                          (long long)after.value);
  }
  return ppn_status_ok();
}

PPN_INFER(reshape_like) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  const ppn_mil_argument_t *references = ppn_mil_operation_argument(operation, "ref_tensors"),
                           *begins = ppn_mil_operation_argument(operation, "begins"),
                           *ends = ppn_mil_operation_argument(operation, "ends"),
                           *masks = ppn_mil_operation_argument(operation, "end_masks");
  if (begins->count != references->count || ends->count != references->count ||
      masks->count != references->count) {
    return ppn_infer_fail(operation, "lists of different lengths");
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, PPN_MAX_RANK, out));
  out->rank = 0;
  for (uint32_t i = 0; i < references->count; i++) {
    const ppn_mil_type_t* reference = &references->values[i]->type;
    int64_t begin = 0, end = 0, masked = 0;
    if (!ppn_infer_entry(begins, i, &begin) || !ppn_infer_entry(ends, i, &end) ||
        !ppn_infer_entry(masks, i, &masked)) {
      return ppn_infer_fail(operation, "computed bounds");
    }
    if (masked) end = reference->rank;
    if (begin < 0) begin += reference->rank;
    if (end < 0) end += reference->rank;
    for (int64_t j = begin < 0 ? 0 : begin; j < end && j < reference->rank; j++) {
      if (out->rank >= PPN_MAX_RANK) return ppn_infer_fail(operation, "the rank is too large");
      out->sizes[out->rank++] = reference->sizes[j];
    }
  }
  return ppn_status_ok();
}

PPN_INFER(expand_dims) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t axes[2 * PPN_MAX_RANK];
  uint32_t count = 0;
  bool inserted[2 * PPN_MAX_RANK] = {false};
  if (!ppn_infer_ints(operation, "axes", axes, &count)) return ppn_infer_fail(operation, "no axes");
  int rank = x->rank + (int)count;
  for (uint32_t i = 0; i < count; i++) {
    int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank || inserted[axis]) {
      return ppn_infer_fail(operation, "axis %lld for rank %d", (long long)axes[i], rank);
    }
    inserted[axis] = true;
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, rank, out));
  for (int i = 0, from = 0; i < rank; i++) {
    out->sizes[i] = inserted[i] ? ppn_dim_static(1) : x->sizes[from++];
  }
  return ppn_status_ok();
}

PPN_INFER(squeeze) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  bool dropped[PPN_MAX_RANK];
  bool given = ppn_mil_operation_input(operation, "axes") != NULL;
  PPN_RETURN_IF_ERROR(ppn_infer_axes(operation, "axes", x->rank, dropped));
  for (int i = 0; i < x->rank; i++) {
    // A listed axis of unknown size is taken to be 1.
    dropped[i] =
        dropped[i] && (ppn_dim_is(x->sizes[i], 1) || (given && !ppn_dim_is_static(x->sizes[i])));
  }
  return drop_axes(function, x, x->dtype, dropped, false, out);
}

PPN_INFER(transpose) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t permutation[2 * PPN_MAX_RANK];
  uint32_t count = 0;
  bool used[PPN_MAX_RANK] = {false};
  if (!ppn_infer_ints(operation, "perm", permutation, &count) || (int)count != x->rank) {
    return ppn_infer_fail(operation, "a permutation of %u axes for rank %d", count, x->rank);
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  for (int i = 0; i < x->rank; i++) {
    int64_t axis = permutation[i] < 0 ? permutation[i] + x->rank : permutation[i];
    if (axis < 0 || axis >= x->rank || used[axis]) {
      return ppn_infer_fail(operation, "%lld is not part of a permutation",
                            (long long)permutation[i]);
    }
    used[axis] = true;
    out->sizes[i] = x->sizes[axis];
  }
  return ppn_status_ok();
}

PPN_INFER(flatten2d) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t axis = ppn_mil_input_int(operation, "axis", 1);
  if (axis < 0) axis += x->rank;
  if (axis < 0 || axis > x->rank) return ppn_infer_fail(operation, "axis for rank %d", x->rank);
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, 2, out));
  PPN_RETURN_IF_ERROR(product(function, x->sizes, (int)axis, -1, &out->sizes[0]));
  return product(function, x->sizes + axis, x->rank - (int)axis, -1, &out->sizes[1]);
}

// ---- Joining and splitting ----

PPN_INFER(concat) {
  const ppn_mil_argument_t* values = ppn_mil_operation_argument(operation, "values");
  if (values->count == 0) return ppn_infer_fail(operation, "no values");
  const ppn_mil_type_t* first = &values->values[0]->type;
  if (first->rank == 0) {  // scalars make a vector
    PPN_RETURN_IF_ERROR(ppn_infer_make(function, first->dtype, 1, out));
    out->sizes[0] = ppn_dim_static(values->count);
    return ppn_status_ok();
  }
  int axis = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "axis", first->rank, 0, &axis));
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, first->dtype, first->rank, out));
  for (int i = 0; i < first->rank; i++) out->sizes[i] = first->sizes[i];
  for (uint32_t i = 1; i < values->count; i++) {
    const ppn_mil_type_t* type = &values->values[i]->type;
    if (type->rank != first->rank || type->dtype != first->dtype) {
      return ppn_infer_fail(operation, "value %u differs in rank or type", i);
    }
    for (int j = 0; j < first->rank; j++) {
      ppn_dim_t* have = &out->sizes[j];
      if (j == axis) {
        PPN_RETURN_IF_ERROR(ppn_dim_add(function->program->symbols, *have, type->sizes[j], have));
      } else if (!ppn_dim_is_static(*have) && ppn_dim_is_static(type->sizes[j])) {
        *have = type->sizes[j];
      } else if (ppn_dim_is_static(*have) && ppn_dim_is_static(type->sizes[j]) &&
                 !ppn_dim_equal(*have, type->sizes[j])) {
        return ppn_infer_fail(operation, "value %u has size %lld in dimension %d, not %lld", i,
                              (long long)type->sizes[j].value, j, (long long)have->value);
      }
    }
  }
  return ppn_status_ok();
}

PPN_INFER(stack) {
  const ppn_mil_argument_t* values = ppn_mil_operation_argument(operation, "values");
  if (values->count == 0) return ppn_infer_fail(operation, "no values");
  const ppn_mil_type_t* first = &values->values[0]->type;
  int axis = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "axis", first->rank + 1, 0, &axis));
  for (uint32_t i = 1; i < values->count; i++) {
    const ppn_mil_type_t* type = &values->values[i]->type;
    if (type->rank != first->rank || type->dtype != first->dtype) {
      return ppn_infer_fail(operation, "value %u differs in rank or type", i);
    }
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, first->dtype, first->rank + 1, out));
  for (int i = 0, from = 0; i <= first->rank; i++) {
    out->sizes[i] = i == axis ? ppn_dim_static(values->count) : first->sizes[from++];
  }
  return ppn_status_ok();
}

PPN_INFER_COUNT(split) {
  const ppn_mil_value_t* sizes = ppn_mil_operation_input(operation, "split_sizes");
  if (sizes && sizes->constant) return (uint32_t)ppn_mil_constant_numel(sizes->constant);
  int64_t count = ppn_mil_input_int(operation, "num_splits", 0);
  return count > 0 && count < INT32_MAX ? (uint32_t)count : 0;
}

PPN_INFER(split) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  const ppn_mil_value_t* sizes = ppn_mil_operation_input(operation, "split_sizes");
  int axis = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "axis", x->rank, 0, &axis));
  int64_t count = operation->output_count, total = 0;
  ppn_dim_t whole = x->sizes[axis];
  for (int64_t i = 0; i < count; i++) {
    PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, &out[i]));
    for (int j = 0; j < x->rank; j++) out[i].sizes[j] = x->sizes[j];
    if (sizes && sizes->constant) {
      int64_t size = (int64_t)ppn_mil_constant_element(sizes->constant, i);
      if (size < 0) return ppn_infer_fail(operation, "a part of size %lld", (long long)size);
      out[i].sizes[axis] = ppn_dim_static(size);
      total += size;
    } else {
      if (ppn_dim_is_static(whole) && whole.value % count != 0) {
        return ppn_infer_fail(operation, "%lld does not split evenly into %lld parts",
                              (long long)whole.value, (long long)count);
      }
      PPN_RETURN_IF_ERROR(ppn_infer_affine_size(function, whole, 1, 0, count, &out[i].sizes[axis]));
    }
  }
  if (sizes && ppn_dim_is_static(whole) && total != whole.value) {
    return ppn_infer_fail(operation, "the parts add up to %lld of %lld", (long long)total,
                          (long long)whole.value);
  }
  return ppn_status_ok();
}

PPN_INFER(tile) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t repeats[2 * PPN_MAX_RANK];
  uint32_t count = 0;
  bool known = ppn_infer_ints(operation, "reps", repeats, &count);
  if (known && (int)count != x->rank) {
    return ppn_infer_fail(operation, "%u repetitions for rank %d", count, x->rank);
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  for (int i = 0; i < x->rank; i++) {
    PPN_RETURN_IF_ERROR(
        known ? ppn_infer_affine_size(function, x->sizes[i], repeats[i], 0, 1, &out->sizes[i])
              : ppn_infer_unknown(function, &out->sizes[i]));
  }
  return ppn_status_ok();
}

PPN_INFER(sliding_windows) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t size = ppn_mil_input_int(operation, "size", 1);
  int64_t stride = ppn_mil_input_int(operation, "stride", 1);
  int axis = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_axis(operation, "axis", x->rank, 0, &axis));
  if (size < 1 || stride < 1) return ppn_infer_fail(operation, "size or stride below 1");
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank + 1, out));
  for (int i = 0; i <= x->rank; i++) {
    out->sizes[i] = i <= axis       ? x->sizes[i]
                    : i == axis + 1 ? ppn_dim_static(size)
                                    : x->sizes[i - 1];
  }
  return ppn_infer_affine_size(function, x->sizes[axis], 1, stride - size, stride,
                               &out->sizes[axis]);
}

PPN_INFER(pad) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t pad[2 * PPN_MAX_RANK];
  uint32_t count = 0;
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  if (!ppn_infer_ints(operation, "pad", pad, &count)) {
    for (int i = 0; i < x->rank; i++) {
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, &out->sizes[i]));
    }
    return ppn_status_ok();
  }
  if (count % 2 || (int)count > 2 * x->rank) {
    return ppn_infer_fail(operation, "%u amounts for rank %d", count, x->rank);
  }
  int first = x->rank - (int)count / 2;
  for (int i = 0; i < x->rank; i++) {
    out->sizes[i] = x->sizes[i];
    if (i < first) continue;
    int64_t before = pad[2 * (i - first)], after = pad[2 * (i - first) + 1];
    if (before < 0 || after < 0) return ppn_infer_fail(operation, "negative padding");
    PPN_RETURN_IF_ERROR(
        ppn_infer_affine_size(function, x->sizes[i], 1, before + after, 1, &out->sizes[i]));
  }
  return ppn_status_ok();
}

PPN_INFER(shape) {
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, PPN_DTYPE_INT32, 1, out));
  out->sizes[0] = ppn_dim_static(ppn_infer_type(operation, "x")->rank);
  return ppn_status_ok();
}
