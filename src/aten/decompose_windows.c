// Decompositions of pooling over rows and volumes, by pooling over images.
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

typedef struct window {
  int64_t kernel[3], stride[3], padding[3], dilation[3];
  bool ceil_mode;
} window_t;

static bool read_window(const ppn_build_t* build, uint32_t spatial, window_t* out) {
  static const char* const names[] = {"kernel_size", "stride", "padding", "dilation"};
  int64_t* const lists[] = {out->kernel, out->stride, out->padding, out->dilation};
  for (int i = 0; i < 3; ++i) {
    out->padding[i] = 0;
    out->dilation[i] = 1;
  }
  for (int i = 0; i < 4; ++i) {
    const ppn_argument_t argument = ppn_build_argument(build, names[i]);
    bool is_absent = argument.kind == PPN_ARGUMENT_NONE ||
                     (argument.kind == PPN_ARGUMENT_INTS && !argument.count);
    if (i == 1 && is_absent) {  // the windows lie side by side
      memcpy(out->stride, out->kernel, sizeof out->stride);
    } else if (!is_absent && !ppn_build_ints(build, names[i], lists[i], spatial)) {
      return false;
    }
  }
  out->ceil_mode = ppn_build_bool(build, "ceil_mode", false);
  return true;
}

// The window over the last two dimensions of an image: `first` and `first + 1` of `window`, or the
// height of 1 and `first` when `is_row`.
static void image_arguments(ppn_build_t* build, const window_t* window, int first, bool is_row,
                            ppn_argument_t* out) {
  static const char* const names[] = {"kernel_size", "stride", "padding", "dilation"};
  const int64_t* const lists[] = {window->kernel, window->stride, window->padding,
                                  window->dilation};
  for (int i = 0; i < 4; ++i) {
    int64_t values[] = {is_row ? (i == 2 ? 0 : 1) : lists[i][first],
                        lists[i][is_row ? first : first + 1]};
    out[i] = ppn_argument_ints(build->emitter->graph->arena, names[i], values, 2);
  }
}

static void max_pool_image(ppn_build_t* build, ppn_value_t* x, const window_t* window, int first,
                           bool is_row, const ppn_dim_t* sizes, ppn_value_t** out_values) {
  out_values[0] = out_values[1] = NULL;
  if (build->status) return;
  ppn_tensor_meta_t meta = ppn_build_meta(build, x->tensor.dtype, x->tensor.rank, sizes);
  ppn_tensor_meta_t metas[] = {meta, meta};
  metas[1].dtype = PPN_DTYPE_INT64;
  ppn_argument_t arguments[6] = {ppn_argument_value("self", x)};
  image_arguments(build, window, first, is_row, arguments + 1);
  arguments[5] = ppn_argument_bool("ceil_mode", window->ceil_mode);
  ppn_build_several(build, "aten::max_pool2d_with_indices", arguments, 6, metas, out_values, 2);
}

// ---- Rows ----

// Sizes of the node's result with a height of 1 before the last dimension.
static int image_sizes(const ppn_value_t* result, ppn_dim_t* out) {
  int rank = result->tensor.rank;
  for (int i = 0; i < rank; ++i) out[i < rank - 1 ? i : rank] = result->tensor.sizes[i];
  out[rank - 1] = ppn_dim_static(1);
  return rank + 1;
}

static ppn_status_t max_pool_row(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *values[2];
  window_t window;
  ppn_dim_t sizes[64];
  if (!node->outputs[0] || !read_window(&build, 1, &window)) return ppn_status_ok();
  int rank = image_sizes(node->outputs[0], sizes);
  ppn_value_t* image = ppn_build_unsqueeze(&build, self, rank - 2);
  max_pool_image(&build, image, &window, 0, true, sizes, values);
  for (uint32_t i = 0; i < node->output_count; ++i) {
    ppn_value_t* row = ppn_build_squeeze(&build, values[i], rank - 2);
    if (!build.status && node->outputs[i]) node->outputs[i]->replacement = row;
  }
  return build.status;
}

static ppn_status_t average_row(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  window_t window;
  ppn_dim_t sizes[64];
  if (!read_window(&build, 1, &window)) return ppn_status_ok();
  int rank = image_sizes(ppn_build_result(&build, 0), sizes);
  ppn_value_t* image = ppn_build_unsqueeze(&build, ppn_build_tensor(&build, "self"), rank - 2);
  if (build.status) return build.status;
  ppn_argument_t arguments[6] = {ppn_argument_value("self", image)};
  image_arguments(&build, &window, 0, true, arguments + 1);
  arguments[4] = ppn_build_argument(&build, "ceil_mode");
  arguments[5] = ppn_build_argument(&build, "count_include_pad");
  ppn_tensor_meta_t meta = ppn_build_meta(&build, image->tensor.dtype, rank, sizes);
  ppn_value_t* pooled = ppn_build_typed(&build, "aten::avg_pool2d", arguments, 6, &meta);
  return ppn_build_finish(&build, ppn_build_squeeze(&build, pooled, rank - 2));
}

static ppn_status_t adaptive_row(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *values[2];
  bool is_maximum = strstr(node->target, "max") != NULL;
  int64_t output_sizes[] = {1, 1};
  ppn_dim_t sizes[64];
  if (!node->outputs[0] || !ppn_build_ints(&build, "output_size", output_sizes + 1, 1)) {
    return ppn_status_ok();
  }
  int rank = image_sizes(node->outputs[0], sizes);
  ppn_value_t* image = ppn_build_unsqueeze(&build, self, rank - 2);
  if (build.status) return build.status;
  ppn_tensor_meta_t meta = ppn_build_meta(&build, image->tensor.dtype, rank, sizes);
  ppn_tensor_meta_t metas[] = {meta, meta};
  metas[1].dtype = PPN_DTYPE_INT64;
  ppn_argument_t arguments[] = {
      ppn_argument_value("self", image),
      ppn_argument_ints(emitter->graph->arena, "output_size", output_sizes, 2)};
  ppn_build_several(&build, is_maximum ? "aten::adaptive_max_pool2d" : "aten::adaptive_avg_pool2d",
                    arguments, 2, metas, values, is_maximum ? 2 : 1);
  for (uint32_t i = 0; i < node->output_count; ++i) {
    ppn_value_t* row = ppn_build_squeeze(&build, values[i], rank - 2);
    if (!build.status && node->outputs[i]) node->outputs[i]->replacement = row;
  }
  return build.status;
}

// ---- Images ----

// Windows of equal size side by side, where the sizes allow it.
static ppn_status_t adaptive_maximum(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *values[2];
  int rank = self->tensor.rank;
  int64_t counts[2];
  window_t window = {.dilation = {1, 1, 1}};
  if (!node->outputs[0] || !ppn_build_ints(&build, "output_size", counts, 2)) {
    return ppn_status_ok();
  }
  for (int i = 0; i < 2; ++i) {
    ppn_dim_t size = self->tensor.sizes[rank - 2 + i];
    if (!ppn_dim_is_static(size) || counts[i] <= 0 || size.value == 0 || size.value % counts[i]) {
      return ppn_status_ok();
    }
    window.kernel[i] = window.stride[i] = size.value / counts[i];
  }
  max_pool_image(&build, self, &window, 0, false, node->outputs[0]->tensor.sizes, values);
  for (uint32_t i = 0; i < 2 && !build.status; ++i) {
    if (node->outputs[i]) node->outputs[i]->replacement = values[i];
  }
  return build.status;
}

// ---- Volumes ----

static bool product(const ppn_dim_t* sizes, int count, int64_t* out) {
  *out = 1;
  for (int i = 0; i < count; ++i) {
    if (!ppn_dim_is_static(sizes[i])) return false;
    *out *= sizes[i].value;
  }
  return true;
}

// The largest of a box is the largest along its depth of the largest of each of its layers: [N C,
// D, H, W] is pooled over H and W, then, as [N C, D, H W], over D.
static ppn_status_t max_pool_volume(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0);
  ppn_value_t* values[2];
  int rank = self->tensor.rank;
  const ppn_dim_t *in = self->tensor.sizes + rank - 3, *out = result->tensor.sizes + rank - 3;
  window_t window;
  int64_t channels, ignored;
  if (!read_window(&build, 3, &window) || !product(self->tensor.sizes, rank - 3, &channels) ||
      !product(in, 3, &ignored) || !product(out, 3, &ignored)) {
    return ppn_status_ok();
  }
  ppn_build_size_t layers[] = {ppn_build_literal(channels), ppn_build_literal(in[0].value),
                               ppn_build_literal(in[1].value), ppn_build_literal(in[2].value)};
  ppn_dim_t pooled[] = {ppn_dim_static(channels), in[0], out[1], out[2]};
  max_pool_image(&build, ppn_build_view(&build, self, layers, 4), &window, 1, false, pooled,
                 values);
  ppn_build_size_t columns[] = {ppn_build_literal(channels), ppn_build_literal(in[0].value),
                                ppn_build_literal(out[1].value * out[2].value)};
  ppn_value_t* depths = ppn_build_view(&build, values[0], columns, 3);
  window_t depth = {.kernel = {window.kernel[0], 1},
                    .stride = {window.stride[0], 1},
                    .padding = {window.padding[0], 0},
                    .dilation = {window.dilation[0], 1},
                    .ceil_mode = window.ceil_mode};
  ppn_dim_t sizes[] = {ppn_dim_static(channels), out[0],
                       ppn_dim_static(out[1].value * out[2].value)};
  max_pool_image(&build, depths, &depth, 0, false, sizes, values);
  ppn_build_size_t whole[64];
  for (int i = 0; i < rank; ++i) whole[i] = ppn_build_literal(result->tensor.sizes[i].value);
  return ppn_build_finish(&build, ppn_build_view(&build, values[0], whole, rank));
}

static ppn_value_t* average_image(ppn_build_t* build, ppn_value_t* x, const window_t* window,
                                  int first, const ppn_dim_t* sizes) {
  if (build->status) return NULL;
  ppn_argument_t arguments[6] = {ppn_argument_value("self", x)};
  image_arguments(build, window, first, false, arguments + 1);
  arguments[4] = ppn_argument_bool("ceil_mode", false);
  ppn_tensor_meta_t meta = ppn_build_meta(build, x->tensor.dtype, x->tensor.rank, sizes);
  return ppn_build_typed(build, "aten::avg_pool2d", arguments, 5, &meta);
}

// The mean over a box is the mean along its depth of the means of its layers, where every box has
// as many elements: padding counts, and no box is cut off.
static ppn_status_t average_boxes(ppn_build_t* build, const window_t* window) {
  ppn_value_t *self = ppn_build_tensor(build, "self"), *result = ppn_build_result(build, 0);
  int rank = self->tensor.rank;
  const ppn_dim_t *in = self->tensor.sizes + rank - 3, *out = result->tensor.sizes + rank - 3;
  int64_t channels, ignored;
  if (!product(self->tensor.sizes, rank - 3, &channels) || !product(in, 3, &ignored) ||
      !product(out, 3, &ignored)) {
    return ppn_status_ok();
  }
  ppn_build_size_t layers[] = {ppn_build_literal(channels), ppn_build_literal(in[0].value),
                               ppn_build_literal(in[1].value), ppn_build_literal(in[2].value)};
  ppn_dim_t pooled[] = {ppn_dim_static(channels), in[0], out[1], out[2]};
  ppn_value_t* means =
      average_image(build, ppn_build_view(build, self, layers, 4), window, 1, pooled);
  ppn_build_size_t columns[] = {ppn_build_literal(channels), ppn_build_literal(in[0].value),
                                ppn_build_literal(out[1].value * out[2].value)};
  window_t depth = {.kernel = {window->kernel[0], 1},
                    .stride = {window->stride[0], 1},
                    .padding = {window->padding[0], 0}};
  ppn_dim_t sizes[] = {ppn_dim_static(channels), out[0],
                       ppn_dim_static(out[1].value * out[2].value)};
  means = average_image(build, ppn_build_view(build, means, columns, 3), &depth, 0, sizes);
  ppn_build_size_t whole[64];
  for (int i = 0; i < rank; ++i) whole[i] = ppn_build_literal(result->tensor.sizes[i].value);
  return ppn_build_finish(build, ppn_build_view(build, means, whole, rank));
}

static ppn_status_t average_volume(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  window_t window;
  if (!read_window(&build, 3, &window) || window.ceil_mode ||
      !ppn_dtype_is_float(ppn_build_result(&build, 0)->tensor.dtype) ||
      ppn_build_argument(&build, "divisor_override").kind != PPN_ARGUMENT_NONE) {
    return ppn_status_ok();
  }
  bool is_padded = window.padding[0] || window.padding[1] || window.padding[2];
  if (is_padded && !ppn_build_bool(&build, "count_include_pad", true)) return ppn_status_ok();
  return average_boxes(&build, &window);
}

static ppn_status_t adaptive_average_volume(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0);
  window_t window = {.padding = {0}};
  for (int i = 0; i < 3; ++i) {
    ppn_dim_t in = self->tensor.sizes[self->tensor.rank - 3 + i],
              out = result->tensor.sizes[result->tensor.rank - 3 + i];
    if (!ppn_dim_is_static(in) || !ppn_dim_is_static(out) || out.value <= 0 || in.value == 0 ||
        in.value % out.value) {
      return ppn_status_ok();
    }
    window.kernel[i] = window.stride[i] = in.value / out.value;
  }
  return average_boxes(&build, &window);
}

static const ppn_aten_row_t rows[] = {
    {"aten::max_pool1d", NULL, max_pool_row, NULL},
    {"aten::max_pool1d_with_indices", NULL, max_pool_row, NULL},
    {"aten::avg_pool1d", NULL, average_row, NULL},
    {"aten::adaptive_avg_pool1d", NULL, adaptive_row, NULL},
    {"aten::adaptive_max_pool1d", NULL, adaptive_row, NULL},
    {"aten::adaptive_max_pool2d", NULL, adaptive_maximum, NULL},
    {"aten::max_pool3d", NULL, max_pool_volume, NULL},
    {"aten::avg_pool3d", NULL, average_volume, NULL},
    {"aten::adaptive_avg_pool3d", NULL, adaptive_average_volume, NULL},
    {"aten::_adaptive_avg_pool3d", NULL, adaptive_average_volume, NULL},
};
const ppn_aten_family_t ppn_aten_windows = {rows, PPN_COUNT_OF(rows)};
