// Random numbers. A seed gives the same numbers in every run; none gives others each time.
#include <string.h>

#include "engine/families.h"
#include "kernels/random.h"

typedef struct random_state {
  ppn_random_t random;
  int64_t seed;
  double first, second;  // mean and deviation, limits, or probability
  const ppn_tensor_t* x;
  bool are_logits;
} random_state_t;

static ppn_status_t new_state(ppn_engine_node_t* node, ppn_arena_t* arena, random_state_t** out) {
  PPN_ARENA_NEW(arena, 1, out);
  node->state = *out;
  (*out)->seed = ppn_mil_input_int(node->operation, "seed", -1);
  ppn_random_start(&(*out)->random, (*out)->seed);
  return ppn_status_ok();
}

// The sequence to draw from: from its start when there is a seed.
static ppn_random_t* sequence(ppn_engine_node_t* node) {
  random_state_t* state = node->state;
  if (state->seed != -1) ppn_random_start(&state->random, state->seed);
  return &state->random;
}

static ppn_status_t prepare_uniform(ppn_engine_node_t* node, ppn_arena_t* arena) {
  random_state_t* state;
  PPN_RETURN_IF_ERROR(new_state(node, arena, &state));
  state->first = ppn_mil_input_float(node->operation, "low", 0);
  state->second = ppn_mil_input_float(node->operation, "high", 1);
  return ppn_status_ok();
}

static ppn_status_t run_uniform(ppn_engine_node_t* node) {
  const random_state_t* state = node->state;
  ppn_kernel_random_uniform(sequence(node), state->first, state->second, &node->outputs[0]);
  return ppn_status_ok();
}

static ppn_status_t prepare_normal(ppn_engine_node_t* node, ppn_arena_t* arena) {
  random_state_t* state;
  PPN_RETURN_IF_ERROR(new_state(node, arena, &state));
  state->first = ppn_mil_input_float(node->operation, "mean", 0);
  state->second = ppn_mil_input_float(node->operation, "stddev", 1);
  return ppn_status_ok();
}

static ppn_status_t run_normal(ppn_engine_node_t* node) {
  const random_state_t* state = node->state;
  ppn_kernel_random_normal(sequence(node), state->first, state->second, &node->outputs[0]);
  return ppn_status_ok();
}

static ppn_status_t prepare_bernoulli(ppn_engine_node_t* node, ppn_arena_t* arena) {
  random_state_t* state;
  PPN_RETURN_IF_ERROR(new_state(node, arena, &state));
  state->first = ppn_mil_input_float(node->operation, "prob", 0.5);
  return ppn_status_ok();
}

static ppn_status_t run_bernoulli(ppn_engine_node_t* node) {
  const random_state_t* state = node->state;
  ppn_kernel_random_bernoulli(sequence(node), state->first, &node->outputs[0]);
  return ppn_status_ok();
}

static ppn_status_t prepare_categorical(ppn_engine_node_t* node, ppn_arena_t* arena) {
  random_state_t* state;
  PPN_RETURN_IF_ERROR(new_state(node, arena, &state));
  state->x = ppn_node_input(node, "x");
  const char* mode = ppn_mil_input_string(node->operation, "mode", "logits");
  state->are_logits = strcmp(mode, "logits") == 0;
  if (!state->are_logits && strcmp(mode, "probs") != 0) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "mode '%s' is neither logits nor probs",
                         mode);
  }
  return ppn_status_ok();
}

static ppn_status_t run_categorical(ppn_engine_node_t* node) {
  const random_state_t* state = node->state;
  ppn_kernel_random_categorical(sequence(node), state->are_logits, state->x, &node->outputs[0]);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"random_uniform", 0, prepare_uniform, run_uniform, NULL},
    {"random_normal", 0, prepare_normal, run_normal, NULL},
    {"random_bernoulli", PPN_ENGINE_EXACT, prepare_bernoulli, run_bernoulli, NULL},
    {"random_categorical", 0, prepare_categorical, run_categorical, NULL},
};

const ppn_engine_family_t ppn_engine_random = {kernels, PPN_COUNT_OF(kernels)};
