#include "kernels/gemm.h"

#include "base/half.h"
#include "kernels/gemm_internal.h"

size_t ppn_gemm_scratch_size(const ppn_gemm_t* gemm, int thread_count) {
  (void)gemm, (void)thread_count;
  return 64;
}

void ppn_gemm_run(const ppn_gemm_t* gemm, void* scratch, ppn_thread_pool_t* pool) {
  (void)scratch, (void)pool;
  ppn_gemm_t plain = *gemm;
  if (gemm->packed_b) {
    plain.b = (ppn_gemm_operand_t){.dtype = gemm->packed_dtype,
                                   .data = gemm->packed_b,
                                   .depth_stride = gemm->columns,
                                   .column_stride = 1};
  }
  ppn_gemm_reference(&plain);
}

size_t ppn_gemm_packed_size(int64_t columns, int64_t depth, ppn_dtype_t storage) {
  return (size_t)(columns * depth) * ppn_dtype_size(storage);
}

void ppn_gemm_pack(const ppn_gemm_operand_t* b, int64_t columns, int64_t depth, ppn_dtype_t storage,
                   void* packed) {
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t j = 0; j < columns; ++j) {
      float value = ppn_gemm_operand_element(b, 0, k, j);
      if (storage == PPN_DTYPE_FLOAT16) {
        ((uint16_t*)packed)[k * columns + j] = ppn_float_to_half(value);
      } else {
        ((float*)packed)[k * columns + j] = value;
      }
    }
  }
}
