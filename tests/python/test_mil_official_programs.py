"""Programs that the official tools' own op tests build: all are read, their types as inferred here, and run on the engine."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("coremltools")

import tooling

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("PIPPIN_BUILD", HERE.parents[1] / "build" / "release"))
OFFICIAL = "coremltools.converters.mil.mil.ops.tests"
MODULES = [
    *(f"iOS14.test_{name}" for name in (
        "activation", "control_flow", "conv", "elementwise_binary", "elementwise_unary", "image_resizing", "linear",
        "normalization", "pool", "random", "recurrent", "reduction", "scatter_gather", "tensor_operation",
        "tensor_transformation")),
    "iOS15", "iOS16", "iOS17", "iOS18",
]  # fmt: skip
# A result whose very rank is unknown, which Core ML does not run either.
REFUSED = ("a shape of unknown length",)
# What the tests themselves expect to fail: indices out of range that are to be validated.
FAILING = ("is out of range for size", "is negative, and validate_indices is set")
# Boxes outside of the image, for which the definition gives no rule.
UNSPECIFIED = {"crop_resize": "UNALIGN_CORNERS"}


@pytest.fixture(scope="module", params=MODULES)
def programs(request, tmp_path_factory):
    """Programs that a module of tests builds, with the values that it states."""
    folder = tmp_path_factory.mktemp(request.param)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-p", "official_op_programs",
         f"--programs={folder}", "--each=1", "--pyargs", f"{OFFICIAL}.{request.param}"],
        env={**os.environ, "PYTHONPATH": str(HERE)}, cwd=folder, check=False, capture_output=True,
    )  # fmt: skip
    paths = sorted(folder.glob("*.mlpackage"))
    assert paths, "the official tests built no program"
    return paths


def test_programs_are_read_and_compiled(programs):
    """A compiled model holds the package's program: read back, it is equal."""
    output = subprocess.run(
        [BUILD / "tests" / "coreml_model_probe", "compile"], input="\n".join(map(str, programs)) + "\n",
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    assert len(output) == len(programs)
    wrong = [f"{path}: {line}" for path, line in zip(programs, output) if line != "ok" and not line.endswith(REFUSED)]
    assert not wrong, "\n".join(wrong)


def difference(path, folder):
    """What is wrong with the results of a program; None when nothing is, or when no values are stated."""
    if not path.with_suffix(".npz").exists():
        return None
    values = np.load(path.with_suffix(".npz"), allow_pickle=True)
    inputs = []
    for name in values:
        if name.startswith("in:"):
            np.save(folder / f"{name[3:]}.npy", values[name])
            inputs += ["-i", f"{name[3:]}=@{folder / name[3:]}.npy"]
    result = tooling.pippin("run", path, *inputs, "-o", folder / "results", "-q")
    if result.returncode != 0:
        return None if any(text in result.stderr for text in FAILING + REFUSED) else result.stderr.strip()
    for name in values:
        expected = values[name]
        if not name.startswith("out:") or expected.dtype == object:
            continue
        found = np.load(folder / "results" / f"{name[4:]}.npy").astype(np.float64)
        if found.shape != expected.shape:
            return f"{name[4:]} has shape {found.shape}, expected {expected.shape}"
        scale = max(np.abs(expected[np.isfinite(expected)].astype(np.float64)).max(initial=0), 1)
        if not np.allclose(found, expected, rtol=5e-3, atol=5e-3 * scale, equal_nan=True):
            return f"{name[4:]} is {found.ravel()[:8]}, expected {expected.ravel()[:8]}"
    return None


def is_unspecified(path):
    text = tooling.pippin("dump", path).stdout
    return any(operation in text and mode in text for operation, mode in UNSPECIFIED.items())


@tooling.needs_tool
def test_programs_give_the_stated_values(programs, tmp_path):
    wrong = []
    for path in programs:
        folder = tmp_path / path.stem
        folder.mkdir()
        problem = difference(path, folder)
        if problem and not is_unspecified(path):
            wrong.append(f"{path}: {problem}")
    assert not wrong, "\n".join(wrong)
