// LSTM, GRU and plain recurrent layers.
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "engine/families.h"
#include "kernels/recurrent.h"

typedef struct recurrence {
  const ppn_tensor_t *x, *initial_h, *initial_c;
  ppn_recurrent_t layers[2];
  int directions;
  bool reverse, output_sequence;
} recurrence_t;

// ---- Preparing ----

static bool is_called(const char* name, const char* other) {
  for (; *name && *other; ++name, ++other) {
    if (tolower((unsigned char)*name) != *other) return false;
  }
  return *name == *other;
}

static ppn_status_t read_activation(const ppn_engine_node_t* node, const char* parameter,
                                    const char* fallback, ppn_activation_t* out) {
  static const struct {
    const char* name;
    ppn_activation_t activation;
  } rows[] = {
      {"sigmoid", {PPN_UNARY_SIGMOID, {0, 0, 0}}},
      {"tanh", {PPN_UNARY_TANH, {0, 0, 0}}},
      {"scaled_tanh", {PPN_UNARY_TANH, {0, 0, 0}}},
      {"relu", {PPN_UNARY_RELU, {0, 0, 0}}},
      {"linear", {PPN_UNARY_LINEAR, {1, 0, 0}}},
      {"hard_sigmoid", {PPN_UNARY_HARD_SIGMOID, {0.2, 0.5, 0}}},
      {"sigmoid_hard", {PPN_UNARY_HARD_SIGMOID, {0.2, 0.5, 0}}},
  };
  const char* name = ppn_mil_input_string(node->operation, parameter, fallback);
  for (size_t i = 0; i < PPN_COUNT_OF(rows); ++i) {
    if (!is_called(name, rows[i].name)) continue;
    *out = rows[i].activation;
    return ppn_status_ok();
  }
  return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "%s '%s'", parameter, name);
}

// A parameter of one direction, of `count` elements; NULL when it is not given.
static ppn_status_t read_weights(const ppn_engine_node_t* node, const char* name, bool back,
                                 int64_t count, bool is_required, const float** out) {
  char full[32] = {0};
  strcpy(full, name);
  if (back) strcat(full, "_back");
  const ppn_tensor_t* tensor = ppn_node_input(node, full);
  *out = tensor ? tensor->data : NULL;
  if (tensor ? ppn_tensor_numel(tensor) != count : is_required) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT, "%s must have %lld elements, not %lld",
                         full, (long long)count,
                         (long long)(tensor ? ppn_tensor_numel(tensor) : 0));
  }
  return ppn_status_ok();
}

static ppn_status_t prepare_layer(ppn_engine_node_t* node, ppn_arena_t* arena, bool back,
                                  ppn_recurrent_t* layer) {
  int64_t rows = layer->hidden * ppn_recurrent_gates(layer->kind);
  PPN_RETURN_IF_ERROR(
      read_weights(node, "weight_ih", back, rows * layer->input, true, &layer->weight_ih));
  PPN_RETURN_IF_ERROR(
      read_weights(node, "weight_hh", back, rows * layer->hidden, true, &layer->weight_hh));
  PPN_RETURN_IF_ERROR(read_weights(node, "bias", back, rows, false, &layer->bias));
  PPN_RETURN_IF_ERROR(read_weights(node, "input_bias", back, rows, false, &layer->input_bias));
  PPN_RETURN_IF_ERROR(
      read_weights(node, "peephole", back, 3 * layer->hidden, false, &layer->peephole));
  uint8_t* memory = ppn_arena_alloc(arena, ppn_recurrent_packed_size(layer) + 64);
  if (!memory) return ppn_out_of_memory();
  layer->packed = memory + (64 - (uintptr_t)memory % 64);
  ppn_recurrent_pack(layer, layer->packed);
  return ppn_status_ok();
}

static ppn_status_t prepare(ppn_engine_node_t* node, ppn_arena_t* arena,
                            ppn_recurrent_kind_t kind) {
  recurrence_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  const char* direction = ppn_mil_input_string(node->operation, "direction", "forward");
  state->x = ppn_node_input(node, "x");
  state->initial_h = ppn_node_input(node, "initial_h");
  state->initial_c = ppn_node_input(node, "initial_c");
  state->directions = is_called(direction, "bidirectional") ? 2 : 1;
  state->reverse = is_called(direction, "reverse");
  state->output_sequence = ppn_mil_input_bool(node->operation, "output_sequence", false);
  ppn_recurrent_t layer = {
      .kind = kind,
      .steps = state->x->sizes[0],
      .batch = state->x->sizes[1],
      .input = state->x->sizes[2],
      .hidden = state->initial_h->sizes[1] / state->directions,
      .clip = (float)ppn_mil_input_float(node->operation, "clip", (double)INFINITY),
      .reset_after = ppn_mil_input_bool(node->operation, "reset_after", false),
  };
  const ppn_tensor_t *h = state->initial_h, *c = state->initial_c;
  if (h->sizes[0] != layer.batch || layer.hidden * state->directions != h->sizes[1] ||
      (c && (c->rank != 2 || c->sizes[0] != h->sizes[0] || c->sizes[1] != h->sizes[1]))) {
    return ppn_node_fail(node, PPN_STATUS_INVALID_ARGUMENT,
                         "initial states must be [%lld, %lld], for %d directions",
                         (long long)layer.batch, (long long)h->sizes[1], state->directions);
  }
  PPN_RETURN_IF_ERROR(read_activation(node, "recurrent_activation", "sigmoid", &layer.gate));
  PPN_RETURN_IF_ERROR(read_activation(node, "cell_activation", "tanh", &layer.cell));
  PPN_RETURN_IF_ERROR(read_activation(node, "activation", "tanh", &layer.act));
  for (int i = 0; i < state->directions; ++i) {
    state->layers[i] = layer;
    PPN_RETURN_IF_ERROR(prepare_layer(node, arena, i == 1, &state->layers[i]));
  }
  int threads = node->environment->pool ? ppn_thread_pool_size(node->environment->pool) : 1;
  node->scratch_size = ppn_recurrent_scratch_size(&state->layers[0], threads);
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t prepare_lstm(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare(node, arena, PPN_RECURRENT_LSTM);
}

static ppn_status_t prepare_gru(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare(node, arena, PPN_RECURRENT_GRU);
}

static ppn_status_t prepare_rnn(ppn_engine_node_t* node, ppn_arena_t* arena) {
  return prepare(node, arena, PPN_RECURRENT_PLAIN);
}

// ---- Running ----

static ppn_status_t run_recurrent(ppn_engine_node_t* node) {
  const recurrence_t* state = node->state;
  int64_t batch = state->layers[0].batch, hidden = state->layers[0].hidden,
          width = hidden * state->directions;
  float *sequence = node->outputs[0].data, *h = node->outputs[1].data,
        *c = node->output_count > 2 ? node->outputs[2].data : NULL;
  for (int i = 0; i < state->directions; ++i) {
    ppn_recurrent_pass_t pass = {
        .x = state->x->data,
        .initial_h = (const float*)state->initial_h->data + i * hidden,
        .initial_c = state->initial_c ? (const float*)state->initial_c->data + i * hidden : NULL,
        .final_h = h + i * hidden,
        .final_c = c ? c + i * hidden : NULL,
        .state_stride = width,
        .backwards = state->reverse || i == 1,
        .sequence = state->output_sequence ? sequence + i * hidden : NULL,
        .step_stride = batch * width,
        .row_stride = width,
        .aligned = state->directions == 2,  // a single reverse layer lists its steps as taken
    };
    ppn_recurrent_run(&state->layers[i], &pass, node->scratch, node->environment->pool);
  }
  if (!state->output_sequence) memcpy(sequence, h, (size_t)(batch * width) * sizeof(float));
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"lstm", 0, prepare_lstm, run_recurrent, NULL},
    {"gru", 0, prepare_gru, run_recurrent, NULL},
    {"rnn", 0, prepare_rnn, run_recurrent, NULL},
};

const ppn_engine_family_t ppn_engine_recurrent = {kernels, PPN_COUNT_OF(kernels)};
