"""Programs that the official exporter makes, run by Pippin and compared with torch.

Portable kernels, dynamic shapes, several methods, control flow, mutable buffers, constants inside and outside the description,
inputs and outputs that the program does not plan, and Core ML delegates in all their forms.
"""

import json
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import Dim, export

from tooling import needs_tool, pippin

pytestmark = needs_tool

warnings.filterwarnings("ignore")


def lowered(methods, *, partitioner=(), constant_methods=None, dynamic_shapes=None, transform_passes=None, **config):
    """The bytes of a program: `methods` is a module with its inputs, or a dictionary of them."""
    from executorch.exir import ExecutorchBackendConfig, to_edge_transform_and_lower

    if not isinstance(methods, dict):
        methods = {"forward": methods}
    programs = {
        name: export(module.eval(), inputs, dynamic_shapes=dynamic_shapes) for name, (module, inputs) in methods.items()
    }
    edge = to_edge_transform_and_lower(programs, partitioner=list(partitioner), constant_methods=constant_methods)
    if transform_passes:
        edge = edge.transform(transform_passes)
    return bytes(edge.to_executorch(ExecutorchBackendConfig(**config)).buffer)


class Program:
    """A file that Pippin runs."""

    def __init__(self, folder, content):
        self.folder = folder
        self.path = folder / "program.pte"
        self.path.write_bytes(content)

    def run(self, inputs=(), method=None, repeat=1, status=0):
        """The outputs as arrays; with another `status`, what the tool says."""
        arguments = ["run", self.path, "-o", self.folder / "out", "-q", "--repeat", str(repeat)]
        for index, tensor in enumerate(inputs):
            path = self.folder / f"input_{index}.npy"
            np.save(path, tensor.detach().numpy())
            arguments += ["--input", f"@{path}"]
        if method:
            arguments += ["--method", method]
        result = pippin(*arguments)
        assert result.returncode == status, result.stderr
        if status:
            return result.stderr
        paths = sorted((self.folder / "out").glob("*.npy"), key=lambda path: int(path.stem))
        outputs = [np.load(path) for path in paths]
        for path in paths:
            path.unlink()
        return outputs


@pytest.fixture
def program(tmp_path):
    return lambda content: Program(tmp_path, content)


def check(outputs, expected, tolerance=1e-5):
    expected = [expected] if isinstance(expected, torch.Tensor) else list(expected)
    assert len(outputs) == len(expected)
    for output, wanted in zip(outputs, expected):
        wanted = wanted.detach().numpy()
        assert output.shape == wanted.shape and output.dtype == wanted.dtype
        if wanted.dtype.kind == "f":
            scale = max(np.abs(wanted).max(initial=0), 1e-30)
            np.testing.assert_allclose(output, wanted, rtol=0, atol=tolerance * scale)
        else:
            np.testing.assert_array_equal(output, wanted)


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(8, 3)

    def forward(self, x):
        return torch.relu(self.second(torch.relu(self.first(x)) + 1))


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 4, 3))

    def forward(self, x):
        return self.layers(x).flatten(1).softmax(1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.tokens = nn.Embedding(20, 8)
        self.norm = nn.LayerNorm(8)
        self.project = nn.Linear(8, 24)

    def forward(self, ids):
        x = self.norm(self.tokens(ids))
        q, k, v = self.project(x).chunk(3, -1)
        return torch.softmax(q @ k.transpose(1, 2) / 8**0.5, -1) @ v


MODELS = {
    "layers": (Layers(), (torch.randn(2, 4),)),
    "convolutions": (Convolutions(), (torch.randn(1, 3, 8, 8),)),
    "attention": (Attention(), (torch.randint(0, 20, (2, 5)),)),
}


@pytest.mark.parametrize("name", MODELS)
def test_portable_kernels(name, program):
    module, inputs = MODELS[name]
    check(program(lowered((module, inputs))).run(inputs), module(*inputs))


def test_dynamic_shapes(program):
    module = Layers()
    dynamic = program(lowered((module, (torch.randn(3, 4),)), dynamic_shapes=({0: Dim("batch", min=1, max=16)},)))
    for batch in (3, 16, 1, 7):
        x = torch.randn(batch, 4)
        check(dynamic.run((x,)), module(x))
    message = dynamic.run((torch.randn(17, 4),), status=1)
    assert "input 0" in message and "dimension 0 is 17" in message and "at most 16" in message
    assert "dimensions" in dynamic.run((torch.randn(4),), status=1)


class Reshaping(nn.Module):
    """Arithmetic on sizes, and views whose sizes are known only when it runs."""

    def forward(self, x):
        n = x.shape[0]
        return x.view(n * 2, 2).transpose(0, 1).reshape(4, n) * (n // 2 + 1), torch.full((n, 2), 1.5)


def test_arithmetic_on_sizes(program):
    module = Reshaping()
    dynamic = program(lowered((module, (torch.randn(6, 4),)), dynamic_shapes=({0: Dim("n", min=2, max=32)},)))
    for n in (6, 32, 2, 9):
        x = torch.randn(n, 4)
        check(dynamic.run((x,)), module(x))


def test_several_methods_and_constant_methods(program):
    layers, convolutions = MODELS["layers"], MODELS["convolutions"]
    several = program(
        lowered({"small": layers, "large": convolutions}, constant_methods={"length": 7, "name": "x", "table": torch.arange(3)})
    )
    check(several.run(layers[1], method="small"), layers[0](*layers[1]))
    check(several.run(convolutions[1], method="large"), convolutions[0](*convolutions[1]))
    check(several.run(method="table"), torch.arange(3))
    assert several.run(method="length")[0].item() == 7
    message = several.run(method="medium", status=1)
    assert "'medium'" in message
    info = json.loads(pippin("info", several.path, "--json").stdout)
    assert {method["name"] for method in info["methods"]} == {"small", "large", "length", "name", "table"}


class Choice(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x.sin(), lambda x: (x - 1).cos(), (x,))


def test_condition(program):
    branches = program(lowered((Choice(), (torch.randn(3, 2),))))
    for x in (torch.ones(3, 2), -torch.ones(3, 2)):
        check(branches.run((x,)), Choice()(x))


class Mapping(nn.Module):
    def forward(self, xs, y):
        from torch._higher_order_ops.map import map as torch_map

        return torch_map(lambda x, y: x + y * 2, xs, y)


def test_loop_over_slices(program):
    inputs = (torch.randn(5, 3), torch.randn(3))
    loop = program(lowered((Mapping(), inputs)))
    check(loop.run(inputs, repeat=3), inputs[0] + inputs[1] * 2)


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.full((3,), 4.0))

    def forward(self, x):
        self.total.add_(x)
        return self.total * 2


def test_mutable_buffers(program):
    # Not serialised by default: they start at zero. Five runs and one before them.
    x = torch.tensor([1.0, 2.0, 3.0])
    check(program(lowered((Counter(), (x,)))).run((x,), repeat=5), x * 6 * 2)


def test_mutable_buffer_with_initial_value(program):
    from executorch.exir.passes.init_mutable_pass import InitializedMutableBufferPass

    x = torch.tensor([1.0, 2.0, 3.0])
    initialised = lowered((Counter(), (x,)), passes=[InitializedMutableBufferPass(["total"])])
    check(program(initialised).run((x,)), (x + 4) * 2)
    check(program(initialised).run((x,), repeat=2), (x * 3 + 4) * 2)


def test_inputs_and_outputs_that_are_not_planned(program):
    from executorch.exir.passes import MemoryPlanningPass

    module, inputs = MODELS["layers"]
    memory = MemoryPlanningPass(alloc_graph_input=False, alloc_graph_output=False)
    unplanned = program(lowered((module, inputs), memory_planning_pass=memory))
    check(unplanned.run(inputs), module(*inputs))
    info = json.loads(pippin("info", unplanned.path, "--json").stdout)["methods"][0]
    assert not info["inputs"][0]["planned"] and not info["outputs"][0]["planned"]


def test_constants_inside_the_description(program):
    """As release 0.1 wrote them: `constant_buffer` instead of a segment, and no header."""
    from executorch.exir._serialize import _flatbuffer_program
    from executorch.exir._serialize._program import deserialize_pte_binary
    from executorch.exir.schema import SubsegmentOffsets

    module, inputs = MODELS["layers"]
    description = deserialize_pte_binary(lowered((module, inputs))).program
    assert len(description.constant_buffer) > 1
    description.segments = []
    description.constant_segment = SubsegmentOffsets(segment_index=0, offsets=[])
    content = _flatbuffer_program._program_to_flatbuffer(description).data
    assert content[8:12] != b"eh00"
    check(program(content).run(inputs), module(*inputs))


def test_channels_last_inputs(program):
    module, inputs = MODELS["convolutions"]
    x = inputs[0].to(memory_format=torch.channels_last)
    check(program(lowered((module, (x,)))).run((x,)), module(x))


DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64]


class Cloning(nn.Module):
    def forward(self, *tensors):
        return tuple(t.clone() for t in tensors)


def test_inputs_of_every_dtype(program):
    inputs = tuple((torch.arange(6).reshape(2, 3) % 2).to(dtype) for dtype in DTYPES)
    check(program(lowered((Cloning(), inputs))).run(inputs), inputs)


class Copies(nn.Module):
    def forward(self, x, y):
        replaced = x.clone()
        replaced.copy_(y)
        last = x.to(memory_format=torch.channels_last)
        return replaced, x.to(torch.int32), x.to(torch.float16), last.flatten(), last.contiguous() + 1, x.view(4, -1).clone()


def test_copies(program):
    inputs = (torch.randn(1, 2, 4, 6) * 9, torch.randn(4, 1))
    check(program(lowered((Copies(), inputs))).run(inputs), Copies()(*inputs))


def test_missing_kernels_are_named(program):
    class Rare(nn.Module):
        def forward(self, x):
            return torch.special.i0e(x)

    from executorch.exir import EdgeCompileConfig, to_edge

    edge = to_edge(export(Rare(), (torch.randn(2),)), compile_config=EdgeCompileConfig(_check_ir_validity=False))
    message = program(bytes(edge.to_executorch().buffer)).run((torch.randn(2),), status=1)
    assert "aten::special_i0e.out" in message


# ---- Core ML delegates ----

coreml = pytest.importorskip("executorch.backends.apple.coreml.partition")


def specs(**options):
    import coremltools
    from executorch.backends.apple.coreml.compiler import CoreMLBackend

    target = options.pop("target", "iOS15")
    return CoreMLBackend.generate_compile_specs(
        compute_precision=coremltools.precision.FLOAT32, minimum_deployment_target=getattr(coremltools.target, target), **options
    )


def partitioner(**options):
    target = options.pop("target", "iOS15")
    return coreml.CoreMLPartitioner(compile_specs=specs(target=target), **options)


@pytest.mark.parametrize("segments", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_coreml_delegate(name, segments, program):
    module, inputs = MODELS[name]
    content = lowered((module, inputs), partitioner=[partitioner()], extract_delegate_segments=segments)
    check(program(content).run(inputs), module(*inputs))


def test_coreml_delegate_of_dynamic_shape(program):
    module = Layers()
    dynamic = program(
        lowered((module, (torch.randn(3, 4),)), partitioner=[partitioner(target="iOS17")], dynamic_shapes=({0: Dim("b", min=1, max=9)},))
    )
    for batch in (3, 9, 1):
        x = torch.randn(batch, 4)
        check(dynamic.run((x,)), module(x))


def test_coreml_state(program):
    x = torch.tensor([1.0, 2.0, 3.0])
    stateful = program(lowered((Counter(), (x,)), partitioner=[partitioner(target="iOS18")]))
    # A state is float16 and starts at zero.
    check(stateful.run((x,), repeat=4), x * 5 * 2, tolerance=1e-3)


def test_coreml_model_shared_by_methods(program):
    layers = Layers()
    long, short = (torch.randn(6, 4),), (torch.randn(2, 4),)
    shared = program(lowered({"long": (layers, long), "short": (layers, short)}, partitioner=[partitioner(target="iOS18")]))
    check(shared.run(long, method="long"), layers(*long))
    check(shared.run(short, method="short"), layers(*short))
    info = json.loads(pippin("info", shared.path, "--json").stdout)
    assert len(info["named_data"]) == 1
    assert [method["delegates"][0]["function"] for method in info["methods"]] == ["long", "short"]
    result = pippin("extract", shared.path, "-o", shared.folder / "packages")
    assert result.returncode == 0, result.stderr
    assert [path.name for path in (shared.folder / "packages").iterdir()] == ["long.mlpackage"]


class Mixed(nn.Module):
    """int64 and bool at the border of the delegate, whose model has int32 and float32 there."""

    def forward(self, a, b):
        return a + b, a > b, (a * 2).to(torch.float32) / 4


def test_coreml_border_dtypes(program):
    inputs = (torch.tensor([[1, -2], [300, 4]]), torch.tensor([[0, 5], [6, -7]]))
    check(program(lowered((Mixed(), inputs), partitioner=[partitioner()])).run(inputs), Mixed()(*inputs))


def test_coreml_beside_portable_kernels(program):
    module, inputs = MODELS["layers"]
    content = lowered((module, inputs), partitioner=[partitioner(skip_ops_for_coreml_delegation=["aten.relu.default"])])
    mixed = program(content)
    check(mixed.run(inputs), module(*inputs))
    info = json.loads(pippin("info", mixed.path, "--json").stdout)
    assert info["methods"][0]["instructions"]["delegate"] == 2


# ---- Damage ----


def test_damaged_files_are_refused(program):
    module, inputs = MODELS["layers"]
    content = lowered((module, inputs))
    for size in (0, 7, 40, 100, len(content) // 2, len(content) - 1):
        assert "offset" in program(content[:size]).run(inputs, status=1) or size == 0
    assert "ET99" in program(content[:4] + b"ET99" + content[8:]).run(inputs, status=1)
    generator = np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(content)
        for position in generator.integers(0, len(content), 3):
            damaged[position] ^= 1 << int(generator.integers(8))
        broken = program(bytes(damaged))
        assert pippin("run", broken.path, "-q").returncode in (0, 1)
        assert pippin("info", broken.path).returncode in (0, 1)
        assert pippin("dump", broken.path).returncode in (0, 1)
