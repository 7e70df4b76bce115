// Types of layers.
#include <string.h>

#include "mil/infer.h"
#include "tensor/tensor.h"

enum { MAX_SPATIAL = 3 };

PPN_INFER(linear) {
  const ppn_mil_type_t *x = ppn_infer_type(operation, "x"),
                       *weight = ppn_infer_type(operation, "weight"),
                       *bias = ppn_infer_type(operation, "bias");
  if (x->rank < 1 || weight->rank != 2) {
    return ppn_infer_fail(operation, "x of rank %d and a weight of rank %d", x->rank, weight->rank);
  }
  ppn_dim_t width = x->sizes[x->rank - 1];
  if (ppn_dim_is_static(width) && !ppn_dim_equal(width, weight->sizes[1])) {
    return ppn_infer_fail(operation, "x has %lld features, the weight takes %lld",
                          (long long)width.value, (long long)weight->sizes[1].value);
  }
  if (bias && bias->rank == 1 && !ppn_dim_is(bias->sizes[0], 1) &&
      !ppn_dim_equal(bias->sizes[0], weight->sizes[0])) {
    return ppn_infer_fail(operation, "bias and weight have different sizes");
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  for (int i = 0; i < x->rank - 1; i++) out->sizes[i] = x->sizes[i];
  out->sizes[x->rank - 1] = weight->sizes[0];
  return ppn_status_ok();
}

static bool is_constant_input(const ppn_mil_operation_t* operation, const char* parameter) {
  return ppn_mil_operation_input(operation, parameter)->constant != NULL;
}

PPN_INFER(matmul) {
  const ppn_mil_type_t *x = ppn_infer_type(operation, "x"), *y = ppn_infer_type(operation, "y");
  bool flip_x = ppn_mil_input_bool(operation, "transpose_x", false);
  bool flip_y = ppn_mil_input_bool(operation, "transpose_y", false);
  if (x->rank < 1 || y->rank < 1 || (flip_x && x->rank < 2) || (flip_y && y->rank < 2)) {
    return ppn_infer_fail(operation, "operands of rank %d and %d", x->rank, y->rank);
  }
  ppn_dtype_t dtype = x->dtype;
  if (x->dtype != y->dtype) {
    bool x_constant = is_constant_input(operation, "x"),
         y_constant = is_constant_input(operation, "y");
    if (x_constant == y_constant) return ppn_infer_fail(operation, "operands of different types");
    dtype = x_constant ? y->dtype : x->dtype;
  }
  // Vectors: a leading 1 for x, a trailing 1 for y, removed afterwards.
  ppn_dim_t one = ppn_dim_static(1);
  ppn_dim_t rows = x->rank == 1 ? one : x->sizes[x->rank - (flip_x ? 1 : 2)];
  ppn_dim_t inner_x = x->rank == 1 ? x->sizes[0] : x->sizes[x->rank - (flip_x ? 2 : 1)];
  ppn_dim_t inner_y = y->rank == 1 ? y->sizes[0] : y->sizes[y->rank - (flip_y ? 1 : 2)];
  ppn_dim_t columns = y->rank == 1 ? one : y->sizes[y->rank - (flip_y ? 2 : 1)];
  if (ppn_dim_is_static(inner_x) && ppn_dim_is_static(inner_y) &&
      !ppn_dim_equal(inner_x, inner_y)) {
    return ppn_infer_fail(operation, "inner sizes %lld and %lld", (long long)inner_x.value,
                          (long long)inner_y.value);
  }
  ppn_mil_type_t batch_x = *x, batch_y = *y, batch;
  batch_x.rank = x->rank > 2 ? x->rank - 2 : 0;
  batch_y.rank = y->rank > 2 ? y->rank - 2 : 0;
  PPN_RETURN_IF_ERROR(ppn_infer_broadcast(function, operation, &batch_x, &batch_y, &batch));
  int rank = batch.rank + (x->rank > 1) + (y->rank > 1);
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, dtype, rank, out));
  int at = 0;
  for (; at < batch.rank; at++) out->sizes[at] = batch.sizes[at];
  if (x->rank > 1) out->sizes[at++] = rows;
  if (y->rank > 1) out->sizes[at] = columns;
  return ppn_status_ok();
}

// nchw,nwhu->nchu and chw,whr->chr, whatever the letters.
PPN_INFER(einsum) {
  const ppn_mil_argument_t* values = ppn_mil_operation_argument(operation, "values");
  if (values->count != 2 || values->values[0]->type.rank != values->values[1]->type.rank) {
    return ppn_infer_fail(operation, "needs two operands of equal rank");
  }
  const ppn_mil_type_t *a = &values->values[0]->type, *b = &values->values[1]->type;
  int rank = a->rank;
  if (rank != 3 && rank != 4) return ppn_infer_fail(operation, "operands of rank %d", rank);
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, a->dtype, rank, out));
  for (int i = 0; i < rank; i++) out->sizes[i] = a->sizes[i];
  out->sizes[rank - 1] = b->sizes[rank - 1];
  if (rank == 4 && ppn_dim_is(a->sizes[0], 1)) out->sizes[0] = b->sizes[0];
  if (ppn_dim_is(a->sizes[rank - 2], 1)) out->sizes[rank - 2] = b->sizes[rank - 2];
  return ppn_status_ok();
}

PPN_INFER(attention) {
  const ppn_mil_type_t *query = ppn_infer_type(operation, "query"),
                       *key = ppn_infer_type(operation, "key"),
                       *value = ppn_infer_type(operation, "value"),
                       *mask = ppn_infer_type(operation, "attn_mask");
  int rank = query->rank;
  if (rank < 3 || key->rank != rank || value->rank != rank) {
    return ppn_infer_fail(operation, "query, key and value of rank %d, %d and %d", rank, key->rank,
                          value->rank);
  }
  ppn_dim_t keys = key->sizes[rank - 2];
  if (mask && (mask->rank == 0 ||
               (ppn_dim_is_static(mask->sizes[mask->rank - 1]) && ppn_dim_is_static(keys) &&
                !ppn_dim_equal(mask->sizes[mask->rank - 1], keys)))) {
    return ppn_infer_fail(operation, "the mask's last size is not the number of keys");
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, query->dtype, rank, out));
  for (int i = 0; i < rank - 1; i++) out->sizes[i] = query->sizes[i];
  out->sizes[rank - 1] = value->sizes[rank - 1];
  return ppn_status_ok();
}

// ---- Windows ----

typedef struct windows {
  int spatial;
  int64_t strides[MAX_SPATIAL], dilations[MAX_SPATIAL], pad[2 * MAX_SPATIAL];
  const char* mode;
} windows_t;

static ppn_status_t read_list(const ppn_mil_operation_t* operation, const char* name, int count,
                              int64_t fallback, int64_t minimum, int64_t* out) {
  int64_t values[2 * PPN_MAX_RANK];
  uint32_t found = 0;
  for (int i = 0; i < count; i++) out[i] = fallback;
  if (!ppn_mil_operation_input(operation, name)) return ppn_status_ok();
  if (!ppn_infer_ints(operation, name, values, &found) || (int)found != count) {
    return ppn_infer_fail(operation, "%s has %u entries, expected %d", name, found, count);
  }
  for (int i = 0; i < count; i++) {
    if (values[i] < minimum) {
      return ppn_infer_fail(operation, "%s contains %lld", name, (long long)values[i]);
    }
    out[i] = values[i];
  }
  return ppn_status_ok();
}

static ppn_status_t read_windows(const ppn_mil_operation_t* operation, int spatial,
                                 windows_t* out) {
  if (spatial < 1 || spatial > MAX_SPATIAL) {
    return ppn_infer_fail(operation, "%d spatial dimensions", spatial);
  }
  out->spatial = spatial;
  out->mode = ppn_mil_input_string(operation, "pad_type", "valid");
  PPN_RETURN_IF_ERROR(read_list(operation, "strides", spatial, 1, 1, out->strides));
  for (int i = 0; i < MAX_SPATIAL; i++) out->dilations[i] = 1;
  if (ppn_mil_parameter_index(operation->op, ppn_sv("dilations")) >= 0) {
    PPN_RETURN_IF_ERROR(read_list(operation, "dilations", spatial, 1, 1, out->dilations));
  }
  for (int i = 0; i < 2 * MAX_SPATIAL; i++) out->pad[i] = 0;
  if (strcmp(out->mode, "custom") == 0) {
    return read_list(operation, "pad", 2 * spatial, 0, 0, out->pad);
  }
  if (strcmp(out->mode, "valid") == 0 || strcmp(out->mode, "same") == 0 ||
      strcmp(out->mode, "same_lower") == 0) {
    return ppn_status_ok();
  }
  return ppn_infer_fail(operation, "unknown pad_type '%s'", out->mode);
}

static ppn_status_t window_count(ppn_mil_function_t* function, const windows_t* windows, int i,
                                 ppn_dim_t size, int64_t kernel, ppn_dim_t* out) {
  int64_t stride = windows->strides[i];
  if (strncmp(windows->mode, "same", 4) == 0) {
    return ppn_infer_affine_size(function, size, 1, stride - 1, stride, out);
  }
  int64_t reach = (kernel - 1) * windows->dilations[i] + 1;
  int64_t offset = windows->pad[2 * i] + windows->pad[2 * i + 1] - reach + stride;
  return ppn_infer_affine_size(function, size, 1, offset, stride, out);
}

// A size of a weight, which bounds what is computed from it.
static ppn_status_t check_weight(const ppn_mil_operation_t* operation,
                                 const ppn_mil_type_t* weight) {
  for (int i = 0; i < weight->rank; i++) {
    if (ppn_dim_is_static(weight->sizes[i]) && weight->sizes[i].value > INT32_MAX) {
      return ppn_infer_fail(operation, "a weight of size %lld in dimension %d",
                            (long long)weight->sizes[i].value, i);
    }
  }
  return ppn_status_ok();
}

static ppn_status_t check_size(const ppn_mil_operation_t* operation, ppn_dim_t size) {
  if (!ppn_dim_is_static(size) || size.value > 0) return ppn_status_ok();
  return ppn_infer_fail(operation, "the window is larger than the padded input");
}

PPN_INFER(conv) {
  const ppn_mil_type_t *x = ppn_infer_type(operation, "x"),
                       *weight = ppn_infer_type(operation, "weight");
  windows_t windows;
  int64_t groups = ppn_mil_input_int(operation, "groups", 1);
  PPN_RETURN_IF_ERROR(read_windows(operation, x->rank - 2, &windows));
  if (weight->rank != x->rank) {
    return ppn_infer_fail(operation, "x of rank %d, weight of rank %d", x->rank, weight->rank);
  }
  PPN_RETURN_IF_ERROR(check_weight(operation, weight));
  ppn_dim_t channels = x->sizes[1];
  if (groups < 1 || (ppn_dim_is_static(channels) && ppn_dim_is_static(weight->sizes[1]) &&
                     channels.value != weight->sizes[1].value * groups)) {
    return ppn_infer_fail(operation, "%lld channels, %lld groups of %lld",
                          (long long)channels.value, (long long)groups,
                          (long long)weight->sizes[1].value);
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  out->sizes[0] = x->sizes[0];
  out->sizes[1] = weight->sizes[0];
  bool same = strncmp(windows.mode, "same", 4) == 0;
  for (int i = 0; i < windows.spatial; i++) {
    if (!same && !ppn_dim_is_static(weight->sizes[2 + i])) {
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, &out->sizes[2 + i]));
      continue;
    }
    PPN_RETURN_IF_ERROR(window_count(function, &windows, i, x->sizes[2 + i],
                                     weight->sizes[2 + i].value, &out->sizes[2 + i]));
    PPN_RETURN_IF_ERROR(check_size(operation, out->sizes[2 + i]));
  }
  return ppn_status_ok();
}

PPN_INFER(conv_transpose) {
  const ppn_mil_type_t *x = ppn_infer_type(operation, "x"),
                       *weight = ppn_infer_type(operation, "weight");
  windows_t windows;
  int64_t groups = ppn_mil_input_int(operation, "groups", 1), shape[2 * PPN_MAX_RANK];
  uint32_t shape_count = 0;
  PPN_RETURN_IF_ERROR(read_windows(operation, x->rank - 2, &windows));
  if (weight->rank != x->rank || !ppn_mil_type_is_static(weight) || groups < 1) {
    return ppn_infer_fail(operation, "x of rank %d, weight of rank %d", x->rank, weight->rank);
  }
  PPN_RETURN_IF_ERROR(check_weight(operation, weight));
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  out->sizes[0] = x->sizes[0];
  out->sizes[1] = ppn_dim_static(weight->sizes[1].value * groups);
  bool given =
      ppn_infer_ints(operation, "output_shape", shape, &shape_count) && (int)shape_count == x->rank;
  for (int i = 0; i < windows.spatial; i++) {
    int64_t stride = windows.strides[i];
    int64_t reach = (weight->sizes[2 + i].value - 1) * windows.dilations[i] + 1;
    bool same = strncmp(windows.mode, "same", 4) == 0;
    int64_t offset = same ? 0 : reach - stride - windows.pad[2 * i] - windows.pad[2 * i + 1];
    if (given) {
      out->sizes[2 + i] = ppn_dim_static(shape[2 + i]);
    } else {
      PPN_RETURN_IF_ERROR(
          ppn_infer_affine_size(function, x->sizes[2 + i], stride, offset, 1, &out->sizes[2 + i]));
    }
    PPN_RETURN_IF_ERROR(check_size(operation, out->sizes[2 + i]));
  }
  return ppn_status_ok();
}

PPN_INFER(pool) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  windows_t windows;
  int64_t kernel[MAX_SPATIAL];
  PPN_RETURN_IF_ERROR(read_windows(operation, x->rank - 2, &windows));
  PPN_RETURN_IF_ERROR(read_list(operation, "kernel_sizes", windows.spatial, 1, 1, kernel));
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  bool ceil = ppn_mil_input_bool(operation, "ceil_mode", false);
  out->sizes[0] = x->sizes[0];
  out->sizes[1] = x->sizes[1];
  for (int i = 0; i < windows.spatial; i++) {
    windows_t adjusted = windows;
    int64_t padding = windows.pad[2 * i] + windows.pad[2 * i + 1];
    if (ceil) adjusted.pad[2 * i + 1] += windows.strides[i] - 1;
    ppn_dim_t size = x->sizes[2 + i], *result = &out->sizes[2 + i];
    PPN_RETURN_IF_ERROR(window_count(function, &adjusted, i, size, kernel[i], result));
    // The last window must start inside the input or the padding before it.
    if (ceil && padding > 0 && ppn_dim_is_static(size) &&
        2 * (result->value - 1) * windows.strides[i] >= 2 * size.value + padding) {
      *result = ppn_dim_static(result->value - 1);
    }
    PPN_RETURN_IF_ERROR(check_size(operation, *result));
  }
  return ppn_status_ok();
}

// ---- Recurrence ----

// x [S, B, I], states [B, directions * H]: sequence, final h, final c.
PPN_INFER(recurrent) {
  const ppn_mil_type_t *x = ppn_infer_type(operation, "x"),
                       *state = ppn_infer_type(operation, "initial_h");
  if (x->rank != 3 || state->rank != 2) {
    return ppn_infer_fail(operation, "x of rank %d and a state of rank %d", x->rank, state->rank);
  }
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, 3, &out[0]));
  bool sequence = ppn_mil_input_bool(operation, "output_sequence", false);
  out[0].sizes[0] = sequence ? x->sizes[0] : ppn_dim_static(1);
  out[0].sizes[1] = x->sizes[1];
  out[0].sizes[2] = state->sizes[1];
  for (uint32_t i = 1; i < operation->op->output_count; i++) out[i] = *state;
  return ppn_status_ok();
}

// The label, and probabilities by label.
PPN_INFER(classify) {
  const ppn_mil_type_t* classes = ppn_infer_type(operation, "classes");
  bool text = !classes || classes->dtype == PPN_DTYPE_STRING;
  PPN_RETURN_IF_ERROR(
      ppn_infer_make(function, text ? PPN_DTYPE_STRING : PPN_DTYPE_INT64, 0, &out[0]));
  out[1] = (ppn_mil_type_t){.kind = PPN_MIL_DICTIONARY,
                            .dtype = PPN_DTYPE_FLOAT64,
                            .key_dtype = text ? PPN_DTYPE_STRING : PPN_DTYPE_INT64};
  return ppn_status_ok();
}
