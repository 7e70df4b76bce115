"""Several partitioners for a method, partitioners written in Python, programs lowered again after changes, passes before
partitioning: what each makes of a graph, and that the numbers stay torch's."""

import copy

import pytest
import torch
from torch import nn

from pippin.backends.apple.coreml.compiler import CoreMLBackend
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.exir import to_edge, to_edge_transform_and_lower
from pippin.exir.backend.partitioner import DelegationSpec, Partitioner, PartitionResult
from pippin.exir.backend.utils import format_delegated_graph, tag_constant_data, tag_mutated_buffer
from pippin.exir.dialects._ops import ops
from pippin.runtime import Runtime

DELEGATE = ["executorch_call_delegate", "getitem"]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        y = torch.relu(self.linear(x))
        z = torch.sin(y) + 1
        return torch.mm(z, y)


INPUTS = (torch.rand(4, 4),)


@pytest.fixture(scope="module")
def program():
    return torch.export.export(Model().eval(), INPUTS)


def specs(**options):
    return CoreMLBackend.generate_compile_specs(compute_precision="float32", **options)


def calls(manager, method="forward"):
    return [node.target.__name__ for node in manager.exported_program(method).graph.nodes if node.op == "call_function"]


def check(manager, model=None, inputs=INPUTS, method="forward"):
    output, = Runtime.get().load_program(manager.to_executorch().buffer).load_method(method).execute(inputs)
    torch.testing.assert_close(output, (model or Model().eval())(*inputs), rtol=1e-4, atol=1e-5)


class Operators(Partitioner):
    """Each call of one of its operators becomes a partition of its own."""

    def __init__(self, *names, backend="CoreMLBackend", constants=True, **options):
        super().__init__()
        self.names, self.constants = names, constants
        self.delegation_spec = DelegationSpec(backend, specs(**options))

    def partition(self, exported_program):
        tags = {}
        for node in exported_program.graph.nodes:
            if node.op == "call_function" and node.target.__name__ in self.names:
                node.meta["delegation_tag"] = f"tag{len(tags)}"
                tags[node.meta["delegation_tag"]] = self.delegation_spec
        if self.constants:
            tag_constant_data(exported_program)
            tag_mutated_buffer(exported_program)
        return PartitionResult(exported_program, tags)


# ---- Several partitioners ----


def test_each_takes_what_those_before_it_left(program):
    first = CoreMLPartitioner(compile_specs=specs(), skip_ops_for_coreml_delegation=["aten.sin.default", "aten.mm.default"])
    second = CoreMLPartitioner(compile_specs=specs(compute_unit="cpu_only"), skip_ops_for_coreml_delegation=["aten.mm.default"])
    manager = to_edge_transform_and_lower(program, partitioner=[first, second])
    assert calls(manager) == [*DELEGATE, *DELEGATE, *DELEGATE, "aten.mm.default"]
    modules = [module for name, module in vars(manager.exported_program().graph_module).items() if name.startswith("lowered")]
    assert sorted(module.name for module in modules) == ["lowered_module_0", "lowered_module_1", "lowered_module_2"]
    assert [CoreMLBackend.compute_unit_from_compile_specs(module.compile_specs).name for module in modules].count("CPU_ONLY") == 1
    assert format_delegated_graph(manager.exported_program().graph_module).count("backend_id: CoreMLBackend") == 3
    check(manager)


def test_stepwise_with_to_backend(program):
    edge = to_edge(program)
    once = edge.to_backend(CoreMLPartitioner(compile_specs=specs(), skip_ops_for_coreml_delegation=["aten.mm.default"]))
    twice = once.to_backend(CoreMLPartitioner(compile_specs=specs()))
    assert calls(once) == [*DELEGATE, *DELEGATE, "aten.mm.default"] or calls(once)[-1] == "aten.mm.default"
    assert set(calls(twice)) == set(DELEGATE) and set(calls(edge)) & set(DELEGATE) == set()
    for manager in (edge, once, twice, copy.deepcopy(twice)):
        check(manager)


def test_partitioners_by_method(program):
    manager = to_edge_transform_and_lower(
        {"a": program, "b": program},
        partitioner={"a": [CoreMLPartitioner(compile_specs=specs())], "b": [Operators("aten.sin.default"), Operators("aten.mm.default")]})
    assert calls(manager, "a") == DELEGATE
    assert calls(manager, "b").count("executorch_call_delegate") == 2 and "aten.relu.default" in calls(manager, "b")
    check(manager, method="a")
    check(manager, method="b")


# ---- Partitioners written in Python ----


def test_tags_become_partitions(program):
    manager = to_edge_transform_and_lower(program, partitioner=[Operators("aten.addmm.default", "aten.sin.default")])
    assert [name for name in calls(manager) if name not in DELEGATE and "permute" not in name] == [
        "aten.relu.default", "aten.add.Tensor", "aten.mm.default"]
    assert calls(manager).count("executorch_call_delegate") == 2
    check(manager)
    check(manager.to_backend(CoreMLPartitioner(compile_specs=specs())))


@pytest.mark.parametrize("constants, arguments", [(True, 2), (False, 3)])
def test_constants_go_where_their_tag_says(program, constants, arguments):
    manager = to_edge_transform_and_lower(program, partitioner=[Operators("aten.addmm.default", constants=constants)])
    call, = [node for node in manager.exported_program().graph.nodes
             if getattr(node.target, "__name__", "") == "executorch_call_delegate"]
    # The module, x, the permuted weight; and the bias, unless it is the model's.
    assert len(call.args) == arguments + 1
    check(manager)


def test_torchs_capability_based_partitioner(program):
    from torch.fx.passes.infra.partitioner import CapabilityBasedPartitioner
    from torch.fx.passes.operator_support import OperatorSupportBase

    class Support(OperatorSupportBase):
        def is_node_supported(self, submodules, node):
            return node.op == "call_function" and node.target in (ops.edge.aten.sin.default, ops.edge.aten.add.Tensor)

    class Capable(Partitioner):
        def partition(self, exported_program):
            found = CapabilityBasedPartitioner(exported_program.graph_module, Support(), allows_single_node_partition=True)
            tags = {}
            for part in found.propose_partitions():
                for node in part.nodes:
                    node.meta["delegation_tag"] = f"tag{part.id}"
                    tags[f"tag{part.id}"] = DelegationSpec("CoreMLBackend", specs())
            return PartitionResult(exported_program, tags)

    manager = to_edge_transform_and_lower(program, partitioner=[Capable()])
    assert calls(manager).count("executorch_call_delegate") == 1
    assert not {"aten.sin.default", "aten.add.Tensor"} & set(calls(manager))
    check(manager)


@pytest.mark.parametrize("partitioner, error, part", [
    (Operators("aten.sin.default", backend="XnnpackBackend"), NotImplementedError, "XnnpackBackend"),
    (Operators("pippin_partitioner_test.twice.default"), ValueError, "pippin_partitioner_test"),
    (object(), TypeError, "expected a partitioner")])
def test_what_cannot_be_followed(partitioner, error, part):
    model = Model().eval()
    model.forward = lambda x: torch.ops.pippin_partitioner_test.twice(torch.sin(x))
    with pytest.raises(error, match=part):
        to_edge_transform_and_lower(torch.export.export(model, INPUTS), partitioner=[partitioner])


@torch.library.custom_op("pippin_partitioner_test::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@twice.register_fake
def _(x):
    return torch.empty_like(x)


def test_partitions_that_depend_on_each_other(program):
    class Crossed(Operators):
        def partition(self, exported_program):
            result = super().partition(exported_program)
            for node in exported_program.graph.nodes:
                if "delegation_tag" in node.meta:
                    node.meta["delegation_tag"] = "tag0"
            return result

    with pytest.raises(ValueError, match="depend on each other"):
        to_edge_transform_and_lower(program, partitioner=[Crossed("aten.relu.default", "aten.mm.default")])


def test_an_official_partitioner_is_named(program):
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner as Official

    with pytest.raises(TypeError, match="from pippin instead of executorch"):
        to_edge_transform_and_lower(program, partitioner=[Official()])


# ---- Changes, then lowering again ----


def test_a_changed_program_is_lowered_again(program):
    class Changed(Model):
        def forward(self, x):
            y = torch.relu(self.linear(x))
            return torch.mm(y + 1, y)

    edge = to_edge(program)
    graph = edge.exported_program().graph
    sine, = graph.find_nodes(op="call_function", target=ops.edge.aten.sin.default)
    sine.replace_all_uses_with(sine.args[0])
    assert graph.eliminate_dead_code() and "aten.sin.default" not in calls(edge)
    lowered = edge.to_backend(CoreMLPartitioner(compile_specs=specs()))
    assert calls(lowered) == DELEGATE
    for manager in (edge, lowered, copy.deepcopy(edge)):
        check(manager, Changed().eval())


# ---- Passes ----


def replace_sine(module):
    for node in module.graph.nodes:
        if node.target == ops.edge.aten.sin.default:
            node.target = ops.edge.aten.cos.default
    module.recompile()


class Cosine(Model):
    def forward(self, x):
        y = torch.relu(self.linear(x))
        return torch.mm(torch.cos(y) + 1, y)


@pytest.mark.parametrize("passes", [[replace_sine], {"forward": [replace_sine]}])
def test_transform_passes(program, passes):
    manager = to_edge_transform_and_lower(program, transform_passes=passes, partitioner=[CoreMLPartitioner(compile_specs=specs())])
    assert calls(manager) == DELEGATE
    check(manager, Cosine().eval())
    check(to_edge(program).transform(passes), Cosine().eval())


def test_export_passes(program):
    """ExecuTorch's base class of passes, with Pippin's operators."""
    from pippin.exir.pass_base import ExportPass

    class Replace(ExportPass):
        def call_operator(self, op, args, kwargs, meta):
            return super().call_operator(ops.edge.aten.cos.default if op == ops.edge.aten.sin.default else op, args, kwargs, meta)

    manager = to_edge_transform_and_lower(program, transform_passes=[Replace()], partitioner=[CoreMLPartitioner(compile_specs=specs())])
    check(manager, Cosine().eval())


def test_passes_on_archives(program, tmp_path):
    torch.export.save(program, tmp_path / "m.pt2")
    for source in (tmp_path / "m.pt2", (tmp_path / "m.pt2").read_bytes()):
        check(to_edge_transform_and_lower(source, transform_passes=[replace_sine]), Cosine().eval())


def test_passes_that_cannot_be_applied(program):
    with pytest.raises(KeyError, match="prefill"):
        to_edge_transform_and_lower(program, transform_passes={"prefill": [replace_sine]})
    lowered = to_edge_transform_and_lower(program, partitioner=[CoreMLPartitioner(compile_specs=specs())])
    with pytest.raises(NotImplementedError, match="before to_backend"):
        lowered.transform([replace_sine])
