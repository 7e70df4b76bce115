"""Products, convolutions, pooling and attention: small programs lowered and run by the tool, compared with torch.

Each case runs with its operators on the CPU and, where Core ML has its data type, delegated in both precisions.
"""

import functools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tooling import lower, needs_tool, pippin

pytestmark = needs_tool


class Function(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, *arguments):
        return self.body(*arguments)


def rand(*sizes, dtype=torch.float32):
    return torch.rand(sizes, dtype=torch.float32).mul(2).sub(1).to(dtype)


def ints(*sizes, dtype=torch.int64):
    return torch.randint(-5, 6, sizes, dtype=dtype)


def half(*sizes):
    return rand(*sizes, dtype=torch.float16)


def double(*sizes):
    return rand(*sizes, dtype=torch.float64)


def average(rank, *arguments, **options):
    return lambda x: getattr(F, f"avg_pool{rank}d")(x, *arguments, **options)


def largest(rank, *arguments, **options):
    return lambda x: getattr(F, f"max_pool{rank}d")(x, *arguments, **options)


def convolve(rank, **options):
    return lambda x, w, b: getattr(F, f"conv{rank}d")(x, w, b, **options)


MASK = torch.rand(7, 9) > 0.3
MASK[:, 0] = True

# name: (module or function, inputs)
CASES = {
    "mm": (torch.mm, [rand(33, 70), rand(70, 17)]),
    "mm_transposed": (lambda a, b: torch.mm(a.t(), b.t()), [rand(70, 33), rand(17, 70)]),
    "mm_row": (torch.mm, [rand(1, 300), rand(300, 130)]),
    "mm_half": (torch.mm, [half(9, 40), half(40, 6)]),
    "mm_double": (torch.mm, [double(9, 40), double(40, 6)]),
    "mm_int64": (torch.mm, [ints(5, 8), ints(8, 3)]),
    "mm_int32": (torch.mm, [ints(5, 8, dtype=torch.int32), ints(8, 3, dtype=torch.int32)]),
    "mm_no_depth": (torch.mm, [rand(4, 0), rand(0, 3)]),
    "bmm": (torch.bmm, [rand(3, 20, 31), rand(3, 31, 18)]),
    "bmm_half": (torch.bmm, [half(2, 5, 31), half(2, 31, 8)]),
    "matmul": (torch.matmul, [rand(2, 3, 4, 5), rand(3, 5, 6)]),
    "matmul_vector": (torch.matmul, [rand(4, 5), rand(5)]),
    "dot": (torch.dot, [rand(50), rand(50)]),
    "addmm": (lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=2), [rand(6), rand(4, 5), rand(5, 6)]),
    "addmm_full": (torch.addmm, [rand(4, 6), rand(4, 5), rand(5, 6)]),
    "addmm_int": (lambda c, a, b: torch.addmm(c, a, b, beta=3, alpha=2), [ints(4, 1), ints(4, 5), ints(5, 6)]),
    "baddbmm": (lambda c, a, b: torch.baddbmm(c, a, b, beta=0.5), [rand(2, 1, 6), rand(2, 4, 5), rand(2, 5, 6)]),
    "linear": (nn.Linear(40, 24), [rand(2, 7, 40)]),
    "linear_one_row": (nn.Linear(300, 500), [rand(1, 300)]),
    "linear_no_bias": (nn.Linear(40, 24, bias=False), [rand(40)]),
    "einsum": (lambda a, b: torch.einsum("bhid,bhjd->bhij", a, b), [rand(2, 3, 5, 8), rand(2, 3, 6, 8)]),
    "einsum_core_ml": (lambda a, b: torch.einsum("nchw,nwhu->nchu", a, b), [rand(2, 3, 4, 5), rand(2, 5, 4, 6)]),
    "cdist": (torch.cdist, [rand(2, 5, 8), rand(2, 7, 8)]),
    "cdist_p1": (lambda a, b: torch.cdist(a, b, p=1.0), [rand(5, 8), rand(7, 8)]),
    "pdist": (torch.pdist, [rand(6, 4)]),
    "conv2d": (nn.Conv2d(6, 20, 3, padding=1), [rand(2, 6, 13, 11)]),
    "conv2d_stride": (nn.Conv2d(3, 16, 7, stride=2, padding=3, bias=False), [rand(1, 3, 30, 32)]),
    "conv2d_dilation": (nn.Conv2d(4, 5, 3, dilation=2, padding=(2, 1)), [rand(1, 4, 12, 12)]),
    "conv2d_groups": (nn.Conv2d(6, 9, 3, groups=3, padding=1), [rand(2, 6, 8, 8)]),
    "conv2d_groups_relu": (nn.Sequential(nn.Conv2d(6, 12, 3, groups=2), nn.SiLU()), [rand(2, 6, 8, 9)]),
    "conv2d_depthwise": (nn.Conv2d(8, 8, 3, groups=8, padding=1), [rand(1, 8, 15, 17)]),
    "conv2d_depthwise_stride": (nn.Conv2d(8, 16, 5, groups=8, padding=2, stride=2), [rand(1, 8, 15, 17)]),
    "conv2d_pointwise": (nn.Conv2d(24, 40, 1), [rand(1, 24, 9, 9)]),
    "conv2d_same": (nn.Conv2d(3, 4, 4, padding="same"), [rand(1, 3, 9, 9)]),
    "conv2d_weights_as_inputs": (convolve(2, padding=1), [rand(1, 3, 6, 6), rand(4, 3, 3, 3), rand(4)]),
    "conv2d_half": (convolve(2, padding=1), [half(1, 3, 6, 6), half(4, 3, 3, 3), half(4)]),
    "conv2d_double": (convolve(2, stride=2), [double(1, 3, 7, 7), double(4, 3, 3, 3), double(4)]),
    "conv1d": (nn.Conv1d(5, 7, 4, stride=3, padding=2), [rand(2, 5, 29)]),
    "conv1d_unbatched": (nn.Conv1d(5, 7, 3), [rand(5, 29)]),
    "conv3d": (nn.Conv3d(2, 3, (2, 3, 3), padding=1), [rand(1, 2, 5, 6, 7)]),
    "conv_transpose2d": (nn.ConvTranspose2d(6, 5, 3, stride=2, padding=1), [rand(1, 6, 7, 8)]),
    "conv_transpose2d_output_padding": (nn.ConvTranspose2d(6, 5, 3, stride=2, padding=1, output_padding=1), [rand(1, 6, 7, 8)]),
    "conv_transpose2d_groups": (nn.ConvTranspose2d(6, 4, 4, stride=2, padding=1, groups=2), [rand(2, 6, 5, 5)]),
    "conv_transpose1d": (nn.ConvTranspose1d(3, 4, 5, stride=2, dilation=2), [rand(2, 3, 9)]),
    "max_pool2d": (largest(2, 3, 2, 1), [rand(2, 5, 16, 17)]),
    "max_pool2d_ceil": (largest(2, 3, 2, ceil_mode=True), [rand(1, 4, 10, 12)]),
    "max_pool2d_dilation": (largest(2, 2, 1, dilation=2), [rand(1, 4, 10, 12)]),
    "max_pool2d_indices": (largest(2, 2, return_indices=True), [rand(1, 4, 8, 8)]),
    "max_pool2d_int": (largest(2, 2), [ints(1, 2, 6, 6, dtype=torch.int32)]),
    "max_pool2d_half": (largest(2, 2), [half(1, 2, 6, 6)]),
    "max_pool1d": (largest(1, 3, 2, 1), [rand(2, 4, 17)]),
    "max_pool3d": (largest(3, 2), [rand(1, 2, 6, 6, 6)]),
    "avg_pool2d": (average(2, 3, 2, 1), [rand(2, 5, 16, 17)]),
    "avg_pool2d_without_padding": (average(2, 3, 2, 1, count_include_pad=False), [rand(2, 5, 16, 17)]),
    "avg_pool2d_ceil": (average(2, 3, 2, 1, ceil_mode=True), [rand(1, 2, 12, 12)]),
    "avg_pool2d_divisor": (average(2, 2, divisor_override=3), [rand(1, 2, 6, 6)]),
    "avg_pool2d_unbatched": (average(2, 2), [rand(3, 6, 6)]),
    "avg_pool2d_half": (average(2, 2), [half(1, 2, 6, 6)]),
    "avg_pool1d": (average(1, 4, 3, 1), [rand(2, 4, 17)]),
    "avg_pool3d": (average(3, 2, 1), [rand(1, 2, 4, 5, 6)]),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, (3, 5)), [rand(2, 3, 7, 11)]),
    "adaptive_avg_pool2d_one": (lambda x: F.adaptive_avg_pool2d(x, 1), [rand(2, 3, 7, 7)]),
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x, 4), [rand(2, 3, 10)]),
    "adaptive_max_pool2d": (lambda x: F.adaptive_max_pool2d(x, (2, 3)), [rand(1, 3, 8, 9)]),
    "attention": (F.scaled_dot_product_attention, [rand(2, 3, 7, 8), rand(2, 3, 9, 8), rand(2, 3, 9, 6)]),
    "attention_causal": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), [rand(1, 2, 50, 16)] * 3),
    "attention_mask": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, MASK), [rand(2, 3, 7, 8), rand(2, 3, 9, 8), rand(2, 3, 9, 8)]),
    "attention_bias": (F.scaled_dot_product_attention, [rand(1, 3, 7, 8), rand(1, 3, 9, 8), rand(1, 3, 9, 8), rand(1, 1, 7, 9)]),
    "attention_one_query": (F.scaled_dot_product_attention, [rand(1, 4, 1, 16), rand(1, 4, 70, 16), rand(1, 4, 70, 16)]),
    "multihead_attention": (nn.MultiheadAttention(16, 4, batch_first=True).eval(), [rand(2, 6, 16)] * 3),
}
# Composite operators without an out-variant: exported decomposed.
DECOMPOSED = {"cdist", "cdist_p1", "pdist", "einsum", "einsum_core_ml", "conv2d_same", "conv1d_unbatched", "max_pool1d", "max_pool3d"}
# Core ML has no places of maxima, and no other data types.
DELEGATED = [name for name, (_, inputs) in CASES.items()
             if name != "max_pool2d_indices" and all(x.dtype == torch.float32 for x in inputs)]
# target options, allowed difference relative to the largest magnitude
MODES = {
    "cpu": (["--no-delegate"], 1e-5),
    "float32": (["--compute-precision", "float32", "--minimum-deployment-target", "iOS18"], 1e-5),
    "float16": (["--minimum-deployment-target", "iOS18"], 1e-2),
}
PROGRAMS = [(name, mode) for name in CASES for mode in MODES if mode == "cpu" or name in DELEGATED]


@functools.lru_cache(maxsize=1)
def exported(name, folder):
    """The case's `.pt2` file, and what torch computes."""
    body, inputs = CASES[name]
    module = body if isinstance(body, nn.Module) else Function(body)
    with torch.no_grad():
        expected = module(*inputs)
        program = torch.export.export(module, tuple(inputs))
        if name in DECOMPOSED:
            program = program.run_decompositions()
    path = folder / f"{name}.pt2"
    torch.export.save(program, path)
    return path, [expected] if isinstance(expected, torch.Tensor) else list(expected)


def run(program, inputs, folder):
    options = []
    for i, tensor in enumerate(inputs):
        np.save(folder / f"input_{i}.npy", tensor.numpy())
        options += ["--input", f"@{folder / f'input_{i}.npy'}"]
    result = pippin("run", program, *options, "-o", folder / "outputs", "-q")
    assert result.returncode == 0, result.stderr
    return [np.load(folder / "outputs" / f"{i}.npy") for i in range(len(list((folder / "outputs").iterdir())))]


@pytest.mark.parametrize("name, mode", PROGRAMS)
def test_computes_what_torch_computes(name, mode, tmp_path, tmp_path_factory):
    source, expected = exported(name, tmp_path_factory.getbasetemp())
    options, tolerance = MODES[mode]
    inputs = CASES[name][1]
    outputs = run(lower(source, tmp_path / "program.pte", *options), inputs, tmp_path)
    assert len(outputs) == len(expected)
    for output, tensor in zip(outputs, expected):
        wanted = tensor.numpy()
        assert output.shape == wanted.shape and output.dtype == wanted.dtype
        if wanted.dtype.kind in "iub":
            assert (output == wanted).all()
            continue
        if wanted.dtype == np.float16:
            tolerance = max(tolerance, 2e-3)
        difference = np.abs(output.astype(np.float64) - wanted.astype(np.float64))
        assert difference.max(initial=0) <= tolerance * max(1, np.abs(wanted).max(initial=0))
