"""A llama of 16 layers and 104 million parameters: prefill and decode in one program, which holds one copy of the weights, on
disk and in memory, and generates torch's tokens."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import torch
from executorch.runtime import Runtime as OfficialRuntime

from pippin.backends.apple.coreml.compiler import CoreMLBackend
from pippin.backends.apple.coreml.partition import CoreMLPartitioner
from pippin.exir import to_edge_transform_and_lower

MODELS = pathlib.Path(__file__).parents[1] / "models"
sys.path.insert(0, str(MODELS))
import llama

BYTES = {"float32": 4, "float16": 2}


@pytest.fixture(scope="module")
def model():
    return llama.build()


@pytest.fixture(scope="module")
def programs(model):
    return llama.export(model)


@pytest.fixture(scope="module")
def expected(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("llama") / "expected.json"
    path.write_text(llama.expected(model))
    return path


@pytest.fixture(scope="module", params=list(BYTES))
def run(request, model, programs, expected):
    """Lowered with weights of this type, then run in a process of its own: file size, weights' size, what the process tells."""
    specs = CoreMLBackend.generate_compile_specs(compute_precision=request.param)
    path = expected.parent / f"{request.param}.pte"
    edge = to_edge_transform_and_lower(
        programs, partitioner=[CoreMLPartitioner(compile_specs=specs, lower_full_graph=True)],
        constant_methods={"context": model.c.context, "prompt": model.c.prompt})
    edge.to_executorch().save(path)
    environment = {**os.environ, "PYTHONPATH": str(MODELS.parents[1] / "python")}
    result = subprocess.run([sys.executable, MODELS / "llama_run.py", path, expected], capture_output=True, text=True,
                            env=environment)
    assert result.returncode == 0, result.stderr
    weights = sum(parameter.numel() for parameter in model.parameters()) * BYTES[request.param]
    yield request.param, path, weights, json.loads(result.stdout)
    path.unlink()


def test_one_copy_of_the_weights_on_disk(run):
    _, path, weights, _ = run
    assert weights >= 100e6 * BYTES[run[0]]
    assert weights <= path.stat().st_size <= 1.02 * weights


def test_generates_the_tokens_of_torch(run, expected):
    precision, _, _, result = run
    tokens = json.loads(expected.read_text())["tokens"]
    assert len(set(tokens)) > 16
    if precision == "float32":
        assert result["tokens"] == tokens
    else:  # rounded to fp16, a near tie may end otherwise, and every token after it
        assert result["tokens"][:4] == tokens[:4]


def test_one_copy_of_the_weights_in_memory(run):
    precision, _, weights, result = run
    memory = result["memory"]
    grown = memory["run"]["VmRSS"] - memory["before"]["VmRSS"]
    assert weights <= grown <= 1.15 * weights
    assert memory["run"]["RssAnon"] - memory["before"]["RssAnon"] <= 0.15 * weights
    if precision == "float32":  # the interpreter included
        assert memory["run"]["VmRSS"] <= 1.15 * weights


def test_official_runtime_reads_it(run):
    _, path, _, _ = run
    program = OfficialRuntime.get().load_program(path)
    assert program.method_names == {"prefill", "decode", "context", "prompt"}
    assert program.metadata("decode").input_tensor_meta(0).sizes() == (1, 1)
    assert program.load_method("context").execute([]) == [64]


def test_logits_of_the_prompt(run, model):
    """Not only the largest one: all of them, with keys and values."""
    from pippin.runtime import Runtime

    precision, path, _, _ = run
    inputs = llama.inputs(model.c, model.c.prompt)
    inputs = (llama.prompt(model.c), *inputs[1:])
    tolerance = {"float32": 2e-4, "float16": 5e-2}[precision]
    outputs = Runtime.get().load_program(path).load_method("prefill").execute(inputs)
    for output, reference in zip(outputs, model(*inputs)):
        torch.testing.assert_close(output, reference, rtol=tolerance, atol=tolerance)
