// Convolutions of 3 x 3 by Winograd's minimal filtering, between oneDNN's in the same layouts: it
// has no such algorithm in fp32 on AVX2, and without it nothing else has layouts in blocks.
#include "engine/families.h"

#ifdef PPN_WITH_ONEDNN

#include <stdlib.h>

#include "base/checked.h"
#include "engine/fused.h"
#include "engine/node.h"
#include "engine/onednn.h"
#include "kernels/winograd.h"

typedef struct state {
  ppn_winograd_t winograd;
  const ppn_engine_node_t* node;
  const ppn_tensor_t* x;
  const ppn_engine_fused_t* added;  // NULL: none
  uint32_t fused_count;             // first ones of the node's, that the kernel does by itself
  ppn_onednn_blocks_t* blocks;      // of the result
  size_t x_size;                    // bytes of scratch memory for x in blocks; 0: it comes so
  const ppn_engine_pack_t* weight;
  float* bias;
} state_t;

static ppn_status_t not_here(const ppn_engine_node_t* node) {
  return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "nothing for Winograd's algorithm");
}

// ---- What is taken ----

// Whole blocks of channels, and x in such or row-major.
static bool has_blocks(const ppn_tensor_t* x, const ppn_engine_layout_t* layout,
                       const ppn_tensor_t* y) {
  int64_t block = ppn_winograd_block();
  return x->rank == 4 && x->sizes[1] % block == 0 && y->sizes[1] % block == 0 &&
         (!layout || ppn_onednn_channel_block(layout, x) == block);
}

static bool has_window(const ppn_engine_windows_t* windows) {
  for (int i = 0; i < 2; ++i) {
    if (windows->kernel[i] != 3 || windows->strides[i] != 1 || windows->dilations[i] != 1 ||
        windows->pads_before[i] < 0) {
      return false;
    }
  }
  return true;
}

// Whether this is faster than oneDNN's direct convolution. It saves multiplications by a factor of
// 2.25 where tiles of 2 x 2 fill the result, and less at odd sizes. Measured on one Zen core with
// AVX2, times of the direct convolution divided by Winograd's: 1.9 for 64 channels of 56 x 56, 2.0
// for 128 of 28 x 28, 1.9 for 256 of 14 x 14, 1.5 for 512 of 7 x 7, 1.4 even for 8 of 56 x 56; 1.1
// to 1.3 for 5 x 5 (a factor of 1.6), about 1.0 for 3 x 3 (1.3). With SSE, 1.3 for the large ones.
static bool is_faster(const ppn_tensor_t* y) {
  int64_t rows = y->sizes[2], columns = y->sizes[3];
  int64_t tiles = (rows + 1) / 2 * ((columns + 1) / 2);
  return 2 * 9 * rows * columns >= 3 * 16 * tiles;  // a factor of at least 1.5
}

static bool is_constant(const ppn_tensor_t* tensor) {
  return tensor->data && (tensor->dtype == PPN_DTYPE_FLOAT32 || tensor->dtype == PPN_DTYPE_FLOAT16);
}

static const ppn_engine_layout_t* layout_of_x(const ppn_engine_node_t* node) {
  int index = ppn_mil_parameter_index(node->operation->op, ppn_sv("x"));
  return node->inputs[index].layouts[0];
}

static bool is_taken(const ppn_engine_node_t* node, ppn_engine_windows_t* out_windows) {
  const ppn_tensor_t *x = ppn_node_input(node, "x"), *weight = ppn_node_input(node, "weight"),
                     *bias = ppn_node_input(node, "bias"), *y = &node->outputs[0];
  if (node->environment->is_observed || !x || x->dtype != PPN_DTYPE_FLOAT32 ||
      !has_blocks(x, layout_of_x(node), y) || !is_constant(weight) ||
      (bias && !is_constant(bias)) || ppn_mil_input_int(node->operation, "groups", 1) != 1) {
    return false;
  }
  ppn_engine_windows_read(node, x, weight->sizes + 2, out_windows);
  return has_window(out_windows) && is_faster(y);
}

// ---- Preparation ----

static ppn_status_t pack_weight(const ppn_tensor_t* weight, const void* wanted,
                                ppn_engine_pack_t* pack) {
  (void)wanted;
  void* memory = NULL;
  const float* floats = ppn_engine_pack_floats(weight, &memory);
  int64_t out_channels = weight->sizes[0], in_channels = weight->sizes[1];
  pack->memory = ppn_engine_pack_allocate(ppn_winograd_packed_size(out_channels, in_channels));
  bool is_complete = floats && pack->memory;
  if (is_complete) ppn_winograd_pack(floats, out_channels, in_channels, pack->memory);
  free(memory);
  return is_complete ? ppn_status_ok() : ppn_out_of_memory();
}

static const ppn_engine_packing_t packing = {NULL, pack_weight, NULL};

// A bias of one element counts for all.
static ppn_status_t take_bias(state_t* state, const ppn_tensor_t* bias, ppn_arena_t* arena) {
  if (!bias) return ppn_status_ok();
  int64_t count = state->winograd.out_channels;
  bool is_single = ppn_tensor_numel(bias) == 1;
  PPN_ARENA_NEW(arena, count, &state->bias);
  for (int64_t i = 0; i < count; ++i) {
    state->bias[i] = (float)ppn_element_as_double(bias->dtype, bias->data, is_single ? 0 : i);
  }
  state->winograd.bias = state->bias;
  return ppn_status_ok();
}

static void finish(void* context, float* values, int64_t offset, int64_t count) {
  const state_t* state = context;
  ppn_engine_fused_apply(state->node, state->fused_count, values, offset, count);
}

// An addition and then a clamp are the kernel's own; whatever else there is follows.
static ppn_status_t take_fused(state_t* state, const ppn_engine_node_t* node) {
  const ppn_engine_layout_t* layout = ppn_onednn_blocks_layout(state->blocks);
  for (uint32_t i = 0; i < node->fused_count; ++i) {
    ppn_engine_fused_t* fused = &node->fused[i];
    if (fused->kind != PPN_ENGINE_FUSED_ADD) continue;
    if (!ppn_engine_layout_equal(fused->layout, layout)) return not_here(node);
    fused->is_target = fused->is_dead;
  }
  ppn_winograd_t* winograd = &state->winograd;
  uint32_t i = 0;
  if (i < node->fused_count && node->fused[i].kind == PPN_ENGINE_FUSED_ADD) {
    state->added = &node->fused[i++];
  }
  if (i < node->fused_count && node->fused[i].kind == PPN_ENGINE_FUSED_CLAMP) {
    winograd->is_clamped = true;
    winograd->minimum = node->fused[i].alpha;
    winograd->maximum = node->fused[i++].beta;
  }
  state->fused_count = i;
  if (i < node->fused_count) winograd->finish = finish, winograd->context = state;
  return ppn_status_ok();
}

static ppn_status_t prepare(ppn_engine_node_t* node, ppn_arena_t* arena) {
  ppn_engine_windows_t windows;
  state_t* state;
  if (!is_taken(node, &windows)) return not_here(node);
  PPN_ARENA_NEW(arena, 1, &state);
  node->state = state;
  state->node = node;
  state->x = ppn_node_input(node, "x");
  const ppn_tensor_t *x = state->x, *y = &node->outputs[0],
                     *weight = ppn_node_input(node, "weight");
  state->winograd = (ppn_winograd_t){
      .batch = x->sizes[0],
      .in_channels = x->sizes[1],
      .out_channels = y->sizes[1],
      .in_sizes = {x->sizes[2], x->sizes[3]},
      .out_sizes = {y->sizes[2], y->sizes[3]},
      .pads = {windows.pads_before[0], windows.pads_before[1]},
  };
  PPN_RETURN_IF_ERROR(ppn_onednn_blocks_create(ppn_winograd_block(), y, &state->blocks));
  PPN_RETURN_IF_ERROR(take_fused(state, node));
  PPN_RETURN_IF_ERROR(take_bias(state, ppn_node_input(node, "bias"), arena));
  PPN_RETURN_IF_ERROR(
      ppn_engine_packs_get(node->environment->packs, &packing, weight, NULL, &state->weight));
  state->winograd.weight = state->weight->memory;
  node->output_layouts[0] = ppn_onednn_blocks_layout(state->blocks);
  if (!layout_of_x(node)) state->x_size = ppn_align(ppn_tensor_size(x), PPN_ENGINE_ALIGNMENT);
  node->scratch_size =
      state->x_size +
      ppn_winograd_scratch_size(&state->winograd, ppn_thread_pool_size(node->environment->pool));
  return ppn_status_ok();
}

static ppn_status_t run(ppn_engine_node_t* node) {
  state_t* state = node->state;
  const ppn_tensor_t* x = state->x;
  state->winograd.x = x->data;
  if (state->x_size) {
    ppn_winograd_block_channels(x->data, x->sizes[0], x->sizes[1], x->sizes[2] * x->sizes[3],
                                node->scratch, node->environment->pool);
    state->winograd.x = node->scratch;
  }
  state->winograd.added = state->added ? state->added->tensor.data : NULL;
  state->winograd.y = node->outputs[0].data;
  ppn_winograd_run(&state->winograd, (char*)node->scratch + state->x_size, node->environment->pool);
  return ppn_status_ok();
}

static void release(ppn_engine_node_t* node) {
  state_t* state = node->state;
  if (!state) return;
  ppn_engine_packs_release(node->environment->packs, state->weight);
  ppn_onednn_blocks_free(state->blocks);
  node->state = NULL;
}

enum { FLAGS = PPN_ENGINE_FUSES | PPN_ENGINE_LAYOUTS | PPN_ENGINE_PACKS_CONSTANTS };

static const ppn_engine_kernel_t kernels[] = {
    {"conv", FLAGS, prepare, run, release},
};

const ppn_engine_family_t ppn_engine_winograd = {kernels, PPN_COUNT_OF(kernels)};

#else

const ppn_engine_family_t ppn_engine_winograd = {NULL, 0};

#endif  // PPN_WITH_ONEDNN
