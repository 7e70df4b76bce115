"""Reads exported programs of every shape with the tool and compares what it tells with PyTorch's own graph.

For each program: inputs, outputs, operators, the type of every value, symbols and their ranges, weights, and the user's source lines.
"""

import collections
import json
import os
import pathlib
import re
import subprocess

import pytest
import torch
from torch import nn
from torch.export import Dim

ROOT = pathlib.Path(__file__).parents[2]
TOOL = pathlib.Path(os.environ.get("PIPPIN_TOOL", ROOT / "build" / "release" / "pippin"))
pytestmark = pytest.mark.skipif(not TOOL.exists(), reason=f"{TOOL} is not built")

F = nn.functional
Point = collections.namedtuple("Point", ["a", "b"])
torch.utils._pytree._register_namedtuple(Point, serialized_type_name="test.Point")


def function(body):
    class Module(nn.Module):
        def forward(self, *arguments):
            return body(*arguments)

    return Module()


# ---- Modules ----

class Buffers(nn.Module):
    """In-place writes, also through a view; a buffer that is not saved; a lifted constant."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(4))
        self.register_buffer("cache", torch.zeros(3, 4))
        self.register_buffer("unsaved", torch.ones(4), persistent=False)

    def forward(self, x):
        self.total += x
        self.cache[1:2] = x * self.unsaved
        return self.total + torch.tensor([1.0, 2.0, 3.0, 4.0]), self.cache.sum(0)


class Cache(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("k", torch.zeros(1, 2, 8, 4))

    def forward(self, q, position):
        self.k.index_copy_(2, position, q)
        return (q @ self.k.transpose(-1, -2)).softmax(-1)


class Weights(nn.Module):
    """Tied, sliced, turned and expanded; every dtype."""

    def __init__(self):
        super().__init__()
        self.first = nn.Parameter(torch.randn(3, 4))
        self.second = self.first
        whole = torch.randn(40)
        self.register_buffer("part", whole[4:16].view(3, 4))
        self.register_buffer("turned", whole[20:32].view(4, 3).t())
        self.register_buffer("wide", torch.ones(1).expand(3, 4))
        self.register_buffer("nothing", torch.zeros(0, 4))
        self.register_buffer("scalar", torch.tensor(2))
        for dtype in (torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int16, torch.int32, torch.bool,
                      torch.complex64, torch.uint16, torch.float8_e4m3fn, torch.float8_e5m2):
            self.register_buffer(str(dtype).replace("torch.", "as_"), torch.ones(3, 4).to(dtype))

    def forward(self, x):
        x = x + self.first * self.second + self.part + self.turned + self.wide + self.scalar
        x = x + self.as_float64.float() + self.as_float16 + self.as_bfloat16 + self.as_int8 + self.as_uint8 + self.as_int16 + self.as_int32 + self.as_bool
        x = x + self.as_complex64.real + self.as_uint16.float() + self.as_float8_e4m3fn.float() + self.as_float8_e5m2.float()
        return torch.cat([self.nothing, x])


class Containers(nn.Module):
    def forward(self, x, pair, mapping, *, point, flag=True, nothing=None, scale=2.5):
        y = x + pair[0] * pair[1][0] + mapping["b"] * mapping["a"]
        return {"sum": y, "list": [y * scale, (point.a, point.b)], "none": nothing}, flag


class Nested(nn.Module):
    def forward(self, x):
        def inner(y):
            return torch.cond(y.sum() > 1, lambda z: z * 2, lambda z: z / 2, (y,))

        return torch.cond(x.sum() > 0, inner, lambda y: y - 1, (x,))


class Loop(nn.Module):
    def forward(self, x):
        return torch._higher_order_ops.while_loop(lambda i, y: i < 5, lambda i, y: (i + 1, y + y.sin()), (torch.tensor(0), x))


class Mapped(nn.Module):
    def forward(self, x, y):
        return torch._higher_order_ops.map(lambda row, other: row * other + 1, x, y)


class Scanned(nn.Module):
    def forward(self, initial, x):
        return torch._higher_order_ops.scan(lambda carry, item: (carry + item, carry * item), initial, x)


class NoGradient(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        with torch.no_grad():
            y = self.linear(x)
        return y + x


class Autocast(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.linear(x)


class Unbacked(nn.Module):
    def forward(self, x, n):
        size = n.item()
        torch._check(size >= 2)
        torch._check(size <= x.shape[0])
        return x[:size] * 2, torch.ones(size, 3)


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer = kind(4, 5, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x):
        return self.layer(x)


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Dropout(), nn.Linear(36, 5))


# ---- The table: module, arguments, and how to export ----

rows, half = Dim("rows", min=3, max=50), Dim("half", min=2, max=20)
CASES = {
    "linear": (nn.Linear(3, 2), [torch.randn(4, 3)]),
    "network": (network().eval(), [torch.randn(1, 3, 14, 14)]),
    "network_training": (network().train(), [torch.randn(2, 3, 14, 14)]),
    "network_dynamic": (network().eval(), [torch.randn(4, 3, 14, 14)], {"dynamic_shapes": ({0: rows},)}),
    "network_strict": (network().eval(), [torch.randn(1, 3, 14, 14)], {"strict": True}),
    "embedding": (nn.Embedding(10, 4, padding_idx=0), [torch.randint(0, 10, (2, 3))]),
    "embedding_bag": (nn.EmbeddingBag(10, 4, mode="max"), [torch.randint(0, 10, (2, 3))]),
    "lstm": (Recurrent(nn.LSTM), [torch.randn(2, 3, 4)]),
    "gru": (Recurrent(nn.GRU), [torch.randn(2, 3, 4)]),
    "transformer": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), [torch.randn(1, 4, 8)]),
    "attention": (function(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.5)), [torch.randn(1, 2, 4, 8)] * 3),
    "buffers": (Buffers(), [torch.randn(4)]),
    "cache": (Cache(), [torch.randn(1, 2, 1, 4), torch.tensor([3])]),
    "weights": (Weights(), [torch.randn(3, 4)]),
    "containers": (Containers(), [torch.ones(3), [torch.ones(3), (torch.ones(3),)], {"b": torch.ones(3), "a": torch.ones(3)}],
                   {"kwargs": {"point": Point(torch.ones(1), torch.ones(2))}}),
    "no_inputs": (function(lambda: torch.arange(6).view(2, 3)), []),
    "identity": (function(lambda x, y: (x, y, x, x + 0)), [torch.ones(2), torch.ones(3)]),
    "unused_input": (function(lambda x, y: x * 2), [torch.ones(2), torch.ones(3)]),
    "scalars": (function(lambda x: (x * 2.5 + 1, x.to(torch.int64) // 2, x ** 3, 1 - x)), [torch.ones(2)]),
    "zero_rank": (function(lambda x: x.sum() + torch.tensor(1.0)), [torch.tensor(1.0)]),
    "zero_size": (function(lambda x: torch.cat([x, x]).sum(0)), [torch.zeros(0, 3)]),
    "infinities": (function(lambda x: x.clamp(float("-inf"), float("inf")).masked_fill(x > 0, float("nan"))), [torch.ones(2)]),
    "texts": (function(lambda x: F.interpolate(F.gelu(x, approximate="tanh"), scale_factor=2.0, mode="bilinear")), [torch.ones(1, 1, 3, 3)]),
    "types": (function(lambda x: torch.zeros(2, 3, dtype=torch.float16, device="cpu") + x.to(torch.float16).contiguous(memory_format=torch.channels_last).sum()),
              [torch.ones(1, 2, 3, 3)]),
    "lists": (function(lambda x: (*x.split([1, 2, 3]), *x.unbind(1), *x.chunk(2))), [torch.ones(6, 2)]),
    "several_results": (function(lambda x: (*x.max(1), *x.topk(2), *x.sort(), *torch.aminmax(x))), [torch.ones(2, 3)]),
    "one_of_several_results": (function(lambda x: x.max(1)[0]), [torch.ones(2, 3)]),
    "indices": (function(lambda x, i: (x[:, i], x[:, None, ::2], x.index_put((i,), torch.zeros(2, 3)))), [torch.ones(4, 3), torch.tensor([0, 2])]),
    "complex": (function(lambda x: torch.fft.rfft(x).abs()), [torch.ones(8)]),
    "einsum": (function(lambda x, y: torch.einsum("bij,bjk->bik", x, y)), [torch.ones(2, 3, 4), torch.ones(2, 4, 5)]),
    "effects": (function(lambda x: torch.linalg.inv(x)), [torch.eye(3)]),
    "derived": (function(lambda x, y: (x + y[1::2], y.view(-1))), [torch.ones(4, 3), torch.ones(9, 3)],
                {"dynamic_shapes": (({0: rows}, {0: 2 * rows + 1}),)}),
    "automatic": (function(lambda x, y: x.reshape(-1, 2) @ y), [torch.ones(4, 6), torch.ones(2, 5)],
                  {"dynamic_shapes": (({0: Dim.AUTO, 1: Dim.AUTO}, {1: Dim.AUTO}),)}),
    "strided": (nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.AvgPool2d(2, ceil_mode=True)), [torch.ones(2, 1, 15, 19)],
                {"dynamic_shapes": ({2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)}),
    "two_dimensions": (function(lambda x: (x.flatten(), x.shape[0] * x.shape[1] - 1)), [torch.ones(5, 7)],
                       {"dynamic_shapes": (({0: rows, 1: half},),)}),
    "branches_on_sizes": (function(lambda x: torch.cond(x.shape[0] > 4, lambda y: y.sin(), lambda y: y.cos(), (x,))), [torch.ones(5, 2)],
                          {"dynamic_shapes": (({0: rows},),)}),
    "integer_input": (function(lambda x, n: x.repeat(n, 1)), [torch.ones(2, 3), 4], {"dynamic_shapes": ((None, Dim.DYNAMIC),)}),
    "unbacked": (Unbacked(), [torch.ones(5, 3), torch.tensor(4)]),
    "nonzero": (function(lambda x: (x.nonzero(), x[x > 0].sum())), [torch.ones(4)]),
    "nested_branches": (Nested(), [torch.ones(3)]),
    "loop": (Loop(), [torch.ones(3)]),
    "map": (Mapped(), [torch.ones(4, 3), torch.ones(3)]),
    "scan": (Scanned(), [torch.ones(3), torch.ones(4, 3)]),
    "no_gradient": (NoGradient(), [torch.ones(2, 3)]),
    "autocast": (Autocast(), [torch.ones(2, 3)]),
}


def export(name):
    module, arguments, *options = CASES[name]
    options = dict(options[0]) if options else {}
    return torch.export.export(module, tuple(arguments), options.pop("kwargs", {}), strict=options.pop("strict", False), **options)


# ---- What PyTorch says ----

def target_of(node):
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        overload = "" if target._overloadname == "default" else f".{target._overloadname}"
        return f"{target.namespace}::{target._schema.name.split('::')[1]}{overload}"
    if isinstance(target, torch._ops.HigherOrderOperator):
        return f"higher_order::{target.name()}"
    return f"{target.__module__}::{target.__name__}"


def operators(program):
    """getitem is not an operator of the file: the results of a node have names of their own."""
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    return collections.Counter(target_of(node) for node in calls if getattr(node.target, "__name__", "") != "getitem")


OWN = re.compile(r"(^|[/\\])torch[/\\](nn[/\\]modules|nn[/\\]functional\.py|_dynamo|_export|export|fx|_functorch|_higher_order_ops|_tensor\.py)|<eval_with_key>")


def source_line(node):
    """The last frame of the stack trace that is not PyTorch's own."""
    frames = re.findall(r'File "([^"]*)", line (\d+)', node.meta.get("stack_trace") or "")
    own = [frame for frame in frames if not OWN.search(frame[0])]
    if not frames:
        return None
    path, line = (own or frames)[-1]
    return f"{path.rsplit('/', 1)[-1]}:{line}"


# ---- What the tool says ----

def run(*arguments):
    done = subprocess.run([str(TOOL), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


NAMES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "f64": "float64", "i64": "int64", "i32": "int32", "i16": "int16",
         "i8": "int8", "u8": "uint8"}
FUNCTIONS = {"Max": max, "Min": min, "Mod": lambda a, b: a % b, "TruncToInt": int, "ToFloat": float}


def value_of(size, symbols):
    return size if isinstance(size, int) else eval(size, dict(FUNCTIONS), symbols)


def split_sizes(text):
    """The sizes of a type: commas inside parentheses belong to one."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def same_sizes(ours, theirs, values):
    """Equal for several values of the symbols."""
    if len(ours) != len(theirs):
        return False
    for symbols in values:
        for own, other in zip(ours, theirs):
            if isinstance(other, torch.SymInt):
                other = int(other.node.expr.subs({symbol: symbols[str(symbol)] for symbol in other.node.expr.free_symbols}))
            if value_of(own, symbols) != other:
                return False
    return True


def check_values(text, program, values):
    """Every value of the top graph has the type PyTorch gives it; node comments name the user's lines."""
    nodes = {node.name: node for node in program.graph.nodes}
    seen = 0
    for line in text.splitlines():
        if not re.match(r"  (  %|%|\[%|\w+::)", line):
            continue
        definitions = re.findall(r"%(\w+) : (\w+)\[((?:[^\[\]])*)\]", line.split(" = ")[0])
        for name, dtype, sizes in definitions:
            if name not in nodes:  # a result nobody reads
                assert "_unused_" in name
                continue
            value = nodes[name].meta["val"]
            assert f"torch.{NAMES.get(dtype, dtype)}" == str(value.dtype), name
            sizes = [int(size) if re.fullmatch(r"-?\d+", size) else size for size in split_sizes(sizes)]
            assert same_sizes(sizes, list(value.shape), values), f"{name}: {sizes} is not {value.shape}"
            seen += 1
        single = definitions[0][0] if definitions else None
        if single in nodes and nodes[single].op == "call_function" and getattr(nodes[single].target, "__name__", "") != "getitem":
            expected = source_line(nodes[single])
            assert expected is None or line.endswith(f"  # {expected}"), f"{line} should end with {expected}"
    return seen


def check(program, path):
    torch.export.save(program, path)
    info = json.loads(run("info", "--json", path))
    assert info["dialect"] == program.verifiers[0].dialect.lower()
    assert collections.Counter(info["operators"]) == operators(program)
    assert info["nodes"] == sum(info["operators"].values())

    ranges = {str(symbol): [int(r.lower), None if r.upper > 2**62 else int(r.upper)] for symbol, r in program.range_constraints.items()
              if symbol.is_Symbol}
    assert {name: info["symbols"].get(name) for name in ranges} == ranges
    # Only sizes inside the ranges make sense; three assignments tell expressions apart.
    values = [{name: max(low, 0) + step + 3 * index for index, (name, (low, _)) in enumerate(info["symbols"].items())} for step in (1, 6, 12)]

    placeholders = {node.name: node.meta.get("val") for node in program.graph.nodes}
    tensors = [name for name in program.graph_signature.user_inputs if isinstance(name, str) and isinstance(placeholders.get(name), torch.Tensor)]
    found = [item for item in info["inputs"] if item["type"] != "scalar"]
    assert [item["name"] for item in found] == tensors
    for item in found:
        value = placeholders[item["name"]]
        assert f"torch.{item['type']}" == str(value.dtype) and same_sizes(item["shape"], list(value.shape), values)
    outputs = [name for name in program.graph_signature.user_outputs if isinstance(name, str) and name in placeholders]
    assert [item["name"] for item in info["outputs"]] == outputs

    specs = [spec for spec in program.graph_signature.input_specs if spec.kind.name in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR")]
    weights = [program.state_dict[spec.target] if spec.target in program.state_dict else program.constants[spec.target] for spec in specs]
    assert info["weights"] == {"count": len(weights), "bytes": sum(weight.numel() * weight.element_size() for weight in weights)}

    seen = check_values(run("dump", path), program, values)
    assert seen >= len(tensors)


@pytest.mark.parametrize("name", CASES)
def test_training_dialect(name, tmp_path):
    check(export(name), tmp_path / "program.pt2")


@pytest.mark.parametrize("name", ["network", "network_dynamic", "buffers", "cache", "lstm", "transformer", "derived", "branches_on_sizes",
                                  "effects", "loop", "autocast", "indices", "integer_input"])
def test_decomposed(name, tmp_path):
    check(export(name).run_decompositions(), tmp_path / "program.pt2")
