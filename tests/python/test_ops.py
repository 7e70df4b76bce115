"""pippin ops: the op matrix, made from the tables, agrees with what lowering and the runtime do."""

import json

import pytest
import torch

from tooling import needs_tool, pippin

pytestmark = needs_tool


@pytest.fixture(scope="module")
def operators():
    return {row["name"]: row for row in json.loads(pippin("ops", "--json").stdout)}


def test_names_are_those_of_torch(operators):
    for name in operators:
        namespace, base, overload = name.split(".")
        if namespace == "aten":
            assert hasattr(getattr(torch.ops.aten, base), overload), name


@pytest.mark.parametrize("name, core_ml, cpu", [
    ("aten.add.Tensor", "iOS15", "kernel"), ("aten.view.default", "iOS15", "kernel"), ("aten.linear.default", "iOS15", "kernel"),
    ("aten.scaled_dot_product_attention.default", "iOS15", "decomposed"), ("aten._softmax.default", "iOS15", "kernel"),
])
def test_support(operators, name, core_ml, cpu):
    row = operators[name]
    assert (row["core_ml"], row["cpu"]) == (core_ml, cpu)


def test_every_operation_of_core_ml_runs():
    rows = json.loads(pippin("ops", "--operations", "--json").stdout)
    assert len(rows) > 150 and [row["name"] for row in rows if not row["engine"]] == []


def test_filters_and_pages():
    text = pippin("ops", "softmax", "--markdown").stdout
    assert "| aten._softmax.default | iOS15 | kernel |" in text and "aten.add" not in text
    nothing = pippin("ops", "no such operator")
    assert nothing.returncode == 1 and "no operator's name" in nothing.stderr
