// Decompositions of variances, extrema and norms of layers.
#include <math.h>
#include <string.h>

#include "aten/build.h"
#include "aten/rows.h"

enum { MAXIMUM_RANK = 64 };

// ---- Variances ----

typedef struct statistics {
  int64_t dims[MAXIMUM_RANK];
  uint32_t count;
  double correction;
  bool keepdim;
} statistics_t;

static bool read_statistics(const ppn_build_t* build, int rank, statistics_t* out) {
  out->correction = ppn_build_bool(build, "unbiased", true) ? 1 : 0;
  out->correction = ppn_build_number(build, "correction", out->correction);
  out->keepdim = ppn_build_bool(build, "keepdim", false);
  return ppn_build_axes(build, "dim", rank, out->dims, &out->count);
}

static ppn_value_t* variance(ppn_build_t* build, ppn_value_t* self,
                             const statistics_t* statistics) {
  if (build->status) return NULL;
  ppn_value_t* value = ppn_build_reduce(build, "aten::var.correction", self, statistics->dims,
                                        statistics->count, statistics->keepdim);
  if (!value) return NULL;
  // The operator was made with its default.
  ppn_argument_t* correction = &value->producer->arguments[2];
  *correction = ppn_argument_float(correction->name, statistics->correction);
  return value;
}

static bool is_deviation(const ppn_node_t* node) {
  return strncmp(node->target, "aten::std", 9) == 0;
}

// var, std, var_mean and std_mean in all their forms.
static ppn_status_t spread(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *self = ppn_build_tensor(&build, "self"), *values[2] = {NULL, NULL};
  statistics_t statistics;
  if (!ppn_dtype_is_float(self->tensor.dtype) ||
      !read_statistics(&build, self->tensor.rank, &statistics)) {
    return ppn_status_ok();
  }
  values[0] = variance(&build, self, &statistics);
  if (is_deviation(node)) values[0] = ppn_build_unary(&build, "aten::sqrt", values[0]);
  if (node->output_count == 2) {
    values[1] = ppn_build_reduce(&build, "aten::mean.dim", self, statistics.dims, statistics.count,
                                 statistics.keepdim);
  }
  for (uint32_t i = 0; i < node->output_count && !build.status; ++i) {
    if (node->outputs[i]) node->outputs[i]->replacement = values[i];
  }
  return build.status;
}

// ---- Extrema and counts ----

static ppn_status_t extrema(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  statistics_t statistics;
  if (!read_statistics(&build, self->tensor.rank, &statistics)) return ppn_status_ok();
  for (uint32_t i = 0; i < node->output_count && !build.status; ++i) {
    ppn_value_t* value = ppn_build_reduce(&build, i == 0 ? "aten::amin" : "aten::amax", self,
                                          statistics.dims, statistics.count, statistics.keepdim);
    if (node->outputs[i]) node->outputs[i]->replacement = value;
  }
  return build.status;
}

static ppn_status_t count_nonzero(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* self = ppn_build_tensor(&build, "self");
  statistics_t statistics;
  if (!read_statistics(&build, self->tensor.rank, &statistics)) return ppn_status_ok();
  ppn_value_t* mask = self->tensor.dtype == PPN_DTYPE_BOOL
                          ? self
                          : ppn_build_scalar(&build, "aten::ne.Scalar", self, 0, PPN_DTYPE_BOOL);
  ppn_value_t* ones = ppn_build_cast(&build, mask, PPN_DTYPE_INT64);
  return ppn_build_finish(&build, ppn_build_reduce(&build, "aten::sum.dim_IntList", ones,
                                                   statistics.dims, statistics.count, false));
}

// ---- Normalisation ----

static ppn_value_t* multiply(ppn_build_t* build, ppn_value_t* a, ppn_value_t* b) {
  return ppn_build_binary(build, "aten::mul.Tensor", a, b, PPN_DTYPE_INVALID);
}

static double epsilon_of(ppn_dtype_t dtype) {
  return dtype == PPN_DTYPE_FLOAT64    ? 0x1p-52
         : dtype == PPN_DTYPE_FLOAT16  ? 0x1p-10
         : dtype == PPN_DTYPE_BFLOAT16 ? 0x1p-7
                                       : 0x1p-23;
}

static ppn_dtype_t working_type(ppn_dtype_t dtype) {
  bool is_half = dtype == PPN_DTYPE_FLOAT16 || dtype == PPN_DTYPE_BFLOAT16;
  return is_half ? PPN_DTYPE_FLOAT32 : dtype;
}

// x / sqrt(mean(x²) + eps), times the weight
static ppn_status_t rms_norm(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *input = ppn_build_tensor(&build, "input"),
              *weight = ppn_build_tensor(&build, "weight");
  ppn_dtype_t dtype = working_type(input->tensor.dtype);
  int64_t dims[MAXIMUM_RANK];
  uint32_t count = ppn_build_argument(&build, "normalized_shape").count;
  double epsilon = ppn_build_number(&build, "eps", epsilon_of(input->tensor.dtype));
  if (count == 0 || (int)count > input->tensor.rank) return ppn_status_ok();
  for (uint32_t i = 0; i < count; ++i) dims[i] = input->tensor.rank - (int)count + (int)i;
  ppn_value_t* x = ppn_build_cast(&build, input, dtype);
  ppn_value_t* mean =
      ppn_build_reduce(&build, "aten::mean.dim", multiply(&build, x, x), dims, count, true);
  ppn_value_t* shifted = ppn_build_scalar(&build, "aten::add.Scalar", mean, epsilon, 0);
  x = multiply(&build, x, ppn_build_unary(&build, "aten::rsqrt", shifted));
  if (weight) x = multiply(&build, x, ppn_build_cast(&build, weight, dtype));
  if (build.status) return build.status;
  return ppn_build_finish(&build,
                          ppn_build_cast(&build, x, ppn_build_result(&build, 0)->tensor.dtype));
}

// A vector of channels, to be broadcast over [N, C, …].
static ppn_value_t* as_channels(ppn_build_t* build, ppn_value_t* vector, int rank) {
  ppn_build_size_t sizes[MAXIMUM_RANK];
  for (int i = 0; i < rank; ++i) sizes[i] = ppn_build_literal(1);
  sizes[1] = ppn_build_size_of(vector, 0);
  return ppn_build_view(build, vector, sizes, rank);
}

// (x - mean) / sqrt(variance + eps) over each channel of each sample.
static ppn_status_t instance_norm(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t *input = ppn_build_tensor(&build, "input"),
              *weight = ppn_build_tensor(&build, "weight"),
              *bias = ppn_build_tensor(&build, "bias");
  int rank = input->tensor.rank;
  ppn_dtype_t dtype = working_type(input->tensor.dtype);
  statistics_t statistics = {.keepdim = true, .correction = 0};
  if (!ppn_build_bool(&build, "use_input_stats", true) || rank < 3) return ppn_status_ok();
  for (int i = 2; i < rank; ++i) statistics.dims[statistics.count++] = i;
  ppn_value_t* x = ppn_build_cast(&build, input, dtype);
  ppn_value_t* mean =
      ppn_build_reduce(&build, "aten::mean.dim", x, statistics.dims, statistics.count, true);
  ppn_value_t* shifted =
      ppn_build_scalar(&build, "aten::add.Scalar", variance(&build, x, &statistics),
                       ppn_build_number(&build, "eps", 1e-5), 0);
  x = multiply(&build, ppn_build_binary(&build, "aten::sub.Tensor", x, mean, PPN_DTYPE_INVALID),
               ppn_build_unary(&build, "aten::rsqrt", shifted));
  if (weight)
    x = multiply(&build, x, ppn_build_cast(&build, as_channels(&build, weight, rank), dtype));
  if (bias) {
    x = ppn_build_binary(&build, "aten::add.Tensor", x,
                         ppn_build_cast(&build, as_channels(&build, bias, rank), dtype),
                         PPN_DTYPE_INVALID);
  }
  if (build.status) return build.status;
  return ppn_build_finish(&build,
                          ppn_build_cast(&build, x, ppn_build_result(&build, 0)->tensor.dtype));
}

// softmax that is 0 where everything is masked.
static ppn_status_t safe_softmax(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  ppn_value_t* result = ppn_build_result(&build, 0);
  ppn_value_t* self =
      ppn_build_cast(&build, ppn_build_tensor(&build, "self"), result->tensor.dtype);
  if (build.status || self->tensor.rank == 0) return build.status;
  int64_t dim = ppn_build_axis(&build, "dim", -1, self->tensor.rank);
  if (build.status) return build.status;
  ppn_value_t* shares =
      ppn_build_op(&build, "aten::_softmax", &self->tensor, ppn_argument_value("self", self),
                   ppn_argument_int("dim", dim), ppn_argument_bool("half_to_float", false));
  ppn_value_t* largest = ppn_build_reduce(&build, "aten::amax", self, &dim, 1, true);
  ppn_value_t* is_masked =
      ppn_build_scalar(&build, "aten::eq.Scalar", largest, -INFINITY, PPN_DTYPE_BOOL);
  ppn_tensor_meta_t scalar = ppn_build_meta(&build, result->tensor.dtype, 0, NULL);
  ppn_value_t* zero =
      ppn_build_op(&build, "aten::scalar_tensor", &scalar, ppn_argument_float("s", 0),
                   ppn_argument_dtype("dtype", result->tensor.dtype));
  return ppn_build_finish(&build, ppn_build_where(&build, is_masked, zero, shares));
}

static const ppn_aten_row_t rows[] = {
    {"aten::var", NULL, spread, NULL},
    {"aten::std", NULL, spread, NULL},
    {"aten::std.dim", NULL, spread, NULL},
    {"aten::std.correction", NULL, spread, NULL},
    {"aten::var_mean", NULL, spread, NULL},
    {"aten::var_mean.dim", NULL, spread, NULL},
    {"aten::std_mean", NULL, spread, NULL},
    {"aten::std_mean.dim", NULL, spread, NULL},
    {"aten::std_mean.correction", NULL, spread, NULL},
    {"aten::aminmax", NULL, extrema, NULL},
    {"aten::count_nonzero", NULL, count_nonzero, NULL},
    {"aten::count_nonzero.dim_IntList", NULL, count_nonzero, NULL},
    {"aten::rms_norm", NULL, rms_norm, NULL},
    {"aten::instance_norm", NULL, instance_norm, NULL},
    {"aten::_safe_softmax", NULL, safe_softmax, NULL},
};
const ppn_aten_family_t ppn_aten_statistics = {rows, PPN_COUNT_OF(rows)};
