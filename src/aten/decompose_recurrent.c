// Decompositions of recurrent layers: the steps one after the other.
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

// Each step is about a dozen nodes; longer sequences would make programs that nobody wants.
enum { MAXIMUM_STEPS = 1024, MAXIMUM_GATES = 4 };

typedef enum cell { CELL_LSTM, CELL_GRU, CELL_TANH, CELL_RELU } cell_t;

typedef struct weights {
  ppn_value_t *of_input, *of_state, *input_bias, *state_bias;
  ppn_value_t* projection;  // of an LSTM's output; or NULL
} weights_t;

typedef struct state {
  ppn_value_t *output, *memory;  // memory: an LSTM's
} state_t;

static ppn_value_t* add(ppn_build_t* build, ppn_value_t* a, ppn_value_t* b) {
  return ppn_build_binary(build, "aten::add.Tensor", a, b, PPN_DTYPE_INVALID);
}

static ppn_value_t* multiply(ppn_build_t* build, ppn_value_t* a, ppn_value_t* b) {
  return ppn_build_binary(build, "aten::mul.Tensor", a, b, PPN_DTYPE_INVALID);
}

static ppn_value_t* sigmoid(ppn_build_t* build, ppn_value_t* x) {
  return ppn_build_unary(build, "aten::sigmoid", x);
}

static ppn_value_t* tanh_of(ppn_build_t* build, ppn_value_t* x) {
  return ppn_build_unary(build, "aten::tanh", x);
}

static ppn_value_t* linear(ppn_build_t* build, ppn_value_t* x, ppn_value_t* weight,
                           ppn_value_t* bias) {
  if (build->status) return NULL;
  ppn_dim_t sizes[64];
  int rank = x->tensor.rank;
  for (int i = 0; i < rank; ++i) sizes[i] = x->tensor.sizes[i];
  sizes[rank - 1] = weight->tensor.sizes[0];
  ppn_tensor_meta_t meta = ppn_build_meta(build, x->tensor.dtype, rank, sizes);
  return ppn_build_op(build, "aten::linear", &meta, ppn_argument_value("input", x),
                      ppn_argument_value("weight", weight),
                      bias ? ppn_argument_value("bias", bias) : ppn_argument_none("bias"));
}

// The parts of the last dimension, one a gate.
static void split_gates(ppn_build_t* build, ppn_value_t* x, int count, ppn_value_t** out) {
  if (build->status) return;
  int last = x->tensor.rank - 1;
  int64_t width = x->tensor.sizes[last].value / count;
  for (int i = 0; i < count; ++i) {
    out[i] = ppn_build_slice(build, x, last, i * width, (i + 1) * width, width);
  }
}

static state_t lstm_step(ppn_build_t* build, const weights_t* weights, ppn_value_t* from_input,
                         state_t state) {
  ppn_value_t *gates[MAXIMUM_GATES] = {NULL},
              *sum = add(build, from_input,
                         linear(build, state.output, weights->of_state, weights->state_bias));
  split_gates(build, sum, 4, gates);
  ppn_value_t* kept = multiply(build, sigmoid(build, gates[1]), state.memory);
  ppn_value_t* taken = multiply(build, sigmoid(build, gates[0]), tanh_of(build, gates[2]));
  state.memory = add(build, kept, taken);
  state.output = multiply(build, sigmoid(build, gates[3]), tanh_of(build, state.memory));
  if (weights->projection) {
    state.output = linear(build, state.output, weights->projection, NULL);
  }
  return state;
}

static state_t gru_step(ppn_build_t* build, const weights_t* weights, ppn_value_t* from_input,
                        state_t state) {
  ppn_value_t *x[MAXIMUM_GATES] = {NULL}, *h[MAXIMUM_GATES] = {NULL};
  split_gates(build, from_input, 3, x);
  split_gates(build, linear(build, state.output, weights->of_state, weights->state_bias), 3, h);
  ppn_value_t* reset = sigmoid(build, add(build, x[0], h[0]));
  ppn_value_t* update = sigmoid(build, add(build, x[1], h[1]));
  ppn_value_t* candidate = tanh_of(build, add(build, x[2], multiply(build, reset, h[2])));
  ppn_value_t* change = ppn_build_binary(build, "aten::sub.Tensor", state.output, candidate, 0);
  state.output = add(build, multiply(build, change, update), candidate);
  return state;
}

static state_t step(ppn_build_t* build, cell_t cell, const weights_t* weights,
                    ppn_value_t* from_input, state_t state) {
  if (cell == CELL_LSTM) return lstm_step(build, weights, from_input, state);
  if (cell == CELL_GRU) return gru_step(build, weights, from_input, state);
  ppn_value_t* sum =
      add(build, from_input, linear(build, state.output, weights->of_state, weights->state_bias));
  state.output = ppn_build_unary(build, cell == CELL_TANH ? "aten::tanh" : "aten::relu", sum);
  return state;
}

// ---- Layers ----

typedef struct layers {
  cell_t cell;
  int64_t steps, count;
  int directions;
  bool has_biases, has_projection;
  const ppn_argument_t* parameters;
  ppn_value_t *outputs, *memories;  // the initial states of all layers
} layers_t;

static weights_t weights_of(const layers_t* layers, int64_t index) {
  uint32_t each = (layers->has_biases ? 4 : 2) + (layers->has_projection ? 1 : 0);
  ppn_value_t** list = layers->parameters->u.values + index * each;
  weights_t weights = {.of_input = list[0], .of_state = list[1]};
  if (layers->has_biases) {
    weights.input_bias = list[2];
    weights.state_bias = list[3];
  }
  if (layers->has_projection) weights.projection = list[each - 1];
  return weights;
}

// All steps of one direction of a layer; `out_steps` gets the outputs as [1, B, H] in the order of
// the sequence.
static state_t run_direction(ppn_build_t* build, const layers_t* layers, int64_t index,
                             bool is_reverse, ppn_value_t* x, ppn_value_t** out_steps) {
  weights_t weights = weights_of(layers, index);
  state_t state = {.output = ppn_build_select(build, layers->outputs, 0, index)};
  if (layers->cell == CELL_LSTM) {
    state.memory = ppn_build_select(build, layers->memories, 0, index);
  }
  ppn_value_t* from_input = linear(build, x, weights.of_input, weights.input_bias);
  for (int64_t i = 0; i < layers->steps && !build->status; ++i) {
    int64_t t = is_reverse ? layers->steps - 1 - i : i;
    state = step(build, layers->cell, &weights, ppn_build_select(build, from_input, 0, t), state);
    out_steps[t] = ppn_build_unsqueeze(build, state.output, 0);
  }
  return state;
}

static ppn_value_t* run_layers(ppn_build_t* build, const layers_t* layers, ppn_value_t* x,
                               state_t* out_states) {
  ppn_value_t* steps[MAXIMUM_STEPS];
  for (int64_t layer = 0; layer < layers->count && !build->status; ++layer) {
    ppn_value_t* sequences[2] = {NULL, NULL};
    for (int d = 0; d < layers->directions && !build->status; ++d) {
      int64_t index = layer * layers->directions + d;
      out_states[index] = run_direction(build, layers, index, d == 1, x, steps);
      sequences[d] = ppn_build_cat(build, steps, (uint32_t)layers->steps, 0);
    }
    if (build->status) break;
    x = layers->directions == 1 ? sequences[0]
                                : ppn_build_cat(build, sequences, 2, sequences[0]->tensor.rank - 1);
  }
  return x;
}

static cell_t cell_of(const ppn_node_t* node) {
  if (strstr(node->target, "lstm")) return CELL_LSTM;
  if (strstr(node->target, "gru")) return CELL_GRU;
  return strstr(node->target, "tanh") ? CELL_TANH : CELL_RELU;
}

static bool read_layers(const ppn_build_t* build, ppn_value_t* x, int time_dim, layers_t* out) {
  const ppn_node_t* node = build->node;
  const ppn_argument_t *states = ppn_node_argument(node, "hx"),
                       *params = ppn_node_argument(node, "params");
  out->cell = cell_of(node);
  out->count = ppn_build_int(build, "num_layers", 0);
  out->directions = ppn_build_bool(build, "bidirectional", false) ? 2 : 1;
  out->has_biases = ppn_build_bool(build, "has_biases", true);
  out->parameters = params;
  if (!states || !params || params->kind != PPN_ARGUMENT_VALUES) return false;
  bool is_list = states->kind == PPN_ARGUMENT_VALUES;
  if (is_list != (out->cell == CELL_LSTM) || (is_list && states->count != 2)) return false;
  out->outputs = is_list ? states->u.values[0] : states->u.value;
  out->memories = is_list ? states->u.values[1] : NULL;
  uint32_t each = out->has_biases ? 4 : 2, total = (uint32_t)(out->count * out->directions);
  out->has_projection = params->count == total * (each + 1);
  if (params->count != total * each && !out->has_projection) return false;
  ppn_dim_t steps = x->tensor.sizes[time_dim];
  out->steps = steps.value;
  bool drops = ppn_build_bool(build, "train", false) && ppn_build_number(build, "dropout", 0) != 0;
  return ppn_dim_is_static(steps) && steps.value >= 1 && steps.value <= MAXIMUM_STEPS &&
         total >= 1 && total <= 64 && !drops;
}

// The final states of all layers: [layers · directions, …].
static ppn_value_t* stack(ppn_build_t* build, const state_t* states, uint32_t count,
                          bool memories) {
  ppn_value_t* parts[64];
  for (uint32_t i = 0; i < count && !build->status; ++i) {
    parts[i] = ppn_build_unsqueeze(build, memories ? states[i].memory : states[i].output, 0);
  }
  return ppn_build_cat(build, parts, count, 0);
}

static ppn_status_t recurrent(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* input = ppn_build_tensor(&build, "input");
  bool batch_first = ppn_build_bool(&build, "batch_first", false) && input->tensor.rank == 3;
  state_t states[64] = {{NULL, NULL}};
  layers_t layers = {0};
  if (!read_layers(&build, input, batch_first ? 1 : 0, &layers)) return ppn_status_ok();
  ppn_value_t* x = batch_first ? ppn_build_transpose(&build, input, 0, 1) : input;
  x = run_layers(&build, &layers, x, states);
  if (batch_first) x = ppn_build_transpose(&build, x, 0, 1);
  uint32_t count = (uint32_t)(layers.count * layers.directions);
  ppn_value_t* results[] = {x, stack(&build, states, count, false),
                            layers.cell == CELL_LSTM ? stack(&build, states, count, true) : NULL};
  for (uint32_t i = 0; i < node->output_count && !build.status; ++i) {
    if (node->outputs[i]) node->outputs[i]->replacement = results[i];
  }
  return build.status;
}

static const ppn_aten_row_t rows[] = {
    {"aten::lstm.input", NULL, recurrent, NULL},
    {"aten::gru.input", NULL, recurrent, NULL},
    {"aten::rnn_tanh.input", NULL, recurrent, NULL},
    {"aten::rnn_relu.input", NULL, recurrent, NULL},
};
const ppn_aten_family_t ppn_aten_recurrent = {rows, PPN_COUNT_OF(rows)};
