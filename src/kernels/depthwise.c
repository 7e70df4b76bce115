// Convolutions with one input channel per group. Each plane of x is first copied with its zeros
// around it, its columns sorted by their remainder modulo the stride: then whatever stride and
// dilation, a tap of the kernel reads consecutive elements for consecutive results.
#include <string.h>

#include "base/cpu.h"
#include "kernels/convolution_internal.h"
#include "kernels/gemm_internal.h"
#include "kernels/parallel.h"

// Taps in a kernel; larger ones are left to the matrix product.
enum { MAX_TAPS = 512, SLACK = 16 };

// A padded plane: for each phase of the columns, all rows of all slices.
typedef struct ppn_depthwise_plan {
  int64_t sizes[2];    // padded slices and rows (1 where the rank is lower)
  int64_t width;       // elements of a row of one phase
  int64_t phase_size;  // elements of one phase
  int64_t phases;
  size_t plane_size;  // bytes, a multiple of 64
} ppn_depthwise_plan_t;

// The same convolution with three dimensions.
typedef struct ppn_depthwise_shape {
  int64_t in[3], out[3], kernel[3], strides[3], dilations[3], pads[3];
} ppn_depthwise_shape_t;

static ppn_depthwise_shape_t make_shape(const ppn_convolution_t* convolution) {
  ppn_depthwise_shape_t shape = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}};
  for (int d = 0; d < convolution->rank; ++d) {
    int to = 3 - convolution->rank + d;
    shape.in[to] = convolution->in_sizes[d], shape.out[to] = convolution->out_sizes[d];
    shape.kernel[to] = convolution->kernel[d], shape.strides[to] = convolution->strides[d];
    shape.dilations[to] = convolution->dilations[d], shape.pads[to] = convolution->pads[d];
  }
  return shape;
}

static ppn_depthwise_plan_t make_plan(const ppn_depthwise_shape_t* shape) {
  ppn_depthwise_plan_t plan;
  for (int d = 0; d < 2; ++d) {
    plan.sizes[d] =
        (shape->out[d] - 1) * shape->strides[d] + (shape->kernel[d] - 1) * shape->dilations[d] + 1;
  }
  plan.phases = shape->strides[2];
  plan.width = shape->out[2] + (shape->kernel[2] - 1) * shape->dilations[2] / plan.phases + 1;
  plan.phase_size = plan.sizes[0] * plan.sizes[1] * plan.width;
  size_t floats = (size_t)(plan.phases * plan.phase_size + SLACK);
  plan.plane_size = (floats * sizeof(float) + 63) / 64 * 64;
  return plan;
}

bool ppn_depthwise_applies(const ppn_convolution_t* convolution) {
  return !convolution->is_transposed && convolution->groups == convolution->in_channels &&
         convolution->groups > 1 &&
         ppn_convolution_product(convolution->rank, convolution->kernel) <= MAX_TAPS;
}

size_t ppn_depthwise_scratch_size(const ppn_convolution_t* convolution, int thread_count) {
  ppn_depthwise_shape_t shape = make_shape(convolution);
  return make_plan(&shape).plane_size * (size_t)(thread_count > 1 ? thread_count : 1);
}

static const ppn_depthwise_kernels_t* kernels(void) {
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX512)) return &ppn_depthwise_kernels_avx512;
  if (ppn_cpu_has(PPN_CPU_AVX2)) return &ppn_depthwise_kernels_avx2;
#endif
  return &ppn_depthwise_kernels_generic;
}

typedef struct ppn_depthwise_loop {
  const ppn_convolution_t* convolution;
  ppn_depthwise_shape_t shape;
  ppn_depthwise_plan_t plan;
  uint8_t* scratch;
  int64_t offsets[MAX_TAPS];  // of taps in a padded plane
} ppn_depthwise_loop_t;

// One row of x, `source`, spread over the phases at `target`; NULL source: zeros.
static void pad_row(const ppn_depthwise_loop_t* loop, const float* source, float* target) {
  const ppn_depthwise_plan_t* plan = &loop->plan;
  int64_t size = loop->shape.in[2], pad = loop->shape.pads[2];
  for (int64_t phase = 0; phase < plan->phases; ++phase) {
    float* row = target + phase * plan->phase_size;
    if (!source) {
      memset(row, 0, (size_t)plan->width * sizeof(float));
      continue;
    }
    // Element i of the row is element phase + i * phases - pad of x.
    int64_t begin = pad > phase ? (pad - phase + plan->phases - 1) / plan->phases : 0;
    int64_t end = size + pad > phase ? (size + pad - phase + plan->phases - 1) / plan->phases : 0;
    if (begin > plan->width) begin = plan->width;
    if (end > plan->width) end = plan->width;
    if (end < begin) end = begin;
    const float* first = source + phase + begin * plan->phases - pad;
    for (int64_t i = 0; i < begin; ++i) row[i] = 0;
    if (plan->phases == 1) {
      memcpy(row + begin, first, (size_t)(end - begin) * sizeof(float));
    } else if (plan->phases == 2) {
      for (int64_t i = 0; i < end - begin; ++i) row[begin + i] = first[2 * i];
    } else {
      for (int64_t i = 0; i < end - begin; ++i) row[begin + i] = first[i * plan->phases];
    }
    for (int64_t i = end; i < plan->width; ++i) row[i] = 0;
  }
}

static void pad_plane(const ppn_depthwise_loop_t* loop, const float* x, float* plane) {
  const ppn_depthwise_shape_t* shape = &loop->shape;
  const ppn_depthwise_plan_t* plan = &loop->plan;
  for (int64_t z = 0; z < plan->sizes[0]; ++z) {
    int64_t in_z = z - shape->pads[0];
    bool slice_inside = in_z >= 0 && in_z < shape->in[0];
    for (int64_t y = 0; y < plan->sizes[1]; ++y) {
      int64_t in_y = y - shape->pads[1];
      bool inside = slice_inside && in_y >= 0 && in_y < shape->in[1];
      pad_row(loop, inside ? x + (in_z * shape->in[1] + in_y) * shape->in[2] : NULL,
              plane + (z * plan->sizes[1] + y) * plan->width);
    }
  }
}

// One plane of x, and the planes of y that are made from it.
static void run_plane(void* context, int slot, int64_t task) {
  const ppn_depthwise_loop_t* loop = context;
  const ppn_convolution_t* convolution = loop->convolution;
  const ppn_depthwise_shape_t* shape = &loop->shape;
  const ppn_depthwise_plan_t* plan = &loop->plan;
  float* plane = (float*)(void*)(loop->scratch + (size_t)slot * plan->plane_size);
  int64_t in_size = shape->in[0] * shape->in[1] * shape->in[2];
  int64_t out_size = shape->out[0] * shape->out[1] * shape->out[2];
  int64_t taps = shape->kernel[0] * shape->kernel[1] * shape->kernel[2];
  int64_t per_group = convolution->out_channels / convolution->groups;
  int64_t n = task / convolution->groups, group = task % convolution->groups;
  pad_plane(loop, convolution->x + task * in_size, plane);
  for (int64_t channel = group * per_group; channel < (group + 1) * per_group; ++channel) {
    float* y = convolution->y + (n * convolution->out_channels + channel) * out_size;
    ppn_epilogue_t epilogue = convolution->epilogue;
    float bias = epilogue.row_bias ? epilogue.row_bias[channel] : 0;
    epilogue.row_bias = NULL;
    for (int64_t z = 0; z < shape->out[0]; ++z) {
      for (int64_t row = 0; row < shape->out[1]; ++row) {
        int64_t from =
            (z * shape->strides[0] * plan->sizes[1] + row * shape->strides[1]) * plan->width;
        int64_t at = (z * shape->out[1] + row) * shape->out[2];
        kernels()->row(plane + from, loop->offsets, convolution->weight + channel * taps, (int)taps,
                       bias, y + at, shape->out[2]);
      }
    }
    ppn_epilogue_apply(&epilogue, y, n, channel, 0, out_size);
  }
}

void ppn_depthwise_run(const ppn_convolution_t* convolution, void* scratch,
                       ppn_thread_pool_t* pool) {
  ppn_depthwise_loop_t loop;
  loop.convolution = convolution;
  loop.shape = make_shape(convolution);
  loop.plan = make_plan(&loop.shape);
  loop.scratch = scratch;
  const int64_t* kernel = loop.shape.kernel;
  int64_t t = 0;
  for (int64_t z = 0; z < kernel[0]; ++z) {
    for (int64_t y = 0; y < kernel[1]; ++y) {
      for (int64_t x = 0; x < kernel[2]; ++x) {
        int64_t column = x * loop.shape.dilations[2];
        int64_t row =
            z * loop.shape.dilations[0] * loop.plan.sizes[1] + y * loop.shape.dilations[1];
        loop.offsets[t++] = column % loop.plan.phases * loop.plan.phase_size +
                            row * loop.plan.width + column / loop.plan.phases;
      }
    }
  }
  ppn_parallel_tasks(pool, convolution->batch * convolution->groups, run_plane, &loop);
}
