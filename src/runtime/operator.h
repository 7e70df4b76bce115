// What the runtime's operators are written with: one row per out-variant that a `.pte` may call.
//
//   static ppn_status_t run_relu(ppn_operator_call_t* call) {
//     const ppn_tensor_t* self = ppn_call_tensor(call, 0);
//     ppn_tensor_t* out = ppn_call_out(call, 1, self->dtype, self->rank, self->sizes);
//     if (out) ppn_kernel_unary(PPN_UNARY_RELU, self, out, call->pool);
//     return ppn_call_finish(call);
//   }
//   const ppn_operator_row_t rows[] = {{"aten::relu.out", run_relu}, …
//
// Semantics are those of ExecuTorch's portable and quantized kernels. The first error stays in the
// call; readers then give zeros, NULL and empty lists, so that rows need few checks.
#ifndef PPN_RUNTIME_OPERATOR_H_
#define PPN_RUNTIME_OPERATOR_H_

#include "base/arena.h"
#include "base/thread_pool.h"
#include "pippin/runtime.h"
#include "tensor/tensor.h"

typedef enum ppn_runtime_value_kind {
  PPN_RUNTIME_NONE,
  PPN_RUNTIME_INT,
  PPN_RUNTIME_BOOL,
  PPN_RUNTIME_DOUBLE,
  PPN_RUNTIME_STRING,
  PPN_RUNTIME_TENSOR,
  PPN_RUNTIME_INT_LIST,  // of values: `items`, each an INT
  PPN_RUNTIME_DOUBLE_LIST,
  PPN_RUNTIME_BOOL_LIST,
  PPN_RUNTIME_TENSOR_LIST,  // `items`, each a TENSOR, or NONE in an optional list
} ppn_runtime_value_kind_t;

// A tensor of a method: a view, and how far it may grow.
typedef struct ppn_runtime_tensor {
  ppn_tensor_t view;                // current sizes; strides follow `dim_order`; data may be NULL
  int64_t bounds[PPN_MAX_RANK];     // largest sizes
  uint8_t dim_order[PPN_MAX_RANK];  // outermost first
  bool is_dynamic, is_constant, is_planned;
  size_t capacity;  // bytes that may be written at view.data
} ppn_runtime_tensor_t;

typedef struct ppn_runtime_value ppn_runtime_value_t;
struct ppn_runtime_value {
  ppn_runtime_value_kind_t kind;
  uint32_t count;  // of lists and strings
  union {
    int64_t integer;
    bool boolean;
    double number;
    const char* string;
    ppn_runtime_tensor_t* tensor;
    ppn_runtime_value_t** items;  // INT_LIST, TENSOR_LIST
    const double* numbers;        // DOUBLE_LIST
    const uint8_t* booleans;      // BOOL_LIST
  } u;
};

// One call: arguments in the order of the out-variant's schema, results last (as the `.pte` lists
// them).
typedef struct ppn_operator_call {
  const char* name;
  ppn_runtime_value_t** arguments;
  uint32_t argument_count;
  ppn_thread_pool_t* pool;
  ppn_arena_t* scratch;  // released after the call
  ppn_status_t status;   // the first error
} ppn_operator_call_t;

typedef ppn_status_t (*ppn_operator_function_t)(ppn_operator_call_t* call);

typedef struct ppn_operator_row {
  const char* name;  // "aten::add.out"
  ppn_operator_function_t run;
} ppn_operator_row_t;

typedef struct ppn_operator_family {
  const ppn_operator_row_t* rows;
  uint32_t count;
} ppn_operator_family_t;

// NULL when there is none. Families are listed in runtime/operators.c.
const ppn_operator_row_t* ppn_operator_find(const char* name, const char* overload);

// ---- Reading arguments (runtime/operator.c) ----

bool ppn_call_is_none(const ppn_operator_call_t* call, uint32_t index);
// A tensor; NULL for None. Any other kind is an error.
const ppn_tensor_t* ppn_call_tensor(ppn_operator_call_t* call, uint32_t index);
const ppn_runtime_tensor_t* ppn_call_runtime_tensor(ppn_operator_call_t* call, uint32_t index);
// Numbers of any kind; `fallback` for None.
int64_t ppn_call_int(ppn_operator_call_t* call, uint32_t index, int64_t fallback);
double ppn_call_double(ppn_operator_call_t* call, uint32_t index, double fallback);
bool ppn_call_bool(ppn_operator_call_t* call, uint32_t index, bool fallback);
// The dtype of a Scalar as torch promotes it: INT64, FLOAT64 or BOOL.
ppn_dtype_t ppn_call_scalar_dtype(ppn_operator_call_t* call, uint32_t index);
ppn_string_view_t ppn_call_string(ppn_operator_call_t* call, uint32_t index);
// At most `capacity` integers are copied (more are an error); 0 for None. A lone integer is a list
// of one.
uint32_t ppn_call_ints(ppn_operator_call_t* call, uint32_t index, int64_t* out, uint32_t capacity);
// A list's tensors, in the call's scratch arena; NULL entries for None.
const ppn_tensor_t** ppn_call_tensors(ppn_operator_call_t* call, uint32_t index,
                                      uint32_t* out_count);
// `dim` made non-negative for `rank` dimensions (rank 0 counts as 1); out of range is an error.
int ppn_call_dim(ppn_operator_call_t* call, int64_t dim, int rank);

// ---- Results ----

// The out tensor at `index`, resized within its bounds; it must have this dtype (INVALID: any). The
// view's strides follow the tensor's dim order. NULL after an error.
ppn_tensor_t* ppn_call_out(ppn_operator_call_t* call, uint32_t index, ppn_dtype_t dtype, int rank,
                           const int64_t* sizes);
// Out tensor `item` of a list at `index`.
ppn_tensor_t* ppn_call_out_item(ppn_operator_call_t* call, uint32_t index, uint32_t item,
                                ppn_dtype_t dtype, int rank, const int64_t* sizes);
// Zeroed bytes that live as long as the call; NULL after an error.
void* ppn_call_scratch(ppn_operator_call_t* call, size_t size);

// The first error wins; `status` is consumed.
void ppn_call_fail(ppn_operator_call_t* call, ppn_status_t status);
ppn_status_t ppn_call_finish(ppn_operator_call_t* call) PPN_MUST_USE;

#endif  // PPN_RUNTIME_OPERATOR_H_
