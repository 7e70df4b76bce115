"""Compile specs are the same bytes as ExecuTorch's, whatever stands for the options; partitioner options fail alike."""

import itertools
import json
import subprocess
import sys

import coremltools as ct
import pytest
import torch
from executorch.backends.apple.coreml.compiler import CoreMLBackend as Official
from executorch.backends.apple.coreml.compiler.coreml_preprocess import MULTIMETHOD_WEIGHT_SHARING_STRATEGY as OfficialStrategy
from executorch.backends.apple.coreml.partition import CoreMLPartitioner as OfficialPartitioner

from pippin.backends.apple import coreml
from pippin.backends.apple.coreml.compiler import CoreMLBackend
from pippin.backends.apple.coreml.compiler.coreml_preprocess import MULTIMETHOD_WEIGHT_SHARING_STRATEGY
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.exir.backend.compile_spec_schema import CompileSpec


def pairs(specs):
    return [(spec.key, spec.value) for spec in specs]


UNITS = list(ct.ComputeUnit)
TARGETS = [None, *ct.target]
PRECISIONS = list(ct.precision)
TYPES = list(Official.MODEL_TYPE)


def test_every_combination_is_the_official_bytes():
    for unit, target, precision, kind in itertools.product(UNITS, TARGETS, PRECISIONS, TYPES):
        official = Official.generate_compile_specs(unit, target, precision, kind)
        ours = CoreMLBackend.generate_compile_specs(unit, target, precision, CoreMLBackend.MODEL_TYPE(kind.value))
        assert pairs(ours) == pairs(official)


def test_our_enumerations_and_names_are_the_same_bytes():
    for unit, target, precision in itertools.product(coreml.ComputeUnit, [None, *coreml.target], coreml.precision):
        official = Official.generate_compile_specs(
            ct.ComputeUnit[unit.name], target and ct.target[target.name], ct.precision[precision.name])
        assert pairs(CoreMLBackend.generate_compile_specs(unit, target, precision)) == pairs(official)
        names = CoreMLBackend.generate_compile_specs(unit.name.lower(), target and target.name, precision.name)
        assert pairs(names) == pairs(official)
    assert coreml.target.__members__.keys() == ct.target.__members__.keys()
    assert all(coreml.target[name].value == target.value for name, target in ct.target.__members__.items())


def test_optional_specs_are_the_official_bytes():
    config = {"mode": "linear_symmetric", "dtype": "int4", "granularity": "per_channel"}
    passes = ["common::const_elimination", "common::dead_code_elimination"]
    ours = CoreMLBackend.generate_compile_specs(op_linear_quantizer_config=config, pass_names=passes)
    assert pairs(ours) == pairs(Official.generate_compile_specs(op_linear_quantizer_config=config, pass_names=passes))
    for strategy in OfficialStrategy:
        official = Official.generate_multimethod_weight_sharing_strategy_compile_spec(strategy)
        for given in (strategy, MULTIMETHOD_WEIGHT_SHARING_STRATEGY(strategy.value), strategy.value):
            assert pairs([CoreMLBackend.generate_multimethod_weight_sharing_strategy_compile_spec(given)]) == pairs([official])


def test_each_side_reads_the_other():
    for unit, target, precision, kind in itertools.product(UNITS, TARGETS, PRECISIONS, TYPES):
        specs = Official.generate_compile_specs(unit, target, precision, kind)
        assert CoreMLBackend.compute_unit_from_compile_specs(specs) == unit
        assert CoreMLBackend.min_deployment_target_from_compile_specs(specs) == target
        assert CoreMLBackend.model_compute_precision_from_compile_specs(specs) == precision
        assert CoreMLBackend.model_type_from_compile_specs(specs).value == kind.value
    assert CoreMLBackend.compute_unit_from_compile_specs([]) == ct.ComputeUnit.ALL
    assert CoreMLBackend.min_deployment_target_from_compile_specs([]) is None
    assert CoreMLBackend.model_compute_precision_from_compile_specs([]) == ct.precision.FLOAT16
    assert CoreMLBackend.model_type_from_compile_specs([]) == CoreMLBackend.MODEL_TYPE.MODEL
    assert CoreMLBackend.multimethod_weight_sharing_strategy_from_compile_specs([]).value == "positional"
    assert CoreMLBackend.op_linear_quantizer_config_from_compile_specs([]) is None
    assert CoreMLBackend.pass_pipeline_from_compile_specs([]).passes == ct.PassPipeline.DEFAULT.passes


def test_our_enumerations_equal_coremltools():
    assert coreml.ComputeUnit.CPU_ONLY == ct.ComputeUnit.CPU_ONLY and ct.ComputeUnit.CPU_ONLY == coreml.ComputeUnit.CPU_ONLY
    assert coreml.ComputeUnit.ALL != ct.ComputeUnit.CPU_ONLY and coreml.precision.FLOAT32 == ct.precision.FLOAT32
    assert coreml.ComputeUnit.ALL != ct.target.iOS13 and coreml.target.iOS17 == ct.target.macOS14


@pytest.mark.parametrize("arguments, allowed", [
    ({"compute_unit": "gpu"}, "CPU_AND_GPU"), ({"minimum_deployment_target": "iOS12"}, "iOS18"),
    ({"compute_precision": torch.float16}, "FLOAT32"), ({"model_type": "package"}, "package")])
def test_wrong_values_are_named_with_the_allowed_ones(arguments, allowed):
    with pytest.raises(ValueError) as raised:
        CoreMLBackend.generate_compile_specs(**arguments)
    assert allowed in str(raised.value)


def test_lists_are_fresh():
    CoreMLBackend.generate_compile_specs().append(CompileSpec("a", b""))
    assert len(CoreMLBackend.generate_compile_specs()) == 4
    assert CompileSpec("a", b"1") == CompileSpec("a", b"1") != CompileSpec("a", b"2")


def test_coremltools_is_not_imported():
    program = ("import sys; from pippin.backends.apple.coreml.partition import CoreMLPartitioner\n"
               "from pippin.backends.apple.coreml.compiler import CoreMLBackend\n"
               "specs = CoreMLBackend.generate_compile_specs(minimum_deployment_target='iOS18')\n"
               "assert CoreMLBackend.min_deployment_target_from_compile_specs(specs) == 9\n"
               "CoreMLPartitioner(compile_specs=specs)\n"
               "assert not {'coremltools', 'torch', 'executorch'} & set(sys.modules)")
    import pippin

    subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(list(pippin.__path__)[0] + '/..')!r})\n" + program],
                   check=True)


# ---- Partitioner options ----

ENUMERATED = CompileSpec("enumerated_shapes", b"[]")


@pytest.mark.parametrize("options", [
    {"lower_full_graph": True, "skip_ops_for_coreml_delegation": ["aten.mm.default"]},
    {"lower_full_graph": True, "take_over_constant_data": False},
    {"lower_full_graph": True, "take_over_mutable_buffer": False},
    {"compile_specs": [ENUMERATED]}])
def test_options_that_exclude_each_other(options):
    with pytest.raises(AssertionError):
        OfficialPartitioner(**options)
    with pytest.raises(AssertionError) as raised:
        CoreMLPartitioner(**options)
    assert "lower_full_graph=True" in str(raised.value)


def test_partitioner_attributes():
    ours, official = CoreMLPartitioner(), OfficialPartitioner()
    for name in ("skip_ops_for_coreml_delegation", "take_over_mutable_buffer", "lower_full_graph", "take_over_constant_data"):
        assert getattr(ours, name) == getattr(official, name)
    assert tuple(ours.delegation_spec) == tuple(official.delegation_spec) == ("CoreMLBackend", [])
    with pytest.raises(TypeError):
        CoreMLPartitioner(["aten.mm.default"])


# ---- Enumerated shapes ----


class TwoInputs(torch.nn.Module):
    def forward(self, x, y):
        return x.sum() + y


def export_two(same=False):
    a, b = torch.export.Dim("a", min=2, max=8), torch.export.Dim("b", max=5)
    shapes = ({0: a}, {0: a if same else b})
    sizes = (4, 4) if same else (4, 3)
    return torch.export.export(TwoInputs(), (torch.zeros(sizes[0], 2), torch.zeros(sizes[1], 2)), dynamic_shapes=shapes)


@pytest.mark.parametrize("same, shapes", [
    (False, {"x": [[1, 2], [8, 2]], "y": [[5, 2], [2, 2]]}), (True, {"x": [[3, 2], [8, 2]], "y": [[3, 2], [8, 2]]})])
def test_enumerated_shapes_are_the_official_bytes(same, shapes):
    program = export_two(same)
    ours = CoreMLBackend.generate_enumerated_shapes_compile_spec(program, shapes)
    official = Official.generate_enumerated_shapes_compile_spec(program, shapes)
    assert pairs([ours]) == pairs([official])
    read = CoreMLBackend.enumerated_shapes_from_compile_specs([official])
    assert json.loads(read.to_json()) == json.loads(official.value)


@pytest.mark.parametrize("same, shapes, error, part", [
    (False, {}, AssertionError, "No enumerated shapes"),
    (False, {"x": [[2, 2], [3, 2]]}, ValueError, "y"),
    (False, {"x": [[2, 2], [3, 2]], "y": [[2, 2]]}, AssertionError, "y"),
    (False, {"x": [[2, 2], [3, 2], [4, 2]], "y": [[2, 2], [3, 2]]}, AssertionError, "3"),
    (False, {"x": [[2, 2, 1], [3, 2, 1]], "y": [[2, 2], [3, 2]]}, AssertionError, "rank"),
    (False, {"x": [[2, 2], [3.5, 2]], "y": [[2, 2], [3, 2]]}, AssertionError, "float"),
    (False, {"x": [[2, 2], [0, 2]], "y": [[2, 2], [3, 2]]}, AssertionError, ">= 1"),
    (False, {"x": [[2, 2], [3, 4]], "y": [[2, 2], [3, 2]]}, AssertionError, "[3, 4]"),
    (False, {"x": [[2, 2], [9, 2]], "y": [[2, 2], [3, 2]]}, AssertionError, "[9, 2]"),
    (True, {"x": [[2, 2], [3, 2]], "y": [[2, 2], [4, 2]]}, AssertionError, "share")])
def test_enumerated_shapes_that_do_not_fit(same, shapes, error, part):
    program = export_two(same)
    with pytest.raises(error):
        Official.generate_enumerated_shapes_compile_spec(program, shapes)
    with pytest.raises(error) as raised:
        CoreMLBackend.generate_enumerated_shapes_compile_spec(program, shapes)
    assert part in str(raised.value)
