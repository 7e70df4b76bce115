// The plain matrix product: what the fast ones are compared with.
#include "base/half.h"
#include "kernels/gemm.h"
#include "kernels/gemm_internal.h"

float ppn_gemm_operand_element(const ppn_gemm_operand_t* b, int64_t offset, int64_t k, int64_t j) {
  int64_t index = offset + k * b->depth_stride + j * b->column_stride;
  const uint8_t* bytes = b->data;
  float value = 0;
  switch (b->dtype) {
    case PPN_DTYPE_FLOAT32:
      value = ((const float*)b->data)[index];
      break;
    case PPN_DTYPE_FLOAT16:
      value = ppn_half_to_float(((const uint16_t*)b->data)[index]);
      break;
    case PPN_DTYPE_BFLOAT16:
      value = ppn_bfloat16_to_float(((const uint16_t*)b->data)[index]);
      break;
    case PPN_DTYPE_INT8:
      value = ((const int8_t*)b->data)[index];
      break;
    case PPN_DTYPE_UINT8:
      value = bytes[index];
      break;
    case PPN_DTYPE_UINT4:
      value = (float)(bytes[index / 2] >> (index % 2 * 4) & 15);
      break;
    case PPN_DTYPE_INT4:
      value = (float)(((bytes[index / 2] >> (index % 2 * 4) & 15) ^ 8) - 8);
      break;
    default:
      break;
  }
  if (!b->scales) return value;
  int64_t scale = j * b->scale_column_stride + (b->block ? k / b->block : 0);
  return (value - (b->offsets ? b->offsets[scale] : 0)) * b->scales[scale];
}

void ppn_epilogue_apply(const ppn_epilogue_t* epilogue, float* values, int64_t batch, int64_t row,
                        int64_t column, int64_t count) {
  if (epilogue->row_bias) {
    float bias = epilogue->row_bias[row];
    for (int64_t i = 0; i < count; ++i) values[i] += bias;
  }
  if (epilogue->column_bias) {
    const float* bias = epilogue->column_bias + column;
    for (int64_t i = 0; i < count; ++i) values[i] += bias[i];
  }
  if (epilogue->is_clamped) {
    float minimum = epilogue->minimum, maximum = epilogue->maximum;
    for (int64_t i = 0; i < count; ++i) {
      float value = values[i] < minimum ? minimum : values[i];
      values[i] = value > maximum ? maximum : value;
    }
  }
  if (epilogue->finish) epilogue->finish(epilogue->context, values, batch, row, column, count);
}

int64_t ppn_gemm_batch_count(const ppn_gemm_t* gemm) {
  int64_t count = 1;
  for (int i = 0; i < gemm->batch_rank; ++i) count *= gemm->batch_sizes[i];
  return count;
}

void ppn_gemm_batch_offsets(const ppn_gemm_t* gemm, int64_t item, int64_t* out_a, int64_t* out_b,
                            int64_t* out_c) {
  *out_a = *out_b = *out_c = 0;
  for (int i = gemm->batch_rank; i-- > 0;) {
    int64_t index = item % gemm->batch_sizes[i];
    item /= gemm->batch_sizes[i];
    *out_a += index * gemm->a_batch_strides[i];
    *out_b += index * gemm->b_batch_strides[i];
    *out_c += index * gemm->c_batch_strides[i];
  }
}

void ppn_gemm_reference(const ppn_gemm_t* gemm) {
  int64_t items = ppn_gemm_batch_count(gemm);
  for (int64_t item = 0; item < items; ++item) {
    int64_t a_offset, b_offset, c_offset;
    ppn_gemm_batch_offsets(gemm, item, &a_offset, &b_offset, &c_offset);
    for (int64_t i = 0; i < gemm->rows; ++i) {
      const float* a = gemm->a + a_offset + i * gemm->a_row_stride;
      float* c = gemm->c + c_offset + i * gemm->c_row_stride;
      for (int64_t j = 0; j < gemm->columns; ++j) {
        double sum = 0;
        for (int64_t k = 0; k < gemm->depth; ++k) {
          sum += (double)a[k * gemm->a_depth_stride] *
                 ppn_gemm_operand_element(&gemm->b, b_offset, k, j);
        }
        double before = gemm->beta != 0 ? (double)gemm->beta * c[j] : 0;
        c[j] = (float)(gemm->alpha * sum + before);
      }
      ppn_epilogue_apply(&gemm->epilogue, c, item, i, 0, gemm->columns);
    }
  }
}
