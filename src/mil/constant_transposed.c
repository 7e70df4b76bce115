// Writes transposed matrices: weights that a layer keeps as [in, out] and the operation takes as
// [out, in]. Read in blocks, so that every cache line of the source is read once.
#include <stdlib.h>

#include "base/half.h"
#include "mil/constant_transposed.h"

enum {
  BLOCK = 64,               // rows and columns read together
  TILE_STRIDE = BLOCK + 8,  // apart from a power of two, whose rows would share cache lines
  AHEAD = 8,  // columns: each lies in a page of its own, which hardware cannot foresee
  LINE = 16,  // elements of a cache line
};
#define LARGEST_BAND ((size_t)1 << 20)  // bytes of finished rows

bool ppn_mil_constant_is_transposed(const ppn_mil_constant_t* constant) {
  const ppn_tensor_t* view = &constant->view;
  bool is_matrix = view->rank == 2 && view->dtype == PPN_DTYPE_FLOAT32 && view->sizes[0] > 1 &&
                   view->sizes[1] > 1 && view->strides[0] == 1 && view->strides[1] > 1;
  bool is_simple = !constant->scale && !constant->clamp_to_half && !constant->keep_half_subnormal;
  bool is_float = constant->dtype == PPN_DTYPE_FLOAT32 || constant->dtype == PPN_DTYPE_FLOAT16;
  size_t row = is_matrix ? (size_t)view->sizes[1] * ppn_dtype_size(constant->dtype) : 0;
  return is_matrix && is_simple && is_float && row <= LARGEST_BAND / BLOCK;
}

// Columns of the source, side by side in memory, become rows of the tile.
static void read_tile(const float* source, int64_t stride, int64_t rows, int64_t columns,
                      float* tile) {
  for (int64_t column = 0; column < columns; column++, source += stride) {
    for (int64_t row = 0; row < rows && column + AHEAD < columns; row += LINE) {
      PPN_PREFETCH(source + AHEAD * stride + row);
    }
    for (int64_t row = 0; row < rows; row++) tile[row * TILE_STRIDE + column] = source[row];
  }
}

// Finished rows [begin, begin + rows), which `band` has room for.
static void finish_rows(const ppn_mil_constant_t* constant, int64_t begin, int64_t rows,
                        void* band) {
  const ppn_tensor_t* view = &constant->view;
  int64_t columns = view->sizes[1], stride = view->strides[1];
  float tile[BLOCK * TILE_STRIDE];
  for (int64_t first = 0; first < columns; first += BLOCK) {
    int64_t width = columns - first < BLOCK ? columns - first : BLOCK;
    read_tile((const float*)view->data + begin + first * stride, stride, rows, width, tile);
    for (int64_t row = 0; row < rows; row++) {
      const float* from = tile + row * TILE_STRIDE;
      int64_t to = row * columns + first;
      if (constant->dtype == PPN_DTYPE_FLOAT16) {
        ppn_float_to_half_array(from, (uint16_t*)band + to, (size_t)width);
      } else {
        memcpy((float*)band + to, from, (size_t)width * sizeof *from);
      }
    }
  }
}

ppn_status_t ppn_mil_constant_write_transposed(const ppn_mil_constant_t* constant,
                                               ppn_sink_t sink) {
  int64_t rows = constant->view.sizes[0];
  size_t row_size = (size_t)constant->view.sizes[1] * ppn_dtype_size(constant->dtype);
  void* band = malloc(BLOCK * row_size);
  if (!band) return ppn_out_of_memory();
  ppn_status_t status = ppn_status_ok();
  for (int64_t begin = 0; !status && begin < rows; begin += BLOCK) {
    int64_t count = rows - begin < BLOCK ? rows - begin : BLOCK;
    finish_rows(constant, begin, count, band);
    status = ppn_sink_write(sink, band, (size_t)count * row_size);
  }
  free(band);
  return status;
}
