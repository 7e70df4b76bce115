#include <string.h>

#include "executorch/method.h"

// Arithmetic on sizes: Python's operators on one side, the runtime's primitives on the other.
static const struct {
  const char *target, *name, *overload;
} symbolic_operators[] = {
    {"aten::sym_size.int", "aten::sym_size", "int"},
    {"aten::sym_numel", "aten::sym_numel", ""},
    {"aten::sym_stride.int", "aten::sym_stride", "int"},
    {"aten::_local_scalar_dense", "aten::_local_scalar_dense", ""},
    {"aten::item", "aten::_local_scalar_dense", ""},
    {"_operator::add", "executorch_prim::add", "Scalar"},
    {"_operator::sub", "executorch_prim::sub", "Scalar"},
    {"_operator::mul", "executorch_prim::mul", "Scalar"},
    {"_operator::floordiv", "executorch_prim::floordiv", "Scalar"},
    {"_operator::truediv", "executorch_prim::truediv", "Scalar"},
    {"_operator::mod", "executorch_prim::mod", "Scalar"},
    {"_operator::eq", "executorch_prim::eq", "Scalar"},
    {"_operator::gt", "executorch_prim::gt", "Scalar"},
    {"_operator::lt", "executorch_prim::lt", "Scalar"},
    {"_operator::ge", "executorch_prim::ge", "Scalar"},
    {"_operator::le", "executorch_prim::le", "Scalar"},
    {"_operator::neg", "executorch_prim::neg", "Scalar"},
    {"math::ceil", "executorch_prim::ceil", "Scalar"},
    {"math::trunc", "executorch_prim::trunc", "Scalar"},
    {"builtins::round", "executorch_prim::round", "Scalar"},
    {"torch::sym_max", "executorch_prim::sym_max", "Scalar"},
    {"torch::sym_min", "executorch_prim::sym_min", "Scalar"},
    {"torch::sym_float", "executorch_prim::sym_float", "Scalar"},
    {"torch::sym_int", "executorch_prim::sym_int", "Scalar"},
    {"torch::sym_not", "executorch_prim::sym_not", "Scalar"},
    {"torch::sym_ite", "executorch_prim::sym_ite", "Scalar"},
};

// The runtime's copies take the order of dimensions that torch states as a memory format.
static const struct {
  const char *target, *name;
} dim_order_operators[] = {
    {"aten::_to_copy", "dim_order_ops::_to_dim_order_copy"},
    {"aten::clone", "dim_order_ops::_clone_dim_order"},
    {"aten::empty.memory_format", "dim_order_ops::_empty_dim_order"},
};

// What exporting checked; nothing is left to do when the program runs.
static const char* const assertions[] = {
    "aten::_assert_async.msg",
    "aten::_assert_async",
    "aten::_assert_scalar",
    "aten::sym_constrain_range",
    "aten::sym_constrain_range_for_size",
    "aten::_assert_tensor_metadata",
};

static bool has_inplace_form(const ppn_aten_op_t* op) {
  return op->parameter_count > 0 && op->parameters[0].alias_is_write;
}

ppn_emission_t ppn_emission_of(const ppn_node_t* node) {
  ppn_emission_t emission = {.kind = PPN_EMISSION_MISSING};
  const char* target = node->target;
  if (strcmp(target, PPN_DELEGATE_CALL_TARGET) == 0) {
    emission.kind = PPN_EMISSION_DELEGATE;
    return emission;
  }
  if (strcmp(target, "aten::view_copy") == 0 || strcmp(target, "aten::view") == 0) {
    emission.kind = PPN_EMISSION_VIEW;
  }
  for (size_t i = 0; i < PPN_COUNT_OF(assertions); ++i) {
    if (strcmp(target, assertions[i]) == 0) return emission.kind = PPN_EMISSION_NONE, emission;
  }
  for (size_t i = 0; i < PPN_COUNT_OF(dim_order_operators); ++i) {
    if (strcmp(target, dim_order_operators[i].target) != 0) continue;
    emission.kind = PPN_EMISSION_DIM_ORDER;
    emission.name = dim_order_operators[i].name;
    emission.overload = "out";
    return emission;
  }
  for (size_t i = 0; i < PPN_COUNT_OF(symbolic_operators); ++i) {
    if (strcmp(target, symbolic_operators[i].target) != 0) continue;
    emission.kind = PPN_EMISSION_SYMBOLIC;
    emission.name = symbolic_operators[i].name;
    emission.overload = symbolic_operators[i].overload;
    return emission;
  }
  if (!node->op) return emission;
  emission.out_variant = has_inplace_form(node->op) ? node->op : ppn_aten_out_variant(node->op);
  if (emission.out_variant && emission.kind == PPN_EMISSION_MISSING) {
    emission.kind = PPN_EMISSION_KERNEL;
  }
  return emission;
}
