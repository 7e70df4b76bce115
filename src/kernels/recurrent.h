// Recurrent layers: LSTM, GRU and plain ones, one direction at a time.
#ifndef PPN_KERNELS_RECURRENT_H_
#define PPN_KERNELS_RECURRENT_H_

#include "kernels/elementwise.h"
#include "kernels/gemm.h"

// Gates in the order of the weights' rows.
typedef enum ppn_recurrent_kind {
  PPN_RECURRENT_PLAIN,  // h = act(W x + R h + b)
  PPN_RECURRENT_LSTM,   // input, forget, output, cell
  PPN_RECURRENT_GRU,    // reset, new, update
} ppn_recurrent_kind_t;

typedef struct ppn_activation {
  ppn_unary_t op;
  ppn_elementwise_parameters_t parameters;
} ppn_activation_t;

// A layer. Weights [gates * hidden, input] and [gates * hidden, hidden], biases [gates * hidden].
//
//   LSTM: i, f, o = gate(W x + R h + b + peephole * c)    o with the new c
//         c = f * c + i * cell(W x + R h + b), limited to [-clip, clip];  h = o * act(c)
//   GRU:  r, z = gate(W x + R h + b);  h = (1 - z) * n + z * h
//         n = act(W x + R (r * h) + b), or with reset_after act(W x + input_bias + r * (R h + b))
typedef struct ppn_recurrent {
  ppn_recurrent_kind_t kind;
  int64_t steps, batch, input, hidden;
  const float *weight_ih, *weight_hh;
  const float *bias, *input_bias;  // may be NULL
  const float* peephole;           // [3 * hidden]: input, forget, output; may be NULL
  float clip;                      // INFINITY: none
  bool reset_after;
  ppn_activation_t gate, cell, act;
  void* packed;  // made by ppn_recurrent_pack
} ppn_recurrent_t;

// How many gates the weights are stacked from.
int ppn_recurrent_gates(ppn_recurrent_kind_t kind);
// Bytes of `packed`, and its contents; `packed` is aligned to 64 bytes.
size_t ppn_recurrent_packed_size(const ppn_recurrent_t* layer);
void ppn_recurrent_pack(const ppn_recurrent_t* layer, void* packed);
size_t ppn_recurrent_scratch_size(const ppn_recurrent_t* layer, int thread_count);

// One pass over the sequence x [steps, batch, input]. States are [batch, hidden] with
// `state_stride` elements from row to row; the initial ones may lie where the final ones go.
typedef struct ppn_recurrent_pass {
  const float* x;
  const float *initial_h, *initial_c;
  float *final_h, *final_c;
  int64_t state_stride;
  bool backwards;  // from the last step to the first
  // Each step's h, [steps, batch, hidden], or NULL. Row k is that of step k, or, not `aligned`, of
  // the k-th step taken.
  float* sequence;
  int64_t step_stride, row_stride;
  bool aligned;
} ppn_recurrent_pass_t;

// `scratch` is aligned to 64 bytes.
void ppn_recurrent_run(const ppn_recurrent_t* layer, const ppn_recurrent_pass_t* pass,
                       void* scratch, ppn_thread_pool_t* pool);

#endif  // PPN_KERNELS_RECURRENT_H_
