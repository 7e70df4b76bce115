#include "kernels/elementwise.h"

#include "base/cpu.h"
#include "kernels/map.h"
#include "kernels/map_functions.h"

const ppn_map_functions_t* ppn_map_functions_of(ppn_dtype_t compute_type) {
  if (compute_type == PPN_DTYPE_INT64) return &ppn_map_functions_int64;
  if (compute_type == PPN_DTYPE_FLOAT64) return &ppn_map_functions_float64;
#ifdef PPN_CPU_X86_64
  if (ppn_cpu_has(PPN_CPU_AVX512)) return &ppn_map_functions_float32_avx512;
  if (ppn_cpu_has(PPN_CPU_AVX2)) return &ppn_map_functions_float32_avx2;
#endif
  return &ppn_map_functions_float32;
}

ppn_dtype_t ppn_compute_type(ppn_dtype_t dtype) {
  if (dtype == PPN_DTYPE_FLOAT64) return dtype;
  return ppn_dtype_is_float(dtype) ? PPN_DTYPE_FLOAT32 : PPN_DTYPE_INT64;
}

bool ppn_unary_is_predicate(ppn_unary_t op) {
  return op == PPN_UNARY_LOGICAL_NOT || op == PPN_UNARY_IS_NAN || op == PPN_UNARY_IS_INFINITE;
}

bool ppn_binary_is_predicate(ppn_binary_t op) {
  return op >= PPN_BINARY_EQUAL && op <= PPN_BINARY_LOGICAL_XOR;
}

bool ppn_unary_has(ppn_unary_t op, ppn_dtype_t compute_type) {
  return ppn_map_functions_of(compute_type)->unary[op] != NULL;
}

bool ppn_binary_has(ppn_binary_t op, ppn_dtype_t compute_type) {
  return ppn_map_functions_of(compute_type)->binary[op] != NULL;
}

void ppn_kernel_unary(ppn_unary_t op, const ppn_elementwise_parameters_t* parameters,
                      const ppn_tensor_t* x, const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  // Added to x, -0 changes no value, not even -0.
  static const ppn_elementwise_parameters_t defaults = {-0.0, 0.0, 0.0};
  ppn_dtype_t type = ppn_compute_type(x->dtype);
  if (!ppn_unary_has(op, type)) {
    type = out->dtype == PPN_DTYPE_FLOAT64 ? PPN_DTYPE_FLOAT64 : PPN_DTYPE_FLOAT32;
  }
  ppn_map_t map = {.function = ppn_map_functions_of(type)->unary[op],
                   .parameters = parameters ? parameters : &defaults,
                   .input_count = 1,
                   .inputs = {x},
                   .input_types = {type},
                   .out = out,
                   .out_type = ppn_unary_is_predicate(op) ? PPN_DTYPE_BOOL : type};
  ppn_map_run(&map, pool);
}

void ppn_kernel_binary(ppn_binary_t op, const ppn_elementwise_parameters_t* parameters,
                       ppn_dtype_t compute_type, const ppn_tensor_t* x, const ppn_tensor_t* y,
                       const ppn_tensor_t* out, ppn_thread_pool_t* pool) {
  static const ppn_elementwise_parameters_t defaults = {1.0, 0.0, 0.0};
  ppn_map_t map = {.function = ppn_map_functions_of(compute_type)->binary[op],
                   .parameters = parameters ? parameters : &defaults,
                   .input_count = 2,
                   .inputs = {x, y},
                   .input_types = {compute_type, compute_type},
                   .out = out,
                   .out_type = ppn_binary_is_predicate(op) ? PPN_DTYPE_BOOL : compute_type};
  ppn_map_run(&map, pool);
}

void ppn_kernel_ternary(ppn_ternary_t op, ppn_dtype_t compute_type, const ppn_tensor_t* x,
                        const ppn_tensor_t* y, const ppn_tensor_t* z, const ppn_tensor_t* out,
                        ppn_thread_pool_t* pool) {
  ppn_dtype_t first = op == PPN_TERNARY_SELECT ? PPN_DTYPE_BOOL : compute_type;
  ppn_map_t map = {.function = ppn_map_functions_of(compute_type)->ternary[op],
                   .input_count = 3,
                   .inputs = {x, y, z},
                   .input_types = {first, compute_type, compute_type},
                   .out = out,
                   .out_type = compute_type};
  ppn_map_run(&map, pool);
}

ppn_tensor_t ppn_channel_view(const ppn_tensor_t* vector, int rank) {
  ppn_tensor_t view = *vector;
  if (vector->rank != 1 || rank < 2) return view;
  view.rank = rank - 1;
  for (int i = 1; i < view.rank; ++i) {
    view.sizes[i] = 1;
    view.strides[i] = 0;
  }
  return view;
}
