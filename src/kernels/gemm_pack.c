// Bringing A and B into the order in which the kernels read them.
#include <string.h>

#include "base/half.h"
#include "kernels/gemm_internal.h"

// Contiguous elements as floats, without scales.
static void convert(ppn_dtype_t dtype, const void* data, int64_t index, int64_t count, float* out) {
  switch (dtype) {
    case PPN_DTYPE_FLOAT32:
      memcpy(out, (const float*)data + index, (size_t)count * sizeof(float));
      break;
    case PPN_DTYPE_FLOAT16:
      ppn_half_to_float_array((const uint16_t*)data + index, out, (size_t)count);
      break;
    case PPN_DTYPE_BFLOAT16: {
      const uint16_t* values = (const uint16_t*)data + index;
      for (int64_t i = 0; i < count; ++i) out[i] = ppn_bfloat16_to_float(values[i]);
      break;
    }
    case PPN_DTYPE_INT8: {
      const int8_t* values = (const int8_t*)data + index;
      for (int64_t i = 0; i < count; ++i) out[i] = values[i];
      break;
    }
    case PPN_DTYPE_UINT8: {
      const uint8_t* values = (const uint8_t*)data + index;
      for (int64_t i = 0; i < count; ++i) out[i] = values[i];
      break;
    }
    default: {
      ppn_gemm_operand_t raw = {.dtype = dtype, .data = data, .depth_stride = 1};
      for (int64_t i = 0; i < count; ++i) out[i] = ppn_gemm_operand_element(&raw, index, i, 0);
    }
  }
}

static void apply_scale(const ppn_gemm_operand_t* b, int64_t k, int64_t j, float* values,
                        int64_t count) {
  int64_t index = j * b->scale_column_stride + (b->block ? k / b->block : 0);
  float scale = b->scales[index], offset = b->offsets ? b->offsets[index] : 0;
  for (int64_t i = 0; i < count; ++i) values[i] = (values[i] - offset) * scale;
}

// One row of a panel. The sizes that panels have are copied without a call.
static void copy_row(const float* source, int count, int panel_columns, float* row) {
  if (count == panel_columns && count == 16) {
    memcpy(row, source, 16 * sizeof(float));
  } else if (count == panel_columns && count == 32) {
    memcpy(row, source, 32 * sizeof(float));
  } else {
    for (int j = 0; j < count; ++j) row[j] = source[j];
    for (int j = count; j < panel_columns; ++j) row[j] = 0;
  }
}

// Rows of B are contiguous. Some rows of all panels at a time: what lies side by side is read
// together.
static void pack_rows(const ppn_gemm_operand_t* b, int64_t offset, int64_t depth, int64_t column,
                      int64_t count, int panel_columns, float* panels) {
  enum { ROWS = 16 };
  bool is_plain = b->dtype == PPN_DTYPE_FLOAT32 && !b->scales;
  for (int64_t begin = 0; begin < depth; begin += ROWS) {
    int64_t end = depth - begin < ROWS ? depth : begin + ROWS;
    for (int64_t j = 0; j < count; j += panel_columns) {
      int width = (int)(count - j < panel_columns ? count - j : panel_columns);
      float* row = panels + j * depth + begin * panel_columns;
      for (int64_t k = begin; k < end; ++k, row += panel_columns) {
        int64_t index = offset + k * b->depth_stride + column + j;
        if (is_plain) {
          copy_row((const float*)b->data + index, width, panel_columns, row);
          continue;
        }
        convert(b->dtype, b->data, index, width, row);
        for (int i = 0; i < width && b->scales; ++i) apply_scale(b, k, column + j + i, row + i, 1);
        for (int i = width; i < panel_columns; ++i) row[i] = 0;
      }
    }
  }
}

// Columns of B are contiguous: convert a piece of each, then transpose.
static void pack_columns(const ppn_gemm_operand_t* b, int64_t offset, int64_t depth, int64_t column,
                         int count, int panel_columns, float* panel) {
  enum { PIECE = 64, MAX_COLUMNS = 32 };
  const ppn_gemm_kernels_t* kernels = ppn_gemm_kernels();
  float buffer[MAX_COLUMNS * PIECE];
  for (int64_t k = 0; k < depth; k += PIECE) {
    int64_t piece = depth - k < PIECE ? depth - k : PIECE;
    const float* source = buffer;
    int64_t stride = PIECE;
    if (b->dtype == PPN_DTYPE_FLOAT32 && !b->scales) {
      source = (const float*)b->data + offset + column * b->column_stride + k;
      stride = b->column_stride;
    } else {
      for (int j = 0; j < count; ++j) {
        float* values = buffer + j * PIECE;
        convert(b->dtype, b->data, offset + (column + j) * b->column_stride + k, piece, values);
        if (!b->scales) continue;
        int64_t block = b->block ? b->block : depth;
        for (int64_t i = 0; i < piece;) {  // up to the end of the block that k + i is in
          int64_t run = block - (k + i) % block;
          if (run > piece - i) run = piece - i;
          apply_scale(b, k + i, column + j, values + i, run);
          i += run;
        }
      }
    }
    float* target = panel + k * panel_columns;
    if (count < panel_columns) memset(target, 0, (size_t)(piece * panel_columns) * sizeof(float));
    kernels->transpose(source, stride, count, piece, target, panel_columns);
  }
}

static void pack_elements(const ppn_gemm_operand_t* b, int64_t offset, int64_t depth,
                          int64_t column, int count, int panel_columns, float* panel) {
  for (int64_t k = 0; k < depth; ++k) {
    float* row = panel + k * panel_columns;
    for (int j = 0; j < count; ++j) row[j] = ppn_gemm_operand_element(b, offset, k, column + j);
    for (int j = count; j < panel_columns; ++j) row[j] = 0;
  }
}

void ppn_gemm_pack_panels(const ppn_gemm_operand_t* b, int64_t offset, int64_t depth,
                          int64_t column, int64_t count, int panel_columns, float* panels) {
  if (b->column_stride == 1) {
    pack_rows(b, offset, depth, column, count, panel_columns, panels);
    return;
  }
  for (int64_t j = 0; j < count; j += panel_columns) {
    int width = (int)(count - j < panel_columns ? count - j : panel_columns);
    if (b->depth_stride == 1) {
      pack_columns(b, offset, depth, column + j, width, panel_columns, panels + j * depth);
    } else {
      pack_elements(b, offset, depth, column + j, width, panel_columns, panels + j * depth);
    }
  }
}

void ppn_gemm_pack_strips(const float* a, int64_t row_stride, int64_t depth_stride, int64_t rows,
                          int64_t depth, float* strips) {
  const ppn_gemm_kernels_t* kernels = ppn_gemm_kernels();
  int tile_rows = kernels->tile_rows;
  for (int64_t row = 0; row < rows; row += tile_rows) {
    int count = (int)(rows - row < tile_rows ? rows - row : tile_rows);
    const float* source = a + row * row_stride;
    if (depth_stride == 1) {
      kernels->transpose(source, row_stride, count, depth, strips, tile_rows);
    } else {
      for (int64_t k = 0; k < depth; ++k) {
        float* target = strips + k * tile_rows;
        for (int i = 0; i < count; ++i) target[i] = source[i * row_stride + k * depth_stride];
        for (int i = count; i < tile_rows; ++i) target[i] = 0;
      }
    }
    strips += tile_rows * depth;
  }
}

size_t ppn_gemm_packed_size(int64_t columns, int64_t depth, ppn_dtype_t storage) {
  int64_t panel = ppn_gemm_kernels()->panel_columns;
  return (size_t)((columns + panel - 1) / panel * panel * depth) * ppn_dtype_size(storage) + 64;
}

void ppn_gemm_pack(const ppn_gemm_operand_t* b, int64_t columns, int64_t depth, ppn_dtype_t storage,
                   void* packed) {
  enum { PIECE = 64, MAX_COLUMNS = 32 };
  int panel_columns = ppn_gemm_kernels()->panel_columns;
  if (storage == PPN_DTYPE_FLOAT32) {
    ppn_gemm_pack_panels(b, 0, depth, 0, columns, panel_columns, packed);
    return;
  }
  for (int64_t column = 0; column < columns; column += panel_columns) {
    int count = (int)(columns - column < panel_columns ? columns - column : panel_columns);
    float buffer[PIECE * MAX_COLUMNS + 8];
    for (int64_t k = 0; k < depth; k += PIECE) {
      int64_t piece = depth - k < PIECE ? depth - k : PIECE;
      ppn_gemm_operand_t part = *b;
      // Scales are found by the position within the column: only whole blocks may be skipped.
      for (int64_t i = 0; part.scales && i < piece; ++i) {
        for (int j = 0; j < panel_columns; ++j) {
          buffer[i * panel_columns + j] =
              j < count ? ppn_gemm_operand_element(b, 0, k + i, column + j) : 0;
        }
      }
      if (!part.scales) {
        ppn_gemm_pack_panels(b, k * b->depth_stride, piece, column, count, panel_columns, buffer);
      }
      ppn_float_to_half_array(buffer, (uint16_t*)packed + column * depth + k * panel_columns,
                              (size_t)(piece * panel_columns));
    }
  }
}
