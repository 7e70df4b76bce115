// Decompositions of element-wise operators, each one formula (aten/formula.h).
#include "aten/formula.h"
#include "aten/rows.h"

#define FORMULA(name, text) \
  { name, NULL, ppn_aten_decompose_formula, text }

// What is added to the larger of two exponents; equal infinities would subtract to NaN.
#define LARGER_EXPONENT "where(self == other & isinf(self), self, maximum(self, other) + "

static const ppn_aten_row_t rows[] = {
    // Activations. Outside the threshold softplus is the identity.
    FORMULA("aten::softplus",
            "where(self * beta > threshold, self, log1p(exp(self * beta)) / beta)"),
    FORMULA("aten::mish", "self * tanh(where(self > 20, self, log1p(exp(self))))"),
    FORMULA("aten::celu", "where(self > 0, self, expm1(self / alpha) * alpha)"),
    FORMULA("aten::selu",
            "where(self > 0, self * 1.0507009873554805, expm1(self) * 1.7580993408473768)"),
    FORMULA("aten::hardshrink", "where(abs(self) <= lambd, 0, self)"),
    FORMULA("aten::softshrink",
            "where(self > lambd, self - lambd, where(self < -lambd, self + lambd, self * 0))"),
    FORMULA("aten::threshold", "where(self <= threshold, value, self)"),
    FORMULA("aten::log_sigmoid", "minimum(self, 0) - log1p(exp(-abs(self)))"),
    // Arithmetic
    FORMULA("aten::addcmul", "self + value * tensor1 * tensor2"),
    FORMULA("aten::addcdiv", "self + value * (tensor1 / tensor2)"),
    // The end is reached exactly, as it is in torch.
    FORMULA("aten::lerp.Scalar",
            "where(abs(weight) < 0.5, self + weight * (end - self), end - (end - self) * (1 - "
            "weight))"),
    FORMULA("aten::lerp.Tensor",
            "where(abs(weight) < 0.5, self + weight * (end - self), end - (end - self) * (1 - "
            "weight))"),
    FORMULA("aten::hypot", "sqrt(self * self + other * other)"),
    FORMULA("aten::frac", "self - trunc(self)"),
    FORMULA("aten::exp2", "pow(2, self)"),
    FORMULA("aten::special_exp2", "pow(2, self)"),
    FORMULA("aten::deg2rad", "self * (pi / 180)"),
    FORMULA("aten::rad2deg", "self * (180 / pi)"),
    FORMULA("aten::float_power.Tensor_Tensor", "pow(self, exponent)"),
    FORMULA("aten::float_power.Tensor_Scalar", "pow(self, exponent)"),
    FORMULA("aten::float_power.Scalar", "pow(self, exponent)"),
    FORMULA("aten::ldexp.Tensor", "self * pow(2, other)"),
    FORMULA("aten::rsub.Tensor", "other - alpha * self"),
    FORMULA("aten::clamp_min", "maximum(self, min)"),
    FORMULA("aten::clamp_max", "minimum(self, max)"),
    FORMULA("aten::clamp_min.Tensor", "maximum(self, min)"),
    FORMULA("aten::clamp_max.Tensor", "minimum(self, max)"),
    FORMULA("aten::fmax",
            "where(isnan(self), other, where(isnan(other), self, maximum(self, other)))"),
    FORMULA("aten::fmin",
            "where(isnan(self), other, where(isnan(other), self, minimum(self, other)))"),
    FORMULA("aten::copysign.Tensor", "where(other < 0 | 1 / other < 0, -abs(self), abs(self))"),
    FORMULA("aten::copysign.Scalar", "where(other < 0 | 1 / other < 0, -abs(self), abs(self))"),
    FORMULA("aten::heaviside", "where(self == 0, values, where(self > 0, 1, 0))"),
    FORMULA("aten::sgn", "sign(self)"),
    // Exponentials and logarithms
    FORMULA("aten::logaddexp", LARGER_EXPONENT "log1p(exp(-abs(self - other))))"),
    FORMULA("aten::logaddexp2",
            LARGER_EXPONENT "log1p(pow(2, -abs(self - other))) * 1.4426950408889634)"),
    FORMULA("aten::xlogy.Tensor", "where(self == 0 & other == other, 0, self * log(other))"),
    FORMULA("aten::xlogy.Scalar_Other", "where(self == 0 & other == other, 0, self * log(other))"),
    FORMULA("aten::xlogy.Scalar_Self", "where(self == 0 & other == other, 0, self * log(other))"),
    FORMULA("aten::special_xlogy", "where(self == 0 & other == other, 0, self * log(other))"),
    FORMULA("aten::special_xlogy.other_scalar",
            "where(self == 0 & other == other, 0, self * log(other))"),
    FORMULA("aten::special_xlogy.self_scalar",
            "where(self == 0 & other == other, 0, self * log(other))"),
    FORMULA("aten::special_xlog1py", "where(self == 0 & other == other, 0, self * log1p(other))"),
    FORMULA("aten::special_xlog1py.self_scalar",
            "where(self == 0 & other == other, 0, self * log1p(other))"),
    FORMULA("aten::special_entr",
            "where(self > 0, -(self * log(self)), where(self == 0, 0, where(self < 0, -inf, "
            "self)))"),
    FORMULA("aten::sinc", "where(self == 0, 1, sin(self * pi) / (self * pi))"),
    FORMULA("aten::special_sinc", "where(self == 0, 1, sin(self * pi) / (self * pi))"),
    FORMULA("aten::special_ndtr", "(1 + erf(self * 0.7071067811865476)) * 0.5"),
    // Questions about numbers
    FORMULA("aten::isfinite", "self == self & abs(self) != inf"),
    FORMULA("aten::isposinf", "self == inf"),
    FORMULA("aten::isneginf", "self == -inf"),
    FORMULA("aten::signbit", "self < 0 | 1 / self < 0"),
    FORMULA("aten::isclose",
            "self == other | (abs(self - other) <= atol + rtol * abs(other) & abs(other) != inf)"),
    FORMULA("aten::isreal", "self == self | self != self"),
    FORMULA("aten::masked_fill.Tensor", "where(mask != 0, value, self)"),
    FORMULA("aten::nan_to_num",
            "where(isnan(self), nan?0, where(self == inf, posinf?largest, where(self == -inf, "
            "neginf?(-largest), self)))"),
    FORMULA("aten::angle", "where(isnan(self), self, where(self < 0, pi, 0))"),
    FORMULA("aten::round.decimals",
            "where(decimals < 0, round(self / pow(10, -decimals)) * pow(10, -decimals), "
            "round(self * pow(10, decimals)) / pow(10, decimals))"),
    FORMULA("aten::special_round",
            "where(decimals < 0, round(self / pow(10, -decimals)) * pow(10, -decimals), "
            "round(self * pow(10, decimals)) / pow(10, decimals))"),
    FORMULA("aten::linalg_vecdot", "sum(x * y)"),
    // Losses
    FORMULA("aten::mse_loss", "loss((self - target) * (self - target))"),
    FORMULA("aten::l1_loss", "loss(abs(self - target))"),
    FORMULA("aten::smooth_l1_loss",
            "loss(where(beta == 0, abs(self - target), where(abs(self - target) < beta, "
            "(self - target) * (self - target) * 0.5 / beta, abs(self - target) - 0.5 * beta)))"),
    FORMULA("aten::huber_loss",
            "loss(where(abs(self - target) <= delta, (self - target) * (self - target) * 0.5, "
            "(abs(self - target) - 0.5 * delta) * delta))"),
    FORMULA("aten::soft_margin_loss", "loss(log1p(exp(-(target * self))))"),
    FORMULA("aten::binary_cross_entropy",
            "loss((weight?1) * -(target * maximum(log(self), -100) + (1 - target) * "
            "maximum(log1p(-self), -100)))"),
    FORMULA("aten::binary_cross_entropy_with_logits",
            "loss((weight?1) * ((1 - target) * self + (1 + ((pos_weight?1) - 1) * target) * "
            "(log1p(exp(-abs(self))) + maximum(-self, 0))))"),
    FORMULA("aten::kl_div",
            "loss(where(log_target, exp(target) * (target - self), where(target == 0, 0, target * "
            "log(target)) - target * self))"),
    FORMULA(
        "aten::hinge_embedding_loss",
        "loss(where(target != 1, maximum(margin - self, 0), 0) + where(target != -1, self, 0))"),
    FORMULA("aten::margin_ranking_loss", "loss(maximum(-target * (input1 - input2) + margin, 0))"),
    FORMULA(
        "aten::poisson_nll_loss",
        "loss(where(log_input, exp(input) - target * input, input - target * log(input + eps)) + "
        "where(full, where(target > 1, target * log(target) - target + 0.5 * log(2 * pi * "
        "target), 0), 0))"),
    // Statistics
    FORMULA("aten::nansum", "sum(where(isnan(self), 0, self))"),
    FORMULA("aten::nanmean", "sum(where(isnan(self), 0, self)) / sum(where(isnan(self), 0, 1))"),
    FORMULA("aten::cosine_similarity",
            "sum(x1 * x2) / (maximum(sqrt(sum(x1 * x1)), eps) * maximum(sqrt(sum(x2 * x2)), eps))"),
};
const ppn_aten_family_t ppn_aten_pointwise = {rows, PPN_COUNT_OF(rows)};
