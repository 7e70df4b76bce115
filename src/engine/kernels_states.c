// States: memory that lives from run to run, in its declared dtype.
#include "engine/families.h"

static ppn_status_t run_read(ppn_engine_node_t* node) {
  ppn_tensor_copy(ppn_node_input(node, "input"), &node->outputs[0]);
  return ppn_status_ok();
}

static ppn_status_t run_write(ppn_engine_node_t* node) {
  ppn_tensor_copy(ppn_node_input(node, "data"), ppn_node_input(node, "input"));
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {.type = "read_state", .flags = PPN_ENGINE_EXACT | PPN_ENGINE_NOT_PURE, .run = run_read},
    {.type = "write_state", .flags = PPN_ENGINE_EXACT | PPN_ENGINE_NOT_PURE, .run = run_write},
};

const ppn_engine_family_t ppn_engine_states = {kernels, PPN_COUNT_OF(kernels)};
