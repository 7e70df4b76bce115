// The Winograd convolution's kernels for AVX2 with FMA.
#include "kernels/winograd_template.h"

const ppn_winograd_kernels_t ppn_winograd_kernels_avx2 = PPN_WINOGRAD_KERNELS;
