// max_pool, avg_pool, l2_pool.
#include <string.h>

#include "engine/families.h"
#include "engine/windows.h"
#include "kernels/pooling.h"

typedef struct pooling_state {
  ppn_pooling_t pooling;
  const ppn_tensor_t* x;
} pooling_state_t;

static ppn_pooling_kind_t kind_of(const char* type) {
  if (strcmp(type, "max_pool") == 0) return PPN_POOLING_MAX;
  return strcmp(type, "avg_pool") == 0 ? PPN_POOLING_AVERAGE : PPN_POOLING_L2;
}

static ppn_status_t prepare(ppn_engine_node_t* node, ppn_arena_t* arena) {
  pooling_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  const ppn_mil_operation_t* operation = node->operation;
  const ppn_tensor_t *x = ppn_node_input(node, "x"), *y = &node->outputs[0];
  int64_t kernel[PPN_ENGINE_MAX_SPATIAL], pad[2 * PPN_ENGINE_MAX_SPATIAL] = {0};
  uint32_t count = 0, pad_count = 0;
  if (!ppn_mil_input_ints(operation, "kernel_sizes", kernel, PPN_ENGINE_MAX_SPATIAL, &count) ||
      (int)count != x->rank - 2) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "expected %d kernel_sizes, found %u",
                         x->rank - 2, count);
  }
  ppn_engine_windows_t windows;
  ppn_engine_windows_read(node, x, kernel, &windows);
  ppn_pooling_t* pooling = &state->pooling;
  pooling->kind = kind_of(node->kernel->type);
  pooling->rank = windows.rank;
  pooling->dtype = x->dtype;
  pooling->planes = x->sizes[0] * x->sizes[1];
  pooling->counts_padding = !ppn_mil_input_bool(operation, "exclude_padding_from_average", false);
  // Averages count the padding that is stated, not what a last window covers beyond it.
  const char* mode = ppn_mil_input_string(operation, "pad_type", "valid");
  bool is_custom = strcmp(mode, "custom") == 0, is_same = strncmp(mode, "same", 4) == 0;
  if (is_custom) ppn_mil_input_ints(operation, "pad", pad, PPN_COUNT_OF(pad), &pad_count);
  for (int i = 0; i < windows.rank; ++i) {
    pooling->in_sizes[i] = x->sizes[2 + i];
    pooling->out_sizes[i] = y->sizes[2 + i];
    pooling->kernel[i] = windows.kernel[i];
    pooling->strides[i] = windows.strides[i];
    pooling->dilations[i] = windows.dilations[i];
    pooling->pads_before[i] = windows.pads_before[i];
    pooling->pads_after[i] = is_same ? windows.pads_after[i] : pad[2 * i + 1];
  }
  state->x = x;
  node->state = state;
  node->scratch_size =
      ppn_pooling_scratch_size(pooling, ppn_thread_pool_size(node->environment->pool));
  return ppn_status_ok();
}

static ppn_status_t run(ppn_engine_node_t* node) {
  pooling_state_t* state = node->state;
  state->pooling.x = state->x->data;
  state->pooling.y = node->outputs[0].data;
  ppn_pooling_run(&state->pooling, node->scratch, node->environment->pool);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"max_pool", PPN_ENGINE_EXACT, prepare, run, NULL},
    {"avg_pool", 0, prepare, run, NULL},
    {"l2_pool", 0, prepare, run, NULL},
};

const ppn_engine_family_t ppn_engine_pooling = {kernels, PPN_COUNT_OF(kernels)};
