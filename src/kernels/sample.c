#include "kernels/sample.h"

#include <math.h>

enum { MAX_TAPS = 16 };

// Pixels that a sample is a weighted sum of.
typedef struct taps {
  int count;
  int64_t offsets[MAX_TAPS];
  float weights[MAX_TAPS];
  float outside;  // weight of the padding value
} taps_t;

// ---- Points outside ----

// `position` mirrored into [low, high].
static float mirror(float position, float low, float high) {
  float span = high - low;
  if (span <= 0) return low;
  float distance = fabsf(position - low), periods = floorf(distance / span),
        rest = distance - periods * span;
  return fmodf(periods, 2) == 0 ? low + rest : high - rest;
}

static float clamp(float position, int64_t size) {
  float last = (float)(size - 1);
  return position > 0 ? position < last ? position : last : 0;  // NaN becomes 0
}

static float fold(float position, int64_t size, ppn_sample_padding_t padding) {
  switch (padding) {
    case PPN_SAMPLE_BORDER:
      return clamp(position, size);
    case PPN_SAMPLE_REFLECTION:
      return clamp(mirror(position, 0, (float)(size - 1)), size);
    case PPN_SAMPLE_SYMMETRIC:
      return clamp(mirror(position, -0.5f, (float)size - 0.5f), size);
    default:
      // Far outside everything is padding; this also keeps conversions to integers defined.
      return position > -2 && position < (float)size + 1 ? position : -2;
  }
}

static bool is_outside(float position, int64_t size) {
  return !(position >= 0 && position <= (float)(size - 1));
}

// ---- Taps ----

static void add_tap(taps_t* taps, int64_t x, int64_t y, int64_t width, int64_t height,
                    float weight) {
  if (x < 0 || x >= width || y < 0 || y >= height) {
    taps->outside += weight;
    return;
  }
  taps->offsets[taps->count] = y * width + x;
  taps->weights[taps->count++] = weight;
}

static void bilinear_taps(float x, float y, int64_t width, int64_t height, taps_t* out) {
  float left = floorf(x), top = floorf(y), right = x - left, down = y - top;
  int64_t column = (int64_t)left, row = (int64_t)top;
  add_tap(out, column, row, width, height, (1 - right) * (1 - down));
  add_tap(out, column + 1, row, width, height, right * (1 - down));
  add_tap(out, column, row + 1, width, height, (1 - right) * down);
  add_tap(out, column + 1, row + 1, width, height, right * down);
}

static void cubic_weights(float t, float* out) {
  const float a = -0.75f;
  float near = t, far = t + 1;
  out[0] = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a;
  out[1] = ((a + 2) * near - (a + 3)) * near * near + 1;
  near = 1 - t;
  far = 2 - t;
  out[2] = ((a + 2) * near - (a + 3)) * near * near + 1;
  out[3] = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a;
}

// Each of the 16 pixels is folded by itself.
static void bicubic_taps(float x, float y, int64_t width, int64_t height,
                         ppn_sample_padding_t padding, taps_t* out) {
  float horizontal[4], vertical[4];
  cubic_weights(x - floorf(x), horizontal);
  cubic_weights(y - floorf(y), vertical);
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) {
      float column = fold(floorf(x) + (float)(j - 1), width, padding),
            row = fold(floorf(y) + (float)(i - 1), height, padding);
      add_tap(out, (int64_t)column, (int64_t)row, width, height, horizontal[j] * vertical[i]);
    }
  }
}

static void find_taps(const ppn_sampling_t* sampling, const ppn_sample_point_t* point,
                      int64_t width, int64_t height, taps_t* out) {
  out->count = 0;
  out->outside = 0;
  ppn_sample_padding_t padding = sampling->padding;
  if (width == 0 || height == 0 ||
      (padding == PPN_SAMPLE_WHOLE &&
       (is_outside(point->x, width) || is_outside(point->y, height)))) {
    out->outside = 1;
    return;
  }
  if (sampling->mode == PPN_SAMPLE_BICUBIC) {
    bicubic_taps(point->x, point->y, width, height, padding, out);
    return;
  }
  float x = fold(point->x, width, padding), y = fold(point->y, height, padding);
  if (sampling->mode == PPN_SAMPLE_NEAREST) {
    add_tap(out, (int64_t)nearbyintf(x), (int64_t)nearbyintf(y), width, height, 1);
  } else {
    bilinear_taps(x, y, width, height, out);
  }
}

// ---- All pixels ----

typedef struct sample_job {
  const ppn_tensor_t *x, *out;
  const ppn_sampling_t* sampling;
} sample_job_t;

static void sample_rows(void* context, size_t begin, size_t end) {
  const sample_job_t* job = context;
  const int64_t *in = job->x->sizes, *out = job->out->sizes;
  int64_t channels = in[1], plane = in[2] * in[3], out_plane = out[2] * out[3];
  for (int64_t line = (int64_t)begin; line < (int64_t)end; ++line) {
    int64_t item = line / out[2], row = line % out[2];
    float* to = (float*)job->out->data + item * channels * out_plane + row * out[3];
    for (int64_t column = 0; column < out[3]; ++column) {
      ppn_sample_point_t point = {0, 0, 0};
      taps_t taps;
      job->sampling->locate(job->sampling->context, item, row, column, &point);
      find_taps(job->sampling, &point, in[3], in[2], &taps);
      float padding = taps.outside == 0 ? 0 : taps.outside * job->sampling->padding_value;
      const float* from = (const float*)job->x->data + point.image * channels * plane;
      for (int64_t channel = 0; channel < channels; ++channel) {
        float sum = padding;
        for (int i = 0; i < taps.count; ++i) {
          sum += taps.weights[i] * from[channel * plane + taps.offsets[i]];
        }
        to[channel * out_plane + column] = sum;
      }
    }
  }
}

void ppn_kernel_sample(const ppn_tensor_t* x, const ppn_sampling_t* sampling,
                       const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  if (ppn_tensor_numel(out) == 0) return;
  sample_job_t job = {x, out, sampling};
  size_t pixels = (size_t)(out->sizes[1] * out->sizes[3]);
  ppn_thread_pool_parallel_for(pool, (size_t)(out->sizes[0] * out->sizes[2]),
                               1 + ((size_t)1 << 12) / pixels, sample_rows, &job);
}
