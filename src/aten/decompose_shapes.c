// Decompositions of operators that move elements, make or convert tensors.
#include "aten/build.h"
#include "aten/rows.h"

// ---- Shapes ----

// A size of the result that is not fixed, found among the sizes of a tensor argument.
static bool find_size(ppn_value_t* source, ppn_dim_t dim, int from, ppn_build_size_t* out) {
  for (int i = from; i < source->tensor.rank; ++i) {
    if (!ppn_dim_equal(source->tensor.sizes[i], dim)) continue;
    *out = ppn_build_size_of(source, i);
    return true;
  }
  return false;
}

// view(self, sizes of the result). At most one size that cannot be found is left to be inferred.
static ppn_value_t* view_as_result(ppn_build_t* build, ppn_value_t* self) {
  const ppn_tensor_meta_t* meta = &ppn_build_result(build, 0)->tensor;
  ppn_build_size_t sizes[64];
  int inferred = 0;
  for (int i = 0; i < meta->rank; ++i) {
    sizes[i] = ppn_build_literal(meta->sizes[i].value);
    if (ppn_dim_is_static(meta->sizes[i]) || find_size(self, meta->sizes[i], 0, &sizes[i]))
      continue;
    sizes[i] = ppn_build_literal(-1);
    ++inferred;
  }
  if (inferred > 1) return NULL;
  ppn_value_t* value = ppn_build_view(build, self, sizes, meta->rank);
  for (int i = 0; value && i < meta->rank; ++i) value->tensor.sizes[i] = meta->sizes[i];
  return value;
}

static ppn_status_t to_view(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  return ppn_build_finish(&build, view_as_result(&build, ppn_build_tensor(&build, "self")));
}

// reshape(self, shape) is view(self, size): the sizes may be symbolic values.
static ppn_status_t reshape(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "self"),
                                ppn_build_argument(&build, "shape")};
  arguments[1].name = "size";
  ppn_tensor_meta_t meta = ppn_build_result(&build, 0)->tensor;
  meta.strides = NULL;
  return ppn_build_finish(&build, ppn_build_typed(&build, "aten::view", arguments, 2, &meta));
}

static ppn_status_t expand_as(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* other = ppn_build_tensor(&build, "other");
  ppn_build_size_t sizes[64];
  for (int i = 0; i < other->tensor.rank; ++i) sizes[i] = ppn_build_size_of(other, i);
  return ppn_build_finish(&build, ppn_build_expand(&build, ppn_build_tensor(&build, "self"), sizes,
                                                   other->tensor.rank));
}

// Each element, or row of a dimension, several times in a row.
static ppn_status_t repeat_each(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  int64_t repeats = ppn_build_int(&build, "repeats", -1);
  bool is_flat = ppn_build_argument(&build, "dim").kind == PPN_ARGUMENT_NONE;
  if (repeats < 1 || (is_flat && self->tensor.rank == 0)) return ppn_status_ok();
  int dim = is_flat ? self->tensor.rank - 1 : ppn_build_axis(&build, "dim", 0, self->tensor.rank);
  if (build.status) return build.status;
  ppn_build_size_t sizes[65];
  int rank = self->tensor.rank;
  for (int i = 0; i < rank; ++i) sizes[i + (i > dim)] = ppn_build_size_of(self, i);
  sizes[dim + 1] = ppn_build_literal(repeats);
  ppn_value_t* wide =
      ppn_build_expand(&build, ppn_build_unsqueeze(&build, self, dim + 1), sizes, rank + 1);
  return ppn_build_finish(&build, wide ? view_as_result(&build, wide) : NULL);
}

static ppn_status_t chunk(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  int dim = ppn_build_axis(&build, "dim", 0, self->tensor.rank);
  int64_t sizes[64];
  ppn_tensor_meta_t metas[64];
  ppn_value_t* values[64];
  uint32_t count = node->output_count;
  if (count > 64) return ppn_status_ok();
  for (uint32_t i = 0; i < count; ++i) {
    ppn_value_t* piece = ppn_build_result(&build, i);
    if (!piece || !ppn_dim_is_static(piece->tensor.sizes[dim])) return ppn_status_ok();
    sizes[i] = piece->tensor.sizes[dim].value;
    metas[i] = piece->tensor;
  }
  ppn_argument_t arguments[] = {
      ppn_argument_value("self", self),
      ppn_argument_ints(emitter->graph->arena, "split_sizes", sizes, count),
      ppn_argument_int("dim", dim)};
  ppn_build_several(&build, "aten::split_with_sizes", arguments, 3, metas, values, count);
  for (uint32_t i = 0; i < count && !build.status; ++i) node->outputs[i]->replacement = values[i];
  return build.status;
}

// n differences of neighbours along a dimension, after what is put before and behind.
static ppn_status_t diff(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0);
  ppn_value_t* parts[] = {ppn_build_tensor(&build, "prepend"), self,
                          ppn_build_tensor(&build, "append")};
  int dim = ppn_build_axis(&build, "dim", -1, self->tensor.rank);
  if (build.status) return build.status;
  int64_t times = ppn_build_int(&build, "n", 1), size = 0;
  if (times == 0) {
    return ppn_build_finish(&build, ppn_build_unary(&build, "aten::clone", self));
  }
  ppn_value_t* joined[3];
  uint32_t count = 0;
  for (int i = 0; i < 3; ++i) {
    if (!parts[i]) continue;
    if (!ppn_dim_is_static(parts[i]->tensor.sizes[dim])) return ppn_status_ok();
    size += parts[i]->tensor.sizes[dim].value;
    joined[count++] = parts[i];
  }
  if (times > size) times = size;
  if (count > 1) {
    ppn_tensor_meta_t meta =
        ppn_build_meta(&build, self->tensor.dtype, self->tensor.rank, self->tensor.sizes);
    if (meta.sizes) meta.sizes[dim] = ppn_dim_static(size);
    ppn_argument_t arguments[] = {
        ppn_argument_values(emitter->graph->arena, "tensors", joined, count),
        ppn_argument_int("dim", dim)};
    self = ppn_build_typed(&build, "aten::cat", arguments, 2, &meta);
  }
  const char* op =
      result->tensor.dtype == PPN_DTYPE_BOOL ? "aten::logical_xor" : "aten::sub.Tensor";
  for (int64_t i = 0; i < times && !build.status; ++i, --size) {
    int64_t left = size > 0 ? size - 1 : 0;
    ppn_value_t* later = ppn_build_slice(&build, self, dim, 1, size, left);
    ppn_value_t* earlier = ppn_build_slice(&build, self, dim, 0, left, left);
    self = ppn_build_binary(&build, op, later, earlier, result->tensor.dtype);
  }
  return ppn_build_finish(&build, self);
}

// ---- Conversions ----

static ppn_status_t copy_to(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_tensor_meta_t meta = ppn_build_result(&build, 0)->tensor;
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "self"),
                                ppn_argument_dtype("dtype", meta.dtype),
                                ppn_build_argument(&build, "memory_format")};
  return ppn_build_finish(&build, ppn_build_typed(&build, "aten::_to_copy", arguments, 3, &meta));
}

static ppn_status_t clone(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "self"),
                                ppn_build_argument(&build, "memory_format")};
  return ppn_build_finish(&build, ppn_build_typed(&build, "aten::clone", arguments, 2,
                                                  &ppn_build_result(&build, 0)->tensor));
}

// ---- Making tensors ----

static ppn_status_t fill_sizes(ppn_aten_emitter_t* emitter, ppn_node_t* node, ppn_argument_t fill) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* result = ppn_build_result(&build, 0);
  fill.name = "fill_value";
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "size"), fill,
                                ppn_argument_dtype("dtype", result->tensor.dtype)};
  return ppn_build_finish(&build,
                          ppn_build_typed(&build, "aten::full", arguments, 3, &result->tensor));
}

static ppn_argument_t number_of_type(const ppn_node_t* node, double value) {
  ppn_dtype_t dtype = node->outputs[0]->tensor.dtype;
  if (dtype == PPN_DTYPE_BOOL) return ppn_argument_bool("fill_value", value != 0);
  if (ppn_dtype_is_integer(dtype)) return ppn_argument_int("fill_value", (int64_t)value);
  return ppn_argument_float("fill_value", value);
}

static ppn_status_t zeros(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return fill_sizes(emitter, node, number_of_type(node, 0));
}

static ppn_status_t ones(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return fill_sizes(emitter, node, number_of_type(node, 1));
}

static ppn_status_t new_full(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return fill_sizes(emitter, node, *ppn_node_argument(node, "fill_value"));
}

static ppn_status_t fill_like(ppn_aten_emitter_t* emitter, ppn_node_t* node, double number) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* result = ppn_build_result(&build, 0);
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "self"), number_of_type(node, number),
                                ppn_argument_dtype("dtype", result->tensor.dtype)};
  return ppn_build_finish(
      &build, ppn_build_typed(&build, "aten::full_like", arguments, 3, &result->tensor));
}

static ppn_status_t zeros_like(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return fill_like(emitter, node, 0);
}

static ppn_status_t ones_like(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return fill_like(emitter, node, 1);
}

static ppn_status_t arange(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* result = ppn_build_result(&build, 0);
  const ppn_argument_t* start = ppn_node_argument(node, "start");
  ppn_argument_t arguments[] = {start ? *start : ppn_argument_int("start", 0),
                                ppn_build_argument(&build, "end"), ppn_argument_int("step", 1),
                                ppn_argument_dtype("dtype", result->tensor.dtype)};
  return ppn_build_finish(
      &build, ppn_build_typed(&build, "aten::arange.start_step", arguments, 4, &result->tensor));
}

static const ppn_aten_row_t rows[] = {
    {"aten::reshape", NULL, reshape, NULL},
    {"aten::flatten.using_ints", NULL, to_view, NULL},
    {"aten::unflatten.int", NULL, to_view, NULL},
    {"aten::view_as", NULL, to_view, NULL},
    {"aten::reshape_as", NULL, to_view, NULL},
    {"aten::expand_as", NULL, expand_as, NULL},
    {"aten::repeat_interleave.self_int", NULL, repeat_each, NULL},
    {"aten::chunk", NULL, chunk, NULL},
    {"aten::diff", NULL, diff, NULL},
    {"aten::to.dtype", NULL, copy_to, NULL},
    {"aten::to.device", NULL, copy_to, NULL},
    {"aten::to.dtype_layout", NULL, copy_to, NULL},
    {"aten::to.other", NULL, copy_to, NULL},
    {"aten::type_as", NULL, copy_to, NULL},
    {"aten::contiguous", NULL, clone, NULL},
    {"aten::lift_fresh_copy", NULL, clone, NULL},
    {"aten::zeros", NULL, zeros, NULL},
    {"aten::ones", NULL, ones, NULL},
    {"aten::new_zeros", NULL, zeros, NULL},
    {"aten::new_ones", NULL, ones, NULL},
    {"aten::new_full", NULL, new_full, NULL},
    {"aten::zeros_like", NULL, zeros_like, NULL},
    {"aten::ones_like", NULL, ones_like, NULL},
    {"aten::arange", NULL, arange, NULL},
    {"aten::arange.start", NULL, arange, NULL},
};
const ppn_aten_family_t ppn_aten_shapes = {rows, PPN_COUNT_OF(rows)};
