"""`pip install .` gives a package that works away from the source tree.

The compiler cache makes the build cheap: the objects are those of the release build.
"""

import os
import pathlib
import re
import subprocess
import sys
import venv

import numpy
import pytest

ROOT = pathlib.Path(__file__).parents[2]

EXAMPLE = """
import sys
import torch
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.exir import to_edge_transform_and_lower
from pippin.runtime import Runtime, Verification
import pippin

model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU()).eval()
example_inputs = (torch.randn(2, 8),)
ep = torch.export.export(model, example_inputs)
program = to_edge_transform_and_lower(ep, partitioner=[CoreMLPartitioner()]).to_executorch()
with open("model.pte", "wb") as file:
    program.write_to_file(file)
assert open("model.pte", "rb").read() == program.buffer
for source in ("model.pte", program.buffer):
    loaded = Runtime.get().load_program(source, verification=Verification.InternalConsistency)
    output = loaded.load_method("forward").execute(example_inputs)[0]
    torch.testing.assert_close(output, model(*example_inputs), rtol=1e-2, atol=1e-2)
assert pippin.__file__.startswith(sys.prefix), pippin.__file__
assert not {"executorch", "coremltools"} & set(sys.modules)
print("version", pippin.__version__)
"""


def release_compiler():
    cache = ROOT / "build" / "release" / "CMakeCache.txt"
    found = re.search(r"^CMAKE_C_COMPILER:\w+=(.*)$", cache.read_text(), re.M) if cache.exists() else None
    return {"CC": found[1]} if found else {}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of a new environment with the package in it. NumPy and torch are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    site = pathlib.Path(subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                                       check=True, capture_output=True, text=True).stdout.strip())
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PIPPIN_LIBRARY")}
    result = subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", str(ROOT)],
                            cwd=folder, env={**environment, **release_compiler()}, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    (site / "tests.pth").write_text(str(pathlib.Path(numpy.__file__).parents[1]))
    return python, site, environment


def test_the_example_runs_away_from_the_source_tree(installed, tmp_path):
    python, site, environment = installed
    result = subprocess.run([python, "-c", EXAMPLE], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)[1]
    assert f"version {version}" in result.stdout
    assert (site / "pippin" / "lib").is_dir() and not (site / "pippin" / "__main__.py").exists()


def test_every_module_is_installed(installed):
    python, site, _ = installed
    source = ROOT / "python" / "pippin"
    for path in source.rglob("*.py"):
        assert (site / "pippin" / path.relative_to(source)).read_bytes() == path.read_bytes()
    metadata, = site.glob("pippin_coreml-*.dist-info/METADATA")
    assert re.search(r"^Requires-Dist: numpy$", metadata.read_text(), re.M)
