// What tests of kernels share: tensors over arrays, and comparing them element by element.
#ifndef PPN_TESTS_KERNELS_KERNEL_TESTING_H_
#define PPN_TESTS_KERNELS_KERNEL_TESTING_H_

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka wants the four above first.
#include <cmocka.h>

#include "tensor/tensor.h"

#define PPN_SIZES(...) \
  (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), ((const int64_t[]){__VA_ARGS__})

// A contiguous tensor over `data` (an array of elements of that dtype).
#define PPN_TENSOR(dtype_name, data, ...) \
  ppn_tensor_make((void*)(uintptr_t)(data), PPN_DTYPE_##dtype_name, PPN_SIZES(__VA_ARGS__))

// The element at flat (row-major) position i of any view, as a number.
static inline double ppn_test_element(const ppn_tensor_t* tensor, int64_t i) {
  int64_t at = 0;
  for (int d = tensor->rank - 1; d >= 0; --d) {
    at += i % tensor->sizes[d] * tensor->strides[d];
    i /= tensor->sizes[d];
  }
  return ppn_element_as_double(tensor->dtype, tensor->data, at);
}

#define assert_elements(tensor, ...)                                             \
  do {                                                                           \
    const double expected_[] = {__VA_ARGS__};                                    \
    assert_int_equal(ppn_tensor_numel(tensor), PPN_COUNT_OF(expected_));         \
    for (size_t i_ = 0; i_ < PPN_COUNT_OF(expected_); ++i_) {                    \
      double found_ = ppn_test_element(tensor, (int64_t)i_);                     \
      if (!(found_ >= expected_[i_] - 1e-5 && found_ <= expected_[i_] + 1e-5)) { \
        fail_msg("element %zu is %g, expected %g", i_, found_, expected_[i_]);   \
      }                                                                          \
    }                                                                            \
  } while (0)

#define assert_ok(expression)                                 \
  do {                                                        \
    ppn_status_t status_ = (expression);                      \
    if (status_) fail_msg("%s", ppn_status_message(status_)); \
  } while (0)

#define assert_fails(code, text, expression)                       \
  do {                                                             \
    ppn_status_t status_ = (expression);                           \
    assert_int_equal(ppn_status_code(status_), PPN_STATUS_##code); \
    assert_non_null(strstr(ppn_status_message(status_), text));    \
    ppn_status_free(status_);                                      \
  } while (0)

#endif  // PPN_TESTS_KERNELS_KERNEL_TESTING_H_
