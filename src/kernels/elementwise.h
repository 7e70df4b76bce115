// Element-wise kernels: one function of one, two or three elements, over tensors of any strides.
//
// Inputs are broadcast to the sizes of `out` (NumPy's rules; the caller has checked that they
// match). Dtypes are converted on the way in and out, so inputs and result may each have any real
// dtype of whole bytes; what is computed in between is the compute type:
//
//   FLOAT32  for FLOAT32, FLOAT16, BFLOAT16 and 8-bit floats
//   FLOAT64  for FLOAT64
//   INT64    for integers and BOOL; wraps like the narrower type when it is stored
//
// `out` may be one of the inputs when both have the same sizes, strides and dtype. Nothing is
// allocated. `pool` may be NULL.
//
// Accuracy in FLOAT32, by any instruction set: arithmetic, comparisons and roundings are exact as
// IEEE 754 has it; EXP, EXPM1, LOG, TANH, SIGMOID, SILU, ERF and the GELUs are within 2 units in
// the last place where the result is normal, except for what kernels/float_math.h says; the others
// are the C library's.
#ifndef PPN_KERNELS_ELEMENTWISE_H_
#define PPN_KERNELS_ELEMENTWISE_H_

#include <stdbool.h>

#include "base/thread_pool.h"
#include "tensor/tensor.h"

typedef struct ppn_elementwise_parameters {
  double alpha, beta, gamma;
} ppn_elementwise_parameters_t;

typedef enum ppn_unary {
  // Of any compute type.
  PPN_UNARY_IDENTITY,
  PPN_UNARY_ABS,
  PPN_UNARY_NEGATE,
  PPN_UNARY_SIGN,  // of NaN: 0, as in torch
  PPN_UNARY_SQUARE,
  PPN_UNARY_RELU,
  PPN_UNARY_CLIP,         // min(max(x, alpha), beta); NaN stays
  PPN_UNARY_LOGICAL_NOT,  // of BOOL or anything; the result is 0 or 1
  PPN_UNARY_IS_NAN,
  PPN_UNARY_IS_INFINITE,
  PPN_UNARY_FLOOR,
  PPN_UNARY_CEIL,
  PPN_UNARY_ROUND,  // half to even
  PPN_UNARY_TRUNCATE,
  // Of integers.
  PPN_UNARY_BITWISE_NOT,
  // Of floats; integers are computed in FLOAT32.
  PPN_UNARY_SQRT,
  PPN_UNARY_RSQRT,       // 1 / sqrt(x + alpha)
  PPN_UNARY_RECIPROCAL,  // 1 / (x + alpha)
  PPN_UNARY_EXP,
  PPN_UNARY_EXP2,
  PPN_UNARY_EXPM1,
  PPN_UNARY_LOG,  // log(x + alpha)
  PPN_UNARY_LOG2,
  PPN_UNARY_LOG10,
  PPN_UNARY_LOG1P,
  PPN_UNARY_SIN,
  PPN_UNARY_COS,
  PPN_UNARY_TAN,
  PPN_UNARY_ASIN,
  PPN_UNARY_ACOS,
  PPN_UNARY_ATAN,
  PPN_UNARY_SINH,
  PPN_UNARY_COSH,
  PPN_UNARY_TANH,
  PPN_UNARY_ASINH,
  PPN_UNARY_ACOSH,
  PPN_UNARY_ATANH,
  PPN_UNARY_ERF,
  PPN_UNARY_LOGIT,  // log(x / (1 - x)), x first clipped to [alpha, 1 - alpha] when alpha >= 0
  PPN_UNARY_SIGMOID,
  PPN_UNARY_SILU,
  PPN_UNARY_GELU,              // x/2 (1 + erf(x / sqrt 2))
  PPN_UNARY_GELU_TANH,         // x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  PPN_UNARY_GELU_SIGMOID,      // x sigmoid(1.702 x)
  PPN_UNARY_SOFTPLUS,          // log(1 + exp x)
  PPN_UNARY_SOFTSIGN,          // x / (1 + |x|)
  PPN_UNARY_ELU,               // x > 0: beta x; else alpha beta (exp(gamma x) - 1)
  PPN_UNARY_LEAKY_RELU,        // x >= 0: x; else alpha x
  PPN_UNARY_LINEAR,            // alpha x + beta
  PPN_UNARY_SCALED_TANH,       // alpha tanh(beta x)
  PPN_UNARY_HARD_SIGMOID,      // min(max(alpha x + beta, 0), 1)
  PPN_UNARY_THRESHOLDED_RELU,  // x >= alpha: x; else 0
  PPN_UNARY_CLAMPED_RELU,      // min(x >= 0: x; else alpha x, beta)
  PPN_UNARY_COUNT,
} ppn_unary_t;

typedef enum ppn_binary {
  PPN_BINARY_ADD,       // x + alpha y
  PPN_BINARY_SUBTRACT,  // x - alpha y
  PPN_BINARY_MULTIPLY,
  PPN_BINARY_DIVIDE,           // integers: rounded toward zero
  PPN_BINARY_DIVIDE_TRUNCATE,  // rounded toward zero
  PPN_BINARY_DIVIDE_FLOOR,     // rounded toward minus infinity
  PPN_BINARY_REMAINDER,        // of the floored division: has the sign of y
  PPN_BINARY_FMOD,             // of the truncated division: has the sign of x
  PPN_BINARY_POWER,            // integers: a negative exponent gives 0 unless x is 1 or -1
  PPN_BINARY_MAXIMUM,          // NaN if any is
  PPN_BINARY_MINIMUM,
  PPN_BINARY_EQUAL,  // comparisons and logic: 0 or 1
  PPN_BINARY_NOT_EQUAL,
  PPN_BINARY_LESS,
  PPN_BINARY_LESS_EQUAL,
  PPN_BINARY_GREATER,
  PPN_BINARY_GREATER_EQUAL,
  PPN_BINARY_LOGICAL_AND,
  PPN_BINARY_LOGICAL_OR,
  PPN_BINARY_LOGICAL_XOR,
  PPN_BINARY_ATAN2,        // floats only
  PPN_BINARY_PRELU,        // floats only; x >= 0: x; else y x
  PPN_BINARY_BITWISE_AND,  // integers only, down to the last
  PPN_BINARY_BITWISE_OR,
  PPN_BINARY_BITWISE_XOR,
  PPN_BINARY_SHIFT_LEFT,  // by 64 or more, or less than 0: 0
  PPN_BINARY_SHIFT_RIGHT,
  PPN_BINARY_COUNT,
} ppn_binary_t;

typedef enum ppn_ternary {
  PPN_TERNARY_SELECT,    // x (as BOOL) ? y : z
  PPN_TERNARY_CLAMP,     // min(max(x, y), z); NaN if any is
  PPN_TERNARY_AFFINE,    // x y + z
  PPN_TERNARY_SOFTPLUS,  // y log(1 + exp(z x)); floats only
  PPN_TERNARY_COUNT,
} ppn_ternary_t;

// FLOAT32, FLOAT64 or INT64: see above.
ppn_dtype_t ppn_compute_type(ppn_dtype_t dtype);
// Whether the result is 0 or 1, of any compute type.
bool ppn_unary_is_predicate(ppn_unary_t op);
bool ppn_binary_is_predicate(ppn_binary_t op);
bool ppn_unary_has(ppn_unary_t op, ppn_dtype_t compute_type);
bool ppn_binary_has(ppn_binary_t op, ppn_dtype_t compute_type);

// The compute type follows from x. `parameters` NULL: alpha is 0 for RSQRT, RECIPROCAL and LOG.
void ppn_kernel_unary(ppn_unary_t op, const ppn_elementwise_parameters_t* parameters,
                      const ppn_tensor_t* x, const ppn_tensor_t* out, ppn_thread_pool_t* pool);
// `parameters` NULL: alpha is 1 for ADD and SUBTRACT. Integers divided by zero give 0.
void ppn_kernel_binary(ppn_binary_t op, const ppn_elementwise_parameters_t* parameters,
                       ppn_dtype_t compute_type, const ppn_tensor_t* x, const ppn_tensor_t* y,
                       const ppn_tensor_t* out, ppn_thread_pool_t* pool);
void ppn_kernel_ternary(ppn_ternary_t op, ppn_dtype_t compute_type, const ppn_tensor_t* x,
                        const ppn_tensor_t* y, const ppn_tensor_t* z, const ppn_tensor_t* out,
                        ppn_thread_pool_t* pool);

// A vector with one element per channel (dimension 1) as a tensor that broadcasts over `rank`
// dimensions.
ppn_tensor_t ppn_channel_view(const ppn_tensor_t* vector, int rank);

#endif  // PPN_KERNELS_ELEMENTWISE_H_
