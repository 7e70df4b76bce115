// Decompositions of operators on images that have a two-dimensional form.
#include <math.h>
#include <stdlib.h>
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

// ---- Volumes: height and width as images, then the depth as one ----

static ppn_argument_t two_numbers(ppn_build_t* build, const char* name, double a, double b) {
  double numbers[] = {a, b};
  ppn_argument_t argument = {.name = name, .kind = PPN_ARGUMENT_FLOATS, .count = 2};
  argument.u.numbers = ppn_arena_memdup(build->emitter->graph->arena, numbers, sizeof numbers);
  if (!argument.u.numbers && !build->status) build->status = ppn_out_of_memory();
  return argument;
}

// [a, b, h, w] resized to `sizes`, by the factors where they are given.
static ppn_value_t* resize_image(ppn_build_t* build, ppn_value_t* image, const int64_t* sizes,
                                 const double* factors) {
  bool is_linear = strstr(build->node->target, "linear") != NULL;
  if (build->status) return NULL;
  ppn_dim_t dims[] = {image->tensor.sizes[0], image->tensor.sizes[1], ppn_dim_static(sizes[0]),
                      ppn_dim_static(sizes[1])};
  ppn_tensor_meta_t meta = ppn_build_meta(build, image->tensor.dtype, 4, dims);
  ppn_argument_t arguments[4] = {ppn_argument_value("input", image)};
  uint32_t count = 1;
  arguments[count++] =
      factors ? ppn_argument_none("output_size")
              : ppn_argument_ints(build->emitter->graph->arena, "output_size", sizes, 2);
  if (is_linear) arguments[count++] = ppn_build_argument(build, "align_corners");
  arguments[count++] = factors ? two_numbers(build, "scale_factors", factors[0], factors[1])
                               : ppn_argument_none("scale_factors");
  return ppn_build_typed(
      build, is_linear ? "aten::upsample_bilinear2d.vec" : "aten::upsample_nearest2d.vec",
      arguments, count, &meta);
}

static ppn_status_t upsample_volume(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *input = ppn_build_tensor(&build, "input"), *result = ppn_build_result(&build, 0);
  ppn_argument_t scales = ppn_build_argument(&build, "scale_factors");
  const double* factors =
      scales.kind == PPN_ARGUMENT_FLOATS && scales.count == 3 ? scales.u.numbers : NULL;
  int64_t in[5], out[5];
  for (int i = 0; i < 5; ++i) {
    ppn_dim_t from = input->tensor.sizes[i], to = result->tensor.sizes[i];
    if (!ppn_dim_is_static(from) || !ppn_dim_is_static(to)) return ppn_status_ok();
    in[i] = from.value;
    out[i] = to.value;
  }
  ppn_build_size_t layers[] = {ppn_build_literal(in[0] * in[1]), ppn_build_literal(in[2]),
                               ppn_build_literal(in[3]), ppn_build_literal(in[4])};
  ppn_value_t* value = resize_image(&build, ppn_build_view(&build, input, layers, 4), out + 3,
                                    factors ? factors + 1 : NULL);
  ppn_build_size_t columns[] = {ppn_build_literal(in[0]), ppn_build_literal(in[1]),
                                ppn_build_literal(in[2]), ppn_build_literal(out[3] * out[4])};
  int64_t depth[] = {out[2], out[3] * out[4]};
  double depth_factors[] = {factors ? factors[0] : 1, 1};
  value = resize_image(&build, ppn_build_view(&build, value, columns, 4), depth,
                       factors ? depth_factors : NULL);
  ppn_build_size_t whole[5];
  for (int i = 0; i < 5; ++i) whole[i] = ppn_build_literal(out[i]);
  return ppn_build_finish(&build, ppn_build_view(&build, value, whole, 5));
}

// ---- Nearest elements by their centres ----

// The positions of one axis, as a constant; computed in single precision, as torch does.
static ppn_value_t* nearest_positions(ppn_build_t* build, int64_t in, int64_t out, double factor) {
  if (build->status) return NULL;
  int64_t* positions = malloc((size_t)out * sizeof(*positions));
  ppn_value_t* value = NULL;
  float scale = factor > 0 ? (float)(1 / factor) : (float)in / (float)out;
  for (int64_t i = 0; positions && i < out; ++i) {
    positions[i] = (int64_t)floorf(((float)i + 0.5f) * scale);
    if (positions[i] >= in) positions[i] = in - 1;
  }
  build->status =
      positions ? ppn_exported_program_add_constant(build->emitter->program, "_nearest_positions",
                                                    PPN_DTYPE_INT64, 1, &out, positions, &value)
                : ppn_out_of_memory();
  free(positions);
  return value;
}

static ppn_status_t upsample_nearest_exactly(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *value = ppn_build_tensor(&build, "input"), *result = ppn_build_result(&build, 0);
  ppn_argument_t scales = ppn_build_argument(&build, "scale_factors");
  for (int i = 2; i < result->tensor.rank; ++i) {
    ppn_dim_t from = value->tensor.sizes[i], to = result->tensor.sizes[i];
    if (!ppn_dim_is_static(from) || !ppn_dim_is_static(to) || from.value < 1 || to.value < 1 ||
        to.value > 1 << 20) {
      return ppn_status_ok();
    }
  }
  for (int i = 2; i < result->tensor.rank && !build.status; ++i) {
    bool is_given = scales.kind == PPN_ARGUMENT_FLOATS && (int)scales.count > i - 2;
    ppn_dim_t sizes[64];
    for (int j = 0; j < value->tensor.rank; ++j) sizes[j] = value->tensor.sizes[j];
    sizes[i] = result->tensor.sizes[i];
    ppn_tensor_meta_t meta = ppn_build_meta(&build, value->tensor.dtype, value->tensor.rank, sizes);
    ppn_value_t* positions = nearest_positions(&build, value->tensor.sizes[i].value, sizes[i].value,
                                               is_given ? scales.u.numbers[i - 2] : 0);
    value = ppn_build_op(&build, "aten::index_select", &meta, ppn_argument_value("self", value),
                         ppn_argument_int("dim", i), ppn_argument_value("index", positions));
  }
  return ppn_build_finish(&build, value);
}

// ---- Smoothed ----

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
    {"aten::upsample_trilinear3d.vec", NULL, upsample_volume, NULL},
    {"aten::upsample_nearest3d.vec", NULL, upsample_volume, NULL},
    {"aten::_upsample_nearest_exact1d.vec", NULL, upsample_nearest_exactly, NULL},
    {"aten::_upsample_nearest_exact2d.vec", NULL, upsample_nearest_exactly, NULL},
    {"aten::_upsample_nearest_exact3d.vec", NULL, upsample_nearest_exactly, NULL},
    {"aten::_upsample_bilinear2d_aa.vec", NULL, upsample_smoothly, NULL},
};
const ppn_aten_family_t ppn_aten_images = {rows, PPN_COUNT_OF(rows)};
