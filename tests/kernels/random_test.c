// Random numbers: that a seed repeats them, that their moments are those of the distribution, and
// that limits hold.
#include "kernels/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 200000 };

static float first[COUNT], second[COUNT];

static ppn_tensor_t vector(float* data) {
  int64_t count = COUNT;
  return ppn_tensor_make(data, PPN_DTYPE_FLOAT32, 1, &count);
}

static void moments(const float* x, double* out_mean, double* out_variance) {
  double sum = 0, squares = 0;
  for (int i = 0; i < COUNT; ++i) sum += (double)x[i];
  for (int i = 0; i < COUNT; ++i) {
    squares += ((double)x[i] - sum / COUNT) * ((double)x[i] - sum / COUNT);
  }
  *out_mean = sum / COUNT;
  *out_variance = squares / COUNT;
}

static void seeds_repeat(void** state) {
  (void)state;
  ppn_tensor_t a = vector(first), b = vector(second);
  ppn_random_t one, other;
  ppn_random_start(&one, 42);
  ppn_random_start(&other, 42);
  ppn_kernel_random_normal(&one, 0, 1, &a);
  ppn_kernel_random_normal(&other, 0, 1, &b);
  assert_memory_equal(first, second, sizeof first);
  ppn_random_start(&other, 43);
  ppn_kernel_random_normal(&other, 0, 1, &b);
  assert_true(memcmp(first, second, sizeof first) != 0);
  ppn_random_start(&one, -1);
  ppn_kernel_random_normal(&one, 0, 1, &a);
  ppn_kernel_random_normal(&one, 0, 1, &b);
  assert_true(memcmp(first, second, sizeof first) != 0);
}

// Six standard errors: seeds are fixed, so this either always holds or never.
static void distributions(void** state) {
  (void)state;
  ppn_tensor_t a = vector(first);
  ppn_random_t random;
  double mean, variance;
  ppn_random_start(&random, 1);
  ppn_kernel_random_uniform(&random, -2, 4, &a);
  moments(first, &mean, &variance);
  assert_true(fabs(mean - 1) < 6 * sqrt(3.0 / COUNT) && fabs(variance - 3) < 0.05);
  for (int i = 0; i < COUNT; ++i) assert_true(first[i] >= -2 && first[i] < 4);
  ppn_kernel_random_normal(&random, 5, 2, &a);
  moments(first, &mean, &variance);
  assert_true(fabs(mean - 5) < 6 * 2 / sqrt((double)COUNT) && fabs(variance - 4) < 0.1);
  int within = 0;
  for (int i = 0; i < COUNT; ++i) within += fabsf(first[i] - 5) < 2;
  assert_true(fabs(within / (double)COUNT - 0.6827) < 0.01);
  ppn_kernel_random_bernoulli(&random, 0.3, &a);
  moments(first, &mean, &variance);
  assert_true(fabs(mean - 0.3) < 0.01);
  for (int i = 0; i < COUNT; ++i) assert_true(first[i] == 0 || first[i] == 1);
}

static void narrow_limits_hold(void** state) {
  (void)state;
  ppn_tensor_t a = vector(first);
  ppn_random_t random;
  ppn_random_start(&random, 9);
  float high = nextafterf(1, 2);
  ppn_kernel_random_uniform(&random, 1, (double)high, &a);
  for (int i = 0; i < COUNT; ++i) assert_true(first[i] == 1);
  ppn_kernel_random_uniform(&random, 3, 3, &a);
  assert_true(first[0] == 3);
}

static void categories(void** state) {
  (void)state;
  float weights[] = {0.1f, 0, 0.6f, 0.3f, -INFINITY, 0, 0, -INFINITY};
  static float drawn[2 * COUNT];
  ppn_tensor_t x = ppn_tensor_make(weights, PPN_DTYPE_FLOAT32, 2, (int64_t[]){1, 4});
  ppn_tensor_t out = ppn_tensor_make(drawn, PPN_DTYPE_FLOAT32, 2, (int64_t[]){1, COUNT});
  ppn_random_t random;
  ppn_random_start(&random, 3);
  ppn_kernel_random_categorical(&random, false, &x, &out);
  int counts[4] = {0};
  for (int i = 0; i < COUNT; ++i) ++counts[(int)drawn[i]];
  assert_true(counts[1] == 0 && fabs(counts[0] / (double)COUNT - 0.1) < 0.01 &&
              fabs(counts[2] / (double)COUNT - 0.6) < 0.01);
  x.data = weights + 4;
  ppn_kernel_random_categorical(&random, true, &x, &out);
  memset(counts, 0, sizeof counts);
  for (int i = 0; i < COUNT; ++i) ++counts[(int)drawn[i]];
  assert_true(counts[0] == 0 && counts[3] == 0 && fabs(counts[1] / (double)COUNT - 0.5) < 0.01);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(seeds_repeat),
      cmocka_unit_test(distributions),
      cmocka_unit_test(narrow_limits_hold),
      cmocka_unit_test(categories),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
