"""A pytest plugin that keeps the programs which the official tools' own op tests build.

Run their tests with it:  pytest -p official_op_programs --programs=FOLDER --pyargs coremltools...ops.tests
Each program is written as FOLDER/<number>.mlpackage, and where the test states values, as
FOLDER/<number>.npz with "in:<name>" and "out:<name>". Only some of a test's parameter sets are run.
"""

import collections
import pathlib
import re

import coremltools
import numpy
import pytest

original_convert = coremltools.convert
folder = None
count = 0
written = {}


def convert(*arguments, **options):
    """Converts as the original does, and keeps the result."""
    global count
    model = original_convert(*arguments, **options)
    if folder and hasattr(model, "get_spec") and model.get_spec().WhichOneof("Type") == "mlProgram":
        count += 1
        path = folder / f"{count:05d}.mlpackage"
        model.save(str(path))
        written[id(model)] = path
        # Keeps the identity from being used again.
        written[path] = model
    return model


# Before the official tests are imported: they keep it as a default argument.
coremltools.convert = convert


def keep_values(mlmodel, input_key_values, expected_outputs, **_options):
    path = written.get(id(mlmodel))
    if path is None or not input_key_values or not expected_outputs:
        return
    if any(not isinstance(v, numpy.ndarray) for v in input_key_values.values()):
        return
    values = {f"in:{k}": v for k, v in input_key_values.items()}
    values.update({f"out:{k}": numpy.asarray(v) for k, v in expected_outputs.items()})
    numpy.savez(path.with_suffix(".npz"), **values)


def pytest_addoption(parser):
    parser.addoption("--programs", help="where to write the programs")
    parser.addoption("--each", type=int, default=4, help="parameter sets of each test")


def pytest_configure(config):
    global folder
    folder = pathlib.Path(config.getoption("--programs"))
    folder.mkdir(parents=True, exist_ok=True)
    from coremltools.converters.mil.mil.ops.tests import testing_utils

    original = testing_utils.compare_backend

    def compare(*arguments, **options):
        keep_values(**options)
        return original(*arguments, **options)

    testing_utils.compare_backend = compare


def pytest_collection_modifyitems(config, items):
    """Keeps an even choice of each test's parameter sets, ML Programs only."""
    groups = collections.defaultdict(list)
    for item in items:
        if "neuralnetwork" not in item.name:
            groups[re.sub(r"\[.*", "", item.nodeid)].append(item)
    each = config.getoption("--each")
    items[:] = [item for group in groups.values() for item in group[:: max(1, -(-len(group) // each))]]


@pytest.fixture(autouse=True)
def quiet():
    yield
    written.clear()
