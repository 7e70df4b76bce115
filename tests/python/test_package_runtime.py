"""The Python runtime runs what the package lowers, with torch's results and the behaviour of ExecuTorch's own runtime."""

import io
import os
import pathlib
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from executorch.runtime import Runtime as OfficialRuntime
from torch import nn

import pippin
from pippin.backends.apple.coreml.compiler import CoreMLBackend
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.exir import to_edge_transform_and_lower
from pippin.extension.export_util.utils import save_pte_program
from pippin.extension.pybindings import portable_lib
from pippin.runtime import Runtime, Verification


def function(body):
    class Module(nn.Module):
        def forward(self, *arguments):
            return body(*arguments)

    return Module()


def partitioner(target=None, **options):
    specs = CoreMLBackend.generate_compile_specs(minimum_deployment_target=target, compute_precision="float32")
    return [CoreMLPartitioner(compile_specs=specs, **options)]


def lower(module, inputs, chosen=None, **export_options):
    program = torch.export.export(module.eval(), inputs, **export_options)
    return to_edge_transform_and_lower(program, partitioner=chosen).to_executorch()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3), nn.Softmax(-1)).eval()


@pytest.fixture(scope="module")
def delegated(model):
    return lower(model, (torch.randn(2, 4),), partitioner()).buffer


@pytest.fixture
def method(delegated):
    return Runtime.get().load_program(delegated).load_method("forward")


# ---- Loading ----


def test_programs_come_from_anywhere(model, delegated, tmp_path):
    path = tmp_path / "model.pte"
    path.write_bytes(delegated)
    x = torch.randn(2, 4)
    for data in (path, str(path), delegated, bytearray(delegated), io.BytesIO(delegated), open(path, "rb")):
        outputs = Runtime.get().load_program(data, verification=Verification.InternalConsistency).load_method("forward").execute([x])
        torch.testing.assert_close(outputs, [model(x)], rtol=1e-5, atol=1e-5)
    assert Runtime.get() is Runtime.get()


def test_what_cannot_be_loaded(tmp_path, delegated):
    runtime = Runtime.get()
    with pytest.raises(RuntimeError, match="missing.pte"):
        runtime.load_program(tmp_path / "missing.pte")
    (tmp_path / "bad.pte").write_bytes(b"\x00" * 64)
    with pytest.raises(RuntimeError, match="bad.pte"):
        runtime.load_program(str(tmp_path / "bad.pte"))
    for size in (0, 7, 100, len(delegated) // 2):
        with pytest.raises(RuntimeError):
            runtime.load_program(delegated[:size])
    with pytest.raises(TypeError):
        runtime.load_program(5)
    with pytest.raises(KeyError):
        runtime.load_program(delegated).load_method("backward")
    with pytest.raises(NotImplementedError, match="data_path"):
        runtime.load_program(delegated, data_path="weights.ptd")


def test_methods_are_loaded_once_and_outlive_their_program(model, delegated):
    program = Runtime.get().load_program(bytes(bytearray(delegated)))
    method = program.load_method("forward")
    assert program.method_names == {"forward"} and program.load_method("forward") is method
    del program
    x = torch.randn(2, 4)
    torch.testing.assert_close(method.execute([x])[0], model(x), rtol=1e-5, atol=1e-5)


# ---- Inputs and outputs ----


def test_torch_in_torch_out_and_numpy_in_numpy_out(model, method):
    x = torch.randn(2, 4)
    from_torch, = method.execute((x,))
    from_numpy, = method.execute([x.numpy()])
    assert isinstance(from_torch, torch.Tensor) and isinstance(from_numpy, np.ndarray)
    assert from_numpy.dtype == np.float32
    np.testing.assert_array_equal(from_torch.numpy(), from_numpy)
    torch.testing.assert_close(method.execute(x)[0], from_torch)  # a bare tensor counts as one input
    first = from_torch.clone()
    method.execute([x + 1])
    torch.testing.assert_close(from_torch, first)  # outputs are copies


def test_strides_do_not_matter(model, method):
    base = torch.randn(4, 9)
    for x in (base[:, ::4][:2].expand(2, 3)[:, :1].expand(2, 4), base[:4, :2].t(), torch.randn(2, 8)[:, ::2]):
        torch.testing.assert_close(method.execute([x])[0], model(x), rtol=1e-5, atol=1e-5)
    flipped = np.random.rand(2, 4).astype(np.float32)[:, ::-1]
    torch.testing.assert_close(
        torch.from_numpy(method.execute([flipped])[0]), model(torch.from_numpy(flipped.copy())), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("inputs, part", [
    ([], "has 1 inputs, but 0 were given"), ([torch.zeros(2, 4)] * 2, "has 1 inputs, but 2 were given"),
    ([torch.zeros(2, 5)], "5"), ([torch.zeros(4)], "rank|1"), ([torch.zeros(2, 4, dtype=torch.int32)], "int32"),
    (["text"], "input 0: a str"), ([3.0], "")])
def test_inputs_that_do_not_fit(method, inputs, part):
    with pytest.raises(RuntimeError, match=part):
        method.execute(inputs)


def test_numerics(model):
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(1))
    buffer = lower(model, (x,), [CoreMLPartitioner()]).buffer
    errors = {}
    for numerics in ("device", "fast"):
        output = Runtime.get().load_program(buffer).load_method("forward", numerics=numerics, thread_count=1).execute([x])[0]
        errors[numerics] = (output - model(x)).abs().max().item()
    assert errors["fast"] <= errors["device"] < 1e-2
    with pytest.raises(ValueError, match="device, fast"):
        Runtime.get().load_program(buffer).load_method("forward", numerics="double")


def test_numbers_and_constants():
    module = function(lambda x: torch.relu(x))
    program = torch.export.export(module, (torch.randn(3),))
    constants = {"size": 7, "scale": 0.25, "causal": False, "name": "µ", "list": [1, 2]}
    buffer = to_edge_transform_and_lower(program, partitioner=partitioner(), constant_methods=constants).to_executorch().buffer
    ours, official = Runtime.get().load_program(buffer), OfficialRuntime.get().load_program(buffer)
    assert ours.method_names == official.method_names
    for name, value in constants.items():
        expected = value if isinstance(value, list) else [value]
        assert ours.load_method(name).execute([]) == list(official.load_method(name).execute([])) == expected


def test_dynamic_shapes():
    module = function(lambda x: torch.softmax(x, 1))
    buffer = lower(module, (torch.randn(3, 4),), partitioner(),
                   dynamic_shapes=(({0: torch.export.Dim("n", min=2, max=6)},),)).buffer
    method = Runtime.get().load_program(buffer).load_method("forward")
    assert method.metadata.input_tensor_meta(0).sizes() == (6, 4)
    for count in (6, 2, 5):
        x = torch.randn(count, 4)
        torch.testing.assert_close(method.execute([x])[0], module(x), rtol=1e-5, atol=1e-5)
    with pytest.raises(RuntimeError, match="7"):
        method.execute([torch.randn(7, 4)])
    torch.testing.assert_close(method.execute([x])[0], module(x), rtol=1e-5, atol=1e-5)


def test_enumerated_shapes_example():
    """The example of the documentation: combinations that are not listed are errors, which list those that are."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear1 = nn.Linear(10, 5)
            self.linear2 = nn.Linear(11, 5)

        def forward(self, x, y):
            return self.linear1(x).sum() + self.linear2(y)

    model = Model().eval()
    enumerated_shapes = {"x": [[1, 5, 10], [4, 6, 10]], "y": [[3, 11], [5, 11]]}
    dynamic_shapes = [{0: torch.export.Dim.AUTO(min=1, max=4), 1: torch.export.Dim.AUTO(min=5, max=6)},
                      {0: torch.export.Dim.AUTO(min=3, max=5)}]
    ep = torch.export.export(model, (torch.randn(4, 6, 10), torch.randn(5, 11)), dynamic_shapes=dynamic_shapes)

    def lowered(target, shapes=enumerated_shapes):
        specs = CoreMLBackend.generate_compile_specs(minimum_deployment_target=target, compute_precision="float32")
        specs.append(CoreMLBackend.generate_enumerated_shapes_compile_spec(ep, shapes))
        return to_edge_transform_and_lower(ep, partitioner=[CoreMLPartitioner(compile_specs=specs, lower_full_graph=True)])

    method = Runtime.get().load_program(lowered("iOS18").to_executorch().buffer).load_method("forward")
    for sizes in (((1, 5, 10), (3, 11)), ((4, 6, 10), (5, 11)), ((1, 5, 10), (3, 11))):
        inputs = [torch.randn(size) for size in sizes]
        torch.testing.assert_close(method.execute(inputs)[0], model(*inputs), rtol=1e-4, atol=1e-4)
    with pytest.raises(RuntimeError) as raised:
        method.execute([torch.randn(1, 5, 10), torch.randn(5, 11)])
    assert "x [1, 5, 10], y [5, 11]" in str(raised.value)
    assert "x [1, 5, 10], y [3, 11]; x [4, 6, 10], y [5, 11]" in str(raised.value)
    with pytest.raises(RuntimeError):
        method.execute([torch.randn(2, 7, 12), torch.randn(3, 11)])
    with pytest.raises(ValueError, match="iOS18"):
        lowered("iOS17")


# ---- State ----


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x):
        self.total.add_(x)
        return self.total * 2


@pytest.mark.parametrize("chosen", [None, partitioner("iOS18"), partitioner("iOS18", take_over_mutable_buffer=False)])
def test_state_persists_in_a_method(chosen):
    program = Runtime.get().load_program(lower(Counter(), (torch.ones(3),), chosen).buffer)
    method = program.load_method("forward")
    for step in (1, 2, 3):
        torch.testing.assert_close(program.load_method("forward").execute([torch.ones(3)])[0], torch.full((3,), 2.0 * step))
    assert method.metadata.num_inputs() == method.metadata.num_outputs() == 1
    fresh = Runtime.get().load_program(lower(Counter(), (torch.ones(3),), chosen).buffer).load_method("forward")
    torch.testing.assert_close(fresh.execute([torch.ones(3)])[0], torch.full((3,), 2.0))


# ---- Metadata and registries ----


def test_metadata_is_the_official(delegated):
    ours, official = (runtime.load_program(delegated).metadata("forward") for runtime in (Runtime.get(), OfficialRuntime.get()))
    assert ours.name() == official.name() == "forward"
    assert (ours.num_inputs(), ours.num_outputs(), ours.num_attributes()) == (
        official.num_inputs(), official.num_outputs(), official.num_attributes())
    for name in ("input_tensor_meta", "output_tensor_meta"):
        one, other = getattr(ours, name)(0), getattr(official, name)(0)
        for field in ("sizes", "dtype", "nbytes", "is_memory_planned"):
            assert getattr(one, field)() == getattr(other, field)()
        with pytest.raises(IndexError):
            getattr(ours, name)(1)
    with pytest.raises(IndexError):
        ours.attribute_tensor_meta(0)
    assert "forward" in repr(ours) and "float32" in repr(ours.input_tensor_meta(0))


def test_registries():
    runtime = Runtime.get()
    assert runtime.backend_registry.is_available("CoreMLBackend") and not runtime.backend_registry.is_available("XnnpackBackend")
    assert "CoreMLBackend" in runtime.backend_registry.registered_backend_names
    assert {"aten::mm.out", "aten::add.out"} <= runtime.operator_registry.operator_names


# ---- Threads ----


def test_threads(model, delegated):
    program = Runtime.get().load_program(delegated)
    shared, wrong = program.load_method("forward"), []

    def work(own):
        method = Runtime.get().load_program(delegated).load_method("forward") if own else shared
        for _ in range(20):
            x = torch.randn(2, 4)
            if not torch.allclose(method.execute([x])[0], model(x), rtol=1e-4, atol=1e-4):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(own,)) for own in (False, False, True, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- Older bindings ----


def test_portable_lib(model, delegated, tmp_path):
    x = torch.randn(2, 4)
    path = save_pte_program(lower(model, (x,), partitioner()), "small", str(tmp_path))
    assert path == str(tmp_path / "small.pte")
    for module in (portable_lib._load_for_executorch(path), portable_lib._load_for_executorch_from_buffer(delegated)):
        assert module.method_names() == ["forward"] and module.method_meta("forward").num_inputs() == 1
        for outputs in (module.forward([x]), module([x]), module.run_method("forward", (x,)), module.plan_execute("forward")):
            torch.testing.assert_close(outputs[0], model(x), rtol=1e-5, atol=1e-5)
    method = portable_lib._load_program_from_buffer(delegated).load_method("forward")
    method.set_inputs([x])
    method.execute()
    torch.testing.assert_close(method.get_outputs()[0], model(x), rtol=1e-5, atol=1e-5)
    assert portable_lib._is_available("CoreMLBackend") and "aten::mm.out" in portable_lib._get_operator_names()


# ---- Without torch ----


def test_running_needs_numpy_only(model, delegated, tmp_path):
    (tmp_path / "model.pte").write_bytes(delegated)
    x = np.random.rand(2, 4).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    script = f"""
import sys, numpy as np
from pippin.runtime import Runtime
output, = Runtime.get().load_program({str(tmp_path / 'model.pte')!r}).load_method("forward").execute([np.load({str(tmp_path / 'x.npy')!r})])
np.save({str(tmp_path / 'y.npy')!r}, output)
assert not {{"torch", "coremltools", "executorch"}} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(pippin.__path__[0]).parent)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model(torch.from_numpy(x)).detach().numpy(), rtol=1e-5, atol=1e-5)
