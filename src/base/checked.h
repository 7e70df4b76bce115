// Arithmetic on sizes from files: every operation says whether it overflowed.
#ifndef PPN_BASE_CHECKED_H_
#define PPN_BASE_CHECKED_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool ppn_checked_add(size_t a, size_t b, size_t* out) {
  *out = a + b;
  return *out >= a;
}

static inline bool ppn_checked_multiply(size_t a, size_t b, size_t* out) {
  *out = a * b;
  return a == 0 || *out / a == b;
}

static inline bool ppn_checked_add_i64(int64_t a, int64_t b, int64_t* out) {
  if ((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b)) return false;
  *out = a + b;
  return true;
}

static inline bool ppn_checked_multiply_i64(int64_t a, int64_t b, int64_t* out) {
  if (a == 0 || b == 0) {
    *out = 0;
    return true;
  }
  if ((a == -1 && b == INT64_MIN) || (b == -1 && a == INT64_MIN)) return false;
  if (a > 0 ? (b > 0 ? a > INT64_MAX / b : b < INT64_MIN / a)
            : (b > 0 ? a < INT64_MIN / b : b < INT64_MAX / a)) {
    return false;
  }
  *out = a * b;
  return true;
}

// `size` rounded up to a multiple of `alignment` (a power of two). The caller knows that it does
// not overflow.
static inline size_t ppn_align(size_t size, size_t alignment) {
  return (size + alignment - 1) & ~(alignment - 1);
}

#endif  // PPN_BASE_CHECKED_H_
