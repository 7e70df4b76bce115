// Decompositions of products: linear, matmul, convolutions, attention.
#include <math.h>
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

// ---- linear ----

// The product of all sizes but the last, when it is fixed; -1, which view infers, otherwise.
static ppn_build_size_t flattened(const ppn_value_t* value, int first, int last) {
  int64_t product = 1;
  for (int i = first; i < last; ++i) {
    if (!ppn_dim_is_static(value->tensor.sizes[i])) return ppn_build_literal(-1);
    product *= value->tensor.sizes[i].value;
  }
  return ppn_build_literal(product);
}

// view with one inferred size must state the type: the symbolic product.
static ppn_value_t* flatten_rows(ppn_build_t* build, ppn_value_t* self) {
  int rank = self->tensor.rank;
  ppn_build_size_t sizes[] = {flattened(self, 0, rank - 1), ppn_build_size_of(self, rank - 1)};
  ppn_value_t* view = ppn_build_view(build, self, sizes, 2);
  if (!view || sizes[0].literal >= 0) return view;
  ppn_dim_t product = ppn_dim_static(1);
  for (int i = 0; i < rank - 1 && !build->status; ++i) {
    build->status =
        ppn_dim_multiply(build->emitter->graph->symbols, product, self->tensor.sizes[i], &product);
  }
  view->tensor.sizes[0] = product;
  return view;
}

static ppn_value_t* affine(ppn_build_t* build, ppn_value_t* x, ppn_value_t* weight,
                           ppn_value_t* bias) {
  ppn_value_t* transposed = ppn_build_transpose(build, weight, 0, 1);
  if (!bias) return ppn_build_matrix_product(build, x, transposed);
  if (build->status) return NULL;
  ppn_dim_t sizes[] = {x->tensor.sizes[0], weight->tensor.sizes[0]};
  ppn_tensor_meta_t meta = ppn_build_meta(build, x->tensor.dtype, 2, sizes);
  ppn_argument_t arguments[] = {ppn_argument_value("self", bias), ppn_argument_value("mat1", x),
                                ppn_argument_value("mat2", transposed)};
  return ppn_build_typed(build, "aten::addmm", arguments, 3, &meta);
}

// The result's sizes: those of the input, but the last.
static ppn_value_t* with_rows_of(ppn_build_t* build, ppn_value_t* result, ppn_value_t* input,
                                 ppn_value_t* columns, int column_dim) {
  ppn_build_size_t sizes[64];
  int rank = input->tensor.rank;
  for (int i = 0; i < rank - 1; ++i) sizes[i] = ppn_build_size_of(input, i);
  sizes[rank - 1] = ppn_build_size_of(columns, column_dim);
  return ppn_build_view(build, result, sizes, rank);
}

static ppn_status_t linear(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *input = ppn_build_tensor(&build, "input"),
              *weight = ppn_build_tensor(&build, "weight"),
              *bias = ppn_build_tensor(&build, "bias");
  if (weight->tensor.rank != 2) return ppn_status_ok();
  ppn_value_t* rows = input->tensor.rank == 2 ? input : flatten_rows(&build, input);
  ppn_value_t* result = affine(&build, rows, weight, bias);
  if (input->tensor.rank != 2 && !build.status) {
    result = with_rows_of(&build, result, input, weight, 0);
  }
  return ppn_build_finish(&build, result);
}

// ---- matmul ----

static bool same_sizes(const ppn_value_t* a, const ppn_value_t* b, int count) {
  for (int i = 0; i < count; ++i) {
    if (!ppn_dim_equal(a->tensor.sizes[i], b->tensor.sizes[i])) return false;
  }
  return true;
}

// Leading sizes of the operands, broadcast against each other.
static int batch_sizes(ppn_value_t* a, ppn_value_t* b, ppn_build_size_t* out) {
  int rank = (a->tensor.rank > b->tensor.rank ? a->tensor.rank : b->tensor.rank) - 2;
  for (int i = 0; i < rank; ++i) {
    int in_a = i - (rank + 2 - a->tensor.rank), in_b = i - (rank + 2 - b->tensor.rank);
    bool from_b = in_a < 0 || (in_b >= 0 && ppn_dim_is(a->tensor.sizes[in_a], 1));
    out[i] = from_b ? ppn_build_size_of(b, in_b) : ppn_build_size_of(a, in_a);
  }
  return rank;
}

// `value` with the leading sizes `batch`, as one batch dimension.
static ppn_value_t* as_batch(ppn_build_t* build, ppn_value_t* value, const ppn_build_size_t* batch,
                             int batch_rank) {
  ppn_build_size_t sizes[64];
  int rank = value->tensor.rank;
  for (int i = 0; i < batch_rank; ++i) sizes[i] = batch[i];
  sizes[batch_rank] = ppn_build_size_of(value, rank - 2);
  sizes[batch_rank + 1] = ppn_build_size_of(value, rank - 1);
  bool is_expanded = rank != batch_rank + 2;
  for (int i = 0; i < batch_rank && !is_expanded; ++i) {
    is_expanded = !ppn_dim_equal(value->tensor.sizes[i], ppn_build_dim(&batch[i]));
  }
  if (is_expanded) value = ppn_build_expand(build, value, sizes, batch_rank + 2);
  if (build->status || batch_rank == 1) return value;
  ppn_build_size_t flat[] = {flattened(value, 0, batch_rank), ppn_build_size_of(value, batch_rank),
                             ppn_build_size_of(value, batch_rank + 1)};
  ppn_dim_t product = ppn_dim_static(1);
  for (int i = 0; i < batch_rank && !build->status; ++i) {
    build->status =
        ppn_dim_multiply(build->emitter->graph->symbols, product, value->tensor.sizes[i], &product);
  }
  ppn_value_t* view = ppn_build_view(build, value, flat, 3);
  if (view) view->tensor.sizes[0] = product;
  return view;
}

static ppn_value_t* product(ppn_build_t* build, ppn_value_t* a, ppn_value_t* b) {
  if (build->status) return NULL;
  if (a->tensor.rank == 2 && b->tensor.rank == 2) return ppn_build_matrix_product(build, a, b);
  if (a->tensor.rank == 3 && b->tensor.rank == 3 && same_sizes(a, b, 1)) {
    return ppn_build_matrix_product(build, a, b);
  }
  if (a->tensor.rank > 2 && b->tensor.rank == 2) {
    ppn_value_t* rows = ppn_build_matrix_product(build, flatten_rows(build, a), b);
    return build->status ? NULL : with_rows_of(build, rows, a, b, 1);
  }
  ppn_build_size_t batch[64];
  int rank = batch_sizes(a, b, batch);
  ppn_value_t* result = ppn_build_matrix_product(build, as_batch(build, a, batch, rank),
                                                 as_batch(build, b, batch, rank));
  if (rank == 1) return result;
  batch[rank] = ppn_build_size_of(a, a->tensor.rank - 2);
  batch[rank + 1] = ppn_build_size_of(b, b->tensor.rank - 1);
  return ppn_build_view(build, result, batch, rank + 2);
}

static ppn_status_t matmul(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *a = ppn_build_tensor(&build, "self"), *b = ppn_build_tensor(&build, "other");
  bool a_is_vector = a->tensor.rank == 1, b_is_vector = b->tensor.rank == 1;
  if (a_is_vector) a = ppn_build_unsqueeze(&build, a, 0);
  if (b_is_vector) b = ppn_build_unsqueeze(&build, b, 1);
  ppn_value_t* result = product(&build, a, b);
  if ((a_is_vector || b_is_vector) && !build.status) {
    ppn_build_size_t sizes[64];
    int rank = 0;
    for (int i = 0; i < result->tensor.rank; ++i) {
      if (a_is_vector && i == result->tensor.rank - 2) continue;
      if (b_is_vector && i == result->tensor.rank - 1) continue;
      sizes[rank++] = ppn_build_size_of(result, i);
    }
    result = ppn_build_view(&build, result, sizes, rank);
  }
  return ppn_build_finish(&build, result);
}

// ---- Convolutions ----

// The padding that padding="same" or "valid" stands for. Where the two sides differ, the input
// grows behind first. False when a size that is needed is not fixed.
static bool resolve_padding(ppn_build_t* build, const char* mode, ppn_value_t** input,
                            uint32_t spatial, int64_t* pads) {
  int64_t dilation[3] = {1, 1, 1}, behind[6] = {0};
  bool is_uneven = false;
  const ppn_value_t* weight = ppn_build_tensor(build, "weight");
  if (strcmp(mode, "same") != 0) return true;
  if (!ppn_build_ints(build, "dilation", dilation, spatial)) return false;
  for (uint32_t i = 0; i < spatial; ++i) {
    ppn_dim_t size = weight->tensor.sizes[2 + i];
    if (!ppn_dim_is_static(size)) return false;
    int64_t total = (size.value - 1) * dilation[i];
    pads[i] = total / 2;
    behind[2 * (spatial - 1 - i) + 1] = total % 2;
    is_uneven |= total % 2 != 0;
  }
  if (!is_uneven) return true;
  ppn_dim_t sizes[5];
  for (uint32_t i = 0; i < spatial + 2; ++i) {
    sizes[i] = (*input)->tensor.sizes[i];
    int64_t added = i < 2 ? 0 : behind[2 * (spatial + 1 - i) + 1];
    if (!build->status) {
      build->status =
          ppn_dim_add(build->emitter->graph->symbols, sizes[i], ppn_dim_static(added), &sizes[i]);
    }
  }
  ppn_tensor_meta_t meta = ppn_build_meta(build, (*input)->tensor.dtype, (int)spatial + 2, sizes);
  *input = ppn_build_op(build, "aten::constant_pad_nd", &meta, ppn_argument_value("self", *input),
                        ppn_argument_ints(build->emitter->graph->arena, "pad", behind, 2 * spatial),
                        ppn_argument_int("value", 0));
  return true;
}

static ppn_status_t convolve(ppn_aten_emitter_t* emitter, ppn_node_t* node, bool is_transposed) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *input = ppn_build_tensor(&build, "input"), *result = ppn_build_result(&build, 0);
  uint32_t spatial = (uint32_t)ppn_build_tensor(&build, "weight")->tensor.rank - 2;
  int64_t zeros[3] = {0, 0, 0}, pads[3] = {0, 0, 0};
  ppn_argument_t padding = ppn_build_argument(&build, "padding");
  ppn_arena_t* arena = emitter->graph->arena;
  if (spatial < 1 || spatial > 3) return ppn_status_ok();
  ppn_tensor_meta_t meta = result->tensor;
  bool is_unbatched = (uint32_t)input->tensor.rank == spatial + 1;
  if (is_unbatched) {
    ppn_dim_t sizes[5] = {ppn_dim_static(1)};
    for (uint32_t i = 0; i < spatial + 1; ++i) sizes[i + 1] = result->tensor.sizes[i];
    meta = ppn_build_meta(&build, meta.dtype, (int)spatial + 2, sizes);
    input = ppn_build_unsqueeze(&build, input, 0);
    if (build.status) return build.status;
  }
  if (padding.kind == PPN_ARGUMENT_STRING) {
    if (!resolve_padding(&build, padding.u.string, &input, spatial, pads)) return build.status;
    padding = ppn_argument_ints(arena, "padding", pads, spatial);
  }
  ppn_argument_t output_padding = is_transposed
                                      ? ppn_build_argument(&build, "output_padding")
                                      : ppn_argument_ints(arena, "output_padding", zeros, spatial);
  ppn_argument_t arguments[] = {ppn_argument_value("input", input),
                                ppn_build_argument(&build, "weight"),
                                ppn_build_argument(&build, "bias"),
                                ppn_build_argument(&build, "stride"),
                                padding,
                                ppn_build_argument(&build, "dilation"),
                                ppn_argument_bool("transposed", is_transposed),
                                output_padding,
                                ppn_build_argument(&build, "groups")};
  ppn_value_t* value = ppn_build_typed(&build, "aten::convolution", arguments, 9, &meta);
  if (is_unbatched) value = ppn_build_squeeze(&build, value, 0);
  return ppn_build_finish(&build, value);
}

static ppn_status_t convolution(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return convolve(emitter, node, false);
}

static ppn_status_t transposed_convolution(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return convolve(emitter, node, true);
}

// ---- Attention ----

// softmax(q · kᵀ · scale + mask) · v
static ppn_value_t* softmax_last(ppn_build_t* build, ppn_value_t* self) {
  if (build->status) return NULL;
  ppn_argument_t arguments[] = {ppn_argument_value("self", self), ppn_argument_int("dim", -1),
                                ppn_argument_bool("half_to_float", false)};
  return ppn_build_typed(build, "aten::_softmax", arguments, 3, &self->tensor);
}

// 0 where the mask is true, -inf elsewhere: a lower triangle when the attention is causal.
static ppn_value_t* additive_mask(ppn_build_t* build, ppn_value_t* mask, ppn_dtype_t dtype) {
  if (build->status || mask->tensor.dtype != PPN_DTYPE_BOOL) return mask;
  ppn_value_t* blocked = ppn_build_unary(build, "aten::logical_not", mask);
  if (build->status) return NULL;
  ppn_tensor_meta_t meta = mask->tensor;
  meta.dtype = dtype;
  ppn_argument_t zeros[] = {ppn_argument_value("self", blocked), ppn_argument_int("fill_value", 0),
                            ppn_argument_dtype("dtype", dtype)};
  ppn_value_t* zero = ppn_build_typed(build, "aten::full_like", zeros, 3, &meta);
  ppn_argument_t fill[] = {ppn_argument_value("self", zero), ppn_argument_value("mask", blocked),
                           ppn_argument_float("value", -INFINITY)};
  return ppn_build_typed(build, "aten::masked_fill.Scalar", fill, 3, &meta);
}

static ppn_value_t* causal_mask(ppn_build_t* build, ppn_value_t* query, ppn_value_t* key) {
  ppn_dim_t sizes[] = {query->tensor.sizes[query->tensor.rank - 2],
                       key->tensor.sizes[key->tensor.rank - 2]};
  ppn_build_size_t items[] = {ppn_build_size_of(query, query->tensor.rank - 2),
                              ppn_build_size_of(key, key->tensor.rank - 2)};
  ppn_tensor_meta_t meta = ppn_build_meta(build, PPN_DTYPE_BOOL, 2, sizes);
  ppn_argument_t full[] = {ppn_build_sizes(build, "size", items, 2),
                           ppn_argument_bool("fill_value", true),
                           ppn_argument_dtype("dtype", PPN_DTYPE_BOOL)};
  ppn_value_t* ones = ppn_build_typed(build, "aten::full", full, 3, &meta);
  return ppn_build_unary(build, "aten::tril", ones);
}

// Grouped queries: each key and value head serves several query heads.
static ppn_value_t* repeat_heads(ppn_build_t* build, ppn_value_t* self, ppn_value_t* query) {
  int heads = query->tensor.rank - 3, rank = self->tensor.rank;
  ppn_dim_t wanted = query->tensor.sizes[heads], present = self->tensor.sizes[heads];
  if (ppn_dim_equal(wanted, present)) return self;
  if (!ppn_dim_is_static(wanted) || !ppn_dim_is_static(present) || present.value == 0) return NULL;
  ppn_build_size_t sizes[64];
  for (int i = 0; i < rank; ++i) sizes[i < heads + 1 ? i : i + 1] = ppn_build_size_of(self, i);
  sizes[heads + 1] = ppn_build_literal(wanted.value / present.value);
  ppn_value_t* wide =
      ppn_build_expand(build, ppn_build_unsqueeze(build, self, heads + 1), sizes, rank + 1);
  for (int i = 0; i < rank; ++i) sizes[i] = ppn_build_size_of(self, i);
  sizes[heads] = ppn_build_literal(wanted.value);
  return ppn_build_view(build, wide, sizes, rank);
}

static ppn_status_t attention(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *query = ppn_build_tensor(&build, "query"), *key = ppn_build_tensor(&build, "key"),
              *value = ppn_build_tensor(&build, "value"),
              *mask = ppn_build_tensor(&build, "attn_mask");
  ppn_argument_t scale_argument = ppn_build_argument(&build, "scale");
  ppn_dim_t width = query->tensor.sizes[query->tensor.rank - 1];
  double scale, dropout = 0;
  ppn_argument_t dropout_argument = ppn_build_argument(&build, "dropout_p");
  ppn_argument_as_double(&dropout_argument, &dropout);
  if (!ppn_argument_as_double(&scale_argument, &scale)) scale = 1 / sqrt((double)width.value);
  if (!ppn_dim_is_static(width) || dropout != 0) return ppn_status_ok();
  if (ppn_build_bool(&build, "enable_gqa", false) && query->tensor.rank > 2) {
    key = repeat_heads(&build, key, query);
    value = repeat_heads(&build, value, query);
    if (!key || !value) return build.status;
  }
  // Both operands are scaled by the root, as torch does, which keeps half precision in range.
  ppn_value_t* q = ppn_build_scalar(&build, "aten::mul.Scalar", query, sqrt(scale), 0);
  ppn_value_t* k = ppn_build_scalar(&build, "aten::mul.Scalar",
                                    ppn_build_transpose(&build, key, -2, -1), sqrt(scale), 0);
  ppn_value_t* scores = product(&build, q, k);
  if (ppn_build_bool(&build, "is_causal", false)) mask = causal_mask(&build, query, key);
  if (mask) {
    ppn_value_t* added = additive_mask(&build, mask, query->tensor.dtype);
    scores = ppn_build_binary(&build, "aten::add.Tensor", scores, added, PPN_DTYPE_INVALID);
  }
  return ppn_build_finish(&build, product(&build, softmax_last(&build, scores), value));
}

// ---- Distances ----

static ppn_status_t cdist(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "x1"), ppn_build_argument(&build, "x2"),
                                ppn_build_argument(&build, "p"),
                                ppn_build_argument(&build, "compute_mode")};
  return ppn_build_finish(&build, ppn_build_typed(&build, "aten::_cdist_forward", arguments, 4,
                                                  &ppn_build_result(&build, 0)->tensor));
}

static ppn_status_t pdist(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "self"),
                                ppn_build_argument(&build, "p")};
  return ppn_build_finish(&build, ppn_build_typed(&build, "aten::_pdist_forward", arguments, 2,
                                                  &ppn_build_result(&build, 0)->tensor));
}

static const ppn_aten_row_t rows[] = {
    {"aten::linear", NULL, linear, NULL},
    {"aten::matmul", NULL, matmul, NULL},
    {"aten::conv1d", NULL, convolution, NULL},
    {"aten::conv2d", NULL, convolution, NULL},
    {"aten::conv3d", NULL, convolution, NULL},
    {"aten::conv1d.padding", NULL, convolution, NULL},
    {"aten::conv2d.padding", NULL, convolution, NULL},
    {"aten::conv3d.padding", NULL, convolution, NULL},
    {"aten::conv_transpose1d", NULL, transposed_convolution, NULL},
    {"aten::conv_transpose2d.input", NULL, transposed_convolution, NULL},
    {"aten::conv_transpose3d.input", NULL, transposed_convolution, NULL},
    {"aten::scaled_dot_product_attention", NULL, attention, NULL},
    {"aten::cdist", NULL, cdist, NULL},
    {"aten::pdist", NULL, pdist, NULL},
};
const ppn_aten_family_t ppn_aten_products = {rows, PPN_COUNT_OF(rows)};
