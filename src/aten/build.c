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

double ppn_build_number(const ppn_build_t* build, const char* name, double fallback) {
  const ppn_argument_t* argument = ppn_node_argument(build->node, name);
  double value;
  return argument && ppn_argument_as_double(argument, &value) ? value : fallback;
}

bool ppn_build_ints(const ppn_build_t* build, const char* name, int64_t* out, uint32_t count) {
  const ppn_argument_t* argument = ppn_node_argument(build->node, name);
  int64_t values[MAXIMUM_RANK];
  uint32_t found = 1;
  if (!argument || (!ppn_argument_as_ints(argument, values, MAXIMUM_RANK, &found) &&
                    !ppn_argument_as_int(argument, values))) {
    return false;
  }
  if (found != count && found != 1) return false;
  for (uint32_t i = 0; i < count; ++i) out[i] = values[found == 1 ? 0 : i];
  return true;
}

bool ppn_build_axes(const ppn_build_t* build, const char* name, int rank, int64_t* out,
                    uint32_t* out_count) {
  const ppn_argument_t* argument = ppn_node_argument(build->node, name);
  uint32_t count = 0;
  if (argument && argument->kind != PPN_ARGUMENT_NONE &&
      !ppn_argument_as_ints(argument, out, MAXIMUM_RANK, &count)) {
    if (!ppn_argument_as_int(argument, out)) return false;
    count = 1;
  }
  for (uint32_t i = 0; i < count; ++i) {
    out[i] += out[i] < 0 ? rank : 0;
    if (rank > 0 && (out[i] < 0 || out[i] >= rank)) return false;
  }
  for (int i = 0; count == 0 && i < rank; ++i) out[i] = i;
  *out_count = rank == 0 ? 0 : count ? count : (uint32_t)rank;
  return true;
}

int ppn_build_axis(ppn_build_t* build, const char* name, int64_t fallback, int rank) {
  int64_t axis = ppn_build_int(build, name, fallback), count = rank > 0 ? rank : 1;
  if (axis < -count || axis >= count) {
    if (!build->status) {
      build->status = ppn_status_make(PPN_STATUS_INVALID_DATA,
                                      "argument '%s' is %lld, but the tensor has %d dimensions",
                                      name, (long long)axis, rank);
    }
    return 0;
  }
  return (int)(axis < 0 ? axis + count : axis);
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

// The sizes of `a` and `b` broadcast against each other; the rank.
static int broadcast(const ppn_tensor_meta_t* a, const ppn_tensor_meta_t* b, ppn_dim_t* out) {
  int rank = a->rank > b->rank ? a->rank : b->rank;
  for (int i = 0; i < rank; ++i) {
    int in_a = i - (rank - a->rank), in_b = i - (rank - b->rank);
    out[i] = in_a < 0 ? b->sizes[in_b] : a->sizes[in_a];
    if (in_a >= 0 && in_b >= 0 && ppn_dim_is(out[i], 1)) out[i] = b->sizes[in_b];
  }
  return rank;
}

ppn_value_t* ppn_build_binary(ppn_build_t* build, const char* op, ppn_value_t* self,
                              ppn_value_t* other, ppn_dtype_t dtype) {
  if (build->status) return NULL;
  ppn_dim_t sizes[MAXIMUM_RANK];
  int rank = broadcast(&self->tensor, &other->tensor, sizes);
  if (dtype == PPN_DTYPE_INVALID) {
    dtype = ppn_dtype_promote(self->tensor.dtype, other->tensor.dtype);
  }
  ppn_tensor_meta_t meta = ppn_build_meta(build, dtype, rank, sizes);
  return ppn_build_op(build, op, &meta, ppn_argument_value("self", self),
                      ppn_argument_value(strstr(op, "pow") ? "exponent" : "other", other));
}

ppn_value_t* ppn_build_where(ppn_build_t* build, ppn_value_t* condition, ppn_value_t* self,
                             ppn_value_t* other) {
  if (build->status) return NULL;
  ppn_dim_t both[MAXIMUM_RANK], sizes[MAXIMUM_RANK];
  ppn_tensor_meta_t operands = {.rank = broadcast(&self->tensor, &other->tensor, both),
                                .sizes = both};
  int rank = broadcast(&condition->tensor, &operands, sizes);
  ppn_tensor_meta_t meta = ppn_build_meta(build, self->tensor.dtype, rank, sizes);
  return ppn_build_op(build, "aten::where.self", &meta, ppn_argument_value("condition", condition),
                      ppn_argument_value("self", self), ppn_argument_value("other", other));
}

ppn_value_t* ppn_build_scalar(ppn_build_t* build, const char* op, ppn_value_t* self, double number,
                              ppn_dtype_t dtype) {
  if (build->status) return NULL;
  ppn_tensor_meta_t meta = self->tensor;
  if (dtype != PPN_DTYPE_INVALID) meta.dtype = dtype;
  const char* name = strstr(op, "pow") ? "exponent" : "other";
  bool is_integer = !ppn_dtype_is_float(self->tensor.dtype) && number == (double)(int64_t)number;
  return ppn_build_op(
      build, op, &meta, ppn_argument_value("self", self),
      is_integer ? ppn_argument_int(name, (int64_t)number) : ppn_argument_float(name, number));
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

static ppn_value_t* without_dim(ppn_build_t* build, const char* op, ppn_value_t* self, int dim,
                                ppn_argument_t index) {
  if (build->status) return NULL;
  ppn_dim_t sizes[MAXIMUM_RANK];
  int rank = 0;
  for (int i = 0; i < self->tensor.rank; ++i) {
    if (i != dim) sizes[rank++] = self->tensor.sizes[i];
  }
  ppn_tensor_meta_t meta = ppn_build_meta(build, self->tensor.dtype, rank, sizes);
  ppn_argument_t arguments[] = {ppn_argument_value("self", self), ppn_argument_int("dim", dim),
                                index};
  return ppn_build_typed(build, op, arguments, index.kind == PPN_ARGUMENT_NONE ? 2 : 3, &meta);
}

ppn_value_t* ppn_build_squeeze(ppn_build_t* build, ppn_value_t* self, int dim) {
  return without_dim(build, "aten::squeeze.dim", self, dim, ppn_argument_none(""));
}

ppn_value_t* ppn_build_select(ppn_build_t* build, ppn_value_t* self, int dim, int64_t index) {
  return without_dim(build, "aten::select.int", self, dim, ppn_argument_int("index", index));
}

ppn_value_t* ppn_build_reduce(ppn_build_t* build, const char* op, ppn_value_t* self,
                              const int64_t* dims, uint32_t count, bool keepdim) {
  if (build->status) return NULL;
  ppn_dim_t sizes[MAXIMUM_RANK];
  int rank = 0;
  for (int i = 0; i < self->tensor.rank; ++i) {
    bool is_reduced = false;
    for (uint32_t j = 0; j < count; ++j) is_reduced |= dims[j] == i;
    if (is_reduced && !keepdim) continue;
    sizes[rank++] = is_reduced ? ppn_dim_static(1) : self->tensor.sizes[i];
  }
  ppn_tensor_meta_t meta = ppn_build_meta(build, self->tensor.dtype, rank, sizes);
  return ppn_build_op(build, op, &meta, ppn_argument_value("self", self),
                      ppn_argument_ints(build->emitter->graph->arena, "dim", dims, count),
                      ppn_argument_bool("keepdim", keepdim));
}

ppn_value_t* ppn_build_cat(ppn_build_t* build, ppn_value_t* const* values, uint32_t count,
                           int dim) {
  if (build->status) return NULL;
  ppn_dim_t sizes[MAXIMUM_RANK], total = ppn_dim_static(0);
  const ppn_tensor_meta_t* first = &values[0]->tensor;
  for (int i = 0; i < first->rank; ++i) sizes[i] = first->sizes[i];
  for (uint32_t i = 0; i < count && !build->status; ++i) {
    build->status =
        ppn_dim_add(build->emitter->graph->symbols, total, values[i]->tensor.sizes[dim], &total);
  }
  sizes[dim] = total;
  ppn_tensor_meta_t meta = ppn_build_meta(build, first->dtype, first->rank, sizes);
  return ppn_build_op(build, "aten::cat", &meta,
                      ppn_argument_values(build->emitter->graph->arena, "tensors", values, count),
                      ppn_argument_int("dim", dim));
}
