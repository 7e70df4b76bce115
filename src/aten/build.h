// Building replacement nodes in decompositions: each call emits one operator, types inferred.
// Private to the aten layer.
//
// After a failure, calls do nothing and return NULL; ppn_build_finish reports it.
#ifndef PPN_ATEN_BUILD_H_
#define PPN_ATEN_BUILD_H_

#include "aten/op.h"

typedef struct ppn_build {
  ppn_aten_emitter_t* emitter;
  ppn_node_t* node;  // that is replaced
  ppn_status_t status;
} ppn_build_t;

// A size: a literal, or that of dimension `dim` of `of`, which may be symbolic.
typedef struct ppn_build_size {
  int64_t literal;
  ppn_value_t* of;
  int dim;
} ppn_build_size_t;
static inline ppn_build_size_t ppn_build_literal(int64_t literal) {
  ppn_build_size_t size = {literal, NULL, 0};
  return size;
}
static inline ppn_build_size_t ppn_build_size_of(ppn_value_t* of, int dim) {
  ppn_build_size_t size = {0, of, dim};
  return size;
}

static inline ppn_build_t ppn_build_start(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = {emitter, node, NULL};
  return build;
}
// Makes `value` the node's first result. Returns the status of all calls.
ppn_status_t ppn_build_finish(ppn_build_t* build, ppn_value_t* value) PPN_MUST_USE;

// ---- Reading the node ----

// The tensor argument of that name; NULL when it is none.
ppn_value_t* ppn_build_tensor(const ppn_build_t* build, const char* name);
ppn_argument_t ppn_build_argument(const ppn_build_t* build, const char* name);
int64_t ppn_build_int(const ppn_build_t* build, const char* name, int64_t fallback);
bool ppn_build_bool(const ppn_build_t* build, const char* name, bool fallback);
double ppn_build_number(const ppn_build_t* build, const char* name, double fallback);
// Literal integers, of which a single one stands for `count`; false when they are symbolic or none.
bool ppn_build_ints(const ppn_build_t* build, const char* name, int64_t* out, uint32_t count);
// Dimensions, counted from the start; all of them when None or empty. False when not literal or
// out of range.
bool ppn_build_axes(const ppn_build_t* build, const char* name, int rank, int64_t* out,
                    uint32_t* out_count);
// A dimension counted from the end is made one from the start. One that the tensor does not have is
// an error, and 0 is returned.
int ppn_build_axis(ppn_build_t* build, const char* name, int64_t fallback, int rank);
ppn_value_t* ppn_build_result(const ppn_build_t* build, uint32_t index);

// ---- Emitting ----

// Any operator with one result of the given type.
ppn_value_t* ppn_build_typed(ppn_build_t* build, const char* op, const ppn_argument_t* arguments,
                             uint32_t count, const ppn_tensor_meta_t* meta);
// The same with the arguments listed: ppn_build_op(build, "aten::glu", meta, self, dim).
#define ppn_build_op(build, op, meta, ...)                              \
  ppn_build_typed((build), (op), (const ppn_argument_t[]){__VA_ARGS__}, \
                  PPN_COUNT_OF(((const ppn_argument_t[]){__VA_ARGS__})), (meta))
// op(self): the same type.
ppn_value_t* ppn_build_unary(ppn_build_t* build, const char* op, ppn_value_t* self);
// op(self, other): sizes broadcast; `dtype` INVALID: the promoted one.
ppn_value_t* ppn_build_binary(ppn_build_t* build, const char* op, ppn_value_t* self,
                              ppn_value_t* other, ppn_dtype_t dtype);
// op(self, number): the type of self, or `dtype`.
ppn_value_t* ppn_build_scalar(ppn_build_t* build, const char* op, ppn_value_t* self, double number,
                              ppn_dtype_t dtype);
// where(condition, self, other): sizes broadcast, the type is self's.
ppn_value_t* ppn_build_where(ppn_build_t* build, ppn_value_t* condition, ppn_value_t* self,
                             ppn_value_t* other);
// A reduction op(self, dim, keepdim) over the given dimensions, which are counted from the start.
ppn_value_t* ppn_build_reduce(ppn_build_t* build, const char* op, ppn_value_t* self,
                              const int64_t* dims, uint32_t count, bool keepdim);
// cat(tensors, dim). Errors: UNSUPPORTED when sizes that are not fixed cannot be added up.
ppn_value_t* ppn_build_cat(ppn_build_t* build, ppn_value_t* const* values, uint32_t count, int dim);
ppn_value_t* ppn_build_squeeze(ppn_build_t* build, ppn_value_t* self, int dim);
ppn_value_t* ppn_build_select(ppn_build_t* build, ppn_value_t* self, int dim, int64_t index);
ppn_value_t* ppn_build_view(ppn_build_t* build, ppn_value_t* self, const ppn_build_size_t* sizes,
                            int rank);
ppn_value_t* ppn_build_expand(ppn_build_t* build, ppn_value_t* self, const ppn_build_size_t* sizes,
                              int rank);
ppn_value_t* ppn_build_permute(ppn_build_t* build, ppn_value_t* self, const int64_t* dims);
ppn_value_t* ppn_build_transpose(ppn_build_t* build, ppn_value_t* self, int a, int b);
ppn_value_t* ppn_build_unsqueeze(ppn_build_t* build, ppn_value_t* self, int dim);
ppn_value_t* ppn_build_slice(ppn_build_t* build, ppn_value_t* self, int dim, int64_t start,
                             int64_t end, int64_t size);
ppn_value_t* ppn_build_cast(ppn_build_t* build, ppn_value_t* self, ppn_dtype_t dtype);
// [m, k] · [k, n], or batched [b, m, k] · [b, k, n].
ppn_value_t* ppn_build_matrix_product(ppn_build_t* build, ppn_value_t* a, ppn_value_t* b);
// Any operator with several results; their types are given.
void ppn_build_several(ppn_build_t* build, const char* op, const ppn_argument_t* arguments,
                       uint32_t count, const ppn_tensor_meta_t* metas, ppn_value_t** out_values,
                       uint32_t output_count);

// The type of a contiguous tensor; `sizes` are dims of values that exist.
ppn_tensor_meta_t ppn_build_meta(ppn_build_t* build, ppn_dtype_t dtype, int rank,
                                 const ppn_dim_t* sizes);
ppn_dim_t ppn_build_dim(const ppn_build_size_t* size);
// int[] argument of sizes; symbolic ones are read with sym_size.
ppn_argument_t ppn_build_sizes(ppn_build_t* build, const char* name, const ppn_build_size_t* sizes,
                               int rank);

#endif  // PPN_ATEN_BUILD_H_
