// Recurrent layers against plain loops over the definitions.
#include "kernels/recurrent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel_testing.h"

enum { STEPS = 3, BATCH = 2, INPUT = 5, HIDDEN = 4, GATES = 4 };

static float random_number(uint32_t* seed) {
  *seed = *seed * 1664525 + 1013904223;
  return (float)(*seed >> 8) / (float)(1 << 24) - 0.5f;
}

typedef struct fixture {
  float x[STEPS * BATCH * INPUT], weight_ih[GATES * HIDDEN * INPUT],
      weight_hh[GATES * HIDDEN * HIDDEN], bias[GATES * HIDDEN], input_bias[GATES * HIDDEN],
      peephole[3 * HIDDEN], h[BATCH * HIDDEN], c[BATCH * HIDDEN];
  float sequence[STEPS * BATCH * HIDDEN], final_h[BATCH * HIDDEN], final_c[BATCH * HIDDEN];
  ppn_recurrent_t layer;
} fixture_t;

static void fill(fixture_t* fixture, ppn_recurrent_kind_t kind) {
  uint32_t seed = 11;
  float* numbers = fixture->x;
  size_t count = offsetof(fixture_t, sequence) / sizeof(float);
  for (size_t i = 0; i < count; ++i) numbers[i] = random_number(&seed);
  fixture->layer = (ppn_recurrent_t){
      .kind = kind,
      .steps = STEPS,
      .batch = BATCH,
      .input = INPUT,
      .hidden = HIDDEN,
      .weight_ih = fixture->weight_ih,
      .weight_hh = fixture->weight_hh,
      .bias = fixture->bias,
      .clip = INFINITY,
      .gate = {PPN_UNARY_SIGMOID, {0, 0, 0}},
      .cell = {PPN_UNARY_TANH, {0, 0, 0}},
      .act = {PPN_UNARY_TANH, {0, 0, 0}},
  };
}

static void run(fixture_t* fixture, bool backwards, bool aligned) {
  ppn_recurrent_t* layer = &fixture->layer;
  layer->packed = aligned_alloc(64, ppn_recurrent_packed_size(layer));
  size_t size = ppn_recurrent_scratch_size(layer, 1);
  void* scratch = aligned_alloc(64, (size + 63) / 64 * 64);
  assert_true(layer->packed && scratch);
  ppn_recurrent_pack(layer, layer->packed);
  ppn_recurrent_pass_t pass = {
      .x = fixture->x,
      .initial_h = fixture->h,
      .initial_c = fixture->c,
      .final_h = fixture->final_h,
      .final_c = fixture->final_c,
      .state_stride = HIDDEN,
      .backwards = backwards,
      .sequence = fixture->sequence,
      .step_stride = BATCH * HIDDEN,
      .row_stride = HIDDEN,
      .aligned = aligned,
  };
  ppn_recurrent_run(layer, &pass, scratch, NULL);
  free(layer->packed);
  free(scratch);
}

static double dot(const float* a, const float* b, int count) {
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += (double)a[i] * (double)b[i];
  return sum;
}

static double sigmoid(double x) {
  return 1 / (1 + exp(-x));
}

// W x + R v of a gate's row.
static double gate(const fixture_t* fixture, int step, int row, int number, int i, const float* v) {
  int at = number * HIDDEN + i;
  return dot(fixture->weight_ih + at * INPUT, fixture->x + (step * BATCH + row) * INPUT, INPUT) +
         dot(fixture->weight_hh + at * HIDDEN, v, HIDDEN);
}

// One step of one row: `h` and `c` in, their next values out.
static void step_lstm(const fixture_t* fixture, int step, int row, float* h, float* c) {
  float old_h[HIDDEN], peephole[3 * HIDDEN] = {0};
  memcpy(old_h, h, sizeof(old_h));
  if (fixture->layer.peephole) memcpy(peephole, fixture->peephole, sizeof(peephole));
  for (int i = 0; i < HIDDEN; ++i) {
    double z[4];
    for (int g = 0; g < 4; ++g) {
      z[g] = gate(fixture, step, row, g, i, old_h) + (double)fixture->bias[g * HIDDEN + i];
    }
    double input = sigmoid(z[0] + (double)(peephole[i] * c[i])),
           forget = sigmoid(z[1] + (double)(peephole[HIDDEN + i] * c[i]));
    double next = forget * (double)c[i] + input * tanh(z[3]), clip = (double)fixture->layer.clip;
    next = next > clip ? clip : next < -clip ? -clip : next;
    c[i] = (float)next;
    h[i] = (float)(sigmoid(z[2] + (double)peephole[2 * HIDDEN + i] * next) * tanh(next));
  }
}

static void step_gru(const fixture_t* fixture, int step, int row, float* h, float* c) {
  float old_h[HIDDEN], scaled[HIDDEN];
  double reset[HIDDEN];
  (void)c;
  memcpy(old_h, h, sizeof(old_h));
  const float *bias = fixture->bias, *input_bias = fixture->input_bias;
  bool after = fixture->layer.reset_after;
  for (int i = 0; i < HIDDEN; ++i) {
    double b = (double)bias[i] + (after ? (double)input_bias[i] : 0);
    reset[i] = sigmoid(gate(fixture, step, row, 0, i, old_h) + b);
    scaled[i] = (float)(reset[i] * (double)old_h[i]);
  }
  static const float zeros[HIDDEN] = {0};
  for (int i = 0; i < HIDDEN; ++i) {
    int at = 2 * HIDDEN + i;
    double b = (double)bias[at] + (after ? (double)input_bias[at] : 0);
    double update = sigmoid(gate(fixture, step, row, 2, i, old_h) + b), fresh;
    at = HIDDEN + i;
    if (after) {
      fresh = gate(fixture, step, row, 1, i, zeros) + (double)input_bias[at] +
              reset[i] * (dot(fixture->weight_hh + at * HIDDEN, old_h, HIDDEN) + (double)bias[at]);
    } else {
      fresh = gate(fixture, step, row, 1, i, scaled) + (double)bias[at];
    }
    h[i] = (float)((1 - update) * tanh(fresh) + update * (double)old_h[i]);
  }
}

static void step_plain(const fixture_t* fixture, int step, int row, float* h, float* c) {
  float old_h[HIDDEN];
  (void)c;
  memcpy(old_h, h, sizeof(old_h));
  for (int i = 0; i < HIDDEN; ++i) {
    h[i] = (float)tanh(gate(fixture, step, row, 0, i, old_h) + (double)fixture->bias[i]);
  }
}

static void assert_close(float found, float expected) {
  assert_true(fabsf(found - expected) < 2e-6f);
}

static void compare(fixture_t* fixture, bool backwards, bool aligned,
                    void (*step)(const fixture_t*, int, int, float*, float*)) {
  run(fixture, backwards, aligned);
  for (int row = 0; row < BATCH; ++row) {
    float *h = fixture->h + row * HIDDEN, *c = fixture->c + row * HIDDEN;
    for (int k = 0; k < STEPS; ++k) {
      int at = backwards ? STEPS - 1 - k : k;
      step(fixture, at, row, h, c);
      for (int i = 0; i < HIDDEN; ++i) {
        assert_close(fixture->sequence[((aligned ? at : k) * BATCH + row) * HIDDEN + i], h[i]);
      }
    }
    for (int i = 0; i < HIDDEN; ++i) {
      assert_close(fixture->final_h[row * HIDDEN + i], h[i]);
      if (fixture->layer.kind == PPN_RECURRENT_LSTM) {
        assert_close(fixture->final_c[row * HIDDEN + i], c[i]);
      }
    }
  }
}

static void lstm(void** state) {
  (void)state;
  static fixture_t fixture;
  fill(&fixture, PPN_RECURRENT_LSTM);
  compare(&fixture, false, false, step_lstm);
  fill(&fixture, PPN_RECURRENT_LSTM);
  compare(&fixture, true, true, step_lstm);
}

static void lstm_with_peepholes_and_clip(void** state) {
  (void)state;
  static fixture_t fixture;
  fill(&fixture, PPN_RECURRENT_LSTM);
  fixture.layer.peephole = fixture.peephole;
  fixture.layer.clip = 0.2f;
  compare(&fixture, true, false, step_lstm);
}

static void gru(void** state) {
  (void)state;
  static fixture_t fixture;
  fill(&fixture, PPN_RECURRENT_GRU);
  compare(&fixture, false, false, step_gru);
  fill(&fixture, PPN_RECURRENT_GRU);
  fixture.layer.reset_after = true;
  fixture.layer.input_bias = fixture.input_bias;
  compare(&fixture, true, false, step_gru);
}

static void plain(void** state) {
  (void)state;
  static fixture_t fixture;
  fill(&fixture, PPN_RECURRENT_PLAIN);
  compare(&fixture, false, false, step_plain);
}

static void no_steps_keep_the_state(void** state) {
  (void)state;
  static fixture_t fixture;
  fill(&fixture, PPN_RECURRENT_LSTM);
  fixture.layer.steps = 0;
  run(&fixture, false, false);
  assert_memory_equal(fixture.final_h, fixture.h, sizeof(fixture.h));
  assert_memory_equal(fixture.final_c, fixture.c, sizeof(fixture.c));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lstm),
      cmocka_unit_test(lstm_with_peepholes_and_clip),
      cmocka_unit_test(gru),
      cmocka_unit_test(plain),
      cmocka_unit_test(no_steps_keep_the_state),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
