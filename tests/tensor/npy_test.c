// .npy files: bytes as numpy writes them, both ways.
#include "tensor/npy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "base/buffer.h"

// A file of version 1 with this header text, padded as numpy does, in memory of its own.
static uint8_t* make_file(const char* text, const void* elements, size_t element_bytes,
                          size_t* out_size) {
  size_t header = strlen(text) + 1, padded = (10 + header + 63) / 64 * 64;
  uint8_t* bytes = malloc(padded + element_bytes);
  memset(bytes, ' ', padded);
  memcpy(bytes, "\x93NUMPY\x01\x00", 8);
  bytes[8] = (uint8_t)(padded - 10);
  bytes[9] = 0;
  memcpy(bytes + 10, text, header - 1);
  bytes[padded - 1] = '\n';
  if (element_bytes) memcpy(bytes + padded, elements, element_bytes);
  *out_size = padded + element_bytes;
  return bytes;
}

static void reads_both_orders(void** state) {
  (void)state;
  static const float elements[] = {1, 2, 3, 4, 5, 6};
  size_t size;
  ppn_tensor_t tensor;
  uint8_t* bytes = make_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
                             elements, sizeof(elements), &size);
  assert_null(ppn_npy_read(ppn_span_make(bytes, size), &tensor));
  assert_int_equal(tensor.dtype, PPN_DTYPE_FLOAT32);
  assert_int_equal(tensor.rank, 2);
  assert_int_equal(tensor.strides[0], 3);
  assert_memory_equal(tensor.data, elements, sizeof(elements));
  free(bytes);
  bytes = make_file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", elements,
                    sizeof(elements), &size);
  assert_null(ppn_npy_read(ppn_span_make(bytes, size), &tensor));
  assert_int_equal(tensor.strides[0], 1);
  assert_int_equal(tensor.strides[1], 2);
  free(bytes);
  static const int64_t number = -7;
  bytes = make_file("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", &number, 8, &size);
  assert_null(ppn_npy_read(ppn_span_make(bytes, size), &tensor));
  assert_int_equal(tensor.rank, 0);
  assert_int_equal(*(int64_t*)tensor.data, -7);
  free(bytes);
}

static void expect_refused(const char* header, size_t element_bytes, ppn_status_code_t code) {
  static const uint8_t elements[64];
  size_t size;
  ppn_tensor_t tensor;
  uint8_t* bytes = make_file(header, elements, element_bytes, &size);
  ppn_status_t status = ppn_npy_read(ppn_span_make(bytes, size), &tensor);
  assert_int_equal(ppn_status_code(status), code);
  assert_non_null(strstr(ppn_status_message(status), "offset "));
  ppn_status_free(status);
  free(bytes);
}

static void refuses_what_it_cannot_read(void** state) {
  (void)state;
  expect_refused("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8,
                 PPN_STATUS_UNSUPPORTED);
  expect_refused("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 16,
                 PPN_STATUS_UNSUPPORTED);
  expect_refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8,
                 PPN_STATUS_UNSUPPORTED);
  expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 8,
                 PPN_STATUS_INVALID_DATA);
  expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 8,
                 PPN_STATUS_INVALID_DATA);
  expect_refused("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
                 8, PPN_STATUS_INVALID_DATA);
  expect_refused("{'descr': '<f4', 'shape': (2,), }", 8, PPN_STATUS_INVALID_DATA);
  expect_refused("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }", 8,
                 PPN_STATUS_INVALID_DATA);
  expect_refused("{'descr': '<f4", 8, PPN_STATUS_INVALID_DATA);
  ppn_tensor_t tensor;
  ppn_status_t status = ppn_npy_read(ppn_span_make("PK\x03\x04 and more", 13), &tensor);
  assert_int_equal(ppn_status_code(status), PPN_STATUS_INVALID_DATA);
  ppn_status_free(status);
}

static void survives_truncation(void** state) {
  (void)state;
  static const float elements[] = {1, 2};
  size_t size;
  uint8_t* bytes = make_file("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", elements,
                             sizeof(elements), &size);
  for (size_t length = 0; length < size; ++length) {
    uint8_t* cut = malloc(length ? length : 1);
    memcpy(cut, bytes, length);
    ppn_tensor_t tensor;
    ppn_status_t status = ppn_npy_read(ppn_span_make(cut, length), &tensor);
    assert_int_equal(ppn_status_code(status), PPN_STATUS_INVALID_DATA);
    ppn_status_free(status);
    free(cut);
  }
  free(bytes);
}

static void writes_what_it_reads(void** state) {
  (void)state;
  static float elements[] = {1, 2, 3, 4, 5, 6};
  static const int64_t sizes[] = {3, 2};
  ppn_tensor_t tensor = ppn_tensor_make(elements, PPN_DTYPE_FLOAT32, 2, sizes), back;
  tensor.strides[0] = 1;  // the transpose of a [2, 3] matrix
  tensor.strides[1] = 3;
  ppn_buffer_t file = {0};
  assert_null(ppn_npy_write(&tensor, ppn_sink_to_buffer(&file)));
  static const char header[] =
      "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
  assert_memory_equal(file.data, header, sizeof(header) - 1);  // numpy's own bytes
  assert_int_equal(file.size, 128 + 24);
  assert_null(ppn_npy_read(ppn_span_make(file.data, file.size), &back));
  static const float expected[] = {1, 4, 2, 5, 3, 6};
  assert_memory_equal(back.data, expected, sizeof(expected));
  ppn_buffer_release(&file);

  static uint16_t halves[] = {0x3f80, 0xc000};  // 1 and -2 as bfloat16
  static const int64_t two[] = {2};
  tensor = ppn_tensor_make(halves, PPN_DTYPE_BFLOAT16, 1, two);
  assert_null(ppn_npy_write(&tensor, ppn_sink_to_buffer(&file)));
  assert_null(ppn_npy_read(ppn_span_make(file.data, file.size), &back));
  assert_int_equal(back.dtype, PPN_DTYPE_FLOAT32);
  assert_true(((float*)back.data)[1] == -2);
  ppn_buffer_release(&file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_both_orders),
      cmocka_unit_test(refuses_what_it_cannot_read),
      cmocka_unit_test(survives_truncation),
      cmocka_unit_test(writes_what_it_reads),
  };
  return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
