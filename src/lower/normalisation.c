// Normalisation: batch, layer, group, instance, root mean square.
#include <float.h>
#include <math.h>
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"
#include "tensor/tensor.h"

static ppn_mil_value_t* operand(ppn_lower_context_t* context, const ppn_node_t* node,
                                const char* name) {
  if (!ppn_row_given(node, name)) return NULL;
  return ppn_row_operand(context, ppn_node_argument(node, name), ppn_row_output_dtype(node));
}

static bool is_constant(const ppn_mil_value_t* value) {
  return !value || value->constant;
}

static ppn_mil_value_t* inverse_root(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                     double epsilon) {
  if (context->status || !x) return NULL;
  return ppn_row_emit(context, "rsqrt", {"x", x},
                      {"epsilon", ppn_row_number(context, x->type.dtype, epsilon)});
}

// [C] → [C, 1, …], to meet axis 1 of a tensor of `rank` dimensions.
static ppn_mil_value_t* per_channel(ppn_lower_context_t* context, ppn_mil_value_t* x, int rank) {
  int64_t axes[PPN_MAX_RANK];
  for (int i = 0; i < rank - 2; i++) axes[i] = i + 1;
  return x && rank > 2 ? ppn_row_expand_dims(context, x, axes, (uint32_t)(rank - 2)) : x;
}

// x * gamma + beta, per channel
static ppn_mil_value_t* scale_and_shift(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                        ppn_mil_value_t* gamma, ppn_mil_value_t* beta, int rank) {
  if (gamma) x = ppn_row_binary(context, "mul", x, per_channel(context, gamma, rank));
  if (beta) x = ppn_row_binary(context, "add", x, per_channel(context, beta, rank));
  return x;
}

// ---- Batch ----

static ppn_mil_value_t* batch_norm_with_statistics(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                                   ppn_mil_value_t* mean, ppn_mil_value_t* variance,
                                                   ppn_mil_value_t* gamma, ppn_mil_value_t* beta,
                                                   double epsilon) {
  if (context->status || !x) return NULL;
  int rank = x->type.rank;
  if (!is_constant(mean) || !is_constant(variance) || !is_constant(gamma) || !is_constant(beta)) {
    ppn_mil_value_t* scale = inverse_root(context, variance, epsilon);
    if (gamma) scale = ppn_row_binary(context, "mul", scale, gamma);
    ppn_mil_value_t* centred = ppn_row_binary(context, "sub", x, per_channel(context, mean, rank));
    return scale_and_shift(context, centred, scale, beta, rank);
  }
  // The operation wants a spatial dimension.
  const int64_t last = 2;
  if (rank == 2) x = ppn_row_expand_dims(context, x, &last, 1);
  ppn_mil_value_t* result = ppn_row_emit(
      context, "batch_norm", {"x", x}, {"mean", mean}, {"variance", variance}, {"gamma", gamma},
      {"beta", beta}, {"epsilon", ppn_row_number(context, x->type.dtype, epsilon)});
  return rank == 2 ? ppn_row_squeeze(context, result, &last, 1) : result;
}

// Statistics of the batch itself: over all axes but the channels.
static ppn_mil_value_t* batch_norm_of_batch(ppn_lower_context_t* context, ppn_mil_value_t* x,
                                            ppn_mil_value_t* gamma, ppn_mil_value_t* beta,
                                            double epsilon) {
  int64_t axes[PPN_MAX_RANK];
  uint32_t count = 0;
  if (context->status || !x) return NULL;
  for (int i = 0; i < x->type.rank; i++) {
    if (i != 1) axes[count++] = i;
  }
  ppn_mil_value_t* centred = ppn_row_binary(
      context, "sub", x, ppn_row_reduce(context, "reduce_mean", x, axes, count, true));
  ppn_mil_value_t* variance = ppn_row_reduce(
      context, "reduce_mean", ppn_row_unary(context, "square", centred), axes, count, true);
  ppn_mil_value_t* result =
      ppn_row_binary(context, "mul", centred, inverse_root(context, variance, epsilon));
  return scale_and_shift(context, result, gamma, beta, x->type.rank);
}

static ppn_status_t lower_batch_norm(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = operand(context, node, "input");
  ppn_mil_value_t* gamma = operand(context, node, "weight");
  ppn_mil_value_t* beta = operand(context, node, "bias");
  ppn_mil_value_t* mean = operand(context, node, "running_mean");
  ppn_mil_value_t* variance = operand(context, node, "running_var");
  double epsilon = ppn_row_literal_number(node, "eps", 1e-5);
  bool own = ppn_row_literal_bool(node, "training", false) || !mean || !variance;
  return ppn_row_result(
      context, node,
      own ? batch_norm_of_batch(context, x, gamma, beta, epsilon)
          : batch_norm_with_statistics(context, x, mean, variance, gamma, beta, epsilon));
}

static bool batch_norm_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                 ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "input");
  if (!x || x->rank < 2) return ppn_row_refuse(reason, "no channels");
  // The unused second and third results are empty tensors, which is why the row allows those.
  for (int i = 0; i < x->rank; i++) {
    if (ppn_dim_is(x->sizes[i], 0)) return ppn_row_refuse(reason, "an empty tensor");
  }
  if (!ppn_row_require_literal(node, reason, "training", "eps")) return false;
  if (ppn_row_literal_bool(node, "training", false) && ppn_row_given(node, "running_mean")) {
    return ppn_row_refuse(reason, "in training mode");
  }
  return true;
}

// ---- Layer ----

static ppn_status_t lower_layer_norm(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = operand(context, node, "input");
  ppn_mil_value_t* gamma = operand(context, node, "weight");
  ppn_mil_value_t* beta = operand(context, node, "bias");
  double epsilon = ppn_row_literal_number(node, "eps", 1e-5);
  if (context->status) return ppn_row_finish(context);
  const ppn_argument_t* shape = ppn_node_argument(node, "normalized_shape");
  int64_t axes[PPN_MAX_RANK];
  for (uint32_t i = 0; i < shape->count; i++) axes[i] = (int64_t)i - (int64_t)shape->count;
  bool inside = is_constant(gamma) && is_constant(beta);
  ppn_mil_value_t* result = ppn_row_emit(
      context, "layer_norm", {"x", x}, {"axes", ppn_row_ints(context, axes, shape->count)},
      {"gamma", inside ? gamma : NULL}, {"beta", inside ? beta : NULL},
      {"epsilon", ppn_row_number(context, x->type.dtype, epsilon)});
  if (!inside && gamma) result = ppn_row_binary(context, "mul", result, gamma);
  if (!inside && beta) result = ppn_row_binary(context, "add", result, beta);
  return ppn_row_result(context, node, result);
}

static bool layer_norm_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                 ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "input");
  const ppn_argument_t* shape = ppn_node_argument(node, "normalized_shape");
  if (!x || !shape || shape->kind != PPN_ARGUMENT_INTS || shape->count == 0 ||
      (int)shape->count > x->rank) {
    return ppn_row_refuse(reason, "the normalised shape does not fit the tensor");
  }
  return true;
}

// ---- Root mean square ----

// x / sqrt(mean(x^2) + eps) * weight. Half floats overflow from |x| = 256 on, so that x is first
// divided by m = max(|x|, sqrt(eps)), and eps by m^2.
static ppn_status_t lower_rms_norm(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_dtype_t dtype = ppn_row_output_dtype(node);
  ppn_mil_value_t* x = operand(context, node, "input");
  ppn_mil_value_t* weight = operand(context, node, "weight");
  double epsilon =
      ppn_row_literal_number(node, "eps", dtype == PPN_DTYPE_FLOAT16 ? 0.0009765625 : FLT_EPSILON);
  const ppn_argument_t* shape = ppn_node_argument(node, "normalized_shape");
  if (context->status) return ppn_row_finish(context);
  int64_t axes[PPN_MAX_RANK];
  for (uint32_t i = 0; i < shape->count; i++) axes[i] = (int64_t)i - (int64_t)shape->count;
  uint32_t count = shape->count;
  ppn_mil_value_t* result;
  if (context->options->float16 || dtype == PPN_DTYPE_FLOAT16) {
    double floor = sqrt(epsilon > 0 ? epsilon : 1e-12);
    ppn_mil_value_t* largest =
        ppn_row_reduce(context, "reduce_max", ppn_row_unary(context, "abs", x), axes, count, true);
    largest = ppn_row_binary_number(context, "maximum", largest, floor);
    ppn_mil_value_t* scaled = ppn_row_binary(context, "real_div", x, largest);
    ppn_mil_value_t* mean = ppn_row_reduce(
        context, "reduce_mean", ppn_row_unary(context, "square", scaled), axes, count, true);
    ppn_mil_value_t* ratio =
        ppn_row_binary(context, "real_div", ppn_row_number(context, dtype, sqrt(epsilon)), largest);
    mean = ppn_row_binary(context, "add", mean, ppn_row_unary(context, "square", ratio));
    result = ppn_row_binary(context, "mul", scaled, inverse_root(context, mean, 0));
  } else {
    ppn_mil_value_t* mean = ppn_row_reduce(context, "reduce_mean",
                                           ppn_row_unary(context, "square", x), axes, count, true);
    result = ppn_row_binary(context, "mul", x, inverse_root(context, mean, epsilon));
  }
  if (weight) result = ppn_row_binary(context, "mul", result, weight);
  return ppn_row_result(context, node, result);
}

// ---- Groups ----

// [N, groups, everything else]
static ppn_mil_value_t* grouped(ppn_lower_context_t* context, ppn_mil_value_t* x, int64_t groups) {
  if (context->status || !x) return NULL;
  int64_t rest = x->type.sizes[1].value / groups;
  bool is_static = true;
  for (int i = 2; i < x->type.rank; i++) {
    is_static &= ppn_dim_is_static(x->type.sizes[i]);
    rest *= x->type.sizes[i].value;
  }
  if (is_static || ppn_dim_is_static(x->type.sizes[0])) {
    bool batch = ppn_dim_is_static(x->type.sizes[0]);
    int64_t sizes[] = {batch ? x->type.sizes[0].value : -1, groups, is_static ? rest : -1};
    return ppn_row_emit(context, "reshape", {"x", x}, {"shape", ppn_row_ints(context, sizes, 3)});
  }
  ppn_mil_value_t* sizes[] = {ppn_row_dim(context, x->type.sizes[0]), ppn_row_int(context, groups),
                              ppn_row_int(context, -1)};
  return ppn_row_emit(context, "reshape", {"x", x},
                      {"shape", ppn_row_concat(context, sizes, 3, 0)});
}

static ppn_mil_value_t* group_norm(ppn_lower_context_t* context, const ppn_node_t* node,
                                   ppn_mil_value_t* x, int64_t groups, ppn_mil_value_t* gamma,
                                   ppn_mil_value_t* beta, double epsilon) {
  const ppn_tensor_meta_t* meta = ppn_row_output(node, 0);
  const int64_t last = 2;
  ppn_mil_value_t* flat = grouped(context, x, groups);
  ppn_mil_value_t* result =
      ppn_row_emit(context, "layer_norm", {"x", flat}, {"axes", ppn_row_ints(context, &last, 1)},
                   {"epsilon", ppn_row_number(context, ppn_row_output_dtype(node), epsilon)});
  result = ppn_row_reshape(context, result, meta->sizes, meta->rank);
  return scale_and_shift(context, result, gamma, beta, meta->rank);
}

static ppn_status_t lower_group_norm(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = operand(context, node, "input");
  int64_t groups =
      ppn_row_literal_int(node, ppn_node_argument(node, "group") ? "group" : "num_groups", 1);
  return ppn_row_result(
      context, node,
      group_norm(context, node, x, groups, operand(context, node, "weight"),
                 operand(context, node, "bias"), ppn_row_literal_number(node, "eps", 1e-5)));
}

static ppn_status_t lower_instance_norm(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = operand(context, node, "input");
  ppn_mil_value_t* gamma = operand(context, node, "weight");
  ppn_mil_value_t* beta = operand(context, node, "bias");
  double epsilon = ppn_row_literal_number(node, "eps", 1e-5);
  if (context->status) return ppn_row_finish(context);
  if (x->type.rank <= 4 && is_constant(gamma) && is_constant(beta)) {
    return ppn_row_result(
        context, node,
        ppn_row_emit(context, "instance_norm", {"x", x}, {"gamma", gamma}, {"beta", beta},
                     {"epsilon", ppn_row_number(context, x->type.dtype, epsilon)}));
  }
  return ppn_row_result(context, node,
                        group_norm(context, node, x, x->type.sizes[1].value, gamma, beta, epsilon));
}

static bool groups_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                             ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* x = ppn_row_meta(node, "input");
  if (!x || x->rank < 3) return ppn_row_refuse(reason, "nothing to normalise over");
  if (!ppn_dim_is_static(x->sizes[1])) {
    return ppn_row_refuse(reason, "the number of channels is not fixed");
  }
  if (ppn_row_given(node, "use_input_stats") &&
      !ppn_row_literal_bool(node, "use_input_stats", true)) {
    return ppn_row_refuse(reason, "running statistics");
  }
  return true;
}

// ---- Weights ----

// v * g / |v|, the norm over all axes but one. Constant weights stay views, with g / |v| as factors
// of their recipe.
static ppn_mil_value_t* scaled_weight(ppn_lower_context_t* context, const ppn_mil_value_t* v,
                                      const ppn_mil_value_t* g, int64_t axis) {
  ppn_arena_t* arena = &context->builder.function->program->arena;
  int64_t channels = v->type.sizes[axis].value, inner = 1;
  int64_t numel = ppn_mil_constant_numel(v->constant);
  for (int i = (int)axis + 1; i < v->type.rank; i++) inner *= v->type.sizes[i].value;
  double* squares = ppn_arena_alloc_array(arena, (size_t)channels, sizeof *squares);
  float* factors = ppn_arena_alloc_array(arena, (size_t)channels, sizeof *factors);
  ppn_mil_constant_t* recipe = ppn_arena_memdup(arena, v->constant, sizeof *recipe);
  if (!squares || !factors || !recipe) {
    ppn_row_fail(context, ppn_out_of_memory());
    return NULL;
  }
  for (int64_t i = 0; i < numel; i++) {
    double element = ppn_mil_constant_element(v->constant, i);
    squares[i / inner % channels] += element * element;
  }
  for (int64_t i = 0; i < channels; i++) {
    factors[i] = (float)(ppn_mil_constant_element(g->constant, i) / sqrt(squares[i]));
  }
  recipe->scale = factors;
  recipe->scale_count = channels;
  recipe->scale_axis = (int)axis;
  recipe->blob_offset = UINT64_MAX;
  ppn_mil_value_t* out = NULL;
  ppn_row_check(context, ppn_mil_constant_value(&context->builder, v->name, recipe, &out));
  return out;
}

static ppn_status_t lower_weight_norm(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* v = operand(context, node, "v");
  ppn_mil_value_t* g = operand(context, node, "g");
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", 0, v->type.rank), axes[PPN_MAX_RANK];
  uint32_t count = 0;
  for (int i = 0; i < v->type.rank; i++) {
    if (i != axis) axes[count++] = i;
  }
  bool own_norm = ppn_row_output(node, 1) != NULL;
  if (!own_norm && ppn_row_is_viewable(v) && g->constant && v->type.dtype == PPN_DTYPE_FLOAT32 &&
      ppn_mil_constant_numel(g->constant) == v->type.sizes[axis].value) {
    return ppn_row_result(context, node, scaled_weight(context, v, g, axis));
  }
  ppn_mil_value_t* norm = ppn_row_reduce(context, "reduce_l2_norm", v, axes, count, true);
  ppn_row_bind(context, node, 0,
               ppn_row_binary(context, "mul", v, ppn_row_binary(context, "real_div", g, norm)));
  ppn_row_bind(context, node, 1, norm);
  return ppn_row_finish(context);
}

static bool weight_norm_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                                  ppn_buffer_t* reason) {
  (void)options;
  const ppn_tensor_meta_t* v = ppn_row_meta(node, "v");
  if (!v || v->rank < 2 || ppn_row_literal_int(node, "dim", 0) < 0) {
    return ppn_row_refuse(reason, "a norm over the whole weight");
  }
  return ppn_row_require_static(node, "v", reason);
}

static const ppn_lower_row_t rows[] = {
    {"aten::batch_norm", lower_batch_norm, batch_norm_supported, 0, 0},
    {"aten::_native_batch_norm_legit_no_training", lower_batch_norm, batch_norm_supported, 0,
     PPN_LOWER_FIRST_RESULT | PPN_LOWER_EMPTY_TENSORS},
    {"aten::_native_batch_norm_legit.no_stats", lower_batch_norm, batch_norm_supported, 0,
     PPN_LOWER_FIRST_RESULT | PPN_LOWER_EMPTY_TENSORS},
    {"aten::native_batch_norm", lower_batch_norm, batch_norm_supported, 0,
     PPN_LOWER_FIRST_RESULT | PPN_LOWER_EMPTY_TENSORS},
    {"aten::layer_norm", lower_layer_norm, layer_norm_supported, 0, 0},
    {"aten::native_layer_norm", lower_layer_norm, layer_norm_supported, 0, PPN_LOWER_FIRST_RESULT},
    {"aten::rms_norm", lower_rms_norm, layer_norm_supported, 0, 0},
    {"aten::_fused_rms_norm", lower_rms_norm, layer_norm_supported, 0, PPN_LOWER_FIRST_RESULT},
    {"aten::group_norm", lower_group_norm, groups_supported, 0, 0},
    {"aten::native_group_norm", lower_group_norm, groups_supported, 0, PPN_LOWER_FIRST_RESULT},
    {"aten::_weight_norm", lower_weight_norm, weight_norm_supported, 0, 0},
    {"aten::_weight_norm_interface", lower_weight_norm, weight_norm_supported, 0, 0},
    {"aten::instance_norm", lower_instance_norm, groups_supported, 0, 0},
};

PPN_LOWER_DEFINE_FAMILY(normalisation, "Normalisation");
