// Recurrent networks: one Core ML operation for each layer.
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

// One direction of one layer.
typedef struct cell {
  ppn_mil_value_t *input_weight, *hidden_weight, *bias;
} cell_t;

typedef struct network {
  const ppn_argument_t* parameters;
  ppn_dtype_t dtype;
  uint32_t directions, per_cell;  // tensors of a cell: 2 weights, and 2 biases when there are any
  bool has_biases;
} network_t;

// torch orders the gates i, f, g, o; Core ML i, f, o, g. Blocks of `hidden` rows are moved.
static ppn_mil_value_t* reorder_gates(ppn_lower_context_t* context, ppn_mil_value_t* weight) {
  static const int order[4] = {0, 1, 3, 2};
  const void* source = NULL;
  if (context->status || !weight) return NULL;
  ppn_arena_t* arena = &context->builder.function->program->arena;
  ppn_row_check(context, ppn_mil_constant_materialise(weight->constant, arena, &source));
  size_t size = ppn_mil_constant_size(weight->constant);
  uint8_t* target = ppn_arena_alloc(arena, size);
  if (!target) ppn_row_fail(context, ppn_out_of_memory());
  if (context->status) return NULL;
  size_t block = size / 4;
  for (size_t i = 0; i < 4; i++) {
    memcpy(target + i * block, (const uint8_t*)source + (size_t)order[i] * block, block);
  }
  int64_t sizes[PPN_MAX_RANK];
  for (int i = 0; i < weight->type.rank; i++) sizes[i] = weight->type.sizes[i].value;
  ppn_mil_constant_t* constant = ppn_arena_alloc(arena, sizeof *constant);
  if (!constant) {
    ppn_row_fail(context, ppn_out_of_memory());
    return NULL;
  }
  constant->dtype = weight->type.dtype;
  constant->view = ppn_tensor_make(target, weight->type.dtype, weight->type.rank, sizes);
  constant->view_size = size;
  constant->blob_offset = UINT64_MAX;
  ppn_mil_value_t* out = NULL;
  ppn_row_check(context, ppn_mil_constant_value(&context->builder, weight->name, constant, &out));
  return out;
}

// Core ML has one bias: the sum of torch's two.
static ppn_mil_value_t* sum_biases(ppn_lower_context_t* context, ppn_mil_value_t* a,
                                   ppn_mil_value_t* b) {
  if (context->status || !a || !b) return NULL;
  int64_t count = ppn_mil_constant_numel(a->constant);
  float* sum =
      ppn_arena_alloc_array(&context->builder.function->program->arena, (size_t)count, sizeof *sum);
  if (!sum) {
    ppn_row_fail(context, ppn_out_of_memory());
    return NULL;
  }
  for (int64_t i = 0; i < count; i++) {
    sum[i] = (float)(ppn_mil_constant_element(a->constant, i) +
                     ppn_mil_constant_element(b->constant, i));
  }
  ppn_mil_value_t* total = ppn_row_data(context, PPN_DTYPE_FLOAT32, 1, &count, sum);
  return ppn_row_cast(context, total, a->type.dtype);
}

static cell_t read_cell(ppn_lower_context_t* context, const network_t* network, uint32_t index) {
  ppn_mil_value_t* parts[4] = {NULL};
  cell_t cell = {NULL, NULL, NULL};
  for (uint32_t i = 0; i < network->per_cell; i++) {
    parts[i] = ppn_row_list_item(context, network->parameters, index * network->per_cell + i,
                                 network->dtype);
    if (parts[i] && !ppn_row_is_viewable(parts[i])) {
      ppn_row_fail(context, ppn_status_make(PPN_STATUS_UNSUPPORTED,
                                            "the weights of the recurrent layer are not constant"));
    }
  }
  cell.input_weight = reorder_gates(context, parts[0]);
  cell.hidden_weight = reorder_gates(context, parts[1]);
  if (network->has_biases) {
    cell.bias = reorder_gates(context, sum_biases(context, parts[2], parts[3]));
  }
  return cell;
}

// The layer's part [directions, B, H] of a state [layers * directions, B, H], as [B, directions *
// H].
static ppn_mil_value_t* layer_state(ppn_lower_context_t* context, ppn_mil_value_t* states,
                                    const network_t* network, uint32_t layer) {
  ppn_mil_value_t* parts[2];
  const int64_t first = 0;
  for (uint32_t i = 0; i < network->directions; i++) {
    int64_t index = (int64_t)layer * network->directions + i;
    parts[i] =
        ppn_row_squeeze(context, ppn_row_slice(context, states, 0, index, index + 1), &first, 1);
  }
  return network->directions == 1 ? parts[0] : ppn_row_concat(context, parts, 2, 1);
}

// [B, directions * H] → `directions` times [B, H]
static void split_state(ppn_lower_context_t* context, ppn_mil_value_t* state,
                        const network_t* network, ppn_mil_value_t** out) {
  if (network->directions == 1) {
    out[0] = state;
    return;
  }
  ppn_row_input_t inputs[] = {
      {"x", state}, {"num_splits", ppn_row_int(context, 2)}, {"axis", ppn_row_int(context, 1)}};
  ppn_row_emit_outputs(context, "split", inputs, 3, out, 2);
}

enum { MAX_LAYERS = 16 };

static ppn_status_t lower_lstm(ppn_lower_context_t* context, const ppn_node_t* node) {
  network_t network = {.parameters = ppn_node_argument(node, "params"),
                       .dtype = ppn_row_output_dtype(node),
                       .has_biases = ppn_row_literal_bool(node, "has_biases", true)};
  network.directions = ppn_row_literal_bool(node, "bidirectional", false) ? 2 : 1;
  network.per_cell = network.has_biases ? 4 : 2;
  uint32_t layers = (uint32_t)ppn_row_literal_int(node, "num_layers", 1);
  bool batch_first = ppn_row_literal_bool(node, "batch_first", false);
  const ppn_argument_t* hx = ppn_node_argument(node, "hx");
  ppn_mil_value_t* x = ppn_row_operand(context, ppn_node_argument(node, "input"), network.dtype);
  ppn_mil_value_t* initial_h = ppn_row_list_item(context, hx, 0, network.dtype);
  ppn_mil_value_t* initial_c = ppn_row_list_item(context, hx, 1, network.dtype);
  ppn_mil_value_t *final_h[2 * MAX_LAYERS], *final_c[2 * MAX_LAYERS];
  if (batch_first) x = ppn_row_swap_axes(context, x, 0, 1);
  for (uint32_t layer = 0; layer < layers && !context->status; layer++) {
    cell_t forward = read_cell(context, &network, layer * network.directions);
    cell_t backward = {NULL, NULL, NULL};
    bool both = network.directions == 2;
    if (both) backward = read_cell(context, &network, layer * 2 + 1);
    ppn_row_input_t inputs[] = {
        {"x", x},
        {"initial_h", layer_state(context, initial_h, &network, layer)},
        {"initial_c", layer_state(context, initial_c, &network, layer)},
        {"weight_ih", forward.input_weight},
        {"weight_hh", forward.hidden_weight},
        {"bias", forward.bias},
        {"weight_ih_back", backward.input_weight},
        {"weight_hh_back", backward.hidden_weight},
        {"bias_back", backward.bias},
        {"direction", ppn_row_text(context, both ? "bidirectional" : "forward")},
        {"output_sequence", ppn_row_bool(context, true)},
    };
    ppn_mil_value_t* results[3];
    ppn_row_emit_outputs(context, "lstm", inputs, (uint32_t)PPN_COUNT_OF(inputs), results, 3);
    x = results[0];
    split_state(context, results[1], &network, final_h + layer * network.directions);
    split_state(context, results[2], &network, final_c + layer * network.directions);
  }
  if (batch_first) x = ppn_row_swap_axes(context, x, 0, 1);
  ppn_row_bind(context, node, 0, x);
  ppn_row_bind(context, node, 1, ppn_row_stack(context, final_h, layers * network.directions, 0));
  ppn_row_bind(context, node, 2, ppn_row_stack(context, final_c, layers * network.directions, 0));
  return ppn_row_finish(context);
}

static bool lstm_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                           ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "input");
  const ppn_argument_t* parameters = ppn_node_argument(node, "params");
  const ppn_argument_t* states = ppn_node_argument(node, "hx");
  if (!x || x->rank != 3) return ppn_row_refuse(reason, "a sequence without batch dimension");
  if (!parameters || parameters->kind != PPN_ARGUMENT_VALUES || !states || states->count != 2) {
    return ppn_row_refuse(reason, "parameters that are not a list of tensors");
  }
  int64_t layers = ppn_row_literal_int(node, "num_layers", 0);
  uint32_t cells = (uint32_t)layers * (ppn_row_literal_bool(node, "bidirectional", false) ? 2 : 1);
  uint32_t per_cell = ppn_row_literal_bool(node, "has_biases", true) ? 4 : 2;
  if (layers < 1 || layers > MAX_LAYERS || parameters->count != cells * per_cell) {
    return ppn_row_refuse(reason, "projected states, or more than %d layers", MAX_LAYERS);
  }
  for (uint32_t i = 0; i < parameters->count; i++) {
    const ppn_value_t* value = parameters->u.values[i];
    if (!value || value->producer) return ppn_row_refuse(reason, "computed weights");
  }
  if (ppn_row_literal_bool(node, "train", false) &&
      ppn_row_literal_number(node, "dropout", 0) != 0) {
    return ppn_row_refuse(reason, "dropout in training mode");
  }
  return true;
}

static const ppn_lower_row_t rows[] = {
    {"aten::lstm.input", lower_lstm, lstm_supported, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(recurrent, "Recurrent networks");
