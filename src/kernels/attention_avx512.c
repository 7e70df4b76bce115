// Attention kernels for AVX-512.
#include "kernels/attention_template.h"

const ppn_attention_kernels_t ppn_attention_kernels_avx512 = {maximum, exponentials, scale};
