"""The acceptance test: real architectures through the whole tool.

Each model is lowered with default options and judged by the official tools: ExecuTorch reads the program, coremltools infers every
type of the Core ML model, and computes its result. The same model without delegates is run by ExecuTorch's runtime. Pippin's own
runtime must compute, from its own files and from the official tools', what torch computes.
"""

import functools
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from coremltools.models.utils import load_spec

from mil_reference import MilReference
from tooling import ROOT, load, lower, needs_tool, payloads, pippin, read

sys.path.insert(0, str(ROOT / "tests" / "models"))
import official

FIVE = ["mobilenet_v2", "resnet50", "vit_b_16", "minilm", "gpt2"]
NAMES = [*FIVE, "mobilenet_v3_small", "resnet18", "inception_v3", "speech", "super_resolution", "mlp", "linear", "add_mul", "add"]
# With a step each for compiling and running, PIPPIN_TEST_MODELS=all takes the official tools' files of all models, not only of the five.
OFFICIAL = NAMES if os.environ.get("PIPPIN_TEST_MODELS") == "all" else [*FIVE, "speech", "super_resolution", "mlp", "add_mul"]
MODELS = ROOT / "build" / "models"
OFFICIAL_FILES = ROOT / "build" / "official"
SINGLE, HALF = 1e-4, 1e-2

pytestmark = needs_tool


class Model:
    """A model of the zoo: the exported program, inputs, and what torch computes."""

    def __init__(self, name):
        self.name = name
        self.source = MODELS / f"{name}.pt2"
        if not self.source.exists():
            subprocess.run([sys.executable, ROOT / "tests" / "models" / "build.py", MODELS, name], check=True)
        self.inputs, self.expected = self.arrays("input"), self.arrays("expected")

    def arrays(self, kind):
        folder = MODELS / self.name
        return [np.load(folder / f"{kind}_{i}.npy") for i in range(len(list(folder.glob(f"{kind}_*.npy"))))]

    @property
    def tensors(self):
        return [torch.from_numpy(array) for array in self.inputs]


@functools.lru_cache(maxsize=1)
def model_of(name):
    return Model(name)


@pytest.fixture
def model(request):
    return model_of(request.param)


def each(names):
    return pytest.mark.parametrize("model", names, indirect=True)


def check(outputs, expected, tolerance):
    """Within `tolerance` of the scale; the largest value of each row (class, token) stands in the same place, up to that tolerance."""
    assert len(outputs) == len(expected)
    for output, wanted in zip(outputs, expected):
        output = np.asarray(output)
        assert output.shape == wanted.shape and output.dtype == wanted.dtype
        scale = np.abs(wanted).max()
        assert np.abs(output.astype(np.float64) - wanted).max() <= tolerance * scale
    first, wanted = np.asarray(outputs[0]), expected[0]
    assert first.reshape(-1).argmax() == wanted.reshape(-1).argmax()


def only_delegate(path):
    """The delegate of a program that consists of one call of it."""
    plan, = read(path).program.execution_plan
    assert [delegate.id for delegate in plan.delegates] == ["CoreMLBackend"]
    assert not plan.operators and len(plan.chains[0].instructions) == 1
    return plan.delegates[0]


def check_metadata(model, path):
    """ExecuTorch's runtime loads the program and describes the method as torch's arrays are."""
    metadata = load(path).metadata("forward")
    for count, info, arrays in ((metadata.num_inputs(), metadata.input_tensor_meta, model.inputs),
                                (metadata.num_outputs(), metadata.output_tensor_meta, model.expected)):
        assert count == len(arrays)
        for i, array in enumerate(arrays):
            assert tuple(info(i).sizes()) == array.shape
            assert info(i).nbytes() == array.nbytes


def run_delegate(package, metadata, model):
    """The Core ML model evaluated by coremltools' program and torch; inputs in the delegate's order are the model's."""
    reference = MilReference(package)
    given = dict(zip(metadata["inputNames"], model.inputs))
    arrays = {name: array.astype(np.int32) if array.dtype == np.int64 else array for name, array in given.items()}
    with torch.no_grad():
        results = reference(arrays)
    return [results[name] for name in metadata["outputNames"]]


@each(NAMES)
def test_lowers_to_one_core_ml_model(model, tmp_path):
    path = lower(model.source, tmp_path / "model.pte")
    only_delegate(path)
    check_metadata(model, path)
    (metadata, package), = payloads(path, tmp_path)
    path.unlink()
    check(run_delegate(package, metadata, model), model.expected, HALF)


@each(NAMES)
def test_without_delegate_the_official_runtime_computes_the_same(model, tmp_path):
    path = lower(model.source, tmp_path / "model.pte", "--skip-op", "*")
    assert not read(path).program.execution_plan[0].delegates
    outputs = load(path).load_method("forward").execute(model.tensors)
    check([output.numpy() for output in outputs], model.expected, SINGLE)


# ---- The same structure as the official tools' ----

# The official converter of clamp does not name its result after the node.
OFFICIAL_NAMES = {"clip_0": "aten_clamp_default"}


def describe(path, folder):
    """What a user could notice of a program with one delegate."""
    folder.mkdir()
    delegate = only_delegate(path)
    (metadata, package), = payloads(path, folder)
    spec = load_spec(str(package))
    description = spec.description
    named = lambda names: [OFFICIAL_NAMES.get(name, name) for name in names]
    plan, = read(path).program.execution_plan
    return {
        "specification version": spec.specificationVersion,
        "compile specs": [(item.key, bytes(item.value)) for item in delegate.compile_specs],
        "metadata": {key: named(value) for key, value in metadata.items() if key != "identifier"},
        "types": [(f.type.WhichOneof("Type"), f.type.multiArrayType.dataType, list(f.type.multiArrayType.shape))
                  for f in [*description.input, *description.output]],
        "names": named([f.name for f in [*description.input, *description.output]]),
        # Only those: the official file keeps unused buffers (batch norm's counters) as values.
        "values": [str(plan.values[index].val) for index in [*plan.inputs, *plan.outputs]],
        "structure": plan.container_meta_type,
        "memory": plan.non_const_buffer_sizes,
    }


# ---- Pippin's runtime ----


def run(path, model, folder):
    inputs = [argument for i in range(len(model.inputs)) for argument in ("--input", f"@{MODELS / model.name / f'input_{i}.npy'}")]
    result = pippin("run", path, *inputs, "-o", folder, "-q")
    assert result.returncode == 0, result.stderr
    return [np.load(pathlib.Path(folder) / f"{i}.npy") for i in range(len(model.expected))]


@each(NAMES)
@pytest.mark.parametrize("precision, tolerance", [("float32", SINGLE), ("float16", HALF)])
def test_runs_with_torchs_results(model, precision, tolerance, tmp_path):
    path = lower(model.source, tmp_path / "model.pte", "--compute-precision", precision)
    check(run(path, model, tmp_path / "outputs"), model.expected, tolerance)


@each(NAMES)
def test_runs_without_delegate(model, tmp_path):
    path = lower(model.source, tmp_path / "model.pte", "--no-delegate")
    check(run(path, model, tmp_path / "outputs"), model.expected, SINGLE)


@each(OFFICIAL)
def test_official_file(model, tmp_path):
    """The official tools' file looks the same as ours, and runs here with the same result."""
    path = official.lowered(model.source, OFFICIAL_FILES)
    ours = describe(lower(model.source, tmp_path / "model.pte"), tmp_path / "ours")
    theirs = describe(path, tmp_path / "theirs")
    assert ours == theirs
    check(run(path, model, tmp_path / "outputs"), model.expected, HALF)
