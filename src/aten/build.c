#include "aten/build.h"

#include <string.h>

#define MAXIMUM_RANK 64

ppn_status_t ppn_build_finish(ppn_build_t* build, ppn_value_t* value) {
  if (!build->status && value) build->node->outputs[0]->replacement = value;
  return build->status;
}

// ---- Reading ----

ppn_value_t* ppn_build_tensor(const ppn_build_t* build, const char* name) {
  const ppn_argument_t* argument = ppn_node_argument(build->node, name);
  bool is_tensor = argument && argument->kind == PPN_ARGUMENT_VALUE &&
                   argument->u.value->kind == PPN_VALUE_TENSOR;
  return is_tensor ? argument->u.value : NULL;
}

ppn_argument_t ppn_build_argument(const ppn_build_t* build, const char* name) {
  const ppn_argument_t* argument = ppn_node_argument(build->node, name);
  return argument ? *argument : ppn_argument_none(name);
}

int64_t ppn_build_int(const ppn_build_t* build, const char* name, int64_t fallback) {
  const ppn_argument_t* argument = ppn_node_argument(build->node, name);
  int64_t value;
  return argument && ppn_argument_as_int(argument, &value) ? value : fallback;
}

bool ppn_build_bool(const ppn_build_t* build, const char* name, bool fallback) {
  return ppn_build_int(build, name, fallback) != 0;
}

int ppn_build_axis(const ppn_build_t* build, const char* name, int64_t fallback, int rank) {
  int64_t axis = ppn_build_int(build, name, fallback);
  return (int)(axis < 0 ? axis + rank : axis);
}

ppn_value_t* ppn_build_result(const ppn_build_t* build, uint32_t index) {
  return build->node->outputs[index];
}

// ---- Types ----

ppn_tensor_meta_t ppn_build_meta(ppn_build_t* build, ppn_dtype_t dtype, int rank,
                                 const ppn_dim_t* sizes) {
  ppn_tensor_meta_t meta = {.dtype = dtype, .rank = rank};
  meta.sizes = ppn_arena_memdup(build->emitter->graph->arena, sizes, (size_t)rank * sizeof(*sizes));
  if (!meta.sizes && !build->status) build->status = ppn_out_of_memory();
  return meta;
}

ppn_dim_t ppn_build_dim(const ppn_build_size_t* size) {
  return size->of ? size->of->tensor.sizes[size->dim] : ppn_dim_static(size->literal);
}

ppn_argument_t ppn_build_sizes(ppn_build_t* build, const char* name, const ppn_build_size_t* sizes,
                               int rank) {
  ppn_graph_t* graph = build->emitter->graph;
  ppn_int_item_t items[MAXIMUM_RANK];
  for (int i = 0; i < rank && !build->status; ++i) {
    ppn_dim_t dim = ppn_build_dim(&sizes[i]);
    items[i] = (ppn_int_item_t){dim.value, NULL};
    if (ppn_dim_is_static(dim)) continue;
    ppn_node_t* node;
    ppn_argument_t arguments[] = {ppn_argument_value("self", sizes[i].of),
                                  ppn_argument_int("dim", sizes[i].dim)};
    build->status = ppn_graph_new_sym_int(graph, "sym_size", dim, &items[i].value);
    if (build->status) break;
    build->status =
        ppn_graph_new_node(graph, build->emitter->before, "aten::sym_size.int", NULL, arguments, 2,
                           &items[i].value, 1, build->emitter->origin, &node);
    if (!build->status) build->status = ppn_aten_bind(node);
  }
  return ppn_argument_int_items(graph->arena, name, items, build->status ? 0 : (uint32_t)rank);
}

// ---- Emitting ----

void ppn_build_several(ppn_build_t* build, const char* op, const ppn_argument_t* arguments,
                       uint32_t count, const ppn_tensor_meta_t* metas, ppn_value_t** out_values,
                       uint32_t output_count) {
  for (uint32_t i = 0; i < output_count; ++i) out_values[i] = NULL;
  if (build->status) return;
  build->status =
      ppn_aten_emit_typed(build->emitter, op, arguments, count, metas, out_values, output_count);
}

ppn_value_t* ppn_build_typed(ppn_build_t* build, const char* op, const ppn_argument_t* arguments,
                             uint32_t count, const ppn_tensor_meta_t* meta) {
  ppn_value_t* value;
  ppn_build_several(build, op, arguments, count, meta, &value, 1);
  return value;
}

ppn_value_t* ppn_build_unary(ppn_build_t* build, const char* op, ppn_value_t* self) {
  if (build->status) return NULL;
  ppn_argument_t arguments[] = {ppn_argument_value("self", self)};
  return ppn_build_typed(build, op, arguments, 1, &self->tensor);
}

ppn_value_t* ppn_build_binary(ppn_build_t* build, const char* op, ppn_value_t* self,
                              ppn_value_t* other, ppn_dtype_t dtype) {
  if (build->status) return NULL;
  const ppn_tensor_meta_t *a = &self->tensor, *b = &other->tensor;
  int rank = a->rank > b->rank ? a->rank : b->rank;
  ppn_dim_t sizes[MAXIMUM_RANK];
  for (int i = 0; i < rank; ++i) {
    int in_a = i - (rank - a->rank), in_b = i - (rank - b->rank);
    sizes[i] = in_a < 0 ? b->sizes[in_b] : a->sizes[in_a];
    if (in_a >= 0 && in_b >= 0 && ppn_dim_is(sizes[i], 1)) sizes[i] = b->sizes[in_b];
  }
  if (dtype == PPN_DTYPE_INVALID) dtype = ppn_dtype_promote(a->dtype, b->dtype);
  ppn_tensor_meta_t meta = ppn_build_meta(build, dtype, rank, sizes);
  ppn_argument_t arguments[] = {ppn_argument_value("self", self),
                                ppn_argument_value("other", other)};
  return ppn_build_typed(build, op, arguments, 2, &meta);
}

ppn_value_t* ppn_build_scalar(ppn_build_t* build, const char* op, ppn_value_t* self, double number,
                              ppn_dtype_t dtype) {
  if (build->status) return NULL;
  ppn_tensor_meta_t meta = self->tensor;
  if (dtype != PPN_DTYPE_INVALID) meta.dtype = dtype;
  const char* name = strstr(op, "pow") ? "exponent" : "other";
  ppn_argument_t arguments[] = {ppn_argument_value("self", self), ppn_argument_float(name, number)};
  return ppn_build_typed(build, op, arguments, 2, &meta);
}

static ppn_value_t* resize(ppn_build_t* build, const char* op, ppn_value_t* self,
                           const ppn_build_size_t* sizes, int rank) {
  if (build->status) return NULL;
  ppn_dim_t dims[MAXIMUM_RANK];
  for (int i = 0; i < rank; ++i) dims[i] = ppn_build_dim(&sizes[i]);
  ppn_tensor_meta_t meta = ppn_build_meta(build, self->tensor.dtype, rank, dims);
  ppn_argument_t arguments[] = {ppn_argument_value("self", self),
                                ppn_build_sizes(build, "size", sizes, rank)};
  return ppn_build_typed(build, op, arguments, 2, &meta);
}

ppn_value_t* ppn_build_view(ppn_build_t* build, ppn_value_t* self, const ppn_build_size_t* sizes,
                            int rank) {
  return resize(build, "aten::view", self, sizes, rank);
}

ppn_value_t* ppn_build_expand(ppn_build_t* build, ppn_value_t* self, const ppn_build_size_t* sizes,
                              int rank) {
  return resize(build, "aten::expand", self, sizes, rank);
}

ppn_value_t* ppn_build_permute(ppn_build_t* build, ppn_value_t* self, const int64_t* dims) {
  if (build->status) return NULL;
  ppn_dim_t sizes[MAXIMUM_RANK];
  int rank = self->tensor.rank;
  for (int i = 0; i < rank; ++i) sizes[i] = self->tensor.sizes[dims[i]];
  ppn_tensor_meta_t meta = ppn_build_meta(build, self->tensor.dtype, rank, sizes);
  ppn_argument_t arguments[] = {
      ppn_argument_value("self", self),
      ppn_argument_ints(build->emitter->graph->arena, "dims", dims, (uint32_t)rank)};
  return ppn_build_typed(build, "aten::permute", arguments, 2, &meta);
}

ppn_value_t* ppn_build_transpose(ppn_build_t* build, ppn_value_t* self, int a, int b) {
  if (build->status) return NULL;
  int64_t dims[MAXIMUM_RANK];
  int rank = self->tensor.rank;
  if (a < 0) a += rank;
  if (b < 0) b += rank;
  for (int i = 0; i < rank; ++i) dims[i] = i == a ? b : i == b ? a : i;
  return ppn_build_permute(build, self, dims);
}

ppn_value_t* ppn_build_unsqueeze(ppn_build_t* build, ppn_value_t* self, int dim) {
  if (build->status) return NULL;
  ppn_dim_t sizes[MAXIMUM_RANK];
  int rank = self->tensor.rank + 1;
  if (dim < 0) dim += rank;
  for (int i = 0; i < rank; ++i) {
    sizes[i] = i == dim ? ppn_dim_static(1) : self->tensor.sizes[i - (i > dim)];
  }
  ppn_tensor_meta_t meta = ppn_build_meta(build, self->tensor.dtype, rank, sizes);
  ppn_argument_t arguments[] = {ppn_argument_value("self", self), ppn_argument_int("dim", dim)};
  return ppn_build_typed(build, "aten::unsqueeze", arguments, 2, &meta);
}

ppn_value_t* ppn_build_slice(ppn_build_t* build, ppn_value_t* self, int dim, int64_t start,
                             int64_t end, int64_t size) {
  if (build->status) return NULL;
  ppn_dim_t sizes[MAXIMUM_RANK];
  for (int i = 0; i < self->tensor.rank; ++i) sizes[i] = self->tensor.sizes[i];
  sizes[dim] = ppn_dim_static(size);
  ppn_tensor_meta_t meta = ppn_build_meta(build, self->tensor.dtype, self->tensor.rank, sizes);
  ppn_argument_t arguments[] = {ppn_argument_value("self", self), ppn_argument_int("dim", dim),
                                ppn_argument_int("start", start), ppn_argument_int("end", end)};
  return ppn_build_typed(build, "aten::slice.Tensor", arguments, 4, &meta);
}

ppn_value_t* ppn_build_cast(ppn_build_t* build, ppn_value_t* self, ppn_dtype_t dtype) {
  if (build->status || self->tensor.dtype == dtype) return self;
  ppn_tensor_meta_t meta = self->tensor;
  meta.dtype = dtype;
  ppn_argument_t arguments[] = {ppn_argument_value("self", self),
                                ppn_argument_dtype("dtype", dtype)};
  return ppn_build_typed(build, "aten::_to_copy", arguments, 2, &meta);
}

ppn_value_t* ppn_build_matrix_product(ppn_build_t* build, ppn_value_t* a, ppn_value_t* b) {
  if (build->status) return NULL;
  int rank = a->tensor.rank;
  ppn_dim_t sizes[3];
  for (int i = 0; i < rank; ++i) sizes[i] = a->tensor.sizes[i];
  sizes[rank - 1] = b->tensor.sizes[rank - 1];
  ppn_tensor_meta_t meta = ppn_build_meta(build, a->tensor.dtype, rank, sizes);
  ppn_argument_t arguments[] = {ppn_argument_value("self", a), ppn_argument_value("mat2", b)};
  return ppn_build_typed(build, rank == 3 ? "aten::bmm" : "aten::mm", arguments, 2, &meta);
}
