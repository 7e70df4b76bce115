// Attention kernels for AVX2 with FMA.
#include "kernels/attention_template.h"

const ppn_attention_kernels_t ppn_attention_kernels_avx2 = {maximum, exponentials, scale};
