#include "coreml/input_check.h"

#include <string.h>

// The sizes that the description speaks of: of images, the last two.
typedef struct shape {
  int rank;
  const int64_t* sizes;
} shape_t;

static void print_shape(ppn_buffer_t* out, shape_t shape) {
  ppn_buffer_append_text(out, "(");
  for (int i = 0; i < shape.rank; ++i) {
    ppn_buffer_printf(out, "%s%lld", i ? " x " : "", (long long)shape.sizes[i]);
  }
  ppn_buffer_append_text(out, ")");
}

static const char* noun(const ppn_coreml_feature_t* feature) {
  return feature->kind == PPN_COREML_IMAGE ? "Image" : "MultiArray";
}

static ppn_status_t refuse(const ppn_coreml_feature_t* feature, shape_t found) {
  ppn_buffer_t text = {0};
  ppn_buffer_printf(&text, "%s ", noun(feature));
  if (feature->enumerated) {
    ppn_buffer_append_text(&text, "Shape ");
    print_shape(&text, found);
    ppn_buffer_append_text(&text, " was not in enumerated set of allowed shapes:");
    for (uint32_t i = 0; i < feature->enumerated_count; ++i) {
      ppn_buffer_append_text(&text, i ? ", " : " ");
      print_shape(
          &text, (shape_t){feature->rank, feature->enumerated + (size_t)i * (size_t)feature->rank});
    }
  } else {
    ppn_buffer_append_text(&text, "shape ");
    print_shape(&text, found);
    ppn_buffer_append_text(&text, " does not match the shape ");
    print_shape(&text, (shape_t){feature->rank, feature->shape});
    ppn_buffer_append_text(&text, " specified in the model description");
  }
  ppn_status_t status = ppn_status_make(PPN_STATUS_OUT_OF_RANGE, "input '%s': %s", feature->name,
                                        ppn_buffer_text(&text));
  ppn_buffer_release(&text);
  return status;
}

static ppn_status_t check_ranges(const ppn_coreml_feature_t* feature, shape_t found) {
  for (int i = 0; i < found.rank; ++i) {
    ppn_coreml_range_t range = feature->ranges[i];
    if (found.sizes[i] >= range.lower && (range.upper < 0 || found.sizes[i] <= range.upper)) {
      continue;
    }
    if (range.upper < 0) {
      return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                             "input '%s': Size (%lld) of dimension (%d) is less than its lower "
                             "bound (%lld)",
                             feature->name, (long long)found.sizes[i], i, (long long)range.lower);
    }
    return ppn_status_make(PPN_STATUS_OUT_OF_RANGE,
                           "input '%s': Size (%lld) of dimension (%d) is not in allowed range "
                           "(%lld..%lld)",
                           feature->name, (long long)found.sizes[i], i, (long long)range.lower,
                           (long long)range.upper);
  }
  return ppn_status_ok();
}

static bool has_sizes(shape_t found, const int64_t* sizes) {
  return memcmp(found.sizes, sizes, (size_t)found.rank * sizeof(*sizes)) == 0;
}

ppn_status_t ppn_coreml_check_input(const ppn_coreml_feature_t* feature,
                                    const ppn_tensor_t* tensor) {
  if (feature->rank < 0) return ppn_status_ok();
  shape_t found = {tensor->rank, tensor->sizes};
  if (feature->kind == PPN_COREML_IMAGE) {
    if (tensor->rank != 4) return refuse(feature, found);
    found = (shape_t){2, tensor->sizes + 2};
  }
  static const int64_t one[1] = {1};
  if (tensor->rank == 0 && feature->rank == 1) found = (shape_t){1, one};
  if (found.rank != feature->rank) return refuse(feature, found);
  if (feature->ranges) return check_ranges(feature, found);
  if (!feature->enumerated) {
    return has_sizes(found, feature->shape) ? ppn_status_ok() : refuse(feature, found);
  }
  for (uint32_t i = 0; i < feature->enumerated_count; ++i) {
    if (has_sizes(found, feature->enumerated + (size_t)i * (size_t)feature->rank)) {
      return ppn_status_ok();
    }
  }
  return refuse(feature, found);
}
