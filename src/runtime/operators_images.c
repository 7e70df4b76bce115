// Operators that resize and sample images [batch, channels, height, width].
#include <math.h>
#include <string.h>

#include "kernels/copy.h"
#include "kernels/resize.h"
#include "kernels/sample.h"
#include "runtime/operator_support.h"
#include "runtime/operators.h"

// ---- Sizes ----

// What an operator is asked for: the result's size, or factors of the image's.
typedef struct resize_request {
  const ppn_tensor_t* self;
  int64_t sizes[4];
  double scales[2];  // of height and width; 0: follows from the sizes
} resize_request_t;

static bool check_image(ppn_operator_call_t* call, const ppn_tensor_t* self) {
  return self && ppn_call_check(call,
                                self->rank == 4 && self->sizes[2] > 0 && self->sizes[3] > 0 &&
                                    self->sizes[2] <= INT32_MAX && self->sizes[3] <= INT32_MAX,
                                PPN_STATUS_INVALID_ARGUMENT, "no images of rank 4");
}

static double factor_at(const ppn_operator_call_t* call, uint32_t argument, uint32_t i) {
  const ppn_runtime_value_t* value = call->arguments[argument];
  return value->kind == PPN_RUNTIME_DOUBLE_LIST && i < value->count ? value->u.numbers[i] : 0;
}

// Sizes at argument 1 (None: factors at `factors`), for the .vec variants.
static bool read_vector_request(ppn_operator_call_t* call, uint32_t factors,
                                resize_request_t* out) {
  *out = (resize_request_t){.self = ppn_call_tensor(call, 0)};
  if (!check_image(call, out->self)) return false;
  int64_t given[2];
  uint32_t count = ppn_call_ints(call, 1, given, 2);
  bool by_factor = ppn_call_is_none(call, 1);
  ppn_call_check(call, factors < call->argument_count && (by_factor || count == 2),
                 PPN_STATUS_INVALID_ARGUMENT, "neither a size nor factors");
  for (uint32_t i = 0; i < 4 && !call->status; ++i) {
    int64_t size = out->self->sizes[i];
    out->sizes[i] = size;
    if (i < 2) continue;
    if (!by_factor) {
      out->sizes[i] = given[i - 2];
      continue;
    }
    double factor = factor_at(call, factors, i - 2), exact = (double)size * factor;
    if (!ppn_call_check(call, factor > 0 && exact < INT32_MAX, PPN_STATUS_INVALID_ARGUMENT,
                        "a factor of %g", factor)) {
      return false;
    }
    out->sizes[i] = (int64_t)exact;
    out->scales[i - 2] = factor;
  }
  return !call->status;
}

// Sizes at argument 1, factors at `factors` and the next.
static bool read_request(ppn_operator_call_t* call, uint32_t factors, resize_request_t* out) {
  *out = (resize_request_t){.self = ppn_call_tensor(call, 0)};
  if (!check_image(call, out->self)) return false;
  int64_t given[2] = {0};
  uint32_t count = ppn_call_ints(call, 1, given, 2);
  for (uint32_t i = 0; i < 2; ++i) {
    out->sizes[i] = out->self->sizes[i];
    out->sizes[2 + i] = given[i];
    out->scales[i] = ppn_call_double(call, factors + i, 0);
  }
  return ppn_call_check(call, count == 2, PPN_STATUS_INVALID_ARGUMENT, "%u sizes, not 2", count);
}

// Elements of the image to a step of the result, as PyTorch computes it.
static float step_of(const resize_request_t* request, int axis, bool align_corners) {
  int64_t in = request->self->sizes[2 + axis], out = request->sizes[2 + axis];
  if (align_corners) return out > 1 ? (float)(in - 1) / (float)(out - 1) : 0;
  double scale = request->scales[axis];
  return scale > 0 ? (float)(1 / scale) : (float)in / (float)out;
}

static bool make_axis(ppn_operator_call_t* call, const resize_request_t* request, int axis,
                      ppn_resize_axis_t* out) {
  int64_t in = request->self->sizes[2 + axis], size = request->sizes[2 + axis];
  if (!ppn_call_check(call, size >= 0 && size <= INT32_MAX, PPN_STATUS_INVALID_ARGUMENT,
                      "a size of %lld", (long long)size)) {
    return false;
  }
  void* memory = ppn_call_scratch(call, ppn_resize_axis_size(size));
  if (memory) *out = ppn_resize_axis_make(in, size, memory);
  return memory != NULL;
}

// ---- Nearest ----

static ppn_status_t resize_nearest(ppn_operator_call_t* call, const resize_request_t* request,
                                   uint32_t out_index) {
  ppn_resize_axis_t axes[2];
  for (int axis = 0; axis < 2; ++axis) {
    if (!make_axis(call, request, axis, &axes[axis])) return ppn_call_finish(call);
    float step = step_of(request, axis, false);
    for (int64_t i = 0; i < axes[axis].out; ++i) {
      ppn_resize_axis_set(&axes[axis], i, floorf((float)i * step));
    }
  }
  ppn_tensor_t* out = ppn_call_out(call, out_index, request->self->dtype, 4, request->sizes);
  if (!out) return ppn_call_finish(call);
  ppn_tensor_t x = ppn_call_dense(call, request->self),
               result = ppn_call_dense_out(call, out, out->dtype);
  if (!call->status) ppn_kernel_resize_nearest(&x, axes, 2, &result, call->pool);
  ppn_call_store(call, result.data, result.dtype, out);
  return ppn_call_finish(call);
}

// (self, output_size, scales_h, scales_w, out)
static ppn_status_t run_nearest(ppn_operator_call_t* call) {
  resize_request_t request;
  if (!read_request(call, 2, &request)) return ppn_call_finish(call);
  return resize_nearest(call, &request, 4);
}

// (input, output_size, scale_factors, out)
static ppn_status_t run_nearest_vector(ppn_operator_call_t* call) {
  resize_request_t request;
  if (!read_vector_request(call, 2, &request)) return ppn_call_finish(call);
  return resize_nearest(call, &request, 3);
}

// ---- Bilinear ----

static ppn_status_t resize_bilinear(ppn_operator_call_t* call, const resize_request_t* request,
                                    uint32_t out_index) {
  ppn_resize_axis_t axes[2];
  bool align_corners = ppn_call_bool(call, 2, false);
  for (int axis = 0; axis < 2; ++axis) {
    if (!make_axis(call, request, axis, &axes[axis])) return ppn_call_finish(call);
    float step = step_of(request, axis, align_corners);
    bool same = axes[axis].in == axes[axis].out;
    for (int64_t i = 0; i < axes[axis].out; ++i) {
      float position = align_corners ? step * (float)i : step * ((float)i + 0.5f) - 0.5f;
      ppn_resize_axis_set(&axes[axis], i, same ? (double)i : (double)position);
    }
  }
  ppn_tensor_t* out = ppn_call_out(call, out_index, request->self->dtype, 4, request->sizes);
  if (!out) return ppn_call_finish(call);
  ppn_tensor_t x = ppn_call_dense(call, request->self),
               result = ppn_call_dense_out(call, out, out->dtype);
  void* scratch = ppn_call_scratch(call, ppn_kernel_resize_scratch(axes, 2, call->pool));
  if (!call->status) ppn_kernel_resize_linear(&x, axes, 2, &result, scratch, call->pool);
  ppn_call_store(call, result.data, result.dtype, out);
  return ppn_call_finish(call);
}

// (self, output_size, align_corners, scales_h, scales_w, out)
static ppn_status_t run_bilinear(ppn_operator_call_t* call) {
  resize_request_t request;
  if (!read_request(call, 3, &request)) return ppn_call_finish(call);
  return resize_bilinear(call, &request, 5);
}

// (input, output_size, align_corners, scale_factors, out)
static ppn_status_t run_bilinear_vector(ppn_operator_call_t* call) {
  resize_request_t request;
  if (!read_vector_request(call, 3, &request)) return ppn_call_finish(call);
  return resize_bilinear(call, &request, 4);
}

// ---- Bilinear with anti-aliasing: a triangle as wide as a step ----

typedef struct filter {
  int64_t in, out, width;
  int64_t* first;  // of the elements that result i is made from
  int64_t* count;
  float* weights;  // `width` for each element of the result
} filter_t;

static bool make_filter(ppn_operator_call_t* call, const resize_request_t* request, int axis,
                        bool align_corners, filter_t* out) {
  float step = step_of(request, axis, align_corners), support = step > 1 ? step : 1;
  *out = (filter_t){.in = request->self->sizes[2 + axis], .out = request->sizes[2 + axis]};
  if (!ppn_call_check(call, out->out >= 0 && out->out <= INT32_MAX, PPN_STATUS_INVALID_ARGUMENT,
                      "a size of %lld", (long long)out->out)) {
    return false;
  }
  out->width = 2 * (int64_t)ceilf(support) + 1;
  out->first = ppn_call_scratch(call, (size_t)out->out * sizeof(*out->first));
  out->count = ppn_call_scratch(call, (size_t)out->out * sizeof(*out->count));
  out->weights =
      ppn_call_scratch(call, (size_t)out->out * (size_t)out->width * sizeof(*out->weights));
  if (call->status) return false;
  for (int64_t i = 0; i < out->out; ++i) {
    float centre = step * ((float)i + 0.5f), total = 0;
    int64_t first = (int64_t)(centre - support + 0.5f), last = (int64_t)(centre + support + 0.5f);
    if (first < 0) first = 0;
    if (last > out->in) last = out->in;
    if (last > first + out->width) last = first + out->width;
    float* weights = out->weights + i * out->width;
    for (int64_t j = first; j < last; ++j) {
      float distance = fabsf(((float)j - centre + 0.5f) / support);
      weights[j - first] = distance < 1 ? 1 - distance : 0;
      total += weights[j - first];
    }
    if (!(total > 0)) {  // nothing is near: the element that the centre lies in
      first = (int64_t)centre < out->in ? (int64_t)centre : out->in - 1;
      last = first + 1;
      total = weights[0] = 1;
    }
    out->first[i] = first;
    out->count[i] = last - first;
    for (int64_t j = 0; j < last - first; ++j) weights[j] /= total;
  }
  return true;
}

// Along one axis: `rows` times [in, inner] to [out, inner].
static void apply_filter(const filter_t* filter, const float* from, int64_t rows, int64_t inner,
                         float* to) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < filter->out; ++i, to += inner) {
      memset(to, 0, (size_t)inner * sizeof(*to));
      for (int64_t j = 0; j < filter->count[i]; ++j) {
        const float* source = from + (row * filter->in + filter->first[i] + j) * inner;
        float weight = filter->weights[i * filter->width + j];
        for (int64_t k = 0; k < inner; ++k) to[k] += weight * source[k];
      }
    }
  }
}

static ppn_status_t resize_smoothly(ppn_operator_call_t* call, const resize_request_t* request,
                                    uint32_t out_index) {
  bool align_corners = ppn_call_bool(call, 2, false);
  filter_t rows, columns;
  if (!make_filter(call, request, 0, align_corners, &rows) ||
      !make_filter(call, request, 1, align_corners, &columns)) {
    return ppn_call_finish(call);
  }
  ppn_tensor_t* out = ppn_call_out(call, out_index, request->self->dtype, 4, request->sizes);
  if (!out || ppn_tensor_numel(out) == 0) return ppn_call_finish(call);
  int64_t planes = request->sizes[0] * request->sizes[1];
  ppn_tensor_t x = ppn_call_dense_as(call, request->self, PPN_DTYPE_FLOAT32),
               result = ppn_call_dense_out(call, out, PPN_DTYPE_FLOAT32);
  float* narrow =
      ppn_call_scratch(call, (size_t)(planes * rows.in * columns.out) * sizeof(*narrow));
  if (!call->status) {
    apply_filter(&columns, x.data, planes * rows.in, 1, narrow);
    apply_filter(&rows, narrow, planes, columns.out, result.data);
  }
  ppn_call_store(call, result.data, result.dtype, out);
  return ppn_call_finish(call);
}

// (self, output_size, align_corners, scales_h, scales_w, out)
static ppn_status_t run_smooth(ppn_operator_call_t* call) {
  resize_request_t request;
  if (!read_request(call, 3, &request)) return ppn_call_finish(call);
  return resize_smoothly(call, &request, 5);
}

// ---- Sampling ----

typedef struct grid {
  ppn_tensor_t points;  // [batch, rows, columns, 2], FLOAT32: x, y in -1 to 1
  int64_t width, height;
  bool align_corners;
} grid_t;

static float to_pixels(const grid_t* grid, float at, int64_t size) {
  float length = (float)size;
  return grid->align_corners ? (at + 1) / 2 * (length - 1) : ((at + 1) * length - 1) / 2;
}

static void locate(const void* context, int64_t item, int64_t row, int64_t column,
                   ppn_sample_point_t* out) {
  const grid_t* grid = context;
  const int64_t* sizes = grid->points.sizes;
  const float* point =
      (const float*)grid->points.data + ((item * sizes[1] + row) * sizes[2] + column) * 2;
  out->image = item;
  out->x = to_pixels(grid, point[0], grid->width);
  out->y = to_pixels(grid, point[1], grid->height);
}

// (input, grid, interpolation_mode, padding_mode, align_corners, out)
static ppn_status_t run_grid_sampler(ppn_operator_call_t* call) {
  static const ppn_sample_mode_t modes[] = {PPN_SAMPLE_BILINEAR, PPN_SAMPLE_NEAREST,
                                            PPN_SAMPLE_BICUBIC};
  const ppn_tensor_t *self = ppn_call_tensor(call, 0), *points = ppn_call_tensor(call, 1);
  int64_t mode = ppn_call_int(call, 2, 0), padding = ppn_call_int(call, 3, 0);
  bool align_corners = ppn_call_bool(call, 4, false);
  if (!check_image(call, self) || !points ||
      !ppn_call_check(call,
                      points->rank == 4 && points->sizes[3] == 2 &&
                          points->sizes[0] == self->sizes[0] && mode >= 0 && mode < 3 &&
                          padding >= 0 && padding < 3,
                      PPN_STATUS_INVALID_ARGUMENT, "a grid of rank %d, modes %lld and %lld",
                      points->rank, (long long)mode, (long long)padding)) {
    return ppn_call_finish(call);
  }
  const int64_t sizes[] = {self->sizes[0], self->sizes[1], points->sizes[1], points->sizes[2]};
  ppn_tensor_t* out = ppn_call_out(call, 5, self->dtype, 4, sizes);
  if (!out) return ppn_call_finish(call);
  ppn_tensor_t x = ppn_call_dense_as(call, self, PPN_DTYPE_FLOAT32),
               result = ppn_call_dense_out(call, out, PPN_DTYPE_FLOAT32);
  grid_t grid = {ppn_call_dense_as(call, points, PPN_DTYPE_FLOAT32), x.sizes[3], x.sizes[2],
                 align_corners};
  // Without aligned corners, what is mirrored is the edge of the border pixels.
  ppn_sampling_t sampling = {modes[mode],
                             padding == 0    ? PPN_SAMPLE_CONSTANT
                             : padding == 1  ? PPN_SAMPLE_BORDER
                             : align_corners ? PPN_SAMPLE_REFLECTION
                                             : PPN_SAMPLE_SYMMETRIC,
                             0, locate, &grid};
  if (!call->status) ppn_kernel_sample(&x, &sampling, &result, call->pool);
  ppn_call_store(call, result.data, result.dtype, out);
  return ppn_call_finish(call);
}

static const ppn_operator_row_t rows[] = {
    {"aten::grid_sampler_2d.out", run_grid_sampler},
    {"aten::upsample_bilinear2d.out", run_bilinear},
    {"aten::upsample_bilinear2d.vec_out", run_bilinear_vector},
    {"aten::upsample_nearest2d.out", run_nearest},
    {"aten::upsample_nearest2d.vec_out", run_nearest_vector},
    {"aten::_upsample_bilinear2d_aa.out", run_smooth},
};

const ppn_operator_family_t ppn_operators_images = {rows, PPN_COUNT_OF(rows)};
