// Scales, tables and masks: values of the definitions' own examples.
#include "kernels/quantise.h"

#include <math.h>
#include <string.h>

#include "kernels/kernel_testing.h"

static void blocks_share_scales(void** state) {
  (void)state;
  int8_t data[8] = {1, 2, 3, 4, 5, 6, 7, -8}, offset[2] = {1, 0};
  float scale[4] = {1, 10, 0.5f, 2}, result[8];
  ppn_tensor_t x = PPN_TENSOR(INT8, data, 2, 4), s = PPN_TENSOR(FLOAT32, scale, 2, 2),
               o = PPN_TENSOR(INT8, offset, 2, 1), out = PPN_TENSOR(FLOAT32, result, 2, 4);
  ppn_kernel_shift_scale(&x, &s, NULL, &out, NULL);
  assert_elements(&out, 1, 2, 30, 40, 2.5, 3, 14, -16);
  // Offsets of other blocks than the scales.
  ppn_kernel_shift_scale(&x, &s, &o, &out, NULL);
  assert_elements(&out, 0, 1, 20, 30, 2.5, 3, 14, -16);
  // One scale for all.
  s = PPN_TENSOR(FLOAT32, scale + 3, 1, 1);
  ppn_kernel_shift_scale(&x, &s, NULL, &out, NULL);
  assert_elements(&out, 2, 4, 6, 8, 10, 12, 14, -16);
}

static void numbers_are_rounded_and_clipped(void** state) {
  (void)state;
  float data[6] = {0.5f, 1.5f, -300, 300, NAN, 25}, scale[1] = {1};
  int8_t offset[1] = {10}, result[6];
  ppn_tensor_t x = PPN_TENSOR(FLOAT32, data, 6), s = PPN_TENSOR(FLOAT32, scale, 1),
               o = PPN_TENSOR(INT8, offset, 1), out = PPN_TENSOR(INT8, result, 6);
  ppn_kernel_quantise(&x, &s, &o, &out, NULL);
  assert_elements(&out, 10, 12, -128, 127, -128, 35);
  uint8_t bytes[6];
  out = PPN_TENSOR(UINT8, bytes, 6);
  ppn_kernel_quantise(&x, &s, NULL, &out, NULL);
  assert_elements(&out, 0, 2, 0, 255, 0, 25);
}

static void groups_have_tables(void** state) {
  (void)state;
  uint8_t indices[12] = {2, 3, 3, 0, 1, 0, 3, 0, 2, 1, 0, 3};
  float lut[8] = {1, 5, 9, 13, 2, 10, 18, 26}, result[12];
  ppn_tensor_t i = PPN_TENSOR(UINT8, indices, 6, 2), t = PPN_TENSOR(FLOAT32, lut, 2, 1, 4, 1),
               out = PPN_TENSOR(FLOAT32, result, 6, 2);
  assert_ok(ppn_kernel_look_up(&i, &t, 0, &out, NULL));
  assert_elements(&out, 9, 13, 13, 1, 5, 1, 26, 2, 18, 10, 2, 26);
  indices[5] = 4;
  assert_fails(OUT_OF_RANGE, "index 4", ppn_kernel_look_up(&i, &t, 0, &out, NULL));
}

static void vectors_lie_along_an_axis(void** state) {
  (void)state;
  uint8_t indices[8] = {0, 0, 1, 0, 1, 1, 0, 0};
  float lut[6] = {1, 2, 3, 10, 20, 30}, result[24];
  ppn_tensor_t i = PPN_TENSOR(UINT8, indices, 2, 2, 2), t = PPN_TENSOR(FLOAT32, lut, 1, 1, 1, 2, 3),
               out = PPN_TENSOR(FLOAT32, result, 2, 6, 2);
  assert_ok(ppn_kernel_look_up(&i, &t, 1, &out, NULL));
  assert_elements(&out, 1, 1, 2, 2, 3, 3, 10, 1, 20, 2, 30, 3, 10, 10, 20, 20, 30, 30, 1, 1, 2, 2,
                  3, 3);
  out = PPN_TENSOR(FLOAT32, result, 2, 2, 6);
  assert_ok(ppn_kernel_look_up(&i, &t, 2, &out, NULL));
  assert_elements(&out, 1, 2, 3, 1, 2, 3, 10, 20, 30, 1, 2, 3, 10, 20, 30, 10, 20, 30, 1, 2, 3, 1,
                  2, 3);
}

static void masks_tell_what_is_there(void** state) {
  (void)state;
  uint8_t mask[5] = {0, 0, 1, 1, 0};
  int8_t values[2] = {7, 8}, result[5], picked[2];
  ppn_tensor_t m = PPN_TENSOR(UINT8, mask, 5), v = PPN_TENSOR(INT8, values, 2),
               out = PPN_TENSOR(INT8, result, 5), p = PPN_TENSOR(INT8, picked, 2);
  assert_ok(ppn_kernel_expand_sparse(&v, &m, &out));
  assert_elements(&out, 0, 0, 7, 8, 0);
  assert_ok(ppn_kernel_pick_sparse(&out, &m, &p));
  assert_elements(&p, 7, 8);
  mask[0] = 1;
  assert_fails(OUT_OF_RANGE, "2 values for 3", ppn_kernel_expand_sparse(&v, &m, &out));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_share_scales),      cmocka_unit_test(numbers_are_rounded_and_clipped),
      cmocka_unit_test(groups_have_tables),       cmocka_unit_test(vectors_lie_along_an_axis),
      cmocka_unit_test(masks_tell_what_is_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
