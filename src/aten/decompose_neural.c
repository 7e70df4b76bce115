// Decompositions of layers: normalisation, activations, pooling.
#include <math.h>
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

// ---- Normalisation ----

static ppn_status_t batch_norm(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *result = ppn_build_result(&build, 0),
              *mean = ppn_build_tensor(&build, "running_mean");
  if (ppn_build_bool(&build, "training", false) || !mean) return ppn_status_ok();
  ppn_dim_t none[] = {ppn_dim_static(0)};
  ppn_tensor_meta_t empty = ppn_build_meta(&build, mean->tensor.dtype, 1, none);
  ppn_tensor_meta_t metas[] = {result->tensor, empty, empty};
  ppn_argument_t arguments[] = {
      ppn_build_argument(&build, "input"),       ppn_build_argument(&build, "weight"),
      ppn_build_argument(&build, "bias"),        ppn_build_argument(&build, "running_mean"),
      ppn_build_argument(&build, "running_var"), ppn_build_argument(&build, "momentum"),
      ppn_build_argument(&build, "eps")};
  ppn_value_t* values[3];
  ppn_build_several(&build, "aten::_native_batch_norm_legit_no_training", arguments, 7, metas,
                    values, 3);
  return ppn_build_finish(&build, values[0]);
}

static ppn_status_t layer_norm(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *input = ppn_build_tensor(&build, "input"), *result = ppn_build_result(&build, 0);
  ppn_argument_t shape = ppn_build_argument(&build, "normalized_shape");
  int rank = input->tensor.rank, first = rank - (int)shape.count;
  ppn_dim_t sizes[64];
  for (int i = 0; i < rank; ++i) sizes[i] = i < first ? input->tensor.sizes[i] : ppn_dim_static(1);
  ppn_tensor_meta_t statistics = ppn_build_meta(&build, input->tensor.dtype, rank, sizes);
  ppn_tensor_meta_t metas[] = {result->tensor, statistics, statistics};
  ppn_argument_t arguments[] = {
      ppn_build_argument(&build, "input"), shape, ppn_build_argument(&build, "weight"),
      ppn_build_argument(&build, "bias"), ppn_build_argument(&build, "eps")};
  ppn_value_t* values[3];
  ppn_build_several(&build, "aten::native_layer_norm", arguments, 5, metas, values, 3);
  return ppn_build_finish(&build, values[0]);
}

static ppn_status_t group_norm(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *input = ppn_build_tensor(&build, "input"), *result = ppn_build_result(&build, 0);
  int64_t area = 1;
  for (int i = 0; i < input->tensor.rank; ++i) {
    if (!ppn_dim_is_static(input->tensor.sizes[i])) return ppn_status_ok();
    if (i >= 2) area *= input->tensor.sizes[i].value;
  }
  int64_t groups = ppn_build_int(&build, "num_groups", 1);
  ppn_dim_t sizes[] = {input->tensor.sizes[0], ppn_dim_static(groups)};
  ppn_tensor_meta_t statistics = ppn_build_meta(&build, input->tensor.dtype, 2, sizes);
  ppn_tensor_meta_t metas[] = {result->tensor, statistics, statistics};
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "input"),
                                ppn_build_argument(&build, "weight"),
                                ppn_build_argument(&build, "bias"),
                                ppn_argument_int("N", input->tensor.sizes[0].value),
                                ppn_argument_int("C", input->tensor.sizes[1].value),
                                ppn_argument_int("HxW", area),
                                ppn_argument_int("group", groups),
                                ppn_build_argument(&build, "eps")};
  ppn_value_t* values[3];
  ppn_build_several(&build, "aten::native_group_norm", arguments, 8, metas, values, 3);
  return ppn_build_finish(&build, values[0]);
}

static ppn_status_t normalise_exponentials(ppn_aten_emitter_t* emitter, ppn_node_t* node,
                                           const char* op) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_cast(&build, ppn_build_tensor(&build, "self"),
                                     ppn_build_result(&build, 0)->tensor.dtype);
  if (build.status) return build.status;
  ppn_argument_t arguments[] = {ppn_argument_value("self", self), ppn_build_argument(&build, "dim"),
                                ppn_argument_bool("half_to_float", false)};
  return ppn_build_finish(&build, ppn_build_typed(&build, op, arguments, 3, &self->tensor));
}

static ppn_status_t softmax(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return normalise_exponentials(emitter, node, "aten::_softmax");
}

static ppn_status_t log_softmax(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  return normalise_exponentials(emitter, node, "aten::_log_softmax");
}

// v · g / |v|, with one length |v| for each element of dimension `dim`, or one for all (-1).
static ppn_status_t weight_norm(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *v = ppn_build_tensor(&build, "v"), *g = ppn_build_tensor(&build, "g");
  int64_t kept = ppn_build_int(&build, "dim", 0), dims[64];
  uint32_t count = 0;
  ppn_tensor_meta_t meta = ppn_build_meta(&build, v->tensor.dtype, v->tensor.rank, v->tensor.sizes);
  for (int i = 0; i < v->tensor.rank && !build.status; ++i) {
    if (i == kept) continue;
    dims[count++] = i;
    meta.sizes[i] = ppn_dim_static(1);
  }
  ppn_value_t* squares = ppn_build_binary(&build, "aten::mul.Tensor", v, v, 0);
  if (build.status) return build.status;
  ppn_argument_t arguments[] = {ppn_argument_value("self", squares),
                                ppn_argument_ints(emitter->graph->arena, "dim", dims, count),
                                ppn_argument_bool("keepdim", true)};
  ppn_value_t* sums = ppn_build_typed(&build, "aten::sum.dim_IntList", arguments, 3, &meta);
  ppn_value_t* lengths = ppn_build_unary(&build, "aten::sqrt", sums);
  if (build.status) return build.status;
  ppn_value_t* factors = ppn_build_binary(&build, "aten::div.Tensor", g, lengths, 0);
  return ppn_build_finish(&build, ppn_build_binary(&build, "aten::mul.Tensor", v, factors, 0));
}

// ---- Activations ----

static ppn_value_t* clamped(ppn_build_t* build, ppn_value_t* self, double minimum, double maximum) {
  if (build->status) return NULL;
  ppn_argument_t arguments[] = {ppn_argument_value("self", self),
                                ppn_argument_float("min_val", minimum),
                                ppn_argument_float("max_val", maximum)};
  return ppn_build_typed(build, "aten::hardtanh", arguments, 3, &self->tensor);
}

static ppn_status_t relu6(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  return ppn_build_finish(&build, clamped(&build, ppn_build_tensor(&build, "self"), 0, 6));
}

// relu6(x + 3) / 6
static ppn_value_t* hard_gate(ppn_build_t* build, ppn_value_t* self) {
  ppn_value_t* shifted = ppn_build_scalar(build, "aten::add.Scalar", self, 3, 0);
  return ppn_build_scalar(build, "aten::div.Scalar", clamped(build, shifted, 0, 6), 6, 0);
}

static ppn_status_t hardsigmoid(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  return ppn_build_finish(&build, hard_gate(&build, ppn_build_tensor(&build, "self")));
}

static ppn_status_t hardswish(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *gate = hard_gate(&build, self);
  return ppn_build_finish(&build, ppn_build_binary(&build, "aten::mul.Tensor", self, gate, 0));
}

static ppn_status_t silu(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  ppn_value_t* gate = ppn_build_unary(&build, "aten::sigmoid", self);
  return ppn_build_finish(&build, ppn_build_binary(&build, "aten::mul.Tensor", self, gate, 0));
}

// x where it is positive, weight · x elsewhere; one weight per channel.
static ppn_status_t prelu(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"),
              *weight = ppn_build_tensor(&build, "weight");
  int rank = self->tensor.rank;
  if (weight->tensor.rank == 1 && rank > 2) {
    ppn_build_size_t sizes[64];
    for (int i = 0; i < rank; ++i) sizes[i] = ppn_build_literal(1);
    sizes[1] = ppn_build_size_of(weight, 0);
    weight = ppn_build_view(&build, weight, sizes, rank);
  }
  ppn_value_t* scaled = ppn_build_binary(&build, "aten::mul.Tensor", weight, self, 0);
  ppn_value_t* positive = ppn_build_scalar(&build, "aten::gt.Scalar", self, 0, PPN_DTYPE_BOOL);
  if (build.status) return build.status;
  ppn_argument_t arguments[] = {ppn_argument_value("condition", positive),
                                ppn_argument_value("self", self),
                                ppn_argument_value("other", scaled)};
  return ppn_build_finish(&build,
                          ppn_build_typed(&build, "aten::where.self", arguments, 3, &self->tensor));
}

static ppn_status_t square(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  return ppn_build_finish(&build, ppn_build_binary(&build, "aten::mul.Tensor", self, self, 0));
}

// ---- Sums ----

static ppn_status_t sum(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_argument_t arguments[] = {
      ppn_build_argument(&build, "self"), ppn_argument_ints(emitter->graph->arena, "dim", NULL, 0),
      ppn_argument_bool("keepdim", false), ppn_build_argument(&build, "dtype")};
  return ppn_build_finish(&build, ppn_build_typed(&build, "aten::sum.dim_IntList", arguments, 4,
                                                  &ppn_build_result(&build, 0)->tensor));
}

// ---- Pooling ----

static ppn_status_t max_pool2d(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_tensor_meta_t metas[] = {ppn_build_result(&build, 0)->tensor,
                               ppn_build_result(&build, 0)->tensor};
  metas[1].dtype = PPN_DTYPE_INT64;
  ppn_argument_t stride = ppn_build_argument(&build, "stride"),
                 kernel = ppn_build_argument(&build, "kernel_size");
  if (stride.count == 0) {
    stride = kernel;
    stride.name = "stride";
  }
  ppn_argument_t arguments[] = {ppn_build_argument(&build, "self"),
                                kernel,
                                stride,
                                ppn_build_argument(&build, "padding"),
                                ppn_build_argument(&build, "dilation"),
                                ppn_build_argument(&build, "ceil_mode")};
  ppn_value_t* values[2];
  ppn_build_several(&build, "aten::max_pool2d_with_indices", arguments, 6, metas, values, 2);
  return ppn_build_finish(&build, values[0]);
}

static ppn_status_t adaptive_avg_pool2d(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* result = ppn_build_result(&build, 0);
  int rank = result->tensor.rank;
  ppn_value_t* value;
  if (ppn_dim_is(result->tensor.sizes[rank - 1], 1) &&
      ppn_dim_is(result->tensor.sizes[rank - 2], 1)) {
    static const int64_t dims[] = {-1, -2};
    ppn_argument_t arguments[] = {ppn_build_argument(&build, "self"),
                                  ppn_argument_ints(emitter->graph->arena, "dim", dims, 2),
                                  ppn_argument_bool("keepdim", true)};
    value = ppn_build_typed(&build, "aten::mean.dim", arguments, 3, &result->tensor);
  } else {
    ppn_argument_t arguments[] = {ppn_build_argument(&build, "self"),
                                  ppn_build_argument(&build, "output_size")};
    value = ppn_build_typed(&build, "aten::_adaptive_avg_pool2d", arguments, 2, &result->tensor);
  }
  return ppn_build_finish(&build, value);
}

static const ppn_aten_row_t rows[] = {
    {"aten::batch_norm", NULL, batch_norm, NULL},
    {"aten::layer_norm", NULL, layer_norm, NULL},
    {"aten::_weight_norm", NULL, weight_norm, NULL},
    {"aten::group_norm", NULL, group_norm, NULL},
    {"aten::softmax.int", NULL, softmax, NULL},
    {"aten::log_softmax.int", NULL, log_softmax, NULL},
    {"aten::relu6", NULL, relu6, NULL},
    {"aten::hardsigmoid", NULL, hardsigmoid, NULL},
    {"aten::hardswish", NULL, hardswish, NULL},
    {"aten::silu", NULL, silu, NULL},
    {"aten::prelu", NULL, prelu, NULL},
    {"aten::square", NULL, square, NULL},
    {"aten::sum", NULL, sum, NULL},
    {"aten::max_pool2d", NULL, max_pool2d, NULL},
    {"aten::adaptive_avg_pool2d", NULL, adaptive_avg_pool2d, NULL},
};
const ppn_aten_family_t ppn_aten_neural = {rows, PPN_COUNT_OF(rows)};
