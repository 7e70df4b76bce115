"""Methods that share weights: the n-th partitions of all methods are functions of one model, stored once. What is written is
compared with what ExecuTorch writes for the same programs, read by coremltools, and run against torch."""

import json
import re

import pytest
import torch
from executorch.exir._serialize._program import deserialize_pte_binary
from executorch.runtime import Runtime as OfficialRuntime
from torch import nn

from pippin.backends.apple.coreml.compiler import CoreMLBackend
from pippin.backends.apple.coreml.compiler.coreml_preprocess import MULTIMETHOD_WEIGHT_SHARING_STRATEGY as Strategy
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.exir import to_edge, to_edge_transform_and_lower
from pippin.runtime import Runtime
from tooling import infer_types, pippin, unflatten

WIDTH = 24
LONG, SHORT = (1, 8, WIDTH), (1, 1, WIDTH)


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(3 * WIDTH, WIDTH)

    def forward(self, x):
        return x + self.second(torch.relu(self.first(x)))


class FirstOnly(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.first = layers.first

    def forward(self, x):
        return self.first(x).tanh()


@pytest.fixture(scope="module")
def layers():
    torch.manual_seed(0)
    return Layers().eval()


def partitioner(target="iOS18", precision="float32", strategy=None, **options):
    specs = CoreMLBackend.generate_compile_specs(minimum_deployment_target=target, compute_precision=precision)
    if strategy:
        specs.append(CoreMLBackend.generate_multimethod_weight_sharing_strategy_compile_spec(strategy))
    return [CoreMLPartitioner(compile_specs=specs, **options)]


def export(module, *shapes, **options):
    return torch.export.export(module.eval(), tuple(torch.randn(shape) for shape in shapes), **options)


def lowered(methods, chosen=None, **options):
    """The `.pte` of modules and input shapes by method name."""
    programs = {name: export(module, *shapes) for name, (module, *shapes) in methods.items()}
    return to_edge_transform_and_lower(programs, partitioner=chosen or partitioner(), **options).to_executorch().buffer


def check(buffer, methods, tolerance=1e-5):
    program = Runtime.get().load_program(buffer)
    for name, (module, *shapes) in methods.items():
        inputs = [torch.randn(shape) for shape in shapes]
        (output,) = program.load_method(name).execute(inputs)
        torch.testing.assert_close(output, module(*inputs), rtol=tolerance, atol=tolerance)


def references(file):
    """What the delegates' payloads say, by method."""
    result = {}
    for plan in file.program.execution_plan:
        payloads = [bytes(file.program.backend_delegate_data[delegate.processed.index].data) for delegate in plan.delegates]
        result[plan.name] = [json.loads(payload[4:]) for payload in payloads if payload[:4] == b"CMJR"]
    return result


def models(file, folder):
    """(name of the folder, metadata.json, path of the package) by key, of the shared models."""
    result = {}
    for key, entry in file.named_data.pte_data.items():
        folder.mkdir(exist_ok=True)
        root = unflatten(bytes(file.named_data.buffers[entry.buffer_index]), folder)
        result[key] = root.name, json.loads((root / "metadata.json").read_text()), root / "model.mlpackage"
    return result


def count(buffer, parameter):
    return buffer.count(parameter.detach().numpy().tobytes())


# ---- What is written ----


def test_weights_are_stored_once_and_both_methods_compute_what_torch_computes(layers):
    methods = {"prefill": (layers, LONG), "decode": (layers, SHORT)}
    buffer = lowered(methods)
    check(buffer, methods)
    assert [count(buffer, parameter) for parameter in layers.parameters()] == [1, 1, 1, 1]
    program = OfficialRuntime.get().load_program(buffer)
    assert program.method_names == {"prefill", "decode"}
    assert program.metadata("prefill").input_tensor_meta(0).sizes() == LONG


def test_official_tools_write_the_same(layers, tmp_path):
    from executorch.backends.apple.coreml.compiler import CoreMLBackend as OfficialBackend
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner as OfficialPartitioner
    from executorch.exir import to_edge_transform_and_lower as official_lowering

    import coremltools as ct

    programs = {"prefill": export(layers, LONG), "decode": export(layers, SHORT)}
    specs = OfficialBackend.generate_compile_specs(
        minimum_deployment_target=ct.target.iOS18, compute_precision=ct.precision.FLOAT32)
    theirs = deserialize_pte_binary(
        official_lowering(programs, partitioner=[OfficialPartitioner(compile_specs=specs)]).to_executorch().buffer)
    ours = deserialize_pte_binary(to_edge_transform_and_lower(programs, partitioner=partitioner()).to_executorch().buffer)

    packages = {}
    for name, file in (("theirs", theirs), ("ours", ours)):
        ((key, (folder, metadata, package)),) = models(file, tmp_path / name).items()
        assert key == "coreml_" + metadata["identifier"] and len(key) == len("coreml_executorch_") + 36
        assert folder == "lowered_module_partition_0"
        for method in ("prefill", "decode"):
            assert references(file)[method] == [{"version": 1, "key": key, "functionName": method}]
        packages[name] = metadata["methods"], package
    assert packages["ours"][0] == packages["theirs"][0]
    from coremltools.models.utils import load_spec

    ours, theirs = (load_spec(str(packages[name][1])) for name in ("ours", "theirs"))
    assert ours.description == theirs.description
    assert ours.specificationVersion == theirs.specificationVersion == 9
    assert set(infer_types(packages["ours"][1]).functions) == {"prefill", "decode"}


def test_equal_models_have_equal_keys(layers):
    methods = {"prefill": (layers, LONG), "decode": (layers, SHORT)}
    assert lowered(methods) == lowered(methods)
    other = {"prefill": (Layers(), LONG), "decode": (Layers(), SHORT)}
    (key,), (other_key,) = (deserialize_pte_binary(lowered(m)).named_data.pte_data for m in (methods, other))
    assert key != other_key


def test_partitions_of_the_same_index_share_a_model(layers, tmp_path):
    methods = {"prefill": (layers, LONG), "decode": (layers, SHORT)}
    buffer = lowered(methods, partitioner(skip_ops_for_coreml_delegation=["aten.relu.default"]))
    check(buffer, methods)
    file = deserialize_pte_binary(buffer)
    keys = [reference["key"] for reference in references(file)["decode"]]
    assert len(keys) == 2 and keys == [reference["key"] for reference in references(file)["prefill"]]
    shared = models(file, tmp_path)
    assert [shared[key][0] for key in keys] == ["lowered_module_partition_0", "lowered_module_partition_1"]
    for key in keys:
        assert set(infer_types(shared[key][2]).functions) == {"prefill", "decode"}
    assert [count(buffer, parameter) for parameter in layers.parameters()] == [1, 1, 1, 1]


def test_methods_without_partitions_take_no_part(layers):
    methods = {"prefill": (layers, LONG), "decode": (layers, SHORT), "portable": (layers, LONG)}
    chosen = {"prefill": partitioner(), "decode": partitioner()}
    buffer = lowered(methods, chosen)
    check(buffer, methods)
    assert [len(found) for found in references(deserialize_pte_binary(buffer)).values()] == [1, 0, 1]
    alone = lowered(methods, {"decode": partitioner()})
    check(alone, methods)
    assert not deserialize_pte_binary(alone).named_data


def test_disabled_lowers_each_method_on_its_own(layers):
    methods = {"prefill": (layers, LONG), "decode": (layers, SHORT)}
    buffer = lowered(methods, partitioner(strategy=Strategy.DISABLED))
    check(buffer, methods)
    file = deserialize_pte_binary(buffer)
    assert not file.named_data and references(file) == {"decode": [], "prefill": []}
    assert count(buffer, layers.first.weight) == 2


def test_strategy_of_the_first_method_decides(layers):
    methods = {"prefill": (layers, LONG), "decode": (layers, SHORT)}
    chosen = {"prefill": partitioner(), "decode": partitioner(strategy=Strategy.DISABLED)}
    assert deserialize_pte_binary(lowered(methods, chosen)).named_data
    chosen = {"prefill": partitioner(strategy=Strategy.DISABLED), "decode": partitioner()}
    assert not deserialize_pte_binary(lowered(methods, chosen)).named_data


def test_methods_need_not_have_the_same_weights(layers):
    methods = {"whole": (layers, LONG), "first": (FirstOnly(layers), SHORT), "other": (Layers().eval(), SHORT)}
    buffer = lowered(methods)
    check(buffer, methods)
    assert count(buffer, layers.first.weight) == count(buffer, methods["other"][0].first.weight) == 1


def test_each_method_keeps_its_precision(layers):
    methods = {"exact": (layers, LONG), "half": (layers, SHORT)}
    buffer = lowered(methods, {"exact": partitioner(), "half": partitioner(precision="float16")})
    check(buffer, {"exact": methods["exact"]})
    check(buffer, {"half": methods["half"]}, tolerance=1e-2)
    halves = layers.first.weight.detach().half()
    assert count(buffer, layers.first.weight) == count(buffer, halves) == 1


@pytest.mark.parametrize("targets, version", [((None, None), 9), (("iOS15", "iOS17"), 9), (("iOS18", "iOS26"), 10)])
def test_functions_have_the_latest_target_of_the_methods(layers, targets, version):
    methods = {"prefill": (layers, LONG), "decode": (layers, SHORT)}
    programs = {name: export(module, shape) for name, (module, shape) in methods.items()}
    chosen = {name: partitioner(target=target) for name, target in zip(methods, targets)}
    edge = to_edge_transform_and_lower(programs, partitioner=chosen)
    partitions = [partition for report in edge.delegation_report() for partition in report["partitions"]]
    assert [partition["specification_version"] for partition in partitions] == [version, version]
    assert all(partition["shared"] for partition in partitions)
    check(edge.to_executorch().buffer, methods)


def test_dynamic_and_static_shapes_share_weights(layers):
    rows = torch.export.Dim("rows", min=2, max=9)
    programs = {"prefill": export(layers, (1, 4, WIDTH), dynamic_shapes=({1: rows},)), "decode": export(layers, SHORT)}
    buffer = to_edge_transform_and_lower(programs, partitioner=partitioner()).to_executorch().buffer
    assert count(buffer, layers.first.weight) == 1
    for size in (2, 9, 5):
        check(buffer, {"prefill": (layers, (1, size, WIDTH)), "decode": (layers, SHORT)})


def test_constant_methods_stand_beside_shared_ones(layers):
    methods = {"prefill": (layers, LONG), "decode": (layers, SHORT)}
    buffer = lowered(methods, constant_methods={"vocab_size": 32000, "name": "small"})
    check(buffer, methods)
    program = Runtime.get().load_program(buffer)
    assert program.method_names == {"prefill", "decode", "vocab_size", "name"}
    assert program.load_method("vocab_size").execute([]) == [32000]
    assert OfficialRuntime.get().load_program(buffer).load_method("name").execute([]) == ["small"]


def test_to_backend_shares_too(layers):
    programs = {"prefill": export(layers, LONG), "decode": export(layers, SHORT)}
    manager = to_edge(programs).to_backend(dict.fromkeys(programs, partitioner()[0]))
    buffer = manager.to_executorch().buffer
    check(buffer, {"prefill": (layers, LONG), "decode": (layers, SHORT)})
    assert count(buffer, layers.first.weight) == 1
    payload = manager.exported_program("decode").graph_module.lowered_module_0.processed_bytes
    assert payload[:4] == b"CMJR" and json.loads(payload[4:])["functionName"] == "decode"


# ---- What cannot be shared ----


def test_partition_counts_must_agree(layers):
    methods = {"whole": (layers, LONG), "cut": (layers, SHORT)}
    chosen = {"whole": partitioner(), "cut": partitioner(skip_ops_for_coreml_delegation=["aten.relu.default"])}
    with pytest.raises(ValueError) as error:
        lowered(methods, chosen)
    message = str(error.value)
    assert "method 'cut' has 2 partitions, but 'whole' has 1" in message
    assert "MULTIMETHOD_WEIGHT_SHARING_STRATEGY.DISABLED" in message
    chosen = {name: partitioner(strategy=Strategy.DISABLED, **options)
              for name, options in (("whole", {}), ("cut", {"skip_ops_for_coreml_delegation": ["aten.relu.default"]}))}
    check(lowered(methods, chosen), methods)


def test_unknown_strategy_is_refused_with_the_known_ones(layers):
    chosen = partitioner()
    chosen[0].compile_specs.append(type(chosen[0].compile_specs[0])("multimethod_weight_sharing_strategy", b"by_name"))
    with pytest.raises(ValueError, match="'by_name'; allowed are 'positional', 'disabled'"):
        lowered({"prefill": (layers, LONG), "decode": (layers, SHORT)}, chosen)


# ---- Damaged references ----


@pytest.fixture(scope="module")
def shared(layers):
    return lowered({"prefill": (layers, LONG), "decode": (layers, SHORT)})


@pytest.mark.parametrize("old, new, message", [
    (b'CMJR{"version"', b'CMJR["version"', "the reference to a shared model: "),
    (b'"version": 1, "key": ', b'"version": 1, "kex": ', "the reference to a shared model has no key"),
    (b'"key": "coreml_', b'"key": "coremx_', "'coremx_executorch_.*' is not among the program's named data"),
    (b'"functionName": "decode"', b'"functionName": "decodx"', "the model has no function 'decodx'"),
    (b'"functionName": "decode"', b'"functionNamx": "decode"', "the delegate's model has several functions, and it names none"),
    (b'"decode": {"inputNames"', b'"decodx": {"inputNames"', "the Core ML model has no method 'decode'"),
], ids=["json", "no key", "unknown key", "unknown function", "no function", "unknown method"])
def test_damaged_references_are_refused(shared, old, new, message):
    content = bytearray(shared)
    position = content.index(old) if b"decode" in old else content.rindex(old)
    content[position: position + len(old)] = new
    program = Runtime.get().load_program(bytes(content))
    refused = 0
    for method in ("prefill", "decode"):
        try:
            program.load_method(method)
        except Exception as error:
            assert re.search(message, str(error)), error
            assert f"method '{method}'" in str(error)
            refused += 1
    assert refused == 1


# ---- The tool ----


@pytest.fixture(scope="module")
def archives(layers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    for name, shape in (("prefill", LONG), ("decode", SHORT)):
        torch.export.save(export(layers, shape), folder / f"{name}.pt2")
    return [argument for name in ("prefill", "decode") for argument in ("-m", f"{name}={folder / name}.pt2")]


def run_tool(archives, target, *options):
    result = pippin("lower", *archives, "-o", target, "--compute-precision", "float32", *options)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_tool_shares_weights_of_archives(layers, archives, tmp_path):
    assert run_tool(archives, tmp_path / "x.pte").count("shared weights") == 2
    buffer = (tmp_path / "x.pte").read_bytes()
    check(buffer, {"prefill": (layers, LONG), "decode": (layers, SHORT)})
    assert count(buffer, layers.first.weight) == 1
    run_tool(archives, tmp_path / "y.pte", "--weight-sharing", "disabled")
    apart = (tmp_path / "y.pte").read_bytes()
    assert count(apart, layers.first.weight) == 2
    specs = deserialize_pte_binary(apart).program.execution_plan[0].delegates[0].compile_specs
    assert (specs[-1].key, bytes(specs[-1].value)) == ("multimethod_weight_sharing_strategy", b"disabled")


def test_tool_writes_methods_as_functions_of_a_package(archives, tmp_path):
    run_tool(archives, tmp_path / "x.mlpackage")
    assert set(infer_types(tmp_path / "x.mlpackage").functions) == {"prefill", "decode"}
    result = pippin("lower", *archives, "-o", tmp_path / "y.mlpackage", "--weight-sharing", "disabled")
    assert result.returncode == 1 and "--weight-sharing positional" in result.stderr
    assert not (tmp_path / "y.mlpackage").exists()


def test_tool_leaves_no_file_when_methods_do_not_fit(archives, tmp_path):
    class Cut(nn.Module):
        def forward(self, x):
            return x.relu().cos().tanh()

    torch.export.save(export(Cut(), SHORT), tmp_path / "cut.pt2")
    result = pippin("lower", *archives, "-m", f"cut={tmp_path / 'cut.pt2'}", "-o", tmp_path / "x.pte",
                    "--skip-op", "aten.cos.default")
    assert result.returncode == 1 and "--weight-sharing disabled" in result.stderr
    assert "method 'cut' has 2 partitions, but 'prefill' has 1" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.pt2"]
