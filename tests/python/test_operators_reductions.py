"""Reductions and running sums: on the CPU in every dtype, delegated in both precisions, compared with torch."""

import math

import pytest
import torch

from operator_groups import check
from tooling import needs_tool

pytestmark = needs_tool

G = torch.Generator().manual_seed(4)


def steps(*sizes, dtype=torch.float32):
    """Multiples of 1/8, every one once if there are no more than 256, so that extrema have one place."""
    count = math.prod(sizes)
    values = torch.randperm(max(count, 256), generator=G)[:count] % 256 - 128
    return (values / 8).reshape(sizes).to(dtype)


def over(dims, keep):
    return {
        f"sum {dims}": lambda x: x.sum(dims, keepdim=keep),
        f"mean {dims}": lambda x: x.mean(dims, keepdim=keep),
        f"amax {dims}": lambda x: x.amax(dims, keepdim=keep),
        f"amin {dims}": lambda x: x.amin(dims, keepdim=keep),
    }


def variances(dims, keep):
    return {
        f"var {dims}": lambda x: x.var(dims, keepdim=keep),
        f"var 0 {dims}": lambda x: x.var(dims, correction=0, keepdim=keep),
        f"std {dims}": lambda x: x.std(dims, keepdim=keep),
        f"var_mean {dims}": lambda x: torch.var_mean(x, dims, keepdim=keep),
        f"logsumexp {dims}": lambda x: torch.logsumexp(x, dims, keepdim=keep),
        f"norm {dims}": lambda x: torch.linalg.vector_norm(x, 2, dims, keepdim=keep),
        f"norm 1 {dims}": lambda x: torch.linalg.vector_norm(x, 1, dims, keepdim=keep),
    }


def without_norms(functions):
    """ExecuTorch has no out-variants of norms."""
    return {name: function for name, function in functions.items() if not name.startswith("norm")}


def along(dim):
    return {
        f"argmax {dim}": lambda x: x.argmax(dim),
        f"argmin {dim}": lambda x: x.argmin(dim, keepdim=True),
        f"max {dim}": lambda x: x.max(dim),
        f"min {dim}": lambda x: x.min(dim, keepdim=True),
        f"cumsum {dim}": lambda x: x.cumsum(dim),
        f"prod {dim}": lambda x: (x / 16).prod(dim),
    }


def truths(dims):
    return {f"any {dims}": lambda x: (x > 12).any(dims), f"all {dims}": lambda x: (x > -12).all(dims, keepdim=True)}


WHOLE = {
    "sum": torch.sum, "mean": torch.mean, "max": torch.max, "min": torch.min, "argmax": torch.argmax, "argmin": torch.argmin, "var": torch.var,
    "any": lambda x: (x > 3).any(), "all": lambda x: (x > 3).all(), "prod": lambda x: (x / 16).prod(), "sum_square": lambda x: (x * x).sum(),
}
DIMENSIONS = [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2), (-1,)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64], ids=str)
def test_floats(dtype, tmp_path):
    functions = dict(WHOLE)
    for i, dims in enumerate(DIMENSIONS):
        functions |= over(dims, i % 2 == 0) | truths(dims)
        if dtype != torch.float16:  # which torch sums after rounding the squares
            functions |= without_norms(variances(dims, i % 2 == 1))
    for dim in range(-1, 3):
        functions |= along(dim)
    if dtype == torch.float16:
        functions.pop("sum_square")
    check(functions, [steps(4, 8, 8, dtype=dtype)], "cpu", tmp_path)


def test_bfloat16(tmp_path):
    functions = {}
    for dims in [(0,), (1, 2), (-1,)]:
        functions |= over(dims, False)
    functions |= {"argmax": lambda x: x.argmax(1), "max": lambda x: x.max(2)[0], "cumsum": lambda x: x.cumsum(2)}
    check({name: lambda x, f=function: f(x.bfloat16()) for name, function in functions.items()}, [steps(4, 8, 8)], "cpu", tmp_path)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool], ids=str)
def test_integers(dtype, tmp_path):
    x = torch.randperm(4 * 6 * 10, generator=G).reshape(4, 6, 10)
    x = (x % 2).bool() if dtype == torch.bool else (x + (0 if dtype == torch.uint8 else -100)).to(dtype)
    functions = {
        "sum": torch.sum, "sum 0": lambda x: x.sum(0), "sum float": lambda x: x.sum(1, dtype=torch.float32), "mean": lambda x: x.float().mean((0, 2)),
        "mean dtype": lambda x: x.mean(1, dtype=torch.float32), "prod": lambda x: x[:2, :2, :2].prod(1), "any": lambda x: x.any(1), "all": lambda x: x.all(),
        "amax": lambda x: x.amax((0, 1)), "amin": lambda x: x.amin(2), "cumsum": lambda x: x.cumsum(1),
    }
    if dtype != torch.bool:
        functions |= {"argmax": lambda x: x.argmax(1), "max": lambda x: x.max(2), "min": lambda x: x.min(0), "argmin all": lambda x: x.argmin()}
    check(functions, [x], "cpu", tmp_path)


def test_nan_is_an_extremum(tmp_path):
    x = steps(4, 8)
    x[1, 3] = x[2, 0] = math.nan
    x[3, 5] = math.inf
    check({"amax": lambda x: x.amax(1), "amin": lambda x: x.amin(0), "max": lambda x: x.max(1), "argmin": lambda x: x.argmin(0), "max all": torch.max,
           "logsumexp": lambda x: x.logsumexp(1), "sum": lambda x: x.sum(0)}, [x], "cpu", tmp_path)


def test_long_and_unusual_shapes(tmp_path):
    x = (torch.rand(3, 5000, generator=G) * 2 - 1)
    check({**over((1,), False), **over((0,), False), "var": lambda x: x.var(1), "cumsum": lambda x: x.cumsum(1), "argmax": lambda x: x.argmax(1),
           "transposed": lambda x: x.t().contiguous().sum(0), "argmax transposed": lambda x: x.t().contiguous().argmax(0)}, [x], "cpu", tmp_path)
    (tmp_path / "scalar").mkdir()
    check({"sum": torch.sum, "mean": torch.mean, "argmax": torch.argmax, "max": lambda x: x.max(0), "amax": lambda x: x.amax(-1), "cumsum": lambda x: x.cumsum(0)},
          [torch.tensor(3.5)], "cpu", tmp_path / "scalar")
    (tmp_path / "empty").mkdir()
    check({"sum": lambda x: x.sum(1), "prod": lambda x: x.prod(1), "mean": lambda x: x.mean(1), "any": lambda x: x.any(1)}, [torch.zeros(2, 0)], "cpu", tmp_path / "empty")


def test_sizes_that_change(tmp_path):
    rows = torch.export.Dim("rows", min=1, max=64)
    check({**over((0,), False), **over((1,), True), **along(1), **along(0)}, [steps(7, 5)], "cpu", tmp_path, ({0: rows},), [steps(51, 5)])


@pytest.mark.parametrize("mode", ["float32", "float16"])
def test_delegated(mode, tmp_path):
    functions = {}
    for i, dims in enumerate(DIMENSIONS):
        functions = functions | over(dims, i % 2 == 0) | (variances(dims, i % 2 == 1) if mode == "float32" else {})
    for dim in range(-1, 3):
        functions |= along(dim)
    functions |= {"sum": torch.sum, "mean": torch.mean, "any": lambda x: (x > 3).any(1), "cumsum": lambda x: x.cumsum(0)}
    check(functions, [steps(4, 8, 8)], mode, tmp_path)


def test_delegated_integers(tmp_path):
    x = (torch.randperm(4 * 6 * 10, generator=G).reshape(4, 6, 10) - 100).to(torch.int32)
    check({"sum": lambda x: x.sum(1, dtype=torch.int32), "amax": lambda x: x.amax(2), "amin": lambda x: x.amin((0, 1)), "argmax": lambda x: x.argmax(1)},
          [x], "float32", tmp_path)
