// Operators that are other operators under another name.
#include "aten/build.h"
#include "aten/rows.h"

// Both have the same parameters in the same order. A number may stand where the other operator has
// a tensor: the edge dialect makes it a constant.
static ppn_status_t respell(ppn_aten_emitter_t* emitter, ppn_node_t* node) {
  ppn_build_t build = ppn_build_start(emitter, node);
  const char* name = node->op->row->formula;
  const ppn_aten_op_t* other = ppn_aten_op_find(ppn_sv(name));
  ppn_argument_t arguments[8];
  ppn_tensor_meta_t metas[64];
  ppn_value_t* values[64];
  if (!other || node->argument_count > 8 || node->output_count > 64) return ppn_status_ok();
  for (uint32_t i = 0; i < node->argument_count && i < other->parameter_count; ++i) {
    arguments[i] = node->arguments[i];
    arguments[i].name = other->parameters[i].name;
  }
  for (uint32_t i = 0; i < node->output_count; ++i) {
    if (!node->outputs[i]) return ppn_status_ok();
    metas[i] = node->outputs[i]->tensor;
  }
  ppn_build_several(&build, name, arguments, node->argument_count, metas, values,
                    node->output_count);
  for (uint32_t i = 0; i < node->output_count && !build.status; ++i) {
    node->outputs[i]->replacement = values[i];
  }
  return build.status;
}

static const ppn_aten_row_t rows[] = {
    {"aten::linalg_diagonal", NULL, respell, "aten::diagonal"},
    {"aten::__and__.Tensor", NULL, respell, "aten::bitwise_and.Tensor"},
    {"aten::__or__.Tensor", NULL, respell, "aten::bitwise_or.Tensor"},
    {"aten::__xor__.Tensor", NULL, respell, "aten::bitwise_xor.Tensor"},
    {"aten::true_divide.Tensor", NULL, respell, "aten::div.Tensor"},
    {"aten::concat", NULL, respell, "aten::cat"},
    {"aten::clip", NULL, respell, "aten::clamp"},
    {"aten::_unsafe_view", NULL, respell, "aten::view"},
    {"aten::swapaxes", NULL, respell, "aten::transpose.int"},
    {"aten::__lshift__.Tensor", NULL, respell, "aten::bitwise_left_shift.Tensor"},
    {"aten::__rshift__.Tensor", NULL, respell, "aten::bitwise_right_shift.Tensor"},
    {"aten::__lshift__.Scalar", NULL, respell, "aten::bitwise_left_shift.Tensor_Scalar"},
    {"aten::__rshift__.Scalar", NULL, respell, "aten::bitwise_right_shift.Tensor_Scalar"},
    {"aten::greater.Tensor", NULL, respell, "aten::gt.Tensor"},
    {"aten::less.Tensor", NULL, respell, "aten::lt.Tensor"},
    {"aten::arctan2", NULL, respell, "aten::atan2"},
    {"aten::absolute", NULL, respell, "aten::abs"},
    {"aten::negative", NULL, respell, "aten::neg"},
    {"aten::multiply.Tensor", NULL, respell, "aten::mul.Tensor"},
    {"aten::subtract.Tensor", NULL, respell, "aten::sub.Tensor"},
    {"aten::divide.Tensor", NULL, respell, "aten::div.Tensor"},
    {"aten::__and__.Scalar", NULL, respell, "aten::bitwise_and.Scalar"},
    {"aten::bitwise_and.Scalar_Tensor", NULL, respell, "aten::bitwise_and.Tensor"},
    {"aten::__or__.Scalar", NULL, respell, "aten::bitwise_or.Scalar"},
    {"aten::bitwise_or.Scalar_Tensor", NULL, respell, "aten::bitwise_or.Tensor"},
    {"aten::__xor__.Scalar", NULL, respell, "aten::bitwise_xor.Scalar"},
    {"aten::bitwise_xor.Scalar_Tensor", NULL, respell, "aten::bitwise_xor.Tensor"},
    {"aten::bitwise_left_shift.Scalar_Tensor", NULL, respell, "aten::bitwise_left_shift.Tensor"},
    {"aten::bitwise_right_shift.Scalar_Tensor", NULL, respell, "aten::bitwise_right_shift.Tensor"},
    {"aten::remainder.Scalar_Tensor", NULL, respell, "aten::remainder.Tensor"},
    {"aten::floor_divide.Scalar", NULL, respell, "aten::floor_divide"},
    {"aten::true_divide.Scalar", NULL, respell, "aten::div.Scalar"},
    {"aten::divide.Scalar", NULL, respell, "aten::div.Scalar"},
    {"aten::divide.Tensor_mode", NULL, respell, "aten::div.Tensor_mode"},
    {"aten::divide.Scalar_mode", NULL, respell, "aten::div.Scalar_mode"},
    {"aten::multiply.Scalar", NULL, respell, "aten::mul.Scalar"},
    {"aten::subtract.Scalar", NULL, respell, "aten::sub.Scalar"},
    {"aten::greater.Scalar", NULL, respell, "aten::gt.Scalar"},
    {"aten::less.Scalar", NULL, respell, "aten::lt.Scalar"},
    {"aten::greater_equal.Tensor", NULL, respell, "aten::ge.Tensor"},
    {"aten::greater_equal.Scalar", NULL, respell, "aten::ge.Scalar"},
    {"aten::less_equal.Tensor", NULL, respell, "aten::le.Tensor"},
    {"aten::less_equal.Scalar", NULL, respell, "aten::le.Scalar"},
    {"aten::not_equal.Tensor", NULL, respell, "aten::ne.Tensor"},
    {"aten::not_equal.Scalar", NULL, respell, "aten::ne.Scalar"},
    {"aten::arccos", NULL, respell, "aten::acos"},
    {"aten::arccosh", NULL, respell, "aten::acosh"},
    {"aten::arcsin", NULL, respell, "aten::asin"},
    {"aten::arcsinh", NULL, respell, "aten::asinh"},
    {"aten::arctan", NULL, respell, "aten::atan"},
    {"aten::arctanh", NULL, respell, "aten::atanh"},
    {"aten::fix", NULL, respell, "aten::trunc"},
    {"aten::clip.Tensor", NULL, respell, "aten::clamp.Tensor"},
    {"aten::special_expit", NULL, respell, "aten::sigmoid"},
    {"aten::special_expm1", NULL, respell, "aten::expm1"},
    {"aten::special_log1p", NULL, respell, "aten::log1p"},
    {"aten::special_erf", NULL, respell, "aten::erf"},
    {"aten::special_logit", NULL, respell, "aten::logit"},
    {"aten::special_softmax", NULL, respell, "aten::softmax.int"},
    {"aten::special_log_softmax", NULL, respell, "aten::log_softmax.int"},
    {"aten::concatenate", NULL, respell, "aten::cat"},
    {"aten::unsafe_split.Tensor", NULL, respell, "aten::split.Tensor"},
    {"aten::unsafe_split_with_sizes", NULL, respell, "aten::split_with_sizes"},
    {"aten::ger", NULL, respell, "aten::outer"},
};
const ppn_aten_family_t ppn_aten_spellings = {rows, PPN_COUNT_OF(rows)};
