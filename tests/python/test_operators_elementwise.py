"""Element-wise operators: on the CPU in every dtype, delegated in both precisions, compared with torch."""

import math

import pytest
import torch
from torch.nn import functional as F

from operator_groups import check
from tooling import needs_tool

pytestmark = needs_tool

G = torch.Generator().manual_seed(3)
FLOATS = [torch.float32, torch.float16, torch.bfloat16, torch.float64]
INTEGERS = [torch.int32, torch.int64, torch.uint8, torch.int16, torch.bool]
SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 0.5, 1.5, 2.5, -0.5, 1.0, -1.0, 100.0]


def steps(*sizes, low=-4, high=4, dtype=torch.float32):
    """Multiples of 1/16: exact in every float dtype, so that roundings and comparisons have one answer."""
    return (torch.randint(low * 16, high * 16 + 1, sizes, generator=G) / 16).to(dtype)


def whole(*sizes, dtype, low=-20, high=20):
    if dtype == torch.bool:
        return torch.randint(0, 2, sizes, generator=G).bool()
    if dtype == torch.uint8:
        low = max(low, 0)
    return torch.randint(low, high, sizes, generator=G).to(dtype)


UNARY = {name: getattr(torch, name) for name in (
    "abs acos acosh asin asinh atan atanh ceil cos cosh erf exp exp2 expm1 floor isinf isnan log log10 log1p log2 logical_not neg "
    "reciprocal relu round rsqrt sigmoid sign sin sinh sqrt square tan tanh trunc").split()}
ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "elu": lambda x: F.elu(x, alpha=0.7),
    "selu": F.selu,
    "celu": lambda x: F.celu(x, alpha=1.3),
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "hardtanh": lambda x: F.hardtanh(x, -0.5, 1.25),
    "relu6": F.relu6,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "logsigmoid": F.logsigmoid,
    "glu": lambda x: F.glu(x, 0),
    "logit": lambda x: torch.logit(x, eps=0.125),
    "clamp": lambda x: x.clamp(-0.5, 1.75),
    "clamp_min": lambda x: x.clamp(min=0.25),
    "clamp_max": lambda x: x.clamp(max=0.25),
    "pow_2": lambda x: x ** 2,
    "pow_3": lambda x: x ** 3,
    "two_pow": lambda x: 2 ** x,
    "rsub": lambda x: 1.5 - x,
    "add_number": lambda x: x + 0.75,
    "mul_number": lambda x: x * -2.5,
    "div_number": lambda x: x / 4,
    "compare_number": lambda x: [x > 0.5, x >= 0.5, x < 0.5, x <= 0.5, x == 0.5, x != 0.5],
    "masked_fill": lambda x: x.masked_fill(x > 0, -3.0),
}
BINARY = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum, "minimum": torch.minimum,
    "add_alpha": lambda x, y: torch.add(x, y, alpha=2), "sub_alpha": lambda x, y: torch.sub(x, y, alpha=3),
    "div_floor": lambda x, y: torch.div(x, y, rounding_mode="floor"), "div_trunc": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
    "floor_divide": torch.floor_divide, "remainder": torch.remainder, "fmod": torch.fmod, "atan2": torch.atan2,
    "eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge,
    "logical_and": torch.logical_and, "logical_or": torch.logical_or, "logical_xor": torch.logical_xor,
    "where": lambda x, y: torch.where(x > y, x, y), "clamp_tensor": lambda x, y: torch.clamp(x, y, y + 1),
    "clamp_tensor_min": lambda x, y: torch.clamp(x, min=y),
}
BITS = {
    "and": torch.bitwise_and, "or": torch.bitwise_or, "xor": torch.bitwise_xor,
    "not": lambda x, y: torch.bitwise_not(x), "and_number": lambda x, y: x & 3, "or_number": lambda x, y: x | 4, "xor_number": lambda x, y: x ^ 5,
    "left": lambda x, y: torch.bitwise_left_shift(x, y % 5), "right": lambda x, y: torch.bitwise_right_shift(x, 1),
}


def without(functions, *names):
    return {name: function for name, function in functions.items() if name not in names}


def only(functions, names):
    return {name: functions[name] for name in names.split()}


def in_dtype(functions, dtype):
    """bfloat16, which `.npy` files do not have, is reached by a cast in the program."""
    if dtype != torch.bfloat16:
        return functions
    return {name: lambda *inputs, f=function: f(*(x.to(dtype) for x in inputs)) for name, function in functions.items()}


def stored(tensor, dtype):
    return tensor if dtype == torch.bfloat16 else tensor.to(dtype)


# ---- On the CPU ----


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_functions_of_one_float(dtype, tmp_path):
    x = torch.cat([torch.tensor(SPECIAL), steps(1012)]).reshape(32, 32)
    # torch itself computes these in half precision step by step, or without a compiled function.
    coarse = () if dtype in (torch.float32, torch.float64) else ("selu", "celu", "mish", "logsigmoid", "hardswish", "softsign", "tan")
    functions = without({**UNARY, **ACTIVATIONS}, *coarse)
    check(in_dtype(functions, dtype), [stored(x, dtype)], "cpu", tmp_path)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_functions_of_one_integer(dtype, tmp_path):
    names = "abs neg sign square relu ceil floor trunc round" if dtype not in (torch.bool, torch.uint8) else "sign" if dtype == torch.bool else "sign square"
    floats = "acos asinh atan cos cosh erf exp expm1 isinf isnan log log1p logical_not reciprocal rsqrt sigmoid sin sqrt tanh"
    functions = only(UNARY, names + " " + floats)
    functions |= {"add_number": lambda x: x + 0.5, "mul_number": lambda x: x * 3, "compare_number": lambda x: [x > 1, x == 2.5]}
    if dtype != torch.bool:
        functions |= {"clamp": lambda x: x.clamp(2, 9), "clamp_min": lambda x: x.clamp(min=3), "rsub": lambda x: 5 - x, "pow": lambda x: x ** 2,
                      "remainder": lambda x: x % 7, "floor_div": lambda x: x // 3, "fmod": lambda x: torch.fmod(x, 7)}
    check(functions, [whole(7, 13, dtype=dtype, low=-9, high=12)], "cpu", tmp_path)


@pytest.mark.parametrize("dtype, shapes", [(dtype, ((6, 50), (6, 50))) for dtype in FLOATS] + [
    (torch.float32, ((4, 5, 6), (5, 1))), (torch.float16, ((3, 1, 300), (4, 1))), (torch.float32, ((), (5,)))], ids=str)
def test_functions_of_two_floats(dtype, shapes, tmp_path):
    x, y = (stored(steps(*shape), dtype) for shape in shapes)
    check(in_dtype({**BINARY, "pow": lambda a, b: a.abs() ** b}, dtype), [x, y], "cpu", tmp_path)


@pytest.mark.parametrize("dtypes", [(torch.int64, torch.int64), (torch.int32, torch.int64), (torch.uint8, torch.int8), (torch.int16, torch.int16)], ids=str)
def test_functions_of_two_integers(dtypes, tmp_path):
    x, y = whole(9, 17, dtype=dtypes[0]), whole(17, dtype=dtypes[1], low=1, high=9)
    check({**without(BINARY, "atan2"), **BITS, "pow": lambda a, b: a ** (b % 3)}, [x, y], "cpu", tmp_path)


def test_functions_of_two_bools(tmp_path):
    x, y = whole(9, 17, dtype=torch.bool), whole(9, 1, dtype=torch.bool)
    names = "add mul maximum minimum eq ne lt le gt ge logical_and logical_or logical_xor where"
    check({**only(BINARY, names), **only(BITS, "and or xor not")}, [x, y], "cpu", tmp_path)


@pytest.mark.parametrize("dtypes", [(torch.int64, torch.float32), (torch.float16, torch.float32), (torch.bool, torch.float16), (torch.bool, torch.int32)], ids=str)
def test_dtypes_are_promoted(dtypes, tmp_path):
    x, y = ((steps(8, 9) if dtype.is_floating_point else whole(8, 9, dtype=dtype, low=1)).to(dtype) for dtype in dtypes)
    y = torch.where(y == 0, torch.ones_like(y), y)
    skipped = ("sub", "sub_alpha", "remainder", "fmod", "div_floor", "div_trunc", "floor_divide", "clamp_tensor", "clamp_tensor_min")
    check(without(BINARY, *(skipped if torch.bool in dtypes else ())), [x, y], "cpu", tmp_path)


def test_any_order_of_dimensions(tmp_path):
    image = steps(2, 5, 6, 7)
    functions = {name: lambda x, f=function: f(x.to(memory_format=torch.channels_last)) for name, function in
                 {"add": lambda x: x + x, "relu": torch.relu, "exp": torch.exp, "channels": lambda x: x * torch.arange(5.0).reshape(5, 1, 1)}.items()}
    check(functions, [image], "cpu", tmp_path)


def test_no_elements(tmp_path):
    check({"add": lambda x: x + 1, "exp": torch.exp, "greater": lambda x: x > 0}, [torch.zeros(3, 0, 2)], "cpu", tmp_path)


def test_sizes_that_change(tmp_path):
    rows = torch.export.Dim("rows", min=1, max=64)
    functions = {"add": lambda x, y: x + y, "relu": lambda x, y: x.relu(), "compare": lambda x, y: x > y, "where": lambda x, y: torch.where(x > 0, x, y)}
    check(functions, [steps(7, 5), steps(1, 5)], "cpu", tmp_path, ({0: rows}, None), [steps(64, 5), steps(1, 5)])


# ---- Delegated ----

# Near poles and limits half precision has other answers.
SINGLE_ONLY = ("tan", "acosh", "atanh", "reciprocal", "rsqrt", "log1p", "expm1", "log", "log2", "log10", "exp2", "sinh", "cosh", "exp", "two_pow")


@pytest.mark.parametrize("mode", ["float32", "float16"])
def test_delegated_functions_of_one_float(mode, tmp_path):
    functions = without({**UNARY, **ACTIVATIONS}, "isnan", "isinf", *(SINGLE_ONLY if mode == "float16" else ()))
    check({**functions, "positive": lambda x: [torch.log(x.abs() + 0.5), torch.rsqrt(x.abs() + 1), torch.exp(-x.abs())]}, [steps(4, 6, 10)], mode, tmp_path)


@pytest.mark.parametrize("mode", ["float32", "float16"])
@pytest.mark.parametrize("shapes", [((6, 50), (6, 50)), ((2, 3, 1, 40), (3, 4, 1))], ids=str)
def test_delegated_functions_of_two_floats(mode, shapes, tmp_path):
    x, y = (steps(*shape) for shape in shapes)
    y = torch.where(y == 0, 1.0, y)
    check(without(BINARY, *(("remainder", "fmod", "div_floor", "div_trunc", "floor_divide") if mode == "float16" else ())), [x, y], mode, tmp_path)


def test_delegated_functions_of_integers(tmp_path):
    x, y = whole(9, 17, dtype=torch.int32), whole(17, dtype=torch.int32, low=1, high=9)
    one = {name: lambda a, b, f=function: f(a) for name, function in only(UNARY, "abs neg sign square relu").items()}
    check({**without(BINARY, "atan2"), **one}, [x, y], "float32", tmp_path)
