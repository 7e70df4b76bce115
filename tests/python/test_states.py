"""Mutable buffers: as Core ML states, as buffers of the program that delegates update, and on the CPU alone. Calls one after the
other give what the module gives, from the initial values on. What is on the CPU is run by ExecuTorch's runtime too."""

import copy
import logging

import pytest
import torch
from executorch.exir._serialize._program import deserialize_pte_binary
from executorch.runtime import Runtime as OfficialRuntime
from torch import nn

from pippin import MLModel
from pippin.backends.apple.coreml.compiler import CoreMLBackend
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.exir import to_edge_transform_and_lower
from pippin.runtime import Runtime
from tooling import infer_types, payloads, pippin

X = torch.tensor([1.0, 2.0, 3.0])


def buffer(name, value):
    """A module's decorator: registers a buffer."""

    def decorate(kind):
        constructor = kind.__init__

        def __init__(self):
            constructor(self)
            self.register_buffer(name, value.clone())

        kind.__init__ = __init__
        return kind

    return decorate


@buffer("count", torch.full((3,), 5.0))
@buffer("offset", torch.full((3,), 3.0))
class Counter(nn.Module):
    """One buffer that is read and written, one that is only read."""

    def forward(self, x):
        self.count.add_(1)
        return self.count * x + self.offset


@buffer("last", torch.tensor([1.0, 0.0, 2.0]))
class WrittenOnly(nn.Module):
    def forward(self, x):
        self.last.copy_(x)
        return x * 2


@buffer("first", torch.zeros(3))
@buffer("second", torch.tensor([4.0, 5.0, 6.0]))
class Exchange(nn.Module):
    """The new value of each buffer is the old one of the other."""

    def forward(self, x):
        first = self.first.clone()
        self.first.copy_(self.second + x)
        self.second.copy_(first)
        return self.first - self.second


@buffer("total", torch.tensor([0.5, 1.5, 2.5], dtype=torch.float16))
class Half(nn.Module):
    def forward(self, x):
        self.total.add_(x.half())
        return self.total * 2


@buffer("position", torch.tensor([7]))
class Position(nn.Module):
    """An int64 buffer: exact beyond what a state can hold."""

    def forward(self, x):
        self.position.add_(40001)
        return (x.long() + self.position).float()


@buffer("scale", torch.tensor(1.5))
class Scalar(nn.Module):
    def forward(self, x):
        self.scale.mul_(2)
        return x * self.scale


@buffer("flag", torch.tensor([True, False, True]))
class Flag(nn.Module):
    def forward(self, x):
        y = torch.where(self.flag, x, -x)
        self.flag.copy_(~self.flag)
        return y


@buffer("total", torch.ones(3) * 2)
class Returned(nn.Module):
    def forward(self, x):
        self.total.add_(x)
        return self.total


@buffer("total", torch.arange(12.0).reshape(3, 4).t())
class Transposed(nn.Module):
    """The initial value does not lie row by row in memory."""

    def forward(self, x):
        self.total.add_(x)
        return self.total * 1.0


@buffer("largest", torch.full((3,), -torch.inf))
class Largest(nn.Module):
    def forward(self, x):
        self.largest.copy_(torch.maximum(self.largest, x))
        return self.largest + 1


MODULES = [Counter, WrittenOnly, Exchange, Half, Position, Scalar, Flag, Returned, Transposed, Largest]


def partitioner(precision="float32", target="iOS18", **options):
    specs = CoreMLBackend.generate_compile_specs(minimum_deployment_target=target, compute_precision=precision)
    return [CoreMLPartitioner(compile_specs=specs, **options)]


def lowered(module, inputs, chosen):
    program = torch.export.export(copy.deepcopy(module).eval(), inputs)
    return to_edge_transform_and_lower(program, partitioner=chosen).to_executorch().buffer


def check_calls(method, module, inputs, tolerance=1e-5, calls=4):
    module = copy.deepcopy(module)
    for _ in range(calls):
        (output,) = method.execute(list(inputs))
        torch.testing.assert_close(output, module(*inputs), rtol=tolerance, atol=tolerance)


def load(content, name="forward"):
    return Runtime.get().load_program(content).load_method(name)


# ---- One method ----


@pytest.mark.parametrize("kind", MODULES, ids=lambda kind: kind.__name__)
def test_buffers_on_the_cpu(kind):
    module = kind()
    content = lowered(module, (X if kind is not Transposed else X[0],), None)
    inputs = (X if kind is not Transposed else X[0],)
    check_calls(load(content), module, inputs)
    check_calls(OfficialRuntime.get().load_program(content).load_method("forward"), module, inputs)


@pytest.mark.parametrize("kind", MODULES, ids=lambda kind: kind.__name__)
def test_buffers_that_delegates_update(kind):
    module, inputs = kind(), (X if kind is not Transposed else X[0],)
    check_calls(load(lowered(module, inputs, partitioner(take_over_mutable_buffer=False))), module, inputs)


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("kind", [kind for kind in MODULES if kind is not Largest], ids=lambda kind: kind.__name__)
def test_buffers_as_states(kind, precision):
    module, inputs = kind(), (X if kind is not Transposed else X[0],)
    chosen = partitioner(precision=precision)
    check_calls(load(lowered(module, inputs, chosen)), module, inputs, tolerance=1e-5 if precision == "float32" else 1e-3)


def test_what_is_a_state(tmp_path):
    """Tensors of floating point that the delegate reads or writes; buffers that are only read are constants of its model."""
    (tmp_path / "x.pte").write_bytes(lowered(Counter(), (X,), partitioner()))
    ((metadata, package),) = payloads(tmp_path / "x.pte", tmp_path)
    from coremltools.models.utils import load_spec

    description = load_spec(str(package)).description
    assert [(state.name, list(state.type.stateType.arrayType.shape)) for state in description.state] == [("count", [3])]
    assert len(metadata["inputNames"]) == len(metadata["outputNames"]) == 1
    infer_types(package)


def test_initial_values_that_a_state_cannot_have_are_reported(caplog):
    with caplog.at_level(logging.WARNING):
        content = lowered(Largest(), (X,), partitioner())
    assert "buffer 'largest' starts with infinite values or NaN; as a Core ML state it starts with zeros" in caplog.text
    module = Largest()
    module.largest.zero_()
    check_calls(load(content), module, (X,))


def test_initial_values_are_stored_once_and_zeros_not_at_all():
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("zeros", torch.zeros(1000))
            self.register_buffer("a", torch.arange(1000.0))
            self.register_buffer("b", torch.arange(1000.0))

        def forward(self, x):
            for total in (self.zeros, self.a, self.b):
                total.add_(x)
            return self.zeros + self.a * self.b

    content = lowered(Many(), (torch.ones(1000),), None)
    assert content.count(torch.arange(1000.0).numpy().tobytes()) == 1
    file = deserialize_pte_binary(content)
    assert [len(entry.storage) for entry in file.mutable_data] == [0, 4000]
    check_calls(load(content), Many(), (torch.ones(1000),))


# ---- Caches ----


class Attention(nn.Module):
    """Keys and values of 16 positions, one new position a call."""

    def __init__(self):
        super().__init__()
        self.projection = nn.Linear(8, 24)
        self.register_buffer("keys", torch.zeros(1, 2, 16, 4))
        self.register_buffer("values", torch.zeros(1, 2, 16, 4))

    def forward(self, x, position):
        query, key, value = self.projection(x).view(1, 3, 2, 4).transpose(0, 1).unsqueeze(3)
        self.keys[:, :, position] = key
        self.values.index_copy_(2, position, value)
        mask = (torch.arange(16) <= position).view(1, 1, 1, 16)
        return nn.functional.scaled_dot_product_attention(query, self.keys, self.values, attn_mask=mask)


@pytest.mark.parametrize("precision, tolerance", [("float32", 2e-3), ("float16", 1e-2)])
def test_two_caches(precision, tolerance):
    torch.manual_seed(0)
    module = Attention().eval().requires_grad_(False)
    steps = [(torch.randn(1, 8), torch.tensor([position])) for position in range(12)]
    method = load(lowered(module, steps[0], partitioner(precision=precision)))
    for step in steps:
        (output,) = method.execute(step)
        torch.testing.assert_close(output, module(*step), rtol=tolerance, atol=tolerance)


class Slots(nn.Module):
    """Writes two positions a call, or those and then all."""

    def __init__(self, decay):
        super().__init__()
        self.decay = decay
        self.register_buffer("slots", torch.zeros(3, 8, 2))

    def forward(self, x, positions):
        self.slots.index_copy_(1, positions, x)
        if self.decay:
            self.slots.mul_(0.5)
        return self.slots.sum(0)


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("decay", [False, True])
def test_what_is_written_at_indices_and_what_stays(decay, precision, tmp_path):
    """The state itself is looked at, not only what is computed from it."""
    module = Slots(decay)
    steps = [(torch.randn(3, 2, 2).half().float(), torch.tensor(pair)) for pair in ([0, 5], [7, 5], [-1, 2], [2, -8])]
    program = torch.export.export(copy.deepcopy(module), steps[0])
    torch.export.save(program, tmp_path / "slots.pt2")
    result = pippin("lower", tmp_path / "slots.pt2", "-o", tmp_path / "slots.mlpackage", "--compute-precision", precision, "-q")
    assert result.returncode == 0, result.stderr
    model = MLModel(tmp_path / "slots.mlpackage")
    state = model.make_state()
    for x, positions in steps:
        model.predict({"x": x.numpy(), "positions": positions.int().numpy()}, state)
        module(x, positions.remainder(8))
        torch.testing.assert_close(torch.from_numpy(state.read_state("slots")).float(), module.slots, rtol=1e-3, atol=1e-3)


# ---- Several instances and methods ----


def test_each_loaded_program_has_its_states():
    content = lowered(Counter(), (X,), partitioner())
    first, second = Runtime.get().load_program(content), Runtime.get().load_program(content)
    module = Counter()
    check_calls(first.load_method("forward"), module, (X,), calls=3)
    check_calls(second.load_method("forward"), module, (X,), calls=2)
    for _ in range(3):
        module(X)
    check_calls(first.load_method("forward"), module, (X,))  # the same object: the states go on


@pytest.mark.parametrize("chosen", [partitioner(), partitioner(take_over_mutable_buffer=False), None],
                         ids=["states", "kept", "cpu"])
def test_methods_do_not_share_buffers(chosen):
    """As in ExecuTorch: the model is shared, but each method's delegate has states of its own."""
    class Doubled(Counter):
        def forward(self, x):
            self.count.add_(2)
            return self.count * x

    modules = {"one": Counter(), "two": Doubled()}
    programs = {name: torch.export.export(copy.deepcopy(module), (X,)) for name, module in modules.items()}
    program = Runtime.get().load_program(to_edge_transform_and_lower(programs, partitioner=chosen).to_executorch().buffer)
    methods = {name: program.load_method(name) for name in modules}
    for _ in range(3):
        for name, module in modules.items():
            torch.testing.assert_close(methods[name].execute([X])[0], module(X))


def test_official_states_of_methods_that_share_a_model():
    """What ExecuTorch writes: both functions declare the state, which starts at zero for each."""
    import coremltools as ct
    from executorch.backends.apple.coreml.compiler import CoreMLBackend as OfficialBackend
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner as OfficialPartitioner
    from executorch.exir import to_edge_transform_and_lower as official_lowering

    module = Counter()
    module.count.zero_()
    programs = {name: torch.export.export(copy.deepcopy(module), (torch.randn(shape),)) for name, shape in (("one", 3), ("many", (2, 3)))}
    specs = OfficialBackend.generate_compile_specs(
        minimum_deployment_target=ct.target.iOS18, compute_precision=ct.precision.FLOAT32)
    content = official_lowering(programs, partitioner=[OfficialPartitioner(compile_specs=specs)]).to_executorch().buffer
    program = Runtime.get().load_program(content)
    check_calls(program.load_method("one"), module, (X,))
    check_calls(program.load_method("many"), module, (torch.stack([X, X]),))


# ---- What cannot be ----


def test_states_need_ios18():
    with pytest.raises(NotImplementedError, match="a mutable buffer needs a later deployment target: opset CoreML8, the target is CoreML7"):
        lowered(Counter(), (X,), partitioner(target="iOS17"))


@buffer("total", torch.zeros(3))
class Silent(nn.Module):
    def forward(self, x):
        self.total.add_(x)


def test_a_delegate_needs_an_output():
    with pytest.raises(ValueError, match="a Core ML model must have an output; .* --no-take-over-mutable-buffer"):
        lowered(Silent(), (X,), partitioner())
    lowered(Silent(), (X,), partitioner(take_over_mutable_buffer=False))


def test_programs_without_inputs_need_ios18():
    class Tick(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self):
            return self.weight * 2

    with pytest.raises(NotImplementedError, match="a program without inputs needs a later deployment target"):
        lowered(Tick(), (), partitioner(target="iOS17"))
    torch.testing.assert_close(load(lowered(Tick(), (), partitioner())).execute([])[0], torch.full((3,), 2.0))


def test_rounding_of_states_is_reported_where_fp32_was_asked_for(caplog):
    with caplog.at_level(logging.WARNING):
        lowered(Counter(), (X,), partitioner(precision="float16"))
        assert "becomes a Core ML state" not in caplog.text
        lowered(Half(), (X,), partitioner())
        assert "becomes a Core ML state" not in caplog.text
        lowered(Counter(), (X,), partitioner())
    assert "buffer 'count' of float32 becomes a Core ML state, which holds float16" in caplog.text
