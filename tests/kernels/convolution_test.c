// Convolutions, compared with the plain one over ranks, strides, pads, dilations and groups.
#include "kernels/convolution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
// cmocka wants the four above first.
#include <cmocka.h>
#include <string.h>

#include "kernels/support.h"

static ppn_thread_pool_t* pool;

// Depends on the element's place, so that each must be finished once with its own coordinates.
static void finish(void* context, float* values, int64_t batch, int64_t row, int64_t column,
                   int64_t count) {
  const float* factor = context;
  for (int64_t i = 0; i < count; ++i)
    values[i] = values[i] * *factor + (float)(batch + row % 7 + (column + i) % 5);
}

static int64_t product(int rank, const int64_t* sizes) {
  int64_t result = 1;
  for (int i = 0; i < rank; ++i) result *= sizes[i];
  return result;
}

// Fills in output sizes; false when the kernel does not fit.
static bool choose_out_sizes(ppn_convolution_t* convolution) {
  for (int d = 0; d < convolution->rank; ++d) {
    int64_t in = convolution->in_sizes[d], kernel = convolution->kernel[d],
            stride = convolution->strides[d], dilation = convolution->dilations[d],
            pad = convolution->pads[d];
    convolution->out_sizes[d] =
        convolution->is_transposed
            ? (in - 1) * stride - 2 * pad + dilation * (kernel - 1) + 1 + random_int(0, stride - 1)
            : ppn_convolution_out_size(in, kernel, stride, dilation, pad, random_int(0, 2));
    if (convolution->out_sizes[d] < 1) return false;
  }
  return true;
}

static void check(ppn_convolution_t convolution) {
  int rank = convolution.rank;
  int64_t x_count =
      convolution.batch * convolution.in_channels * product(rank, convolution.in_sizes);
  int64_t y_count =
      convolution.batch * convolution.out_channels * product(rank, convolution.out_sizes);
  int64_t w_count = convolution.out_channels * convolution.in_channels / convolution.groups *
                    product(rank, convolution.kernel);
  float *x = random_floats(x_count), *weight = random_floats(w_count),
        *bias = random_floats(convolution.out_channels), *expected = random_floats(y_count),
        *actual = random_floats(y_count), factor = 2;
  convolution.x = x, convolution.weight = weight;
  if (random_int(0, 1)) convolution.epilogue.row_bias = bias;
  convolution.epilogue.is_clamped = random_int(0, 1);
  convolution.epilogue.maximum = 2;
  convolution.epilogue.context = &factor;
  if (random_int(0, 1)) convolution.epilogue.finish = finish;
  convolution.y = expected;
  ppn_convolution_reference(&convolution);
  convolution.y = actual;
  void* scratch =
      aligned_bytes(ppn_convolution_scratch_size(&convolution, ppn_thread_pool_size(pool)));
  ppn_convolution_run(&convolution, scratch, pool);
  if (first_difference(actual, expected, y_count, 1e-4f) >= 0) {
    fail_msg(
        "rank %d%s batch %lld groups %lld channels %lld to %lld, last dimension: in %lld out "
        "%lld kernel %lld stride %lld dilation %lld pad %lld",
        rank, convolution.is_transposed ? " transposed" : "", (long long)convolution.batch,
        (long long)convolution.groups, (long long)convolution.in_channels,
        (long long)convolution.out_channels, (long long)convolution.in_sizes[rank - 1],
        (long long)convolution.out_sizes[rank - 1], (long long)convolution.kernel[rank - 1],
        (long long)convolution.strides[rank - 1], (long long)convolution.dilations[rank - 1],
        (long long)convolution.pads[rank - 1]);
  }
  free(scratch);
  free(x);
  free(weight);
  free(bias);
  free(expected);
  free(actual);
}

static void check_random(bool is_transposed, bool is_depthwise) {
  for (int round = 0; round < 200; ++round) {
    ppn_convolution_t convolution = {.rank = (int)random_int(1, 3), .is_transposed = is_transposed};
    convolution.batch = random_int(1, 3);
    convolution.groups = is_depthwise ? random_int(2, 9) : random_int(1, 3);
    convolution.in_channels = convolution.groups * (is_depthwise ? 1 : random_int(1, 5));
    convolution.out_channels =
        convolution.groups * (is_depthwise ? random_int(1, 2) : random_int(1, 17));
    for (int d = 0; d < convolution.rank; ++d) {
      convolution.in_sizes[d] = random_int(1, convolution.rank == 3 ? 8 : 20);
      convolution.kernel[d] = random_int(1, 5);
      convolution.strides[d] = random_int(1, 3);
      convolution.dilations[d] = random_int(1, 2);
      convolution.pads[d] = random_int(0, 3);
    }
    if (round % 5 == 0) convolution.in_sizes[convolution.rank - 1] = 75;
    if (choose_out_sizes(&convolution)) check(convolution);
  }
}

static void any_shape(void** state) {
  (void)state;
  check_random(false, false);
}

static void transposed(void** state) {
  (void)state;
  check_random(true, false);
}

static void depthwise(void** state) {
  (void)state;
  check_random(false, true);
}

static void pointwise(void** state) {
  (void)state;
  ppn_convolution_t convolution = {.rank = 2,
                                   .batch = 2,
                                   .groups = 1,
                                   .in_channels = 37,
                                   .out_channels = 50,
                                   .in_sizes = {9, 7},
                                   .out_sizes = {9, 7},
                                   .kernel = {1, 1},
                                   .strides = {1, 1},
                                   .dilations = {1, 1}};
  check(convolution);
  // Few rows, which a product would read in place.
  convolution.out_channels = 3;
  check(convolution);
}

static void out_sizes(void** state) {
  (void)state;
  assert_int_equal(ppn_convolution_out_size(224, 7, 2, 1, 3, 3), 112);
  assert_int_equal(ppn_convolution_out_size(5, 3, 1, 2, 0, 0), 1);
  assert_int_equal(ppn_convolution_out_size(4, 3, 1, 2, 0, 0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_shape), cmocka_unit_test(transposed), cmocka_unit_test(depthwise),
      cmocka_unit_test(pointwise), cmocka_unit_test(out_sizes),
  };
  ppn_status_free(ppn_thread_pool_create(3, &pool));
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  ppn_thread_pool_free(pool);
  return failures;
}
