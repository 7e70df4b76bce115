// Element-wise operations and activations.
#include <math.h>
#include <string.h>

#include "engine/families.h"
#include "kernels/elementwise.h"

// ---- One operand ----

// type, flags, kernel, and the kernel's parameters: the name of the operation's and its default, or
// no name and the number.
#define UNARY_OPERATIONS(row)                                                                      \
  row("abs", EXACT, PPN_UNARY_ABS, NULL, 0, NULL, 0) row(                                          \
      "acos", 0, PPN_UNARY_ACOS, NULL, 0, NULL,                                                    \
      0) row("asin", 0, PPN_UNARY_ASIN, NULL, 0, NULL,                                             \
             0) row("atan", 0, PPN_UNARY_ATAN, NULL, 0, NULL,                                      \
                    0) row("atanh", 0, PPN_UNARY_ATANH, NULL, 0, NULL,                             \
                           0) row("ceil", EXACT, PPN_UNARY_CEIL, NULL, 0, NULL,                    \
                                  0) row("clip", EXACT, PPN_UNARY_CLIP, "alpha", 0, "beta", 0)     \
      row("cos", 0, PPN_UNARY_COS, NULL, 0, NULL,                                                  \
          0) row("cosh", 0, PPN_UNARY_COSH, NULL, 0, NULL,                                         \
                 0) row("erf", 0, PPN_UNARY_ERF, NULL, 0, NULL, 0)                                 \
          row("exp", 0, PPN_UNARY_EXP, NULL, 0, NULL,                                              \
              0) row("floor", EXACT, PPN_UNARY_FLOOR, NULL, 0, NULL,                               \
                     0) row("inverse", 0, PPN_UNARY_RECIPROCAL, "epsilon", 1e-4, NULL, 0)          \
              row("log", 0, PPN_UNARY_LOG, "epsilon", 1e-45, NULL,                                 \
                  0) row("logical_not", EXACT, PPN_UNARY_LOGICAL_NOT, NULL, 0, NULL,               \
                         0) row("round", EXACT, PPN_UNARY_ROUND, NULL, 0, NULL, 0)                 \
                  row("rsqrt", 0, PPN_UNARY_RSQRT, "epsilon", 1e-12, NULL,                         \
                      0) row("sign", EXACT, PPN_UNARY_SIGN, NULL, 0, NULL,                         \
                             0) row("sin", 0, PPN_UNARY_SIN, NULL, 0, NULL, 0)                     \
                      row("sinh", 0, PPN_UNARY_SINH, NULL, 0, NULL,                                \
                          0) row("sqrt", 0, PPN_UNARY_SQRT, NULL, 0, NULL,                         \
                                 0) row("square", 0, PPN_UNARY_SQUARE, NULL, 0, NULL, 0)           \
                          row("tan", 0, PPN_UNARY_TAN, NULL, 0, NULL,                              \
                              0) row("tanh", 0, PPN_UNARY_TANH, NULL, 0, NULL, 0)                  \
                              row("threshold", EXACT, PPN_UNARY_CLIP, "alpha", 0, NULL,            \
                                  INFINITY) row("clamped_relu",                                    \
                                                0, PPN_UNARY_CLAMPED_RELU, "alpha", 0, "beta", 0)  \
                                  row("elu", 0, PPN_UNARY_ELU, "alpha", 1, NULL, 1) row(           \
                                      "leaky_relu", 0, PPN_UNARY_LEAKY_RELU, "alpha", 0, NULL,     \
                                      0) row("linear_activation", 0, PPN_UNARY_LINEAR, "alpha",    \
                                             1, "beta", 0)                                         \
                                      row("relu", EXACT, PPN_UNARY_RELU, NULL, 0, NULL, 0) row(    \
                                          "relu6", EXACT, PPN_UNARY_CLIP, NULL, 0, NULL,           \
                                          6) row("scaled_tanh", 0, PPN_UNARY_SCALED_TANH, "alpha", \
                                                 1, "beta", 1)                                     \
                                          row("sigmoid", 0, PPN_UNARY_SIGMOID, NULL, 0, NULL, 0)   \
                                              row("sigmoid_hard", 0, PPN_UNARY_HARD_SIGMOID,       \
                                                  "alpha", 0.2, "beta", 0.5)                       \
                                                  row("silu", 0, PPN_UNARY_SILU, NULL, 0, NULL, 0) \
                                                      row("softplus", 0, PPN_UNARY_SOFTPLUS, NULL, \
                                                          0, NULL, 0)                              \
                                                          row("softsign", 0, PPN_UNARY_SOFTSIGN,   \
                                                              NULL, 0, NULL, 0)                    \
                                                              row("thresholded_relu", EXACT,       \
                                                                  PPN_UNARY_THRESHOLDED_RELU,      \
                                                                  "alpha", 0, NULL, 0)

typedef struct unary_row {
  const char* type;
  ppn_unary_t op;
  const char* alpha_name;
  double alpha;
  const char* beta_name;
  double beta;
} unary_row_t;

#define UNARY_ROW(type, flags, op, alpha_name, alpha, beta_name, beta) \
  {type, op, alpha_name, alpha, beta_name, beta},
static const unary_row_t unary_rows[] = {UNARY_OPERATIONS(UNARY_ROW)};
#undef UNARY_ROW

typedef struct unary_state {
  const ppn_tensor_t* x;
  ppn_unary_t op;
  ppn_elementwise_parameters_t parameters;
} unary_state_t;

static ppn_status_t new_unary_state(ppn_engine_node_t* node, ppn_arena_t* arena,
                                    unary_state_t** out_state) {
  PPN_ARENA_NEW(arena, 1, out_state);
  (*out_state)->x = ppn_node_input(node, "x");
  node->state = *out_state;
  return ppn_status_ok();
}

static ppn_status_t prepare_unary(ppn_engine_node_t* node, ppn_arena_t* arena) {
  unary_state_t* state;
  PPN_RETURN_IF_ERROR(new_unary_state(node, arena, &state));
  const unary_row_t* row = unary_rows;
  while (strcmp(row->type, node->kernel->type) != 0) ++row;
  const ppn_mil_operation_t* operation = node->operation;
  ppn_elementwise_parameters_t parameters = {row->alpha, row->beta, 1.0};
  if (row->alpha_name) {
    parameters.alpha = ppn_mil_input_float(operation, row->alpha_name, row->alpha);
  }
  if (row->beta_name) {
    parameters.beta = ppn_mil_input_float(operation, row->beta_name, row->beta);
  }
  state->op = row->op;
  state->parameters = parameters;
  return ppn_status_ok();
}

static ppn_status_t run_unary(ppn_engine_node_t* node) {
  const unary_state_t* state = node->state;
  ppn_kernel_unary(state->op, &state->parameters, state->x, &node->outputs[0],
                   node->environment->pool);
  return ppn_status_ok();
}

static ppn_status_t prepare_gelu(ppn_engine_node_t* node, ppn_arena_t* arena) {
  unary_state_t* state;
  PPN_RETURN_IF_ERROR(new_unary_state(node, arena, &state));
  const char* mode = ppn_mil_input_string(node->operation, "mode", "EXACT");
  if (strcmp(mode, "EXACT") == 0) {
    state->op = PPN_UNARY_GELU;
  } else if (strcmp(mode, "TANH_APPROXIMATION") == 0) {
    state->op = PPN_UNARY_GELU_TANH;
  } else if (strcmp(mode, "SIGMOID_APPROXIMATION") == 0) {
    state->op = PPN_UNARY_GELU_SIGMOID;
  } else {
    return ppn_node_fail(node, PPN_STATUS_UNSUPPORTED,
                         "mode '%s' is none of EXACT, TANH_APPROXIMATION, SIGMOID_APPROXIMATION",
                         mode);
  }
  return ppn_status_ok();
}

static ppn_status_t run_cast(ppn_engine_node_t* node) {
  const unary_state_t* state = node->state;
  ppn_tensor_copy(state->x, &node->outputs[0]);
  return ppn_status_ok();
}

static ppn_status_t prepare_cast(ppn_engine_node_t* node, ppn_arena_t* arena) {
  unary_state_t* state;
  return new_unary_state(node, arena, &state);
}

// ---- Two operands ----

#define BINARY_OPERATIONS(row)                                                                     \
  row("add", 0, PPN_BINARY_ADD) row("sub", 0, PPN_BINARY_SUBTRACT)                                 \
      row("mul", 0, PPN_BINARY_MULTIPLY) row("real_div", 0, PPN_BINARY_DIVIDE)                     \
          row("floor_div", 0, PPN_BINARY_DIVIDE_FLOOR) row("mod", 0, PPN_BINARY_REMAINDER)         \
              row("pow", 0, PPN_BINARY_POWER) row("maximum", EXACT, PPN_BINARY_MAXIMUM)            \
                  row("minimum", EXACT, PPN_BINARY_MINIMUM) row("equal", EXACT, PPN_BINARY_EQUAL)  \
                      row("not_equal", EXACT, PPN_BINARY_NOT_EQUAL)                                \
                          row("greater", EXACT, PPN_BINARY_GREATER)                                \
                              row("greater_equal", EXACT, PPN_BINARY_GREATER_EQUAL)                \
                                  row("less", EXACT, PPN_BINARY_LESS)                              \
                                      row("less_equal", EXACT, PPN_BINARY_LESS_EQUAL)              \
                                          row("logical_and", EXACT, PPN_BINARY_LOGICAL_AND)        \
                                              row("logical_or", EXACT, PPN_BINARY_LOGICAL_OR) row( \
                                                  "logical_xor", EXACT, PPN_BINARY_LOGICAL_XOR)

typedef struct binary_row {
  const char* type;
  ppn_binary_t op;
} binary_row_t;

#define BINARY_ROW(type, flags, op) {type, op},
static const binary_row_t binary_rows[] = {BINARY_OPERATIONS(BINARY_ROW)};
#undef BINARY_ROW

typedef struct binary_state {
  const ppn_tensor_t *x, *y;
  ppn_binary_t op;
  ppn_dtype_t compute_type;
  ppn_unary_t power;  // a power with a constant exponent, as a simpler function; or COUNT
  ppn_tensor_t view;  // of a constant, shaped to be broadcast
} binary_state_t;

static ppn_status_t new_binary_state(ppn_engine_node_t* node, ppn_arena_t* arena, const char* x,
                                     const char* y, binary_state_t** out_state) {
  PPN_ARENA_NEW(arena, 1, out_state);
  binary_state_t* state = *out_state;
  state->x = ppn_node_input(node, x);
  state->y = ppn_node_input(node, y);
  state->compute_type = ppn_compute_type(state->x->dtype);
  state->power = PPN_UNARY_COUNT;
  node->state = state;
  return ppn_status_ok();
}

// x to a constant power, as the function it is.
static ppn_unary_t simple_power(const ppn_engine_node_t* node, const binary_state_t* state) {
  const ppn_mil_value_t* value = ppn_mil_operation_input(node->operation, "y");
  bool is_number = value && value->constant && ppn_tensor_numel(state->y) == 1;
  if (!is_number || state->x->dtype != PPN_DTYPE_FLOAT32) return PPN_UNARY_COUNT;
  double exponent = ppn_mil_constant_element(value->constant, 0);
  if (exponent == 1) return PPN_UNARY_IDENTITY;
  if (exponent == 2) return PPN_UNARY_SQUARE;
  if (exponent == 0.5) return PPN_UNARY_SQRT;
  return exponent == -1 ? PPN_UNARY_RECIPROCAL : PPN_UNARY_COUNT;
}

static ppn_status_t prepare_binary(ppn_engine_node_t* node, ppn_arena_t* arena) {
  binary_state_t* state;
  PPN_RETURN_IF_ERROR(new_binary_state(node, arena, "x", "y", &state));
  const binary_row_t* row = binary_rows;
  while (strcmp(row->type, node->kernel->type) != 0) ++row;
  state->op = row->op;
  // A result of the same shape needs no broadcasting of x.
  if (state->op == PPN_BINARY_POWER &&
      ppn_tensor_numel(state->x) == ppn_tensor_numel(&node->outputs[0])) {
    state->power = simple_power(node, state);
  }
  return ppn_status_ok();
}

static ppn_status_t run_binary(ppn_engine_node_t* node) {
  const binary_state_t* state = node->state;
  ppn_thread_pool_t* pool = node->environment->pool;
  if (state->power != PPN_UNARY_COUNT) {
    ppn_kernel_unary(state->power, NULL, state->x, &node->outputs[0], pool);
  } else {
    ppn_kernel_binary(state->op, NULL, state->compute_type, state->x, state->y, &node->outputs[0],
                      pool);
  }
  return ppn_status_ok();
}

// 2^x of integers stays an integer.
static ppn_status_t prepare_exp2(ppn_engine_node_t* node, ppn_arena_t* arena) {
  binary_state_t* state;
  PPN_RETURN_IF_ERROR(new_binary_state(node, arena, "x", "x", &state));
  static const int32_t two = 2;
  // Only read.
  state->view = ppn_tensor_make((void*)(uintptr_t)&two, PPN_DTYPE_INT32, 0, NULL);
  return ppn_status_ok();
}

static ppn_status_t run_exp2(ppn_engine_node_t* node) {
  const binary_state_t* state = node->state;
  ppn_thread_pool_t* pool = node->environment->pool;
  if (state->compute_type == PPN_DTYPE_FLOAT32) {
    ppn_kernel_unary(PPN_UNARY_EXP2, NULL, state->x, &node->outputs[0], pool);
  } else {
    ppn_kernel_binary(PPN_BINARY_POWER, NULL, state->compute_type, &state->view, state->x,
                      &node->outputs[0], pool);
  }
  return ppn_status_ok();
}

static ppn_status_t prepare_prelu(ppn_engine_node_t* node, ppn_arena_t* arena) {
  binary_state_t* state;
  PPN_RETURN_IF_ERROR(new_binary_state(node, arena, "x", "alpha", &state));
  state->view = ppn_channel_view(state->y, state->x->rank);
  return ppn_status_ok();
}

static ppn_status_t run_prelu(ppn_engine_node_t* node) {
  binary_state_t* state = node->state;
  state->view.data = state->y->data;
  ppn_kernel_binary(PPN_BINARY_PRELU, NULL, state->compute_type, state->x, &state->view,
                    &node->outputs[0], node->environment->pool);
  return ppn_status_ok();
}

// ---- Three operands ----

typedef struct ternary_state {
  const ppn_tensor_t *x, *y, *z;
  ppn_tensor_t y_view, z_view;
} ternary_state_t;

static ppn_status_t prepare_select(ppn_engine_node_t* node, ppn_arena_t* arena) {
  ternary_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "cond");
  state->y = ppn_node_input(node, "a");
  state->z = ppn_node_input(node, "b");
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t run_select(ppn_engine_node_t* node) {
  const ternary_state_t* state = node->state;
  ppn_kernel_ternary(PPN_TERNARY_SELECT, ppn_compute_type(state->y->dtype), state->x, state->y,
                     state->z, &node->outputs[0], node->environment->pool);
  return ppn_status_ok();
}

static ppn_status_t prepare_softplus_parametric(ppn_engine_node_t* node, ppn_arena_t* arena) {
  ternary_state_t* state;
  PPN_ARENA_NEW(arena, 1, &state);
  state->x = ppn_node_input(node, "x");
  state->y = ppn_node_input(node, "alpha");
  state->z = ppn_node_input(node, "beta");
  state->y_view = ppn_channel_view(state->y, state->x->rank);
  state->z_view = ppn_channel_view(state->z, state->x->rank);
  node->state = state;
  return ppn_status_ok();
}

static ppn_status_t run_softplus_parametric(ppn_engine_node_t* node) {
  ternary_state_t* state = node->state;
  state->y_view.data = state->y->data;
  state->z_view.data = state->z->data;
  ppn_kernel_ternary(PPN_TERNARY_SOFTPLUS, PPN_DTYPE_FLOAT32, state->x, &state->y_view,
                     &state->z_view, &node->outputs[0], node->environment->pool);
  return ppn_status_ok();
}

// ---- The table ----

#define EXACT PPN_ENGINE_EXACT
#define IN_PLACE PPN_ENGINE_IN_PLACE
#define UNARY_KERNEL(type, flags, op, alpha_name, alpha, beta_name, beta) \
  {type, (flags) | IN_PLACE, prepare_unary, run_unary, NULL},
#define BINARY_KERNEL(type, flags, op) {type, (flags) | IN_PLACE, prepare_binary, run_binary, NULL},

static const ppn_engine_kernel_t kernels[] = {
    UNARY_OPERATIONS(UNARY_KERNEL)
        BINARY_OPERATIONS(BINARY_KERNEL){"cast", IN_PLACE, prepare_cast, run_cast, NULL},
    {"exp2", IN_PLACE, prepare_exp2, run_exp2, NULL},
    {"gelu", IN_PLACE, prepare_gelu, run_unary, NULL},
    {"identity", EXACT | PPN_ENGINE_VIEW, NULL, NULL, NULL},
    {"prelu", IN_PLACE, prepare_prelu, run_prelu, NULL},
    {"select", EXACT | IN_PLACE, prepare_select, run_select, NULL},
    {"softplus_parametric", IN_PLACE, prepare_softplus_parametric, run_softplus_parametric, NULL},
};

const ppn_engine_family_t ppn_engine_elementwise = {kernels, PPN_COUNT_OF(kernels)};
