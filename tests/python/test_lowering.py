"""Lowers small models with the command line tool and gives the result to the official tools.

Everything on the CPU: ExecuTorch's runtime must compute what torch computes. Delegated: ExecuTorch must read the file, and
coremltools the model in each payload, whose interface and inferred types must be what the program says.
"""

import json

import pytest
import torch
from coremltools.models.utils import load_spec
from torch import nn

from tooling import infer_types, load, lower, needs_tool, payloads, pippin, read

pytestmark = needs_tool


def function(body):
    class Module(nn.Module):
        def forward(self, *arguments):
            return body(*arguments)

    return Module()


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.second = nn.Sequential(nn.Conv2d(8, 8, 3, padding="same", groups=2), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.first(x)
        y = self.second(x)
        y += x
        y = nn.functional.max_pool2d(nn.functional.hardswish(y), 2)
        return self.head(nn.functional.adaptive_avg_pool2d(y, 1).flatten(1))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(50, 16)
        self.project = nn.Linear(16, 48)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids):
        x = self.tokens(ids)
        batch, length, width = x.shape
        q, k, v = self.project(self.norm(x)).chunk(3, dim=-1)
        q, k, v = (t.view(batch, length, 4, width // 4).transpose(1, 2) for t in (q, k, v))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.head(x + y.transpose(1, 2).reshape(batch, length, width))


class Counter(nn.Module):
    """State that an in-place operator changes, and state that is written through a view."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(4))
        self.register_buffer("cache", torch.zeros(3, 4))

    def forward(self, x):
        self.total += x
        self.cache[1:2] = x * 2
        return self.total * 1.0, self.cache.sum(0)


CASES = {
    "add": (function(lambda x, y: x + y), [torch.randn(2, 3), torch.randn(3)]),
    "numbers": (function(lambda x: (x * 2.5 + 1) / 3 + (x > 0)), [torch.randn(4, 4)]),
    "views": (function(lambda x: x.reshape(6, 4).t().reshape(2, 12)[:, 1:7].permute(1, 0).unsqueeze(0) * 2), [torch.randn(2, 12)]),
    "returned_view": (function(lambda x: (x.view(3, 4), x.relu())), [torch.randn(2, 6)]),
    "split": (function(lambda x: torch.cat([a * 2 for a in x.split([2, 3], 1)] + list(x.chunk(2, 0)[:1]), 1)[:, :4]), [torch.randn(1, 5)]),
    "matmul": (function(lambda a, b, c: a @ b @ c), [torch.randn(2, 3, 4, 5), torch.randn(3, 5, 6), torch.randn(6)]),
    "reduce": (function(lambda x: (x.amax(1), x.mean((0, 2)), x.argmax(-1), x.sum())), [torch.randn(2, 3, 4)]),
    "in_place": (function(lambda x: x.clone().add_(1).relu_().mul_(2)), [torch.randn(3, 3)]),
    "residual": (Residual(), [torch.randn(1, 3, 16, 16)]),
    "transformer": (Transformer(), [torch.randint(0, 50, (1, 7))]),
    "same_result_twice": (function(lambda x: [x.exp()] * 2), [torch.randn(3)]),
    "unused_input": (function(lambda x, y: x * 2), [torch.randn(3), torch.randn(2)]),
    "returned_input": (function(lambda x: (x, x + 1)), [torch.randn(3)]),
}


def export(module, inputs, folder, **options):
    program = torch.export.export(module.eval(), tuple(inputs), **options)
    path = folder / "model.pt2"
    torch.export.save(program, path)
    return path


def flat(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


def check(outputs, expected):
    assert len(outputs) == len(expected)
    for output, wanted in zip(outputs, expected):
        assert output.dtype == wanted.dtype and output.shape == wanted.shape
        torch.testing.assert_close(output, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_cpu_program_computes_what_torch_computes(name, tmp_path):
    torch.manual_seed(0)
    module, inputs = CASES[name]
    source = export(module, inputs, tmp_path)
    method = load(lower(source, tmp_path / "model.pte", "--no-delegate")).load_method("forward")
    check(method.execute(inputs), [t.clone() for t in flat(module(*inputs))])


@pytest.mark.parametrize("name", CASES)
def test_skipping_every_operator_delegates_nothing(name, tmp_path):
    torch.manual_seed(0)
    module, inputs = CASES[name]
    target = lower(export(module, inputs, tmp_path), tmp_path / "model.pte", "--skip-op", "*")
    assert not read(target).program.execution_plan[0].delegates
    check(load(target).load_method("forward").execute(inputs), flat(module(*inputs)))


def test_state_persists_between_calls(tmp_path):
    module = Counter()
    x = torch.arange(4.0)
    source = export(module, [x], tmp_path)
    method = load(lower(source, tmp_path / "model.pte", "--no-delegate")).load_method("forward")
    for _ in range(3):
        check(method.execute([x]), [t.clone() for t in module(x)])


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_dynamic_sizes_run_up_to_their_bound(rows, tmp_path):
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Flatten(1), nn.Linear(4, 2))
    shapes = {"input": {0: torch.export.Dim("rows", min=1, max=8)}}
    source = export(module, [torch.randn(4, 6)], tmp_path, dynamic_shapes=shapes)
    method = load(lower(source, tmp_path / "model.pte", "--no-delegate")).load_method("forward")
    x = torch.randn(rows, 6)
    check(method.execute([x]), [module(x).detach()])


# ---- Delegated ----


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("name", ["add", "numbers", "views", "matmul", "in_place", "residual", "transformer", "reduce"])
def test_delegated_model_is_one_valid_core_ml_model(name, precision, tmp_path):
    module, inputs = CASES[name]
    target = lower(export(module, inputs, tmp_path), tmp_path / "model.pte", "--compute-precision", precision)
    plan = read(target).program.execution_plan[0]
    assert [d.id for d in plan.delegates] == ["CoreMLBackend"]
    assert not plan.operators and len(plan.chains[0].instructions) == 1
    specs = {spec.key: bytes(spec.value).decode() for spec in plan.delegates[0].compile_specs}
    assert specs == {"compute_units": "all", "min_deployment_target": "", "model_compute_precision": precision, "model_type": "model"}
    (metadata, package), = payloads(target, tmp_path)
    description = load_spec(str(package)).description
    assert metadata["inputNames"] == [feature.name for feature in description.input]
    assert metadata["outputNames"] == [feature.name for feature in description.output]
    assert len(metadata["inputNames"]) == len(inputs)
    assert len(metadata["outputNames"]) == len(flat(module(*inputs)))
    infer_types(package)
    load(target)


def test_skipped_operator_splits_the_program(tmp_path):
    module = function(lambda x, y: torch.mm(torch.mm(x, y).relu(), y).sigmoid())
    source = export(module, [torch.randn(3, 3), torch.randn(3, 3)], tmp_path)
    target = lower(source, tmp_path / "model.pte", "--skip-op", "aten.relu.default")
    plan = read(target).program.execution_plan[0]
    assert len(plan.delegates) == 2
    assert [(operator.name, operator.overload) for operator in plan.operators] == [("aten::relu", "out")]
    assert len(list(payloads(target, tmp_path))) == 2


def test_full_graph_refuses_with_the_users_line(tmp_path):
    source = export(function(lambda x: torch.linalg.det(x)), [torch.randn(3, 3)], tmp_path)
    result = pippin("lower", source, "-o", tmp_path / "m.pte", "--lower-full-graph")
    assert result.returncode != 0
    assert "det" in result.stderr and "test_lowering.py" in result.stderr
    assert not (tmp_path / "m.pte").exists()


def test_report_names_what_stays(tmp_path):
    module = function(lambda x: torch.relu(x) + 1)
    report = tmp_path / "report.json"
    lower(export(module, [torch.randn(3)], tmp_path), tmp_path / "m.pte", "--skip-op", "aten.relu.default", "--report", report)
    method, = json.loads(report.read_text())
    assert method["delegated_nodes"] == 1
    assert [node["target"] for node in method["undelegated"]] == ["aten.relu.default"]
    assert method["undelegated"][0]["file"].endswith("test_lowering.py")


def test_several_methods_are_sorted_and_share_weights(tmp_path):
    module = Residual()
    x = torch.randn(1, 3, 16, 16)
    source = export(module, [x], tmp_path)
    target = lower(source, tmp_path / "m.pte", "--no-delegate", "-m", f"also={source}")
    program = read(target).program
    assert [plan.name for plan in program.execution_plan] == ["also", "forward"]
    single = lower(source, tmp_path / "single.pte", "--no-delegate")
    assert program.constant_segment.offsets == read(single).program.constant_segment.offsets
    loaded = load(target)
    for name in ("also", "forward"):
        check(loaded.load_method(name).execute([x]), [module(x).detach()])
