// Convolutions as matrix products: rows are output channels, columns positions of the output, the
// depth runs over input channels and taps of the kernel.
#include "kernels/convolution.h"

#include <string.h>

#include "kernels/convolution_internal.h"
#include "kernels/gemm_internal.h"

// ---- Gathering ----

// Writes `count` elements of the output row `position` (all coordinates of its first element) as
// tap `tap` of input channel planes sees them, for all channels: plane c goes to
// target + c * target_stride.
static void gather_run(const ppn_convolution_t* convolution, const float* x, int64_t channels,
                       const int64_t* position, const int64_t* tap, int count, float* target,
                       int64_t target_stride) {
  int last = convolution->rank - 1;
  int64_t plane = 1, row = 0;  // the input row, as an element offset
  bool inside = true;
  for (int d = 0; d <= last; ++d) {
    plane *= convolution->in_sizes[d];
    int64_t at = 0;
    if (d < last)
      inside = inside && ppn_convolution_input_position(convolution, d, position[d], tap[d], &at);
    row = row * convolution->in_sizes[d] + at;
  }
  // Elements [begin, end) of the run lie inside; `first` is where `begin` reads, `step` apart.
  int64_t begin = 0, end = inside ? count : 0, first = 0, step = convolution->strides[last];
  if (convolution->is_transposed) {
    // Only every stride-th element of the output meets this tap.
    for (int64_t c = 0; c < channels; ++c) {
      const float* source = x + c * plane + row;
      float* out = target + c * target_stride;
      for (int i = 0; i < count; ++i) {
        int64_t at;
        bool hit = inside && ppn_convolution_input_position(convolution, last, position[last] + i,
                                                            tap[last], &at);
        out[i] = hit ? source[at] : 0;
      }
    }
    return;
  }
  int64_t start =
      position[last] * step - convolution->pads[last] + tap[last] * convolution->dilations[last];
  while (begin < end && start + begin * step < 0) ++begin;
  while (end > begin && start + (end - 1) * step >= convolution->in_sizes[last]) --end;
  first = row + start + begin * step;
  if (step == 1 && begin == 0 && end == count && count == 16) {
    // A whole panel's width within one row, the common case on AVX2, without a loop.
    for (int64_t c = 0; c < channels; ++c)
      memcpy(target + c * target_stride, x + c * plane + first, 16 * sizeof(float));
    return;
  }
  for (int64_t c = 0; c < channels; ++c) {
    const float* source = x + c * plane + first;
    float* out = target + c * target_stride;
    for (int64_t i = 0; i < begin; ++i) out[i] = 0;
    if (step == 1) {
      for (int64_t i = begin; i < end; ++i) out[i] = source[i - begin];
    } else {
      for (int64_t i = begin; i < end; ++i) out[i] = source[(i - begin) * step];
    }
    for (int64_t i = end; i < count; ++i) out[i] = 0;
  }
}

static void gather(const void* context, int64_t item, int64_t column, int count, int panel_columns,
                   float* panel) {
  const ppn_convolution_t* convolution = context;
  int rank = convolution->rank;
  int64_t channels = convolution->in_channels / convolution->groups;
  int64_t taps = ppn_convolution_product(rank, convolution->kernel);
  // Item n * groups + g starts at channel g of image n, and images are `groups` times that apart.
  const float* x =
      convolution->x + item * channels * ppn_convolution_product(rank, convolution->in_sizes);
  int64_t width = convolution->out_sizes[rank - 1];
  for (int done = 0; done < count;) {
    int64_t position[PPN_CONVOLUTION_MAX_RANK];
    ppn_convolution_unflatten(rank, convolution->out_sizes, column + done, position);
    int64_t room = width - position[rank - 1];
    int run = (int)(room < count - done ? room : count - done);
    for (int64_t t = 0; t < taps; ++t) {
      int64_t tap[PPN_CONVOLUTION_MAX_RANK];
      ppn_convolution_unflatten(rank, convolution->kernel, t, tap);
      gather_run(convolution, x, channels, position, tap, run, panel + t * panel_columns + done,
                 taps * panel_columns);
    }
    done += run;
  }
  if (count == panel_columns) return;
  for (int64_t k = 0; k < channels * taps; ++k) {
    for (int i = count; i < panel_columns; ++i) panel[k * panel_columns + i] = 0;
  }
}

// ---- The product ----

// Every output position reads the input position of the same index.
static bool is_pointwise(const ppn_convolution_t* convolution) {
  for (int d = 0; d < convolution->rank; ++d) {
    if (convolution->kernel[d] != 1 || convolution->strides[d] != 1 || convolution->pads[d] != 0 ||
        convolution->in_sizes[d] != convolution->out_sizes[d]) {
      return false;
    }
  }
  return true;
}

// Weights of a transposed convolution are reordered to [groups, out, in, taps] at each run.
static size_t reordered_size(const ppn_convolution_t* convolution) {
  if (!convolution->is_transposed) return 0;
  int64_t count = convolution->in_channels * (convolution->out_channels / convolution->groups) *
                  ppn_convolution_product(convolution->rank, convolution->kernel);
  return ((size_t)count * sizeof(float) + 63) / 64 * 64;
}

static void reorder_weights(const ppn_convolution_t* convolution, float* out) {
  int64_t groups = convolution->groups, in_channels = convolution->in_channels / groups,
          out_channels = convolution->out_channels / groups;
  int64_t taps = ppn_convolution_product(convolution->rank, convolution->kernel);
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t o = 0; o < out_channels; ++o) {
      for (int64_t c = 0; c < in_channels; ++c) {
        memcpy(out, convolution->weight + ((g * in_channels + c) * out_channels + o) * taps,
               (size_t)taps * sizeof(float));
        out += taps;
      }
    }
  }
}

static ppn_gemm_t make_product(const ppn_convolution_t* convolution, const float* weight) {
  int rank = convolution->rank;
  int64_t groups = convolution->groups, in_channels = convolution->in_channels / groups,
          rows = convolution->out_channels / groups;
  int64_t in_size = ppn_convolution_product(rank, convolution->in_sizes),
          out_size = ppn_convolution_product(rank, convolution->out_sizes),
          taps = ppn_convolution_product(rank, convolution->kernel);
  ppn_gemm_t gemm = ppn_gemm_make(rows, out_size, in_channels * taps);
  gemm.a = weight, gemm.b.data = convolution->x, gemm.c = convolution->y;
  gemm.epilogue = convolution->epilogue;
  gemm.batch_rank = 2;
  gemm.batch_sizes[0] = convolution->batch, gemm.batch_sizes[1] = groups;
  gemm.a_batch_strides[1] = rows * gemm.depth;
  gemm.b_batch_strides[1] = in_channels * in_size;
  gemm.b_batch_strides[0] = groups * gemm.b_batch_strides[1];
  gemm.c_batch_strides[1] = rows * out_size;
  gemm.c_batch_strides[0] = groups * gemm.c_batch_strides[1];
  return gemm;
}

static ppn_gemm_job_t make_job(const ppn_convolution_t* convolution, const ppn_gemm_t* gemm) {
  ppn_gemm_job_t job = {gemm, NULL, convolution, convolution->groups};
  if (!is_pointwise(convolution)) job.gather = gather;
  return job;
}

size_t ppn_convolution_scratch_size(const ppn_convolution_t* convolution, int thread_count) {
  if (ppn_depthwise_applies(convolution))
    return ppn_depthwise_scratch_size(convolution, thread_count);
  ppn_gemm_t gemm = make_product(convolution, NULL);
  ppn_gemm_job_t job = make_job(convolution, &gemm);
  return reordered_size(convolution) + ppn_gemm_job_scratch_size(&job, thread_count);
}

void ppn_convolution_run(const ppn_convolution_t* convolution, void* scratch,
                         ppn_thread_pool_t* pool) {
  if (ppn_depthwise_applies(convolution)) {
    ppn_depthwise_run(convolution, scratch, pool);
    return;
  }
  const float* weight = convolution->weight;
  size_t reordered = reordered_size(convolution);
  if (reordered) {
    reorder_weights(convolution, scratch);
    weight = scratch;
  }
  ppn_gemm_t gemm = make_product(convolution, weight);
  ppn_gemm_job_t job = make_job(convolution, &gemm);
  ppn_gemm_job_run(&job, (uint8_t*)scratch + reordered, pool);
}
