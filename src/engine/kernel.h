// What the engine's kernels are written with: one row per type of MIL operation.
//
// Before a function runs it is specialised: its input sizes are known, so every type is static,
// what depends on constants alone is folded, and each remaining operation becomes a node. A kernel
// is prepared once per node and then run as often as the model is.
//
// How values are stored. All tensors are contiguous. FLOAT16 values are stored as FLOAT32 and
// always lie on the fp16 grid in `device` numerics: the engine rounds what a kernel wrote, unless
// the row says that its results need none (PPN_ENGINE_EXACT). So a kernel sees FLOAT32 for both
// float types, computes in fp32 and does not care. Every other dtype is stored as it is (BOOL: one
// byte, 0 or 1; sub-byte integers, in constants only: widened to INT8 or UINT8).
#ifndef PPN_ENGINE_KERNEL_H_
#define PPN_ENGINE_KERNEL_H_

#include "base/thread_pool.h"
#include "engine/engine.h"
#include "mil/op.h"

typedef struct ppn_engine_kernel ppn_engine_kernel_t;

struct ppn_engine_packs;  // engine/packs.h

// What all nodes of a context share.
typedef struct ppn_engine_environment {
  ppn_thread_pool_t* pool;  // may be NULL: one thread
  ppn_numerics_t numerics;
  struct ppn_engine_packs* packs;
  bool leaves_weights;  // products read constant matrices where they lie, and pack none
  bool is_observed;     // every value must exist, row-major: nothing is fused or laid out otherwise
} ppn_engine_environment_t;

// How a tensor lies in memory when it is not row-major (made and read by engine/onednn.h).
typedef struct ppn_engine_layout {
  const void* descriptor;  // its maker's
  size_t size;             // bytes of the whole tensor
  bool is_padded;          // there are elements that belong to no index: they stay 0
} ppn_engine_layout_t;

// What is bound to one parameter: nothing (count 0), one tensor, or several (variadic parameters).
typedef struct ppn_engine_operand {
  ppn_tensor_t* tensors;
  // Entries are NULL for row-major tensors; others are given only to kernels with
  // PPN_ENGINE_LAYOUTS.
  const ppn_engine_layout_t** layouts;
  uint32_t count;
} ppn_engine_operand_t;

// Work of following operations that a kernel with PPN_ENGINE_FUSES does on its result, in order.
typedef enum ppn_engine_fused_kind {
  PPN_ENGINE_FUSED_CLAMP,  // to [alpha, beta]
  PPN_ENGINE_FUSED_LEAKY,  // x < 0: alpha * x
  PPN_ENGINE_FUSED_ELU,    // x < 0: alpha * (exp(x) - 1)
  PPN_ENGINE_FUSED_SIGMOID,
  PPN_ENGINE_FUSED_TANH,
  PPN_ENGINE_FUSED_SWISH,  // x * sigmoid(alpha * x)
  PPN_ENGINE_FUSED_GELU_ERF,
  PPN_ENGINE_FUSED_GELU_TANH,
  PPN_ENGINE_FUSED_ADD,  // the tensor, which has the result's sizes
} ppn_engine_fused_kind_t;

typedef struct ppn_engine_fused {
  ppn_engine_fused_kind_t kind;
  float alpha, beta;
  ppn_tensor_t tensor;  // ADD; data is set while running
  const ppn_engine_layout_t* layout;
  bool is_dead;    // nothing else needs the tensor afterwards, and it may be overwritten
  bool is_target;  // set by `prepare` when is_dead: the result is to lie where the tensor does
} ppn_engine_fused_t;

typedef struct ppn_engine_node {
  // Types are static. Parameters that are constants are read with ppn_mil_input_int and the like;
  // strings exist only there.
  const ppn_mil_operation_t* operation;
  const ppn_engine_kernel_t* kernel;
  const ppn_engine_environment_t* environment;
  ppn_engine_operand_t* inputs;  // by parameter index of operation->op
  ppn_tensor_t* outputs;         // data is set while running; dtype and sizes in `prepare` too
  uint32_t output_count;
  const ppn_engine_layout_t** output_layouts;  // set by `prepare`; NULL: row-major
  ppn_engine_fused_t* fused;
  uint32_t fused_count;
  // Set by `prepare`: a value that is no operand and no constant, but that `run` reads in
  // `watched_tensor`. NULL: none.
  ppn_mil_value_t* watched;
  ppn_tensor_t watched_tensor;
  void* state;          // made by `prepare`, in the arena it is given; the kernel's own
  size_t scratch_size;  // asked for by `prepare`: bytes that `run` finds in `scratch`
  void* scratch;        // aligned to 64 bytes; content is undefined before each run
} ppn_engine_node_t;

typedef enum ppn_engine_kernel_flag {
  // Results are inputs' elements, or have no fraction: rounding to fp16 changes nothing.
  PPN_ENGINE_EXACT = 1 << 0,
  // The only result is a view of the first parameter's memory, in row-major order (reshape): `run`
  // is not called.
  PPN_ENGINE_VIEW = 1 << 1,
  // Output 0 may be written over an input of the same element size and count that is dead
  // afterwards: element i of the result depends on element i of the inputs only.
  PPN_ENGINE_IN_PLACE = 1 << 2,
  // Sizes of the results depend on the inputs' elements: in `prepare`, outputs' sizes are set to
  // the largest possible ones; `run` sets the true ones.
  PPN_ENGINE_DATA_DEPENDENT = 1 << 3,
  // `prepare` packs constant weights itself: FLOAT16 constants of all parameters but the first are
  // given as they are (tensor dtype FLOAT16) instead of in stored form, so that nothing holds them
  // in fp32 unpacked.
  PPN_ENGINE_PACKS_CONSTANTS = 1 << 4,
  // The results are not determined by the inputs (random numbers), or something else than them
  // changes (states): never computed ahead.
  PPN_ENGINE_NOT_PURE = 1 << 5,
  // Output 0 may be written over the first parameter when that is dead afterwards (updates of a
  // part of it).
  PPN_ENGINE_FIRST_IN_PLACE = 1 << 6,
  // Operands may have layouts.
  PPN_ENGINE_LAYOUTS = 1 << 7,
  // The kernel does what is in `fused`.
  PPN_ENGINE_FUSES = 1 << 8,
  // A FLOAT16 constant of the first parameter is given as it is: the kernel reads little of it, and
  // converts that.
  PPN_ENGINE_READS_HALVES = 1 << 9,
} ppn_engine_kernel_flag_t;

struct ppn_engine_kernel {
  const char* type;  // "softmax"
  unsigned flags;
  // May be NULL. Reads constant parameters, chooses the implementation, builds tables. Inputs'
  // sizes and dtypes are known; data only of constants. Errors: UNSUPPORTED, naming operation and
  // reason: then the next kernel for this type of operation is tried.
  ppn_status_t (*prepare)(ppn_engine_node_t* node, ppn_arena_t* arena);
  // Allocates nothing. Errors: OUT_OF_RANGE for elements that are no valid index, and the like.
  ppn_status_t (*run)(ppn_engine_node_t* node);
  // May be NULL. Frees what `prepare` made outside the arena; also called when `prepare` failed.
  void (*release)(ppn_engine_node_t* node);
};

typedef struct ppn_engine_family {
  const ppn_engine_kernel_t* kernels;
  uint32_t count;
} ppn_engine_family_t;

// NULL when the engine cannot run operations of this type. Families are listed in engine/kernels.c:
// of several kernels for a type, the first that can be prepared is used.
const ppn_engine_kernel_t* ppn_engine_kernel_find(const char* type);
// The one after `kernel` for the same type, or NULL.
const ppn_engine_kernel_t* ppn_engine_kernel_next(const ppn_engine_kernel_t* kernel);

// ---- Help for kernels (engine/node.c) ----

// The tensor bound to a parameter; NULL when it is not given or variadic.
static inline const ppn_tensor_t* ppn_node_input(const ppn_engine_node_t* node,
                                                 const char* parameter) {
  int index = ppn_mil_parameter_index(node->operation->op, ppn_sv(parameter));
  return index >= 0 && node->inputs[index].count == 1 ? node->inputs[index].tensors : NULL;
}
// The tensors bound to a variadic parameter.
static inline const ppn_engine_operand_t* ppn_node_inputs(const ppn_engine_node_t* node,
                                                          const char* parameter) {
  int index = ppn_mil_parameter_index(node->operation->op, ppn_sv(parameter));
  return index >= 0 ? &node->inputs[index] : NULL;
}
// An error that names the operation: "softmax 'probabilities': …".
ppn_status_t ppn_node_fail(const ppn_engine_node_t* node, ppn_status_code_t code,
                           const char* format, ...) PPN_MUST_USE PPN_PRINTF(3, 4);
// Puts the operation before the message of a kernel's error in the same way; NULL stays NULL.
ppn_status_t ppn_node_annotate(const ppn_engine_node_t* node, ppn_status_t status) PPN_MUST_USE;
// Integer vector of a parameter at run time (constant or computed): at most `capacity`; the count.
uint32_t ppn_node_ints(const ppn_engine_node_t* node, const char* parameter, int64_t* out,
                       uint32_t capacity);

#endif  // PPN_ENGINE_KERNEL_H_
