// Classifies handwritten digits with a lowered model, and shows them: the shortest useful program
// over the public API.
//
//   digits MODEL.pte IMAGE.png …        an image's file name starts with its true digit:
//   "7-0042.png"
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pippin/pippin.h"

#define SIDE 8
#define SHOWN 12  // images drawn; all are classified

static int stop(ppn_status_t status) {
  fprintf(stderr, "digits: %s\n", ppn_status_message(status));
  ppn_status_free(status);
  return 1;
}

// Grey values 0…1 of an 8 x 8 PNG.
static int read_image(const char* path, float pixels[SIDE * SIDE]) {
  png_image image;
  memset(&image, 0, sizeof(image));
  image.version = PNG_IMAGE_VERSION;
  unsigned char grey[SIDE * SIDE];
  if (!png_image_begin_read_from_file(&image, path) || image.width != SIDE ||
      image.height != SIDE) {
    fprintf(stderr, "digits: '%s' is not an %d x %d PNG image\n", path, SIDE, SIDE);
    png_image_free(&image);
    return 0;
  }
  image.format = PNG_FORMAT_GRAY;
  if (!png_image_finish_read(&image, NULL, grey, 0, NULL)) return 0;
  for (int i = 0; i < SIDE * SIDE; ++i) pixels[i] = (float)grey[i] / 255.0f;
  return 1;
}

static void draw(const float pixels[SIDE * SIDE], const char* caption) {
  static const char* const shades[] = {"  ", "░░", "▒▒", "▓▓", "██"};
  for (int y = 0; y < SIDE; ++y) {
    printf("  ");
    for (int x = 0; x < SIDE; ++x) fputs(shades[(int)(pixels[y * SIDE + x] * 4.0f + 0.5f)], stdout);
    printf("  %s\n", y == SIDE / 2 ? caption : "");
  }
  putchar('\n');
}

// The most likely digit and its probability.
static ppn_status_t classify(ppn_method_t* method, float pixels[SIDE * SIDE], int* out_digit,
                             float* out_probability) {
  const int64_t shape[] = {1, 1, SIDE, SIDE};
  ppn_evalue_t image = {.kind = PPN_EVALUE_TENSOR};
  image.u.tensor = ppn_tensor_make(pixels, PPN_DTYPE_FLOAT32, 4, shape);
  ppn_evalue_t result;
  ppn_status_t status = ppn_method_set_input(method, 0, &image);
  if (!status) status = ppn_method_execute(method);
  if (!status) status = ppn_method_get_output(method, 0, &result);
  if (status) return status;
  const float* probabilities = result.u.tensor.data;
  *out_digit = 0;
  for (int digit = 1; digit < 10; ++digit) {
    if (probabilities[digit] > probabilities[*out_digit]) *out_digit = digit;
  }
  *out_probability = probabilities[*out_digit];
  return status;
}

int main(int argument_count, char** arguments) {
  if (argument_count < 3) {
    fprintf(stderr, "usage: digits MODEL.pte IMAGE.png …\n");
    return 2;
  }
  ppn_program_t* program = NULL;
  ppn_method_t* method = NULL;
  ppn_status_t status = ppn_program_open(arguments[1], &program);
  if (!status) status = ppn_method_load(program, "forward", NULL, &method);
  int right = 0, count = 0;
  for (int i = 2; !status && i < argument_count; ++i) {
    float pixels[SIDE * SIDE], probability;
    int digit;
    if (!read_image(arguments[i], pixels)) continue;
    status = classify(method, pixels, &digit, &probability);
    if (status) break;
    const char* slash = strrchr(arguments[i], '/');
    int truth = (slash ? slash + 1 : arguments[i])[0] - '0';
    right += digit == truth;
    ++count;
    if (count <= SHOWN || digit != truth) {
      char caption[64];
      snprintf(caption, sizeof(caption), "%d  (%.1f %%)%s", digit, (double)probability * 100,
               digit == truth ? "" : "  wrong!");
      draw(pixels, caption);
    }
  }
  ppn_method_free(method);
  ppn_program_free(program);
  if (status) return stop(status);
  printf("%d of %d images right (%.1f %%)\n", right, count, count ? 100.0 * right / count : 0.0);
  return count == 0;
}
