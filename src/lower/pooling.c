// Pooling, with fixed windows and adaptive.
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

enum { MAX_SPATIAL = 3 };

typedef struct pool {
  const char* type;  // "max_pool", "avg_pool"
  int spatial;
  int64_t kernel[MAX_SPATIAL], strides[MAX_SPATIAL], padding[MAX_SPATIAL], dilation[MAX_SPATIAL];
  bool ceil_mode, count_padding;
} pool_t;

static void read_list(const ppn_node_t* node, const char* name, int spatial,
                      const int64_t* fallback, int64_t* out) {
  int64_t values[PPN_MAX_RANK];
  uint32_t count = 0;
  bool given = ppn_row_literal_ints(node, name, values, &count) && count > 0;
  for (int i = 0; i < spatial; i++) {
    out[i] = !given ? fallback[i] : values[(uint32_t)i < count ? (uint32_t)i : count - 1];
  }
}

// "aten::max_pool2d_with_indices" → 2
static int spatial_rank(const ppn_node_t* node) {
  const char* digit = strpbrk(node->target, "123");
  return digit ? *digit - '0' : 2;
}

static void read_pool(const ppn_node_t* node, pool_t* out) {
  static const int64_t zeros[MAX_SPATIAL] = {0}, ones[MAX_SPATIAL] = {1, 1, 1};
  out->type = strstr(node->target, "max_pool") ? "max_pool" : "avg_pool";
  out->spatial = spatial_rank(node);
  read_list(node, "kernel_size", out->spatial, ones, out->kernel);
  read_list(node, "stride", out->spatial, out->kernel, out->strides);  // [] means the kernel
  read_list(node, "padding", out->spatial, zeros, out->padding);
  read_list(node, "dilation", out->spatial, ones, out->dilation);
  out->ceil_mode = ppn_row_literal_bool(node, "ceil_mode", false);
  out->count_padding = ppn_row_literal_bool(node, "count_include_pad", true);
}

static ppn_mil_value_t* emit_pool(ppn_lower_context_t* context, const pool_t* pool,
                                  ppn_mil_value_t* x) {
  uint32_t spatial = (uint32_t)pool->spatial;
  int64_t pad[2 * MAX_SPATIAL];
  bool padded = false;
  for (uint32_t i = 0; i < spatial; i++) {
    pad[2 * i] = pad[2 * i + 1] = pool->padding[i];
    padded |= pool->padding[i] != 0;
  }
  bool is_average = strcmp(pool->type, "avg_pool") == 0;
  return ppn_row_emit(
      context, pool->type, {"x", x}, {"kernel_sizes", ppn_row_ints(context, pool->kernel, spatial)},
      {"strides", ppn_row_ints(context, pool->strides, spatial)},
      {"pad_type", ppn_row_text(context, padded || pool->ceil_mode ? "custom" : "valid")},
      {"pad", ppn_row_ints(context, pad, 2 * spatial)},
      {"ceil_mode", ppn_row_bool(context, pool->ceil_mode)},
      {"exclude_padding_from_average",
       is_average ? ppn_row_bool(context, !pool->count_padding) : NULL});
}

// The operand with a batch dimension, which torch lets callers leave out.
static ppn_mil_value_t* batched(ppn_lower_context_t* context, ppn_mil_value_t* x, int spatial,
                                bool* out_added) {
  *out_added = x && x->type.rank == spatial + 1;
  return *out_added ? ppn_row_expand_dims(context, x, (const int64_t[]){0}, 1) : x;
}

static ppn_mil_value_t* unbatched(ppn_lower_context_t* context, ppn_mil_value_t* x, bool added) {
  return added ? ppn_row_squeeze(context, x, (const int64_t[]){0}, 1) : x;
}

static ppn_status_t lower_pool(ppn_lower_context_t* context, const ppn_node_t* node) {
  pool_t pool;
  bool added = false;
  read_pool(node, &pool);
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_aten_at(node, 0), ppn_row_output_dtype(node));
  ppn_mil_value_t* result = emit_pool(context, &pool, batched(context, x, pool.spatial, &added));
  return ppn_row_result(context, node, unbatched(context, result, added));
}

static bool pool_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                           ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  pool_t pool;
  if (!ppn_row_require_literal(node, reason, "kernel_size", "stride", "padding", "dilation",
                               "ceil_mode", "count_include_pad", "divisor_override")) {
    return false;
  }
  read_pool(node, &pool);
  if (!x || x->rank < pool.spatial + 1 || !ppn_dtype_is_float(x->dtype)) {
    return ppn_row_refuse(reason, "only pooling of float images");
  }
  if (ppn_row_given(node, "divisor_override")) return ppn_row_refuse(reason, "divisor_override");
  if (pool.ceil_mode && pool.spatial == 3)
    return ppn_row_refuse(reason, "3-D pooling in ceil mode");
  for (int i = 0; i < pool.spatial; i++) {
    if (pool.dilation[i] != 1) return ppn_row_refuse(reason, "pooling with dilation");
    // Core ML counts a last window that starts past the end, torch does not.
    if (pool.ceil_mode && pool.padding[i] == 0 && pool.strides[i] > pool.kernel[i]) {
      return ppn_row_refuse(reason, "ceil mode with strides larger than the window");
    }
  }
  return true;
}

// ---- Adaptive ----

static void read_output_size(const ppn_node_t* node, int spatial, int64_t* out) {
  static const int64_t ones[MAX_SPATIAL] = {1, 1, 1};
  read_list(node, "output_size", spatial, ones, out);
}

static bool is_maximum(const ppn_node_t* node) {
  return strstr(node->target, "max_pool") != NULL;
}

// One axis at a time: window i covers [floor(i n / m), ceil((i + 1) n / m)). Averages of averages
// over a grid of rectangles are exact, as each step averages whole lines of windows.
static ppn_mil_value_t* pool_axis(ppn_lower_context_t* context, ppn_mil_value_t* x, int64_t axis,
                                  int64_t size, const char* reduction) {
  ppn_mil_value_t* parts[256];
  if (context->status || !x) return NULL;
  int64_t length = x->type.sizes[axis].value;
  for (int64_t i = 0; i < size; i++) {
    int64_t begin = i * length / size, end = ((i + 1) * length + size - 1) / size;
    parts[i] = ppn_row_slice(context, x, axis, begin, end);
    if (end - begin > 1) parts[i] = ppn_row_reduce(context, reduction, parts[i], &axis, 1, true);
  }
  return size == 1 ? parts[0] : ppn_row_concat(context, parts, (uint32_t)size, axis);
}

static ppn_status_t lower_adaptive(ppn_lower_context_t* context, const ppn_node_t* node) {
  int spatial = spatial_rank(node);
  int64_t sizes[MAX_SPATIAL], axes[MAX_SPATIAL];
  read_output_size(node, spatial, sizes);
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_aten_at(node, 0), ppn_row_output_dtype(node));
  if (context->status) return ppn_row_finish(context);
  int rank = x->type.rank;
  bool maximum = is_maximum(node), whole = true, divisible = true;
  for (int i = 0; i < spatial; i++) {
    axes[i] = rank - spatial + i;
    ppn_dim_t size = x->type.sizes[axes[i]];
    whole &= sizes[i] == 1;
    divisible &= ppn_dim_is_static(size) && size.value % sizes[i] == 0;
  }
  const char* reduction = maximum ? "reduce_max" : "reduce_mean";
  ppn_mil_value_t* result = x;
  if (whole) {
    result = ppn_row_reduce(context, reduction, x, axes, (uint32_t)spatial, true);
  } else if (divisible) {
    pool_t pool = {
        .type = maximum ? "max_pool" : "avg_pool", .spatial = spatial, .count_padding = true};
    bool added = false;
    for (int i = 0; i < spatial; i++) {
      pool.kernel[i] = pool.strides[i] = x->type.sizes[axes[i]].value / sizes[i];
    }
    result = emit_pool(context, &pool, batched(context, x, spatial, &added));
    result = unbatched(context, result, added);
  } else {
    for (int i = 0; i < spatial; i++) {
      result = pool_axis(context, result, axes[i], sizes[i], reduction);
    }
  }
  return ppn_row_result(context, node, result);
}

static bool adaptive_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                               ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "self");
  int spatial = spatial_rank(node);
  int64_t sizes[MAX_SPATIAL];
  if (!ppn_row_require_literal(node, reason, "output_size")) return false;
  if (!x || x->rank <= spatial || !ppn_dtype_is_float(x->dtype)) {
    return ppn_row_refuse(reason, "only pooling of float images");
  }
  read_output_size(node, spatial, sizes);
  bool whole = true;
  for (int i = 0; i < spatial; i++) {
    whole &= sizes[i] == 1;
    if (sizes[i] < 1 || sizes[i] > 256) return ppn_row_refuse(reason, "output size out of range");
  }
  for (int i = 0; i < spatial && !whole; i++) {
    if (!ppn_dim_is_static(x->sizes[x->rank - spatial + i])) {
      return ppn_row_refuse(reason, "the image size is not fixed");
    }
  }
  return true;
}

static const ppn_lower_row_t rows[] = {
    {"aten::max_pool1d", lower_pool, pool_supported, 0, 0},
    {"aten::max_pool2d", lower_pool, pool_supported, 0, 0},
    {"aten::max_pool3d", lower_pool, pool_supported, 0, 0},
    {"aten::max_pool1d_with_indices", lower_pool, pool_supported, 0, PPN_LOWER_FIRST_RESULT},
    {"aten::max_pool2d_with_indices", lower_pool, pool_supported, 0, PPN_LOWER_FIRST_RESULT},
    {"aten::max_pool3d_with_indices", lower_pool, pool_supported, 0, PPN_LOWER_FIRST_RESULT},
    {"aten::avg_pool1d", lower_pool, pool_supported, 0, 0},
    {"aten::avg_pool2d", lower_pool, pool_supported, 0, 0},
    {"aten::avg_pool3d", lower_pool, pool_supported, 0, 0},
    {"aten::adaptive_avg_pool1d", lower_adaptive, adaptive_supported, 0, 0},
    {"aten::adaptive_avg_pool2d", lower_adaptive, adaptive_supported, 0, 0},
    {"aten::adaptive_avg_pool3d", lower_adaptive, adaptive_supported, 0, 0},
    {"aten::_adaptive_avg_pool2d", lower_adaptive, adaptive_supported, 0, 0},
    {"aten::_adaptive_avg_pool3d", lower_adaptive, adaptive_supported, 0, 0},
    {"aten::adaptive_max_pool1d", lower_adaptive, adaptive_supported, 0, PPN_LOWER_FIRST_RESULT},
    {"aten::adaptive_max_pool2d", lower_adaptive, adaptive_supported, 0, PPN_LOWER_FIRST_RESULT},
};

PPN_LOWER_DEFINE_FAMILY(pooling, "Pooling");
