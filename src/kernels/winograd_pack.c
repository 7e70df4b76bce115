// Bringing weights and x into the order in which the Winograd convolution reads them.
#include "kernels/gemm_internal.h"
#include "kernels/winograd_internal.h"

size_t ppn_winograd_packed_size(int64_t out_channels, int64_t in_channels) {
  int64_t columns = ppn_winograd_panel_count(out_channels) * ppn_winograd_kernels()->panel;
  return (size_t)(PPN_WINOGRAD_POSITIONS * columns * in_channels) * sizeof(float);
}

enum { MAX_PANEL = 32 };

// One row of G, (1 0 0), (1/2 1/2 1/2), (1/2 -1/2 1/2) or (0 0 1), times columns of `count`
// numbers.
static void combine(int row, int count, const float* a, const float* b, const float* c,
                    float* out) {
  for (int i = 0; i < count; ++i) {
    float outer = 0.5f * (a[i] + c[i]), inner = 0.5f * b[i];
    out[i] = row == 0 ? a[i] : row == 1 ? outer + inner : row == 2 ? outer - inner : c[i];
  }
}

// G g G^T for a panel of kernels, element by element in `taps`; `stride` floats from one position
// of the result to the next.
static void transform_kernels(int panel, float taps[9][MAX_PANEL], float* out, int64_t stride) {
  float rows[3][MAX_PANEL];
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 3; ++j) combine(i, panel, taps[j], taps[3 + j], taps[6 + j], rows[j]);
    for (int j = 0; j < 4; ++j) {
      combine(j, panel, rows[0], rows[1], rows[2], out + (4 * i + j) * stride);
    }
  }
}

void ppn_winograd_pack(const float* weight, int64_t out_channels, int64_t in_channels,
                       float* packed) {
  int panel = ppn_winograd_kernels()->panel;
  float taps[9][MAX_PANEL] = {{0}};
  for (int64_t first = 0; first < out_channels; first += panel) {
    int count = (int)(out_channels - first < panel ? out_channels - first : panel);
    float* target = packed + first * in_channels * PPN_WINOGRAD_POSITIONS;
    for (int64_t in = 0; in < in_channels; ++in, target += panel) {
      for (int out = 0; out < panel; ++out) {
        for (int i = 0; i < 9; ++i) {
          taps[i][out] = out < count ? weight[((first + out) * in_channels + in) * 9 + i] : 0;
        }
      }
      transform_kernels(panel, taps, target, in_channels * panel);
    }
  }
}

typedef struct ppn_winograd_blocking {
  const float* x;
  int64_t area;
  float* blocked;
} ppn_winograd_blocking_t;

static void block_channels(void* context, size_t begin, size_t end) {
  const ppn_winograd_blocking_t* blocking = context;
  int block = ppn_winograd_kernels()->block;
  for (size_t i = begin; i < end; ++i) {
    size_t offset = i * (size_t)(blocking->area * block);
    ppn_gemm_kernels()->transpose(blocking->x + offset, blocking->area, block, blocking->area,
                                  blocking->blocked + offset, block);
  }
}

void ppn_winograd_block_channels(const float* x, int64_t batch, int64_t channels, int64_t area,
                                 float* blocked, ppn_thread_pool_t* pool) {
  ppn_winograd_blocking_t blocking = {x, area, blocked};
  ppn_thread_pool_parallel_for(pool, (size_t)(batch * (channels / ppn_winograd_kernels()->block)),
                               1, block_channels, &blocking);
}
