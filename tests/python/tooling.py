"""What tests share: the command line tool, and official readers of what it writes."""

import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("PIPPIN_TOOL", ROOT / "build" / "release" / "pippin"))
needs_tool = pytest.mark.skipif(not TOOL.exists(), reason=f"{TOOL} is not built")


def pippin(*arguments, **options):
    """Runs the tool; the caller looks at returncode, stdout and stderr."""
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, **options)


def lower(source, target, *options):
    """Lowers a `.pt2` file and returns the target."""
    result = pippin("lower", source, "-o", target, "-q", *options)
    assert result.returncode == 0, result.stderr
    return target


def load(path):
    """The program, loaded by ExecuTorch's own runtime with full verification."""
    from executorch.runtime import Runtime, Verification

    return Runtime.get().load_program(path, verification=Verification.InternalConsistency)


def read(path):
    """The file's contents as ExecuTorch's schema objects."""
    from executorch.exir._serialize._program import deserialize_pte_binary

    return deserialize_pte_binary(pathlib.Path(path).read_bytes())


def unflatten(payload, folder):
    """The files of a delegate payload: behind the data stands the directory as JSON, its bytes reversed."""
    text = bytes(reversed(payload.rstrip(b"\0")[-(1 << 20):])).decode("latin-1")
    nodes = json.JSONDecoder().raw_decode(text)[0]["nodes"]

    def extract(index, parent):
        node = nodes[index]
        path = parent / node["name"]
        if node["kind"] == 0:
            region = node["dataRegion"]
            path.write_bytes(payload[region["offset"]: region["offset"] + region["size"]])
        else:
            path.mkdir()
            for child in node["children"].values():
                extract(child, path)
        return path

    return extract(len(nodes) - 1, folder)


def payloads(path, folder):
    """(metadata.json, path of the .mlpackage) of each delegate, extracted to `folder`."""
    for index, payload in enumerate(read(path).program.backend_delegate_data):
        target = pathlib.Path(folder) / str(index)
        target.mkdir()
        root = unflatten(bytes(payload.data), target)
        yield json.loads((root / "metadata.json").read_text()), root / "model.mlpackage"


def infer_types(package):
    """coremltools' program of a package, every operation built anew: raises where a declared type isn't the inferred one."""
    from coremltools.converters.mil.frontend.milproto.load import load as load_program
    from coremltools.models.utils import load_spec

    spec = load_spec(str(package))
    weights = str(package / "Data" / "com.apple.CoreML" / "weights")
    return load_program(spec, specification_version=spec.specificationVersion, file_weights_dir=weights)
