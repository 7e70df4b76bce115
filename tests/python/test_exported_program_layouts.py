"""Every archive layout of the same program reads to the same graph and lowers to the same bytes."""

import json
import os
import pathlib
import subprocess
import zipfile

import pytest
import torch
from torch import nn

import pt2_layouts

ROOT = pathlib.Path(__file__).parents[2]
TOOL = pathlib.Path(os.environ.get("PIPPIN_TOOL", ROOT / "build" / "release" / "pippin"))
pytestmark = pytest.mark.skipif(not TOOL.exists(), reason=f"{TOOL} is not built")


class Mixed(nn.Module):
    """Tied, sliced, transposed and expanded weights; buffers saved and not; a lifted constant; many dtypes."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.table.weight
        whole = torch.arange(40, dtype=torch.float32) / 8
        self.register_buffer("slice", whole[3:7])
        self.register_buffer("turned", whole[20:36].view(4, 4).t())
        self.register_buffer("wide", torch.tensor([0.5]).expand(4))
        self.register_buffer("unsaved", torch.full((4,), 0.25), persistent=False)
        self.register_buffer("flags", torch.tensor([True, False, True, True]))
        self.register_buffer("bytes", torch.tensor([1, -2, 3, 127], dtype=torch.int8))
        self.register_buffer("words", torch.tensor([1, 200, 3000, -4], dtype=torch.int16))
        self.register_buffer("halves", torch.tensor([1.5, -2.25, 65504, 0], dtype=torch.float16))
        self.register_buffer("brains", torch.tensor([1.5, -3.0, 1e20, 0], dtype=torch.bfloat16))
        self.register_buffer("doubles", torch.tensor([1 / 3, 2 / 3, 1.0, 4.0], dtype=torch.float64))
        self.register_buffer("eighths", torch.tensor([1.0, 2.0, -0.5, 448.0]).to(torch.float8_e4m3fn))
        self.register_buffer("empty", torch.zeros(0, 4))
        self.register_buffer("scalar", torch.tensor(3.0))

    def forward(self, ids):
        x = self.table(ids) @ self.turned + self.slice * self.wide - self.unsaved
        x = x * self.flags + self.bytes + self.words + self.halves.float() / 1024 + self.brains.float() * 1e-20
        x = x + self.doubles.float() + self.eighths.float() + torch.cat([self.empty, x[:, 0]]).sum() + self.scalar
        return self.head(x + torch.tensor([1.0, 2.0, 3.0, 4.0]))


def run(*arguments):
    return subprocess.run([str(TOOL), *map(str, arguments)], capture_output=True, text=True)


def dump(path):
    done = run("dump", path)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def current(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layouts")
    program = torch.export.export(Mixed().eval(), (torch.tensor([[1, 2, 6]]),))
    path = folder / "current.pt2"
    torch.export.save(program, path)
    return program, path, dump(path), lower(path, folder)


def lower(path, folder):
    output = folder / (pathlib.Path(path).name + ".pte")
    done = run("lower", path, "-o", output, "-q")
    assert done.returncode == 0, done.stderr
    return output.read_bytes()


LAYOUTS = {"torch_2_7": pt2_layouts.write_torch_2_7, "torch_2_8": pt2_layouts.write_torch_2_8}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_pickled_layouts(current, tmp_path, layout, protocol):
    program, path, text, lowered = current
    old = LAYOUTS[layout](program, path, tmp_path / "old.pt2", protocol=protocol)
    assert dump(old) == text
    assert lower(old, tmp_path) == lowered


@pytest.mark.parametrize("layout", LAYOUTS)
def test_deflated_pickled_layouts(current, tmp_path, layout):
    program, path, text, lowered = current
    old = LAYOUTS[layout](program, path, tmp_path / "old.pt2", zipfile.ZIP_DEFLATED)
    assert dump(old) == text
    assert lower(old, tmp_path) == lowered


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_repacked(current, tmp_path, compression):
    _, path, text, lowered = current
    repacked = pt2_layouts.write_repacked(path, tmp_path / "repacked.pt2", compression)
    assert dump(repacked) == text
    assert lower(repacked, tmp_path) == lowered


def test_zip64_everywhere(current, tmp_path):
    """Sizes above 4 GiB are announced in ZIP64 fields; here they are forced for small entries."""
    _, path, text, lowered = current
    target = tmp_path / "zip64.pt2"
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in pt2_layouts.entries(path).items():
            with archive.open(zipfile.ZipInfo(f"big/{name}"), "w", force_zip64=True) as entry:
                entry.write(content)
    assert dump(target) == text
    assert lower(target, tmp_path) == lowered


class Unseekable:
    """A pipe: zipfile then writes sizes behind the data."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def write(self, data):
        return self.file.write(data)

    def flush(self):
        self.file.flush()


def test_data_descriptors(current, tmp_path):
    _, path, text, lowered = current
    target = tmp_path / "streamed.pt2"
    stream = Unseekable(target)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in pt2_layouts.entries(path).items():
            archive.writestr(f"streamed/{name}", content)
    stream.file.close()
    assert dump(target) == text
    assert lower(target, tmp_path) == lowered


def test_pickled_payloads_of_plain_tensors(current, tmp_path):
    program, path, text, lowered = current

    def pickle_payloads(files):
        for folder, tensors in (("weights", program.state_dict), ("constants", program.constants)):
            name = f"data/{folder}/model_{folder}_config.json"
            config = json.loads(files[name])
            for number, (fqn, entry) in enumerate(config["config"].items()):
                entry.update(path_name=f"pickled_{number}", use_pickle=True)
                files[f"data/{folder}/pickled_{number}"] = pt2_layouts.pickled(tensors[fqn])
            files[name] = json.dumps(config)

    target = pt2_layouts.write_repacked(path, tmp_path / "pickled.pt2", zipfile.ZIP_STORED, pickle_payloads)
    assert dump(target) == text
    # Weights that shared a storage have one each now, which only changes the order of equal contents.
    assert len(lower(target, tmp_path)) == len(lowered)


def test_tensors_with_attributes(current, tmp_path):
    """A plain tensor with Python attributes is saved by another function of torch."""
    program, path, text, _ = current
    state = {name: value.detach().clone() for name, value in program.state_dict.items()}
    for value in state.values():
        value.note = "kept by a training loop"

    class Program:
        state_dict, constants, example_inputs = state, program.constants, program.example_inputs

    old = pt2_layouts.write_torch_2_8(Program, path, tmp_path / "old.pt2")
    assert dump(old) == text


def test_empty_pickles(tmp_path):
    """Models without weights: torch wrote files of 0 bytes for a while."""
    program = torch.export.export(nn.ReLU(), (torch.ones(2),))
    current = tmp_path / "current.pt2"
    torch.export.save(program, current)
    files = {f"m/{name}": content for name, content in pt2_layouts.entries(current).items()
             if not name.startswith("data/")}
    files["m/data/weights/model.pt"] = files["m/data/constants/model.pt"] = b""
    assert dump(pt2_layouts.write_zip(tmp_path / "old.pt2", files)) == dump(current)


def test_bare_infinity_of_torch_2_6(tmp_path):
    class Clamp(nn.Module):
        def forward(self, x):
            return x.clamp(float("-inf"), float("inf")).masked_fill(x > 0, float("nan"))

    program = torch.export.export(Clamp(), (torch.ones(2),))
    current = tmp_path / "current.pt2"
    torch.export.save(program, current)

    def unquote(files):
        text = files["models/model.json"].decode()
        for word in ("-Infinity", "Infinity", "NaN"):
            text = text.replace(f'"{word}"', word)
        assert '"as_float": NaN' in text and '"as_float": -Infinity' in text
        # A file name that is not UTF-8 leaves half a surrogate pair in the stack trace.
        text = text.replace("in forward", "in for\\udcffward")
        files["models/model.json"] = text.encode()

    old = pt2_layouts.write_repacked(current, tmp_path / "old.pt2", change=unquote)
    assert dump(old).replace("for\ufffdward", "forward") == dump(current)


# ---- Refusals ----

class Evil:
    def __reduce__(self):
        return os.system, ("echo run by a pickle",)


def refused(path):
    done = run("dump", path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"pippin: {path}: ")
    return done.stderr


@pytest.mark.parametrize("layout", LAYOUTS)
def test_code_in_pickles_is_refused(current, tmp_path, layout):
    program, path, _, _ = current

    class Program:
        state_dict, constants, example_inputs = {"evil": Evil()}, {}, None

    message = refused(LAYOUTS[layout](Program, path, tmp_path / "evil.pt2"))
    assert "it holds the Python object 'posix.system'; only plain tensors are read from pickles" in message
    assert "offset" in message and "run by a pickle" not in message


def test_subclasses_are_refused_with_advice(tmp_path):
    from torch.testing._internal.two_tensor import TwoTensor

    module = nn.Linear(3, 2, bias=False)
    module.weight = nn.Parameter(TwoTensor(torch.ones(2, 3), torch.ones(2, 3)))
    program = torch.export.export(module, (torch.ones(1, 3),))
    path = tmp_path / "subclass.pt2"
    torch.export.save(program, path)
    message = refused(path)
    assert "TwoTensor" in message and "ep.run_decompositions({})" in message
    # The advice works.
    advised = tmp_path / "advised.pt2"
    torch.export.save(program.run_decompositions({}), advised)
    assert "aten::" in dump(advised)


def test_half_saved_and_foreign_archives(current, tmp_path):
    _, path, _, _ = current
    files = pt2_layouts.entries(path)
    half = {f"m/{name}": content for name, content in files.items() if not name.startswith("models/")}
    assert "saving it failed half-way" in refused(pt2_layouts.write_zip(tmp_path / "half.pt2", half))
    saved = tmp_path / "saved.pt2"
    torch.save({"weight": torch.ones(2)}, saved)
    assert "torch.save or torch.jit.save" in refused(saved)
    compiled = {"m/archive_format": b"pt2", "m/data/aotinductor/model/x.so": b""}
    assert "AOTInductor" in refused(pt2_layouts.write_zip(tmp_path / "compiled.pt2", compiled))
    newer = {f"m/{name}": content for name, content in files.items()} | {"m/archive_version": b"1"}
    assert "archive_version' is '1', expected '0'" in refused(pt2_layouts.write_zip(tmp_path / "newer.pt2", newer))
    big = {f"m/{name}": content for name, content in files.items()} | {"m/byteorder": b"big"}
    assert "little-endian" in refused(pt2_layouts.write_zip(tmp_path / "big.pt2", big))
