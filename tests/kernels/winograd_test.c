// Winograd convolutions, compared with the plain direct one over sizes, pads, batches and channels.
#include "kernels/winograd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "kernels/convolution.h"
#include "kernels/support.h"

static ppn_thread_pool_t* pool;

static int64_t x_count_of(const ppn_winograd_t* winograd) {
  return winograd->batch * winograd->in_channels * winograd->in_sizes[0] * winograd->in_sizes[1];
}

static int64_t y_count_of(const ppn_winograd_t* winograd) {
  return winograd->batch * winograd->out_channels * winograd->out_sizes[0] * winograd->out_sizes[1];
}

// [batch, channels, area] to [batch, channels / block, area, block].
static void reorder(const float* source, int64_t batch, int64_t channels, int64_t area,
                    float* out) {
  int64_t block = ppn_winograd_block();
  for (int64_t c = 0; c < batch * channels; ++c) {
    for (int64_t i = 0; i < area; ++i) {
      out[(c / block * area + i) * block + c % block] = source[c * area + i];
    }
  }
}

// Doubles what it is given and adds something that depends on the element's place.
static void finish(void* context, float* values, int64_t offset, int64_t count) {
  (void)context;
  for (int64_t i = 0; i < count; ++i) values[i] = values[i] * 2 + (float)((offset + i) % 5);
}

// What Winograd is to result in, blocked, by the direct convolution.
static float* expect(const ppn_winograd_t* winograd, const float* x, const float* weight) {
  const ppn_convolution_t convolution = {
      .rank = 2,
      .batch = winograd->batch,
      .groups = 1,
      .in_channels = winograd->in_channels,
      .out_channels = winograd->out_channels,
      .in_sizes = {winograd->in_sizes[0], winograd->in_sizes[1]},
      .out_sizes = {winograd->out_sizes[0], winograd->out_sizes[1]},
      .kernel = {3, 3},
      .strides = {1, 1},
      .dilations = {1, 1},
      .pads = {winograd->pads[0], winograd->pads[1]},
      .x = x,
      .weight = weight,
      .epilogue = {.row_bias = winograd->bias},
      .y = random_floats(y_count_of(winograd)),
  };
  float* expected = random_floats(y_count_of(winograd));
  ppn_convolution_reference(&convolution);
  reorder(convolution.y, winograd->batch, winograd->out_channels,
          winograd->out_sizes[0] * winograd->out_sizes[1], expected);
  free(convolution.y);
  for (int64_t i = 0; i < y_count_of(winograd); ++i) {
    if (winograd->added) expected[i] += winograd->added[i];
    if (!winograd->is_clamped) continue;
    if (expected[i] < winograd->minimum) expected[i] = winograd->minimum;
    if (expected[i] > winograd->maximum) expected[i] = winograd->maximum;
  }
  if (winograd->finish) finish(NULL, expected, 0, y_count_of(winograd));
  return expected;
}

// With integers, and weights that stay integers when they are divided by 4, all sums are exact.
static void make_integers(float* values, int64_t count, int factor) {
  for (int64_t i = 0; i < count; ++i) values[i] = (float)(random_int(-3, 3) * factor);
}

static void check(ppn_winograd_t winograd, bool is_exact, bool in_place) {
  int64_t x_count = x_count_of(&winograd), y_count = y_count_of(&winograd),
          w_count = winograd.out_channels * winograd.in_channels * 9;
  float *x = random_floats(x_count), *blocked = random_floats(x_count),
        *weight = random_floats(w_count), *bias = random_floats(winograd.out_channels),
        *added = random_floats(y_count), *y = random_floats(y_count);
  if (is_exact) {
    make_integers(x, x_count, 1);
    make_integers(weight, w_count, 4);
    make_integers(bias, winograd.out_channels, 1);
    make_integers(added, y_count, 1);
  }
  ppn_winograd_block_channels(x, winograd.batch, winograd.in_channels,
                              winograd.in_sizes[0] * winograd.in_sizes[1], blocked, pool);
  float* packed =
      aligned_bytes(ppn_winograd_packed_size(winograd.out_channels, winograd.in_channels));
  ppn_winograd_pack(weight, winograd.out_channels, winograd.in_channels, packed);
  winograd.x = blocked, winograd.weight = packed, winograd.y = y;
  if (random_int(0, 1)) winograd.bias = bias;
  if (random_int(0, 1) || in_place) winograd.added = added;
  if (random_int(0, 1)) winograd.finish = finish;
  winograd.is_clamped = random_int(0, 1);
  winograd.minimum = -2, winograd.maximum = 7;
  float* expected = expect(&winograd, x, weight);
  if (in_place) winograd.y = added;
  void* scratch = aligned_bytes(ppn_winograd_scratch_size(&winograd, ppn_thread_pool_size(pool)));
  ppn_winograd_run(&winograd, scratch, pool);
  if (first_difference(winograd.y, expected, y_count, is_exact ? 0 : 2e-5f) >= 0) {
    fail_msg("batch %lld, %lld to %lld channels, %lld x %lld with pads %lld, %lld to %lld x %lld",
             (long long)winograd.batch, (long long)winograd.in_channels,
             (long long)winograd.out_channels, (long long)winograd.in_sizes[0],
             (long long)winograd.in_sizes[1], (long long)winograd.pads[0],
             (long long)winograd.pads[1], (long long)winograd.out_sizes[0],
             (long long)winograd.out_sizes[1]);
  }
  free(scratch);
  free(packed);
  free(expected);
  free(x);
  free(blocked);
  free(weight);
  free(bias);
  free(added);
  free(y);
}

static ppn_winograd_t random_shape(int64_t largest) {
  ppn_winograd_t winograd = {
      .batch = random_int(1, 3),
      .in_channels = ppn_winograd_block() * random_int(1, 5),
      .out_channels = ppn_winograd_block() * random_int(1, 5),
  };
  for (int d = 0; d < 2; ++d) {
    winograd.pads[d] = random_int(0, 2);
    winograd.in_sizes[d] = random_int(3, largest);
    winograd.out_sizes[d] = winograd.in_sizes[d] + winograd.pads[d] + random_int(0, 2) - 2;
  }
  return winograd;
}

static void exact(void** state) {
  (void)state;
  for (int round = 0; round < 100; ++round) check(random_shape(17), true, round % 4 == 0);
}

// Both groups of tiles for each thread, and channels divided among threads.
static void exact_when_large(void** state) {
  (void)state;
  for (int round = 0; round < 3; ++round) check(random_shape(80), true, false);
  ppn_winograd_t deep = {
      .batch = 2,
      .in_channels = 512,
      .out_channels = 96,
      .in_sizes = {9, 14},
      .out_sizes = {9, 14},
      .pads = {1, 1},
  };
  check(deep, true, false);
}

// So many threads that they share groups of tiles, the last of which is left without any.
static void exact_with_many_threads(void** state) {
  (void)state;
  ppn_thread_pool_t* small = pool;
  assert_null(ppn_thread_pool_create(32, &pool));
  ppn_winograd_t winograd = {
      .batch = 1,
      .in_channels = 32,
      .out_channels = ppn_winograd_block(),
      .in_sizes = {50, 54},
      .out_sizes = {50, 54},
      .pads = {1, 1},
  };
  check(winograd, true, false);
  ppn_thread_pool_free(pool);
  pool = small;
}

// Sums of some hundred products of about 1/3: the transforms' sums leave errors of some 1e-6.
static void close_to_direct(void** state) {
  (void)state;
  for (int round = 0; round < 40; ++round) check(random_shape(17), false, false);
}

static int make_pool(void** state) {
  (void)state;
  ppn_status_t status = ppn_thread_pool_create(3, &pool);
  ppn_status_free(status);
  return status != NULL;
}

static int free_pool(void** state) {
  (void)state;
  ppn_thread_pool_free(pool);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exact),
      cmocka_unit_test(exact_when_large),
      cmocka_unit_test(exact_with_many_threads),
      cmocka_unit_test(close_to_direct),
  };
  return cmocka_run_group_tests(tests, make_pool, free_pool);
}
