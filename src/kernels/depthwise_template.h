// The kernels of depthwise convolutions, for the vectors of kernels/simd.h. Included by
// depthwise_generic.c, depthwise_avx2.c and depthwise_avx512.c.
#include "kernels/convolution_internal.h"
#include "kernels/simd.h"

// `vectors` vectors of results stay in registers while all taps are added.
static PPN_ALWAYS_INLINE void row_piece(const int vectors, const float* x, const int64_t* offsets,
                                        const float* weights, int taps, simd_t bias, float* y) {
  simd_t sums[4];
  PPN_UNROLL
  for (int v = 0; v < vectors; ++v) sums[v] = bias;
  for (int t = 0; t < taps; ++t) {
    simd_t weight = simd_set1(weights[t]);
    const float* source = x + offsets[t];
    PPN_UNROLL
    for (int v = 0; v < vectors; ++v)
      sums[v] = simd_fma(weight, simd_load(source + v * SIMD_LANES), sums[v]);
  }
  PPN_UNROLL
  for (int v = 0; v < vectors; ++v) simd_store(y + v * SIMD_LANES, sums[v]);
}

static void row(const float* x, const int64_t* offsets, const float* weights, int taps, float bias,
                float* y, int64_t count) {
  simd_t start = simd_set1(bias);
  int64_t i = 0;
  for (; i + 4 * SIMD_LANES <= count; i += 4 * SIMD_LANES)
    row_piece(4, x + i, offsets, weights, taps, start, y + i);
  for (; i + SIMD_LANES <= count; i += SIMD_LANES)
    row_piece(1, x + i, offsets, weights, taps, start, y + i);
  if (i == count) return;
  simd_t sum = start;
  for (int t = 0; t < taps; ++t) {
    // Past the row there is room for a vector.
    sum = simd_fma(simd_set1(weights[t]), simd_load(x + i + offsets[t]), sum);
  }
  simd_store_part(y + i, sum, count - i);
}
