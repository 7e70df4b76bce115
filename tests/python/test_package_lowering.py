"""The Python package lowers torch's programs: weights are handed over as they lie, whatever their kind; graphs read like
torch.fx; managers behave like ExecuTorch's. What stays on the CPU is run by ExecuTorch's own runtime and compared with torch."""

import copy
import io
import json
import logging
import pathlib
import re
import subprocess
import sys

import pytest
import torch
from executorch.runtime import Runtime as OfficialRuntime
from torch import nn

import pippin
import pippin.runtime
from pippin import _library
from pippin._structures import FUNCTIONS
from pippin.backends.apple.coreml.compiler import CoreMLBackend
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.devtools.backend_debug import get_delegation_info
from pippin.exir import EdgeCompileConfig, ExecutorchBackendConfig, to_edge, to_edge_transform_and_lower
from pippin.exir.backend.backend_api import to_backend
from pippin.exir.backend.utils import format_delegated_graph, get_delegates, get_non_lowered_nodes
from pippin.exir.dialects._ops import ops
from pippin.exir.passes import MemoryPlanningPass

ROOT = pathlib.Path(__file__).parents[2]


def function(body):
    class Module(nn.Module):
        def forward(self, *arguments):
            return body(*arguments)

    return Module()


def calls(manager, method="forward"):
    return [node.target.__name__ for node in manager.exported_program(method).graph.nodes if node.op == "call_function"]


def run_officially(buffer, inputs, method="forward"):
    return OfficialRuntime.get().load_program(buffer).load_method(method).execute(inputs)


def check_against_torch(module, inputs, tolerance=1e-5, **export_options):
    """On the CPU alone, from memory and from a file: the same bytes, and torch's results."""
    module = module.eval()
    expected = module(*inputs)
    program = torch.export.export(module, inputs, **export_options)
    buffer = to_edge_transform_and_lower(program).to_executorch().buffer
    archive = io.BytesIO()
    torch.export.save(program, archive)
    assert to_edge_transform_and_lower(archive.getvalue()).to_executorch().buffer == buffer
    outputs = run_officially(buffer, inputs)
    expected = expected if isinstance(expected, (tuple, list)) else [expected]
    assert len(outputs) == len(expected)
    for output, reference in zip(outputs, expected):
        assert output.dtype == reference.dtype
        torch.testing.assert_close(output, reference, rtol=tolerance, atol=tolerance)
    return program


def test_public_functions_are_exported():
    headers = (ROOT / "include" / "pippin").glob("*.h")
    declared = {name for header in headers for name in re.findall(r"PPN_API[^;]*?\b(ppn_\w+)\(", header.read_text())}
    assert [name for name in sorted(declared) if not hasattr(_library.lib._handle, name)] == []
    assert set(FUNCTIONS) <= declared


# ---- Weights of every kind ----


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids):
        return self.head(self.embedding(ids))


class Views(nn.Module):
    """Weights that are views: transposed, sliced with steps, expanded, and two halves of one storage."""

    def __init__(self):
        super().__init__()
        base = torch.randn(8, 12)
        self.transposed = nn.Parameter(torch.randn(5, 4).t())
        self.register_buffer("strided", base[1::2, ::3])
        self.register_buffer("other", base[0, 5:9])
        self.register_buffer("expanded", torch.randn(4, 1).expand(4, 4), persistent=False)
        self.register_buffer("empty", torch.zeros(0, 4))
        self.scalar = nn.Parameter(torch.tensor(0.5))
        self.constant = torch.arange(4.0)  # neither parameter nor buffer

    def forward(self, x):
        y = (x @ self.strided + self.other) @ self.expanded * self.scalar + self.constant
        return torch.cat([y, self.empty]) @ self.transposed


class Dtypes(nn.Module):
    def __init__(self):
        super().__init__()
        self.halves = nn.Parameter(torch.randn(4).half())
        self.brains = nn.Parameter(torch.randn(4).bfloat16())
        self.doubles = nn.Parameter(torch.randn(4).double())
        self.register_buffer("bytes", torch.arange(4, dtype=torch.uint8))
        self.register_buffer("longs", torch.tensor([2, 0, 1, 3]))
        self.register_buffer("mask", torch.tensor([True, False, True, True]))

    def forward(self, x):
        y = x + self.halves.float() + self.brains.float() + self.doubles.float() + self.bytes
        return torch.where(self.mask, y, -y)[:, self.longs], self.brains + self.brains


def test_tied_weights_are_stored_once():
    program = check_against_torch(Tied(), (torch.tensor([[1, 5, 10]]),))
    buffer = to_edge_transform_and_lower(program).to_executorch().buffer
    weight = program.state_dict["embedding.weight"].detach().numpy().tobytes()
    assert buffer.count(weight) == 1


def test_views():
    check_against_torch(Views(), (torch.randn(3, 4),))


def test_dtypes():
    check_against_torch(Dtypes(), (torch.randn(2, 4),))


def test_training_and_inference_dialects():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 3)).eval()
    inputs = (torch.randn(2, 3, 8, 8),)
    program = check_against_torch(module, inputs)
    for decomposed in (program.run_decompositions({}), program.run_decompositions()):
        output, = run_officially(to_edge_transform_and_lower(decomposed).to_executorch().buffer, inputs)
        torch.testing.assert_close(output, module(*inputs), rtol=1e-5, atol=1e-5)


def test_dynamic_shapes():
    module = function(lambda x: torch.nn.functional.relu(x).sum(1) * x.shape[0])
    program = torch.export.export(module, (torch.randn(4, 3),), dynamic_shapes=(({0: torch.export.Dim("n", min=2, max=9)},),))
    manager = to_edge_transform_and_lower(program)
    view = manager.exported_program()
    symbol, = view.range_constraints
    assert (view.range_constraints[symbol].lower, view.range_constraints[symbol].upper) == (2, 9)
    buffer = manager.to_executorch().buffer
    for count in (2, 9):
        x = torch.randn(count, 3)
        torch.testing.assert_close(run_officially(buffer, (x,))[0], module(x))


def test_weights_are_lent_not_copied():
    module = nn.Linear(512, 512).eval()
    program = torch.export.export(module, (torch.randn(1, 512),))
    manager = to_edge_transform_and_lower(program)
    source, = manager._sources.values()
    lent = {tensor.name: tensor for tensor in source._lent}
    assert lent[b"weight"].data == program.state_dict["weight"].untyped_storage().data_ptr()
    with torch.no_grad():
        module.weight.fill_(0.25)  # the library reads the weights when it writes
    assert module.weight.detach().numpy().tobytes() in manager.to_executorch().buffer
    # The program may go: what was lent is kept.
    del program, module
    assert len(manager.to_executorch().buffer) > 512 * 512 * 4


def test_what_cannot_be_handed_over_is_named():
    class Meta(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, device="meta"))

        def forward(self, x):
            return x * self.weight

    program = torch.export.export(Meta(), (torch.randn(3, device="meta"),))
    with pytest.raises(ValueError, match="'weight' is on device 'meta'"):
        to_edge_transform_and_lower(program)
    with pytest.raises(TypeError, match="torch.export.ExportedProgram"):
        to_edge_transform_and_lower(nn.Linear(2, 2))


def test_a_path_needs_no_torch(tmp_path):
    module = nn.Linear(4, 2).eval()
    program = torch.export.export(module, (torch.randn(1, 4),))
    torch.export.save(program, tmp_path / "model.pt2")
    script = f"""
import sys; sys.path.insert(0, {str(pippin.__path__[0] + '/..')!r})
from pippin.exir import to_edge_transform_and_lower
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
manager = to_edge_transform_and_lower({str(tmp_path / 'model.pt2')!r}, partitioner=[CoreMLPartitioner()])
assert [n.op for n in manager.exported_program().graph.nodes] == ["placeholder", "get_attr", "call_function", "call_function", "output"]
with open({str(tmp_path / 'model.pte')!r}, "wb") as file:
    manager.to_executorch().write_to_file(file)
assert not {{"torch", "coremltools", "executorch"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    expected = to_edge_transform_and_lower(program, partitioner=[CoreMLPartitioner()]).to_executorch().buffer
    assert (tmp_path / "model.pte").read_bytes() == expected


# ---- Managers ----


@pytest.fixture(scope="module")
def mlp():
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    return module, torch.export.export(module, (torch.randn(3, 4),))


def test_buffer_file_and_save_agree(mlp, tmp_path):
    program = to_edge_transform_and_lower(mlp[1], partitioner=[CoreMLPartitioner()]).to_executorch()
    with open(tmp_path / "a.pte", "wb") as file:
        program.write_to_file(file)
    program.save(str(tmp_path / "b.pte"))
    assert (tmp_path / "a.pte").read_bytes() == (tmp_path / "b.pte").read_bytes() == program.buffer
    assert program.buffer is program.buffer
    with pytest.raises(ValueError, match="does not end with .pte"):
        program.save(str(tmp_path / "c.bin"))
    program.write_tensor_data_to_file(str(tmp_path))
    with pytest.raises(RuntimeError, match="ETRecord was not generated"):
        program.get_etrecord()


def test_programs_are_printed(mlp):
    program = to_edge_transform_and_lower(mlp[1], partitioner=[CoreMLPartitioner()]).to_executorch()
    brief, verbose = io.StringIO(), io.StringIO()
    program.dump_executorch_program(out=brief)
    program.dump_executorch_program(verbose=True, out=verbose)
    assert "CoreMLBackend" in brief.getvalue() and "linear" in brief.getvalue()
    assert verbose.getvalue().endswith(brief.getvalue()) and "aten::linear" in verbose.getvalue()


def test_what_the_file_raises_comes_back(mlp):
    class Full(io.RawIOBase):
        def write(self, data):
            raise OSError(28, "no space left")

    with pytest.raises(OSError) as raised:
        to_edge_transform_and_lower(mlp[1]).to_executorch().write_to_file(Full())
    assert raised.value.errno == 28


def test_methods_and_partitioners_by_name(mlp):
    _, program = mlp
    manager = to_edge_transform_and_lower({"encode": program, "decode": program}, partitioner={"decode": [CoreMLPartitioner()]},
                                          compile_config=EdgeCompileConfig(_check_ir_validity=False))
    assert manager.methods == {"encode", "decode"}
    assert "executorch_call_delegate" not in calls(manager, "encode")
    assert calls(manager, "decode") == ["executorch_call_delegate", "getitem"]
    with pytest.raises(KeyError):
        manager.exported_program()
    with pytest.raises(KeyError, match="prefill"):
        to_edge_transform_and_lower(program, partitioner={"prefill": [CoreMLPartitioner()]})
    assert manager.to_executorch().methods == {"encode", "decode"}


def test_constant_methods_return_tensors(mlp):
    """As ExecuTorch's llama export has them: tables, and which inputs are which."""
    constants = {"table": torch.randn(3, 4), "strided": torch.randn(4, 6).t()[::2], "scalar": torch.tensor(2.5),
                 "specs": torch.tensor([[2, 1], [3, 4]]), "bits": torch.ones(2).bfloat16(), "array": torch.arange(3).numpy()}
    buffer = to_edge_transform_and_lower(mlp[1], constant_methods=constants).to_executorch().buffer
    official, ours = OfficialRuntime.get().load_program(buffer), pippin.runtime.Runtime.get().load_program(buffer)
    for name, value in constants.items():
        expected = torch.as_tensor(value)
        (output,) = official.load_method(name).execute(())
        assert output.dtype == expected.dtype and torch.equal(output, expected)
        (output,) = ours.load_method(name).execute(())
        assert torch.equal(torch.as_tensor(output).to(expected.dtype), expected)


def test_constant_methods(mlp):
    constants = {"vocab_size": 32000, "scale": 0.5, "causal": True, "name": "pippin µ", "sizes": [1, 2, 3], "dtype": torch.int8}
    manager = to_edge_transform_and_lower(mlp[1], constant_methods=constants)
    assert manager.config_methods == set(constants)
    program = OfficialRuntime.get().load_program(manager.to_executorch().buffer)
    assert program.method_names == {"forward", *constants}
    for name, value in {**constants, "dtype": 1}.items():
        assert list(program.load_method(name).execute(())) == (value if isinstance(value, list) else [value])
    with pytest.raises(NotImplementedError, match="'names' returns a dict"):
        to_edge_transform_and_lower(mlp[1], constant_methods={"names": {}}).to_executorch()
    with pytest.raises(ValueError, match="'forward' names a method and a constant method"):
        to_edge_transform_and_lower(mlp[1], constant_methods={"forward": 1}).to_executorch()
    with pytest.raises(TypeError, match="compile_config"):
        to_edge(mlp[1], EdgeCompileConfig())


def test_to_edge_then_to_backend(mlp, caplog):
    attention = function(torch.nn.functional.scaled_dot_product_attention)
    program = torch.export.export(attention, tuple(torch.randn(1, 2, 4, 8) for _ in range(3)))
    edge = to_edge(program)
    twin = copy.deepcopy(edge)
    assert "aten.scaled_dot_product_attention.default" not in calls(edge)
    with caplog.at_level(logging.WARNING):
        lowered = edge.to_backend(CoreMLPartitioner())
    text = "\n".join(record.getMessage() for record in caplog.records
                     if record.name == "pippin.backends.apple.coreml.partition.coreml_partitioner")
    assert "DEPRECATION WARNING" in text and "to_edge() + to_backend()" in text and "to_edge_transform_and_lower()" in text
    assert calls(lowered) == ["executorch_call_delegate", "getitem"]
    assert "scaled_dot_product_attention" not in format_delegated_graph(lowered.exported_program().graph_module)
    assert calls(edge) == calls(twin)  # the receiver keeps working
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        kept = to_edge_transform_and_lower(program, partitioner=[CoreMLPartitioner()])
    assert "DEPRECATION" not in caplog.text and "specification version" in caplog.text
    name = "pippin.exir.dialects.edge._ops.aten.scaled_dot_product_attention.default"
    assert name in format_delegated_graph(kept.exported_program().graph_module)


def test_backend_config(mlp):
    manager = to_edge_transform_and_lower(mlp[1])
    aligned = manager.to_executorch(ExecutorchBackendConfig(segment_alignment=4096, extract_delegate_segments=True))
    assert len(aligned.buffer) > len(manager.to_executorch().buffer)
    planning = MemoryPlanningPass(alloc_graph_input=False)
    unplanned = manager.to_executorch(ExecutorchBackendConfig(memory_planning_pass=planning)).buffer
    metadata = OfficialRuntime.get().load_program(unplanned).metadata("forward")
    assert not metadata.input_tensor_meta(0).is_memory_planned() and metadata.output_tensor_meta(0).is_memory_planned()
    with pytest.raises(ValueError, match="segment_alignment is 100"):
        manager.to_executorch(ExecutorchBackendConfig(segment_alignment=100))
    with pytest.raises(TypeError):
        ExecutorchBackendConfig(no_such_field=1)


@pytest.mark.parametrize("call", [
    lambda p: to_edge_transform_and_lower(p, generate_etrecord=True),
    lambda p: to_edge(p).to_executorch(ExecutorchBackendConfig(external_constants=True)),
    lambda p: to_edge(p).to_executorch(ExecutorchBackendConfig(passes=[object()])),
    lambda p: CoreMLPartitioner().partition(p)])
def test_what_is_not_supported_says_so(mlp, call):
    with pytest.raises(NotImplementedError, match="Pippin"):
        call(mlp[1])


# ---- Graphs ----


@torch.library.custom_op("pippin_test::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@twice.register_fake
def _(x):
    return torch.empty_like(x)


def test_skipped_and_unknown_operators_stay():
    module = function(lambda a, x, b: torch.ops.pippin_test.twice(torch.mm(a, x) + b).relu())
    program = torch.export.export(module, tuple(torch.randn(2, 2) for _ in range(3)))
    manager = to_edge_transform_and_lower(
        program, partitioner=[CoreMLPartitioner(skip_ops_for_coreml_delegation=["aten.mm.default"])])
    delegate = ["executorch_call_delegate", "getitem"]
    assert calls(manager) == ["aten.mm.default", *delegate, "pippin_test.twice.default", *delegate]
    graph = manager.exported_program().graph
    graph.lint()
    remaining = get_non_lowered_nodes(graph)
    assert [node.target for node in remaining] == [ops.edge.aten.mm.default, ops.edge.pippin_test.twice.default]
    assert len(get_delegates(graph)) == 2
    mm = remaining[0]
    assert mm.name == "aten_mm_default" and [arg.name for arg in mm.args] == ["arguments_0", "arguments_1"] and mm.kwargs == {}
    assert mm.meta["val"].shape == (2, 2) and mm.meta["val"].dtype == torch.float32
    assert [user.target.__name__ for user in mm.users] == ["executorch_call_delegate"]
    report, = manager.delegation_report()
    assert {node["target"] for node in report["undelegated"]} == {"aten.mm.default", "pippin_test.twice.default"}
    assert all(node["file"] == __file__ and node["line"] for node in report["undelegated"])
    with pytest.raises(NotImplementedError, match="pippin_test::twice"):
        manager.to_executorch()
    with pytest.raises(NotImplementedError) as raised:
        to_edge_transform_and_lower(program, partitioner=[CoreMLPartitioner(lower_full_graph=True)])
    assert "lower_full_graph" in str(raised.value) and "pippin_test::twice" in str(raised.value)


def test_lowered_modules(mlp):
    specs = CoreMLBackend.generate_compile_specs(compute_unit="cpu_only", minimum_deployment_target="iOS17")
    manager = to_edge_transform_and_lower(mlp[1], partitioner=[CoreMLPartitioner(compile_specs=specs)])
    program = manager.exported_program()
    module = program.graph_module.lowered_module_0
    assert module.backend_id == "CoreMLBackend" and module.compile_specs == specs
    assert module.processed_bytes in manager.to_executorch().buffer
    assert [node.target.__name__ for node in module.original_module.graph.nodes if node.op == "call_function"] == [
        "aten.linear.default", "aten.relu.default", "aten.linear.default"]
    assert sorted(module.original_module.graph_signature.parameters) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    assert program.graph_signature.user_inputs == ("input_1",) or len(program.graph_signature.user_inputs) == 1
    assert "torch.ops.higher_order.executorch_call_delegate(lowered_module_0" in program.graph_module.code
    info = get_delegation_info(program.graph_module)
    assert (info.num_delegated_subgraphs, info.num_delegated_nodes, info.num_non_delegated_nodes) == (1, 3, 1)
    assert "Total delegated subgraphs: 1" in info.get_summary()
    whole = to_backend("CoreMLBackend", mlp[1], specs)
    assert whole.processed_bytes == module.processed_bytes


def test_specs_are_stored_as_given(mlp):
    from executorch.exir._serialize._program import deserialize_pte_binary

    for specs in ([], CoreMLBackend.generate_compile_specs(compute_unit="cpu_and_ne", pass_names=["a"])):
        manager = to_edge_transform_and_lower(mlp[1], partitioner=[CoreMLPartitioner(compile_specs=specs)])
        delegate, = deserialize_pte_binary(manager.to_executorch().buffer).program.execution_plan[0].delegates
        assert [(spec.key, bytes(spec.value)) for spec in delegate.compile_specs] == [(s.key, s.value) for s in specs]
    wrong = CoreMLBackend.generate_compile_specs()
    wrong[0].value = b"gpu"
    with pytest.raises(ValueError, match="compute_units.*gpu"):
        to_edge_transform_and_lower(mlp[1], partitioner=[CoreMLPartitioner(compile_specs=wrong)])


def test_constants_left_outside_are_arguments():
    program = torch.export.export(nn.Linear(5, 6).eval(), (torch.randn(2, 5),))
    manager = to_edge_transform_and_lower(program, partitioner=[CoreMLPartitioner(take_over_constant_data=False)])
    call = next(node for node in manager.exported_program().graph.nodes if node.target.__class__.__name__ == "_CallDelegate")
    assert len(call.args) == 4  # the lowered module, two weights, the input


def test_graph_changes_reach_the_file():
    module = function(lambda x: torch.ops.pippin_test.twice(x + 1).relu())
    manager = to_edge_transform_and_lower(torch.export.export(module, (torch.randn(3),)))
    graph = manager.exported_program().graph
    node, = graph.find_nodes(op="call_function", target=ops.edge.pippin_test.twice.default)
    node.replace_all_uses_with(node.args[0])
    assert graph.eliminate_dead_code() and calls(manager) == ["aten.add.Tensor", "aten.relu.default"]
    x = torch.tensor([1.0, -3.0, 0.5])
    torch.testing.assert_close(run_officially(manager.to_executorch().buffer, (x,))[0], torch.relu(x + 1))
    assert calls(copy.deepcopy(manager)) == calls(manager)
    add = graph.find_nodes(op="call_function", target=ops.edge.aten.add.Tensor)[0]
    with pytest.raises(ValueError, match="computed after"):
        add.replace_all_uses_with(list(add.users)[0])


# ---- Errors ----


def test_status_codes_become_exceptions(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing.pt2") as raised:
        to_edge_transform_and_lower(tmp_path / "missing.pt2")
    assert isinstance(raised.value, pippin.Error) and raised.value.code == "NOT_FOUND"
    (tmp_path / "bad.pt2").write_bytes(b"not an archive")
    with pytest.raises(ValueError, match="bad.pt2") as raised:
        to_edge_transform_and_lower(str(tmp_path / "bad.pt2"))
    assert raised.value.code == "INVALID_DATA"
    with pytest.raises(ValueError):
        to_edge_transform_and_lower(b"")


def test_the_view_is_the_librarys_description(mlp):
    manager = to_edge_transform_and_lower(mlp[1])
    description, = json.loads(manager._edge.dump("graph"))["methods"]
    graph = manager.exported_program().graph
    assert [node.meta["from"] for node in graph.nodes if node.op == "call_function"] == [
        node["name"] for node in description["graph"]["nodes"]]
