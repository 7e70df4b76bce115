// Depthwise kernels for AVX2 with FMA.
#include "kernels/depthwise_template.h"

const ppn_depthwise_kernels_t ppn_depthwise_kernels_avx2 = {row};
