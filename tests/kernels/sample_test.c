// Sampling and the choice of boxes: values of the definitions' own examples.
#include "kernels/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel_testing.h"
#include "kernels/suppression.h"

// Points in pixels, (x, y) pairs, all in one row.
static void locate(const void* context, int64_t item, int64_t row, int64_t column,
                   ppn_sample_point_t* out) {
  const float* points = context;
  (void)item;
  (void)row;
  *out = (ppn_sample_point_t){0, points[2 * column], points[2 * column + 1]};
}

static float image[4] = {11, 22, 33, 44};

static ppn_tensor_t sample(ppn_sample_mode_t mode, ppn_sample_padding_t padding, float value,
                           const float* points, int64_t count, float* result) {
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, image, 1, 1, 2, 2),
               out = PPN_TENSOR(FLOAT32, result, 1, 1, 1, count);
  ppn_sampling_t sampling = {mode, padding, value, locate, points};
  ppn_kernel_sample(&x, &sampling, &out, NULL);
  return out;
}

static void padding_is_blended(void** state) {
  (void)state;
  // (-1, -2), (-3.7, -1), (0, 0), (3.5, 1.2) of [-1, 1], corners aligned.
  static const float points[] = {0, -0.5f, -1.35f, 0, 0.5f, 0.5f, 2.25f, 1.1f, NAN, 1e30f};
  float result[5];
  ppn_tensor_t out = sample(PPN_SAMPLE_BILINEAR, PPN_SAMPLE_CONSTANT, 6.17f, points, 5, result);
  assert_elements(&out, 8.585, 6.17, 27.5, 6.17, 6.17);
  out = sample(PPN_SAMPLE_BILINEAR, PPN_SAMPLE_WHOLE, 6.17f, points, 5, result);
  assert_elements(&out, 6.17, 6.17, 27.5, 6.17, 6.17);
}

static void outside_follows_the_mode(void** state) {
  (void)state;
  static const float pixels[] = {-1, -2, -3.7f, -1, 0, 0, 3.5f, 1.2f};
  float result[4];
  ppn_tensor_t out = sample(PPN_SAMPLE_NEAREST, PPN_SAMPLE_BORDER, 0, pixels, 4, result);
  assert_elements(&out, 11, 11, 11, 44);
  // Of [0, 1], corners aligned, the pixels are the same numbers.
  out = sample(PPN_SAMPLE_BILINEAR, PPN_SAMPLE_REFLECTION, 0, pixels, 4, result);
  assert_elements(&out, 22, 36.3, 11, 34.1);
  // Not aligned: 2 u - 0.5.
  static const float centres[] = {-2.5f, -4.5f, -7.9f, -2.5f, -0.5f, -0.5f, 6.5f, 1.9f};
  out = sample(PPN_SAMPLE_NEAREST, PPN_SAMPLE_SYMMETRIC, 0, centres, 4, result);
  assert_elements(&out, 22, 33, 11, 33);
  // Halves to even.
  static const float halves[] = {0.5f, 0, 1.5f, 1};
  out = sample(PPN_SAMPLE_NEAREST, PPN_SAMPLE_BORDER, 0, halves, 2, result);
  assert_elements(&out, 11, 44);
}

static void cubic_samples_keep_pixels_and_lines(void** state) {
  (void)state;
  static float ramp[25];
  for (int i = 0; i < 25; ++i) ramp[i] = (float)(i % 5 + 10 * (i / 5));
  static const float points[] = {1, 3, 2.25f, 1.5f};
  float result[2];
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, ramp, 1, 1, 5, 5),
               out = PPN_TENSOR(FLOAT32, result, 1, 1, 1, 2);
  ppn_sampling_t sampling = {PPN_SAMPLE_BICUBIC, PPN_SAMPLE_CONSTANT, 0, locate, points};
  ppn_kernel_sample(&x, &sampling, &out, NULL);
  // Keys' kernel with a = -0.75 does not keep ramps exactly: at 0.25 its weights are
  // -0.10546875, 0.87890625, 0.26171875, -0.03515625.
  double column = 1 * -0.10546875 + 2 * 0.87890625 + 3 * 0.26171875 + 4 * -0.03515625;
  assert_elements(&out, 31, column + 15);
}

static void overlapping_boxes_go(void** state) {
  (void)state;
  float boxes[16] = {0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0.05f, 1, 1};
  float scores[8] = {0.3f, 2, 9, 1, 0, 2.5f, 1.9f, 1};
  int32_t chosen[4];
  ppn_tensor_t b = PPN_TENSOR(FLOAT32, boxes, 4, 4), s = PPN_TENSOR(FLOAT32, scores, 4, 2);
  void* scratch = malloc(ppn_kernel_suppress_scratch(4));
  assert_non_null(scratch);
  // Best scores 2, 9, 2.5, 1.9. Boxes 0 and 3 overlap by 0.95 / 1.05, boxes 1 and 2 by 1/4 of 4.75.
  ppn_suppression_t suppression = {0.5f, 0, 4, false};
  assert_int_equal(ppn_kernel_suppress(&b, &s, &suppression, scratch, chosen), 3);
  assert_true(chosen[0] == 1 && chosen[1] == 2 && chosen[2] == 0);
  suppression.overlap = 0.01f;
  assert_int_equal(ppn_kernel_suppress(&b, &s, &suppression, scratch, chosen), 2);
  suppression.per_class = true;  // 1 and 2 differ in their best class, and 0 and 3
  assert_int_equal(ppn_kernel_suppress(&b, &s, &suppression, scratch, chosen), 4);
  suppression.limit = 1;
  assert_int_equal(ppn_kernel_suppress(&b, &s, &suppression, scratch, chosen), 1);
  suppression.limit = 4;
  suppression.score = 2.2f;
  assert_int_equal(ppn_kernel_suppress(&b, &s, &suppression, scratch, chosen), 2);
  suppression.score = 100;  // the best one stays
  assert_int_equal(ppn_kernel_suppress(&b, &s, &suppression, scratch, chosen), 1);
  assert_int_equal(chosen[0], 1);
  b.sizes[0] = s.sizes[0] = 0;
  assert_int_equal(ppn_kernel_suppress(&b, &s, &suppression, scratch, chosen), 0);
  free(scratch);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(padding_is_blended),
      cmocka_unit_test(outside_follows_the_mode),
      cmocka_unit_test(cubic_samples_keep_pixels_and_lines),
      cmocka_unit_test(overlapping_boxes_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
