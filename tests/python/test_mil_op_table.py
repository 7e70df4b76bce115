"""The MIL op table against the official tools' definitions: parameters, dtypes, constness, defaults."""

import json
import os
import pathlib
import subprocess
from types import SimpleNamespace

import pytest

pytest.importorskip("coremltools")
from coremltools.converters.mil._deployment_compatibility import AvailableTarget  # noqa: E402
from coremltools.converters.mil.mil import input_type, types  # noqa: E402
from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PIPPIN_BUILD", ROOT / "build" / "release"))
TARGETS = {
    5: AvailableTarget.iOS15,
    6: AvailableTarget.iOS16,
    7: AvailableTarget.iOS17,
    8: AvailableTarget.iOS18,
}
NAMES = {"fp16": "float16", "fp32": "float32", "fp64": "float64", "str": "string"}

# Not operations of a program's text: constants are values here, symbolic ones never leave the converter.
WITHOUT_ROW = {"const", "_const_symbolic"}
# Exists only in the serialised form.
SERIALISED_ONLY = {"write_state"}
# The official default is a vector of zeros, which changes nothing but the file's size.
LEFT_OUT = {"linear.bias"}


def official_definition(op_type, opset):
    """The definition in force for an opset, or None."""
    versions = SSAOpRegistry.core_ops[op_type]
    best = None
    for target, definition in versions.items():
        if target <= TARGETS[opset] and (best is None or target > best[0]):
            best = (target, definition)
    return best[1] if best else None


def dtype_names(definition, spec):
    if not isinstance(spec, input_type.TensorInputType):
        return None
    domain = spec.type_domain
    if spec.type_domain_id:
        domain = definition.type_domains[spec.type_domain_id]
    return {NAMES.get(types.builtin_to_string(t), types.builtin_to_string(t)) for t in domain}


def official_defaults(definition, dtype):
    """Default values of an operation on a four-dimensional operand of `dtype`."""
    builtin = {"float16": types.fp16, "float32": types.fp32, "int32": types.int32}[dtype]
    value = SimpleNamespace(
        rank=4, dtype=builtin, shape=(1, 2, 3, 4), sym_type=types.tensor(builtin, (1, 2, 3, 4)), val=True
    )

    class Operation(definition):
        def __init__(self):  # pylint: disable=super-init-not-called
            self._input_types = {}

        def __getattr__(self, name):
            if name in definition.input_spec.input_types:
                return value
            raise AttributeError(name)

    operation = Operation()
    defaults = definition.default_inputs(operation)
    return dict(defaults.items())


@pytest.fixture(scope="module")
def table():
    output = subprocess.run([BUILD / "tests" / "mil_op_table_probe"], check=True, capture_output=True)
    return json.loads(output.stdout)


def in_force(table, op_type, opset):
    rows = [row for row in table if row["type"] == op_type and row["since"] <= opset]
    return max(rows, key=lambda row: row["since"]) if rows else None


def test_every_operation_has_a_row(table):
    ours = {row["type"] for row in table}
    official = set(SSAOpRegistry.core_ops) - WITHOUT_ROW
    assert ours - official <= SERIALISED_ONLY
    assert not official - ours


@pytest.mark.parametrize("opset", sorted(TARGETS))
def test_parameters_agree(table, opset):
    differences = []
    for op_type in sorted(set(SSAOpRegistry.core_ops) - WITHOUT_ROW):
        definition = official_definition(op_type, opset)
        row = in_force(table, op_type, opset)
        if (definition is None) != (row is None):
            differences.append(f"{op_type}: official {definition}, ours {row}")
            continue
        if definition is None:
            continue
        # Nested blocks are not parameters here.
        specs = {k: v for k, v in definition.input_spec.input_types.items() if not k.startswith("_")}
        ours = {p["name"]: p for p in row["parameters"]}
        if set(specs) != set(ours):
            differences.append(f"{op_type}: parameters {sorted(specs)} official, {sorted(ours)} ours")
            continue
        for name, spec in specs.items():
            parameter = ours[name]
            names = dtype_names(definition, spec)
            for what, theirs, mine in (
                ("optional", spec.optional, parameter["optional"]),
                ("const", spec.const, parameter["const"]),
                ("tuple", isinstance(spec, input_type.TupleInputType), parameter["tuple"]),
                ("dtypes", names, None if parameter["any"] else set(parameter["dtypes"])),
            ):
                if theirs != mine:
                    differences.append(f"{op_type}.{name}: {what} {theirs} official, {mine} ours")
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("opset", sorted(TARGETS))
def test_defaults_agree(table, opset):
    differences = []
    for op_type in sorted(set(SSAOpRegistry.core_ops) - WITHOUT_ROW):
        definition = official_definition(op_type, opset)
        row = in_force(table, op_type, opset)
        if definition is None or row is None:
            continue
        theirs = {
            k: list(v) if isinstance(v, range) else v
            for k, v in official_defaults(definition, "float32").items()
            if v is not None and f"{op_type}.{k}" not in LEFT_OUT
        }
        mine = {p["name"]: p["default"] for p in row["parameters"] if p["default"] is not None}
        for name in sorted(set(theirs) | set(mine)):
            if theirs.get(name) != mine.get(name):
                differences.append(f"{op_type}.{name}: default {theirs.get(name)!r} official, {mine.get(name)!r} ours")
    assert not differences, "\n".join(differences)
