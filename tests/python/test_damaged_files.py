"""Damaged files through the tool: an error with file, place and advice, exit status 1, no output file, and never a crash.

Each kind of file is cut off at many places, has bits flipped (seeded), and is replaced by files of other kinds.
"""

import json
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[2]
TOOL = pathlib.Path(os.environ.get("PIPPIN_TOOL", ROOT / "build" / "release" / "pippin"))
DIGITS = ROOT / "examples" / "digits" / "digits.pt2"
pytestmark = pytest.mark.skipif(not TOOL.exists(), reason=f"{TOOL} is not built")

FLIPS = 100


def run(*arguments):
    return subprocess.run([str(TOOL), *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=60)


def refuse(*arguments):
    """Runs the tool, which must fail with a message; the message without "pippin: "."""
    done = run(*arguments)
    assert done.returncode == 1, f"{arguments}: status {done.returncode}: {done.stderr}"
    assert done.stdout == ""
    assert done.stderr.startswith("pippin: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("pippin: ").strip()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One good file of each kind."""
    folder = tmp_path_factory.mktemp("good")
    for name in ("digits.pte", "digits.mlpackage"):
        assert run("lower", DIGITS, "-o", folder / name, "-q").returncode == 0
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 8, 8), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    (folder / "image.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(256))
    shutil.copy(DIGITS, folder / "digits.pt2")
    return folder


MODEL = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"


class Subject:
    """A kind of file: how a damaged one is put together and read."""

    def __init__(self, files, tmp_path, kind):
        self.kind, self.files, self.folder = kind, files, tmp_path
        self.inside = {"manifest": "Manifest.json", "model": MODEL, "weights": WEIGHTS}.get(kind)
        self.name = {"program": "digits.pte", "exported": "digits.pt2", "array": "image.npy"}.get(kind, "digits.mlpackage")
        self.content = (files / self.name / self.inside if self.inside else files / self.name).read_bytes()

    def write(self, content):
        target = self.folder / self.name
        if self.inside:
            if not target.exists():
                shutil.copytree(self.files / self.name, target)
            (target / self.inside).write_bytes(content)
        else:
            target.write_bytes(content)
        return target

    def commands(self, content):
        """What a user may do with the file; the last element is an output that must not be left behind."""
        path = self.write(content)
        output = self.folder / "out.pte"
        if self.kind == "exported":
            return [(("info", path), None), (("lower", path, "-o", output, "-q"), output)]
        if self.kind == "array":
            return [(("run", self.files / "digits.mlpackage", "--input", f"@{path}", "-q"), None)]
        return [(("info", path), None), (("dump", path), None)]


KINDS = ["exported", "program", "manifest", "model", "weights", "array"]


@pytest.fixture(params=KINDS)
def subject(request, files, tmp_path):
    return Subject(files, tmp_path, request.param)


def test_good_files_pass(subject):
    for command, _ in subject.commands(subject.content):
        done = run(*command)
        assert done.returncode == 0, done.stderr


def test_truncated(subject):
    """No part of a file passes for the whole."""
    size = len(subject.content)
    for end in sorted({0, 1, 4, 7, 8, 16, 63, 64, 100, size // 4, size // 2, size * 3 // 4, size - 64, size - 2, size - 1}):
        if end >= size or (subject.kind == "manifest" and subject.content[end:].strip() == b""):
            continue
        for command, output in subject.commands(subject.content[:end]):
            message = refuse(*command)
            assert subject.name in message, message
            assert output is None or not output.exists()


def interesting(subject):
    """Positions of flips: half anywhere, half where structure is, which for big files is a small part."""
    source = random.Random(f"flips of {subject.kind}")
    size = len(subject.content)
    structure = list(range(min(size, 600))) + list(range(max(0, size - 3000), size))
    if subject.kind == "weights":  # the header, and the used part of each record
        records = [match.start() for match in re.finditer(b"\xef\xbe\xad\xde", subject.content)]
        structure = list(range(8)) + [record + offset for record in records for offset in range(24)]
    for number in range(FLIPS):
        yield (source.randrange(size) if number % 2 else source.choice(structure)), source.randrange(8)


def test_flipped_bits(subject):
    """A flip in a weight may go unnoticed; it never crashes, and a refusal names the file and leaves nothing."""
    refusals = 0
    for position, bit in interesting(subject):
        content = bytearray(subject.content)
        content[position] ^= 1 << bit
        for command, output in subject.commands(content):
            done = run(*command)
            assert done.returncode in (0, 1), f"flip of bit {bit} at {position}: status {done.returncode}: {done.stderr}"
            if done.returncode:
                refusals += 1
                assert done.stderr.startswith("pippin: ") and subject.name in done.stderr, f"{position}: {done.stderr}"
                assert output is None or not output.exists()
            elif output:
                output.unlink()
    assert refusals > 0


def test_runs_of_damaged_programs(files, tmp_path):
    """Programs that are accepted in spite of a flip run, or fail to, but do not crash."""
    subject = Subject(files, tmp_path, "program")
    for position, bit in list(interesting(subject))[:60]:
        content = bytearray(subject.content)
        content[position] ^= 1 << bit
        done = run("run", subject.write(content), "-q")
        assert done.returncode in (0, 1), f"flip of bit {bit} at {position}: status {done.returncode}: {done.stderr}"


# ---- Files of another kind ----

READERS = {".pt2": ("info", "dump", "lower"), ".pte": ("info", "dump", "run"), ".mlmodel": ("info", "dump")}
WRONG = {
    "an empty file": b"",
    "a ZIP archive": b"PK\x03\x04" + bytes(200),
    "an ExecuTorch program": bytes(4) + b"ET12" + bytes(200),
    "a NumPy array": b"\x93NUMPY" + bytes(200),
    "a PNG image": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "a JSON text": b'{"a": 1}' + b" " * 200,
    "a file of an unknown kind": b"\xff" * 200,
}


def read(verb, path, folder):
    return refuse(verb, path, *(["-o", folder / "out.pte"] if verb == "lower" else []))


@pytest.mark.parametrize("suffix", READERS)
def test_wrong_kind(suffix, tmp_path):
    path = tmp_path / f"wrong{suffix}"
    own = {".pt2": "a ZIP archive", ".pte": "an ExecuTorch program"}.get(suffix)
    for kind, content in WRONG.items():
        path.write_bytes(content)
        for verb in READERS[suffix]:
            message = read(verb, path, tmp_path)
            assert path.name in message
            if kind != own and not (suffix == ".pte" and content == b""):
                assert kind in message, message
            assert not (tmp_path / "out.pte").exists()


@pytest.mark.parametrize("suffix", READERS)
def test_missing_and_folder(suffix, tmp_path):
    missing, folder = tmp_path / f"missing{suffix}", tmp_path / f"folder{suffix}"
    folder.mkdir()
    for verb in READERS[suffix]:
        assert "No such file or directory" in read(verb, missing, tmp_path)
        message = read(verb, folder, tmp_path)
        assert "folder" in message and folder.name in message


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_unreadable(files, tmp_path):
    path = tmp_path / "secret.pt2"
    shutil.copy(files / "digits.pt2", path)
    path.chmod(0)
    assert "Permission denied" in refuse("info", path)


def test_outputs_that_cannot_be_written(files, tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file, not a folder")
    for output in (taken / "out.pte", tmp_path / "none" / "out.pte", taken / "out.mlpackage"):
        message = refuse("lower", files / "digits.pt2", "-o", output, "-q")
        assert str(output) in message
    assert taken.read_text() == "a file, not a folder"
    folder = tmp_path / "out.pte"
    folder.mkdir()
    assert "out.pte" in refuse("lower", files / "digits.pt2", "-o", folder, "-q")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.pte", "taken"]


# ---- Golden messages ----

def repack(path, change):
    with zipfile.ZipFile(DIGITS) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    top = next(iter(contents)).split("/")[0]
    change(contents, top)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def change_json(entry, change):
    def apply(contents, top):
        tree = json.loads(contents[f"{top}/{entry}"])
        change(tree)
        contents[f"{top}/{entry}"] = json.dumps(tree)

    return apply


def schema_version(tree):
    tree["schema_version"]["major"] = 9


def use_before_definition(tree):
    tree["graph_module"]["graph"]["nodes"].reverse()


def no_such_operator(tree):
    tree["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.aten.conv2e.default"


def unknown_argument_kind(tree):
    tree["graph_module"]["graph"]["nodes"][0]["inputs"][0]["arg"] = {"as_riddle": 1}


def training_output(tree):
    tree["graph_module"]["signature"]["output_specs"][0] = {"loss_output": {"arg": {"name": "softmax"}}}


def missing_weight(tree):
    tree["config"].pop("head.bias")


def large_weight(tree):
    tree["config"]["head.bias"]["tensor_meta"]["strides"] = [{"as_int": 1 << 40}]


def other_shape(tree):
    tree["config"]["head.bias"]["tensor_meta"]["sizes"] = [{"as_int": 9}]


def negative_size(tree):
    tree["config"]["head.bias"]["tensor_meta"]["sizes"] = [{"as_int": -1}]


PROGRAM, CONFIG = "models/model.json", "data/weights/model_weights_config.json"
GOLDEN_PT2 = [
    (PROGRAM, schema_version, "{path}: written in schema version 9.20 by torch 2.13.0+cpu; Pippin reads version 8. Export it again with torch 2.5 or later"),
    (PROGRAM, use_before_definition, "{path}: softmax: use before definition of 'linear'"),
    (PROGRAM, unknown_argument_kind, "{path}: conv2d has an argument of the kind 'as_riddle', which no supported operator takes"),
    (PROGRAM, training_output, "{path}: an output of kind 'loss_output'; training graphs cannot be lowered"),
    (CONFIG, missing_weight, "{path}: the archive has no weight 'head.bias'"),
    (CONFIG, large_weight, "{path}: the weight 'head.bias' reaches beyond its payload of 40 bytes"),
    (CONFIG, negative_size, "{path}: the weight 'head.bias' reaches beyond its payload of 40 bytes"),
    (CONFIG, other_shape, "{path}: the weight 'head.bias' has another type or shape than the graph states"),
]


@pytest.mark.parametrize("entry, change, expected", GOLDEN_PT2, ids=[change.__name__ for _, change, _ in GOLDEN_PT2])
def test_messages_about_exported_programs(entry, change, expected, tmp_path):
    path = repack(tmp_path / "broken.pt2", change_json(entry, change))
    assert refuse("info", path) == expected.format(path=path)


def test_message_about_unknown_operator(tmp_path):
    """It names the node and the user's own line."""
    path = repack(tmp_path / "broken.pt2", change_json(PROGRAM, no_such_operator))
    message = refuse("lower", path, "-o", tmp_path / "out.pte", "-q")
    assert "aten::conv2e" in message and re.search(r"conv2e.* at examples/digits/train\.py:\d+", message), message


def test_messages_about_archives(tmp_path):
    path = tmp_path / "broken.pt2"
    content = DIGITS.read_bytes()
    path.write_bytes(content[:1000])
    assert refuse("info", path) == f"{path}: a truncated ZIP archive: its 1000 bytes hold no end record; copy or download the file again"
    with zipfile.ZipFile(DIGITS) as archive:
        entry = next(item for item in archive.infolist() if item.filename.endswith(PROGRAM))
    flipped = bytearray(content)
    flipped[content.index(b'"graph_module"', entry.header_offset) + 20] ^= 1
    path.write_bytes(flipped)
    assert refuse("info", path) == (f"{path}: damaged ZIP archive: the content of entry '{entry.filename}' (header at offset "
                                    f"{entry.header_offset}) does not match its checksum; copy or download the file again")


def test_messages_about_programs(files, tmp_path):
    content = (files / "digits.pte").read_bytes()
    path = tmp_path / "broken.pte"
    path.write_bytes(content[:300])
    size = struct.unpack_from("<Q", content, 16)[0]
    assert refuse("info", path) == f"{path}: offset 16: the program has {size} bytes, but the file has 300: is it cut off?"
    path.write_bytes(content[:4] + b"ET99" + content[8:])
    assert refuse("info", path) == f"{path}: offset 4: expected the file identifier 'ET12', found 'ET99': another version of the format"


def test_messages_about_packages(files, tmp_path):
    path = tmp_path / "digits.mlpackage"

    def damaged(inside, change):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(files / "digits.mlpackage", path)
        content = bytearray((path / inside).read_bytes())
        change(content)
        (path / inside).write_bytes(content)
        return refuse("info", path)

    def version(content):
        struct.pack_into("<I", content, 4, 3)

    def sentinel(content):
        struct.pack_into("<I", content, 64, 7)

    def record_size(content):
        struct.pack_into("<Q", content, 72, 1 << 50)

    def escape(content):
        content[:] = content.replace(b"com.apple.CoreML/model.mlmodel", b"../../../../etc/model.mlmodel")

    assert "the weight file has storage version 3, expected 2" in damaged(WEIGHTS, version)
    assert "record at offset 64: it does not start with 0xDEADBEEF" in damaged(WEIGHTS, sentinel)
    assert "record at offset 64: its data reach past the end of the file" in damaged(WEIGHTS, record_size)
    assert "leads out of the package" in damaged("Manifest.json", escape)
    (path / "Manifest.json").unlink()
    assert refuse("info", path) == (
        f"{path}: a folder with neither Manifest.json nor coremldata.bin; expected a model package (.mlpackage) or a compiled "
        "model (.mlmodelc)")


def test_messages_about_arrays(files, tmp_path):
    content = (files / "image.npy").read_bytes()
    path = tmp_path / "broken.npy"

    def message(changed):
        path.write_bytes(changed)
        return refuse("run", files / "digits.mlpackage", "--input", f"@{path}", "-q")

    assert "expected a .npy file, found an empty file" in message(b"")
    assert f"{path}: offset 6: version 9 of the .npy format; 1 to 3 are read" in message(content[:6] + b"\x09" + content[7:])
    assert "is it cut off?" in message(content[:-1])
    assert "offset" in message(content.replace(b"(1, 1, 8, 8)", b"(1, 1, 8, 9)"))
    assert "offset" in message(content.replace(b"'<f4'", b"'>f4'"))
