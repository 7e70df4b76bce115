// Decompositions of operators that reduce dimensions.
#include <math.h>

#include "aten/build.h"
#include "aten/rows.h"

enum { MAXIMUM_RANK = 64 };

typedef struct reduction {
  ppn_build_t build;
  ppn_value_t *self, *result;
  int64_t dims[MAXIMUM_RANK];
  uint32_t count;
  bool keepdim, is_literal;
} reduction_t;

// Half precision is summed in float32, as torch does.
static ppn_dtype_t accumulator(ppn_dtype_t dtype) {
  bool is_half = dtype == PPN_DTYPE_FLOAT16 || dtype == PPN_DTYPE_BFLOAT16;
  return is_half || !ppn_dtype_is_float(dtype) ? PPN_DTYPE_FLOAT32 : dtype;
}

static reduction_t start(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  reduction_t reduction = {.build = ppn_build_start(emitter, node)};
  ppn_build_t* build = &reduction.build;
  reduction.result = ppn_build_result(build, 0);
  reduction.self = ppn_build_tensor(build, "self");
  reduction.is_literal =
      ppn_build_axes(build, "dim", reduction.self->tensor.rank, reduction.dims, &reduction.count);
  reduction.keepdim = ppn_build_bool(build, "keepdim", false);
  return reduction;
}

static ppn_value_t* reduce(reduction_t* reduction, const char* op, ppn_value_t* self,
                           bool keepdim) {
  return ppn_build_reduce(&reduction->build, op, self, reduction->dims, reduction->count, keepdim);
}

static ppn_status_t finish(reduction_t* reduction, ppn_value_t* value) {
  return ppn_build_finish(
      &reduction->build, ppn_build_cast(&reduction->build, value, reduction->result->tensor.dtype));
}

// A rank-0 tensor.
static ppn_value_t* constant(ppn_build_t* build, double value, ppn_dtype_t dtype) {
  ppn_tensor_meta_t meta = ppn_build_meta(build, dtype, 0, NULL);
  return ppn_build_op(build, "aten::scalar_tensor", &meta, ppn_argument_float("s", value),
                      ppn_argument_dtype("dtype", dtype));
}

// log(sum(exp(x - m))) + m with m the largest, or 0 where that is infinite.
static ppn_status_t logsumexp(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  reduction_t reduction = start(emitter, node);
  ppn_build_t* build = &reduction.build;
  if (!reduction.is_literal) return ppn_status_ok();
  ppn_dtype_t dtype = accumulator(reduction.result->tensor.dtype);
  ppn_value_t* x = ppn_build_cast(build, reduction.self, dtype);
  ppn_value_t* largest = reduce(&reduction, "aten::amax", x, true);
  if (build->status) return build->status;
  ppn_tensor_meta_t mask = largest->tensor;
  mask.dtype = PPN_DTYPE_BOOL;
  ppn_value_t* infinite =
      ppn_build_op(build, "aten::isinf", &mask, ppn_argument_value("self", largest));
  largest = ppn_build_where(build, infinite, constant(build, 0, dtype), largest);
  ppn_value_t* powers = ppn_build_unary(
      build, "aten::exp", ppn_build_binary(build, "aten::sub.Tensor", x, largest, dtype));
  ppn_value_t* sum = reduce(&reduction, "aten::sum.dim_IntList", powers, true);
  ppn_value_t* value = ppn_build_binary(build, "aten::add.Tensor",
                                        ppn_build_unary(build, "aten::log", sum), largest, dtype);
  for (int i = x ? x->tensor.rank - 1 : -1; i >= 0 && !reduction.keepdim; --i) {
    for (uint32_t j = 0; j < reduction.count; ++j) {
      if (reduction.dims[j] == i) value = ppn_build_squeeze(build, value, i);
    }
  }
  return finish(&reduction, value);
}

static ppn_value_t* power_sum(reduction_t* reduction, ppn_value_t* x, double order) {
  ppn_build_t* build = &reduction->build;
  if (order == 1) return reduce(reduction, "aten::sum.dim_IntList", x, reduction->keepdim);
  if (order == 2) {
    ppn_value_t* squares = ppn_build_binary(build, "aten::mul.Tensor", x, x, PPN_DTYPE_INVALID);
    return ppn_build_unary(build, "aten::sqrt",
                           reduce(reduction, "aten::sum.dim_IntList", squares, reduction->keepdim));
  }
  ppn_value_t* powers = ppn_build_scalar(build, "aten::pow.Tensor_Scalar", x, order, 0);
  ppn_value_t* sum = reduce(reduction, "aten::sum.dim_IntList", powers, reduction->keepdim);
  return ppn_build_scalar(build, "aten::pow.Tensor_Scalar", sum, 1 / order, 0);
}

static ppn_status_t vector_norm(reduction_t* reduction, double order) {
  ppn_build_t* build = &reduction->build;
  ppn_value_t* self = reduction->self;
  if (!reduction->is_literal || ppn_dtype_is_complex(self->tensor.dtype)) return ppn_status_ok();
  ppn_dtype_t dtype = accumulator(reduction->result->tensor.dtype);
  ppn_value_t *x = ppn_build_cast(build, self, dtype), *value;
  if (order == 0) {
    ppn_value_t* mask = ppn_build_scalar(build, "aten::ne.Scalar", x, 0, PPN_DTYPE_BOOL);
    value = reduce(reduction, "aten::sum.dim_IntList", ppn_build_cast(build, mask, dtype),
                   reduction->keepdim);
  } else {
    ppn_value_t* magnitude = ppn_build_unary(build, "aten::abs", x);
    value = isinf(order) ? reduce(reduction, order > 0 ? "aten::amax" : "aten::amin", magnitude,
                                  reduction->keepdim)
                         : power_sum(reduction, magnitude, order);
  }
  return finish(reduction, value);
}

static ppn_status_t linalg_vector_norm(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  reduction_t reduction = start(emitter, node);
  return vector_norm(&reduction, ppn_build_number(&reduction.build, "ord", 2));
}

static ppn_status_t norm(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  reduction_t reduction = start(emitter, node);
  return vector_norm(&reduction, ppn_build_number(&reduction.build, "p", 2));
}

// The norm of the difference, of everything or of the last dimension.
static ppn_status_t distance(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  bool is_pairwise = ppn_node_argument(node, "x1") != NULL;
  reduction_t reduction = {.build = ppn_build_start(emitter, node), .is_literal = true};
  ppn_build_t* build = &reduction.build;
  ppn_value_t *a = ppn_build_tensor(build, is_pairwise ? "x1" : "self"),
              *b = ppn_build_tensor(build, is_pairwise ? "x2" : "other");
  reduction.result = ppn_build_result(build, 0);
  if (!ppn_dtype_is_float(reduction.result->tensor.dtype)) return ppn_status_ok();
  reduction.self = ppn_build_binary(build, "aten::sub.Tensor", a, b, PPN_DTYPE_INVALID);
  if (build->status) return build->status;
  if (is_pairwise) {
    reduction.self = ppn_build_scalar(build, "aten::add.Scalar", reduction.self,
                                      ppn_build_number(build, "eps", 1e-6), 0);
    reduction.keepdim = ppn_build_bool(build, "keepdim", false);
    reduction.dims[reduction.count++] = reduction.self->tensor.rank - 1;
  } else {
    for (int i = 0; i < reduction.self->tensor.rank; ++i) reduction.dims[reduction.count++] = i;
  }
  return vector_norm(&reduction, ppn_build_number(build, "p", 2));
}

static const ppn_aten_row_t rows[] = {
    {"aten::logsumexp", NULL, logsumexp, NULL},
    {"aten::special_logsumexp", NULL, logsumexp, NULL},
    {"aten::linalg_vector_norm", NULL, linalg_vector_norm, NULL},
    {"aten::dist", NULL, distance, NULL},
    {"aten::pairwise_distance", NULL, distance, NULL},
    {"aten::norm.Scalar", NULL, norm, NULL},
    {"aten::norm.ScalarOpt_dim", NULL, norm, NULL},
    {"aten::norm.ScalarOpt_dtype", NULL, norm, NULL},
    {"aten::norm.ScalarOpt_dim_dtype", NULL, norm, NULL},
};
const ppn_aten_family_t ppn_aten_reductions = {rows, PPN_COUNT_OF(rows)};
