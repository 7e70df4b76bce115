// What the tests of kernels share: random operands and comparison up to rounding.
#ifndef PPN_TESTS_KERNELS_SUPPORT_H_
#define PPN_TESTS_KERNELS_SUPPORT_H_

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t random_state = 1;

static inline uint32_t random_bits(void) {
  random_state = random_state * 1664525u + 1013904223u;
  return random_state >> 8;
}

// An integer in [low, high].
static inline int64_t random_int(int64_t low, int64_t high) {
  return low + (int64_t)(random_bits() % (uint32_t)(high - low + 1));
}

// Uniform in [-1, 1).
static inline float random_float(void) {
  return (float)random_bits() / (float)(1 << 23) - 1;
}

// Memory of exactly this many floats aligned to 64 bytes, so that sanitizers see what is read or
// written past it.
static inline float* random_floats(int64_t count) {
  float* values = malloc((size_t)(count > 0 ? count : 1) * sizeof(float));
  for (int64_t i = 0; values && i < count; ++i) values[i] = random_float();
  return values;
}

static inline void* aligned_bytes(size_t size) {
  return aligned_alloc(64, (size + 63) / 64 * 64);
}

// The index of the first element that differs by more than `tolerance` (1 + |expected|), or -1.
static inline int64_t first_difference(const float* actual, const float* expected, int64_t count,
                                       float tolerance) {
  for (int64_t i = 0; i < count; ++i) {
    if (isnan(expected[i]) ? isnan(actual[i]) : actual[i] == expected[i]) continue;
    if (fabsf(actual[i] - expected[i]) <= tolerance * (1 + fabsf(expected[i]))) continue;
    fprintf(stderr, "element %lld is %g, expected %g\n", (long long)i, (double)actual[i],
            (double)expected[i]);
    return i;
  }
  return -1;
}

#endif  // PPN_TESTS_KERNELS_SUPPORT_H_
