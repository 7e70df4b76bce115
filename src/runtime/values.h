// Values of a method: names of their kinds, and tensors that change their sizes.
#ifndef PPN_RUNTIME_VALUES_H_
#define PPN_RUNTIME_VALUES_H_

#include "runtime/operator.h"

// More bytes than any machine gives at once: asking for them is damage, not a wish for memory.
#define PPN_RUNTIME_MAX_MEMORY ((size_t)1 << 39)

// "int", "tensor list", …
const char* ppn_runtime_value_kind_name(ppn_runtime_value_kind_t kind);

// Gives a tensor new sizes, as ExecuTorch allows: the rank stays, a static tensor keeps its sizes,
// a dynamic one has at most as many elements as its bounds have (single dimensions may exceed
// theirs). Strides follow the dim order. Errors: OUT_OF_RANGE naming dimension, bound and value.
ppn_status_t ppn_runtime_tensor_resize(ppn_runtime_tensor_t* tensor, int rank,
                                       const int64_t* sizes) PPN_MUST_USE;

// Makes a tensor ready to be written: resized, of this dtype (INVALID: any), with memory. Errors:
// those of ppn_runtime_tensor_resize, INVALID_DATA for constants and other dtypes.
ppn_status_t ppn_runtime_tensor_prepare(ppn_runtime_tensor_t* tensor, ppn_dtype_t dtype, int rank,
                                        const int64_t* sizes) PPN_MUST_USE;

// The sizes of a view of `numel` elements: one may be -1 and follows from the rest. Errors:
// INVALID_ARGUMENT when they do not make that many elements.
ppn_status_t ppn_infer_view_sizes(int64_t numel, int rank, int64_t* sizes) PPN_MUST_USE;

// May elements of the two lie in the same memory?
bool ppn_tensors_overlap(const ppn_tensor_t* a, const ppn_tensor_t* b);

// Strides of `sizes` laid out in `dim_order`, outermost first.
void ppn_strides_from_dim_order(int rank, const int64_t* sizes, const uint8_t* dim_order,
                                int64_t* out_strides);

#endif  // PPN_RUNTIME_VALUES_H_
