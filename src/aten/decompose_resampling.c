// Decompositions of smooth image resizing: every row of the result is a fixed mixture of rows,
// every column of columns, so that resizing is a product with a matrix on either side.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"
#include "tensor/tensor.h"

enum { MAXIMUM_ELEMENTS = 1 << 22 };

// One axis.
typedef struct axis {
  int64_t in, out;
  double scale;  // elements of the input for one of the output
  bool is_aligned, is_smoothed;
} axis_t;

// Keys' cubic kernel; torch takes -0.75, and -0.5 where it smooths.
static double cubic(double x, double a) {
  x = fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// Four taps; those beyond an edge fall on it.
static void set_interpolation(const axis_t* axis, int64_t i, double* weights) {
  double center =
      axis->is_aligned ? axis->scale * (double)i : axis->scale * ((double)i + 0.5) - 0.5;
  int64_t first = (int64_t)floor(center) - 1;
  for (int64_t tap = first; tap < first + 4; ++tap) {
    int64_t at = tap < 0 ? 0 : tap >= axis->in ? axis->in - 1 : tap;
    weights[at] += cubic(center - (double)tap, -0.75);
  }
}

// A kernel as wide as what one element of the output stands for, normalised over what is inside
// (PyTorch, aten/src/ATen/native/cpu/UpSampleKernel.cpp, states the rule).
static void set_smoothing(const axis_t* axis, int64_t i, double* weights) {
  double width = axis->scale >= 1 ? axis->scale : 1, support = 2 * width, sum = 0;
  double center = axis->scale * ((double)i + 0.5);
  int64_t first = (int64_t)fmax(center - support + 0.5, 0);
  int64_t end = (int64_t)fmin(center + support + 0.5, (double)axis->in);
  for (int64_t j = first; j < end; ++j) {
    sum += weights[j] = cubic(((double)j - center + 0.5) / width, -0.5);
  }
  for (int64_t j = first; j < end && sum != 0; ++j) weights[j] /= sum;
}

// [in, out], or [out, in] when it stands on the left.
static ppn_value_t* make_matrix(ppn_build_t* build, const axis_t* axis, bool is_left,
                                ppn_dtype_t dtype) {
  if (build->status) return NULL;
  const int64_t sizes[] = {is_left ? axis->out : axis->in, is_left ? axis->in : axis->out};
  void* data = malloc((size_t)(axis->in * axis->out) * ppn_dtype_size(dtype));
  double* weights = malloc((size_t)axis->in * sizeof(*weights));
  ppn_value_t* value = NULL;
  if (!data || !weights) build->status = ppn_out_of_memory();
  for (int64_t i = 0; i < axis->out && !build->status; ++i) {
    for (int64_t j = 0; j < axis->in; ++j) weights[j] = 0;
    (axis->is_smoothed ? set_smoothing : set_interpolation)(axis, i, weights);
    for (int64_t j = 0; j < axis->in; ++j) {
      ppn_element_set_double(dtype, data, is_left ? i * axis->in + j : j * axis->out + i,
                             weights[j]);
    }
  }
  if (!build->status) {
    build->status = ppn_exported_program_add_constant(build->emitter->program, "resampling", dtype,
                                                      2, sizes, data, &value);
  }
  free(data);
  free(weights);
  return value;
}

static ppn_value_t* multiply(ppn_build_t* build, ppn_value_t* a, ppn_value_t* b,
                             const ppn_tensor_meta_t* meta) {
  if (build->status) return NULL;
  ppn_argument_t arguments[] = {ppn_argument_value("self", a), ppn_argument_value("other", b)};
  return ppn_build_typed(build, "aten::matmul", arguments, 2, meta);
}

// The factor that the caller gave for an axis; 0: none, the sizes tell.
static double given_scale(const ppn_build_t* build, int index) {
  ppn_argument_t factors = ppn_build_argument(build, "scale_factors"),
                 factor = ppn_build_argument(build, index == 0 ? "scales_h" : "scales_w");
  double value = 0;
  if (factors.kind == PPN_ARGUMENT_FLOATS && factors.count == 2) return factors.u.numbers[index];
  return ppn_argument_as_double(&factor, &value) ? value : 0;
}

static bool read_axis(const ppn_build_t* build, const ppn_value_t* input, int index, axis_t* out) {
  ppn_dim_t in = input->tensor.sizes[2 + index],
            size = ppn_build_result(build, 0)->tensor.sizes[2 + index];
  if (!ppn_dim_is_static(in) || !ppn_dim_is_static(size)) return false;
  if (in.value < 1 || size.value < 1 || size.value > MAXIMUM_ELEMENTS / in.value) return false;
  double factor = given_scale(build, index);
  *out = (axis_t){.in = in.value, .out = size.value};
  out->is_aligned = ppn_build_bool(build, "align_corners", false);
  out->is_smoothed = strstr(build->node->target, "_aa") != NULL;
  if (out->is_aligned) {
    out->scale = out->out > 1 ? (double)(out->in - 1) / (double)(out->out - 1) : 0;
  } else {
    out->scale = factor > 0 ? 1 / factor : (double)out->in / (double)out->out;
  }
  return true;
}

static ppn_status_t bicubic(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *input = ppn_build_tensor(&build, "input"), *result = ppn_build_result(&build, 0);
  axis_t vertical, horizontal;
  if (!input) input = ppn_build_tensor(&build, "self");
  if (input->tensor.rank != 4 || !ppn_dtype_is_float(input->tensor.dtype) ||
      !read_axis(&build, input, 0, &vertical) || !read_axis(&build, input, 1, &horizontal)) {
    return ppn_status_ok();
  }
  ppn_tensor_meta_t meta = ppn_build_meta(&build, input->tensor.dtype, 4, input->tensor.sizes);
  if (build.status) return build.status;
  meta.sizes[3] = result->tensor.sizes[3];
  ppn_value_t* right = make_matrix(&build, &horizontal, false, meta.dtype);
  ppn_value_t* widened = multiply(&build, input, right, &meta);
  ppn_value_t* left = make_matrix(&build, &vertical, true, meta.dtype);
  meta.sizes[2] = result->tensor.sizes[2];
  return ppn_build_finish(&build, multiply(&build, left, widened, &meta));
}

static const ppn_aten_row_t rows[] = {
    {"aten::upsample_bicubic2d", NULL, bicubic, NULL},
    {"aten::upsample_bicubic2d.vec", NULL, bicubic, NULL},
    {"aten::_upsample_bicubic2d_aa", NULL, bicubic, NULL},
    {"aten::_upsample_bicubic2d_aa.vec", NULL, bicubic, NULL},
};
const ppn_aten_family_t ppn_aten_resampling = {rows, PPN_COUNT_OF(rows)};
