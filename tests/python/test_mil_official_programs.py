"""Programs that the official tools' own op tests build: all are read, their types as inferred here."""

import os
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("coremltools")

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


@pytest.mark.parametrize("module", MODULES)
def test_programs_are_read(module, tmp_path):
    programs = tmp_path / "programs"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "-p", "official_op_programs",
         f"--programs={programs}", "--each=1", "--pyargs", f"{OFFICIAL}.{module}"],
        env={**os.environ, "PYTHONPATH": str(HERE)}, cwd=tmp_path, check=False, capture_output=True,
    )  # fmt: skip
    paths = sorted(programs.glob("*.mlpackage"))
    assert paths, "the official tests built no program"
    output = subprocess.run(
        [BUILD / "tests" / "coreml_model_probe"], input="\n".join(map(str, paths)) + "\n",
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    assert len(output) == len(paths)
    wrong = [line for line in output if line != "ok" and not line.endswith(REFUSED)]
    assert not wrong, "\n".join(wrong)
