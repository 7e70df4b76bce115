// Finds layer norm written out over trailing axes:
//
//   centred = x - mean(x),  y = centred / sqrt(mean(centred^2) + epsilon) [* gamma] [+ beta]
#include "mil/fusion.h"
#include "tensor/tensor.h"

// The trailing axes of a reduce_mean that keeps its dimensions; false for any other.
static bool trailing_axes(const ppn_mil_operation_t* mean, int32_t* out_axes, uint32_t* out_count) {
  int64_t axes[PPN_MAX_RANK];
  int rank = ppn_mil_fusion_operand(mean, "x")->type.rank;
  bool is_reduced[PPN_MAX_RANK] = {false};
  if (!ppn_mil_input_bool(mean, "keep_dims", false) || rank > PPN_MAX_RANK ||
      !ppn_mil_input_ints(mean, "axes", axes, PPN_MAX_RANK, out_count) || *out_count == 0 ||
      *out_count > (uint32_t)rank) {
    return false;
  }
  for (uint32_t i = 0; i < *out_count; i++) {
    int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank) return false;
    is_reduced[axis] = true;
  }
  for (uint32_t i = 0; i < *out_count; i++) {
    out_axes[i] = (int32_t)(i - *out_count);
    if (!is_reduced[rank - 1 - (int)i]) return false;
  }
  return true;
}

static bool same_axes(const ppn_mil_operation_t* mean, const int32_t* axes, uint32_t count) {
  int32_t others[PPN_MAX_RANK];
  uint32_t other_count;
  if (!trailing_axes(mean, others, &other_count) || other_count != count) return false;
  return memcmp(axes, others, count * sizeof *axes) == 0;
}

typedef struct norm {
  ppn_mil_value_t* x;
  int32_t axes[PPN_MAX_RANK];
  uint32_t axis_count;
  double epsilon;
  const ppn_mil_constant_t *gamma, *beta;
} norm_t;

// value = x - mean(x)
static bool is_centred(const ppn_mil_value_t* value, norm_t* norm) {
  ppn_mil_operation_t* sub = ppn_mil_fusion_producer(value, "sub");
  if (!sub) return false;
  norm->x = ppn_mil_fusion_operand(sub, "x");
  ppn_mil_operation_t* mean =
      ppn_mil_fusion_producer(ppn_mil_fusion_operand(sub, "y"), "reduce_mean");
  return mean && ppn_mil_fusion_operand(mean, "x") == norm->x &&
         trailing_axes(mean, norm->axes, &norm->axis_count);
}

static ppn_mil_value_t* squared(const ppn_mil_value_t* value) {
  ppn_mil_operation_t* operation = value->producer;
  if (ppn_mil_operation_is(operation, "square")) return ppn_mil_fusion_operand(operation, "x");
  if (!ppn_mil_operation_is(operation, "mul") && !ppn_mil_operation_is(operation, "pow")) {
    return NULL;
  }
  ppn_mil_value_t *x = ppn_mil_fusion_operand(operation, "x"),
                  *y = ppn_mil_fusion_operand(operation, "y");
  double exponent;
  bool is_square = ppn_mil_operation_is(operation, "mul")
                       ? x == y
                       : ppn_mil_fusion_number(y, &exponent) && exponent == 2;
  return is_square ? x : NULL;
}

// value = mean((x - mean(x))^2) over the norm's axes
static bool is_variance(const ppn_mil_value_t* value, const norm_t* norm) {
  ppn_mil_operation_t* mean = ppn_mil_fusion_producer(value, "reduce_mean");
  ppn_mil_value_t* centred = mean ? squared(ppn_mil_fusion_operand(mean, "x")) : NULL;
  norm_t inner = {0};
  return centred && same_axes(mean, norm->axes, norm->axis_count) && is_centred(centred, &inner) &&
         inner.x == norm->x;
}

// value = variance + epsilon
static bool is_steadied_variance(const ppn_mil_value_t* value, norm_t* norm) {
  ppn_mil_operation_t* add = ppn_mil_fusion_producer(value, "add");
  ppn_mil_value_t *variance, *epsilon;
  return add && ppn_mil_fusion_with_constant(add, &variance, &epsilon) &&
         ppn_mil_fusion_number(epsilon, &norm->epsilon) && norm->epsilon > 0 &&
         is_variance(variance, norm);
}

// value = 1 / sqrt(variance + epsilon)
static bool is_factor(const ppn_mil_value_t* value, norm_t* norm) {
  ppn_mil_operation_t *rsqrt = ppn_mil_fusion_producer(value, "rsqrt"),
                      *power = ppn_mil_fusion_producer(value, "pow");
  double number;
  if (rsqrt) {
    return ppn_mil_input_float(rsqrt, "epsilon", 1e-12) <= 1e-8 &&
           is_steadied_variance(ppn_mil_fusion_operand(rsqrt, "x"), norm);
  }
  return power && ppn_mil_fusion_number(ppn_mil_fusion_operand(power, "y"), &number) &&
         number == -0.5 && is_steadied_variance(ppn_mil_fusion_operand(power, "x"), norm);
}

static bool is_divisor(const ppn_mil_value_t* value, norm_t* norm) {
  ppn_mil_operation_t* root = ppn_mil_fusion_producer(value, "sqrt");
  return root && is_steadied_variance(ppn_mil_fusion_operand(root, "x"), norm);
}

static bool is_normalised(const ppn_mil_operation_t* operation, norm_t* norm) {
  ppn_mil_value_t *x = ppn_mil_fusion_operand(operation, "x"),
                  *y = ppn_mil_fusion_operand(operation, "y");
  if (ppn_mil_operation_is(operation, "real_div"))
    return is_centred(x, norm) && is_divisor(y, norm);
  if (!ppn_mil_operation_is(operation, "mul")) return false;
  return (is_centred(x, norm) && is_factor(y, norm)) || (is_centred(y, norm) && is_factor(x, norm));
}

// A constant with the sizes of the normalised dimensions.
static bool fits_axes(const ppn_mil_value_t* constant, const norm_t* norm) {
  const ppn_tensor_t* view = &constant->constant->view;
  if (view->rank != (int)norm->axis_count || constant->type.dtype != norm->x->type.dtype) {
    return false;
  }
  for (int i = 0; i < view->rank; i++) {
    ppn_dim_t size = norm->x->type.sizes[norm->x->type.rank - view->rank + i];
    if (!ppn_dim_is_static(size) || size.value != view->sizes[i]) return false;
  }
  return true;
}

// ---- Replacing ----

static ppn_status_t emit(ppn_mil_fusion_t* fusion, ppn_mil_operation_t* operation,
                         const norm_t* norm, ppn_mil_value_t* gamma, ppn_mil_value_t* beta) {
  ppn_mil_builder_t builder = ppn_mil_fusion_builder(fusion, operation);
  ppn_mil_value_t *axes = NULL, *epsilon = NULL, *x = norm->x, *result;
  PPN_RETURN_IF_ERROR(
      ppn_mil_constant_int32s(&builder, "axes", norm->axes, norm->axis_count, &axes));
  PPN_RETURN_IF_ERROR(
      ppn_mil_constant_float(&builder, "epsilon", x->type.dtype, norm->epsilon, &epsilon));
  ppn_mil_input_t inputs[5] = {PPN_MIL_IN("x", x), PPN_MIL_IN("axes", axes),
                               PPN_MIL_IN("epsilon", epsilon)};
  uint32_t count = 3;
  if (gamma) inputs[count++] = (ppn_mil_input_t)PPN_MIL_IN("gamma", gamma);
  if (beta) inputs[count++] = (ppn_mil_input_t)PPN_MIL_IN("beta", beta);
  PPN_RETURN_IF_ERROR(ppn_mil_emit(&builder, "layer_norm", inputs, count, NULL, 0, &result, 1));
  ppn_mil_fusion_replace(operation, result);
  return ppn_status_ok();
}

static norm_t norm_of(const ppn_mil_operation_t* layer_norm) {
  norm_t norm = {.x = ppn_mil_fusion_operand(layer_norm, "x")};
  int64_t axes[PPN_MAX_RANK];
  ppn_mil_input_ints(layer_norm, "axes", axes, PPN_MAX_RANK, &norm.axis_count);
  for (uint32_t i = 0; i < norm.axis_count && i < PPN_MAX_RANK; i++)
    norm.axes[i] = (int32_t)axes[i];
  norm.epsilon = ppn_mil_input_float(layer_norm, "epsilon", 1e-5);
  return norm;
}

// A norm followed by a product with gamma or a sum with beta.
static ppn_status_t fuse_affine(ppn_mil_fusion_t* fusion, ppn_mil_operation_t* operation) {
  ppn_mil_value_t *value, *constant;
  bool is_gamma = ppn_mil_operation_is(operation, "mul");
  if (!ppn_mil_fusion_with_constant(operation, &value, &constant)) return ppn_status_ok();
  ppn_mil_operation_t* layer_norm = ppn_mil_fusion_producer(value, "layer_norm");
  if (!layer_norm || !ppn_mil_fusion_used_once(fusion, value)) return ppn_status_ok();
  norm_t norm = norm_of(layer_norm);
  ppn_mil_value_t *gamma = ppn_mil_fusion_operand(layer_norm, "gamma"),
                  *beta = ppn_mil_fusion_operand(layer_norm, "beta");
  // (y + beta) * gamma is not of the form; neither are two factors.
  if (beta || (is_gamma && gamma) || !fits_axes(constant, &norm)) return ppn_status_ok();
  for (uint32_t i = 0; i < norm.axis_count; i++) {
    if (norm.axes[i] != (int32_t)i - (int32_t)norm.axis_count) return ppn_status_ok();
  }
  return emit(fusion, operation, &norm, is_gamma ? constant : gamma, is_gamma ? NULL : constant);
}

static ppn_status_t fuse(ppn_mil_fusion_t* fusion, ppn_mil_operation_t* operation) {
  norm_t norm = {0};
  bool is_mul = ppn_mil_operation_is(operation, "mul");
  if ((is_mul || ppn_mil_operation_is(operation, "real_div")) && is_normalised(operation, &norm)) {
    return emit(fusion, operation, &norm, NULL, NULL);
  }
  if (is_mul || ppn_mil_operation_is(operation, "add")) return fuse_affine(fusion, operation);
  return ppn_status_ok();
}

ppn_status_t ppn_mil_pass_fuse_layer_norm(ppn_mil_function_t* function) {
  return ppn_mil_fusion_run(function, fuse);
}
