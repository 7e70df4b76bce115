// The kernels of the Winograd convolution, for the vectors of kernels/simd.h. Included by
// winograd_generic.c, winograd_avx2.c and winograd_avx512.c, each of which makes a table of them.
#include "kernels/simd.h"
#include "kernels/winograd_internal.h"

enum {
  // The blocks that oneDNN keeps channels in on the same CPU.
  BLOCK = SIMD_LANES == 16 ? 16 : 8,
  BLOCK_VECTORS = BLOCK / SIMD_LANES,
  // As many sums as registers hold beside two vectors of the weight and one element of a tile.
  STRIP = SIMD_LANES == 16  ? 14
          : SIMD_LANES == 8 ? 6
                            : 4,
  PANEL = SIMD_LANES >= 8 ? 2 * BLOCK : BLOCK,
  PANEL_VECTORS = PANEL / SIMD_LANES,
  CACHE_LINE = 16,  // floats
};

// ---- Places of tiles ----

// Where a tile of results lies: an image, and the tile's row and column in it.
typedef struct place {
  int64_t image, row, column;
} place_t;

static place_t place_of(const ppn_winograd_t* winograd, int64_t tile) {
  int64_t rows = (winograd->out_sizes[0] + 1) / 2, columns = (winograd->out_sizes[1] + 1) / 2;
  return (place_t){tile / (rows * columns), tile / columns % rows, tile % columns};
}

static void move_on(const ppn_winograd_t* winograd, place_t* place) {
  if (++place->column < (winograd->out_sizes[1] + 1) / 2) return;
  place->column = 0;
  if (++place->row < (winograd->out_sizes[0] + 1) / 2) return;
  place->row = 0;
  ++place->image;
}

// ---- x ----

// B^T d B, where the rows of B^T are (1 0 -1 0), (0 1 1 0), (0 -1 1 0) and (0 1 0 -1). Pixels of
// `tile` are BLOCK apart.
static PPN_ALWAYS_INLINE void transform_tile(const float* tile, int64_t row_stride, float* inputs,
                                             int64_t stride) {
  simd_t d[4][4];
  PPN_UNROLL
  for (int j = 0; j < 4; ++j) {
    const float* source = tile + j * BLOCK;
    simd_t d0 = simd_load(source), d1 = simd_load(source + row_stride),
           d2 = simd_load(source + 2 * row_stride), d3 = simd_load(source + 3 * row_stride);
    d[0][j] = simd_subtract(d0, d2);
    d[1][j] = simd_add(d1, d2);
    d[2][j] = simd_subtract(d2, d1);
    d[3][j] = simd_subtract(d1, d3);
  }
  PPN_UNROLL
  for (int i = 0; i < 4; ++i) {
    float* target = inputs + 4 * i * stride;
    simd_store(target, simd_subtract(d[i][0], d[i][2]));
    simd_store(target + stride, simd_add(d[i][1], d[i][2]));
    simd_store(target + 2 * stride, simd_subtract(d[i][2], d[i][1]));
    simd_store(target + 3 * stride, simd_subtract(d[i][1], d[i][3]));
  }
}

// A tile that reaches out of x, with zeros there.
static void copy_tile(const ppn_winograd_t* winograd, const float* plane, int64_t top, int64_t left,
                      float* tile) {
  int64_t rows = winograd->in_sizes[0], columns = winograd->in_sizes[1];
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t j = 0; j < 4; ++j, tile += BLOCK) {
      int64_t row = top + i, column = left + j;
      if (row >= 0 && row < rows && column >= 0 && column < columns) {
        memcpy(tile, plane + (row * columns + column) * BLOCK, BLOCK * sizeof(float));
      } else {
        memset(tile, 0, BLOCK * sizeof(float));
      }
    }
  }
}

static void transform_inputs(const ppn_winograd_t* winograd, const ppn_winograd_group_t* group,
                             int64_t begin, int64_t end, float* inputs) {
  int64_t rows = winograd->in_sizes[0], columns = winograd->in_sizes[1];
  int64_t channels = winograd->in_channels, plane_size = rows * columns * BLOCK;
  float border[16 * BLOCK];
  for (int64_t block = begin; block < end; ++block) {
    place_t place = place_of(winograd, group->begin);
    for (int64_t strip = 0; strip < group->strips; ++strip) {
      int64_t first = ppn_winograd_strip_begin(group, strip),
              count = ppn_winograd_strip_begin(group, strip + 1) - first;
      float* target = inputs + first * channels + block * count * BLOCK;
      for (int64_t i = 0; i < count; ++i, target += BLOCK, move_on(winograd, &place)) {
        int64_t top = 2 * place.row - winograd->pads[0],
                left = 2 * place.column - winograd->pads[1];
        const float* plane = winograd->x + (place.image * (channels / BLOCK) + block) * plane_size;
        const float* tile = border;
        int64_t row_stride = 4 * BLOCK;
        if (top < 0 || left < 0 || top + 4 > rows || left + 4 > columns) {
          copy_tile(winograd, plane, top, left, border);
        } else {
          tile = plane + (top * columns + left) * BLOCK;
          row_stride = columns * BLOCK;
        }
        for (int v = 0; v < BLOCK_VECTORS; ++v) {
          transform_tile(tile + v * SIMD_LANES, row_stride, target + v * SIMD_LANES,
                         group->inputs_stride);
        }
      }
    }
  }
}

// ---- Products ----

// `size` tiles, a number known to the compiler so that all sums stay in registers. Meanwhile the
// weights at `next` are asked for, `next_lines` cache lines for each block of channels.
static PPN_ALWAYS_INLINE void multiply_strip(const int size, int64_t blocks, const float* inputs,
                                             const float* weight, const float* next, int next_lines,
                                             float* products) {
  simd_t sums[STRIP][PANEL_VECTORS];
  PPN_UNROLL
  for (int i = 0; i < size; ++i) {
    PPN_UNROLL
    for (int v = 0; v < PANEL_VECTORS; ++v) sums[i][v] = simd_set1(0);
  }
  for (int64_t block = 0; block < blocks; ++block) {
    for (int i = 0; i < next_lines; ++i, next += CACHE_LINE) PPN_PREFETCH(next);
    for (int channel = 0; channel < BLOCK; ++channel) {
      simd_t factors[PANEL_VECTORS];
      PPN_UNROLL
      for (int v = 0; v < PANEL_VECTORS; ++v) factors[v] = simd_load(weight + v * SIMD_LANES);
      PPN_UNROLL
      for (int i = 0; i < size; ++i) {
        simd_t input = simd_set1(inputs[i * BLOCK + channel]);
        PPN_UNROLL
        for (int v = 0; v < PANEL_VECTORS; ++v)
          sums[i][v] = simd_fma(input, factors[v], sums[i][v]);
      }
      weight += PANEL;
    }
    inputs += size * BLOCK;
  }
  PPN_UNROLL
  for (int i = 0; i < size; ++i) {
    PPN_UNROLL
    for (int v = 0; v < PANEL_VECTORS; ++v) {
      simd_store(products + i * PANEL + v * SIMD_LANES, sums[i][v]);
    }
  }
}

static void multiply(const ppn_winograd_group_t* group, int64_t in_channels, const float* inputs,
                     const float* weight, float* products) {
  // Weights pass through once for each group. While the strips of one position are computed, the
  // weights of the next are fetched: hardware would begin anew with each page of memory.
  int64_t blocks = in_channels / BLOCK;
  int block_lines = BLOCK * PANEL / CACHE_LINE;
  int next_lines = (int)((block_lines + group->strips - 1) / group->strips);
  for (int position = 0; position < PPN_WINOGRAD_POSITIONS; ++position) {
    for (int64_t strip = 0; strip < group->strips; ++strip) {
      int64_t first = ppn_winograd_strip_begin(group, strip),
              count = ppn_winograd_strip_begin(group, strip + 1) - first;
      const float* source = inputs + first * in_channels;
      float* target = products + first * PANEL;
      const float* next = weight + in_channels * PANEL + strip * blocks * next_lines * CACHE_LINE;
#define STRIP_OF(size)                                                      \
  case size:                                                                \
    multiply_strip(size, blocks, source, weight, next, next_lines, target); \
    break
      switch (count) {
        STRIP_OF(1);
        STRIP_OF(2);
        STRIP_OF(3);
        STRIP_OF(4);
#if PPN_SIMD_BYTES >= 32
        STRIP_OF(5);
        STRIP_OF(6);
#endif
#if PPN_SIMD_BYTES == 64
        STRIP_OF(7);
        STRIP_OF(8);
        STRIP_OF(9);
        STRIP_OF(10);
        STRIP_OF(11);
        STRIP_OF(12);
        STRIP_OF(13);
        STRIP_OF(14);
#endif
        default:
          break;
      }
#undef STRIP_OF
    }
    inputs += group->inputs_stride;
    products += group->products_stride;
    weight += in_channels * PANEL;
  }
}

// ---- y ----

// A^T m A, where the rows of A^T are (1 1 1 0) and (0 1 -1 -1).
static PPN_ALWAYS_INLINE void transform_back(const float* products, int64_t stride,
                                             simd_t out[2][2]) {
  simd_t rows[2][4];
  PPN_UNROLL
  for (int j = 0; j < 4; ++j) {
    const float* source = products + j * stride;
    simd_t m0 = simd_load(source), m1 = simd_load(source + 4 * stride),
           m2 = simd_load(source + 8 * stride), m3 = simd_load(source + 12 * stride);
    rows[0][j] = simd_add(m0, simd_add(m1, m2));
    rows[1][j] = simd_subtract(simd_subtract(m1, m2), m3);
  }
  PPN_UNROLL
  for (int i = 0; i < 2; ++i) {
    out[i][0] = simd_add(rows[i][0], simd_add(rows[i][1], rows[i][2]));
    out[i][1] = simd_subtract(simd_subtract(rows[i][1], rows[i][2]), rows[i][3]);
  }
}

typedef struct ending {
  simd_t bias, minimum, maximum;
  bool is_clamped;
} ending_t;

static PPN_ALWAYS_INLINE void write(const ending_t* ending, const float* added, simd_t value,
                                    float* y) {
  value = simd_add(value, ending->bias);
  if (added) value = simd_add(value, simd_load(added));
  if (ending->is_clamped) {
    value = simd_min(ending->maximum, simd_max(ending->minimum, value));
  }
  simd_store(y, value);
}

// `count` tiles side by side, from `place` on, of the vector of channels at `y` (the image's
// first element).
static void write_run(const ppn_winograd_t* winograd, const ending_t* ending, place_t place,
                      int64_t count, const float* products, int64_t stride, int64_t offset) {
  int64_t columns = winograd->out_sizes[1], row_stride = columns * BLOCK;
  bool has_second_row = 2 * place.row + 1 < winograd->out_sizes[0];
  offset += (2 * place.row * columns + 2 * place.column) * BLOCK;
  for (int64_t i = 0; i < count; ++i, offset += 2 * BLOCK, products += PANEL) {
    bool has_second_column = 2 * (place.column + i) + 1 < columns;
    float* y = winograd->y + offset;
    const float* added = winograd->added ? winograd->added + offset : NULL;
    simd_t out[2][2];
    transform_back(products, stride, out);
    write(ending, added, out[0][0], y);
    if (has_second_column) write(ending, added ? added + BLOCK : NULL, out[0][1], y + BLOCK);
    if (!has_second_row) continue;
    y += row_stride;
    if (added) added += row_stride;
    write(ending, added, out[1][0], y);
    if (has_second_column) write(ending, added ? added + BLOCK : NULL, out[1][1], y + BLOCK);
  }
}

static void finish_run(const ppn_winograd_t* winograd, place_t place, int64_t count,
                       int64_t offset) {
  int64_t columns = winograd->out_sizes[1], end = 2 * (place.column + count);
  if (end > columns) end = columns;
  for (int64_t row = 2 * place.row; row < 2 * place.row + 2; ++row) {
    if (row == winograd->out_sizes[0]) break;
    int64_t begin = offset + (row * columns + 2 * place.column) * BLOCK;
    winograd->finish(winograd->context, winograd->y + begin, begin,
                     (end - 2 * place.column) * BLOCK);
  }
}

static void transform_products(const ppn_winograd_t* winograd, const ppn_winograd_group_t* group,
                               int64_t panel, const float* products) {
  int64_t tile_columns = (winograd->out_sizes[1] + 1) / 2;
  int64_t plane_size = winograd->out_sizes[0] * winograd->out_sizes[1] * BLOCK;
  place_t place = place_of(winograd, group->begin);
  for (int64_t tile = 0; tile < group->count;) {
    int64_t count = tile_columns - place.column;
    if (count > group->count - tile) count = group->count - tile;
    for (int64_t channel = 0; channel < PANEL; channel += BLOCK) {
      int64_t first = panel * PANEL + channel;
      if (first >= winograd->out_channels) break;
      int64_t offset =
          (place.image * (winograd->out_channels / BLOCK) + first / BLOCK) * plane_size;
      for (int v = 0; v < BLOCK; v += SIMD_LANES) {
        const ending_t ending = {
            .bias = winograd->bias ? simd_load(winograd->bias + first + v) : simd_set1(0),
            .minimum = simd_set1(winograd->minimum),
            .maximum = simd_set1(winograd->maximum),
            .is_clamped = winograd->is_clamped,
        };
        write_run(winograd, &ending, place, count, products + tile * PANEL + channel + v,
                  group->products_stride, offset + v);
      }
      if (winograd->finish) finish_run(winograd, place, count, offset);
    }
    tile += count;
    place.column += count - 1;
    move_on(winograd, &place);
  }
}

#define PPN_WINOGRAD_KERNELS \
  { BLOCK, PANEL, STRIP, transform_inputs, multiply, transform_products }
