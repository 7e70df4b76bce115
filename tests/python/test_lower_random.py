"""Random numbers drawn by a model: nothing to compare one by one, so their distribution is."""

import pytest
import torch

from pippin.backends.apple.coreml.compiler import CoreMLBackend
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.exir import to_edge_transform_and_lower
from pippin.runtime import Runtime
from tooling import infer_types, payloads


class Model(torch.nn.Module):
    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def forward(self, x):
        return self.draw(x), x + 1


def calls(manager):
    return [node.target.__name__ for node in manager.exported_program().graph.nodes if node.op == "call_function"]


def lower(draw, precision="float32"):
    program = torch.export.export(Model(draw), (torch.zeros(64, 128),))
    specs = CoreMLBackend.generate_compile_specs(compute_precision=precision)
    return to_edge_transform_and_lower(program, partitioner=[CoreMLPartitioner(compile_specs=specs)])


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("draw, mean, deviation, low, high", [
    (lambda x: torch.randn(x.shape), 0, 1, -6, 6),
    (torch.randn_like, 0, 1, -6, 6),
    (torch.rand_like, 0.5, 12 ** -0.5, 0, 1),
    (lambda x: torch.randint(10, x.shape), 4.5, (99 / 12) ** 0.5, 0, 9),
    (lambda x: torch.randint(-3, 5, x.shape), 0.5, (63 / 12) ** 0.5, -3, 4),
    (lambda x: torch.randint_like(x, -3, 5), 0.5, (63 / 12) ** 0.5, -3, 4)])
def test_distributions(draw, mean, deviation, low, high, precision, tmp_path):
    manager = lower(draw, precision)
    assert calls(manager) == ["executorch_call_delegate", "getitem", "getitem"]
    executorch_program = manager.to_executorch()
    executorch_program.save(str(tmp_path / "m.pte"))
    (_, package), = payloads(tmp_path / "m.pte", tmp_path)
    infer_types(package)
    method = Runtime.get().load_program(executorch_program.buffer).load_method("forward")
    drawn, plus = method.execute([torch.zeros(64, 128)])
    assert torch.equal(plus, torch.ones(64, 128))
    assert drawn.dtype == draw(torch.zeros(2)).dtype and drawn.shape == (64, 128)
    assert low <= drawn.min() and drawn.max() <= high
    assert abs(drawn.double().mean() - mean) < 0.05 * deviation * 4 and abs(drawn.double().std() - deviation) < 0.05 * deviation
    assert not torch.equal(method.execute([torch.zeros(64, 128)])[0], drawn)


def test_what_a_model_does_not_draw():
    assert "aten.rand.default" in calls(lower(lambda x: torch.rand(x.shape)))
    assert "aten.randint.default" in calls(lower(lambda x: torch.randint(1 << 30, x.shape)))
    assert "aten.randint.default" in calls(lower(lambda x: torch.randint(4096, x.shape), "float16"))
