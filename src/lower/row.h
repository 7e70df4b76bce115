// What lowering rows are written with.
//
// A row reads its node's arguments, emits operations and binds the results:
//
//   static ppn_status_t lower_mish(ppn_lower_context_t* context, const ppn_node_t* node) {
//     ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
//     ppn_mil_value_t* gate = ppn_row_emit(context, "tanh", {"x", ppn_row_unary(context,
//     "softplus", x)}); return ppn_row_result(context, node, ppn_row_binary(context, "mul", x,
//     gate));
//   }
//
// The first error stays in the context; until ppn_row_result (or ppn_row_finish) hands it over,
// every emitting function does nothing and returns NULL, so that rows need no checks between steps.
#ifndef PPN_LOWER_ROW_H_
#define PPN_LOWER_ROW_H_

#include "lower/lower.h"

struct ppn_lower_context {
  const ppn_exported_program_t* program;
  const ppn_lower_options_t* options;
  ppn_mil_opset_t opset;      // the function's opset
  ppn_mil_builder_t builder;  // name and origin are set for the node being lowered
  ppn_status_t status;        // the row's first error
  const ppn_node_t* node;     // being lowered; NULL for inputs and outputs of the program
};

// ---- Results (lower/context.c) ----

// Binds result `index` of the node: converts to the dtype that the traced program states, and takes
// the sizes it states where inference knows less. Results that nobody has (NULL outputs) are
// ignored.
void ppn_row_bind(ppn_lower_context_t* context, const ppn_node_t* node, uint32_t index,
                  ppn_mil_value_t* value);
// Hands over the row's error, if any.
ppn_status_t ppn_row_finish(ppn_lower_context_t* context) PPN_MUST_USE;
// Binds the only result and finishes.
ppn_status_t ppn_row_result(ppn_lower_context_t* context, const ppn_node_t* node,
                            ppn_mil_value_t* value) PPN_MUST_USE;
// Records an error. The first one wins; `status` is consumed.
void ppn_row_fail(ppn_lower_context_t* context, ppn_status_t status);
#define ppn_row_check(context, expression) \
  ((context)->status ? (void)0 : ppn_row_fail((context), (expression)))

// ---- Arguments as MIL values (lower/context.c) ----

// The MIL value of an ATen value: tensors, and symbolic integers as int32 scalars.
ppn_mil_value_t* ppn_row_value(ppn_lower_context_t* context, const ppn_value_t* value);
// A tensor argument; NULL when it is None or the operator has no such argument.
ppn_mil_value_t* ppn_row_tensor(ppn_lower_context_t* context, const ppn_node_t* node,
                                const char* name);
// A tensor, number or symbolic number in `dtype`.
ppn_mil_value_t* ppn_row_operand(ppn_lower_context_t* context, const ppn_argument_t* argument,
                                 ppn_dtype_t dtype);
// Element `index` of a tensor list, in `dtype` (INVALID: as it is).
ppn_mil_value_t* ppn_row_list_item(ppn_lower_context_t* context, const ppn_argument_t* argument,
                                   uint32_t index, ppn_dtype_t dtype);
// A MIL constant for a parameter, buffer or lifted constant.
ppn_mil_value_t* ppn_row_program_constant(ppn_lower_context_t* context,
                                          const ppn_constant_t* constant, const char* name);

// ---- Constants (lower/constants.c) ----

ppn_mil_value_t* ppn_row_int(ppn_lower_context_t* context, int64_t value);
ppn_mil_value_t* ppn_row_ints(ppn_lower_context_t* context, const int64_t* values, uint32_t count);
ppn_mil_value_t* ppn_row_bool(ppn_lower_context_t* context, bool value);
ppn_mil_value_t* ppn_row_bools(ppn_lower_context_t* context, const bool* values, uint32_t count);
ppn_mil_value_t* ppn_row_text(ppn_lower_context_t* context, const char* value);
// A scalar of a MIL dtype (integers are clamped, bool is "not zero").
ppn_mil_value_t* ppn_row_number(ppn_lower_context_t* context, ppn_dtype_t dtype, double value);
// Contiguous elements, copied.
ppn_mil_value_t* ppn_row_data(ppn_lower_context_t* context, ppn_dtype_t dtype, int rank,
                              const int64_t* sizes, const void* data);
// `count` copies of a number, as a vector.
ppn_mil_value_t* ppn_row_filled(ppn_lower_context_t* context, ppn_dtype_t dtype, int64_t count,
                                double value);
// True when the value is a constant, or what a constexpr operation makes of constants: it can be
// given where an operation wants a constant.
bool ppn_row_is_known(const ppn_mil_value_t* value);
// True when the value is a constant whose elements can be seen through other sizes and strides.
bool ppn_row_is_viewable(const ppn_mil_value_t* value);
// A constant over the same elements with other sizes and strides (in elements), starting `offset`
// elements later. Costs nothing: the elements are read when the program is written.
ppn_mil_value_t* ppn_row_restride(ppn_lower_context_t* context, const ppn_mil_value_t* value,
                                  int rank, const int64_t* sizes, const int64_t* strides,
                                  int64_t offset);
// A scalar constant's number; false when the value is not a constant of one element.
bool ppn_row_constant_number(const ppn_mil_value_t* value, double* out);

// ---- Emission (lower/emit.c) ----

typedef struct ppn_row_input {
  const char* name;
  ppn_mil_value_t* value;  // NULL: not given
} ppn_row_input_t;

ppn_mil_value_t* ppn_row_emit_inputs(ppn_lower_context_t* context, const char* type,
                                     const ppn_row_input_t* inputs, uint32_t count);
// ppn_row_emit(context, "add", {"x", x}, {"y", y})
#define ppn_row_emit(context, type, ...)                         \
  ppn_row_emit_inputs(                                           \
      (context), (type), (const ppn_row_input_t[]){__VA_ARGS__}, \
      (uint32_t)(sizeof((const ppn_row_input_t[]){__VA_ARGS__}) / sizeof(ppn_row_input_t)))
// The same for operations with several results.
void ppn_row_emit_outputs(ppn_lower_context_t* context, const char* type,
                          const ppn_row_input_t* inputs, uint32_t input_count,
                          ppn_mil_value_t** out_values, uint32_t output_count);
// {"x": x}
ppn_mil_value_t* ppn_row_unary(ppn_lower_context_t* context, const char* type, ppn_mil_value_t* x);
// {"x": x, "y": y}
ppn_mil_value_t* ppn_row_binary(ppn_lower_context_t* context, const char* type, ppn_mil_value_t* x,
                                ppn_mil_value_t* y);
// {"x": x, "y": number in x's dtype}
ppn_mil_value_t* ppn_row_binary_number(ppn_lower_context_t* context, const char* type,
                                       ppn_mil_value_t* x, double number);
ppn_mil_value_t* ppn_row_select(ppn_lower_context_t* context, ppn_mil_value_t* condition,
                                ppn_mil_value_t* a, ppn_mil_value_t* b);
ppn_mil_value_t* ppn_row_concat(ppn_lower_context_t* context, ppn_mil_value_t* const* values,
                                uint32_t count, int64_t axis);
ppn_mil_value_t* ppn_row_stack(ppn_lower_context_t* context, ppn_mil_value_t* const* values,
                               uint32_t count, int64_t axis);
ppn_mil_value_t* ppn_row_reduce(ppn_lower_context_t* context, const char* type, ppn_mil_value_t* x,
                                const int64_t* axes, uint32_t count, bool keep_dims);
// `value` in a MIL dtype: itself, a re-made constant, or a cast.
ppn_mil_value_t* ppn_row_cast(ppn_lower_context_t* context, ppn_mil_value_t* value,
                              ppn_dtype_t dtype);
// Layout. Constants, and transposed compressed ones, are restrided instead of computed; what
// changes nothing returns its operand.
ppn_mil_value_t* ppn_row_transpose(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                   const int64_t* permutation);
ppn_mil_value_t* ppn_row_swap_axes(ppn_lower_context_t* context, ppn_mil_value_t* x, int64_t a,
                                   int64_t b);
ppn_mil_value_t* ppn_row_expand_dims(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                     const int64_t* axes, uint32_t count);
ppn_mil_value_t* ppn_row_squeeze(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                 const int64_t* axes, uint32_t count);
// Inserts axes of size 1 in front until the value has `rank` dimensions.
ppn_mil_value_t* ppn_row_raise_rank(ppn_lower_context_t* context, ppn_mil_value_t* x, int rank);
// Elements [begin, end) of `axis`.
ppn_mil_value_t* ppn_row_slice(ppn_lower_context_t* context, ppn_mil_value_t* x, int64_t axis,
                               int64_t begin, int64_t end);

// ---- Sizes (lower/sizes.c) ----

// One size as an int32 scalar: a constant; or taken from the shape of a tensor among the node's
// arguments or the program's inputs, or from a symbolic integer among the arguments.
ppn_mil_value_t* ppn_row_dim(ppn_lower_context_t* context, ppn_dim_t dim);
// Sizes as an int32 vector: a constant when all are static, else assembled.
ppn_mil_value_t* ppn_row_sizes(ppn_lower_context_t* context, const ppn_dim_t* dims, int rank);
// reshape to these sizes; one symbolic size becomes -1.
ppn_mil_value_t* ppn_row_reshape(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                 const ppn_dim_t* dims, int rank);
ppn_mil_value_t* ppn_row_reshape_static(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                        const int64_t* sizes, int rank);
// Broadcasts to these sizes (reshape and tile; constants are restrided).
ppn_mil_value_t* ppn_row_broadcast(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                   const ppn_dim_t* dims, int rank);
// For predicates: can ppn_row_dim find every size, looking at the node's arguments only?
bool ppn_row_sizes_known(const ppn_node_t* node, const ppn_dim_t* dims, int rank);
// For predicates: as above, but one size may be unknown (reshape infers it).
bool ppn_row_reshape_possible(const ppn_node_t* node, const ppn_dim_t* dims, int rank);
bool ppn_row_sizes_static(const ppn_dim_t* dims, int rank);

// ---- Reading a node (lower/arguments.c): no context, usable by predicates ----

// Type of a tensor argument; NULL when it is None, no tensor, or does not exist.
const ppn_tensor_meta_t* ppn_row_meta(const ppn_node_t* node, const char* name);
// Type of result `index`; NULL when it is undefined or no tensor.
const ppn_tensor_meta_t* ppn_row_output(const ppn_node_t* node, uint32_t index);
// The MIL dtype of result 0.
ppn_dtype_t ppn_row_output_dtype(const ppn_node_t* node);
// True when the argument exists and is not None.
bool ppn_row_given(const ppn_node_t* node, const char* name);
// Literals; `fallback` when None, absent or symbolic.
int64_t ppn_row_literal_int(const ppn_node_t* node, const char* name, int64_t fallback);
double ppn_row_literal_number(const ppn_node_t* node, const char* name, double fallback);
bool ppn_row_literal_bool(const ppn_node_t* node, const char* name, bool fallback);
const char* ppn_row_literal_text(const ppn_node_t* node, const char* name, const char* fallback);
// A list of literal integers (at most PPN_MAX_RANK); a lone integer is a list of one. False when
// None, absent, symbolic or too long.
bool ppn_row_literal_ints(const ppn_node_t* node, const char* name, int64_t* out,
                          uint32_t* out_count);
// True when the argument is a literal (number, bool, text, or a list of literal integers) or None.
bool ppn_row_is_literal(const ppn_node_t* node, const char* name);
// True when the value is a parameter, buffer or constant that nothing changes, or such a one
// converted to a wider integer type.
bool ppn_row_is_constant(const ppn_value_t* value, const ppn_lower_options_t* options);
// Is the named argument such a value?
bool ppn_row_constant_argument(const ppn_node_t* node, const char* name,
                               const ppn_lower_options_t* options);
// The first deployment target that the node's row accepts it for; 0: none (lower/support.c).
ppn_mil_opset_t ppn_row_opset_needed(const ppn_node_t* node, const ppn_exported_program_t* program);
// An axis argument, made non-negative for `rank` dimensions (rank 0 counts as 1).
int64_t ppn_row_axis(const ppn_node_t* node, const char* name, int64_t fallback, int rank);
// Axes of a reduction, non-negative and ascending: all of them when None or empty. The count; at
// most `rank`.
uint32_t ppn_row_axes(const ppn_node_t* node, const char* name, int rank, int64_t* out);
// torch's result type of the given operands (tensors count more than rank-0 tensors, those more
// than numbers), as a MIL dtype.
ppn_dtype_t ppn_row_promote(const ppn_argument_t* const* arguments, uint32_t count);
// Appends the reason (when `reason` is not NULL) and returns false.
bool ppn_row_refuse(ppn_buffer_t* reason, const char* format, ...) PPN_PRINTF(2, 3);
// Refuses unless all the named arguments are literal.
bool ppn_row_require_literals(const ppn_node_t* node, ppn_buffer_t* reason,
                              const char* const* names, uint32_t count);
#define ppn_row_require_literal(node, reason, ...)                               \
  ppn_row_require_literals((node), (reason), (const char* const[]){__VA_ARGS__}, \
                           (uint32_t)(sizeof((const char* const[]){__VA_ARGS__}) / sizeof(char*)))
// Refuses unless the tensor argument has only static sizes.
bool ppn_row_require_static(const ppn_node_t* node, const char* name, ppn_buffer_t* reason);

#endif  // PPN_LOWER_ROW_H_
