"""Operators that move, index, create, sort and resample: on the CPU operators of the runtime, and in Core ML delegates on the
engine, compared with PyTorch. Each program holds a group of operators."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F
from torch import nn

import tooling

pytestmark = tooling.needs_tool
aten = torch.ops.aten
GENERATOR = torch.Generator().manual_seed(5)


def floats(*shape):
    return torch.rand(*shape, generator=GENERATOR) * 4 - 2


def integers(low, high, *shape):
    return torch.randint(low, high, shape, generator=GENERATOR)


GROUPS = {}


def group(*inputs, **options):
    """A group of operators: a function of the inputs that returns a list of results."""

    def add(function):
        GROUPS[function.__name__] = (function, inputs, options)
        return function

    return add


@group(floats(2, 3, 4), integers(-9, 9, 4, 1), floats(1, 3, 1, 2))
def views(x, i, y):
    return [
        x.permute(2, 0, 1), x.transpose(0, 2), x[0].t(), x.unsqueeze(1), y.squeeze(), y.squeeze(0),
        torch.squeeze(y, [0, 2]), y.expand(2, 3, 4, 2), i.expand(-1, 5), x.repeat(2, 1, 3, 2), i.repeat(2, 3),
        x[:, 1:, ::2], x[:, :, -3:-1], x.select(1, -1), aten.narrow_copy(x, 2, 1, 2), x.flip(0, 2), i.flip(0),
        torch.diagonal(x, 1, 1, 2), torch.diagonal(x, -1, 0, 2), x.unfold(2, 3, 1), x.unfold(1, 2, 1),
        x.reshape(4, 6), x.flatten(1),
    ]


@group(floats(2, 3, 4), floats(2, 1, 4), integers(-9, 9, 3))
def joining(x, y, i):
    return [
        torch.cat([x, y], 1), torch.cat([x, x, x], -1), torch.cat([y, x], 1), torch.stack([i, i.flip(0)], 0), torch.stack([x, x], -1),
        *x.split(2, 2), *x.split([1, 2], 1), *x.unbind(0), *x.chunk(3, 2),
        x.roll(1, 0), x.roll((1, -2), (1, 2)), x.roll(5), i.roll(-1), torch.slice_scatter(x, y, 1, 2, 3), torch.select_scatter(x, y[:, 0], 1, 1),
        torch.cat([i.float(), x[0, :, 0]]),
    ]


@group(floats(2, 3, 5), floats(1, 2, 4, 5), floats(1, 1, 3, 4, 4))
def padding(x, image, volume):
    return [
        torch.constant_pad_nd(x, (1, 2)), torch.constant_pad_nd(x, (1, -2, 0, 3), 2.5), torch.constant_pad_nd(image, (0, 1, 2, 3, 1, 0)),
        aten.reflection_pad1d(x, (2, 1)), aten.reflection_pad2d(image, (2, 1, 3, 2)), aten.replication_pad1d(x, (2, 0)),
        aten.replication_pad2d(image, (0, 3, 1, 2)), aten.replication_pad3d(volume, (1, 0, 2, 1, 0, 2)), aten.reflection_pad3d(volume, (1, 3, 2, 1, 0, 2)),
        torch.constant_pad_nd(image, (-1, -1)),
    ]


@group(floats(4, 3, 5), integers(-4, 4, 2, 3), integers(0, 3, 6))
def reading(x, i, j):
    return [
        x[i], x[:, j], x[:, :, j], x[i[0], j[:3]], x[i[0], :, j[:3]], x[:, j[:2], j[1:3]], x.index_select(1, j), x.index_select(0, j),
        torch.gather(x, 1, j.reshape(1, 6, 1).expand(4, 6, 5)), torch.gather(x, 2, j.reshape(1, 3, 2)), F.embedding(j, x[:, :, 0]),
    ]


@group(floats(4, 3), integers(0, 4, 5), integers(0, 3, 4, 3), floats(5, 3))
def writing(x, i, j, values):
    put = x.clone()
    put[:, 1] = 7.0
    put[1:3] = values[:2]
    return [
        put, torch.index_put(x, (torch.tensor([2, 0]),), values[:2]), torch.index_put(x, (i,), values, accumulate=True),
        torch.index_put(x, (i[:4], j[:, 0]), values[:4, 0], True), x.scatter(1, j[:, :1], values[:4, :1]), x.scatter(0, j[:1], 2.5),
        x.scatter_add(1, j, values[:4]), torch.index_put(x, (torch.tensor([[0], [2]]), torch.tensor([1, 2])), values[0, 0]),
    ]


@group(floats(3, 6), integers(0, 50, 4, 3))
def sorting(x, i):
    largest, smallest = torch.topk(x, 2, 1), torch.topk(x, 3, -1, largest=False)
    return [*torch.sort(x, 1, descending=True), *torch.sort(x, 0), *largest, *smallest, torch.sort(i, 0)[0], torch.topk(x.t(), 2, 0)[0]]


@group(floats(3, 4), integers(1, 9, 2, 3))
def creation(x, i):
    return [
        torch.tril(x), torch.triu(x, 1), torch.tril(x, -1), torch.triu(x.t(), -1), torch.full_like(x, 3.0), torch.zeros_like(i), torch.ones_like(x),
        torch.cat([x[0], torch.arange(5).float()]), torch.cat([i[0], torch.arange(1, 9, 3)]), torch.cat([x[0], torch.arange(0.5, 2, 0.4)]),
        torch.cat([x, torch.full((2, 4), 1.5), torch.zeros(1, 4), torch.ones(2, 4)]), torch.stack([torch.tensor(2.5), x[0, 0]]),
    ]


@group(floats(1, 4, 6, 5), floats(2, 8, 3, 4))
def images(x, y):
    return [
        F.pixel_shuffle(y, 2), F.pixel_unshuffle(x[:, :, :, :4], 2), F.interpolate(x, scale_factor=2), F.interpolate(x, size=(12, 15)),
        F.interpolate(x, size=(9, 10), mode="bilinear"), F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
        F.interpolate(x, scale_factor=3, mode="bilinear"),
    ]


@group(floats(1, 2, 6, 5), floats(1, 4, 3, 2) * 0.7, delegate=False)
def sampling(x, grid):
    results = [F.interpolate(x, size=(3, 4)), F.interpolate(x, size=(3, 2), mode="bilinear"), F.interpolate(x, scale_factor=(0.6, 1.7))]
    for mode, padding, align in itertools.product(range(3), range(3), (False, True)):
        results.append(aten.grid_sampler_2d(x, grid, mode, padding, align))
    return results


@group(floats(2, 3, 6, 5), floats(2, 4, 3, 2) * 0.7, cpu=False)
def grids(x, grid):
    return [F.grid_sample(x, grid, "bilinear", padding, align) for padding in ("zeros", "border", "reflection") for align in (False, True)]


LAYERS = nn.ModuleList([nn.LSTM(3, 4), nn.LSTM(3, 4, bidirectional=True), nn.LSTM(3, 4, num_layers=2)])


@group(floats(5, 2, 3), cpu=False)
def recurrent(x):
    return [value for layer in LAYERS for value in (lambda sequence, state: (sequence, *state))(*layer(x))]


@group(
    integers(0, 2, 3, 4).bool(), floats(3, 4).double(), integers(-100, 100, 3, 4).to(torch.int8), floats(3, 4).half(),
    integers(0, 200, 3, 4).to(torch.uint8), integers(-9, 9, 3, 4).to(torch.int16), delegate=False,
)  # fmt: skip
def dtypes(*tensors):
    results = []
    for x in tensors:
        results += [
            x.t(), x[:, 1:3], x.flip(0), torch.cat([x, x], 1), x[torch.tensor([2, 0])], x.repeat(2, 1), torch.tril(x), x.roll(1, 1),
            x.gather(1, torch.tensor([[0], [3], [1]])), torch.constant_pad_nd(x, (1, 1)),
        ]  # fmt: skip
        if x.dtype != torch.bool:
            results += [*torch.topk(x, 2), torch.full_like(x, 3), *torch.sort(x, 0)]
    return results


@group(floats(3, 4), integers(0, 2, 3, 4).bool(), delegate=False)
def data_dependent(x, mask):
    return [torch.nonzero(x), torch.masked_select(x, mask), x[mask], torch.index_put(x, (mask,), torch.tensor(9.0))]


@group(torch.zeros(0, 3), torch.tensor(2.5), integers(0, 1, 0), delegate=False)
def nothing_and_scalars(empty, scalar, none):
    return [
        torch.cat([empty, torch.ones(2, 3)]), empty.t(), torch.constant_pad_nd(empty, (1, 1, 1, 0)), empty.flip(0), torch.arange(3.0)[none], scalar.expand(2, 2),
        scalar.repeat(3), scalar.unsqueeze(0), torch.stack([scalar, scalar]), torch.sort(scalar)[0], torch.topk(scalar, 1)[1], scalar.reshape(1, 1),
        torch.gather(scalar, 0, torch.tensor(0)),
    ]


class Group(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.layers = LAYERS if function is recurrent else None

    def forward(self, *inputs):
        return tuple(self.function(*inputs))


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Exported programs with their inputs and results, made once for each group."""
    made = {}

    def make(name):
        if name not in made:
            function, inputs, _ = GROUPS[name]
            folder = tmp_path_factory.mktemp(name)
            module = Group(function).eval()
            with torch.no_grad():
                torch.export.save(torch.export.export(module, inputs), str(folder / "model.pt2"))
                expected = module(*inputs)
            for index, value in enumerate(inputs):
                np.save(folder / f"{index}.npy", value.numpy())
            made[name] = (folder, len(inputs), [value.detach().numpy() for value in expected])
        return made[name]

    return make


def check(programs, name, tolerance, *options):
    folder, count, expected = programs(name)
    target = tooling.lower(folder / "model.pt2", folder / "model.pte", *options)
    inputs = itertools.chain.from_iterable(("-i", f"@{folder / f'{index}.npy'}") for index in range(count))
    result = tooling.pippin("run", target, *inputs, "-o", folder / "results", "-q")
    assert result.returncode == 0, result.stderr
    for index, value in enumerate(expected):
        found = np.load(folder / "results" / f"{index}.npy")
        assert found.shape == value.shape, f"result {index}"
        scale = max(np.abs(value.astype(np.float64)).max(initial=0), 1)
        np.testing.assert_allclose(found.astype(np.float64), value.astype(np.float64), rtol=0, atol=tolerance * scale, err_msg=f"result {index}")


@pytest.mark.parametrize("name", [name for name, (_, _, options) in GROUPS.items() if options.get("cpu", True)])
def test_cpu_operators(programs, name):
    check(programs, name, 2e-6, "--no-delegate")


@pytest.mark.parametrize("precision, tolerance", [("float32", 2e-6), ("float16", 5e-3)])
@pytest.mark.parametrize("name", [name for name, (_, _, options) in GROUPS.items() if options.get("delegate", True)])
def test_delegates(programs, name, precision, tolerance):
    check(programs, name, tolerance, "--compute-precision", precision)
