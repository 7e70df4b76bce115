#include "kernels/recurrent.h"

#include <string.h>

#include "base/checked.h"

enum { ALIGNMENT = 64 };

int ppn_recurrent_gates(ppn_recurrent_kind_t kind) {
  return kind == PPN_RECURRENT_LSTM ? 4 : kind == PPN_RECURRENT_GRU ? 3 : 1;
}

// A GRU multiplies its gates by different vectors, so their weights are packed one by one.
static int hidden_parts(const ppn_recurrent_t* layer) {
  return layer->kind == PPN_RECURRENT_GRU ? 3 : 1;
}

static int64_t part_columns(const ppn_recurrent_t* layer) {
  return layer->hidden * ppn_recurrent_gates(layer->kind) / hidden_parts(layer);
}

static size_t input_size(const ppn_recurrent_t* layer) {
  return ppn_align(ppn_gemm_packed_size(layer->hidden * ppn_recurrent_gates(layer->kind),
                                        layer->input, PPN_DTYPE_FLOAT32),
                   ALIGNMENT);
}

static size_t part_size(const ppn_recurrent_t* layer) {
  return ppn_align(ppn_gemm_packed_size(part_columns(layer), layer->hidden, PPN_DTYPE_FLOAT32),
                   ALIGNMENT);
}

size_t ppn_recurrent_packed_size(const ppn_recurrent_t* layer) {
  return input_size(layer) + part_size(layer) * (size_t)hidden_parts(layer);
}

static void pack(const float* weight, int64_t columns, int64_t depth, void* packed) {
  ppn_gemm_operand_t operand = {.dtype = PPN_DTYPE_FLOAT32, .data = weight};
  operand.depth_stride = 1;
  operand.column_stride = depth;
  ppn_gemm_pack(&operand, columns, depth, PPN_DTYPE_FLOAT32, packed);
}

void ppn_recurrent_pack(const ppn_recurrent_t* layer, void* packed) {
  int64_t columns = part_columns(layer);
  pack(layer->weight_ih, layer->hidden * ppn_recurrent_gates(layer->kind), layer->input, packed);
  uint8_t* to = (uint8_t*)packed + input_size(layer);
  for (int i = 0; i < hidden_parts(layer); ++i) {
    pack(layer->weight_hh + i * columns * layer->hidden, columns, layer->hidden,
         to + (size_t)i * part_size(layer));
  }
}

// ---- Products ----

static ppn_gemm_t product(int64_t rows, int64_t columns, int64_t depth, const void* packed) {
  ppn_gemm_t gemm = ppn_gemm_make(rows, columns, depth);
  gemm.packed_b = packed;
  gemm.packed_dtype = PPN_DTYPE_FLOAT32;
  return gemm;
}

static ppn_gemm_t input_product(const ppn_recurrent_t* layer) {
  return product(layer->steps * layer->batch, layer->hidden * ppn_recurrent_gates(layer->kind),
                 layer->input, layer->packed);
}

static ppn_gemm_t hidden_product(const ppn_recurrent_t* layer, int part) {
  const uint8_t* packed =
      (const uint8_t*)layer->packed + input_size(layer) + (size_t)part * part_size(layer);
  return product(layer->batch, part_columns(layer), layer->hidden, packed);
}

// ---- Memory of a pass ----

typedef struct pass_memory {
  float* gates;  // [steps, batch, gates * hidden]: W x + b, then what is added in each step
  float *h, *c;  // [batch, hidden]
  float *a, *b;  // the same, for intermediate results
  void* gemm;
} pass_memory_t;

static size_t floats_size(int64_t count) {
  return ppn_align((size_t)count * sizeof(float), ALIGNMENT);
}

size_t ppn_recurrent_scratch_size(const ppn_recurrent_t* layer, int thread_count) {
  int64_t columns = layer->hidden * ppn_recurrent_gates(layer->kind);
  ppn_gemm_t input = input_product(layer), hidden = hidden_product(layer, 0);
  size_t a = ppn_gemm_scratch_size(&input, thread_count),
         b = ppn_gemm_scratch_size(&hidden, thread_count);
  return floats_size(layer->steps * layer->batch * columns) +
         4 * floats_size(layer->batch * layer->hidden) + (a > b ? a : b);
}

static pass_memory_t place(const ppn_recurrent_t* layer, void* scratch) {
  uint8_t* at = scratch;
  size_t state = floats_size(layer->batch * layer->hidden);
  pass_memory_t memory = {.gates = scratch};
  at += floats_size(layer->steps * layer->batch * layer->hidden * ppn_recurrent_gates(layer->kind));
  memory.h = (float*)(void*)at;
  memory.c = (float*)(void*)(at += state);
  memory.a = (float*)(void*)(at += state);
  memory.b = (float*)(void*)(at += state);
  memory.gemm = at + state;
  return memory;
}

// ---- Steps ----

typedef struct step {
  const ppn_recurrent_t* layer;
  pass_memory_t memory;
  float* gates;  // of this step: [batch, gates * hidden]
  ppn_thread_pool_t* pool;
} step_t;

static float* gate_of(const step_t* step, int64_t row, int gate) {
  const ppn_recurrent_t* layer = step->layer;
  return step->gates + (row * ppn_recurrent_gates(layer->kind) + gate) * layer->hidden;
}

// values[row, i] = activation(values[row, i]) for `count` columns.
static void activate(const ppn_activation_t* activation, float* values, int64_t rows,
                     int64_t stride, int64_t count) {
  const int64_t sizes[] = {rows, count};
  ppn_tensor_t view = ppn_tensor_make(values, PPN_DTYPE_FLOAT32, 2, sizes);
  view.strides[0] = stride;
  ppn_kernel_unary(activation->op, &activation->parameters, &view, &view, NULL);
}

static void activate_gates(const step_t* step, const ppn_activation_t* activation, int first,
                           int count) {
  const ppn_recurrent_t* layer = step->layer;
  activate(activation, gate_of(step, 0, first), layer->batch,
           layer->hidden * ppn_recurrent_gates(layer->kind), layer->hidden * count);
}

// gates[part] += R[part] v
static void add_product(const step_t* step, int part, const float* v) {
  ppn_gemm_t gemm = hidden_product(step->layer, part);
  gemm.a = v;
  gemm.c = gate_of(step, 0, part);
  gemm.c_row_stride = step->layer->hidden * ppn_recurrent_gates(step->layer->kind);
  gemm.beta = 1;
  ppn_gemm_run(&gemm, step->memory.gemm, step->pool);
}

static void add_peephole(const step_t* step, int gate) {
  const ppn_recurrent_t* layer = step->layer;
  const float* weights = layer->peephole + gate * layer->hidden;
  for (int64_t row = 0; row < layer->batch; ++row) {
    float* values = gate_of(step, row, gate);
    const float* c = step->memory.c + row * layer->hidden;
    for (int64_t i = 0; i < layer->hidden; ++i) values[i] += weights[i] * c[i];
  }
}

static void step_lstm(const step_t* step) {
  enum { INPUT, FORGET, OUTPUT, CELL };
  const ppn_recurrent_t* layer = step->layer;
  int64_t hidden = layer->hidden;
  add_product(step, 0, step->memory.h);
  if (layer->peephole) {
    add_peephole(step, INPUT);
    add_peephole(step, FORGET);
  }
  activate_gates(step, &layer->gate, INPUT, layer->peephole ? 2 : 3);
  activate_gates(step, &layer->cell, CELL, 1);
  for (int64_t row = 0; row < layer->batch; ++row) {
    const float *input = gate_of(step, row, INPUT), *forget = gate_of(step, row, FORGET),
                *cell = gate_of(step, row, CELL);
    float* c = step->memory.c + row * hidden;
    for (int64_t i = 0; i < hidden; ++i) {
      float value = forget[i] * c[i] + input[i] * cell[i];
      value = value < -layer->clip ? -layer->clip : value;
      c[i] = value > layer->clip ? layer->clip : value;
    }
  }
  if (layer->peephole) {
    add_peephole(step, OUTPUT);
    activate_gates(step, &layer->gate, OUTPUT, 1);
  }
  memcpy(step->memory.a, step->memory.c, (size_t)(layer->batch * hidden) * sizeof(float));
  activate(&layer->act, step->memory.a, layer->batch, hidden, hidden);
  for (int64_t row = 0; row < layer->batch; ++row) {
    const float *output = gate_of(step, row, OUTPUT), *a = step->memory.a + row * hidden;
    float* h = step->memory.h + row * hidden;
    for (int64_t i = 0; i < hidden; ++i) h[i] = output[i] * a[i];
  }
}

// memory.b = R[NEW] h + b, of a reset_after GRU.
static void make_candidate(const step_t* step, int gate) {
  const ppn_recurrent_t* layer = step->layer;
  ppn_gemm_t gemm = hidden_product(layer, gate);
  gemm.a = step->memory.h;
  gemm.c = step->memory.b;
  gemm.epilogue.column_bias = layer->bias ? layer->bias + gate * layer->hidden : NULL;
  ppn_gemm_run(&gemm, step->memory.gemm, step->pool);
}

static void step_gru(const step_t* step) {
  enum { RESET, NEW, UPDATE };
  const ppn_recurrent_t* layer = step->layer;
  int64_t hidden = layer->hidden;
  float *h = step->memory.h, *a = step->memory.a, *b = step->memory.b;
  add_product(step, RESET, h);
  add_product(step, UPDATE, h);
  activate_gates(step, &layer->gate, RESET, 1);
  activate_gates(step, &layer->gate, UPDATE, 1);
  if (layer->reset_after) make_candidate(step, NEW);
  for (int64_t row = 0; row < layer->batch; ++row) {
    const float* reset = gate_of(step, row, RESET);
    float* candidate = gate_of(step, row, NEW);
    for (int64_t i = 0; i < hidden; ++i) {
      if (layer->reset_after) {
        candidate[i] += reset[i] * b[row * hidden + i];
      } else {
        a[row * hidden + i] = reset[i] * h[row * hidden + i];
      }
    }
  }
  if (!layer->reset_after) add_product(step, NEW, a);
  activate_gates(step, &layer->act, NEW, 1);
  for (int64_t row = 0; row < layer->batch; ++row) {
    const float *candidate = gate_of(step, row, NEW), *update = gate_of(step, row, UPDATE);
    for (int64_t i = 0; i < hidden; ++i) {
      float* state = &h[row * hidden + i];
      *state = (1 - update[i]) * candidate[i] + update[i] * *state;
    }
  }
}

static void step_plain(const step_t* step) {
  add_product(step, 0, step->memory.h);
  activate_gates(step, &step->layer->act, 0, 1);
  memcpy(step->memory.h, step->gates,
         (size_t)(step->layer->batch * step->layer->hidden) * sizeof(float));
}

// ---- Passes ----

static void copy_rows(const float* from, int64_t from_stride, float* to, int64_t to_stride,
                      int64_t rows, int64_t count) {
  for (int64_t row = 0; row < rows; ++row) {
    memmove(to + row * to_stride, from + row * from_stride, (size_t)count * sizeof(float));
  }
}

// The bias that the product with the input starts from. A reset_after GRU adds that of its new
// state behind the reset.
static const float* first_bias(const ppn_recurrent_t* layer) {
  return layer->reset_after ? layer->input_bias : layer->bias;
}

// The other bias, of a GRU.
static void add_second_bias(const ppn_recurrent_t* layer, float* gates) {
  const float* bias = layer->reset_after ? layer->bias : layer->input_bias;
  int64_t width = layer->hidden * ppn_recurrent_gates(layer->kind);
  if (!bias) return;
  for (int64_t row = 0; row < layer->steps * layer->batch; ++row) {
    for (int64_t i = 0; i < width; ++i) {
      bool is_later = layer->reset_after && i / layer->hidden == 1;
      gates[row * width + i] += is_later ? 0 : bias[i];
    }
  }
}

void ppn_recurrent_run(const ppn_recurrent_t* layer, const ppn_recurrent_pass_t* pass,
                       void* scratch, ppn_thread_pool_t* pool) {
  int64_t batch = layer->batch, hidden = layer->hidden;
  step_t step = {layer, place(layer, scratch), NULL, pool};
  ppn_gemm_t input = input_product(layer);
  input.a = pass->x;
  input.c = step.memory.gates;
  input.epilogue.column_bias = first_bias(layer);
  if (layer->steps > 0) ppn_gemm_run(&input, step.memory.gemm, pool);
  add_second_bias(layer, step.memory.gates);
  copy_rows(pass->initial_h, pass->state_stride, step.memory.h, hidden, batch, hidden);
  if (pass->initial_c) {
    copy_rows(pass->initial_c, pass->state_stride, step.memory.c, hidden, batch, hidden);
  }
  for (int64_t k = 0; k < layer->steps; ++k) {
    int64_t at = pass->backwards ? layer->steps - 1 - k : k;
    step.gates = step.memory.gates + at * batch * hidden * ppn_recurrent_gates(layer->kind);
    if (layer->kind == PPN_RECURRENT_LSTM) {
      step_lstm(&step);
    } else if (layer->kind == PPN_RECURRENT_GRU) {
      step_gru(&step);
    } else {
      step_plain(&step);
    }
    if (!pass->sequence) continue;
    copy_rows(step.memory.h, hidden, pass->sequence + (pass->aligned ? at : k) * pass->step_stride,
              pass->row_stride, batch, hidden);
  }
  copy_rows(step.memory.h, hidden, pass->final_h, pass->state_stride, batch, hidden);
  if (pass->final_c) {
    copy_rows(step.memory.c, hidden, pass->final_c, pass->state_stride, batch, hidden);
  }
}
