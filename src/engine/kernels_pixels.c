// Images: moving pixels between space, channels and batch, cropping, and choosing boxes.
#include <math.h>

#include "engine/families.h"
#include "engine/view_copy.h"
#include "kernels/copy.h"
#include "kernels/suppression.h"

// ---- Space and channels ----

static int64_t block_of(const ppn_engine_node_t* node) {
  static const char* const names[] = {"block_size", "upscale_factor", "downscale_factor"};
  for (size_t i = 0; i < PPN_COUNT_OF(names); ++i) {
    if (ppn_node_input(node, names[i])) return ppn_mil_input_int(node->operation, names[i], 1);
  }
  return 1;
}

// Channels that hold blocks, [n, c * b * b, h, w], as [n, c, h, b, w, b]. The position within the
// block is outermost among the channels (depth_to_space) or innermost (pixel_shuffle).
static ppn_tensor_t channels_as_blocks(const ppn_tensor_t* packed, int64_t block, bool outermost) {
  static const int from_outermost[] = {0, 3, 4, 1, 5, 2}, from_innermost[] = {0, 1, 4, 2, 5, 3};
  int64_t channels = packed->sizes[1] / (block * block);
  ppn_tensor_t view = outermost ? ppn_view_split_axis(packed, 1, channels > 0 ? channels : 1)
                                : ppn_view_split_axis(packed, 1, block * block);
  view = ppn_view_split_axis(&view, outermost ? 1 : 2, block);
  return ppn_view_permute(&view, outermost ? from_outermost : from_innermost);
}

// Pixels in blocks, [n, c, h * b, w * b], as [n, c, h, b, w, b].
static ppn_tensor_t space_as_blocks(const ppn_tensor_t* image, int64_t block) {
  ppn_tensor_t view = ppn_view_split_axis(image, 3, block);
  return ppn_view_split_axis(&view, 2, block);
}

static ppn_status_t prepare_move(ppn_engine_node_t* node, ppn_arena_t* arena, bool to_space,
                                 bool outermost) {
  const ppn_tensor_t *x = ppn_node_input(node, "x"), *out = &node->outputs[0];
  ppn_tensor_t blank_x = ppn_node_blank(x), blank_out = ppn_node_blank(out);
  const ppn_tensor_t* packed = to_space ? x : out;
  int64_t block = block_of(node);
  if (packed->sizes[1] % (block * block) != 0) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT,
                         "%lld channels in blocks of %lld x %lld", (long long)packed->sizes[1],
                         (long long)block, (long long)block);
  }
  ppn_tensor_t source =
      to_space ? channels_as_blocks(&blank_x, block, outermost) : space_as_blocks(&blank_x, block);
  ppn_tensor_t target = to_space ? space_as_blocks(&blank_out, block)
                                 : channels_as_blocks(&blank_out, block, outermost);
  return ppn_node_prepare_copy(node, arena, x, &source, &target);
}

static ppn_status_t prepare_pixel_shuffle(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare_move(node, arena, true, false);
}

static ppn_status_t prepare_pixel_unshuffle(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare_move(node, arena, false, false);
}

static ppn_status_t prepare_depth_to_space(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare_move(node, arena, true, true);
}

static ppn_status_t prepare_space_to_depth(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare_move(node, arena, false, true);
}

// ---- Space and batch ----

typedef struct batch_move {
  const ppn_tensor_t* x;
  bool to_space;
  int64_t block[2], margin[4];  // padding of the image, or what was cropped from it
} batch_move_t;

static ppn_status_t prepare_batch_move(ppn_engine_node_t* node, ppn_arena_t* arena) {
  batch_move_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  uint32_t count = 0;
  state->x = ppn_node_input(node, "x");
  state->to_space = ppn_node_input(node, "crops") != NULL;
  ppn_mil_input_ints(node->operation, "block_shape", state->block, 2, &count);
  ppn_mil_input_ints(node->operation, state->to_space ? "crops" : "paddings", state->margin, 4,
                     &count);
  const ppn_tensor_t* packed = state->to_space ? state->x : &node->outputs[0];
  int64_t area = state->block[0] * state->block[1];
  bool fits = area > 0 && packed->sizes[0] % area == 0;
  for (int i = 0; i < 4; ++i) fits = fits && state->margin[i] >= 0;
  const ppn_tensor_t* image = state->to_space ? &node->outputs[0] : state->x;
  for (int i = 0; fits && i < 2; ++i) {
    fits = image->sizes[2 + i] + state->margin[2 * i] + state->margin[2 * i + 1] ==
           packed->sizes[2 + i] * state->block[i];
  }
  if (!fits) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT,
                         "blocks of %lld x %lld do not divide the batch, or the padded image",
                         (long long)state->block[0], (long long)state->block[1]);
  }
  node->state = state;
  return ppn_status_ok();
}

// Along axis 2 + i: which elements of the packed tensor lie inside of the image, and where the
// first of them does, for position `at` within the block.
static void clip_margin(const batch_move_t* state, int i, int64_t at, int64_t image_size,
                        int64_t* out_first, int64_t* out_count, int64_t* out_start) {
  int64_t block = state->block[i], before = state->margin[2 * i];
  int64_t first = at >= before ? 0 : (before - at + block - 1) / block;
  int64_t start = first * block + at - before;
  *out_first = first;
  *out_start = start;
  *out_count = start < image_size ? (image_size - start + block - 1) / block : 0;
}

static ppn_status_t run_batch_move(ppn_engine_node_t* node) {
  static const uint64_t zero = 0;
  const batch_move_t* state = node->state;
  const ppn_tensor_t* out = &node->outputs[0];
  const ppn_tensor_t *packed = state->to_space ? state->x : out,
                     *image = state->to_space ? out : state->x;
  ppn_thread_pool_t* pool = node->environment->pool;
  if (!state->to_space) ppn_kernel_fill(out, &zero, pool);
  for (int64_t at = 0; at < state->block[0] * state->block[1]; ++at) {
    const int64_t position[] = {at / state->block[1], at % state->block[1]};
    ppn_tensor_t a = ppn_view_slice(packed, 0, at * image->sizes[0], image->sizes[0], 1),
                 b = *image;
    for (int i = 0; i < 2; ++i) {
      int64_t first = 0, count = 0, start = 0;
      clip_margin(state, i, position[i], image->sizes[2 + i], &first, &count, &start);
      a = ppn_view_slice(&a, 2 + i, first, count, 1);
      b = ppn_view_slice(&b, 2 + i, start, count, state->block[i]);
    }
    ppn_kernel_copy(state->to_space ? &a : &b, state->to_space ? &b : &a, pool);
  }
  return ppn_status_ok();
}

static ppn_status_t prepare_crop(ppn_engine_node_t* node, ppn_arena_t* arena) {
  static const char* const names[] = {"crop_height", "crop_width"};
  const ppn_tensor_t *x = ppn_node_input(node, "x"), *out = &node->outputs[0];
  ppn_tensor_t source = ppn_node_blank(x), target = ppn_node_blank(out);
  for (int i = 0; i < 2; ++i) {
    int64_t amounts[2] = {0};
    uint32_t count = 0;
    int axis = x->rank - 2 + i;
    ppn_mil_input_ints(node->operation, names[i], amounts, 2, &count);
    if (amounts[0] < 0 || amounts[1] < 0 || out->sizes[axis] < 0) {
      return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE, "%s of %lld and %lld from size %lld",
                           names[i], (long long)amounts[0], (long long)amounts[1],
                           (long long)x->sizes[axis]);
    }
    source = ppn_view_slice(&source, axis, amounts[0], out->sizes[axis], 1);
  }
  return ppn_node_prepare_copy(node, arena, x, &source, &target);
}

// ---- Boxes ----

typedef struct choice {
  const ppn_tensor_t *boxes, *scores;
  bool transposed;  // [n, 4, boxes] and [n, classes, boxes]
  ppn_suppression_t suppression;
} choice_t;

static ppn_status_t prepare_suppression(ppn_engine_node_t* node, ppn_arena_t* arena) {
  choice_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  const ppn_mil_operation_t* operation = node->operation;
  state->boxes = ppn_node_input(node, "boxes");
  state->scores = ppn_node_input(node, "scores");
  state->transposed = node->output_count == 3;
  int boxes_axis = state->transposed ? 2 : 1, other = 3 - boxes_axis;
  if (state->boxes->sizes[other] != 4 || state->boxes->sizes[0] != state->scores->sizes[0] ||
      state->boxes->sizes[boxes_axis] != state->scores->sizes[boxes_axis]) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT, "boxes and scores do not go together");
  }
  state->suppression = (ppn_suppression_t){
      .overlap = (float)ppn_mil_input_float(operation, "iou_threshold", 0),
      .score = (float)ppn_mil_input_float(operation, "score_threshold", -INFINITY),
      .limit = ppn_mil_input_int(operation, "max_boxes", 1),
      .per_class = ppn_mil_input_bool(operation, "per_class_suppression", false),
  };
  node->scratch_size = ppn_kernel_suppress_scratch(state->boxes->sizes[boxes_axis]);
  node->state = state;
  return ppn_status_ok();
}

// Rows of `matrices` that were chosen, and 0 behind them. Both have the boxes on axis `axis`.
static void take_rows(const ppn_tensor_t* from, const ppn_tensor_t* to, int axis,
                      const int32_t* rows, int64_t count) {
  static const uint64_t zero = 0;
  for (int64_t i = 0; i < to->sizes[axis]; ++i) {
    ppn_tensor_t target = ppn_view_select(to, axis, i);
    if (i < count) {
      ppn_tensor_t source = ppn_view_select(from, axis, rows[i]);
      ppn_tensor_copy(&source, &target);
    } else {
      ppn_kernel_fill(&target, &zero, NULL);
    }
  }
}

static ppn_status_t run_suppression(ppn_engine_node_t* node) {
  const choice_t* state = node->state;
  int axis = state->transposed ? 1 : 0;
  int64_t limit = state->suppression.limit;
  for (int64_t n = 0; n < state->boxes->sizes[0]; ++n) {
    ppn_tensor_t boxes = ppn_view_select(state->boxes, 0, n),
                 scores = ppn_view_select(state->scores, 0, n);
    ppn_tensor_t by_box = state->transposed ? ppn_view_move_axis(&boxes, 1, 0) : boxes,
                 by_score = state->transposed ? ppn_view_move_axis(&scores, 1, 0) : scores;
    int32_t* rows = (int32_t*)node->outputs[2].data + n * limit;
    int64_t count =
        ppn_kernel_suppress(&by_box, &by_score, &state->suppression, node->scratch, rows);
    for (int64_t i = count; i < limit; ++i) rows[i] = -1;
    ppn_tensor_t out_boxes = ppn_view_select(&node->outputs[0], 0, n),
                 out_scores = ppn_view_select(&node->outputs[1], 0, n);
    take_rows(&boxes, &out_boxes, axis, rows, count);
    take_rows(&scores, &out_scores, axis, rows, count);
    if (node->output_count > 3) ((int32_t*)node->outputs[3].data)[n] = (int32_t)count;
  }
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"pixel_shuffle", PPN_ENGINE_EXACT, prepare_pixel_shuffle, ppn_node_run_copy, NULL},
    {"pixel_unshuffle", PPN_ENGINE_EXACT, prepare_pixel_unshuffle, ppn_node_run_copy, NULL},
    {"depth_to_space", PPN_ENGINE_EXACT, prepare_depth_to_space, ppn_node_run_copy, NULL},
    {"space_to_depth", PPN_ENGINE_EXACT, prepare_space_to_depth, ppn_node_run_copy, NULL},
    {"space_to_batch", PPN_ENGINE_EXACT, prepare_batch_move, run_batch_move, NULL},
    {"batch_to_space", PPN_ENGINE_EXACT, prepare_batch_move, run_batch_move, NULL},
    {"crop", PPN_ENGINE_EXACT, prepare_crop, ppn_node_run_copy, NULL},
    {"non_maximum_suppression", PPN_ENGINE_EXACT, prepare_suppression, run_suppression, NULL},
};

const ppn_engine_family_t ppn_engine_pixels = {kernels, PPN_COUNT_OF(kernels)};
