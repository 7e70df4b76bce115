// Image resizing: Core ML's operations where they agree with torch, else exact gathers and
// products with constant interpolation matrices.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

typedef enum filter { FILTER_NEAREST, FILTER_NEAREST_EXACT, FILTER_LINEAR, FILTER_CUBIC } filter_t;

typedef struct resize {
  filter_t filter;
  bool antialias, align_corners;
  int spatial;
  double factors[3];  // given scale factors, 0 where there are none
  int64_t from[3], to[3];
} resize_t;

static double scale_argument(const ppn_node_t* node, int spatial, int axis) {
  const ppn_argument_t* list = ppn_node_argument(node, "scale_factors");
  if (list && list->kind == PPN_ARGUMENT_FLOATS && (int)list->count == spatial) {
    return list->u.numbers[axis];
  }
  static const char* const names[3][3] = {
      {"scales", "", ""}, {"scales_h", "scales_w", ""}, {"scales_d", "scales_h", "scales_w"}};
  return ppn_row_literal_number(node, names[spatial - 1][axis], 0);
}

static void read_resize(const ppn_node_t* node, resize_t* out) {
  const char* name = node->target;
  out->filter = strstr(name, "nearest_exact") ? FILTER_NEAREST_EXACT
                : strstr(name, "nearest")     ? FILTER_NEAREST
                : strstr(name, "cubic")       ? FILTER_CUBIC
                                              : FILTER_LINEAR;
  out->antialias = strstr(name, "_aa") != NULL;
  out->align_corners = ppn_row_literal_bool(node, "align_corners", false);
  const ppn_tensor_meta_t* result = ppn_row_output(node, 0);
  const ppn_argument_t* operand = ppn_aten_at(node, 0);
  const ppn_tensor_meta_t* x = &operand->u.value->tensor;
  out->spatial = x->rank - 2;
  for (int i = 0; i < out->spatial; i++) {
    out->from[i] = x->sizes[i + 2].value;
    out->to[i] = result->sizes[i + 2].value;
    out->factors[i] = scale_argument(node, out->spatial, i);
  }
}

// Source pixels per result pixel, as torch computes them.
static double step(const resize_t* resize, int axis) {
  int64_t from = resize->from[axis], to = resize->to[axis];
  if (resize->align_corners) return to > 1 ? (double)(from - 1) / (double)(to - 1) : 0;
  if (resize->factors[axis] > 0) return 1 / resize->factors[axis];
  return (double)from / (double)to;
}

// Whether the given factors (if any) are just the ratio of the sizes.
static bool uses_size_ratio(const resize_t* resize) {
  for (int i = 0; i < resize->spatial; i++) {
    double exact = (double)resize->to[i] / (double)resize->from[i];
    if (resize->factors[i] > 0 && fabs(resize->factors[i] - exact) > 1e-9 * exact) return false;
  }
  return true;
}

static bool is_whole_enlargement(const resize_t* resize) {
  for (int i = 0; i < resize->spatial; i++) {
    if (resize->to[i] % resize->from[i] != 0) return false;
  }
  return uses_size_ratio(resize);
}

// ---- Nearest ----

static ppn_mil_value_t* gather_nearest(ppn_lower_context_t* context, const resize_t* resize,
                                       ppn_mil_value_t* x, int axis) {
  int64_t count = resize->to[axis];
  int32_t* indices = malloc((size_t)count * sizeof *indices);
  if (!indices) {
    ppn_row_fail(context, ppn_out_of_memory());
    return NULL;
  }
  // torch computes the position in single precision.
  float scale = (float)step(resize, axis);
  float offset = resize->filter == FILTER_NEAREST_EXACT ? 0.5F : 0.0F;
  for (int64_t i = 0; i < count; i++) {
    int64_t index = (int64_t)floorf(((float)i + offset) * scale);
    indices[i] = (int32_t)(index < resize->from[axis] ? index : resize->from[axis] - 1);
  }
  ppn_mil_value_t* list = ppn_row_data(context, PPN_DTYPE_INT32, 1, &count, indices);
  free(indices);
  return ppn_row_emit(context, "gather", {"x", x}, {"indices", list},
                      {"axis", ppn_row_int(context, axis + 2)});
}

static ppn_mil_value_t* resize_nearest(ppn_lower_context_t* context, const resize_t* resize,
                                       ppn_mil_value_t* x) {
  if (resize->spatial <= 2 && is_whole_enlargement(resize)) {
    bool is_line = resize->spatial == 1;
    if (is_line) x = ppn_row_expand_dims(context, x, (const int64_t[]){3}, 1);
    double height = (double)resize->to[0] / (double)resize->from[0];
    double width = is_line ? 1 : (double)resize->to[1] / (double)resize->from[1];
    x = ppn_row_emit(context, "upsample_nearest_neighbor", {"x", x},
                     {"scale_factor_height", ppn_row_number(context, PPN_DTYPE_FLOAT32, height)},
                     {"scale_factor_width", ppn_row_number(context, PPN_DTYPE_FLOAT32, width)});
    return is_line ? ppn_row_squeeze(context, x, (const int64_t[]){3}, 1) : x;
  }
  for (int i = 0; i < resize->spatial; i++) {
    if (resize->to[i] != resize->from[i]) x = gather_nearest(context, resize, x, i);
  }
  return x;
}

// ---- Interpolation matrices ----

static double cubic(double distance, double a) {
  double x = fabs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

static void antialias_row(const resize_t* resize, int axis, int64_t i, float* row) {
  double scale = step(resize, axis), inverse = scale >= 1 ? 1 / scale : 1;
  double reach = resize->filter == FILTER_CUBIC ? 2 : 1;
  double support = scale >= 1 ? reach * scale : reach, centre = scale * ((double)i + 0.5);
  int64_t first = (int64_t)(centre - support + 0.5), last = (int64_t)(centre + support + 0.5);
  if (first < 0) first = 0;
  if (last > resize->from[axis]) last = resize->from[axis];
  double total = 0;
  for (int64_t pass = 0; pass < 2; pass++) {
    for (int64_t j = first; j < last; j++) {
      double distance = ((double)j - centre + 0.5) * inverse;
      double weight = resize->filter == FILTER_CUBIC ? cubic(distance, -0.5)
                      : fabs(distance) < 1           ? 1 - fabs(distance)
                                                     : 0;
      if (pass == 0)
        total += weight;
      else
        row[j] = (float)(total != 0 ? weight / total : 0);
    }
  }
}

static void plain_row(const resize_t* resize, int axis, int64_t i, float* row) {
  double scale = step(resize, axis);
  double position = resize->align_corners ? (double)i * scale : ((double)i + 0.5) * scale - 0.5;
  if (position < 0 && resize->filter == FILTER_LINEAR) position = 0;
  int64_t base = (int64_t)floor(position), size = resize->from[axis];
  int64_t first = resize->filter == FILTER_CUBIC ? -1 : 0, last = first == -1 ? 2 : 1;
  for (int64_t tap = first; tap <= last; tap++) {
    double distance = position - (double)(base + tap);
    int64_t index = base + tap < 0 ? 0 : base + tap >= size ? size - 1 : base + tap;
    row[index] += (float)(first == -1 ? cubic(distance, -0.75) : fmax(0, 1 - fabs(distance)));
  }
}

// Multiplies one axis by a constant matrix [to, from].
static ppn_mil_value_t* interpolate_axis(ppn_lower_context_t* context, const resize_t* resize,
                                         ppn_mil_value_t* x, int axis) {
  int64_t sizes[2] = {resize->to[axis], resize->from[axis]};
  if (context->status || !x) return NULL;
  float* matrix = calloc((size_t)(sizes[0] * sizes[1]), sizeof *matrix);
  if (!matrix) {
    ppn_row_fail(context, ppn_out_of_memory());
    return NULL;
  }
  for (int64_t i = 0; i < sizes[0]; i++) {
    float* row = matrix + i * sizes[1];
    if (resize->antialias)
      antialias_row(resize, axis, i, row);
    else
      plain_row(resize, axis, i, row);
  }
  ppn_mil_value_t* weight = ppn_row_data(context, PPN_DTYPE_FLOAT32, 2, sizes, matrix);
  free(matrix);
  weight = ppn_row_cast(context, weight, x->type.dtype);
  bool is_last = axis == resize->spatial - 1;
  return ppn_row_emit(context, "matmul", {"x", is_last ? x : weight}, {"y", is_last ? weight : x},
                      {"transpose_x", ppn_row_bool(context, false)},
                      {"transpose_y", ppn_row_bool(context, is_last)});
}

static ppn_mil_value_t* resize_linear(ppn_lower_context_t* context, const resize_t* resize,
                                      ppn_mil_value_t* x) {
  if (resize->filter == FILTER_LINEAR && resize->spatial == 2 && !resize->antialias &&
      (resize->align_corners || uses_size_ratio(resize))) {
    if (is_whole_enlargement(resize)) {
      double height = (double)resize->to[0] / (double)resize->from[0];
      double width = (double)resize->to[1] / (double)resize->from[1];
      return ppn_row_emit(
          context, "upsample_bilinear", {"x", x},
          {"scale_factor_height", ppn_row_number(context, PPN_DTYPE_FLOAT32, height)},
          {"scale_factor_width", ppn_row_number(context, PPN_DTYPE_FLOAT32, width)},
          {"align_corners", ppn_row_bool(context, resize->align_corners)});
    }
    return ppn_row_emit(
        context, "resize_bilinear", {"x", x},
        {"target_size_height", ppn_row_int(context, resize->to[0])},
        {"target_size_width", ppn_row_int(context, resize->to[1])},
        {"sampling_mode", ppn_row_text(context, resize->align_corners ? "STRICT_ALIGN_CORNERS"
                                                                      : "UNALIGN_CORNERS")});
  }
  for (int i = resize->spatial - 1; i >= 0; i--) {
    if (resize->to[i] != resize->from[i]) x = interpolate_axis(context, resize, x, i);
  }
  return x;
}

static ppn_status_t lower_resize(ppn_lower_context_t* context, const ppn_node_t* node) {
  resize_t resize = {0};
  read_resize(node, &resize);
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_aten_at(node, 0), ppn_row_output_dtype(node));
  bool nearest = resize.filter == FILTER_NEAREST || resize.filter == FILTER_NEAREST_EXACT;
  x = nearest ? resize_nearest(context, &resize, x) : resize_linear(context, &resize, x);
  return ppn_row_result(context, node, x);
}

static bool resize_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  const ppn_argument_t* operand = ppn_aten_at(node, 0);
  const ppn_tensor_meta_t* result = ppn_row_output(node, 0);
  if (operand->kind != PPN_ARGUMENT_VALUE || !result || result->rank < 3 ||
      !ppn_dtype_is_float(result->dtype)) {
    return ppn_row_refuse(reason, "only float images");
  }
  const ppn_tensor_meta_t* x = &operand->u.value->tensor;
  if (!ppn_row_sizes_static(x->sizes + 2, x->rank - 2) ||
      !ppn_row_sizes_static(result->sizes + 2, result->rank - 2)) {
    return ppn_row_refuse(reason, "the image size is not fixed");
  }
  bool nearest = strstr(node->target, "nearest") != NULL;
  if (x->rank == 5 && !nearest) return ppn_row_refuse(reason, "interpolation of volumes");
  for (int i = 2; i < x->rank && !nearest; i++) {
    if (x->sizes[i].value * result->sizes[i].value > (1 << 24)) {
      return ppn_row_refuse(reason, "image too large");
    }
  }
  return true;
}

// ---- Sampling at given positions ----

static ppn_status_t lower_grid_sampler(ppn_lower_context_t* context, const ppn_node_t* node) {
  bool align = ppn_row_literal_bool(node, "align_corners", false);
  int64_t padding = ppn_row_literal_int(node, "padding_mode", 0);
  bool nearest = ppn_row_literal_int(node, "interpolation_mode", 0) == 1;
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_node_argument(node, "input"), dtype);
  ppn_mil_value_t* grid =
      ppn_row_operand(context, ppn_node_argument(node, "grid"),
                      context->opset < PPN_MIL_OPSET_IOS16 ? PPN_DTYPE_FLOAT32 : dtype);
  // torch reflects about the pixels' edges unless corners are aligned.
  const char* mode = padding == 0   ? "constant"
                     : padding == 1 ? "border"
                     : align        ? "reflection"
                                    : "symmetric";
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "resample", {"x", x}, {"coordinates", grid},
                   {"sampling_mode", ppn_row_text(context, nearest ? "nearest" : "bilinear")},
                   {"padding_mode", ppn_row_text(context, mode)},
                   {"padding_value", ppn_row_number(context, dtype, 0)},
                   {"coordinates_mode", ppn_row_text(context, "normalized_minus_one_to_one")},
                   {"align_corners", ppn_row_bool(context, align)}));
}

static bool grid_sampler_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                   ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "input");
  if (!ppn_row_require_literal(node, reason, "interpolation_mode", "padding_mode",
                               "align_corners")) {
    return false;
  }
  if (!x || x->rank != 4 || !ppn_dtype_is_float(x->dtype)) {
    return ppn_row_refuse(reason, "only float images");
  }
  if (ppn_row_literal_int(node, "interpolation_mode", 0) > 1) {
    return ppn_row_refuse(reason, "bicubic sampling");
  }
  return true;
}

static const ppn_lower_row_t rows[] = {
    {"aten::grid_sampler", lower_grid_sampler, grid_sampler_supported, 0, 0},
    {"aten::grid_sampler_2d", lower_grid_sampler, grid_sampler_supported, 0, 0},
    {"aten::upsample_nearest1d", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_nearest1d.vec", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_nearest2d", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_nearest2d.vec", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_nearest3d", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_nearest3d.vec", lower_resize, resize_supported, 0, 0},
    {"aten::_upsample_nearest_exact1d", lower_resize, resize_supported, 0, 0},
    {"aten::_upsample_nearest_exact1d.vec", lower_resize, resize_supported, 0, 0},
    {"aten::_upsample_nearest_exact2d", lower_resize, resize_supported, 0, 0},
    {"aten::_upsample_nearest_exact2d.vec", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_linear1d", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_linear1d.vec", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_bilinear2d", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_bilinear2d.vec", lower_resize, resize_supported, 0, 0},
    {"aten::_upsample_bilinear2d_aa", lower_resize, resize_supported, 0, 0},
    {"aten::_upsample_bilinear2d_aa.vec", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_bicubic2d", lower_resize, resize_supported, 0, 0},
    {"aten::upsample_bicubic2d.vec", lower_resize, resize_supported, 0, 0},
    {"aten::_upsample_bicubic2d_aa", lower_resize, resize_supported, 0, 0},
    {"aten::_upsample_bicubic2d_aa.vec", lower_resize, resize_supported, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(resize, "Image resizing");
