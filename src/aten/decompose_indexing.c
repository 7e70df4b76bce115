// Decompositions of operators that take elements by position, or in order of size.
#include "aten/build.h"
#include "aten/rows.h"

enum { MAXIMUM_RANK = 64 };

// A size of `value` as an argument: symbolic when it is not fixed.
static ppn_argument_t size_argument(ppn_build_t* build, const char* name, ppn_value_t* value,
                                    int dim) {
  ppn_build_size_t size = ppn_build_size_of(value, dim);
  ppn_argument_t list = ppn_build_sizes(build, name, &size, 1);
  if (build->status || list.count != 1) return ppn_argument_none(name);
  return list.u.ints[0].value ? ppn_argument_value(name, list.u.ints[0].value)
                              : ppn_argument_int(name, list.u.ints[0].literal);
}

// narrow(self, dim, start, length) is slice(self, dim, start, start + length).
static ppn_status_t narrow(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0);
  int dim = ppn_build_axis(&build, "dim", 0, self->tensor.rank);
  if (build.status) return build.status;
  ppn_argument_t start_argument = ppn_build_argument(&build, "start");
  ppn_dim_t length = result->tensor.sizes[dim], size = self->tensor.sizes[dim];
  int64_t start;
  if (!ppn_argument_as_int(&start_argument, &start) || !ppn_dim_is_static(length)) {
    return ppn_status_ok();
  }
  if (start < 0 && ppn_dim_is_static(size)) start += size.value;
  // What begins before the end and goes up to it has no end that can be counted from there.
  int64_t end = start + length.value;
  if (start < 0 && end == 0) end = INT64_MAX;
  return ppn_build_finish(&build, ppn_build_slice(&build, self, dim, start, end, length.value));
}

static ppn_value_t* flattened(ppn_build_t* build, ppn_value_t* value) {
  int64_t count = 1;
  for (int i = 0; i < value->tensor.rank; ++i) {
    if (!ppn_dim_is_static(value->tensor.sizes[i])) return NULL;
    count *= value->tensor.sizes[i].value;
  }
  ppn_build_size_t size = ppn_build_literal(count);
  return ppn_build_view(build, value, &size, 1);
}

// `value` with the sizes of `other`, but for `dim`, where either has size 1.
static ppn_value_t* spread(ppn_build_t* build, ppn_value_t* value, ppn_value_t* other, int dim) {
  ppn_build_size_t sizes[MAXIMUM_RANK];
  bool changes = false;
  int rank = value->tensor.rank;
  for (int i = 0; i < rank; ++i) {
    bool grows =
        i != dim && ppn_dim_is(value->tensor.sizes[i], 1) && !ppn_dim_is(other->tensor.sizes[i], 1);
    sizes[i] = ppn_build_size_of(grows ? other : value, i);
    changes |= grows;
  }
  return changes ? ppn_build_expand(build, value, sizes, rank) : value;
}

static ppn_value_t* gather(ppn_build_t* build, ppn_value_t* self, ppn_value_t* index, int dim) {
  if (build->status) return NULL;
  ppn_tensor_meta_t meta = index->tensor;
  meta.dtype = self->tensor.dtype;
  return ppn_build_op(build, "aten::gather", &meta, ppn_argument_value("self", self),
                      ppn_argument_int("dim", dim), ppn_argument_value("index", index));
}

static ppn_status_t take_along_dim(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"),
              *indices = ppn_build_tensor(&build, "indices");
  int rank = self->tensor.rank;
  if (ppn_build_argument(&build, "dim").kind == PPN_ARGUMENT_NONE) {
    ppn_value_t *values = flattened(&build, self), *places = flattened(&build, indices);
    if (!values || !places) return build.status;
    return ppn_build_finish(&build, gather(&build, values, places, 0));
  }
  if (indices->tensor.rank != rank) return ppn_status_ok();
  int dim = ppn_build_axis(&build, "dim", 0, rank);
  if (build.status) return build.status;
  ppn_value_t* values = spread(&build, self, indices, dim);
  return ppn_build_finish(&build, gather(&build, values, spread(&build, indices, self, dim), dim));
}

// ---- Sorting: the official runtime has topk, whose k may be the whole size ----

static ppn_status_t sort_with(ppn_aten_emitter_t* emitter, ppn_node_t* node, bool indices_only) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *values[2];
  int rank = self->tensor.rank, dim = ppn_build_axis(&build, "dim", -1, rank);
  if (build.status) return build.status;
  // The order of equal elements is topk's to choose.
  if (ppn_build_bool(&build, "stable", false) || rank == 0) return ppn_status_ok();
  ppn_tensor_meta_t metas[] = {self->tensor, self->tensor};
  metas[0].strides = metas[1].strides = NULL;
  metas[1].dtype = PPN_DTYPE_INT64;
  // topk takes no truth values.
  bool is_bool = self->tensor.dtype == PPN_DTYPE_BOOL;
  if (is_bool) {
    self = ppn_build_cast(&build, self, PPN_DTYPE_UINT8);
    metas[0].dtype = PPN_DTYPE_UINT8;
  }
  ppn_argument_t arguments[] = {
      ppn_argument_value("self", self), size_argument(&build, "k", self, dim),
      ppn_argument_int("dim", dim),
      ppn_argument_bool("largest", ppn_build_bool(&build, "descending", false)),
      ppn_argument_bool("sorted", true)};
  ppn_build_several(&build, "aten::topk", arguments, 5, metas, values, 2);
  if (indices_only) return ppn_build_finish(&build, values[1]);
  ppn_value_t* ordered = is_bool ? ppn_build_cast(&build, values[0], PPN_DTYPE_BOOL) : values[0];
  if (!build.status) node->outputs[0]->replacement = ordered;
  if (!build.status && node->outputs[1]) node->outputs[1]->replacement = values[1];
  return build.status;
}

static ppn_status_t sort(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return node->outputs[0] ? sort_with(emitter, node, false) : ppn_status_ok();
}

static ppn_status_t argsort(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return sort_with(emitter, node, true);
}

static const ppn_aten_row_t rows[] = {
    {"aten::narrow", NULL, narrow, NULL},   {"aten::take_along_dim", NULL, take_along_dim, NULL},
    {"aten::sort", NULL, sort, NULL},       {"aten::sort.stable", NULL, sort, NULL},
    {"aten::argsort", NULL, argsort, NULL}, {"aten::argsort.stable", NULL, argsort, NULL},
};
const ppn_aten_family_t ppn_aten_indexing = {rows, PPN_COUNT_OF(rows)};
