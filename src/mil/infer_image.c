// Types of image operations.
#include <math.h>
#include <string.h>

#include "mil/infer.h"
#include "tensor/tensor.h"

static ppn_status_t copy_sizes(ppn_mil_function_t* function, const ppn_mil_operation_t* operation,
                               const ppn_mil_type_t* x, int minimum_rank, ppn_mil_type_t* out) {
  if (x->rank < minimum_rank) return ppn_infer_fail(operation, "an image of rank %d", x->rank);
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, x->rank, out));
  for (int i = 0; i < x->rank; i++) out->sizes[i] = x->sizes[i];
  return ppn_status_ok();
}

PPN_INFER(affine) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  PPN_RETURN_IF_ERROR(copy_sizes(function, operation, x, 4, out));
  out->sizes[x->rank - 2] = ppn_dim_static(ppn_mil_input_int(operation, "output_height", 1));
  out->sizes[x->rank - 1] = ppn_dim_static(ppn_mil_input_int(operation, "output_width", 1));
  return ppn_status_ok();
}

PPN_INFER(crop) {
  static const char* const names[] = {"crop_height", "crop_width"};
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  PPN_RETURN_IF_ERROR(copy_sizes(function, operation, x, 3, out));
  for (int i = 0; i < 2; i++) {
    int64_t amounts[2 * PPN_MAX_RANK];
    uint32_t count = 0;
    ppn_dim_t* size = &out->sizes[x->rank - 2 + i];
    if (!ppn_infer_ints(operation, names[i], amounts, &count) || count != 2) {
      return ppn_infer_fail(operation, "%s must be two integers", names[i]);
    }
    PPN_RETURN_IF_ERROR(
        ppn_infer_affine_size(function, *size, 1, -amounts[0] - amounts[1], 1, size));
  }
  return ppn_status_ok();
}

PPN_INFER(crop_resize) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  const ppn_mil_type_t* boxes = ppn_infer_type(operation, "boxes");
  bool old = boxes == NULL;
  if (old) boxes = ppn_infer_type(operation, "roi");
  if (x->rank != 4 || boxes->rank < 1)
    return ppn_infer_fail(operation, "images of rank %d", x->rank);
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, old ? 5 : 4, out));
  int at = 0;
  out->sizes[at++] = boxes->sizes[0];
  if (old) out->sizes[at++] = x->sizes[0];
  out->sizes[at++] = x->sizes[1];
  out->sizes[at++] = ppn_dim_static(ppn_mil_input_int(operation, "target_height", 1));
  out->sizes[at] = ppn_dim_static(ppn_mil_input_int(operation, "target_width", 1));
  return ppn_status_ok();
}

PPN_INFER(resample) {
  const ppn_mil_type_t *x = ppn_infer_type(operation, "x"),
                       *coordinates = ppn_infer_type(operation, "coordinates");
  if (x->rank != 4 || coordinates->rank != 4)
    return ppn_infer_fail(operation, "ranks other than 4");
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, x->dtype, 4, out));
  out->sizes[0] = x->sizes[0];
  out->sizes[1] = x->sizes[1];
  out->sizes[2] = coordinates->sizes[1];
  out->sizes[3] = coordinates->sizes[2];
  return ppn_status_ok();
}

PPN_INFER(resize) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t sizes[2 * PPN_MAX_RANK], resized = ppn_mil_input_int(operation, "resized_dims", 0);
  uint32_t count = 0;
  bool known = ppn_infer_ints(operation, "shape", sizes, &count);
  if (resized < 0 || resized > x->rank || (known && resized > (int64_t)count)) {
    return ppn_infer_fail(operation, "%lld resized dimensions", (long long)resized);
  }
  PPN_RETURN_IF_ERROR(copy_sizes(function, operation, x, 1, out));
  for (int i = 0; i < (int)resized; i++) {
    ppn_dim_t* size = &out->sizes[x->rank - 1 - i];
    if (!known) {
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, size));
    } else if (sizes[(int)count - 1 - i] != 0) {
      *size = ppn_dim_static(sizes[(int)count - 1 - i]);
    }
  }
  return ppn_status_ok();
}

PPN_INFER(resize_to) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  PPN_RETURN_IF_ERROR(copy_sizes(function, operation, x, 3, out));
  out->sizes[x->rank - 2] = ppn_dim_static(ppn_mil_input_int(operation, "target_size_height", 1));
  out->sizes[x->rank - 1] = ppn_dim_static(ppn_mil_input_int(operation, "target_size_width", 1));
  return ppn_status_ok();
}

PPN_INFER(upsample) {
  static const char* const names[] = {"scale_factor_height", "scale_factor_width"};
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  PPN_RETURN_IF_ERROR(copy_sizes(function, operation, x, 3, out));
  for (int i = 0; i < 2; i++) {
    double scale = ppn_mil_input_float(operation, names[i], 1);
    ppn_dim_t* size = &out->sizes[x->rank - 2 + i];
    if (!(scale > 0 && scale < 0x1p20)) return ppn_infer_fail(operation, "a scale of %g", scale);
    if (ppn_dim_is_static(*size)) {
      *size = ppn_dim_static((int64_t)floor((double)size->value * scale));
    } else if (scale == floor(scale)) {
      PPN_RETURN_IF_ERROR(ppn_infer_affine_size(function, *size, (int64_t)scale, 0, 1, size));
    } else {
      PPN_RETURN_IF_ERROR(ppn_infer_unknown(function, size));
    }
  }
  return ppn_status_ok();
}

// The block size, whatever this operation calls it.
static int64_t block_size(const ppn_mil_operation_t* operation) {
  static const char* const names[] = {"block_size", "upscale_factor", "downscale_factor"};
  for (size_t i = 0; i < PPN_COUNT_OF(names); i++) {
    if (ppn_mil_operation_input(operation, names[i])) {
      return ppn_mil_input_int(operation, names[i], 1);
    }
  }
  return 1;
}

static ppn_status_t move_pixels(ppn_mil_function_t* function, const ppn_mil_operation_t* operation,
                                bool pack, ppn_mil_type_t* out) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t block = block_size(operation), area = block * block;
  if (x->rank != 4 || block < 1 || block > 4096)
    return ppn_infer_fail(operation, "rank or block size");
  PPN_RETURN_IF_ERROR(copy_sizes(function, operation, x, 4, out));
  PPN_RETURN_IF_ERROR(ppn_infer_affine_size(function, x->sizes[1], pack ? area : 1, 0,
                                            pack ? 1 : area, &out->sizes[1]));
  for (int i = 2; i < 4; i++) {
    PPN_RETURN_IF_ERROR(ppn_infer_affine_size(function, x->sizes[i], pack ? 1 : block, 0,
                                              pack ? block : 1, &out->sizes[i]));
  }
  return ppn_status_ok();
}

PPN_INFER(pack_pixels) {
  return move_pixels(function, operation, true, out);
}

PPN_INFER(unpack_pixels) {
  return move_pixels(function, operation, false, out);
}

static ppn_status_t read_blocks(const ppn_mil_operation_t* operation, const char* amounts_name,
                                int64_t* block, int64_t* amounts) {
  uint32_t count = 0, amount_count = 0;
  if (!ppn_infer_ints(operation, "block_shape", block, &count) || count != 2 || block[0] < 1 ||
      block[1] < 1 || !ppn_infer_ints(operation, amounts_name, amounts, &amount_count) ||
      amount_count != 4) {
    return ppn_infer_fail(operation, "block_shape and %s must be constants", amounts_name);
  }
  return ppn_status_ok();
}

PPN_INFER(space_to_batch) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t block[2 * PPN_MAX_RANK], pad[2 * PPN_MAX_RANK];
  PPN_RETURN_IF_ERROR(read_blocks(operation, "paddings", block, pad));
  PPN_RETURN_IF_ERROR(copy_sizes(function, operation, x, 4, out));
  PPN_RETURN_IF_ERROR(
      ppn_infer_affine_size(function, x->sizes[0], block[0] * block[1], 0, 1, &out->sizes[0]));
  for (int i = 0; i < 2; i++) {
    PPN_RETURN_IF_ERROR(ppn_infer_affine_size(
        function, x->sizes[2 + i], 1, pad[2 * i] + pad[2 * i + 1], block[i], &out->sizes[2 + i]));
  }
  return ppn_status_ok();
}

PPN_INFER(batch_to_space) {
  const ppn_mil_type_t* x = ppn_infer_type(operation, "x");
  int64_t block[2 * PPN_MAX_RANK], crops[2 * PPN_MAX_RANK];
  PPN_RETURN_IF_ERROR(read_blocks(operation, "crops", block, crops));
  PPN_RETURN_IF_ERROR(copy_sizes(function, operation, x, 4, out));
  PPN_RETURN_IF_ERROR(
      ppn_infer_affine_size(function, x->sizes[0], 1, 0, block[0] * block[1], &out->sizes[0]));
  for (int i = 0; i < 2; i++) {
    PPN_RETURN_IF_ERROR(ppn_infer_affine_size(function, x->sizes[2 + i], block[i],
                                              -crops[2 * i] - crops[2 * i + 1], 1,
                                              &out->sizes[2 + i]));
  }
  return ppn_status_ok();
}

PPN_INFER_COUNT(suppression) {
  return ppn_mil_parameter_index(operation->op, ppn_sv("score_threshold")) >= 0 ? 4 : 3;
}

// boxes, scores, indices, and before iOS 17 the count.
PPN_INFER(suppression) {
  const ppn_mil_type_t *boxes = ppn_infer_type(operation, "boxes"),
                       *scores = ppn_infer_type(operation, "scores");
  ppn_dim_t limit = ppn_dim_static(ppn_mil_input_int(operation, "max_boxes", 1));
  bool old = operation->output_count == 4;
  int axis = old ? 1 : 2;
  if (boxes->rank != 3 || scores->rank != 3) return ppn_infer_fail(operation, "ranks other than 3");
  PPN_RETURN_IF_ERROR(copy_sizes(function, operation, boxes, 3, &out[0]));
  PPN_RETURN_IF_ERROR(copy_sizes(function, operation, scores, 3, &out[1]));
  out[0].sizes[axis] = out[1].sizes[axis] = limit;
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, PPN_DTYPE_INT32, 2, &out[2]));
  out[2].sizes[0] = boxes->sizes[0];
  out[2].sizes[1] = limit;
  if (!old) return ppn_status_ok();
  PPN_RETURN_IF_ERROR(ppn_infer_make(function, PPN_DTYPE_INT32, 1, &out[3]));
  out[3].sizes[0] = boxes->sizes[0];
  return ppn_status_ok();
}
