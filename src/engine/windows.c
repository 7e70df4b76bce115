#include "engine/windows.h"

#include <string.h>

static void read_list(const ppn_engine_node_t* node, const char* parameter, int rank,
                      int64_t* out) {
  int64_t values[PPN_ENGINE_MAX_SPATIAL];
  uint32_t count = 0;
  for (int i = 0; i < rank; ++i) out[i] = 1;
  if (!ppn_mil_input_ints(node->operation, parameter, values, PPN_ENGINE_MAX_SPATIAL, &count)) {
    return;
  }
  for (int i = 0; i < rank && i < (int)count; ++i) out[i] = values[i];
}

void ppn_engine_windows_read(const ppn_engine_node_t* node, const ppn_tensor_t* x,
                             const int64_t* kernel, ppn_engine_windows_t* out) {
  int64_t pads[2 * PPN_ENGINE_MAX_SPATIAL] = {0};
  uint32_t count = 0;
  const char* mode = ppn_mil_input_string(node->operation, "pad_type", "valid");
  *out = (ppn_engine_windows_t){.rank = x->rank - 2};
  read_list(node, "strides", out->rank, out->strides);
  read_list(node, "dilations", out->rank, out->dilations);
  if (strcmp(mode, "custom") == 0) {
    ppn_mil_input_ints(node->operation, "pad", pads, PPN_COUNT_OF(pads), &count);
  }
  for (int i = 0; i < out->rank; ++i) {
    out->kernel[i] = kernel[i];
    int64_t reach = (kernel[i] - 1) * out->dilations[i] + 1;
    int64_t needed = (node->outputs[0].sizes[2 + i] - 1) * out->strides[i] + reach;
    int64_t total = needed - x->sizes[2 + i];
    if (strncmp(mode, "same", 4) == 0) {
      if (total < 0) total = 0;
      pads[2 * i] = strcmp(mode, "same_lower") == 0 ? total - total / 2 : total / 2;
    }
    out->pads_before[i] = pads[2 * i];
    out->pads_after[i] = total - pads[2 * i];
  }
}
