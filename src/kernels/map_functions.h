// Tables of the functions that element-wise kernels are made of, by compute type, and the loops
// they consist of.
#ifndef PPN_KERNELS_MAP_FUNCTIONS_H_
#define PPN_KERNELS_MAP_FUNCTIONS_H_

#include "base/portability.h"
#include "kernels/map.h"

// NULL where the op does not exist for the type. Predicates write BOOL, all others the compute
// type. SELECT's first input is BOOL.
typedef struct ppn_map_functions {
  ppn_map_function_t unary[PPN_UNARY_COUNT];
  ppn_map_function_t binary[PPN_BINARY_COUNT];
  ppn_map_function_t ternary[PPN_TERNARY_COUNT];
} ppn_map_functions_t;

extern const ppn_map_functions_t ppn_map_functions_float32;
extern const ppn_map_functions_t ppn_map_functions_float32_avx2;
extern const ppn_map_functions_t ppn_map_functions_float32_avx512;
extern const ppn_map_functions_t ppn_map_functions_float64;
extern const ppn_map_functions_t ppn_map_functions_int64;

// For a compute type, by the fastest instructions of this CPU.
const ppn_map_functions_t* ppn_map_functions_of(ppn_dtype_t compute_type);

// One loop over `expression`, which sees x, y, z (elements) and alpha, beta, gamma (parameters),
// all of type `type`; the condition of a selection is a byte. Iterations are independent: the
// result may lie over an input.
#define PPN_MAP_BEGIN(name, result_type)                                \
  static void name(const void* const* inputs, void* out, int64_t count, \
                   const ppn_elementwise_parameters_t* parameters) {    \
    (void)parameters;                                                   \
    result_type* results = (result_type*)out;

#define PPN_MAP_PARAMETERS(type, convert)                                          \
  const type alpha = convert(parameters->alpha), beta = convert(parameters->beta), \
             gamma = convert(parameters->gamma);                                   \
  (void)alpha;                                                                     \
  (void)beta;                                                                      \
  (void)gamma;

#define PPN_MAP_UNARY(name, type, result_type, convert, expression) \
  PPN_MAP_BEGIN(name, result_type)                                  \
  const type* xs = (const type*)inputs[0];                          \
  PPN_MAP_PARAMETERS(type, convert)                                 \
  PPN_LOOP_INDEPENDENT                                              \
  for (int64_t i = 0; i < count; ++i) {                             \
    const type x = xs[i];                                           \
    results[i] = (result_type)(expression);                         \
  }                                                                 \
  }

#define PPN_MAP_BINARY(name, type, result_type, convert, expression) \
  PPN_MAP_BEGIN(name, result_type)                                   \
  const type* xs = (const type*)inputs[0];                           \
  const type* ys = (const type*)inputs[1];                           \
  PPN_MAP_PARAMETERS(type, convert)                                  \
  PPN_LOOP_INDEPENDENT                                               \
  for (int64_t i = 0; i < count; ++i) {                              \
    const type x = xs[i], y = ys[i];                                 \
    results[i] = (result_type)(expression);                          \
  }                                                                  \
  }

#define PPN_MAP_TERNARY(name, first_type, type, expression) \
  PPN_MAP_BEGIN(name, type)                                 \
  const first_type* xs = (const first_type*)inputs[0];      \
  const type* ys = (const type*)inputs[1];                  \
  const type* zs = (const type*)inputs[2];                  \
  PPN_LOOP_INDEPENDENT                                      \
  for (int64_t i = 0; i < count; ++i) {                     \
    const first_type x = xs[i];                             \
    const type y = ys[i], z = zs[i];                        \
    results[i] = (type)(expression);                        \
  }                                                         \
  }

#endif  // PPN_KERNELS_MAP_FUNCTIONS_H_
