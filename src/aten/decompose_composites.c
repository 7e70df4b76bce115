// Decompositions of operators that arrange, join and split tensors by way of views, cat and flip.
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

enum { MAXIMUM_RANK = 64, MAXIMUM_TENSORS = 256 };

static ppn_value_t* flip(ppn_build_t* build, ppn_value_t* self, int dim) {
  if (build->status) return NULL;
  int64_t dims[] = {dim};
  return ppn_build_op(build, "aten::flip", &self->tensor, ppn_argument_value("self", self),
                      ppn_argument_ints(build->emitter->graph->arena, "dims", dims, 1));
}

static ppn_status_t flip_columns(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  return ppn_build_finish(&build, flip(&build, ppn_build_tensor(&build, "self"), 1));
}

static ppn_status_t flip_rows(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  return ppn_build_finish(&build, flip(&build, ppn_build_tensor(&build, "self"), 0));
}

// What changes nothing about real numbers.
static ppn_status_t same(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  if (ppn_dtype_is_complex(self->tensor.dtype)) return ppn_status_ok();
  return ppn_build_finish(&build, ppn_build_unary(&build, "aten::clone", self));
}

// ---- Broadcasting ----

// `self` with the sizes of `meta`, whose sizes that are not fixed are those of one of `sources`.
static ppn_value_t* expand_to(ppn_build_t* build, ppn_value_t* self, const ppn_tensor_meta_t* meta,
                              ppn_value_t* const* sources, uint32_t count) {
  ppn_build_size_t sizes[MAXIMUM_RANK];
  if (build->status) return NULL;
  for (int i = 0; i < meta->rank; ++i) {
    sizes[i] = ppn_build_literal(meta->sizes[i].value);
    bool is_known = ppn_dim_is_static(meta->sizes[i]);
    for (uint32_t j = 0; j < count && !is_known; ++j) {
      for (int k = 0; k < sources[j]->tensor.rank && !is_known; ++k) {
        is_known = ppn_dim_equal(sources[j]->tensor.sizes[k], meta->sizes[i]);
        if (is_known) sizes[i] = ppn_build_size_of(sources[j], k);
      }
    }
    if (!is_known) return NULL;
  }
  return ppn_build_expand(build, self, sizes, meta->rank);
}

static ppn_status_t broadcast_to(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t size = ppn_build_argument(&build, "size");
  const ppn_tensor_meta_t* meta = &ppn_build_result(&build, 0)->tensor;
  return ppn_build_finish(
      &build, ppn_build_op(&build, "aten::expand", meta,
                           ppn_argument_value("self", ppn_build_tensor(&build, "self")), size));
}

static ppn_status_t broadcast_tensors(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t tensors = ppn_build_argument(&build, "tensors");
  if (tensors.kind != PPN_ARGUMENT_VALUES || tensors.count != node->output_count) {
    return ppn_status_ok();
  }
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (!node->outputs[i]) continue;
    ppn_value_t* value = expand_to(&build, tensors.u.values[i], &node->outputs[i]->tensor,
                                   tensors.u.values, tensors.count);
    if (!value) return build.status;
    node->outputs[i]->replacement = value;
  }
  return build.status;
}

// Each element several times: repeats in a new dimension, which is then joined to the one before.
static ppn_status_t repeat_interleave(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0);
  int64_t repeats = ppn_build_int(&build, "repeats", -1);
  int rank = self->tensor.rank, dim = ppn_build_axis(&build, "dim", rank - 1, rank);
  if (build.status) return build.status;
  bool is_flat = ppn_build_argument(&build, "dim").kind == PPN_ARGUMENT_NONE;
  ppn_build_size_t sizes[MAXIMUM_RANK];
  for (int i = 0; i < rank; ++i) {
    if (!ppn_dim_is_static(self->tensor.sizes[i])) return ppn_status_ok();
  }
  if (repeats < 0 || !ppn_dim_is_static(result->tensor.sizes[is_flat ? 0 : dim])) {
    return ppn_status_ok();
  }
  if (rank == 0) dim = -1;
  ppn_value_t* wide = ppn_build_unsqueeze(&build, self, dim + 1);
  for (int i = 0; i <= rank; ++i)
    sizes[i] = ppn_build_literal(wide ? wide->tensor.sizes[i].value : 0);
  sizes[dim + 1] = ppn_build_literal(repeats);
  wide = ppn_build_expand(&build, wide, sizes, rank + 1);
  for (int i = 0; i < result->tensor.rank; ++i) {
    sizes[i] = ppn_build_literal(result->tensor.sizes[i].value);
  }
  return ppn_build_finish(&build, ppn_build_view(&build, wide, sizes, result->tensor.rank));
}

static ppn_status_t repeat_by_tensor(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0),
              *repeats = ppn_build_tensor(&build, "repeats");
  int rank = self->tensor.rank, dim = ppn_build_axis(&build, "dim", 0, rank);
  if (build.status) return build.status;
  bool is_flat = ppn_build_argument(&build, "dim").kind == PPN_ARGUMENT_NONE;
  if (!repeats || repeats->tensor.rank != 1 || (is_flat && rank != 1) ||
      !ppn_dim_equal(repeats->tensor.sizes[0], self->tensor.sizes[dim])) {
    return ppn_status_ok();
  }
  ppn_tensor_meta_t meta =
      ppn_build_meta(&build, repeats->tensor.dtype, 1, &result->tensor.sizes[dim]);
  ppn_value_t* index = ppn_build_op(&build, "aten::repeat_interleave.Tensor", &meta,
                                    ppn_argument_value("repeats", repeats));
  return ppn_build_finish(
      &build,
      ppn_build_op(&build, "aten::index_select", &result->tensor, ppn_argument_value("self", self),
                   ppn_argument_int("dim", dim), ppn_argument_value("index", index)));
}

// The sum over what broadcasting would repeat.
static ppn_status_t sum_to_size(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0);
  int added = self->tensor.rank - result->tensor.rank;
  int64_t leading[MAXIMUM_RANK], dims[MAXIMUM_RANK];
  uint32_t count = 0;
  for (int i = 0; i < added; ++i) leading[i] = i;
  for (int i = 0; i < result->tensor.rank; ++i) {
    bool is_summed = !ppn_dim_equal(result->tensor.sizes[i], self->tensor.sizes[i + added]);
    if (is_summed) dims[count++] = i;
  }
  ppn_value_t* value = ppn_build_cast(&build, self, result->tensor.dtype);
  if (added > 0) {
    value =
        ppn_build_reduce(&build, "aten::sum.dim_IntList", value, leading, (uint32_t)added, false);
  }
  if (count) value = ppn_build_reduce(&build, "aten::sum.dim_IntList", value, dims, count, true);
  if (value == self) value = ppn_build_unary(&build, "aten::clone", self);
  return ppn_build_finish(&build, value);
}

static ppn_status_t tile(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  ppn_argument_t dims = ppn_build_argument(&build, "dims");
  int64_t given[MAXIMUM_RANK], repeats[MAXIMUM_RANK];
  uint32_t count;
  int rank = ppn_build_result(&build, 0)->tensor.rank;
  if (!ppn_argument_as_ints(&dims, given, MAXIMUM_RANK, &count)) return ppn_status_ok();
  for (int i = 0; i < rank; ++i) {
    int at = i - (rank - (int)count);
    repeats[i] = at < 0 ? 1 : given[at];
  }
  return ppn_build_finish(
      &build,
      ppn_build_op(&build, "aten::repeat", &ppn_build_result(&build, 0)->tensor,
                   ppn_argument_value("self", self),
                   ppn_argument_ints(emitter->graph->arena, "repeats", repeats, (uint32_t)rank)));
}

// Each vector along a dimension of its own.
static ppn_status_t meshgrid(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t tensors = ppn_build_argument(&build, "tensors"),
                 indexing = ppn_build_argument(&build, "indexing");
  bool is_swapped = indexing.kind == PPN_ARGUMENT_STRING && strcmp(indexing.u.string, "xy") == 0;
  if (tensors.kind != PPN_ARGUMENT_VALUES || tensors.count != node->output_count) {
    return ppn_status_ok();
  }
  int rank = (int)tensors.count;
  if (rank < 2) is_swapped = false;
  for (int i = 0; i < rank; ++i) {
    const ppn_value_t* output = node->outputs[i];
    if (!output) continue;
    ppn_build_size_t sizes[MAXIMUM_RANK], whole[MAXIMUM_RANK];
    for (int j = 0; j < rank; ++j) {
      if (!ppn_dim_is_static(output->tensor.sizes[j])) return ppn_status_ok();
      sizes[j] = ppn_build_literal(1);
      whole[j] = ppn_build_literal(output->tensor.sizes[j].value);
    }
    int place = is_swapped && i < 2 ? 1 - i : i;
    sizes[place] = whole[place];
    ppn_value_t* vector = ppn_build_view(&build, tensors.u.values[i], sizes, rank);
    node->outputs[i]->replacement = ppn_build_expand(&build, vector, whole, rank);
  }
  return build.status;
}

static ppn_status_t rotate(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  int rank = self->tensor.rank;
  int64_t dims[2], turns = ((ppn_build_int(&build, "k", 1) % 4) + 4) % 4;
  if (!ppn_build_ints(&build, "dims", dims, 2)) return ppn_status_ok();
  for (int i = 0; i < 2; ++i) dims[i] += dims[i] < 0 ? rank : 0;
  ppn_value_t* value = self;
  if (turns == 0) value = ppn_build_unary(&build, "aten::clone", self);
  if (turns == 1 || turns == 2) value = flip(&build, value, (int)dims[1]);
  if (turns == 2) value = flip(&build, value, (int)dims[0]);
  if (turns == 3) value = flip(&build, value, (int)dims[0]);
  if (turns % 2) value = ppn_build_transpose(&build, value, (int)dims[0], (int)dims[1]);
  return ppn_build_finish(&build, value);
}

static ppn_status_t flatten(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  const ppn_tensor_meta_t* meta = &ppn_build_result(&build, 0)->tensor;
  ppn_build_size_t size = ppn_build_literal(meta->sizes[0].value);
  if (!ppn_dim_is_static(meta->sizes[0])) return ppn_status_ok();
  return ppn_build_finish(&build,
                          ppn_build_view(&build, ppn_build_tensor(&build, "self"), &size, 1));
}

static ppn_status_t sort_rows(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *values[2];
  ppn_tensor_meta_t metas[] = {self->tensor, self->tensor};
  metas[1].dtype = PPN_DTYPE_INT64;
  ppn_argument_t arguments[] = {ppn_argument_value("self", self), ppn_argument_int("dim", 0)};
  ppn_build_several(&build, "aten::sort", arguments, 2, metas, values, 2);
  return ppn_build_finish(&build, values[0]);
}

// ---- Joining ----

// A view of `value` with ones in front or behind: torch.atleast_…
static ppn_value_t* at_least(ppn_build_t* build, ppn_value_t* value, int rank) {
  while (value && value->tensor.rank < rank) {
    // A row becomes [1, n, 1], a matrix [m, n, 1].
    int place = value->tensor.rank == 2 ? 2 : 0;
    value = ppn_build_unsqueeze(build, value, place);
  }
  return value;
}

static ppn_status_t at_least_each(ppn_aten_emitter_t* emitter, ppn_node_t* node, int rank) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t tensors = ppn_build_argument(&build, "tensors");
  bool is_list = tensors.kind == PPN_ARGUMENT_VALUES;
  for (uint32_t i = 0; i < node->output_count && !build.status; ++i) {
    ppn_value_t* self = is_list ? tensors.u.values[i] : ppn_build_tensor(&build, "self");
    ppn_value_t* value = at_least(&build, self, rank);
    if (value == self) value = ppn_build_unary(&build, "aten::clone", self);
    if (node->outputs[i] && value) node->outputs[i]->replacement = value;
  }
  return build.status;
}

static ppn_status_t at_least_1d(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return at_least_each(emitter, node, 1);
}

static ppn_status_t at_least_2d(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return at_least_each(emitter, node, 2);
}

static ppn_status_t at_least_3d(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return at_least_each(emitter, node, 3);
}

// cat of the tensors, each of the result's type and of at least `rank` dimensions.
static ppn_status_t join(ppn_aten_emitter_t* emitter, ppn_node_t* node, int rank, int dim,
                         bool as_columns) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t tensors = ppn_build_argument(&build, "tensors");
  ppn_value_t* parts[MAXIMUM_TENSORS];
  if (tensors.kind != PPN_ARGUMENT_VALUES || tensors.count > MAXIMUM_TENSORS || !tensors.count) {
    return ppn_status_ok();
  }
  for (uint32_t i = 0; i < tensors.count; ++i) {
    ppn_value_t* part = tensors.u.values[i];
    for (int j = part->tensor.rank; as_columns && j < 2; ++j) {
      part = ppn_build_unsqueeze(&build, part, part ? part->tensor.rank : 0);
    }
    part = at_least(&build, part, rank);
    if (!part) return build.status;
    parts[i] = ppn_build_cast(&build, part, ppn_build_result(&build, 0)->tensor.dtype);
  }
  if (dim == 1 && parts[0] && parts[0]->tensor.rank == 1) dim = 0;
  return ppn_build_finish(&build, ppn_build_cat(&build, parts, tensors.count, dim));
}

static ppn_status_t join_rows(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return join(emitter, node, 2, 0, false);
}

static ppn_status_t join_columns(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return join(emitter, node, 1, 1, false);
}

static ppn_status_t join_depths(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return join(emitter, node, 3, 2, false);
}

static ppn_status_t stack_columns(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return join(emitter, node, 2, 1, true);
}

// Rows of blocks, each padded with zeros to the width of all.
static ppn_status_t block_diagonal(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* result = ppn_build_result(&build, 0);
  ppn_argument_t tensors = ppn_build_argument(&build, "tensors");
  ppn_value_t* parts[MAXIMUM_TENSORS];
  int64_t before = 0, width = result->tensor.sizes[1].value;
  if (tensors.kind != PPN_ARGUMENT_VALUES || tensors.count > MAXIMUM_TENSORS || !tensors.count ||
      !ppn_dim_is_static(result->tensor.sizes[1])) {
    return ppn_status_ok();
  }
  for (uint32_t i = 0; i < tensors.count; ++i) {
    ppn_value_t* block = at_least(&build, tensors.u.values[i], 2);
    block = ppn_build_cast(&build, block, result->tensor.dtype);
    if (!block || !ppn_dim_is_static(block->tensor.sizes[1])) return build.status;
    int64_t columns = block->tensor.sizes[1].value;
    int64_t amounts[] = {before, width - before - columns};
    ppn_dim_t sizes[] = {block->tensor.sizes[0], ppn_dim_static(width)};
    ppn_tensor_meta_t meta = ppn_build_meta(&build, result->tensor.dtype, 2, sizes);
    parts[i] = ppn_build_op(
        &build, "aten::constant_pad_nd", &meta, ppn_argument_value("self", block),
        ppn_argument_ints(emitter->graph->arena, "pad", amounts, 2), ppn_argument_int("value", 0));
    before += columns;
  }
  return ppn_build_finish(&build, ppn_build_cat(&build, parts, tensors.count, 0));
}

// ---- Splitting ----

// Parts of the sizes that the results have, by split_with_sizes.
static ppn_status_t split_parts(ppn_aten_emitter_t* emitter, ppn_node_t* node, int dim) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *values[MAXIMUM_TENSORS];
  int64_t sizes[MAXIMUM_TENSORS];
  ppn_tensor_meta_t metas[MAXIMUM_TENSORS];
  uint32_t count = node->output_count;
  if (count > MAXIMUM_TENSORS) return ppn_status_ok();
  for (uint32_t i = 0; i < count; ++i) {
    if (!node->outputs[i] || !ppn_dim_is_static(node->outputs[i]->tensor.sizes[dim])) {
      return ppn_status_ok();
    }
    metas[i] = node->outputs[i]->tensor;
    metas[i].strides = NULL;
    sizes[i] = metas[i].sizes[dim].value;
  }
  ppn_argument_t arguments[] = {
      ppn_argument_value("self", self),
      ppn_argument_ints(emitter->graph->arena, "split_sizes", sizes, count),
      ppn_argument_int("dim", dim)};
  ppn_build_several(&build, "aten::split_with_sizes", arguments, 3, metas, values, count);
  for (uint32_t i = 0; i < count && !build.status; ++i) node->outputs[i]->replacement = values[i];
  return build.status;
}

static int rank_of(const ppn_node_t* node) {
  return node->arguments[0].u.value->tensor.rank;
}

static ppn_status_t split(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  int dim = ppn_build_axis(&build, "dim", 0, rank_of(node));
  return build.status ? build.status : split_parts(emitter, node, dim);
}

static ppn_status_t split_rows(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return split_parts(emitter, node, 0);
}

static ppn_status_t split_columns(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return split_parts(emitter, node, rank_of(node) == 1 ? 0 : 1);
}

static ppn_status_t split_depths(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return split_parts(emitter, node, 2);
}

static const ppn_aten_row_t rows[] = {
    {"aten::fliplr", NULL, flip_columns, NULL},
    {"aten::flipud", NULL, flip_rows, NULL},
    {"aten::positive", NULL, same, NULL},
    {"aten::resolve_conj", NULL, same, NULL},
    {"aten::resolve_neg", NULL, same, NULL},
    {"aten::conj", NULL, same, NULL},
    {"aten::_conj", NULL, same, NULL},
    {"aten::conj_physical", NULL, same, NULL},
    {"aten::real", NULL, same, NULL},
    {"aten::broadcast_to", NULL, broadcast_to, NULL},
    {"aten::broadcast_tensors", NULL, broadcast_tensors, NULL},
    {"aten::repeat_interleave.self_int", NULL, repeat_interleave, NULL},
    {"aten::repeat_interleave.self_Tensor", NULL, repeat_by_tensor, NULL},
    {"aten::sum_to_size", NULL, sum_to_size, NULL},
    {"aten::tile", NULL, tile, NULL},
    {"aten::meshgrid", NULL, meshgrid, NULL},
    {"aten::meshgrid.indexing", NULL, meshgrid, NULL},
    {"aten::rot90", NULL, rotate, NULL},
    {"aten::ravel", NULL, flatten, NULL},
    {"aten::msort", NULL, sort_rows, NULL},
    {"aten::atleast_1d", NULL, at_least_1d, NULL},
    {"aten::atleast_2d", NULL, at_least_2d, NULL},
    {"aten::atleast_3d", NULL, at_least_3d, NULL},
    {"aten::atleast_1d.Sequence", NULL, at_least_1d, NULL},
    {"aten::atleast_2d.Sequence", NULL, at_least_2d, NULL},
    {"aten::atleast_3d.Sequence", NULL, at_least_3d, NULL},
    {"aten::vstack", NULL, join_rows, NULL},
    {"aten::row_stack", NULL, join_rows, NULL},
    {"aten::hstack", NULL, join_columns, NULL},
    {"aten::dstack", NULL, join_depths, NULL},
    {"aten::column_stack", NULL, stack_columns, NULL},
    {"aten::block_diag", NULL, block_diagonal, NULL},
    {"aten::unsafe_chunk", NULL, split, NULL},
    {"aten::tensor_split.sections", NULL, split, NULL},
    {"aten::tensor_split.indices", NULL, split, NULL},
    {"aten::split.sizes", NULL, split, NULL},
    {"aten::vsplit.int", NULL, split_rows, NULL},
    {"aten::vsplit.array", NULL, split_rows, NULL},
    {"aten::hsplit.int", NULL, split_columns, NULL},
    {"aten::hsplit.array", NULL, split_columns, NULL},
    {"aten::dsplit.int", NULL, split_depths, NULL},
    {"aten::dsplit.array", NULL, split_depths, NULL},
};
const ppn_aten_family_t ppn_aten_composites = {rows, PPN_COUNT_OF(rows)};
