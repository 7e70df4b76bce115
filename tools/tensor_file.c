#include "tensor_file.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_writer.h"
#include "base/status.h"
#include "tensor/npy.h"

// Pixels of a PNG as 8-bit grey or RGB, channels last; the caller frees *out_pixels.
static ppn_status_t read_png(const char* path, int channels, uint32_t* out_width,
                             uint32_t* out_height, uint8_t** out_pixels) {
  png_image image;
  memset(&image, 0, sizeof(image));
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_file(&image, path)) {
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "cannot read the image '%s': %s", path,
                           image.message);
  }
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  uint8_t* pixels = malloc(PNG_IMAGE_SIZE(image));
  if (!pixels) {
    png_image_free(&image);
    return ppn_out_of_memory();
  }
  if (!png_image_finish_read(&image, NULL, pixels, 0, NULL)) {
    free(pixels);
    return ppn_status_make(PPN_STATUS_INVALID_DATA, "cannot read the image '%s': %s", path,
                           image.message);
  }
  *out_width = image.width;
  *out_height = image.height;
  *out_pixels = pixels;
  return ppn_status_ok();
}

static ppn_status_t load_png(const char* path, const ppn_tensor_t* type, loaded_tensor_t* out) {
  if (type->rank < 3 || (type->dtype != PPN_DTYPE_FLOAT32 && type->dtype != PPN_DTYPE_FLOAT16)) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "an image needs a float input of shape [1, channels, height, width]");
  }
  int64_t channels = type->sizes[type->rank - 3], height = type->sizes[type->rank - 2],
          width = type->sizes[type->rank - 1];
  if ((channels != 1 && channels != 3) || ppn_tensor_numel(type) != channels * height * width) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "an image has 1 or 3 channels; the input has %lld", (long long)channels);
  }
  uint32_t found_width = 0, found_height = 0;
  uint8_t* pixels = NULL;
  PPN_RETURN_IF_ERROR(read_png(path, (int)channels, &found_width, &found_height, &pixels));
  ppn_status_t status = ppn_status_ok();
  float* values = malloc((size_t)(channels * height * width) * sizeof(*values));
  if (!values) {
    status = ppn_out_of_memory();
  } else if (found_width != width || found_height != height) {
    status = ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                             "'%s' is %u x %u; the input expects %lld x %lld", path, found_width,
                             found_height, (long long)width, (long long)height);
  } else {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < height * width; ++i)
        values[c * height * width + i] = (float)pixels[i * channels + c] / 255.0f;
    }
  }
  free(pixels);
  if (status) {
    free(values);
    return status;
  }
  out->owned = values;
  out->tensor = ppn_tensor_make(values, PPN_DTYPE_FLOAT32, type->rank, type->sizes);
  return status;
}

static ppn_status_t generate(const char* source, const ppn_tensor_t* type, loaded_tensor_t* out) {
  bool random = !strcmp(source, "rand"), ones = !strcmp(source, "ones");
  if (!random && !ones && strcmp(source, "zeros") != 0) {
    return ppn_status_make(PPN_STATUS_INVALID_ARGUMENT,
                           "'%s' is no tensor; expected @FILE.npy, @IMAGE.png, rand, zeros or ones",
                           source);
  }
  out->owned = calloc(ppn_tensor_size(type) + 1, 1);
  if (!out->owned) return ppn_out_of_memory();
  out->tensor = ppn_tensor_make(out->owned, type->dtype, type->rank, type->sizes);
  uint64_t state = 0x9e3779b97f4a7c15u;
  for (int64_t i = 0; i < ppn_tensor_numel(type); ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    double uniform = (double)(state >> 11) * 0x1p-53;
    if (ppn_dtype_is_float(type->dtype)) {
      ppn_element_set_double(type->dtype, out->owned, i, random ? uniform : ones);
    } else {
      ppn_element_set_int64(type->dtype, out->owned, i, random ? uniform > 0.5 : ones);
    }
  }
  return ppn_status_ok();
}

ppn_status_t load_tensor(const char* source, const ppn_tensor_t* type, loaded_tensor_t* out) {
  memset(out, 0, sizeof(*out));
  if (source[0] != '@') return generate(source, type, out);
  const char* path = source + 1;
  size_t size = strlen(path);
  if (size > 4 && !strcmp(path + size - 4, ".png")) return load_png(path, type, out);
  PPN_RETURN_IF_ERROR(ppn_file_map_open(path, &out->map));
  ppn_status_t status = ppn_npy_read(out->map.bytes, &out->tensor);
  if (status) {
    ppn_file_map_close(&out->map);
    return ppn_status_annotate(status, "%s", path);
  }
  return status;
}

void release_tensor(loaded_tensor_t* tensor) {
  ppn_file_map_close(&tensor->map);
  free(tensor->owned);
  memset(tensor, 0, sizeof(*tensor));
}

ppn_status_t save_tensor(const ppn_tensor_t* tensor, const char* path) {
  ppn_file_writer_t* writer;
  PPN_RETURN_IF_ERROR(ppn_file_writer_open(path, &writer));
  ppn_status_t status = ppn_npy_write(tensor, ppn_file_writer_sink(writer));
  if (status) {
    ppn_file_writer_abandon(writer);
    return status;
  }
  return ppn_file_writer_commit(writer);
}
