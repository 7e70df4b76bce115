#include "kernels/random.h"

#include <math.h>
#include <time.h>

// The finaliser of SplitMix64: every bit of the result depends on every bit of the argument.
static uint64_t mix(uint64_t value) {
  value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
  return value ^ value >> 31;
}

void ppn_random_start(ppn_random_t* random, int64_t seed) {
  uint64_t start = (uint64_t)seed;
  if (seed == -1) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    start =
        mix((uint64_t)now.tv_sec) ^ mix((uint64_t)now.tv_nsec) ^ mix((uint64_t)(uintptr_t)random);
  }
  random->counter = mix(start);
}

double ppn_random_next(ppn_random_t* random) {
  random->counter += UINT64_C(0x9e3779b97f4a7c15);
  return (double)(mix(random->counter) >> 11) * 0x1p-53;
}

void ppn_kernel_random_uniform(ppn_random_t* random, double low, double high,
                               const ppn_tensor_t* out) {
  int64_t count = ppn_tensor_numel(out);
  for (int64_t i = 0; i < count; ++i) {
    double value = low + (high - low) * ppn_random_next(random);
    // Rounding to float must not reach the upper limit.
    if (out->dtype == PPN_DTYPE_FLOAT32 && (double)(float)value >= high && high > low) {
      value = (double)nextafterf((float)high, (float)low);
    }
    ppn_element_set_double(out->dtype, out->data, i, value);
  }
}

void ppn_kernel_random_normal(ppn_random_t* random, double mean, double deviation,
                              const ppn_tensor_t* out) {
  const double two_pi = 6.28318530717958647693;
  int64_t count = ppn_tensor_numel(out);
  for (int64_t i = 0; i < count; ++i) {
    // Box and Muller: a length and an angle. 1 - u is never 0.
    double length = sqrt(-2 * log(1 - ppn_random_next(random)));
    double value = mean + deviation * length * cos(two_pi * ppn_random_next(random));
    ppn_element_set_double(out->dtype, out->data, i, value);
  }
}

void ppn_kernel_random_bernoulli(ppn_random_t* random, double probability,
                                 const ppn_tensor_t* out) {
  int64_t count = ppn_tensor_numel(out);
  for (int64_t i = 0; i < count; ++i) {
    ppn_element_set_double(out->dtype, out->data, i, ppn_random_next(random) < probability);
  }
}

static double weight_of(const ppn_tensor_t* x, int64_t index, bool are_logits, double largest) {
  double value = ppn_element_as_double(x->dtype, x->data, index);
  if (are_logits) return exp(value - largest);
  return value > 0 ? value : 0;
}

void ppn_kernel_random_categorical(ppn_random_t* random, bool are_logits, const ppn_tensor_t* x,
                                   const ppn_tensor_t* out) {
  int64_t classes = x->rank ? x->sizes[x->rank - 1] : 1;
  int64_t draws = out->rank ? out->sizes[out->rank - 1] : 1;
  if (classes == 0 || draws == 0) return;
  int64_t rows = ppn_tensor_numel(x) / classes;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t first = row * classes;
    double largest = -INFINITY, total = 0;
    for (int64_t i = 0; i < classes; ++i) {
      largest = fmax(largest, ppn_element_as_double(x->dtype, x->data, first + i));
    }
    for (int64_t i = 0; i < classes; ++i) total += weight_of(x, first + i, are_logits, largest);
    for (int64_t draw = 0; draw < draws; ++draw) {
      double rest = ppn_random_next(random) * total;
      int64_t chosen = 0;
      for (int64_t i = 0; i < classes; ++i) {
        double weight = weight_of(x, first + i, are_logits, largest);
        if (weight > 0) chosen = i;  // rounding never ends on a class of no weight
        if (rest < weight) break;
        rest -= weight;
      }
      ppn_element_set_double(out->dtype, out->data, row * draws + draw, (double)chosen);
    }
  }
}
