"""Softmax and normalisation: on the CPU in every dtype, delegated in both precisions, compared with torch."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from operator_groups import check
from tooling import needs_tool

pytestmark = needs_tool

G = torch.Generator().manual_seed(5)


def rand(*sizes, dtype=torch.float32):
    return (torch.rand(*sizes, generator=G) * 4 - 2).to(dtype)


def softmaxes(rank):
    functions = {}
    for dim in range(-1, rank):
        functions[f"softmax {dim}"] = lambda x, dim=dim: F.softmax(x, dim)
        functions[f"log_softmax {dim}"] = lambda x, dim=dim: F.log_softmax(x, dim)
    return functions


def trained(norm, dtype=torch.float32):
    """With weights and statistics that are not those of a new layer."""
    with torch.no_grad():
        for name, tensor in list(norm.named_parameters()) + list(norm.named_buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=G) + 0.5)
    return norm.eval().to(dtype)


class Layers(nn.ModuleList):
    """Layers as functions; a group registers them with the module that is exported."""

    def functions(self):
        return {str(layer): layer for layer in self}


def image_layers(dtype=torch.float32):
    return Layers(trained(norm, dtype) for norm in (
        nn.BatchNorm2d(6), nn.BatchNorm2d(6, affine=False), nn.BatchNorm2d(6, eps=0.1), nn.GroupNorm(3, 6), nn.GroupNorm(1, 6), nn.GroupNorm(6, 6, affine=False),
        nn.InstanceNorm2d(6), nn.InstanceNorm2d(6, affine=True), nn.LayerNorm((5, 7)), nn.LayerNorm(7, eps=1e-3), nn.LayerNorm(7, elementwise_affine=False),
        nn.LayerNorm((6, 5, 7), bias=False)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64], ids=str)
def test_softmax(dtype, tmp_path):
    check(softmaxes(4), [rand(2, 3, 5, 7, dtype=dtype)], "cpu", tmp_path)


def test_softmax_of_long_and_unusual_rows(tmp_path):
    x = rand(3, 3001) * 20
    x[1] = float("-inf")
    x[1, 7] = 3
    check(softmaxes(2) | {"scalar": lambda x: F.softmax(x[0, 0], 0), "bfloat16": lambda x: F.softmax(x.bfloat16(), 1)}, [x], "cpu", tmp_path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_layers_of_images(dtype, tmp_path):
    check(image_layers(dtype).functions(), [rand(2, 6, 5, 7, dtype=dtype)], "cpu", tmp_path)


def test_layers_of_channels_last_images(tmp_path):
    layers = image_layers().functions()
    names = [name for name in layers if name.startswith(("Batch", "Layer"))]
    check({name: lambda x, f=layers[name]: f(x.to(memory_format=torch.channels_last)) for name in names}, [rand(2, 6, 5, 7)], "cpu", tmp_path)


def test_half_layers(tmp_path):
    layers = Layers([trained(nn.LayerNorm(48), torch.float16), trained(nn.GroupNorm(2, 10), torch.float16), trained(nn.BatchNorm1d(10), torch.float16)])
    check(layers.functions(), [rand(3, 10, 48, dtype=torch.float16)], "cpu", tmp_path)


def test_other_ranks(tmp_path):
    layers = Layers(trained(norm) for norm in (nn.BatchNorm1d(8), nn.LayerNorm(8)))
    check(layers.functions(), [rand(5, 8)], "cpu", tmp_path)
    (tmp_path / "volume").mkdir()
    layers = Layers(trained(norm) for norm in (nn.BatchNorm3d(4), nn.GroupNorm(2, 4), nn.InstanceNorm3d(4)))
    check(layers.functions(), [rand(2, 4, 3, 5, 6)], "cpu", tmp_path / "volume")


def test_large_layers(tmp_path):
    layers = Layers(trained(norm) for norm in (nn.LayerNorm(3000), nn.LayerNorm(3000, elementwise_affine=False)))
    check(layers.functions(), [rand(9, 3000) + 1], "cpu", tmp_path)


def test_sizes_that_change(tmp_path):
    rows = torch.export.Dim("rows", min=1, max=64)
    check({**softmaxes(2), "layer_norm": lambda x: F.layer_norm(x, (8,))}, [rand(7, 8)], "cpu", tmp_path, ({0: rows},), [rand(40, 8)])


@pytest.mark.parametrize("mode", ["float32", "float16"])
def test_delegated(mode, tmp_path):
    functions = image_layers().functions() | softmaxes(4)
    functions |= {"l2": lambda x: F.normalize(x, dim=1), "local_response": lambda x: F.local_response_norm(x, 3)}
    check(functions, [rand(2, 6, 5, 7)], mode, tmp_path)
