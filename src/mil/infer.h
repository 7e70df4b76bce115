// Type inference of operations. One function for each row of the op table.
//
// A function reads the operation's inputs, which are bound and of the right dtypes already, checks
// what the operation's definition requires of shapes and parameters, and fills one type for each
// result.
#ifndef PPN_MIL_INFER_H_
#define PPN_MIL_INFER_H_

#include "mil/op.h"

#define PPN_INFER(name)                                       \
  ppn_status_t ppn_infer_##name(ppn_mil_function_t* function, \
                                const ppn_mil_operation_t* operation, ppn_mil_type_t* out)
#define PPN_INFER_COUNT(name) uint32_t ppn_infer_count_##name(const ppn_mil_operation_t* operation)

// Element-wise (infer_elementwise.c)
PPN_INFER(same);  // that of "x"
PPN_INFER(cast);
PPN_INFER(binary);
PPN_INFER(compare);
PPN_INFER(select);
PPN_INFER(argsort);
// Layers (infer_neural.c)
PPN_INFER(linear);
PPN_INFER(matmul);
PPN_INFER(einsum);
PPN_INFER(attention);
PPN_INFER(conv);
PPN_INFER(conv_transpose);
PPN_INFER(pool);
PPN_INFER(recurrent);
PPN_INFER(classify);
// Reductions, shape (infer_shape.c)
PPN_INFER(reduce);
PPN_INFER(reduce_arg);
PPN_INFER(reshape);
PPN_INFER(reshape_like);
PPN_INFER(expand_dims);
PPN_INFER(squeeze);
PPN_INFER(transpose);
PPN_INFER(flatten2d);
PPN_INFER(concat);
PPN_INFER(stack);
PPN_INFER(split);
PPN_INFER_COUNT(split);
PPN_INFER(tile);
PPN_INFER(sliding_windows);
PPN_INFER(pad);
PPN_INFER(shape);
// Slicing, indexing, creation (infer_index.c)
PPN_INFER(slice_by_index);
PPN_INFER(slice_by_size);
PPN_INFER(slice_update);
PPN_INFER(gather);
PPN_INFER(gather_along_axis);
PPN_INFER(gather_nd);
PPN_INFER(scatter);
PPN_INFER(topk);
PPN_INFER_COUNT(topk);
PPN_INFER(fill);
PPN_INFER(fill_like);
PPN_INFER(non_zero);
PPN_INFER(one_hot);
PPN_INFER(range_1d);
// Images (infer_image.c)
PPN_INFER(affine);
PPN_INFER(crop);
PPN_INFER(crop_resize);
PPN_INFER(resample);
PPN_INFER(resize);
PPN_INFER(resize_to);
PPN_INFER(upsample);
PPN_INFER(pack_pixels);
PPN_INFER(unpack_pixels);
PPN_INFER(space_to_batch);
PPN_INFER(batch_to_space);
PPN_INFER(suppression);
PPN_INFER_COUNT(suppression);
// The rest (infer_special.c)
PPN_INFER(affine_dequantize);
PPN_INFER(shift_scale);
PPN_INFER(constexpr_cast);
PPN_INFER(lut_to_dense);
PPN_INFER(lut_to_sparse);
PPN_INFER(sparse_shift_scale);
PPN_INFER(sparse_to_dense);
PPN_INFER(quantize);
PPN_INFER(dequantize);
PPN_INFER(read_state);
PPN_INFER(write_state);
PPN_INFER(cond);
PPN_INFER_COUNT(cond);
PPN_INFER(while_loop);
PPN_INFER_COUNT(while_loop);
PPN_INFER(make_list);
PPN_INFER(list_gather);
PPN_INFER(list_length);
PPN_INFER(list_read);
PPN_INFER(list_same);
PPN_INFER(random);
PPN_INFER(random_categorical);

// ---- Help for inference functions (infer.c) ----

// The type of a parameter's value; NULL when it is not given.
const ppn_mil_type_t* ppn_infer_type(const ppn_mil_operation_t* operation, const char* parameter);
// A tensor type with room for its sizes.
ppn_status_t ppn_infer_make(ppn_mil_function_t* function, ppn_dtype_t dtype, int rank,
                            ppn_mil_type_t* out) PPN_MUST_USE;
// A copy of a type (sizes shared) with another dtype.
ppn_mil_type_t ppn_infer_with_dtype(const ppn_mil_type_t* type, ppn_dtype_t dtype);
// A size that nothing is known about: a fresh symbol.
ppn_status_t ppn_infer_unknown(ppn_mil_function_t* function, ppn_dim_t* out) PPN_MUST_USE;
// INVALID_ARGUMENT with the operation's type in front.
ppn_status_t ppn_infer_fail(const ppn_mil_operation_t* operation, const char* format,
                            ...) PPN_MUST_USE PPN_PRINTF(2, 3);
// An axis parameter within a rank, made non-negative.
ppn_status_t ppn_infer_axis(const ppn_mil_operation_t* operation, const char* parameter, int rank,
                            int64_t fallback, int* out_axis) PPN_MUST_USE;
// Marks the axes of a list parameter (all when it is not given) in flags[rank].
ppn_status_t ppn_infer_axes(const ppn_mil_operation_t* operation, const char* parameter, int rank,
                            bool* out_flags) PPN_MUST_USE;
// The sizes of two operands broadcast.
ppn_status_t ppn_infer_broadcast(ppn_mil_function_t* function, const ppn_mil_operation_t* operation,
                                 const ppn_mil_type_t* x, const ppn_mil_type_t* y,
                                 ppn_mil_type_t* out) PPN_MUST_USE;
// An integer list parameter: false when it is not a constant. At most PPN_MAX_RANK * 2 entries.
bool ppn_infer_ints(const ppn_mil_operation_t* operation, const char* parameter, int64_t* out,
                    uint32_t* out_count);
// The one number of a tuple's entry: false when it is not a constant with an element.
bool ppn_infer_entry(const ppn_mil_argument_t* argument, uint32_t index, int64_t* out);
// The dtype a MIL name stands for ("fp16"), or INVALID.
ppn_dtype_t ppn_infer_dtype_named(const char* name);
// Sizes a*b + c, divided by d rounding down; overflow and d == 0 are errors.
ppn_status_t ppn_infer_affine_size(ppn_mil_function_t* function, ppn_dim_t size, int64_t factor,
                                   int64_t offset, int64_t divisor, ppn_dim_t* out) PPN_MUST_USE;

#endif  // PPN_MIL_INFER_H_
