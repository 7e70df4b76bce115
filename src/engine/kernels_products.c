// einsum. linear and matmul are in kernels_linear.c.
#include <string.h>

#include "engine/einsum.h"
#include "engine/families.h"
#include "kernels/gemm.h"

typedef struct einsum_state {
  ppn_gemm_t gemm;
  const ppn_engine_operand_t* values;
} einsum_state_t;

// The equation with letters renamed by first appearance and without spaces: "nchw,…" is "abcd,…".
static void normalise(const char* equation, char* out, size_t capacity) {
  char names[128] = {0}, next = 'a';
  size_t size = 0;
  for (; *equation && size + 1 < capacity; ++equation) {
    unsigned char letter = (unsigned char)*equation;
    if (letter == ' ') continue;
    if (letter >= 128 || !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", letter)) {
      out[size++] = (char)letter;
      continue;
    }
    if (!names[letter]) names[letter] = next++;
    out[size++] = names[letter];
  }
  out[size] = 0;
}

ppn_status_t ppn_engine_check_equation(const ppn_engine_node_t* node) {
  const char* equation = ppn_mil_input_string(node->operation, "equation", "");
  char normal[32];
  normalise(equation, normal, sizeof(normal));
  const char* known = node->outputs[0].rank == 4 ? "abcd,adce->abce" : "abc,cbd->abd";
  if (strcmp(normal, known) == 0) return ppn_status_ok();
  return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED,
                       "equation '%s'; Core ML has 'nchw,nwhu->nchu' and 'chw,whr->chr'", equation);
}

// out[n, c, h, u] = sum over w of a[n, c, h, w] * b[n, w, h, u], with or without n: for each n and
// h a product of rows c and columns u.
static ppn_status_t prepare_einsum(ppn_engine_node_t* node, ppn_arena_t* arena) {
  einsum_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  PPN_RETURN_IF_ERROR(ppn_engine_check_equation(node));
  state->values = ppn_node_inputs(node, "values");
  const ppn_tensor_t *a = &state->values->tensors[0], *b = &state->values->tensors[1],
                     *out = &node->outputs[0];
  int rank = out->rank;
  if (a->dtype != PPN_DTYPE_FLOAT32 || b->dtype != PPN_DTYPE_FLOAT32) {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED, "products of %s and %s",
                         ppn_dtype_name(a->dtype), ppn_dtype_name(b->dtype));
  }
  int c = rank - 3, h = rank - 2, w = rank - 1;
  state->gemm = ppn_gemm_make(out->sizes[c], out->sizes[w], a->sizes[w]);
  ppn_gemm_t* gemm = &state->gemm;
  gemm->a_row_stride = a->strides[c];
  gemm->b.depth_stride = b->strides[c];
  gemm->c_row_stride = out->strides[c];
  const int batch[2] = {0, h};
  for (int i = rank == 4 ? 0 : 1; i < 2; ++i) {
    int axis = batch[i], at = gemm->batch_rank++;
    gemm->batch_sizes[at] = out->sizes[axis];
    gemm->a_batch_strides[at] = a->sizes[axis] == 1 ? 0 : a->strides[axis];
    gemm->b_batch_strides[at] = b->sizes[axis] == 1 ? 0 : b->strides[axis];
    gemm->c_batch_strides[at] = out->strides[axis];
  }
  node->state = state;
  node->scratch_size = ppn_gemm_scratch_size(gemm, ppn_thread_pool_size(node->environment->pool));
  return ppn_status_ok();
}

static ppn_status_t run_einsum(ppn_engine_node_t* node) {
  einsum_state_t* state = node->state;
  state->gemm.a = state->values->tensors[0].data;
  state->gemm.b.data = state->values->tensors[1].data;
  state->gemm.c = node->outputs[0].data;
  ppn_gemm_run(&state->gemm, node->scratch, node->environment->pool);
  return ppn_status_ok();
}

static const ppn_engine_kernel_t kernels[] = {
    {"einsum", 0, prepare_einsum, run_einsum, NULL},
};

const ppn_engine_family_t ppn_engine_products = {kernels, PPN_COUNT_OF(kernels)};
