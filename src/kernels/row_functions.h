// Rows of consecutive floats: softmax and normalisation, by the fastest instructions of the CPU.
#ifndef PPN_KERNELS_ROW_FUNCTIONS_H_
#define PPN_KERNELS_ROW_FUNCTIONS_H_

#include <stdint.h>

typedef struct ppn_row_functions {
  // exp(x - max) / sum. `out` may be `x`.
  void (*softmax)(const float* x, float* out, int64_t count);
  // x - max - log(sum(exp(x - max)))
  void (*log_softmax)(const float* x, float* out, int64_t count);
  // The sum, and the sum of the squares of the differences to `mean`.
  double (*sum)(const float* x, int64_t count);
  double (*deviations)(const float* x, int64_t count, float mean);
  // (x - mean) * factor * gamma + beta; gamma and beta may be NULL. `out` may be `x`.
  void (*normalise)(const float* x, float* out, int64_t count, float mean, float factor,
                    const float* gamma, const float* beta);
} ppn_row_functions_t;

const ppn_row_functions_t* ppn_row_functions(void);

// The same for each instruction set.
extern const ppn_row_functions_t ppn_row_functions_generic;
extern const ppn_row_functions_t ppn_row_functions_avx2;
extern const ppn_row_functions_t ppn_row_functions_avx512;

#endif  // PPN_KERNELS_ROW_FUNCTIONS_H_
