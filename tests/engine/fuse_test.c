// Fused operations and blocked layouts give what the same operations give one by one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// After those it needs.
#include <cmocka.h>

#include "base/half.h"
#include "engine/program_support.h"

#define SIZES(...) ((const int64_t[]){__VA_ARGS__})

enum { CHANNELS = 16, SIDE = 6, COUNT = CHANNELS * SIDE * SIDE };

static uint32_t seed;

// In [-1, 1).
static float next_number(void) {
  seed = seed * 1664525u + 1013904223u;
  return (float)(int32_t)seed / 2147483648.0f;
}

static ppn_mil_value_t* constant(fixture_t* fixture, ppn_dtype_t dtype, int rank,
                                 const int64_t* sizes) {
  ppn_tensor_t tensor_ = ppn_tensor_make(NULL, dtype, rank, sizes);
  int64_t count = ppn_tensor_numel(&tensor_);
  float* values = malloc((size_t)count * sizeof *values);
  uint16_t* halves = malloc((size_t)count * sizeof *halves);
  for (int64_t i = 0; i < count; i++) values[i] = next_number() * 0.3f;
  ppn_float_to_half_array(values, halves, (size_t)count);
  ppn_mil_value_t* value = NULL;
  expect_ok(ppn_mil_constant_tensor(
      &fixture->builder, NULL, dtype, rank, sizes,
      dtype == PPN_DTYPE_FLOAT16 ? (const void*)halves : (const void*)values, &value));
  free(values);
  free(halves);
  return value;
}

// 3x3, same sizes, with bias.
static ppn_mil_value_t* conv(fixture_t* fixture, ppn_mil_value_t* x, int64_t groups) {
  ppn_dtype_t dtype = x->type.dtype;
  ppn_mil_value_t *weight = constant(fixture, dtype, 4, SIZES(CHANNELS, CHANNELS / groups, 3, 3)),
                  *bias = constant(fixture, dtype, 1, SIZES(CHANNELS)), *mode = NULL,
                  *count = integer(fixture, (int32_t)groups);
  expect_ok(ppn_mil_constant_string(&fixture->builder, NULL, "same", &mode));
  return EMIT(fixture, "conv", PPN_MIL_IN("x", x), PPN_MIL_IN("weight", weight),
              PPN_MIL_IN("bias", bias), PPN_MIL_IN("pad_type", mode), PPN_MIL_IN("groups", count));
}

static ppn_mil_value_t* image(fixture_t* fixture, const char* name, ppn_dtype_t dtype) {
  return add_input(fixture, name, dtype, 4, SIZES(1, CHANNELS, SIDE, SIDE));
}

static ppn_mil_value_t* unary(fixture_t* fixture, const char* type, ppn_mil_value_t* x) {
  return EMIT(fixture, type, PPN_MIL_IN("x", x));
}

static ppn_mil_value_t* add(fixture_t* fixture, ppn_mil_value_t* x, ppn_mil_value_t* y) {
  return EMIT(fixture, "add", PPN_MIL_IN("x", x), PPN_MIL_IN("y", y));
}

static void ignore(void* context, const ppn_mil_value_t* value, const ppn_tensor_t* seen) {
  (void)value;
  (void)seen;
  ++*(int*)context;
}

static void count_step(void* context, const ppn_mil_operation_t* operation, uint64_t time) {
  (void)operation;
  (void)time;
  ++*(int*)context;
}

// Runs with random inputs twice: as it is, and watched, when nothing is fused or laid out
// otherwise. `expected_steps`, unless 0, is how many steps the first way may take at most.
static void expect_the_same(fixture_t* fixture, const ppn_mil_value_t* const* inputs,
                            uint32_t input_count, ppn_numerics_t numerics, double tolerance,
                            int expected_steps) {
  ppn_tensor_t given[4], first[4] = {{0}}, second[4] = {{0}};
  ppn_engine_options_t options = {.numerics = numerics, .thread_count = 2};
  uint32_t output_count = fixture->function->block->output_count;
  int seen = 0, steps = 0;
  load(fixture, &options);
  for (uint32_t i = 0; i < input_count; i++) {
    float* values = malloc(COUNT * sizeof *values);
    for (int j = 0; j < COUNT; j++) values[j] = next_number() * 2;
    int64_t sizes[] = {1, CHANNELS, SIDE, SIDE};
    given[i] = tensor(values, inputs[i]->type.dtype, 4, sizes);
    if (given[i].dtype != PPN_DTYPE_FLOAT16) continue;
    uint16_t* halves = malloc(COUNT * sizeof *halves);
    ppn_float_to_half_array(values, halves, COUNT);
    free(values);
    given[i].data = halves;
  }
  for (uint32_t i = 0; i < output_count; i++) {
    first[i].data = malloc(COUNT * sizeof(float));
    second[i].data = malloc(COUNT * sizeof(float));
  }
  ppn_engine_set_trace(fixture->context, count_step, &steps);
  expect_ok(ppn_engine_run(fixture->context, given, input_count, first, output_count));
#ifdef PPN_WITH_ONEDNN
  if (expected_steps) assert_true(steps <= expected_steps);
#else
  (void)expected_steps;
#endif
  expect_ok(ppn_engine_set_observer(fixture->context, ignore, &seen));
  expect_ok(ppn_engine_run(fixture->context, given, input_count, second, output_count));
  assert_true(seen > 0);
  for (uint32_t i = 0; i < output_count; i++) {
    assert_int_equal(ppn_tensor_numel(&first[i]), ppn_tensor_numel(&second[i]));
    for (int64_t j = 0; j < ppn_tensor_numel(&first[i]); j++) {
      double a = ppn_element_as_double(first[i].dtype, first[i].data, j);
      double b = ppn_element_as_double(second[i].dtype, second[i].data, j);
      double allowed = tolerance * (1 + (b < 0 ? -b : b));
      if (!(a - b <= allowed && b - a <= allowed)) {
        fail_msg("output %u, element %d: %g fused, %g one by one", i, (int)j, a, b);
      }
    }
    free(first[i].data);
    free(second[i].data);
  }
  for (uint32_t i = 0; i < input_count; i++) free(given[i].data);
}

#define EXPECT_THE_SAME(fixture, inputs, tolerance, steps)            \
  expect_the_same((fixture), (const ppn_mil_value_t* const*)(inputs), \
                  (uint32_t)PPN_COUNT_OF(inputs), PPN_NUMERICS_DEVICE, (tolerance), (steps))

// A residual block: the addition goes into the second convolution, in place.
static void a_residual_block(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* x[] = {image(fixture, "x", PPN_DTYPE_FLOAT32)};
  ppn_mil_value_t* stem = unary(fixture, "relu", conv(fixture, x[0], 1));
  ppn_mil_value_t* y = unary(fixture, "relu", conv(fixture, stem, 1));
  y = unary(fixture, "relu", add(fixture, conv(fixture, y, CHANNELS), stem));
  set_outputs(fixture, &y, 1);
  // Three convolutions and the way back to row-major.
  EXPECT_THE_SAME(fixture, x, 1e-5, 4);
}

// The tensor that is added is needed afterwards.
static void an_addition_of_what_lives_on(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* x[] = {image(fixture, "x", PPN_DTYPE_FLOAT32)};
  ppn_mil_value_t* stem = conv(fixture, x[0], 1);
  ppn_mil_value_t* outputs[2] = {NULL, NULL};
  outputs[0] = add(fixture, stem, conv(fixture, stem, 1));
  outputs[1] = unary(fixture, "sigmoid", stem);
  set_outputs(fixture, outputs, 2);
  EXPECT_THE_SAME(fixture, x, 1e-5, 0);
}

// What is added comes from outside, row-major.
static void an_addition_of_an_input(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* x[] = {image(fixture, "x", PPN_DTYPE_FLOAT32),
                          image(fixture, "y", PPN_DTYPE_FLOAT32)};
  ppn_mil_value_t* y = add(fixture, x[1], conv(fixture, conv(fixture, x[0], 4), 1));
  y = unary(fixture, "silu", y);
  set_outputs(fixture, &y, 1);
  EXPECT_THE_SAME(fixture, x, 1e-5, 3);
}

// A convolution's own input is added: it may not be written over.
static void an_addition_of_its_own_input(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* x[] = {image(fixture, "x", PPN_DTYPE_FLOAT32)};
  ppn_mil_value_t* y = unary(fixture, "tanh", conv(fixture, x[0], 1));
  y = add(fixture, conv(fixture, y, 1), y);
  set_outputs(fixture, &y, 1);
  EXPECT_THE_SAME(fixture, x, 1e-5, 0);
}

// Two convolutions added: the later one adds.
static void two_convolutions(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* x[] = {image(fixture, "x", PPN_DTYPE_FLOAT32)};
  ppn_mil_value_t *a = conv(fixture, x[0], 1), *b = conv(fixture, x[0], 2);
  ppn_mil_value_t* y = unary(fixture, "gelu", add(fixture, a, b));
  set_outputs(fixture, &y, 1);
  EXPECT_THE_SAME(fixture, x, 1e-5, 3);
}

// Operations that know nothing of layouts between convolutions.
static void layouts_end_where_they_must(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* x[] = {image(fixture, "x", PPN_DTYPE_FLOAT32)};
  const int32_t order[] = {0, 1, 3, 2};
  ppn_mil_value_t *y = conv(fixture, x[0], 1), *perm = ints(fixture, 4, order), *outputs[3];
  // Element-wise work goes through memory as it lies; a transpose cannot.
  outputs[0] = add(fixture, unary(fixture, "exp", y), y);
  outputs[1] = EMIT(fixture, "transpose", PPN_MIL_IN("x", y), PPN_MIL_IN("perm", perm));
  outputs[2] = conv(fixture, outputs[0], 1);
  set_outputs(fixture, outputs, 3);
  EXPECT_THE_SAME(fixture, x, 1e-4, 0);
}

// fp16, rounded after each operation: sums come in another order, so results may be neighbours.
static void half_precision_rounds_as_before(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* x[] = {image(fixture, "x", PPN_DTYPE_FLOAT16)};
  ppn_mil_value_t* stem = unary(fixture, "relu6", conv(fixture, x[0], 1));
  ppn_mil_value_t* y = unary(fixture, "silu", add(fixture, conv(fixture, stem, 1), stem));
  set_outputs(fixture, &y, 1);
  EXPECT_THE_SAME(fixture, x, 8e-3, 0);
}

static void fast_numerics_fuse_in_half_precision(void** state) {
  fixture_t* fixture = *state;
  const ppn_mil_value_t* x[] = {image(fixture, "x", PPN_DTYPE_FLOAT16)};
  ppn_mil_value_t* stem = unary(fixture, "relu6", conv(fixture, (ppn_mil_value_t*)x[0], 1));
  ppn_mil_value_t* y = unary(fixture, "silu", add(fixture, conv(fixture, stem, 1), stem));
  set_outputs(fixture, &y, 1);
  expect_the_same(fixture, x, 1, PPN_NUMERICS_FAST, 8e-3, 3);
}

// linear with a residual and an activation; matmul with transposes and broadcasting.
static void products(void** state) {
  fixture_t* fixture = *state;
  ppn_mil_value_t* x[] = {image(fixture, "x", PPN_DTYPE_FLOAT32)};
  ppn_mil_value_t *weight = constant(fixture, PPN_DTYPE_FLOAT32, 2, SIZES(SIDE, SIDE)),
                  *bias = constant(fixture, PPN_DTYPE_FLOAT32, 1, SIZES(SIDE)),
                  *yes = boolean(fixture, true), *outputs[2];
  ppn_mil_value_t* y = EMIT(fixture, "linear", PPN_MIL_IN("x", x[0]), PPN_MIL_IN("weight", weight),
                            PPN_MIL_IN("bias", bias));
  outputs[0] = unary(fixture, "gelu", add(fixture, y, x[0]));
  y = EMIT(fixture, "matmul", PPN_MIL_IN("x", x[0]), PPN_MIL_IN("y", outputs[0]),
           PPN_MIL_IN("transpose_x", yes), PPN_MIL_IN("transpose_y", yes));
  outputs[1] = EMIT(fixture, "matmul", PPN_MIL_IN("x", weight), PPN_MIL_IN("y", y),
                    PPN_MIL_IN("transpose_y", yes));
  set_outputs(fixture, outputs, 2);
  EXPECT_THE_SAME(fixture, x, 1e-4, 0);
}

static int start(void** state) {
  seed = 1;
  return set_up(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_residual_block),
      TEST(an_addition_of_what_lives_on),
      TEST(an_addition_of_an_input),
      TEST(an_addition_of_its_own_input),
      TEST(two_convolutions),
      TEST(layouts_end_where_they_must),
      TEST(half_precision_rounds_as_before),
      TEST(fast_numerics_fuse_in_half_precision),
      TEST(products),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
