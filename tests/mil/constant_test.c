// Integers that are packed while a constant is written, and their range.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After those it needs.
#include <cmocka.h>
#include <string.h>

#include "base/buffer.h"
#include "mil/constant.h"
#include "tensor/tensor.h"

static ppn_mil_constant_t constant_of(ppn_dtype_t dtype, ppn_dtype_t view, int64_t count,
                                      const void* data) {
  ppn_mil_constant_t constant = {.dtype = dtype, .blob_offset = UINT64_MAX};
  constant.view = ppn_tensor_make((void*)(uintptr_t)data, view, 1, &count);
  constant.view_size = ppn_tensor_size(&constant.view);
  return constant;
}

static ppn_status_t append(void* self, const void* data, size_t size) {
  ppn_buffer_append(self, data, size);
  return ppn_status_ok();
}

static void expect_bytes(const ppn_mil_constant_t* constant, const uint8_t* expected, size_t size) {
  ppn_buffer_t written = {0};
  uint8_t read[64] = {0};
  assert_int_equal(ppn_mil_constant_size(constant), size);
  assert_null(ppn_mil_constant_write(constant, (ppn_sink_t){append, &written}));
  assert_int_equal(written.size, size);
  assert_memory_equal(written.data, expected, size);
  assert_null(ppn_mil_constant_read(constant, read));
  assert_memory_equal(read, expected, size);
  ppn_buffer_release(&written);
}

static void nibbles_are_packed_low_first(void** state) {
  (void)state;
  const int8_t data[] = {-8, 7, -1, 0, 3};
  ppn_mil_constant_t constant = constant_of(PPN_DTYPE_INT4, PPN_DTYPE_INT8, 5, data);
  expect_bytes(&constant, (const uint8_t[]){0x78, 0x0f, 0x03}, 3);
  assert_true(ppn_mil_constant_element(&constant, 0) == -8);
}

static void odd_widths_straddle_bytes(void** state) {
  (void)state;
  const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 0, 5};
  ppn_mil_constant_t constant = constant_of(PPN_DTYPE_UINT3, PPN_DTYPE_UINT8, 9, data);
  // 000 111 110 101 100 011 010 001, then 101
  expect_bytes(&constant, (const uint8_t[]){0xd1, 0x58, 0x1f, 0x05}, 4);
}

static void wide_and_strided_sources_are_packed(void** state) {
  (void)state;
  const int32_t data[] = {1, -2, 3, -4, 5, -6};
  int64_t sizes[] = {3, 2};
  ppn_mil_constant_t constant = constant_of(PPN_DTYPE_INT4, PPN_DTYPE_INT32, 6, data);
  constant.view = ppn_tensor_make((void*)(uintptr_t)data, PPN_DTYPE_INT32, 2, sizes);
  constant.view.strides[0] = 1;
  constant.view.strides[1] = 3;
  expect_bytes(&constant, (const uint8_t[]){0xc1, 0x5e, 0xa3}, 3);  // 1 -4, -2 5, 3 -6
}

static void pieces_end_with_whole_bytes(void** state) {
  (void)state;
  enum { COUNT = 100001 };
  static uint8_t data[COUNT];
  for (int i = 0; i < COUNT; i++) data[i] = (uint8_t)(i * 7 % 8);
  ppn_mil_constant_t packed = constant_of(PPN_DTYPE_UINT3, PPN_DTYPE_UINT8, COUNT, data);
  ppn_buffer_t written = {0};
  assert_null(ppn_mil_constant_write(&packed, (ppn_sink_t){append, &written}));
  ppn_mil_constant_t unpacked = constant_of(PPN_DTYPE_UINT3, PPN_DTYPE_UINT3, COUNT, written.data);
  for (int i = 0; i < COUNT; i++) {
    assert_true(ppn_mil_constant_element(&unpacked, i) == data[i]);
  }
  ppn_buffer_release(&written);
}

static void the_range_is_that_of_the_elements(void** state) {
  (void)state;
  const int8_t data[] = {3, -7, 120, 0};
  int64_t minimum = 0, maximum = 0;
  ppn_mil_constant_t constant = constant_of(PPN_DTYPE_INT32, PPN_DTYPE_INT8, 4, data);
  ppn_mil_constant_range(&constant, -128, 127, &minimum, &maximum);
  assert_int_equal(minimum, -7);
  assert_int_equal(maximum, 120);
  constant = constant_of(PPN_DTYPE_INT32, PPN_DTYPE_INT8, 0, data);
  ppn_mil_constant_range(&constant, -128, 127, &minimum, &maximum);
  assert_true(minimum > maximum);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nibbles_are_packed_low_first),
      cmocka_unit_test(odd_widths_straddle_bytes),
      cmocka_unit_test(wide_and_strided_sources_are_packed),
      cmocka_unit_test(pieces_end_with_whole_bytes),
      cmocka_unit_test(the_range_is_that_of_the_elements),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
