// What the files of the matrix product share.
#ifndef PPN_KERNELS_GEMM_INTERNAL_H_
#define PPN_KERNELS_GEMM_INTERNAL_H_

#include "kernels/gemm.h"

// Element (k, j) of a B whose batch item starts at element `offset`, scales applied.
float ppn_gemm_operand_element(const ppn_gemm_operand_t* b, int64_t offset, int64_t k, int64_t j);

// Applies an epilogue to a finished piece of a row.
void ppn_epilogue_apply(const ppn_epilogue_t* epilogue, float* values, int64_t batch, int64_t row,
                        int64_t column, int64_t count);

int64_t ppn_gemm_batch_count(const ppn_gemm_t* gemm);
// Where batch item `item` starts, in elements.
void ppn_gemm_batch_offsets(const ppn_gemm_t* gemm, int64_t item, int64_t* out_a, int64_t* out_b,
                            int64_t* out_c);

#endif  // PPN_KERNELS_GEMM_INTERNAL_H_
