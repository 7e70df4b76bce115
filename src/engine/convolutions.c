#include "engine/convolutions.h"

#include <string.h>

#include "engine/windows.h"

// What a transposed convolution crops at the start: `pad` where it is custom, and with `same` the
// smaller half of what exceeds stride times size.
static int64_t cropped(const ppn_engine_node_t* node, const ppn_engine_windows_t* windows, int i) {
  const char* mode = ppn_mil_input_string(node->operation, "pad_type", "valid");
  if (strncmp(mode, "same", 4) == 0) {
    int64_t reach = (windows->kernel[i] - 1) * windows->dilations[i] + 1;
    int64_t excess = reach > windows->strides[i] ? reach - windows->strides[i] : 0;
    return strcmp(mode, "same_lower") == 0 ? excess - excess / 2 : excess / 2;
  }
  return windows->pads_before[i];
}

void ppn_engine_convolution_read(const ppn_engine_node_t* node, const ppn_tensor_t* x,
                                 const ppn_tensor_t* weight, bool is_transposed,
                                 ppn_convolution_t* out) {
  const ppn_tensor_t* y = &node->outputs[0];
  ppn_engine_windows_t windows;
  ppn_engine_windows_read(node, x, weight->sizes + 2, &windows);
  *out = (ppn_convolution_t){.rank = windows.rank, .is_transposed = is_transposed};
  out->batch = x->sizes[0];
  out->groups = ppn_mil_input_int(node->operation, "groups", 1);
  out->in_channels = x->sizes[1];
  out->out_channels = y->sizes[1];
  for (int i = 0; i < windows.rank; ++i) {
    out->in_sizes[i] = x->sizes[2 + i];
    out->out_sizes[i] = y->sizes[2 + i];
    out->kernel[i] = windows.kernel[i];
    out->strides[i] = windows.strides[i];
    out->dilations[i] = windows.dilations[i];
    out->pads[i] = is_transposed ? cropped(node, &windows, i) : windows.pads_before[i];
  }
}
