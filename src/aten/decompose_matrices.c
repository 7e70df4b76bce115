// Decompositions of products, diagonals and spreads of matrices and vectors.
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

enum { MAXIMUM_RANK = 64 };

static ppn_value_t* multiply(ppn_build_t* build, ppn_value_t* a, ppn_value_t* b) {
  return ppn_build_binary(build, "aten::mul.Tensor", a, b, PPN_DTYPE_INVALID);
}

static ppn_value_t* sum(ppn_build_t* build, ppn_value_t* x, int64_t dim) {
  return ppn_build_reduce(build, "aten::sum.dim_IntList", x, &dim, 1, false);
}

// ---- Products ----

// column · row, by broadcasting.
static ppn_value_t* outer_product(ppn_build_t* build, ppn_value_t* a, ppn_value_t* b) {
  return multiply(build, ppn_build_unsqueeze(build, a, 1), ppn_build_unsqueeze(build, b, 0));
}

static ppn_status_t outer(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  return ppn_build_finish(&build, outer_product(&build, ppn_build_tensor(&build, "self"),
                                                ppn_build_tensor(&build, "vec2")));
}

static ppn_status_t dot(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *a = ppn_build_tensor(&build, "self"), *b = ppn_node_argument(node, "tensor")
                                                              ? ppn_build_tensor(&build, "tensor")
                                                              : ppn_build_tensor(&build, "other");
  if (ppn_dtype_is_complex(a->tensor.dtype)) return ppn_status_ok();
  ppn_value_t* row = ppn_build_unsqueeze(&build, a, 0);
  ppn_value_t* column = ppn_build_unsqueeze(&build, b, 1);
  ppn_value_t* product = ppn_build_matrix_product(&build, row, column);
  return ppn_build_finish(&build, ppn_build_view(&build, product, NULL, 0));
}

static ppn_value_t* matrix_times_vector(ppn_build_t* build, ppn_value_t* matrix,
                                        ppn_value_t* vector) {
  ppn_value_t* column = ppn_build_unsqueeze(build, vector, 1);
  return ppn_build_squeeze(build, ppn_build_matrix_product(build, matrix, column), 1);
}

static ppn_status_t mv(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  return ppn_build_finish(&build, matrix_times_vector(&build, ppn_build_tensor(&build, "self"),
                                                      ppn_build_tensor(&build, "vec")));
}

// beta · self + alpha · product. With a beta of 0, self does not count, not even its NaNs.
static ppn_status_t scaled_sum(ppn_build_t* build, ppn_value_t* product) {
  ppn_value_t* self = ppn_build_tensor(build, "self");
  double alpha = ppn_build_number(build, "alpha", 1), beta = ppn_build_number(build, "beta", 1);
  if (alpha != 1) product = ppn_build_scalar(build, "aten::mul.Scalar", product, alpha, 0);
  if (beta != 0) {
    if (beta != 1) self = ppn_build_scalar(build, "aten::mul.Scalar", self, beta, 0);
    product = ppn_build_binary(build, "aten::add.Tensor", self, product, PPN_DTYPE_INVALID);
  }
  if (!product) return build->status;
  return ppn_build_finish(build,
                          ppn_build_cast(build, product, ppn_build_result(build, 0)->tensor.dtype));
}

static bool has_literal_factors(const ppn_build_t* build) {
  ppn_argument_t alpha = ppn_build_argument(build, "alpha"),
                 beta = ppn_build_argument(build, "beta");
  double number;
  // Integers are multiplied by integers only.
  return ppn_argument_as_double(&alpha, &number) && ppn_argument_as_double(&beta, &number) &&
         ppn_dtype_is_float(ppn_build_result(build, 0)->tensor.dtype);
}

static ppn_status_t addr(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  if (!has_literal_factors(&build)) return ppn_status_ok();
  return scaled_sum(&build, outer_product(&build, ppn_build_tensor(&build, "vec1"),
                                          ppn_build_tensor(&build, "vec2")));
}

static ppn_status_t addmv(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  if (!has_literal_factors(&build)) return ppn_status_ok();
  return scaled_sum(&build, matrix_times_vector(&build, ppn_build_tensor(&build, "mat"),
                                                ppn_build_tensor(&build, "vec")));
}

static ppn_status_t baddbmm(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  if (!has_literal_factors(&build)) return ppn_status_ok();
  return scaled_sum(&build, ppn_build_matrix_product(&build, ppn_build_tensor(&build, "batch1"),
                                                     ppn_build_tensor(&build, "batch2")));
}

static ppn_status_t addbmm(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  if (!has_literal_factors(&build)) return ppn_status_ok();
  ppn_value_t* products = ppn_build_matrix_product(&build, ppn_build_tensor(&build, "batch1"),
                                                   ppn_build_tensor(&build, "batch2"));
  return scaled_sum(&build, sum(&build, products, 0));
}

// inner(a, b) is a · bᵀ over the last dimensions.
static ppn_status_t inner(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *a = ppn_build_tensor(&build, "self"), *b = ppn_build_tensor(&build, "other");
  if (a->tensor.rank == 0 || b->tensor.rank == 0) {
    return ppn_build_finish(&build, multiply(&build, a, b));
  }
  int64_t rows[2] = {1, 1};
  ppn_value_t* operands[] = {a, b};
  for (int i = 0; i < 2; ++i) {
    int last = operands[i]->tensor.rank - 1;
    for (int j = 0; j <= last; ++j) {
      if (!ppn_dim_is_static(operands[i]->tensor.sizes[j])) return ppn_status_ok();
      if (j < last) rows[i] *= operands[i]->tensor.sizes[j].value;
    }
    ppn_build_size_t sizes[] = {ppn_build_literal(rows[i]), ppn_build_size_of(operands[i], last)};
    operands[i] = ppn_build_view(&build, operands[i], sizes, 2);
  }
  ppn_value_t* product =
      ppn_build_matrix_product(&build, operands[0], ppn_build_transpose(&build, operands[1], 0, 1));
  const ppn_tensor_meta_t* meta = &ppn_build_result(&build, 0)->tensor;
  ppn_build_size_t sizes[MAXIMUM_RANK];
  for (int i = 0; i < meta->rank; ++i) sizes[i] = ppn_build_literal(meta->sizes[i].value);
  return ppn_build_finish(&build, ppn_build_view(&build, product, sizes, meta->rank));
}

// kron(a, b)[i · p + k, …] = a[i, …] · b[k, …]
static ppn_status_t kron(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* operands[] = {ppn_build_tensor(&build, "self"), ppn_build_tensor(&build, "other")};
  const ppn_tensor_meta_t* meta = &ppn_build_result(&build, 0)->tensor;
  ppn_build_size_t sizes[MAXIMUM_RANK];
  for (int i = 0; i < 2; ++i) {
    int missing = meta->rank - operands[i]->tensor.rank;
    if (meta->rank > MAXIMUM_RANK / 2) return ppn_status_ok();
    for (int j = 0; j < meta->rank; ++j) {
      ppn_dim_t size = j < missing ? ppn_dim_static(1) : operands[i]->tensor.sizes[j - missing];
      if (!ppn_dim_is_static(size)) return ppn_status_ok();
      sizes[2 * j + i] = ppn_build_literal(size.value);
      sizes[2 * j + 1 - i] = ppn_build_literal(1);
    }
    operands[i] = ppn_build_view(&build, operands[i], sizes, 2 * meta->rank);
  }
  ppn_value_t* product = multiply(&build, operands[0], operands[1]);
  for (int i = 0; i < meta->rank; ++i) sizes[i] = ppn_build_literal(meta->sizes[i].value);
  return ppn_build_finish(&build, ppn_build_view(&build, product, sizes, meta->rank));
}

// a[1] b[2] - a[2] b[1], and so on round.
static ppn_status_t cross(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *operands[] = {ppn_build_tensor(&build, "self"), ppn_build_tensor(&build, "other")},
              *parts[3];
  const ppn_tensor_meta_t* meta = &ppn_build_result(&build, 0)->tensor;
  int dim = ppn_build_axis(&build, "dim", -1, meta->rank);
  if (build.status) return build.status;
  if (ppn_build_argument(&build, "dim").kind == PPN_ARGUMENT_NONE) {
    for (dim = 0; dim < meta->rank && !ppn_dim_is(meta->sizes[dim], 3); ++dim) continue;
  }
  for (int i = 0; i < 2; ++i) {
    if (operands[i]->tensor.rank != meta->rank || dim >= meta->rank ||
        !ppn_dim_is(operands[i]->tensor.sizes[dim], 3)) {
      return ppn_status_ok();
    }
  }
  for (int i = 0; i < 3; ++i) {
    int next = (i + 1) % 3, last = (i + 2) % 3;
    ppn_value_t* plus =
        multiply(&build, ppn_build_slice(&build, operands[0], dim, next, next + 1, 1),
                 ppn_build_slice(&build, operands[1], dim, last, last + 1, 1));
    ppn_value_t* minus =
        multiply(&build, ppn_build_slice(&build, operands[0], dim, last, last + 1, 1),
                 ppn_build_slice(&build, operands[1], dim, next, next + 1, 1));
    parts[i] = ppn_build_binary(&build, "aten::sub.Tensor", plus, minus, PPN_DTYPE_INVALID);
  }
  return ppn_build_finish(&build, ppn_build_cat(&build, parts, 3, dim));
}

// A · B · …, from left to right. A vector at either end is a row or a column.
static ppn_status_t multi_dot(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t matrices = ppn_build_argument(&build, node->arguments[0].name);
  if (matrices.kind != PPN_ARGUMENT_VALUES || matrices.count < 2) return ppn_status_ok();
  bool is_row = matrices.u.values[0]->tensor.rank == 1,
       is_column = matrices.u.values[matrices.count - 1]->tensor.rank == 1;
  ppn_value_t* product = matrices.u.values[0];
  if (is_row) product = ppn_build_unsqueeze(&build, product, 0);
  for (uint32_t i = 1; i < matrices.count; ++i) {
    ppn_value_t* next = matrices.u.values[i];
    if (next->tensor.rank == 1) next = ppn_build_unsqueeze(&build, next, 1);
    product = ppn_build_matrix_product(&build, product, next);
  }
  if (is_column) product = ppn_build_squeeze(&build, product, 1);
  if (is_row) product = ppn_build_squeeze(&build, product, 0);
  return ppn_build_finish(&build, product);
}

// torch lets a size of 1 meet another; such sums are left alone.
static bool contracts_equal_sizes(const ppn_build_t* build, ppn_value_t* const* operands) {
  int64_t a[MAXIMUM_RANK], b[MAXIMUM_RANK];
  uint32_t count = 0, other_count = 0;
  ppn_argument_t first = ppn_build_argument(build, "dims_self"),
                 second = ppn_build_argument(build, "dims_other");
  if (!ppn_argument_as_ints(&first, a, MAXIMUM_RANK, &count) ||
      !ppn_argument_as_ints(&second, b, MAXIMUM_RANK, &other_count) || count != other_count) {
    return false;
  }
  for (uint32_t i = 0; i < count; ++i) {
    int ranks[] = {operands[0]->tensor.rank, operands[1]->tensor.rank};
    a[i] += a[i] < 0 ? ranks[0] : 0;
    b[i] += b[i] < 0 ? ranks[1] : 0;
    if (a[i] < 0 || a[i] >= ranks[0] || b[i] < 0 || b[i] >= ranks[1] ||
        !ppn_dim_equal(operands[0]->tensor.sizes[a[i]], operands[1]->tensor.sizes[b[i]])) {
      return false;
    }
  }
  return true;
}

// Both operands as matrices of [kept, summed] and [summed, kept] dimensions.
static ppn_status_t tensordot(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* operands[] = {ppn_build_tensor(&build, "self"), ppn_build_tensor(&build, "other")};
  static const char* const names[] = {"dims_self", "dims_other"};
  const ppn_tensor_meta_t* meta = &ppn_build_result(&build, 0)->tensor;
  ppn_build_size_t sizes[MAXIMUM_RANK];
  if (!contracts_equal_sizes(&build, operands)) return ppn_status_ok();
  for (int i = 0; i < 2; ++i) {
    const ppn_tensor_meta_t* operand = &operands[i]->tensor;
    ppn_argument_t argument = ppn_build_argument(&build, names[i]);
    int64_t summed[MAXIMUM_RANK], order[MAXIMUM_RANK], inner = 1, own = 1;
    uint32_t count;
    int place = 0;
    if (!ppn_argument_as_ints(&argument, summed, MAXIMUM_RANK, &count)) return ppn_status_ok();
    for (uint32_t j = 0; j < count; ++j) summed[j] += summed[j] < 0 ? operand->rank : 0;
    for (uint32_t j = 0; i == 1 && j < count; ++j) order[place++] = summed[j];
    for (int j = 0; j < operand->rank; ++j) {
      bool is_summed = false;
      if (!ppn_dim_is_static(operand->sizes[j])) return ppn_status_ok();
      for (uint32_t k = 0; k < count; ++k) is_summed |= summed[k] == j;
      if (!is_summed) order[place++] = j;
      *(is_summed ? &inner : &own) *= operand->sizes[j].value;
    }
    for (uint32_t j = 0; i == 0 && j < count; ++j) order[place++] = summed[j];
    sizes[0] = ppn_build_literal(i == 0 ? own : inner);
    sizes[1] = ppn_build_literal(i == 0 ? inner : own);
    operands[i] = ppn_build_view(&build, ppn_build_permute(&build, operands[i], order), sizes, 2);
  }
  ppn_value_t* product = ppn_build_matrix_product(&build, operands[0], operands[1]);
  for (int i = 0; i < meta->rank; ++i) sizes[i] = ppn_build_literal(meta->sizes[i].value);
  return ppn_build_finish(&build, ppn_build_view(&build, product, sizes, meta->rank));
}

// ---- Diagonals ----

static ppn_value_t* diagonal(ppn_build_t* build, ppn_value_t* x, const ppn_dim_t* sizes, int rank,
                             int64_t offset, int dim1, int dim2) {
  ppn_tensor_meta_t meta = ppn_build_meta(build, x->tensor.dtype, rank, sizes);
  return ppn_build_op(build, "aten::diagonal", &meta, ppn_argument_value("self", x),
                      ppn_argument_int("offset", offset), ppn_argument_int("dim1", dim1),
                      ppn_argument_int("dim2", dim2));
}

// [rows, columns] that are true on the diagonal `offset`: |column - row - offset| < 1.
static ppn_value_t* diagonal_mask(ppn_build_t* build, int64_t rows, int64_t columns,
                                  int64_t offset) {
  ppn_value_t* places[2];
  for (int i = 0; i < 2; ++i) {
    int64_t count = i == 0 ? rows : columns, start = i == 0 ? offset : 0;
    ppn_dim_t size = ppn_dim_static(count);
    ppn_tensor_meta_t meta = ppn_build_meta(build, PPN_DTYPE_INT64, 1, &size);
    places[i] =
        ppn_build_op(build, "aten::arange.start_step", &meta, ppn_argument_int("start", start),
                     ppn_argument_int("end", start + count), ppn_argument_int("step", 1),
                     ppn_argument_dtype("dtype", PPN_DTYPE_INT64));
  }
  return ppn_build_binary(build, "aten::eq.Tensor", ppn_build_unsqueeze(build, places[0], 1),
                          places[1], PPN_DTYPE_BOOL);
}

static ppn_value_t* zero(ppn_build_t* build, ppn_dtype_t dtype) {
  ppn_tensor_meta_t meta = ppn_build_meta(build, dtype, 0, NULL);
  return ppn_build_op(build, "aten::scalar_tensor", &meta,
                      dtype == PPN_DTYPE_BOOL     ? ppn_argument_bool("s", false)
                      : ppn_dtype_is_float(dtype) ? ppn_argument_float("s", 0)
                                                  : ppn_argument_int("s", 0),
                      ppn_argument_dtype("dtype", dtype));
}

// `values` on the diagonal of matrices in the last two dimensions, zeros elsewhere.
static ppn_value_t* embed(ppn_build_t* build, ppn_value_t* values, int64_t offset) {
  int last = values->tensor.rank - 1;
  int64_t length = values->tensor.sizes[last].value, shift = offset < 0 ? -offset : offset;
  ppn_value_t* mask = diagonal_mask(build, length + shift, length + shift, offset);
  int64_t amounts[] = {offset > 0 ? shift : 0, offset < 0 ? shift : 0};
  ppn_dim_t sizes[MAXIMUM_RANK];
  for (int i = 0; i < last; ++i) sizes[i] = values->tensor.sizes[i];
  sizes[last] = ppn_dim_static(length + shift);
  if (shift) {  // the column of a value is its place plus the offset
    ppn_tensor_meta_t meta = ppn_build_meta(build, values->tensor.dtype, last + 1, sizes);
    values = ppn_build_op(build, "aten::constant_pad_nd", &meta, ppn_argument_value("self", values),
                          ppn_argument_ints(build->emitter->graph->arena, "pad", amounts, 2),
                          ppn_argument_int("value", 0));
  }
  ppn_value_t* rows = ppn_build_unsqueeze(build, values, last);
  if (build->status) return NULL;
  return ppn_build_where(build, mask, rows, zero(build, values->tensor.dtype));
}

static bool is_static(const ppn_value_t* value) {
  for (int i = 0; i < value->tensor.rank; ++i) {
    if (!ppn_dim_is_static(value->tensor.sizes[i])) return false;
  }
  return true;
}

static ppn_status_t diag(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  int64_t offset = ppn_build_int(&build, "diagonal", 0);
  if (!is_static(self)) return ppn_status_ok();
  ppn_value_t* value =
      self->tensor.rank == 1
          ? embed(&build, self, offset)
          : diagonal(&build, self, ppn_build_result(&build, 0)->tensor.sizes, 1, offset, 0, 1);
  return ppn_build_finish(&build, value);
}

static ppn_status_t diag_embed(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0);
  int rank = result->tensor.rank;
  int64_t offset = ppn_build_int(&build, "offset", 0), dims[MAXIMUM_RANK];
  int dim1 = ppn_build_axis(&build, "dim1", -2, rank),
      dim2 = ppn_build_axis(&build, "dim2", -1, rank);
  if (build.status) return build.status;
  if (!is_static(self)) return ppn_status_ok();
  ppn_value_t* value = embed(&build, self, offset);
  for (int i = 0, next = 0; i < rank; ++i) {
    dims[i] = i == dim1 ? rank - 2 : i == dim2 ? rank - 1 : next++;
  }
  return ppn_build_finish(&build, ppn_build_permute(&build, value, dims));
}

static ppn_status_t trace(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *result = ppn_build_result(&build, 0);
  ppn_dim_t size = self->tensor.sizes[0];
  if (!is_static(self)) return ppn_status_ok();
  if (self->tensor.sizes[1].value < size.value) size = self->tensor.sizes[1];
  ppn_value_t* values = diagonal(&build, self, &size, 1, 0, 0, 1);
  return ppn_build_finish(&build,
                          sum(&build, ppn_build_cast(&build, values, result->tensor.dtype), 0));
}

// `src` in place of the diagonal between two dimensions.
static ppn_status_t diagonal_scatter(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *src = ppn_build_tensor(&build, "src");
  int rank = self->tensor.rank;
  int64_t offset = ppn_build_int(&build, "offset", 0), dims[MAXIMUM_RANK], back[MAXIMUM_RANK];
  int dim1 = ppn_build_axis(&build, "dim1", 0, rank),
      dim2 = ppn_build_axis(&build, "dim2", 1, rank);
  if (build.status) return build.status;
  if (!is_static(self) || !is_static(src)) return ppn_status_ok();
  int64_t rows = self->tensor.sizes[dim1].value, columns = self->tensor.sizes[dim2].value;
  for (int i = 0, next = 0; i < rank; ++i) {
    int place = i == dim1 ? rank - 2 : i == dim2 ? rank - 1 : next++;
    back[i] = place;
    dims[place] = i;
  }
  ppn_value_t* mask = diagonal_mask(&build, rows, columns, offset);
  int64_t length = src->tensor.sizes[src->tensor.rank - 1].value, before = offset > 0 ? offset : 0;
  // A row of as many places as there are columns, each value at its column.
  int64_t amounts[] = {before, columns - before - length};
  ppn_dim_t sizes[MAXIMUM_RANK];
  for (int i = 0; i < rank - 1; ++i) sizes[i] = src->tensor.sizes[i];
  sizes[rank - 2] = ppn_dim_static(columns);
  ppn_tensor_meta_t meta = ppn_build_meta(&build, src->tensor.dtype, rank - 1, sizes);
  ppn_value_t* padded = ppn_build_op(
      &build, "aten::constant_pad_nd", &meta, ppn_argument_value("self", src),
      ppn_argument_ints(emitter->graph->arena, "pad", amounts, 2), ppn_argument_int("value", 0));
  ppn_value_t* value = ppn_build_where(&build, mask, ppn_build_unsqueeze(&build, padded, rank - 2),
                                       ppn_build_permute(&build, self, dims));
  return ppn_build_finish(&build, ppn_build_permute(&build, value, back));
}

static const ppn_aten_row_t rows[] = {
    {"aten::outer", NULL, outer, NULL},
    {"aten::dot", NULL, dot, NULL},
    {"aten::vdot", NULL, dot, NULL},
    {"aten::mv", NULL, mv, NULL},
    {"aten::addr", NULL, addr, NULL},
    {"aten::addmv", NULL, addmv, NULL},
    {"aten::baddbmm", NULL, baddbmm, NULL},
    {"aten::addbmm", NULL, addbmm, NULL},
    {"aten::inner", NULL, inner, NULL},
    {"aten::kron", NULL, kron, NULL},
    {"aten::linalg_multi_dot", NULL, multi_dot, NULL},
    {"aten::chain_matmul", NULL, multi_dot, NULL},
    {"aten::tensordot", NULL, tensordot, NULL},
    {"aten::cross", NULL, cross, NULL},
    {"aten::linalg_cross", NULL, cross, NULL},
    {"aten::diag", NULL, diag, NULL},
    {"aten::diag_embed", NULL, diag_embed, NULL},
    {"aten::trace", NULL, trace, NULL},
    {"aten::diagonal_scatter", NULL, diagonal_scatter, NULL},
};
const ppn_aten_family_t ppn_aten_matrices = {rows, PPN_COUNT_OF(rows)};
