// Attention kernels for any CPU.
#include "kernels/attention_template.h"

const ppn_attention_kernels_t ppn_attention_kernels_generic = {maximum, exponentials, scale};
