// Images: resizing and sampling.
#include <math.h>
#include <string.h>

#include "engine/families.h"
#include "engine/view_copy.h"
#include "kernels/resize.h"
#include "kernels/sample.h"

// ---- Resizing ----

typedef enum coordinates {
  STRICT_ALIGN_CORNERS,
  ALIGN_CORNERS,
  DEFAULT,
  OFFSET_CORNERS,
  UNALIGN_CORNERS,
} coordinates_t;

static ppn_status_t read_coordinates(const ppn_engine_node_t* node, coordinates_t* out) {
  static const char* const names[] = {"STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "DEFAULT",
                                      "OFFSET_CORNERS", "UNALIGN_CORNERS"};
  const char* name = ppn_mil_input_string(node->operation, "sampling_mode", "DEFAULT");
  for (size_t i = 0; i < PPN_COUNT_OF(names); ++i) {
    if (strcmp(names[i], name) != 0) continue;
    *out = (coordinates_t)i;
    return ppn_status_ok();
  }
  return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "sampling_mode '%s'", name);
}

static double source_position(coordinates_t coordinates, int64_t in, int64_t out, int64_t i) {
  double length = (double)in, count = (double)out, at = (double)i;
  switch (coordinates) {
    case STRICT_ALIGN_CORNERS:
      return out == 1 ? 0 : at * (length - 1) / (count - 1);
    case ALIGN_CORNERS:
      return out == 1 ? (length - 1) / 2 : at * (length - 1) / (count - 1);
    case OFFSET_CORNERS: {
      double spacing = (length > 2 ? length - 1 : 1) / count;
      return (at + 0.5) * spacing;
    }
    case UNALIGN_CORNERS:
      return (at + 0.5) * length / count - 0.5;
    default:
      return at * length / count;
  }
}

typedef enum rounding {
  INTERPOLATE,
  NEAREST_LOW,     // floor(i * in / out)
  NEAREST_CENTRE,  // floor((i + 0.5) * in / out)
  NEAREST_ROUND,   // round of the position
} rounding_t;

typedef struct resizing {
  const ppn_tensor_t* x;
  int axis_count;
  bool interpolates;
  ppn_resize_axis_t axes[PPN_RESIZE_MAX_AXES];
} resizing_t;

static void fill_axis(ppn_resize_axis_t* axis, coordinates_t coordinates, rounding_t rounding) {
  for (int64_t i = 0; i < axis->out; ++i) {
    double position;
    if (rounding == INTERPOLATE) {
      position = source_position(coordinates, axis->in, axis->out, i);
    } else if (rounding == NEAREST_LOW) {
      position = (double)(i * axis->in / axis->out);
    } else if (rounding == NEAREST_CENTRE) {
      position = (double)((2 * i + 1) * axis->in / (2 * axis->out));
    } else {
      position = nearbyint(source_position(coordinates, axis->in, axis->out, i));
    }
    ppn_resize_axis_set(axis, i, position);
  }
}

// Resizes the last `axis_count` dimensions to the result's sizes.
static ppn_status_t prepare_axes(ppn_engine_node_t* node, ppn_arena_t* arena, int axis_count,
                                 coordinates_t coordinates, rounding_t rounding) {
  resizing_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  const ppn_tensor_t *x = ppn_node_input(node, "x"), *out = &node->outputs[0];
  // Dimensions that stay as they are need no table.
  while (axis_count > 1 && x->sizes[x->rank - axis_count] == out->sizes[x->rank - axis_count]) {
    --axis_count;
  }
  if (axis_count > PPN_RESIZE_MAX_AXES) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "%d resized dimensions", axis_count);
  }
  state->x = x;
  state->axis_count = axis_count;
  state->interpolates = rounding == INTERPOLATE;
  for (int k = 0; k < axis_count; ++k) {
    int dimension = x->rank - axis_count + k;
    int64_t in = x->sizes[dimension], size = out->sizes[dimension];
    if (in < 1 || in > INT32_MAX || size < 0 || size > INT32_MAX) {
      return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE, "dimension %d from %lld to %lld",
                           dimension, (long long)in, (long long)size);
    }
    void* memory = ppn_arena_alloc(arena, ppn_resize_axis_size(size));
    if (!memory) return ppn_out_of_memory();
    state->axes[k] = ppn_resize_axis_make(in, size, memory);
    fill_axis(&state->axes[k], coordinates, rounding);
  }
  if (state->interpolates) {
    node->scratch_size =
        ppn_kernel_resize_scratch(state->axes, axis_count, node->environment->pool);
  }
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t run_resize(ppn_engine_node_t* node) {
  const resizing_t* state = node->state;
  if (state->interpolates) {
    ppn_kernel_resize_linear(state->x, state->axes, state->axis_count, &node->outputs[0],
                             node->scratch, node->environment->pool);
  } else {
    ppn_kernel_resize_nearest(state->x, state->axes, state->axis_count, &node->outputs[0],
                              node->environment->pool);
  }
  return ppn_status_ok();
}

static ppn_status_t prepare_upsample_nearest(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare_axes(node, arena, 2, DEFAULT, NEAREST_LOW);
}

static ppn_status_t prepare_upsample_bilinear(ppn_engine_node_t* node, ppn_arena_t* arena) {
  bool align = ppn_mil_input_bool(node->operation, "align_corners", true),
       centres = ppn_mil_input_bool(node->operation, "half_pixel_centers", !align);
  return prepare_axes(node, arena, 2,
                      align     ? STRICT_ALIGN_CORNERS
                      : centres ? UNALIGN_CORNERS
                                : DEFAULT,
                      INTERPOLATE);
}

static ppn_status_t prepare_resize_nearest(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare_axes(node, arena, 2, DEFAULT, NEAREST_CENTRE);
}

static ppn_status_t prepare_resize_bilinear(ppn_engine_node_t* node, ppn_arena_t* arena) {
  coordinates_t coordinates = DEFAULT;
  PPN_RETURN_IF_ERROR(read_coordinates(node, &coordinates));
  return prepare_axes(node, arena, 2, coordinates, INTERPOLATE);
}

static ppn_status_t prepare_resize(ppn_engine_node_t* node, ppn_arena_t* arena) {
  coordinates_t coordinates = DEFAULT;
  PPN_RETURN_IF_ERROR(read_coordinates(node, &coordinates));
  const char* mode = ppn_mil_input_string(node->operation, "interpolation_mode", "LINEAR");
  int axis_count = (int)ppn_mil_input_int(node->operation, "resized_dims", 0);
  if (axis_count == 0) axis_count = 1;  // nothing changes
  rounding_t rounding = INTERPOLATE;
  if (strcmp(mode, "NEAREST_NEIGHBOR") == 0) {
    rounding = coordinates == DEFAULT ? NEAREST_CENTRE : NEAREST_ROUND;
  } else if (strcmp(mode, "LINEAR") != 0) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "interpolation_mode '%s'", mode);
  }
  return prepare_axes(node, arena, axis_count, coordinates, rounding);
}

// ---- Sampling ----

typedef enum normalisation { PIXELS, MINUS_ONE_TO_ONE, ZERO_TO_ONE } normalisation_t;

typedef struct image_sampling {
  const ppn_tensor_t *x, *points;  // coordinates, or matrices
  ppn_sampling_t sampling;
  normalisation_t normalisation;
  bool align_corners;
  int64_t height, width;  // of the result
} image_sampling_t;

static bool is_named(const ppn_engine_node_t* node, const char* parameter, const char* name) {
  return strcmp(ppn_mil_input_string(node->operation, parameter, ""), name) == 0;
}

static ppn_status_t prepare_sampling(ppn_engine_node_t* node, ppn_arena_t* arena,
                                     const char* points, ppn_sample_locate_t locate) {
  image_sampling_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "x");
  state->points = ppn_node_input(node, points);
  state->align_corners = ppn_mil_input_bool(node->operation, "align_corners", true);
  state->normalisation = is_named(node, "coordinates_mode", "unnormalized") ? PIXELS
                         : is_named(node, "coordinates_mode", "normalized_zero_to_one")
                             ? ZERO_TO_ONE
                             : MINUS_ONE_TO_ONE;
  state->height = node->outputs[0].sizes[2];
  state->width = node->outputs[0].sizes[3];
  state->sampling = (ppn_sampling_t){
      .mode = is_named(node, "sampling_mode", "nearest") ? PPN_SAMPLE_NEAREST : PPN_SAMPLE_BILINEAR,
      .padding = is_named(node, "padding_mode", "border")       ? PPN_SAMPLE_BORDER
                 : is_named(node, "padding_mode", "reflection") ? PPN_SAMPLE_REFLECTION
                 : is_named(node, "padding_mode", "symmetric")  ? PPN_SAMPLE_SYMMETRIC
                                                                : PPN_SAMPLE_CONSTANT,
      .padding_value = (float)ppn_mil_input_float(node->operation, "padding_value", 0),
      .locate = locate,
      .context = state,
  };
  node->state = state;
  return ppn_status_ok();
}

static float to_pixels(const image_sampling_t* state, float at, int64_t size) {
  float length = (float)size;
  switch (state->normalisation) {
    case MINUS_ONE_TO_ONE:
      return state->align_corners ? (at + 1) / 2 * (length - 1) : ((at + 1) * length - 1) / 2;
    case ZERO_TO_ONE:
      return state->align_corners ? at * (length - 1) : at * length - 0.5f;
    default:
      return at;
  }
}

static void locate_by_coordinates(const void* context, int64_t item, int64_t row, int64_t column,
                                  ppn_sample_point_t* out) {
  const image_sampling_t* state = context;
  const ppn_tensor_t* points = state->points;
  int64_t at = ((item * state->height + row) * state->width + column) * 2;
  out->image = item;
  out->x = to_pixels(state, (float)ppn_element_as_double(points->dtype, points->data, at),
                     state->x->sizes[3]);
  out->y = to_pixels(state, (float)ppn_element_as_double(points->dtype, points->data, at + 1),
                     state->x->sizes[2]);
}

// The normalised coordinate of pixel i of n.
static float normalised(const image_sampling_t* state, int64_t i, int64_t n) {
  if (!state->align_corners) return (float)(2 * i + 1) / (float)n - 1;
  return n == 1 ? 0 : 2 * (float)i / (float)(n - 1) - 1;
}

static void locate_by_matrix(const void* context, int64_t item, int64_t row, int64_t column,
                             ppn_sample_point_t* out) {
  const image_sampling_t* state = context;
  const float* m =
      (const float*)state->points->data + (state->points->sizes[0] == 1 ? 0 : item * 6);
  float x = normalised(state, column, state->width), y = normalised(state, row, state->height);
  out->image = item;
  out->x = to_pixels(state, m[0] * x + m[1] * y + m[2], state->x->sizes[3]);
  out->y = to_pixels(state, m[3] * x + m[4] * y + m[5], state->x->sizes[2]);
}

static ppn_status_t prepare_resample(ppn_engine_node_t* node, ppn_arena_t* arena) {
  PPN_RETURN_IF_ERROR(prepare_sampling(node, arena, "coordinates", locate_by_coordinates));
  const image_sampling_t* state = node->state;
  if (state->points->sizes[0] != state->x->sizes[0] || state->points->sizes[3] != 2) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT,
                         "coordinates [%lld, …, %lld] for %lld images",
                         (long long)state->points->sizes[0], (long long)state->points->sizes[3],
                         (long long)state->x->sizes[0]);
  }
  return ppn_status_ok();
}

static ppn_status_t prepare_affine(ppn_engine_node_t* node, ppn_arena_t* arena) {
  PPN_RETURN_IF_ERROR(prepare_sampling(node, arena, "transform_matrix", locate_by_matrix));
  const image_sampling_t* state = node->state;
  const ppn_tensor_t* matrix = state->points;
  if (state->normalisation != MINUS_ONE_TO_ONE) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED,
                         "coordinates_mode other than normalized_minus_one_to_one");
  }
  if (matrix->rank != 2 || matrix->sizes[1] != 6 ||
      (matrix->sizes[0] != 1 && matrix->sizes[0] != state->x->sizes[0])) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT, "transform_matrix must be [%lld, 6]",
                         (long long)state->x->sizes[0]);
  }
  return ppn_status_ok();
}

static ppn_status_t run_sampling(ppn_engine_node_t* node) {
  const image_sampling_t* state = node->state;
  ppn_kernel_sample(state->x, &state->sampling, &node->outputs[0], node->environment->pool);
  return ppn_status_ok();
}

// ---- Crops that are resized ----

typedef struct box_sampling {
  const ppn_tensor_t *x, *boxes, *images;
  ppn_tensor_t out;  // [boxes (* images), channels, height, width], without memory
  ppn_sampling_t sampling;
  coordinates_t coordinates;
  bool normalised, by_size, width_first, all_images, first_is_image;
  float scale;
} box_sampling_t;

// The corners of box `box` along one axis (0 rows, 1 columns), in pixels.
static void find_corners(const box_sampling_t* state, int64_t box, int axis, float* out) {
  int64_t length = state->first_is_image ? 5 : 4, first = box * length + state->first_is_image;
  int place = axis ^ state->width_first;
  float a = (float)ppn_element_as_double(state->boxes->dtype, state->boxes->data, first + place),
        b = (float)ppn_element_as_double(state->boxes->dtype, state->boxes->data,
                                         first + place + 2);
  if (state->by_size) {
    float centre = a, half = b / 2;
    a = centre - half;
    b = centre + half;
  }
  float factor = state->scale;
  if (state->normalised) factor *= (float)(state->x->sizes[2 + axis] - 1);
  out[0] = a * factor;
  out[1] = b * factor;
}

static float box_position(coordinates_t coordinates, const float* corners, int64_t i, int64_t n) {
  float a = corners[0], b = corners[1], at = (float)i, count = (float)n, position = a;
  switch (coordinates) {
    case STRICT_ALIGN_CORNERS:
      return n == 1 ? a : a + at * (b - a) / (count - 1);
    case ALIGN_CORNERS:
      return n == 1 ? (a + b) / 2 : a + at * (b - a) / (count - 1);
    case UNALIGN_CORNERS:
      return a + (at + 0.5f) * (b - a + 1) / count - 0.5f;
    case OFFSET_CORNERS:
      position = a + (at + 0.5f) * (b - a > 1 ? b - a : 1) / count;
      break;
    default:
      position = a + at * (b - a + 1) / count;
  }
  return a <= b && position > b ? b : position;
}

static int64_t image_of(const box_sampling_t* state, int64_t item) {
  if (state->images) {
    return ppn_element_as_int64(state->images->dtype, state->images->data, item);
  }
  int64_t images = state->x->sizes[0];
  if (state->first_is_image) {
    return ppn_element_as_int64(state->boxes->dtype, state->boxes->data, item / images * 5);
  }
  return state->all_images ? item % images : item;
}

static void locate_in_box(const void* context, int64_t item, int64_t row, int64_t column,
                          ppn_sample_point_t* out) {
  const box_sampling_t* state = context;
  float rows[2], columns[2];
  int64_t box = state->all_images ? item / state->x->sizes[0] : item;
  find_corners(state, box, 0, rows);
  find_corners(state, box, 1, columns);
  out->image = image_of(state, item);
  out->y = box_position(state->coordinates, rows, row, state->out.sizes[2]);
  out->x = box_position(state->coordinates, columns, column, state->out.sizes[3]);
}

static ppn_status_t prepare_crop_resize(ppn_engine_node_t* node, ppn_arena_t* arena) {
  box_sampling_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  const ppn_mil_operation_t* operation = node->operation;
  const char* mode = ppn_mil_input_string(operation, "box_coordinate_mode", "CORNERS_HEIGHT_FIRST");
  const ppn_tensor_t* roi = ppn_node_input(node, "roi");
  state->x = ppn_node_input(node, "x");
  state->boxes = roi ? roi : ppn_node_input(node, "boxes");
  state->images = ppn_node_input(node, "box_indices");
  state->all_images = roi != NULL;
  state->first_is_image = roi && roi->rank == 5 && roi->sizes[2] == 5;
  state->normalised = ppn_mil_input_bool(operation, "normalized_coordinates", false);
  state->scale = (float)ppn_mil_input_float(operation, "spatial_scale", 1);
  state->by_size = strncmp(mode, "CENTER_SIZE", strlen("CENTER_SIZE")) == 0;
  state->width_first = strstr(mode, "WIDTH_FIRST") != NULL;
  PPN_RETURN_IF_ERROR(read_coordinates(node, &state->coordinates));
  state->out = ppn_node_blank(&node->outputs[0]);
  if (state->out.rank == 5) {  // boxes and images are one axis to the sampler
    const int64_t* sizes = node->outputs[0].sizes;
    const int64_t joined[] = {sizes[0] * sizes[1], sizes[2], sizes[3], sizes[4]};
    state->out = ppn_view_reshape(&state->out, 4, joined);
  }
  int64_t box_size = state->first_is_image ? 5 : 4, boxes = node->outputs[0].sizes[0];
  // Without indices, box i is taken from image i. A default of one index is that of the first box.
  if (state->images && ppn_tensor_numel(state->images) != boxes) state->images = NULL;
  if (ppn_tensor_numel(state->boxes) != boxes * box_size ||
      (!state->images && !state->all_images && boxes > state->x->sizes[0])) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT, "%lld boxes for %lld images",
                         (long long)boxes, (long long)state->x->sizes[0]);
  }
  state->sampling =
      (ppn_sampling_t){PPN_SAMPLE_BILINEAR, PPN_SAMPLE_WHOLE,
                       (float)ppn_mil_input_float(operation, "pad_value", 0), locate_in_box, state};
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t run_crop_resize(ppn_engine_node_t* node) {
  const box_sampling_t* state = node->state;
  for (int64_t item = 0; item < state->out.sizes[0]; ++item) {
    int64_t image = image_of(state, item);
    if (image < 0 || image >= state->x->sizes[0]) {
      return ppn_node_fail(node, PPN_STATUS_OUT_OF_RANGE,
                           "index %lld of box %lld is out of range for %lld images",
                           (long long)image, (long long)item, (long long)state->x->sizes[0]);
    }
  }
  ppn_tensor_t out = ppn_node_over(&state->out, &node->outputs[0]);
  ppn_kernel_sample(state->x, &state->sampling, &out, node->environment->pool);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"upsample_nearest_neighbor", PPN_ENGINE_EXACT, prepare_upsample_nearest, run_resize, NULL},
    {"upsample_bilinear", 0, prepare_upsample_bilinear, run_resize, NULL},
    {"resize_nearest_neighbor", PPN_ENGINE_EXACT, prepare_resize_nearest, run_resize, NULL},
    {"resize_bilinear", 0, prepare_resize_bilinear, run_resize, NULL},
    {"resize", 0, prepare_resize, run_resize, NULL},
    {"resample", 0, prepare_resample, run_sampling, NULL},
    {"affine", 0, prepare_affine, run_sampling, NULL},
    {"crop_resize", 0, prepare_crop_resize, run_crop_resize, NULL},
};

const ppn_engine_family_t ppn_engine_images = {kernels, PPN_COUNT_OF(kernels)};
