// Integer division, remainders and powers as torch and NumPy define them: by zero gives 0, and what
// does not fit wraps.
#ifndef PPN_KERNELS_DIVISION_H_
#define PPN_KERNELS_DIVISION_H_

#include <stdint.h>

static inline int64_t ppn_divide_truncate_int64(int64_t x, int64_t y) {
  if (y == 0) return 0;
  return y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y;
}

static inline int64_t ppn_fmod_int64(int64_t x, int64_t y) {
  return y == 0 || y == -1 ? 0 : x % y;
}

static inline int64_t ppn_divide_floor_int64(int64_t x, int64_t y) {
  int64_t quotient = ppn_divide_truncate_int64(x, y);
  return ppn_fmod_int64(x, y) != 0 && (x < 0) != (y < 0) ? quotient - 1 : quotient;
}

static inline int64_t ppn_remainder_floor_int64(int64_t x, int64_t y) {
  int64_t remainder = ppn_fmod_int64(x, y);
  return remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder;
}

// x to the power y; a negative exponent gives 0 unless x is 1 or -1.
static inline int64_t ppn_power_int64(int64_t x, int64_t y) {
  if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
  uint64_t result = 1, base = (uint64_t)x;
  for (uint64_t exponent = (uint64_t)y; exponent; exponent >>= 1, base *= base) {
    if (exponent & 1) result *= base;
  }
  return (int64_t)result;
}

#endif  // PPN_KERNELS_DIVISION_H_
