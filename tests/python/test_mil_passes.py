"""Graph passes: what is written out in a model becomes one operation, and computes the same."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from mil_reference import MilReference
from tooling import lower, needs_tool

pytestmark = needs_tool


def function(body):
    class Module(nn.Module):
        def forward(self, *arguments):
            return body(*arguments)

    return Module()


class Constants(nn.Module):
    """A function of the input and of named constants."""

    def __init__(self, body, **constants):
        super().__init__()
        self.body = body
        for name, value in constants.items():
            self.register_buffer(name, value)

    def forward(self, x):
        return self.body(self, x)


def centred(x):
    return x - x.mean(-1, keepdim=True)


ROOT = math.sqrt(2 / math.pi)
C = 6
# name -> (module, operations that are left, in order)
CASES = {
    "gelu": (function(lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))), ["gelu"]),
    "gelu_other_order": (function(lambda x: x * ((torch.erf(x * math.sqrt(0.5)) + 1) * 0.5)), ["gelu"]),
    "gelu_tanh": (function(lambda x: 0.5 * x * (1 + torch.tanh(ROOT * (x + 0.044715 * torch.pow(x, 3.0))))), ["gelu"]),
    "gelu_tanh_products": (function(lambda x: (1 + torch.tanh(ROOT * (0.044715 * x * x * x + x))) * x * 0.5), ["gelu"]),
    "no_gelu": (function(lambda x: 0.4 * x * (1 + torch.erf(x / math.sqrt(2)))), None),
    "no_gelu_of_another": (function(lambda x: 0.5 * x * (1 + torch.erf((x + 1) / math.sqrt(2)))), None),
    "layer_norm": (function(lambda x: centred(x) / torch.sqrt((centred(x) ** 2).mean(-1, keepdim=True) + 1e-3)), ["layer_norm"]),
    "layer_norm_rsqrt": (function(lambda x: centred(x) * torch.rsqrt(centred(x).square().mean(-1, keepdim=True) + 1e-3)), ["layer_norm"]),
    "layer_norm_affine": (Constants(
        lambda m, x: centred(x) * ((centred(x) * centred(x)).mean(-1, keepdim=True) + 1e-3).pow(-0.5) * m.gamma + m.beta,
        gamma=torch.rand(C) + 0.5, beta=torch.randn(C)), ["layer_norm"]),
    "layer_norm_two_axes": (function(
        lambda x: (x - x.mean((-2, -1), keepdim=True)) / torch.sqrt(
            ((x - x.mean((-2, -1), keepdim=True)) ** 2).mean((-2, -1), keepdim=True) + 1e-3)), ["layer_norm"]),
    "no_layer_norm_of_leading_axis": (function(
        lambda x: (x - x.mean(0, keepdim=True)) / torch.sqrt(((x - x.mean(0, keepdim=True)) ** 2).mean(0, keepdim=True) + 1e-3)), None),
    "no_layer_norm_without_mean": (function(lambda x: x * torch.rsqrt((x ** 2).mean(-1, keepdim=True) + 1e-3)), None),
    "linear_bias": (Constants(lambda m, x: x @ m.weight + m.bias, weight=torch.randn(C, 3), bias=torch.randn(3)), ["linear"]),
    "linear_bias_row": (Constants(lambda m, x: m.bias + nn.functional.linear(x, m.weight), weight=torch.randn(3, C), bias=torch.randn(1, 1, 3)),
                        ["linear"]),
    "no_linear_bias": (Constants(lambda m, x: x @ m.weight + m.bias, weight=torch.randn(C, 3), bias=torch.randn(4, 1)), ["linear", "add"]),
    "conv_bias": (Constants(lambda m, x: nn.functional.conv1d(x, m.weight) + m.bias, weight=torch.randn(3, 4, 2), bias=torch.randn(3, 1)), ["conv"]),
    "no_conv_bias": (Constants(lambda m, x: nn.functional.conv1d(x, m.weight) + m.bias, weight=torch.randn(3, 4, 2), bias=torch.randn(3, 5)),
                     ["conv", "add"]),
    "transposes": (function(lambda x: x.permute(2, 0, 1).permute(0, 2, 1).relu()), ["transpose", "relu"]),
    "transposes_undone": (function(lambda x: x.transpose(1, 2).transpose(2, 1).relu()), ["relu"]),
    "reshapes": (function(lambda x: x.reshape(8, C).reshape(2, 4 * C).relu()), ["reshape", "relu"]),
}


@pytest.mark.parametrize("name", CASES)
def test_pass(name, tmp_path):
    torch.manual_seed(0)
    module, wanted = CASES[name]
    x = torch.randn(2, 4, C)
    program = torch.export.export(module.eval(), (x,))
    torch.export.save(program, tmp_path / "model.pt2")
    model = MilReference(lower(tmp_path / "model.pt2", tmp_path / "model.mlpackage", "--compute-precision", "float32"))
    if wanted is None:
        assert not {"gelu", "layer_norm"} & set(model.operation_types())
    else:
        assert model.operation_types() == wanted
    result, = model({name: x.numpy() for name in model.inputs}).values()
    np.testing.assert_allclose(result, module(x).numpy(), rtol=2e-4, atol=2e-4)
