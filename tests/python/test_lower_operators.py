"""Every way an operator is used: lowered by Pippin, loaded (and type-checked) by coremltools, computed by an evaluator of its own,
compared with PyTorch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("coremltools")

import dynamic_cases
import operator_cases
import tooling
from mil_reference import MilReference

pytestmark = tooling.needs_tool

# What half precision cannot do: values near its smallest number, poles, replacement by the largest float.
ONLY_SINGLE = {"tan", "log1p_small", "expm1_small", "nan_to_num"}


def lower(program, folder, *options):
    source, package = folder / "model.pt2", folder / "model.mlpackage"
    torch.export.save(program, str(source))
    return MilReference(tooling.lower(source, package, "--lower-full-graph", *options))


def as_model_input(value, dtype):
    return torch.from_numpy(np.atleast_1d(value.numpy())).to(dtype).numpy()


def check(program, function, inputs, model, tolerance):
    leaves = torch.utils._pytree.tree_leaves(inputs)
    given = dict(zip(program.graph_signature.user_inputs, leaves))
    arrays = {}
    for name in model.inputs:
        value = given[name.replace("_wrapped_as_tensor_for_coreml", "")]
        placeholder = model.function.inputs[name]
        arrays[name] = as_model_input(value, MilReference.dtype(getattr(placeholder, "outputs", [placeholder])[0]))
    results = model(arrays)
    for name, expected in zip(program.graph_signature.user_outputs, torch.utils._pytree.tree_leaves(function(*inputs))):
        if name not in results:
            continue  # handed through, or the same as another
        expected, found = expected.detach().double().numpy(), results[name].astype(np.float64)
        assert found.shape == expected.shape
        finite = np.isfinite(expected)
        scale = max(np.abs(expected[finite]).max(initial=0), 1e-6)
        np.testing.assert_allclose(found[finite], expected[finite], atol=tolerance * scale, rtol=0)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


@pytest.mark.parametrize("options, tolerance", [
    (("--compute-precision", "float32"), 1e-5),
    (("--compute-precision", "float32", "--minimum-deployment-target", "iOS18"), 1e-5),
    (("--compute-precision", "float16"), 1e-2),
], ids=["single", "single-ios18", "half"])
@pytest.mark.parametrize("name", [name for name in operator_cases.CASES if name != "dropout"])
def test_operator(name, options, tolerance, tmp_path):
    if tolerance > 1e-3 and name in ONLY_SINGLE:
        pytest.skip("beyond half precision")
    function, inputs, _ = operator_cases.CASES[name]
    module = operator_cases.module_of(function)
    program = torch.export.export(module, inputs, strict=False)
    check(program, module, inputs, lower(program, tmp_path, *options), tolerance)


@pytest.mark.parametrize("name", dynamic_cases.CASES)
def test_dynamic_shapes(name, tmp_path):
    module, inputs, shapes, other_inputs = dynamic_cases.CASES[name]
    module = module.eval()
    program = torch.export.export(module, inputs, dynamic_shapes=shapes, strict=False)
    model = lower(program, tmp_path, "--compute-precision", "float32")
    check(program, module, inputs, model, 1e-5)
    check(program, module, other_inputs, model, 1e-5)
