#!/usr/bin/env python3
"""Builds the corpora of the fuzz targets from real files: corpus.py TOOL FOLDER.

Files come from `pippin lower` on the digits example and, where PyTorch, ExecuTorch and coremltools can be imported, on small models
exported here, and from the official tools. Everything is small, so that an input takes well under a millisecond.
"""

import importlib.util
import io
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
LARGEST = 200_000
MARK = b"\n----\n"
EXPRESSIONS = """\
Symbol('s77', positive=True, integer=True)
Add(Mul(Integer(2), Symbol('s77', positive=True, integer=True)), Integer(1))
FloorDiv(Add(Symbol('s77', positive=True, integer=True), Integer(3)), Integer(4))
Mul(Integer(-1), FloorDiv(Mul(Integer(-1), Symbol('s77', positive=True, integer=True)), Integer(3)))
Mod(Symbol('s77', positive=True, integer=True), Integer(4))
Max(Integer(1), Symbol('s86', integer=True))
Pow(Symbol('s77', positive=True, integer=True), Integer(2))
PythonMod(Add(Symbol('s77', positive=True, integer=True), Integer(-30)), Integer(7))
TruncToInt(Mul(Float('1.5', precision=53), ToFloat(Symbol('s77', positive=True, integer=True))))
OpaqueUnaryFn_sqrt(ToFloat(Symbol('s77', positive=True, integer=True)))
Piecewise(ExprCondPair(Integer(1), Or(Equality(Symbol('u0', integer=True), Integer(3)), GreaterThan(Symbol('u0', integer=True), Integer(0)))), \
ExprCondPair(Integer(2), true))
Mul(Rational(1, 2), Symbol('s3', integer=True))
2*s0 + 1
s0*s1 - 3
(s0//2)**2
PythonMod(u0, 3) + Max(1, s0, 7)
(s0 > 3) & (u0 < 2) | ~(s1 == 4)
Piecewise((1, s0 > 3), (2, True))
TruncToInt(1.5*ToFloat(s0))
unheard_of(s0, 2) + int_oo
"""
SPECS = {"official": ["compute_units=all", "min_deployment_target=7", "model_compute_precision=float16", "model_type=model"],
         "other": ["compute_units=cpu_and_ne", "min_deployment_target=", "model_compute_precision=float32", "model_type=compiled_model"]}

MIL_TEXT = """\
program(1.3)
[buildInfo = dict<string, string>({{"a", "b"}}), sizes = tuple<list<int32, ?>, uint64>(([1, -2], 18446744073709551615))]
{
    func main<ios18>(state<tensor<fp16, [2]>> s, tensor<fp32, [2, ?]> x) [k = dict<string, tensor<int32, [?]>>({{"x", [1, 4]}})] {
            bool p = const()[val = bool(true)];
            tensor<uint1, [9]> m = const()[val = tensor<uint1, [9]>([1, 0, 1, 1, 0, 0, 0, 1, 1])];
            tensor<fp16, [2, 2]> h = const()[val = tensor<fp16, [2, 2]>([[0x1p-24, -0x1.ffcp+15], [inf, nan]])];
            string t = const()[val = string("a \\"\\\\\\n\\001")];
            tensor<fp16, [256]> w = const()[val = tensor<fp16, [256]>(BLOBFILE(path = string("@model_path/w"), offset = uint64(64)))];
            tensor<fp32, [2, ?]> y = cond(pred = p)[name = string("y")] () {
                    tensor<fp32, [2, ?]> a = relu(x = x);
                } -> (a), () {
                    tensor<fp32, [2, ?]> b = concat(axis = int32(0), interleave = bool(false), values = (x));
                } -> (b);
            tensor<fp16, [2]> o = read_state(input = s);
            write_state(data = o, input = s)[name = string("w")];
        } -> (y);
    func other<ios26>() {
        } -> ();
}
"""


class Corpus:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def add(self, target, name, content):
        if len(content) > LARGEST:
            return
        folder = self.folder / f"fuzz_{target}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"seed-{name}").write_bytes(content)

    def add_words(self, target, words):
        """A dictionary: words that mutations put in."""
        quoted = sorted({word.replace("\\", "\\\\").replace('"', '\\"') for word in words if word.isascii() and word.isprintable()})
        (self.folder / f"fuzz_{target}.dict").write_text("".join(f'"{word}"\n' for word in quoted if 0 < len(word) < 64))


def lower(tool, source, target, *options):
    done = subprocess.run([tool, "lower", str(source), "-o", str(target), "-q", *options], capture_output=True)
    return done.returncode == 0


# ---- Exported programs ----

def add_exported_program(corpus, path):
    """The archive, its program, its pickles and its expressions."""
    name, content = path.stem, path.read_bytes()
    corpus.add("archive", name, content)
    corpus.add("zip", name, content)
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            inner = archive.read(entry)
            if entry.endswith("model.json") or entry == "serialized_exported_program.json":
                corpus.add("exported_program", name, inner)
                expressions = collect(json.loads(inner), "expr_str")
                corpus.add("symbolic", name, "\n".join(sorted(set(expressions))).encode())
            if entry.endswith(".pt") and inner:
                with zipfile.ZipFile(io.BytesIO(inner)) as nested:
                    pickle = next(item for item in nested.namelist() if item.endswith("data.pkl"))
                    corpus.add("pickle", f"{name}-{entry.replace('/', '-')}", nested.read(pickle))
                corpus.add("zip", f"{name}-nested", inner)


def collect(tree, key):
    """Every text under `key`, anywhere."""
    if isinstance(tree, dict):
        own = [tree[key]] if isinstance(tree.get(key), str) else []
        return own + [text for value in tree.values() for text in collect(value, key)]
    return [text for value in tree for text in collect(value, key)] if isinstance(tree, list) else []


def keys_of(tree):
    if isinstance(tree, dict):
        return set(tree) | {key for value in tree.values() for key in keys_of(value)}
    return {key for value in tree for key in keys_of(value)} if isinstance(tree, list) else set()


def words_of(path):
    words = set()
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            if entry.endswith(".json"):
                tree = json.loads(archive.read(entry))
                words |= keys_of(tree) | set(collect(tree, "target"))
    return words


def export_models(folder):
    """Small programs that use much of the schema: their archives, and the same programs in the other layouts."""
    sys.path.insert(0, str(ROOT / "tests" / "python"))
    import pt2_layouts
    import torch
    from torch import nn

    class Stateful(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)
            self.norm = nn.BatchNorm1d(4)
            self.register_buffer("total", torch.zeros(4))
            self.register_buffer("unsaved", torch.ones(4, dtype=torch.bfloat16), persistent=False)

        def forward(self, x, y=None):
            self.total += x.sum(0)
            x = self.norm(self.linear(x)) + self.unsaved + torch.tensor([1.0, 2.0, 3.0, 4.0])
            first, *rest = x.split(2, dim=1)
            return {"first": first, "rest": [part.clamp(float("-inf"), 2) for part in rest]}, x[:, None], y

    class Branches(nn.Module):
        def forward(self, x):
            x = torch.cond(x.shape[0] > 3, lambda x: x.sin(), lambda x: x.cos(), (x,))
            return torch.cat([x, x]).view(-1), x[:, : x.shape[1] // 2], x.shape[0] * 2

    rows = torch.export.Dim("rows", min=2, max=50)
    programs = {
        "stateful": torch.export.export(Stateful().eval(), (torch.ones(3, 4),)),
        "branches": torch.export.export(Branches(), (torch.ones(5, 4),), dynamic_shapes={"x": {0: rows}}),
        "convolution": torch.export.export(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 16)).eval(),
                                           (torch.ones(1, 1, 8, 8),)),
    }
    paths, others = [], []
    for name, program in programs.items():
        path = folder / f"{name}.pt2"
        torch.export.save(program, path)
        decomposed = folder / f"{name}_decomposed.pt2"
        torch.export.save(program.run_decompositions(), decomposed)
        paths += [path, decomposed]
        others += [pt2_layouts.write_torch_2_7(program, path, folder / f"{name}_2_7.pt2", protocol=4),
                   pt2_layouts.write_torch_2_8(program, path, folder / f"{name}_2_8.pt2"),
                   pt2_layouts.write_repacked(path, folder / f"{name}_deflated.pt2")]
    return paths, others


# ---- Core ML models and `.pte` programs ----

def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def ml_program(model):
    """Field 502 of the Model message: the Program."""
    at = 0
    while at < len(model):
        key, at = varint(model, at)
        value, after = varint(model, at)
        if key == 502 << 3 | 2:
            return model[after:after + value]
        at = after + value if key & 7 == 2 else after
    return b""


def add_compiled(corpus, tool, name, path):
    """The package, compiled."""
    compiled = path.with_suffix(".mlmodelc")
    subprocess.run([tool, "compile", str(path), "-o", str(compiled), "-q"], check=True)
    text = (compiled / "model.mil").read_bytes()
    weights = next((file.read_bytes() for file in compiled.rglob("weight.bin")), b"")
    corpus.add("mil_text", name, text)
    corpus.add("package", f"{name}-compiled", MARK.join([(compiled / "coremldata.bin").read_bytes(), text, weights]))


def add_package(corpus, tool, name, path):
    add_compiled(corpus, tool, name, path)
    model = next(path.rglob("*.mlmodel")).read_bytes()
    weights = next((file.read_bytes() for file in path.rglob("weight.bin")), b"")
    corpus.add("model", name, model)
    corpus.add("mil_program", name, ml_program(model))
    corpus.add("package", name, MARK.join([(path / "Manifest.json").read_bytes(), model, weights]))
    if weights:
        corpus.add("weight_blob", name, weights)


def add_program(corpus, name, content):
    """A `.pte`; its first segment is the payload where there is a delegate and nothing else."""
    corpus.add("program", name, content)
    if content[8:12] == b"eh00":
        _, _, base = struct.unpack_from("<IQQ", content, 12)
        corpus.add("payload", name, content[base:])


def add_lowered(corpus, tool, source, folder):
    for kind, options in (("coreml", []), ("fp32", ["--compute-precision", "float32"]), ("cpu", ["--no-delegate"])):
        program = folder / f"{source.stem}-{kind}.pte"
        if lower(tool, source, program, *options):
            add_program(corpus, program.stem, program.read_bytes())
    package = folder / f"{source.stem}.mlpackage"
    if lower(tool, source, package):
        add_package(corpus, tool, source.stem, package)


def add_official(corpus, tool, folder):
    """Files of the official tools: Core ML packages of coremltools, `.pte` files and payloads of ExecuTorch."""
    import coremltools
    import torch
    from executorch.backends.apple.coreml.partition import CoreMLPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from torch import nn

    module = nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 2)).eval()
    program = torch.export.export(module, (torch.ones(2, 4),))
    for name, partitioner in (("official", [CoreMLPartitioner()]), ("official_cpu", [])):
        lowered = to_edge_transform_and_lower(program, partitioner=partitioner).to_executorch()
        add_program(corpus, name, bytes(lowered.buffer))
    for target in (coremltools.target.iOS15, coremltools.target.iOS18):
        model = coremltools.convert(program.run_decompositions({}), minimum_deployment_target=target, skip_model_load=True)
        path = folder / f"official_{target.name}.mlpackage"
        model.save(str(path))
        add_package(corpus, tool, path.stem, path)


# ---- Arrays ----

def add_array(corpus):
    """One by hand, where there is no NumPy."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    corpus.add("npy", "plain", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(24))


def add_arrays(corpus):
    import numpy

    arrays = {"float32": numpy.ones((2, 3), numpy.float32), "fortran": numpy.asfortranarray(numpy.ones((3, 4))), "scalar": numpy.int64(3),
              "bool": numpy.ones(5, bool), "empty": numpy.zeros((0, 2), numpy.float16), "complex": numpy.ones(2, numpy.complex64)}
    for name, array in arrays.items():
        for version in ((1, 0), (2, 0), (3, 0)):
            file = io.BytesIO()
            numpy.lib.format.write_array(file, numpy.asanyarray(array), version)
            corpus.add("npy", f"{name}-{version[0]}", file.getvalue())


def available(*modules):
    return all(importlib.util.find_spec(module) for module in modules)


def main():
    tool, target = sys.argv[1:]
    corpus = Corpus(target)
    corpus.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        sources, others = [ROOT / "examples" / "digits" / "digits.pt2"], []
        if available("torch"):
            exported, others = export_models(folder)
            sources += exported
        words = set()
        for source in sources + others:
            add_exported_program(corpus, source)
            words |= words_of(source)
        for source in sources:
            add_lowered(corpus, tool, source, folder)
        if available("torch", "coremltools", "executorch"):
            add_official(corpus, tool, folder)
        add_array(corpus)
        if available("numpy"):
            add_arrays(corpus)
    corpus.add_words("exported_program", words)
    corpus.add_words("archive", words)
    corpus.add("symbolic", "all", EXPRESSIONS.encode())
    corpus.add_words("symbolic", EXPRESSIONS.replace("(", " ").replace(")", " ").replace(",", " ").split())
    corpus.add("mil_text", "literals", MIL_TEXT.encode())
    corpus.add_words("mil_text", MIL_TEXT.replace("(", " ").replace(",", " ").split())
    for name, lines in SPECS.items():
        corpus.add("compile_specs", name, "\n".join(lines).encode())
    corpus.add_words("compile_specs", [part for lines in SPECS.values() for line in lines for part in line.split("=")])
    counts = {folder.name: len(list(folder.iterdir())) for folder in sorted(corpus.folder.iterdir()) if folder.is_dir()}
    print("corpora: " + ", ".join(f"{name.removeprefix('fuzz_')} {count}" for name, count in counts.items()))


if __name__ == "__main__":
    main()
