"""Samples of PyTorch's operator database as modules: what is exported, lowered, run and compared."""

import itertools
import random
import zlib

import torch
from torch import nn
from torch.utils import _pytree as pytree

DTYPES = {"float32": torch.float32, "float16": torch.float16, "int64": torch.int64, "bool": torch.bool}
# More samples than this of one operator and dtype differ in little.
MOST_SAMPLES = 60

# What each dtype is allowed relative to the largest magnitude of a result and to the element itself. Kernels of torch and ours
# add in different orders and round transcendental functions differently; a decomposition rounds once an operator.
TOLERANCES = {
    torch.float64: 1e-10,
    torch.float32: 2e-5,
    torch.float16: 4e-3,
    torch.bfloat16: 3e-2,
}
# On the engine, float64 inputs are computed in float32, as on a device.
CORE_ML_TOLERANCES = {**TOLERANCES, torch.float64: 2e-5}


class Sample(nn.Module):
    """An operator with the arguments of one sample; its tensors are the module's inputs."""

    def __init__(self, operator, spec, leaves):
        super().__init__()
        self.operator, self.spec = operator, spec
        self.leaves = [None if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
        self.places = [index for index, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]

    def forward(self, *tensors):
        leaves = list(self.leaves)
        for place, tensor in zip(self.places, tensors):
            leaves[place] = tensor
        input_value, args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        results = pytree.tree_leaves(self.operator(input_value, *args, **kwargs))
        return tuple(result for result in results if isinstance(result, torch.Tensor))


def name_of(op):
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def dtypes_of(op):
    supported = op.supported_dtypes("cpu")
    return [name for name, dtype in DTYPES.items() if dtype in supported]


def sample_count(op, dtype):
    return sum(1 for _ in samples(op, dtype))


def samples(op, dtype):
    """The same ones each time."""
    torch.manual_seed(1)
    random.seed(1)
    yield from itertools.islice(op.sample_inputs("cpu", DTYPES[dtype], requires_grad=False), MOST_SAMPLES)


def chosen(op, dtype, count, seed):
    """(index, sample) of at most `count` samples, in order."""
    everything = list(samples(op, dtype))
    choice = random.Random(zlib.crc32(f"{seed} {name_of(op)} {dtype}".encode()))
    indices = range(len(everything)) if count is None or count >= len(everything) else sorted(
        choice.sample(range(len(everything)), count))
    return [(index, everything[index]) for index in indices]


def module_of(op, sample):
    """(module, its inputs)"""
    leaves, spec = pytree.tree_flatten((sample.input, sample.args, sample.kwargs))
    tensors = [leaf.detach().clone(memory_format=torch.contiguous_format) for leaf in leaves if isinstance(leaf, torch.Tensor)]
    return Sample(op.op, spec, leaves).eval(), tuple(tensors)


def difference(found, wanted, tolerances):
    """What is wrong with the results; None when nothing is."""
    if len(found) != len(wanted):
        return f"{len(found)} results instead of {len(wanted)}"
    for index, (output, expected) in enumerate(zip(found, wanted)):
        if tuple(output.shape) != tuple(expected.shape) or output.dtype != expected.dtype:
            return f"result {index}: {output.dtype}{list(output.shape)} instead of {expected.dtype}{list(expected.shape)}"
        tolerance = tolerances.get(expected.dtype)
        if tolerance is None:
            same = output == expected
        else:
            a, b = output.double(), expected.double()
            finite = b[torch.isfinite(b)].abs()
            limit = tolerance * (float(finite.max()) if len(finite) else 0.0)
            same = torch.isclose(a, b, rtol=tolerance, atol=max(limit, tolerance * 1e-3), equal_nan=True)
        if not bool(same.all()):
            place = tuple(int(i) for i in (~same).nonzero()[0])
            return f"result {index} at {place}: {output[place].item()} instead of {expected[place].item()}"
    return None
