// Depthwise kernels for AVX-512.
#include "kernels/depthwise_template.h"

const ppn_depthwise_kernels_t ppn_depthwise_kernels_avx512 = {row};
