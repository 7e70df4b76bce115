// Decompositions of operators on images that have a two-dimensional form.
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

static ppn_status_t grid_sampler(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  if (ppn_build_tensor(&build, "input")->tensor.rank != 4) return ppn_status_ok();
  ppn_argument_t arguments[] = {
      ppn_build_argument(&build, "input"), ppn_build_argument(&build, "grid"),
      ppn_build_argument(&build, "interpolation_mode"), ppn_build_argument(&build, "padding_mode"),
      ppn_build_argument(&build, "align_corners")};
  return ppn_build_finish(&build, ppn_build_typed(&build, "aten::grid_sampler_2d", arguments, 5,
                                                  &ppn_build_result(&build, 0)->tensor));
}

// Channels as (groups, channels / groups), which change places.
static ppn_status_t channel_shuffle(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  int64_t groups = ppn_build_int(&build, "groups", 0);
  int rank = self->tensor.rank;
  ppn_dim_t channels = self->tensor.sizes[1];
  if (groups <= 0 || !ppn_dim_is_static(channels)) return ppn_status_ok();
  ppn_build_size_t sizes[64];
  for (int i = 0; i < rank; ++i) sizes[i < 1 ? i : i + 1] = ppn_build_size_of(self, i);
  sizes[1] = ppn_build_literal(groups);
  sizes[2] = ppn_build_literal(channels.value / groups);
  ppn_value_t* split = ppn_build_view(&build, self, sizes, rank + 1);
  ppn_value_t* shuffled = ppn_build_transpose(&build, split, 1, 2);
  for (int i = 0; i < rank; ++i) sizes[i] = ppn_build_size_of(self, i);
  return ppn_build_finish(&build, ppn_build_view(&build, shuffled, sizes, rank));
}

// ---- Resizing ----

// An int[] or float[] argument with a 1 in front: what a row of pixels is as an image.
static ppn_argument_t of_image(ppn_build_t* build, const char* name) {
  ppn_argument_t given = ppn_build_argument(build, name), *out = &given;
  ppn_arena_t* arena = build->emitter->graph->arena;
  if (given.kind == PPN_ARGUMENT_FLOATS) {
    double numbers[] = {1, given.u.numbers[0]};
    out->u.numbers = ppn_arena_memdup(arena, numbers, sizeof numbers);
    if (!out->u.numbers && !build->status) build->status = ppn_out_of_memory();
    out->count = 2;
  } else if (given.kind == PPN_ARGUMENT_INTS) {
    ppn_int_item_t items[] = {{1, NULL}, given.u.ints[0]};
    given = ppn_argument_int_items(arena, name, items, 2);
  }
  return given;
}

// Rows of pixels, [N, C, W], as images of height 1.
static ppn_status_t upsample_row(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *input = ppn_build_tensor(&build, "input"), *result = ppn_build_result(&build, 0);
  bool is_linear = strstr(node->target, "linear") != NULL;
  ppn_value_t* image = ppn_build_unsqueeze(&build, input, 2);
  if (build.status) return build.status;
  ppn_dim_t sizes[] = {result->tensor.sizes[0], result->tensor.sizes[1], ppn_dim_static(1),
                       result->tensor.sizes[2]};
  ppn_tensor_meta_t meta = ppn_build_meta(&build, result->tensor.dtype, 4, sizes);
  ppn_argument_t arguments[4] = {ppn_argument_value("input", image),
                                 of_image(&build, "output_size")};
  uint32_t count = 2;
  if (is_linear) arguments[count++] = ppn_build_argument(&build, "align_corners");
  arguments[count++] = of_image(&build, "scale_factors");
  const char* op = is_linear ? "aten::upsample_bilinear2d.vec" : "aten::upsample_nearest2d.vec";
  ppn_value_t* resized = ppn_build_typed(&build, op, arguments, count, &meta);
  return ppn_build_finish(&build, ppn_build_squeeze(&build, resized, 2));
}

static ppn_argument_t scale(ppn_build_t* build, const char* name, uint32_t index) {
  ppn_argument_t factors = ppn_build_argument(build, "scale_factors");
  if (factors.kind != PPN_ARGUMENT_FLOATS) return ppn_argument_none(name);
  return ppn_argument_float(name, factors.u.numbers[index]);
}

// The .vec form without its choice between sizes and factors.
static ppn_status_t upsample_smoothly(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  const ppn_tensor_meta_t* result = &ppn_build_result(&build, 0)->tensor;
  if (!ppn_dim_is_static(result->sizes[2]) || !ppn_dim_is_static(result->sizes[3])) {
    return ppn_status_ok();
  }
  int64_t sizes[] = {result->sizes[2].value, result->sizes[3].value};
  ppn_argument_t self = ppn_build_argument(&build, "input");
  self.name = "self";
  return ppn_build_finish(
      &build, ppn_build_op(&build, "aten::_upsample_bilinear2d_aa", result, self,
                           ppn_argument_ints(emitter->graph->arena, "output_size", sizes, 2),
                           ppn_build_argument(&build, "align_corners"),
                           scale(&build, "scales_h", 0), scale(&build, "scales_w", 1)));
}

static const ppn_aten_row_t rows[] = {
    {"aten::grid_sampler", NULL, grid_sampler, NULL},
    {"aten::channel_shuffle", NULL, channel_shuffle, NULL},
    {"aten::native_channel_shuffle", NULL, channel_shuffle, NULL},
    {"aten::upsample_linear1d.vec", NULL, upsample_row, NULL},
    {"aten::upsample_nearest1d.vec", NULL, upsample_row, NULL},
    {"aten::_upsample_bilinear2d_aa.vec", NULL, upsample_smoothly, NULL},
};
const ppn_aten_family_t ppn_aten_images = {rows, PPN_COUNT_OF(rows)};
