// The Winograd convolution's kernels for AVX-512.
#include "kernels/winograd_template.h"

const ppn_winograd_kernels_t ppn_winograd_kernels_avx512 = PPN_WINOGRAD_KERNELS;
