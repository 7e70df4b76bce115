"""Small modules, one for each way an operator is used: name -> (function of tensors, inputs)."""

import torch
import torch.nn.functional as F
from torch import nn

CASES = {}
g = torch.Generator().manual_seed(0)


def rand(*shape, low=-1.0, high=1.0):
    return torch.rand(*shape, generator=g) * (high - low) + low


def ints(low, high, *shape, dtype=torch.int64):
    return torch.randint(low, high, shape, generator=g).to(dtype)


def case(name, function, *inputs, **options):
    assert name not in CASES, name
    CASES[name] = (function, inputs, options)


class Wrapper(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        if isinstance(function, nn.Module):
            self.module = function

    def forward(self, *arguments):
        result = self.function(*arguments)
        return tuple(result) if isinstance(result, (tuple, list)) else result


def module_of(function):
    return Wrapper(function).eval()


x34, y34, x4d, img = rand(3, 4), rand(3, 4), rand(2, 3, 8, 8), rand(1, 3, 16, 16)
positive = rand(3, 4, low=0.1, high=3.0)
i34 = ints(-9, 9, 3, 4)

# Arithmetic
case("add", torch.add, x34, y34)
case("add_alpha", lambda a, b: torch.add(a, b, alpha=2.5), x34, y34)
case("add_scalar", lambda a: a + 3, x34)
case("add_int_float", lambda a, b: a + b, i34, x34)
case("add_int_number", lambda a: a + 2.5, i34)
case("add_broadcast", lambda a, b: a + b, rand(2, 1, 4), rand(3, 1))
case("sub_alpha", lambda a, b: torch.sub(a, b, alpha=3), x34, y34)
case("rsub", lambda a: 1.5 - a, x34)
case("mul_bool", lambda a, b: (a > 0) * (b > 0), x34, y34)
case("div", torch.div, x34, positive)
case("div_int", lambda a: a / 3, i34)
case("div_floor", lambda a, b: torch.div(a, b, rounding_mode="floor"), x34, positive)
case("div_trunc", lambda a, b: torch.div(a * 5, b, rounding_mode="trunc"), x34, positive)
case("div_trunc_int", lambda a: torch.div(a, 4, rounding_mode="trunc"), i34)
case("floor_divide_int", lambda a: a // 4, i34)
case("remainder", lambda a: torch.remainder(a, 0.3), x34)
case("remainder_int", lambda a: a % 4, i34)
case("fmod", lambda a: torch.fmod(a * 3, 0.7), x34)
case("pow_2", lambda a: a**2, x34)
case("pow_3", lambda a: a**3, x34)
case("pow_half", lambda a: a**0.5, positive)
case("pow_base", lambda a: 2.0**a, x34)
case("pow_tensor", torch.pow, positive, y34)
case("maximum", torch.maximum, x34, y34)
case("minimum", torch.minimum, x34, y34)
case("clamp", lambda a: a.clamp(-0.5, 0.25), x34)
case("clamp_min_int", lambda a: a.clamp(min=1), i34)
case("clamp_int", lambda a: a.clamp(-2, 3), i34)
case("clamp_tensor", lambda a, b: torch.clamp(a, b, b + 0.2), x34, y34)
case("atan2", torch.atan2, rand(3, 4), rand(3, 4))
case("addcmul", lambda a, b, c: torch.addcmul(a, b, c, value=0.5), x34, y34, positive)
case("addcdiv", lambda a, b, c: torch.addcdiv(a, b, c, value=0.5), x34, y34, positive)
case("lerp", lambda a, b: torch.lerp(a, b, 0.3), x34, y34)
# Comparison and logic
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    case(_name, getattr(torch, _name), i34, ints(-9, 9, 3, 4))
    case(_name + "_number", lambda a, f=getattr(torch, _name): f(a, 0.5), x34)
case("eq_bool", lambda a, b: (a > 0) == (b > 0), x34, y34)
case("logical", lambda a, b: ((a > 0) & (b > 0)) | ~(a > 0.5) ^ (b < 0), x34, y34)
case("logical_float", lambda a, b: torch.logical_and(a, b), i34, x34)
case("bitwise_not", lambda a: torch.bitwise_not(a), i34)
case("where", lambda a, b: torch.where(a > 0, a, b), x34, y34)
case("where_scalar", lambda a: torch.where(a > 0, 1.0, 0.0), x34)
case("extremum_of_two", lambda a, b: torch.max(a, b) - torch.min(a, b), x34, y34)
case("linear_of_constant", lambda a: a + F.linear(torch.ones(3, 5), torch.full((4, 5), 0.5)), x34)
case("where_spread", lambda a, b: torch.where(a > 0, b, 0.0), x34, rand(1, 4))
case("masked_fill", lambda a: a.masked_fill(a > 0.2, -5.0), x34)
# Functions
for _name in ("abs", "atan", "ceil", "cos", "cosh", "erf", "exp", "exp2", "expm1", "floor", "frac", "neg", "round", "sigmoid", "sign", "sin", "sinh", "tan", "tanh",
              "trunc", "square", "asinh", "isnan", "isinf", "isfinite"):
    case(_name, getattr(torch, _name), rand(3, 5) * 3)
for _name in ("acos", "asin", "atanh"):
    case(_name, getattr(torch, _name), rand(3, 4) * 0.9)
for _name in ("log", "log10", "log1p", "log2", "reciprocal", "rsqrt", "sqrt"):
    case(_name, getattr(torch, _name), positive)
case("log1p_small", torch.log1p, rand(3, 4) * 1e-6)
case("expm1_small", torch.expm1, rand(3, 4) * 1e-6)
case("acosh", torch.acosh, positive + 1)
case("logit", lambda a: torch.logit(a, 1e-3), rand(3, 4, low=0.0))
case("sqrt_int", lambda a: torch.sqrt(a.abs()), i34)
case("nan_to_num", lambda a: torch.nan_to_num(a / (a * 0 + a.sign()) / (a > 0)), x34)
# Activations
for _name in ("relu", "relu6", "silu", "hardsigmoid", "hardswish", "gelu", "elu", "selu", "celu", "leaky_relu", "softplus", "mish", "logsigmoid", "tanhshrink", "hardshrink",
              "softshrink", "softsign", "hardtanh", "rrelu"):
    case("act_" + _name, getattr(F, _name), rand(2, 3, 5) * 6)
case("gelu_tanh", lambda a: F.gelu(a, approximate="tanh"), x34 * 3)
case("elu_alpha", lambda a: F.elu(a, 0.5), x34)
case("celu_alpha", lambda a: F.celu(a, 0.5), x34)
case("softplus_beta", lambda a: F.softplus(a * 20, 2.0, 5.0), x34)
case("threshold", lambda a: F.threshold(a, 0.1, -7.0), x34)
case("glu", lambda a: F.glu(a, 1), rand(2, 6, 3))
case("prelu", nn.PReLU(3, init=0.2), x4d)
case("prelu_one", nn.PReLU(), x34)
case("softmax", lambda a: torch.softmax(a, 1), rand(2, 5, 3))
case("log_softmax", lambda a: torch.log_softmax(a * 100, -1), rand(2, 5, 3))
case("dropout", nn.Dropout(), x34)
# Products
case("linear", nn.Linear(4, 5), x34)
case("linear_no_bias", nn.Linear(4, 5, bias=False), rand(2, 3, 4))
case("linear_rank4", nn.Linear(4, 5), rand(2, 3, 2, 4))
case("linear_dynamic", F.linear, x34, rand(5, 4), rand(5))
case("linear_vector", nn.Linear(4, 5), rand(4))
case("matmul", torch.matmul, rand(2, 3, 4), rand(2, 4, 5))
case("matmul_broadcast", torch.matmul, rand(2, 2, 3, 4), rand(4, 5))
case("matmul_vector", torch.matmul, rand(3, 4), rand(4))
case("dot", torch.dot, rand(6), rand(6))
case("mm", torch.mm, rand(3, 4), rand(4, 5))
case("bmm", torch.bmm, rand(2, 3, 4), rand(2, 4, 5))
case("addmm", lambda a, b, c: torch.addmm(a, b, c, beta=0.5, alpha=2), rand(5), rand(3, 4), rand(4, 5))
case("baddbmm", lambda a, b, c: torch.baddbmm(a, b, c, beta=0.5, alpha=2), rand(2, 3, 5), rand(2, 3, 4), rand(2, 4, 5))
case("outer", torch.outer, rand(3), rand(4))
case("einsum", lambda a, b: torch.einsum("bij,bjk->bik", a, b), rand(2, 3, 4), rand(2, 4, 5))
q, k, v = rand(2, 4, 5, 8), rand(2, 4, 6, 8), rand(2, 4, 6, 8)
case("attention", F.scaled_dot_product_attention, q, k, v)
case("attention_mask", lambda a, b, c, m: F.scaled_dot_product_attention(a, b, c, m), q, k, v, rand(5, 6))
case("attention_bool", lambda a, b, c, m: F.scaled_dot_product_attention(a, b, c, m > -0.5), q, k, v, rand(2, 1, 5, 6))
case("attention_causal", lambda a, b, c: F.scaled_dot_product_attention(a, b, c, is_causal=True), q, k[:, :, :5].clone(), v[:, :, :5].clone())
case("attention_scale", lambda a, b, c: F.scaled_dot_product_attention(a, b, c, scale=0.5), q, k, v)
case("attention_gqa", lambda a, b, c: F.scaled_dot_product_attention(a, b, c, enable_gqa=True), q, rand(2, 2, 6, 8), rand(2, 2, 6, 8))
case("multihead", nn.MultiheadAttention(16, 4, batch_first=True), rand(2, 5, 16), rand(2, 5, 16), rand(2, 5, 16))
# Convolution
case("conv1d", nn.Conv1d(3, 6, 3, 2, 1), rand(2, 3, 11))
case("conv2d", nn.Conv2d(3, 6, 3, 2, 1), x4d)
case("conv2d_groups", nn.Conv2d(4, 8, 3, groups=4, bias=False), rand(1, 4, 9, 9))
case("conv2d_dilation", nn.Conv2d(3, 6, (3, 2), dilation=(2, 1), padding=(1, 0)), x4d)
case("conv2d_same", nn.Conv2d(3, 6, 4, padding="same"), x4d)
case("conv2d_single", nn.Conv2d(3, 6, 3), rand(3, 8, 8))
case("conv2d_dynamic", F.conv2d, x4d, rand(5, 3, 3, 3), rand(5))
case("conv3d", nn.Conv3d(2, 3, 2, padding=1), rand(1, 2, 4, 5, 6))
case("conv_transpose1d", nn.ConvTranspose1d(3, 4, 4, 2, 1), rand(2, 3, 7))
case("conv_transpose2d", nn.ConvTranspose2d(3, 4, 4, 2, 1), x4d)
case("conv_transpose2d_output", nn.ConvTranspose2d(3, 4, 3, 2, 1, output_padding=1), x4d)
case("conv_transpose2d_grow", nn.ConvTranspose2d(3, 4, 3, 2, 0, output_padding=1), x4d)
case("conv_transpose2d_groups", nn.ConvTranspose2d(4, 4, 3, groups=2, dilation=2), rand(1, 4, 6, 6))
case("pixel_shuffle", nn.PixelShuffle(2), rand(1, 8, 3, 4))
case("pixel_unshuffle", nn.PixelUnshuffle(2), rand(1, 2, 6, 4))
# Pooling
case("max_pool1d", nn.MaxPool1d(3, 2, 1), rand(2, 3, 11))
case("max_pool2d", nn.MaxPool2d(3, 2, 1), x4d)
case("max_pool2d_default_stride", nn.MaxPool2d(2), x4d)
case("max_pool2d_ceil", nn.MaxPool2d(3, 2, ceil_mode=True), rand(1, 2, 8, 8))
case("max_pool3d", nn.MaxPool3d(2), rand(1, 2, 4, 6, 4))
case("avg_pool1d", nn.AvgPool1d(2), rand(2, 3, 8))
case("avg_pool2d", nn.AvgPool2d(3, 2, 1), x4d)
case("avg_pool2d_exclude", nn.AvgPool2d(3, 2, 1, count_include_pad=False), x4d)
case("avg_pool2d_ceil", nn.AvgPool2d(3, 2, 1, ceil_mode=True), x4d)
case("adaptive_avg_1", nn.AdaptiveAvgPool2d(1), x4d)
case("adaptive_avg_4", nn.AdaptiveAvgPool2d((4, 2)), x4d)
case("adaptive_avg_odd", nn.AdaptiveAvgPool2d((3, 5)), x4d)
case("adaptive_avg_1d", nn.AdaptiveAvgPool1d(3), rand(2, 3, 8))
case("adaptive_max", nn.AdaptiveMaxPool2d(3), x4d)
# Resizing
for _mode in ("nearest", "bilinear", "bicubic", "nearest-exact"):
    case(f"resize_{_mode}_2", lambda a, m=_mode: F.interpolate(a, scale_factor=2, mode=m), img)
    case(f"resize_{_mode}_size", lambda a, m=_mode: F.interpolate(a, size=(13, 37), mode=m), img)
    case(f"resize_{_mode}_factor", lambda a, m=_mode: F.interpolate(a, scale_factor=1.3, mode=m), img)
case("resize_bilinear_align", lambda a: F.interpolate(a, scale_factor=2, mode="bilinear", align_corners=True), img)
case("resize_bilinear_align_size", lambda a: F.interpolate(a, size=(21, 9), mode="bilinear", align_corners=True), img)
case("resize_bicubic_align", lambda a: F.interpolate(a, size=(21, 9), mode="bicubic", align_corners=True), img)
case("resize_bilinear_antialias", lambda a: F.interpolate(a, size=(7, 5), mode="bilinear", antialias=True), img)
case("resize_bicubic_antialias", lambda a: F.interpolate(a, size=(7, 23), mode="bicubic", antialias=True), img)
case("resize_nearest_1d", lambda a: F.interpolate(a, scale_factor=3), rand(1, 2, 5))
case("resize_linear_1d", lambda a: F.interpolate(a, size=11, mode="linear"), rand(1, 2, 5))
case("resize_nearest_3d", lambda a: F.interpolate(a, scale_factor=2), rand(1, 2, 3, 4, 5))
# Padding
case("pad_constant", lambda a: F.pad(a, (1, 2, 0, 3), value=1.5), x4d)
case("pad_negative", lambda a: F.pad(a, (-1, 2, 1, -2)), x4d)
case("pad_int", lambda a: F.pad(a, (1, 1), value=7), i34)
case("pad_reflect", lambda a: F.pad(a, (1, 2, 3, 0), mode="reflect"), x4d)
case("pad_replicate", lambda a: F.pad(a, (1, 2, 3, 0), mode="replicate"), x4d)
case("pad_circular", lambda a: F.pad(a, (1, 2, 3, 0), mode="circular"), x4d)
# Normalisation
_bn = nn.BatchNorm2d(3)
_bn.running_mean.uniform_(-1, 1, generator=g)
_bn.running_var.uniform_(0.5, 2, generator=g)
case("batch_norm", _bn, x4d)
case("batch_norm_plain", nn.BatchNorm2d(3, affine=False), x4d)
case("batch_norm_1d", nn.BatchNorm1d(4), x34)
case("batch_norm_no_stats", nn.BatchNorm2d(3, track_running_stats=False), x4d)
case("layer_norm", nn.LayerNorm(4), x34)
case("layer_norm_2", nn.LayerNorm((3, 4)), rand(2, 3, 4))
case("layer_norm_plain", nn.LayerNorm(4, elementwise_affine=False), x34)
case("layer_norm_dynamic", lambda a, w, b: F.layer_norm(a, (4,), w, b), x34, rand(4), rand(4))
case("group_norm", nn.GroupNorm(2, 4), rand(2, 4, 5, 6))
case("instance_norm", nn.InstanceNorm2d(3, affine=True), x4d)
case("instance_norm_1d", nn.InstanceNorm1d(3), rand(2, 3, 9))
case("instance_norm_3d", nn.InstanceNorm3d(2), rand(1, 2, 3, 4, 5))
case("rms_norm", nn.RMSNorm(4, eps=1e-5), x34)
# Reductions
case("mean", torch.mean, x34)
case("mean_dim", lambda a: a.mean((2, 3), keepdim=True), x4d)
case("sum", lambda a: a.sum(-1), x34)
case("sum_bool", lambda a: (a > 0).sum(1), x34)
case("sum_int", lambda a: a.sum(), i34)
case("prod", lambda a: a.prod(1), positive)
case("amax", lambda a: a.amax((0, 1), keepdim=True), x34)
case("amin_int", lambda a: a.amin(1), i34)
case("max", torch.max, x34)
case("max_dim", lambda a: torch.max(a, 1), x34)
case("min_dim_keep", lambda a: torch.min(a, 0, keepdim=True), x34)
case("argmax", lambda a: a.argmax(1), x34)
case("argmax_flat", lambda a: a.flatten().argmax(0), x34)
case("argmin_keep", lambda a: a.argmin(0, keepdim=True), x34)
case("logsumexp", lambda a: torch.logsumexp(a * 50, 1), x34)
case("any", lambda a: (a > 0.9).any(1), x34)
case("any_float", lambda a: torch.any(a * 0.1, 1), x34)
case("all", lambda a: torch.all(a > -0.5), x34)
case("var", lambda a: a.var(1), x34)
case("var_biased", lambda a: a.var((1, 2), unbiased=False, keepdim=True), rand(2, 3, 4))
case("std", torch.std, x34)
case("var_mean", lambda a: torch.var_mean(a, 1, correction=0), x34)
case("std_correction", lambda a: torch.std(a, 0, correction=2), x34)
case("norm_2", lambda a: torch.linalg.vector_norm(a, dim=1), x34)
case("norm_1", lambda a: torch.linalg.vector_norm(a, 1, dim=1), x34)
case("norm_3", lambda a: torch.linalg.vector_norm(a, 3, dim=1), x34)
case("norm_inf", lambda a: torch.linalg.vector_norm(a, float("inf"), dim=1), x34)
case("normalize", lambda a: F.normalize(a, dim=1), x34)
case("aminmax", lambda a: torch.aminmax(a, dim=1), x34)
# Views
case("view", lambda a: a.view(4, 3), x34)
case("reshape_scalar", lambda a: a.sum(keepdim=True, dim=(0, 1)).reshape(()), x34)
case("flatten", lambda a: a.flatten(1), x4d)
case("unflatten", lambda a: a.unflatten(1, (2, 2)), x34)
case("permute", lambda a: a.permute(0, 2, 3, 1), x4d)
case("transpose", lambda a: a.transpose(1, -1), x4d)
case("t", lambda a: a.t(), x34)
case("swapdims", lambda a: a.swapdims(0, -1), x4d)
case("numpy_transpose", lambda a: a.T, rand(3, 4))
case("matrix_transposes", lambda a: a.mT + a.adjoint(), x4d)
case("movedim_several", lambda a: a.movedim((0, 1), (-1, 0)), x4d)
case("movedim", lambda a: a.movedim(1, -1), x4d)
case("squeeze", lambda a: a.squeeze(), rand(1, 3, 1, 4))
case("squeeze_dim", lambda a: a.squeeze(0).squeeze(1), rand(1, 3, 1, 4))
case("unsqueeze", lambda a: a.unsqueeze(-1).unsqueeze(0), x34)
case("expand", lambda a: a.expand(2, 3, 4), rand(3, 1))
case("expand_bool", lambda a: (a > 0).expand(2, 3, 4), rand(3, 1))
case("repeat", lambda a: a.repeat(2, 1, 3), x34)
case("tile", lambda a: a.tile(2), x34)
case("repeat_interleave", lambda a: a.repeat_interleave(3, 1), x34)
case("flip", lambda a: a.flip(0, -1), x34)
case("roll", lambda a: a.roll((1, -2), (0, 1)), x34)
case("roll_flat", lambda a: a.roll(5), x34)
case("unfold", lambda a: a.unfold(1, 3, 2), rand(2, 9, 3))
case("clone", lambda a: a.clone() + 1, x34)
case("cat", lambda a, b: torch.cat([a, b, a], 1), x34, y34)
case("cat_empty", lambda a, b: torch.cat([a, b[:, :0], b], 1), x34, y34)
case("cat_mixed", lambda a, b: torch.cat([a, b], -1), x34, i34)
case("stack", lambda a, b: torch.stack([a, b], 1), x34, y34)
case("hstack", lambda a, b: torch.hstack([a, b]), x34, y34)
case("split", lambda a: a.split(3, 1), rand(2, 7))
case("split_sizes", lambda a: a.split([1, 4, 2], 1), rand(2, 7))
case("chunk", lambda a: torch.chunk(a, 2, 1)[1], rand(2, 6))
case("unbind", lambda a: a.unbind(1), rand(2, 3, 2))
case("meshgrid", lambda a, b: torch.meshgrid(a, b, indexing="xy"), rand(3), rand(4))
# Slicing and indexing
case("select", lambda a: a[:, -2], x4d)
case("slice", lambda a: a[:, 1:, 2:-1, ::3], x4d)
case("slice_none", lambda a: a[:, :100] + 1, x34)
case("narrow", lambda a: a.narrow(1, 1, 2), x34)
case("select_constant", lambda a: a + torch.arange(12.0).reshape(3, 4)[1], x34)
case("index_one", lambda a, i: a[:, i], x34, ints(0, 4, 5))
case("index_negative", lambda a, i: a[i], x34, ints(-3, 3, 2, 5))
case("index_two", lambda a, i, j: a[i, j], x34, ints(0, 3, 5), ints(0, 4, 5))
case("index_spread", lambda a, i, j: a[i[:, None], j], x34, ints(0, 3, 5), ints(0, 4, 2))
case("index_apart", lambda a, i, j: a[i, :, j], rand(3, 4, 5), ints(0, 3, 6), ints(0, 5, 6))
case("index_middle", lambda a, i, j: a[:, i, j], rand(2, 3, 4, 5), ints(0, 3, 6), ints(0, 4, 6))
case("index_select", lambda a, i: a.index_select(1, i), x34, ints(0, 4, 5))
case("gather", lambda a, i: a.gather(1, i), x34, ints(0, 4, 3, 6))
case("gather_smaller", lambda a, i: a.gather(1, i), x34, ints(0, 4, 2, 6))
case("embedding", nn.Embedding(10, 6), ints(0, 10, 2, 5))
case("index_put", lambda a, i, b: a.index_put((i,), b), x34, torch.tensor([2, 0]), rand(2, 4))
case("index_put_two", lambda a, i, j: a.index_put((i, j), torch.tensor(5.0)), x34, torch.tensor([2, 0]), torch.tensor([1, 3]))
case("index_put_add", lambda a, i, b: a.index_put((i,), b, accumulate=True), x34, torch.tensor([1, 1]), rand(2, 4))
case("index_put_axis", lambda a, i, b: torch.ops.aten.index_put(a, [None, i], b), x34, torch.tensor([1, -1]), rand(3, 2))
case("index_put_mask", lambda a: torch.ops.aten.index_put(a, [a > 0], torch.tensor(9.0)), x34)
case("index_put_apart", lambda a, i, j, b: torch.ops.aten.index_put(a, [i, None, j], b), rand(3, 4, 5), torch.tensor([0, 2]), torch.tensor([1, 4]), rand(2, 4))
case("scatter", lambda a, i, b: a.scatter(1, i, b), x34, torch.tensor([[0, 1], [2, 3], [1, 0]]), rand(3, 2))
case("scatter_value", lambda a, i: a.scatter(1, i, 3.0), x34, torch.tensor([[0, 1], [2, 3], [1, 0]]))
case("scatter_add", lambda a, i, b: a.scatter_add(1, i, b), x34, torch.tensor([[0, 0], [2, 3], [1, 1]]), rand(3, 2))
case("scatter_reduce", lambda a, i, b: a.scatter_reduce(1, i, b, "amax"), x34, torch.tensor([[0, 0], [2, 3], [1, 1]]), rand(3, 2))
case("index_add", lambda a, i, b: a.index_add(0, i, b, alpha=2), x34, torch.tensor([2, 0]), rand(2, 4))
case("index_copy", lambda a, i, b: a.index_copy(1, i, b), x34, torch.tensor([2, 0]), rand(3, 2))
case("slice_scatter", lambda a, b: torch.slice_scatter(a, b, 1, 1, 3), x34, rand(3, 2))
case("slice_scatter_step", lambda a, b: torch.slice_scatter(a, b, 1, 0, 4, 2), x34, rand(3, 2))
case("select_scatter", lambda a, b: torch.select_scatter(a, b, 1, -1), x34, rand(3))


def _assign(a, b):
    a = a.clone()
    a[:, 1:3] = b
    return a


case("assign", _assign, x34, rand(3, 2))
# Creation
case("arange", lambda a: a + torch.arange(4), x34)
case("arange_float", lambda a: a + torch.arange(0.0, 2.0, 0.5), x34)
case("full", lambda a: a + torch.full((3, 4), 2.5), x34)
case("zeros_like", lambda a: torch.zeros_like(a) + torch.ones_like(a, dtype=torch.int32) + a, x34)
case("new_zeros", lambda a: torch.cat([a, a.new_zeros(3, 2)], 1), x34)
case("full_large", lambda a: a + torch.full((80, 80), 2.5), rand(80, 80))
case("linspace", lambda a: a * torch.linspace(-1, 1, 4), x34)
case("eye", lambda a: a @ torch.eye(4), x34)
case("tril", lambda a: torch.tril(a), rand(5, 5))
case("tril_shift", lambda a: torch.tril(a, -1), rand(5, 5))
case("triu_shift", lambda a: torch.triu(a, 1), rand(2, 5, 6))
case("one_hot", lambda a: F.one_hot(a, 7), ints(0, 7, 4))
case("to_int", lambda a: (a * 10).to(torch.int64), x34)
case("to_bool", lambda a: (a > 0).to(torch.float32) + (a * 0.3).bool(), x34)
case("to_half", lambda a: a.half().float(), x34)
case("to_double", lambda a: a.double() * 2, x34)
case("type_as", lambda a, b: b.type_as(a) + a, x34, i34)
# Sorting
case("topk", lambda a: torch.topk(a, 2, 1), x34)
case("topk_smallest", lambda a: torch.topk(a, 3, 0, largest=False), x34)
case("sort", lambda a: torch.sort(a, 1, descending=True), x34)
case("argsort", lambda a: torch.argsort(a, 0), x34)
case("cumsum", lambda a: a.cumsum(1), x34)
case("cumsum_bool", lambda a: (a > 0).cumsum(-1), x34)
# Interfaces
case("scalar_input", lambda a, s: a * s, x34, torch.tensor(2.5))
case("same_output_twice", lambda a: ((y := a + 1), y), x34)
case("input_as_output", lambda a, b: (a, a + b), x34, y34)
case("constant_output", lambda a: (a + 1, torch.arange(3)), x34)
case("int_input", lambda a: a * 2 + 1, i34)
case("bool_input", lambda a, m: torch.where(m, a, -a), x34, y34 > 0)
case("half", lambda a: torch.relu(a + 1), x34.half())
case("diff", lambda a: torch.diff(a, dim=0), x34)
case("diff_prepend", lambda a: torch.diff(a, prepend=a[:, :1] * 2), i34)
case("einsum_outer", lambda a, b: torch.einsum("i,j->ij", a, b), rand(3), rand(4))
case("einsum_attention", lambda a, b: torch.einsum("bhqd,bhkd->bhqk", a, b), rand(2, 3, 4, 5), rand(2, 3, 6, 5))
case("einsum_two", lambda a, b: torch.einsum("bchw,dchw->bd", a, b), rand(2, 3, 4, 5), rand(6, 3, 4, 5))
case("einsum_sum", lambda a: torch.einsum("ij->j", a), x34)
case("einsum_swap", lambda a, b: torch.einsum("bnd,ndh->hbn", a, b), rand(2, 3, 4), rand(3, 4, 5))
case("lstm", nn.LSTM(5, 6, 2, batch_first=True, bidirectional=True), rand(3, 4, 5))
case("lstm_plain", nn.LSTM(5, 6, bias=False), rand(4, 2, 5))
case("windows", lambda a: a.view(2, 2, 4, 2, 4, 3).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, 3) + 1, rand(2, 8, 8, 3))
case("windows_back", lambda a: a.view(2, 2, 2, 4, 4, 3).transpose(2, 3).contiguous().view(2, 8, 8, 3) * 2, rand(8, 16, 3))
case("channels_to_pixels", lambda a: a.reshape(1, 2, 2, 2, 3, 4).permute(0, 1, 4, 2, 5, 3).reshape(1, 2, 6, 8), rand(1, 8, 3, 4))
case("weight_norm_last", nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 6, 3)), rand(1, 4, 9))
case("weight_norm_kernel", nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 6, 3), dim=2), rand(1, 4, 9))
for _padding in ("zeros", "border", "reflection"):
    for _align in (False, True):
        case(f"grid_{_padding}_{_align}", lambda a, b, p=_padding, c=_align: F.grid_sample(a, b, padding_mode=p, align_corners=c), rand(2, 3, 5, 6), rand(2, 4, 3, 2) * 1.4)
case("grid_nearest", lambda a, b: F.grid_sample(a, b, mode="nearest", align_corners=False), rand(2, 3, 5, 6), rand(2, 4, 3, 2))

case("bicubic", lambda a: F.interpolate(a, size=(11, 20), mode="bicubic"), rand(1, 2, 8, 9))
case("bicubic_aligned", lambda a: F.interpolate(a, scale_factor=1.5, mode="bicubic", align_corners=True), rand(1, 2, 8, 9))
case("bicubic_factor", lambda a: F.interpolate(a, scale_factor=(0.6, 2.3), mode="bicubic"), rand(1, 2, 8, 9))
case("bicubic_smoothed", lambda a: F.interpolate(a, size=(5, 12), mode="bicubic", antialias=True), rand(1, 2, 13, 9))


# ---- Complex tensors inside a program that is real outside ----

x358 = rand(3, 5, 8)
phases = torch.polar(torch.ones(5, 4), rand(5, 4, low=-3.0, high=3.0))


class Rotary(nn.Module):
    """Rotary embedding as llama's first implementation has it: a complex buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("phases", phases)

    def forward(self, x):
        z = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
        return torch.view_as_real(z * self.phases).flatten(-2).type_as(x)


case("complex_rotary", Rotary(), x358)
case("complex_fourier_mixing", lambda a: torch.fft.fft(torch.fft.fft(a, dim=-1), dim=-2).real, x358)
case("complex_fft2", lambda a: torch.fft.fft2(a, norm="ortho").abs(), x358)
case("complex_fftn", lambda a: torch.fft.fftn(a, s=(4, 7), norm="forward").imag, x358)
case("complex_rfft_filter", lambda a: torch.fft.irfft(torch.fft.rfft(a) * 0.5, n=8), x358)
case("complex_irfft_odd", lambda a: torch.fft.irfft(torch.fft.rfft(a, dim=1), n=5, dim=1), x358)
case("complex_rfft2", lambda a: torch.fft.irfft2(torch.fft.rfft2(a), s=(5, 8)), x358)
case("complex_rfft_longer", lambda a: torch.view_as_real(torch.fft.rfft(a, n=12, dim=0)), x358)
case("complex_ifft", lambda a, b: torch.fft.ifft(torch.complex(a, b)).real, x358, rand(3, 5, 8))
case("complex_products", lambda a, b: torch.view_as_real(torch.complex(a, b) * torch.complex(b, a).conj() + a - torch.complex(a, a)), x34, y34)
case("complex_division", lambda a, b: torch.view_as_real(torch.complex(a, b) / torch.complex(b + 3, a)), x34, y34)
case("complex_matmul", lambda a, b: (torch.complex(a, b) @ torch.complex(b, a).mT).abs(), x34, y34)
case("complex_angle", lambda a, b: torch.complex(a + 2, b).angle() + torch.exp(torch.complex(a, b)).real, x34, y34)
case("complex_shapes", lambda a, b: torch.view_as_real(torch.cat([torch.complex(a, b).t()[1:], torch.complex(b, a).reshape(4, 3)]).sum(0)), x34, y34)
case("complex_stft", lambda a, w: torch.stft(a, 16, 4, window=w, return_complex=True).abs(), rand(2, 64), torch.hann_window(16))
case("complex_stft_short_window", lambda a, w: torch.view_as_real(torch.stft(a, 16, 8, 12, window=w, center=False, normalized=True, return_complex=True)),
     rand(2, 64), torch.hann_window(12))
