// The tables of kernels/reduce_functions.h.
#ifndef PPN_KERNELS_REDUCE_TABLE_H_
#define PPN_KERNELS_REDUCE_TABLE_H_

#include <stdint.h>

#include "base/portability.h"
#include "tensor/dtype.h"

typedef enum ppn_fold_kind {
  PPN_FOLD_SUM,
  PPN_FOLD_PRODUCT,
  PPN_FOLD_MAXIMUM,
  PPN_FOLD_MINIMUM,
  PPN_FOLD_ABSOLUTE_SUM,
  PPN_FOLD_SQUARE_SUM,
  PPN_FOLD_EXP_SUM,        // of exp(x - offset)
  PPN_FOLD_DEVIATION_SUM,  // of (x - offset)^2
  PPN_FOLD_ANY,
  PPN_FOLD_ALL,
  PPN_FOLD_COUNT,
} ppn_fold_kind_t;

typedef struct ppn_fold {
  // Folds `count` elements into the one total; one offset.
  void (*row)(const void* row, int64_t count, const void* offset, void* total);
  // Folds each of `count` elements into a total of its own; as many offsets.
  void (*columns)(const void* row, int64_t count, const void* offsets, void* totals);
} ppn_fold_t;

// Elements of FLOAT32 and FLOAT64 are folded into doubles, of INT64 into int64.
extern const ppn_fold_t ppn_folds_float32[PPN_FOLD_COUNT];
extern const ppn_fold_t ppn_folds_float32_avx2[PPN_FOLD_COUNT];
extern const ppn_fold_t ppn_folds_float32_avx512[PPN_FOLD_COUNT];
extern const ppn_fold_t ppn_folds_float64[PPN_FOLD_COUNT];
extern const ppn_fold_t ppn_folds_int64[PPN_FOLD_COUNT];

// For the compute types of kernels/elementwise.h, by the fastest instructions of this CPU.
const ppn_fold_t* ppn_folds_of(ppn_dtype_t type);

#endif  // PPN_KERNELS_REDUCE_TABLE_H_
