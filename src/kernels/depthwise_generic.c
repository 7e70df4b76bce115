// Depthwise kernels for any CPU.
#include "kernels/depthwise_template.h"

const ppn_depthwise_kernels_t ppn_depthwise_kernels_generic = {row};
