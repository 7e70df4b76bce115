// Decompositions of operators that write at positions, search and count, and of windows as columns.
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

enum { MAXIMUM_RANK = 64, MAXIMUM_WINDOW = 1024 };

static bool is_static(const ppn_value_t* value) {
  for (int i = 0; i < value->tensor.rank; ++i) {
    if (!ppn_dim_is_static(value->tensor.sizes[i])) return false;
  }
  return true;
}

static ppn_value_t* flattened(ppn_build_t* build, ppn_value_t* value) {
  if (build->status) return NULL;
  int64_t count = 1;
  for (int i = 0; i < value->tensor.rank; ++i) count *= value->tensor.sizes[i].value;
  ppn_build_size_t size = ppn_build_literal(count);
  return ppn_build_view(build, value, &size, 1);
}

static ppn_value_t* shaped(ppn_build_t* build, ppn_value_t* value, const ppn_tensor_meta_t* meta) {
  ppn_build_size_t sizes[MAXIMUM_RANK];
  for (int i = 0; i < meta->rank; ++i) sizes[i] = ppn_build_literal(meta->sizes[i].value);
  return ppn_build_view(build, value, sizes, meta->rank);
}

// ---- Writing ----

// index_put at `index` of dimension `dim`.
static ppn_value_t* put_at(ppn_build_t* build, ppn_value_t* self, int dim, ppn_value_t* index,
                           ppn_value_t* values, bool accumulate) {
  ppn_value_t* indices[MAXIMUM_RANK] = {NULL};
  if (build->status) return NULL;
  indices[dim] = index;
  return ppn_build_op(
      build, "aten::index_put", &self->tensor, ppn_argument_value("self", self),
      ppn_argument_values(build->emitter->graph->arena, "indices", indices, (uint32_t)dim + 1),
      ppn_argument_value("values", values), ppn_argument_bool("accumulate", accumulate));
}

typedef struct place {
  ppn_build_t build;
  ppn_value_t *self, *index, *source;
  int dim;
  bool fits;
} place_t;

static place_t read_place(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  place_t place = {.build = ppn_build_start(emitter, node)};
  place.self = ppn_build_tensor(&place.build, "self");
  place.index = ppn_build_tensor(&place.build, "index");
  place.source =
      ppn_node_argument(node, "source") ? ppn_build_tensor(&place.build, "source") : NULL;
  place.dim = ppn_build_axis(&place.build, "dim", 0, place.self->tensor.rank);
  place.fits = place.self->tensor.rank > 0 && place.index && place.index->tensor.rank <= 1;
  if (place.fits && place.index->tensor.rank == 0) {
    place.index = ppn_build_unsqueeze(&place.build, place.index, 0);
  }
  return place;
}

static ppn_status_t index_add(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  place_t place = read_place(emitter, node);
  ppn_argument_t argument = ppn_build_argument(&place.build, "alpha");
  double alpha;
  if (!place.fits || !argument.kind || !ppn_argument_as_double(&argument, &alpha)) {
    return place.build.status;
  }
  ppn_value_t* source = place.source;
  if (alpha != 1) source = ppn_build_scalar(&place.build, "aten::mul.Scalar", source, alpha, 0);
  return ppn_build_finish(&place.build,
                          put_at(&place.build, place.self, place.dim, place.index, source, true));
}

static ppn_status_t index_copy(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  place_t place = read_place(emitter, node);
  if (!place.fits) return place.build.status;
  return ppn_build_finish(
      &place.build, put_at(&place.build, place.self, place.dim, place.index, place.source, false));
}

static ppn_status_t index_fill(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  place_t place = read_place(emitter, node);
  ppn_value_t* value = ppn_build_tensor(&place.build, "value");
  ppn_dtype_t dtype = place.self->tensor.dtype;
  if (!place.fits) return place.build.status;
  if (!value) {
    ppn_argument_t number = ppn_build_argument(&place.build, "value");
    ppn_tensor_meta_t meta = ppn_build_meta(&place.build, dtype, 0, NULL);
    number.name = "s";
    value = ppn_build_op(&place.build, "aten::scalar_tensor", &meta, number,
                         ppn_argument_dtype("dtype", dtype));
  }
  return ppn_build_finish(&place.build, put_at(&place.build, place.self, place.dim, place.index,
                                               ppn_build_cast(&place.build, value, dtype), false));
}

// ---- Flat positions ----

static ppn_status_t take(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *index = ppn_build_tensor(&build, "index");
  const ppn_tensor_meta_t* result = &ppn_build_result(&build, 0)->tensor;
  if (!is_static(self)) return ppn_status_ok();
  ppn_value_t* flat = flattened(&build, self);
  return ppn_build_finish(
      &build, ppn_build_op(&build, "aten::index.Tensor", result, ppn_argument_value("self", flat),
                           ppn_argument_values(emitter->graph->arena, "indices", &index, 1)));
}

static ppn_status_t put(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *index = ppn_build_tensor(&build, "index"),
              *source = ppn_build_tensor(&build, "source");
  if (!is_static(self) || !is_static(index) || !is_static(source)) return ppn_status_ok();
  ppn_value_t* flat =
      put_at(&build, flattened(&build, self), 0, flattened(&build, index),
             flattened(&build, source), ppn_build_bool(&build, "accumulate", false));
  return ppn_build_finish(&build, shaped(&build, flat, &self->tensor));
}

static ppn_status_t argwhere(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  return ppn_build_finish(
      &build, ppn_build_op(&build, "aten::nonzero", &ppn_build_result(&build, 0)->tensor,
                           ppn_argument_value("self", ppn_build_tensor(&build, "self"))));
}

// scatter_reduce with the sum, of which self is a part.
static ppn_status_t scatter_reduce(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  ppn_argument_t kind = ppn_build_argument(&build, "reduce");
  bool is_sum = kind.kind == PPN_ARGUMENT_STRING &&
                (strcmp(kind.u.string, "sum") == 0 || strcmp(kind.u.string, "add") == 0);
  if (!is_sum || !ppn_build_bool(&build, "include_self", true)) return ppn_status_ok();
  ppn_argument_t arguments[] = {ppn_argument_value("self", self), ppn_build_argument(&build, "dim"),
                                ppn_build_argument(&build, "index"),
                                ppn_build_argument(&build, "src")};
  return ppn_build_finish(
      &build, ppn_build_typed(&build, "aten::scatter_add", arguments, 4, &self->tensor));
}

// Each value back at its place in the image or volume, zeros elsewhere.
static ppn_status_t max_unpool(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *parts[] = {ppn_build_tensor(&build, "self"), ppn_build_tensor(&build, "indices")},
              *result = ppn_build_result(&build, 0);
  int spatial = strstr(node->target, "3d") ? 3 : 2, rank = result->tensor.rank,
      outer = rank - spatial;
  if (!is_static(parts[0]) || !is_static(parts[1]) || !is_static(result)) return ppn_status_ok();
  ppn_dim_t sizes[MAXIMUM_RANK];
  ppn_build_size_t given[MAXIMUM_RANK];
  int64_t count[2] = {1, 1};
  for (int i = outer; i < rank; ++i) {
    count[0] *= parts[0]->tensor.sizes[i].value;
    count[1] *= result->tensor.sizes[i].value;
  }
  for (int i = 0; i < outer; ++i) {
    sizes[i] = result->tensor.sizes[i];
    given[i] = ppn_build_literal(sizes[i].value);
  }
  given[outer] = ppn_build_literal(count[0]);
  for (int i = 0; i < 2; ++i) parts[i] = ppn_build_view(&build, parts[i], given, outer + 1);
  sizes[outer] = ppn_dim_static(count[1]);
  given[outer] = ppn_build_literal(count[1]);
  ppn_tensor_meta_t meta = ppn_build_meta(&build, result->tensor.dtype, outer + 1, sizes);
  ppn_value_t* zeros =
      ppn_build_op(&build, "aten::full", &meta, ppn_build_sizes(&build, "size", given, outer + 1),
                   ppn_argument_int("fill_value", 0), ppn_argument_dtype("dtype", meta.dtype));
  ppn_value_t* flat =
      ppn_build_op(&build, "aten::scatter.src", &meta, ppn_argument_value("self", zeros),
                   ppn_argument_int("dim", outer), ppn_argument_value("index", parts[1]),
                   ppn_argument_value("src", parts[0]));
  return ppn_build_finish(&build, shaped(&build, flat, &result->tensor));
}

static ppn_status_t one_hot(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0);
  ppn_dim_t classes = result->tensor.sizes[result->tensor.rank - 1];
  if (!ppn_dim_is_static(classes)) return ppn_status_ok();
  ppn_tensor_meta_t meta = ppn_build_meta(&build, PPN_DTYPE_INT64, 1, &classes);
  ppn_value_t* all =
      ppn_build_op(&build, "aten::arange.start_step", &meta, ppn_argument_int("start", 0),
                   ppn_argument_int("end", classes.value), ppn_argument_int("step", 1),
                   ppn_argument_dtype("dtype", PPN_DTYPE_INT64));
  ppn_value_t* equal =
      ppn_build_binary(&build, "aten::eq.Tensor",
                       ppn_build_unsqueeze(&build, self, self->tensor.rank), all, PPN_DTYPE_BOOL);
  if (build.status) return build.status;
  return ppn_build_finish(&build, ppn_build_cast(&build, equal, PPN_DTYPE_INT64));
}

// ---- Searching: each value against each boundary ----

static ppn_status_t count_below(ppn_build_t* build, ppn_value_t* boundaries, ppn_value_t* values,
                                bool or_equal) {
  const ppn_tensor_meta_t* result = &ppn_build_result(build, 0)->tensor;
  ppn_dtype_t dtype = ppn_dtype_promote(boundaries->tensor.dtype, values->tensor.dtype);
  ppn_value_t* columns =
      ppn_build_unsqueeze(build, ppn_build_cast(build, values, dtype), values->tensor.rank);
  if (boundaries->tensor.rank > 1) {
    boundaries = ppn_build_unsqueeze(build, boundaries, boundaries->tensor.rank - 1);
  }
  // NaN is behind every boundary: what counts is how many are not above the value.
  ppn_value_t* above =
      ppn_build_binary(build, or_equal ? "aten::gt.Tensor" : "aten::ge.Tensor",
                       ppn_build_cast(build, boundaries, dtype), columns, PPN_DTYPE_BOOL);
  ppn_value_t* below = ppn_build_unary(build, "aten::logical_not", above);
  ppn_value_t* ones = ppn_build_cast(build, below, PPN_DTYPE_INT64);
  if (build->status) return build->status;
  int64_t last = ones->tensor.rank - 1;
  ppn_value_t* count = ppn_build_reduce(build, "aten::sum.dim_IntList", ones, &last, 1, false);
  return ppn_build_finish(build, ppn_build_cast(build, count, result->dtype));
}

static ppn_status_t bucketize(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  return count_below(&build, ppn_build_tensor(&build, "boundaries"),
                     ppn_build_tensor(&build, "self"), ppn_build_bool(&build, "right", false));
}

static ppn_status_t searchsorted(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *boundaries = ppn_build_tensor(&build, "sorted_sequence"),
              *values = ppn_build_tensor(&build, "self");
  ppn_argument_t side = ppn_build_argument(&build, "side");
  bool is_right = ppn_build_bool(&build, "right", false) ||
                  (side.kind == PPN_ARGUMENT_STRING && strcmp(side.u.string, "right") == 0);
  bool fits = boundaries->tensor.rank == 1 || boundaries->tensor.rank == values->tensor.rank;
  if (!fits || ppn_build_tensor(&build, "sorter")) return ppn_status_ok();
  return count_below(&build, boundaries, values, is_right);
}

static ppn_status_t isin(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *elements = ppn_build_tensor(&build, "elements"),
              *tested = ppn_build_tensor(&build, "test_elements");
  if (!elements || !tested || !is_static(tested)) return ppn_status_ok();
  ppn_value_t* columns = ppn_build_unsqueeze(&build, elements, elements->tensor.rank);
  ppn_value_t* equal = ppn_build_binary(&build, "aten::eq.Tensor", columns,
                                        flattened(&build, tested), PPN_DTYPE_BOOL);
  if (build.status) return build.status;
  const ppn_tensor_meta_t* meta = &ppn_build_result(&build, 0)->tensor;
  ppn_value_t* value =
      ppn_build_op(&build, "aten::any.dim", meta, ppn_argument_value("self", equal),
                   ppn_argument_int("dim", -1), ppn_argument_bool("keepdim", false));
  if (ppn_build_bool(&build, "invert", false)) {
    value = ppn_build_unary(&build, "aten::logical_not", value);
  }
  return ppn_build_finish(&build, value);
}

// ---- Windows as columns ----

// Each element of the window is a strided slice of the padded image: all of them are one row of the
// result for each channel.
static ppn_status_t im2col(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  const ppn_tensor_meta_t* result = &ppn_build_result(&build, 0)->tensor;
  int64_t kernel[2], dilation[2], padding[2], stride[2], out[2];
  ppn_value_t* parts[MAXIMUM_WINDOW];
  int rank = self->tensor.rank;
  if (!is_static(self) || !ppn_build_ints(&build, "kernel_size", kernel, 2) ||
      !ppn_build_ints(&build, "dilation", dilation, 2) ||
      !ppn_build_ints(&build, "padding", padding, 2) ||
      !ppn_build_ints(&build, "stride", stride, 2) || kernel[0] * kernel[1] > MAXIMUM_WINDOW) {
    return ppn_status_ok();
  }
  ppn_dim_t sizes[MAXIMUM_RANK];
  for (int i = 0; i < rank; ++i) sizes[i] = self->tensor.sizes[i];
  for (int i = 0; i < 2; ++i) {
    int64_t size = sizes[rank - 2 + i].value + 2 * padding[i];
    sizes[rank - 2 + i] = ppn_dim_static(size);
    out[i] = (size - dilation[i] * (kernel[i] - 1) - 1) / stride[i] + 1;
  }
  int64_t amounts[] = {padding[1], padding[1], padding[0], padding[0]};
  ppn_tensor_meta_t meta = ppn_build_meta(&build, self->tensor.dtype, rank, sizes);
  ppn_value_t* image = ppn_build_op(
      &build, "aten::constant_pad_nd", &meta, ppn_argument_value("self", self),
      ppn_argument_ints(emitter->graph->arena, "pad", amounts, 4), ppn_argument_int("value", 0));
  for (int64_t i = 0; i < kernel[0] * kernel[1] && !build.status; ++i) {
    int64_t start[] = {i / kernel[1] * dilation[0], i % kernel[1] * dilation[1]};
    ppn_value_t* part = image;
    for (int j = 0; j < 2 && part; ++j) {
      int dim = rank - 2 + j;
      sizes[dim] = ppn_dim_static(out[j]);
      ppn_dim_t cut[MAXIMUM_RANK];
      for (int k = 0; k < rank; ++k) cut[k] = part->tensor.sizes[k];
      cut[dim] = ppn_dim_static(out[j]);
      ppn_tensor_meta_t slice = ppn_build_meta(&build, self->tensor.dtype, rank, cut);
      part = ppn_build_op(&build, "aten::slice.Tensor", &slice, ppn_argument_value("self", part),
                          ppn_argument_int("dim", dim), ppn_argument_int("start", start[j]),
                          ppn_argument_int("end", start[j] + (out[j] - 1) * stride[j] + 1),
                          ppn_argument_int("step", stride[j]));
    }
    parts[i] = ppn_build_unsqueeze(&build, part, rank - 2);
  }
  ppn_value_t* windows = ppn_build_cat(&build, parts, (uint32_t)(kernel[0] * kernel[1]), rank - 2);
  return ppn_build_finish(&build, shaped(&build, windows, result));
}

static const ppn_aten_row_t rows[] = {
    {"aten::index_add", NULL, index_add, NULL},
    {"aten::index_copy", NULL, index_copy, NULL},
    {"aten::index_fill.int_Scalar", NULL, index_fill, NULL},
    {"aten::index_fill.int_Tensor", NULL, index_fill, NULL},
    {"aten::take", NULL, take, NULL},
    {"aten::put", NULL, put, NULL},
    {"aten::scatter_reduce.two", NULL, scatter_reduce, NULL},
    {"aten::scatter.reduce", NULL, scatter_reduce, NULL},
    {"aten::max_unpool2d", NULL, max_unpool, NULL},
    {"aten::max_unpool3d", NULL, max_unpool, NULL},
    {"aten::one_hot", NULL, one_hot, NULL},
    {"aten::argwhere", NULL, argwhere, NULL},
    {"aten::bucketize.Tensor", NULL, bucketize, NULL},
    {"aten::searchsorted.Tensor", NULL, searchsorted, NULL},
    {"aten::isin.Tensor_Tensor", NULL, isin, NULL},
    {"aten::im2col", NULL, im2col, NULL},
};
const ppn_aten_family_t ppn_aten_positions = {rows, PPN_COUNT_OF(rows)};
