// Sizes as values, arithmetic on them, and checks that leave nothing to run.
#include <string.h>

#include "lower/families.h"
#include "lower/row.h"

static ppn_status_t lower_sym_size(ppn_lower_context_t* context, const ppn_node_t* node) {
  ppn_mil_value_t* x = ppn_row_tensor(context, node, "self");
  if (context->status) return ppn_row_finish(context);
  int64_t axis = ppn_row_axis(node, "dim", 0, x->type.rank);
  if (ppn_dim_is_static(x->type.sizes[axis])) {
    return ppn_row_result(context, node, ppn_row_int(context, x->type.sizes[axis].value));
  }
  ppn_mil_value_t* shape = ppn_row_unary(context, "shape", x);
  return ppn_row_result(
      context, node,
      ppn_row_emit(context, "gather", {"x", shape}, {"indices", ppn_row_int(context, axis)},
                   {"axis", ppn_row_int(context, 0)}));
}

static ppn_mil_value_t* integer(ppn_lower_context_t* context, const ppn_node_t* node,
                                uint32_t index) {
  return ppn_row_operand(context, &node->arguments[index], PPN_DTYPE_INT32);
}

static ppn_status_t lower_operation(ppn_lower_context_t* context, const ppn_node_t* node,
                                    const char* type) {
  return ppn_row_result(
      context, node,
      ppn_row_binary(context, type, integer(context, node, 0), integer(context, node, 1)));
}

#define OPERATION(name, type)                                                              \
  static ppn_status_t lower_##name(ppn_lower_context_t* context, const ppn_node_t* node) { \
    return lower_operation(context, node, type);                                           \
  }
OPERATION(add, "add")
OPERATION(sub, "sub")
OPERATION(mul, "mul")
OPERATION(floordiv, "floor_div")
OPERATION(mod, "mod")
OPERATION(maximum, "maximum")
OPERATION(minimum, "minimum")
OPERATION(eq, "equal")
OPERATION(ne, "not_equal")
OPERATION(lt, "less")
OPERATION(le, "less_equal")
OPERATION(gt, "greater")
OPERATION(ge, "greater_equal")
#undef OPERATION

static ppn_status_t lower_neg(ppn_lower_context_t* context, const ppn_node_t* node) {
  return ppn_row_result(context, node,
                        ppn_row_binary_number(context, "mul", integer(context, node, 0), -1));
}

static bool is_integer(const ppn_argument_t* argument) {
  return argument->kind == PPN_ARGUMENT_INT ||
         (argument->kind == PPN_ARGUMENT_VALUE && argument->u.value->kind == PPN_VALUE_SYM_INT);
}

static bool integers_supported(const ppn_node_t* node, const ppn_lower_options_t* options,
                               ppn_buffer_t* reason) {
  (void)options;
  for (uint32_t i = 0; i < node->argument_count; i++) {
    if (!is_integer(&node->arguments[i])) return ppn_row_refuse(reason, "not integers");
  }
  return true;
}

static ppn_status_t lower_nothing(ppn_lower_context_t* context, const ppn_node_t* node) {
  (void)node;
  return ppn_row_finish(context);
}

enum { ANY = PPN_LOWER_ANY_TENSORS };

static const ppn_lower_row_t rows[] = {
    {"aten::sym_size.int", lower_sym_size, NULL, 0, PPN_LOWER_SMALL_INTEGERS},
    {"_operator::add", lower_add, integers_supported, 0, 0},
    {"_operator::sub", lower_sub, integers_supported, 0, 0},
    {"_operator::mul", lower_mul, integers_supported, 0, 0},
    {"_operator::floordiv", lower_floordiv, integers_supported, 0, 0},
    {"_operator::mod", lower_mod, integers_supported, 0, 0},
    {"_operator::neg", lower_neg, integers_supported, 0, 0},
    {"_operator::eq", lower_eq, integers_supported, 0, 0},
    {"_operator::ne", lower_ne, integers_supported, 0, 0},
    {"_operator::lt", lower_lt, integers_supported, 0, 0},
    {"_operator::le", lower_le, integers_supported, 0, 0},
    {"_operator::gt", lower_gt, integers_supported, 0, 0},
    {"_operator::ge", lower_ge, integers_supported, 0, 0},
    {"torch::sym_max", lower_maximum, integers_supported, 0, 0},
    {"torch::sym_min", lower_minimum, integers_supported, 0, 0},
    {"aten::_assert_scalar", lower_nothing, NULL, 0, ANY},
    {"aten::_assert_async.msg", lower_nothing, NULL, 0, ANY},
    {"aten::_assert_tensor_metadata", lower_nothing, NULL, 0, ANY},
    {"aten::sym_constrain_range", lower_nothing, NULL, 0, ANY},
    {"aten::sym_constrain_range_for_size", lower_nothing, NULL, 0, ANY},
};

PPN_LOWER_DEFINE_FAMILY(symbolic, "Sizes and checks");
