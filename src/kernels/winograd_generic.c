// The Winograd convolution's kernels for any CPU.
#include "kernels/winograd_template.h"

const ppn_winograd_kernels_t ppn_winograd_kernels_generic = PPN_WINOGRAD_KERNELS;
